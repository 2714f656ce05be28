//! The typed loads. What needs several statements sends them together, in a transaction of their own that sees one moment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;

use deadpool_postgres::Object;
use protocol::date::Date;
use protocol::message::statement::EntryLine;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Function, Index, OrderId, SessionId};
use tokio::{join, try_join};
use tokio_postgres::Statement as Prepared;

use super::super::record::{Attempts, Charge, Epoch, InstrumentId, LogKey, Report, Session, Transaction};
use super::super::row::{column, count, log_key, optional, persona_id, signed};
use super::super::statement::ENTRIES;
use super::super::{
    Collected, Logged, MAX_SETTINGS, PersonaFile, Position, Refund, Setting, Signer, Statement, StoreError, Window,
    read, sign_of,
};
use super::link::{Params, all, prepare, rows};

/// Begins a transaction whose statements all see one moment.
pub const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Sends a snapshot's beginning, its loads and its end in one go.
async fn in_snapshot<T>(
    client: &Object,
    loads: Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + '_>>,
) -> Result<T, StoreError> {
    // All are polled in this order, and what is polled is sent; none waits for the answer of another.
    let (begun, loaded, ended) = join!(biased; client.batch_execute(SNAPSHOT), loads, client.batch_execute("COMMIT"));
    begun?;
    let loaded = loaded?;
    ended?;
    Ok(loaded)
}

/// What loads a persona: prepared, so that nothing has to be waited for within the snapshot.
struct PersonaLoads([Prepared; 6]);

impl PersonaLoads {
    async fn prepare(client: &Object) -> Result<Self, StoreError> {
        let sql = [
            "SELECT * FROM persona_120 WHERE id = $1",
            "SELECT * FROM container_120g WHERE persona = $1",
            "SELECT * FROM instrument_120h WHERE persona = $1 ORDER BY id",
            "SELECT * FROM session_130 WHERE persona = $1 AND ended IS NULL ORDER BY id",
            "SELECT * FROM movement_405 WHERE persona = $1 AND clears IS NOT NULL ORDER BY id",
            "SELECT * FROM challenge WHERE persona = $1 ORDER BY id",
        ];
        Ok(Self(prepare(client, sql).await?))
    }

    async fn run(&self, client: &Object, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
        let [persona, containers, instruments, sessions, pending, challenges] = &self.0;
        let key: Params<'_> = &[&id.as_str()];
        let (mut persona, containers, instruments, sessions, pending, challenges) = try_join!(
            rows(client, persona, key, read::persona),
            rows(client, containers, key, read::container),
            rows(client, instruments, key, read::instrument),
            rows(client, sessions, key, read::session),
            rows(client, pending, key, read::pending_load),
            rows(client, challenges, key, read::challenge),
        )?;
        let containers = containers.into_iter().collect::<BTreeMap<_, _>>();
        let file = |persona| PersonaFile { persona, containers, instruments, sessions, pending, challenges };
        Ok(persona.pop().map(file))
    }
}

/// A persona with all that is its own.
pub async fn persona_file(client: &Object, id: &PersonaId) -> Result<Option<PersonaFile>, StoreError> {
    let loads = PersonaLoads::prepare(client).await?;
    in_snapshot(client, Box::pin(loads.run(client, id))).await
}

/// What a persona signs with.
pub async fn signer(client: &Object, id: &PersonaId) -> Result<Option<Signer>, StoreError> {
    let sql = "SELECT protocol, public_key, key_name FROM persona_120 WHERE id = $1";
    Ok(all(client, sql, &[&id.as_str()], read::signer).await?.pop())
}

/// 120F of a persona.
pub async fn passphrase(client: &Object, id: &PersonaId) -> Result<Option<Vec<u8>>, StoreError> {
    let sql = "SELECT autoclose FROM persona_120 WHERE id = $1";
    Ok(all(client, sql, &[&id.as_str()], |row| optional(row, "autoclose")).await?.pop().flatten())
}

/// Which of these ids are taken.
pub async fn taken(client: &Object, ids: &[PersonaId]) -> Result<HashSet<PersonaId>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(PersonaId::as_str).collect();
    let sql = "SELECT id FROM persona_120 WHERE id = ANY($1)";
    Ok(all(client, sql, &[&ids], |row| persona_id(row, "id")).await?.into_iter().collect())
}

/// What was answered under this key.
pub async fn logged(client: &Object, key: &LogKey) -> Result<Option<Logged>, StoreError> {
    let sql = "SELECT message_hash, response FROM message_log_140 WHERE kind = $1 AND owner = $2 AND number = $3";
    let (kind, owner, number) = log_key(key)?;
    Ok(all(client, sql, &[&kind, &owner, &number], read::logged).await?.pop())
}

