//! The worker is killed at every step of every procedure. Opened again, the wallet goes on by itself or does what it is
//! asked once more; either way exactly one effect exists, and the books are those of the server.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::store::MemoryStore;
use support::mortal::{MortalStore, lives};
use support::{Sim, SimWallet, account, ask, both, bound, load, open, registration, session, with_session};
use wallet_wasm::fault::WalletFault;

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

fn unknown_session() -> WalletFault {
    WalletFault::refused(protocol::outcome::Problem::SESSION_UNKNOWN)
}
