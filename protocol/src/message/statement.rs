//! Statement of a persona's money: ST1 and ST2 (docs/protocol.md, "Statements"; an extension of the seed, in 2.0 only).
//!
//! Containers, sessions and entries are lines of fields joined by `|`, as in CS2's log. None of the fields can hold a `|`.

use std::borrow::Cow;
use std::fmt;

use super::{Request, Sentence, SoftwareVersion, reply};
use crate::date::Date;
use crate::money::{Money, SignedMoney};
use crate::outcome::{Problem, ResponseCode};
use crate::persona::PersonaId;
use crate::record;
use crate::template::{Kind, Numbered};
use crate::value::{AnyBytes, Count, Index, OrderId, Reading, SessionId, Token, Value, YesNo};

/// How many entries one ST2 holds: well within a value of 768 KiB, encrypted and in base64.
pub const MAX_ENTRIES: usize = 1_000;
/// How many containers one ST2 holds: there are fewer currencies.
pub const MAX_CONTAINERS: usize = 200;
/// How many open sessions one ST2 holds, the newest.
pub const MAX_SESSIONS: usize = 1_000;
/// The longest line: two amounts, a session, a persona and an order id.
const MAX_LINE: usize = 250;

/// Where a statement was left: `next` of an ST2, which is `after` of the ST1 that goes on. Opaque to clients.
pub type Mark = Token<80>;

record! {
    /// ST1: asks for balances, open sessions and entries.
    pub struct StatementRequest {
        /// As in LU1.
        hashed "server-date" server_date: Date,
        /// As in LU1.
        hashed "swversion" swversion: SoftwareVersion,
        /// `start`, or `next` of an ST2: the entries that follow. Absent: the newest entries.
        hashed "after" after: Option<Mark>,
        /// The name of the persona's key.
        hashed "key" key: AnyBytes,
        /// Over all of these.
        plain "signature" signature: Option<AnyBytes>,
    }
}

impl StatementRequest {
    /// `after` for the entries from the first on.
    pub const START: &'static str = "start";
}

impl Request for StatementRequest {
    const TYPE: &'static str = "statement-request";
    const SOURCE: &'static str = "ST1, docs/protocol.md \"Statements\"";
    type Reply = StatementResponse;
}

record! {
    /// ST2: what a persona owns, and how it came to it.
    pub struct StatementResponse {
        /// The server's clock; balances are those of this moment.
        plain "server-date" server_date: Date,
        /// How it ended.
        plain "response-code" response_code: ResponseCode,
        /// Why not.
        plain "problem" problem: Option<Problem>,
        /// As in R2.
        plain "swseverity" swseverity: Option<Token<16>>,
        /// As in R2.
        plain "swmessage" swmessage: Option<Sentence>,
        /// A sentence for people.
        plain "message" message: Option<Sentence>,
        /// Every container.
        plain "container" containers: Numbered<ContainerLine, MAX_CONTAINERS>,
        /// The open sessions, the oldest first.
        plain "session" sessions: Numbered<SessionLine, MAX_SESSIONS>,
        /// What went in and out, the oldest first.
        plain "entry" entries: Numbered<EntryLine, MAX_ENTRIES>,
        /// `after` of the ST1 that goes on from here.
        plain "next" next: Option<Mark>,
        /// Whether entries follow already.
        plain "more" more: Option<YesNo>,
    }
}

reply!(StatementResponse, "statement-response", "ST2, docs/protocol.md \"Statements\"");

/// A container: `available|on-hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerLine {
    /// 120G.2.
    pub available: Money,
    /// 120G.3, of the same currency.
    pub on_hold: Money,
}

impl Value for ContainerLine {
    const KIND: Kind = Kind::Text(MAX_LINE);

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let [available, on_hold] = fields(text)?;
        let (available, on_hold) = (Money::parse(available, reading)?, Money::parse(on_hold, reading)?);
        (available.currency == on_hold.currency).then_some(Self { available, on_hold })
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{}|{}", self.available, self.on_hold))
    }
}

/// An open session: `session-id|opened|expires|use-limit|uses|opening|current`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLine {
    /// 130A.
    pub session_id: SessionId,
    /// 130G.
    pub opened: Date,
    /// 130G and 130J together.
    pub expires: Date,
    /// 130I.
    pub use_limit: Index,
    /// How many uses are spent.
    pub uses: Count,
    /// 130E.
    pub opening: Money,
    /// 130F.
    pub current: Money,
}

impl Value for SessionLine {
    const KIND: Kind = Kind::Text(MAX_LINE);

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let [session_id, opened, expires, use_limit, uses, opening, current] = fields(text)?;
        Some(Self {
            session_id: SessionId::parse(session_id, reading)?,
            opened: Date::parse(opened, reading)?,
            expires: Date::parse(expires, reading)?,
            use_limit: Index::parse(use_limit, reading)?,
            uses: Count::parse(uses, reading)?,
            opening: Money::parse(opening, reading)?,
            current: Money::parse(current, reading)?,
        })
    }

    fn text(&self) -> Cow<'_, str> {
        let Self { session_id, opened, expires, use_limit, uses, opening, current } = self;
        let (id, opened, expires) = (session_id.text(), opened.text(), expires.text());
        Cow::Owned(format!("{id}|{opened}|{expires}|{}|{}|{opening}|{current}", use_limit.get(), uses.0))
    }
}

