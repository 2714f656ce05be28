//! Load and unload of funds 405 (fig. 18): LU1 and LU2.

use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::{Money, SignedMoney};
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::template::Family;
use crate::value::{AnyBytes, Token};

record! {
    /// LU1: moves money between an instrument and the cash container (fig. 19B).
    pub struct LoadUnload {
        /// 4517B.
        hashed "server-date" server_date: Date,
        /// 4517C.
        hashed "swversion" swversion: SoftwareVersion,
        /// Negative: to the instrument (4517D).
        hashed "amount" amount: SignedMoney,
        /// All that BI4 said of the instrument (4517E).
        hashed "instrument-" instrument: Family,
        /// 4517F.
        hashed "key" key: AnyBytes,
        /// 4517G.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for LoadUnload {
    const TYPE: &'static str = "load-unload-funds";
    const SOURCE: &'static str = "LU1, fig. 19";
    type Reply = LoadUnloadResponse;
}

record! {
    /// LU2: what moved, and the container afterwards (fig. 20B).
    pub struct LoadUnloadResponse {
        /// The server's clock.
        plain "server-date" server_date: Date,
        /// What moved; negative: to the instrument.
        plain "amount" amount: Option<SignedMoney>,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// As in R2.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// As in R2.
        plain "swmessage" swmessage: Option<Sentence>,
        /// What the operator charged.
        plain "fee" fee: Option<Money>,
        /// The container afterwards (120G.2).
        plain "balance" balance: Option<Money>,
        /// The opening amounts of all open sessions.
        plain "session-funds" session_funds: Option<Money>,
        /// Not cleared yet (120G.3).
        plain "on-hold" on_hold: Option<Money>,
    }
}

reply!(LoadUnloadResponse, "load-unload-response", "LU2, fig. 20");
