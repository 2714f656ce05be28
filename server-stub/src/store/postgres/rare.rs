//! Changes of which a change set has one or two: a statement for each.

use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::value::{Functions, Value as _};

use super::super::record::{Attempts, Challenge, Charge, Instrument, Movement, Persona, Report};
use super::super::row::{self, count, signed};
use super::super::{Change, MAX_ATTEMPTS, MAX_REPORTS, Refund, Setting, StoreError};
use super::command::{Command, param};
use super::group::Key;
use super::numbers;

/// The statements of a change; none for what others add up.
pub fn command(change: &Change) -> Result<Vec<Command<'_>>, StoreError> {
    Ok(match change {
        Change::Register(persona) => vec![register(persona)?],
        Change::Update(persona) => vec![update(persona)],
        Change::PutInstrument(id, instrument) => vec![put_instrument(id, instrument)?],
        Change::PutChallenge(id, challenge) => vec![put_challenge(id, challenge)?],
        Change::RemoveChallenge(id, challenge) => {
            let sql = "DELETE FROM challenge WHERE persona = $1 AND id = $2";
            vec![Command::of(sql, vec![param(id.as_str()), param(challenge.as_str())])]
        }
        Change::Move(movement) => vec![record(movement)],
        Change::Cleared(id) => {
            let sql = "UPDATE movement_405 SET clears = NULL WHERE id = $1 AND clears IS NOT NULL RETURNING id";
            vec![Command::on(Key::Load(*id), sql, vec![param(signed(*id)?)])]
        }
        Change::Memo(session, memo) => {
            let sql = "UPDATE session_130 SET memo = memo || $2 WHERE id = $1 RETURNING id";
            vec![Command::on(Key::Session(*session), sql, vec![param(signed(*session)?), param(memo.as_str())])]
        }
        Change::Refund(refund) => vec![give_back(refund)?],
        Change::Charge(fee) => vec![charge(fee)],
        Change::Report(report) => vec![keep_report(report)?],
        Change::RemoveReport(hash) => {
            let sql = "DELETE FROM report WHERE message_hash = $1";
            vec![Command::of(sql, vec![param(hash.as_slice())])]
        }
        Change::Set(setting) => vec![set(setting)],
        Change::Unset(topic, name) => {
            let sql = "DELETE FROM setting WHERE topic = $1 AND name = $2";
            vec![Command::of(sql, vec![param(topic.as_str()), param(name.as_str())])]
        }
        Change::Epoch(epoch) => {
            let sql = "INSERT INTO epoch (number, began) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING number";
            let params = vec![param(signed(epoch.number)?), param(epoch.began.millis())];
            vec![Command::on(Key::Epoch(epoch.number), sql, params), numbers::leap(epoch.sessions_after())?]
        }
        Change::Attempts { id, before, after } => vec![attempt(id, *before, *after), forget_attempts()?],
        Change::Revise(_)
        | Change::Open(_)
        | Change::Use(_)
        | Change::End(..)
        | Change::Collect(_)
        | Change::Journal(_)
        | Change::Log(_)
        | Change::Trial => Vec::new(),
    })
}

fn set(setting: &Setting) -> Command<'_> {
    let sql = "INSERT INTO setting (topic, name, value) VALUES ($1, $2, $3)
               ON CONFLICT (topic, name) DO UPDATE SET value = excluded.value";
    let Setting { topic, name, value } = setting;
    Command::of(sql, vec![param(topic.as_str()), param(name.as_str()), param(value.as_str())])
}

fn register(persona: &Persona) -> Result<Command<'_>, StoreError> {
    let sql = "INSERT INTO persona_120 (id, email, protocol, public_key, key_name, registered, language,
                   default_currency, autoclose, agreements, status, revision)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT DO NOTHING RETURNING id";
    let params = vec![
        param(persona.id.as_str()),
        param(persona.email.as_str()),
        param(persona.protocol.number()),
        param(persona.public_key.spki()),
        param(persona.key_name.as_str()),
        param(persona.registered.millis()),
        param(persona.language.as_str()),
        param(persona.default_currency.code()),
        param(persona.autoclose.as_deref()),
        param(row::join(&persona.agreements)),
        param(row::persona_status(persona.status)),
        param(signed(persona.revision)?),
    ];
    Ok(Command::on(Key::Persona(persona.id.clone()), sql, params))
}

fn update(persona: &Persona) -> Command<'_> {
    let sql = "UPDATE persona_120 SET email = $2, language = $3, autoclose = $4, agreements = $5, status = $6,
               public_key = $7, key_name = $8 WHERE id = $1 RETURNING id";
    let params = vec![
        param(persona.id.as_str()),
        param(persona.email.as_str()),
        param(persona.language.as_str()),
        param(persona.autoclose.as_deref()),
        param(row::join(&persona.agreements)),
        param(row::persona_status(persona.status)),
        param(persona.public_key.spki()),
        param(persona.key_name.as_str()),
    ];
    Command::on(Key::Persona(persona.id.clone()), sql, params)
}

