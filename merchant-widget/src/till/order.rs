//! Placing an order: PR1 (steps 1701A to 1702C, fig. 25).

use protocol::date::Date;
use protocol::fault::FormFault;
use protocol::message::offer::{Note, PaymentRequest};
use protocol::message::payment::NoteHash;
use protocol::money::{Amounts, Money};
use protocol::offer::{Offer, note_hash};
use protocol::suite::CryptoFault;
use protocol::value::{OrderId, Url};
use rand_core::CryptoRng;
use thiserror::Error;

use super::change::Version;
use super::record::{Flag, Item, Order, Persona, Reference, Status};
use super::setup::key_name;
use super::{Change, ChangeSet, Moment, software_version};

/// What a shop asks for.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// The price.
    pub amount: Money,
    /// What the shopper agrees to.
    pub note: Note,
    /// The shop's own name for it.
    pub reference: Option<Reference>,
    /// What is sold; together the price, or nothing.
    pub items: Vec<Item>,
    /// The price in other currencies, for wallets to show.
    pub other_amounts: Vec<Money>,
    /// Where the browser goes afterwards, where not to the till's default pages.
    pub returns: Returns,
    /// From when on no payment is taken any more.
    pub expires: Date,
}

/// Pages of the shop.
#[derive(Clone, Debug, Default)]
pub struct Returns {
    /// 5013K.
    pub success: Option<Url>,
    /// 5013L.
    pub failure: Option<Url>,
    /// 5013J.
    pub cancel: Option<Url>,
}

/// Why an order is not placed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderFault {
    /// Nothing is free, not even here.
    #[error("the amount is nothing")]
    Nothing,
    /// The items do not sum to the price.
    #[error("the items sum to {0}")]
    Items(Money),
    /// A price in another currency that is none.
    #[error("{0} is no price in another currency")]
    OtherAmount(Money),
    /// A wallet takes only offers whose four addresses have the page's origin.
    #[error("{which} has the origin {found}, not {expected}")]
    Origin {
        /// Which address.
        which: &'static str,
        /// The origin of the shop.
        expected: String,
        /// The one found.
        found: String,
    },
    /// What was made of it could not be read again.
    #[error("the offer would not be readable: {0}")]
    Unreadable(#[from] FormFault),
    /// The persona's keys are not of its protocol.
    #[error(transparent)]
    Crypto(#[from] CryptoFault),
}

/// The addresses under which the till's public routes are reached: those of the shop's own origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    base: String,
    returns: String,
    origin: String,
}

impl Links {
    /// Links under `base`, such as `https://shop.example` or `https://shop.example/till`; the default pages that the
    /// browser goes to stand under `returns`. Both must have the same origin.
    ///
    /// # Errors
    /// Not addresses a wallet accepts, or of two origins.
    pub fn new(base: &str, returns: &str) -> Result<Self, OrderFault> {
        let url = |text: &str| {
            let fault = || FormFault::BadValue { label: text.to_owned(), kind: "url".to_owned() };
            Url::of(text).filter(|_| !text.contains(['?', '#'])).ok_or_else(fault)
        };
        let origin = url(base)?.origin();
        let links = Self { base: trimmed(base), returns: trimmed(returns), origin };
        links.check("the base of the return pages", &url(returns)?).map(|()| links)
    }

    /// The origin of all of them.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where a page finds an order's PR1.
    pub fn payment_request(&self, order: &OrderId) -> String {
        format!("{}/orders/{order}/payment-request", self.base)
    }

    fn pay_to(&self, order: &OrderId) -> Result<Url, OrderFault> {
        made(&format!("{}/orders/{order}/pay", self.base))
    }

    fn page(&self, page: &str, order: &OrderId) -> Result<Url, OrderFault> {
        made(&format!("{}/{page}?order={order}", self.returns))
    }

    fn check(&self, which: &'static str, url: &Url) -> Result<(), OrderFault> {
        let found = url.origin();
        if found == self.origin {
            return Ok(());
        }
        Err(OrderFault::Origin { which, expected: self.origin.clone(), found })
    }
}

fn trimmed(base: &str) -> String {
    base.trim_end_matches('/').to_owned()
}

fn made(url: &str) -> Result<Url, OrderFault> {
    let fault = FormFault::TooLong { what: "address", limit: url.len() };
    Url::of(url).ok_or_else(|| fault.into())
}

