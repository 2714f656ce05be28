//! Refunds and statements: the loads.

use protocol::message::statement::EntryLine;
use protocol::persona::PersonaId;
use protocol::value::{Index, SessionId};
use rusqlite::{Connection, params};

use super::super::row::{count, signed};
use super::super::{Position, Refund, Statement, StoreError, Window, read};
use super::load::{all, persona_file};

/// What went in and out of the hands of persona ?1 from date ?2 on. Payments are found by way of the persona's sessions,
/// so that collecting one costs no index of its own. The numbers of kinds are those of [`kind_of`].
const ENTRIES: &str = "
    SELECT date, CASE WHEN amount < 0 THEN 2 ELSE 1 END AS kind, id AS session, 0 AS idx, 0 AS number,
           currency, amount, NULL AS other, NULL AS order_id
    FROM movement_405 WHERE persona = ?1 AND date >= ?2
    UNION ALL
    SELECT t.date, 3, t.payer_session, t.payer_index, 0, t.currency, -t.charged, t.payee, t.order_id
    FROM session_130 s JOIN transaction_130n t ON t.payer_session = s.id
    WHERE s.persona = ?1 AND (s.ended IS NULL OR s.ended >= ?2) AND t.date >= ?2
    UNION ALL
    SELECT t.date, 4, t.payer_session, t.payer_index, 0, t.credit_currency, t.credited, t.payer, t.order_id
    FROM session_130 s JOIN transaction_130n t ON t.payee_session = s.id
    WHERE s.persona = ?1 AND (s.ended IS NULL OR s.ended >= ?2) AND t.date >= ?2
    UNION ALL
    SELECT date, 5, payer_session, payer_index, number, currency, -given, payer, order_id
    FROM refund WHERE payee = ?1 AND date >= ?2
    UNION ALL
    SELECT date, 6, payer_session, payer_index, number, return_currency, returned, payee, order_id
    FROM refund WHERE payer = ?1 AND date >= ?2";

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
