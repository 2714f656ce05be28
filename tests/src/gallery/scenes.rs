//! The scenes: each state of each screen once.

use wallet_messages::{
    ActivityKind, ActivityState, ApprovalView, Approve, Autoclose, AutocloseWaiting, Autoclosed, BindInstrument, Bound,
    ChangePassphrase, ExchangeView, HistoryView, Load, LookUpServer, MoneyMoved, OpeningRule, Paid, Phase,
    ReadApproval, ReadHistory, ReadMessages, ReadReceipt, ReadSettings, ReadState, ReadTotals, ReceiptView, Register,
    Registered, Unlock, WaitingView, WalletState,
};

use super::{Scene, worlds};

/// All of them.
pub fn scenes() -> Vec<Scene> {
    [beginning(), rescue(), home(), activity(), settings(), work(), approval(), receipts()]
        .into_iter()
        .flatten()
        .collect()
}

fn wallet(name: &'static str, page: &'static str, shows: &'static str, state: &WalletState) -> Scene {
    Scene::new(name, page, shows).with::<ReadState>(state)
}

fn open(name: &'static str, page: &'static str, shows: &'static str) -> Scene {
    wallet(name, page, shows, &worlds::wallet(Phase::Open, Some(worlds::full())))
}

/// A new wallet whose registration was not answered.
fn registering_since() -> WalletState {
    let waiting = WaitingView {
        id: "2277052".into(),
        kind: ActivityKind::Register,
        since: worlds::now(),
        amount: None,
        with: Some("brianb".into()),
        heard: None,
    };
    WalletState { registration: Some(waiting), ..worlds::wallet(Phase::New, None) }
}

/// Before there is a persona, and while the vault is locked.
fn beginning() -> Vec<Scene> {
    let new = worlds::wallet(Phase::New, None);
    let onboarding = |name, shows| wallet(name, "onboarding.html", shows, &new);
    let persona = |name| onboarding(name, "onboarding-persona").with::<LookUpServer>(&worlds::server(false));
    let registering = |name| {
        let filled = persona(name).click("server-submit").fill("requested-id", "brianb");
        let filled = filled.fill("email", "brianb@reality.example").click("agreement-75");
        let filled = filled.fill("passphrase", "enterprise horse battery");
        filled.fill("passphrase-again", "enterprise horse battery").click("register-submit")
    };
    let locked = worlds::wallet(Phase::Locked, None);
    vec![
        Scene::new("loading", "home.html", "waiting"),
        Scene::new("home-unreadable", "home.html", "unreadable").failing::<ReadState>(
            "storage-failed",
            MoneyMoved::Waiting,
            Some("QuotaExceededError"),
        ),
        wallet("welcome", "home.html", "welcome", &new),
        onboarding("server", "onboarding-server"),
        wallet("server-waiting", "onboarding.html", "register-waiting", &registering_since()),
        onboarding("server-unreachable", "fault")
            .failing::<LookUpServer>("server-unreachable", MoneyMoved::No, None)
            .click("server-submit"),
        persona("persona").click("server-submit"),
        onboarding("persona-historic", "historic-cipher")
            .with::<LookUpServer>(&worlds::server(true))
            .click("server-submit"),
        persona("persona-incomplete").click("server-submit").click("register-submit"),
        registering("persona-waiting"),
        registering("persona-taken").with::<Register>(&Registered::Suggested("brianb.2".into())),
        Scene { shows: "onboarding-done", ..registering("persona-done") }
            .with::<Register>(&Registered::Persona("brianb-40".into())),
        wallet("onboarding-already", "onboarding.html", "onboarding-already", &locked),
        wallet("locked", "home.html", "unlock", &locked),
        wallet("locked-wrong", "home.html", "fault", &locked)
            .failing::<Unlock>("passphrase-wrong", MoneyMoved::No, None)
            .fill("unlock-passphrase", "wrong horse")
            .click("unlock-submit"),
    ]
}

/// The overview.
fn home() -> Vec<Scene> {
    let state = |home| worlds::wallet(Phase::Open, Some(home));
    let bound = || wallet_messages::Home { instruments: vec![worlds::account()], ..worlds::empty() };
    let loaded = || wallet_messages::Home { balance: worlds::usd(10_000), ..bound() };
    let asked = WalletState { approvals: vec!["r1".into()], ..state(worlds::full()) };
    let historic = wallet_messages::Home { historic_cipher: true, ..loaded() };
    let rich = wallet_messages::Home { balance: worlds::usd(9_007_199_254_740_991), ..worlds::full() };
    let home = |name, state: &WalletState| wallet(name, "home.html#/", "home", state);
    vec![
        home("home-empty", &state(worlds::empty())),
        home("home-bound", &state(bound())),
        home("home-loaded", &state(loaded())),
        home("home-full", &state(worlds::full())),
        home("home-asked", &asked),
        home("home-news", &WalletState { notices: worlds::notices(), ..state(loaded()) }),
        home("home-historic", &state(historic)),
        home("home-rich", &state(rich)),
    ]
}

