//! What the process says of itself while it runs: lines for people, or JSON for machines, on standard error.
//!
//! Nothing that is logged holds a secret, a message or an instrument number: errors name what is wrong, never the bytes
//! (`canary.rs` searches for them).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::settings::{LogFormat, LogSettings};

/// Starts logging. Started twice in one process (a test, the demo), the first stays.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&settings.filter));
    // Further down, this library tells every parameter of every statement: keys of sessions among them.
    let quiet = ["tokio_postgres=info", "tokio_postgres::query=info"].map(str::parse::<Directive>);
    let filter = quiet.into_iter().flatten().fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Where the log cannot be written either (it is on the disk that is full), that would be told on standard error, too,
    // which panics: whoever logs that a write failed would die of it, the committer first.
    let lines = lines.log_internal_errors(false);
    // The only error is that somebody was first.
    let _ = match settings.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
