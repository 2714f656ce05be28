//! What every store has to do: one suite of named tests, run on each by [`store_conformance!`](crate::store_conformance).

use super::{ChangeSet, CommitFault, Condition, Place, Store};

const TABLE: &str = "220-persona";
const OTHER: &str = "240-session";
const EMPTY: &str = "280-container";

fn place(key: &str) -> Place {
    Place::new(TABLE, key)
}

async fn put(store: &impl Store, key: &str, bytes: &[u8]) -> u64 {
    let mut changes = ChangeSet::new();
    changes.put(place(key), bytes.to_vec());
    store.commit(changes).await.expect("a commit without conditions");
    version(store, key).await.expect("what was put")
}

async fn version(store: &impl Store, key: &str) -> Option<u64> {
    store.load(TABLE, key).await.expect("a store that can be read").map(|row| row.version)
}

async fn bytes(store: &impl Store, key: &str) -> Option<Vec<u8>> {
    store.load(TABLE, key).await.expect("a store that can be read").map(|row| row.bytes)
}

/// An empty store knows nothing.
pub async fn starts_empty(store: impl Store) {
    assert_eq!(bytes(&store, "a").await, None);
    assert!(store.scan(TABLE).await.expect("a scan").is_empty());
}

/// What is put is loaded again; a second put replaces it.
pub async fn reads_back_what_was_put(store: impl Store) {
    put(&store, "a", b"one").await;
    assert_eq!(bytes(&store, "a").await.as_deref(), Some(&b"one"[..]));
    put(&store, "a", &[0, 255, 13, 10]).await;
    assert_eq!(bytes(&store, "a").await, Some(vec![0, 255, 13, 10]));
    put(&store, "a", b"").await;
    assert_eq!(bytes(&store, "a").await, Some(Vec::new()));
}

/// Versions grow, and are not used twice, not even after the record was deleted.
pub async fn versions_are_never_used_twice(store: impl Store) {
    let first = put(&store, "a", b"one").await;
    let second = put(&store, "a", b"one").await;
    assert!(second > first, "{second} after {first}");
    let mut changes = ChangeSet::new();
    changes.delete(place("a"));
    store.commit(changes).await.expect("a commit without conditions");
    assert_eq!(version(&store, "a").await, None);
    let third = put(&store, "a", b"one").await;
    assert!(third > second, "{third} after {second}");
}

/// A scan yields one table, in the order of its keys.
pub async fn scans_in_order_of_keys(store: impl Store) {
    for key in ["b", "a", "10", "2", "ä"] {
        put(&store, key, key.as_bytes()).await;
    }
    let mut changes = ChangeSet::new();
    changes.put(Place::new(OTHER, "a"), b"elsewhere".to_vec());
    store.commit(changes).await.expect("a commit without conditions");
    let scanned = store.scan(TABLE).await.expect("a scan");
    let keys: Vec<&str> = scanned.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["10", "2", "a", "b", "ä"]);
    assert!(scanned.iter().all(|(key, row)| key.as_bytes() == row.bytes));
}

/// A snapshot yields each table that it was asked for, in that order, an empty one too.
pub async fn a_snapshot_holds_the_tables_asked_for(store: impl Store) {
    put(&store, "a", b"one").await;
    put(&store, "b", b"two").await;
    let mut changes = ChangeSet::new();
    changes.put(Place::new(OTHER, "c"), b"three".to_vec());
    store.commit(changes).await.expect("a commit without conditions");
    let tables = store.snapshot(&[OTHER, EMPTY, TABLE]).await.expect("a snapshot");
    let read: Vec<Vec<_>> = tables
        .iter()
        .map(|rows| rows.iter().map(|(key, row)| (key.as_str(), row.bytes.as_slice())).collect())
        .collect();
    assert_eq!(read, [vec![("c", &b"three"[..])], vec![], vec![("a", b"one"), ("b", b"two")]]);
    assert!(store.snapshot(&[]).await.expect("a snapshot of nothing").is_empty());
}

/// A snapshot never holds one half of a commit without the other.
pub async fn a_snapshot_is_of_one_moment(store: impl Store) {
    for round in 0_u8..20 {
        let mut changes = ChangeSet::new();
        changes.put(Place::new(OTHER, "a"), vec![round]);
        changes.put(place("a"), vec![round]);
        let (committed, tables) = join(store.commit(changes), store.snapshot(&[TABLE, OTHER])).await;
        committed.expect("a commit without conditions");
        let tables = tables.expect("a snapshot");
        let bytes = |rows: &super::Rows| rows.first().map(|(_, row)| row.bytes.clone());
        assert_eq!(bytes(&tables[0]), bytes(&tables[1]), "round {round}");
    }
}

