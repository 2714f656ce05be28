//! The test shopper: a wallet that is nothing but crate `protocol`, so that a payment can be tried without a browser. It
//! keeps nothing and agrees to everything; the sandbox's money is all it has.

use std::time::Duration;

use protocol::collect::{PayerReceiptFault, read_payer_receipt, write_payment};
use protocol::exchange::seal;
use protocol::keys::{PersonaKey, Published, ServerKey};
use protocol::message::binding::BindInstrument;
use protocol::message::funds::LoadUnload;
use protocol::message::payment::{NoteHash, Payment};
use protocol::message::registration::Registration;
use protocol::message::session::OpenSession;
use protocol::message::{Reply, Request, RequestHead};
use protocol::money::{Money, SignedMoney};
use protocol::offer::{Offer, note_hash};
use protocol::outcome::{Problem, ResponseCode};
use protocol::pairs::Pairs;
use protocol::persona::PersonaId;
use protocol::secret::{SecretBytes, SessionSecrets};
use protocol::suite::Protocol;
use protocol::template::{Family, Record as _};
use protocol::value::{AnyBytes, Bytes, Function, Functions, Index, Num, OrderId, Reading, SessionId, Value, Version1};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use reqwest::Client;

use super::Trouble;
use crate::http::now;

/// What the shopper takes along: enough for a few pairs of shoes, and within what the sandbox loads at once.
const POCKET: &str = "usd 500.00";
/// The sandbox's account without surprises (protocol.md section 8).
const ACCOUNT: &str = "059013218175654";
const SESSION_MINUTES: u64 = 600;
const SESSION_USES: u64 = 1_000;
/// How often the same CA1 is sent where no answer comes, and the pause before it.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// As long as the till may take.
const TIMEOUT: Duration = Duration::from_secs(40);

/// A shopper with an open session.
pub struct Shopper {
    server: String,
    client: Client,
    key: ServerKey,
    persona_key: PersonaKey,
    id: Option<PersonaId>,
    session: Option<(SessionId, SessionSecrets)>,
    index: u64,
    rng: StdRng,
}

/// A value that is written here, in the form that it needs.
fn fixed<V: Value>(text: &str) -> Result<V, Trouble> {
    V::parse(text, Reading::STRICT).ok_or_else(|| unexpected(&format!("{text} is no {}", V::KIND)))
}

fn unexpected(what: &dyn std::fmt::Display) -> Trouble {
    Trouble::Unexpected(what.to_string())
}

impl Shopper {
    /// Registers, binds the sandbox's account, loads, and opens a session.
    ///
    /// # Errors
    /// The server does not play along.
    pub async fn with_session(server: &str) -> Result<Self, Trouble> {
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        let published = client.get(format!("{server}/cybercash/keys")).send().await?.bytes().await?;
        let published: Published = serde_json::from_slice(&published).map_err(|fault| unexpected(&fault))?;
        let key = published.key_for(Protocol::V2).ok_or_else(|| unexpected(&"no key"))?;
        let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(|fault| unexpected(&fault))?;
        let persona_key = key.protocol.suite().generate(&mut rng).map_err(|fault| unexpected(&fault))?;
        let (server, id, session) = (server.to_owned(), None, None);
        let mut shopper = Self { server, client, key, persona_key, id, session, index: 0, rng };
        shopper.register().await?;
        let instrument = shopper.bind().await?;
        shopper.load(instrument).await?;
        shopper.open().await?;
        Ok(shopper)
    }

    async fn ask<M: Request>(&mut self, body: &M) -> Result<M::Reply, Trouble> {
        let transaction = Num::of(self.rng.next_u64() >> 12).ok_or_else(|| unexpected(&"no number"))?;
        let (id, serverkey) = (self.id.clone(), self.key.name.clone());
        let head = RequestHead { id, transaction, date: now(), serverkey, service_category: None };
        let sent =
            seal(&head, body, &self.key, Some(&self.persona_key), &mut self.rng).map_err(|fault| unexpected(&fault))?;
        let request = self.client.post(format!("{}/cybercash", self.server)).body(sent.text.clone());
        let reply = request.send().await?.bytes().await?;
        let reply: M::Reply = sent.read_reply(&reply).map_err(|fault| unexpected(&fault))?;
        let outcome = reply.outcome();
        if outcome.response == ResponseCode::Success {
            Ok(reply)
        } else {
            Err(Trouble::Unexpected(format!("{outcome:?}")))
        }
    }

    fn public_key(&self) -> Result<(AnyBytes, AnyBytes), Trouble> {
        let suite = self.key.protocol.suite();
        let public = suite.public_key(&self.persona_key).map_err(|fault| unexpected(&fault))?;
        let name = suite.key_name(&public).map_err(|fault| unexpected(&fault))?;
        let both = AnyBytes::of(public.spki().to_vec()).zip(AnyBytes::of(name));
        both.ok_or_else(|| unexpected(&"no key"))
    }

    async fn register(&mut self) -> Result<(), Trouble> {
        let body = Registration {
            server_date: now(),
            swversion: fixed("1.0sandbox")?,
            content_language: fixed("en-us")?,
            default_currency: fixed("usd")?,
            requested_id: fixed("tester")?,
            email: fixed("tester@acme.example")?,
            agreements: None,
            autoclose_passphrase: None,
            pubkey: self.public_key()?.0,
            signature: None,
        };
        // Somebody has played here before: the name gets a number.
        let taken = |n: u32| if n == 0 { "tester".to_owned() } else { format!("tester{n}") };
        let mut last = Err(unexpected(&"no name"));
        for n in 0..1_000 {
            let body = Registration { requested_id: fixed(&taken(n))?, ..body.clone() };
            last = self.ask(&body).await;
            match &last {
                Err(Trouble::Unexpected(what)) if what.contains(Problem::ID_IN_USE.code()) => {}
                _ => break,
            }
        }
        self.id = last?.response_id;
        Ok(())
    }

