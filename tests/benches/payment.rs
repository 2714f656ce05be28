//! What a payment costs: the wallet's CPU, and the server's time for a CA2 beside the cryptography of the same messages.
//!
//! Prints medians, and ratios against a yardstick of the same run. Nothing is asserted.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use protocol::Protocol;
use protocol::collect::ReceivedPayment;
use protocol::collect::{
    Collection, CustomerPart, Receipts, read_payer_receipt, write_collection, write_payer_receipt, write_payment,
    write_receipts,
};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::seal;
use protocol::keys::{PersonaKey, ServerKey};
use protocol::message::payment::{BatchHead, Collected, PayerReceipt, Payment};
use protocol::message::registration::Registration;
use protocol::message::session::OpenSession;
use protocol::message::{Request, RequestHead};
use protocol::money::{Currency, Money};
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, SessionMessage};
use protocol::value::{
    Address, AnyBytes, Bytes, Index, Language, Num, Reading, SessionId, Token, Value as _, Version1,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::bank::Sandbox;
use server_stub::keys::ServerKeys;
use server_stub::server::{Answer, Config, Server};
use server_stub::store::{MemoryStore, SqliteStore, Store};
use server_stub::vault::{Vault, make_folder};

/// How often each thing is measured.
const ROUNDS: usize = 41;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for protocol in Protocol::ALL {
        println!("\nprotocol {protocol}");
        runtime.block_on(measure(protocol))?;
    }
    Ok(())
}

async fn measure(protocol: Protocol) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let memory = Bench::new(protocol, folder.path(), Arc::new(MemoryStore::new())).await?;
    memory.wallet()?;
    let sqlite = SqliteStore::open(folder.path())?;
    let sqlite = Bench::new(protocol, folder.path(), Arc::new(sqlite)).await?;
    println!("{:<34}{:>12}{:>14}", "server, one CA2", "median", "of the crypto");
    for payments in [1, 255] {
        let crypto = memory.cryptography(payments)?;
        row(&format!("{payments} payments: cryptography"), crypto, crypto);
        row(&format!("{payments} payments: protocol"), memory.protocol_alone(payments)?, crypto);
        row(&format!("{payments} payments: in memory"), memory.server(payments).await?, crypto);
        row(&format!("{payments} payments: SQLite, durable"), sqlite.server(payments).await?, crypto);
    }
    Ok(())
}

fn row(what: &str, time: Duration, yardstick: Duration) {
    println!("{what:<34}{:>9.1} µs{:>13.2}x", micros(time), micros(time) / micros(yardstick));
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut measure: impl FnMut() -> Result<Duration>) -> Result<Duration> {
    let mut times = (0..ROUNDS).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    times.sort();
    Ok(times[ROUNDS / 2])
}

/// A session as its owner knows it.
struct Session {
    id: SessionId,
    secrets: SessionSecrets,
}

/// A server with a payer and a payee, each with an open session.
struct Bench {
    protocol: Protocol,
    server: Server,
    payer: Session,
    payee: Session,
    payee_id: PersonaId,
    next_index: std::cell::Cell<u64>,
    next_batch: std::cell::Cell<u64>,
}

const EPOCH: i64 = 1_795_000_000_000;

fn now() -> Date {
    Date::from_millis(EPOCH)
}

fn token<const N: usize>(text: &str) -> Result<Token<N>> {
    Token::of(text).context("a token")
}

