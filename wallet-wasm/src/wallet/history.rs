//! What happened: searched, added up, exported.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use protocol::date::Date;
use protocol::money::Money;
use protocol::store::Store;
use protocol::value::Value as _;
use wallet_messages::{
    ActivityKind, ActivityState, ActivityView, Export, ExportFormat, FileView, HistoryFilter, HistoryView,
    MessagesView, MonthTotal, ReadMessages, ReadTotals, ShopTotal, TotalsView,
};

use super::Wallet;
use super::books::{Books, one};
use super::logs::Logs;
use super::view::{activity, money_view, payment_key};
use crate::fault::WalletFault;
use crate::record::log::PaymentLog;
use crate::record::pending::PendingPayment;
use crate::world::World;

/// What is given at once.
const MOST_ENTRIES: usize = 200;
/// A file of more entries is not opened by anything.
const MOST_EXPORTED: usize = 100_000;

/// Order and words of payments, by the names of their entries.
type Words = BTreeMap<String, (String, String)>;

fn words(books: &Books, logs: &Logs) -> Words {
    let pending = books.payments.iter().map(|held| &held.record);
    let pending = pending.map(|payment| (payment.order.clone(), payment.note.clone(), payment.merchant.as_str()));
    let done = logs.payments.iter().map(|held| &held.record);
    let done = done.map(|payment| (payment.order.clone(), payment.note.clone(), payment.merchant.as_str()));
    let name = |order: &str, merchant: &str| super::view::payment_id(&format!("{merchant}|{order}"));
    let mut words = Words::new();
    words.extend(pending.chain(done).map(|(order, note, merchant)| (name(&order, merchant), (order, note))));
    words
}

/// Whether a filter lets an entry through.
fn matches(filter: &HistoryFilter, entry: &ActivityView, words: &Words) -> bool {
    let HistoryFilter { text, kinds, states, origin, from, until, skip: _, most: _ } = filter;
    let mut fits = kinds.is_empty() || kinds.contains(&entry.kind);
    fits &= states.is_empty() || states.contains(&entry.state);
    fits &= origin.is_none() || *origin == entry.origin;
    fits &= from.is_none_or(|from| entry.at >= from) && until.is_none_or(|until| entry.at < until);
    fits && contains(text, entry, words)
}

fn contains(text: &str, entry: &ActivityView, words: &Words) -> bool {
    if text.trim().is_empty() {
        return true;
    }
    let mut hay = String::new();
    let (order, note) = words.get(&entry.id).cloned().unwrap_or_default();
    let amount = entry.amount.as_ref().map(|amount| decimal(amount.minor, amount.digits)).unwrap_or_default();
    for part in [entry.with.as_deref(), entry.origin.as_deref(), Some(&order), Some(&note), Some(&amount)] {
        hay.push_str(&folded(part.unwrap_or_default()));
        hay.push('\n');
    }
    folded(text).split_whitespace().all(|word| hay.contains(word))
}

/// A text in lower case. In the browser by its own tables: ours would be 30 KB more to load.
#[cfg(target_arch = "wasm32")]
fn folded(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}

/// A text in lower case.
#[cfg(not(target_arch = "wasm32"))]
fn folded(text: &str) -> String {
    text.to_lowercase()
}

/// Minor units as a decimal.
fn decimal(minor: i64, digits: u8) -> String {
    let unit = 10_u64.pow(digits.into());
    let (sign, size) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    match digits {
        0 => format!("{sign}{size}"),
        _ => format!("{sign}{}.{:0width$}", size / unit, size % unit, width = digits.into()),
    }
}

