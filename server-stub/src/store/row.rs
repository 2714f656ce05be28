//! Values as columns, and back, for every database with rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use protocol::Protocol;
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::value::{Function, Functions, Reading, Value};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::record::{
    Instrument, InstrumentId, InstrumentStatus, Limit, Limits, LogKey, PersonaStatus, SessionEnd, SessionStatus,
};

/// What a column holds that it cannot hold: the file was damaged, or written by something else.
pub fn damaged(column: &str) -> StoreError {
    StoreError::Failed(format!("column {column} holds what it cannot hold"))
}

/// An unsigned number as a database's integer.
pub fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Failed(format!("{number} is too large")))
}

/// A count as a database's integer.
pub fn count(number: usize) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Failed(format!("{number} is too large")))
}

/// A row of a database, column by column. Integers are of 64 bits in every table.
pub trait Columns {
    /// A text.
    fn text(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// A number.
    fn number(&self, name: &str) -> Result<Option<i64>, StoreError>;
    /// Bytes.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;
}

/// What a column can hold.
pub trait Cell: Sized {
    /// Reads it; nothing where the column is null.
    fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError>;
}

/// A column by name.
pub fn column<T: Cell>(row: &dyn Columns, name: &str) -> Result<T, StoreError> {
    T::read(row, name)?.ok_or_else(|| damaged(name))
}

/// A column that may be null.
pub fn optional<T: Cell>(row: &dyn Columns, name: &str) -> Result<Option<T>, StoreError> {
    T::read(row, name)
}

impl Cell for String {
    fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError> {
        row.text(name)
    }
}

impl Cell for Vec<u8> {
    fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError> {
        row.bytes(name)
    }
}

impl Cell for i64 {
    fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError> {
        row.number(name)
    }
}

/// Unsigned numbers, as far as a column can hold them.
macro_rules! unsigned {
    ($($number:ty)*) => {
        $(impl Cell for $number {
            fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError> {
                row.number(name)?.map(|number| Self::try_from(number).map_err(|_| damaged(name))).transpose()
            }
        })*
    };
}

unsigned! { u8 u16 u32 u64 }

impl Cell for bool {
    fn read(row: &dyn Columns, name: &str) -> Result<Option<Self>, StoreError> {
        match row.number(name)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(_) => Err(damaged(name)),
        }
    }
}

/// A row as people name it: its table and its key.
pub fn name_of(table: &str, key: &[&str], row: &dyn Columns) -> String {
    let part = |name: &&str| {
        let number = row.number(name).ok().flatten().map(|number| number.to_string());
        number.or_else(|| row.text(name).ok().flatten()).unwrap_or_else(|| "?".to_owned())
    };
    format!("{table} {}", key.iter().map(part).collect::<Vec<_>>().join("/"))
}

/// A column that holds a value of the protocol.
pub fn value<V: Value>(row: &dyn Columns, name: &str) -> Result<V, StoreError> {
    let text: String = column(row, name)?;
    V::parse(&text, Reading::STRICT).ok_or_else(|| damaged(name))
}

/// A persona id.
pub fn persona_id(row: &dyn Columns, name: &str) -> Result<PersonaId, StoreError> {
    value(row, name)
}

/// A date.
pub fn date(row: &dyn Columns, name: &str) -> Result<Date, StoreError> {
    column(row, name).map(Date::from_millis)
}

/// A date that may be absent.
pub fn optional_date(row: &dyn Columns, name: &str) -> Result<Option<Date>, StoreError> {
    Ok(optional(row, name)?.map(Date::from_millis))
}

/// An amount and the currency beside it.
pub fn money(row: &dyn Columns, currency: &str, amount: &str) -> Result<Money, StoreError> {
    let currency: Currency = value(row, currency)?;
    Ok(Money::new(currency, column(row, amount)?))
}

/// A protocol number.
pub fn protocol(row: &dyn Columns, name: &str) -> Result<Protocol, StoreError> {
    let number: String = column(row, name)?;
    Protocol::of_number(&number).ok_or_else(|| damaged(name))
}

/// Numbers joined by commas.
pub fn join(numbers: &BTreeSet<impl Display>) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What [`join`] wrote.
pub fn split(row: &dyn Columns, name: &str) -> Result<BTreeSet<u32>, StoreError> {
    let text: String = column(row, name)?;
    let numbers = text.split(',').filter(|part| !part.is_empty()).map(|part| part.parse().map_err(|_| damaged(name)));
    numbers.collect()
}

/// Functions of an instrument; none are an empty text.
pub fn functions(text: &str) -> Option<Functions> {
    if text.is_empty() { Some(Functions::default()) } else { Functions::parse(text, Reading::STRICT) }
}

/// Persona status as a column.
pub fn persona_status(status: PersonaStatus) -> &'static str {
    match status {
        PersonaStatus::Active => "active",
        PersonaStatus::Closed => "closed",
    }
}

/// And back.
pub fn read_persona_status(row: &dyn Columns) -> Result<PersonaStatus, StoreError> {
    let text: String = column(row, "status")?;
    match text.as_str() {
        "active" => Ok(PersonaStatus::Active),
        "closed" => Ok(PersonaStatus::Closed),
        _ => Err(damaged("status")),
    }
}

