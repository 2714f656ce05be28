//! What registration, binding and opening have in common: a request that is kept until its reply is there.

use protocol::date::Date;
use protocol::exchange::{ReplyFault, SentRequest, StoredRequest, seal};
use protocol::keys::{PersonaKey, ServerKey};
use protocol::message::{Outcome, Reply, Request, RequestHead};
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::PersonaId;
use protocol::suite::CryptoFault;
use protocol::value::Num;
use rand_core::CryptoRng;
use thiserror::Error;

use super::Moment;
use super::record::{Pending, Purpose};

/// Why a request did not lead to what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerFault {
    /// The reply is not the server's, or not readable: nothing is known, the same bytes are sent again.
    #[error(transparent)]
    Unusable(#[from] ReplyFault),
    /// What was stored of the request is damaged.
    #[error("the stored request is damaged")]
    Damaged,
    /// The server asks to send the same message again later.
    #[error("the server is busy: {0}")]
    Later(Problem),
    /// The till's clock is off; a new message with this time is welcome.
    #[error("the clock is off; the server's shows {0:?}")]
    ClockSkew(Date),
    /// The server refused.
    #[error("the server refused: {problem}{}", .message.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    Refused {
        /// Why.
        problem: Problem,
        /// In words.
        message: Option<String>,
    },
    /// The reply is a success, yet lacks what it has to bring.
    #[error("the reply lacks {0}")]
    Lacks(&'static str),
}

impl AnswerFault {
    /// Whether the server did not look at what was asked, for a reason that the till can mend: its clock, or a server key
    /// that is not in use any more.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::ClockSkew(_)) || self.problem() == Some(&Problem::SERVERKEY_UNKNOWN)
    }

    /// The server's code, if it named one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Unusable(ReplyFault::Refused(error)) => Some(&error.problem),
            Self::Later(problem) | Self::Refused { problem, .. } => Some(problem),
            Self::ClockSkew(_) => Some(&Problem::CLOCK_SKEW),
            Self::Unusable(_) | Self::Damaged | Self::Lacks(_) => None,
        }
    }

    /// Whether the same bytes should be sent again.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unusable(ReplyFault::Refused(error)) => error.response_code == ResponseCode::Retry,
            Self::Unusable(_) | Self::Later(_) => true,
            Self::Damaged | Self::ClockSkew(_) | Self::Refused { .. } | Self::Lacks(_) => false,
        }
    }
}

/// Seals a request and makes the record that keeps it.
pub(crate) fn request<M: Request>(
    id: Option<&PersonaId>,
    body: &M,
    server: &ServerKey,
    signer: &PersonaKey,
    purpose: Purpose,
    moment: &mut Moment<'_>,
) -> Result<Pending, CryptoFault> {
    let transaction = transaction(moment.rng);
    let head = RequestHead {
        id: id.cloned(),
        transaction,
        date: moment.now,
        serverkey: server.name.clone(),
        service_category: None,
    };
    let sent = seal(&head, body, server, Some(signer), moment.rng)?;
    Ok(Pending { transaction, purpose, request: StoredRequest::from(&sent) })
}

/// A number that no earlier message of this till has, but for one chance in 2^53.
fn transaction(rng: &mut dyn CryptoRng) -> Num {
    loop {
        if let Some(number) = Num::of(rng.next_u64() & Num::MAX) {
            return number;
        }
    }
}

impl Pending {
    /// The message to send.
    ///
    /// # Errors
    /// What was stored is damaged.
    pub fn message(&self) -> Result<SentRequest, AnswerFault> {
        self.request.restore().ok_or(AnswerFault::Damaged)
    }

    /// Reads the reply and its outcome.
    pub(crate) fn reply<R: Reply>(&self, bytes: &[u8]) -> Result<R, AnswerFault> {
        let reply: R = self.message()?.read_reply(bytes)?;
        check(reply.outcome()).map(|()| reply)
    }
}

/// Whether an outcome is a success.
pub(crate) fn check(outcome: Outcome<'_>) -> Result<(), AnswerFault> {
    let problem = outcome.problem.cloned().unwrap_or(Problem::INTERNAL);
    match outcome.response {
        ResponseCode::Success => Ok(()),
        ResponseCode::Retry if problem == Problem::CHALLENGE_REQUIRED => Err(refused(problem, outcome.message)),
        ResponseCode::Retry => Err(AnswerFault::Later(problem)),
        ResponseCode::Failure if problem == Problem::CLOCK_SKEW => Err(AnswerFault::ClockSkew(outcome.server_date)),
        ResponseCode::Failure => Err(refused(problem, outcome.message)),
    }
}

fn refused(problem: Problem, message: Option<&str>) -> AnswerFault {
    AnswerFault::Refused { problem, message: message.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::date::Date;
    use protocol::message::ErrorMessage;
    use rand::SeedableRng as _;

    fn checked(response: ResponseCode, problem: &Problem) -> Result<(), AnswerFault> {
        check(Outcome { response, problem: Some(problem), message: Some("why"), server_date: Date::from_millis(7) })
    }

    #[test]
    fn an_outcome_is_a_success_a_refusal_or_a_reason_to_wait() {
        assert!(checked(ResponseCode::Success, &Problem::BUSY).is_ok());
        let refused = |result| matches!(result, Err(AnswerFault::Refused { message: Some(_), .. }));
        assert!(refused(checked(ResponseCode::Retry, &Problem::CHALLENGE_REQUIRED)), "asked again, it is asked again");
        assert!(refused(checked(ResponseCode::Failure, &Problem::FUNDS_INSUFFICIENT)));
        assert!(matches!(checked(ResponseCode::Retry, &Problem::BUSY), Err(AnswerFault::Later(_))));
        let skew = checked(ResponseCode::Failure, &Problem::CLOCK_SKEW);
        assert!(matches!(skew, Err(AnswerFault::ClockSkew(date)) if date == Date::from_millis(7)));
    }

    #[test]
    fn an_error_that_nothing_authenticates_tells_whether_to_send_again() {
        for (problem, passing, stale) in
            [(Problem::BUSY, true, false), (Problem::FORM, false, false), (Problem::SERVERKEY_UNKNOWN, false, true)]
        {
            let fault = AnswerFault::Unusable(ReplyFault::Refused(Box::new(ErrorMessage::of(problem.clone()))));
            assert_eq!((fault.is_passing(), fault.is_stale()), (passing, stale), "{problem}");
            assert_eq!(fault.problem(), Some(&problem));
        }
        let lost = AnswerFault::Unusable(ReplyFault::NotOurs);
        assert!(lost.is_passing() && !lost.is_stale() && lost.problem().is_none());
    }

    #[test]
    fn numbers_of_requests_are_spread_over_all_there_are() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let numbers: Vec<u64> = (0..64).map(|_| transaction(&mut rng).get()).collect();
        for bit in 0..53 {
            assert!(numbers.iter().any(|number| number >> bit & 1 == 1), "bit {bit}");
        }
    }
}
