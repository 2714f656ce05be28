//! A server in this process, with a clock that we set, and the people who talk to it.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod actor;
pub mod cluster;
pub mod payment;
pub mod program;

use std::sync::Arc;

use protocol::Protocol;
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::{SentRequest, seal};
use protocol::keys::ServerKey;
use protocol::message::{ErrorMessage, Reply, Request};
use protocol::money::Money;
use protocol::outcome::Problem;
use protocol::template::Record;
use protocol::value::{Reading, ServerKeyName, Value, from_base64};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::bank::Sandbox;
use server_stub::keys::{KeyPair, ServerKeys};
use server_stub::server::setting::Item;
use server_stub::server::{Answer, Config, Server};
use server_stub::store::{Change, ChangeSet, MemoryStore, PostgresStore, SqliteStore, Store};
use server_stub::vault::Vault;

pub use actor::Actor;
use cluster::{Cluster, Durability};

/// The keys and messages of an independent implementation.
pub fn vectors(protocol: Protocol) -> serde_json::Value {
    let text = match protocol {
        Protocol::V1 => include_str!("../../../tests/vectors/classic.json"),
        Protocol::V2 => include_str!("../../../tests/vectors/modern.json"),
    };
    serde_json::from_str(text).expect("a vector file")
}

/// Base64 under a key of a vector file.
pub fn bytes(json: &serde_json::Value, key: &str) -> Vec<u8> {
    from_base64(json[key].as_str().expect("a text")).expect("base64")
}

/// Where a store keeps its data.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

/// A server, and the time it is there.
pub struct World {
    pub server: Arc<Server>,
    pub store: Arc<dyn Store>,
    pub protocol: Protocol,
    pub now: Date,
    pub rng: StdRng,
    data: Option<Data>,
}

/// Where a store keeps its data; gone when this is.
pub enum Data {
    Folder(tempfile::TempDir),
    Cluster(Cluster),
}

/// A store with nothing in it.
pub fn fresh_store(kind: Kind) -> (Arc<dyn Store>, Option<Data>) {
    match kind {
        Kind::Memory => (Arc::new(MemoryStore::new()), None),
        Kind::Sqlite => {
            let folder = tempfile::tempdir().expect("a folder");
            (Arc::new(SqliteStore::open(folder.path()).expect("a store")), Some(Data::Folder(folder)))
        }
        Kind::Postgres => {
            let cluster = Cluster::start(Durability::Quick);
            (Arc::new(postgres_store(&cluster.url())), Some(Data::Cluster(cluster)))
        }
    }
}

/// A store in a database.
pub fn postgres_store(url: &str) -> PostgresStore {
    let config = url.parse().expect("an address of a database");
    let open = PostgresStore::open(&config);
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(open)).expect("a store")
}

/// The date of the vectors.
pub const START: &str = "20261121051802929";

/// Reads a value of the protocol.
pub fn value<V: Value>(text: &str) -> V {
    V::parse(text, Reading::STRICT).unwrap_or_else(|| panic!("{text:?} is not a {}", V::KIND))
}

/// Reads an amount.
pub fn money(text: &str) -> Money {
    value(text)
}

impl World {
    pub fn new(protocol: Protocol, kind: Kind) -> Self {
        Self::with(protocol, kind, Self::config())
    }

    /// Both suites do the same; what 1.0 is cut to has tests of its own.
    pub fn config() -> Config {
        Config { allow_classic: true, classic_caps: None, ..Config::default() }
    }

    pub fn with(protocol: Protocol, kind: Kind, config: Config) -> Self {
        let (store, data) = fresh_store(kind);
        let server = Arc::new(server(store.clone(), config));
        let (now, rng) = (value(START), StdRng::from_seed([7; 32]));
        Self { server, store, protocol, now, rng, data }
    }

    /// The folder of a store that has one.
    pub fn folder(&self) -> &std::path::Path {
        match &self.data {
            Some(Data::Folder(folder)) => folder.path(),
            _ => panic!("a store in a folder"),
        }
    }

    /// The server's key for our protocol.
    pub fn server_key(&self) -> ServerKey {
        let published = self.server.published();
        published.key_for(self.protocol).expect("a key")
    }

    pub fn pass_secs(&mut self, seconds: i64) {
        self.now = self.now.plus_secs(seconds);
    }

