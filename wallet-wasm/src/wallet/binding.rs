//! Binding of an instrument 403 (fig. 15), the customer's steps: 1302 to 1304, 1309 to 1315.

use protocol::message::Reply as _;
use protocol::message::binding::{
    BindAnswer, BindInstrument as BindMessage, BindResponse, CHALLENGE_TYPE, ChallengeId, InstrumentNumber,
    InstrumentSalt, InstrumentType, Questions,
};
use protocol::outcome::{Problem, ResponseCode};
use protocol::store::ChangeSet;
use protocol::template::{Numbered, Record as _};
use protocol::value::{Country, Function, Functions, Ints, Month, Text, Token, YesNo};
use wallet_messages::{BindInstrument, Bound};

use super::books::Books;
use super::conversation::{Conversation, reply_type};
use super::registration::autoclose_passphrase;
use super::step::{Begun, Desk, Env, Settled, answer, software};
use super::view::instrument_view;
use crate::fault::WalletFault;
use crate::record::instrument::Recurring;
use crate::record::log::BindingLog;
use crate::record::pending::{Challenge, Pending as _, PendingBinding};
use crate::record::{Held, Instrument, RecordChanges as _, Stored as _};

/// Accounts are `dda`; all else is a card.
const ACCOUNT: &str = "dda";
/// Length of 230Q: as long as the modern suite's digests need, and what the classic suite takes as well.
const SALT_BYTES: usize = 16;

