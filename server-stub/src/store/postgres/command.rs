//! Statements that change something, as values: many rows in one statement each, with what must be true in its `WHERE`,
//! and the keys that it must come back with.

use std::collections::HashSet;

use deadpool_postgres::Object;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::super::StoreError;
use super::super::row::{Columns, signed};
use super::group::Key;

/// A parameter of a statement.
pub type Param<'a> = Box<dyn ToSql + Sync + Send + 'a>;
/// Reads the key of a row that a statement returns.
pub type Found = fn(&dyn Columns) -> Result<Key, StoreError>;

/// A statement to run.
pub struct Command<'a> {
    /// Its text: never made from what somebody sent.
    pub sql: &'static str,
    /// Its parameters.
    pub params: Vec<Param<'a>>,
    /// What it has to return; what it does not clashes with somebody else's change.
    pub expected: Vec<Key>,
    /// Reads what it returned.
    pub found: Found,
}

impl<'a> Command<'a> {
    /// A statement that cannot clash.
    pub fn of(sql: &'static str, params: Vec<Param<'a>>) -> Self {
        let found = |_: &dyn Columns| Err(StoreError::Failed("invariant: nothing was to be returned".to_owned()));
        Self { sql, params, expected: Vec::new(), found }
    }

    /// A statement on one thing: it returns something, or it clashes.
    pub fn on(key: Key, sql: &'static str, params: Vec<Param<'a>>) -> Self {
        Self { expected: vec![key], ..Self::of(sql, params) }
    }

    /// Runs it, and yields what it clashes over.
    pub async fn run(&self, client: &Object, statement: &Statement) -> Result<Vec<Key>, RunError> {
        let params: Vec<&(dyn ToSql + Sync)> = self.params.iter().map(|param| &**param as _).collect();
        let rows = client.query(statement, &params).await.map_err(RunError::Sql)?;
        if rows.len() >= self.expected.len() {
            return Ok(Vec::new());
        }
        if let ([key], []) = (self.expected.as_slice(), rows.as_slice()) {
            return Ok(vec![key.clone()]);
        }
        let found =
            rows.iter().map(|row| (self.found)(row)).collect::<Result<HashSet<Key>, _>>().map_err(RunError::Row)?;
        Ok(self.expected.iter().filter(|key| !found.contains(*key)).cloned().collect())
    }
}

/// Why a statement did not run.
pub enum RunError {
    /// The database says so.
    Sql(tokio_postgres::Error),
    /// It returned what it cannot have returned.
    Row(StoreError),
}

/// A boxed parameter.
pub fn param<'a>(value: impl ToSql + Sync + Send + 'a) -> Param<'a> {
    Box::new(value)
}

/// A column of many rows.
pub fn column<'a, T, V: ToSql + Sync + Send + 'a>(items: &[T], value: impl Fn(&T) -> V) -> Param<'a> {
    Box::new(items.iter().map(value).collect::<Vec<V>>())
}

/// A column of unsigned numbers.
pub fn numbers<'a, T>(items: &[T], number: impl Fn(&T) -> u64) -> Result<Param<'a>, StoreError> {
    Ok(Box::new(items.iter().map(|item| signed(number(item))).collect::<Result<Vec<i64>, _>>()?))
}
