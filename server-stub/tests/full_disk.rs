//! The disk is full at any byte of what a commit writes: what cannot be stored is not acknowledged, and what is sent again
//! once there is room has one effect.

mod common;

use std::path::Path;

use common::actor::OpenedSession;
use common::payment::{Deal, Promise};
use common::program::{Program, give_keys};
use common::{Kind, World, error_of};
use protocol::Protocol;
use protocol::message::payment::BatchHead;
use protocol::outcome::Problem;
use reqwest::StatusCode;
use server_stub::audit::audit;
use server_stub::http::now;
use server_stub::store::sqlite::SqliteBooks;

/// How many collections come at once, and may share a transaction.
const AT_ONCE: usize = 3;
/// A commit of [`AT_ONCE`] collections writes less than this to the log.
const COMMIT_BYTES: u64 = 64 * 1_024;
/// A fourth of a page and its frame: each write is cut within and between.
const STEP: usize = 1_030;

/// A collection of one payment.
type Sent = (Promise, BatchHead, String);

/// How long the write-ahead log is.
fn log_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("books.sqlite-wal")).map_or(0, |file| file.len())
}

fn collection(world: &mut World, payer: &mut OpenedSession, sales: &mut OpenedSession, payee: &str) -> Sent {
    let order = format!("order-{}", payer.index);
    let payee = common::value(payee);
    let deal = Deal { payee: &payee, order: &order, price: "usd 0.01", amount: "usd 0.01" };
    let promise = world.promise(payer, &deal);
    let (head, ca2) = world.collection(sales, std::slice::from_ref(&promise));
    (promise, head, ca2)
}

/// Whether a collection was paid; if not, why it was refused.
fn outcome(world: &World, sales: &OpenedSession, head: &BatchHead, reply: &str) -> Result<(), Problem> {
    if reply.contains("\ntype: error\n") {
        return Err(error_of(reply));
    }
    let receipts = world.receipts(sales, head, reply, 1);
    assert_eq!(receipts.verdicts.payments[0].problem, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_disk_is_full_is_not_ready_until_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start_limited(folder.path());
    let reads = async || reqwest::get(format!("{}/cybercash/keys", program.url)).await.expect("an answer").status();
    program.readiness_is("ready\n").await;
    program.limit_files(Some(0));
    program.readiness_is("nothing can be stored\n").await;
    assert_eq!(reads().await, StatusCode::OK, "it runs on");
    program.limit_files(None);
    program.readiness_is("ready\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_refused_at_every_write_and_mends() {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    world.now = now();
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 70.00", 120, 2_000).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 120, 2_000).await;
    let payee = acme.id.clone().expect("an id").to_string();
    let folder = world.folder().to_owned();
    give_keys(&folder);
    let program = Program::start_limited(&folder);
    let (mut refused, mut paid, mut made) = (0, 0, 0);
    for room in (0..COMMIT_BYTES).step_by(STEP) {
        let sent: Vec<Sent> = (0..AT_ONCE).map(|_| collection(&mut world, &mut payer, &mut sales, &payee)).collect();
        made += AT_ONCE;
        program.limit_files(Some(log_bytes(&folder) + room));
        let [one, two, three] = [0, 1, 2].map(|n| program.send(&sent[n].2));
        let (one, two, three) = tokio::join!(one, two, three);
        program.limit_files(None);
        for ((_, head, ca2), reply) in sent.iter().zip([one, two, three]) {
            let reply = reply.expect("an answer: the program runs on");
            match outcome(&world, &sales, head, &reply) {
                Ok(()) => paid += 1,
                Err(problem) => {
                    assert!([Problem::INTERNAL, Problem::BUSY].contains(&problem), "{problem}");
                    refused += 1;
                    let again = program.send(ca2).await.expect("an answer");
                    assert_eq!(outcome(&world, &sales, head, &again), Ok(()), "there is room again");
                }
            }
        }
    }
    assert!(refused > AT_ONCE && paid > AT_ONCE, "{refused} refused, {paid} paid");
    program.kill();
    let findings = audit(&SqliteBooks::open(&folder)).await.expect("books");
    assert_eq!(findings.lies, []);
    assert_eq!(findings.read.payments, made as u64);
}
