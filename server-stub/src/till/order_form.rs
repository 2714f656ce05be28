//! An order as a shop writes it: JSON, read strictly.

use merchant_widget::till::order::{NewOrder, Returns};
use merchant_widget::till::record::Reference;
use protocol::date::Date;
use protocol::message::offer::Note;
use protocol::money::{Currency, Money};
use protocol::value::{Reading, Url, Value as _};
use serde::Deserialize;

use super::problem::{Kind, Problem};

/// The longest life of an order: 30 days.
pub const MAX_ORDER_MINUTES: u32 = 30 * 24 * 60;

/// What a till takes orders for.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Currencies that it has sales sessions in.
    pub currencies: Vec<Currency>,
    /// How long an order may be paid that says nothing else.
    pub order_minutes: u32,
}

/// The JSON of `POST /orders`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OrderForm {
    amount: String,
    note: String,
    reference: Option<String>,
    url_success: Option<String>,
    url_failure: Option<String>,
    url_cancel: Option<String>,
    expires_minutes: Option<u32>,
}

impl OrderForm {
    /// The order, if all of it is of its form.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn read(&self, terms: &Terms, now: Date) -> Result<NewOrder, Problem> {
        let Self { amount, note, reference, url_success, url_failure, url_cancel, expires_minutes } = self;
        let returns = Returns {
            success: url(url_success.as_deref())?,
            failure: url(url_failure.as_deref())?,
            cancel: url(url_cancel.as_deref())?,
        };
        Ok(NewOrder {
            amount: read_amount(amount, terms)?,
            note: read_note(note)?,
            reference: reference.as_deref().map(read_reference).transpose()?,
            returns,
            expires: now.plus_secs(60 * i64::from(read_minutes(*expires_minutes, terms)?)),
        })
    }
}

fn read_amount(text: &str, terms: &Terms) -> Result<Money, Problem> {
    let form = "an amount is a currency and a decimal with exactly its digits: usd 42.50";
    let amount = Money::parse(text, Reading::STRICT).ok_or_else(|| Problem::new(Kind::BadAmount, form))?;
    if terms.currencies.contains(&amount.currency) {
        return Ok(amount);
    }
    Err(Problem::new(Kind::BadCurrency, amount.currency))
}

/// Line ends as forms and files have them become those of the protocol; blanks around the whole fall away.
fn read_note(text: &str) -> Result<Note, Problem> {
    let text = text.replace("\r\n", "\n");
    let form = "a note has 1 to 2,000 characters";
    Note::of(text.trim()).ok_or_else(|| Problem::new(Kind::BadNote, form))
}

fn read_reference(text: &str) -> Result<Reference, Problem> {
    let is_plain = !text.contains(char::is_control);
    let form = "a reference is one line of 1 to 128 characters";
    Reference::of(text).filter(|_| is_plain).ok_or_else(|| Problem::new(Kind::BadReference, form))
}

fn read_minutes(minutes: Option<u32>, terms: &Terms) -> Result<u32, Problem> {
    let minutes = minutes.unwrap_or(terms.order_minutes);
    let form = format!("an order lives 1 to {MAX_ORDER_MINUTES} minutes");
    if (1..=MAX_ORDER_MINUTES).contains(&minutes) { Ok(minutes) } else { Err(Problem::new(Kind::BadExpiry, form)) }
}

fn url(text: Option<&str>) -> Result<Option<Url>, Problem> {
    let form = "an address is absolute, https (or http on this machine), and without user information";
    text.map(|text| Url::of(text).ok_or_else(|| Problem::new(Kind::BadUrl, form))).transpose()
}
