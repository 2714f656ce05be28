//! Applying a change set, inside a transaction.

use protocol::date::Date;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Functions, Value};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Row, params};

use super::super::plan::{ContainerStep, Expected, Plan, SessionStep};
use super::super::record::{
    Attempts, Challenge, Charge, Instrument, LogEntry, Movement, Persona, Report, Session, SessionEnd, Transaction,
};
use super::super::row::{self, signed};
use super::super::{
    Account, ChainHead, Change, ChangeSet, CommitError, Conflict, EntryText, MAX_ATTEMPTS, MAX_REPORTS, Refund,
    StoreError,
};
use super::live::After;
use super::schema;

/// Checks the plan's expectations and applies every change. Yields the head of the journal's chain after it, and puts where
/// it leaves sessions to `after`.
///
/// # Errors
/// The first conflict; the caller rolls back.
pub fn apply(
    db: &Connection,
    plan: &Plan,
    set: &ChangeSet,
    mut head: ChainHead,
    after: &mut Vec<After>,
) -> Result<ChainHead, CommitError> {
    for (id, revision) in &plan.personas {
        let sql = "SELECT 1 FROM persona_120 WHERE id = ?1 AND revision = ?2";
        if !statement(db, sql)?.exists(params![id.as_str(), signed(*revision)?]).map_err(StoreError::from)? {
            return Err(Conflict::PersonaChanged(id.clone()).into());
        }
    }
    let (mut entries, mut payments, mut steps) =
        (Often::new(db, JOURNAL), Often::new(db, COLLECT), Often::new(db, STEP));
    for item in &set.changes {
        match item {
            Change::Journal(entry) => head = journal(&mut entries, &EntryText::of(entry), head)?,
            Change::Collect(payment) => collect(&mut payments, payment)?,
            item => change(db, item)?,
        }
    }
    for (id, step) in &plan.sessions {
        after.push((*id, session_step(db, &mut steps, *id, step)?));
    }
    for ((id, currency), step) in &plan.containers {
        container_step(db, id, *currency, step)?;
    }
    for (account, delta) in &plan.house {
        let sql = "INSERT INTO house_account (account, balance) VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET balance = balance + excluded.balance";
        run(db, sql, params![account.to_string(), delta])?;
    }
    Ok(head)
}

/// A statement that a collection runs for each of its payments: it is looked for among the prepared ones once.
struct Often<'c> {
    db: &'c Connection,
    sql: &'static str,
    prepared: Option<CachedStatement<'c>>,
}

impl<'c> Often<'c> {
    fn new(db: &'c Connection, sql: &'static str) -> Self {
        Self { db, sql, prepared: None }
    }

    /// Runs it and says how many rows it changed.
    fn run(&mut self, params: impl rusqlite::Params) -> Result<usize, StoreError> {
        let statement = match &mut self.prepared {
            Some(prepared) => prepared,
            none => none.insert(statement(self.db, self.sql)?),
        };
        Ok(statement.execute(params)?)
    }
}

const JOURNAL: &str = "INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const COLLECT: &str = "INSERT INTO transaction_130n
    VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING";
/// Of a session that is exactly as expected.
const STEP: &str = "UPDATE session_130_live SET current = current + ?2, uses = uses + ?3
    WHERE id = ?1 AND current + ?2 >= 0 AND uses + ?3 <= use_limit AND uses = ?4 AND current = ?5";

fn statement<'a>(db: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, StoreError> {
    Ok(db.prepare_cached(sql)?)
}

