//! Refunds and statements: the loads.

use protocol::message::statement::EntryLine;
use protocol::persona::PersonaId;
use protocol::value::{Index, SessionId};
use rusqlite::{Connection, params};

use super::super::row::{count, signed};
use super::super::statement::ENTRIES;
use super::super::{Position, Refund, Statement, StoreError, Window, read};
use super::load::{all, persona_file};

/// A persona with entries of its own.
pub fn statement(
    db: &Connection,
    id: &PersonaId,
    window: Window,
    limit: usize,
) -> Result<Option<Statement>, StoreError> {
    let Some(file) = persona_file(db, id)? else { return Ok(None) };
    let entries = match window {
        Window::Newest => newest(db, id, limit)?,
        Window::After(place) => following(db, id, place, limit)?,
    };
    Ok(Some(Statement { file, entries }))
}

fn newest(db: &Connection, id: &PersonaId, limit: usize) -> Result<Vec<(Position, EntryLine)>, StoreError> {
    let sql = format!(
        "SELECT * FROM ({ENTRIES}) ORDER BY date DESC, kind DESC, session DESC, idx DESC, number DESC LIMIT ?3"
    );
    let mut entries = all(db, &sql, params![id.as_str(), i64::MIN, count(limit)?], read::line)?;
    entries.reverse();
    Ok(entries)
}

fn following(
    db: &Connection,
    id: &PersonaId,
    after: Position,
    limit: usize,
) -> Result<Vec<(Position, EntryLine)>, StoreError> {
    let sql = format!(
        "SELECT * FROM ({ENTRIES}) WHERE (date, kind, session, idx, number) > (?2, ?4, ?5, ?6, ?7)
         ORDER BY date, kind, session, idx, number LIMIT ?3"
    );
    let Position { date, kind, session, index, number } = after;
    let values = params![id.as_str(), date, count(limit)?, kind, signed(session)?, index, number];
    all(db, &sql, values, read::line)
}

/// What was given back of a payment, in order.
pub fn refunds(db: &Connection, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
    let sql = "SELECT * FROM refund WHERE payer_session = ?1 AND payer_index = ?2 ORDER BY number";
    let Ok(key) = signed(session.number()) else { return Ok(Vec::new()) };
    all(db, sql, params![key, index.get()], read::refund)
}
