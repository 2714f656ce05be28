//! What every store has to do: one suite of named tests, run on each.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Kind, START, money, value};
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::PublicKey;
use protocol::money::Money;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Function, Index, SessionId};
use server_stub::store::record::{
    Attempts, Challenge, Entry, Instrument, InstrumentId, InstrumentStatus, LogEntry, LogKey, Movement, Persona,
    PersonaStatus, Reason, Report, Session, SessionEnd, SessionStatus, Transaction,
};
use server_stub::store::{
    Account, Change, ChangeSet, CommitError, Condition, Conflict, MemoryStore, SqliteStore, Store,
};

/// A store, and the folder that goes when it goes.
struct Bench {
    store: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Memory => Self { store: Arc::new(MemoryStore::new()), _folder: None },
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a folder");
                Self { store: Arc::new(SqliteStore::open(folder.path()).expect("a store")), _folder: Some(folder) }
            }
        }
    }

    async fn commit(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), Conflict> {
        self.commit_if([], changes).await
    }

    async fn commit_if(
        &self,
        conditions: impl IntoIterator<Item = Condition>,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(), Conflict> {
        let conditions = conditions.into_iter().collect();
        let set = ChangeSet { conditions, changes: changes.into_iter().collect() };
        self.store.commit(set).await.map_err(|error| match error {
            CommitError::Conflict(conflict) => conflict,
            other => panic!("{other}"),
        })
    }

    /// A persona with a hundred dollars, and a session with seventy of them.
    async fn with_session(kind: Kind) -> Self {
        let bench = Self::new(kind);
        let container = Account::Container(brian(), value("usd"));
        let changes = [
            Change::Register(Box::new(persona())),
            entry(Account::Agency(value("usd")), container.clone(), "usd 100.00"),
            Change::Open(Box::new(session(1))),
            entry(container, session(1).account(), "usd 70.00"),
        ];
        bench.commit(changes).await.expect("a start");
        bench
    }

    async fn session(&self, number: u64) -> Session {
        let found = self.store.sessions(&[SessionId::of_number(number)]).await.expect("a store");
        found[&number].clone()
    }

    async fn available(&self) -> Money {
        let file = self.store.persona(&brian()).await.expect("a store").expect("a persona");
        file.containers[&value("usd")].available
    }
}

fn brian() -> PersonaId {
    value("brianb-40")
}

fn date() -> Date {
    value(START)
}

fn index(number: u64) -> Index {
    Index::of(number).expect("an index")
}

fn persona() -> Persona {
    Persona {
        id: brian(),
        email: "brianb@reality.example".to_owned(),
        protocol: Protocol::V2,
        public_key: PublicKey::of_spki(vec![1, 2, 3]),
        key_name: "name".to_owned(),
        registered: date(),
        language: "en-us".to_owned(),
        default_currency: value("usd"),
        autoclose: Some(vec![4; 32]),
        agreements: BTreeSet::from([75, 123]),
        status: PersonaStatus::Active,
        revision: 0,
    }
}

fn session(number: u64) -> Session {
    Session {
        id: SessionId::of_number(number),
        protocol: Protocol::V2,
        secrets: SessionSecrets { key: vec![5; 32].into(), salt: vec![6; 32].into() },
        opening: money("usd 70.00"),
        current: money("usd 70.00"),
        opened: date(),
        lifetime_minutes: 120,
        use_limit: index(3),
        uses: 0,
        persona: brian(),
        status: SessionStatus::Open,
        memo: "Christmas".to_owned(),
    }
}

fn instrument() -> Instrument {
    Instrument {
        id: InstrumentId(1),
        kind: "dda".to_owned(),
        sealed_number: Some(vec![1, 2]),
        agreements: BTreeSet::new(),
        prefix: "055654".to_owned(),
        hash: vec![7; 32],
        keyed_hash: vec![8; 32],
        bound: date(),
        first_used: None,
        status: InstrumentStatus::Enabled,
        enabled_from: date().plus_secs(10),
        functions: BTreeSet::from([Function::Load, Function::Unload]),
        autoclose: true,
    }
}

