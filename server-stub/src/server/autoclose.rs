//! Closing of a persona whose key is lost: AC1 and AC2 (protocol.md 6.11).
//!
//! A wrong passphrase, a persona without one and an unknown persona look alike, and count alike: after five wrong ones
//! within a day the door stays closed for a day, for an id that exists as for one that does not. Until the passphrase is
//! known to be right nothing else of the persona is read: a wrong one costs as much for a persona that has much as for one
//! that is not there.

use protocol::date::Date;
use protocol::exchange::OpenedRequest;
use protocol::message::autoclose::{AutoclosePersona, AutocloseResponse};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::PersonaId;
use protocol::secret::same;
use protocol::value::Function;

use super::binding::NUMBER;
use super::draft::Draft;
use super::exchange::{Desk, check_clock, check_pays_out, check_software};
use super::language::Words;
use super::refusal::Refusal;
use super::registration::passphrase_hash;
use super::service::Service;
use super::{Answer, Decided, Incoming, Rng, Rounds, Server, Trouble};
use crate::store::record::{Attempts, Instrument, LogKey, Movement, PersonaStatus, Reason, SessionEnd};
use crate::store::{Account, Change, ChangeSet, PersonaFile, StoreError};

/// Wrong passphrases within [`WINDOW_SECS`] that close the door.
const MAX_WRONG: u32 = 5;
/// A day.
const WINDOW_SECS: i64 = 24 * 3_600;

impl Server {
    /// Answers AC1.
    pub(super) async fn autoclose(
        &self,
        incoming: &Incoming,
        opened: &OpenedRequest,
        rng: &mut Rng,
    ) -> Result<Answer, Trouble> {
        let desk = self.desk(incoming);
        let body = match opened.body::<AutoclosePersona>() {
            Ok(body) => body,
            Err(fault) => {
                let refusal = Refusal::from(fault).told_in(desk.language);
                return Ok(Answer::Reply(opened.reply(&refused(desk.now, &refusal), rng)?));
            }
        };
        let mut rounds = Rounds::default();
        loop {
            let decided = self.autoclose_round(incoming, opened, &body, rng).await?;
            if let Some(reply) = self.commit(decided, &mut rounds).await? {
                return Ok(Answer::Reply(reply));
            }
        }
    }

    async fn autoclose_round(
        &self,
        incoming: &Incoming,
        opened: &OpenedRequest,
        body: &AutoclosePersona,
        rng: &mut Rng,
    ) -> Result<Decided, Trouble> {
        let desk = self.desk(incoming);
        let id = opened.head.id.as_ref().ok_or(Trouble::Problem(Problem::FORM))?;
        let key = LogKey::Persona(id.clone(), opened.head.transaction.get());
        let file = match self.authenticated(desk, id, body).await? {
            Ok(file) => file,
            Err((refusal, changes)) => {
                let refusal = refusal.told_in(desk.language);
                return Ok((changes, opened.reply(&refused(desk.now, &refusal), rng)?));
            }
        };
        let desk = desk.speaking(&file.persona.language);
        if let Some(logged) = self.store.logged(&key).await? {
            let reused = || opened.reply(&refused(desk.now, &desk.refusal(Problem::TRANSACTION_REUSED)), rng);
            return Ok((None, incoming.same_or(logged, reused)?));
        }
        let settled = Draft::settled(file, desk.now).map_err(Refusal::from)?;
        let mut draft = settled.clone();
        let (mut draft, reply) = match close(desk, body, &mut draft) {
            Ok(reply) => (draft, reply),
            Err(refusal) => (settled, refused(desk.date_of(&refusal), &refusal.told_in(desk.language))),
        };
        let response = opened.reply(&reply, rng)?;
        draft.changes.push(incoming.log(key, &response));
        Ok((Some(draft.finish()), response))
    }

    /// The file of a persona whose passphrase was given.
    async fn authenticated(
        &self,
        desk: Desk<'_>,
        id: &PersonaId,
        body: &AutoclosePersona,
    ) -> Result<Result<PersonaFile, Denied>, StoreError> {
        let (kept, counted) = (self.store.passphrase(id).await?, self.store.attempts(id).await?);
        let guard = match Guard::before(id, desk.now, counted) {
            Ok(guard) => guard,
            Err(closed) => return Ok(Err(closed)),
        };
        let given = passphrase_hash(desk.vault, id, body.passphrase.as_str());
        if !is_kept(&given, kept.as_ref()) {
            return Ok(Err(guard.denied()));
        }
        // What is kept may have changed since it was read.
        let file = self.store.persona(id).await?;
        let file = file.filter(|file| is_kept(&given, file.persona.autoclose.as_ref()));
        Ok(file.ok_or_else(|| guard.denied()))
    }
}

/// A refusal, and what has to be remembered of it.
type Denied = (Refusal, Option<ChangeSet>);

