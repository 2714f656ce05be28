//! A shopper whose wallet is nothing but crate `protocol`.

use protocol::collect::{PayerReceiptFault, read_payer_receipt, write_payment};
use protocol::date::Date;
use protocol::exchange::seal;
use protocol::keys::{PersonaKey, Published, ServerKey};
use protocol::message::binding::{BindInstrument, BindResponse};
use protocol::message::funds::LoadUnload;
use protocol::message::payment::{NoteHash, PayerReceipt, Payment};
use protocol::message::registration::Registration;
use protocol::message::session::OpenSession;
use protocol::message::statement::StatementRequest;
use protocol::message::{Reply, Request, RequestHead};
use protocol::money::{Currency, Money, SignedMoney};
use protocol::offer::{Offer, note_hash};
use protocol::outcome::ResponseCode;
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::{SecretBytes, SessionSecrets};
use protocol::template::Family;
use protocol::value::{
    Address, AnyBytes, Bytes, Function, Functions, Index, Language, Num, Reading, SessionId, Text, Token, Value as _,
    Version1,
};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::town::{Town, http};

/// A shopper with an open session.
pub struct Shopper {
    server: String,
    key: ServerKey,
    persona_key: PersonaKey,
    id: Option<PersonaId>,
    secrets: Option<SessionSecrets>,
    session: Option<SessionId>,
    index: u64,
    rng: StdRng,
}

pub fn usd(decimal: &str) -> Money {
    Money::parse(&format!("usd {decimal}"), Reading::STRICT).expect("an amount")
}

fn now() -> Date {
    server_stub::http::now()
}

impl Shopper {
    /// Registers, binds, loads and opens a session of `amount`.
    pub async fn with(town: &Town, name: &str, amount: &str) -> Self {
        let published = http().get(format!("{}/cybercash/keys", town.server)).send().await.expect("keys");
        let published: Published = serde_json::from_slice(&published.bytes().await.expect("keys")).expect("keys");
        let key = published.key_for(town.protocol).expect("a key of that protocol");
        let mut rng = StdRng::from_seed([name.len().try_into().expect("short"); 32]);
        let persona_key = key.protocol.suite().generate(&mut rng).expect("a key");
        let server = town.server.clone();
        let mut shopper = Self { server, key, persona_key, id: None, secrets: None, session: None, index: 0, rng };
        shopper.register(name).await;
        let instrument = shopper.bind().await;
        shopper.load(instrument, amount).await;
        shopper.open(amount).await;
        shopper
    }

    async fn ask<M: Request>(&mut self, body: &M) -> M::Reply {
        let transaction = Num::of(self.rng.next_u64() >> 12).expect("a number");
        let id = self.id.clone();
        let serverkey = self.key.name.clone();
        let head = RequestHead { id, transaction, date: now(), serverkey, service_category: None };
        let sent = seal(&head, body, &self.key, Some(&self.persona_key), &mut self.rng).expect("a request");
        let reply = http().post(format!("{}/cybercash", self.server)).body(sent.text.clone()).send().await;
        let reply = reply.expect("a reply").bytes().await.expect("a reply");
        let reply: M::Reply = sent.read_reply(&reply).expect("a reply that opens");
        let outcome = reply.outcome();
        assert_eq!(outcome.response, ResponseCode::Success, "{outcome:?}");
        reply
    }

    fn key_name(&self) -> AnyBytes {
        let suite = self.key.protocol.suite();
        let public = suite.public_key(&self.persona_key).expect("a key");
        AnyBytes::of(suite.key_name(&public).expect("a key")).expect("a name")
    }

    async fn register(&mut self, name: &str) {
        let public = self.key.protocol.suite().public_key(&self.persona_key).expect("a key");
        let body = Registration {
            server_date: now(),
            swversion: Token::of("1.0test").expect("a version"),
            content_language: Language::of("en-us").expect("a language"),
            default_currency: Currency::of("usd").expect("a currency"),
            requested_id: RequestedId::parse(name, Reading::STRICT).expect("a name"),
            email: Address::of("shopper@example.com").expect("an address"),
            agreements: None,
            autoclose_passphrase: None,
            pubkey: AnyBytes::of(public.spki().to_vec()).expect("a key"),
            signature: None,
        };
        self.id = self.ask(&body).await.response_id;
    }

