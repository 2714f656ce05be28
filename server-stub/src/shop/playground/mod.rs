//! The playground, in the sandbox only: orders whose payment goes wrong on request, a shopper who needs no browser, and
//! the messages of a payment, opened.
//!
//! Nothing is pretended: a refusal is the server's own and sealed like any other, a slow, missing or lost answer happens on
//! the line between till and server, which here leads through [`mod@line`].
//!
//! | room | what lives there |
//! | --- | --- |
//! | [`mod@line`] | between till and server: slow, down, replies lost; writes CA2 and CA3 down |
//! | [`tape`] | what was said in the latest payments, and what each order rehearses |
//! | [`decode`] | a payment's messages, label by label |
//! | [`shopper`] | the test shopper |
//! | [`page`] | the pages |

pub mod decode;
pub mod line;
pub mod page;
pub mod shopper;
pub mod tape;

use std::sync::Arc;

use protocol::outcome::Problem;
use protocol::value::OrderId;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::server::Server;
use crate::server::rehearsal::Rehearsal;
use shopper::Shopper;
use tape::Tape;

/// What happens to an order's payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Nothing unusual.
    Paid,
    /// The server refuses it.
    Declined(Problem),
    /// The server's answer takes its time.
    Slow,
    /// The server cannot be reached for a while.
    Down,
    /// The server's first answer is lost, after it was booked.
    Lost,
}

impl Scenario {
    /// Those without a code, by the names that forms use.
    const PLAIN: [(&'static str, Self); 4] =
        [("paid", Self::Paid), ("slow", Self::Slow), ("down", Self::Down), ("lost", Self::Lost)];

    /// Reads a form: a name, and for `declined` a problem code.
    pub fn of(name: &str, code: &str) -> Option<Self> {
        if name == "declined" {
            return Problem::ALL.iter().find(|problem| problem.code() == code).cloned().map(Self::Declined);
        }
        Self::PLAIN.into_iter().find(|(plain, _)| *plain == name).map(|(_, scenario)| scenario)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Declined(_) => "declined",
            Self::Slow => "slow",
            Self::Down => "down",
            Self::Lost => "lost",
        }
    }
}

/// Why the test shopper could not try.
#[derive(Debug, Error)]
pub enum Trouble {
    /// Shop or server were not reached.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// They said something else than expected.
    #[error("{0}")]
    Unexpected(String),
}

/// The playground of a demo.
#[derive(Clone)]
pub struct Playground {
    /// The server, whose keys open what is sealed.
    pub server: Arc<Server>,
    /// Where it listens.
    pub server_url: Arc<str>,
    /// Its refusals on request.
    pub rehearsal: Rehearsal,
    /// What was said.
    pub tape: Arc<Tape>,
    shopper: Arc<Mutex<Option<Shopper>>>,
}

impl Playground {
    /// A playground around a server that listens at `server_url`.
    pub fn new(server: Arc<Server>, server_url: &str, rehearsal: Rehearsal) -> Self {
        Self { server, server_url: server_url.into(), rehearsal, tape: Arc::default(), shopper: Arc::default() }
    }

    /// From now on this happens to an order's payments.
    pub fn rehearse(&self, order: &OrderId, scenario: Scenario) {
        if let Scenario::Declined(problem) = &scenario {
            self.rehearsal.refuse(order.clone(), problem.clone());
        }
        self.tape.plan(order, scenario);
    }

    /// Lets the test shopper pay an order of the shop at `origin`; yields what the server said of it.
    ///
    /// # Errors
    /// The shopper could not try.
    pub async fn pay(&self, origin: &str, order: &OrderId) -> Result<Result<(), Problem>, Trouble> {
        let mut shopper = self.shopper.lock().await;
        if shopper.is_none() {
            *shopper = Some(Shopper::with_session(&self.server_url).await?);
        }
        let Some(ready) = shopper.as_mut() else { return Err(Trouble::Unexpected("no shopper".to_owned())) };
        let paid = ready.pay(origin, order).await;
        // A session that is used up or over makes room for another one; a refusal on request says nothing of it.
        let asked_for = matches!(self.tape.scenario(order), Some(Scenario::Declined(_)));
        if matches!(paid, Err(_) | Ok(Err(_))) && !asked_for {
            *shopper = None;
        }
        paid
    }
}
