//! A store to test, and the records that go into it.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::PublicKey;
use protocol::money::Money;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Function, Index, SessionId};
use server_stub::store::record::{
    Entry, Instrument, InstrumentId, InstrumentStatus, Limit, LogEntry, LogKey, Persona, PersonaStatus, Reason,
    Session, SessionStatus, Transaction,
};
use server_stub::store::{Account, Change, ChangeSet, CommitError, Condition, Conflict, SqliteStore, Store};

use crate::common::{Data, Kind, START, fresh_store, money, value};

/// A store, and its data, which go when it goes.
pub struct Bench {
    pub store: Arc<dyn Store>,
    _data: Option<Data>,
}

impl Bench {
    pub fn new(kind: Kind) -> Self {
        let (store, data) = fresh_store(kind);
        Self { store, _data: data }
    }

    pub async fn commit(&self, changes: impl IntoIterator<Item = Change>) -> Result<(), Conflict> {
        self.commit_if([], changes).await
    }

    pub async fn commit_if(
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
    pub async fn with_session(kind: Kind) -> Self {
        Self::new(kind).begun().await
    }

    /// The same over a file of the test's own.
    pub async fn over(store: SqliteStore) -> Self {
        Self { store: Arc::new(store), _data: None }.begun().await
    }

    async fn begun(self) -> Self {
        let container = Account::Container(brian(), value("usd"));
        let changes = [
            Change::Register(Box::new(persona())),
            entry(Account::Agency(value("usd")), container.clone(), "usd 100.00"),
            Change::Open(Box::new(session(1))),
            entry(container, session(1).account(), "usd 70.00"),
        ];
        self.commit(changes).await.expect("a start");
        self
    }

    pub async fn session(&self, number: u64) -> Session {
        let found = self.store.sessions(&[SessionId::of_number(number)]).await.expect("a store");
        found[&number].clone()
    }

    pub async fn available(&self) -> Money {
        let file = self.store.persona(&brian()).await.expect("a store").expect("a persona");
        file.containers[&value("usd")].available
    }
}

pub fn brian() -> PersonaId {
    value("brianb-40")
}

pub fn date() -> Date {
    value(START)
}

pub fn index(number: u64) -> Index {
    Index::of(number).expect("an index")
}

pub fn persona() -> Persona {
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

pub fn session(number: u64) -> Session {
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

pub fn instrument() -> Instrument {
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
        status: InstrumentStatus::PendingSignature,
        enabled_from: date().plus_secs(10),
        functions: BTreeSet::from([Function::Load, Function::Unload]),
        limits: [
            (Function::Charge, Limit { once: Some(0), window: Some(7), hours: 1 }),
            (Function::Credit, Limit { once: None, window: None, hours: Limit::MAX_HOURS }),
            (Function::Unload, Limit { once: Some(20), window: None, hours: 24 }),
        ]
        .into(),
        autoclose: true,
    }
}

pub fn transaction(number: u64) -> Transaction {
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
        fee: money("cad 0.25"),
        opaque_hash: [3; 32],
        date: date(),
    }
}

pub fn entry(debit: Account, credit: Account, amount: &str) -> Change {
    let (date, reason, amount) = (date(), Reason::Open, money(amount));
    Change::Journal(Entry { date, reason, debit, credit, amount, reference: String::new() })
}

/// Out of session 1, to the house.
pub fn spend(amount: &str) -> Change {
    entry(session(1).account(), Account::Fees(value("usd")), amount)
}

pub fn at(uses: u32, current: &str) -> Condition {
    Condition::SessionIs { session: 1, uses, current: money(current) }
}

pub fn log(hash: u8) -> Change {
    let key = LogKey::Collection(1, index(1));
    Change::Log(LogEntry { key, message_hash: [hash; 32], response: format!("reply {hash}"), date: date() })
}
