//! The tables, and how a file of an earlier version becomes one of this version.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::super::chain::{ChainHead, EntryText};
use super::super::{StoreError, read, row};
use super::{CHAIN, load};

/// One step to the next version.
type Step = fn(&Transaction<'_>) -> Result<(), StoreError>;

/// The steps from an empty file to this version; `PRAGMA user_version` counts those that were taken. A step that was
/// released is never changed: the next one is added.
const STEPS: &[Step] = &[
    |db| Ok(db.execute_batch(include_str!("schema/1.sql"))?),
    |db| {
        db.execute_batch(include_str!("schema/2.sql"))?;
        chain(db)
    },
    |db| Ok(db.execute_batch(include_str!("schema/3.sql"))?),
    |db| Ok(db.execute_batch(include_str!("schema/4.sql"))?),
    |db| Ok(db.execute_batch(include_str!("schema/5.sql"))?),
    |db| Ok(db.execute_batch(include_str!("schema/6.sql"))?),
    |db| Ok(db.execute_batch(include_str!("schema/7.sql"))?),
];

/// Takes the steps that are missing, all in one transaction.
///
/// # Errors
/// The file was written by a newer version, or cannot be written.
pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let newer = || StoreError::Failed(format!("its tables are of version {found}, newer than {}", STEPS.len()));
    let taken = usize::try_from(found).ok().filter(|taken| *taken <= STEPS.len()).ok_or_else(newer)?;
    for (n, step) in STEPS.iter().enumerate().skip(taken) {
        step(&transaction)?;
        transaction.pragma_update(None, "user_version", row::count(n + 1)?)?;
    }
    Ok(transaction.commit()?)
}

/// Says whether the tables are of this version.
///
/// # Errors
/// They are not.
pub fn check(connection: &Connection) -> Result<(), StoreError> {
    let (found, ours) = (version(connection)?, row::count(STEPS.len())?);
    if found == ours {
        return Ok(());
    }
    let what = "start this program's server on them, which brings older ones up to date";
    Err(StoreError::Failed(format!("the books' tables are of version {found}, and this program's of {ours}: {what}")))
}

fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Writes the version once more: the least that can be written without changing anything.
///
/// # Errors
/// The file cannot be written.
pub fn write_version(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.pragma_update(None, "user_version", version(connection)?)?)
}

/// Fills in the hashes of a journal that had none.
fn chain(db: &Transaction<'_>) -> Result<(), StoreError> {
    let mut hashed = db.prepare("UPDATE journal SET hash = ?2 WHERE id = ?1")?;
    let mut head = ChainHead::empty(CHAIN);
    load::each(db, "SELECT * FROM journal ORDER BY id", |row| {
        head = head.next(&EntryText::of(&read::entry(row)?));
        let id: i64 = row::column(row, "id")?;
        hashed.execute(params![id, head.hash])?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit;
    use crate::store::sqlite::{FILE, SqliteBooks};

    /// The first version's tables: a load, an unload, two sessions, a payment between them, and a session that was closed.
    const OLD: &str = "
        INSERT INTO journal (date, reason, debit, credit, currency, amount, reference) VALUES
            (1795000000000, 'load', 'agency/usd', 'container/brianb-40/usd', 'usd', 10000, ''),
            (1795000000001, 'unload', 'container/brianb-40/usd', 'agency/usd', 'usd', 2500, ''),
            (1795000000002, 'open', 'container/brianb-40/usd', 'session/1/usd', 'usd', 1000, '1'),
            (1795000000003, 'open', 'container/acme-82/usd', 'session/2/usd', 'usd', 0, '2'),
            (1795000000004, 'open', 'container/acme-82/usd', 'session/3/usd', 'usd', 0, '3'),
            (1795000000005, 'payment', 'session/1/usd', 'session/2/usd', 'usd', 400, '1/1'),
            (1795000000006, 'return', 'session/3/usd', 'container/acme-82/usd', 'usd', 0, '3');
        INSERT INTO persona_120 VALUES
            ('brianb-40', '', '2.0', x'', '', 1795000000000, 'en-us', 'usd', NULL, '', 'active', 1),
            ('acme-82', '', '2.0', x'', '', 1795000000000, 'en-us', 'usd', NULL, '', 'active', 1);
        INSERT INTO movement_405 (persona, instrument, date, currency, amount) VALUES
            ('brianb-40', 1, 1795000000000, 'usd', 10000),
            ('brianb-40', 1, 1795000000001, 'usd', -2500);
        INSERT INTO container_120g VALUES ('brianb-40', 'usd', 6500, 0), ('acme-82', 'usd', 0, 0);
        INSERT INTO house_account VALUES ('agency/usd', -7500);
        INSERT INTO session_130 VALUES
            (1, '2.0', zeroblob(32), zeroblob(32), 'usd', 1000, 600, 1795000000002, 1795003600002, NULL, NULL,
             60, 10, 1, 'brianb-40', ''),
            (2, '2.0', zeroblob(32), zeroblob(32), 'usd', 0, 400, 1795000000003, 1795003600003, NULL, NULL,
             60, 10, 1, 'acme-82', ''),
            (3, '2.0', zeroblob(32), zeroblob(32), 'usd', 0, 0, 1795000000004, 1795003600004, 1795000000006, 'closed',
             60, 10, 0, 'acme-82', '');
        INSERT INTO transaction_130n VALUES
            (1, 1, 'brianb-40', 2, 1, 'acme-82', 'order-1', 'usd', 400, 'usd', 400, zeroblob(32), 1795000000005);
        INSERT INTO message_log_140 VALUES (2, '2', 1, zeroblob(32), 'CA3', 1795000000005);
        PRAGMA user_version = 1;";

    #[tokio::test]
    async fn books_of_the_first_version_are_brought_up_to_date_and_chained() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut connection = Connection::open(folder.path().join(FILE)).expect("a file");
        connection.execute_batch(include_str!("schema/1.sql")).expect("tables");
        connection.execute_batch(OLD).expect("rows");
        migrate(&mut connection).expect("this version");
        migrate(&mut connection).expect("nothing to do");
        let findings = audit::audit(&SqliteBooks::open(folder.path())).await.expect("books");
        assert_eq!(findings.lies, []);
        assert_eq!(findings.heads.iter().map(|head| head.number).collect::<Vec<_>>(), [7]);
        assert_eq!((findings.read.sessions, findings.read.payments), (3, 1));
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().expect("a file");
        connection.pragma_update(None, "user_version", 99).expect("a version");
        let refused = migrate(&mut connection).expect_err("newer");
        assert!(refused.to_string().contains("version 99, newer than"), "{refused}");
    }
}
