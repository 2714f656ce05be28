//! Closing a persona whose key is lost: AC1 and AC2 (protocol.md 6.11; the seed's autoclose passphrase, section I).

use super::registration::AutoclosePassphrase;
use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::Money;
use crate::outcome::{Problem, ResponseCode};
use crate::record;

record! {
    /// AC1: closes every session, sends the cash to the autoclose instrument, closes the persona. Not signed.
    pub struct AutoclosePersona {
        /// As in R1.
        plain "server-date" server_date: Date,
        /// As in R1.
        plain "swversion" swversion: SoftwareVersion,
        /// 120F.
        plain "autoclose-passphrase" passphrase: AutoclosePassphrase,
    }
}

impl Request for AutoclosePersona {
    const TYPE: &'static str = "autoclose-persona";
    const SOURCE: &'static str = "AC1, protocol.md 6.11";
    const SIGNED: bool = false;
    type Reply = AutocloseResponse;
}

record! {
    /// AC2: what was unloaded.
    pub struct AutocloseResponse {
        /// The server's clock.
        plain "server-date" server_date: Date,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not; a wrong passphrase and an unknown persona look alike.
        plain "problem" problem: Option<Problem>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// What went to the instrument.
        plain "amount" amount: Option<Money>,
    }
}

reply!(AutocloseResponse, "autoclose-response", "AC2, protocol.md 6.11");
