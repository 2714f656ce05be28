//! Load and unload of funds 405 (fig. 18): LU1 moves money between an instrument and the container, LU2 says how much.

use protocol::date::Date;
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::money::{Money, SignedMoney};
use protocol::outcome::{Problem, ResponseCode};
use protocol::secret::same;
use protocol::value::{Function, from_base64};
use rand_core::CryptoRng;

use super::binding::status_name;
use super::config::whole_units;
use super::draft::Draft;
use super::exchange::{Desk, Procedure, check_pays_out};
use super::language::{Language, Words};
use super::refusal::Refusal;
use super::service::Service;
use crate::bank::LoadDecision;
use crate::store::record::{Instrument, InstrumentId, Limit, Movement, PendingLoad, Reason};
use crate::store::{Account, Change, PersonaFile, Store, StoreError};

impl Procedure for LoadUnload {
    /// What has moved the same way within the window of the instrument's limit, minor units.
    type Records = i64;

    fn service(&self) -> Service {
        if self.amount.0.minor < 0 { Service::Unload } else { Service::Load }
    }

    async fn load(&self, store: &dyn Store, file: &PersonaFile, desk: Desk<'_>) -> Result<i64, StoreError> {
        let Ok((_, instrument)) = named(self, desk, &file.instruments) else { return Ok(0) };
        let function = function(self);
        let since = desk.now.plus_secs(-3_600 * i64::from(limit(desk, instrument, function).hours));
        store.moved_since(&file.persona.id, instrument.id, self.amount.0.currency, function, since).await
    }

