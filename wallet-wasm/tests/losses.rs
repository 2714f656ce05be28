//! Messages and answers are lost, late, forged or refused. What is not known waits, and is never called failed.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::exchange::write_error;
use protocol::message::ErrorMessage;
use protocol::money::Money;
use protocol::outcome::Problem;
use protocol::store::MemoryStore;
use protocol::value::{Reading, Value as _};
use support::Weather::{Answers, Fair, LosesReply, LosesRequest};
use support::{
    Sim, SimWallet, Weather, account, ask, both, bound, home, load, offer, open, page, registration, session, usd,
    with_session,
};
use wallet_messages::{ActivityState, AnswerChallenge, Bound, Fault, MoneyMoved, Phase, Registered, SessionState};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::world::PageOutcome;

const LOSSES: [Weather; 2] = [LosesRequest, LosesReply];

fn waits() -> WalletFault {
    WalletFault::NoAnswer { heard: None, money: true }
}

#[test]
fn every_message_may_be_lost_on_either_way_and_again() {
    both(async |protocol| {
        for loss in LOSSES {
            for times in [1, 2, 3, 10] {
                let (sim, store) = (Sim::new(protocol), MemoryStore::new());
                let lose = || sim.weather(&vec![loss.clone(); times]);
                let wallet = open(&store, &sim);
                let retry = async || {
                    for _ in 0..times {
                        wallet.resume().await.expect("an open wallet");
                    }
                };
                sim.weather(&[vec![Fair], vec![loss.clone(); times]].concat());
                wallet.register(registration()).await.expect_err("no answer");
                retry().await;
                assert_eq!(wallet.state().await.expect("a state").phase, Phase::Open);
                lose();
                wallet.bind(account()).await.expect_err("no answer");
                retry().await;
                let instrument = home(&wallet).await.instruments[0].id.clone();
                lose();
                assert_eq!(wallet.load(load(&instrument, "100.00")).await, Err(waits()));
                retry().await;
                lose();
                assert_eq!(wallet.open_session(session("70.00")).await, Err(waits()));
                retry().await;
                lose();
                let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
                assert_eq!(wallet.approve(&request).await, Err(waits()));
                assert_eq!(home(&wallet).await.sessions[0].left, usd(2750), "the amount is reserved");
                retry().await;
                let session = home(&wallet).await.sessions[0].clone();
                assert_eq!((session.left, session.uses_left), (usd(2750), 14));
                lose();
                assert_eq!(wallet.close_session(&session.id).await, Err(waits()));
                retry().await;
                assert_eq!(home(&wallet).await.balance, usd(5750));
                sim.assert_in_step(&wallet).await;
                assert_eq!(sim.earth.borrow().bank.effects.values().sum::<usize>(), 6, "one effect each");
            }
        }
    });
}

#[test]
fn the_same_wish_again_is_the_same_message_again() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        sim.weather(&[LosesReply]);
        assert_eq!(wallet.load(load(&instrument, "100.00")).await, Err(waits()));
        assert_eq!(wallet.load(load(&instrument, "100.00")).await.expect("a load").balance, usd(10_000));
        assert_eq!(sim.effects("load-unload-funds"), 1);
        // Once it is answered, the same wish is a new one.
        assert_eq!(wallet.load(load(&instrument, "100.00")).await.expect("a load").balance, usd(20_000));
    });
}

