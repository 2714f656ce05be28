//! The shop's interface to its till: JSON over HTTP, let in by API key, described by an `OpenAPI` document made from
//! this code.

pub mod access;
pub mod events;
pub mod keys;
pub mod openapi;
pub mod orders;
pub mod public;
pub mod refunds;
pub mod webhooks;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::StatusCode;
use serde::Deserialize;

use super::problem::{Kind, Problem};

/// A body that could not be read.
pub fn unread(status: StatusCode, detail: String) -> Problem {
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { Kind::TooLarge } else { Kind::BadRequest };
    Problem::new(kind, detail)
}

/// JSON that could not be read.
pub fn no_json(fault: &JsonRejection) -> Problem {
    unread(fault.status(), fault.body_text())
}

/// A query that could not be read.
pub fn no_query(fault: &QueryRejection) -> Problem {
    unread(fault.status(), fault.body_text())
}

/// JSON of a body whose bytes matter, too.
pub fn json_of<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|fault| Problem::new(Kind::BadRequest, fault))
}
