//! What cryptography alone costs here: the yardsticks of payments and openings.

use std::time::Instant;

use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::exchange::OpenedRequest;
use protocol::message::session::OpenSession;
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, Opener, Purpose, SessionMessage};
use protocol::value::Index;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::server::Config;

use super::common::payment::Deal;
use super::common::{Actor, Kind, World};
use super::measure::micros;

/// Microseconds of the keys, seals and codes of one payment at batch 255: CA2 opened and checked, CA3 made.
pub fn cryptography() -> f64 {
    const ROUNDS: usize = 40;
    const BATCH: usize = 255;
    let suite = Protocol::V2.suite();
    let mut rng = StdRng::seed_from_u64(5);
    let secrets: SessionSecrets = suite.session_secrets(&mut rng);
    let key = |message| {
        suite.message_key(&secrets, KeyInput { message, version: 1, index: Index::FIRST }).expect("secrets of 2.0")
    };
    // The sizes of the contents and of what the codes cover.
    let (payer, merchant) = (vec![b'x'; 80], vec![b'x'; 290 * BATCH]);
    let (told, all_told) = (vec![b'x'; 240], vec![b'x'; 210 * BATCH]);
    let text = "x".repeat(220);
    let items = vec![("label", text.as_str()); BATCH];
    let sealed_payer = suite.seal(&key(SessionMessage::Payment), &[], &payer, &mut rng).expect("a key");
    let sealed_merchant = suite.seal(&key(SessionMessage::Collection), &[], &merchant, &mut rng).expect("a key");
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let mut exchange = |opens, sealed: &[u8], seals, told: &[u8], items: &[(&str, &str)]| {
            std::hint::black_box(suite.open(&key(opens), &[], sealed).expect("a key"));
            std::hint::black_box(suite.auth_code(secrets.salt.expose(), items));
            std::hint::black_box(suite.auth_code(secrets.salt.expose(), items));
            std::hint::black_box(suite.seal(&key(seals), &[], told, &mut rng).expect("a key"));
        };
        exchange(SessionMessage::Collection, &sealed_merchant, SessionMessage::MerchantReceipt, &all_told, &items);
        for _ in 0..BATCH {
            exchange(SessionMessage::Payment, &sealed_payer, SessionMessage::PayerReceipt, &told, &items[..1]);
        }
    }
    micros(start.elapsed()) / (ROUNDS * BATCH) as f64
}

/// Microseconds of two Ed25519 checks: what a payment would cost whose two parties sign it.
pub fn two_signatures() -> f64 {
    const ROUNDS: u32 = 2_000;
    let customer = Actor::new(Protocol::V2, "customer", "brianb");
    let suite = Protocol::V2.suite();
    let mut rng = StdRng::seed_from_u64(6);
    let said = [b'x'; 300];
    let signature = suite.sign(&customer.key, Purpose::Request, &said, &mut rng).expect("a key");
    let start = Instant::now();
    for _ in 0..2 * ROUNDS {
        suite.verify(&customer.public, Purpose::Request, std::hint::black_box(&said), &signature).expect("a signature");
    }
    micros(start.elapsed()) / f64::from(ROUNDS)
}

/// Microseconds of a payment at batch 255 inside the server, CA2 read to CA3 written, over a store in memory.
pub fn verdict() -> f64 {
    const ROUNDS: usize = 40;
    const BATCH: usize = 255;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut world = World::with(Protocol::V2, Kind::Memory, Config::default());
        let mut customer = world.customer("brianb", "usd 400.00").await;
        let mut acme = world.registered("merchant", "acme").await;
        let payee = acme.id.clone().expect("an id");
        let mut payer = world.open(&mut customer, "usd 200.00", 60, 60_000).await;
        let mut till = world.open(&mut acme, "usd 0.00", 60, 60_000).await;
        let mut collections = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let deal = Deal { payee: &payee, order: "order-1", price: "usd 0.01", amount: "usd 0.01" };
            let promises: Vec<_> = (0..BATCH).map(|_| world.promise(&mut payer, &deal)).collect();
            collections.push(world.collection(&mut till, &promises).1);
        }
        let start = Instant::now();
        for ca2 in &collections {
            std::hint::black_box(world.send(ca2).await);
        }
        micros(start.elapsed()) / (ROUNDS * BATCH) as f64
    })
}

/// What an opening's public-key work takes, microseconds.
#[derive(Clone, Copy)]
pub struct PublicKeyWork {
    /// The private operation that opens the request (procedure 900), reading included.
    pub private: f64,
    /// The check of its signature (step 915).
    pub check: f64,
}

impl PublicKeyWork {
    /// Both.
    pub fn whole(self) -> f64 {
        self.private + self.check
    }
}

/// Measures the public-key work of one opening: there is no more of it, since replies go back under a symmetric key.
pub fn public_key_work(protocol: Protocol) -> PublicKeyWork {
    const ROUNDS: u32 = 1_000;
    let mut world = World::with(protocol, Kind::Memory, World::config());
    let mut customer = Actor::new(protocol, "customer", "brianb");
    customer.id = Some(super::common::value("brianb-40"));
    let body = customer.opening(world.now, "usd 1.00", 60, 100);
    let sent = world.seal::<OpenSession>(&mut customer, &body);
    let envelope = Envelope::parse(sent.text.as_bytes()).expect("a message");
    let keys = super::common::server_keys();
    let find = |head: &protocol::message::RequestHead, protocol| -> Option<&dyn Opener> {
        keys.find(&head.serverkey, protocol)
    };
    let open = || OpenedRequest::open(&envelope, find).expect("a request to us");
    let start = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(open());
    }
    let private = micros(start.elapsed()) / f64::from(ROUNDS);
    let opened = open();
    let start = Instant::now();
    for _ in 0..ROUNDS {
        std::hint::black_box(&opened).verify::<OpenSession>(&customer.public).expect("a signature");
    }
    PublicKeyWork { private, check: micros(start.elapsed()) / f64::from(ROUNDS) }
}
