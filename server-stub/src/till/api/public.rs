//! What pages and wallets use: any origin, no key; an order's id is not guessable.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use merchant_widget::till::payment::{MAX_CA1_BYTES, not_of_its_form};
use merchant_widget::till::record::{Order, Status};
use protocol::collect::ReceivedPayment;
use protocol::envelope::{Envelope, MEDIA_TYPE};
use protocol::value::OrderId;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, ToSchema};

use super::super::Till;
use super::super::collector::Incoming;
use super::super::problem::{Kind, Problem, ProblemBody};
use super::orders::find;
use super::{no_query, read};
use crate::hosted;

/// The longest wait for another status; below what gateways allow.
const MAX_WAIT_SECS: u64 = 25;
/// How long a stream of events lasts; browsers open it again.
const STREAM: Duration = Duration::from_mins(10);
/// Asks proxies such as nginx to pass each event on as it comes.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// How often an order is looked at whose status may change by time alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The offer that wallets read (PR1).
#[utoipa::path(get, path = "/orders/{id}/payment-request", tag = "public", params(("id" = String, Path, description = "The order.")),
    responses((status = 200, content_type = "application/cybercash", body = String), (status = 404, body = ProblemBody)))]
pub async fn payment_request(State(till): State<Arc<Till>>, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(message(find(&till, &id).await?.payment_request))
}

/// How an order stands, for its page.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownStatus {
    order_id: String,
    /// `open`, `paid`, `failed`, `cancelled` or `expired`.
    #[schema(example = "paid")]
    status: &'static str,
}

impl ShownStatus {
    fn of(till: &Till, order: &Order) -> Self {
        Self { order_id: order.id.to_string(), status: order.status(till.desk.clock.now()).as_str() }
    }

    /// Whether nothing more comes.
    fn is_final(&self) -> bool {
        [Status::Paid, Status::Cancelled, Status::Expired].iter().any(|status| status.as_str() == self.status)
    }
}

/// Whether to wait.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct StatusQuery {
    /// The status that is known: the answer waits for another one.
    known: Option<String>,
    /// How many seconds at most, up to 25.
    #[serde(default)]
    wait: u64,
}

/// How an order stands; with `known` and `wait`, as soon as it stands otherwise.
#[utoipa::path(get, path = "/orders/{id}/status", tag = "public",
    params(("id" = String, Path, description = "The order."), StatusQuery),
    responses((status = 200, body = ShownStatus), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub async fn status(
    State(till): State<Arc<Till>>,
    Path(id): Path<String>,
    query: Result<Query<StatusQuery>, QueryRejection>,
) -> Result<Json<ShownStatus>, Problem> {
    let Query(StatusQuery { known, wait }) = query.map_err(|fault| no_query(&fault))?;
    let order = find(&till, &id).await?;
    let now = ShownStatus::of(&till, &order);
    let Some(known) = known.filter(|known| wait > 0 && known == now.status) else { return Ok(Json(now)) };
    let Some(_seat) = seat(&till) else { return Ok(Json(now)) };
    let give_up = Instant::now() + Duration::from_secs(wait.min(MAX_WAIT_SECS));
    changed(&till, &order.id, &known, give_up).await.map(Json)
}

/// A place among those who wait; there are only so many.
fn seat(till: &Till) -> Option<OwnedSemaphorePermit> {
    till.seats.clone().try_acquire_owned().ok()
}

/// The status of an order as soon as it is another than `known`, or when patience ends.
async fn changed(till: &Till, id: &OrderId, known: &str, give_up: Instant) -> Result<ShownStatus, Problem> {
    let mut written = till.desk.store.watch();
    loop {
        let status = ShownStatus::of(till, &find(till, id.as_str()).await?);
        if status.status != known || Instant::now() >= give_up {
            return Ok(status);
        }
        let look = (Instant::now() + LOOK_EVERY).min(give_up);
        // Other orders' news pass by; who is late looks again at once.
        while let Ok(Ok(other)) = timeout_at(look, written.recv()).await {
            if other == *id {
                break;
            }
        }
    }
}

/// The status of an order as server-sent events: at once, and with each change until it is final.
#[utoipa::path(get, path = "/orders/{id}/events", tag = "public", params(("id" = String, Path, description = "The order.")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 404, body = ProblemBody),
              (status = 503, body = ProblemBody)))]
pub async fn events(State(till): State<Arc<Till>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let order = find(&till, &id).await?;
    let seat = seat(&till).ok_or_else(|| Problem::new(Kind::Busy, "Too many wait already. Ask for the status."))?;
    let stream = news(Telling { till, order: order.id, told: None, seat, end: Instant::now() + STREAM });
    Ok(([UNBUFFERED], Sse::new(stream).keep_alive(KeepAlive::default())).into_response())
}

/// What a stream of events knows.
struct Telling {
    till: Arc<Till>,
    order: OrderId,
    /// The last status that was told.
    told: Option<ShownStatus>,
    /// Kept as long as the stream lasts.
    #[allow(dead_code, reason = "it is given back when the stream ends")]
    seat: OwnedSemaphorePermit,
    end: Instant,
}

fn news(telling: Telling) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(telling, |mut telling| async move {
        if telling.told.as_ref().is_some_and(ShownStatus::is_final) || Instant::now() >= telling.end {
            return None;
        }
        let known = telling.told.as_ref().map_or("", |told| told.status);
        let status = changed(&telling.till, &telling.order, known, telling.end).await.ok()?;
        let event = Event::default().event("status").json_data(&status).ok()?;
        telling.told = Some(status);
        Some((Ok(event), telling))
    })
}

/// The hosted payment page; what is not there is said to a person.
pub async fn pay_page(
    State(till): State<Arc<Till>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = match OrderId::of(&id) {
        Some(id) => till.desk.store.order(&id).await?,
        None => None,
    };
    Ok(hosted::answer(order.as_ref(), till.desk.clock.now(), query.as_deref(), &headers))
}

/// CA1 -> CA4 or `error` (steps 1709 to 1726).
#[utoipa::path(post, path = "/orders/{id}/pay", tag = "public", params(("id" = String, Path, description = "The order.")),
    request_body(content = String, content_type = "application/cybercash"),
    responses((status = 200, content_type = "application/cybercash", body = String), (status = 400, body = ProblemBody),
              (status = 413, body = ProblemBody)))]
pub async fn pay(
    State(till): State<Arc<Till>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = read(body)?;
    let malformed = |detail: String| Problem::new(Kind::Malformed, detail);
    let envelope = Envelope::parse(&body).map_err(|fault| malformed(fault.to_string()))?;
    let parts = (ReceivedPayment::read(&body), OrderId::of(&id), body.len() <= MAX_CA1_BYTES);
    let (Ok(received), Some(addressed), true) = parts else {
        return Ok(message(not_of_its_form(envelope.protocol)));
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    Ok(message(till.collector.pay(Incoming { received, text, addressed }).await?))
}

fn message(text: String) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], text).into_response()
}