fn transaction(number: u64) -> Transaction {
    Transaction {
        payer_session: SessionId::of_number(1),
        payer_index: index(number),
        payer: brian(),
        payee_session: SessionId::of_number(2),
        payee_index: index(9),
        payee: value("acme-82"),
        order_id: value("1231-3424-234242"),
        charged: money("usd 42.50"),
        credited: money("cad 54.25"),
        opaque_hash: [3; 32],
        date: date(),
    }
}

fn entry(debit: Account, credit: Account, amount: &str) -> Change {
    let (date, reason, amount) = (date(), Reason::Open, money(amount));
    Change::Journal(Entry { date, reason, debit, credit, amount, reference: String::new() })
}

/// Out of session 1, to the house.
fn spend(amount: &str) -> Change {
    entry(session(1).account(), Account::Fees(value("usd")), amount)
}

fn at(uses: u32, current: &str) -> Condition {
    Condition::SessionIs { session: 1, uses, current: money(current) }
}

fn log(hash: u8) -> Change {
    let key = LogKey::Collection(1, index(1));
    Change::Log(LogEntry { key, message_hash: [hash; 32], response: format!("reply {hash}"), date: date() })
}

async fn a_persona_is_loaded_as_it_was_stored(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let challenge = Challenge {
        id: "challenge".to_owned(),
        asked: date(),
        wrong_answers: 2,
        binding: Instrument { sealed_number: None, ..instrument() },
        sealed_number: vec![9],
        salt: vec![1; 8],
        questions: vec!["One?".to_owned(), "Two?".to_owned()],
    };
    let changes = [
        Change::PutInstrument(brian(), Box::new(instrument())),
        Change::PutChallenge(brian(), Box::new(challenge.clone())),
    ];
    bench.commit(changes).await.expect("a change");
    let file = bench.store.persona(&brian()).await.expect("a store").expect("a persona");
    assert_eq!(file.persona, persona());
    assert_eq!(file.instruments, [instrument()]);
    assert_eq!(file.challenges, [challenge]);
    assert_eq!(file.sessions, [session(1)]);
    assert_eq!(file.containers[&value("usd")].available, money("usd 30.00"));
    assert_eq!(bench.store.persona(&value("zz-66")).await, Ok(None));
    bench.commit([Change::RemoveChallenge(brian(), "challenge".to_owned())]).await.expect("a change");
    assert_eq!(bench.store.persona(&brian()).await.expect("a store").expect("a persona").challenges, []);
}

async fn an_id_is_taken_once(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let again = bench.commit([Change::Register(Box::new(persona()))]).await;
    assert_eq!(again, Err(Conflict::PersonaExists(brian())));
    let taken = bench.store.taken(&[brian(), value("zz-66")]).await.expect("a store");
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), [brian()]);
}

async fn a_revision_guards_a_persona(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let is = |revision| Condition::PersonaIs(brian(), revision);
    assert_eq!(bench.commit_if([is(0)], [Change::Revise(brian())]).await, Ok(()));
    let late = bench.commit_if([is(0)], [Change::Revise(brian())]).await;
    assert_eq!(late, Err(Conflict::PersonaChanged(brian())));
    let closed = Persona { status: PersonaStatus::Closed, email: "new".to_owned(), ..persona() };
    bench.commit_if([is(1)], [Change::Update(Box::new(closed.clone()))]).await.expect("a change");
    let found = bench.store.persona(&brian()).await.expect("a store").expect("a persona").persona;
    assert_eq!(found, Persona { revision: 1, ..closed });
}

async fn owned_accounts_are_never_below_zero(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    assert_eq!(bench.commit([spend("usd 70.01")]).await, Err(Conflict::Overdrawn(session(1).account())));
    let container = Account::Container(brian(), value("usd"));
    let out = entry(container.clone(), Account::Agency(value("usd")), "usd 30.01");
    assert_eq!(bench.commit([out]).await, Err(Conflict::Overdrawn(container)));
    let held = Account::OnHold(brian(), value("usd"));
    let out = entry(held.clone(), Account::Bank(value("usd")), "usd 0.01");
    assert_eq!(bench.commit([out]).await, Err(Conflict::Overdrawn(held)));
    assert_eq!(bench.commit([spend("usd 70.00")]).await, Ok(()));
}

