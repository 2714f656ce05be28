//! Offers of web pages: read (3300, fig. 26), checked against the page's origin, and kept until the shopper decides.

use protocol::date::Date;
use protocol::message::offer::PaymentRequest;
use protocol::money::Money;
use protocol::offer::Offer;
use protocol::outcome::Problem;
use protocol::store::ChangeSet;
use protocol::value::to_base64;
use wallet_messages::{ApprovalView, ExchangeView, PaysFrom, SessionOffer};

use super::books::{Books, find};
use super::payment::{Ask, choose};
use super::rules::opening_view;
use super::step::{Env, is_historic};
use super::view::money_view;
use super::words::plain;
use crate::fault::WalletFault;
use crate::record::settings::Rules;
use crate::record::{Approval, Container, Held, Page, RecordChanges as _, Session};

/// No honest offer is larger; the content script has the same limit.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;
/// More windows than anybody reads.
const MAX_APPROVALS: usize = 16;
/// A request that nobody looked at for so long is forgotten.
const PATIENCE_SECONDS: i64 = 15 * 60;
/// What a new session is offered with.
const OFFERED_MINUTES: u32 = 60;
const OFFERED_USES: u16 = 10;

/// Takes a page's offer in. What other runs of the browser, or nobody's patience, left behind goes.
///
/// # Errors
/// The offer is not of its form, is in a protocol that no session of the persona speaks or names another origin; there is
/// no persona; or the page asks too often.
pub fn accept(books: &Books, page: Page, text: &str, env: &mut Env<'_>) -> Result<(Approval, ChangeSet), WalletFault> {
    let offer = read(text)?;
    // All sessions of a persona speak its protocol: a promise in it for an offer in another could never be collected.
    if offer.protocol != books.persona()?.protocol {
        return Err(WalletFault::refused(Problem::PROTOCOL_UNSUPPORTED));
    }
    if !is_of_origin(&offer.request, &page.origin) {
        return Err(WalletFault::refused(Problem::FORM));
    }
    if books.refusals.iter().any(|held| held.record.origin == page.origin && held.record.blocks(env.now)) {
        return Err(WalletFault::OriginBlocked);
    }
    let (stale, waiting): (Vec<_>, Vec<_>) =
        books.approvals.iter().partition(|held| !waits(&held.record, &page.run, env.now));
    let same_origin = |held: &&Held<Approval>| held.record.page.origin == page.origin;
    if waiting.len() >= MAX_APPROVALS || waiting.iter().any(same_origin) {
        return Err(WalletFault::TooManyRequests);
    }
    let mut name = [0; 12];
    env.rng.fill_bytes(&mut name);
    let id = to_base64(&name).replace('+', "-").replace('/', "_");
    let approval = Approval { id, page, offer: text.to_owned(), at: env.now };
    let mut changes = ChangeSet::new();
    for held in stale {
        changes.remove(held);
    }
    changes.create(&approval);
    Ok((approval, changes))
}

/// Whether a request still waits for the shopper in this run of the browser.
pub fn waits(approval: &Approval, run: &str, now: Date) -> bool {
    approval.page.run == run && now <= approval.at.plus_secs(PATIENCE_SECONDS)
}

/// The names of the requests that wait, oldest first.
pub fn waiting(approvals: &[Held<Approval>], run: &str, now: Date) -> Vec<String> {
    let mut waiting: Vec<_> = approvals.iter().filter(|held| waits(&held.record, run, now)).collect();
    waiting.sort_by_cached_key(|held| held.record.at.millis());
    waiting.into_iter().map(|held| held.record.id.clone()).collect()
}

/// PR1, if it is of its form.
fn read(text: &str) -> Result<Offer, WalletFault> {
    let short = Some(text).filter(|text| text.len() <= MAX_OFFER_BYTES);
    let offer = short.and_then(|text| Offer::read(text.as_bytes()).ok());
    offer.ok_or(WalletFault::refused(Problem::FORM))
}

/// Whether all four URLs have the page's origin, so that nobody sells in another's name.
fn is_of_origin(request: &PaymentRequest, origin: &str) -> bool {
    let PaymentRequest { url_pay_to, url_cancel, url_success, url_failure, .. } = request;
    [url_pay_to, url_cancel, url_success, url_failure].iter().all(|url| url.origin() == origin)
}

/// What an approval asks for.
///
/// # Errors
/// It is gone.
pub fn ask(books: &Books, id: &str) -> Result<Ask, WalletFault> {
    let held = find(&books.approvals, id).ok_or(WalletFault::ApprovalGone)?;
    let Approval { id, page, offer: text, .. } = held.record.clone();
    Ok(Ask { offer: read(&text)?, id, page, text, approval: Some(held.clone()), log: None, silent: false })
}

