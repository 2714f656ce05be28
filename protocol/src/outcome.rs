//! Outcome of a request: response codes and problem codes (protocol.md section 5).

use std::borrow::Cow;
use std::fmt;

use crate::template::Kind;
use crate::value::{Reading, Value};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseCode {
    /// It was done.
    Success,
    /// It was not, and sending it again cannot help.
    Failure,
    /// It was not, and the same message may be sent again.
    Retry,
}

impl Value for ResponseCode {
    const KIND: Kind = Kind::OneOf(&["success", "failure", "retry"]);

    fn parse(text: &str, _: Reading) -> Option<Self> {
        match text {
            "success" => Some(Self::Success),
            "failure" => Some(Self::Failure),
            "retry" => Some(Self::Retry),
            _ => None,
        }
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Retry => "retry",
        })
    }
}

/// Why a request was not done. A code that this version does not know survives and prints.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Problem(Cow<'static, str>);

/// Names each code once; the list of all of them and their response codes are made from it.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $response:ident;)*) => {
        impl Problem {
            $($(#[$doc])* pub const $name: Problem = Problem(Cow::Borrowed($code));)*

            /// Every code of protocol.md section 5, in its order.
            pub const ALL: &'static [Problem] = &[$(Self::$name),*];

            /// Whether the same message may be sent again.
            pub fn response(&self) -> ResponseCode {
                match &*self.0 {
                    $($code => ResponseCode::$response,)*
                    _ => ResponseCode::Failure,
                }
            }
        }
    };
}

problems! {
    /// Labels or values do not fit the template.
    FORM = "form", Failure;
    /// The opaque part cannot be opened.
    BAD_OPAQUE = "bad-opaque", Failure;
    /// No server key of that name.
    SERVERKEY_UNKNOWN = "serverkey-unknown", Failure;
    /// The signature does not fit.
    BAD_SIGNATURE = "bad-signature", Failure;
    /// The auth-code does not fit.
    BAD_AUTH_CODE = "bad-auth-code", Failure;
    /// This software version is not served any more.
    SOFTWARE_FATAL = "software-fatal", Failure;
    /// The sender's clock is more than 24 h off.
    CLOCK_SKEW = "clock-skew", Failure;
    /// The protocol number is not spoken here.
    PROTOCOL_UNSUPPORTED = "protocol-unsupported", Failure;
    /// The persona id is taken.
    ID_IN_USE = "id-in-use", Failure;
    /// No such persona.
    PERSONA_UNKNOWN = "persona-unknown", Failure;
    /// The operator has disabled the persona.
    PERSONA_DISABLED = "persona-disabled", Failure;
    /// The persona is closed.
    PERSONA_CLOSED = "persona-closed", Failure;
    /// The key named is not the persona's.
    KEY_MISMATCH = "key-mismatch", Failure;
    /// A legal agreement was not agreed to.
    AGREEMENT_MISSING = "agreement-missing", Failure;
    /// The transaction number was used for another message.
    TRANSACTION_REUSED = "transaction-reused", Failure;
    /// No such instrument.
    INSTRUMENT_UNKNOWN = "instrument-unknown", Failure;
    /// The instrument is not enabled.
    INSTRUMENT_DISABLED = "instrument-disabled", Failure;
    /// The issuer declined.
    INSTRUMENT_DECLINED = "instrument-declined", Failure;
    /// The instrument may not do that.
    FUNCTION_DISABLED = "function-disabled", Failure;
    /// More than a limit allows.
    LIMIT_EXCEEDED = "limit-exceeded", Failure;
    /// The issuer wants to know more.
    CHALLENGE_REQUIRED = "challenge-required", Retry;
    /// There is not that much money.
    FUNDS_INSUFFICIENT = "funds-insufficient", Failure;
    /// The currency is not served.
    CURRENCY_UNSUPPORTED = "currency-unsupported", Failure;
    /// No such session.
    SESSION_UNKNOWN = "session-unknown", Failure;
    /// The session is closed.
    SESSION_CLOSED = "session-closed", Failure;
    /// The session's lifetime is over.
    SESSION_EXPIRED = "session-expired", Failure;
    /// The index is beyond the session's use limit.
    INDEX_RANGE = "index-range", Failure;
    /// The index is used up.
    INDEX_USED = "index-used", Failure;
    /// The payee named is not the one who collects.
    PAYEE_MISMATCH = "payee-mismatch", Failure;
    /// Payer and payee name different amounts.
    AMOUNT_MISMATCH = "amount-mismatch", Failure;
    /// Payer and payee are the same.
    SELF_PAYMENT = "self-payment", Failure;
    /// The service is disabled for this persona.
    SERVICE_DISABLED = "service-disabled", Failure;
    /// Too much to do; later.
    BUSY = "busy", Retry;
    /// A fault of the server's own.
    INTERNAL = "internal", Retry;
}

impl Problem {
    /// The code as it stands on the wire.
    pub fn code(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({})", self.0)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Problem {
    const KIND: Kind = Kind::Token(32);

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let token = crate::value::Token::<32>::parse(text, reading)?;
        let known = Self::ALL.iter().find(|known| known.0 == token.as_str());
        Some(known.cloned().unwrap_or_else(|| Self(Cow::Owned(token.into_string()))))
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_written_as_they_are_read() {
        for code in ["success", "failure", "retry"] {
            assert_eq!(ResponseCode::parse(code, Reading::STRICT).expect(code).text(), code);
        }
        assert_eq!(ResponseCode::parse("Success", Reading::STRICT), None);
    }

    #[test]
    fn a_problem_is_its_code_also_one_that_is_not_known() {
        for problem in Problem::ALL.iter().cloned().chain(Problem::parse("of-a-later-version", Reading::STRICT)) {
            let code = problem.code().to_owned();
            assert!(!code.is_empty());
            assert_eq!((problem.to_string(), &*problem.text()), (code.clone(), &*code));
            assert_eq!(Problem::parse(&code, Reading::STRICT), Some(problem));
        }
        assert_eq!(Problem::BUSY.code(), "busy");
        assert_eq!(Problem::parse("two words", Reading::STRICT), None);
    }
}