/// What a filter finds.
fn history(filter: &HistoryFilter, books: &Books, logs: &Logs) -> HistoryView {
    let (all, words) = (activity(books, logs), words(books, logs));
    let mut origins = BTreeSet::new();
    origins.extend(all.iter().filter_map(|entry| entry.origin.clone()));
    let found: Vec<_> = all.into_iter().filter(|entry| matches(filter, entry, &words)).collect();
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    let asked = usize::try_from(filter.most).unwrap_or(MOST_ENTRIES);
    let most = if asked == 0 { MOST_ENTRIES } else { asked.min(MOST_ENTRIES) };
    let skip = usize::try_from(filter.skip).unwrap_or(usize::MAX);
    HistoryView {
        entries: found.into_iter().skip(skip).take(most).collect(),
        found: count,
        origins: origins.into_iter().collect(),
    }
}

/// A sum of payments.
#[derive(Clone, Copy)]
struct Sum {
    payments: u32,
    total: Money,
    last_at: i64,
}

impl Sum {
    fn add<K: Ord>(sums: &mut BTreeMap<K, Self>, key: K, change: Money, at: i64, payments: u32) {
        let fresh = Self { payments: 0, total: Money::zero(change.currency), last_at: at };
        let sum = sums.entry(key).or_insert(fresh);
        sum.payments = sum.payments.saturating_add(payments);
        // Beyond what an amount may be nothing is added: a total that is too small is better than none.
        sum.total = sum.total.plus(change).unwrap_or(sum.total);
        sum.last_at = sum.last_at.max(at);
    }
}

/// Year and month at a time, by the shopper's clock.
fn month_of(at: i64, utc_offset_minutes: i32) -> (i32, u8) {
    let local = Date::from_millis(at.saturating_add(i64::from(utc_offset_minutes) * 60_000));
    let text = local.text();
    (text[..4].parse().unwrap_or_default(), text[4..6].parse().unwrap_or_default())
}

/// What was spent, by shop and by month. Refunds count against it, in the month and shop where they happened.
fn totals(asked: &ReadTotals, books: &Books, logs: &Logs) -> TotalsView {
    let (mut shops, mut months) = (BTreeMap::new(), BTreeMap::new());
    for entry in activity(books, logs) {
        let spends =
            matches!(entry.kind, ActivityKind::Pay | ActivityKind::Refund) && entry.state == ActivityState::Done;
        let in_time = asked.from.is_none_or(|from| entry.at >= from) && asked.until.is_none_or(|end| entry.at < end);
        let currency = entry.amount.as_ref().and_then(|amount| protocol::money::Currency::of(&amount.currency));
        let (Some(amount), Some(currency), true) = (&entry.amount, currency, spends && in_time) else { continue };
        let change = Money::new(currency, -amount.minor);
        let count = u32::from(entry.kind == ActivityKind::Pay);
        let (origin, merchant) = (entry.origin.clone().unwrap_or_default(), entry.with.clone().unwrap_or_default());
        Sum::add(&mut shops, (origin, merchant, amount.currency.clone()), change, entry.at, count);
        let (year, month) = month_of(entry.at, asked.utc_offset_minutes);
        Sum::add(&mut months, (year, month, amount.currency.clone()), change, entry.at, count);
    }
    let shop = |((origin, merchant, _), Sum { payments, total, last_at })| ShopTotal {
        origin,
        merchant,
        payments,
        total: money_view(total),
        last_at,
    };
    let mut shops: Vec<ShopTotal> = shops.into_iter().map(shop).collect();
    shops.sort_by_cached_key(|shop| std::cmp::Reverse(shop.total.minor));
    let month = |((year, month, _), Sum { payments, total, .. })| MonthTotal {
        year,
        month,
        payments,
        total: money_view(total),
    };
    TotalsView { shops, months: months.into_iter().rev().map(month).collect() }
}

/// RFC 4180; fields that a spreadsheet would run as a formula are kept from it by an apostrophe.
fn csv(entries: &[ActivityView], words: &Words) -> String {
    let mut text = String::from("id,date,kind,state,amount,currency,with,origin,order,problem\r\n");
    for entry in entries {
        let (order, _) = words.get(&entry.id).cloned().unwrap_or_default();
        let amount = entry.amount.as_ref().map(|amount| decimal(amount.minor, amount.digits)).unwrap_or_default();
        let currency = entry.amount.as_ref().map(|amount| amount.currency.to_ascii_uppercase()).unwrap_or_default();
        let (kind, state) = (word(&entry.kind), word(&entry.state));
        let optional = |field: &Option<String>| quoted(field.as_deref().unwrap_or_default());
        let fields = [
            quoted(&entry.id),
            iso(entry.at),
            kind,
            state,
            amount,
            currency,
            optional(&entry.with),
            optional(&entry.origin),
            quoted(&order),
            optional(&entry.problem),
        ];
        let _ = write!(text, "{}\r\n", fields.join(","));
    }
    text
}

