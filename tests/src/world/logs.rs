//! What the parties log: the judge reads it all.

use std::cell::RefCell;
use std::io::{Result, Write};

use tracing::Level;
use tracing_subscriber::fmt;

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes into this thread's log.
struct Pen;

impl Write for Pen {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Does `work`, and keeps all that is logged by it on this thread, down to the smallest trace.
pub fn listening<T>(work: impl FnOnce() -> T) -> T {
    LOG.take();
    let subscriber = fmt().with_max_level(Level::TRACE).with_ansi(false).with_writer(|| Pen).finish();
    tracing::subscriber::with_default(subscriber, work)
}

/// What was logged since this was last asked.
pub fn take() -> Vec<u8> {
    LOG.take()
}