#[test]
fn a_merchant_that_answers_error_fails_nothing() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, session) = with_session(&sim, &store).await;
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        let error = write_error(protocol, None, &ErrorMessage::of(Problem::INDEX_USED));
        sim.weather(&[Answers(error), Answers("nonsense".to_owned())]);
        let fault = wallet.approve(&request).await.expect_err("an error");
        let Fault { code, money, .. } = Fault::from(&fault);
        assert_eq!((code.as_str(), money), ("no-answer", MoneyMoved::Waiting));
        assert!(sim.earth.borrow().outcomes.is_empty(), "the page is not told what is not known");
        let entry = home(&wallet).await.activity[0].clone();
        assert_eq!((entry.state, entry.problem.as_deref()), (ActivityState::Waiting, Some("index-used")));
        wallet.resume().await.expect("an open wallet");
        assert_eq!(home(&wallet).await.sessions[0].left, usd(2750), "still reserved");

        // A page that asks for the same order again gets the same promise, not a second one.
        let again = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        let from = wallet.approval(&again).await.expect("an approval").from.expect("the same session");
        assert_eq!((from.session, from.holds, from.holds_after), (session.id, usd(7000), usd(2750)));
        wallet.approve(&again).await.expect("a payment");
        let sent = sim.earth.borrow().sent.clone();
        let promises: Vec<_> = sent.iter().filter(|(url, _)| url.ends_with("/pay")).map(|(_, text)| text).collect();
        assert_eq!(promises.len(), 3);
        assert!(promises.windows(2).all(|pair| pair[0] == pair[1]));
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn an_authentic_refusal_gives_amount_and_index_back() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        sim.earth.borrow_mut().bank.refuse.insert("cash-payment", Problem::AMOUNT_MISMATCH);
        let refused = wallet.approve(&request).await;
        assert_eq!(refused, Err(WalletFault::refused(Problem::AMOUNT_MISMATCH)));
        assert_eq!(sim.earth.borrow().outcomes, [("order-1".to_owned(), PageOutcome::failed("amount-mismatch"))]);
        sim.assert_in_step(&wallet).await;
        assert_eq!(home(&wallet).await.sessions[0].uses_left, 15);
        // The order can be paid again, under the index that is free again.
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        let paid = wallet.approve(&request).await.expect("a payment");
        let receipt = wallet.receipt(wallet_messages::ReadReceipt { payment: paid.payment }).await.expect("a receipt");
        assert_eq!(receipt.index, 1);
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn a_receipt_that_asks_to_come_again_settles_nothing() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        sim.earth.borrow_mut().bank.refuse.insert("cash-payment", Problem::BUSY);
        let fault = Fault::from(&wallet.approve(&request).await.expect_err("not yet"));
        assert_eq!((fault.code.as_str(), fault.money), ("no-answer", MoneyMoved::Waiting));
        assert_eq!(home(&wallet).await.sessions[0].left, usd(2750), "still reserved");
        wallet.resume().await.expect("an open wallet");
        assert_eq!(home(&wallet).await.activity[0].state, ActivityState::Done);
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn a_copied_profile_spends_nothing_twice_and_goes_on_by_itself() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, session) = with_session(&sim, &store).await;
        let (far, copy) = (sim.elsewhere(), store.copied());
        let other = open(&copy, &far);
        for (wallet, order) in [(&wallet, "order-1"), (&other, "order-2")] {
            let request = ask(wallet, &sim, order, "usd 20.00").await.expect("an approval");
            wallet.approve(&request).await.expect("a payment");
        }
        assert_eq!(sim.earth.borrow().till.paid, ["order-1", "order-2"]);
        assert_eq!(sim.effects("cash-payment"), 2);
        let own = home(&other).await.sessions.iter().find(|own| own.id != session.id).cloned();
        assert_eq!(own.expect("a session of its own").left.minor, 1000);
        let outcomes: Vec<_> = sim.earth.borrow().outcomes.iter().map(|(_, outcome)| outcome.outcome).collect();
        assert_eq!(outcomes, ["paid", "paid"]);
        assert_eq!(sim.earth.borrow().bank.total().minor, 6000);
    });
}

