//! What the wallet does by the shopper's rules, and what it lets no page do.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::outcome::Problem;
use protocol::store::MemoryStore;
use support::till::ORIGIN;
use support::{Sim, SimWallet, Weather, ask, bound, home, load, offer, page, usd, with_session};
use wallet_messages::{AllowSilent, Limit, Notice, OpeningRule, ReadReceipt};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::record::Page;
use wallet_wasm::wallet::dispatch;
use wallet_wasm::world::PageOutcome;

async fn allow(wallet: &SimWallet, amount: &str) {
    let rule = AllowSilent { origin: ORIGIN.to_owned(), amount: amount.to_owned() };
    wallet.allow_silent(rule).await.expect("a rule");
}

/// What the glue hands over, and what it does next.
async fn hand_over(wallet: &SimWallet, id: &str, text: &str) -> serde_json::Value {
    let ask = serde_json::json!({ "origin": ORIGIN, "tab": 7, "document": "D1", "id": id, "request": text });
    serde_json::from_str(&dispatch::page(wallet, &ask.to_string()).await).expect("JSON")
}

#[tokio::test]
async fn a_site_is_paid_without_asking_up_to_its_limit_and_the_shopper_is_told() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let small = offer(&sim, "order-1", "usd 5.00");
    assert!(hand_over(&wallet, "1", &small).await["accepted"].is_string(), "off by default");
    wallet.abort(7, None, None).await.expect("an abort");
    allow(&wallet, "5.00").await;
    assert_eq!(hand_over(&wallet, "2", &small).await["outcome"]["outcome"], "paid");
    let above = offer(&sim, "order-2", "usd 5.01");
    let asked = hand_over(&wallet, "3", &above).await;
    let request = asked["accepted"].as_str().expect("a window").to_owned();
    let view = wallet.approval(&request).await.expect("a view");
    assert_eq!(view.silent_limit, Some(usd(500)));
    wallet.refuse(&request).await.expect("a refusal");

    let state = wallet.state().await.expect("a state");
    let [notice] = &state.notices[..] else { panic!("one notice: {:?}", state.notices) };
    let Notice::PaidSilently { payment, origin, amount } = &notice.what else { panic!("{notice:?}") };
    assert_eq!((origin.as_str(), amount), (ORIGIN, &usd(500)));
    let receipt = wallet.receipt(ReadReceipt { payment: payment.clone() }).await.expect("a receipt");
    assert!(receipt.silent);
    wallet.dismiss_notice(&notice.id).await.expect("a store");
    assert!(wallet.state().await.expect("a state").notices.is_empty());
    let rules = wallet.settings().await.expect("settings").silent;
    assert_eq!((rules.len(), rules[0].payments), (1, 1));

    assert!(wallet.revoke_silent(ORIGIN).await.expect("settings").silent.is_empty());
    let third = offer(&sim, "order-3", "usd 1.00");
    assert!(hand_over(&wallet, "4", &third).await["accepted"].is_string(), "revoked");
    assert_eq!(sim.effects("cash-payment"), 1);
}

#[tokio::test]
async fn no_rule_goes_beyond_the_limits_of_a_session_or_works_in_a_locked_wallet() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    allow(&wallet, "1000.00").await;
    let dear = offer(&sim, "order-1", "usd 70.01");
    assert!(hand_over(&wallet, "1", &dear).await["accepted"].is_string(), "more than the session holds");
    wallet.abort(7, None, None).await.expect("an abort");
    let fits = offer(&sim, "order-2", "usd 70.00");
    wallet.lock().await.expect("a lock");
    assert!(hand_over(&wallet, "2", &fits).await["accepted"].is_string(), "locked");
    assert_eq!(sim.effects("cash-payment"), 0);
    // Another site has no rule, whatever it says of itself.
    wallet.unlock(support::PASSPHRASE).await.expect("the passphrase");
    let elsewhere = Page { origin: "https://evil.example".to_owned(), ..page("3") };
    assert_eq!(wallet.accept(elsewhere, &fits).await, Err(WalletFault::refused(Problem::FORM)));
}

