//! The typed loads.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::date::Date;
use protocol::keys::PublicKey;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Index, SessionId};
use rusqlite::{Connection, Params, Row, params};

use super::super::record::{
    Attempts, Challenge, Container, Entry, Instrument, InstrumentId, LogKey, PendingLoad, Persona, Reason, Session,
    Transaction,
};
use super::super::{Account, Books, Collected, Logged, PersonaFile, StoreError};
use super::row::{
    binding_of_json, column, count, damaged, date, functions, log_key, money, optional_date, persona_id, protocol,
    read_instrument_status, read_persona_status, read_session_status, signed, split, unsigned, value,
};

/// Every row that a query finds.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The row that a query finds, if there is one.
fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    Ok(all(db, sql, params, read)?.pop())
}

/// A persona with all that is its own.
pub fn persona_file(db: &Connection, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
    let key = [id.as_str()];
    let Some(persona) = one(db, "SELECT * FROM persona_120 WHERE id = ?1", key, persona)? else { return Ok(None) };
    let containers = all(db, "SELECT * FROM container_120g WHERE persona = ?1", key, container)?;
    let pending = "SELECT * FROM movement_405 WHERE persona = ?1 AND clears IS NOT NULL";
    Ok(Some(PersonaFile {
        persona,
        containers: containers.into_iter().collect::<BTreeMap<_, _>>(),
        instruments: all(db, "SELECT * FROM instrument_120h WHERE persona = ?1", key, instrument)?,
        sessions: all(db, "SELECT * FROM session_130 WHERE persona = ?1 AND ended IS NULL", key, session)?,
        pending: all(db, pending, key, pending_load)?,
        challenges: all(db, "SELECT * FROM challenge WHERE persona = ?1", key, challenge)?,
    }))
}

fn persona(row: &Row<'_>) -> Result<Persona, StoreError> {
    Ok(Persona {
        id: persona_id(row, "id")?,
        email: column(row, "email")?,
        protocol: protocol(row, "protocol")?,
        public_key: PublicKey::of_spki(column(row, "public_key")?),
        key_name: column(row, "key_name")?,
        registered: date(row, "registered")?,
        language: column(row, "language")?,
        default_currency: value(row, "default_currency")?,
        autoclose: column(row, "autoclose")?,
        agreements: split(row, "agreements")?,
        status: read_persona_status(row)?,
        revision: unsigned(column(row, "revision")?)?,
    })
}

fn container(row: &Row<'_>) -> Result<(Currency, Container), StoreError> {
    let available = money(row, "currency", "available")?;
    Ok((available.currency, Container { available, on_hold: money(row, "currency", "on_hold")? }))
}

fn instrument(row: &Row<'_>) -> Result<Instrument, StoreError> {
    let status: String = column(row, "status")?;
    let granted: String = column(row, "functions")?;
    Ok(Instrument {
        id: InstrumentId(column(row, "id")?),
        kind: column(row, "kind")?,
        sealed_number: column(row, "sealed_number")?,
        agreements: split(row, "agreements")?,
        prefix: column(row, "prefix")?,
        hash: column(row, "hash")?,
        keyed_hash: column(row, "keyed_hash")?,
        bound: date(row, "bound")?,
        first_used: optional_date(row, "first_used")?,
        status: read_instrument_status(&status).ok_or_else(|| damaged("status"))?,
        enabled_from: date(row, "enabled_from")?,
        functions: functions(&granted).ok_or_else(|| damaged("functions"))?.0,
        autoclose: column(row, "autoclose")?,
    })
}

fn pending_load(row: &Row<'_>) -> Result<PendingLoad, StoreError> {
    let id = unsigned(column(row, "id")?)?;
    Ok(PendingLoad { id, amount: money(row, "currency", "amount")?, clears: date(row, "clears")? })
}

