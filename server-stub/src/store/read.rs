//! Records from the rows of a database, the same from every one that has rows.

use protocol::keys::PublicKey;
use protocol::message::statement::{EntryLine, EntryPayment};
use protocol::money::{Currency, SignedMoney};
use protocol::secret::SessionSecrets;
use protocol::value::{Count, Index, SessionId};

use super::record::{
    Attempts, Challenge, Charge, Container, Entry, Epoch, Instrument, InstrumentId, Movement, PendingLoad, Persona,
    Reason, Report, Session, Transaction,
};
use super::row::{
    Columns, binding_of_json, column, damaged, date, functions, limits_of_json, money, optional, optional_date,
    persona_id, protocol, read_instrument_status, read_persona_status, read_session_status, split, value,
};
use super::statement::kind_of;
use super::{Account, BookRow, ChainHead, Logged, Position, Refund, Setting, Signer, StoreError};

/// Persona 120.
pub fn persona(row: &dyn Columns) -> Result<Persona, StoreError> {
    Ok(Persona {
        id: persona_id(row, "id")?,
        email: column(row, "email")?,
        protocol: protocol(row, "protocol")?,
        public_key: PublicKey::of_spki(column(row, "public_key")?),
        key_name: column(row, "key_name")?,
        registered: date(row, "registered")?,
        language: column(row, "language")?,
        default_currency: value(row, "default_currency")?,
        autoclose: optional(row, "autoclose")?,
        agreements: split(row, "agreements")?,
        status: read_persona_status(row)?,
        revision: column(row, "revision")?,
    })
}

/// What a persona signs with.
pub fn signer(row: &dyn Columns) -> Result<Signer, StoreError> {
    Ok(Signer {
        protocol: protocol(row, "protocol")?,
        public_key: PublicKey::of_spki(column(row, "public_key")?),
        key_name: column(row, "key_name")?,
    })
}

/// Container 120G, with its currency.
pub fn container(row: &dyn Columns) -> Result<(Currency, Container), StoreError> {
    let available = money(row, "currency", "available")?;
    Ok((available.currency, Container { available, on_hold: money(row, "currency", "on_hold")? }))
}

/// Instrument binding 120H.
pub fn instrument(row: &dyn Columns) -> Result<Instrument, StoreError> {
    let status: String = column(row, "status")?;
    let waits_for: String = column(row, "waits_for")?;
    let (granted, limits): (String, String) = (column(row, "functions")?, column(row, "limits")?);
    Ok(Instrument {
        id: InstrumentId(column(row, "id")?),
        kind: column(row, "kind")?,
        sealed_number: optional(row, "sealed_number")?,
        agreements: split(row, "agreements")?,
        prefix: column(row, "prefix")?,
        hash: column(row, "hash")?,
        keyed_hash: column(row, "keyed_hash")?,
        bound: date(row, "bound")?,
        first_used: optional_date(row, "first_used")?,
        status: read_instrument_status(&status, &waits_for).ok_or_else(|| damaged("status"))?,
        enabled_from: date(row, "enabled_from")?,
        functions: functions(&granted).ok_or_else(|| damaged("functions"))?.0,
        limits: limits_of_json(&limits)?,
        autoclose: column(row, "autoclose")?,
    })
}

/// A load on hold.
pub fn pending_load(row: &dyn Columns) -> Result<PendingLoad, StoreError> {
    Ok(PendingLoad {
        id: column(row, "id")?,
        amount: money(row, "currency", "amount")?,
        fee: money(row, "currency", "fee")?,
        clears: date(row, "clears")?,
    })
}

/// A movement between an instrument and a container, with its number.
pub fn movement(row: &dyn Columns) -> Result<(u64, Movement), StoreError> {
    let movement = Movement {
        persona: persona_id(row, "persona")?,
        instrument: InstrumentId(column(row, "instrument")?),
        date: date(row, "date")?,
        amount: money(row, "currency", "amount")?,
        fee: money(row, "currency", "fee")?,
        clears: optional_date(row, "clears")?,
    };
    Ok((column(row, "id")?, movement))
}

