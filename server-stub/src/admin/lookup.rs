//! `server-stub admin persona`, `session` and `payment`: looking things up. No secret is shown.

use protocol::persona::PersonaId;
use protocol::value::{OrderId, Reading, SessionId, Value as _};

use super::page::Page;
use super::shown::{Shown, Table};
use super::switch::persona as persona_id;
use super::{Desk, Fault, instrument, moment};
use crate::store::record::{PersonaStatus, Session, SessionEnd, SessionStatus, Transaction};

/// Payments of a session that are shown: the newest.
const MAX_SHOWN: usize = 1_000;

/// Arguments of `persona`.
#[derive(Clone, Debug, clap::Args)]
pub struct PersonaArgs {
    /// Its id.
    #[arg(value_parser = persona_id)]
    persona: PersonaId,
}

/// Arguments of `session`.
#[derive(Clone, Debug, clap::Args)]
pub struct SessionArgs {
    /// Its number, or its id as messages have it (base64).
    #[arg(value_parser = session_id)]
    session: SessionId,
}

/// Arguments of `payment`.
#[derive(Clone, Debug, clap::Args)]
pub struct PaymentArgs {
    /// The merchant's order id.
    #[arg(value_parser = order_id)]
    order: OrderId,
    /// Only of this payee.
    #[arg(long, value_parser = persona_id)]
    payee: Option<PersonaId>,
    /// Only those behind this one, named by its payer's session and index.
    #[arg(long, value_name = "SESSION/INDEX", value_parser = place)]
    after: Option<(u64, u16)>,
    #[command(flatten)]
    page: Page,
}

fn session_id(text: &str) -> Result<SessionId, String> {
    let number = text.parse().map(SessionId::of_number).ok();
    let id = number.or_else(|| SessionId::parse(text, Reading::STRICT));
    id.ok_or_else(|| format!("{text:?} is no session; write its number, or its id as messages have it"))
}

fn place(text: &str) -> Result<(u64, u16), String> {
    let parts = text.split_once('/').and_then(|(session, index)| Some((session.parse().ok()?, index.parse().ok()?)));
    parts.ok_or_else(|| format!("{text:?} is no place; write session and index, such as 17/3"))
}

fn order_id(text: &str) -> Result<OrderId, String> {
    OrderId::parse(text, Reading::STRICT).ok_or_else(|| format!("{text:?} is no order id"))
}

/// Shows a persona.
pub async fn persona(desk: &Desk, args: &PersonaArgs) -> Result<Shown, Fault> {
    let file = instrument::file(desk, &args.persona).await?;
    let found = &file.persona;
    let status = match found.status {
        PersonaStatus::Active => "active",
        PersonaStatus::Closed => "closed",
    };
    let agreements = found.agreements.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let head = ["persona", "status", "email", "registered", "language", "protocol", "agreements", "autoclose"];
    let mut table = Table::new("persona", &head);
    table.row([
        found.id.to_string(),
        status.to_owned(),
        found.email.clone(),
        moment::show(found.registered),
        found.language.clone(),
        found.protocol.number().to_owned(),
        agreements,
        if found.autoclose.is_some() { "yes" } else { "no" }.to_owned(),
    ]);
    let mut money = Table::new("containers", &["available", "on hold"]);
    for container in file.containers.values() {
        money.row([container.available.to_string(), container.on_hold.to_string()]);
    }
    Ok(Shown::from(table).and(money).and(instrument::table(&file)).and(sessions(&file.sessions)))
}

/// Shows a session.
pub async fn session(desk: &Desk, args: &SessionArgs) -> Result<Shown, Fault> {
    let id = &args.session;
    let found = desk.store.session(id).await?;
    let found = found.ok_or_else(|| format!("there is no session {}", id.number()))?;
    let history = desk.store.history(id, MAX_SHOWN).await?;
    Ok(Shown::from(sessions(&[found])).and(payments(&history)))
}

/// Shows payments of an order.
pub async fn payment(desk: &Desk, args: &PaymentArgs) -> Result<Shown, Fault> {
    let PaymentArgs { order, payee, after, page } = args;
    let after = after.unwrap_or_default();
    let mut found = desk.store.payments_of(order, payee.as_ref(), after, page.wanted()).await?;
    let more = page.cut(&mut found, |last| format!("{}/{}", last.payer_session.number(), last.payer_index.get()));
    Ok(Shown::from(payments(&found)).and(more))
}

fn sessions(sessions: &[Session]) -> Table {
    let head = ["session", "persona", "status", "opening", "current", "uses", "of", "opened", "expires", "memo"];
    let mut table = Table::new("sessions", &head);
    for session in sessions {
        table.row([
            session.id.number().to_string(),
            session.persona.to_string(),
            status(session.status),
            session.opening.to_string(),
            session.current.to_string(),
            session.uses.to_string(),
            session.use_limit.get().to_string(),
            moment::show(session.opened),
            moment::show(session.expires()),
            session.memo.clone(),
        ]);
    }
    table
}

fn status(status: SessionStatus) -> String {
    let (date, how) = match status {
        SessionStatus::Open => return "open".to_owned(),
        SessionStatus::Ended(date, SessionEnd::Closed) => (date, "closed"),
        SessionStatus::Ended(date, SessionEnd::Expired) => (date, "expired"),
        SessionStatus::Ended(date, SessionEnd::UsedUp) => (date, "used up"),
    };
    format!("{how} {}", moment::show(date))
}

fn payments(payments: &[Transaction]) -> Table {
    let head = ["date", "order", "payer", "session", "index", "charged", "payee", "into", "collected", "fee"];
    let mut table = Table::new("payments", &head);
    for payment in payments {
        table.row([
            moment::show(payment.date),
            payment.order_id.to_string(),
            payment.payer.to_string(),
            payment.payer_session.number().to_string(),
            payment.payer_index.get().to_string(),
            payment.charged.to_string(),
            payment.payee.to_string(),
            payment.payee_session.number().to_string(),
            payment.credited.to_string(),
            payment.fee.to_string(),
        ]);
    }
    table
}