    fn run(
        &self,
        desk: Desk<'_>,
        draft: &mut Draft,
        moved_before: i64,
        _: &mut dyn CryptoRng,
    ) -> Result<LoadUnloadResponse, Refusal> {
        let amount = self.amount.0;
        // What the operator has withdrawn comes in no more, and goes back.
        let held = || amount.minor < 0 && draft.file.containers.contains_key(&amount.currency);
        if !desk.config.rates.contains_key(&amount.currency) && !held() {
            return Err(Problem::CURRENCY_UNSUPPORTED.into());
        }
        let (number, instrument) = named(self, desk, &draft.file.instruments)?;
        let (number, instrument) = (number.to_owned(), instrument.clone());
        check_status(&instrument, desk.now)?;
        let fee = match amount.minor {
            0 => {
                return Err(Refusal::because(
                    Problem::FORM,
                    Words::new("An amount of nothing moves nothing.", "Ein Betrag von null bewegt nichts."),
                ));
            }
            minor => {
                check_limit(desk, &instrument, function(self), amount, moved_before)?;
                if minor > 0 {
                    load(desk, draft, &instrument, &number, amount)?
                } else {
                    check_pays_out(desk)?;
                    unload(desk, draft, &instrument, &number, amount)?
                }
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

/// What the instrument is asked to do.
fn function(body: &LoadUnload) -> Function {
    if body.amount.0.minor < 0 { Function::Unload } else { Function::Load }
}

/// The limit of a function: what the operator has set for this instrument, else what its issuer says.
fn limit(desk: Desk<'_>, instrument: &Instrument, function: Function) -> Limit {
    let issuers = || {
        let limits = desk.bank.limits();
        let hours = u32::try_from(limits.window_secs / 3_600).unwrap_or(Limit::MAX_HOURS);
        Limit { once: Some(limits.load_units), window: Some(limits.window_units), hours }
    };
    match instrument.limits.get(&function) {
        Some(limit) => *limit,
        None if function == Function::Load => issuers(),
        None => Limit::default(),
    }
}

/// The function is on, and the amount within its limit (120H.16 to .28).
fn check_limit(
    desk: Desk<'_>,
    instrument: &Instrument,
    function: Function,
    amount: Money,
    moved_before: i64,
) -> Result<(), Refusal> {
    let Limit { once, window, hours } = limit(desk, instrument, function);
    if !instrument.functions.contains(&function) || once == Some(0) {
        return Err(Problem::FUNCTION_DISABLED.into());
    }
    let (size, units) = (amount.minor.abs(), |units| whole_units(amount.currency, units));
    if let Some(most) = once.map(units).filter(|most| size > most.minor) {
        return Err(Refusal::because(Problem::LIMIT_EXCEEDED, at_once(function, most)));
    }
    if let Some(most) = window.map(units).filter(|most| moved_before.saturating_add(size) > most.minor) {
        let left = Money::new(most.currency, (most.minor - moved_before).max(0));
        return Err(Refusal::because(Problem::LIMIT_EXCEEDED, in_window(function, hours, most, left)));
    }
    Ok(())
}

/// What a function does with an instrument, as sentences go on.
fn way(function: Function) -> Words {
    match function {
        Function::Unload => {
            Words::new("sent to this bank account or card", "auf dieses Konto oder diese Karte ausgezahlt")
        }
        Function::Load | Function::Charge | Function::Credit => {
            Words::new("loaded from this bank account or card", "von diesem Konto oder dieser Karte geladen")
        }
    }
}

fn at_once(function: Function, most: Money) -> Words {
    let (Words { english, german }, [most_en, most_de]) = (way(function), Language::BOTH.map(|it| it.money(most)));
    Words {
        english: format!("At most {most_en} can be {english} at once.").into(),
        german: format!("Auf einmal können höchstens {most_de} {german} werden.").into(),
    }
}

fn in_window(function: Function, hours: u32, most: Money, left: Money) -> Words {
    let Words { english, german } = way(function);
    let [(most_en, left_en), (most_de, left_de)] = Language::BOTH.map(|it| (it.money(most), it.money(left)));
    let (within, innerhalb) = match hours {
        1 => ("an hour".to_owned(), "einer Stunde".to_owned()),
        _ => (format!("{hours} hours"), format!("von {hours} Stunden")),
    };
    let english = format!("At most {most_en} can be {english} within {within}; {left_en} of it is left.");
    let german =
        format!("Innerhalb {innerhalb} können höchstens {most_de} {german} werden; davon sind {left_de} übrig.");
    Words { english: english.into(), german: german.into() }
}

/// The instrument may be used (120H.15).
fn check_status(instrument: &Instrument, now: Date) -> Result<(), Refusal> {
    let words = match status_name(instrument, now) {
        "enabled" => return Ok(()),
        "created" => Words::new(
            "This bank account or card has not been approved yet.",
            "Dieses Konto oder diese Karte ist noch nicht freigegeben.",
        ),
        "pending-signature" => Words::new(
            "This bank account or card can be used once a signature has arrived.",
            "Dieses Konto oder diese Karte kann benutzt werden, sobald eine Unterschrift da ist.",
        ),
        "pending-pre-note" => Words::new(
            "The bank has not confirmed this account or card yet.",
            "Die Bank hat dieses Konto oder diese Karte noch nicht bestätigt.",
        ),
        _ => return Err(Problem::INSTRUMENT_DISABLED.into()),
    };
    Err(Refusal::because(Problem::INSTRUMENT_DISABLED, words))
}

fn load(
    desk: Desk<'_>,
    draft: &mut Draft,
    instrument: &Instrument,
    number: &str,
    amount: Money,
) -> Result<Money, Refusal> {
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
    let [fee_en, fee_de] = Language::BOTH.map(|it| it.money(fee));
    let english = format!("There is not enough for the fee of {fee_en} as well.").into();
    let german = format!("Für die Gebühr von {fee_de} reicht es nicht mehr.").into();
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

#[cfg(test)]
mod tests {
    use protocol::value::{Reading, Value as _};

    use super::*;

    #[test]
    fn an_hour_is_told_as_one() {
        let amount = |text| Money::parse(text, Reading::STRICT).expect("an amount");
        let told = |hours| in_window(Function::Load, hours, amount("usd 5.00"), amount("usd 0.00"));
        assert!(told(1).english.contains("within an hour;") && told(1).german.contains("Innerhalb einer Stunde "));
        assert!(told(24).english.contains("within 24 hours;") && told(24).german.contains("Innerhalb von 24 Stunden "));
    }
}
