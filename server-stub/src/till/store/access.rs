//! Who is let in: API keys, what was answered under an Idempotency-Key, and the dashboard's logins.

use protocol::date::Date;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::rows::{date, optional_date};
use super::{Store, StoreFault};

/// The name of the key that the first start prints.
pub const FIRST_KEY: &str = "first";
/// How long keys that have ended are listed, in seconds: 90 days.
const KEYS_REMEMBERED_SECS: i64 = 90 * 24 * 3_600;

/// An API key as it is kept: without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// Names it; not secret.
    pub id: String,
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// The merchant's name for it.
    pub label: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: Date,
    /// From then on it is refused.
    pub expires: Option<Date>,
}

impl AccessKey {
    /// Whether it is let in.
    pub fn is_alive(&self, now: Date) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

/// What is kept of a request with an Idempotency-Key: it is done once, and answered again with what it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The API key.
    pub owner: String,
    /// The Idempotency-Key.
    pub name: String,
    /// SHA-256 of the request.
    pub request: Vec<u8>,
    /// What was made.
    pub subject: String,
    /// When.
    pub date: Date,
}

/// Who is logged in to the dashboard.
#[derive(Clone, Debug)]
pub struct Login {
    /// SHA-256 of the cookie.
    pub hash: Vec<u8>,
    /// What every form carries.
    pub form_token: String,
    /// When it ends.
    pub expires: Date,
}

fn access_key(row: &Row<'_>) -> Result<AccessKey, StoreFault> {
    let scopes: String = row.get("scopes")?;
    Ok(AccessKey {
        id: row.get("id")?,
        hash: row.get("hash")?,
        label: row.get("label")?,
        scopes: scopes.split(',').map(str::to_owned).collect(),
        created: date(row, "created")?,
        expires: optional_date(row, "expires")?,
    })
}

fn answered(row: &Row<'_>) -> Result<Answered, StoreFault> {
    Ok(Answered {
        owner: row.get("owner")?,
        name: row.get("name")?,
        request: row.get("request")?,
        subject: row.get("subject")?,
        date: date(row, "date")?,
    })
}

fn login(row: &Row<'_>) -> Result<Login, StoreFault> {
    Ok(Login { hash: row.get("hash")?, form_token: row.get("form_token")?, expires: date(row, "expires")? })
}

/// Keeps an answer, in the transaction of what was done.
pub(super) fn put_answered(books: &Transaction<'_>, answered: &Answered) -> Result<(), StoreFault> {
    let Answered { owner, name, request, subject, date } = answered;
    let sql = "INSERT INTO answered (owner, name, request, subject, date) VALUES (?1, ?2, ?3, ?4, ?5)";
    books.execute(sql, params![owner, name, request, subject, date.millis()])?;
    Ok(())
}

impl Store {
    /// Keeps an API key; in the place of the one of that id, if there is one.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn put_key(&self, key: AccessKey) -> Result<(), StoreFault> {
        let sql = "INSERT INTO access_key (id, hash, label, scopes, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, scopes = excluded.scopes,
                   created = excluded.created, expires = excluded.expires";
        self.work(move |books| {
            let AccessKey { id, hash, label, scopes, created, expires } = key;
            let expires = expires.map(Date::millis);
            books.execute(sql, params![id, hash, label, scopes.join(","), created.millis(), expires])?;
            Ok(())
        })
        .await
    }

    /// The key of a hash.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn key_of_hash(&self, hash: Vec<u8>) -> Result<Option<AccessKey>, StoreFault> {
        self.find("SELECT * FROM access_key WHERE hash = ?1", [hash], access_key).await
    }

    /// All API keys.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn keys(&self) -> Result<Vec<AccessKey>, StoreFault> {
        self.all("SELECT * FROM access_key ORDER BY created, id", [], access_key).await
    }

    /// Lets a key end at a time, where it does not end before. Says whether there is such a key.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn expire_key(&self, id: &str, at: Date) -> Result<bool, StoreFault> {
        let id = id.to_owned();
        let sql = "UPDATE access_key SET expires = MIN(COALESCE(expires, ?2), ?2) WHERE id = ?1";
        self.work(move |books| Ok(books.execute(sql, params![id, at.millis()])? > 0)).await
    }

    /// What was answered under an Idempotency-Key.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn answered(&self, owner: &str, name: &str) -> Result<Option<Answered>, StoreFault> {
        let sql = "SELECT * FROM answered WHERE owner = ?1 AND name = ?2";
        self.find(sql, [owner.to_owned(), name.to_owned()], answered).await
    }

    /// Forgets what is too old: answers, logins, and keys that ended long ago. The first key stays known, so that no start
    /// takes itself for the first one.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn forget(&self, answers_before: Date, now: Date) -> Result<(), StoreFault> {
        let ended_before = now.plus_secs(-KEYS_REMEMBERED_SECS);
        self.work(move |books| {
            let sql = "DELETE FROM access_key WHERE expires < ?1 AND id <> ?2";
            books.execute(sql, params![ended_before.millis(), FIRST_KEY])?;
            books.execute("DELETE FROM answered WHERE date < ?1", [answers_before.millis()])?;
            books.execute("DELETE FROM dashboard_login WHERE expires < ?1", [now.millis()])?;
            Ok(())
        })
        .await
    }

    /// The hash of the dashboard's password, if it has one.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn password(&self) -> Result<Option<String>, StoreFault> {
        self.find("SELECT hash FROM dashboard_password", [], |row| Ok(row.get(0)?)).await
    }

    /// Sets the dashboard's password; whoever is logged in has to log in again.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn set_password(&self, hash: String) -> Result<(), StoreFault> {
        let sql = "INSERT INTO dashboard_password (one, hash) VALUES (1, ?1)
                   ON CONFLICT (one) DO UPDATE SET hash = excluded.hash";
        self.work(move |books| {
            let transaction = books.transaction()?;
            transaction.execute(sql, [hash])?;
            transaction.execute("DELETE FROM dashboard_login", [])?;
            Ok(transaction.commit()?)
        })
        .await
    }

    /// Keeps a login.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn put_login(&self, login: Login) -> Result<(), StoreFault> {
        let sql = "INSERT INTO dashboard_login (hash, form_token, expires) VALUES (?1, ?2, ?3)";
        self.work(move |books| {
            books.execute(sql, params![login.hash, login.form_token, login.expires.millis()])?;
            Ok(())
        })
        .await
    }

    /// The login of a cookie.
    ///
    /// # Errors
    /// The books cannot be read.
    pub async fn login(&self, hash: Vec<u8>, now: Date) -> Result<Option<Login>, StoreFault> {
        self.work(move |books| {
            let sql = "SELECT * FROM dashboard_login WHERE hash = ?1 AND expires > ?2";
            let mut statement = books.prepare_cached(sql)?;
            statement.query_row(params![hash, now.millis()], |row| Ok(login(row))).optional()?.transpose()
        })
        .await
    }

    /// Ends a login.
    ///
    /// # Errors
    /// The books cannot be written.
    pub async fn end_login(&self, hash: Vec<u8>) -> Result<(), StoreFault> {
        self.work(move |books| {
            books.execute("DELETE FROM dashboard_login WHERE hash = ?1", [hash])?;
            Ok(())
        })
        .await
    }
}
