//! Wallets to be looked at: a full one, and what differs from it.

use wallet_messages::{
    ActivityKind, ActivityState, ActivityView, AgreementView, ApprovalView, BlockedOrigin, FileView, Gauge,
    HistoryView, Home, InstrumentView, Limit, MessagesView, MoneyView, MonthTotal, Notice, NoticeView, OpeningRule,
    PaysFrom, Phase, ReceiptView, ServerFacts, SessionOffer, SessionState, SessionView, SettingsView, ShopTotal,
    SilentRule, TotalsView, WaitingView, WalletState,
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Milliseconds since 1970, now: what is drawn as "in 3 hours" must be.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Dollars and cents.
pub fn usd(minor: i64) -> MoneyView {
    MoneyView { currency: "usd".into(), minor, digits: 2 }
}

/// Euros and cents.
pub fn eur(minor: i64) -> MoneyView {
    MoneyView { currency: "eur".into(), minor, digits: 2 }
}

/// A wallet that is `phase`.
pub fn wallet(phase: Phase, home: Option<Home>) -> WalletState {
    let persona = (phase != Phase::New).then(|| "brianb-40".to_owned());
    WalletState {
        phase,
        home,
        persona,
        approvals: Vec::new(),
        notices: Vec::new(),
        locks_at: Some(now() + 15 * MINUTE),
        autoclose: None,
        registration: None,
    }
}

/// A wallet in which everything has happened.
pub fn full() -> Home {
    Home {
        sessions: vec![fresh_session(), worn_session(), ended_session(SessionState::UsedUp)],
        instruments: vec![account(), card()],
        activity: activity(),
        waiting: vec![waiting()],
        backed_up_at: Some(now() - 3 * DAY),
        balance: usd(3_000),
        on_hold: Some(usd(2_500)),
        ..empty()
    }
}

/// A wallet whose persona was made a moment ago.
pub fn empty() -> Home {
    Home {
        persona: "brianb-40".into(),
        email: "brianb@reality.example".into(),
        server: "https://cash.example".into(),
        historic_cipher: false,
        balance: usd(0),
        on_hold: None,
        instruments: Vec::new(),
        sessions: Vec::new(),
        activity: Vec::new(),
        waiting: Vec::new(),
        backed_up_at: None,
    }
}

/// An account that works.
pub fn account() -> InstrumentView {
    InstrumentView {
        id: "i1".into(),
        kind: "dda".into(),
        last_digits: "5654".into(),
        status: "enabled".into(),
        loads: true,
        unloads: true,
    }
}

fn card() -> InstrumentView {
    InstrumentView {
        id: "i2".into(),
        kind: "visa".into(),
        last_digits: "4242".into(),
        status: "pending-pre-note".into(),
        loads: true,
        unloads: false,
    }
}

/// The three limits of a session: what is used, and of what.
fn gauges(limits: [(i64, i64); 3]) -> [Gauge; 3] {
    let names = [Limit::Amount, Limit::Uses, Limit::Time];
    std::array::from_fn(|at| {
        let (used, of) = limits[at];
        let percent = u8::try_from(used * 100 / of).unwrap_or(100);
        Gauge { limit: names[at], used, promised: 0, of, percent, warns: percent >= 80 }
    })
}

/// A payment that was not answered.
fn waiting() -> WaitingView {
    WaitingView {
        id: "w1".into(),
        kind: ActivityKind::Pay,
        since: now() - 2 * DAY,
        amount: Some(usd(-380)),
        with: Some("corner.books-19".into()),
        heard: None,
    }
}

/// What a shop, a rule and the server did meanwhile.
pub fn notices() -> Vec<NoticeView> {
    let payment = "pay:1".to_owned();
    let all = [
        Notice::PaidSilently { payment, origin: "https://tea.example".into(), amount: usd(380) },
        Notice::Opened { amount: usd(2_000) },
        Notice::Refunded { merchant: "acme-82".into(), order: "CGRM-80MH-8SR3-Q8W5".into(), amount: usd(500) },
    ];
    let named = all.into_iter().enumerate();
    named.map(|(at, what)| NoticeView { id: at.to_string(), at: now() - HOUR, what }).collect()
}

/// Settings as they are at first.
pub fn settings() -> SettingsView {
    SettingsView {
        lock_minutes: 15,
        lock_least: 1,
        lock_most: 240,
        passphrase_least: 8,
        silent: Vec::new(),
        opening: None,
        blocked: Vec::new(),
        backed_up_at: None,
        tells_statements: true,
    }
}

/// Settings of someone who has used them all.
pub fn used_settings() -> SettingsView {
    SettingsView {
        silent: vec![SilentRule {
            origin: "https://tea.example".into(),
            limit: usd(500),
            since: now() - 30 * DAY,
            payments: 12,
            last_at: Some(now() - HOUR),
        }],
        opening: Some(OpeningRule { amount: "20.00".into(), minutes: 1_440, uses: 10 }),
        blocked: vec![BlockedOrigin { origin: "https://pushy.example".into(), until: now() + MINUTE }],
        backed_up_at: Some(now() - 3 * DAY),
        ..settings()
    }
}

/// All that happened.
pub fn history(most: usize) -> HistoryView {
    let entries: Vec<_> = activity().into_iter().take(most).collect();
    HistoryView { found: 13, entries, origins: SHOPS.map(str::to_owned).to_vec() }
}

/// What was spent.
pub fn totals() -> TotalsView {
    let shop = |at: usize, payments, minor| ShopTotal {
        origin: SHOPS[at].into(),
        merchant: "acme-82".into(),
        payments,
        total: usd(minor),
        last_at: now(),
    };
    let month = |month, payments, minor| MonthTotal { year: 2026, month, payments, total: usd(minor) };
    TotalsView {
        shops: vec![shop(0, 2, 16_250), shop(2, 2, 2_539), shop(1, 1, 2_260)],
        months: vec![month(11, 2, 6_149), month(10, 2, 12_640), month(9, 1, 2_260)],
    }
}

/// The messages of a payment.
pub fn messages() -> MessagesView {
    let offer = "$$-CyberCash-2.0-$$\ntype: payment-request\nmerchant-ccid: acme-82\norder-id: CGRM-80MH-8SR3-Q8W5\n$$-CyberCash-End-$$";
    let file = FileView { name: "payment.txt".into(), mime: "text/plain".into(), text: offer.into() };
    MessagesView { offer: offer.into(), payment: offer.into(), receipt: Some(offer.into()), file }
}

/// Where one shops.
const SHOPS: [&str; 3] = ["https://acme.example", "https://books.example", "https://tea.example"];

/// A session with most of everything left.
pub fn fresh_session() -> SessionView {
    let now = now();
    SessionView {
        id: "AAAA/+8BAgM=".into(),
        note: "Christmas shopping spree".into(),
        opened: usd(7_000),
        left: usd(2_750),
        use_limit: 20,
        uses_left: 19,
        opened_at: now - HOUR,
        ends_at: now + 23 * HOUR,
        state: SessionState::Open,
        gauges: gauges([(4_250, 7_000), (1, 20), (3_600, 86_400)]),
        confirmed_at: now - 2 * MINUTE,
    }
}

/// A session that is nearly over in all three ways.
pub fn worn_session() -> SessionView {
    let now = now();
    SessionView {
        id: "AAAA/+8BAgQ=".into(),
        note: String::new(),
        opened: usd(2_000),
        left: usd(120),
        use_limit: 10,
        uses_left: 1,
        opened_at: now - 6 * DAY,
        ends_at: now + 40 * MINUTE,
        state: SessionState::Open,
        gauges: gauges([(1_880, 2_000), (9, 10), (516_000, 518_400)]),
        confirmed_at: now - 3 * DAY,
    }
}

/// A session that is over.
pub fn ended_session(state: SessionState) -> SessionView {
    let now = now();
    SessionView {
        id: "AAAA/+8BAgU=".into(),
        note: "Groceries".into(),
        opened: usd(5_000),
        left: usd(0),
        use_limit: 5,
        uses_left: 0,
        opened_at: now - 30 * DAY,
        ends_at: now - 29 * DAY,
        state,
        gauges: gauges([(5_000, 5_000), (5, 5), (86_400, 86_400)]),
        confirmed_at: now - 29 * DAY,
    }
}

fn entry(number: usize, kind: ActivityKind, minor: i64, age: i64) -> ActivityView {
    let with = match kind {
        ActivityKind::Pay => Some(["acme-82", "corner.books-19", "tea.house-55"][number % 3].to_owned()),
        ActivityKind::Load | ActivityKind::Unload | ActivityKind::Bind => Some("5654".to_owned()),
        _ => None,
    };
    ActivityView {
        id: format!("entry-{number}"),
        kind,
        at: now() - age,
        amount: (minor != 0).then(|| usd(minor)),
        with,
        origin: (kind == ActivityKind::Pay).then(|| SHOPS[number % 3].to_owned()),
        state: ActivityState::Done,
        problem: None,
    }
}

/// Three months of a busy wallet, newest first.
fn activity() -> Vec<ActivityView> {
    use ActivityKind::{Bind, Close, Load, Open, Pay, Register, Unload};
    let mut all = vec![
        entry(0, Pay, -4_250, 2 * HOUR),
        entry(1, Open, 7_000, 3 * HOUR),
        entry(2, Load, 10_000, 4 * HOUR),
        entry(4, Pay, -380, 2 * DAY),
        entry(5, Pay, -1_899, 3 * DAY),
        entry(6, Unload, -2_000, 9 * DAY),
        entry(7, Close, 1_240, 29 * DAY),
        entry(8, Pay, -640, 33 * DAY),
        entry(9, Pay, -12_000, 36 * DAY),
        entry(10, Pay, -2_260, 61 * DAY),
        entry(11, Open, 5_000, 62 * DAY),
        entry(12, Bind, 0, 64 * DAY),
        entry(13, Register, 0, 64 * DAY),
    ];
    all[0].state = ActivityState::Done;
    all[3].state = ActivityState::Waiting;
    all[5].state = ActivityState::Refused;
    all[5].problem = Some("instrument-declined".into());
    all
}

/// A server that demands an agreement.
pub fn server(historic_cipher: bool) -> ServerFacts {
    ServerFacts {
        server: "https://cash.example".into(),
        historic_cipher,
        currencies: vec!["usd".into(), "eur".into()],
        agreements: vec![AgreementView {
            number: 75,
            title: "Terms of the sandbox bank".into(),
            url: "https://cash.example/agreements/75".into(),
        }],
    }
}

/// The sample transaction's request, with a session that fits.
pub fn request() -> ApprovalView {
    ApprovalView {
        request: "r1".into(),
        origin: "https://acme.example".into(),
        merchant: "acme-82".into(),
        order: "CGRM-80MH-8SR3-Q8W5".into(),
        note: "ACME Products\n\nPurchase of 1 pair \"Rocket Shoes\" at $37.50 ea.\nShipping and handling $5.00\n\nTotal Price: \
               42.50\n\nShip to:\n  Brian\n  100 Elm Street\n  Nice Place, VA 00000 USA"
            .into(),
        price: usd(4_250),
        charge: None,
        from: Some(pays_from()),
        offer: None,
        opens: None,
        exchange: None,
        note_changed: false,
        waiting: 1,
        forgotten_at: now() + 5 * MINUTE,
        silent_limit: None,
        locked: false,
        historic_cipher: false,
    }
}

/// The session that pays it.
pub fn pays_from() -> PaysFrom {
    PaysFrom {
        session: "AAAA/+8BAgM=".into(),
        holds: usd(7_000),
        holds_after: usd(2_750),
        uses_after: 19,
        ends_at: now() + 23 * HOUR,
    }
}

/// A session to be opened; none if `amount` is empty.
pub fn offer(amount: &str) -> SessionOffer {
    SessionOffer { balance: usd(3_000), amount: amount.into(), minutes: 1_440, uses: 20 }
}

/// The receipt of the sample transaction.
pub fn receipt(state: ActivityState, problem: Option<&str>) -> ReceiptView {
    ReceiptView {
        payment: "pay:1".into(),
        at: now() - 2 * HOUR,
        state,
        problem: problem.map(str::to_owned),
        origin: "https://acme.example".into(),
        merchant: "acme-82".into(),
        order: "CGRM-80MH-8SR3-Q8W5".into(),
        note: request().note,
        price: usd(4_250),
        charged: usd(4_250),
        session: "AAAA/+8BAgM=".into(),
        index: 1,
        historic_cipher: false,
        merchant_said: None,
        refunded: None,
        silent: false,
    }
}
