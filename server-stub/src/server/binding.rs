//! Binding of an instrument 403 (fig. 15): BI1 is answered by BI4, or by a challenge BI2 that BI3 answers.
//!
//! ```text
//! BI1 --- issuer: yes ----------------------------> BI4 success
//!  |----- issuer: no -----------------------------> BI4 failure (instrument-declined)
//!  '----- issuer: questions --> BI2 --> BI3 right -> BI4 success
//!                                ^       '- wrong -> BI2, the third time BI4 failure (instrument-declined)
//! ```
//!
//! A challenge whose answers were wrong too often stays for a day, so that binding anew does not give new tries.

use std::collections::BTreeSet;

use protocol::date::Date;
use protocol::message::Reply;
use protocol::message::binding::{
    BindAnswer, BindInstrument, BindResponse, CHALLENGE_TYPE, ChallengeId, InstrumentNumber, InstrumentSalt, Questions,
};
use protocol::outcome::{Problem, ResponseCode};
use protocol::secret::same;
use protocol::template::{Family, Numbered};
use protocol::value::{Function, Functions, Text, Token};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::language::Words;
use super::refusal::Refusal;
use super::registration::passphrase_hash;
use super::service::Service;
use crate::bank::{Application, Decision, Terms};
use crate::store::record::{Challenge, Instrument, InstrumentId, InstrumentStatus, Limits};
use crate::store::{Change, PersonaFile, Store, StoreError};

/// Instruments of one persona: more than anyone's wallet holds.
const MAX_INSTRUMENTS: usize = 32;
/// Challenges of one persona at once.
const MAX_CHALLENGES: usize = 8;
/// Wrong answers that decline an instrument (protocol.md section 8).
const MAX_WRONG_ANSWERS: u32 = 3;
/// How long a challenge, answered or not, stays.
const CHALLENGE_SECS: i64 = 24 * 3_600;
/// Random bytes in the name of a challenge: it cannot be guessed.
const CHALLENGE_BYTES: usize = 12;
/// What a sealed instrument number is for.
pub(super) const NUMBER: &str = "instrument-number";

impl Procedure for BindInstrument {
    type Records = ();

    fn service(&self) -> Service {
        Service::Bind
    }

    async fn load(&self, _: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn run(&self, desk: Desk<'_>, draft: &mut Draft, (): (), rng: &mut dyn CryptoRng) -> Result<BindResponse, Refusal> {
        forget_challenges(draft, desk.now);
        check_agreements(self, desk, draft)?;
        set_passphrase(self, desk, draft)?;
        let keyed_hash = desk.vault.hash(NUMBER, &[self.number.as_str()]);
        let of_number = |asked: &&Challenge| same(&asked.binding.keyed_hash, &keyed_hash);
        let standing = draft.file.challenges.iter().find(of_number).cloned();
        if standing.as_ref().is_some_and(|asked| asked.wrong_answers >= MAX_WRONG_ANSWERS) {
            return Err(Problem::INSTRUMENT_DECLINED.into());
        }
        let application = Application {
            number: self.number.as_str(),
            is_card: self.category.as_str() != "dda",
            expires: self.expires.as_ref(),
            functions: &self.functions.0,
        };
        match desk.bank.bind(application, desk.now) {
            Decision::Declined => Err(Problem::INSTRUMENT_DECLINED.into()),
            Decision::Bound(terms) => {
                let instrument = instrument(self, desk, draft, terms, keyed_hash, rng)?;
                let reply = bound(desk, &self.number, &self.salt, &instrument);
                put(draft, instrument);
                Ok(reply)
            }
            Decision::Challenge(questions, terms) => {
                let binding = instrument(self, desk, draft, terms, keyed_hash, rng)?;
                let asked = challenge(self, desk, questions, binding, rng);
                ask(desk, draft, asked, standing)
            }
        }
    }

    fn refused(now: Date, refusal: &Refusal) -> BindResponse {
        refused(now, refusal)
    }

    fn reply_type(reply: &BindResponse) -> &'static str {
        reply_type(reply)
    }
}

