//! Everything that came and went in a time: CSV for spreadsheets, JSON for programs.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Query as QueryOf, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value as Json, json};

use super::super::problem::Problem;
use super::super::store::ledger::Line;
use super::super::{Till, iso};
use super::login::Merchant;
use super::query::Query;

/// The heads of the columns.
const HEADS: &str = "date,kind,order,reference,currency,amount,payer_session,payer_index\r\n";

/// `GET /dashboard/export.csv`.
pub async fn csv(State(till): State<Arc<Till>>, _: Merchant, query: QueryOf<Query>) -> Result<Response, Problem> {
    let lines = lines(&till, &query).await?;
    let name = "attachment; filename=\"pay-cash.csv\"";
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, csv_of(&lines)).into_response())
}

/// `GET /dashboard/export.json`.
pub async fn json(State(till): State<Arc<Till>>, _: Merchant, query: QueryOf<Query>) -> Result<Response, Problem> {
    let lines: Vec<Json> = lines(&till, &query).await?.iter().map(json_of).collect();
    let name = "attachment; filename=\"pay-cash.json\"";
    Ok(([(header::CONTENT_DISPOSITION, name)], axum::Json(lines)).into_response())
}

async fn lines(till: &Till, query: &Query) -> Result<Vec<Line>, Problem> {
    let filter = query.filter();
    Ok(till.desk.store.lines(filter.from, filter.to).await?)
}

/// Lines as CSV (RFC 4180).
fn csv_of(lines: &[Line]) -> String {
    let mut text = HEADS.to_owned();
    for Line { date, kind, order_id, reference, amount, payment } in lines {
        let order = order_id.as_ref().map(ToString::to_string).unwrap_or_default();
        let reference = cell(reference.as_deref().unwrap_or_default());
        let (session, index) =
            payment.map(|(session, index)| (session.to_string(), index.to_string())).unwrap_or_default();
        let (date, currency, amount) = (iso(*date), amount.currency, amount.decimal());
        // Writing to a text does not fail.
        let _ = write!(text, "{date},{kind},{order},{reference},{currency},{amount},{session},{index}\r\n");
    }
    text
}

/// A text of other people's making as a cell: quoted, and never a formula of a spreadsheet.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

fn json_of(line: &Line) -> Json {
    let Line { date, kind, order_id, reference, amount, payment } = line;
    json!({
        "date": iso(*date),
        "kind": kind,
        "order-id": order_id.as_ref().map(ToString::to_string),
        "reference": reference,
        "amount": amount.to_string(),
        "payer-session": payment.map(|(session, _)| session),
        "payer-index": payment.map(|(_, index)| index),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_no_formula_and_no_second_cell() {
        assert_eq!(cell("=HYPERLINK(\"https://evil.example\")"), "\"'=HYPERLINK(\"\"https://evil.example\"\")\"");
        assert_eq!(cell("a,b"), "\"a,b\"");
        for bad in ["+1", "-1", "@x"] {
            assert!(cell(bad).starts_with("\"'"), "{bad}");
        }
    }
}
