//! Every column of every table: what is changed there is found, and named, or it is in the list of what the audit cannot
//! tell.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::books::{copied, full_books, lies};

/// What can be changed without the audit telling of it, and why that is so: a column is in here if one other value in one
/// row is not told of. Nothing that moves money or marks a payment as made is.
const NOT_TOLD: &[(&str, &[&str], &str)] = &[
    (
        "persona_120",
        &[
            "email",
            "protocol",
            "public_key",
            "key_name",
            "registered",
            "language",
            "default_currency",
            "autoclose",
            "agreements",
            "status",
            "revision",
        ],
        "says who somebody is and how they sign; no journal repeats it",
    ),
    (
        "instrument_120h",
        &[
            "persona",
            "id",
            "kind",
            "sealed_number",
            "agreements",
            "prefix",
            "hash",
            "keyed_hash",
            "bound",
            "first_used",
            "status",
            "enabled_from",
            "functions",
            "autoclose",
            "waits_for",
            "limits",
        ],
        "says what may be moved where; what was moved is in the journal, and the bank knows whose account it is",
    ),
    (
        "challenge",
        &["persona", "id", "asked", "wrong_answers", "sealed_number", "salt", "questions", "binding"],
        "a question that waits; nothing has moved",
    ),
    ("movement_405", &["id"], "the order of rows; nothing refers to it"),
    ("movement_405", &["instrument"], "which of the persona's instruments it was counts for their limits alone"),
    ("movement_405", &["clears"], "when a bank will deliver is the bank's word; that it has not is checked"),
    ("session_130", &["key", "salt"], "random bytes of that length; with others no payment of the session opens"),
    ("session_130", &["memo"], "the owner's words"),
    ("session_130", &["uses"], "see those of an open one"),
    (
        "session_130_live",
        &["uses"],
        "may be fewer by the collections that brought nothing: only sealed answers tell which were refused as a whole",
    ),
    ("session_130", &["use_limit"], "of a session that has ended: nothing can be used any more"),
    ("transaction_130n", &["id"], "the order of rows; nothing refers to it"),
    ("transaction_130n", &["order_id"], "what was bought; payer and payee have it under their own signatures"),
    (
        "transaction_130n",
        &["opaque_hash"],
        "tells the same payment sent again; another is refused, for its index is used",
    ),
    ("transaction_130n", &["payee_index"], "may become that of a collection that brought nothing"),
    ("refund", &["note"], "the payee's words"),
    ("fee", &["id"], "the order of rows; nothing refers to it"),
    (
        "message_log_140",
        &["id", "kind", "owner", "number", "message_hash", "response", "date"],
        "answers are sealed for those who asked; that each collection that brought something has one is checked",
    ),
    (
        "report",
        &["message_hash", "date", "persona", "problem", "diagnosis", "received"],
        "what clients say; nobody proves it",
    ),
    ("attempt", &["persona", "since", "wrong"], "wrong passphrases; nothing has moved"),
    ("epoch", &["number", "began"], "when books were restored; `restore` prints it for the operator's own papers"),
    ("setting", &["topic", "name", "value"], "what the operator wants; what it came to is in the journal"),
];

/// How many rows of a table are changed: the first, the last, and some in between.
const ROWS: usize = 40;