impl Procedure for BindAnswer {
    type Records = ();

    fn service(&self) -> Service {
        Service::Bind
    }

    async fn load(&self, _: &dyn Store, _: &PersonaFile, _: Desk<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn run(&self, desk: Desk<'_>, draft: &mut Draft, (): (), _: &mut dyn CryptoRng) -> Result<BindResponse, Refusal> {
        forget_challenges(draft, desk.now);
        let place = draft.file.challenges.iter().position(|asked| asked.id == self.challenge.as_str());
        let place = place.ok_or(Problem::INSTRUMENT_UNKNOWN)?;
        let mut asked = draft.file.challenges.remove(place);
        if asked.wrong_answers >= MAX_WRONG_ANSWERS {
            return Err(Problem::INSTRUMENT_DECLINED.into());
        }
        let (number, salt) = opened(desk, &asked)?;
        let answers: Vec<&str> = self.answers.0.iter().map(Text::as_str).collect();
        let id = draft.file.persona.id.clone();
        if desk.bank.answers_fit(number.as_str(), &answers) {
            // Since the question was asked, others may have been bound, and the operator may have decided on this one.
            let instrument = placed(desk, draft, asked.binding)?;
            draft.changes.push(Change::RemoveChallenge(id, asked.id));
            let reply = bound(desk, &number, &salt, &instrument);
            put(draft, instrument);
            return Ok(reply);
        }
        asked.wrong_answers += 1;
        let reply = if asked.wrong_answers < MAX_WRONG_ANSWERS {
            question(desk, &asked)
        } else {
            refused(desk.now, &desk.refusal(Problem::INSTRUMENT_DECLINED))
        };
        draft.changes.push(Change::PutChallenge(id, Box::new(asked)));
        Ok(reply)
    }

    fn refused(now: Date, refusal: &Refusal) -> BindResponse {
        refused(now, refusal)
    }

    fn reply_type(reply: &BindResponse) -> &'static str {
        reply_type(reply)
    }
}

fn reply_type(reply: &BindResponse) -> &'static str {
    if reply.challenge.is_some() { CHALLENGE_TYPE } else { BindResponse::TYPE }
}

/// Challenges that have stood long enough count no more.
fn forget_challenges(draft: &mut Draft, now: Date) {
    let over = |asked: &Challenge| asked.asked.plus_secs(CHALLENGE_SECS) < now;
    let id = &draft.file.persona.id;
    for asked in draft.file.challenges.iter().filter(|asked| over(asked)) {
        draft.changes.push(Change::RemoveChallenge(id.clone(), asked.id.clone()));
    }
    draft.file.challenges.retain(|asked| !over(asked));
}

/// What has to be agreed to when binding was, now or when the persona registered.
fn check_agreements(body: &BindInstrument, desk: Desk<'_>, draft: &Draft) -> Result<(), Refusal> {
    let now = body.agreements.as_ref().map(|agreements| agreements.0.as_slice()).unwrap_or_default();
    let agreed = |number: &u32| now.contains(number) || draft.file.persona.agreements.contains(number);
    let demanded = &desk.config.binding_agreements;
    if demanded.iter().all(|agreement| agreed(&agreement.number)) {
        Ok(())
    } else {
        Err(Problem::AGREEMENT_MISSING.into())
    }
}

/// Where autoclose shall use the instrument, its passphrase becomes the persona's (120F).
fn set_passphrase(body: &BindInstrument, desk: Desk<'_>, draft: &mut Draft) -> Result<(), Refusal> {
    if !body.autoclose.is_some_and(|autoclose| autoclose.0) {
        return Ok(());
    }
    let passphrase = body.autoclose_passphrase.as_ref();
    let passphrase = passphrase.ok_or_else(|| {
        Refusal::because(
            Problem::FORM,
            Words::new("Autoclose needs a passphrase.", "Zum Schließen im Notfall gehört eine Passphrase."),
        )
    })?;
    let persona = &mut draft.file.persona;
    persona.autoclose = Some(passphrase_hash(desk.vault, &persona.id, passphrase.as_str()));
    draft.changes.push(Change::Update(Box::new(persona.clone())));
    Ok(())
}