fn quoted(field: &str) -> String {
    let runs = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if runs { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// The word that stands for a kind or a state in messages.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}

/// ISO 8601, UTC.
fn iso(at: i64) -> String {
    let text = Date::from_millis(at).text().into_owned();
    let part = |from: usize, until: usize| text.get(from..until).unwrap_or_default();
    let (day, time) =
        ([part(0, 4), part(4, 6), part(6, 8)].join("-"), [part(8, 10), part(10, 12), part(12, 14)].join(":"));
    format!("{day}T{time}.{}Z", part(14, 17))
}

impl<S: Store, W: World> Wallet<S, W> {
    /// What happened, searched and filtered.
    ///
    /// # Errors
    /// Locked, or the store failed.
    pub async fn history(&self, filter: HistoryFilter) -> Result<HistoryView, WalletFault> {
        self.open_vault()?;
        let (books, logs) = Logs::load_with_books(&self.store).await?;
        Ok(history(&filter, &books, &logs))
    }

    /// What was spent.
    ///
    /// # Errors
    /// Locked, or the store failed.
    pub async fn totals(&self, asked: ReadTotals) -> Result<TotalsView, WalletFault> {
        self.open_vault()?;
        let (books, logs) = Logs::load_with_books(&self.store).await?;
        Ok(totals(&asked, &books, &logs))
    }

    /// What happened, as a file.
    ///
    /// # Errors
    /// Locked, or the store failed.
    pub async fn export(&self, asked: Export) -> Result<FileView, WalletFault> {
        self.open_vault()?;
        let (books, logs) = Logs::load_with_books(&self.store).await?;
        let words = words(&books, &logs);
        let found = activity(&books, &logs).into_iter().filter(|entry| matches(&asked.filter, entry, &words));
        let entries: Vec<_> = found.take(MOST_EXPORTED).collect();
        let (name, mime, text) = match asked.format {
            ExportFormat::Csv => ("pay-cash.csv", "text/csv", csv(&entries, &words)),
            ExportFormat::Json => {
                let json = serde_json::to_string(&entries).map_err(|fault| WalletFault::Storage(fault.to_string()))?;
                ("pay-cash.json", "application/json", json)
            }
        };
        Ok(FileView { name: name.to_owned(), mime: mime.to_owned(), text })
    }

    /// The messages of a payment as they travelled.
    ///
    /// # Errors
    /// There is none of that name, locked, or the store failed.
    pub async fn messages(&self, asked: ReadMessages) -> Result<MessagesView, WalletFault> {
        self.open_vault()?;
        let key = payment_key(&asked.payment).ok_or(WalletFault::ReceiptUnknown)?;
        let [offer, payment, receipt] = match one::<PendingPayment>(&self.store, key).await? {
            Some(held) => [held.record.offer, held.record.original, String::new()],
            None => one::<PaymentLog>(&self.store, key).await?.ok_or(WalletFault::ReceiptUnknown)?.record.messages,
        };
        let text = [&*offer, &payment, &receipt]
            .iter()
            .filter(|text| !text.is_empty())
            .fold(String::new(), |all, text| format!("{all}{}\r\n\r\n", text.trim_end()));
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' };
        let name = format!("payment-{}.txt", key.chars().map(plain).collect::<String>());
        let file = FileView { name, mime: "text/plain".to_owned(), text };
        Ok(MessagesView { offer, payment, receipt: Some(receipt).filter(|text| !text.is_empty()), file })
    }
}