#[test]
fn the_log_of_a_closed_session_settles_what_was_not_known() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, session) = with_session(&sim, &store).await;
        // One reply is lost: paid, but not known. One request is lost: not paid, and not known.
        for (order, loss) in [("order-1", LosesReply), ("order-2", LosesRequest)] {
            let request = ask(&wallet, &sim, order, "usd 10.00").await.expect("an approval");
            sim.weather(&[loss]);
            assert_eq!(wallet.approve(&request).await, Err(waits()));
        }
        assert_eq!(home(&wallet).await.sessions[0].left, usd(5000));
        let moved = wallet.close_session(&session.id).await.expect("a closing");
        assert_eq!((moved.amount, moved.balance), (usd(6000), usd(9000)));
        let home = home(&wallet).await;
        let states: Vec<_> = home.activity.iter().filter(|entry| entry.origin.is_some()).map(|e| e.state).collect();
        assert_eq!(states, [ActivityState::Refused, ActivityState::Done]);
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn a_session_that_ends_by_itself_is_closed_by_the_next_resume() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        sim.wait(61 * 60);
        assert_eq!(wallet.state().await.expect("a state").phase, Phase::Locked, "nobody was here");
        wallet.unlock(support::PASSPHRASE).await.expect("the passphrase");
        assert_eq!(home(&wallet).await.sessions[0].state, SessionState::Expired);
        let request = ask(&wallet, &sim, "order-1", "usd 10.00").await.expect("an approval");
        let view = wallet.approval(&request).await.expect("an approval");
        assert_eq!((view.from, view.offer.expect("an offer").amount.as_str()), (None, "10.00"));
        assert_eq!(wallet.approve(&request).await, Err(WalletFault::NoSessionFits));
        wallet.resume().await.expect("an open wallet");
        assert!(home(&wallet).await.sessions.is_empty());
        sim.assert_in_step(&wallet).await;
        // The request still waits: a session is opened, and it is paid.
        wallet.open_session(session("10.00")).await.expect("a session");
        assert_eq!(wallet.approve(&request).await.expect("a payment").left, usd(0));
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn a_session_whose_last_use_is_spent_returns_what_is_left() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        wallet.load(load(&instrument, "100.00")).await.expect("a load");
        let one_use = wallet_messages::OpenSession { uses: 1, ..session("70.00") };
        wallet.open_session(one_use).await.expect("a session");
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        wallet.approve(&request).await.expect("a payment");
        assert_eq!(home(&wallet).await.sessions[0].state, SessionState::UsedUp);
        wallet.resume().await.expect("an open wallet");
        let home = home(&wallet).await;
        assert_eq!((home.balance, home.sessions.len()), (usd(5750), 0));
        assert!(home.activity.iter().all(|entry| entry.state == ActivityState::Done), "{:?}", home.activity);
        sim.assert_in_step(&wallet).await;

        // Told by a later balance before it is noticed, it is not added twice.
        let one_use = wallet_messages::OpenSession { uses: 1, ..session("20.00") };
        wallet.open_session(one_use).await.expect("a session");
        let request = ask(&wallet, &sim, "order-2", "usd 5.00").await.expect("an approval");
        wallet.approve(&request).await.expect("a payment");
        wallet.load(load(&instrument, "1.00")).await.expect("a load");
        wallet.resume().await.expect("an open wallet");
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn a_clock_that_is_off_is_set_right_and_the_message_made_anew() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        // Our clock is two days slow; the server says so, with its own.
        sim.now.set(sim.now.get() - 2 * 24 * 3600 * 1000);
        sim.earth.borrow_mut().bank.refuse.insert("registration", Problem::CLOCK_SKEW);
        let wallet = open(&store, &sim);
        assert_eq!(wallet.register(registration()).await, Ok(Registered::Persona("brianb-40".to_owned())));
        let Ok(Bound::Instrument(instrument)) = wallet.bind(account()).await else { panic!("an instrument") };
        wallet.load(load(&instrument.id, "100.00")).await.expect("a load");
        let view = wallet.open_session(session("70.00")).await.expect("a session");
        assert_eq!(view.state, SessionState::Open);
        assert!((view.opened_at - sim.now.get()).abs() < 5_000, "shown by our clock");
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn an_id_in_use_is_answered_with_one_that_is_free() {
    both(async |protocol| {
        let sim = Sim::new(protocol);
        let first = open(&MemoryStore::new(), &sim);
        first.register(registration()).await.expect("a registration");
        let store = MemoryStore::new();
        let second = open(&store, &sim.elsewhere());
        let Ok(Registered::Suggested(free)) = second.register(registration()).await else { panic!("a suggestion") };
        assert_eq!(free, "brianb7");
        let again = wallet_messages::Register { requested_id: free, ..registration() };
        assert!(matches!(second.register(again).await, Ok(Registered::Persona(_))));
    });
}

