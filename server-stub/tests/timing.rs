//! A refusal tells nobody who exists: not by its length, and not by how long it takes. That an unknown persona, another's key
//! and a wrong signature cost the same operations is shown without a clock in `doors.rs`; this is what a clock sees.
//!
//! Who comes next is thrown by dice, so that whatever else the machine does meets all alike. What is compared are ranks: how
//! often an answer of one kind takes longer than one of another, one half where nothing tells them apart. That depends on no
//! unit and no machine, and has a known spread where there is no difference. An answer that does tell shows that the same
//! clock sees a difference where there is one.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use common::{Actor, Kind, World};
use protocol::Protocol;
use protocol::message::Reply as _;
use protocol::message::session::OpenSessionResponse;
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// How many answers of each kind come first, uncounted.
const WARM: usize = 50;
/// Who the server cannot know, and a kind that it may answer in another time: the very same message, sent again.
const NAMES: [&str; 4] = ["unknown persona", "wrong key", "wrong signature", "known message"];
/// A kind is told from another by a single answer at most so much more often than by a coin. Chance alone makes a tenth of
/// this of the numbers that are asked here, and a build for tests another half: it reads the row of a persona that is there,
/// and none of one that is not, without having been optimized.
const TOLD: f64 = 0.12;

/// What was measured of one kind of request, sorted.
#[derive(Default)]
struct Sample {
    took: Vec<Duration>,
    lengths: BTreeSet<usize>,
}

impl Sample {
    fn part(&self, percent: usize) -> f64 {
        self.took[(self.took.len() - 1) * percent / 100].as_secs_f64() * 1e6
    }

    /// How often an answer of this kind takes longer than one of the other; a tie is half.
    fn longer_than(&self, other: &Self) -> f64 {
        let count = |n: usize| f64::from(u32::try_from(n).expect("few"));
        let wins = |took: &Duration| {
            let shorter = other.took.partition_point(|theirs| theirs < took);
            let not_longer = other.took.partition_point(|theirs| theirs <= took);
            count(shorter) + count(not_longer - shorter) / 2.0
        };
        self.took.iter().map(wins).sum::<f64>() / (count(self.took.len()) * count(other.took.len()))
    }
}

/// Asks as each of three who lack the key, and as one who has it, and measures the answer alone.
async fn measured(world: &mut World, times: usize) -> [Sample; 4] {
    let mut brian = world.customer("brianb", "usd 10.00").await;
    let body = brian.opening(world.now, "usd 1.00", 60, 10);
    let known = world.seal(&mut brian, &body);
    world.send(&known.text).await;
    // Numbers of as many digits, however many are asked.
    brian.transaction = 100_000;
    let nobody = Actor { id: Some(PersonaId::of(&common::value("nobody"))), ..brian.clone() };
    let other = Actor::new(world.protocol, "merchant", "brianb");
    let wrong_key = Actor { id: brian.id.clone(), transaction: 100_000, ..other.clone() };
    let wrong_signature = Actor { key: other.key, ..brian };
    let mut samples = NAMES.map(|_| Sample::default());
    let mut actors = [nobody, wrong_key, wrong_signature];
    let mut dice = StdRng::seed_from_u64(1);
    for round in 0..(WARM + times) * NAMES.len() {
        let who = dice.random_range(0..NAMES.len());
        let request = actors.get_mut(who).map_or(known.clone(), |actor| {
            let body = actor.opening(world.now, "usd 1.00", 60, 10);
            world.seal(actor, &body)
        });
        let began = Instant::now();
        let reply = world.send(&request.text).await;
        let took = began.elapsed();
        if who < actors.len() {
            let read: OpenSessionResponse = request.read_reply(reply.as_bytes()).expect("a reply");
            assert_eq!(read.outcome().problem, Some(&Problem::BAD_SIGNATURE));
        }
        if round >= WARM * NAMES.len() {
            samples[who].took.push(took);
            samples[who].lengths.insert(reply.len());
        }
    }
    for sample in &mut samples {
        sample.took.sort();
    }
    samples
}

/// Prints what was measured, and compares.
async fn compared(protocol: Protocol, times: usize) {
    let mut world = World::new(protocol, Kind::Sqlite);
    let samples = measured(&mut world, times).await;
    println!("{} refusals, microseconds (quartiles), how often longer than the first:", protocol.number());
    for (name, sample) in NAMES.iter().zip(&samples) {
        let (low, median, high) = (sample.part(25), sample.part(50), sample.part(75));
        let (longer, count) = (sample.longer_than(&samples[0]), sample.took.len());
        println!("{name:<16} {count:>6} times {low:>8.1} {median:>8.1} {high:>8.1}  {longer:.3}");
    }
    for (name, sample) in NAMES.iter().zip(&samples).take(3) {
        assert_eq!(sample.lengths, samples[0].lengths, "{name}: the lengths of what is answered");
        assert_eq!(sample.lengths.len(), 1, "{name}: {:?}", sample.lengths);
        let told = (sample.longer_than(&samples[0]) - 0.5).abs();
        assert!(told < TOLD, "{name}: one answer tells it from the first by {told:.3}");
    }
    let told = (samples[3].longer_than(&samples[0]) - 0.5).abs();
    assert!(told > 3.0 * TOLD, "{}: the clock sees nothing, {told:.3}", NAMES[3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_equally_long_modern() {
    compared(Protocol::V2, 1_500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_equally_long_classic() {
    compared(Protocol::V1, 1_500).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: cargo xtask soak"]
async fn many_refusals_are_equally_long_modern() {
    compared(Protocol::V2, 20_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: cargo xtask soak"]
async fn many_refusals_are_equally_long_classic() {
    compared(Protocol::V1, 20_000).await;
}
