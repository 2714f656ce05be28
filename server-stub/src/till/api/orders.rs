//! Orders for the shop's server: place, look at, cancel.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use merchant_widget::till::order::{cancel, place};
use merchant_widget::till::record::{Flag, Item, Order, Reference, Status};
use merchant_widget::till::refund::{RefundLog, left};
use protocol::value::OrderId;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::order_form::{ItemForm, OrderForm};
use super::super::problem::{Kind, Problem, ProblemBody};
use super::super::store::StoreFault;
use super::super::{Till, iso};
use super::access::{Caller, Named, Scope};
use super::{json_of, read};

/// An order that was placed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Placed {
    /// Its id, which nobody guesses.
    order_id: String,
    /// Where the page finds its offer.
    payment_request: String,
}

/// An order as the shop sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ShownOrder {
    order_id: String,
    /// `usd 42.50`.
    #[schema(example = "usd 42.50")]
    amount: String,
    /// `open`, `paid`, `failed`, `cancelled` or `expired`.
    #[schema(example = "paid")]
    status: &'static str,
    /// Why the last payment was refused.
    problem: Option<String>,
    /// The shop's own name for it.
    reference: Option<String>,
    /// What is sold.
    items: Vec<ItemForm>,
    placed: String,
    expires: String,
    paid: Option<String>,
    /// What refunds have taken of it, those under way included.
    refunded: String,
    payment_request: String,
}

impl ShownOrder {
    /// An order with its refunds.
    pub fn of(till: &Till, order: &Order, refunds: &[RefundLog]) -> Self {
        let problem = if let Flag::NotPaid(problem) = &order.flag { Some(problem.code().to_owned()) } else { None };
        let left = left(order, refunds);
        Self {
            order_id: order.id.to_string(),
            amount: order.amount.to_string(),
            status: order.status(till.desk.clock.now()).as_str(),
            problem,
            reference: order.reference.as_ref().map(Reference::as_str).map(str::to_owned),
            items: order.items.iter().map(shown_item).collect(),
            placed: iso(order.placed),
            expires: iso(order.expires),
            paid: order.paid.map(iso),
            refunded: protocol::money::Money::new(left.currency, order.amount.minor - left.minor).to_string(),
            payment_request: till.links.payment_request(&order.id),
        }
    }
}

fn shown_item(item: &Item) -> ItemForm {
    ItemForm { name: item.name.to_string(), quantity: item.quantity, unit: item.unit.to_string() }
}

/// Reads an order's id and finds the order.
///
/// # Errors
/// There is none.
pub async fn find(till: &Till, id: &str) -> Result<Order, Problem> {
    let unknown = || Problem::new(Kind::UnknownOrder, "No order has this id.");
    let id = OrderId::of(id).ok_or_else(unknown)?;
    till.desk.store.order(&id).await?.ok_or_else(unknown)
}

/// Places an order. With an `Idempotency-Key` it is placed once, however often the request comes.
#[utoipa::path(post, path = "/orders", tag = "orders", security(("api-key" = ["orders"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request; kept for seven days.")),
    request_body = OrderForm,
    responses((status = 201, body = Placed), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
              (status = 403, body = ProblemBody), (status = 409, body = ProblemBody), (status = 413, body = ProblemBody),
              (status = 422, body = ProblemBody)))]
pub async fn place_order(
    State(till): State<Arc<Till>>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    caller.may(Scope::Orders)?;
    let body = read(body)?;
    let named = Named::of(&headers, &caller, "POST /orders", &body)?;
    if let Some(order) = made_before(&till, named.as_ref()).await? {
        return Ok(placed(&till, &order));
    }
    let form: OrderForm = json_of(&body)?;
    let now = till.desk.clock.now();
    let new = form.read(&till.terms, now)?;
    let (changes, order) = till.desk.step(|moment| place(&till.persona, &new, &till.links, moment))?;
    let answered = named.as_ref().map(|named| named.answered(order.id.as_str(), now));
    match till.desk.store.commit_answered(changes, answered).await {
        // The same request came twice at once, and the other was faster.
        Err(StoreFault::Conflict) => match made_before(&till, named.as_ref()).await? {
            Some(order) => Ok(placed(&till, &order)),
            None => Err(StoreFault::Conflict.into()),
        },
        other => {
            other?;
            Ok(placed(&till, &order.id))
        }
    }
}

async fn made_before(till: &Till, named: Option<&Named>) -> Result<Option<OrderId>, Problem> {
    let Some(named) = named else { return Ok(None) };
    Ok(named.made_before(till).await?.as_deref().and_then(OrderId::of))
}

fn placed(till: &Till, order: &OrderId) -> Response {
    let location = format!("/orders/{order}");
    let body = Placed { order_id: order.to_string(), payment_request: till.links.payment_request(order) };
    (StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response()
}

/// An order and what became of it.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", security(("api-key" = ["read"])),
    params(("id" = String, Path, description = "The order.")),
    responses((status = 200, body = ShownOrder), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody)))]
pub async fn show_order(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ShownOrder>, Problem> {
    caller.may(Scope::Read)?;
    shown(&till, &id).await.map(Json)
}

async fn shown(till: &Till, id: &str) -> Result<ShownOrder, Problem> {
    let order = find(till, id).await?;
    let refunds = till.desk.store.refunds_of(&order.id).await?;
    Ok(ShownOrder::of(till, &order, &refunds))
}

/// Takes an offer back, as long as nobody has paid or is paying it.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders", security(("api-key" = ["orders"])),
    params(("id" = String, Path, description = "The order.")),
    responses((status = 200, body = ShownOrder), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
              (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
pub async fn cancel_order(
    State(till): State<Arc<Till>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ShownOrder>, Problem> {
    caller.may(Scope::Orders)?;
    let order = find(&till, &id).await?;
    let in_the_way = |status: Status| {
        let why = if order.collecting { "a payment is on its way" } else { status.as_str() };
        Problem::new(Kind::NotCancellable, why)
    };
    let changes = cancel(&order, till.desk.clock.now()).map_err(in_the_way)?;
    till.desk.store.commit(changes).await?;
    shown(&till, &id).await.map(Json)
}
