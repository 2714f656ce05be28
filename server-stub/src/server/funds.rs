//! Load and unload of funds 405 (fig. 18): LU1 moves money between an instrument and the container, LU2 says how much.

use protocol::date::Date;
use protocol::message::SoftwareVersion;
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::money::{Money, SignedMoney};
use protocol::outcome::{Problem, ResponseCode};
use protocol::secret::same;
use protocol::value::{AnyBytes, Function, from_base64};
use rand_core::CryptoRng;

use super::binding::status_name;
use super::config::whole_units;
use super::draft::Draft;
use super::exchange::{Desk, Procedure, SoftwareNote, check_pays_out};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::bank::LoadDecision;
use crate::store::record::{Instrument, InstrumentId, Movement, PendingLoad, Reason};
use crate::store::{Account, Change, PersonaFile, Store, StoreError};

impl Procedure for LoadUnload {
    /// What was loaded from the instrument within the window of its limit, minor units.
    type Records = i64;

    fn server_date(&self) -> Date {
        self.server_date
    }

    fn swversion(&self) -> &SoftwareVersion {
        &self.swversion
    }

    fn service(&self) -> Service {
        if self.amount.0.minor < 0 { Service::Unload } else { Service::Load }
    }

    fn key(&self) -> &AnyBytes {
        &self.key
    }

    async fn load(&self, store: &dyn Store, file: &PersonaFile, desk: Desk<'_>) -> Result<i64, StoreError> {
        let Ok((_, instrument)) = named(self, desk, &file.instruments) else { return Ok(0) };
        let since = desk.now.plus_secs(-desk.bank.limits().window_secs);
        store.loaded_since(&file.persona.id, instrument.id, self.amount.0.currency, since).await
    }

    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        loaded: i64,
        _: &mut dyn CryptoRng,
    ) -> Result<LoadUnloadResponse, Refusal> {
        let amount = self.amount.0;
        if !desk.config.rates.contains_key(&amount.currency) {
            return Err(Problem::CURRENCY_UNSUPPORTED.into());
        }
        let (number, instrument) = named(self, desk, &draft.file.instruments)?;
        let (number, instrument) = (number.to_owned(), instrument.clone());
        if status_name(&instrument, desk.now) != "enabled" {
            return Err(Problem::INSTRUMENT_DISABLED.into());
        }
        let fee = match amount.minor {
            0 => {
                return Err(Refusal::because(
                    Problem::FORM,
                    Words::new("An amount of nothing moves nothing.", "Ein Betrag von null bewegt nichts."),
                ));
            }
            1.. => load(desk, draft, &instrument, &number, amount, loaded)?,
            _ => {
                check_pays_out(desk)?;
                unload(desk, draft, &instrument, &number, amount)?
            }
        };
        if instrument.first_used.is_none() {
            let used = Instrument { first_used: Some(desk.now), ..instrument };
            draft.changes.push(Change::PutInstrument(draft.file.persona.id.clone(), Box::new(used)));
        }
        moved(desk, draft, self.amount, fee)
    }

    fn refused(now: Date, refusal: &Refusal) -> LoadUnloadResponse {
        LoadUnloadResponse {
            server_date: now,
            amount: None,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            message: refusal.sentence(),
            swseverity: None,
            swmessage: None,
            fee: None,
            balance: None,
            session_funds: None,
            on_hold: None,
        }
    }

    fn note(reply: &mut LoadUnloadResponse, software: SoftwareNote) {
        (reply.swseverity, reply.swmessage) = (software.severity, software.message);
    }
}

/// The number that the request returns, and the instrument whose hash it has with the salt returned (120H.9).
fn named<'a>(
    body: &'a LoadUnload,
    desk: Desk<'_>,
    instruments: &'a [Instrument],
) -> Result<(&'a str, &'a Instrument), Refusal> {
    let returned = |label: &str| {
        let value = body.instrument.0.get(label).map(String::as_str);
        value.ok_or_else(|| Refusal::because(Problem::FORM, missing(label)))
    };
    let (number, salt) = (returned("instrument-number")?, returned("instrument-salt")?);
    let salt = from_base64(salt).ok_or(Problem::FORM)?;
    let hash = desk.protocol.suite().instrument_hash(number, &salt);
    let found = instruments.iter().find(|instrument| same(&instrument.hash, &hash));
    Ok((number, found.ok_or(Problem::INSTRUMENT_UNKNOWN)?))
}

