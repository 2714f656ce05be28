//! What the merchant looks through: orders, payments, refunds, sessions, settlements; and the lines of an export.

use merchant_widget::till::record::{CollectionLog, Order, SalesSession};
use merchant_widget::till::refund::RefundLog;
use merchant_widget::till::settlement::Settlement;
use protocol::date::Date;
use protocol::money::Money;
use protocol::value::{OrderId, SessionId};
use rusqlite::{Row, params};

use super::rows::{self, date, index, money, number, optional, session_id};
use super::{Store, StoreFault};

/// Which rows to look at.
#[derive(Clone, Debug)]
pub struct Filter {
    /// In an order's id or reference; empty: any.
    pub text: String,
    /// The status as it is shown; empty: any.
    pub status: String,
    /// From this time on.
    pub from: Date,
    /// Before this time.
    pub to: Date,
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self { text: String::new(), status: String::new(), from: Date::from_millis(0), to: Date::from_millis(i64::MAX) }
    }

    /// The text as a pattern of SQL's LIKE, where `%` and `_` stand for themselves.
    fn pattern(&self) -> String {
        let text = self.text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        format!("%{text}%")
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many rows are left out.
    pub offset: u32,
    /// How many rows come.
    pub limit: u32,
}

/// A line of an export: money that came or went, as the server's statement tells it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub date: Date,
    /// `collected`, `refund-made` or `unload`, as in a statement.
    pub kind: &'static str,
    /// Of payments and refunds.
    pub order_id: Option<OrderId>,
    /// The merchant's own name for the order.
    pub reference: Option<String>,
    /// What came, or went if negative.
    pub amount: Money,
    /// The payer's session number and index, of payments and refunds.
    pub payment: Option<(u64, u16)>,
}

/// The status of an order at time ?5, as it is shown.
const STATUS: &str = "CASE WHEN flag = 'paid' THEN 'paid' WHEN flag = 'cancelled' THEN 'cancelled'
    WHEN expires < ?5 AND collecting = 0 THEN 'expired' WHEN flag = 'pending' THEN 'open' ELSE 'failed' END";

