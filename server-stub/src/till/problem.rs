//! What the till answers over HTTP where it is no message: `application/problem+json` (RFC 9457).

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use merchant_widget::till::order::OrderFault;
use serde::Serialize;
use utoipa::ToSchema;

use super::store::StoreFault;

/// Each problem once: name (the end of its `type`), status, title.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $status:ident, $title:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            fn parts(self) -> (&'static str, StatusCode, &'static str) {
                match self { $(Self::$kind => ($name, StatusCode::$status, $title),)* }
            }
        }
    };
}

kinds! {
    /// No key, or another.
    Unauthorized = "unauthorized", UNAUTHORIZED, "The API key is missing or wrong";
    /// Not there.
    UnknownOrder = "order-unknown", NOT_FOUND, "There is no such order";
    /// Not JSON of that form.
    BadRequest = "bad-request", BAD_REQUEST, "The request is not of its form";
    /// Longer than any request.
    TooLarge = "too-large", PAYLOAD_TOO_LARGE, "The request is too large";
    /// Not a message.
    Malformed = "malformed-message", BAD_REQUEST, "The message is malformed";
    /// Not an amount of its currency's form.
    BadAmount = "amount", UNPROCESSABLE_ENTITY, "The amount is not one";
    /// A currency without a sales session.
    BadCurrency = "currency-unsupported", UNPROCESSABLE_ENTITY, "The currency is not taken here";
    /// Not a text for shoppers.
    BadNote = "note", UNPROCESSABLE_ENTITY, "The note cannot be shown";
    /// Not a name for the order.
    BadReference = "reference", UNPROCESSABLE_ENTITY, "The reference is not one";
    /// Not an address of the shop.
    BadUrl = "url", UNPROCESSABLE_ENTITY, "The address is not of the shop";
    /// Not a time.
    BadExpiry = "expires-minutes", UNPROCESSABLE_ENTITY, "The order cannot live that long";
    /// Too late, or too early.
    NotCancellable = "not-cancellable", CONFLICT, "The order cannot be taken back";
    /// Something else happened to the order at the same moment.
    Overtaken = "overtaken", CONFLICT, "The order was changed meanwhile";
    /// The key is good for other things.
    Scope = "scope", FORBIDDEN, "The API key does not allow this";
    /// Not from a page of ours.
    Forbidden = "forbidden", FORBIDDEN, "The request does not come from a page of the till";
    /// Two requests, one name.
    IdempotencyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The Idempotency-Key was used for another request";
    /// Items that are none, or do not sum to the price.
    BadItems = "items", UNPROCESSABLE_ENTITY, "The items do not make the price";
    /// Not paid, or not that much left.
    NotRefundable = "not-refundable", UNPROCESSABLE_ENTITY, "The order cannot be refunded that way";
    /// A bound was reached.
    TooMany = "too-many", UNPROCESSABLE_ENTITY, "There are as many as there may be";
    /// Not there.
    Unknown = "unknown", NOT_FOUND, "There is no such thing";
    /// Not that way.
    BadMethod = "method", METHOD_NOT_ALLOWED, "The address does not take this method";
    /// It took too long.
    TooSlow = "timeout", REQUEST_TIMEOUT, "The request took too long";
    /// Too much at once.
    Busy = "busy", SERVICE_UNAVAILABLE, "The till has too much to do";
    /// Our own fault.
    Internal = "internal", INTERNAL_SERVER_ERROR, "The till has a problem";
}

/// A problem with what it is about.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
}

impl Problem {
    /// A problem, explained.
    pub fn new(kind: Kind, detail: impl Display) -> Self {
        Self { kind, detail: detail.to_string() }
    }
}

/// A problem as it is written (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `urn:pay-cash:problem:` and a name.
    #[serde(rename = "type")]
    #[schema(example = "urn:pay-cash:problem:amount")]
    name: String,
    /// What is wrong, the same words for the same type.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here.
    detail: String,
}

/// Its media type.
const MEDIA: &str = "application/problem+json";

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, status, title) = self.kind.parts();
        let name = format!("urn:pay-cash:problem:{name}");
        let body = ProblemBody { name, title, status: status.as_u16(), detail: self.detail };
        (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA))], Json(body)).into_response()
    }
}

/// Gives an answer that says no in other words, such as a router's own, the form of a problem.
pub async fn in_form(response: Response) -> Response {
    let status = response.status();
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let plain = media.is_none_or(|media| media.starts_with("text/plain"));
    // Problems, messages and pages say it in their own form.
    if !(status.is_client_error() || status.is_server_error()) || !plain {
        return response;
    }
    let kind = match status {
        StatusCode::NOT_FOUND => Kind::Unknown,
        StatusCode::FORBIDDEN => Kind::Forbidden,
        StatusCode::METHOD_NOT_ALLOWED => Kind::BadMethod,
        StatusCode::REQUEST_TIMEOUT => Kind::TooSlow,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        status if status.is_client_error() => Kind::BadRequest,
        _ => Kind::Internal,
    };
    Problem::new(kind, "See the OpenAPI document, GET /openapi.json.").into_response()
}

impl From<StoreFault> for Problem {
    /// The cause is for the log, not for the caller.
    fn from(fault: StoreFault) -> Self {
        if matches!(fault, StoreFault::Conflict) {
            return Self::new(Kind::Overtaken, "Ask again.");
        }
        tracing::error!("{fault}");
        Self::new(Kind::Internal, "Try again later.")
    }
}

impl From<OrderFault> for Problem {
    fn from(fault: OrderFault) -> Self {
        let kind = match &fault {
            OrderFault::Nothing | OrderFault::OtherAmount(_) => Kind::BadAmount,
            OrderFault::Items(_) => Kind::BadItems,
            OrderFault::Origin { .. } => Kind::BadUrl,
            OrderFault::Unreadable(_) => Kind::BadNote,
            OrderFault::Crypto(_) => Kind::Internal,
        };
        Self::new(kind, fault)
    }
}
