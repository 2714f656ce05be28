//! Between records and rows. Rows hold what was checked when it was written, and are checked again when they are read.

use merchant_widget::till::change::Version;
use merchant_widget::till::record::{
    Batch, BatchId, CollectionLog, Flag, Instrument, Item, LogStatus, Order, Pending, Persona, Purpose, SalesSession,
};
use merchant_widget::till::refund::RefundLog;
use merchant_widget::till::settlement::Settlement;
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{PersonaKey, PublicKey, ServerKey};
use protocol::message::payment::NoteHash;
use protocol::money::{Currency, Money, SignedMoney};
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::secret::{SecretBytes, SessionSecrets};
use protocol::value::{Index, Num, OrderId, Reading, ServerKeyName, SessionId, Text, Value};
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::StoreFault;

/// A column's value, or which column is damaged.
pub(super) fn sound<T>(value: Option<T>, column: &'static str) -> Result<T, StoreFault> {
    value.ok_or(StoreFault::Damaged(column))
}

/// A column whose text is a value of the protocol.
pub(super) fn value<V: Value>(row: &Row<'_>, column: &'static str) -> Result<V, StoreFault> {
    let text: String = row.get(column)?;
    sound(V::parse(&text, Reading::STRICT), column)
}

pub(super) fn optional<V: Value>(row: &Row<'_>, column: &'static str) -> Result<Option<V>, StoreFault> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| sound(V::parse(&text, Reading::STRICT), column)).transpose()
}

pub(super) fn number(row: &Row<'_>, column: &'static str) -> Result<u64, StoreFault> {
    let number: i64 = row.get(column)?;
    sound(u64::try_from(number).ok(), column)
}

pub(super) fn index(row: &Row<'_>, column: &'static str) -> Result<Index, StoreFault> {
    sound(Index::of(number(row, column)?), column)
}

fn byte(row: &Row<'_>, column: &'static str) -> Result<u8, StoreFault> {
    sound(u8::try_from(number(row, column)?).ok(), column)
}

pub(super) fn date(row: &Row<'_>, column: &'static str) -> Result<Date, StoreFault> {
    Ok(Date::from_millis(row.get(column)?))
}

pub(super) fn optional_date(row: &Row<'_>, column: &'static str) -> Result<Option<Date>, StoreFault> {
    let millis: Option<i64> = row.get(column)?;
    Ok(millis.map(Date::from_millis))
}

pub(super) fn money(row: &Row<'_>, currency: &'static str, minor: &'static str) -> Result<Money, StoreFault> {
    Ok(Money::new(value::<Currency>(row, currency)?, row.get(minor)?))
}

pub(super) fn optional_money(
    row: &Row<'_>,
    currency: &'static str,
    minor: &'static str,
) -> Result<Option<Money>, StoreFault> {
    let amount: Option<i64> = row.get(minor)?;
    let currency: Option<Currency> = optional(row, currency)?;
    Ok(currency.zip(amount).map(|(currency, amount)| Money::new(currency, amount)))
}

pub(super) fn session_id(row: &Row<'_>, column: &'static str) -> Result<SessionId, StoreFault> {
    sound(SessionId::of(row.get(column)?), column)
}

fn version(row: &Row<'_>) -> Result<Version, StoreFault> {
    number(row, "version").map(Version)
}

fn protocol(row: &Row<'_>) -> Result<Protocol, StoreFault> {
    let text: String = row.get("protocol")?;
    sound(Protocol::of_number(&text), "protocol")
}

fn server_key(row: &Row<'_>, protocol: Protocol) -> Result<ServerKey, StoreFault> {
    let name: ServerKeyName = value(row, "server_key")?;
    Ok(ServerKey { name, protocol, public: PublicKey::of_spki(row.get("server_key_spki")?) })
}

fn personal_key(row: &Row<'_>) -> Result<PersonaKey, StoreFault> {
    Ok(PersonaKey::of_pkcs8(row.get("private_key")?))
}