    async fn bind(&mut self) -> BindResponse {
        let body = BindInstrument {
            server_date: now(),
            swversion: Token::of("1.0test").expect("a version"),
            number: Token::of("059013218175654").expect("a number"),
            kind: Token::of("dda").expect("a type"),
            category: Token::of("dda").expect("a category"),
            functions: Functions([Function::Load, Function::Unload].into()),
            salt: Bytes::of(vec![7; 16]).expect("a salt"),
            expires: None,
            name: Text::of("Brian Brian").expect("a name"),
            address: None,
            city: None,
            state: None,
            postal_code: None,
            country: None,
            agreements: None,
            autoclose: None,
            autoclose_passphrase: None,
            key: self.key_name(),
            signature: None,
        };
        self.ask(&body).await
    }

    async fn load(&mut self, bound: BindResponse, amount: &str) {
        let mut pairs = protocol::pairs::Pairs::new();
        protocol::template::Record::write(&bound, "", &mut pairs);
        let instrument = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
        let instrument = instrument.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let body = LoadUnload {
            server_date: now(),
            swversion: Token::of("1.0test").expect("a version"),
            amount: SignedMoney(usd(amount)),
            instrument: Family(instrument),
            key: self.key_name(),
            signature: None,
        };
        self.ask(&body).await;
    }

    async fn open(&mut self, amount: &str) {
        let body = OpenSession {
            server_date: now(),
            swversion: Token::of("1.0test").expect("a version"),
            record_note: None,
            amount: usd(amount),
            key_lifetime: Num::of(60).expect("minutes"),
            key_use_limit: Index::of(20_000).expect("uses"),
            key: self.key_name(),
            signature: None,
        };
        let opened = self.ask(&body).await;
        let secret = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
        let (key, salt) = (opened.session_key.expect("a key"), opened.session_salt.expect("a salt"));
        self.secrets = Some(SessionSecrets { key: secret(key.as_slice()), salt: secret(salt.as_slice()) });
        self.session = opened.session_id;
    }

    /// The CA1 for an offer, promising `amount`.
    pub fn promise(&mut self, offer: &Offer, amount: Money) -> (Payment, String) {
        self.promise_as(offer, amount, |_| ())
    }

    /// The same, after `change` has had its way with it.
    pub fn promise_as(&mut self, offer: &Offer, amount: Money, change: impl FnOnce(&mut Payment)) -> (Payment, String) {
        self.index += 1;
        let request = &offer.request;
        let hash = note_hash(offer.protocol, request.note.as_str());
        let mut payment = Payment {
            kind: Token::of("cash-payment").expect("a type"),
            version: Version1,
            session_id: self.session.clone().expect("a session"),
            index: Index::of(self.index).expect("an index"),
            payee_currency: request.amount.currency,
            note_hash: NoteHash::of(hash).expect("a hash"),
            payee_id: request.merchant_id.clone(),
            order_id: request.order_id.clone(),
            service_category: None,
        };
        change(&mut payment);
        let secrets = self.secrets.as_ref().expect("a session");
        let text = write_payment(offer.protocol, secrets, &payment, amount, &mut self.rng).expect("a CA1");
        (payment, text)
    }

    /// What the server says that the container holds.
    pub async fn container(&mut self) -> Vec<Money> {
        let swversion = Token::of("1.0test").expect("a version");
        let body =
            StatementRequest { server_date: now(), swversion, after: None, key: self.key_name(), signature: None };
        let told = self.ask(&body).await;
        told.containers.0.iter().map(|line| line.available).collect()
    }

    /// What the server says of a payment.
    pub fn read(&self, payment: &Payment, reply: &[u8]) -> Result<PayerReceipt, PayerReceiptFault> {
        read_payer_receipt(reply, self.key.protocol, self.secrets.as_ref().expect("a session"), payment)
    }
}
