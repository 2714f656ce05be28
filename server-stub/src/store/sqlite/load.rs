//! The typed loads.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};
use rusqlite::types::FromSql;
use rusqlite::{CachedStatement, Connection, Params, Row, params};

use super::super::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};
use super::super::row::{Columns, column, count, damaged, log_key, name_of, optional, persona_id, signed};
use super::super::{
    BookReader, BookRow, ChainHead, Collected, Logged, MAX_SETTINGS, PersonaFile, Setting, Signer, StoreError, read,
    sign_of,
};
use super::CHAIN;
use super::live::{Found, Mark};

/// A row, and the names of its columns: SQLite would look for each name from the first column on, at every row.
struct Named<'a> {
    row: &'a Row<'a>,
    names: &'a [String],
}

impl Named<'_> {
    fn cell<T: FromSql>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let place = self.names.iter().position(|known| known == name);
        Ok(self.row.get(place.ok_or_else(|| damaged(name))?)?)
    }
}

impl Columns for Named<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.cell(name)
    }

    fn number(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.cell(name)
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.cell(name)
    }
}

/// A prepared query and the names of its columns.
struct Query<'a> {
    statement: CachedStatement<'a>,
    names: Vec<String>,
}

impl<'a> Query<'a> {
    fn prepare(db: &'a Connection, sql: &str) -> Result<Self, StoreError> {
        let statement = db.prepare_cached(sql)?;
        let names = statement.column_names().map(str::to_owned).collect();
        Ok(Self { statement, names })
    }

    /// Shows every row that it finds.
    fn each(
        &mut self,
        params: impl Params,
        mut see: impl FnMut(&dyn Columns) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = self.statement.query(params)?;
        while let Some(row) = rows.next()? {
            see(&Named { row, names: &self.names })?;
        }
        Ok(())
    }

