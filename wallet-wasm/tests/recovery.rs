//! Nobody is locked out of their money: backup files, restores, autoclose from a new wallet, statements.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::outcome::Problem;
use protocol::store::MemoryStore;
use support::{SERVER, Sim, Weather, ask, both, bound, home, load, open, session, usd, with_session};
use wallet_messages::{ActivityKind, ActivityState, Autoclose, BackUp, Notice, Phase, ReadReceipt, Restore};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::vault::VaultFault;

const FILE_PASSPHRASE: &str = "a passphrase for the file";

fn restore(file: &str) -> Restore {
    let (file, file_passphrase) = (file.to_owned(), FILE_PASSPHRASE.to_owned());
    Restore { file, file_passphrase, passphrase: "on the new device".to_owned() }
}

fn back_up() -> BackUp {
    BackUp { passphrase: FILE_PASSPHRASE.to_owned() }
}

fn autoclose(passphrase: &str) -> Autoclose {
    Autoclose { server: SERVER.to_owned(), persona: "brianb-40".to_owned(), passphrase: passphrase.to_owned() }
}

#[test]
fn a_restored_wallet_has_what_the_server_says_and_not_what_the_file_knew() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        wallet.load(load(&instrument, "50.00")).await.expect("a load");
        let file = wallet.back_up(back_up()).await.expect("a file");
        assert!(home(&wallet).await.backed_up_at.is_some());
        // After the backup: more money, a session, a payment whose answer never came.
        wallet.load(load(&instrument, "50.00")).await.expect("a load");
        wallet.open_session(session("70.00")).await.expect("a session");
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        sim.weather(&[Weather::LosesReply]);
        wallet.approve(&request).await.expect_err("no answer");

        let (far, fresh) = (sim.elsewhere(), MemoryStore::new());
        let other = open(&fresh, &far);
        let restored = other.restore(restore(&file.text)).await.expect("a restore");
        assert_eq!((restored.persona.as_str(), restored.returned), ("brianb-40", Some(usd(2750))));
        let there = home(&other).await;
        assert!(there.sessions.is_empty() && there.waiting.is_empty(), "{there:?}");
        if protocol == Protocol::V2 {
            assert_eq!((restored.balance, there.balance), (Some(usd(5750)), usd(5750)));
            let kinds: Vec<_> = there.activity.iter().map(|entry| entry.kind).collect();
            assert!(kinds.contains(&ActivityKind::Pay), "{kinds:?}");
        }
        // It pays with the money that came back.
        other.load(load(&there.instruments[0].id, "1.00")).await.expect("a load");
        assert_eq!(home(&other).await.balance, usd(5850));
        other.open_session(session("20.00")).await.expect("a session");
        let request = ask(&other, &sim, "order-2", "usd 20.00").await.expect("an approval");
        other.approve(&request).await.expect("a payment");
        assert_eq!(sim.earth.borrow().till.paid, ["order-1", "order-2"]);
    });
}

#[tokio::test]
async fn a_restore_without_an_answer_goes_on_by_itself() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let file = wallet.back_up(back_up()).await.expect("a file");
    let fresh = MemoryStore::new();
    let other = open(&fresh, &sim.elsewhere());
    sim.weather(&[Weather::LosesReply, Weather::LosesReply, Weather::LosesReply]);
    let restored = other.restore(restore(&file.text)).await.expect("a restore");
    assert_eq!(restored.balance, None, "not known yet, and not invented");
    for _ in 0..3 {
        other.resume().await.expect("an open wallet");
    }
    assert_eq!(home(&other).await.balance, usd(10_000));
    sim.assert_in_step(&other).await;
}

#[tokio::test]
async fn new_keys_leave_old_files_worthless_and_wait_for_what_waits() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, instrument) = bound(&sim, &store).await;
    wallet.back_up(back_up()).await.expect("a file");
    sim.weather(&[Weather::LosesRequest]);
    wallet.load(load(&instrument, "100.00")).await.expect_err("no answer");
    // Signed with the old key, the load would be refused.
    assert_eq!(wallet.change_key().await, Err(WalletFault::StillWaiting));
    wallet.resume().await.expect("an open wallet");
    wallet.change_key().await.expect("another key");
    let after = home(&wallet).await;
    assert_eq!(after.backed_up_at, None, "the shopper is asked for a new file");
    assert_eq!(after.activity[0].kind, ActivityKind::Keys);
    let file = wallet.back_up(back_up()).await.expect("a file").text;
    let other = open(&MemoryStore::new(), &sim.elsewhere());
    let restored = other.restore(restore(&file)).await.expect("a restore");
    assert_eq!(restored.balance, Some(usd(10_000)));
}

