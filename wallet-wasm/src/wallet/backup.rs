//! The backup file: all that is needed to get at the money from another device, sealed under a passphrase of its own.
//!
//! ```text
//! "PAY CASH WALLET BACKUP" line end, then base64 of:
//! version (1) | memory KiB (4) | passes (4) | lanes (4) | salt (16) | nonce (24) | XChaCha20-Poly1305 of the contents
//! ```
//!
//! The associated data is everything before the nonce, behind the name of the format; the key is made by Argon2id. The file holds keys and
//! instruments, and no balances, sessions or receipts: what a restore shows is what the server says.

use std::collections::BTreeMap;

use protocol::Protocol;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::store::ChangeSet;
use protocol::value::{from_base64, to_base64};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::step::{Desk, Env};
use crate::fault::WalletFault;
use crate::json;
use crate::record::settings::Settings;
use crate::record::{Application, Container, Instrument, Persona, RecordChanges as _};
use crate::vault::{Cost, Locked, Vault, VaultFault, VaultRecord};

/// What a file begins with.
const HEADING: &str = "PAY CASH WALLET BACKUP";
/// The version that is written. Older ones are read for ever.
const VERSION: u8 = 1;
/// Characters of base64 in a line.
const LINE: usize = 76;
/// No honest file is longer; messages of pages have the same limit.
const MAX_FILE_BYTES: usize = 200 * 1024;
/// Where the costs end and the salt begins.
const SALT_AT: usize = 13;
/// Where the salt ends.
const SEALED_AT: usize = SALT_AT + 16;

/// What is in a file of version 1. Fields are only ever added, with a default.
#[derive(Clone, Serialize, Deserialize)]
pub struct Contents {
    application: Application,
    id: PersonaId,
    email: String,
    public_key: String,
    language: String,
    currency: Currency,
    protocol: Protocol,
    agreements: Vec<u32>,
    private_key: String,
    autoclose_passphrase: Option<String>,
    instruments: Vec<InstrumentContents>,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.private_key.zeroize();
        self.autoclose_passphrase.zeroize();
    }
}

/// An instrument with its secrets.
#[derive(Clone, Serialize, Deserialize)]
struct InstrumentContents {
    id: String,
    kind: String,
    last_digits: String,
    number: String,
    unloads: bool,
    loads: bool,
    status: String,
    recurring: BTreeMap<String, String>,
    autoclose: bool,
}

impl Drop for InstrumentContents {
    fn drop(&mut self) {
        self.number.zeroize();
        self.recurring.values_mut().for_each(Zeroize::zeroize);
    }
}

/// Writes a file.
///
/// # Errors
/// The passphrase is too short, or a record is damaged.
pub fn write(desk: &Desk, passphrase: &str, cost: Cost, env: &mut Env<'_>) -> Result<String, WalletFault> {
    let contents = contents(desk)?;
    let json = serde_json::to_vec(&contents).map(Zeroizing::new);
    let json = json.map_err(|fault| WalletFault::Storage(fault.to_string()))?;
    let mut salt = [0; SEALED_AT - SALT_AT];
    env.rng.fill_bytes(&mut salt);
    let mut bytes = vec![VERSION];
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(salt);
    let sealed = Locked::new(passphrase, &salt, cost)?.seal(&associated(&bytes), &json, env.rng);
    bytes.extend(sealed);
    let base64 = to_base64(&bytes);
    let lines = base64.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    Ok(lines.fold(format!("{HEADING}\n"), |file, line| file + &line + "\n"))
}

/// The head of a file with the name of the format before it, so that nothing else is ever taken for one.
fn associated(head: &[u8]) -> Vec<u8> {
    [HEADING.as_bytes(), head].concat()
}

fn contents(desk: &Desk) -> Result<Contents, WalletFault> {
    let (persona, vault) = (desk.books.persona()?.clone(), &desk.vault);
    let private_key = to_base64(vault.open(Persona::PRIVATE_KEY, Persona::KEY, &persona.private_key)?.expose());
    let passphrase = persona.autoclose_passphrase.as_ref();
    let passphrase = passphrase.map(|sealed| vault.open_text(Persona::AUTOCLOSE, Persona::KEY, sealed)).transpose()?;
    let instruments = desk.books.instruments.iter().map(|held| instrument_contents(&held.record, vault));
    Ok(Contents {
        application: desk.books.application()?.clone(),
        id: persona.id,
        email: persona.email,
        public_key: persona.public_key,
        language: persona.language,
        currency: persona.currency,
        protocol: persona.protocol,
        agreements: persona.agreements,
        private_key,
        autoclose_passphrase: passphrase.map(|text| text.to_string()),
        instruments: instruments.collect::<Result<_, _>>()?,
    })
}

fn instrument_contents(instrument: &Instrument, vault: &Vault) -> Result<InstrumentContents, WalletFault> {
    let Instrument { id, kind, last_digits, number, unloads, loads, status, recurring, autoclose } = instrument.clone();
    let number = vault.open_text(Instrument::NUMBER, &id, &number)?.to_string();
    let json = vault.open(Instrument::RECURRING, &id, &recurring)?;
    let recurring = json::read(json.expose()).map_err(|_| VaultFault::Damaged)?;
    Ok(InstrumentContents { id, kind, last_digits, number, unloads, loads, status, recurring, autoclose })
}