fn put_instrument<'a>(id: &'a PersonaId, instrument: &'a Instrument) -> Result<Command<'a>, StoreError> {
    let sql =
        "INSERT INTO instrument_120h (persona, id, kind, sealed_number, agreements, prefix, hash, keyed_hash, bound,
                   first_used, status, enabled_from, functions, autoclose, waits_for, limits)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
               ON CONFLICT (persona, id) DO UPDATE SET kind = excluded.kind, sealed_number = excluded.sealed_number,
                   agreements = excluded.agreements, prefix = excluded.prefix, hash = excluded.hash,
                   keyed_hash = excluded.keyed_hash, bound = excluded.bound, first_used = excluded.first_used,
                   status = excluded.status, enabled_from = excluded.enabled_from, functions = excluded.functions,
                   autoclose = excluded.autoclose, waits_for = excluded.waits_for, limits = excluded.limits";
    let (status, waits_for) = row::instrument_status(instrument.status);
    let params = vec![
        param(id.as_str()),
        param(i64::from(instrument.id.0)),
        param(instrument.kind.as_str()),
        param(instrument.sealed_number.as_deref()),
        param(row::join(&instrument.agreements)),
        param(instrument.prefix.as_str()),
        param(instrument.hash.as_slice()),
        param(instrument.keyed_hash.as_slice()),
        param(instrument.bound.millis()),
        param(instrument.first_used.map(Date::millis)),
        param(status),
        param(instrument.enabled_from.millis()),
        param(Functions(instrument.functions.clone()).text().into_owned()),
        param(i64::from(instrument.autoclose)),
        param(waits_for),
        param(row::limits_to_json(&instrument.limits)?),
    ];
    Ok(Command::of(sql, params))
}

fn put_challenge<'a>(id: &'a PersonaId, challenge: &'a Challenge) -> Result<Command<'a>, StoreError> {
    let sql = "INSERT INTO challenge (persona, id, asked, wrong_answers, sealed_number, salt, questions, binding)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (persona, id) DO UPDATE SET asked = excluded.asked, wrong_answers = excluded.wrong_answers,
                   sealed_number = excluded.sealed_number, salt = excluded.salt, questions = excluded.questions,
                   binding = excluded.binding";
    let params = vec![
        param(id.as_str()),
        param(challenge.id.as_str()),
        param(challenge.asked.millis()),
        param(i64::from(challenge.wrong_answers)),
        param(challenge.sealed_number.as_slice()),
        param(challenge.salt.as_slice()),
        param(challenge.questions.join("\n")),
        param(row::binding_to_json(&challenge.binding)?),
    ];
    Ok(Command::of(sql, params))
}

fn record(movement: &Movement) -> Command<'_> {
    let sql = "INSERT INTO movement_405 (persona, instrument, date, currency, amount, clears, fee)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let params = vec![
        param(movement.persona.as_str()),
        param(i64::from(movement.instrument.0)),
        param(movement.date.millis()),
        param(movement.amount.currency.code()),
        param(movement.amount.minor),
        param(movement.clears.map(Date::millis)),
        param(movement.fee.minor),
    ];
    Command::of(sql, params)
}

fn give_back(refund: &Refund) -> Result<Command<'_>, StoreError> {
    let sql = "INSERT INTO refund (payer_session, payer_index, number, payer, payee, order_id, currency, given,
                   return_currency, returned, note, date)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
               ON CONFLICT DO NOTHING RETURNING number";
    let (session, index) = (refund.payer_session.number(), refund.payer_index.get());
    let params = vec![
        param(signed(session)?),
        param(i64::from(index)),
        param(i64::from(refund.number)),
        param(refund.payer.as_str()),
        param(refund.payee.as_str()),
        param(refund.order_id.as_str()),
        param(refund.given.currency.code()),
        param(refund.given.minor),
        param(refund.returned.currency.code()),
        param(refund.returned.minor),
        param(refund.note.as_str()),
        param(refund.date.millis()),
    ];
    Ok(Command::on(Key::Refund(session, index, refund.number), sql, params))
}

fn charge(fee: &Charge) -> Command<'_> {
    let sql = "INSERT INTO fee (persona, date, currency, amount, reference) VALUES ($1, $2, $3, $4, $5)";
    let Charge { persona, date, amount, reference } = fee;
    let params = vec![
        param(persona.as_str()),
        param(date.millis()),
        param(amount.currency.code().to_owned()),
        param(amount.minor),
        param(reference.as_str()),
    ];
    Command::of(sql, params)
}

fn keep_report(report: &Report) -> Result<Command<'_>, StoreError> {
    let sql = "INSERT INTO report (message_hash, date, persona, problem, diagnosis, received)
               SELECT $1::bytea, $2::bigint, $3::text, $4::text, $5::text, $6::text
               WHERE (SELECT COUNT(*) FROM report) < $7
               ON CONFLICT DO NOTHING";
    let params = vec![
        param(report.message_hash.as_slice()),
        param(report.date.millis()),
        param(report.persona.as_ref().map(PersonaId::as_str)),
        param(report.problem.as_str()),
        param(report.diagnosis.as_str()),
        param(report.received.as_str()),
        param(count(MAX_REPORTS)?),
    ];
    Ok(Command::of(sql, params))
}

fn attempt(id: &PersonaId, before: Option<Attempts>, after: Attempts) -> Command<'_> {
    let mut params = vec![param(id.as_str()), param(after.since.millis()), param(i64::from(after.wrong))];
    let sql = match before {
        None => {
            "INSERT INTO attempt (persona, since, wrong) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING persona"
        }
        Some(before) => {
            params.extend([param(before.since.millis()), param(i64::from(before.wrong))]);
            "UPDATE attempt SET since = $2, wrong = $3 WHERE persona = $1 AND since = $4 AND wrong = $5 RETURNING persona"
        }
    };
    Command::on(Key::Attempts(id.clone()), sql, params)
}

/// The oldest counts make room.
fn forget_attempts<'a>() -> Result<Command<'a>, StoreError> {
    let sql = "DELETE FROM attempt WHERE persona IN (SELECT persona FROM attempt ORDER BY since DESC OFFSET $1)";
    Ok(Command::of(sql, vec![param(count(MAX_ATTEMPTS)?)]))
}