/// What the approval window shows (step 1703); without the rules, the vault is locked.
pub fn view(books: &Books, ask: &Ask, rules: Option<&Rules>, now: Date) -> ApprovalView {
    let request = &ask.offer.request;
    let (price, server_now) = (request.amount, books.server_time(now));
    let from = promised(books, ask).or_else(|| choose(books, price, server_now).map(|(s, c)| (s, c, false)));
    let (note, note_changed) = plain(request.note.as_str());
    let page = &ask.page;
    let charge = from.map(|(_, charge, _)| charge);
    let reachable = charge.or_else(|| charge_of(books, &books.container(books.persona().ok()?.currency), price));
    let opening = rules.filter(|_| from.is_none()).and_then(|rules| rules.opening_for(reachable));
    let silent = rules.and_then(|rules| rules.silent.iter().find(|rule| rule.origin == page.origin));
    let waiting = books.approvals.iter().filter(|held| waits(&held.record, &page.run, now)).count();
    ApprovalView {
        request: ask.id.clone(),
        origin: page.origin.clone(),
        merchant: request.merchant_id.as_str().to_owned(),
        order: request.order_id.as_str().to_owned(),
        note,
        price: money_view(price),
        charge: charge.map(money_view),
        from: from.map(|(session, charge, reserved)| pays_from(books, &session.record, charge, reserved)),
        offer: if from.is_none() { session_offer(books, price) } else { None },
        opens: opening.map(opening_view),
        exchange: from.and_then(|(session, ..)| exchange(books, &session.record, price)),
        note_changed,
        waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        forgotten_at: ask.approval.as_ref().map_or(now, |held| held.record.at.plus_secs(PATIENCE_SECONDS)).millis(),
        silent_limit: silent.map(|rule| money_view(rule.limit)),
        locked: rules.is_none(),
        historic_cipher: books.application().is_ok_and(|application| is_historic(application.protocol)),
    }
}

/// The rate between the currencies of price and session, where these differ.
fn exchange(books: &Books, session: &Session, price: Money) -> Option<ExchangeView> {
    let (_, rate) = session.rates.0.iter().find(|(other, _)| *other == price.currency)?;
    let one = Money::new(price.currency, 10_i64.pow(price.currency.digits().into()));
    let told_at = books.application().map_or(session.opened_at, |known| known.our_time(session.opened_at));
    let differs = price.currency != session.opened.currency;
    differs.then(|| ExchangeView {
        one: money_view(one),
        rate: rate.to_string(),
        currency: session.opened.currency.code().to_owned(),
        told_at: told_at.millis(),
    })
}

/// The session of a promise for the same order that still waits: it is that promise which is sent again.
fn promised<'a>(books: &'a Books, ask: &Ask) -> Option<(&'a Held<Session>, Money, bool)> {
    let payment = &find(&books.payments, &ask.order_key())?.record;
    Some((find(&books.sessions, &payment.session)?, payment.amount, true))
}

/// What the session holds before and after; a reserved charge is not counted twice.
fn pays_from(books: &Books, session: &Session, charge: Money, reserved: bool) -> PaysFrom {
    let (left, uses) = (session.left(&books.payments), session.uses_left(&books.payments));
    let minor = |change: i64| money_view(Money::new(left.currency, left.minor + change));
    let (before, after) = if reserved { (charge.minor, 0) } else { (0, -charge.minor) };
    let ends_at = books.application().map_or(session.ends_at(), |known| known.our_time(session.ends_at()));
    PaysFrom {
        session: session.id.clone(),
        holds: minor(before),
        holds_after: minor(after),
        uses_after: if reserved { uses } else { uses.saturating_sub(1) },
        ends_at: ends_at.millis(),
    }
}

/// A session that would fit, from the container in the persona's currency.
fn session_offer(books: &Books, price: Money) -> Option<SessionOffer> {
    let container = books.container(books.persona().ok()?.currency);
    let charge = charge_of(books, &container, price);
    let enough = charge.filter(|charge| charge.minor <= container.available.minor);
    Some(SessionOffer {
        balance: money_view(container.available),
        amount: enough.map(Money::decimal).unwrap_or_default(),
        minutes: OFFERED_MINUTES,
        uses: OFFERED_USES,
    })
}

/// What `price` costs in the container's currency, where any session of that currency tells the rate.
pub fn charge_of(books: &Books, container: &Container, price: Money) -> Option<Money> {
    if price.currency == container.currency {
        return Some(price);
    }
    let of_currency = books.sessions.iter().filter(|held| held.record.opened.currency == container.currency);
    of_currency.filter_map(|held| held.record.charge(price)).next_back()
}