impl Store {
    /// Orders, the newest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn orders(&self, filter: &Filter, page: Page, now: Date) -> Result<Vec<Order>, StoreFault> {
        let (filter, Page { offset, limit }) = (filter.clone(), page);
        self.work(move |books| {
            let sql = format!(
                "SELECT * FROM order_350 WHERE placed >= ?1 AND placed < ?2
                 AND (order_id LIKE ?3 ESCAPE '\\' OR COALESCE(reference, '') LIKE ?3 ESCAPE '\\')
                 AND (?4 = '' OR {STATUS} = ?4) ORDER BY placed DESC, order_id LIMIT ?6 OFFSET ?7"
            );
            let (from, to) = (filter.from.millis(), filter.to.millis());
            let values = params![from, to, filter.pattern(), filter.status, now.millis(), limit, offset];
            super::all(books, &sql, values, rows::order)
        })
        .await
    }

    /// The payments of an order, the oldest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn payments_of(&self, order: &OrderId) -> Result<Vec<CollectionLog>, StoreFault> {
        let sql = "SELECT * FROM cash_log_370 WHERE order_id = ?1 ORDER BY received";
        self.all(sql, [order.as_str().to_owned()], rows::collection).await
    }

    /// Payments, the newest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn payments(&self, filter: &Filter, page: Page) -> Result<Vec<CollectionLog>, StoreFault> {
        let sql = "SELECT * FROM cash_log_370 WHERE received >= ?1 AND received < ?2 AND order_id LIKE ?3 ESCAPE '\\'
                   ORDER BY received DESC, payment LIMIT ?4 OFFSET ?5";
        let (from, to) = (filter.from.millis(), filter.to.millis());
        self.all(sql, (from, to, filter.pattern(), page.limit, page.offset), rows::collection).await
    }

    /// A refund.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn refund(&self, id: &str) -> Result<Option<RefundLog>, StoreFault> {
        self.find("SELECT * FROM cash_log_370_refunds WHERE refund_id = ?1", [id.to_owned()], rows::refund).await
    }

    /// The refunds of an order, the oldest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn refunds_of(&self, order: &OrderId) -> Result<Vec<RefundLog>, StoreFault> {
        let sql = "SELECT * FROM cash_log_370_refunds WHERE order_id = ?1 ORDER BY asked";
        self.all(sql, [order.as_str().to_owned()], rows::refund).await
    }

    /// Refunds that are not decided.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn open_refunds(&self) -> Result<Vec<RefundLog>, StoreFault> {
        let sql = "SELECT * FROM cash_log_370_refunds WHERE status IN ('attempt', 'retry') ORDER BY asked";
        self.all(sql, [], rows::refund).await
    }

    /// Refunds, the newest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn refunds(&self, filter: &Filter, page: Page) -> Result<Vec<RefundLog>, StoreFault> {
        let sql = "SELECT * FROM cash_log_370_refunds WHERE asked >= ?1 AND asked < ?2
                   AND order_id LIKE ?3 ESCAPE '\\' ORDER BY asked DESC, refund_id LIMIT ?4 OFFSET ?5";
        let (from, to) = (filter.from.millis(), filter.to.millis());
        self.all(sql, (from, to, filter.pattern(), page.limit, page.offset), rows::refund).await
    }

    /// Sales sessions, the newest first, with those that are closed.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn all_sessions(&self, page: Page) -> Result<Vec<SalesSession>, StoreFault> {
        let sql = "SELECT * FROM sales_session_360 ORDER BY opened DESC LIMIT ?1 OFFSET ?2";
        self.all(sql, (page.limit, page.offset), rows::session).await
    }

    /// How many CA2s of a session have no CA3.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn under_way_in(&self, session: &SessionId) -> Result<u32, StoreFault> {
        let sql = "SELECT COUNT(*) FROM batch_ca2 WHERE session_id = ?1 AND answered = 0";
        let id = session.as_slice().to_vec();
        Ok(self.find(sql, [id], |row| Ok(row.get(0)?)).await?.unwrap_or_default())
    }

    /// A settlement.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn settlement(&self, transaction: u64) -> Result<Option<Settlement>, StoreFault> {
        let number = i64::try_from(transaction).unwrap_or(i64::MAX);
        self.find("SELECT * FROM settlement WHERE transaction_number = ?1", [number], rows::settlement).await
    }

    /// Settlements, the newest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn settlements(&self, page: Page) -> Result<Vec<Settlement>, StoreFault> {
        let sql = "SELECT * FROM settlement ORDER BY asked DESC, transaction_number LIMIT ?1 OFFSET ?2";
        self.all(sql, (page.limit, page.offset), rows::settlement).await
    }

    /// When the till last settled, or began to settle on a schedule.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn settled(&self) -> Result<Option<Date>, StoreFault> {
        self.find("SELECT date FROM settled", [], |row| date(row, "date")).await
    }

    /// Writes down that the till has settled.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn put_settled(&self, now: Date) -> Result<(), StoreFault> {
        let sql = "INSERT INTO settled (one, date) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET date = excluded.date";
        self.work(move |books| {
            books.execute(sql, [now.millis()])?;
            Ok(())
        })
        .await
    }

    /// Everything that came and went in a time, the oldest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn lines(&self, from: Date, to: Date) -> Result<Vec<Line>, StoreFault> {
        let sql = "
            SELECT COALESCE(o.paid, c.received) AS date, 1 AS kind, c.order_id, o.reference, c.credited AS amount,
                   c.credited_currency AS currency, c.customer_session, c.customer_index
            FROM cash_log_370 c JOIN order_350 o ON o.order_id = c.order_id
            WHERE c.status = 'success' AND COALESCE(o.paid, c.received) >= ?1 AND COALESCE(o.paid, c.received) < ?2
            UNION ALL
            SELECT r.done, 2, r.order_id, o.reference, -r.amount, r.currency, c.customer_session, c.customer_index
            FROM cash_log_370_refunds r JOIN order_350 o ON o.order_id = r.order_id
            JOIN cash_log_370 c ON c.payment = r.payment
            WHERE r.status = 'success' AND r.done >= ?1 AND r.done < ?2
            UNION ALL
            SELECT done, 3, NULL, NULL, -amount, currency, NULL, NULL
            FROM settlement WHERE status = 'success' AND done >= ?1 AND done < ?2
            ORDER BY 1, 2, 3";
        self.all(sql, (from.millis(), to.millis()), line).await
    }
}

fn line(row: &Row<'_>) -> Result<Line, StoreFault> {
    let kind = match number(row, "kind")? {
        1 => "collected",
        2 => "refund-made",
        _ => "unload",
    };
    let order_id: Option<OrderId> = optional(row, "order_id")?;
    let payment = match order_id {
        Some(_) => Some((session_id(row, "customer_session")?.number(), index(row, "customer_index")?.get())),
        None => None,
    };
    let (date, reference) = (date(row, "date")?, row.get("reference")?);
    Ok(Line { date, kind, order_id, reference, amount: money(row, "currency", "amount")?, payment })
}