impl Bench {
    async fn new(protocol: Protocol, folder: &std::path::Path, store: Arc<dyn Store>) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(7);
        make_folder(folder)?;
        let keys = ServerKeys::open(folder, protocol == Protocol::V1, &mut rng)?;
        let config = Config { allow_classic: true, classic_caps: None, ..Config::default() };
        let server = Server::new(store, keys, Vault::of_key(&[7; 32]), Box::new(Sandbox), config);
        let mut clerk = Clerk { protocol, server: &server, transaction: 1 };
        let (payer, _) = clerk.persona("payer", 100_000).await?;
        let (payee, payee_id) = clerk.persona("payee", 0).await?;
        let (next_index, next_batch) = (1.into(), 1.into());
        Ok(Self { protocol, server, payer, payee, payee_id, next_index, next_batch })
    }

    fn payment(&self) -> Result<Payment> {
        let index = self.next_index.replace(self.next_index.get() + 1);
        Ok(Payment {
            kind: token("cash-payment")?,
            version: Version1,
            session_id: self.payer.id.clone(),
            index: Index::of(index).context("the payer's indexes are used up")?,
            payee_currency: Currency::of("usd").context("a currency")?,
            note_hash: protocol::value::Bytes::of(vec![9; 16]).context("a hash")?,
            payee_id: self.payee_id.clone(),
            order_id: token(&format!("order-{index}"))?,
            service_category: None,
        })
    }

    /// A CA1 and what the merchant says of it.
    fn promise(&self, rng: &mut StdRng) -> Result<(Collected, Vec<u8>)> {
        let payment = self.payment()?;
        let text = write_payment(self.protocol, &self.payer.secrets, &payment, cent()?, rng)?;
        let received = ReceivedPayment::read(text.as_bytes())?;
        let collected = Collected {
            kind: payment.kind,
            subversion: Version1,
            payer_session_id: payment.session_id,
            payer_index: payment.index,
            note_hash: payment.note_hash,
            payee_id: payment.payee_id,
            order_id: payment.order_id,
            merchant_amount: cent()?,
        };
        Ok((collected, received.opaque))
    }

    fn ca2(&self, payments: usize) -> Result<(BatchHead, String)> {
        let mut rng = StdRng::seed_from_u64(self.next_index.get());
        let index = self.next_batch.replace(self.next_batch.get() + 1);
        let head = BatchHead {
            kind: token("cash-collection")?,
            version: Version1,
            session_id: self.payee.id.clone(),
            index: Index::of(index).context("the payee's indexes are used up")?,
            service_category: None,
        };
        let batch = (0..payments).map(|_| self.promise(&mut rng)).collect::<Result<Vec<_>>>()?;
        let text = write_collection(self.protocol, &self.payee.secrets, &head, &batch, &mut rng)?;
        Ok((head, text))
    }

    /// CA1 made and CA4 checked.
    fn wallet(&self) -> Result<()> {
        let mut rng = StdRng::seed_from_u64(3);
        let payment = self.payment()?;
        let ca1 = write_payment(self.protocol, &self.payer.secrets, &payment, cent()?, &mut rng)?;
        let ca4 = self.ca4(&payment, &ca1, &mut rng)?;
        let hash = median(|| {
            let start = Instant::now();
            (0..100).for_each(|_| drop(black_box(self.protocol.suite().digest(black_box(ca1.as_bytes())))));
            Ok(start.elapsed() / 100)
        })?;
        let paid = median(|| {
            let start = Instant::now();
            black_box(write_payment(self.protocol, &self.payer.secrets, &payment, cent()?, &mut rng)?);
            black_box(read_payer_receipt(ca4.as_bytes(), self.protocol, &self.payer.secrets, &payment)?);
            Ok(start.elapsed())
        })?;
        println!("{:<34}{:>12}{:>14}", "wallet, one payment", "median", "of H(CA1)");
        row("CA1 made and CA4 checked", paid, hash);
        Ok(())
    }

    fn ca4(&self, payment: &Payment, ca1: &str, rng: &mut StdRng) -> Result<String> {
        let received = ReceivedPayment::read(ca1.as_bytes())?;
        let part = self.customer(payment.index, payment.order_id.clone())?;
        let head = BatchHead {
            kind: token("cash-collection")?,
            version: Version1,
            session_id: self.payee.id.clone(),
            index: Index::FIRST,
            service_category: None,
        };
        let verdicts = verdicts(&head, &[])?;
        let ca3 = write_receipts(self.protocol, &head, &self.payee.secrets, &verdicts, &[Some(part)], rng)?;
        let ca3 = Envelope::parse(ca3.as_bytes())?;
        let opaque = ca3.pairs.get("customer-opaque_1").and_then(protocol::value::from_base64).context("a part")?;
        Ok(write_payer_receipt(&received, &opaque))
    }

    fn customer(&self, index: Index, order_id: Token<64>) -> Result<CustomerPart<'_>> {
        let modern = self.protocol == Protocol::V2;
        let receipt = PayerReceipt {
            response_code: protocol::outcome::ResponseCode::Success,
            remark: None,
            foreign_exchange: None,
            amount: Some(cent()?),
            problem: None,
            order_id,
            request_version: Version1,
            session_balance: modern.then_some(cent()?),
            uses_left: modern.then_some(protocol::value::Count(5)),
            seconds_left: modern.then_some(protocol::value::Count(5)),
            auth_code: None,
        };
        Ok(CustomerPart { session_id: self.payer.id.clone(), index, secrets: &self.payer.secrets, receipt })
    }

    /// The keys, seals and codes of a CA2 and its CA3, and nothing else.
    fn cryptography(&self, payments: usize) -> Result<Duration> {
        let suite = self.protocol.suite();
        let mut rng = StdRng::seed_from_u64(5);
        let contents = vec![b'x'; 80];
        let merchant_contents = vec![b'x'; 200 * payments + 80];
        let sealed_with = |secrets: &SessionSecrets, message, contents: &[u8], rng: &mut StdRng| {
            let key = suite.message_key(secrets, KeyInput { message, version: 1, index: Index::FIRST })?;
            suite.seal(&key, &[], contents, rng)
        };
        let payer = sealed_with(&self.payer.secrets, SessionMessage::Payment, &contents, &mut rng)?;
        let merchant = sealed_with(&self.payee.secrets, SessionMessage::Collection, &merchant_contents, &mut rng)?;
        let text = "x".repeat(200);
        let items: Vec<_> = (0..payments).map(|_| ("payment", text.as_str())).collect();
        median(|| {
            let start = Instant::now();
            for (message, sealed, secrets, count, items) in [
                (SessionMessage::Collection, &merchant, &self.payee.secrets, 1, &items[..]),
                (SessionMessage::Payment, &payer, &self.payer.secrets, payments, &items[..1]),
            ] {
                for _ in 0..count {
                    let key = suite.message_key(secrets, KeyInput { message, version: 1, index: Index::FIRST })?;
                    let opened = suite.open(&key, &[], sealed)?;
                    black_box(suite.auth_code(secrets.salt.expose(), items));
                    black_box(suite.auth_code(secrets.salt.expose(), items));
                    let reply = if message == SessionMessage::Payment {
                        SessionMessage::PayerReceipt
                    } else {
                        SessionMessage::MerchantReceipt
                    };
                    black_box(sealed_with(secrets, reply, &opened, &mut rng)?);
                }
            }
            Ok(start.elapsed())
        })
    }

    /// Reading a CA2, checking all of it and writing its CA3, without any books.
    fn protocol_alone(&self, payments: usize) -> Result<Duration> {
        let mut rng = StdRng::seed_from_u64(5);
        let (head, ca2) = self.ca2(payments)?;
        median(|| {
            let start = Instant::now();
            let collection = Collection::read(&Envelope::parse(ca2.as_bytes())?)?.open(&self.payee.secrets)?;
            let mut customers = Vec::with_capacity(payments);
            for (n, collected) in collection.payments.iter().enumerate() {
                black_box(collection.open_payment(n, &self.payer.secrets)?);
                customers.push(Some(self.customer(collected.payer_index, collected.order_id.clone())?));
            }
            let verdicts = verdicts(&head, &collection.payments)?;
            let secrets = &self.payee.secrets;
            black_box(write_receipts(self.protocol, &head, secrets, &verdicts, &customers, &mut rng)?);
            Ok(start.elapsed())
        })
    }

    /// The whole server, from the bytes of a CA2 to those of its CA3.
    async fn server(&self, payments: usize) -> Result<Duration> {
        let mut times = Vec::with_capacity(ROUNDS);
        for round in 0..ROUNDS {
            let (head, ca2) = self.ca2(payments)?;
            let mut rng = StdRng::seed_from_u64(round as u64);
            let start = Instant::now();
            let answer = self.server.handle(ca2.as_bytes(), now(), &mut rng).await;
            times.push(start.elapsed());
            let Answer::Reply(ca3) = answer else { bail!("the server does not answer") };
            let receipts = Receipts::read(ca3.as_bytes(), self.protocol, &self.payee.secrets, &head, payments)?;
            let paid = |receipt: &&protocol::message::payment::PaymentReceipt| receipt.problem.is_none();
            let paid = receipts.verdicts.payments.iter().filter(paid).count();
            anyhow::ensure!(paid == payments, "{paid} of {payments} paid: {:?}", receipts.verdicts.payments.first());
        }
        times.sort();
        Ok(times[ROUNDS / 2])
    }
}

