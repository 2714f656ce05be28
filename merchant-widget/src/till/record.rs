//! The merchant's records (DB 302, figs 6 and 7).

use protocol::Protocol;
use protocol::date::Date;
use protocol::exchange::StoredRequest;
use protocol::keys::{PersonaKey, PublicKey, ServerKey};
use protocol::message::payment::{BatchHead, COLLECTION_TYPE, NoteHash};
use protocol::money::{Currency, Money};
use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Index, Num, OrderId, SessionId, Text, Token, Version1};

use super::change::Version;
use super::refund::RefundId;

/// Merchant persona, record 320 (fig. 6C), with the server that knows it (315, fig. 6B).
#[derive(Clone, Debug)]
pub struct Persona {
    /// 320A.
    pub id: PersonaId,
    /// Which suite the persona's keys and sessions are of.
    pub protocol: Protocol,
    /// 320H.
    pub private_key: PersonaKey,
    /// 320C.
    pub public_key: PublicKey,
    /// 315A.
    pub server_key: ServerKey,
}

/// Merchant instrument binding, record 330 (fig. 6D).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// 330A.
    pub number: String,
    /// 330P.
    pub status: String,
    /// What LU1 has to return (330R): every `instrument-*` pair of the BI4.
    pub recurring: Vec<(String, String)>,
}

/// A request whose reply is not there yet (320N).
#[derive(Clone)]
pub struct Pending {
    /// Its number.
    pub transaction: Num,
    /// What it is for.
    pub purpose: Purpose,
    /// The message as it was sent, and what opens its reply.
    pub request: StoredRequest,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("transaction", &self.transaction)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// What a pending request is for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// R1, and the key that becomes the persona's.
    Registration {
        /// 320H.
        private_key: PersonaKey,
        /// 315A.
        server_key: ServerKey,
    },
    /// BI1.
    Binding,
    /// OS1 for a session in a currency.
    Opening(Currency),
    /// CS1 for a sales session.
    Closing(SessionId),
    /// RF1 for a refund.
    Refund(RefundId),
    /// LU1, named by its transaction.
    Settlement,
    /// ST1, which is never stored.
    Statement,
}

/// The merchant's own name for an order; shown to the merchant only.
pub type Reference = Text<128>;

/// Merchant amount, record 350 (fig. 7A): an order and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// See [`Version`].
    pub version: Version,
    /// 350A.
    pub id: OrderId,
    /// 350B.
    pub amount: Money,
    /// 350C.
    pub flag: Flag,
    /// Whether a payment for it is on its way to the server.
    pub collecting: bool,
    /// The merchant's own name for it.
    pub reference: Option<Reference>,
    /// What is sold, for the merchant's books; together the price.
    pub items: Vec<Item>,
    /// The hash of the note that the shopper agrees to.
    pub note_hash: NoteHash,
    /// When it was placed.
    pub placed: Date,
    /// From when on no payment is taken any more.
    pub expires: Date,
    /// When it was paid.
    pub paid: Option<Date>,
    /// PR1, as every wallet gets it.
    pub payment_request: String,
}

/// One line of what an order sells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub name: Text<128>,
    /// How many.
    pub quantity: u32,
    /// What one costs, in the order's currency; negative for a discount.
    pub unit: Money,
}

/// 350C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flag {
    /// No payment was decided yet.
    Pending,
    /// Collected.
    Paid,
    /// The last payment was refused; another may follow.
    NotPaid(Problem),
    /// The merchant took the offer back.
    Cancelled,
}

/// What the outside is told of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can be paid.
    Open,
    /// It is paid.
    Paid,
    /// The last payment was refused; it can still be paid.
    Failed,
    /// The merchant took it back.
    Cancelled,
    /// It was not paid in time.
    Expired,
}