/// Places an order and signs its offer (steps 1701A to 1702B).
///
/// # Errors
/// See [`OrderFault`]; nothing is stored.
pub fn place(
    persona: &Persona,
    new: &NewOrder,
    links: &Links,
    moment: &mut Moment<'_>,
) -> Result<(ChangeSet, Order), OrderFault> {
    if new.amount.minor <= 0 {
        return Err(OrderFault::Nothing);
    }
    check_prices(new)?;
    let id = order_id(moment.rng);
    let request = offer(persona, new, links, &id, moment.now)?;
    let text = Offer::write(persona.protocol, &request, &persona.private_key, moment.rng)?;
    // What a wallet will read is checked here, where it can still be refused.
    Offer::read(text.as_bytes())?;
    let hash = NoteHash::of(note_hash(persona.protocol, request.note.as_str())).ok_or(CryptoFault)?;
    let order = Order {
        version: Version::default(),
        id,
        amount: new.amount,
        flag: Flag::Pending,
        collecting: false,
        reference: new.reference.clone(),
        items: new.items.clone(),
        note_hash: hash,
        placed: moment.now,
        expires: new.expires,
        paid: None,
        payment_request: text,
    };
    Ok((vec![Change::PutOrder(order.clone())].into(), order))
}

/// Items sum to the price, and each other currency has one price, another than the price itself.
fn check_prices(new: &NewOrder) -> Result<(), OrderFault> {
    let price = |item: &Item| item.unit.minor.checked_mul(i64::from(item.quantity));
    let sum = new.items.iter().try_fold(0_i64, |sum, item| sum.checked_add(price(item)?)).unwrap_or(i64::MAX);
    let same = new.items.iter().all(|item| item.unit.currency == new.amount.currency);
    if !new.items.is_empty() && (sum != new.amount.minor || !same) {
        return Err(OrderFault::Items(Money::new(new.amount.currency, sum)));
    }
    let mut seen = vec![new.amount.currency];
    for other in &new.other_amounts {
        if seen.contains(&other.currency) || other.minor <= 0 {
            return Err(OrderFault::OtherAmount(*other));
        }
        seen.push(other.currency);
    }
    Ok(())
}

fn offer(
    persona: &Persona,
    new: &NewOrder,
    links: &Links,
    id: &OrderId,
    now: Date,
) -> Result<PaymentRequest, OrderFault> {
    let page = |which, wished: &Option<Url>, page| {
        let url = wished.clone().map_or_else(|| links.page(page, id), Ok)?;
        links.check(which, &url).map(|()| url)
    };
    Ok(PaymentRequest {
        merchant_id: persona.id.clone(),
        order_id: id.clone(),
        date: now,
        swversion: software_version(),
        note: new.note.clone(),
        amount: new.amount,
        accepts: None,
        url_pay_to: links.pay_to(id)?,
        url_cancel: page("url-cancel", &new.returns.cancel, "cancel")?,
        url_success: page("url-success", &new.returns.success, "success")?,
        url_failure: page("url-failure", &new.returns.failure, "failure")?,
        key: key_name(persona)?,
        signed_hash: None,
        other_amounts: (!new.other_amounts.is_empty()).then(|| Amounts(new.other_amounts.clone())),
    })
}

/// Characters that people do not mix up when they read them out (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Groups of four letters: 80 bits, so that nobody guesses the address of somebody else's order.
const GROUPS: usize = 4;

/// A new order id such as `7F3K-9QWM-2ABC-4DEF`.
pub(crate) fn order_id(rng: &mut dyn CryptoRng) -> OrderId {
    let mut bytes = [0_u8; GROUPS * 4];
    rng.fill_bytes(&mut bytes);
    let letters = bytes.map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    OrderId::of(&groups.join("-")).expect("invariant: letters and hyphens are a token")
}

/// Takes an offer back.
///
/// # Errors
/// The order is paid or over, or a payment is on its way: the status that stands in the way.
pub fn cancel(order: &Order, now: Date) -> Result<ChangeSet, Status> {
    let status = order.status(now);
    match status {
        Status::Cancelled => Ok(ChangeSet::default()),
        Status::Open | Status::Failed if !order.collecting => {
            Ok(vec![Change::PutOrder(Order { flag: Flag::Cancelled, ..order.clone() })].into())
        }
        Status::Open | Status::Failed | Status::Paid | Status::Expired => Err(status),
    }
}