#[test]
fn an_issuers_question_is_answered() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let wallet = open(&store, &sim);
        wallet.register(registration()).await.expect("a registration");
        sim.earth.borrow_mut().bank.challenges = true;
        let Ok(Bound::Challenge { challenge, questions }) = wallet.bind(account()).await else { panic!("a question") };
        assert_eq!(questions, ["Mother's maiden name"]);
        wallet.resume().await.expect("an open wallet");
        assert_eq!(sim.effects("bind-instrument"), 1, "a question waits for the shopper");
        let answers = AnswerChallenge { challenge, answers: vec!["Smith".to_owned()] };
        assert!(matches!(wallet.answer_challenge(answers).await, Ok(Bound::Instrument(_))));
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn an_answer_that_cannot_be_read_is_reported_and_waits() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        sim.weather(&[Answers("<html>a proxy was here</html>".to_owned())]);
        let fault = wallet.load(load(&instrument, "100.00")).await.expect_err("unreadable");
        assert_eq!(fault, WalletFault::AnswerUnreadable { money: true });
        assert_eq!(sim.earth.borrow().bank.reports, 1);
        wallet.resume().await.expect("an open wallet");
        assert_eq!(home(&wallet).await.balance, usd(10_000));
    });
}

#[test]
fn a_refusal_moves_nothing() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, instrument) = bound(&sim, &store).await;
        sim.earth.borrow_mut().bank.refuse.insert("load-unload-funds", Problem::INSTRUMENT_DECLINED);
        let fault = wallet.load(load(&instrument, "100.00")).await.expect_err("a refusal");
        let Fault { code, money, .. } = Fault::from(&fault);
        assert_eq!((code.as_str(), money), ("instrument-declined", MoneyMoved::No));
        let entry = home(&wallet).await.activity[0].clone();
        assert_eq!((entry.state, entry.problem.as_deref()), (ActivityState::Refused, Some("instrument-declined")));
        sim.assert_in_step(&wallet).await;
        for bad in ["", "0", "-1", "1.234", "1e3", "1,00", "9007199254740993"] {
            assert_eq!(wallet.load(load(&instrument, bad)).await, Err(WalletFault::AmountForm), "{bad}");
        }
    });
}

#[test]
fn pages_are_kept_in_their_place() {
    both(async |protocol: Protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let offered = offer(&sim, "order-1", "usd 42.50");
        let accepted = open(&store, &sim).accept(page("0"), &offered).await;
        assert_eq!(accepted, Err(WalletFault::NotRegistered));
        let (wallet, _) = with_session(&sim, &store).await;
        let form = || Err(WalletFault::refused(Problem::FORM));
        let good = offer(&sim, "order-1", "usd 42.50");
        assert_eq!(wallet.accept(page("1"), &good.replace("42.50", "41.50")).await, form(), "the checksum differs");
        let elsewhere = wallet_wasm::record::Page { origin: "https://evil.example".to_owned(), ..page("1") };
        assert_eq!(wallet.accept(elsewhere, &good).await, form(), "another origin");
        assert_eq!(wallet.accept(page("1"), &" ".repeat(70_000)).await, form(), "too long");
        let request = wallet.accept(page("1"), &good).await.expect("an approval");
        assert_eq!(wallet.accept(page("2"), &good).await, Err(WalletFault::TooManyRequests));
        assert_eq!(wallet.state().await.expect("a state").approvals, std::slice::from_ref(&request));
        wallet.refuse(&request).await.expect("a refusal");
        assert_eq!(sim.earth.borrow().outcomes, [("1".to_owned(), PageOutcome::CANCELLED)]);
        assert_eq!(wallet.approve(&request).await, Err(WalletFault::ApprovalGone));

        // Locking refuses what waits; nothing is paid by a locked wallet.
        let request = wallet.accept(page("3"), &good).await.expect("an approval");
        wallet.lock().await.expect("a lock");
        assert_eq!(sim.earth.borrow().outcomes[1], ("3".to_owned(), PageOutcome::CANCELLED));
        assert_eq!(wallet.approve(&request).await, Err(WalletFault::Locked));
        let request = wallet.accept(page("4"), &good).await.expect("an approval");
        assert!(wallet.approval(&request).await.expect("an approval").locked);
        assert_eq!(wallet.approve(&request).await, Err(WalletFault::Locked));
        assert!(wallet.unlock("enterprisf").await.is_err());
        wallet.unlock(support::PASSPHRASE).await.expect("the passphrase");
        wallet.approve(&request).await.expect("a payment");
        assert_eq!(sim.effects("cash-payment"), 1);
    });
}

