//! What is loaded together, which a store may hold in memory, is what it says when it is asked one by one.

use protocol::money::Money;
use protocol::value::{Index, SessionId};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use server_stub::store::record::{LogEntry, LogKey, Session, SessionEnd, Transaction};
use server_stub::store::{Account, Change, Condition, SqliteStore, Store};

use crate::bench::{Bench, brian, date, entry, index, log, session, spend, transaction};
use crate::common::{Kind, value};

/// Sessions and indexes of the random histories: few, so that they meet.
const SESSIONS: u64 = 4;
const INDEXES: u64 = 3;
const STEPS: usize = 150;

pub async fn loads_together_say_what_loads_alone_say(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let mut rng = StdRng::seed_from_u64(7);
    let (mut applied, mut refused) = (0, 0);
    for step in 0..STEPS {
        let (conditions, changes) = history(&mut rng, step);
        match bench.commit_if(conditions, changes).await {
            Ok(()) => applied += 1,
            Err(_) => refused += 1,
        }
        // Not after each: what is held must stay right over changes that nobody looked at.
        if step % 2 == 0 {
            compare(&*bench.store).await;
        }
    }
    assert!(applied > STEPS / 4 && refused > STEPS / 10, "{applied} applied, {refused} refused");
}

/// One change set of many kinds; about every third does not apply.
fn history(rng: &mut StdRng, step: usize) -> (Vec<Condition>, Vec<Change>) {
    let (number, at) = (rng.random_range(1..=SESSIONS), index(rng.random_range(1..=INDEXES)));
    let account = Account::Session(number, value("usd"));
    let agency = || Account::Agency(value("usd"));
    let collect = Transaction { payer_session: SessionId::of_number(number), payer_index: at, ..transaction(1) };
    let key = LogKey::Collection(number, at);
    let answer = LogEntry { key, message_hash: [1; 32], response: format!("reply {step}"), date: date() };
    let changes = match rng.random_range(0..10) {
        0..3 => vec![
            Change::Open(Box::new(Session { use_limit: index(60), ..fresh(number + SESSIONS * (step as u64 % 3)) })),
            entry(agency(), Account::Session(number + SESSIONS * (step as u64 % 3), value("usd")), "usd 9.00"),
        ],
        3..6 => vec![Change::Collect(Box::new(collect)), Change::Use(number), entry(account, agency(), "usd 0.10")],
        6..8 => vec![Change::Log(answer), Change::Use(number), entry(agency(), account, "usd 0.20")],
        8 => vec![Change::End(number, date(), SessionEnd::Closed)],
        _ => vec![Change::Memo(number, format!("; {step}"))],
    };
    let below = Condition::SessionUsesBelow { session: number, uses: 59 };
    (if rng.random() { vec![below] } else { Vec::new() }, changes)
}

fn fresh(number: u64) -> Session {
    let nothing = Money::new(value("usd"), 0);
    Session {
        id: SessionId::of_number(number),
        current: nothing,
        opening: nothing,
        persona: brian(),
        ..session(number)
    }
}

async fn compare(store: &dyn Store) {
    let ids: Vec<SessionId> = (1..=3 * SESSIONS + 1).map(SessionId::of_number).collect();
    let keys: Vec<(SessionId, Index)> =
        ids.iter().flat_map(|id| (1..=INDEXES).map(|number| (id.clone(), index(number)))).collect();
    let alone = (store.sessions(&ids).await.expect("a store"), store.collected(&keys).await.expect("a store"));
    for _ in 0..2 {
        assert_eq!(store.sessions_and_collected(&ids, &keys).await.expect("a store"), alone);
    }
    for (id, index) in &keys {
        let key = LogKey::Collection(id.number(), *index);
        let alone = (store.logged(&key).await.expect("a store"), alone.0.get(&id.number()).cloned());
        assert_eq!(store.answer_and_session(&key, id).await.expect("a store"), alone);
    }
}

/// `admin`, or a second server by mistake.
#[tokio::test]
async fn what_another_process_has_written_is_seen_from_the_next_commit_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Bench::over(SqliteStore::open(folder.path()).expect("a store")).await;
    let theirs = SqliteStore::open_beside(folder.path()).expect("a store");
    let (ids, keys) = ([SessionId::of_number(1)], [(SessionId::of_number(1), index(1))]);
    let ours_say = || async { ours.store.sessions_and_collected(&ids, &keys).await.expect("a store") };
    assert_eq!(ours_say().await.0[&1].uses, 0);
    let changes = vec![Change::Collect(Box::new(transaction(1))), Change::Use(1), spend("usd 1.00")];
    theirs.commit(server_stub::store::ChangeSet { conditions: Vec::new(), changes }).await.expect("a payment");
    // What is decided from what was held does not apply, and then the books are asked.
    let stale = ours.commit_if([crate::bench::at(0, "usd 70.00")], [Change::Use(1), spend("usd 2.00")]).await;
    assert!(stale.is_err(), "{stale:?}");
    let (sessions, collected) = ours_say().await;
    assert_eq!((sessions[&1].uses, sessions[&1].current.minor, collected.len()), (1, 69_00, 1));
    ours.commit([log(1)]).await.expect("an answer");
    compare(&*ours.store).await;
}
