//! The real server with payers and tills, and what it is sent.

use std::net::SocketAddr;

use protocol::Protocol;
use protocol::exchange::{SentRequest, seal};
use protocol::keys::ServerKey;
use protocol::message::payment::BatchHead;
use protocol::message::registration::Registration;
use protocol::message::session::{OpenSession, OpenSessionResponse};
use protocol::outcome::ResponseCode;
use protocol::persona::PersonaId;
use server_stub::audit::audit;
use server_stub::http::now;
use server_stub::store::record::{Entry, Reason, Session, SessionStatus};
use server_stub::store::sqlite::SqliteBooks;
use server_stub::store::{Account, Change, ChangeSet};
use tokio::runtime::Runtime;

use super::client::{Flood, Load, send};
use super::common::actor::{ACCOUNT, Actor, OpenedSession};
use super::common::payment::Deal;
use super::common::program::{Program, give_keys};
use super::common::{Kind, World, money, value};
use super::measure::{cpu_of, memory_of, micros, secs};

/// How many sessions of payers there are: so many that two collections at once seldom want the same, as in life.
pub const SESSIONS: usize = PERSONAS * SESSIONS_EACH;
const PERSONAS: usize = 2_000;
/// As many as a shopper may have on all devices; a persona is read with all of its open sessions.
const SESSIONS_EACH: usize = 10;
/// As many tills as send at once at most.
const TILLS: usize = 64;
/// Wallets that open sessions at once.
const WALLETS: usize = 64;
/// Personas of protocol 1.0 that open [`SESSIONS_EACH`], too.
const CLASSIC_PERSONAS: usize = 300;
/// How many requests for public-key work may be under way: as many as there are wallets.
pub const PLACES: usize = WALLETS;

/// The server, and everybody's sessions.
pub struct Market {
    runtime: Runtime,
    world: World,
    program: Program,
    key: ServerKey,
    payee: PersonaId,
    payers: Vec<OpenedSession>,
    tills: Vec<OpenedSession>,
    next_payer: usize,
    paid: u64,
}

/// How the sessions were opened.
pub struct Openings {
    /// How many a second.
    pub rate: f64,
    /// Microseconds of the server's CPU for each.
    pub cpu: f64,
    /// Bytes of the server's memory for each, its caches included.
    pub memory: f64,
}

impl Market {
    /// Registers everybody in the books, starts the program over them, and opens everybody's sessions.
    pub fn open() -> (Self, Openings) {
        let (runtime, mut world) = founded(Protocol::V2);
        let (mut customers, acme) = runtime.block_on(async {
            let mut customers = Vec::with_capacity(PERSONAS);
            for n in 0..PERSONAS {
                customers.push(payer(&mut world, n).await);
            }
            (customers, world.one_of_many("merchant", "bench", PERSONAS).await)
        });
        let mut market = Self::begin(runtime, world, acme, Vec::new());
        let Self { world, key, program, payers, .. } = &mut market;
        let wallets = customers.iter_mut().map(|payer| openings(world, payer, key, "usd 1.00", SESSIONS_EACH));
        let (sessions, openings) = opened(program, wallets.collect());
        *payers = sessions;
        (market, openings)
    }

    /// Lets customers of protocol 1.0 open sessions, at a server of their own.
    pub fn classic_openings() -> Openings {
        let (runtime, mut world) = founded(Protocol::V1);
        let mut customers = Vec::with_capacity(CLASSIC_PERSONAS);
        for n in 0..CLASSIC_PERSONAS {
            customers.push(runtime.block_on(payer(&mut world, n)));
        }
        let program = started(&world);
        let key = runtime.block_on(program.published()).key_for(Protocol::V1).expect("a key");
        let wallets = customers.iter_mut().map(|payer| openings(&mut world, payer, &key, "usd 1.00", SESSIONS_EACH));
        let openings = opened(&program, wallets.collect()).1;
        program.kill();
        openings
    }

    /// Starts the program over books that hold so many sessions of payers already, each with a dollar.
    pub fn crowded(sessions: usize) -> Self {
        let (runtime, mut world) = founded(Protocol::V2);
        let (payers, acme) = runtime.block_on(async {
            let mut customer = world.customer("brianb", "usd 400.00").await;
            let like = world.open(&mut customer, "usd 1.00", 600, 60_000).await;
            let persona = customer.id.expect("an id");
            (crowd(&mut world, &persona, &like, sessions).await, world.registered("merchant", "acme").await)
        });
        Self::begin(runtime, world, acme, payers)
    }

    /// Starts the program over the books of a world, and opens the merchant's sessions.
    fn begin(runtime: Runtime, mut world: World, mut acme: Actor, payers: Vec<OpenedSession>) -> Self {
        let program = started(&world);
        let key = runtime.block_on(program.published()).key_for(Protocol::V2).expect("a key");
        let (tills, _) = opened(&program, vec![openings(&mut world, &mut acme, &key, "usd 0.00", TILLS)]);
        let payee = acme.id.expect("an id");
        Self { runtime, world, program, key, payee, payers, tills, next_payer: 0, paid: 0 }
    }

    /// Lets strangers register: each R1 is opened and its signature checked, and it is never the right one.
    pub fn flood(&mut self, senders: usize) -> Flood {
        let mut stranger = Actor::new(Protocol::V2, "customer", "stranger");
        let (body, head) = (stranger.registration(now()), stranger.head::<Registration>(now(), &self.key.name));
        let another = Actor::new(Protocol::V2, "merchant", "stranger").key;
        let sent = seal(&head, &body, &self.key, Some(&another), &mut self.world.rng).expect("keys of this suite");
        Flood::start(address(&self.program), &sent.text, senders)
    }

    /// Bytes of memory that the server holds.
    pub fn memory(&self) -> u64 {
        memory_of(self.program.id())
    }