/// A table of the books.
struct Table {
    name: String,
    columns: Vec<String>,
    /// Which columns name a row.
    key: Vec<usize>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn read(books: &Connection, name: String) -> Self {
        let mut statement = books.prepare("SELECT name, pk FROM pragma_table_info(?1)").expect("a table");
        let known: Vec<(String, i64)> = statement
            .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .expect("columns");
        let key = (0..known.len()).filter(|n| known[*n].1 > 0).collect();
        let columns: Vec<String> = known.into_iter().map(|(column, _)| column).collect();
        let mut statement = books.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let row = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|n| row.get(n)).collect::<Result<Vec<Value>, _>>();
        let rows = statement.query_map([], row).and_then(Iterator::collect).expect("rows");
        Self { name, columns, key, rows }
    }

    /// The rows to change.
    fn sample(&self) -> impl Iterator<Item = &Vec<Value>> {
        let step = self.rows.len().div_ceil(ROWS);
        let last = self.rows.len() - 1;
        self.rows.iter().enumerate().filter(move |(n, _)| n % step == 0 || *n == last).map(|(_, row)| row)
    }

    /// What a value could be instead.
    fn others(&self, column: usize, value: &Value) -> Vec<Value> {
        let mut others: Vec<Value> = match value {
            Value::Integer(number) => vec![Value::Integer(number + 1), Value::Integer(number - 1)],
            Value::Text(text) => vec![Value::Text(format!("{text}x"))],
            Value::Blob(bytes) => {
                let flipped = bytes.iter().enumerate().map(|(n, byte)| if n == 0 { !byte } else { *byte });
                vec![Value::Blob(flipped.collect()), Value::Blob(Vec::new())]
            }
            // Of these the column takes what is of its type.
            _ => vec![Value::Integer(1), Value::Text("x".to_owned()), Value::Blob(vec![1])],
        };
        if *value != Value::Null {
            others.push(Value::Null);
        }
        let mut elsewhere: Vec<&Value> = Vec::new();
        for row in &self.rows {
            if row[column] != *value && !elsewhere.contains(&&row[column]) {
                elsewhere.push(&row[column]);
            }
        }
        others.extend(elsewhere.into_iter().take(3).cloned());
        others
    }

    /// Sets a column of one row; says whether the database takes it.
    fn set(&self, books: &Connection, column: usize, value: &Value, row: &[Value]) -> bool {
        let key: Vec<String> =
            self.key.iter().enumerate().map(|(n, key)| format!("{} = ?{}", self.columns[*key], n + 2)).collect();
        let sql = format!("UPDATE {} SET {} = ?1 WHERE {}", self.name, self.columns[column], key.join(" AND "));
        let values = std::iter::once(value).chain(self.key.iter().map(|key| &row[*key]));
        books.execute(&sql, params_from_iter(values)).is_ok_and(|changed| changed == 1)
    }

    /// How the audit may name a row.
    fn names(&self, row: &[Value]) -> Vec<String> {
        let text = |name: &str| {
            let n = self.columns.iter().position(|column| column == name).expect("a column");
            match &row[n] {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text.clone(),
                other => format!("{other:?}"),
            }
        };
        match self.name.as_str() {
            "journal" => vec![format!("journal 1/{}", text("id"))],
            "container_120g" => {
                let owned = format!("{}/{}", text("persona"), text("currency"));
                vec![format!("container_120g {owned}"), format!("container/{owned}"), format!("on-hold/{owned}")]
            }
            "session_130" | "session_130_live" => {
                let id = text("id");
                vec![
                    format!("session_130 {id}"),
                    format!("session_130_live {id}"),
                    format!("session/{id}/usd"),
                    format!("session/{id}/cad"),
                ]
            }
            "transaction_130n" => vec![format!("transaction_130n {}/{}", text("payer_session"), text("payer_index"))],
            "refund" => {
                let payment = format!("refund {}/{}", text("payer_session"), text("payer_index"));
                vec![format!("{payment}/{}", text("number")), payment]
            }
            "fee" => {
                vec![format!("fee {}", text("id")), format!("fee of {} for {}, ", text("persona"), text("reference"))]
            }
            "movement_405" => {
                let owned = format!("{}/{}", text("persona"), text("currency"));
                vec![format!("movement_405 {}", text("id")), format!("on-hold/{owned}")]
            }
            "house_account" => vec![text("account"), format!("house_account {}", text("account"))],
            "persona_120" => vec![format!("container_120g {}/usd", text("id")), format!("persona_120 {}", text("id"))],
            "message_log_140" => vec![format!("message_log_140 2/{}/{}", text("owner"), text("number"))],
            other => panic!("no row of {other} is ever named"),
        }
    }
}

/// Changes a value, asks, and changes it back. Yields whether it was told of; nothing where the database refuses it.
async fn told(
    folder: &Path,
    books: &Connection,
    table: &Table,
    column: usize,
    row: &[Value],
    other: &Value,
) -> Option<bool> {
    if !table.set(books, column, other, row) {
        return None;
    }
    let lies = lies(folder).await;
    let mut changed = row.to_vec();
    changed[column] = other.clone();
    assert!(table.set(books, column, &row[column], &changed), "it is changed back");
    if lies.is_empty() {
        return Some(false);
    }
    let tells_of = |lie: &String, name: &String| {
        let rest = lie.split_once(name.as_str()).map(|(_, rest)| rest);
        rest.is_some_and(|rest| {
            name.ends_with(", ") || !rest.starts_with(|next: char| next.is_alphanumeric() || next == '/')
        })
    };
    let names = [table.names(row), table.names(&changed)].concat();
    let named = names.iter().any(|name| lies.iter().any(|lie| tells_of(lie, name)));
    let what = format!("{}.{} of {row:?} is {other:?}", table.name, table.columns[column]);
    assert!(named, "{what}, and no such row is named: {lies:#?}");
    Some(true)
}

#[tokio::test]
async fn what_is_changed_in_any_column_is_told_of_or_there_is_a_reason() {
    let world = full_books().await;
    let folder = copied(&world);
    assert_eq!(lies(folder.path()).await, Vec::<String>::new());
    let books = Connection::open(folder.path().join("books.sqlite")).expect("a copy");
    for (name, value) in [("ignore_check_constraints", "true"), ("synchronous", "off"), ("journal_mode", "memory")] {
        books.pragma_update(None, name, value).expect("a setting");
    }
    let mut statement = books.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("tables");
    let names: Vec<String> = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).expect("tables");
    let mut not_told = BTreeSet::new();
    let mut asked = 0;
    for name in names {
        let table = Table::read(&books, name);
        assert!(!table.rows.is_empty(), "{} is empty", table.name);
        for column in 0..table.columns.len() {
            let mut taken = 0;
            for row in table.sample() {
                for other in table.others(column, &row[column]) {
                    match told(folder.path(), &books, &table, column, row, &other).await {
                        Some(true) => taken += 1,
                        Some(false) => {
                            taken += 1;
                            not_told.insert((table.name.clone(), table.columns[column].clone()));
                        }
                        None => {}
                    }
                }
            }
            assert!(taken > 0, "{}.{} could not be changed", table.name, table.columns[column]);
            asked += taken;
        }
    }
    println!("{asked} changes");
    let reasons = NOT_TOLD
        .iter()
        .flat_map(|(table, columns, _)| columns.iter().map(|column| ((*table).to_owned(), (*column).to_owned())));
    let reasons: BTreeSet<(String, String)> = reasons.collect();
    let unknown: Vec<_> = not_told.difference(&reasons).collect();
    let told: Vec<_> = reasons.difference(&not_told).collect();
    assert!(
        unknown.is_empty() && told.is_empty(),
        "not told of, without a reason: {unknown:?}; told of after all: {told:?}"
    );
}
