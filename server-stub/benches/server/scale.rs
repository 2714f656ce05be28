//! `cargo xtask bench scale`: whether a payment costs the same however many sessions are open, and whether the server's
//! memory stays what it is while it works. `cargo bench -p server-stub --bench scale -- 10` works for ten minutes.
//!
//! The sessions are written into the books before the program starts; payments of a cent come from all of them in turn, by
//! eight tills in collections of 255. Nothing is asserted but that every payment was made.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

#[path = "../../tests/common/mod.rs"]
mod common;

#[allow(dead_code, reason = "`cargo xtask bench server` uses the rest")]
mod client;
#[allow(dead_code, reason = "`cargo xtask bench server` uses the rest")]
mod market;
mod measure;

use std::time::{Duration, Instant};

use market::Market;
use measure::{micros, secs};

/// Open sessions.
const CROWDS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Payments in a collection, tills at once, and payments in a run: a second or several.
const BATCH: usize = 255;
const TILLS: usize = 8;
const PAYMENTS: usize = 160 * BATCH;
/// Where the sessions last for ten minutes of payments.
const SOAKED: usize = 100_000;

fn main() {
    // Under `cargo test` nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    match std::env::args().find_map(|argument| argument.parse().ok()) {
        Some(minutes) => soak(Duration::from_mins(minutes)),
        None => crowds(),
    }
}

fn crowds() {
    println!(" sessions   pay/s   CPU µs   of 1,000's   MB before   MB after");
    let mut first = None;
    for sessions in CROWDS {
        let mut market = Market::crowded(sessions);
        // What is read for the first time is no figure.
        market.run(BATCH, TILLS, PAYMENTS / 4);
        let before = market.memory();
        let load = market.run(BATCH, TILLS, PAYMENTS);
        let cpu = micros(load.cpu) / load.payments as f64;
        let rate = load.payments as f64 / secs(load.elapsed);
        let ratio = cpu / *first.get_or_insert(cpu);
        let [before, after] = [before, market.memory()].map(|bytes| bytes as f64 / 1e6);
        println!("{sessions:>9} {rate:>7.0} {cpu:>8.1} {ratio:>12.2} {before:>11.1} {after:>10.1}");
    }
}

fn soak(time: Duration) {
    let (mut market, start, mut paid) = (Market::crowded(SOAKED), Instant::now(), 0);
    println!(" minutes   payments   pay/s   CPU µs   MB");
    while start.elapsed() < time {
        let load = market.run(BATCH, TILLS, PAYMENTS);
        paid += load.payments;
        let rate = load.payments as f64 / secs(load.elapsed);
        let cpu = micros(load.cpu) / load.payments as f64;
        let memory = market.memory() as f64 / 1e6;
        println!("{:>8.1} {paid:>10} {rate:>7.0} {cpu:>8.1} {memory:>6.1}", secs(start.elapsed()) / 60.0);
    }
}