/// Whoever closes the window on a payment without an answer sees the page end as well; the payment goes on by itself.
#[test]
fn a_page_does_not_wait_for_a_window_that_was_closed() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        let good = offer(&sim, "order-1", "usd 42.50");
        let request = wallet.accept(page("1"), &good).await.expect("an approval");
        sim.weather(&[LosesReply]);
        wallet.approve(&request).await.expect_err("no answer");
        assert_eq!(sim.earth.borrow().outcomes, [], "the window may still send it again");
        wallet.refuse(&request).await.expect("a closed window");
        assert_eq!(sim.earth.borrow().outcomes, [("1".to_owned(), PageOutcome::failed("no-answer"))]);
        wallet.approve(&request).await.expect("a payment");
        assert_eq!(sim.effects("cash-payment"), 1);
    });
}

#[test]
fn no_secret_is_stored_in_the_clear() {
    both(async |protocol| {
        let (sim, store) = (Sim::new(protocol), MemoryStore::new());
        let (wallet, _) = with_session(&sim, &store).await;
        let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
        sim.weather(&[LosesReply]);
        wallet.approve(&request).await.expect_err("no answer");
        let secrets: Vec<Vec<u8>> = sim
            .earth
            .borrow()
            .bank
            .sessions
            .values()
            .flat_map(|session| {
                let (key, salt) = (session.secrets.key.expose(), session.secrets.salt.expose());
                [key.to_vec(), protocol::value::to_base64(key).into(), protocol::value::to_base64(salt).into()]
            })
            .collect();
        let words = ["badnews", support::PASSPHRASE, support::ACCOUNT].map(|word| word.as_bytes().to_vec());
        for (place, bytes) in store.dump() {
            for secret in secrets.iter().chain(&words) {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "a secret lies in {place:?}");
            }
        }
    });
}

#[test]
fn the_rarer_messages_may_be_lost_as_often() {
    support::modern(async |protocol| {
        for loss in LOSSES {
            for times in [1, 2, 3, 10] {
                let (sim, store) = (Sim::new(protocol), MemoryStore::new());
                let lose = || sim.weather(&vec![loss.clone(); times]);
                let wallet = open(&store, &sim);
                wallet.register(registration()).await.expect("a registration");
                sim.earth.borrow_mut().bank.challenges = true;
                let Ok(Bound::Challenge { challenge, .. }) = wallet.bind(account()).await else { panic!("a question") };
                lose();
                let answers = AnswerChallenge { challenge, answers: vec!["Smith".to_owned()] };
                wallet.answer_challenge(answers).await.expect_err("no answer");
                for _ in 0..times {
                    wallet.resume().await.expect("an open wallet");
                }
                assert_eq!(sim.effects("bind-instrument-answer"), 1);
                // The test's bank grants what it is asked for in BI1 alone.
                wallet.bind(account()).await.expect("an instrument");
                let instrument = home(&wallet).await.instruments[0].id.clone();
                wallet.load(load(&instrument, "100.00")).await.expect("a load");
                lose();
                let unload = wallet_messages::Unload { instrument, amount: "40.00".to_owned() };
                assert_eq!(wallet.unload(unload).await, Err(waits()));
                // By name this time.
                let name = home(&wallet).await.waiting[0].id.clone();
                for round in 1..=times {
                    assert_eq!(wallet.retry(&name).await.is_ok(), round == times, "{round} of {times}");
                }
                lose();
                wallet.change_key().await.expect_err("no answer");
                assert_eq!(home(&wallet).await.waiting.len(), 1);
                for _ in 0..times {
                    wallet.resume().await.expect("an open wallet");
                }
                assert_eq!(sim.effects("persona-key-change"), 1);
                lose();
                // A statement changes nothing: lost, it is asked for anew.
                while !sim.earth.borrow().weather.is_empty() {
                    let _ = wallet.refresh().await;
                }
                wallet.refresh().await.expect("a statement");
                sim.assert_in_step(&wallet).await;
                closing_from_elsewhere(&sim, &loss, times).await;
            }
        }
    });
}

