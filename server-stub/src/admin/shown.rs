//! What a command shows: tables for people, or the same as JSON for programs.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

/// Tables, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Shown(Vec<Table>);

/// A named table.
#[derive(Clone, Debug)]
pub struct Table {
    name: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table without rows yet.
    pub fn new(name: &'static str, head: &[&'static str]) -> Self {
        Self { name, head: head.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, with a cell for each column.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.head.len(), "a cell for each column");
        self.rows.push(Vec::from(cells));
    }

    fn widths(&self) -> Vec<usize> {
        let wide = |text: &str| text.chars().count();
        let column = |n: usize| self.rows.iter().map(|row| wide(&row[n])).chain([wide(self.head[n])]).max();
        (0..self.head.len()).map(|n| column(n).unwrap_or_default()).collect()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            return writeln!(out, "{}: none", self.name);
        }
        let widths = self.widths();
        let head: Vec<String> = self.head.iter().map(|name| (*name).to_owned()).collect();
        for row in std::iter::once(&head).chain(&self.rows) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(out, "{}", cells.collect::<Vec<_>>().join(GAP).trim_end())?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let object = |row: &Vec<String>| {
            let pairs = self.head.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), json!(cell)));
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        Value::Array(self.rows.iter().map(object).collect())
    }
}

impl Shown {
    /// Adds a table.
    pub fn and(mut self, table: Table) -> Self {
        self.0.push(table);
        self
    }

    /// Prints all tables.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print(&self, json: bool) -> io::Result<()> {
        self.write(&mut io::stdout().lock(), json)
    }

    fn write(&self, out: &mut impl Write, json: bool) -> io::Result<()> {
        if json {
            let tables = self.0.iter().map(|table| (table.name.to_owned(), table.json()));
            return writeln!(out, "{:#}", Value::Object(tables.collect()));
        }
        for (n, table) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(out)?;
            }
            table.write(out)?;
        }
        Ok(())
    }
}

impl From<Table> for Shown {
    fn from(table: Table) -> Self {
        Self(vec![table])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: bool) -> String {
        let mut fees = Table::new("fees", &["service", "fixed"]);
        fees.row(["collect".to_owned(), "usd 0.25".to_owned()]);
        let mut out = Vec::new();
        Shown::from(fees).and(Table::new("rates", &["currency"])).write(&mut out, json).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn people_get_columns() {
        assert_eq!(written(false), "service  fixed\ncollect  usd 0.25\n\nrates: none\n");
    }

    #[test]
    fn programs_get_the_same() {
        let value: Value = serde_json::from_str(&written(true)).expect("JSON");
        assert_eq!(value, json!({"fees": [{"service": "collect", "fixed": "usd 0.25"}], "rates": []}));
    }
}