    /// Yields what the account is named by from now on.
    async fn bind(&mut self) -> Result<Family, Trouble> {
        let body = BindInstrument {
            server_date: now(),
            swversion: fixed("1.0sandbox")?,
            number: fixed(ACCOUNT)?,
            kind: fixed("dda")?,
            category: fixed("dda")?,
            functions: Functions([Function::Load, Function::Unload].into()),
            salt: Bytes::of(self.rng.random::<[u8; 16]>().to_vec()).ok_or_else(|| unexpected(&"no salt"))?,
            expires: None,
            name: fixed("Test Shopper")?,
            address: None,
            city: None,
            state: None,
            postal_code: None,
            country: None,
            agreements: None,
            autoclose: None,
            autoclose_passphrase: None,
            key: self.public_key()?.1,
            signature: None,
        };
        let mut pairs = Pairs::new();
        self.ask(&body).await?.write("", &mut pairs);
        let recurring = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
        Ok(Family(recurring.map(|(label, value)| (label.to_owned(), value.to_owned())).collect()))
    }

    async fn load(&mut self, instrument: Family) -> Result<(), Trouble> {
        let body = LoadUnload {
            server_date: now(),
            swversion: fixed("1.0sandbox")?,
            amount: SignedMoney(fixed::<Money>(POCKET)?),
            instrument,
            key: self.public_key()?.1,
            signature: None,
        };
        self.ask(&body).await.map(drop)
    }

    async fn open(&mut self) -> Result<(), Trouble> {
        let body = OpenSession {
            server_date: now(),
            swversion: fixed("1.0sandbox")?,
            record_note: None,
            amount: fixed(POCKET)?,
            key_lifetime: Num::of(SESSION_MINUTES).ok_or_else(|| unexpected(&"no lifetime"))?,
            key_use_limit: Index::of(SESSION_USES).ok_or_else(|| unexpected(&"no limit"))?,
            key: self.public_key()?.1,
            signature: None,
        };
        let opened = self.ask(&body).await?;
        let secret = |bytes: Option<Vec<u8>>| bytes.map(SecretBytes::new).ok_or_else(|| unexpected(&"no secrets"));
        let key = secret(opened.session_key.map(|key| key.as_slice().to_vec()))?;
        let salt = secret(opened.session_salt.map(|salt| salt.as_slice().to_vec()))?;
        let id = opened.session_id.ok_or_else(|| unexpected(&"no session"))?;
        self.session = Some((id, SessionSecrets { key, salt }));
        Ok(())
    }

    /// Fetches the offer of an order and pays it; yields what the server said.
    ///
    /// # Errors
    /// No offer, or no answer that can be believed.
    pub async fn pay(&mut self, shop: &str, order: &OrderId) -> Result<Result<(), Problem>, Trouble> {
        let offer = self.client.get(format!("{shop}/orders/{order}/payment-request")).send().await?.bytes().await?;
        let offer = Offer::read(&offer).map_err(|fault| unexpected(&fault))?;
        let (payment, ca1) = self.promise(&offer)?;
        let pay_to = offer.request.url_pay_to.to_string();
        let mut tries = 0;
        let ca4 = loop {
            tries += 1;
            let reply = self.client.post(&pay_to).body(ca1.clone()).send().await;
            match reply {
                Ok(reply) if reply.status().is_success() => break reply.bytes().await?,
                _ if tries < TRIES => tokio::time::sleep(PAUSE).await,
                Ok(reply) => return Err(Trouble::Unexpected(format!("the shop answered {}", reply.status()))),
                Err(fault) => return Err(fault.into()),
            }
        };
        let Some((_, secrets)) = &self.session else { return Err(unexpected(&"no session")) };
        match read_payer_receipt(&ca4, self.key.protocol, secrets, &payment) {
            Ok(receipt) if receipt.response_code == ResponseCode::Success => Ok(Ok(())),
            Ok(receipt) => Ok(Err(receipt.problem.unwrap_or(Problem::INTERNAL))),
            Err(PayerReceiptFault::Refused(error)) => Ok(Err(error.problem)),
            Err(fault) => Err(unexpected(&fault)),
        }
    }

    /// The CA1 for an offer.
    fn promise(&mut self, offer: &Offer) -> Result<(Payment, String), Trouble> {
        self.index += 1;
        let Some((session, secrets)) = &self.session else { return Err(unexpected(&"no session")) };
        let request = &offer.request;
        let hash = NoteHash::of(note_hash(offer.protocol, request.note.as_str()));
        let payment = Payment {
            kind: fixed("cash-payment")?,
            version: Version1,
            session_id: session.clone(),
            index: Index::of(self.index).ok_or_else(|| unexpected(&"no index"))?,
            payee_currency: request.amount.currency,
            note_hash: hash.ok_or_else(|| unexpected(&"no hash"))?,
            payee_id: request.merchant_id.clone(),
            order_id: request.order_id.clone(),
            service_category: None,
        };
        let text = write_payment(offer.protocol, secrets, &payment, request.amount, &mut self.rng);
        Ok((payment, text.map_err(|fault| unexpected(&fault))?))
    }
}
