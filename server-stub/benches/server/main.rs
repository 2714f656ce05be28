//! `cargo xtask bench server`: durable payments over HTTP, beside what this machine can do without any protocol.
//!
//! | column | what it is |
//! | --- | --- |
//! | of S | payments a second, against S: hand-written SQL that moves as much money in transactions of 255 |
//! | of B | the same against pgbench's TPC-B-like, where PostgreSQL is installed |
//! | CPU | processor time of the server for each payment, against 1.5 times S's and the cryptography's together |
//!
//! Before the table stand the sessions of both suites: how many are opened a second, against the bare private operation,
//! and against all the public-key work that an opening needs (a private operation, and the check of a signature); and what
//! a verdict costs inside the server, against the two signatures that it does without.
//!
//! Sizes named on the command line (`cargo bench -p server-stub --bench server -- 255`) are measured alone.
//!
//! All of it is measured in one run, so that the ratios hold on any machine; nothing is asserted but that every payment was
//! made and that the books are sound.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../../tests/common/mod.rs"]
mod common;

mod client;
mod crypto;
mod floor;
#[allow(dead_code, reason = "`cargo xtask bench scale` uses the rest")]
mod market;
mod measure;
#[path = "../pgbench/mod.rs"]
mod pgbench;

use std::path::Path;
use std::time::Duration;

use client::Load;
use common::cluster::{Cluster, Durability};
use market::{Market, Openings, PLACES};
use measure::{micros, secs};
use protocol::Protocol;

/// Payments in a collection.
const BATCHES: [usize; 4] = [1, 10, 100, 255];
/// Tills at once.
const CONNECTIONS: [usize; 3] = [1, 8, 64];
/// Connections that send nothing but registrations: ten times as many as can be under way.
const STRANGERS: usize = 10 * PLACES;
/// How many payments a cell of the table makes, by the size of its collections and the number of tills.
fn payments(batch: usize, connections: usize) -> usize {
    let collections = match (batch, connections) {
        (1, 1) => 400,
        (1, _) => 4_000,
        (10, 1) => 300,
        (10, _) => 1_200,
        (_, 1) => 60,
        (_, 8) => 160,
        _ => 192,
    };
    collections * batch
}

fn main() {
    // Under `cargo test` nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let floor = floor::measure(folder.path());
    let crypto = crypto::cryptography();
    let b = Path::new("/usr/lib/postgresql").exists().then(|| {
        let cluster = Cluster::start(Durability::Full);
        pgbench::tpc_b(|name| cluster.client(name))
    });
    println!(
        "fdatasync of 4 KiB           {:>9.0} a second, {:.0} µs each",
        1.0 / secs(floor.sync),
        micros(floor.sync)
    );
    for (size, one) in &floor.transfers {
        println!(
            "S, transactions of {size:<4}      {:>9.0} transfers a second, {:.1} µs of CPU each",
            one.rate, one.cpu
        );
    }
    println!("cryptography at batch 255    {:>9.0} payments a second and core", 1e6 / crypto);
    let said = b.map_or_else(|| "no PostgreSQL here".to_owned(), |b| format!("{b:>9.0} transactions a second"));
    println!("B, pgbench TPC-B-like        {said}");
    let (signatures, verdict) = (crypto::two_signatures(), crypto::verdict());
    println!("verdict at batch 255         {verdict:>9.1} µs, {:.2} of two Ed25519 checks", verdict / signatures);
    let best = floor.best();
    let (mut market, openings) = Market::open();
    opened(Protocol::V2, &openings);
    opened(Protocol::V1, &Market::classic_openings());
    let mut lonely = None;
    println!("\nbatch tills   pay/s    of S   of B |  p50 ms  p99 ms p99.9 ms | CPU µs   of goal");
    for batch in BATCHES.into_iter().filter(|batch| wanted.is_empty() || wanted.contains(batch)) {
        for connections in CONNECTIONS {
            let load = market.run(batch, connections, payments(batch, connections));
            if (batch, connections) == (1, 1) {
                lonely = Some(load.percentile(0.5));
            }
            line(batch, connections, &load, best, b, 1.5 * (best.cpu + crypto));
        }
    }
    if let Some(p50) = lonely {
        let goal = 2 * floor.sync + Duration::from_micros(300);
        println!("\na lonely payment: {:.2} of two fdatasync and 0.3 ms", secs(p50) / secs(goal));
    }
    flooded(&mut market);
    market.close();
}

/// What openings came to, beside what their cryptography alone would.
fn opened(protocol: Protocol, openings: &Openings) {
    let work = crypto::public_key_work(protocol);
    println!(
        "sessions opened in {protocol}       {:>9.0} a second, {:.2} of the private operation; {:.0} µs of CPU, {:.0} bytes each",
        openings.rate,
        openings.rate * work.private / 1e6,
        openings.cpu,
        openings.memory
    );
    println!(
        "its public-key work          {:>9.1} µs to open and {:.1} µs to check: {:.0} a second and core, {:.2} of the \
         private operation; openings are {:.2} of that",
        work.private,
        work.check,
        1e6 / work.whole(),
        work.private / work.whole(),
        openings.rate * work.whole() / 1e6
    );
}

/// Whether payments wait while strangers keep the public-key work busy.
fn flooded(market: &mut Market) {
    let calm = market.run(1, 8, 8_000).percentile(0.99);
    let flood = market.flood(STRANGERS);
    let late = market.run(1, 8, 8_000).percentile(0.99);
    let flooded = flood.end();
    println!(
        "99 of 100 payments within {:.2} ms, and {:.2} ms ({:.2} times) while {STRANGERS} strangers send {:.0} R1 a second, \
         of which {:.0} are opened",
        secs(calm) * 1e3,
        secs(late) * 1e3,
        secs(late) / secs(calm),
        flooded.all,
        flooded.opened
    );
}

fn line(batch: usize, connections: usize, load: &Load, best: floor::Rate, b: Option<f64>, goal: f64) {
    let rate = load.payments as f64 / secs(load.elapsed);
    let of_b = b.map_or_else(|| "-".to_owned(), |b| format!("{:.2}", rate / b));
    let cpu = micros(load.cpu) / load.payments as f64;
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| secs(load.percentile(part)) * 1e3);
    println!(
        "{batch:>5} {connections:>5} {rate:>7.0} {:>7.2} {of_b:>6} | {p50:>7.2} {p99:>7.2} {p999:>8.2} | {cpu:>6.1} {:>9.2}",
        rate / best.rate,
        cpu / goal,
    );
}
