//! An order as a shop writes it: JSON, read strictly.

use merchant_widget::till::order::{NewOrder, Returns};
use merchant_widget::till::record::{Item, Reference};
use protocol::date::Date;
use protocol::message::offer::Note;
use protocol::money::{Currency, Money, SignedMoney};
use protocol::value::{Reading, Text, Url, Value as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OrderForm {
    /// The price, in a currency of the till.
    #[schema(example = "usd 42.50")]
    amount: String,
    /// The price in other currencies, for wallets to show; at most 16.
    #[serde(default)]
    other_amounts: Vec<String>,
    /// What the shopper agrees to: 1 to 2,000 characters, several lines.
    note: String,
    /// The shop's own name for the order: one line of at most 128 characters.
    reference: Option<String>,
    /// What is sold, for the merchant's books; at most 100 items, together the price.
    #[serde(default)]
    items: Vec<ItemForm>,
    /// Where the browser goes once it is paid; of the shop's origin.
    url_success: Option<String>,
    /// Where the browser goes when the payment was refused; of the shop's origin.
    url_failure: Option<String>,
    /// Where the browser goes when the shopper says no; of the shop's origin.
    url_cancel: Option<String>,
    /// How long it can be paid, 1 to 43,200.
    expires_minutes: Option<u32>,
}

/// One line of what is sold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ItemForm {
    /// What: one line of at most 128 characters.
    pub name: String,
    /// How many, at least 1.
    pub quantity: u32,
    /// What one costs, in the order's currency; negative for a discount.
    #[schema(example = "usd 37.50")]
    pub unit: String,
}

/// The most items of an order, and of prices in other currencies.
const MAX_ITEMS: usize = 100;
const MAX_OTHER_AMOUNTS: usize = 16;

impl OrderForm {
    /// The order, if all of it is of its form.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn read(&self, terms: &Terms, now: Date) -> Result<NewOrder, Problem> {
        let Self { amount, other_amounts, note, reference, items, url_success, url_failure, url_cancel, .. } = self;
        if items.len() > MAX_ITEMS || other_amounts.len() > MAX_OTHER_AMOUNTS {
            let detail = format!("at most {MAX_ITEMS} items and {MAX_OTHER_AMOUNTS} other amounts");
            return Err(Problem::new(Kind::TooMany, detail));
        }
        let returns = Returns {
            success: url(url_success.as_deref())?,
            failure: url(url_failure.as_deref())?,
            cancel: url(url_cancel.as_deref())?,
        };
        Ok(NewOrder {
            amount: read_amount(amount, terms)?,
            note: read_note(note)?,
            reference: reference.as_deref().map(read_reference).transpose()?,
            items: items.iter().map(read_item).collect::<Result<_, _>>()?,
            other_amounts: other_amounts.iter().map(|text| read_any_amount(text)).collect::<Result<_, _>>()?,
            returns,
            expires: now.plus_secs(60 * i64::from(read_minutes(self.expires_minutes, terms)?)),
        })
    }
}

fn read_any_amount(text: &str) -> Result<Money, Problem> {
    let form = "an amount is a currency and a decimal with exactly its digits: usd 42.50";
    Money::parse(text, Reading::STRICT).ok_or_else(|| Problem::new(Kind::BadAmount, form))
}

fn read_item(item: &ItemForm) -> Result<Item, Problem> {
    let ItemForm { name, quantity, unit } = item;
    let read = || {
        let name = Text::of(name)?;
        let unit = SignedMoney::parse(unit, Reading::STRICT)?.0;
        (*quantity > 0).then_some(Item { name, quantity: *quantity, unit })
    };
    let form = "an item has a name of one line, a quantity of at least 1 and a unit price such as usd 37.50";
    read().ok_or_else(|| Problem::new(Kind::BadItems, form))
}

fn read_amount(text: &str, terms: &Terms) -> Result<Money, Problem> {
    let amount = read_any_amount(text)?;
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
    let form = "a reference is one line of 1 to 128 characters";
    Reference::of(text).ok_or_else(|| Problem::new(Kind::BadReference, form))
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
