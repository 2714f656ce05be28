//! The tables, and how a database of an earlier version becomes one of this version, while other server processes may be
//! at the same.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::super::StoreError;
use super::link::said;

/// The steps from an empty database to this version; table `schema_version` has a row for each that was taken. A step
/// that was released is never changed: the next one is added.
const STEPS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];
/// How often it is tried where others are at it.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the steps that are missing.
///
/// # Errors
/// The tables are of a newer version, or cannot be made.
pub async fn migrate(client: &Object) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        match take_steps(client).await {
            Ok(()) => return check(client).await,
            Err(error) if error.code().is_some_and(is_race) => {
                client.batch_execute("ROLLBACK").await?;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(said(&error)),
        }
    }
    Err(StoreError::Failed("the tables could not be made: others are making them".to_owned()))
}

/// Whether somebody else did the same at the same time.
fn is_race(code: &SqlState) -> bool {
    let races = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        // A table is a type as well; which of the two is found first depends on how far the other has come.
        SqlState::DUPLICATE_OBJECT,
        // Whoever takes a step on a slow disk is waited for.
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    races.contains(code)
}

async fn take_steps(client: &Object) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)").await?;
    let found = version(client).await?;
    for (version, sql) in (1_i64..).zip(STEPS).filter(|(version, _)| *version > found) {
        // Whoever inserts the version takes the step; the other one waits here, and finds it taken.
        let whole = format!("BEGIN; INSERT INTO schema_version (version) VALUES ({version}); {sql} COMMIT");
        client.batch_execute(&whole).await?;
    }
    Ok(())
}

async fn version(client: &Object) -> Result<i64, tokio_postgres::Error> {
    client.query_one("SELECT COALESCE(MAX(version), 0) FROM schema_version", &[]).await?.try_get(0)
}

/// Checks that the tables are of this version.
///
/// # Errors
/// They are not, or there are none.
pub async fn check(client: &Object) -> Result<(), StoreError> {
    let found = version(client).await.map_err(|error| said(&error))?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if found == known {
        return Ok(());
    }
    Err(StoreError::Failed(format!("its tables are of version {found}; this program knows version {known}")))
}