    /// The row that it finds, if there is one.
    fn one<T>(
        &mut self,
        params: impl Params,
        read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.each(params, |row| {
            found = Some(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Shows every row that a query without parameters finds.
pub(super) fn each(
    db: &Connection,
    sql: &str,
    see: impl FnMut(&dyn Columns) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    Query::prepare(db, sql)?.each([], see)
}

/// Every row that a query finds.
pub(super) fn all<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    Query::prepare(db, sql)?.each(params, |row| {
        found.push(read(row)?);
        Ok(())
    })?;
    Ok(found)
}

/// The row that a query finds, if there is one.
fn one<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    Query::prepare(db, sql)?.one(params, read)
}

/// A persona with all that is its own. Where there is none, everything is looked for all the same: how long it takes tells
/// nobody who exists.
pub fn persona_file(db: &Connection, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
    let key = [id.as_str()];
    let persona = one(db, "SELECT * FROM persona_120 WHERE id = ?1", key, read::persona)?;
    let containers = all(db, "SELECT * FROM container_120g WHERE persona = ?1", key, read::container)?;
    let instruments = all(db, "SELECT * FROM instrument_120h WHERE persona = ?1", key, read::instrument)?;
    let sessions = all(db, "SELECT * FROM session WHERE persona = ?1 AND ended IS NULL", key, read::session)?;
    let pending = "SELECT * FROM movement_405 WHERE persona = ?1 AND clears IS NOT NULL";
    let pending = all(db, pending, key, read::pending_load)?;
    let challenges = all(db, "SELECT * FROM challenge WHERE persona = ?1", key, read::challenge)?;
    let containers = containers.into_iter().collect::<BTreeMap<_, _>>();
    Ok(persona.map(|persona| PersonaFile { persona, containers, instruments, sessions, pending, challenges }))
}

/// What a persona signs with.
pub fn signer(db: &Connection, id: &PersonaId) -> Result<Option<Signer>, StoreError> {
    let sql = "SELECT protocol, public_key, key_name FROM persona_120 WHERE id = ?1";
    one(db, sql, [id.as_str()], read::signer)
}

/// 120F of a persona.
pub fn passphrase(db: &Connection, id: &PersonaId) -> Result<Option<Vec<u8>>, StoreError> {
    let found =
        one(db, "SELECT autoclose FROM persona_120 WHERE id = ?1", [id.as_str()], |row| optional(row, "autoclose"))?;
    Ok(found.flatten())
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
    one(db, sql, params![kind, owner, number], read::logged)
}

/// Those of these sessions that exist.
pub fn sessions(db: &Connection, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    let mut query = Query::prepare(db, "SELECT * FROM session WHERE id = ?1")?;
    for number in ids.iter().map(SessionId::number) {
        // A number that SQLite cannot hold is one that was never given.
        let Ok(key) = signed(number) else { continue };
        if let Some(session) = query.one([key], read::session)? {
            found.insert(number, session);
        }
    }
    Ok(found)
}

/// Those of these sessions that exist, with the marks of those that are open.
pub fn found(db: &Connection, ids: &[SessionId]) -> Result<Vec<Found>, StoreError> {
    sessions(db, ids)?.into_values().map(|session| with_marks(db, session)).collect()
}

/// The next open sessions after a number, in order, with their marks.
pub fn open_sessions(db: &Connection, after: u64, limit: usize) -> Result<Vec<Found>, StoreError> {
    let sql = "SELECT s.* FROM session_130_live o JOIN session s ON s.id = o.id WHERE o.id > ?1 ORDER BY o.id LIMIT ?2";
    all(db, sql, params![signed(after)?, count(limit)?], read::session)?
        .into_iter()
        .map(|s| with_marks(db, s))
        .collect()
}

fn with_marks(db: &Connection, session: Session) -> Result<Found, StoreError> {
    let marks = if session.is_open() { marks(db, session.id.number())? } else { Vec::new() };
    Ok(Found { session, marks })
}

/// What a session's indexes are used for.
fn marks(db: &Connection, session: u64) -> Result<Vec<Mark>, StoreError> {
    let paid = "SELECT payer_index AS idx FROM transaction_130n WHERE payer_session = ?1";
    let mut marks = all(db, paid, [signed(session)?], |row| Ok(Mark::Paid(read::index(row, "idx")?)))?;
    let answered = "SELECT number AS idx FROM message_log_140 WHERE kind = ?1 AND owner = ?2";
    let (kind, owner, _) = log_key(&LogKey::Collection(session, Index::FIRST))?;
    marks.extend(all(db, answered, params![kind, owner], |row| Ok(Mark::Answered(read::index(row, "idx")?)))?);
    Ok(marks)
}

/// Those of these indexes that are used.
pub fn collected(db: &Connection, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
    let sql = "SELECT * FROM transaction_130n WHERE payer_session = ?1 AND payer_index = ?2";
    let mut found = HashMap::new();
    let mut query = Query::prepare(db, sql)?;
    for (session, index) in keys {
        let Ok(key) = signed(session.number()) else { continue };
        if let Some(transaction) = query.one(params![key, index.get()], read::transaction)? {
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
    let mut newest_first = all(db, sql, params![key, count(limit)?], read::transaction)?;
    newest_first.reverse();
    Ok(newest_first)
}

/// A fee of no payment.
pub fn charge(db: &Connection, persona: &PersonaId, date: Date, reference: &str) -> Result<Option<Charge>, StoreError> {
    let sql = "SELECT * FROM fee WHERE persona = ?1 AND date = ?2 AND reference = ?3";
    one(db, sql, params![persona.as_str(), date.millis(), reference], read::charge)
}

/// The minor units that a function of an instrument has moved since a date.
pub fn moved_since(
    db: &Connection,
    persona: &PersonaId,
    instrument: InstrumentId,
    currency: Currency,
    function: Function,
    since: Date,
) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(SUM(amount * ?5), 0) AS sum FROM movement_405
               WHERE persona = ?1 AND instrument = ?2 AND currency = ?3 AND date >= ?4 AND amount * ?5 > 0";
    let key = params![persona.as_str(), instrument.0, currency.code(), since.millis(), sign_of(function)];
    Ok(db.prepare_cached(sql)?.query_row(key, |row| row.get("sum"))?)
}

/// Wrong passphrases for an id.
pub fn attempts(db: &Connection, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
    one(db, "SELECT * FROM attempt WHERE persona = ?1", [id.as_str()], read::attempts)
}

/// What the last restore began.
pub fn epoch(db: &Connection) -> Result<Option<Epoch>, StoreError> {
    one(db, "SELECT * FROM epoch ORDER BY number DESC LIMIT 1", [], read::epoch)
}

/// Payments of an order id, to one payee or to any.
pub fn payments_of(
    db: &Connection,
    order: &OrderId,
    payee: Option<&PersonaId>,
    (session, index): (u64, u16),
    limit: usize,
) -> Result<Vec<Transaction>, StoreError> {
    // CROSS JOIN: from the payee's sessions to what came into them, and not through everybody's payments.
    let sql = match payee {
        None => {
            "SELECT * FROM transaction_130n t WHERE order_id = ?1 AND (payer_session, payer_index) > (?2, ?3)
             ORDER BY payer_session, payer_index LIMIT ?4"
        }
        Some(_) => {
            "SELECT t.* FROM session_130 s CROSS JOIN transaction_130n t ON t.payee_session = s.id
             WHERE s.persona = ?5 AND t.order_id = ?1 AND (t.payer_session, t.payer_index) > (?2, ?3)
             ORDER BY t.payer_session, t.payer_index LIMIT ?4"
        }
    };
    let (key, limit) = (signed(session)?, count(limit)?);
    match payee {
        None => all(db, sql, params![order.as_str(), key, index, limit], read::transaction),
        Some(id) => all(db, sql, params![order.as_str(), key, index, limit, id.as_str()], read::transaction),
    }
}

/// Reports of clients, by date and hash.
pub fn reports(db: &Connection, (date, hash): (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
    let sql = "SELECT * FROM report WHERE (date, message_hash) > (?1, ?2) ORDER BY date, message_hash LIMIT ?3";
    all(db, sql, params![date.millis(), hash, count(limit)?], read::report)
}

/// The report of a hash.
pub fn report(db: &Connection, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
    one(db, "SELECT * FROM report WHERE message_hash = ?1", [hash], read::report)
}

/// What the operator has set.
pub fn settings(db: &Connection) -> Result<Vec<Setting>, StoreError> {
    let sql = "SELECT * FROM setting ORDER BY topic, name LIMIT ?1";
    all(db, sql, [count(MAX_SETTINGS)?], read::setting)
}

/// Personas for whom time has come.
pub fn due(db: &Connection, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
    let sql = "SELECT persona FROM session_130 WHERE ended IS NULL AND expires < ?1
               UNION
               SELECT persona FROM movement_405 WHERE clears IS NOT NULL AND clears <= ?1
               LIMIT ?2";
    all(db, sql, params![now.millis(), count(limit)?], |row| persona_id(row, "persona"))
}

/// Shows every row of the books.
pub fn books(db: &Connection, see: &mut BookReader<'_>) -> Result<(), StoreError> {
    show(db, "journal", "SELECT *, 1 AS chain FROM journal ORDER BY id", &["chain", "id"], see, |row| {
        Ok(BookRow::Entry(head(row)?, read::entry(row)?))
    })?;
    show(db, "persona_120", "SELECT id FROM persona_120", &["id"], see, |row| {
        Ok(BookRow::Persona(persona_id(row, "id")?))
    })?;
    show(db, "container_120g", "SELECT * FROM container_120g", &["persona", "currency"], see, |row| {
        Ok(BookRow::Container(persona_id(row, "persona")?, read::container(row)?.1))
    })?;
    let sessions = "SELECT session.*, session_130.expires FROM session JOIN session_130 USING (id) ORDER BY id";
    show(db, "session_130", sessions, &["id"], see, read::book_session)?;
    let strays = "SELECT id FROM session_130_live WHERE id NOT IN (SELECT id FROM session_130)";
    show(db, "session_130_live", strays, &["id"], see, |_| {
        Err(StoreError::Failed("there is no such session".to_owned()))
    })?;
    let key = ["payer_session", "payer_index", "number"];
    show(db, "refund", "SELECT * FROM refund", &key, see, |row| Ok(BookRow::Refund(Box::new(read::refund(row)?))))?;
    show(db, "transaction_130n", "SELECT * FROM transaction_130n", &key[..2], see, |row| {
        Ok(BookRow::Payment(Box::new(read::transaction(row)?)))
    })?;
    let answered = "SELECT kind, owner, number FROM message_log_140 WHERE kind = 2";
    show(db, "message_log_140", answered, &["kind", "owner", "number"], see, read::answered)?;
    show(db, "fee", "SELECT * FROM fee", &["id"], see, |row| Ok(BookRow::Charge(read::charge(row)?)))?;
    show(db, "movement_405", "SELECT * FROM movement_405", &["id"], see, |row| {
        read::movement(row).map(|(number, movement)| BookRow::Movement(number, movement))
    })?;
    show(db, "house_account", "SELECT * FROM house_account", &["account"], see, |row| {
        Ok(BookRow::House(read::account(row, "account")?, column(row, "balance")?))
    })
}

/// Shows what a query finds; a row that cannot be read is shown by its key, with what is wrong with it.
fn show(
    db: &Connection,
    table: &str,
    sql: &str,
    key: &[&str],
    see: &mut BookReader<'_>,
    read: impl Fn(&dyn Columns) -> Result<BookRow, StoreError>,
) -> Result<(), StoreError> {
    each(db, sql, |row| {
        see(read(row).unwrap_or_else(|error| BookRow::Unreadable { row: name_of(table, key, row), why: error.why() }));
        Ok(())
    })
}

fn head(row: &dyn Columns) -> Result<ChainHead, StoreError> {
    read::head(row, CHAIN, "id")
}

/// The head of the journal's chain.
pub fn last_entry(db: &Connection) -> Result<ChainHead, StoreError> {
    let last = one(db, "SELECT id, hash FROM journal ORDER BY id DESC LIMIT 1", [], head)?;
    Ok(last.unwrap_or_else(|| ChainHead::empty(CHAIN)))
}