/// Runs a statement and says how many rows it changed.
fn run(db: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<usize, StoreError> {
    Ok(statement(db, sql)?.execute(params)?)
}

fn change(db: &Connection, change: &Change) -> Result<(), CommitError> {
    match change {
        Change::Register(persona) => register(db, persona)?,
        Change::Update(persona) => update(db, persona)?,
        Change::Revise(id) => {
            let sql = "UPDATE persona_120 SET revision = revision + 1 WHERE id = ?1";
            if run(db, sql, [id.as_str()])? == 0 {
                return Err(Conflict::PersonaChanged(id.clone()).into());
            }
        }
        Change::PutInstrument(id, instrument) => put_instrument(db, id, instrument)?,
        Change::PutChallenge(id, challenge) => put_challenge(db, id, challenge)?,
        Change::RemoveChallenge(id, challenge) => {
            run(db, "DELETE FROM challenge WHERE persona = ?1 AND id = ?2", params![id.as_str(), challenge])?;
        }
        Change::Move(movement) => record(db, movement)?,
        Change::Cleared(id) => {
            let sql = "UPDATE movement_405 SET clears = NULL WHERE id = ?1 AND clears IS NOT NULL";
            if run(db, sql, [signed(*id)?])? == 0 {
                return Err(Conflict::LoadCleared(*id).into());
            }
        }
        Change::Open(session) => open(db, session)?,
        Change::Memo(id, memo) => {
            let sql = "UPDATE session_130 SET memo = memo || ?2 WHERE id = ?1";
            run(db, sql, params![signed(*id)?, memo])?;
        }
        Change::Refund(refund) => give_back(db, refund)?,
        Change::Charge(fee) => charge(db, fee)?,
        Change::Log(entry) => log(db, entry)?,
        Change::Set(setting) => {
            let sql = "INSERT OR REPLACE INTO setting VALUES (?1, ?2, ?3)";
            run(db, sql, params![setting.topic, setting.name, setting.value])?;
        }
        Change::Unset(topic, name) => {
            run(db, "DELETE FROM setting WHERE topic = ?1 AND name = ?2", params![topic, name])?;
        }
        Change::Report(report) => keep_report(db, report)?,
        Change::Epoch(epoch) => {
            let sql = "INSERT INTO epoch VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if run(db, sql, params![signed(epoch.number)?, epoch.began.millis()])? == 0 {
                return Err(Conflict::EpochBegan(epoch.number).into());
            }
        }
        Change::Attempts { id, before, after } => count(db, id, *before, *after)?,
        Change::RemoveReport(hash) => {
            run(db, "DELETE FROM report WHERE message_hash = ?1", [hash])?;
        }
        Change::Trial => schema::write_version(db)?,
        // The journal is a chain, payments are many, and the others are in the plan.
        Change::Journal(_) | Change::Collect(_) | Change::Use(_) | Change::End(..) => {}
    }
    Ok(())
}

fn register(db: &Connection, persona: &Persona) -> Result<(), CommitError> {
    let sql = "INSERT INTO persona_120 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
               ON CONFLICT DO NOTHING";
    let values = params![
        persona.id.as_str(),
        persona.email,
        persona.protocol.number(),
        persona.public_key.spki(),
        persona.key_name,
        persona.registered.millis(),
        persona.language,
        persona.default_currency.code(),
        persona.autoclose,
        row::join(&persona.agreements),
        row::persona_status(persona.status),
        signed(persona.revision)?,
    ];
    match run(db, sql, values)? {
        0 => Err(Conflict::PersonaExists(persona.id.clone()).into()),
        _ => Ok(()),
    }
}

fn update(db: &Connection, persona: &Persona) -> Result<(), CommitError> {
    let sql = "UPDATE persona_120 SET email = ?2, language = ?3, autoclose = ?4, agreements = ?5, status = ?6,
               public_key = ?7, key_name = ?8 WHERE id = ?1";
    let values = params![
        persona.id.as_str(),
        persona.email,
        persona.language,
        persona.autoclose,
        row::join(&persona.agreements),
        row::persona_status(persona.status),
        persona.public_key.spki(),
        persona.key_name,
    ];
    match run(db, sql, values)? {
        0 => Err(Conflict::PersonaChanged(persona.id.clone()).into()),
        _ => Ok(()),
    }
}

fn put_instrument(db: &Connection, id: &PersonaId, instrument: &Instrument) -> Result<(), StoreError> {
    let sql =
        "INSERT OR REPLACE INTO instrument_120h VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,
            ?15, ?16)";
    let (status, waits_for) = row::instrument_status(instrument.status);
    let functions = Functions(instrument.functions.clone());
    let values = params![
        id.as_str(),
        instrument.id.0,
        instrument.kind,
        instrument.sealed_number,
        row::join(&instrument.agreements),
        instrument.prefix,
        instrument.hash,
        instrument.keyed_hash,
        instrument.bound.millis(),
        instrument.first_used.map(protocol::date::Date::millis),
        status,
        instrument.enabled_from.millis(),
        functions.text(),
        instrument.autoclose,
        waits_for,
        row::limits_to_json(&instrument.limits)?,
    ];
    run(db, sql, values).map(drop)
}

fn put_challenge(db: &Connection, id: &PersonaId, challenge: &Challenge) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO challenge VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        id.as_str(),
        challenge.id,
        challenge.asked.millis(),
        challenge.wrong_answers,
        challenge.sealed_number,
        challenge.salt,
        challenge.questions.join("\n"),
        row::binding_to_json(&challenge.binding)?,
    ];
    run(db, sql, values).map(drop)
}

fn record(db: &Connection, movement: &Movement) -> Result<(), StoreError> {
    let sql = "INSERT INTO movement_405 (persona, instrument, date, currency, amount, clears, fee)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let values = params![
        movement.persona.as_str(),
        movement.instrument.0,
        movement.date.millis(),
        movement.amount.currency.code(),
        movement.amount.minor,
        movement.clears.map(protocol::date::Date::millis),
        movement.fee.minor,
    ];
    run(db, sql, values).map(drop)
}

