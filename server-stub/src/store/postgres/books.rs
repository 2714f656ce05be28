//! The books, for the audit: read row by row, all of one moment.

use async_trait::async_trait;
use deadpool_postgres::Object;
use futures_util::TryStreamExt as _;
use tokio_postgres::Config;
use tokio_postgres::types::ToSql;

use super::super::row::{Columns, column, name_of, persona_id};
use super::super::{BookReader, BookRow, Books, StoreError, read};
use super::link::Link;
use super::load::SNAPSHOT;
use super::schema;

/// The books of a database, to be read without changing anything.
#[derive(Debug)]
pub struct PostgresBooks(Config);

impl PostgresBooks {
    /// The books of a database; nothing is read yet.
    pub fn open(config: Config) -> Self {
        Self(config)
    }
}

#[async_trait]
impl Books for PostgresBooks {
    async fn show(&self, see: &mut BookReader<'_>) -> Result<(), StoreError> {
        let client = Link::to(&self.0, 1)?.client().await?;
        schema::check(&client).await?;
        show(client, see).await
    }
}

type Read = fn(&dyn Columns) -> Result<BookRow, StoreError>;

/// A table of the books: what to ask for, the columns that name a row, and how to read it.
struct Table {
    name: &'static str,
    sql: &'static str,
    key: &'static [&'static str],
    read: Read,
}

/// In the order in which they are shown.
const TABLES: [Table; 11] = [
    Table {
        name: "journal",
        sql: "SELECT * FROM journal ORDER BY chain, number",
        key: &["chain", "number"],
        read: |row| Ok(BookRow::Entry(read::head(row, column(row, "chain")?, "number")?, read::entry(row)?)),
    },
    Table {
        name: "journal_chain",
        sql: "SELECT * FROM journal_chain ORDER BY chain",
        key: &["chain"],
        read: |row| Ok(BookRow::Head(read::head(row, column(row, "chain")?, "number")?)),
    },
    Table {
        name: "persona_120",
        sql: "SELECT id FROM persona_120",
        key: &["id"],
        read: |row| Ok(BookRow::Persona(persona_id(row, "id")?)),
    },
    Table {
        name: "container_120g",
        sql: "SELECT * FROM container_120g",
        key: &["persona", "currency"],
        read: |row| Ok(BookRow::Container(persona_id(row, "persona")?, read::container(row)?.1)),
    },
    Table { name: "session_130", sql: "SELECT * FROM session_130 ORDER BY id", key: &["id"], read: read::book_session },
    Table {
        name: "refund",
        sql: "SELECT * FROM refund",
        key: &["payer_session", "payer_index", "number"],
        read: |row| Ok(BookRow::Refund(Box::new(read::refund(row)?))),
    },
    Table {
        name: "transaction_130n",
        sql: "SELECT * FROM transaction_130n",
        key: &["payer_session", "payer_index"],
        read: |row| Ok(BookRow::Payment(Box::new(read::transaction(row)?))),
    },
    Table {
        name: "message_log_140",
        sql: "SELECT kind, owner, number FROM message_log_140 WHERE kind = 2",
        key: &["kind", "owner", "number"],
        read: read::answered,
    },
    Table { name: "fee", sql: "SELECT * FROM fee", key: &["id"], read: |row| Ok(BookRow::Charge(read::charge(row)?)) },
    Table {
        name: "movement_405",
        sql: "SELECT * FROM movement_405",
        key: &["id"],
        read: |row| read::movement(row).map(|(number, movement)| BookRow::Movement(number, movement)),
    },
    Table {
        name: "house_account",
        sql: "SELECT * FROM house_account",
        key: &["account"],
        read: |row| Ok(BookRow::House(read::account(row, "account")?, column(row, "balance")?)),
    },
];

/// Shows every row, all of one moment.
pub async fn show(client: Object, see: &mut BookReader<'_>) -> Result<(), StoreError> {
    // Whatever happens, nobody gets a connection that is in the middle of this; and an audit may take longer than a
    // statement of a server.
    let client = Object::take(client);
    client.batch_execute("SET statement_timeout = 0").await?;
    client.batch_execute(SNAPSHOT).await?;
    for table in &TABLES {
        let rows = client.query_raw(table.sql, std::iter::empty::<&dyn ToSql>()).await?;
        let mut rows = std::pin::pin!(rows);
        while let Some(row) = rows.try_next().await? {
            let unreadable =
                |error: StoreError| BookRow::Unreadable { row: name_of(table.name, table.key, &row), why: error.why() };
            see((table.read)(&row).unwrap_or_else(unreadable));
        }
    }
    client.batch_execute("COMMIT").await?;
    Ok(())
}
