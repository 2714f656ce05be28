//! The `OpenAPI` document: made from the handlers, so that it cannot say anything else than they do.

use axum::Json;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, schema::Components};
use utoipa::{Modify, OpenApi};

use super::{events, keys, orders, public, refunds, webhooks};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Pay Cash till",
        version = "1",
        description = "Orders, refunds, events and webhooks of a merchant's till. Errors are problems (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        orders::place_order,
        orders::show_order,
        orders::cancel_order,
        refunds::refund,
        refunds::list_refunds,
        events::list_events,
        webhooks::make_webhook,
        webhooks::list_webhooks,
        webhooks::remove_webhook,
        webhooks::list_deliveries,
        webhooks::replay,
        keys::make_key,
        keys::list_keys,
        keys::end_key,
        keys::rotate_key,
        public::payment_request,
        public::status,
        public::events,
        public::pay,
    ),
    modifiers(&ApiKey)
)]
struct Api;

/// How callers are let in.
struct ApiKey;

impl Modify for ApiKey {
    fn modify(&self, document: &mut Document) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("An API key of the till, with the scope that the operation names.".to_owned());
        let components = document.components.get_or_insert_with(Components::new);
        components.add_security_scheme("api-key", SecurityScheme::Http(bearer));
    }
}

/// The document.
pub fn document() -> Document {
    Api::openapi()
}

/// The document over HTTP.
pub async fn show() -> Json<Document> {
    Json(document())
}
