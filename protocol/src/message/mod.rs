//! One typed record per message (protocol.md section 6), one file per process of the seed.
//!
//! Messages under a server key are two records: a transparent head, common to all, and the opaque body. Payments inside
//! sessions stand in [`payment`], the merchant's offer in [`offer`].

pub mod autoclose;
pub mod binding;
pub mod funds;
pub mod key;
pub mod offer;
pub mod payment;
pub mod refund;
pub mod registration;
pub mod report;
pub mod session;
pub mod statement;

use crate::date::Date;
use crate::fault::FormFault;
use crate::outcome::{Problem, ResponseCode};
use crate::persona::PersonaId;
use crate::record;
use crate::template::{Presence, Record};
use crate::value::{Lines, Num, ServerKeyName, Text, Token};

/// The service a message is for: in every message but PR1, copied into the reply.
pub type ServiceCategory = Token<32>;
/// `swversion`, `merchant-swversion`: `MAJOR.MINOR` plus letters.
pub type SoftwareVersion = Token<16>;
/// A sentence for people, in the persona's language.
pub type Sentence = Text<500>;

record! {
    /// The transparent part of a message to the server, but for `opaque` (figs 10A, 16A, 19A, 22A, 39A).
    pub struct RequestHead {
        /// Who asks; absent in an R1 whose persona does not exist yet.
        hashed "id" id: Option<PersonaId>,
        /// A number that the sender uses once.
        hashed "transaction" transaction: Num,
        /// The sender's clock.
        hashed "date" date: Date,
        /// Which server key the opaque part is sealed to.
        hashed "serverkey" serverkey: ServerKeyName,
        /// Copied into the reply; signed in CS1 only.
        plain "service-category" service_category: Option<ServiceCategory>,
    }
}

record! {
    /// The transparent part of a reply, but for `opaque` (figs 13A, 17A, 20A, 23A, 40A).
    pub struct ReplyHead {
        /// Copied.
        plain "id" id: Option<PersonaId>,
        /// Copied.
        plain "transaction" transaction: Num,
        /// Copied.
        plain "date" date: Date,
        /// Copied.
        plain "service-category" service_category: Option<ServiceCategory>,
    }
}

impl RequestHead {
    /// The head of the reply.
    pub fn reply(&self) -> ReplyHead {
        let Self { id, transaction, date, serverkey: _, service_category } = self.clone();
        ReplyHead { id, transaction, date, service_category }
    }
}

/// A message to the server, sealed to its key.
pub trait Request: Record {
    /// Label `type`.
    const TYPE: &'static str;
    /// The names of the message and its figure.
    const SOURCE: &'static str;
    /// Whether the head names a persona.
    const ID: Presence = Presence::Required;
    /// Whether it is signed.
    const SIGNED: bool = true;
    /// Whether the signature covers `service-category` (CS1 only).
    const SIGNS_CATEGORY: bool = false;
    /// What comes back.
    type Reply: Reply;
}

/// What the server answers under the request's reply key.
pub trait Reply: Record {
    /// Label `type`.
    const TYPE: &'static str;
    /// The names of the message and its figure.
    const SOURCE: &'static str;

    /// How the request ended.
    fn outcome(&self) -> Outcome<'_>;
}

/// The outcome that every reply carries, under whatever labels.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// Label `response-code`.
    pub response: ResponseCode,
    /// Label `problem`.
    pub problem: Option<&'a Problem>,
    /// Label `message`.
    pub message: Option<&'a str>,
    /// The server's clock (label `server-date`).
    pub server_date: Date,
}

/// Implements [`Reply`] for a record whose outcome stands under the usual names.
macro_rules! reply {
    ($name:ident, $type:literal, $source:literal) => {
        impl $crate::message::Reply for $name {
            const TYPE: &'static str = $type;
            const SOURCE: &'static str = $source;

            fn outcome(&self) -> $crate::message::Outcome<'_> {
                $crate::message::Outcome {
                    response: self.response_code,
                    problem: self.problem.as_ref(),
                    message: self.message.as_ref().map(|message| message.as_str()),
                    server_date: self.server_date,
                }
            }
        }
    };
}
pub(crate) use reply;

record! {
    /// `error`: what is answered where nothing can be sealed (protocol.md 6.13). Not authenticated.
    pub struct ErrorMessage {
        /// Copied, if it could be read.
        plain "transaction" transaction: Option<Num>,
        /// Copied, if it could be read.
        plain "date" date: Option<Date>,
        /// `failure` or `retry`.
        plain "response-code" response_code: ResponseCode,
        /// Why.
        plain "problem" problem: Problem,
        /// A sentence for people.
        plain "message" message: Option<Lines<500>>,
    }
}

impl ErrorMessage {
    /// Label `type`.
    pub const TYPE: &'static str = "error";

    /// An error for `problem`, with the response code that belongs to it.
    pub fn of(problem: Problem) -> Self {
        let response_code = problem.response();
        Self { transaction: None, date: None, response_code, problem, message: None }
    }

    /// Checks what the rows cannot: an error is not a success.
    ///
    /// # Errors
    /// It claims to be one.
    pub fn check(self) -> Result<Self, FormFault> {
        if self.response_code == ResponseCode::Success {
            return Err(FormFault::Contradiction("an error with response code success"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_success() {
        let error = ErrorMessage::of(Problem::BUSY);
        assert_eq!((error.response_code, error.clone().check()), (ResponseCode::Retry, Ok(error.clone())));
        assert!(ErrorMessage { response_code: ResponseCode::Success, ..error }.check().is_err());
    }
}