/// Record 320.
pub fn persona(row: &Row<'_>) -> Result<Persona, StoreFault> {
    let (protocol, private_key) = (protocol(row)?, personal_key(row)?);
    let public_key = sound(protocol.suite().public_key(&private_key).ok(), "private_key")?;
    let id: PersonaId = value(row, "persona_id")?;
    Ok(Persona { id, protocol, private_key, public_key, server_key: server_key(row, protocol)? })
}

/// Record 330.
pub fn instrument(row: &Row<'_>) -> Result<Instrument, StoreFault> {
    let recurring: String = row.get("recurring")?;
    let recurring = sound(serde_json::from_str(&recurring).ok(), "recurring")?;
    Ok(Instrument { number: row.get("number")?, status: row.get("status")?, recurring })
}

/// Purposes as they are stored.
pub fn purpose_name(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::Registration { .. } => "registration",
        Purpose::Binding => "binding",
        Purpose::Opening(_) => "opening",
        Purpose::Closing(_) => "closing",
        Purpose::Refund(_) => "refund",
        Purpose::Settlement => "settlement",
        Purpose::Statement => "statement",
    }
}

/// Record 320N.
pub fn pending(row: &Row<'_>) -> Result<Pending, StoreFault> {
    let purpose: String = row.get("purpose")?;
    let purpose = match purpose.as_str() {
        "registration" => {
            let server_key = server_key(row, protocol(row)?)?;
            Purpose::Registration { private_key: personal_key(row)?, server_key }
        }
        "binding" => Purpose::Binding,
        "closing" => Purpose::Closing(value(row, "subject")?),
        "refund" => Purpose::Refund(value(row, "subject")?),
        "settlement" => Purpose::Settlement,
        _ => Purpose::Opening(value(row, "currency")?),
    };
    let request: String = row.get("request")?;
    let request = sound(serde_json::from_str(&request).ok(), "request")?;
    let transaction = sound(Num::of(number(row, "transaction_number")?), "transaction_number")?;
    Ok(Pending { transaction, purpose, request })
}

/// Flag 350C as it is stored, with its problem.
pub fn flag_columns(flag: &Flag) -> (&'static str, Option<&str>) {
    match flag {
        Flag::Pending => ("pending", None),
        Flag::Paid => ("paid", None),
        Flag::NotPaid(problem) => ("not-paid", Some(problem.code())),
        Flag::Cancelled => ("cancelled", None),
    }
}

fn flag(row: &Row<'_>) -> Result<Flag, StoreFault> {
    let flag: String = row.get("flag")?;
    match flag.as_str() {
        "pending" => Ok(Flag::Pending),
        "paid" => Ok(Flag::Paid),
        "not-paid" => Ok(Flag::NotPaid(value::<Problem>(row, "problem")?)),
        "cancelled" => Ok(Flag::Cancelled),
        _ => Err(StoreFault::Damaged("flag")),
    }
}

/// Record 350.
pub fn order(row: &Row<'_>) -> Result<Order, StoreFault> {
    Ok(Order {
        version: version(row)?,
        id: value::<OrderId>(row, "order_id")?,
        amount: money(row, "currency", "amount")?,
        flag: flag(row)?,
        collecting: row.get("collecting")?,
        reference: optional(row, "reference")?,
        items: items(row)?,
        note_hash: sound(NoteHash::of(row.get("note_hash")?), "note_hash")?,
        placed: date(row, "placed")?,
        expires: date(row, "expires")?,
        paid: optional_date(row, "paid")?,
        payment_request: row.get("payment_request")?,
    })
}

/// An item as it is stored, and as shops read it.
#[derive(Serialize, Deserialize)]
pub struct StoredItem {
    name: String,
    quantity: u32,
    unit: String,
}

impl From<&Item> for StoredItem {
    fn from(item: &Item) -> Self {
        let Item { name, quantity, unit } = item;
        Self { name: name.as_str().to_owned(), quantity: *quantity, unit: unit.to_string() }
    }
}