#[tokio::test]
async fn a_file_opens_by_its_own_passphrase_alone_and_into_a_new_wallet_alone() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = bound(&sim, &store).await;
    let short = wallet.back_up(BackUp { passphrase: "1234567".to_owned() }).await;
    assert_eq!(short, Err(WalletFault::Vault(VaultFault::PassphraseShort)));
    let file = wallet.back_up(back_up()).await.expect("a file").text;
    assert_eq!(wallet.restore(restore(&file)).await, Err(WalletFault::AlreadyRegistered));
    for secret in ["badnews", support::ACCOUNT, "brianb", SERVER] {
        assert!(!file.contains(secret), "{secret}");
    }
    let fresh = MemoryStore::new();
    let other = open(&fresh, &sim.elsewhere());
    let wrong = Restore { file_passphrase: support::PASSPHRASE.to_owned(), ..restore(&file) };
    assert_eq!(other.restore(wrong).await, Err(WalletFault::BackupWrong));
    let (heading, base64) = file.split_once('\n').expect("a heading");
    let bytes = protocol::value::from_base64(&base64.replace('\n', "")).expect("base64");
    let with = |bytes: &[u8]| format!("{heading}\n{}", protocol::value::to_base64(bytes));
    // Every byte of the head, and some of the rest. A head that asks for a gigabyte is not obeyed.
    for at in (1..29).chain([40, bytes.len() - 1]) {
        let mut changed = bytes.clone();
        changed[at] ^= if at < 13 { 0x80 } else { 1 };
        assert_eq!(other.restore(restore(&with(&changed))).await, Err(WalletFault::BackupWrong), "byte {at}");
    }
    let mut later = bytes.clone();
    later[0] = 2;
    assert_eq!(other.restore(restore(&with(&later))).await, Err(WalletFault::BackupVersion));
    for nonsense in ["", "x", heading, &with(&bytes[..29]), &with(&[])] {
        assert_eq!(other.restore(restore(nonsense)).await, Err(WalletFault::BackupWrong), "{nonsense}");
    }
    assert!(fresh.dump().is_empty(), "what is refused changes nothing");
}

/// Files of released versions are read for ever: this one was written by version 1.
#[tokio::test]
async fn old_files_are_read() {
    let sim = Sim::new(Protocol::V2);
    let (first, _) = bound(&sim, &MemoryStore::new()).await;
    drop(first);
    let other = open(&MemoryStore::new(), &sim.elsewhere());
    let restored = other.restore(restore(include_str!("files/backup-1.txt"))).await.expect("a restore");
    assert_eq!(restored.persona, "brianb-40");
    assert_eq!(home(&other).await.instruments[0].last_digits, "5654");
}

#[test]
fn a_new_wallet_sends_the_cash_of_a_lost_one_home() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        assert_eq!(wallet.autoclose(autoclose("badnews")).await, Err(WalletFault::AlreadyRegistered));
        let fresh = MemoryStore::new();
        let other = open(&fresh, &sim.elsewhere());
        let refused = other.autoclose(autoclose("goodnews")).await;
        assert_eq!(refused, Err(WalletFault::refused(Problem::PERSONA_UNKNOWN)));
        // The answer is lost: it waits, the worker dies, and the same passphrase asks again by the same bytes.
        sim.weather(&[Weather::Fair, Weather::LosesReply]);
        let fault = other.autoclose(autoclose("badnews")).await.expect_err("no answer");
        assert_eq!(fault, WalletFault::NoAnswer { heard: None, money: true });
        drop(other);
        let other = open(&fresh, &sim.elsewhere());
        let state = other.state().await.expect("a state");
        assert_eq!((state.phase, state.autoclose.expect("it waits").persona.as_str()), (Phase::New, "brianb-40"));
        for secret in ["badnews", "YmFkbmV3cw=="] {
            assert!(fresh.dump().iter().all(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(secret)));
        }
        let closed = other.autoclose(autoclose("badnews")).await.expect("an end");
        assert_eq!(closed.amount, Some(usd(10_000)));
        assert_eq!((sim.effects("autoclose-persona"), sim.earth.borrow().bank.sent_home.minor), (2, 10_000));
        assert_eq!(other.state().await.expect("a state").autoclose, None);
        // Closed is closed.
        assert_eq!(other.autoclose(autoclose("badnews")).await.expect("an end").amount, None);
    });
}

