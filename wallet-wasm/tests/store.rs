//! Every store passes the same suite: the one in memory natively, `IndexedDB` in a worker of headless Chromium.

#[cfg(not(target_arch = "wasm32"))]
mod memory {
    protocol::store_conformance!(tokio::test, protocol::store::MemoryStore::new());
}

#[cfg(target_arch = "wasm32")]
mod indexed_db {
    use std::sync::atomic::{AtomicU32, Ordering};

    use protocol::store::{ChangeSet, Place, Store as _};
    use wallet_wasm::store::IndexedDb;
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    wasm_bindgen_test_configure!(run_in_dedicated_worker);

    /// A name that no test had before.
    fn name() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("test-{}-{}", js_sys::Date::now(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    async fn fresh() -> IndexedDb {
        IndexedDb::open(&name()).await.expect("a database")
    }

    protocol::store_conformance!(wasm_bindgen_test, fresh().await);

    #[wasm_bindgen_test]
    async fn what_was_committed_is_there_when_it_is_opened_again() {
        let name = name();
        let place = Place::new("220-persona", "a");
        let store = IndexedDb::open(&name).await.expect("a database");
        let mut changes = ChangeSet::new();
        changes.put(place.clone(), b"one".to_vec());
        store.commit(changes).await.expect("a commit");
        let before = store.load(place.table, &place.key).await.expect("a store");
        drop(store);
        let store = IndexedDb::open(&name).await.expect("a database");
        assert_eq!(store.load(place.table, &place.key).await.expect("a store"), before);
    }

    #[wasm_bindgen_test]
    async fn two_openings_of_one_database_decide_races() {
        let name = name();
        let one = IndexedDb::open(&name).await.expect("a database");
        let two = IndexedDb::open(&name).await.expect("a database");
        let place = Place::new("220-persona", "a");
        let claim = || {
            let mut changes = ChangeSet::new();
            changes.demand(place.clone(), protocol::store::Condition::Absent);
            changes.put(place.clone(), b"mine".to_vec());
            changes
        };
        one.commit(claim()).await.expect("nobody was here");
        two.commit(claim()).await.expect_err("somebody was");
    }
}
