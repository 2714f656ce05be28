//! What a client sends when it cannot use a reply: MR1 (protocol.md 6.12; seed, process 1100).

use super::{Outcome, Reply, Request, SoftwareVersion};
use crate::date::Date;
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::template::Presence;
use crate::value::{Lines, Text};

record! {
    /// MR1: a reply as it came, and what is wrong with it.
    pub struct MessageReport {
        /// As in R1.
        plain "server-date" server_date: Date,
        /// As in R1.
        plain "swversion" swversion: SoftwareVersion,
        /// What the client made of it.
        plain "problem" problem: Problem,
        /// In words.
        plain "diagnosis" diagnosis: Option<Text<500>>,
        /// The message as it came.
        plain "received" received: Option<Lines<65536>>,
    }
}

impl Request for MessageReport {
    const TYPE: &'static str = "message-report";
    const SOURCE: &'static str = "MR1, protocol.md 6.12";
    const ID: Presence = Presence::Optional;
    const SIGNED: bool = false;
    type Reply = NoReply;
}

record! {
    /// A report is not answered (HTTP 204).
    pub struct NoReply {
        /// Never read.
        plain "server-date" server_date: Date,
    }
}

impl Reply for NoReply {
    const TYPE: &'static str = "none";
    const SOURCE: &'static str = "protocol.md 6.12";

    fn outcome(&self) -> Outcome<'_> {
        Outcome { response: ResponseCode::Success, problem: None, message: None, server_date: self.server_date }
    }
}