fn items(row: &Row<'_>) -> Result<Vec<Item>, StoreFault> {
    let text: String = row.get("items")?;
    let stored: Vec<StoredItem> = sound(serde_json::from_str(&text).ok(), "items")?;
    let item = |StoredItem { name, quantity, unit }| {
        let unit = SignedMoney::parse(&unit, Reading::STRICT)?.0;
        Some(Item { name: Text::of(&name)?, quantity, unit })
    };
    stored.into_iter().map(|stored| sound(item(stored), "items")).collect()
}

/// A refund.
pub fn refund(row: &Row<'_>) -> Result<RefundLog, StoreFault> {
    let status: String = row.get("status")?;
    Ok(RefundLog {
        version: version(row)?,
        id: value(row, "refund_id")?,
        order_id: value(row, "order_id")?,
        payment: row.get("payment")?,
        amount: money(row, "currency", "amount")?,
        note: optional(row, "note")?,
        status: sound(LogStatus::of(&status), "status")?,
        transaction: sound(Num::of(number(row, "transaction_number")?), "transaction_number")?,
        returned: optional_money(row, "returned_currency", "returned")?,
        result: optional(row, "result")?,
        asked: date(row, "asked")?,
        done: optional_date(row, "done")?,
    })
}

/// A settlement.
pub fn settlement(row: &Row<'_>) -> Result<Settlement, StoreFault> {
    let status: String = row.get("status")?;
    Ok(Settlement {
        version: version(row)?,
        transaction: sound(Num::of(number(row, "transaction_number")?), "transaction_number")?,
        amount: money(row, "currency", "amount")?,
        status: sound(LogStatus::of(&status), "status")?,
        balance: optional_money(row, "currency", "balance")?,
        result: optional(row, "result")?,
        asked: date(row, "asked")?,
        done: optional_date(row, "done")?,
    })
}

/// Record 360.
pub fn session(row: &Row<'_>) -> Result<SalesSession, StoreFault> {
    let secret = |column| row.get(column).map(SecretBytes::new);
    Ok(SalesSession {
        version: version(row)?,
        id: session_id(row, "session_id")?,
        protocol: protocol(row)?,
        secrets: SessionSecrets { key: secret("session_key")?, salt: secret("session_salt")? },
        current: money(row, "currency", "collected")?,
        opened: date(row, "opened")?,
        closed: optional_date(row, "closed")?,
        use_limit: index(row, "use_limit")?,
        lifetime_minutes: sound(Num::of(number(row, "lifetime_minutes")?), "lifetime_minutes")?,
        used: sound(u16::try_from(number(row, "used")?).ok(), "used")?,
    })
}

fn batch_id(row: &Row<'_>) -> Result<BatchId, StoreFault> {
    Ok(BatchId { session: session_id(row, "session_id")?, index: index(row, "batch_index")? })
}

/// Record 370, collections.
pub fn collection(row: &Row<'_>) -> Result<CollectionLog, StoreFault> {
    let status: String = row.get("status")?;
    Ok(CollectionLog {
        version: version(row)?,
        payment: row.get("payment")?,
        status: sound(LogStatus::of(&status), "status")?,
        order_id: value(row, "order_id")?,
        customer_session: session_id(row, "customer_session")?,
        customer_index: index(row, "customer_index")?,
        batch: batch_id(row)?,
        position: byte(row, "position")?,
        attempts: byte(row, "attempts")?,
        requested: money(row, "currency", "requested")?,
        credited: optional_money(row, "credited_currency", "credited")?,
        fee: optional_money(row, "fee_currency", "fee")?,
        result: optional(row, "result")?,
        ca1: row.get("ca1")?,
        answer: row.get("answer")?,
        received: date(row, "received")?,
    })
}

/// A CA2.
pub fn batch(row: &Row<'_>) -> Result<Batch, StoreFault> {
    Ok(Batch {
        id: batch_id(row)?,
        payments: byte(row, "payments")?,
        ca2: row.get("ca2")?,
        answered: row.get("answered")?,
    })
}
