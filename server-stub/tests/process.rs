//! The real program: killed in the middle of its work, started again, asked again.

mod common;

use common::actor::{ACCOUNT, Actor, OpenedSession};
use common::payment::{Deal, Promise};
use common::program::{Program, server_stub};
use common::{Kind, World, money};
use protocol::Protocol;
use protocol::collect::Receipts;
use protocol::message::payment::BatchHead;
use protocol::outcome::ResponseCode;
use server_stub::http::now;

/// A customer and a merchant, with sessions in the program.
struct Market {
    brian: Actor,
    payer: OpenedSession,
    sales: OpenedSession,
    acme: Actor,
}

async fn registered(program: &Program, world: &mut World, who: &str, name: &str) -> Actor {
    let mut actor = Actor::new(world.protocol, who, name);
    let body = actor.registration(now());
    actor.id = program.ask(world, &mut actor, &body).await.response_id;
    actor
}

async fn market(program: &Program, world: &mut World) -> Market {
    let mut brian = registered(program, world, "customer", "brianb").await;
    let mut acme = registered(program, world, "merchant", "acme").await;
    let body = brian.binding(now(), ACCOUNT, "dda", "load,unload");
    let bound = program.ask(world, &mut brian, &body).await;
    brian.keep(&bound);
    let body = brian.funds(now(), "usd 100.00");
    assert_eq!(program.ask(world, &mut brian, &body).await.response_code, ResponseCode::Success);
    let body = brian.opening(now(), "usd 70.00", 120, 500);
    let payer = OpenedSession::of(program.ask(world, &mut brian, &body).await);
    let body = acme.opening(now(), "usd 0.00", 120, 500);
    let sales = OpenedSession::of(program.ask(world, &mut acme, &body).await);
    Market { brian, payer, sales, acme }
}

impl Market {
    /// Collections of one payment each.
    fn collections(&mut self, world: &mut World, count: usize) -> Vec<(Promise, BatchHead, String)> {
        let payee = self.acme.id.clone().expect("an id");
        let one = |n: usize| {
            let order = format!("order-{n}-{}", self.payer.index);
            let deal = Deal { payee: &payee, order: &order, price: "usd 0.10", amount: "usd 0.10" };
            let promise = world.promise(&mut self.payer, &deal);
            let (head, ca2) = world.collection(&mut self.sales, std::slice::from_ref(&promise));
            (promise, head, ca2)
        };
        (0..count).map(one).collect()
    }
}

/// Sends all at once and kills the program as soon as `answers` have come; yields what came.
async fn killed_midway(program: Program, messages: &[String], answers: usize) -> Vec<Option<String>> {
    let client = reqwest::Client::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (n, message) in messages.iter().cloned().enumerate() {
        let request = client.post(format!("{}/cybercash", program.url)).body(message);
        tasks.spawn(async move {
            let reply = match request.send().await {
                Ok(response) => response.text().await.ok(),
                Err(_) => None,
            };
            (n, reply)
        });
    }
    let mut replies = vec![None; messages.len()];
    let (mut seen, mut program) = (0, Some(program));
    while let Some(Ok((n, reply))) = tasks.join_next().await {
        replies[n] = reply;
        seen += 1;
        if let Some(program) = program.take_if(|_| seen == answers) {
            program.kill();
        }
    }
    replies
}

async fn killed_and_asked_again(protocol: Protocol) {
    const COLLECTIONS: usize = 40;
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = World::new(protocol, Kind::Memory);
    let mut program = Program::start(folder.path());
    let mut market = market(&program, &mut world).await;
    for round in 1..=3 {
        let collections = market.collections(&mut world, COLLECTIONS);
        let messages: Vec<String> = collections.iter().map(|(_, _, ca2)| ca2.clone()).collect();
        let before = killed_midway(program, &messages, 10 * round).await;
        program = Program::start(folder.path());
        for ((promise, head, ca2), before) in collections.iter().zip(before) {
            let reply = program.send(ca2).await.expect("a reply");
            assert!(before.is_none_or(|before| before == reply), "what was answered is answered the same");
            let read = Receipts::read(reply.as_bytes(), protocol, &market.sales.secrets, head, 1);
            let receipts = read.expect("a receipt");
            assert_eq!(world.payer_receipt(promise, &receipts, 0).amount, Some(money("usd 0.10")));
        }
    }
    // Each payment has moved its ten cents once.
    let body = market.brian.closing(now(), None, false);
    let closed = program.ask(&mut world, &mut market.brian, &body).await;
    assert_eq!(closed.amount, Some(money("usd 58.00")));
    let body = market.acme.closing(now(), None, true);
    let closed = program.ask(&mut world, &mut market.acme, &body).await;
    assert_eq!((closed.amount, closed.log.0.len()), (Some(money("usd 12.00")), 3 * COLLECTIONS));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_asked_again_modern() {
    killed_and_asked_again(Protocol::V2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_asked_again_classic() {
    killed_and_asked_again(Protocol::V1).await;
}

#[tokio::test]
async fn secrets_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    Program::start(folder.path()).kill();
    let key = folder.path().join("keys/CC2001.x25519");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let mut command = server_stub("serve");
    command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let output = command.output().expect("the program runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("can be read by others"));
}

#[tokio::test]
async fn keys_that_belong_to_the_books_are_not_made_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path());
    let mut world = World::new(Protocol::V2, Kind::Memory);
    market(&program, &mut world).await;
    program.kill();
    for name in ["vault.key", "CC2001.x25519"] {
        let (key, apart) = (folder.path().join("keys").join(name), folder.path().join(name));
        std::fs::rename(&key, &apart).expect("a file");
        let mut command = server_stub("serve");
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
        let output = command.output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("belongs to the books"), "{name}: {said}");
        assert!(!key.exists());
        std::fs::rename(&apart, &key).expect("a file");
    }
    Program::start(folder.path()).kill();
}