#[tokio::test]
async fn rules_are_of_their_form() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    for origin in ["", "acme", "https://acme.example/", "https://acme.example/path", "javascript:alert(1)"] {
        let rule = AllowSilent { origin: origin.to_owned(), amount: "1.00".to_owned() };
        assert_eq!(wallet.allow_silent(rule).await, Err(WalletFault::FieldForm("origin")), "{origin}");
    }
    for amount in ["", "0", "-1", "1.234", "x"] {
        let rule = AllowSilent { origin: ORIGIN.to_owned(), amount: amount.to_owned() };
        assert_eq!(wallet.allow_silent(rule).await, Err(WalletFault::AmountForm), "{amount}");
    }
}

#[tokio::test]
async fn the_next_session_opens_by_the_shoppers_rule() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, instrument) = bound(&sim, &store).await;
    wallet.load(load(&instrument, "100.00")).await.expect("a load");
    let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
    assert_eq!(wallet.approve(&request).await, Err(WalletFault::NoSessionFits));
    let rule = OpeningRule { amount: "50.00".to_owned(), minutes: 30, uses: 5 };
    wallet.set_opening(Some(rule.clone())).await.expect("a rule");
    let view = wallet.approval(&request).await.expect("a view");
    assert_eq!((view.from, view.opens), (None, Some(rule)));
    assert_eq!(wallet.approve(&request).await.expect("a payment").left, usd(750));
    let notices = wallet.state().await.expect("a state").notices;
    assert_eq!(notices[0].what, Notice::Opened { amount: usd(5000) });
    sim.assert_in_step(&wallet).await;
    // A price beyond the rule opens nothing.
    let request = ask(&wallet, &sim, "order-2", "usd 50.01").await.expect("an approval");
    assert_eq!(wallet.approval(&request).await.expect("a view").opens, None);
    assert_eq!(wallet.approve(&request).await, Err(WalletFault::NoSessionFits));
    assert_eq!(sim.effects("open-session"), 1);
}

#[tokio::test]
async fn gauges_show_what_the_server_confirmed_and_warn_at_eighty_per_cent() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, session) = with_session(&sim, &store).await;
    assert!(session.gauges.iter().all(|gauge| gauge.percent == 0 && !gauge.warns), "{:?}", session.gauges);
    let request = ask(&wallet, &sim, "order-1", "usd 55.99").await.expect("an approval");
    wallet.approve(&request).await.expect("a payment");
    let [amount, uses, _] = home(&wallet).await.sessions[0].gauges;
    assert_eq!(
        (amount.limit, amount.used, amount.of, amount.percent, amount.warns),
        (Limit::Amount, 5599, 7000, 79, false)
    );
    assert_eq!((uses.used, uses.of), (1, 15));
    // What is promised counts, and is shown as what it is.
    let request = ask(&wallet, &sim, "order-2", "usd 0.01").await.expect("an approval");
    sim.weather(&[Weather::LosesReply]);
    wallet.approve(&request).await.expect_err("no answer");
    let home = home(&wallet).await;
    let [amount, uses, _] = home.sessions[0].gauges;
    assert_eq!((amount.used, amount.promised, amount.percent, amount.warns), (5599, 1, 80, true));
    assert_eq!((uses.used, uses.promised), (1, 1));
    // It waits, and asking again is safe.
    let [waiting] = &home.waiting[..] else { panic!("{:?}", home.waiting) };
    wallet.retry(&waiting.id).await.expect("an answer");
    sim.assert_in_step(&wallet).await;
}

#[tokio::test]
async fn a_payment_between_currencies_shows_both_amounts_and_the_rate() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let request = ask(&wallet, &sim, "order-1", "cad 54.25").await.expect("an approval");
    let view = wallet.approval(&request).await.expect("a view");
    let exchange = view.exchange.expect("a rate");
    assert_eq!((view.price.minor, view.charge), (5425, Some(usd(3255))));
    assert_eq!((exchange.one.minor, exchange.one.currency.as_str(), exchange.rate.as_str()), (100, "cad", "0.60"));
}