/// Deleting what is not there is no fault.
pub async fn deletes_what_is_there_or_not(store: impl Store) {
    put(&store, "a", b"one").await;
    for _ in 0..2 {
        let mut changes = ChangeSet::new();
        changes.delete(place("a"));
        store.commit(changes).await.expect("a commit without conditions");
        assert_eq!(bytes(&store, "a").await, None);
    }
}

/// Changes of one set are applied in their order.
pub async fn applies_changes_in_order(store: impl Store) {
    let mut changes = ChangeSet::new();
    changes.put(place("a"), b"one".to_vec());
    changes.delete(place("a"));
    changes.put(place("b"), b"one".to_vec());
    changes.put(place("b"), b"two".to_vec());
    store.commit(changes).await.expect("a commit without conditions");
    assert_eq!(bytes(&store, "a").await, None);
    assert_eq!(bytes(&store, "b").await.as_deref(), Some(&b"two"[..]));
}

/// A condition that holds lets the commit through; one that does not stops all of it, across tables.
pub async fn a_conflict_changes_nothing(store: impl Store) {
    let read = put(&store, "a", b"one").await;
    let mut stale = ChangeSet::new();
    stale.put(Place::new(OTHER, "x"), b"must not appear".to_vec());
    stale.put(place("b"), b"must not appear".to_vec());
    stale.delete(place("a"));
    stale.demand(place("a"), Condition::Version(read));
    put(&store, "a", b"two").await;
    let Err(CommitFault::Conflict(conflict)) = store.commit(stale).await else { panic!("a conflict expected") };
    assert_eq!((conflict.place, conflict.expected), (place("a"), Condition::Version(read)));
    assert_eq!(conflict.found, version(&store, "a").await);
    assert_eq!(bytes(&store, "a").await.as_deref(), Some(&b"two"[..]));
    assert_eq!(bytes(&store, "b").await, None);
    assert!(store.scan(OTHER).await.expect("a scan").is_empty());
}

/// `Absent` holds only where nothing is; `Version` does not hold where nothing is.
pub async fn absence_is_a_condition(store: impl Store) {
    let claim = || {
        let mut changes = ChangeSet::new();
        changes.demand(place("a"), Condition::Absent);
        changes.put(place("a"), b"mine".to_vec());
        changes
    };
    store.commit(claim()).await.expect("nobody was here");
    assert!(matches!(store.commit(claim()).await, Err(CommitFault::Conflict(_))));
    let mut changes = ChangeSet::new();
    changes.demand(place("b"), Condition::Version(1));
    changes.put(place("b"), b"mine".to_vec());
    assert!(matches!(store.commit(changes).await, Err(CommitFault::Conflict(_))));
}

/// Of two commits that were computed from the same record, one wins.
pub async fn one_of_two_writers_wins(store: impl Store) {
    let read = put(&store, "a", b"70.00").await;
    let spend = |left: &[u8]| {
        let mut changes = ChangeSet::new();
        changes.demand(place("a"), Condition::Version(read));
        changes.put(place("a"), left.to_vec());
        changes
    };
    let (one, two) = (store.commit(spend(b"27.50")), store.commit(spend(b"30.00")));
    let (one, two) = join(one, two).await;
    assert!(one.is_ok() != two.is_ok(), "{one:?} and {two:?}");
    let left: &[u8] = if one.is_ok() { b"27.50" } else { b"30.00" };
    assert_eq!(bytes(&store, "a").await.as_deref(), Some(left));
}

/// Runs two futures side by side.
async fn join<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(move |context| {
        if left.is_none()
            && let std::task::Poll::Ready(output) = a.as_mut().poll(context)
        {
            left = Some(output);
        }
        if right.is_none()
            && let std::task::Poll::Ready(output) = b.as_mut().poll(context)
        {
            right = Some(output);
        }
        match (left.take(), right.take()) {
            (Some(left), Some(right)) => std::task::Poll::Ready((left, right)),
            (l, r) => {
                (left, right) = (l, r);
                std::task::Poll::Pending
            }
        }
    })
    .await
}

/// Makes one test of each: `store_conformance!(tokio::test, MemoryStore::new())`, where the second is an expression that
/// yields a fresh store and may await.
#[macro_export]
macro_rules! store_conformance {
    ($test:meta, $fresh:expr) => {
        $crate::store_conformance! { @all $test, $fresh,
            starts_empty reads_back_what_was_put versions_are_never_used_twice scans_in_order_of_keys
            a_snapshot_holds_the_tables_asked_for a_snapshot_is_of_one_moment deletes_what_is_there_or_not
            applies_changes_in_order a_conflict_changes_nothing absence_is_a_condition one_of_two_writers_wins
        }
    };
    (@all $test:meta, $fresh:expr, $($name:ident)*) => {
        $($crate::store_conformance! { @one $test, $fresh, $name })*
    };
    (@one $test:meta, $fresh:expr, $name:ident) => {
        #[$test]
        async fn $name() {
            $crate::store::conformance::$name($fresh).await;
        }
    };
}