/// Those of these sessions that exist.
pub async fn sessions(client: &Object, ids: &[SessionId]) -> Result<HashMap<u64, Session>, StoreError> {
    // A number that the database cannot hold is one that was never given.
    let ids: Vec<i64> = ids.iter().filter_map(|id| signed(id.number()).ok()).collect();
    let found = all(client, "SELECT * FROM session_130 WHERE id = ANY($1)", &[&ids], read::session).await?;
    Ok(found.into_iter().map(|session| (session.id.number(), session)).collect())
}

/// Those of these indexes that are used.
pub async fn collected(client: &Object, keys: &[(SessionId, Index)]) -> Result<Collected, StoreError> {
    let sql = "SELECT t.* FROM unnest($1::bigint[], $2::bigint[]) AS k (session, idx)
               JOIN transaction_130n t ON t.payer_session = k.session AND t.payer_index = k.idx";
    let key = |(session, index): &(SessionId, Index)| Some((signed(session.number()).ok()?, i64::from(index.get())));
    let (sessions, indexes): (Vec<i64>, Vec<i64>) = keys.iter().filter_map(key).unzip();
    let found = all(client, sql, &[&sessions, &indexes], read::transaction).await?;
    Ok(found.into_iter().map(|t| ((t.payer_session.number(), t.payer_index.get()), t)).collect())
}

/// The newest payments from or into a session, the oldest first.
pub async fn history(client: &Object, session: &SessionId, limit: usize) -> Result<Vec<Transaction>, StoreError> {
    let sql = "SELECT * FROM (
                   SELECT * FROM transaction_130n WHERE payer_session = $1
                   UNION ALL
                   SELECT * FROM transaction_130n WHERE payee_session = $1) AS both_sides
               ORDER BY date DESC, payer_session DESC, payer_index DESC LIMIT $2";
    let Ok(key) = signed(session.number()) else { return Ok(Vec::new()) };
    let mut newest_first = all(client, sql, &[&key, &count(limit)?], read::transaction).await?;
    newest_first.reverse();
    Ok(newest_first)
}

/// What was given back of a payment, in order.
pub async fn refunds(client: &Object, session: &SessionId, index: Index) -> Result<Vec<Refund>, StoreError> {
    let sql = "SELECT * FROM refund WHERE payer_session = $1 AND payer_index = $2 ORDER BY number";
    let Ok(key) = signed(session.number()) else { return Ok(Vec::new()) };
    all(client, sql, &[&key, &i64::from(index.get())], read::refund).await
}

/// A persona with entries of its own.
pub async fn statement(
    client: &Object,
    id: &PersonaId,
    window: Window,
    limit: usize,
) -> Result<Option<Statement>, StoreError> {
    let loads = PersonaLoads::prepare(client).await?;
    let entries = ENTRIES.replace('?', "$");
    let sql = match window {
        Window::Newest => format!(
            "SELECT * FROM ({entries}) AS entries
             ORDER BY date DESC, kind DESC, session DESC, idx DESC, number DESC LIMIT $3"
        ),
        Window::After(_) => format!(
            "SELECT * FROM ({entries}) AS entries WHERE (date, kind, session, idx, number) > ($2, $4, $5, $6, $7)
             ORDER BY date, kind, session, idx, number LIMIT $3"
        ),
    };
    let [lines] = prepare(client, [sql.as_str()]).await?;
    let both = Box::pin(async { try_join!(loads.run(client, id), lines_of(client, &lines, id, window, limit)) });
    let (file, entries) = in_snapshot(client, both).await?;
    Ok(file.map(|file| Statement { file, entries }))
}

async fn lines_of(
    client: &Object,
    lines: &Prepared,
    id: &PersonaId,
    window: Window,
    limit: usize,
) -> Result<Vec<(Position, EntryLine)>, StoreError> {
    let limit = count(limit)?;
    match window {
        Window::Newest => {
            let mut newest_first = rows(client, lines, &[&id.as_str(), &i64::MIN, &limit], read::line).await?;
            newest_first.reverse();
            Ok(newest_first)
        }
        Window::After(Position { date, kind, session, index, number }) => {
            let (kind, session) = (i64::from(kind), signed(session)?);
            let (index, number) = (i64::from(index), i64::from(number));
            let place: Params<'_> = &[&id.as_str(), &date, &limit, &kind, &session, &index, &number];
            rows(client, lines, place, read::line).await
        }
    }
}

