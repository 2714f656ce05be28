//! The worker is killed at every step of every procedure. Opened again, the wallet goes on by itself or does what it is
//! asked once more; either way exactly one effect exists, and the books are those of the server.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::store::MemoryStore;
use support::mortal::{MortalStore, lives};
use support::{Sim, SimWallet, account, ask, both, bound, load, modern, open, registration, session, with_session};
use wallet_messages::{AllowSilent, AnswerChallenge, Autoclose, BackUp, Bound, OpeningRule, Phase, Restore, Unload};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::wallet::Taken;

/// No procedure has so many steps.
const MOST_STEPS: usize = 40;

struct Life {
    sim: Sim,
    store: MortalStore,
}

impl Life {
    fn new(protocol: Protocol) -> Self {
        let sim = Sim::new(protocol);
        let store = MortalStore { store: MemoryStore::new(), life: sim.life.clone() };
        Self { sim, store }
    }

    fn open(&self) -> SimWallet<MortalStore> {
        open(&self.store, &self.sim)
    }
}

/// Kills the worker at every step of `act`, then opens the wallet, resumes, and checks. `prepare` yields what `act` needs.
async fn at_every_step<P>(
    protocol: Protocol,
    prepare: impl AsyncFn(&Life) -> P,
    act: impl AsyncFn(&SimWallet<MortalStore>, &P) -> bool,
    check: impl AsyncFn(&Life, &SimWallet<MortalStore>, &P),
) {
    for step in 0..MOST_STEPS {
        let life = Life::new(protocol);
        let prepared = prepare(&life).await;
        let wallet = life.open();
        life.sim.life.ends_at(step);
        let ended = lives(act(&wallet, &prepared));
        assert_ne!(ended, Some(false), "what is not killed succeeds");
        let finished = ended.is_some();
        life.sim.life.goes_on();
        drop(wallet);
        let wallet = life.open();
        let _ = wallet.resume().await;
        check(&life, &wallet, &prepared).await;
        if finished {
            assert!(step > 3, "a procedure commits, sends and commits");
            return;
        }
    }
    panic!("the procedure did not end within {MOST_STEPS} steps");
}

#[test]
fn registering() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |_| (),
            async |wallet, ()| wallet.register(registration()).await.is_ok(),
            async |life, wallet, ()| {
                // Where the commit did not happen there is nothing to resume: the shopper fills in the form again.
                if wallet.state().await.expect("a state").persona.is_none() {
                    wallet.register(registration()).await.expect("a registration");
                }
                assert_eq!(wallet.state().await.expect("a state").persona.as_deref(), Some("brianb-40"));
                assert_eq!(life.sim.effects("registration"), 1);
            },
        )
        .await;
    });
}