fn charge(db: &Connection, fee: &Charge) -> Result<(), StoreError> {
    let sql = "INSERT INTO fee (persona, date, currency, amount, reference) VALUES (?1, ?2, ?3, ?4, ?5)";
    let Charge { persona, date, amount, reference } = fee;
    let values = params![persona.as_str(), date.millis(), amount.currency.code(), amount.minor, reference];
    run(db, sql, values).map(drop)
}

fn open(db: &Connection, session: &Session) -> Result<(), CommitError> {
    let sql = "INSERT INTO session_130 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL, NULL, ?9, ?10, NULL, ?11, ?12)
               ON CONFLICT DO NOTHING";
    let number = session.id.number();
    let values = params![
        signed(number)?,
        session.protocol.number(),
        session.secrets.key.expose(),
        session.secrets.salt.expose(),
        session.opening.currency.code(),
        session.opening.minor,
        session.opened.millis(),
        session.expires().millis(),
        session.lifetime_minutes,
        session.use_limit.get(),
        session.persona.as_str(),
        session.memo,
    ];
    if run(db, sql, values)? == 0 {
        return Err(Conflict::SessionExists(number).into());
    }
    let sql = "INSERT INTO session_130_live VALUES (?1, 0, 0, ?2)";
    run(db, sql, params![signed(number)?, session.use_limit.get()])?;
    Ok(())
}

fn collect(payments: &mut Often<'_>, transaction: &Transaction) -> Result<(), CommitError> {
    let (session, index) = (transaction.payer_session.number(), transaction.payer_index.get());
    let values = params![
        signed(session)?,
        index,
        transaction.payer.as_str(),
        signed(transaction.payee_session.number())?,
        transaction.payee_index.get(),
        transaction.payee.as_str(),
        transaction.order_id.as_str(),
        transaction.charged.currency.code(),
        transaction.charged.minor,
        transaction.credited.currency.code(),
        transaction.credited.minor,
        transaction.opaque_hash,
        transaction.date.millis(),
        transaction.fee.minor,
    ];
    match payments.run(values)? {
        0 => Err(Conflict::IndexUsed(session, index).into()),
        _ => Ok(()),
    }
}

fn give_back(db: &Connection, refund: &Refund) -> Result<(), CommitError> {
    let (session, index) = (refund.payer_session.number(), refund.payer_index.get());
    let sql = "INSERT INTO refund VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING";
    let values = params![
        signed(session)?,
        index,
        refund.number,
        refund.payer.as_str(),
        refund.payee.as_str(),
        refund.order_id.as_str(),
        refund.given.currency.code(),
        refund.given.minor,
        refund.returned.currency.code(),
        refund.returned.minor,
        refund.note,
        refund.date.millis(),
    ];
    match run(db, sql, values)? {
        0 => Err(Conflict::RefundExists(session, index, refund.number).into()),
        _ => Ok(()),
    }
}

fn journal(entries: &mut Often<'_>, entry: &EntryText, head: ChainHead) -> Result<ChainHead, StoreError> {
    let head = head.next(entry);
    let EntryText { date, reason, debit, credit, currency, amount, reference } = entry;
    let values =
        params![signed(head.number)?, date, reason, debit, credit, currency.code(), amount, reference, head.hash];
    entries.run(values)?;
    Ok(head)
}

fn log(db: &Connection, entry: &LogEntry) -> Result<(), CommitError> {
    let sql = "INSERT INTO message_log_140 VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
    let (kind, owner, number) = row::log_key(&entry.key)?;
    let values = params![kind, owner, number, entry.message_hash, entry.response, entry.date.millis()];
    match run(db, sql, values)? {
        0 => Err(Conflict::LogKeyUsed.into()),
        _ => Ok(()),
    }
}

fn keep_report(db: &Connection, report: &Report) -> Result<(), StoreError> {
    let sql = "INSERT INTO report SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT COUNT(*) FROM report) < ?7
               ON CONFLICT DO NOTHING";
    let values = params![
        report.message_hash,
        report.date.millis(),
        report.persona.as_ref().map(PersonaId::as_str),
        report.problem,
        report.diagnosis,
        report.received,
        row::count(MAX_REPORTS)?,
    ];
    run(db, sql, values).map(drop)
}

fn count(db: &Connection, id: &PersonaId, before: Option<Attempts>, attempts: Attempts) -> Result<(), CommitError> {
    if super::load::attempts(db, id)? != before {
        return Err(Conflict::AttemptsChanged(id.clone()).into());
    }
    let sql = "INSERT OR REPLACE INTO attempt VALUES (?1, ?2, ?3)";
    run(db, sql, params![id.as_str(), attempts.since.millis(), attempts.wrong])?;
    let sql = "DELETE FROM attempt WHERE persona IN
               (SELECT persona FROM attempt ORDER BY since DESC LIMIT -1 OFFSET ?1)";
    run(db, sql, [row::count(MAX_ATTEMPTS)?])?;
    Ok(())
}