impl Status {
    /// As protocol.md section 7 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl Order {
    /// What the outside is told at a time.
    pub fn status(&self, now: Date) -> Status {
        let over = now > self.expires && !self.collecting;
        match self.flag {
            Flag::Paid => Status::Paid,
            Flag::Cancelled => Status::Cancelled,
            _ if over => Status::Expired,
            Flag::Pending => Status::Open,
            Flag::NotPaid(_) => Status::Failed,
        }
    }
}

/// Merchant sales session, record 360 (fig. 7B).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesSession {
    /// See [`Version`].
    pub version: Version,
    /// 360A.
    pub id: SessionId,
    /// Which suite.
    pub protocol: Protocol,
    /// 360B and 360C.
    pub secrets: SessionSecrets,
    /// What was collected so far (360F), in the session's currency (360D); it began with nothing (360E).
    pub current: Money,
    /// By the server's clock (360G).
    pub opened: Date,
    /// 360H.
    pub closed: Option<Date>,
    /// How many collections (360J).
    pub use_limit: Index,
    /// Minutes (360K).
    pub lifetime_minutes: Num,
    /// How many indexes were given out.
    pub used: u16,
}

/// How a collection stands (370B).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStatus {
    /// Sent, no answer.
    Attempt,
    /// Collected.
    Success,
    /// Refused.
    Failure,
    /// Not decided; the same payment may be collected again.
    Retry,
}

impl LogStatus {
    /// As it is stored.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Attempt, "attempt"), (Self::Success, "success"), (Self::Failure, "failure"), (Self::Retry, "retry")];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    /// Reads what [`LogStatus::as_str`] writes.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(status, _)| *status)
    }
}

/// Merchant cash log, 370A to 370M (fig. 7C): one CA1 and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionLog {
    /// See [`Version`].
    pub version: Version,
    /// Which CA1; see [`super::payment::name_of`].
    pub payment: String,
    /// 370B.
    pub status: LogStatus,
    /// 370C.
    pub order_id: OrderId,
    /// 370D.
    pub customer_session: SessionId,
    /// 370E.
    pub customer_index: Index,
    /// 370G and 370H: the CA2 that carries it.
    pub batch: BatchId,
    /// Its place in the CA2, from 0.
    pub position: u8,
    /// In how many CA2s it was.
    pub attempts: u8,
    /// 370I and 370J.
    pub requested: Money,
    /// 370K.
    pub credited: Option<Money>,
    /// 370L, with the first payment of a CA2.
    pub fee: Option<Money>,
    /// 370M.
    pub result: Option<Problem>,
    /// The CA1 as it came.
    pub ca1: String,
    /// What the wallet got, or gets when it asks again: CA4 or `error`.
    pub answer: Option<String>,
    /// When it came.
    pub received: Date,
}

/// Merchant cash log, 370N to 370T (fig. 7C): the opening of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningLog {
    /// 370O.
    pub status: LogStatus,
    /// 370P.
    pub transaction: Num,
    /// Minutes (370Q).
    pub minutes: Num,
    /// 370R.
    pub uses: Index,
    /// 370S.
    pub session: Option<SessionId>,
    /// 370T.
    pub result: Option<Problem>,
}

/// Which CA2: the merchant's session and index (370G, 370H).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BatchId {
    /// 370G.
    pub session: SessionId,
    /// 370H.
    pub index: Index,
}

impl BatchId {
    /// The transparent part of the CA2.
    pub(crate) fn head(&self) -> BatchHead {
        let kind = Token::of(COLLECTION_TYPE).expect("invariant: the protocol's own names are tokens");
        let Self { session, index } = self.clone();
        BatchHead { kind, version: Version1, session_id: session, index, service_category: None }
    }
}

/// A CA2 as it was sent. It is sent again, byte for byte, until its CA3 is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Session and index.
    pub id: BatchId,
    /// How many payments it carries.
    pub payments: u8,
    /// The message.
    pub ca2: String,
    /// Whether its CA3 is there.
    pub answered: bool,
}
