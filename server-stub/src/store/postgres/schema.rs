//! The tables, and how a database of an earlier version becomes one of this version, while other server processes may be
//! at the same.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;

use super::super::StoreError;
use super::link::said;

/// The steps from an empty database to this version; table `schema_version` has a row for each that was taken. What a step
/// that was released comes to is never changed: the next one is added. Each statement can be run again.
const STEPS: [&str; 5] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
];
/// Without it there is no version yet.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)";
/// What makes a statement one that a database need not know.
const OPTIONAL: &str = "fillfactor";
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
            Err(error) if error.code().is_some_and(is_race) => tokio::time::sleep(PAUSE).await,
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
        SqlState::DUPLICATE_COLUMN,
        // A table is a type as well; which of the two is found first depends on how far the other has come.
        SqlState::DUPLICATE_OBJECT,
        // Whoever takes a step on a slow disk is waited for.
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    races.contains(code)
}

/// Every statement is a transaction of its own: not everyone who speaks PostgreSQL changes several tables in one. A process
/// that is killed in between leaves tables that the next start completes; servers that do it at once do it all twice. A
/// version is noted when all of its step is done.
async fn take_steps(client: &Object) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(VERSIONS).await?;
    let found = version(client).await?;
    for (version, statements) in steps().filter(|(version, _)| *version > found) {
        for statement in statements {
            match client.batch_execute(&statement).await {
                Err(error) if statement.contains(OPTIONAL) && error.code().is_some_and(is_unknown) => {
                    tracing::info!(error = %said(&error), "the database goes on without: {statement}");
                }
                done => done?,
            }
        }
        let taken = "INSERT INTO schema_version (version) VALUES ($1) ON CONFLICT DO NOTHING";
        client.execute(taken, &[&version]).await?;
    }
    Ok(())
}

/// Each version and its statements.
fn steps() -> impl Iterator<Item = (i64, Vec<String>)> {
    (1_i64..).zip(STEPS).map(|(version, sql)| (version, statements(sql)))
}

/// The statements of a file, without what is said about them.
fn statements(sql: &str) -> Vec<String> {
    let said = |line: &str| line.split_once("--").map_or(line, |(code, _)| code).trim_end().to_owned();
    let code: Vec<String> = sql.lines().map(said).filter(|line| !line.is_empty()).collect();
    let code = code.join("\n");
    code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

/// Every statement that makes the tables, in order, as a server that starts runs them one by one.
pub fn all_statements() -> Vec<String> {
    let noted = |version| format!("INSERT INTO schema_version (version) VALUES ({version}) ON CONFLICT DO NOTHING");
    let step = |(version, statements): (i64, Vec<String>)| statements.into_iter().chain([noted(version)]);
    std::iter::once(VERSIONS.to_owned()).chain(steps().flat_map(step)).collect()
}

/// Whether the database does not know what it was told, or knows it and does not do it.
fn is_unknown(code: &SqlState) -> bool {
    [SqlState::FEATURE_NOT_SUPPORTED, SqlState::SYNTAX_ERROR, SqlState::INVALID_PARAMETER_VALUE].contains(code)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_can_be_run_again() {
        let known = [
            "CREATE TABLE IF NOT EXISTS ",
            "CREATE INDEX IF NOT EXISTS ",
            "ADD COLUMN IF NOT EXISTS ",
            "ON CONFLICT DO NOTHING",
            OPTIONAL,
        ];
        let all = all_statements();
        assert!(all.len() > 30, "{all:?}");
        for statement in all {
            assert!(known.iter().any(|what| statement.contains(what)), "{statement}");
            assert!(!statement.contains("--") && !statement.contains(';'), "{statement}");
        }
    }

    #[test]
    fn what_is_said_about_a_statement_is_none() {
        let sql = "-- One; and two\nCREATE TABLE a (\n    b TEXT  -- c; d\n);\n\nCREATE INDEX e ON a (b);  -- f\n";
        assert_eq!(statements(sql), ["CREATE TABLE a (\n    b TEXT\n)", "CREATE INDEX e ON a (b)"]);
    }
}
