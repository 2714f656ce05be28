//! Someone with a key, and the requests they make.

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{PersonaKey, PublicKey, key_name};
use protocol::message::autoclose::AutoclosePersona;
use protocol::message::binding::{BindInstrument, BindResponse};
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::message::key::KeyChange;
use protocol::message::payment::Payment;
use protocol::message::refund::RefundPayment;
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::message::session::{CloseSession, OpenSession, OpenSessionResponse};
use protocol::message::statement::StatementRequest;
use protocol::message::{Request, RequestHead};
use protocol::money::SignedMoney;
use protocol::outcome::ResponseCode;
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::template::{Family, Presence};
use protocol::value::{AnyBytes, Bytes, Index, Num, ServerKeyName, SessionId, YesNo, from_base64, to_base64};
use server_stub::store::record::Instrument;
use server_stub::store::{Change, ChangeSet};

use super::{Data, World, bytes, money, value, vectors};

/// Someone with a key.
#[derive(Clone)]
pub struct Actor {
    pub name: String,
    pub id: Option<PersonaId>,
    pub key: PersonaKey,
    pub public: PublicKey,
    pub protocol: Protocol,
    pub transaction: u64,
    /// All that BI4 said of the instrument.
    pub instrument: Family,
}

/// A session as its owner knows it.
#[derive(Clone, Debug)]
pub struct OpenedSession {
    pub id: SessionId,
    pub secrets: SessionSecrets,
    pub index: u16,
    pub reply: OpenSessionResponse,
}

/// The account that does everything at once.
pub const ACCOUNT: &str = "059013218175654";

impl Actor {
    /// `customer` or `merchant` of the vectors, under a name.
    pub fn new(protocol: Protocol, who: &str, name: &str) -> Self {
        let key = &vectors(protocol)[format!("{who}_key")];
        Self {
            name: name.to_owned(),
            id: None,
            key: PersonaKey::of_pkcs8(bytes(key, "pkcs8")),
            public: PublicKey::of_spki(bytes(key, "pubkey")),
            protocol,
            transaction: 1_000,
            instrument: Family::default(),
        }
    }

    /// The head of the next message.
    pub fn head<M: Request>(&mut self, now: Date, serverkey: &ServerKeyName) -> RequestHead {
        self.transaction += 1;
        RequestHead {
            id: self.id.clone().filter(|_| M::ID == Presence::Required),
            transaction: Num::of(self.transaction).expect("a number"),
            date: now,
            serverkey: serverkey.clone(),
            service_category: None,
        }
    }

    pub fn key_name(&self) -> AnyBytes {
        let name = key_name(self.protocol, &self.public).expect("a key of this suite");
        AnyBytes::of(from_base64(&name).expect("base64")).expect("bytes")
    }

    pub fn registration(&self, now: Date) -> Registration {
        Registration {
            server_date: now,
            swversion: value("1.0ref"),
            content_language: value("en-us"),
            default_currency: value("usd"),
            requested_id: value::<RequestedId>(&self.name),
            email: value("someone@reality.example"),
            agreements: None,
            autoclose_passphrase: Some(value("badnews")),
            pubkey: AnyBytes::of(self.public.spki().to_vec()).expect("bytes"),
            signature: None,
        }
    }

    pub fn binding(&self, now: Date, number: &str, category: &str, functions: &str) -> BindInstrument {
        BindInstrument {
            server_date: now,
            swversion: value("1.0ref"),
            number: value(number),
            kind: value(if category == "dda" { "dda" } else { "visa" }),
            category: value(category),
            functions: value(functions),
            salt: Bytes::of(vec![3; 8]).expect("a salt"),
            expires: None,
            name: value("Brian Brian"),
            address: None,
            city: None,
            state: None,
            postal_code: None,
            country: Some(value("US")),
            agreements: None,
            autoclose: None,
            autoclose_passphrase: None,
            key: self.key_name(),
            signature: None,
        }
    }

    /// Moves an amount with the instrument that was bound last.
    pub fn funds(&self, now: Date, amount: &str) -> LoadUnload {
        LoadUnload {
            server_date: now,
            swversion: value("1.0ref"),
            amount: value::<SignedMoney>(amount),
            instrument: self.instrument.clone(),
            key: self.key_name(),
            signature: None,
        }
    }

    pub fn opening(&self, now: Date, amount: &str, minutes: u64, uses: u64) -> OpenSession {
        OpenSession {
            server_date: now,
            swversion: value("1.0ref"),
            record_note: Some(value("Christmas shopping spree")),
            amount: money(amount),
            key_lifetime: Num::of(minutes).expect("minutes"),
            key_use_limit: Index::of(uses).expect("uses"),
            key: self.key_name(),
            signature: None,
        }
    }

    pub fn closing(&self, now: Date, session: Option<&SessionId>, log: bool) -> CloseSession {
        CloseSession {
            server_date: now,
            swversion: value("1.0ref"),
            record_note: Some(value("done")),
            session_id: session.cloned(),
            request_log: Some(YesNo(log)),
            key: self.key_name(),
            signature: None,
        }
    }

    /// Gives a payment back; all that is left of it where no amount is said.
    pub fn refunding(&self, now: Date, payment: &Payment, amount: Option<&str>) -> RefundPayment {
        RefundPayment {
            server_date: now,
            swversion: value("1.0ref"),
            order_id: payment.order_id.clone(),
            payer_session_id: payment.session_id.clone(),
            payer_index: payment.index,
            amount: amount.map(money),
            record_note: Some(value("one shoe was missing")),
            key: self.key_name(),
            signature: None,
        }
    }