fn challenge(row: &Row<'_>) -> Result<Challenge, StoreError> {
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

fn session(row: &Row<'_>) -> Result<Session, StoreError> {
    let key: Vec<u8> = column(row, "key")?;
    let salt: Vec<u8> = column(row, "salt")?;
    Ok(Session {
        id: SessionId::of_number(unsigned(column(row, "id")?)?),
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

pub(super) fn index(row: &Row<'_>, name: &str) -> Result<Index, StoreError> {
    Index::of(unsigned(column(row, name)?)?).ok_or_else(|| damaged(name))
}

fn transaction(row: &Row<'_>) -> Result<Transaction, StoreError> {
    let opaque_hash: Vec<u8> = column(row, "opaque_hash")?;
    Ok(Transaction {
        payer_session: SessionId::of_number(unsigned(column(row, "payer_session")?)?),
        payer_index: index(row, "payer_index")?,
        payer: persona_id(row, "payer")?,
        payee_session: SessionId::of_number(unsigned(column(row, "payee_session")?)?),
        payee_index: index(row, "payee_index")?,
        payee: persona_id(row, "payee")?,
        order_id: value(row, "order_id")?,
        charged: money(row, "currency", "charged")?,
        credited: money(row, "credit_currency", "credited")?,
        opaque_hash: opaque_hash.try_into().map_err(|_| damaged("opaque_hash"))?,
        date: date(row, "date")?,
    })
}

/// Which of these ids are taken.
pub fn taken(db: &Connection, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM persona_120 WHERE id = ?1")?;
    let mut found = HashSet::new();
    for id in ids {
        if statement.exists([id.as_str()])? {
            found.insert(id.clone());
        }
    }
    Ok(found)
}

/// What was answered under this key.
pub fn logged(db: &Connection, key: &LogKey) -> Result<Option<Logged>, StoreError> {
    let sql = "SELECT message_hash, response FROM message_log_140 WHERE kind = ?1 AND owner = ?2 AND number = ?3";
    let (kind, owner, number) = log_key(key)?;
    one(db, sql, params![kind, owner, number], |row| {
        let hash: Vec<u8> = column(row, "message_hash")?;
        let message_hash = hash.try_into().map_err(|_| damaged("message_hash"))?;
        Ok(Logged { message_hash, response: column(row, "response")? })
    })
}

/// Those of these sessions that exist.
pub fn sessions(db: &Connection, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    for number in ids.iter().map(SessionId::number) {
        // A number that SQLite cannot hold is one that was never given.
        let Ok(key) = signed(number) else { continue };
        if let Some(session) = one(db, "SELECT * FROM session_130 WHERE id = ?1", [key], session)? {
            found.insert(number, session);
        }
    }
    Ok(found)
}

/// Those of these indexes that are used.
pub fn collected(db: &Connection, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
    let sql = "SELECT * FROM transaction_130n WHERE payer_session = ?1 AND payer_index = ?2";
    let mut found = HashMap::new();
    for (session, index) in keys {
        let Ok(key) = signed(session.number()) else { continue };
        if let Some(transaction) = one(db, sql, params![key, index.get()], transaction)? {
            found.insert((session.number(), index.get()), transaction);
        }
    }
    Ok(found)
}

/// The newest payments from or into a session, the oldest first.
pub fn history(db: &Connection, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
    let sql = "SELECT * FROM (
                   SELECT * FROM transaction_130n WHERE payer_session = ?1
                   UNION ALL
                   SELECT * FROM transaction_130n WHERE payee_session = ?1)
               ORDER BY date DESC, payer_session DESC, payer_index DESC LIMIT ?2";
    let Ok(key) = signed(session.number()) else { return Ok(Vec::new()) };
    let mut newest_first = all(db, sql, params![key, count(limit)?], transaction)?;
    newest_first.reverse();
    Ok(newest_first)
}

/// The minor units loaded from an instrument since a date.
pub fn loaded_since(
    db: &Connection,
    persona: &PersonaId,
    instrument: InstrumentId,
    currency: Currency,
    since: Date,
) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(SUM(amount), 0) AS sum FROM movement_405
               WHERE persona = ?1 AND instrument = ?2 AND currency = ?3 AND date >= ?4 AND amount > 0";
    let key = params![persona.as_str(), instrument.0, currency.code(), since.millis()];
    Ok(db.prepare_cached(sql)?.query_row(key, |row| row.get("sum"))?)
}

/// Wrong passphrases for an id.
pub fn attempts(db: &Connection, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
    one(db, "SELECT * FROM attempt WHERE persona = ?1", [id.as_str()], |row| {
        Ok(Attempts { since: date(row, "since")?, wrong: column(row, "wrong")? })
    })
}

/// Personas for whom time has come.
pub fn due(db: &Connection, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
    let sql = "SELECT persona FROM session_130 WHERE ended IS NULL AND expires < ?1
               UNION
               SELECT persona FROM movement_405 WHERE clears IS NOT NULL AND clears <= ?1
               LIMIT ?2";
    all(db, sql, params![now.millis(), count(limit)?], |row| persona_id(row, "persona"))
}

/// The books as a whole.
pub fn books(db: &Connection) -> Result<Books, StoreError> {
    let owner = |row: &Row<'_>| persona_id(row, "persona");
    let pending = "SELECT * FROM movement_405 WHERE clears IS NOT NULL";
    Ok(Books {
        journal: all(db, "SELECT * FROM journal ORDER BY id", [], entry)?,
        containers: all(db, "SELECT * FROM container_120g", [], |row| Ok((owner(row)?, container(row)?.1)))?,
        sessions: all(db, "SELECT * FROM session_130 ORDER BY id", [], session)?,
        transactions: all(db, "SELECT * FROM transaction_130n", [], transaction)?,
        refunds: all(db, "SELECT * FROM refund", [], super::statement::refund)?,
        pending: all(db, pending, [], |row| Ok((owner(row)?, pending_load(row)?)))?,
        house: all(db, "SELECT * FROM house_account", [], |row| {
            Ok((account(row, "account")?, column(row, "balance")?))
        })?,
    })
}

fn entry(row: &Row<'_>) -> Result<(u64, Entry), StoreError> {
    let reason: String = column(row, "reason")?;
    let entry = Entry {
        date: date(row, "date")?,
        reason: Reason::of_name(&reason).ok_or_else(|| damaged("reason"))?,
        debit: account(row, "debit")?,
        credit: account(row, "credit")?,
        amount: money(row, "currency", "amount")?,
        reference: column(row, "reference")?,
    };
    Ok((unsigned(column(row, "id")?)?, entry))
}

fn account(row: &Row<'_>, name: &str) -> Result<Account, StoreError> {
    let text: String = column(row, name)?;
    Account::of_name(&text).ok_or_else(|| damaged(name))
}
