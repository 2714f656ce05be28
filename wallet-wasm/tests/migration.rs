//! Records of earlier versions are read for ever.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use protocol::Protocol;
use protocol::store::{ChangeSet, MemoryStore, Place, Store as _};
use serde_json::Value;
use support::mortal::{MortalStore, lives};
use support::{Sim, home, open, with_session};
use wallet_wasm::record::{Session, Stored as _};
use wallet_wasm::store::migration::{Schema, migrate};

/// A store as version 1 left it.
async fn of_version_1(sim: &Sim) -> MemoryStore {
    let store = MemoryStore::new();
    with_session(sim, &store).await;
    let mut changes = ChangeSet::new();
    for (key, row) in store.scan(Session::TABLE).await.expect("a store") {
        let mut session: Value = serde_json::from_slice(&row.bytes).expect("a record");
        session.as_object_mut().expect("an object").remove("confirmed_at");
        changes.put(Place::new(Session::TABLE, key), session.to_string().into_bytes());
    }
    store.commit(changes).await.expect("a commit");
    store
}

#[tokio::test]
async fn records_of_version_1_are_brought_up_to_this_one_and_once() {
    let sim = Sim::new(Protocol::V2);
    let store = of_version_1(&sim).await;
    assert!(open(&store, &sim).state().await.is_err(), "they cannot be read as they are");
    migrate(&store).await.expect("a migration");
    let session = home(&open(&store, &sim)).await.sessions.remove(0);
    assert_eq!(session.confirmed_at, session.opened_at);
    let after = store.dump();
    migrate(&store).await.expect("nothing is left to be done");
    assert_eq!(store.dump(), after);
}

#[test]
fn a_worker_that_dies_in_the_middle_has_done_all_or_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for step in 0..3 {
        let sim = Sim::new(Protocol::V2);
        let store = runtime.block_on(of_version_1(&sim));
        sim.life.ends_at(step);
        let mortal = MortalStore { store: store.clone(), life: sim.life.clone() };
        let lived = lives(migrate(&mortal)).is_some();
        assert_eq!(lived, step == 2, "one commit: before and after it");
        sim.life.goes_on();
        runtime.block_on(migrate(&store)).expect("the next worker goes on");
        assert_eq!(runtime.block_on(home(&open(&store, &sim))).sessions.len(), 1);
    }
}

#[tokio::test]
async fn records_of_a_later_version_are_left_alone() {
    let store = MemoryStore::new();
    let mut changes = ChangeSet::new();
    let later = format!(r#"{{"version":{}}}"#, Schema::CURRENT + 1);
    changes.put(Place::new(Schema::TABLE, "wallet"), later.into_bytes());
    store.commit(changes).await.expect("a commit");
    let before = store.dump();
    migrate(&store).await.expect_err("not known here");
    assert_eq!(store.dump(), before);
}