/// Activity: searched, added up, taken along.
fn activity() -> Vec<Scene> {
    let at = |name, shows| open(name, "home.html#/activity", shows).with::<ReadTotals>(&worlds::totals());
    let none = HistoryView { entries: Vec::new(), found: 0, ..worlds::history(0) };
    let nothing = worlds::wallet(Phase::Open, Some(worlds::empty()));
    vec![
        at("activity", "activity").with::<ReadHistory>(&worlds::history(13)),
        at("activity-more", "activity-more").with::<ReadHistory>(&worlds::history(5)),
        at("activity-nothing-found", "activity-count")
            .with::<ReadHistory>(&none)
            .fill("activity-search", "dragons")
            .choose("activity-filter", "payments"),
        at("activity-loading", "waiting"),
        wallet("activity-empty", "home.html#/activity", "activity-empty", &nothing),
    ]
}

/// Settings, and what they lead to.
fn settings() -> Vec<Scene> {
    let at = |name, page, shows| open(name, page, shows).with::<ReadSettings>(&worlds::settings());
    let used = |name, page, shows| open(name, page, shows).with::<ReadSettings>(&worlds::used_settings());
    let silent = |name, shows| at(name, "home.html#/settings/silent", shows);
    vec![
        at("settings", "home.html#/settings", "lock-minutes"),
        used("settings-used", "home.html#/settings", "silent-rule"),
        at("passphrase", "home.html#/settings/passphrase", "change-passphrase")
            .fill("passphrase-old", "enterprise horse battery")
            .fill("passphrase-new", "hunter22"),
        at("passphrase-wrong", "home.html#/settings/passphrase", "fault")
            .failing::<ChangePassphrase>("passphrase-wrong", MoneyMoved::No, None)
            .fill("passphrase-old", "wrong")
            .fill("passphrase-new", "correct horse battery staple")
            .fill("passphrase-new-again", "correct horse battery staple")
            .click("passphrase-submit"),
        at("backup", "home.html#/settings/backup", "backup"),
        silent("silent", "silent-origin").with::<ReadHistory>(&worlds::history(1)),
        silent("silent-nowhere", "silent-nowhere")
            .with::<ReadHistory>(&HistoryView { origins: Vec::new(), ..worlds::history(0) }),
        at("opening", "home.html#/settings/opening", "opening-submit"),
        used("opening-set", "home.html#/settings/opening", "opening-end"),
        at("keys", "home.html#/settings/keys", "keys"),
    ]
}

/// Ways back to one's money.
fn rescue() -> Vec<Scene> {
    let new = worlds::wallet(Phase::New, None);
    let waiting = WalletState {
        autoclose: Some(AutocloseWaiting {
            server: "https://cash.example".into(),
            persona: "brianb-40".into(),
            since: worlds::now(),
        }),
        ..new.clone()
    };
    let lost = |name, shows, state| {
        wallet(name, "onboarding.html#/lost", shows, state)
            .fill("lost-persona", "brianb-40")
            .fill("lost-passphrase", "badnews")
            .click("lost-submit")
    };
    vec![
        wallet("restore", "onboarding.html#/restore", "onboarding-restore", &new),
        wallet("restore-incomplete", "onboarding.html#/restore", "restore-file-error", &new).click("restore-submit"),
        wallet("lost", "onboarding.html#/lost", "onboarding-lost", &new),
        wallet("lost-waiting", "onboarding.html#/lost", "lost-waiting", &waiting),
        lost("lost-unanswered", "fault", &new).failing::<Autoclose>("no-answer", MoneyMoved::Waiting, None),
        lost("lost-closed", "onboarding-autoclosed", &new)
            .with::<Autoclose>(&Autoclosed { persona: "brianb-40".into(), amount: Some(worlds::usd(5_750)) }),
    ]
}