/// AC1 is lost, and asked again by the same passphrase.
async fn closing_from_elsewhere(sim: &Sim, loss: &Weather, times: usize) {
    let wanted = || wallet_messages::Autoclose {
        server: support::SERVER.to_owned(),
        persona: "brianb-40".to_owned(),
        passphrase: "badnews".to_owned(),
    };
    let other = open(&MemoryStore::new(), &sim.elsewhere());
    sim.weather(&[vec![Fair], vec![loss.clone(); times]].concat());
    for _ in 0..times {
        assert_eq!(other.autoclose(wanted()).await, Err(waits()));
    }
    assert_eq!(other.autoclose(wanted()).await.expect("an end").amount, Some(usd(6000)));
    assert_eq!((sim.effects("autoclose-persona"), sim.earth.borrow().bank.sent_home.minor), (1, 6000));
}

/// A session of $70.00 that somebody with a copy of the profile has closed, which cost $1.00; $30.00 are shown in the container.
async fn closed_by_a_copy(protocol: Protocol) -> (Sim, SimWallet<MemoryStore>, String) {
    let (sim, store) = (Sim::new(protocol), MemoryStore::new());
    let (wallet, session) = with_session(&sim, &store).await;
    let other = open(&store.copied(), &sim.elsewhere());
    sim.earth.borrow_mut().bank.close_fee = Some(Money::parse("usd 1.00", Reading::STRICT).expect("a fee"));
    let moved = other.close_session(&session.id).await.expect("a closing");
    assert_eq!((moved.amount, moved.fee, moved.balance), (usd(7000), Some(usd(100)), usd(9900)));
    sim.assert_in_step(&other).await;
    (sim, wallet, session.id)
}

#[test]
fn the_fee_of_a_closing_by_somebody_else_goes_with_what_is_reckoned_to_be_back() {
    both(async |protocol| {
        let (sim, wallet, session) = closed_by_a_copy(protocol).await;
        let moved = wallet.close_session(&session).await.expect("it is over, which was wanted");
        assert_eq!((moved.amount, moved.fee, moved.balance), (usd(7000), Some(usd(100)), usd(9900)));
        sim.assert_in_step(&wallet).await;
        // The same where its time is up before anybody asks.
        let (sim, wallet, _) = closed_by_a_copy(protocol).await;
        sim.wait(61 * 60);
        wallet.unlock(support::PASSPHRASE).await.expect("the passphrase");
        wallet.resume().await.expect("an open wallet");
        assert_eq!(home(&wallet).await.balance, usd(9900));
        sim.assert_in_step(&wallet).await;
    });
}

#[test]
fn the_fee_of_a_closing_by_somebody_else_is_not_taken_from_a_balance_that_was_told_since() {
    both(async |protocol| {
        let (sim, wallet, _) = closed_by_a_copy(protocol).await;
        sim.wait(61 * 60);
        wallet.unlock(support::PASSPHRASE).await.expect("the passphrase");
        let instrument = home(&wallet).await.instruments[0].id.clone();
        wallet.load(load(&instrument, "1.00")).await.expect("a load");
        wallet.resume().await.expect("an open wallet");
        assert_eq!(home(&wallet).await.balance, usd(10_000));
        sim.assert_in_step(&wallet).await;
    });
}