#[test]
fn binding() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| drop(life.open().register(registration()).await.expect("a registration")),
            async |wallet, ()| wallet.bind(account()).await.is_ok(),
            async |life, wallet, ()| {
                if support::home(wallet).await.instruments.is_empty() {
                    wallet.bind(account()).await.expect("an instrument");
                }
                assert_eq!(support::home(wallet).await.instruments.len(), 1);
                assert_eq!(life.sim.effects("bind-instrument"), 1);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn loading() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| bound(&life.sim, &life.store).await.1,
            async |wallet, instrument| wallet.load(load(instrument, "100.00")).await.is_ok(),
            async |life, wallet, instrument| {
                if support::home(wallet).await.balance.minor == 0 {
                    wallet.load(load(instrument, "100.00")).await.expect("a load");
                }
                assert_eq!(life.sim.effects("load-unload-funds"), 1);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn opening_a_session() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let (wallet, instrument) = bound(&life.sim, &life.store).await;
                wallet.load(load(&instrument, "100.00")).await.expect("a load");
            },
            async |wallet, ()| wallet.open_session(session("70.00")).await.is_ok(),
            async |life, wallet, ()| {
                if support::home(wallet).await.sessions.is_empty() {
                    wallet.open_session(session("70.00")).await.expect("a session");
                }
                assert_eq!(life.sim.effects("open-session"), 1);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn paying() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let (wallet, _) = with_session(&life.sim, &life.store).await;
                ask(&wallet, &life.sim, "order-1", "usd 42.50").await.expect("an approval")
            },
            async |wallet, request| wallet.approve(request).await.is_ok(),
            async |life, wallet, request| {
                // The window asks once more: it gets the payment that was made, or makes it.
                wallet.approve(request).await.expect("a payment");
                assert_eq!(life.sim.effects("cash-payment"), 1);
                assert!(life.sim.earth.borrow().till.paid.iter().all(|order| order == "order-1"));
                let outcomes = life.sim.earth.borrow().outcomes.clone();
                assert!(outcomes.iter().all(|(_, outcome)| outcome.outcome == "paid"), "{outcomes:?}");
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn closing_a_session() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| with_session(&life.sim, &life.store).await.1.id,
            async |wallet, session| wallet.close_session(session).await.is_ok(),
            async |life, wallet, session| {
                match wallet.close_session(session).await {
                    Ok(moved) => assert_eq!(moved.balance, support::usd(10_000)),
                    Err(fault) => assert_eq!(fault, unknown_session()),
                }
                assert_eq!(life.sim.effects("close-session"), 1);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn unloading() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let (wallet, instrument) = bound(&life.sim, &life.store).await;
                wallet.load(load(&instrument, "100.00")).await.expect("a load");
                instrument
            },
            async |wallet, instrument| wallet.unload(unload(instrument)).await.is_ok(),
            async |life, wallet, instrument| {
                if support::home(wallet).await.balance.minor == 10_000 {
                    wallet.unload(unload(instrument)).await.expect("an unload");
                }
                assert_eq!(support::home(wallet).await.balance, support::usd(6000));
                assert_eq!(life.sim.effects("load-unload-funds"), 2);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

fn unload(instrument: &str) -> Unload {
    Unload { instrument: instrument.to_owned(), amount: "40.00".to_owned() }
}

#[test]
fn answering_an_issuer() {
    both(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let wallet = life.open();
                wallet.register(registration()).await.expect("a registration");
                life.sim.earth.borrow_mut().bank.challenges = true;
                let Ok(Bound::Challenge { challenge, .. }) = wallet.bind(account()).await else { panic!("a question") };
                challenge
            },
            async |wallet, challenge| wallet.answer_challenge(smith(challenge)).await.is_ok(),
            async |life, wallet, challenge| {
                if support::home(wallet).await.instruments.is_empty() {
                    wallet.answer_challenge(smith(challenge)).await.expect("an instrument");
                }
                assert_eq!(support::home(wallet).await.instruments.len(), 1);
                assert_eq!(life.sim.effects("bind-instrument-answer"), 1);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

fn smith(challenge: &str) -> AnswerChallenge {
    AnswerChallenge { challenge: challenge.to_owned(), answers: vec!["Smith".to_owned()] }
}

/// The payment opens its session by the shopper's rule, and is made without asking.
#[test]
fn paying_by_rules() {
    modern(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let (wallet, instrument) = bound(&life.sim, &life.store).await;
                wallet.load(load(&instrument, "100.00")).await.expect("a load");
                let (origin, amount) = (support::till::ORIGIN.to_owned(), "50.00".to_owned());
                wallet.allow_silent(AllowSilent { origin, amount: amount.clone() }).await.expect("a rule");
                wallet.set_opening(Some(OpeningRule { amount, minutes: 30, uses: 5 })).await.expect("a rule");
                support::offer(&life.sim, "order-1", "usd 42.50")
            },
            async |wallet, offer| wallet.accept_or_pay(support::page("order-1"), offer).await == Ok(Taken::Paid),
            async |life, wallet, offer| {
                // The page asks once more, or the shopper decides about what waits.
                let waiting = wallet.state().await.expect("a state").approvals;
                match waiting.first() {
                    Some(request) => drop(wallet.approve(request).await.expect("a payment")),
                    None => drop(wallet.accept_or_pay(support::page("order-1"), offer).await),
                }
                assert_eq!((life.sim.effects("open-session"), life.sim.effects("cash-payment")), (1, 1));
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn closing_a_lost_persona() {
    modern(async |protocol| {
        at_every_step(
            protocol,
            async |life| drop(with_session(&life.sim, &MemoryStore::new()).await),
            async |wallet, ()| wallet.autoclose(lost()).await.is_ok(),
            async |life, wallet, ()| {
                // Asked again with the same passphrase, it comes to the same end.
                wallet.autoclose(lost()).await.expect("an end");
                assert_eq!(life.sim.earth.borrow().bank.sent_home.minor, 10_000);
                assert_eq!(wallet.state().await.expect("a state").autoclose, None);
            },
        )
        .await;
    });
}

fn lost() -> Autoclose {
    let (server, persona) = (support::SERVER.to_owned(), "brianb-40".to_owned());
    Autoclose { server, persona, passphrase: "badnews".to_owned() }
}

#[test]
fn restoring() {
    modern(async |protocol| {
        at_every_step(
            protocol,
            async |life| {
                let (wallet, _) = with_session(&life.sim, &MemoryStore::new()).await;
                *life.sim.key.borrow_mut() = None;
                let passphrase = "a passphrase for the file".to_owned();
                let file = wallet.back_up(BackUp { passphrase: passphrase.clone() }).await.expect("a file").text;
                Restore { file, file_passphrase: passphrase, passphrase: support::PASSPHRASE.to_owned() }
            },
            async |wallet, restore| wallet.restore(restore.clone()).await.is_ok(),
            async |life, wallet, restore| {
                match wallet.state().await.expect("a state").phase {
                    Phase::New => drop(wallet.restore(restore.clone()).await.expect("a restore")),
                    Phase::Locked => drop(wallet.unlock(support::PASSPHRASE).await.expect("the passphrase")),
                    Phase::Open => {}
                }
                wallet.resume().await.expect("an open wallet");
                let home = support::home(wallet).await;
                assert!(home.sessions.is_empty() && home.waiting.is_empty());
                assert_eq!(life.sim.earth.borrow().bank.available.minor, 10_000);
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

#[test]
fn changing_the_key() {
    modern(async |protocol| {
        at_every_step(
            protocol,
            async |life| bound(&life.sim, &life.store).await.1,
            async |wallet, _| wallet.change_key().await.is_ok(),
            async |life, wallet, instrument| {
                if life.sim.effects("persona-key-change") == 0 {
                    wallet.change_key().await.expect("another key");
                }
                assert_eq!(life.sim.effects("persona-key-change"), 1);
                // The server knows one key: what is signed with another is no message to it.
                wallet.load(load(instrument, "100.00")).await.expect("a load");
                life.sim.assert_in_step(wallet).await;
            },
        )
        .await;
    });
}

fn unknown_session() -> WalletFault {
    WalletFault::refused(protocol::outcome::Problem::SESSION_UNKNOWN)
}