/// Changes a session in one statement, whose conditions are the expectations, and says what is in it then and how many uses
/// are spent, unless it has ended; where the statement changes nothing, asks why.
fn session_step(
    db: &Connection,
    steps: &mut Often<'_>,
    id: u64,
    step: &SessionStep,
) -> Result<Option<(i64, u32)>, CommitError> {
    let done = match (step.end, step.expected) {
        (Some((date, why)), _) => end(db, id, step, date, why)?.then_some(None),
        // What it comes to is known without asking.
        (None, Expected::Exactly(uses, current)) => {
            let changed = steps.run(params![signed(id)?, step.delta, step.uses, uses, current])?;
            (changed > 0).then_some(Some((current + step.delta, uses + step.uses)))
        }
        (None, Expected::Open | Expected::UsesBelow(_)) => {
            let sql = "UPDATE session_130_live SET current = current + ?2, uses = uses + ?3
                       WHERE id = ?1 AND current + ?2 >= 0 AND uses + ?3 <= use_limit AND (?4 IS NULL OR uses < ?4)";
            let below = if let Expected::UsesBelow(uses) = step.expected { Some(uses) } else { None };
            let changed = run(db, sql, params![signed(id)?, step.delta, step.uses, below])?;
            // RETURNING would cost a savepoint.
            let sql = "SELECT current, uses FROM session_130_live WHERE id = ?1";
            let after = |row: &Row<'_>| Ok(Some((row.get(0)?, row.get(1)?)));
            let after = statement(db, sql)?.query_row([signed(id)?], after).optional().map_err(StoreError::from)?;
            after.filter(|_| changed > 0)
        }
    };
    done.map_or_else(|| Err(why_not(db, id, step)?.into()), Ok)
}

/// Ends a session; false if it is not as expected.
fn end(db: &Connection, id: u64, step: &SessionStep, date: Date, why: SessionEnd) -> Result<bool, StoreError> {
    let (exact, below) = match step.expected {
        Expected::Open => (None, None),
        Expected::Exactly(uses, current) => (Some((uses, current)), None),
        Expected::UsesBelow(uses) => (None, Some(uses)),
    };
    let (exact_uses, exact_current) = exact.unzip();
    let sql = "DELETE FROM session_130_live
               WHERE id = ?1 AND current + ?2 = 0 AND uses + ?3 <= use_limit
                 AND (?4 IS NULL OR (uses = ?4 AND current = ?5)) AND (?6 IS NULL OR uses < ?6)
               RETURNING uses + ?3";
    let values = params![signed(id)?, step.delta, step.uses, exact_uses, exact_current, below];
    let uses: Option<u32> = statement(db, sql)?.query_row(values, |row| row.get(0)).optional()?;
    let Some(uses) = uses else { return Ok(false) };
    let sql = "UPDATE session_130 SET ended = ?2, ended_by = ?3, uses = ?4 WHERE id = ?1 AND ended IS NULL";
    Ok(run(db, sql, params![signed(id)?, date.millis(), row::session_end(why), uses])? > 0)
}

fn why_not(db: &Connection, id: u64, step: &SessionStep) -> Result<Conflict, StoreError> {
    let found = super::load::sessions(db, &[protocol::value::SessionId::of_number(id)])?.remove(&id);
    Ok(step.conflict(id, found.as_ref()).unwrap_or(Conflict::SessionChanged(id)))
}

fn container_step(
    db: &Connection,
    id: &PersonaId,
    currency: Currency,
    step: &ContainerStep,
) -> Result<(), CommitError> {
    let sql = "INSERT INTO container_120g VALUES (?1, ?2, 0, 0) ON CONFLICT DO NOTHING";
    run(db, sql, params![id.as_str(), currency.code()])?;
    let sql = "UPDATE container_120g SET available = available + ?3 WHERE persona = ?1 AND currency = ?2
               AND available + ?3 >= 0";
    if run(db, sql, params![id.as_str(), currency.code(), step.available])? == 0 {
        return Err(Conflict::Overdrawn(Account::Container(id.clone(), currency)).into());
    }
    let sql = "UPDATE container_120g SET on_hold = on_hold + ?3 WHERE persona = ?1 AND currency = ?2
               AND on_hold + ?3 >= 0";
    if run(db, sql, params![id.as_str(), currency.code(), step.on_hold])? == 0 {
        return Err(Conflict::Overdrawn(Account::OnHold(id.clone(), currency)).into());
    }
    Ok(())
}