/// A fee of no payment.
pub async fn charge(
    client: &Object,
    persona: &PersonaId,
    date: Date,
    reference: &str,
) -> Result<Option<Charge>, StoreError> {
    let sql = "SELECT * FROM fee WHERE persona = $1 AND date = $2 AND reference = $3";
    Ok(all(client, sql, &[&persona.as_str(), &date.millis(), &reference], read::charge).await?.pop())
}

/// The minor units that a function of an instrument has moved since a date.
pub async fn moved_since(
    client: &Object,
    persona: &PersonaId,
    instrument: InstrumentId,
    currency: Currency,
    function: Function,
    since: Date,
) -> Result<i64, StoreError> {
    // A sum of BIGINT is a NUMERIC.
    let sql = "SELECT CAST(COALESCE(SUM(amount * $5), 0) AS BIGINT) AS sum FROM movement_405
               WHERE persona = $1 AND instrument = $2 AND currency = $3 AND date >= $4 AND amount * $5 > 0";
    let (instrument, sign) = (i64::from(instrument.0), sign_of(function));
    let key: Params<'_> = &[&persona.as_str(), &instrument, &currency.code(), &since.millis(), &sign];
    Ok(all(client, sql, key, |row| column(row, "sum")).await?.pop().unwrap_or_default())
}

/// Wrong passphrases for an id.
pub async fn attempts(client: &Object, id: &PersonaId) -> Result<Option<Attempts>, StoreError> {
    let sql = "SELECT * FROM attempt WHERE persona = $1";
    Ok(all(client, sql, &[&id.as_str()], read::attempts).await?.pop())
}

/// Payments of an order id, to one payee or to any.
pub async fn payments_of(
    client: &Object,
    order: &OrderId,
    payee: Option<&PersonaId>,
    (session, index): (u64, u16),
    limit: usize,
) -> Result<Vec<Transaction>, StoreError> {
    let sql = match payee {
        None => {
            "SELECT * FROM transaction_130n WHERE order_id = $1 AND (payer_session, payer_index) > ($2, $3)
             ORDER BY payer_session, payer_index LIMIT $4"
        }
        Some(_) => {
            "SELECT t.* FROM session_130 s JOIN transaction_130n t ON t.payee_session = s.id
             WHERE s.persona = $5 AND t.order_id = $1 AND (t.payer_session, t.payer_index) > ($2, $3)
             ORDER BY t.payer_session, t.payer_index LIMIT $4"
        }
    };
    let (session, index, limit) = (signed(session)?, i64::from(index), count(limit)?);
    let (order, payee) = (order.as_str(), payee.map(PersonaId::as_str));
    match payee {
        None => all(client, sql, &[&order, &session, &index, &limit], read::transaction).await,
        Some(id) => all(client, sql, &[&order, &session, &index, &limit, &id], read::transaction).await,
    }
}

/// Reports of clients, by date and hash.
pub async fn reports(client: &Object, (date, hash): (Date, [u8; 32]), limit: usize) -> Result<Vec<Report>, StoreError> {
    let sql = "SELECT * FROM report WHERE (date, message_hash) > ($1, $2) ORDER BY date, message_hash LIMIT $3";
    all(client, sql, &[&date.millis(), &hash.as_slice(), &count(limit)?], read::report).await
}

/// The report of a hash.
pub async fn report(client: &Object, hash: &[u8; 32]) -> Result<Option<Report>, StoreError> {
    let sql = "SELECT * FROM report WHERE message_hash = $1";
    Ok(all(client, sql, &[&hash.as_slice()], read::report).await?.pop())
}

/// What the operator has set.
pub async fn settings(client: &Object) -> Result<Vec<Setting>, StoreError> {
    let sql = "SELECT * FROM setting ORDER BY topic, name LIMIT $1";
    all(client, sql, &[&count(MAX_SETTINGS)?], read::setting).await
}

/// What the last restore began.
pub async fn epoch(client: &Object) -> Result<Option<Epoch>, StoreError> {
    Ok(all(client, "SELECT * FROM epoch ORDER BY number DESC LIMIT 1", &[], read::epoch).await?.pop())
}

/// Personas for whom time has come.
pub async fn due(client: &Object, now: Date, limit: usize) -> Result<Vec<PersonaId>, StoreError> {
    let sql = "SELECT persona FROM session_130 WHERE ended IS NULL AND expires < $1
               UNION
               SELECT persona FROM movement_405 WHERE clears IS NOT NULL AND clears <= $1
               LIMIT $2";
    all(client, sql, &[&now.millis(), &count(limit)?], |row| persona_id(row, "persona")).await
}