/// What happened to a persona's money. A kind that this version does not know survives and prints: its amount still
/// counts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntryKind(Cow<'static, str>);

impl EntryKind {
    /// From an instrument (LU1).
    pub const LOAD: Self = Self(Cow::Borrowed("load"));
    /// To an instrument (LU1).
    pub const UNLOAD: Self = Self(Cow::Borrowed("unload"));
    /// A payment of the persona's that was collected (CA2).
    pub const PAID: Self = Self(Cow::Borrowed("paid"));
    /// A payment that the persona collected (CA2).
    pub const COLLECTED: Self = Self(Cow::Borrowed("collected"));
    /// A payee gave a payment back to the persona (RF1).
    pub const REFUND_RECEIVED: Self = Self(Cow::Borrowed("refund-received"));
    /// The persona gave a payment back (RF1).
    pub const REFUND_MADE: Self = Self(Cow::Borrowed("refund-made"));
    /// What the operator took: of a payment that the persona collected, or for something else.
    pub const FEE: Self = Self(Cow::Borrowed("fee"));

    /// As it stands on the wire.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The payment that an entry belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryPayment {
    /// The payer's session (130N.2).
    pub session_id: SessionId,
    /// The payer's index (130N.5).
    pub index: Index,
    /// The other party.
    pub other: PersonaId,
    /// 130N.3.
    pub order_id: OrderId,
}

impl EntryPayment {
    fn parse([session, index, other, order]: [&str; 4], reading: Reading) -> Option<Self> {
        Some(Self {
            session_id: SessionId::parse(session, reading)?,
            index: Index::parse(index, reading)?,
            other: PersonaId::parse(other, reading)?,
            order_id: OrderId::parse(order, reading)?,
        })
    }

    fn text(&self) -> String {
        let Self { session_id, index, other, order_id } = self;
        format!("{}|{}|{other}|{order_id}", session_id.text(), index.get())
    }
}

/// An entry: `date|kind|number|amount`, and for payments and refunds `|session-id|index|other|order-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// When.
    pub date: Date,
    /// What.
    pub kind: EntryKind,
    /// Tells entries of one kind apart: which of the payment's refunds, which load, unload or fee; 0 for a payment and for
    /// its fee. Kind, number and payment together name an entry; one that is told again is the same one.
    pub number: Count,
    /// What the persona has more of, or less if negative.
    pub amount: SignedMoney,
    /// Of payments and refunds.
    pub payment: Option<EntryPayment>,
}

impl Value for EntryLine {
    const KIND: Kind = Kind::Text(MAX_LINE);

    fn parse(text: &str, reading: Reading) -> Option<Self> {
        let (head, payment) = if let Some(head) = fields::<4>(text) {
            (head, None)
        } else {
            let [date, kind, number, amount, session, index, other, order] = fields(text)?;
            ([date, kind, number, amount], Some(EntryPayment::parse([session, index, other, order], reading)?))
        };
        let [date, kind, number, amount] = head;
        Some(Self {
            date: Date::parse(date, reading)?,
            kind: EntryKind(Cow::Owned(Token::<24>::of(kind)?.into_string())),
            number: Count::parse(number, reading)?,
            amount: SignedMoney::parse(amount, reading)?,
            payment,
        })
    }

    fn text(&self) -> Cow<'_, str> {
        let Self { date, kind, number, amount, payment } = self;
        let head = format!("{}|{}|{}|{}", date.text(), kind.name(), number.0, amount.text());
        Cow::Owned(payment.iter().fold(head, |head, payment| format!("{head}|{}", payment.text())))
    }
}

/// Exactly N fields joined by `|`.
fn fields<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('|').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<V: Value + PartialEq + fmt::Debug>(line: &str) {
        let value = V::parse(line, Reading::STRICT).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(value.text(), line);
        for cut in 0..line.len() {
            let other = V::parse(&line[..cut], Reading::STRICT);
            assert_ne!(other.as_ref(), Some(&value), "{}", &line[..cut]);
        }
        assert_eq!(V::parse(&format!("{line}|"), Reading::STRICT), None);
    }

    #[test]
    fn lines_are_read_back() {
        again::<ContainerLine>("usd 30.00|usd 0.00");
        again::<SessionLine>("AAAAAAAAAAk=|20260101120000000|20260101130000000|15|1|usd 70.00|usd 27.50");
        again::<EntryLine>("20260101120000000|load|7|usd 100.00");
        again::<EntryLine>("20260101120000000|unload|8|usd -10.00");
        again::<EntryLine>("20260101120000000|refund-made|1|usd -4.50|AAAAAAAAAAk=|3|brianb-40|1231-3424");
        again::<EntryLine>("20260101120000000|fee|3|usd -0.25");
        again::<EntryLine>("20260101120000000|fee|0|usd -0.25|AAAAAAAAAAk=|3|brianb-40|1231-3424");
        again::<EntryLine>("20260101120000000|a-kind-of-tomorrow|0|usd 0.01");
    }

    #[test]
    fn a_container_has_one_currency() {
        assert_eq!(ContainerLine::parse("usd 30.00|eur 0.00", Reading::STRICT), None);
    }
}
