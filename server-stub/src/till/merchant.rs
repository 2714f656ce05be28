//! One merchant, several tills: a till writes the merchant's keys to a file, and another takes them over.
//!
//! Each till has sales sessions, orders and books of its own; the server knows them as one persona.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use merchant_widget::till::Change;
use merchant_widget::till::record::{Instrument, Persona};
use protocol::Protocol;
use protocol::keys::{PersonaKey, PublicKey, ServerKey};
use protocol::persona::PersonaId;
use protocol::value::{Reading, Token, Value as _, from_base64, to_base64};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use super::store::{Store, StoreFault};

/// Why a merchant is not written or taken over.
#[derive(Debug, Error)]
pub enum MerchantFault {
    /// The file.
    #[error("{0}: {1}")]
    File(String, std::io::Error),
    /// Others on this machine could read the merchant's key.
    #[error("{0} can be read by others: chmod go= {0}")]
    Exposed(String),
    /// Not what a till writes.
    #[error("{0} is not the file of a merchant")]
    Form(String),
    /// The till has another merchant already.
    #[error("this till is that of {0} already")]
    Other(PersonaId),
    /// The books.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

#[derive(Serialize, Deserialize)]
struct Merchant {
    persona_id: String,
    protocol: String,
    private_key: String,
    server_key: String,
    server_key_spki: String,
    instrument: Option<KeptInstrument>,
}

impl Drop for Merchant {
    fn drop(&mut self) {
        self.private_key.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
struct KeptInstrument {
    number: String,
    status: String,
    recurring: Vec<(String, String)>,
}

/// Writes the merchant of a till to a new file that only its owner can read.
///
/// # Errors
/// The file exists already, or cannot be written.
pub async fn export(store: &Store, file: &Path) -> Result<(), MerchantFault> {
    let persona = store.persona().await?.ok_or(StoreFault::Damaged("persona_320"))?;
    let kept = |Instrument { number, status, recurring }| KeptInstrument { number, status, recurring };
    let merchant = Merchant {
        persona_id: persona.id.to_string(),
        protocol: persona.protocol.number().to_owned(),
        private_key: to_base64(persona.private_key.pkcs8()),
        server_key: persona.server_key.name.to_string(),
        server_key_spki: to_base64(persona.server_key.public.spki()),
        instrument: store.instrument().await?.map(kept),
    };
    let text = serde_json::to_string_pretty(&merchant).map(Zeroizing::new);
    let text = text.map_err(|_| MerchantFault::Form(file.display().to_string()))?;
    let fault = |error| MerchantFault::File(file.display().to_string(), error);
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(fault)?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(fault)
}

/// Takes the merchant of a file over; a till that has this merchant already is left as it is.
///
/// # Errors
/// The till has another merchant, or the file is none.
pub async fn adopt(store: &Store, file: &Path) -> Result<(), MerchantFault> {
    let name = || file.display().to_string();
    let fault = |error| MerchantFault::File(name(), error);
    if fs::metadata(file).map_err(fault)?.permissions().mode() & 0o077 != 0 {
        return Err(MerchantFault::Exposed(name()));
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(fault)?);
    let read = serde_json::from_str(&text).ok().and_then(|merchant: Merchant| records(&merchant));
    let (persona, instrument) = read.ok_or_else(|| MerchantFault::Form(name()))?;
    match store.persona().await? {
        Some(known) if known.id == persona.id => return Ok(()),
        Some(known) => return Err(MerchantFault::Other(known.id)),
        None => {}
    }
    let mut changes = vec![Change::PutPersona(persona)];
    changes.extend(instrument.map(Change::PutInstrument));
    Ok(store.commit(changes.into()).await?)
}

fn records(merchant: &Merchant) -> Option<(Persona, Option<Instrument>)> {
    let protocol = Protocol::of_number(&merchant.protocol)?;
    let private_key = PersonaKey::of_pkcs8(from_base64(&merchant.private_key)?);
    let public = PublicKey::of_spki(from_base64(&merchant.server_key_spki)?);
    let persona = Persona {
        id: PersonaId::parse(&merchant.persona_id, Reading::STRICT)?,
        protocol,
        public_key: protocol.suite().public_key(&private_key).ok()?,
        private_key,
        server_key: ServerKey { name: Token::of(&merchant.server_key)?, protocol, public },
    };
    let kept = merchant.instrument.as_ref();
    let instrument = kept.map(|KeptInstrument { number, status, recurring }| Instrument {
        number: number.clone(),
        status: status.clone(),
        recurring: recurring.clone(),
    });
    Some((persona, instrument))
}
