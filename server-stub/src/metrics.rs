//! What is counted while the server runs, for Prometheus.
//!
//! | name | labels | what it counts |
//! | --- | --- | --- |
//! | `paycash_messages_total` | `outcome` | messages that came in, by what became of them |
//! | `paycash_message_seconds` | `lane` | from the message to its answer |
//! | `paycash_decisions_total` | `message`, `problem` | what procedures decided; `problem` is `none` where it was done |
//! | `paycash_turned_away_total` | `why` | requests told `busy` at the door, before any cryptography |
//! | `paycash_public_key_waiting` | | requests under a server key that are under way |
//! | `paycash_sweep_failures_total` | | sweeps that the database failed |
//! | `paycash_start_time_seconds` | | when the process started |
//!
//! No label ever holds a persona, a session, an address or an amount.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::outcome::Problem;

use crate::server::Answer;

/// Messages by outcome.
const MESSAGES: &str = "paycash_messages_total";
/// Seconds by lane.
const SECONDS: &str = "paycash_message_seconds";
/// Decisions by message and problem.
const DECISIONS: &str = "paycash_decisions_total";
/// Requests turned away.
const TURNED_AWAY: &str = "paycash_turned_away_total";
/// Requests under way.
const WAITING: &str = "paycash_public_key_waiting";
/// Sweeps that failed.
const SWEEP_FAILURES: &str = "paycash_sweep_failures_total";
/// Start of the process.
const STARTED: &str = "paycash_start_time_seconds";

/// Bounds of the histogram, seconds: from one write of a good disk to the patience of a client.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What was counted, as text for Prometheus.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Starts counting; there is one count for the whole process, however often this is called.
    pub fn start() -> Self {
        static COUNTING: OnceLock<PrometheusHandle> = OnceLock::new();
        Self(COUNTING.get_or_init(install).clone())
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

fn install() -> PrometheusHandle {
    let seconds = Matcher::Full(SECONDS.to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &BUCKETS);
    let recorder = builder.expect("invariant: there are buckets").build_recorder();
    let handle = recorder.handle();
    // Nothing else in the process counts; if something did, this count would stay empty, and nothing else be wrong.
    let _ = metrics::set_global_recorder(recorder);
    describe();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    gauge!(STARTED).set(since.as_secs_f64());
    handle
}

fn describe() {
    describe_counter!(MESSAGES, "messages that came in, by what became of them");
    describe_histogram!(SECONDS, Unit::Seconds, "from a message to its answer");
    describe_counter!(DECISIONS, "what procedures decided");
    describe_counter!(TURNED_AWAY, "requests told busy before any cryptography");
    describe_gauge!(WAITING, "requests under a server key that are under way");
    describe_counter!(SWEEP_FAILURES, "sweeps that the database failed");
    describe_gauge!(STARTED, "when the process started");
}

/// Which way a message takes through the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Under a server key: public-key work.
    Sealed,
    /// Within a session: hashes.
    Session,
    /// It was not a message.
    Unread,
}

/// Counts a message that was answered.
pub fn answered(lane: Lane, answer: &Answer, time: Duration) {
    let lane = match lane {
        Lane::Sealed => "sealed",
        Lane::Session => "session",
        Lane::Unread => "unread",
    };
    let outcome = match answer {
        Answer::Reply(_) => "reply",
        Answer::NoContent => "no-content",
        Answer::Malformed(_) => "malformed",
    };
    counter!(MESSAGES, "outcome" => outcome).increment(1);
    histogram!(SECONDS, "lane" => lane).record(time.as_secs_f64());
}

/// Counts a decision on a message.
pub fn decided(message: &'static str, problem: Option<&Problem>) {
    decided_alike(message, problem, 1);
}

/// Counts so many decisions at once, such as those on the payments of a collection that were made.
pub fn decided_alike(message: &'static str, problem: Option<&Problem>, times: usize) {
    let (problem, times) = (problem.map_or("none", known), u64::try_from(times).unwrap_or(u64::MAX));
    counter!(DECISIONS, "message" => message, "problem" => problem).increment(times);
}

/// Problems that this server gives are constants; any other would let a stranger make labels.
fn known(problem: &Problem) -> &'static str {
    Problem::ALL.iter().find(|known| *known == problem).map_or("other", Problem::code)
}

/// Counts a request that is told `busy` at the door.
pub fn turned_away(why: &'static str) {
    counter!(TURNED_AWAY, "why" => why).increment(1);
}

/// Says how many requests under a server key are under way.
pub fn waiting(count: usize) {
    gauge!(WAITING).set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}

/// Counts a sweep that the database failed.
pub fn sweep_failed() {
    counter!(SWEEP_FAILURES).increment(1);
}