/// Steps 1302 and 1303: BI1 and its pending record 252.
///
/// # Errors
/// A field is not of its form.
pub fn bind(desk: &Desk, input: &BindInstrument, env: &mut Env<'_>) -> Result<Begun, WalletFault> {
    let body = message(desk, input, env)?;
    let common = desk.request("admin", PendingBinding::ORIGINAL, &body, env)?;
    let number = body.number.as_str().as_bytes();
    let pending = PendingBinding {
        persona: desk.books.persona()?.id.clone(),
        number: desk.vault.seal(PendingBinding::NUMBER, &common.transaction.to_string(), number, env.rng),
        kind: input.kind.clone(),
        autoclose: body.autoclose_passphrase.is_some(),
        challenge: None,
        common,
    };
    let mut changes = ChangeSet::new();
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

/// An earlier BI1 for the same number that still waits for the server: it is sent again.
pub fn same_as_pending(desk: &Desk, input: &BindInstrument) -> Option<String> {
    let number: String = digits(&input.number);
    let same =
        |pending: &PendingBinding| pending.challenge.is_none() && pending.number(desk).as_deref() == Ok(&*number);
    desk.books.bindings.iter().find(|held| same(&held.record)).map(|held| held.record.key())
}

/// People write blanks and hyphens into numbers.
fn digits(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

fn message(desk: &Desk, input: &BindInstrument, env: &mut Env<'_>) -> Result<BindMessage, WalletFault> {
    let is_card = input.kind != ACCOUNT;
    let mut salt = vec![0; SALT_BYTES];
    env.rng.fill_bytes(&mut salt);
    let functions = if is_card { vec![Function::Load] } else { vec![Function::Load, Function::Unload] };
    let agreements = &desk.books.persona()?.agreements;
    let passphrase = autoclose_passphrase(input.autoclose.as_deref())?;
    let expires = input.expires.as_deref().filter(|_| is_card);
    if is_card && expires.is_none() {
        return Err(WalletFault::FieldForm("expires"));
    }
    Ok(BindMessage {
        server_date: desk.server_date(env),
        swversion: software(),
        number: InstrumentNumber::of(&digits(&input.number)).ok_or(WalletFault::FieldForm("number"))?,
        kind: InstrumentType::of(&input.kind).ok_or(WalletFault::FieldForm("kind"))?,
        category: Token::of(if is_card { "credit-card" } else { ACCOUNT }).ok_or(WalletFault::FieldForm("kind"))?,
        functions: Functions(functions.into_iter().collect()),
        salt: InstrumentSalt::of(salt).ok_or(WalletFault::Crypto)?,
        expires: expires.map(|text| Month::of(text.trim()).ok_or(WalletFault::FieldForm("expires"))).transpose()?,
        name: Text::of(input.name.trim()).ok_or(WalletFault::FieldForm("name"))?,
        address: optional(&input.address, "address")?,
        city: optional(&input.city, "city")?,
        state: optional(&input.state, "state")?,
        postal_code: optional(&input.postal_code, "postal-code")?,
        country: optional_country(&input.country)?,
        agreements: (!agreements.is_empty()).then(|| Ints(agreements.clone())),
        autoclose: Some(YesNo(passphrase.is_some())),
        autoclose_passphrase: passphrase,
        key: desk.key_label()?,
        signature: None,
    })
}

/// A line that may be empty.
fn optional<const N: usize>(text: &str, name: &'static str) -> Result<Option<Text<N>>, WalletFault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    Text::of(text).map(Some).ok_or(WalletFault::FieldForm(name))
}

fn optional_country(text: &str) -> Result<Option<Country>, WalletFault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    Country::of(text).map(Some).ok_or(WalletFault::FieldForm("country"))
}

/// BI3: answers the issuer's questions. Its pending record takes the place of the one that held them.
///
/// # Errors
/// No such challenge, or an answer that is not one line.
pub fn answer_challenge(
    desk: &Desk,
    challenge: &str,
    answers: &[String],
    env: &mut Env<'_>,
) -> Result<Begun, WalletFault> {
    let asked = |pending: &PendingBinding| pending.challenge.as_ref().is_some_and(|asked| asked.id == challenge);
    let held = desk.books.bindings.iter().find(|held| asked(&held.record));
    let held = held.ok_or(WalletFault::FieldForm("challenge"))?;
    let answers: Option<Vec<_>> = answers.iter().map(|answer| Text::of(answer.trim())).collect();
    let body = BindAnswer {
        server_date: desk.server_date(env),
        swversion: software(),
        challenge: ChallengeId::of(challenge).ok_or(WalletFault::FieldForm("challenge"))?,
        answers: Numbered(answers.ok_or(WalletFault::FieldForm("answers"))?),
        key: desk.key_label()?,
        signature: None,
    };
    let common = desk.request("admin", PendingBinding::ORIGINAL, &body, env)?;
    let number = held.record.number(desk)?;
    let number = desk.vault.seal(PendingBinding::NUMBER, &common.transaction.to_string(), number.as_bytes(), env.rng);
    let pending = PendingBinding { common, number, challenge: None, ..held.record.clone() };
    let mut changes = ChangeSet::new();
    changes.remove(held);
    changes.create(&pending);
    Ok(Begun { changes, pending: pending.key() })
}

impl PendingBinding {
    /// 252F.
    fn number(&self, desk: &Desk) -> Result<String, WalletFault> {
        Ok(desk.vault.open_text(Self::NUMBER, &self.key(), &self.number)?.to_string())
    }
}

/// The last four digits: enough for people, too few for thieves.
fn last_digits(number: &str) -> String {
    let count = number.chars().count();
    number.chars().skip(count.saturating_sub(4)).collect()
}

impl Conversation for PendingBinding {
    type Reply = BindResponse;
    type Output = Bound;
    const TYPES: &'static [&'static str] = &[reply_type::<BindMessage>(), CHALLENGE_TYPE];
    const MONEY: bool = false;

    fn all(books: &Books) -> &[Held<Self>] {
        &books.bindings
    }

    fn is_sendable(&self) -> bool {
        self.challenge.is_none()
    }

    fn knows(reply: &Self::Reply) -> bool {
        reply.problem.as_ref() == Some(&Problem::CHALLENGE_REQUIRED) && reply.challenge.is_some()
    }

    fn answered(
        held: &Held<Self>,
        desk: &Desk,
        reply: Self::Reply,
        env: &mut Env<'_>,
    ) -> Result<Settled<Bound>, WalletFault> {
        match &reply.challenge {
            Some(id) if reply.response_code != ResponseCode::Success => Ok(challenged(held, id, &reply.questions)),
            _ => bound(held, desk, &reply, env),
        }
    }

    fn log(&self, desk: &Desk, reply: &Self::Reply, changes: &mut ChangeSet) {
        changes.write(&BindingLog {
            answer: answer(&self.common, &reply.outcome(), reply.swseverity.as_ref(), reply.swmessage.as_ref()),
            persona: self.persona.clone(),
            last_digits: self.number(desk).map(|number| last_digits(&number)).unwrap_or_default(),
            kind: self.kind.clone(),
        });
    }
}

