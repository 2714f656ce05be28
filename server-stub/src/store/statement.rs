//! Refunds, and what a persona is told of its money: entries in an order that never changes.

use protocol::date::Date;
use protocol::message::statement::{EntryKind, EntryLine, Mark};
use protocol::money::Money;
use protocol::persona::PersonaId;
use protocol::value::{Index, OrderId, SessionId};

use super::PersonaFile;

/// A payment given back, all or in part (RF1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Which payment (130N.2).
    pub payer_session: SessionId,
    /// Which payment (130N.5).
    pub payer_index: Index,
    /// Which of its refunds, from 1.
    pub number: u32,
    /// Who got it.
    pub payer: PersonaId,
    /// Who gave it.
    pub payee: PersonaId,
    /// 130N.3.
    pub order_id: OrderId,
    /// What the payee gave, in the payee's currency.
    pub given: Money,
    /// What the payer got, in the payer's currency.
    pub returned: Money,
    /// The payee's reason; may be empty.
    pub note: String,
    /// When.
    pub date: Date,
}

impl Refund {
    /// How the journal refers to it.
    pub fn reference(&self) -> String {
        format!("{}/{}/{}", self.payer_session.number(), self.payer_index.get(), self.number)
    }
}

/// Where an entry stands among all entries of its persona. Ordered by date first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Milliseconds since 1970 UTC.
    pub date: i64,
    /// Of what kind, as [`kind_of`] numbers them.
    pub kind: u8,
    /// The payer's session, or the number of a movement or of a fee of no payment (whose index is 0).
    pub session: u64,
    /// The payer's index, or 0.
    pub index: u16,
    /// Which refund, or 0.
    pub number: u32,
}

impl Position {
    /// Before everything from `date` on.
    pub fn before(date: Date) -> Self {
        Self { date: date.millis(), ..Self::default() }
    }

    /// As clients carry it.
    pub fn mark(&self) -> Mark {
        let Self { date, kind, session, index, number } = self;
        Mark::of(&format!("{date}.{kind}.{session}.{index}.{number}")).expect("invariant: digits and dots")
    }

    /// The place of a mark, if it is one of ours.
    pub fn of_mark(mark: &Mark) -> Option<Self> {
        let mut parts = mark.as_str().split('.');
        let place = Self {
            date: parts.next()?.parse().ok()?,
            kind: parts.next()?.parse().ok()?,
            session: parts.next()?.parse().ok()?,
            index: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        // A number that SQLite cannot hold was never given.
        (parts.next().is_none() && i64::try_from(place.session).is_ok()).then_some(place)
    }
}

/// The numbers of the kinds in a [`Position`]; never change them.
const KINDS: [(u8, EntryKind); 7] = [
    (1, EntryKind::LOAD),
    (2, EntryKind::UNLOAD),
    (3, EntryKind::PAID),
    (4, EntryKind::COLLECTED),
    (5, EntryKind::REFUND_MADE),
    (6, EntryKind::REFUND_RECEIVED),
    (7, EntryKind::FEE),
];

/// The kind of a number.
pub fn kind_of(number: u8) -> Option<EntryKind> {
    KINDS.into_iter().find(|(known, _)| *known == number).map(|(_, kind)| kind)
}

/// The number of a kind; 0 for one that is not stored.
pub fn number_of(kind: &EntryKind) -> u8 {
    KINDS.iter().find(|(_, known)| known == kind).map_or(0, |(number, _)| *number)
}

/// Which entries are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The newest.
    Newest,
    /// Those that follow a place.
    After(Position),
}

/// A persona and entries of its own, seen in one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The persona with its balances.
    pub file: PersonaFile,
    /// Entries, the oldest first, each with its place.
    pub entries: Vec<(Position, EntryLine)>,
}

/// What went in and out of the hands of persona ?1 from date ?2 on. Payments are found by way of the persona's sessions,
/// so that collecting one costs no index of its own; where the clock was set back, by a day at most, the end of a session is
/// dated before its last payments. The numbers of kinds are those of [`kind_of`]. Every database with
/// rows reads this.
pub(super) const ENTRIES: &str = "
    SELECT date, CAST(CASE WHEN amount < 0 THEN 2 ELSE 1 END AS BIGINT) AS kind, id AS session,
           CAST(0 AS BIGINT) AS idx, CAST(0 AS BIGINT) AS number, currency, amount,
           CAST(NULL AS TEXT) AS other, CAST(NULL AS TEXT) AS order_id
    FROM movement_405 WHERE persona = ?1 AND date >= ?2
    UNION ALL
    SELECT t.date, 3, t.payer_session, t.payer_index, 0, t.currency, -t.charged, t.payee, t.order_id
    FROM session_130 s JOIN transaction_130n t ON t.payer_session = s.id
    WHERE s.persona = ?1 AND (s.ended IS NULL OR s.ended + 86400000 >= ?2) AND t.date >= ?2
    UNION ALL
    SELECT t.date, 4, t.payer_session, t.payer_index, 0, t.credit_currency, t.credited, t.payer, t.order_id
    FROM session_130 s JOIN transaction_130n t ON t.payee_session = s.id
    WHERE s.persona = ?1 AND (s.ended IS NULL OR s.ended + 86400000 >= ?2) AND t.date >= ?2
    UNION ALL
    SELECT date, 5, payer_session, payer_index, number, currency, -given, payer, order_id
    FROM refund WHERE payee = ?1 AND date >= ?2
    UNION ALL
    SELECT date, 6, payer_session, payer_index, number, return_currency, returned, payee, order_id
    FROM refund WHERE payer = ?1 AND date >= ?2
    UNION ALL
    SELECT t.date, 7, t.payer_session, t.payer_index, 0, t.credit_currency, -t.fee, t.payer, t.order_id
    FROM session_130 s JOIN transaction_130n t ON t.payee_session = s.id
    WHERE s.persona = ?1 AND (s.ended IS NULL OR s.ended + 86400000 >= ?2) AND t.date >= ?2 AND t.fee > 0
    UNION ALL
    SELECT date, 7, id, 0, 0, currency, -amount, NULL, NULL FROM fee WHERE persona = ?1 AND date >= ?2";