    /// Asks what is owned and how it came.
    pub fn asking(&self, now: Date, after: Option<&str>) -> StatementRequest {
        let (swversion, after) = (value("1.0ref"), after.map(value));
        StatementRequest { server_date: now, swversion, after, key: self.key_name(), signature: None }
    }

    /// KC1, for the key of another.
    pub fn changing_key(&self, now: Date, other: &Self) -> KeyChange {
        let (swversion, pubkey) = (value("1.0web"), AnyBytes::of(other.public.spki().to_vec()).expect("bytes"));
        KeyChange { server_date: now, swversion, pubkey, key: self.key_name(), signature: None }
    }

    pub fn autoclosing(now: Date, passphrase: &str) -> AutoclosePersona {
        AutoclosePersona { server_date: now, swversion: value("1.0ref"), passphrase: value(passphrase) }
    }
}

impl World {
    /// The address of a store in a database.
    pub fn database(&self) -> String {
        match &self.data {
            Some(Data::Cluster(cluster)) => cluster.url(),
            _ => panic!("a store in a database"),
        }
    }

    /// Registers someone.
    pub async fn registered(&mut self, who: &str, name: &str) -> Actor {
        self.enrolled(Actor::new(self.protocol, who, name)).await
    }

    /// Registers one of many. They share a key, and a registration is known by its key and number.
    pub async fn one_of_many(&mut self, who: &str, name: &str, n: usize) -> Actor {
        let mut actor = Actor::new(self.protocol, who, &format!("{name}{n}"));
        actor.transaction += 1_000 * n as u64;
        self.enrolled(actor).await
    }

    async fn enrolled(&mut self, mut actor: Actor) -> Actor {
        let body = actor.registration(self.now);
        let reply: RegistrationResponse = self.ask(&mut actor, &body).await;
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
        actor.id = reply.response_id;
        actor
    }

    /// Binds an instrument; the actor keeps what BI4 says of it.
    pub async fn bind(&mut self, actor: &mut Actor, number: &str, category: &str, functions: &str) -> BindResponse {
        let body = actor.binding(self.now, number, category, functions);
        let reply = self.ask(actor, &body).await;
        actor.keep(&reply);
        reply
    }

    /// Loads or unloads.
    pub async fn move_funds(&mut self, actor: &mut Actor, amount: &str) -> LoadUnloadResponse {
        let body = actor.funds(self.now, amount);
        self.ask(actor, &body).await
    }

    /// Someone with money in the container.
    pub async fn customer(&mut self, name: &str, amount: &str) -> Actor {
        let mut actor = self.registered("customer", name).await;
        self.bind(&mut actor, ACCOUNT, "dda", "load,unload").await;
        let reply = self.move_funds(&mut actor, amount).await;
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
        actor
    }

    /// Opens a session.
    pub async fn open(&mut self, actor: &mut Actor, amount: &str, minutes: u64, uses: u64) -> OpenedSession {
        let body = actor.opening(self.now, amount, minutes, uses);
        let reply = self.ask(actor, &body).await;
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
        OpenedSession::of(reply)
    }

    /// What is in an actor's container.
    pub async fn balance(&self, actor: &Actor, currency: &str) -> String {
        let id = actor.id.as_ref().expect("a persona");
        let file = self.store.persona(id).await.expect("a store").expect("a persona");
        let container = file.containers.get(&value(currency));
        container.map_or_else(|| format!("{currency} nothing"), |container| container.available.to_string())
    }

    /// What the books say of an actor's instruments.
    pub async fn instruments(&self, actor: &Actor) -> Vec<Instrument> {
        let id = actor.id.as_ref().expect("a persona");
        self.store.persona(id).await.expect("a store").expect("a persona").instruments
    }

    /// Changes something of the first instrument, in the books.
    pub async fn edit(&self, actor: &Actor, edit: impl FnOnce(&mut Instrument)) {
        let id = actor.id.clone().expect("a persona");
        let mut instrument = self.instruments(actor).await.remove(0);
        edit(&mut instrument);
        let changes = vec![Change::PutInstrument(id.clone(), Box::new(instrument)), Change::Revise(id)];
        self.store.commit(ChangeSet { changes, ..ChangeSet::default() }).await.expect("a change");
    }
}

impl Actor {
    /// Keeps all `instrument-*` pairs of a BI4.
    pub fn keep(&mut self, reply: &BindResponse) {
        use protocol::pairs::Pairs;
        use protocol::template::Record as _;
        let mut pairs = Pairs::new();
        reply.write("", &mut pairs);
        let ours = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
        self.instrument = Family(ours.map(|(label, value)| (label.to_owned(), value.to_owned())).collect());
    }
}

impl OpenedSession {
    pub fn of(reply: OpenSessionResponse) -> Self {
        let (key, salt) = (reply.session_key.clone().expect("a key"), reply.session_salt.clone().expect("a salt"));
        let secrets = SessionSecrets { key: key.as_slice().to_vec().into(), salt: salt.as_slice().to_vec().into() };
        Self { id: reply.session_id.clone().expect("an id"), secrets, index: 0, reply }
    }

    /// The next index.
    pub fn next(&mut self) -> Index {
        self.index += 1;
        Index::of(self.index.into()).expect("an index")
    }

    pub fn id_text(&self) -> String {
        to_base64(self.id.as_slice())
    }
}