fn missing(label: &str) -> Words {
    let english = format!("The label {label} is missing.").into();
    Words { english, german: format!("Das Etikett {label} fehlt.").into() }
}

fn load(
    desk: Desk<'_>,
    draft: &mut Draft,
    instrument: &Instrument,
    number: &str,
    amount: Money,
    loaded: i64,
) -> Result<Money, Refusal> {
    if !instrument.functions.contains(&Function::Load) {
        return Err(Problem::FUNCTION_DISABLED.into());
    }
    let limits = desk.bank.limits();
    let window = whole_units(amount.currency, limits.window_units).minor;
    if amount.minor > whole_units(amount.currency, limits.load_units).minor || amount.minor > window - loaded {
        return Err(Problem::LIMIT_EXCEEDED.into());
    }
    let clears = match desk.bank.load(number, amount, desk.now) {
        LoadDecision::Declined => return Err(Problem::INSTRUMENT_DECLINED.into()),
        LoadDecision::Cleared => None,
        LoadDecision::OnHold(until) => Some(until),
    };
    let currency = amount.currency;
    let (from, to) = match clears {
        None => (Account::Agency(currency), draft.available(currency)),
        Some(_) => (Account::Bank(currency), draft.on_hold(currency)),
    };
    draft.transfer(Reason::Load, from, to.clone(), amount, String::new())?;
    let fee = desk.config.fees.out_of(Service::Load, amount);
    draft.charge(to, fee, Service::Load.name().to_owned())?;
    record(desk, draft, instrument.id, amount, fee, clears);
    Ok(fee)
}

fn unload(
    desk: Desk<'_>,
    draft: &mut Draft,
    instrument: &Instrument,
    number: &str,
    amount: Money,
) -> Result<Money, Refusal> {
    if !instrument.functions.contains(&Function::Unload) {
        return Err(Problem::FUNCTION_DISABLED.into());
    }
    let wanted = amount.negated();
    let (fee, held) = (desk.config.fees.on_top(Service::Unload, wanted)?, draft.container(wanted.currency).available);
    if held.minor < wanted.plus(fee)?.minor {
        return Err(short_of(held, wanted, fee));
    }
    if !desk.bank.unload(number, wanted) {
        return Err(Problem::INSTRUMENT_DECLINED.into());
    }
    let (from, to) = (draft.available(wanted.currency), Account::Agency(wanted.currency));
    draft.transfer(Reason::Unload, from.clone(), to, wanted, String::new())?;
    draft.charge(from, fee, Service::Unload.name().to_owned())?;
    record(desk, draft, instrument.id, amount, fee, None);
    Ok(fee)
}

/// The container does not hold what is wanted, or not the fee as well.
fn short_of(held: Money, wanted: Money, fee: Money) -> Refusal {
    if held.minor < wanted.minor {
        return Problem::FUNDS_INSUFFICIENT.into();
    }
    let english = format!("There is not enough for the fee of {fee} as well.").into();
    let german = format!("Für die Gebühr von {fee} reicht es nicht mehr.").into();
    Refusal::because(Problem::FUNDS_INSUFFICIENT, Words { english, german })
}

fn record(
    desk: Desk<'_>,
    draft: &mut Draft,
    instrument: InstrumentId,
    amount: Money,
    fee: Money,
    clears: Option<Date>,
) {
    let persona = draft.file.persona.id.clone();
    draft.changes.push(Change::Move(Movement { persona, instrument, date: desk.now, amount, fee, clears }));
    // The store gives the load its number; nothing looks at it in this draft.
    draft.file.pending.extend(clears.map(|clears| PendingLoad { id: 0, amount, fee, clears }));
}

fn moved(desk: Desk<'_>, draft: &Draft, amount: SignedMoney, fee: Money) -> Result<LoadUnloadResponse, Refusal> {
    let currency = amount.0.currency;
    let container = draft.container(currency);
    Ok(LoadUnloadResponse {
        server_date: desk.now,
        amount: Some(amount),
        response_code: ResponseCode::Success,
        problem: None,
        message: None,
        swseverity: None,
        swmessage: None,
        fee: Some(fee),
        balance: Some(container.available),
        session_funds: Some(draft.session_funds(currency)?),
        on_hold: Some(container.on_hold),
    })
}
