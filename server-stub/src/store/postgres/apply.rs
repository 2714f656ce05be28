//! What a group of change sets does, as statements in the order in which they are sent.

use super::super::chain::{ChainHead, EntryText};
use super::super::record::{Entry, LogEntry, Session, Transaction};
use super::super::row::{self, Columns, log_key as log_columns, persona_id, signed};
use super::super::{Change, ChangeSet, StoreError};
use super::command::{Command, Param, column, numbers, param};
use super::group::{Key, Sums, log_key};
use super::{numbers as session_numbers, rare};

/// The changes of a group of which there can be many, kind by kind.
#[derive(Default)]
struct Sorted<'a> {
    opened: Vec<&'a Session>,
    collected: Vec<&'a Transaction>,
    logged: Vec<&'a LogEntry>,
    entries: Vec<&'a Entry>,
    /// Whether the head of our chain is written even where nothing follows it.
    trial: bool,
}

/// The statements of a group.
pub struct Script<'a> {
    /// In order.
    pub commands: Vec<Command<'a>>,
    /// The last row of our chain once they are done.
    pub head: ChainHead,
}

impl<'a> Script<'a> {
    /// Writes the statements of a group.
    ///
    /// Rows that many transactions want (the operator's accounts) come late, so that nobody waits for them for long.
    ///
    /// # Errors
    /// A number that no column can hold.
    pub fn of(sets: &[&'a ChangeSet], sums: &'a Sums, head: ChainHead, given: u64) -> Result<Self, StoreError> {
        let mut sorted = Sorted::default();
        let mut commands = Vec::new();
        for change in sets.iter().flat_map(|set| &set.changes) {
            match change {
                Change::Open(session) => sorted.opened.push(session),
                Change::Collect(transaction) => sorted.collected.push(transaction),
                Change::Log(entry) => sorted.logged.push(entry),
                Change::Journal(entry) => sorted.entries.push(entry),
                Change::Trial => sorted.trial = true,
                rare => commands.extend(rare::command(rare)?),
            }
        }
        commands.extend(revisions(sums)?);
        commands.extend(open(&sorted.opened, given)?);
        commands.extend(sessions(sums)?);
        commands.extend(collect(&sorted.collected)?);
        commands.extend(log(&sorted.logged)?);
        commands.extend(containers(sums));
        commands.extend(house(sums));
        let (journal, last) = journal(&sorted.entries, head)?;
        commands.extend(journal);
        if sorted.trial || !sorted.entries.is_empty() {
            commands.push(put_head(last)?);
        }
        Ok(Self { commands, head: last })
    }
}

/// Conditions on personas, and their new revisions.
fn revisions(sums: &Sums) -> Result<Option<Command<'_>>, StoreError> {
    let personas: Vec<_> = sums.personas.iter().collect();
    if personas.is_empty() {
        return Ok(None);
    }
    let sql = "UPDATE persona_120 AS p SET revision = p.revision + k.grows
               FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (id, expected, grows)
               WHERE p.id = k.id AND (k.expected IS NULL OR p.revision = k.expected)
               RETURNING p.id";
    let expected = personas.iter().map(|(_, (expected, _))| expected.map(signed).transpose());
    let params = vec![
        column(&personas, |(id, _)| id.as_str()),
        param(expected.collect::<Result<Vec<Option<i64>>, _>>()?),
        numbers(&personas, |(_, (_, grows))| *grows)?,
    ];
    let expected = personas.iter().map(|(id, _)| Key::Persona((*id).clone())).collect();
    Ok(Some(Command { sql, params, expected, found: |row| Ok(Key::Persona(persona_id(row, "id")?)) }))
}

fn session_key(row: &dyn Columns) -> Result<Key, StoreError> {
    Ok(Key::Session(row::column(row, "id")?))
}

/// New sessions. Numbers that nobody took from us first (an import, a test) are not given again.
fn open<'a>(opened: &[&'a Session], given: u64) -> Result<Vec<Command<'a>>, StoreError> {
    let Some(last) = opened.iter().map(|session| session.id.number()).max() else { return Ok(Vec::new()) };
    let mut commands = Vec::new();
    if last > given {
        commands.push(session_numbers::leap(last)?);
    }
    let sql = "INSERT INTO session_130 (id, protocol, key, salt, currency, opening, current, opened, expires, lifetime,
                   use_limit, uses, persona, memo)
               SELECT k.id, k.protocol, k.key, k.salt, k.currency, k.opening, 0, k.opened, k.expires, k.lifetime,
                   k.use_limit, 0, k.persona, k.memo
               FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bigint[], $7::bigint[],
                   $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[])
                   AS k (id, protocol, key, salt, currency, opening, opened, expires, lifetime, use_limit, persona, memo)
               ON CONFLICT DO NOTHING RETURNING id";
    let params = vec![
        numbers(opened, |session| session.id.number())?,
        column(opened, |session| session.protocol.number()),
        column(opened, |session| session.secrets.key.expose()),
        column(opened, |session| session.secrets.salt.expose()),
        column(opened, |session| session.opening.currency.code()),
        column(opened, |session| session.opening.minor),
        column(opened, |session| session.opened.millis()),
        column(opened, |session| session.expires().millis()),
        column(opened, |session| i64::from(session.lifetime_minutes)),
        column(opened, |session| i64::from(session.use_limit.get())),
        column(opened, |session| session.persona.as_str()),
        column(opened, |session| session.memo.as_str()),
    ];
    let expected = opened.iter().map(|session| Key::Session(session.id.number())).collect();
    commands.push(Command { sql, params, expected, found: session_key });
    Ok(commands)
}

