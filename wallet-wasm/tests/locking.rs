//! The vault opens by its passphrase alone, and locks by button, idle time and restart of the browser.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::store::{MemoryStore, Store as _};
use support::{PASSPHRASE, Sim, ask, open, with_session};
use wallet_messages::{ChangePassphrase, Phase, SetLock};
use wallet_wasm::fault::WalletFault;
use wallet_wasm::record::Stored as _;
use wallet_wasm::vault::{Cost, VaultFault, VaultRecord};
use wallet_wasm::wallet::Wallet;
use wallet_wasm::world::PageOutcome;

async fn cost(store: &MemoryStore) -> Cost {
    let row = store.load(VaultRecord::TABLE, VaultRecord::KEY).await.expect("a store").expect("a vault");
    serde_json::from_slice::<VaultRecord>(&row.bytes).expect("a vault").cost()
}

#[tokio::test]
async fn an_idle_wallet_locks_itself_and_the_shop_is_told() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
    sim.wait(10 * 60);
    wallet.touch().await.expect("a store");
    sim.wait(10 * 60);
    assert_eq!(wallet.state().await.expect("a state").phase, Phase::Open, "the shopper was here");
    assert!(wallet.wake_in_minutes().await.expect("a store").is_some_and(|minutes| minutes <= 6), "an alarm is set");
    sim.wait(5 * 60);
    assert_eq!(wallet.approve(&request).await, Err(WalletFault::Locked), "before any alarm rings");
    // The alarm.
    assert_eq!(wallet.resume().await, Err(WalletFault::Locked));
    assert_eq!(sim.earth.borrow().outcomes, [("order-1".to_owned(), PageOutcome::CANCELLED)]);
    assert_eq!(*sim.key.borrow(), None, "nothing is kept");
    assert_eq!(sim.effects("cash-payment"), 0);
}

#[tokio::test]
async fn a_worker_that_starts_after_the_time_is_locked() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    drop(wallet);
    assert_eq!(open(&store, &sim).state().await.expect("a state").phase, Phase::Open);
    sim.wait(15 * 60);
    assert_eq!(open(&store, &sim).state().await.expect("a state").phase, Phase::Locked);
    // A browser that was started anew has kept nothing.
    let fresh = Wallet::new(store.clone(), sim.clone(), "run-2", None);
    assert_eq!(fresh.state().await.expect("a state").phase, Phase::Locked);
}

#[tokio::test]
async fn the_time_is_a_setting() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    for minutes in [0, 481, u32::MAX] {
        assert_eq!(wallet.set_lock(SetLock { minutes }).await, Err(WalletFault::FieldForm("minutes")));
    }
    assert_eq!(wallet.set_lock(SetLock { minutes: 60 }).await.expect("a setting").lock_minutes, 60);
    sim.wait(59 * 60);
    assert_eq!(wallet.state().await.expect("a state").phase, Phase::Open);
    sim.wait(60);
    assert_eq!(wallet.state().await.expect("a state").phase, Phase::Locked);
}

#[tokio::test]
async fn a_change_of_passphrase_rewrites_one_record() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    let before = store.dump();
    let change = |old: &str, new: &str| ChangePassphrase { old: old.to_owned(), new: new.to_owned() };
    let wrong = WalletFault::Vault(VaultFault::PassphraseWrong);
    assert_eq!(wallet.change_passphrase(change("enterprisf", "a better one")).await, Err(wrong.clone()));
    let short = WalletFault::Vault(VaultFault::PassphraseShort);
    assert_eq!(wallet.change_passphrase(change(PASSPHRASE, "1234567")).await, Err(short));
    assert_eq!(store.dump(), before, "what is refused changes nothing");
    wallet.change_passphrase(change(PASSPHRASE, "a better one")).await.expect("a change");
    let changed: Vec<_> = store.dump().into_iter().filter(|row| !before.contains(row)).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    wallet.lock().await.expect("a lock");
    assert_eq!(wallet.unlock(PASSPHRASE).await, Err(wrong));
    wallet.unlock("a better one").await.expect("the new passphrase");
    let request = ask(&wallet, &sim, "order-1", "usd 42.50").await.expect("an approval");
    wallet.approve(&request).await.expect("what was sealed opens as before");
}

#[tokio::test]
async fn the_cost_is_what_the_machine_affords_and_is_only_raised() {
    let (sim, store) = (Sim::new(Protocol::V2), MemoryStore::new());
    let (wallet, _) = with_session(&sim, &store).await;
    assert_eq!(cost(&store).await, Cost::LEAST, "a slow machine");
    sim.slowness.set(1);
    wallet.unlock(PASSPHRASE).await.expect("the passphrase");
    assert_eq!(cost(&store).await, Cost::BEST, "a fast one");
    sim.slowness.set(5_000);
    wallet.unlock(PASSPHRASE).await.expect("the same passphrase");
    let change = ChangePassphrase { old: PASSPHRASE.to_owned(), new: "a better one".to_owned() };
    wallet.change_passphrase(change).await.expect("a change");
    assert_eq!(cost(&store).await, Cost::BEST, "never lowered");
}

#[test]
fn a_second_is_the_measure() {
    for (took, cost) in [(0, Cost::BEST), (197, Cost::BEST), (199, Cost { memory_kib: 65_536, passes: 2, lanes: 1 })] {
        assert_eq!(Cost::LEAST.affordable(took), cost, "{took} ms");
    }
    assert_eq!(Cost::LEAST.affordable(400), Cost { memory_kib: 46 * 1024, passes: 2, lanes: 1 });
    assert_eq!(Cost::LEAST.affordable(60_000), Cost::LEAST);
    assert_eq!(Cost::BEST.raised_to(Cost::LEAST), Cost::BEST);
}