/// A fee of no payment.
pub fn charge(row: &dyn Columns) -> Result<Charge, StoreError> {
    Ok(Charge {
        persona: persona_id(row, "persona")?,
        date: date(row, "date")?,
        amount: money(row, "currency", "amount")?,
        reference: column(row, "reference")?,
    })
}

/// A question that waits.
pub fn challenge(row: &dyn Columns) -> Result<Challenge, StoreError> {
    let questions: String = column(row, "questions")?;
    let binding: String = column(row, "binding")?;
    Ok(Challenge {
        id: column(row, "id")?,
        asked: date(row, "asked")?,
        wrong_answers: column(row, "wrong_answers")?,
        binding: binding_of_json(&binding)?,
        sealed_number: column(row, "sealed_number")?,
        salt: column(row, "salt")?,
        questions: questions.lines().map(str::to_owned).collect(),
    })
}

/// Session 130.
pub fn session(row: &dyn Columns) -> Result<Session, StoreError> {
    let key: Vec<u8> = column(row, "key")?;
    let salt: Vec<u8> = column(row, "salt")?;
    Ok(Session {
        id: SessionId::of_number(column(row, "id")?),
        protocol: protocol(row, "protocol")?,
        secrets: SessionSecrets { key: key.into(), salt: salt.into() },
        opening: money(row, "currency", "opening")?,
        current: money(row, "currency", "current")?,
        opened: date(row, "opened")?,
        lifetime_minutes: column(row, "lifetime")?,
        use_limit: index(row, "use_limit")?,
        uses: column(row, "uses")?,
        persona: persona_id(row, "persona")?,
        status: read_session_status(row)?,
        memo: column(row, "memo")?,
    })
}

/// A session, as the books show it.
pub fn book_session(row: &dyn Columns) -> Result<BookRow, StoreError> {
    Ok(BookRow::Session { session: Box::new(session(row)?), expires: date(row, "expires")? })
}

/// The answer to a collection, as the books show it.
pub fn answered(row: &dyn Columns) -> Result<BookRow, StoreError> {
    let session: String = column(row, "owner")?;
    Ok(BookRow::Answered(session.parse().map_err(|_| damaged("owner"))?, index(row, "number")?))
}

/// An index of a session.
pub fn index(row: &dyn Columns, name: &str) -> Result<Index, StoreError> {
    Index::of(column(row, name)?).ok_or_else(|| damaged(name))
}

/// Transaction data 130N and 130NN.
pub fn transaction(row: &dyn Columns) -> Result<Transaction, StoreError> {
    let opaque_hash: Vec<u8> = column(row, "opaque_hash")?;
    Ok(Transaction {
        payer_session: SessionId::of_number(column(row, "payer_session")?),
        payer_index: index(row, "payer_index")?,
        payer: persona_id(row, "payer")?,
        payee_session: SessionId::of_number(column(row, "payee_session")?),
        payee_index: index(row, "payee_index")?,
        payee: persona_id(row, "payee")?,
        order_id: value(row, "order_id")?,
        charged: money(row, "currency", "charged")?,
        credited: money(row, "credit_currency", "credited")?,
        fee: money(row, "credit_currency", "fee")?,
        opaque_hash: opaque_hash.try_into().map_err(|_| damaged("opaque_hash"))?,
        date: date(row, "date")?,
    })
}

/// A journal entry, with its row number.
pub fn entry(row: &dyn Columns) -> Result<Entry, StoreError> {
    let reason: String = column(row, "reason")?;
    Ok(Entry {
        date: date(row, "date")?,
        reason: Reason::of_name(&reason).ok_or_else(|| damaged("reason"))?,
        debit: account(row, "debit")?,
        credit: account(row, "credit")?,
        amount: money(row, "currency", "amount")?,
        reference: column(row, "reference")?,
    })
}