/// A file that is of its form, and not opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFile {
    cost: Cost,
    /// All before the nonce.
    head: Vec<u8>,
    sealed: Vec<u8>,
}

impl BackupFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is no such file, or of a later version.
    pub fn read(file: &str) -> Result<Self, WalletFault> {
        let wrong = || WalletFault::BackupWrong;
        let text = Some(file).filter(|file| file.len() <= MAX_FILE_BYTES).ok_or_else(wrong)?;
        let base64: String = text.trim().strip_prefix(HEADING).ok_or_else(wrong)?.split_whitespace().collect();
        let bytes = from_base64(&base64).ok_or_else(wrong)?;
        match bytes.first() {
            Some(&VERSION) => {}
            Some(later) if *later > VERSION => return Err(WalletFault::BackupVersion),
            _ => return Err(wrong()),
        }
        let (head, sealed) = bytes.split_at_checked(SEALED_AT).ok_or_else(wrong)?;
        let number = |at: usize| head[at..at + 4].try_into().map(u32::from_be_bytes).map_err(|_| wrong());
        let cost = Cost { memory_kib: number(1)?, passes: number(5)?, lanes: number(9)? };
        Ok(Self { cost, head: head.to_vec(), sealed: sealed.to_vec() })
    }

    /// Opens it.
    ///
    /// # Errors
    /// The passphrase is another one, or a byte was changed.
    pub fn open(&self, passphrase: &str) -> Result<Contents, WalletFault> {
        let Self { cost, head, sealed } = self;
        let wrong = |_| WalletFault::BackupWrong;
        let locked = Locked::of_stored(passphrase, &head[SALT_AT..], *cost).map_err(wrong)?;
        Contents::of_json(locked.open(&associated(head), sealed).map_err(wrong)?.expose())
    }
}

/// Writes what a file holds into a new wallet, whose vault `passphrase` opens. What the server knows is asked for then.
///
/// # Errors
/// The file cannot be opened, or the new passphrase is too short.
pub fn restore(
    file: &str,
    file_passphrase: &str,
    passphrase: &str,
    cost: Cost,
    env: &mut Env<'_>,
) -> Result<(ChangeSet, Vault), WalletFault> {
    let contents = BackupFile::read(file)?.open(file_passphrase)?;
    let (record, vault) = VaultRecord::create(passphrase, cost, env.rng)?;
    let mut changes = contents.records(&vault, env)?;
    changes.write(&record);
    Ok((changes, vault))
}

impl Contents {
    /// Reads what was sealed.
    ///
    /// # Errors
    /// It is not of its form.
    pub fn of_json(json: &[u8]) -> Result<Self, WalletFault> {
        json::read(json).map_err(|_| WalletFault::BackupWrong)
    }

    /// The records of a new wallet, their secrets sealed by its vault.
    ///
    /// # Errors
    /// The private key is not of its form.
    pub fn records(&self, vault: &Vault, env: &mut Env<'_>) -> Result<ChangeSet, WalletFault> {
        let mut changes = ChangeSet::new();
        changes.create(&persona(self, vault, env)?);
        changes.write(&self.application);
        changes.write(&Container::empty(self.currency));
        for saved in &self.instruments {
            changes.write(&instrument(saved, vault, env)?);
        }
        changes.write(&Settings { recovering: true, ..Settings::default() });
        Ok(changes)
    }
}

fn persona(contents: &Contents, vault: &Vault, env: &mut Env<'_>) -> Result<Persona, WalletFault> {
    let private_key = Zeroizing::new(from_base64(&contents.private_key).ok_or(WalletFault::BackupWrong)?);
    let autoclose = contents.autoclose_passphrase.as_ref();
    Ok(Persona {
        id: contents.id.clone(),
        email: contents.email.clone(),
        public_key: contents.public_key.clone(),
        autoclose_passphrase: autoclose
            .map(|text| vault.seal(Persona::AUTOCLOSE, Persona::KEY, text.as_bytes(), env.rng)),
        language: contents.language.clone(),
        currency: contents.currency,
        private_key: vault.seal(Persona::PRIVATE_KEY, Persona::KEY, &private_key, env.rng),
        protocol: contents.protocol,
        agreements: contents.agreements.clone(),
    })
}

fn instrument(saved: &InstrumentContents, vault: &Vault, env: &mut Env<'_>) -> Result<Instrument, WalletFault> {
    let id = saved.id.clone();
    let json = serde_json::to_vec(&saved.recurring).map(Zeroizing::new).map_err(|_| WalletFault::BackupWrong)?;
    Ok(Instrument {
        number: vault.seal(Instrument::NUMBER, &id, saved.number.as_bytes(), env.rng),
        recurring: vault.seal(Instrument::RECURRING, &id, &json, env.rng),
        id,
        kind: saved.kind.clone(),
        last_digits: saved.last_digits.clone(),
        unloads: saved.unloads,
        loads: saved.loads,
        status: saved.status.clone(),
        autoclose: saved.autoclose,
    })
}
