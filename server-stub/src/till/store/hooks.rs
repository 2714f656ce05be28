//! Webhooks and their deliveries.

use protocol::date::Date;
use rusqlite::{Row, params};

use super::events::Event;
use super::{Store, StoreFault};

/// Where events are sent.
#[derive(Clone)]
pub struct Webhook {
    /// Names it.
    pub id: String,
    /// Where.
    pub url: String,
    /// Signs what is sent.
    pub secret: Vec<u8>,
    /// Which events; none means all.
    pub kinds: Vec<String>,
    /// When it was made.
    pub created: Date,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be tried, again or for the first time.
    Due,
    /// The webhook took it.
    Done,
    /// It was given up.
    Failed,
}

impl DeliveryState {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Due, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }
}

/// An event on its way to a webhook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Names it.
    pub id: i64,
    /// To which webhook.
    pub webhook: String,
    /// Which event.
    pub event: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was first tried.
    pub first: Option<Date>,
    /// When it is tried again.
    pub next: Date,
    /// The last answer's HTTP status.
    pub status: Option<u16>,
    /// Why the last try failed.
    pub fault: Option<String>,
}

/// What came of one try.
#[derive(Clone, Debug)]
pub struct Tried {
    /// When.
    pub date: Date,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed.
    pub fault: Option<String>,
    /// How the delivery stands now.
    pub state: DeliveryState,
    /// When it is tried again.
    pub next: Date,
}

fn webhook(row: &Row<'_>) -> Result<Webhook, StoreFault> {
    let kinds: String = row.get("kinds")?;
    Ok(Webhook {
        id: row.get("id")?,
        url: row.get("url")?,
        secret: row.get("secret")?,
        kinds: kinds.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect(),
        created: super::rows::date(row, "created")?,
    })
}

fn delivery(row: &Row<'_>) -> Result<Delivery, StoreFault> {
    let state: String = row.get("state")?;
    Ok(Delivery {
        id: row.get("id")?,
        webhook: row.get("webhook")?,
        event: row.get("event")?,
        state: DeliveryState::of(&state).ok_or(StoreFault::Damaged("state"))?,
        attempts: row.get("attempts")?,
        first: super::rows::optional_date(row, "first")?,
        next: super::rows::date(row, "next")?,
        status: row.get("status")?,
        fault: row.get("fault")?,
    })
}

/// A delivery with its last try.
const DELIVERIES: &str = "SELECT d.*, a.status, a.fault FROM delivery d
    LEFT JOIN delivery_attempt a ON a.delivery = d.id AND a.number = d.attempts";

impl Store {
    /// Keeps a webhook.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn put_webhook(&self, hook: Webhook) -> Result<(), StoreFault> {
        let sql = "INSERT INTO webhook (id, url, secret, kinds, created) VALUES (?1, ?2, ?3, ?4, ?5)";
        let Webhook { id, url, secret, kinds, created } = hook;
        self.work(move |books| {
            books.execute(sql, params![id, url, secret, kinds.join(","), created.millis()])?;
            Ok(())
        })
        .await
    }

    /// All webhooks.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreFault> {
        self.all("SELECT * FROM webhook WHERE removed IS NULL ORDER BY created, id", [], webhook).await
    }

    /// Removes a webhook: nothing more is sent to it. Says whether there was one.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn remove_webhook(&self, id: &str, now: Date) -> Result<bool, StoreFault> {
        let id = id.to_owned();
        self.work(move |books| {
            let transaction = books.transaction()?;
            let sql = "UPDATE webhook SET removed = ?2 WHERE id = ?1 AND removed IS NULL";
            let found = transaction.execute(sql, params![id, now.millis()])? > 0;
            transaction.execute("UPDATE delivery SET state = 'failed' WHERE webhook = ?1 AND state = 'due'", [id])?;
            transaction.commit()?;
            Ok(found)
        })
        .await
    }

    /// Deliveries to a webhook that are due at a time, each with its event, the oldest first.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn due(&self, hook: &str, now: Date, limit: u32) -> Result<Vec<(Delivery, Event)>, StoreFault> {
        let hook = hook.to_owned();
        self.work(move |books| {
            let sql = format!(
                "{DELIVERIES} WHERE d.state = 'due' AND d.next <= ?1 AND d.webhook = ?2 ORDER BY d.next, d.id LIMIT ?3"
            );
            let due = super::all(books, &sql, params![now.millis(), hook, limit], delivery)?;
            let with = |delivery: Delivery| {
                let sql = "SELECT * FROM event WHERE id = ?1";
                let event = super::find(books, sql, [delivery.event], super::events::event)?;
                Ok((delivery, event.ok_or(StoreFault::Damaged("delivery"))?))
            };
            due.into_iter().map(with).collect()
        })
        .await
    }

    /// Logs a try of a delivery, and how it stands now.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn tried(&self, delivery: &Delivery, tried: Tried) -> Result<(), StoreFault> {
        let (id, number) = (delivery.id, delivery.attempts + 1);
        self.work(move |books| {
            let Tried { date, status, fault, state, next } = tried;
            let transaction = books.transaction()?;
            let sql =
                "INSERT INTO delivery_attempt (delivery, number, date, status, fault) VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(sql, params![id, number, date.millis(), status, fault])?;
            let sql = "UPDATE delivery SET state = ?2, attempts = ?3, next = ?4, first = COALESCE(first, ?5)
                       WHERE id = ?1";
            transaction.execute(sql, params![id, state.as_str(), number, next.millis(), date.millis()])?;
            transaction.commit()?;
            Ok(())
        })
        .await
    }

    /// Deliveries, the newest first: of one webhook, or of all.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn deliveries(&self, hook: Option<String>, before: i64, limit: u32) -> Result<Vec<Delivery>, StoreFault> {
        self.work(move |books| {
            let sql =
                format!("{DELIVERIES} WHERE (?1 IS NULL OR d.webhook = ?1) AND d.id < ?2 ORDER BY d.id DESC LIMIT ?3");
            super::all(books, &sql, params![hook, before, limit], delivery)
        })
        .await
    }

    /// Sends an event once more, as a delivery of its own. Yields its id, if there is such a delivery and its webhook.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn replay(&self, id: i64) -> Result<Option<i64>, StoreFault> {
        let made = self
            .work(move |books| {
                let sql = "INSERT INTO delivery (webhook, event, state, attempts, next)
                           SELECT d.webhook, d.event, 'due', 0, 0 FROM delivery d JOIN webhook w ON w.id = d.webhook
                           WHERE d.id = ?1 AND w.removed IS NULL";
                let made = books.execute(sql, [id])? > 0;
                Ok(made.then(|| books.last_insert_rowid()))
            })
            .await?;
        self.wake();
        Ok(made)
    }
}