async fn a_change_set_applies_whole_or_not_at_all(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    bench.commit([log(1)]).await.expect("a log");
    let changes = [
        spend("usd 10.00"),
        Change::Use(1),
        Change::Collect(Box::new(transaction(1))),
        Change::Memo(1, "; more".to_owned()),
        log(2),
    ];
    assert_eq!(bench.commit(changes).await, Err(Conflict::LogKeyUsed));
    assert_eq!(bench.session(1).await, session(1));
    let keys = [(SessionId::of_number(1), index(1))];
    assert!(bench.store.collected(&keys).await.expect("a store").is_empty());
}

async fn entries_that_are_none_are_refused(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let (usd, cad) = (Account::Fees(value("usd")), Account::Fees(value("cad")));
    let negative = Money { minor: -1, ..money("usd 0.00") };
    for (debit, credit, amount) in [(usd.clone(), cad, money("usd 1.00")), (usd.clone(), usd, negative)] {
        let reference = String::new();
        let entry = Entry { date: date(), reason: Reason::Open, debit, credit, amount, reference };
        let mut set = ChangeSet::default();
        set.push(Change::Journal(entry));
        assert!(matches!(bench.store.commit(set).await, Err(CommitError::Store(_))));
    }
}

async fn a_session_stands_as_expected(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let changed = Err(Conflict::SessionChanged(1));
    assert_eq!(bench.commit_if([at(1, "usd 70.00")], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([at(0, "usd 69.99")], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([at(0, "usd 70.00")], [Change::Use(1)]).await, Ok(()));
    let below = |uses| Condition::SessionUsesBelow { session: 1, uses };
    assert_eq!(bench.commit_if([below(1)], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([below(2)], [Change::Use(1)]).await, Ok(()));
    assert_eq!(bench.commit([Change::Use(1), Change::Use(1)]).await, changed, "more uses than there are");
    assert_eq!(bench.session(1).await.uses, 2);
    assert_eq!(bench.commit([Change::Use(99)]).await, Err(Conflict::SessionChanged(99)));
}

async fn a_session_ends_empty_and_for_good(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let end = |why| Change::End(1, date(), why);
    assert_eq!(bench.commit([end(SessionEnd::Closed)]).await, Err(Conflict::NotEmpty(1)));
    let back = || entry(session(1).account(), Account::Container(brian(), value("usd")), "usd 70.00");
    assert_eq!(bench.commit([back(), end(SessionEnd::UsedUp)]).await, Ok(()));
    assert_eq!(bench.session(1).await.status, SessionStatus::Ended(date(), SessionEnd::UsedUp));
    assert_eq!(bench.available().await, money("usd 100.00"));
    let changed = Err(Conflict::SessionChanged(1));
    assert_eq!(bench.commit([end(SessionEnd::Closed)]).await, changed);
    assert_eq!(bench.commit([Change::Use(1)]).await, changed);
    let into = entry(Account::Agency(value("usd")), session(1).account(), "usd 1.00");
    assert_eq!(bench.commit([into]).await, changed, "no money goes into a session that ended");
    let file = bench.store.persona(&brian()).await.expect("a store").expect("a persona");
    assert_eq!(file.sessions, [], "open ones only");
    assert_eq!(bench.commit([Change::Open(Box::new(session(1)))]).await, Err(Conflict::SessionExists(1)));
}

async fn an_index_is_used_once(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    bench.commit([Change::Collect(Box::new(transaction(2)))]).await.expect("a payment");
    let again = Transaction { order_id: value("other"), ..transaction(2) };
    assert_eq!(bench.commit([Change::Collect(Box::new(again))]).await, Err(Conflict::IndexUsed(1, 2)));
    bench.commit([Change::Collect(Box::new(transaction(1)))]).await.expect("a payment");
    let keys = [1, 2, 3].map(|number| (SessionId::of_number(1), index(number)));
    let found = bench.store.collected(&keys).await.expect("a store");
    assert_eq!((found.len(), &found[&(1, 2)]), (2, &transaction(2)));
}

async fn a_history_has_the_newest_of_both_sides(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    for number in 1..=3_u8 {
        let later = date().plus_secs(number.into());
        let transaction = Transaction { date: later, ..transaction(number.into()) };
        bench.commit([Change::Collect(Box::new(transaction))]).await.expect("a payment");
    }
    for (session, limit, expected) in [(1, 9, vec![1, 2, 3]), (2, 2, vec![2, 3]), (3, 9, vec![])] {
        let found = bench.store.history(&SessionId::of_number(session), limit).await.expect("a store");
        assert_eq!(found.iter().map(|t| u64::from(t.payer_index.get())).collect::<Vec<_>>(), expected);
    }
}

async fn a_message_is_answered_once(kind: Kind) {
    let bench = Bench::new(kind);
    bench.commit([log(1)]).await.expect("a log");
    assert_eq!(bench.commit([log(1)]).await, Err(Conflict::LogKeyUsed));
    let found = bench.store.logged(&LogKey::Collection(1, index(1))).await.expect("a store").expect("an entry");
    assert_eq!((found.message_hash, found.response.as_str()), ([1; 32], "reply 1"));
    // Keys of other kinds are other keys, and u64 is not too much.
    for key in [
        LogKey::Collection(1, index(2)),
        LogKey::Collection(u64::MAX, index(1)),
        LogKey::Registration("1".to_owned(), 1),
        LogKey::Persona(brian(), 1),
    ] {
        assert_eq!(bench.store.logged(&key).await, Ok(None), "{key:?}");
    }
}

async fn loads_count_within_a_window_and_clear(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let movement = |amount: &str, seconds, clears| Movement {
        persona: brian(),
        instrument: InstrumentId(1),
        date: date().plus_secs(seconds),
        amount: value::<protocol::money::SignedMoney>(amount).0,
        clears,
    };
    let clears = Some(date().plus_secs(30));
    let changes = [
        movement("usd 10.00", 0, None),
        movement("usd -4.00", 10, None),
        movement("usd 20.00", 10, clears),
        movement("jpy 500", 10, None),
    ];
    bench.commit(changes.map(Change::Move)).await.expect("changes");
    for (seconds, sum) in [(0, 3_000), (1, 2_000), (11, 0)] {
        let since = date().plus_secs(seconds);
        let loaded = bench.store.loaded_since(&brian(), InstrumentId(1), value("usd"), since).await;
        assert_eq!(loaded, Ok(sum), "since {seconds}");
    }
    assert_eq!(bench.store.loaded_since(&brian(), InstrumentId(2), value("usd"), date()).await, Ok(0));
    assert_eq!(bench.store.due(date().plus_secs(29), 9).await, Ok(vec![]));
    assert_eq!(bench.store.due(date().plus_secs(30), 9).await, Ok(vec![brian()]));
    let pending = bench.store.persona(&brian()).await.expect("a store").expect("a persona").pending;
    assert_eq!((pending.len(), pending[0].amount), (1, money("usd 20.00")));
    let cleared = || [Change::Cleared(pending[0].id)];
    assert_eq!(bench.commit(cleared()).await, Ok(()));
    assert_eq!(bench.commit(cleared()).await, Err(Conflict::LoadCleared(pending[0].id)));
    assert_eq!(bench.store.due(date().plus_secs(30), 9).await, Ok(vec![]));
}

async fn sessions_are_due_after_their_last_millisecond(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let last = session(1).expires();
    assert_eq!(bench.store.due(last, 9).await, Ok(vec![]));
    let after = Date::from_millis(last.millis() + 1);
    assert_eq!(bench.store.due(after, 9).await, Ok(vec![brian()]));
    assert_eq!(bench.store.due(after, 0).await, Ok(vec![]));
}

async fn new_numbers_are_new(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let first = bench.store.new_session_id().await.expect("a number");
    let second = bench.store.new_session_id().await.expect("a number");
    assert!(first != second);
    let found = bench.store.sessions(&[first, second, SessionId::of_number(u64::MAX)]).await;
    assert!(found.expect("a store").is_empty());
}

async fn attempts_are_counted_one_by_one(kind: Kind) {
    let bench = Bench::new(kind);
    let count = |wrong| Attempts { since: date(), wrong };
    let attempt = |before, after| Change::Attempts { id: brian(), before, after };
    assert_eq!(bench.commit([attempt(None, count(1))]).await, Ok(()));
    let raced = bench.commit([attempt(None, count(1))]).await;
    assert_eq!(raced, Err(Conflict::AttemptsChanged(brian())));
    assert_eq!(bench.commit([attempt(Some(count(1)), count(2))]).await, Ok(()));
    assert_eq!(bench.store.attempts(&brian()).await, Ok(Some(count(2))));
    assert_eq!(bench.store.attempts(&value("zz-66")).await, Ok(None));
}

async fn the_same_report_is_one(kind: Kind) {
    let bench = Bench::new(kind);
    let report = Report {
        message_hash: [1; 32],
        date: date(),
        persona: Some(brian()),
        problem: "form".to_owned(),
        diagnosis: String::new(),
        received: "x".to_owned(),
    };
    for _ in 0..2 {
        assert_eq!(bench.commit([Change::Report(Box::new(report.clone()))]).await, Ok(()));
    }
}

async fn of_many_at_once_each_stands_or_falls_alone(kind: Kind) {
    let bench = Arc::new(Bench::with_session(kind).await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let bench = bench.clone();
        tasks.spawn(async move { bench.commit([spend("usd 1.00")]).await.is_ok() });
    }
    let done = tasks.join_all().await.into_iter().filter(|done| *done).count();
    assert_eq!(done, 70, "as often as the session holds a dollar");
    assert_eq!(bench.session(1).await.current, money("usd 0.00"));
}

/// Runs the suite on a store.
macro_rules! conformance {
    ($store:ident, $kind:expr, [$($name:ident)*]) => {
        mod $store {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name($kind).await;
            })*
        }
    };
}

macro_rules! every_store {
    ($($name:ident)*) => {
        conformance! { memory, crate::common::Kind::Memory, [$($name)*] }
        conformance! { sqlite, crate::common::Kind::Sqlite, [$($name)*] }
    };
}

every_store! {
    a_persona_is_loaded_as_it_was_stored
    an_id_is_taken_once
    a_revision_guards_a_persona
    owned_accounts_are_never_below_zero
    a_change_set_applies_whole_or_not_at_all
    entries_that_are_none_are_refused
    a_session_stands_as_expected
    a_session_ends_empty_and_for_good
    an_index_is_used_once
    a_history_has_the_newest_of_both_sides
    a_message_is_answered_once
    loads_count_within_a_window_and_clear
    sessions_are_due_after_their_last_millisecond
    new_numbers_are_new
    attempts_are_counted_one_by_one
    the_same_report_is_one
    of_many_at_once_each_stands_or_falls_alone
}

#[tokio::test]
async fn a_file_keeps_what_was_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let store = SqliteStore::open(folder.path()).expect("a store");
        let fresh = store.new_session_id().await.expect("a number");
        assert_eq!(fresh.number(), round + 1, "numbers go on where they were");
        let mut set = ChangeSet::default();
        if round == 0 {
            set.push(Change::Register(Box::new(persona())));
        }
        set.push(Change::Open(Box::new(session(fresh.number()))));
        store.commit(set).await.expect("a session");
        let file = store.persona(&brian()).await.expect("a store").expect("a persona");
        assert_eq!(file.sessions.len() as u64, round + 1);
    }
}