    /// Makes so many payments of a cent in collections of `batch`, from so many tills at once.
    pub fn run(&mut self, batch: usize, connections: usize, payments: usize) -> Load {
        let each = payments / batch / connections;
        let prepared: Vec<Vec<_>> =
            (0..connections).map(|till| (0..each).map(|_| self.collection(till, batch)).collect()).collect();
        let tills = prepared.iter().map(|till| till.iter().map(|(_, ca2)| ca2.clone()).collect()).collect();
        let cpu = cpu_of(self.program.id());
        let (elapsed, times, answers) = send(address(&self.program), tills);
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

    fn collection(&mut self, till: usize, batch: usize) -> (BatchHead, String) {
        let mut promises = Vec::with_capacity(batch);
        for _ in 0..batch {
            let payer = scattered(self.next_payer, self.payers.len());
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

/// Takes turns among so many, far apart from each other: shoppers do not come in the order of their sessions.
pub fn scattered(n: usize, of: usize) -> usize {
    // A prime that divides none of our numbers of sessions, so that everyone has a turn before anyone has two.
    n * 7_919 % of
}

/// A customer with money in the container.
async fn payer(world: &mut World, n: usize) -> Actor {
    let mut payer = world.one_of_many("customer", "bench", n).await;
    world.bind(&mut payer, ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut payer, "usd 400.00").await;
    payer
}

/// Books with nothing in them.
fn founded(protocol: Protocol) -> (Runtime, World) {
    let runtime = Runtime::new().expect("a runtime");
    let mut world = World::with(protocol, Kind::Sqlite, World::config());
    world.now = now();
    (runtime, world)
}

/// The program over the books of a world.
fn started(world: &World) -> Program {
    let settings = world.folder().join("bench.toml");
    let classic = world.protocol == Protocol::V1;
    let text = format!(
        "[classic]\nallow = {classic}\n\
         [doors]\nper_address_per_minute = 0\nper_persona_per_minute = 0\npublic_key_waiting = {PLACES}\n"
    );
    std::fs::write(&settings, text).expect("a file");
    give_keys(world.folder());
    Program::start_with(world.folder(), &["--config", &settings.to_string_lossy()])
}

/// So many OS1.
fn openings(world: &mut World, who: &mut Actor, key: &ServerKey, amount: &str, count: usize) -> Vec<SentRequest> {
    let mut one = || {
        let body = who.opening(world.now, amount, 600, 60_000);
        let head = who.head::<OpenSession>(world.now, &key.name);
        seal(&head, &body, key, Some(&who.key), &mut world.rng).expect("keys of this suite")
    };
    (0..count).map(|_| one()).collect()
}

/// Writes so many sessions into the books, each with a dollar that comes from nowhere.
async fn crowd(world: &mut World, persona: &PersonaId, like: &OpenedSession, sessions: usize) -> Vec<OpenedSession> {
    const SET: usize = 1_000;
    let (dollar, mut payers) = (money("usd 1.00"), Vec::with_capacity(sessions));
    while payers.len() < sessions {
        let mut set = ChangeSet::default();
        for _ in 0..SET.min(sessions - payers.len()) {
            let id = world.store.new_session_id().await.expect("a number");
            let secrets = Protocol::V2.suite().session_secrets(&mut world.rng);
            let session = Session {
                id: id.clone(),
                protocol: Protocol::V2,
                secrets: secrets.clone(),
                opening: dollar,
                current: dollar,
                opened: world.now,
                lifetime_minutes: 600,
                use_limit: value("60000"),
                uses: 0,
                persona: persona.clone(),
                status: SessionStatus::Open,
                memo: String::new(),
            };
            let (debit, credit) = (Account::Agency(dollar.currency), session.account());
            let (date, reference) = (world.now, id.number().to_string());
            set.push(Change::Open(Box::new(session)));
            set.push(Change::Journal(Entry { date, reason: Reason::Load, debit, credit, amount: dollar, reference }));
            payers.push(OpenedSession { id, secrets, index: 0, reply: like.reply.clone() });
        }
        world.store.commit(set).await.expect("sessions");
    }
    payers
}

/// Opens sessions: each persona's one after the other, those of different personas at once.
fn opened(program: &Program, personas: Vec<Vec<SentRequest>>) -> (Vec<OpenedSession>, Openings) {
    let mut wallets: Vec<Vec<SentRequest>> = (0..WALLETS).map(|_| Vec::new()).collect();
    for (n, sent) in personas.into_iter().enumerate() {
        wallets[n % WALLETS].extend(sent);
    }
    wallets.retain(|wallet| !wallet.is_empty());
    let (cpu, memory) = (cpu_of(program.id()), memory_of(program.id()));
    let texts = wallets.iter().map(|wallet| wallet.iter().map(|sent| sent.text.clone()).collect()).collect();
    let (elapsed, times, answers) = send(address(program), texts);
    let (cpu, memory) = (cpu_of(program.id()).saturating_sub(cpu), memory_of(program.id()).saturating_sub(memory));
    let read = |(sent, answer): (SentRequest, String)| {
        let reply: OpenSessionResponse = sent.read_reply(answer.as_bytes()).expect("an answer to OS1");
        assert_eq!(reply.response_code, ResponseCode::Success, "{reply:?}");
        OpenedSession::of(reply)
    };
    let sessions: Vec<_> = wallets.into_iter().flatten().zip(answers.into_iter().flatten()).map(read).collect();
    let count = times.len() as f64;
    let openings = Openings { rate: count / secs(elapsed), cpu: micros(cpu) / count, memory: memory as f64 / count };
    (sessions, openings)
}

fn address(program: &Program) -> SocketAddr {
    program.url.trim_start_matches("http://").parse().expect("an address")
}
