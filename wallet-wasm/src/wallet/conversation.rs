//! The five conversations under a server key, as the shell sees them: each has a pending record that knows how to end.
//!
//! | state | after a crash |
//! | --- | --- |
//! | no pending record | nothing was sent, or all of it is over |
//! | pending record | it may have been sent: it is sent again, byte for byte, and the server answers once more |
//! | `heard` is set | as before; the shopper sees why it waits |
//! | challenge of an issuer | the shopper is asked again |

use protocol::exchange::ReplyFault;
use protocol::message::{ErrorMessage, Reply, Request};
use protocol::outcome::{Problem, ResponseCode};
use protocol::store::ChangeSet;

use super::books::{Books, find};
use super::step::{Desk, Env, Settled, learn_clock, problem_of, refusal};
use crate::fault::WalletFault;
use crate::record::pending::{Heard, Pending};
use crate::record::{Held, RecordChanges as _};

/// A pending record (251, 252, 254, 255, 256) and how its procedure ends.
pub trait Conversation: Pending + Clone {
    /// What comes back.
    type Reply: Reply;
    /// What the shopper is told.
    type Output;
    /// The types that the reply may have.
    const TYPES: &'static [&'static str];
    /// Whether money moves by it.
    const MONEY: bool;

    /// The pending records of this kind.
    fn all(books: &Books) -> &[Held<Self>];

    /// Whether the record waits for the server (and not for the shopper).
    fn is_sendable(&self) -> bool {
        true
    }

    /// Ends the procedure by a success, or by a refusal that it knows better than the wallet at large.
    ///
    /// # Errors
    /// The reply lacks what a success has to say, or a record is damaged: the procedure goes on waiting.
    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        env: &mut Env<'_>,
    ) -> Result<Settled<Self::Output>, WalletFault>;

    /// Writes the log record of an authentic reply.
    fn log(&self, desk: &Desk, reply: &Self::Reply, changes: &mut ChangeSet);

    /// Whether [`Conversation::answered`] wants to see a reply that is no success.
    fn knows(_reply: &Self::Reply) -> bool {
        false
    }
}

/// Reads a reply and says what follows from it. Nothing follows from what is not authentic, but that it is shown.
///
/// # Errors
/// The pending record is gone: somebody else has settled it.
pub fn settle<C: Conversation>(
    desk: &Desk,
    key: &str,
    bytes: &[u8],
    env: &mut Env<'_>,
) -> Result<Settled<C::Output>, WalletFault> {
    let held = find(C::all(&desk.books), key).ok_or(WalletFault::NoAnswer { heard: None, money: C::MONEY })?;
    let sent = held.record.common().sent(&desk.vault, C::ORIGINAL)?;
    match sent.read_reply_of::<C::Reply>(bytes, C::TYPES) {
        Ok((reply, _)) => Ok(authentic(held, desk, reply, env)),
        Err(ReplyFault::Refused(error)) => Ok(waits(held, heard(&error))),
        Err(_) => Ok(unreadable::<C>()),
    }
}

fn unreadable<C: Conversation>() -> Settled<C::Output> {
    Settled { changes: ChangeSet::new(), result: Err(WalletFault::AnswerUnreadable { money: C::MONEY }) }
}

/// What an unauthenticated error says.
pub fn heard(error: &ErrorMessage) -> Heard {
    let message = error.message.as_ref().map(|message| message.as_str().to_owned());
    Heard { problem: error.problem.code().to_owned(), message }
}

/// Keeps the record, and what was heard of it.
fn waits<C: Conversation>(held: &Held<C>, heard: Heard) -> Settled<C::Output> {
    let mut changes = ChangeSet::new();
    let mut record = held.record.clone();
    record.common_mut().heard = Some(heard.clone());
    changes.replace(held, &record);
    Settled { changes, result: Err(WalletFault::NoAnswer { heard: Some(heard), money: C::MONEY }) }
}

fn authentic<C: Conversation>(held: &Held<C>, desk: &Desk, reply: C::Reply, env: &mut Env<'_>) -> Settled<C::Output> {
    let outcome = reply.outcome();
    let (response, server_date) = (outcome.response, outcome.server_date);
    let mut settled = match response {
        _ if C::knows(&reply) => answered(held, desk, reply, env),
        ResponseCode::Success => answered(held, desk, reply, env),
        ResponseCode::Failure => refused(held, desk, &reply),
        ResponseCode::Retry => {
            let problem = problem_of(&outcome).unwrap_or(Problem::INTERNAL).code().to_owned();
            waits(held, Heard { problem, message: outcome.message.map(str::to_owned) })
        }
    };
    learn_clock(&desk.books, &mut settled.changes, server_date, env.now);
    settled
}

fn answered<C: Conversation>(held: &Held<C>, desk: &Desk, reply: C::Reply, env: &mut Env<'_>) -> Settled<C::Output> {
    let settled = C::answered(held, desk, reply, env);
    settled.unwrap_or_else(|fault| Settled { changes: ChangeSet::new(), result: Err(fault) })
}

fn refused<C: Conversation>(held: &Held<C>, desk: &Desk, reply: &C::Reply) -> Settled<C::Output> {
    let mut changes = ChangeSet::new();
    changes.remove(held);
    held.record.log(desk, reply, &mut changes);
    Settled { changes, result: Err(refusal(&reply.outcome())) }
}

/// Whether a new message may do what this one could not: the clock was off, or the number was taken.
pub fn is_worth_another(fault: &WalletFault) -> bool {
    let WalletFault::Refused { problem, .. } = fault else { return false };
    *problem == Problem::CLOCK_SKEW || *problem == Problem::TRANSACTION_REUSED
}

/// The types that a request's reply may have.
pub const fn reply_type<M: Request>() -> &'static str {
    <M::Reply as Reply>::TYPE
}
