//! The real server with payers and tills, and what it is sent.

use std::net::SocketAddr;
use std::time::Instant;

use protocol::Protocol;
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, SessionMessage};
use protocol::value::Index;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::audit::audit;
use server_stub::http::now;
use server_stub::server::Config;
use server_stub::store::sqlite::SqliteBooks;

use super::client::{Load, send};
use super::common::actor::{ACCOUNT, Actor, OpenedSession};
use super::common::payment::Deal;
use super::common::program::Program;
use super::common::{Kind, World};
use super::{cpu_of, micros};

/// How many sessions of payers there are.
pub const SESSIONS: usize = PERSONAS * SESSIONS_EACH;
const PERSONAS: usize = 50;
const SESSIONS_EACH: usize = 20;
/// As many tills as send at once at most.
const TILLS: usize = 64;

/// The server, and everybody's sessions.
pub struct Market {
    runtime: tokio::runtime::Runtime,
    world: World,
    program: Program,
    payee: protocol::persona::PersonaId,
    payers: Vec<OpenedSession>,
    tills: Vec<OpenedSession>,
    next_payer: usize,
    paid: u64,
}

impl Market {
    /// Opens everybody's sessions in the books, and starts the program over them.
    pub fn open() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let config = Config { max_session_units: 1_000_000, ..Config::default() };
        let mut world = World::with(Protocol::V2, Kind::Sqlite, config);
        world.now = now();
        let (payers, tills, payee) = runtime.block_on(async {
            let mut payers = Vec::with_capacity(SESSIONS);
            for n in 0..PERSONAS {
                let mut payer = persona(&mut world, "customer", n).await;
                world.bind(&mut payer, ACCOUNT, "dda", "load,unload").await;
                world.move_funds(&mut payer, "usd 400.00").await;
                for _ in 0..SESSIONS_EACH {
                    payers.push(world.open(&mut payer, "usd 20.00", 600, 60_000).await);
                }
            }
            let mut acme = persona(&mut world, "merchant", PERSONAS).await;
            let mut tills = Vec::with_capacity(TILLS);
            for _ in 0..TILLS {
                tills.push(world.open(&mut acme, "usd 0.00", 600, 60_000).await);
            }
            (payers, tills, acme.id.expect("an id"))
        });
        let settings = world.folder().join("bench.toml");
        std::fs::write(&settings, "[doors]\nper_address_per_minute = 0\nper_persona_per_minute = 0\n").expect("a file");
        let program = Program::start_with(world.folder(), &["--config", &settings.to_string_lossy()]);
        Self { runtime, world, program, payee, payers, tills, next_payer: 0, paid: 0 }
    }

    /// Makes so many payments of a cent in collections of `batch`, from so many tills at once.
    pub fn run(&mut self, batch: usize, connections: usize, payments: usize) -> Load {
        let each = payments / batch / connections;
        let prepared: Vec<Vec<_>> =
            (0..connections).map(|till| (0..each).map(|_| self.collection(till, batch)).collect()).collect();
        let tills = prepared.iter().map(|till| till.iter().map(|(_, ca2)| ca2.clone()).collect()).collect();
        let address: SocketAddr = self.program.url.trim_start_matches("http://").parse().expect("an address");
        let cpu = cpu_of(self.program.id());
        let (elapsed, times, answers) = send(address, tills);
        let cpu = cpu_of(self.program.id()).saturating_sub(cpu);
        let payments = each * batch * connections;
        self.paid += payments as u64;
        // The first answer of each till is read; that all were paid, the audit tells in the end.
        for (till, (prepared, answers)) in prepared.iter().zip(&answers).enumerate() {
            let receipts = self.world.receipts(&self.tills[till], &prepared[0].0, &answers[0], batch);
            assert!(receipts.verdicts.payments.iter().all(|receipt| receipt.problem.is_none()), "{receipts:?}");
        }
        Load { payments, elapsed, cpu, times }
    }

    fn collection(&mut self, till: usize, batch: usize) -> (protocol::message::payment::BatchHead, String) {
        let mut promises = Vec::with_capacity(batch);
        for _ in 0..batch {
            let payer = self.next_payer % self.payers.len();
            let order = format!("order-{}", self.next_payer);
            let deal = Deal { payee: &self.payee, order: &order, price: "usd 0.01", amount: "usd 0.01" };
            promises.push(self.world.promise(&mut self.payers[payer], &deal));
            self.next_payer += 1;
        }
        self.world.collection(&mut self.tills[till], &promises)
    }

    /// Ends the server and audits its books.
    pub fn close(self) {
        let Self { runtime, world, program, paid, .. } = self;
        program.kill();
        let findings = runtime.block_on(audit(&SqliteBooks::open(world.folder()))).expect("books");
        assert_eq!(findings.lies, []);
        assert_eq!(findings.read.payments, paid);
        println!("\n{paid} payments made, and the books are sound");
    }
}

async fn persona(world: &mut World, who: &str, n: usize) -> Actor {
    let mut actor = Actor::new(Protocol::V2, who, &format!("bench{n}"));
    // They share a key, and a registration is known by its key and number.
    actor.transaction += 100 * n as u64;
    let body = actor.registration(world.now);
    actor.id = world.ask(&mut actor, &body).await.response_id;
    actor
}

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