/// Money and uses of sessions, and their ends: a session that is not as it must be is not changed, and not returned.
fn sessions(sums: &Sums) -> Result<Option<Command<'_>>, StoreError> {
    let steps: Vec<_> = sums.sessions.iter().collect();
    if steps.is_empty() {
        return Ok(None);
    }
    let sql = "UPDATE session_130 AS s
               SET current = s.current + k.delta, uses = s.uses + k.uses, ended = k.ended, ended_by = k.ended_by
               FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                   $7::bigint[], $8::bigint[], $9::text[])
                   AS k (id, delta, lowest, uses, exact_uses, exact_current, uses_below, ended, ended_by)
               WHERE s.id = k.id AND s.ended IS NULL
                 AND s.current + k.lowest >= 0 AND s.uses + k.uses <= s.use_limit
                 AND (k.exact_uses IS NULL OR (s.uses = k.exact_uses AND s.current = k.exact_current))
                 AND (k.uses_below IS NULL OR s.uses < k.uses_below)
                 AND (k.ended IS NULL OR s.current + k.delta = 0)
               RETURNING s.id";
    let params = vec![
        numbers(&steps, |(id, _)| **id)?,
        column(&steps, |(_, sum)| sum.delta),
        column(&steps, |(_, sum)| sum.lowest),
        column(&steps, |(_, sum)| i64::from(sum.uses)),
        column(&steps, |(_, sum)| sum.exactly.map(|(uses, _)| i64::from(uses))),
        column(&steps, |(_, sum)| sum.exactly.map(|(_, current)| current)),
        column(&steps, |(_, sum)| sum.uses_below),
        column(&steps, |(_, sum)| sum.end.map(|(date, _)| date.millis())),
        column(&steps, |(_, sum)| sum.end.map(|(_, why)| row::session_end(why))),
    ];
    let expected = steps.iter().map(|(id, _)| Key::Session(**id)).collect();
    Ok(Some(Command { sql, params, expected, found: session_key }))
}

/// Collected payments: a payer's index that is used is not inserted, and not returned.
fn collect<'a>(collected: &[&'a Transaction]) -> Result<Option<Command<'a>>, StoreError> {
    if collected.is_empty() {
        return Ok(None);
    }
    let sql = "INSERT INTO transaction_130n (payer_session, payer_index, payer, payee_session, payee_index, payee,
                   order_id, currency, charged, credit_currency, credited, opaque_hash, date, fee)
               SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
                   $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bytea[], $13::bigint[],
                   $14::bigint[])
               ON CONFLICT DO NOTHING RETURNING payer_session, payer_index";
    let params = vec![
        numbers(collected, |t| t.payer_session.number())?,
        column(collected, |t| i64::from(t.payer_index.get())),
        column(collected, |t| t.payer.as_str()),
        numbers(collected, |t| t.payee_session.number())?,
        column(collected, |t| i64::from(t.payee_index.get())),
        column(collected, |t| t.payee.as_str()),
        column(collected, |t| t.order_id.as_str()),
        column(collected, |t| t.charged.currency.code()),
        column(collected, |t| t.charged.minor),
        column(collected, |t| t.credited.currency.code()),
        column(collected, |t| t.credited.minor),
        column(collected, |t| t.opaque_hash.as_slice()),
        column(collected, |t| t.date.millis()),
        column(collected, |t| t.fee.minor),
    ];
    let expected = collected.iter().map(|t| Key::Index(t.payer_session.number(), t.payer_index.get())).collect();
    let found =
        |row: &dyn Columns| Ok(Key::Index(row::column(row, "payer_session")?, row::column(row, "payer_index")?));
    Ok(Some(Command { sql, params, expected, found }))
}

/// Answered messages: a key that is used is not inserted, and not returned.
fn log<'a>(logged: &[&'a LogEntry]) -> Result<Option<Command<'a>>, StoreError> {
    if logged.is_empty() {
        return Ok(None);
    }
    let sql = "INSERT INTO message_log_140 (kind, owner, number, message_hash, response, date)
               SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::text[], $6::bigint[])
               ON CONFLICT DO NOTHING RETURNING kind, owner, number";
    let keys = logged.iter().map(|entry| log_columns(&entry.key)).collect::<Result<Vec<_>, _>>()?;
    let params = vec![
        column(&keys, |(kind, _, _)| *kind),
        column(&keys, |(_, owner, _)| owner.clone()),
        column(&keys, |(_, _, number)| *number),
        column(logged, |entry| entry.message_hash.as_slice()),
        column(logged, |entry| entry.response.as_str()),
        column(logged, |entry| entry.date.millis()),
    ];
    let found = |row: &dyn Columns| {
        Ok(Key::Log(row::column(row, "kind")?, row::column(row, "owner")?, row::column(row, "number")?))
    };
    let expected = logged.iter().map(|entry| log_key(&entry.key)).collect();
    Ok(Some(Command { sql, params, expected, found }))
}

