//! What the till answers over HTTP where it is no message: `application/problem+json` (RFC 9457).

use std::fmt::Display;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use merchant_widget::till::order::OrderFault;
use serde_json::json;

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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, status, title) = self.kind.parts();
        let body = json!({
            "type": format!("urn:pay-cash:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
        });
        let media = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, media)], Json(body)).into_response()
    }
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
            OrderFault::Nothing => Kind::BadAmount,
            OrderFault::Origin { .. } => Kind::BadUrl,
            OrderFault::Unreadable(_) | OrderFault::Note => Kind::BadNote,
            OrderFault::Crypto(_) => Kind::Internal,
        };
        Self::new(kind, fault)
    }
}
