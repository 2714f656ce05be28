//! What happened, in order: written in the transaction of what it tells of, together with its way to every webhook.

use merchant_widget::till::record::{Flag, LogStatus, Order, Reference};
use merchant_widget::till::refund::RefundLog;
use merchant_widget::till::settlement::Settlement;
use protocol::date::Date;
use protocol::outcome::Problem;
use rusqlite::{Connection, Row, Transaction, params};
use serde_json::{Value as Json, json};

use super::{Store, StoreFault, all};
use crate::http::now;
use crate::till::iso;

/// Everything that is told, and can be asked for.
pub const KINDS: [&str; 9] = [
    "order.created",
    "order.paid",
    "order.failed",
    "order.cancelled",
    "order.expired",
    "refund.succeeded",
    "refund.failed",
    "settlement.succeeded",
    "settlement.failed",
];

/// An event as it is stored.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the order of all events.
    pub id: i64,
    /// When.
    pub date: Date,
    /// One of [`KINDS`].
    pub kind: String,
    /// What it is about.
    pub data: Json,
}

impl Event {
    /// As shops read it, in the feed and in webhooks.
    pub fn json(&self) -> Json {
        let Self { id, date, kind, data } = self;
        json!({ "id": id, "type": kind, "date": iso(*date), "data": data })
    }
}

/// An order was placed.
pub(super) fn of_new_order(books: &Transaction<'_>, order: &Order) -> Result<(), StoreFault> {
    emit(books, "order.created", &order_data(order))
}

/// Flag 350C of an order changed.
pub(super) fn of_order(books: &Transaction<'_>, order: &Order) -> Result<(), StoreFault> {
    let kind = match order.flag {
        Flag::Pending => return Ok(()),
        Flag::Paid => "order.paid",
        Flag::NotPaid(_) => "order.failed",
        Flag::Cancelled => "order.cancelled",
    };
    emit(books, kind, &order_data(order))
}

fn order_data(order: &Order) -> Json {
    let problem = if let Flag::NotPaid(problem) = &order.flag { Some(problem.code()) } else { None };
    json!({
        "order-id": order.id.as_str(),
        "amount": order.amount.to_string(),
        "reference": order.reference.as_ref().map(Reference::as_str),
        "problem": problem,
        "paid": order.paid.map(iso),
    })
}

/// A refund was decided.
pub(super) fn of_refund(books: &Transaction<'_>, refund: &RefundLog) -> Result<(), StoreFault> {
    let kind = match refund.status {
        LogStatus::Attempt | LogStatus::Retry => return Ok(()),
        LogStatus::Success => "refund.succeeded",
        LogStatus::Failure => "refund.failed",
    };
    let data = json!({
        "refund-id": refund.id.as_str(),
        "order-id": refund.order_id.as_str(),
        "amount": refund.amount.to_string(),
        "problem": refund.result.as_ref().map(Problem::code),
    });
    emit(books, kind, &data)
}

/// A settlement was decided.
pub(super) fn of_settlement(books: &Transaction<'_>, settlement: &Settlement) -> Result<(), StoreFault> {
    let kind = match settlement.status {
        LogStatus::Attempt | LogStatus::Retry => return Ok(()),
        LogStatus::Success => "settlement.succeeded",
        LogStatus::Failure => "settlement.failed",
    };
    let (amount, problem) = (settlement.amount.to_string(), settlement.result.as_ref().map(Problem::code));
    emit(books, kind, &json!({ "amount": amount, "problem": problem }))
}

/// Writes an event, and its way to every webhook that wants it.
fn emit(books: &Transaction<'_>, kind: &str, data: &Json) -> Result<(), StoreFault> {
    let sql = "INSERT INTO event (date, kind, data) VALUES (?1, ?2, ?3)";
    books.prepare_cached(sql)?.execute(params![now().millis(), kind, data.to_string()])?;
    let event = books.last_insert_rowid();
    let sql = "INSERT INTO delivery (webhook, event, state, attempts, next)
               SELECT id, ?1, 'due', 0, 0 FROM webhook
               WHERE removed IS NULL AND (kinds = '' OR instr(',' || kinds || ',', ',' || ?2 || ',') > 0)";
    books.prepare_cached(sql)?.execute(params![event, kind])?;
    Ok(())
}

/// One event.
pub(super) fn event(row: &Row<'_>) -> Result<Event, StoreFault> {
    let data: String = row.get("data")?;
    let data = serde_json::from_str(&data).map_err(|_| StoreFault::Damaged("data"))?;
    Ok(Event { id: row.get("id")?, date: super::rows::date(row, "date")?, kind: row.get("kind")?, data })
}

impl Store {
    /// The events that follow one, in order.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, StoreFault> {
        let sql = "SELECT * FROM event WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.all(sql, (after, limit), event).await
    }

    /// Says of orders whose time is up that they have expired; once each, at most `limit`. Yields how many.
    ///
    /// # Errors
    /// The books cannot be read or written.
    pub async fn tell_expired(&self, now: Date, limit: u32) -> Result<usize, StoreFault> {
        self.work(move |connection| {
            let transaction = connection.transaction()?;
            let over = expired(&transaction, now, limit)?;
            for order in &over {
                let sql = "UPDATE order_350 SET expiry_told = 1 WHERE order_id = ?1";
                transaction.prepare_cached(sql)?.execute([order.id.as_str()])?;
                emit(&transaction, "order.expired", &order_data(order))?;
            }
            transaction.commit()?;
            Ok(over)
        })
        .await
        .map(|over| {
            for order in &over {
                self.notice(&order.id);
            }
            over.len()
        })
    }
}

fn expired(books: &Connection, now: Date, limit: u32) -> Result<Vec<Order>, StoreFault> {
    let sql = "SELECT * FROM order_350 WHERE expiry_told = 0 AND flag IN ('pending', 'not-paid') AND collecting = 0
               AND expires < ?1 ORDER BY expires LIMIT ?2";
    all(books, sql, params![now.millis(), limit], super::rows::order)
}
