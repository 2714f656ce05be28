//! Binding of an instrument 403 (fig. 15): BI1 to BI4.

use super::registration::AutoclosePassphrase;
use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::outcome::{Problem, ResponseCode};
use crate::record;
use crate::template::{Family, Numbered};
use crate::value::{AnyBytes, Bytes, Country, Functions, Ints, Month, Text, Token, YesNo};

/// Digits of an account or card, or an IBAN's characters.
pub type InstrumentNumber = Token<34>;
/// `visa`, `mastercard`, `amex`, `discover`, `dda` ...
pub type InstrumentType = Token<24>;
/// What the instrument number is hashed with (230Q).
pub type InstrumentSalt = Bytes<8, 32>;
/// Names a challenge of an issuer.
pub type ChallengeId = Token<32>;
/// One of `created`, `pending-pre-note`, `pending-signature`, `enabled`, `disabled` (120H.15).
pub type InstrumentStatus = Token<24>;
/// Questions and answers of an issuer.
pub type Questions = Numbered<Text<120>, 9>;

record! {
    /// BI1: binds an instrument to the persona (fig. 16B).
    pub struct BindInstrument {
        /// 4417B.
        hashed "server-date" server_date: Date,
        /// 4417C.
        hashed "swversion" swversion: SoftwareVersion,
        /// 4417D.
        hashed "instrument-number" number: InstrumentNumber,
        /// 4417E.
        hashed "instrument-type" kind: InstrumentType,
        /// `credit-card`, `debit-card` or `dda` (4417F).
        hashed "instrument-category" category: Token<16>,
        /// What it shall be used for (4417I).
        hashed "instrument-functions" functions: Functions,
        /// 4417J.
        hashed "instrument-salt" salt: InstrumentSalt,
        /// Cards only (4417K).
        hashed "instrument-expiration-date" expires: Option<Month>,
        /// 4417L.
        hashed "instrument-name" name: Text<80>,
        /// 4417M.
        hashed "instrument-address" address: Option<Text<120>>,
        /// 4417N.
        hashed "instrument-city" city: Option<Text<60>>,
        /// 4417O.
        hashed "instrument-state" state: Option<Text<40>>,
        /// 4417P.
        hashed "instrument-postal-code" postal_code: Option<Text<16>>,
        /// 4417Q.
        hashed "instrument-country" country: Option<Country>,
        /// 4417R.
        hashed "agreements" agreements: Option<Ints>,
        /// Whether autoclose sends the cash here (4417S).
        hashed "autoclose" autoclose: Option<YesNo>,
        /// 4417T.
        hashed "autoclose-passphrase" autoclose_passphrase: Option<AutoclosePassphrase>,
        /// The name of the persona's key (4417U).
        hashed "key" key: AnyBytes,
        /// 4417V.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for BindInstrument {
    const TYPE: &'static str = "bind-instrument";
    const SOURCE: &'static str = "BI1, fig. 16";
    type Reply = BindResponse;
}

record! {
    /// BI2 and BI4, told apart by `type`: a challenge, or how the binding ended (fig. 17B).
    pub struct BindResponse {
        /// 44.117B.
        plain "server-date" server_date: Date,
        /// 44.117C.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// 44.117D.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// 44.117E.
        plain "swmessage" swmessage: Option<Sentence>,
        /// BI2 only: names the challenge.
        plain "challenge-id" challenge: Option<ChallengeId>,
        /// BI2 only: what the issuer wants to know.
        plain "question" questions: Questions,
        /// 44.117F.
        plain "instrument-number" number: Option<InstrumentNumber>,
        /// 44.117G.
        plain "instrument-type" kind: Option<InstrumentType>,
        /// 44.117H.
        plain "instrument-salt" salt: Option<InstrumentSalt>,
        /// What was granted (44.117J).
        plain "instrument-functions" functions: Option<Functions>,
        /// 120H.15.
        plain "instrument-status" status: Option<InstrumentStatus>,
        /// Further recurring data (44.117K).
        plain "instrument-" recurring: Family,
        /// 44.117L.
        plain "message" message: Option<Sentence>,
    }
}

reply!(BindResponse, "bind-instrument-response", "BI4, fig. 17");

/// The other type of a [`BindResponse`].
pub const CHALLENGE_TYPE: &str = "bind-instrument-challenge";

record! {
    /// BI3: answers a challenge (seed, section I).
    pub struct BindAnswer {
        /// As in BI1.
        hashed "server-date" server_date: Date,
        /// As in BI1.
        hashed "swversion" swversion: SoftwareVersion,
        /// Which challenge.
        hashed "challenge-id" challenge: ChallengeId,
        /// One answer a question.
        hashed "answer" answers: Questions,
        /// The name of the persona's key.
        hashed "key" key: AnyBytes,
        /// As in BI1.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl Request for BindAnswer {
    const TYPE: &'static str = "bind-instrument-answer";
    const SOURCE: &'static str = "BI3, seed section I";
    type Reply = BindResponse;
}
