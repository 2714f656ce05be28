//! Opening 407 (fig. 21) and closing 411 (fig. 38) of a session: OS1, OS2, CS1 and CS2.

use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::{Money, Rates};
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::template::Numbered;
use crate::value::{AnyBytes, Bytes, Index, Num, SessionId, Text, Token, YesNo};

/// The owner's note on a session (130M).
pub type RecordNote = Text<60>;

record! {
    /// OS1: asks for a session with three limits (fig. 22B).
    pub struct OpenSession {
        /// 4617B.
        hashed "server-date" server_date: Date,
        /// 4617C.
        hashed "swversion" swversion: SoftwareVersion,
        /// 4617D.
        hashed "record-note" record_note: Option<RecordNote>,
        /// From the container; 0 for a merchant (4617E).
        hashed "amount" amount: Money,
        /// Minutes (4617G).
        hashed "key-lifetime" key_lifetime: Num,
        /// How many payments (4617F).
        hashed "key-use-limit" key_use_limit: Index,
        /// The name of the persona's key.
        hashed "key" key: AnyBytes,
        /// Over all of these.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for OpenSession {
    const TYPE: &'static str = "open-session";
    const SOURCE: &'static str = "OS1, fig. 22";
    type Reply = OpenSessionResponse;
}

record! {
    /// OS2: the session, its secrets and the limits granted (fig. 23B).
    pub struct OpenSessionResponse {
        /// The server's clock; the session's lifetime counts from here (130G).
        plain "server-date" server_date: Date,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// As in R2.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// As in R2.
        plain "swmessage" swmessage: Option<Sentence>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// Minutes granted (130J).
        plain "key-lifetime" key_lifetime: Option<Num>,
        /// Uses granted (130I).
        plain "key-use-limit" key_use_limit: Option<Index>,
        /// Amount granted (130E).
        plain "amount" amount: Option<Money>,
        /// What one unit of other currencies is worth in the session's.
        plain "foreign-exchange" foreign_exchange: Option<Rates>,
        /// The opening amounts of all open sessions.
        plain "session-funds" session_funds: Option<Money>,
        /// The container afterwards (120G.2).
        plain "balance" balance: Option<Money>,
        /// Not cleared yet (120G.3).
        plain "on-hold" on_hold: Option<Money>,
        /// What the operator charged.
        plain "fee" fee: Option<Money>,
        /// 130A.
        plain "session-id" session_id: Option<SessionId>,
        /// 130B.
        plain "session-key" session_key: Option<Bytes<16, 32>>,
        /// 130C.
        plain "session-salt" session_salt: Option<Bytes<8, 32>>,
    }
}

reply!(OpenSessionResponse, "open-session-response", "OS2, fig. 23");

record! {
    /// CS1: closes a session, or all of the persona's (fig. 39B).
    pub struct CloseSession {
        /// 4817B.
        hashed "server-date" server_date: Date,
        /// 4817C.
        hashed "swversion" swversion: SoftwareVersion,
        /// 4817D.
        hashed "record-note" record_note: Option<RecordNote>,
        /// Absent: all open sessions.
        hashed "session-id" session_id: Option<SessionId>,
        /// Whether CS2 shall list the payments.
        hashed "request-log" request_log: Option<YesNo>,
        /// The name of the persona's key.
        hashed "key" key: AnyBytes,
        /// Over all of these.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for CloseSession {
    const TYPE: &'static str = "close-session";
    const SOURCE: &'static str = "CS1, fig. 39";
    const SIGNS_CATEGORY: bool = true;
    type Reply = CloseSessionResponse;
}

record! {
    /// CS2: what returned to the container (fig. 40B).
    pub struct CloseSessionResponse {
        /// The server's clock.
        plain "server-date" server_date: Date,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// As in R2.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// As in R2.
        plain "swmessage" swmessage: Option<Sentence>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// What the operator charged.
        plain "fee" fee: Option<Money>,
        /// What returned to the container (4917H).
        plain "amount" amount: Option<Money>,
        /// `date|index|payer or payee id|order-id|amount`, one a payment.
        plain "log" log: Numbered<Text<200>, 4000>,
    }
}

reply!(CloseSessionResponse, "close-session-response", "CS2, fig. 40");