/// Screens that do something.
fn work() -> Vec<Scene> {
    let challenge =
        Bound::Challenge { challenge: "c1".into(), questions: vec!["Last four digits of your telephone?".into()] };
    let binding = |name, shows| {
        let typed = open(name, "home.html#/instrument", shows).fill("bind-number", "059013218175654");
        let typed = typed.fill("bind-name", "Brian Brian").fill("bind-address", "100 Elm Street");
        let typed = typed.fill("bind-city", "Nice Place").fill("bind-postal-code", "00000");
        typed.click("bind-submit")
    };
    vec![
        open("bind", "home.html#/instrument", "bind"),
        open("bind-card", "home.html#/instrument", "bind-expires").choose("bind-kind", "visa").click("bind-autoclose"),
        open("bind-incomplete", "home.html#/instrument", "bind-number-error").click("bind-submit"),
        binding("bind-waiting", "waiting"),
        binding("bind-challenge", "challenge").with::<BindInstrument>(&challenge),
        open("load", "home.html#/load", "load"),
        open("load-declined", "home.html#/load", "fault")
            .failing::<Load>("instrument-declined", MoneyMoved::No, Some("Not sufficient funds"))
            .fill("funds-amount", "100")
            .click("funds-submit"),
        open("load-unanswered", "home.html#/load", "fault")
            .failing::<Load>("no-answer", MoneyMoved::Waiting, None)
            .fill("funds-amount", "100")
            .click("funds-submit"),
        open("unload", "home.html#/unload", "unload"),
        open("open-session", "home.html#/session", "open-session"),
        open("open-session-wrong", "home.html#/session", "session-amount-field-error")
            .fill("session-amount-field", "1.000,00")
            .click("session-submit"),
        open("close-session", "home.html#/close/AAAA/+8BAgM=", "close-session"),
    ]
}

/// The approval window.
fn approval() -> Vec<Scene> {
    let page = "approval.html?request=r1";
    let asked = |name, view: &ApprovalView| Scene::new(name, page, "approval").with::<ReadApproval>(view);
    let request = worlds::request;
    let paying = |name| Scene { shows: "fault", ..asked(name, &request()) }.click("pay");
    let hostile = ApprovalView {
        origin: "https://xn--pypal-4ve.example:8443".into(),
        note: format!("<h1>Only $0.01!</h1>\n{}\n{}", "W".repeat(500), "a\u{301}\u{302}\u{303}\u{304}".repeat(100)),
        note_changed: true,
        waiting: 3,
        ..request()
    };
    let rate =
        ExchangeView { one: worlds::eur(100), rate: "1.0628".into(), currency: "usd".into(), told_at: worlds::now() };
    let rule = OpeningRule { amount: "50.00".into(), minutes: 1_440, uses: 10 };
    let other_currency =
        ApprovalView { price: worlds::eur(3_999), charge: Some(worlds::usd(4_250)), exchange: Some(rate), ..request() };
    let none = ApprovalView { from: None, ..request() };
    vec![
        Scene::new("approval-loading", page, "waiting"),
        asked("approval", &request()),
        asked("approval-locked", &ApprovalView { locked: true, from: None, ..request() }),
        asked("approval-currencies", &other_currency),
        asked("approval-hostile", &hostile),
        asked("approval-historic", &ApprovalView { historic_cipher: true, ..request() }),
        asked("approval-opens", &ApprovalView { opens: Some(rule), ..none.clone() }),
        asked("approval-open", &ApprovalView { offer: Some(worlds::offer("42.50")), ..none.clone() }),
        asked("approval-short", &ApprovalView { offer: Some(worlds::offer("")), ..none }),
        Scene { shows: "waiting", ..asked("approval-paying", &request()) }.click("pay"),
        paying("approval-unanswered").failing::<Approve>("no-answer", MoneyMoved::Waiting, None),
        paying("approval-refused").failing::<Approve>("funds-insufficient", MoneyMoved::No, None),
        Scene { shows: "paid", ..asked("approval-paid", &request()) }
            .with::<Approve>(&Paid { payment: "pay:1".into(), left: worlds::usd(2_750) })
            .click("pay"),
        Scene::new("approval-gone", page, "approval-gone").failing::<ReadApproval>(
            "approval-gone",
            MoneyMoved::No,
            None,
        ),
    ]
}

/// Receipts.
fn receipts() -> Vec<Scene> {
    let page = "receipt.html?payment=pay%3A1";
    let receipt =
        |name, state, problem| Scene::new(name, page, "receipt").with::<ReadReceipt>(&worlds::receipt(state, problem));
    let failed = |name, shows, code| Scene::new(name, page, shows).failing::<ReadReceipt>(code, MoneyMoved::No, None);
    vec![
        receipt("receipt", ActivityState::Done, None),
        receipt("receipt-proof", ActivityState::Done, None)
            .with::<ReadMessages>(&worlds::messages())
            .click("proof-show"),
        Scene::new("receipt-contradicted", page, "receipt-contradicted").with::<ReadReceipt>(&ReceiptView {
            merchant_said: Some("declined".into()),
            refunded: Some(worlds::usd(500)),
            silent: true,
            ..worlds::receipt(ActivityState::Done, None)
        }),
        receipt("receipt-waiting", ActivityState::Waiting, None),
        receipt("receipt-refused", ActivityState::Refused, Some("index-used")),
        failed("receipt-locked", "unlock", "locked"),
        failed("receipt-none", "receipt-none", "receipt-unknown"),
    ]
}
