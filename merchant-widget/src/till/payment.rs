//! CA1 at the merchant: unwrap and examination (steps 1709 to 1710, fig. 30).
//!
//! What the wallet promises is sealed for the server; what it promises it *for* stands in the clear, and whatever is
//! wrong there is answered without a trip to the server:
//!
//! | the CA1 | the answer |
//! | --- | --- |
//! | came before and was decided | the stored CA4 or `error`, the same bytes |
//! | came before and is on its way | that of the one on its way |
//! | speaks another protocol number than the offer | `protocol-unsupported` |
//! | is longer than any payment | `form` |
//! | names an order that is not there, or not the one of the address | `form` |
//! | names another payee | `payee-mismatch` |
//! | names another currency | `amount-mismatch` |
//! | agrees to another note | `form` |
//! | is for an order that is paid | `transaction-reused` |
//! | is for an order that was taken back or is over | `service-disabled` |
//! | is for an order with another payment on its way | `busy`, `retry` |

use protocol::Protocol;
use protocol::collect::ReceivedPayment;
use protocol::date::Date;
use protocol::exchange::write_error;
use protocol::message::ErrorMessage;
use protocol::outcome::Problem;
use protocol::value::{Lines, OrderId, to_base64};

use super::record::{CollectionLog, LogStatus, Order, Persona, Status};

/// The longest CA1 that is kept and handed on. A wallet's own have about 600 bytes; what the protocol allows beyond that
/// (a message of 1 MiB) would let anyone who knows an order's id fill the till's disk.
pub const MAX_CA1_BYTES: usize = 8 * 1024;
/// The longest sealed part that is handed on. A wallet's own have about 150 bytes; 255 of these still fit into one CA2.
const MAX_OPAQUE_BYTES: usize = 2 * 1024;

/// What is to be done with a CA1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Examined {
    /// It is answered with this text.
    Answer(String),
    /// The same CA1 is on its way; it will have the same answer.
    OnItsWay,
    /// It goes to the server.
    Collect,
}

/// Why a CA1 is refused here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub problem: Problem,
    /// In words, for the shopper.
    pub message: &'static str,
}

impl Refusal {
    fn new(problem: Problem, message: &'static str) -> Self {
        Self { problem, message }
    }

    /// The `error` message that says so.
    pub fn text(&self, protocol: Protocol) -> String {
        let message = Lines::of(self.message);
        write_error(protocol, None, &ErrorMessage { message, ..ErrorMessage::of(self.problem.clone()) })
    }
}

/// The answer while nothing is decided yet: the wallet asks again.
pub fn undecided(protocol: Protocol) -> String {
    Refusal::new(Problem::BUSY, "The payment is being collected. Ask again.").text(protocol)
}

/// The answer to a message that is one, but not a CA1 of its form.
pub fn not_of_its_form(protocol: Protocol) -> String {
    Refusal::new(Problem::FORM, "This is not a payment as the protocol has it.").text(protocol)
}

/// The name of a CA1 in the till's books: its payer's session and index, its order and what is sealed in it.
pub fn name_of(received: &ReceivedPayment) -> String {
    let payment = &received.payment;
    let head = format!(
        "{} {} {} {} ",
        received.protocol,
        to_base64(payment.session_id.as_slice()),
        payment.index.get(),
        payment.order_id
    );
    let named = [head.as_bytes(), &received.opaque].concat();
    to_base64(&Protocol::V2.suite().digest(&named))
}

/// Examines a CA1 that came to the address of order `addressed`.
pub fn examine(
    received: &ReceivedPayment,
    addressed: &OrderId,
    persona: &Persona,
    order: Option<&Order>,
    earlier: Option<&CollectionLog>,
    now: Date,
) -> Examined {
    match earlier {
        Some(CollectionLog { status: LogStatus::Attempt, .. }) => return Examined::OnItsWay,
        Some(CollectionLog { status: LogStatus::Success | LogStatus::Failure, answer: Some(answer), .. }) => {
            return Examined::Answer(answer.clone());
        }
        Some(_) | None => {}
    }
    match refusal(received, addressed, persona, order, now) {
        Some(refusal) => Examined::Answer(refusal.text(persona.protocol)),
        None => Examined::Collect,
    }
}

/// What is wrong with a CA1 that did not come before; the first that is found.
fn refusal(
    received: &ReceivedPayment,
    addressed: &OrderId,
    persona: &Persona,
    order: Option<&Order>,
    now: Date,
) -> Option<Refusal> {
    if received.protocol != persona.protocol {
        let message = "This shop speaks another version of the protocol.";
        return Some(Refusal::new(Problem::PROTOCOL_UNSUPPORTED, message));
    }
    if received.opaque.len() > MAX_OPAQUE_BYTES {
        return Some(Refusal::new(Problem::FORM, "The payment is longer than any payment."));
    }
    let payment = &received.payment;
    let Some(order) = order.filter(|order| order.id == payment.order_id && order.id == *addressed) else {
        return Some(Refusal::new(Problem::FORM, "There is no such order."));
    };
    if payment.payee_id != persona.id {
        return Some(Refusal::new(Problem::PAYEE_MISMATCH, "The payment is for another merchant."));
    }
    if payment.payee_currency != order.amount.currency {
        return Some(Refusal::new(Problem::AMOUNT_MISMATCH, "The order has its price in another currency."));
    }
    if payment.note_hash != order.note_hash {
        return Some(Refusal::new(Problem::FORM, "The payment agrees to something else than was offered."));
    }
    by_status(order, now)
}

fn by_status(order: &Order, now: Date) -> Option<Refusal> {
    match order.status(now) {
        Status::Paid => Some(Refusal::new(Problem::TRANSACTION_REUSED, "The order is paid already.")),
        Status::Cancelled => Some(Refusal::new(Problem::SERVICE_DISABLED, "The order was cancelled.")),
        Status::Expired => Some(Refusal::new(Problem::SERVICE_DISABLED, "The order was not paid in time.")),
        Status::Open | Status::Failed if order.collecting => {
            Some(Refusal::new(Problem::BUSY, "Another payment for this order is being collected."))
        }
        Status::Open | Status::Failed => None,
    }
}