fn cent() -> Result<Money> {
    Money::parse("usd 0.01", Reading::STRICT).context("an amount")
}

fn verdicts(_: &BatchHead, payments: &[Collected]) -> Result<protocol::collect::Verdicts> {
    use protocol::message::payment::{BatchReceipt, PaymentReceipt};
    use protocol::outcome::ResponseCode;
    let batch = BatchReceipt {
        subtype: token("cash-batch-receipt")?,
        subversion: Version1,
        response_code: ResponseCode::Success,
        fee: None,
        problem: None,
        remark: None,
    };
    let receipt = |collected: &Collected| -> Result<PaymentReceipt> {
        Ok(PaymentReceipt {
            subtype: token("cash-payment-receipt")?,
            subversion: Version1,
            payer_session_id: collected.payer_session_id.clone(),
            payer_index: collected.payer_index,
            response_code: ResponseCode::Success,
            remark: None,
            collected_amount: Some(collected.merchant_amount),
            problem: None,
            order_id: collected.order_id.clone(),
        })
    };
    Ok(protocol::collect::Verdicts { batch, payments: payments.iter().map(receipt).collect::<Result<_>>()? })
}

/// Registers personas and opens their sessions.
struct Clerk<'a> {
    protocol: Protocol,
    server: &'a Server,
    transaction: u64,
}