/// The head of a chain at this entry, whose number is in a column of this name.
pub fn head(row: &dyn Columns, chain: u32, number: &str) -> Result<ChainHead, StoreError> {
    let hash: Vec<u8> = column(row, "hash")?;
    Ok(ChainHead { chain, number: column(row, number)?, hash: hash.try_into().map_err(|_| damaged("hash"))? })
}

/// The account that a column names.
pub fn account(row: &dyn Columns, name: &str) -> Result<Account, StoreError> {
    let text: String = column(row, name)?;
    Account::of_name(&text).ok_or_else(|| damaged(name))
}

/// What the message log says.
pub fn logged(row: &dyn Columns) -> Result<Logged, StoreError> {
    let hash: Vec<u8> = column(row, "message_hash")?;
    let message_hash = hash.try_into().map_err(|_| damaged("message_hash"))?;
    Ok(Logged { message_hash, response: column(row, "response")? })
}

/// What the operator has set.
pub fn setting(row: &dyn Columns) -> Result<Setting, StoreError> {
    Ok(Setting { topic: column(row, "topic")?, name: column(row, "name")?, value: column(row, "value")? })
}

/// A report of a client.
pub fn report(row: &dyn Columns) -> Result<Report, StoreError> {
    let hash: Vec<u8> = column(row, "message_hash")?;
    let persona: Option<String> = optional(row, "persona")?;
    Ok(Report {
        message_hash: hash.try_into().map_err(|_| damaged("message_hash"))?,
        date: date(row, "date")?,
        persona: persona.map(|_| persona_id(row, "persona")).transpose()?,
        problem: column(row, "problem")?,
        diagnosis: column(row, "diagnosis")?,
        received: column(row, "received")?,
    })
}

/// A count of wrong passphrases.
pub fn attempts(row: &dyn Columns) -> Result<Attempts, StoreError> {
    Ok(Attempts { since: date(row, "since")?, wrong: column(row, "wrong")? })
}

/// A restore.
pub fn epoch(row: &dyn Columns) -> Result<Epoch, StoreError> {
    Ok(Epoch { number: column(row, "number")?, began: date(row, "began")? })
}

/// A line of a statement, and its place.
pub fn line(row: &dyn Columns) -> Result<(Position, EntryLine), StoreError> {
    let date = date(row, "date")?;
    let place = Position {
        date: date.millis(),
        kind: column(row, "kind")?,
        session: column(row, "session")?,
        index: column(row, "idx")?,
        number: column(row, "number")?,
    };
    let kind = kind_of(place.kind).ok_or_else(|| damaged("kind"))?;
    let other: Option<String> = optional(row, "other")?;
    let payment = match other {
        None => None,
        Some(_) => Some(EntryPayment {
            session_id: SessionId::of_number(place.session),
            index: Index::of(place.index.into()).ok_or_else(|| damaged("payer_index"))?,
            other: persona_id(row, "other")?,
            order_id: value(row, "order_id")?,
        }),
    };
    let number = if payment.is_some() { u64::from(place.number) } else { place.session };
    let amount = SignedMoney(money(row, "currency", "amount")?);
    Ok((place, EntryLine { date, kind, number: Count(number), amount, payment }))
}

/// One refund.
pub fn refund(row: &dyn Columns) -> Result<Refund, StoreError> {
    Ok(Refund {
        payer_session: SessionId::of_number(column(row, "payer_session")?),
        payer_index: index(row, "payer_index")?,
        number: column(row, "number")?,
        payer: persona_id(row, "payer")?,
        payee: persona_id(row, "payee")?,
        order_id: value(row, "order_id")?,
        given: money(row, "currency", "given")?,
        returned: money(row, "return_currency", "returned")?,
        note: column(row, "note")?,
        date: date(row, "date")?,
    })
}
