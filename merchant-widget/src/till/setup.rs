//! What a new till does once: registration 401 (fig. 8) and binding of an instrument 403 (fig. 15).
//!
//! ```text
//!   nothing ──register──► pending R1 ──registered──► persona 320 ──bind──► pending BI1 ──bound──► instrument 330
//! ```
//!
//! | found after a crash | recovery |
//! | --- | --- |
//! | nothing | register |
//! | pending R1 | the same R1 again: the server repeats its R2 |
//! | persona, no instrument | bind |
//! | pending BI1 | the same BI1 again |

use protocol::Protocol;
use protocol::keys::{Published, ServerKey};
use protocol::message::binding::{BindInstrument, BindResponse};
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::money::Currency;
use protocol::pairs::Pairs;
use protocol::persona::RequestedId;
use protocol::suite::CryptoFault;
use protocol::template::Record as _;
use protocol::value::{Address, AnyBytes, Bytes, Function, Functions, Ints, Language, Text, Token};

use super::conversation::{AnswerFault, request};
use super::record::{Instrument, Pending, Persona, Purpose};
use super::{Change, ChangeSet, Moment, software_version};

/// Bytes of the salt that the instrument's number is hashed with: as many as the modern suite's hash yields.
const INSTRUMENT_SALT_BYTES: usize = 32;

/// How a merchant wants to be registered (step 1202).
#[derive(Clone, Debug)]
pub struct Application {
    /// 4217F.
    pub name: RequestedId,
    /// 4217G.
    pub email: Address,
    /// 4217D.
    pub language: Language,
    /// 4217E.
    pub currency: Currency,
    /// What the merchant agrees to (4217H).
    pub agreements: Vec<u32>,
}

/// The key to write to: of the protocol wished for, or of the newest that both speak.
pub fn choose_key(server: &Published, wished: Option<Protocol>) -> Option<ServerKey> {
    wished.map_or_else(|| server.best_key(), |protocol| server.key_for(protocol))
}

/// Makes the persona's key and R1 (steps 1202A to 1203).
///
/// # Errors
/// The server's key is not of its protocol.
pub fn register(
    application: &Application,
    server: &ServerKey,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending), CryptoFault> {
    let suite = server.protocol.suite();
    let private_key = suite.generate(moment.rng)?;
    let public = suite.public_key(&private_key)?;
    let Application { name, email, language, currency, agreements } = application.clone();
    let body = Registration {
        server_date: moment.now,
        swversion: software_version(),
        content_language: language,
        default_currency: currency,
        requested_id: name,
        email,
        agreements: (!agreements.is_empty()).then_some(Ints(agreements)),
        autoclose_passphrase: None,
        pubkey: AnyBytes::of(public.spki().to_vec()).ok_or(CryptoFault)?,
        signature: None,
    };
    let purpose = Purpose::Registration { private_key: private_key.clone(), server_key: server.clone() };
    let pending = request(None, &body, server, &private_key, purpose, moment)?;
    Ok((vec![Change::PutPending(pending.clone())].into(), pending))
}

/// Reads R2 (steps 1219 to 1224).
///
/// # Errors
/// There is no persona; see [`AnswerFault`].
pub fn registered(pending: &Pending, reply: &[u8]) -> Result<(ChangeSet, Persona), AnswerFault> {
    let Purpose::Registration { private_key, server_key } = &pending.purpose else {
        return Err(AnswerFault::Damaged);
    };
    let response: RegistrationResponse = pending.reply(reply)?;
    let protocol = server_key.protocol;
    let persona = Persona {
        id: response.response_id.ok_or(AnswerFault::Lacks("response-id"))?,
        protocol,
        private_key: private_key.clone(),
        public_key: protocol.suite().public_key(private_key).map_err(|_| AnswerFault::Damaged)?,
        server_key: server_key.clone(),
    };
    let changes = vec![Change::PutPersona(persona.clone()), Change::DeletePending(pending.transaction)];
    Ok((changes.into(), persona))
}

/// Where the merchant's money goes in the end (step 1302).
#[derive(Clone, Debug)]
pub struct Account {
    /// 4417D.
    pub number: Token<34>,
    /// 4417L.
    pub holder: Text<80>,
    /// 4417R.
    pub agreements: Vec<u32>,
}

/// Makes BI1 for a bank account (steps 1302 to 1303).
///
/// # Errors
/// The persona's keys are not of its protocol.
pub fn bind(
    persona: &Persona,
    account: &Account,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Pending), CryptoFault> {
    let mut salt = vec![0; INSTRUMENT_SALT_BYTES];
    moment.rng.fill_bytes(&mut salt);
    let Account { number, holder, agreements } = account.clone();
    let body = BindInstrument {
        server_date: moment.now,
        swversion: software_version(),
        number,
        kind: token("dda"),
        category: token("dda"),
        functions: Functions([Function::Load, Function::Unload].into()),
        salt: Bytes::of(salt).ok_or(CryptoFault)?,
        expires: None,
        name: holder,
        address: None,
        city: None,
        state: None,
        postal_code: None,
        country: None,
        agreements: (!agreements.is_empty()).then_some(Ints(agreements)),
        autoclose: None,
        autoclose_passphrase: None,
        key: key_name(persona)?,
        signature: None,
    };
    let (id, key, server) = (Some(&persona.id), &persona.private_key, &persona.server_key);
    let pending = request(id, &body, server, key, Purpose::Binding, moment)?;
    Ok((vec![Change::PutPending(pending.clone())].into(), pending))
}

fn token<const N: usize>(text: &str) -> Token<N> {
    Token::of(text).expect("invariant: the till's own names are tokens")
}

/// Label `key` of a persona's requests.
pub(crate) fn key_name(persona: &Persona) -> Result<AnyBytes, CryptoFault> {
    let name = persona.protocol.suite().key_name(&persona.public_key)?;
    AnyBytes::of(name).ok_or(CryptoFault)
}

/// Reads BI4 (steps 1309 to 1315).
///
/// # Errors
/// The instrument is not bound; a challenge (BI2) counts as refused, since no bank asks a merchant's account one.
pub fn bound(pending: &Pending, reply: &[u8]) -> Result<(ChangeSet, Instrument), AnswerFault> {
    let response: BindResponse = pending.reply(reply)?;
    let number = response.number.clone().ok_or(AnswerFault::Lacks("instrument-number"))?;
    let status = response.status.as_ref().map_or("enabled", |status| status.as_str()).to_owned();
    let mut pairs = Pairs::new();
    response.write("", &mut pairs);
    let instrument = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
    let recurring = instrument.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
    let instrument = Instrument { number: number.into_string(), status, recurring };
    let changes = vec![Change::PutInstrument(instrument.clone()), Change::DeletePending(pending.transaction)];
    Ok((changes.into(), instrument))
}
