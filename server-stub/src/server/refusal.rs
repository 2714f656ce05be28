//! Why a request was not done: the problem and a sentence for people.

use protocol::message::Sentence;
use protocol::outcome::Problem;

/// A request that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of protocol.md section 5.
    pub problem: Problem,
    sentence: Option<String>,
}

impl Refusal {
    /// With a sentence of its own.
    pub fn because(problem: Problem, sentence: impl Into<String>) -> Self {
        Self { problem, sentence: Some(sentence.into()) }
    }

    /// A sentence for people; in English, which is the only language the server knows so far.
    pub fn sentence(&self) -> Option<Sentence> {
        let text = self.sentence.as_deref().unwrap_or_else(|| sentence_of(&self.problem));
        Sentence::of(text)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, sentence: None }
    }
}

/// What each problem means to the person who reads it.
const SENTENCES: &[(Problem, &str)] = &[
    (Problem::FORM, "The request is not of the form that its type asks for."),
    (Problem::BAD_OPAQUE, "The request could not be opened."),
    (Problem::SERVERKEY_UNKNOWN, "The request was sealed to a key that this server does not have."),
    (Problem::BAD_SIGNATURE, "The signature does not fit the request."),
    (Problem::BAD_AUTH_CODE, "The authentication code does not fit."),
    (Problem::SOFTWARE_FATAL, "This version of the software is not served any more."),
    (Problem::CLOCK_SKEW, "The clock of the sender is more than a day off."),
    (Problem::PROTOCOL_UNSUPPORTED, "This server does not speak that protocol."),
    (Problem::ID_IN_USE, "This name is taken."),
    (Problem::PERSONA_UNKNOWN, "There is no such persona."),
    (Problem::PERSONA_DISABLED, "This persona is disabled."),
    (Problem::PERSONA_CLOSED, "This persona is closed."),
    (Problem::KEY_MISMATCH, "The key named is not the key of this persona."),
    (Problem::AGREEMENT_MISSING, "A legal agreement was not agreed to."),
    (Problem::TRANSACTION_REUSED, "This transaction number was used for another message."),
    (Problem::INSTRUMENT_UNKNOWN, "There is no such instrument."),
    (Problem::INSTRUMENT_DISABLED, "This instrument is not enabled."),
    (Problem::INSTRUMENT_DECLINED, "The bank declined."),
    (Problem::FUNCTION_DISABLED, "This instrument may not be used for that."),
    (Problem::LIMIT_EXCEEDED, "This is more than a limit allows."),
    (Problem::CHALLENGE_REQUIRED, "The bank has a question."),
    (Problem::FUNDS_INSUFFICIENT, "There is not that much money."),
    (Problem::CURRENCY_UNSUPPORTED, "This currency is not served here."),
    (Problem::SESSION_UNKNOWN, "There is no such session."),
    (Problem::SESSION_CLOSED, "The session is closed."),
    (Problem::SESSION_EXPIRED, "The lifetime of the session is over."),
    (Problem::INDEX_RANGE, "The session has no uses left for this index."),
    (Problem::INDEX_USED, "This index was used for another message."),
    (Problem::PAYEE_MISMATCH, "The payment is for somebody else."),
    (Problem::AMOUNT_MISMATCH, "The payer agreed to another amount."),
    (Problem::SELF_PAYMENT, "Nobody can pay themselves."),
    (Problem::SERVICE_DISABLED, "This service is disabled for this persona."),
    (Problem::BUSY, "The server has too much to do. Try again soon."),
    (Problem::INTERNAL, "Something failed in the server. Try again."),
];

fn sentence_of(problem: &Problem) -> &'static str {
    SENTENCES.iter().find(|(known, _)| known == problem).map_or("", |(_, sentence)| sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_sentence() {
        for problem in Problem::ALL {
            assert!(Refusal::from(problem.clone()).sentence().is_some(), "{problem}");
        }
    }
}
