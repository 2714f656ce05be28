//! Registration 401 (fig. 8): R1 and R2.

use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::Currency;
use crate::outcome::{Problem, ResponseCode};
use crate::persona::{PersonaId, RequestedId};
use crate::record;
use crate::template::Presence;
use crate::value::{Address, AnyBytes, Count, Ints, Language, Text, Token};

/// What closes the persona from a lost device (120F): six characters at least, as its reader checks.
pub type AutoclosePassphrase = Text<50>;

record! {
    /// R1: makes a persona; where its head names one, changes that one (figs 10B and 5G).
    pub struct Registration {
        /// The client's idea of the server's clock (4217B).
        hashed "server-date" server_date: Date,
        /// 4217C.
        hashed "swversion" swversion: SoftwareVersion,
        /// 4217D.
        hashed "content-language" content_language: Language,
        /// 4217E.
        hashed "default-currency" default_currency: Currency,
        /// The name wished for, without check code (4217F).
        hashed "requested-id" requested_id: RequestedId,
        /// 4217G.
        hashed "email" email: Address,
        /// What was agreed to (4217H).
        hashed "agreements" agreements: Option<Ints>,
        /// 4217I.
        hashed "autoclose-passphrase" autoclose_passphrase: Option<AutoclosePassphrase>,
        /// 4217J.
        hashed "pubkey" pubkey: AnyBytes,
        /// 4217K.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for Registration {
    const TYPE: &'static str = "registration";
    const SOURCE: &'static str = "R1, fig. 10";
    const ID: Presence = Presence::Optional;
    type Reply = RegistrationResponse;
}

record! {
    /// R2: the persona's id, or a free one where it is taken (fig. 13B).
    pub struct RegistrationResponse {
        /// The server's clock (4317B).
        plain "server-date" server_date: Date,
        /// 4317C.
        plain "requested-id" requested_id: RequestedId,
        /// The id, or one that is free (4317D).
        plain "response-id" response_id: Option<PersonaId>,
        /// 4317E.
        plain "email" email: Option<Address>,
        /// 4317F.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// Gifts waiting for that address (4317G).
        plain "funds-waiting" funds_waiting: Option<Count>,
        /// 4317H.
        plain "autoclose-passphrase" autoclose_passphrase: Option<AutoclosePassphrase>,
        /// 4317I.
        plain "pubkey" pubkey: Option<AnyBytes>,
        /// `warning` or `fatal` (4317J).
        plain "swseverity" swseverity: Option<Token<16>>,
        /// 4317K.
        plain "swmessage" swmessage: Option<Sentence>,
        /// 4317L.
        plain "message" message: Option<Sentence>,
    }
}

reply!(RegistrationResponse, "registration-response", "R2, fig. 13");