impl Clerk<'_> {
    async fn persona(&mut self, name: &str, cents: i64) -> Result<(Session, PersonaId)> {
        let mut rng = StdRng::seed_from_u64(u64::from(name.as_bytes()[3]));
        let suite = self.protocol.suite();
        let key = suite.generate(&mut rng)?;
        let public = suite.public_key(&key)?;
        let usd = Currency::of("usd").context("a currency")?;
        let registration = Registration {
            server_date: now(),
            swversion: token("1.0bench")?,
            content_language: Language::of("en").context("a language")?,
            default_currency: usd,
            requested_id: RequestedId::parse(name, Reading::STRICT).context("a name")?,
            email: Address::of("bench@example.com").context("an address")?,
            agreements: None,
            autoclose_passphrase: None,
            pubkey: AnyBytes::of(public.spki().to_vec()).context("a key")?,
            signature: None,
        };
        let id = self.ask(None, &registration, &key).await?.response_id.context("an id")?;
        if cents > 0 {
            self.load(&id, &key, &public, cents).await?;
        }
        let open = OpenSession {
            server_date: now(),
            swversion: token("1.0bench")?,
            record_note: None,
            amount: Money::new(usd, cents),
            key_lifetime: Num::of(1_000).context("minutes")?,
            key_use_limit: Index::of(u64::from(u16::MAX)).context("uses")?,
            key: AnyBytes::of(suite.key_name(&public)?).context("a key's name")?,
            signature: None,
        };
        let opened = self.ask(Some(&id), &open, &key).await?;
        let secret = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec).map(Into::into).context("a secret");
        let secrets = SessionSecrets {
            key: secret(opened.session_key.as_ref().map(Bytes::as_slice))?,
            salt: secret(opened.session_salt.as_ref().map(Bytes::as_slice))?,
        };
        Ok((Session { id: opened.session_id.context("a session")?, secrets }, id))
    }

    async fn load(
        &mut self,
        id: &PersonaId,
        key: &PersonaKey,
        public: &protocol::keys::PublicKey,
        cents: i64,
    ) -> Result<()> {
        use protocol::message::binding::BindInstrument;
        use protocol::message::funds::LoadUnload;
        use protocol::money::SignedMoney;
        use protocol::pairs::Pairs;
        use protocol::template::{Family, Record as _};
        use protocol::value::{Function, Functions, Text};
        let name = AnyBytes::of(self.protocol.suite().key_name(public)?).context("a key's name")?;
        let bind = BindInstrument {
            server_date: now(),
            swversion: token("1.0bench")?,
            number: token("059013218175654")?,
            kind: token("dda")?,
            category: token("dda")?,
            functions: Functions([Function::Load, Function::Unload].into()),
            salt: protocol::value::Bytes::of(vec![5; 16]).context("a salt")?,
            expires: None,
            name: Text::of("Bench").context("a name")?,
            address: None,
            city: None,
            state: None,
            postal_code: None,
            country: None,
            agreements: None,
            autoclose: None,
            autoclose_passphrase: None,
            key: name.clone(),
            signature: None,
        };
        let bound = self.ask(Some(id), &bind, key).await?;
        let mut pairs = Pairs::new();
        bound.write("", &mut pairs);
        let recurring = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
        let instrument = Family(recurring.map(|(label, value)| (label.to_owned(), value.to_owned())).collect());
        let amount = SignedMoney(Money::new(Currency::of("usd").context("a currency")?, cents));
        let swversion = token("1.0bench")?;
        let load = LoadUnload { server_date: now(), swversion, amount, instrument, key: name, signature: None };
        let loaded = self.ask(Some(id), &load, key).await?;
        anyhow::ensure!(loaded.problem.is_none(), "{loaded:?}");
        Ok(())
    }

    async fn ask<M: Request>(&mut self, id: Option<&PersonaId>, body: &M, key: &PersonaKey) -> Result<M::Reply> {
        let published = self.server.published();
        let server: ServerKey = published.key_for(self.protocol).context("a server key")?;
        self.transaction += 1;
        let head = RequestHead {
            id: id.cloned(),
            transaction: Num::of(self.transaction).context("a number")?,
            date: now(),
            serverkey: server.name.clone(),
            service_category: None,
        };
        let mut rng = StdRng::seed_from_u64(self.transaction);
        let sent = seal(&head, body, &server, Some(key), &mut rng)?;
        match self.server.handle(sent.text.as_bytes(), now(), &mut rng).await {
            Answer::Reply(text) => Ok(sent.read_reply(text.as_bytes())?),
            other => bail!("{other:?}"),
        }
    }
}