/// The wrong passphrases of one id: how they are counted, and when the door is closed.
struct Guard<'a> {
    id: &'a PersonaId,
    now: Date,
    counted: Option<Attempts>,
}

impl<'a> Guard<'a> {
    /// The door, unless it is closed: then the right passphrase does not help either.
    fn before(id: &'a PersonaId, now: Date, counted: Option<Attempts>) -> Result<Self, Denied> {
        let guard = Self { id, now, counted };
        if guard.recent().is_some_and(|attempts| attempts.wrong >= MAX_WRONG) {
            let words = Words::new(
                "There were too many wrong passphrases. Try again in a day.",
                "Es gab zu viele falsche Passphrasen. Versuchen Sie es in einem Tag noch einmal.",
            );
            return Err((Refusal::because(Problem::SERVICE_DISABLED, words), None));
        }
        Ok(guard)
    }

    fn recent(&self) -> Option<Attempts> {
        self.counted.filter(|attempts| attempts.since.plus_secs(WINDOW_SECS) >= self.now)
    }

    /// A wrong passphrase, which counts.
    fn denied(&self) -> Denied {
        let (recent, id) = (self.recent(), self.id.clone());
        let wrong = recent.map_or(0, |attempts| attempts.wrong) + 1;
        // The fifth closes the door from now on, not from the first on.
        let since = recent.filter(|_| wrong < MAX_WRONG).map_or(self.now, |attempts| attempts.since);
        let mut changes = ChangeSet::default();
        changes.push(Change::Attempts { id, before: self.counted, after: Attempts { since, wrong } });
        (Problem::PERSONA_UNKNOWN.into(), Some(changes))
    }
}

/// Whether a passphrase, hashed, is the one that is kept. Compared whatever is known, so that the time tells nothing.
fn is_kept(given: &[u8], kept: Option<&Vec<u8>>) -> bool {
    let nothing = vec![0; given.len()];
    same(kept.unwrap_or(&nothing), given) && kept.is_some()
}

/// Closes every session, sends the cash to the autoclose instrument, closes the persona.
fn close(desk: Desk<'_>, body: &AutoclosePersona, draft: &mut Draft) -> Result<AutocloseResponse, Refusal> {
    match draft.file.persona.status {
        PersonaStatus::Active => {}
        PersonaStatus::Closed => return Err(Problem::PERSONA_CLOSED.into()),
    }
    desk.config.switches.check(&draft.file.persona.id, Service::Autoclose)?;
    check_clock(desk.config, desk.now, body.server_date)?;
    check_software(desk.config, &body.swversion).1?;
    draft.end_sessions(SessionEnd::Closed, |_| true)?;
    draft.cancel_loads()?;
    let told = draft.container(draft.file.persona.default_currency).available;
    let balances: Vec<Money> = draft.file.containers.values().map(|container| container.available).collect();
    for balance in balances.into_iter().filter(|balance| balance.minor > 0) {
        send_away(desk, draft, balance)?;
    }
    draft.file.persona.status = PersonaStatus::Closed;
    draft.changes.push(Change::Update(Box::new(draft.file.persona.clone())));
    Ok(AutocloseResponse {
        server_date: desk.now,
        response_code: ResponseCode::Success,
        problem: None,
        message: None,
        amount: Some(told),
    })
}

fn send_away(desk: Desk<'_>, draft: &mut Draft, balance: Money) -> Result<(), Refusal> {
    check_pays_out(desk)?;
    let takes = |instrument: &&Instrument| instrument.autoclose && instrument.functions.contains(&Function::Unload);
    let instrument = draft.file.instruments.iter().find(takes).ok_or(Problem::INSTRUMENT_UNKNOWN)?;
    let sealed = instrument.sealed_number.as_deref().unwrap_or_default();
    let number = desk.vault.open_sealed(NUMBER, sealed).ok_or(Problem::INSTRUMENT_UNKNOWN)?;
    if !desk.bank.unload(&number, balance) {
        return Err(Problem::INSTRUMENT_DECLINED.into());
    }
    let (persona, instrument) = (draft.file.persona.id.clone(), instrument.id);
    let (from, to) = (draft.available(balance.currency), Account::Agency(balance.currency));
    draft.transfer(Reason::Unload, from, to, balance, String::new())?;
    // Whoever has lost the key is not charged for it.
    let (amount, fee) = (balance.negated(), Money::zero(balance.currency));
    draft.changes.push(Change::Move(Movement { persona, instrument, date: desk.now, amount, fee, clears: None }));
    Ok(())
}

fn refused(now: Date, refusal: &Refusal) -> AutocloseResponse {
    AutocloseResponse {
        server_date: now,
        response_code: refusal.problem.response(),
        problem: Some(refusal.problem.clone()),
        message: refusal.sentence(),
        amount: None,
    }
}
