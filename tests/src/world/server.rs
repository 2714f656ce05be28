//! The payment server of the world: the product's procedures over a disk that survives its death.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::persona::PersonaId;
use protocol::value::{Index, Reading, SessionId, Value as _, from_base64};
use server_stub::bank::Sandbox;
use server_stub::keys::ServerKeys;
use server_stub::server::fee::Fees;
use server_stub::server::{Answer, Config, Server};
use server_stub::store::record::LogKey;
use server_stub::store::{Logged, MemoryStore, Store as _};
use server_stub::vault::Vault;
use sha2::{Digest as _, Sha256};

use super::clockwork::{Owner, fork, now_millis, sleep, spawn};
use super::disk::ServerDisk;
use super::fate;
use super::judge::{Judge, Lie};
use super::net::{Letter, Net};
use super::rest::at_once;

/// An answer that was given before.
const AGAIN: &str = "answers of the server again";
/// How often the server looks for sessions whose time is up, milliseconds.
const SWEEP_MILLIS: i64 = 10_000;

/// What the server is made of, and what outlives its death.
#[derive(Clone)]
pub struct Office {
    /// Who it is.
    pub party: Owner,
    /// Where its keys lie.
    pub keys: PathBuf,
    /// What is on its disk; another one after a restore.
    pub platter: Rc<RefCell<Arc<MemoryStore>>>,
    /// The last backup.
    pub backup: Rc<RefCell<Option<MemoryStore>>>,
    /// Whether the disk holds a backup that is not restored yet.
    pub restoring: Rc<Cell<bool>>,
    /// What operations cost.
    pub fees: Fees,
    /// By how much its clock is wrong, milliseconds.
    pub wrong_millis: Rc<Cell<i64>>,
    /// How often something was written.
    pub writes: Arc<AtomicU64>,
}

impl Office {
    /// The server, as it starts.
    fn open(&self) -> Server {
        let keys =
            ServerKeys::open(&self.keys, true, &mut fork()).expect("invariant: the keys were made at the beginning");
        let restored = at_once(self.platter().epoch()).ok().flatten().map(|epoch| epoch.began);
        let config = Config { allow_classic: true, fees: self.fees.clone(), restored, ..Config::default() };
        Server::new(Arc::new(self.disk()), keys, Vault::of_key(&[7; 32]), Box::new(Sandbox), config)
    }

    /// What is on its disk.
    pub fn platter(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.platter.borrow())
    }

    /// Its disk, with all that may be wrong with it.
    pub fn disk(&self) -> ServerDisk {
        ServerDisk { party: self.party, platter: self.platter(), writes: Arc::clone(&self.writes) }
    }

    /// What its clock shows.
    pub fn now(&self) -> Date {
        Date::from_millis(now_millis() + self.wrong_millis.get())
    }
}

/// A running server: gone when it dies.
pub struct Machine {
    server: Server,
    office: Office,
    net: Rc<Net>,
    judge: Rc<RefCell<Judge>>,
    lies: Rc<RefCell<Vec<Lie>>>,
}

impl Machine {
    /// Starts the server on its disk.
    pub fn start(office: &Office, net: &Rc<Net>, judge: Rc<RefCell<Judge>>, lies: Rc<RefCell<Vec<Lie>>>) {
        let machine = Rc::new(Self { server: office.open(), office: office.clone(), net: Rc::clone(net), judge, lies });
        let listener = Rc::clone(&machine);
        net.listen(office.party, move |letter| {
            let machine = Rc::clone(&listener);
            Box::pin(async move { machine.answer(letter).await })
        });
        spawn(office.party, async move { machine.sweep().await });
    }

    async fn answer(&self, letter: Letter) -> Option<Vec<u8>> {
        match letter {
            Letter::Keys => serde_json::to_vec(&self.server.published()).ok(),
            Letter::Message(message) => self.handle(&message).await,
            Letter::Buy(_) | Letter::Pay { .. } | Letter::GiveBack(_) | Letter::Settle => None,
        }
    }

    async fn handle(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut rng = fork();
        let Answer::Reply(reply) = self.server.handle(message, self.office.now(), &mut rng).await else { return None };
        let kept = kept(&self.office.platter(), message);
        if self.net.was_altered(message) && kept.as_ref().is_some_and(|kept| kept.message_hash == hash_of(message)) {
            let message = String::from_utf8_lossy(message);
            self.lies.borrow_mut().push(format!("I11: the server took a message that was altered: {message}"));
        }
        if kept.is_some() {
            let heard = self.judge.borrow_mut().hear(message, reply.as_bytes());
            heard.map_or_else(|lie| self.lies.borrow_mut().push(lie), |again| fate::count_if(again, AGAIN));
        }
        Some(reply.into_bytes())
    }

    async fn sweep(&self) {
        loop {
            sleep(SWEEP_MILLIS).await;
            // What cannot be swept now is swept later.
            let _ = self.server.sweep(self.office.now()).await;
        }
    }
}

/// What is kept for ever of the answer to a message: nothing of statements, which change nothing, nor of R1s here.
fn kept(platter: &MemoryStore, message: &[u8]) -> Option<Logged> {
    let pairs = Envelope::parse(message).ok()?.pairs;
    let persona = pairs.get("id").and_then(|id| PersonaId::parse(id, Reading::STRICT));
    let transaction = pairs.get("transaction").and_then(|number| number.parse().ok());
    let session = pairs.get("session-id").and_then(from_base64).and_then(SessionId::of);
    let index = pairs.get("index").and_then(|index| Index::parse(index, Reading::STRICT));
    let of_persona = persona.zip(transaction).map(|(id, number)| LogKey::Persona(id, number));
    let key = of_persona.or_else(|| session.zip(index).map(|(id, index)| LogKey::Collection(id.number(), index)))?;
    at_once(platter.logged(&key)).ok().flatten()
}

/// As the log has it.
fn hash_of(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// Whether a message is an `error`, which is not stored and so need not come again.
pub fn is_error(reply: &[u8]) -> bool {
    Envelope::parse(reply).is_ok_and(|envelope| envelope.pairs.get("type") == Some("error"))
}