/// BI2: the record now waits for the shopper.
fn challenged(held: &Held<PendingBinding>, id: &ChallengeId, questions: &Questions) -> Settled<Bound> {
    let questions: Vec<String> = questions.0.iter().map(|question| question.as_str().to_owned()).collect();
    let challenge = Challenge { id: id.as_str().to_owned(), questions };
    let mut changes = ChangeSet::new();
    changes.replace(held, &PendingBinding { challenge: Some(challenge.clone()), ..held.record.clone() });
    Settled { changes, result: Ok(Bound::Challenge { challenge: challenge.id, questions: challenge.questions }) }
}

/// Step 1315: record 230; one that was bound before under the same number gives way.
fn bound(
    held: &Held<PendingBinding>,
    desk: &Desk,
    reply: &BindResponse,
    env: &mut Env<'_>,
) -> Result<Settled<Bound>, WalletFault> {
    let number = held.record.number(desk)?;
    let instrument = instrument(&held.record, &number, desk, reply, env)?;
    let mut changes = ChangeSet::new();
    changes.remove(held);
    held.record.log(desk, reply, &mut changes);
    for old in &desk.books.instruments {
        let known = desk.vault.open_text(Instrument::NUMBER, &old.record.id, &old.record.number)?;
        if *known == number {
            changes.remove(old);
        }
    }
    changes.create(&instrument);
    Ok(Settled { changes, result: Ok(Bound::Instrument(instrument_view(&instrument))) })
}

fn instrument(
    pending: &PendingBinding,
    number: &str,
    desk: &Desk,
    reply: &BindResponse,
    env: &mut Env<'_>,
) -> Result<Instrument, WalletFault> {
    let id = pending.key();
    let granted = |function: Function| reply.functions.as_ref().is_some_and(|granted| granted.0.contains(&function));
    let json = serde_json::to_vec(&recurring(reply)).map_err(|fault| WalletFault::Storage(fault.to_string()))?;
    let status = reply.status.as_ref().map(|status| status.as_str().to_owned());
    Ok(Instrument {
        kind: reply.kind.as_ref().map_or(pending.kind.clone(), |kind| kind.as_str().to_owned()),
        last_digits: last_digits(number),
        number: desk.vault.seal(Instrument::NUMBER, &id, number.as_bytes(), env.rng),
        unloads: granted(Function::Unload),
        loads: granted(Function::Load),
        status: status.unwrap_or_else(|| "enabled".to_owned()),
        recurring: desk.vault.seal(Instrument::RECURRING, &id, &json, env.rng),
        autoclose: pending.autoclose,
        id,
    })
}

/// Every `instrument-*` pair of BI4, as LU1 has to return it (230R).
fn recurring(reply: &BindResponse) -> Recurring {
    let mut pairs = protocol::pairs::Pairs::new();
    reply.write("", &mut pairs);
    let all = pairs.iter().filter(|(label, _)| label.starts_with("instrument-"));
    let mut recurring = Recurring::new();
    recurring.extend(all.map(|(label, value)| (label.to_owned(), value.to_owned())));
    recurring
}