    pub fn pass_millis(&mut self, millis: i64) {
        self.now = Date::from_millis(self.now.millis() + millis);
    }

    /// Sets something as the operator does, and lets the server take note of it.
    pub async fn set(&self, item: &Item) {
        self.change([item.set()]).await;
    }

    /// Takes it back.
    pub async fn unset(&self, item: &Item) {
        self.change([item.unset()]).await;
    }

    async fn change(&self, changes: [Change; 1]) {
        let set = ChangeSet { changes: changes.into(), ..ChangeSet::default() };
        self.store.commit(set).await.expect("a change");
        self.server.refresh(self.now).await.expect("settings that can be read");
    }

    /// Sends a message and yields the reply.
    pub async fn send(&mut self, message: &str) -> String {
        match self.server.handle(message.as_bytes(), self.now, &mut self.rng).await {
            Answer::Reply(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Seals a request as an actor.
    pub fn seal<M: Request>(&mut self, actor: &mut Actor, body: &M) -> SentRequest {
        let head = actor.head::<M>(self.now, &self.server_key().name);
        seal(&head, body, &self.server_key(), Some(&actor.key), &mut self.rng).expect("keys of this suite")
    }

    /// Sends a request as an actor and reads the reply.
    pub async fn ask<M: Request>(&mut self, actor: &mut Actor, body: &M) -> M::Reply {
        let sent = self.seal(actor, body);
        let reply = self.send(&sent.text).await;
        sent.read_reply::<M::Reply>(reply.as_bytes()).expect("a reply")
    }

    /// As [`World::ask`], and yields the problem of a request that is not done.
    pub async fn refused<M: Request>(&mut self, actor: &mut Actor, body: &M) -> Option<Problem> {
        self.ask(actor, body).await.outcome().problem.cloned()
    }
}

/// Under which the books of these servers hide what must not be readable.
pub const VAULT_KEY: [u8; 32] = [9; 32];

/// A server with the keys of the vectors.
pub fn server(store: Arc<dyn Store>, config: Config) -> Server {
    Server::new(store, server_keys(), Vault::of_key(&VAULT_KEY), Box::new(Sandbox), config)
}

/// The keys of the vectors.
pub fn server_keys() -> ServerKeys {
    let modern = bytes(&vectors(Protocol::V2)["server_key"], "pkcs8");
    let classic = bytes(&vectors(Protocol::V1)["server_key"], "pkcs8");
    // RFC 8410: the last 32 bytes of the document are the key.
    let pairs = vec![
        KeyPair::modern("CC2001", &modern[modern.len() - 32..]).expect("an X25519 key"),
        KeyPair::classic("CC1001", &classic).expect("an RSA key"),
    ];
    ServerKeys::new(pairs)
}

/// The problem of an `error` (6.13).
pub fn error_of(reply: &str) -> Problem {
    let envelope = Envelope::parse(reply.as_bytes()).expect("a message");
    assert_eq!(envelope.pairs.get("type"), Some("error"), "{reply}");
    ErrorMessage::read(&envelope.pairs, "", Reading::STRICT).expect("an error").problem
}

/// The name of a server key.
pub fn key_named(name: &str) -> ServerKeyName {
    ServerKeyName::of(name).expect("a name")
}

/// Nothing in the books of a store is a lie.
pub async fn assert_sound(store: &dyn Store) {
    assert_eq!(server_stub::audit::audit(store).await.expect("a store").lies, []);
}

/// Runs a test for both suites over both stores, and audits the books after it.
#[macro_export]
macro_rules! everywhere {
    ($($name:ident)*) => {
        $crate::everywhere! { modern_memory, V2, Memory, [$($name)*] }
        $crate::everywhere! { modern_sqlite, V2, Sqlite, [$($name)*] }
        $crate::everywhere! { modern_postgres, V2, Postgres, [$($name)*] }
        $crate::everywhere! { classic_memory, V1, Memory, [$($name)*] }
        $crate::everywhere! { classic_sqlite, V1, Sqlite, [$($name)*] }
    };
    ($room:ident, $protocol:ident, $kind:ident, [$($name:ident)*]) => {
        mod $room {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                let mut world = $crate::common::World::new(protocol::Protocol::$protocol, $crate::common::Kind::$kind);
                super::$name(&mut world).await;
                $crate::common::assert_sound(&*world.store).await;
            })*
        }
    };
}
