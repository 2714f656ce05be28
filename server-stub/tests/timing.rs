//! How long a refusal takes tells nobody who exists: an unknown persona, another's key and a wrong signature, by the clock.
//! That all cost the same operations is shown without a clock in `doors.rs`; this is the figure.

mod common;

use std::time::{Duration, Instant};

use common::{Actor, Kind, World};
use protocol::Protocol;
use protocol::message::Reply as _;
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// How often each is asked for; and how many come first, uncounted.
const TIMES: usize = 4_000;
const WARM: usize = 200;

/// What was measured of one kind of request, sorted.
struct Sample {
    name: &'static str,
    took: Vec<Duration>,
}

impl Sample {
    fn part(&self, percent: usize) -> f64 {
        self.took[(self.took.len() - 1) * percent / 100].as_secs_f64() * 1e6
    }

    /// Mean and variance of the quicker nine tenths: what the machine does besides is in the rest.
    fn moments(&self) -> (f64, f64, f64) {
        let kept: Vec<f64> =
            self.took[..self.took.len() * 9 / 10].iter().map(|took| took.as_secs_f64() * 1e6).collect();
        let count = f64::from(u32::try_from(kept.len()).expect("few"));
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|took| (took - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance, count)
    }

    /// Welch's t of two samples.
    fn welch(&self, other: &Self) -> f64 {
        let ((mine, my_variance, my_count), (theirs, their_variance, their_count)) = (self.moments(), other.moments());
        (mine - theirs) / (my_variance / my_count + their_variance / their_count).sqrt()
    }
}

/// Asks as each of three who lack the key, in an order that nothing else has, and measures the answer alone.
async fn measured(world: &mut World) -> Vec<Sample> {
    let brian = world.customer("brianb", "usd 10.00").await;
    let nobody = Actor { id: Some(PersonaId::of(&common::value("nobody"))), ..brian.clone() };
    let other = Actor::new(world.protocol, "merchant", "brianb");
    let wrong_key = Actor { id: brian.id.clone(), ..other.clone() };
    let wrong_signature = Actor { key: other.key, ..brian };
    let names = ["unknown persona", "wrong key", "wrong signature"];
    let mut samples = names.map(|name| Sample { name, took: Vec::with_capacity(TIMES) });
    let mut actors = [nobody, wrong_key, wrong_signature];
    let mut dice = StdRng::seed_from_u64(1);
    for round in 0..(WARM + TIMES) * 3 {
        let who = dice.random_range(0..3);
        let actor = &mut actors[who];
        let body = actor.opening(world.now, "usd 1.00", 60, 10);
        let request = world.seal(actor, &body);
        let began = Instant::now();
        let reply = world.send(&request.text).await;
        let took = began.elapsed();
        if round == 0 {
            let read: protocol::message::session::OpenSessionResponse =
                request.read_reply(reply.as_bytes()).expect("a reply");
            assert_eq!(read.outcome().problem, Some(&Problem::BAD_SIGNATURE));
        }
        if round >= WARM * 3 {
            samples[who].took.push(took);
        }
    }
    for sample in &mut samples {
        sample.took.sort();
    }
    samples.into()
}

/// Prints what was measured. The medians lie apart by less than what any one answer varies by.
async fn compared(protocol: Protocol) {
    let mut world = World::new(protocol, Kind::Sqlite);
    let samples = measured(&mut world).await;
    println!("{} refusals, microseconds (quartiles), Welch's t against the first:", protocol.number());
    for sample in &samples {
        let (low, median, high) = (sample.part(25), sample.part(50), sample.part(75));
        let t = sample.welch(&samples[0]);
        println!("{:<16} {:>6} times {low:>8.1} {median:>8.1} {high:>8.1}  t = {t:.2}", sample.name, sample.took.len());
    }
    for sample in &samples[1..] {
        let apart = (sample.part(50) - samples[0].part(50)).abs();
        let varies = sample.part(75) - sample.part(25);
        assert!(apart < varies, "{}: the medians are {apart:.1} us apart, answers vary by {varies:.1}", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: cargo xtask soak"]
async fn refusals_take_equally_long_modern() {
    compared(Protocol::V2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a figure: cargo xtask soak"]
async fn refusals_take_equally_long_classic() {
    compared(Protocol::V1).await;
}