#[tokio::test]
async fn a_clock_that_is_off_does_not_keep_anybody_from_their_money() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    with_session(&sim, &store).await;
    sim.earth.borrow_mut().bank.refuse.insert("autoclose-persona", Problem::CLOCK_SKEW);
    let other = open(&MemoryStore::new(), &sim.elsewhere());
    assert_eq!(other.autoclose(autoclose("badnews")).await.expect("an end").amount, Some(usd(10_000)));
}

#[tokio::test]
async fn a_statement_tells_refunds_and_settles_what_the_merchant_did_not_answer() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
    sim.weather(&[Weather::LosesReply]);
    wallet.approve(&request).await.expect_err("no answer");
    wallet.refresh().await.expect("a statement");
    let there = home(&wallet).await;
    assert!(there.waiting.is_empty(), "the server says under its own key that it was paid");
    let payment = there.activity.iter().find(|entry| entry.kind == ActivityKind::Pay).expect("a payment").id.clone();
    sim.earth.borrow_mut().bank.refund("order-1", 500);
    for _ in 0..2 {
        wallet.refresh().await.expect("a statement");
    }
    sim.assert_in_step(&wallet).await;
    let receipt = wallet.receipt(ReadReceipt { payment }).await.expect("a receipt");
    assert_eq!((receipt.charged, receipt.refunded), (usd(4250), Some(usd(500))));
    let notices = wallet.state().await.expect("a state").notices;
    assert!(
        matches!(&notices[..], [notice] if matches!(&notice.what, Notice::Refunded { amount, .. } if *amount == usd(500)))
    );
    let entries = home(&wallet).await.activity;
    assert_eq!(entries.iter().filter(|entry| entry.kind == ActivityKind::Refund).count(), 1, "told twice, it is one");
    let asked = wallet_messages::ReadTotals { from: None, until: None, utc_offset_minutes: 0 };
    let totals = wallet.totals(asked).await.expect("totals");
    assert_eq!((totals.shops[0].total.clone(), totals.months[0].payments), (usd(3750), 1));
}

#[test]
fn a_server_that_renewed_its_key_is_written_to_under_the_new_one() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        sim.earth.borrow_mut().bank.rotate();
        let fault = wallet.load(load(&instrument, "100.00")).await.expect_err("the old key");
        assert!(
            matches!(fault, WalletFault::NoAnswer { heard: Some(heard), .. } if heard.problem == "serverkey-unknown")
        );
        wallet.load(load(&instrument, "99.00")).await.expect("the new key");
        assert_eq!(home(&wallet).await.balance, usd(9_900));
    });
}

#[tokio::test]
async fn a_statement_that_is_refused_because_of_the_clock_is_asked_again() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    sim.earth.borrow_mut().bank.refuse.insert("statement-request", Problem::CLOCK_SKEW);
    wallet.refresh().await.expect("a statement");
    assert!(!sim.earth.borrow().bank.refuse.contains_key("statement-request"), "it was refused before");
    sim.assert_in_step(&wallet).await;
}

/// The server's books were restored from a backup: what was promised in a session opened since can never be collected.
#[test]
fn a_promise_in_a_session_that_the_server_lost_comes_to_an_end() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, view) = with_session(&sim, &store).await;
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        sim.weather(&[Weather::LosesRequest]);
        wallet.approve(&request).await.expect_err("no answer");
        assert_eq!(home(&wallet).await.waiting.len(), 1);
        sim.earth.borrow_mut().bank.refuse.insert("close-session", Problem::SESSION_UNKNOWN);
        wallet.close_session(&view.id).await.expect("an end");
        let there = home(&wallet).await;
        assert!(there.waiting.is_empty(), "{:?}", there.waiting);
        assert!(
            there.activity.iter().all(|entry| entry.kind != ActivityKind::Pay || entry.state != ActivityState::Done)
        );
    });
}

/// Writes the file of the version that is built: for the release of a new one.
#[tokio::test]
#[ignore = "writes a file of the repository"]
async fn write_a_file_of_this_version() {
    let sim = Sim::new(Protocol::V2);
    let (wallet, _) = bound(&sim, &MemoryStore::new()).await;
    let file = wallet.back_up(back_up()).await.expect("a file");
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/backup-new.txt"), file.text).expect("a folder");
}