/// Instrument status as its columns: whether it is disabled, and what it waits for.
pub fn instrument_status(status: InstrumentStatus) -> (&'static str, &'static str) {
    match status {
        InstrumentStatus::Created => ("enabled", "approval"),
        InstrumentStatus::PendingSignature => ("enabled", "signature"),
        InstrumentStatus::Enabled => ("enabled", ""),
        InstrumentStatus::Disabled => ("disabled", ""),
    }
}

/// And back.
pub fn read_instrument_status(status: &str, waits_for: &str) -> Option<InstrumentStatus> {
    let found = InstrumentStatus::ALL.into_iter().map(|(known, _)| known);
    found.into_iter().find(|known| instrument_status(*known) == (status, waits_for))
}

/// Limits of an instrument as a column; none are an empty text.
pub fn limits_to_json(limits: &Limits) -> Result<String, StoreError> {
    if limits.is_empty() {
        return Ok(String::new());
    }
    let named =
        |(function, limit): (&Function, &Limit)| (Functions(BTreeSet::from([*function])).text().into_owned(), *limit);
    let named: BTreeMap<String, Limit> = limits.iter().map(named).collect();
    serde_json::to_string(&named).map_err(|error| StoreError::Failed(error.to_string()))
}

/// And back.
pub fn limits_of_json(text: &str) -> Result<Limits, StoreError> {
    if text.is_empty() {
        return Ok(Limits::new());
    }
    let named: BTreeMap<String, Limit> = serde_json::from_str(text).map_err(|_| damaged("limits"))?;
    let function = |name: &str| functions(name).and_then(|functions| functions.0.first().copied());
    let of_name = |(name, limit): (String, Limit)| Ok((function(&name).ok_or_else(|| damaged("limits"))?, limit));
    named.into_iter().map(of_name).collect()
}

/// The end of a session as a column.
pub fn session_end(why: SessionEnd) -> &'static str {
    match why {
        SessionEnd::Closed => "closed",
        SessionEnd::Expired => "expired",
        SessionEnd::UsedUp => "used-up",
    }
}

/// And back.
pub fn read_session_status(row: &dyn Columns) -> Result<SessionStatus, StoreError> {
    let Some(ended) = optional_date(row, "ended")? else {
        let why: Option<String> = optional(row, "ended_by")?;
        return if why.is_none() { Ok(SessionStatus::Open) } else { Err(damaged("ended_by")) };
    };
    let why: String = column(row, "ended_by")?;
    let why = match why.as_str() {
        "closed" => SessionEnd::Closed,
        "expired" => SessionEnd::Expired,
        "used-up" => SessionEnd::UsedUp,
        _ => return Err(damaged("ended_by")),
    };
    Ok(SessionStatus::Ended(ended, why))
}

/// A log key as its columns.
pub fn log_key(key: &LogKey) -> Result<(i64, String, i64), StoreError> {
    Ok(match key {
        LogKey::Persona(id, transaction) => (0, id.to_string(), signed(*transaction)?),
        LogKey::Registration(name, transaction) => (1, name.clone(), signed(*transaction)?),
        LogKey::Collection(session, index) => (2, session.to_string(), i64::from(index.get())),
    })
}

/// An instrument that is not bound yet, as a challenge keeps it.
#[derive(Serialize, Deserialize)]
struct Binding {
    id: u32,
    kind: String,
    sealed_number: Option<Vec<u8>>,
    agreements: BTreeSet<u32>,
    prefix: String,
    hash: Vec<u8>,
    keyed_hash: Vec<u8>,
    bound: i64,
    status: String,
    #[serde(default)]
    waits_for: String,
    enabled_from: i64,
    functions: String,
    #[serde(default)]
    limits: String,
    autoclose: bool,
}

/// Writes a binding as JSON.
pub fn binding_to_json(instrument: &Instrument) -> Result<String, StoreError> {
    let (status, waits_for) = instrument_status(instrument.status);
    let binding = Binding {
        id: instrument.id.0,
        kind: instrument.kind.clone(),
        sealed_number: instrument.sealed_number.clone(),
        agreements: instrument.agreements.clone(),
        prefix: instrument.prefix.clone(),
        hash: instrument.hash.clone(),
        keyed_hash: instrument.keyed_hash.clone(),
        bound: instrument.bound.millis(),
        status: status.to_owned(),
        waits_for: waits_for.to_owned(),
        enabled_from: instrument.enabled_from.millis(),
        functions: Functions(instrument.functions.clone()).text().into_owned(),
        limits: limits_to_json(&instrument.limits)?,
        autoclose: instrument.autoclose,
    };
    serde_json::to_string(&binding).map_err(|error| StoreError::Failed(error.to_string()))
}

/// And back.
pub fn binding_of_json(text: &str) -> Result<Instrument, StoreError> {
    let binding: Binding = serde_json::from_str(text).map_err(|_| damaged("binding"))?;
    Ok(Instrument {
        id: InstrumentId(binding.id),
        kind: binding.kind,
        sealed_number: binding.sealed_number,
        agreements: binding.agreements,
        prefix: binding.prefix,
        hash: binding.hash,
        keyed_hash: binding.keyed_hash,
        bound: Date::from_millis(binding.bound),
        first_used: None,
        status: read_instrument_status(&binding.status, &binding.waits_for).ok_or_else(|| damaged("binding"))?,
        enabled_from: Date::from_millis(binding.enabled_from),
        functions: functions(&binding.functions).ok_or_else(|| damaged("binding"))?.0,
        limits: limits_of_json(&binding.limits)?,
        autoclose: binding.autoclose,
    })
}