/// Step 1307: the binding as it will be.
fn instrument(
    body: &BindInstrument,
    desk: Desk<'_>,
    draft: &Draft,
    terms: Terms,
    keyed_hash: Vec<u8>,
    rng: &mut dyn CryptoRng,
) -> Result<Instrument, Refusal> {
    let autoclose = body.autoclose.is_some_and(|autoclose| autoclose.0);
    let Terms { functions, enabled_from } = terms;
    if functions.is_empty() || (autoclose && !functions.contains(&Function::Unload)) {
        return Err(Problem::FUNCTION_DISABLED.into());
    }
    let number = body.number.as_str();
    let instrument = Instrument {
        id: InstrumentId(0),
        kind: body.kind.as_str().to_owned(),
        sealed_number: autoclose.then(|| desk.vault.seal(NUMBER, number, rng)),
        agreements: body.agreements.iter().flat_map(|agreements| agreements.0.iter().copied()).collect::<BTreeSet<_>>(),
        prefix: prefix(number),
        hash: desk.protocol.suite().instrument_hash(number, body.salt.as_slice()),
        keyed_hash,
        bound: desk.now,
        first_used: None,
        status: desk.config.new_instruments,
        enabled_from,
        functions,
        limits: Limits::new(),
        autoclose,
    };
    placed(desk, draft, instrument)
}

/// An instrument in its place among the others, as they are now. A number that is bound already is bound again, in its old
/// place: who was disabled stays so, and what the operator has set, whatever is bound anew (252, `update`).
fn placed(desk: Desk<'_>, draft: &Draft, instrument: Instrument) -> Result<Instrument, Refusal> {
    let known = &draft.file.instruments;
    if let Some(before) = known.iter().find(|known| same(&known.keyed_hash, &instrument.keyed_hash)) {
        let Instrument { id, first_used, status, ref limits, .. } = *before;
        return Ok(Instrument { id, first_used, status, limits: limits.clone(), ..instrument });
    }
    if known.len() >= MAX_INSTRUMENTS {
        return Err(Refusal::because(
            Problem::LIMIT_EXCEEDED,
            Words::new(
                "This persona has as many bank accounts and cards as it may have.",
                "Diese Persona hat so viele Konten und Karten, wie sie haben darf.",
            ),
        ));
    }
    let id = InstrumentId(known.iter().map(|known| known.id.0).max().unwrap_or_default() + 1);
    Ok(Instrument { id, first_used: None, status: desk.config.new_instruments, limits: Limits::new(), ..instrument })
}

/// 120H.8: the first two and the last four characters; nothing of a number so short that it would be told whole.
fn prefix(number: &str) -> String {
    const SHOWN: usize = 6;
    if number.len() < 2 * SHOWN {
        return String::new();
    }
    format!("{}{}", &number[..2], &number[number.len() - 4..])
}

/// Stores an instrument. There is one that autoclose uses: the last that was bound so.
fn put(draft: &mut Draft, instrument: Instrument) {
    let id = draft.file.persona.id.clone();
    let mut changed = Vec::new();
    for other in draft.file.instruments.iter_mut().filter(|other| other.id != instrument.id) {
        if instrument.autoclose && other.autoclose {
            (other.autoclose, other.sealed_number) = (false, None);
            changed.push(other.clone());
        }
    }
    changed.push(instrument);
    for instrument in changed {
        draft.changes.push(Change::PutInstrument(id.clone(), Box::new(instrument)));
    }
}

