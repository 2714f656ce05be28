//! Another key for a persona: KC1 and KC2 (docs/protocol.md, "Another key"; the seed's "modification", field 251A; in 2.0
//! only).

use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::value::{AnyBytes, Token};

record! {
    /// KC1: from its answer on, the persona signs with another key. Signed with the one before.
    pub struct KeyChange {
        /// As in LU1.
        hashed "server-date" server_date: Date,
        /// As in LU1.
        hashed "swversion" swversion: SoftwareVersion,
        /// The new key, as in R1.
        hashed "pubkey" pubkey: AnyBytes,
        /// The name of the key before.
        hashed "key" key: AnyBytes,
        /// Over all of these.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for KeyChange {
    const TYPE: &'static str = "persona-key-change";
    const SOURCE: &'static str = "KC1, docs/protocol.md \"Another key\"";
    type Reply = KeyResponse;
}

record! {
    /// KC2: the key that holds now.
    pub struct KeyResponse {
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
        /// The new key, as it was understood.
        plain "pubkey" pubkey: Option<AnyBytes>,
    }
}

reply!(KeyResponse, "persona-key-response", "KC2, docs/protocol.md \"Another key\"");