/// Balances of containers: one that does not hold that much is not changed, and not returned.
fn containers(sums: &Sums) -> Vec<Command<'_>> {
    let steps: Vec<_> = sums.containers.iter().collect();
    if steps.is_empty() {
        return Vec::new();
    }
    let owners = || column(&steps, |((id, _), _)| id.as_str());
    let currencies = || column(&steps, |((_, currency), _)| currency.code());
    let make = "INSERT INTO container_120g (persona, currency, available, on_hold)
                SELECT k.persona, k.currency, 0, 0 FROM unnest($1::text[], $2::text[]) AS k (persona, currency)
                ON CONFLICT DO NOTHING";
    let sql = "UPDATE container_120g AS c SET available = c.available + k.available, on_hold = c.on_hold + k.on_hold
               FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                   AS k (persona, currency, available, lowest_available, on_hold, lowest_on_hold)
               WHERE c.persona = k.persona AND c.currency = k.currency
                 AND c.available + k.lowest_available >= 0 AND c.on_hold + k.lowest_on_hold >= 0
               RETURNING c.persona, c.currency";
    let params: Vec<Param<'_>> = vec![
        owners(),
        currencies(),
        column(&steps, |(_, (available, _))| available.delta),
        column(&steps, |(_, (available, _))| available.lowest),
        column(&steps, |(_, (_, on_hold))| on_hold.delta),
        column(&steps, |(_, (_, on_hold))| on_hold.lowest),
    ];
    let found = |row: &dyn Columns| Ok(Key::Container(persona_id(row, "persona")?, row::value(row, "currency")?));
    let expected = steps.iter().map(|((id, currency), _)| Key::Container(id.clone(), *currency)).collect();
    vec![Command::of(make, vec![owners(), currencies()]), Command { sql, params, expected, found }]
}

/// Balances of the operator's accounts.
fn house(sums: &Sums) -> Option<Command<'_>> {
    let deltas: Vec<_> = sums.house.iter().collect();
    if deltas.is_empty() {
        return None;
    }
    let sql = "INSERT INTO house_account (account, balance)
               SELECT * FROM unnest($1::text[], $2::bigint[])
               ON CONFLICT (account) DO UPDATE SET balance = house_account.balance + excluded.balance";
    let params = vec![column(&deltas, |(account, _)| account.to_string()), column(&deltas, |(_, delta)| **delta)];
    Some(Command::of(sql, params))
}

/// Rows of our chain of the journal, and its new head. Nobody else writes there.
fn journal<'a>(entries: &[&Entry], head: ChainHead) -> Result<(Option<Command<'a>>, ChainHead), StoreError> {
    if entries.is_empty() {
        return Ok((None, head));
    }
    let mut last = head;
    let mut append = |entry: &&Entry| {
        let text = EntryText::of(entry);
        last = last.next(&text);
        (text, last)
    };
    let rows: Vec<(EntryText, ChainHead)> = entries.iter().map(&mut append).collect();
    let sql = "INSERT INTO journal (chain, number, date, reason, debit, credit, currency, amount, reference, hash)
               SELECT $1::bigint, k.number, k.date, k.reason, k.debit, k.credit, k.currency, k.amount, k.reference, k.hash
               FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
                   $9::text[], $10::bytea[])
                   AS k (number, date, reason, debit, credit, currency, amount, reference, hash)";
    let params = vec![
        param(i64::from(head.chain)),
        numbers(&rows, |(_, head)| head.number)?,
        column(&rows, |(text, _)| text.date),
        column(&rows, |(text, _)| text.reason),
        column(&rows, |(text, _)| text.debit.clone()),
        column(&rows, |(text, _)| text.credit.clone()),
        column(&rows, |(text, _)| text.currency.code().to_owned()),
        column(&rows, |(text, _)| text.amount),
        column(&rows, |(text, _)| text.reference.clone()),
        column(&rows, |(_, head)| head.hash.to_vec()),
    ];
    Ok((Some(Command::of(sql, params)), last))
}

/// Where our chain ends.
fn put_head<'a>(head: ChainHead) -> Result<Command<'a>, StoreError> {
    let sql = "UPDATE journal_chain SET number = $2, hash = $3 WHERE chain = $1";
    let params = vec![param(i64::from(head.chain)), param(signed(head.number)?), param(head.hash.to_vec())];
    Ok(Command::of(sql, params))
}