fn challenge(
    body: &BindInstrument,
    desk: Desk<'_>,
    questions: Vec<String>,
    binding: Instrument,
    rng: &mut dyn CryptoRng,
) -> Challenge {
    let mut name = [0; CHALLENGE_BYTES];
    rng.fill_bytes(&mut name);
    Challenge {
        id: protocol::value::to_base64(&name),
        asked: desk.now,
        wrong_answers: 0,
        binding,
        sealed_number: desk.vault.seal(NUMBER, body.number.as_str(), rng),
        salt: body.salt.as_slice().to_vec(),
        questions,
    }
}

/// Asks the issuer's questions: BI2. Where they stand already, wrong answers still count.
fn ask(
    desk: Desk<'_>,
    draft: &mut Draft,
    asked: Challenge,
    standing: Option<Challenge>,
) -> Result<BindResponse, Refusal> {
    let asked = match standing {
        Some(Challenge { id, asked: since, wrong_answers, .. }) => {
            Challenge { id, asked: since, wrong_answers, ..asked }
        }
        None if draft.file.challenges.len() < MAX_CHALLENGES => asked,
        None => {
            return Err(Refusal::because(
                Problem::LIMIT_EXCEEDED,
                Words::new(
                    "Too many questions wait for their answers.",
                    "Zu viele Fragen warten noch auf ihre Antwort.",
                ),
            ));
        }
    };
    let reply = question(desk, &asked);
    draft.changes.push(Change::PutChallenge(draft.file.persona.id.clone(), Box::new(asked)));
    Ok(reply)
}

/// The number and salt that a challenge keeps.
fn opened(desk: Desk<'_>, asked: &Challenge) -> Result<(InstrumentNumber, InstrumentSalt), Refusal> {
    let number = desk.vault.open_sealed(NUMBER, &asked.sealed_number);
    let number = number.and_then(|number| InstrumentNumber::of(&number));
    number.zip(InstrumentSalt::of(asked.salt.clone())).ok_or_else(|| Problem::INTERNAL.into())
}

/// BI2.
fn question(desk: Desk<'_>, asked: &Challenge) -> BindResponse {
    let questions: Questions = Numbered(asked.questions.iter().filter_map(|question| Text::of(question)).collect());
    BindResponse {
        challenge: ChallengeId::of(&asked.id),
        questions,
        ..refused(desk.now, &desk.refusal(Problem::CHALLENGE_REQUIRED))
    }
}

/// BI4 of an instrument that was bound (step 1308A).
fn bound(desk: Desk<'_>, number: &InstrumentNumber, salt: &InstrumentSalt, instrument: &Instrument) -> BindResponse {
    let issuer = ("instrument-issuer".to_owned(), desk.bank.name().to_owned());
    BindResponse {
        response_code: ResponseCode::Success,
        problem: None,
        number: Some(number.clone()),
        kind: Token::of(&instrument.kind),
        salt: Some(salt.clone()),
        functions: Some(Functions(instrument.functions.clone())),
        status: Token::of(status_name(instrument, desk.now)),
        recurring: Family([issuer].into()),
        message: None,
        ..refused(desk.now, &Problem::INTERNAL.into())
    }
}

/// 120H.15 as the protocol names it.
pub(super) fn status_name(instrument: &Instrument, now: Date) -> &'static str {
    match instrument.status {
        InstrumentStatus::Enabled if now < instrument.enabled_from => "pending-pre-note",
        status => status.name(),
    }
}

fn refused(now: Date, refusal: &Refusal) -> BindResponse {
    BindResponse {
        server_date: now,
        response_code: refusal.problem.response(),
        problem: Some(refusal.problem.clone()),
        swseverity: None,
        swmessage: None,
        challenge: None,
        questions: Numbered(Vec::new()),
        number: None,
        kind: None,
        salt: None,
        functions: None,
        status: None,
        recurring: Family::default(),
        message: refusal.sentence(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_shown_by_its_ends_unless_that_is_half_of_it() {
        for (number, shown) in [("059013218175654", "055654"), ("123456789012", "129012"), ("12345678901", "")] {
            assert_eq!(prefix(number), shown, "{number}");
        }
        assert_eq!((prefix("1234567890"), prefix("1234567")), (String::new(), String::new()));
    }
}
