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

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};

/// A body that could not be read.
fn unread(status: StatusCode, detail: String) -> Problem {
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { Kind::TooLarge } else { Kind::BadRequest };
    Problem::new(kind, detail)
}

/// A query that could not be read.
pub fn no_query(fault: &QueryRejection) -> Problem {
    unread(fault.status(), fault.body_text())
}

/// What a body says in JSON. It is an object: an array of the same values, which serde would take too, is none of ours.
///
/// # Errors
/// There is no body, it is no JSON, or not of its form.
pub fn form_of<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, Problem> {
    json_of(&read(body)?)
}

/// The bytes of a body.
///
/// # Errors
/// There are too many, or they did not come.
pub fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|fault| unread(fault.status(), fault.body_text()))
}

/// As [`form_of`], where the bytes matter too.
///
/// # Errors
/// It is no JSON, or not of its form.
pub fn json_of<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::new(Kind::BadRequest, "The body is not a JSON object."));
    }
    serde_json::from_slice(body).map_err(|fault| Problem::new(Kind::BadRequest, fault))
}