#[tokio::test]
async fn three_refusals_block_a_site_for_a_minute_and_five_hundred_requests_are_one() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let text = offer(&sim, "order-1", "usd 42.50");
    let mut accepted = 0;
    for number in 0..500 {
        accepted += usize::from(wallet.accept(page(&number.to_string()), &text).await.is_ok());
    }
    assert_eq!((accepted, wallet.state().await.expect("a state").approvals.len()), (1, 1));
    for round in 0..3 {
        let id = wallet.state().await.expect("a state").approvals.remove(0);
        wallet.refuse(&id).await.expect("a refusal");
        if round < 2 {
            wallet.accept(page("again"), &text).await.expect("not yet");
        }
    }
    assert_eq!(wallet.accept(page("again"), &text).await, Err(WalletFault::OriginBlocked));
    assert_eq!(wallet.settings().await.expect("settings").blocked[0].origin, ORIGIN);
    sim.wait(61);
    let request = wallet.accept(page("later"), &text).await.expect("it may ask again");
    // Refusals half a minute apart are no nuisance.
    wallet.refuse(&request).await.expect("a refusal");
    for number in 0..3 {
        sim.wait(31);
        let request = wallet.accept(page(&number.to_string()), &text).await.expect("an approval");
        wallet.refuse(&request).await.expect("a refusal");
    }
}

#[tokio::test]
async fn the_servers_word_counts_where_a_merchant_denies_a_payment() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    sim.earth.borrow_mut().till.lies = true;
    let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
    let paid = wallet.approve(&request).await.expect("a payment");
    assert_eq!(sim.earth.borrow().outcomes, [("order-1".to_owned(), PageOutcome::PAID)]);
    let receipt = wallet.receipt(ReadReceipt { payment: paid.payment.clone() }).await.expect("a receipt");
    assert_eq!(receipt.merchant_said.as_deref(), Some("instrument-declined"));
    let messages = wallet.messages(wallet_messages::ReadMessages { payment: paid.payment }).await.expect("the proof");
    assert!(messages.receipt.expect("CA4").contains("instrument-declined"));
    assert!(messages.file.text.contains("merchant-signed-hash"), "PR1 with the merchant's signature");
    sim.assert_in_step(&wallet).await;
}

#[tokio::test]
async fn the_merchants_words_are_plain() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let note = format!("<b>Total: $0.01</b> Z{} \u{200B}\u{FEFF}", "\u{0335}".repeat(400));
    let text = sim.earth.borrow_mut().with_note(&note);
    let request = wallet.accept(page("1"), &text).await.expect("an approval");
    let view = wallet.approval(&request).await.expect("a view");
    assert!(view.note_changed);
    assert_eq!(view.note, format!("<b>Total: $0.01</b> Z{} ", "\u{0335}".repeat(3)));
    assert_eq!(view.price, usd(4250), "the signed price");
}

#[tokio::test]
async fn an_offer_whose_addresses_point_elsewhere_is_refused() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    for origin in ["https://evil.example", "http://127.0.0.1:8403", "http://localhost:8402", "http://[::1]:8402"] {
        let text = sim.earth.borrow_mut().of_origin(origin);
        assert_eq!(wallet.accept(page("1"), &text).await, Err(WalletFault::refused(Problem::FORM)), "{origin}");
    }
    let honest = offer(&sim, "order-1", "usd 1.00");
    for (good, evil) in [
        ("http://127.0.0.1:8402/pay", "javascript:alert(1)"),
        ("http://127.0.0.1:8402/pay", "http://user:pw@127.0.0.1:8402/pay"),
        ("http://127.0.0.1:8402/success", "data:text/html,x"),
    ] {
        let changed = resealed(&honest.replace(good, evil));
        assert_eq!(wallet.accept(page("1"), &changed).await, Err(WalletFault::refused(Problem::FORM)), "{evil}");
    }
}

/// The message with a checksum that fits, where it can still be read at all.
fn resealed(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("/checksum"));
    let body = lines.fold(String::new(), |body, line| body + line + "\r\n");
    protocol::envelope::Envelope::parse(body.as_bytes()).map_or(text.to_owned(), |envelope| envelope.write())
}

#[tokio::test]
async fn a_silent_payment_that_is_not_answered_waits_like_any_other() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    allow(&wallet, "5.00").await;
    let small = offer(&sim, "order-1", "usd 5.00");
    sim.weather(&[Weather::LosesReply]);
    assert!(hand_over(&wallet, "1", &small).await["accepted"].is_string(), "the outcome follows");
    assert!(wallet.state().await.expect("a state").approvals.is_empty(), "no window");
    wallet.resume().await.expect("an open wallet");
    assert_eq!(sim.earth.borrow().outcomes, [("1".to_owned(), PageOutcome::PAID)]);
    assert_eq!(wallet.state().await.expect("a state").notices.len(), 1);
    sim.assert_in_step(&wallet).await;
}
