//! Record 240: cash at hand, under three limits.

use protocol::Protocol;
use protocol::date::Date;
use protocol::money::{Money, Rate, Rates};
use protocol::secret::SessionSecrets;
use protocol::value::{Index, SessionId, from_base64};
use serde::{Deserialize, Serialize};

use super::pending::PendingPayment;
use super::{Field, Held, Stored};
use crate::vault::{Sealed, Vault, VaultFault};

/// Record 240: customer active session (fig. 5E). 240F, the current amount, is [`Session::left`]: what the server
/// confirmed, less what pending payments (record 253) promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// 240A, base64.
    pub id: String,
    /// The suite of its messages; it never changes.
    pub protocol: Protocol,
    /// 240B, base64, sealed.
    pub key: Sealed,
    /// 240C, base64, sealed.
    pub salt: Sealed,
    /// 240E; its currency is 240D.
    pub opened: Money,
    /// What the server last said is left. It only ever shrinks, so that an old receipt read late cannot raise it.
    pub confirmed: Money,
    /// What the server last said is left of the uses. It only ever shrinks.
    pub uses_confirmed: u32,
    /// When the server said it, by its clock.
    pub confirmed_at: Date,
    /// When it ends by the last receipt's `seconds-left`, by the server's clock.
    #[serde(default)]
    pub ends_told: Option<Date>,
    /// The next index that was never used (240G plus one).
    pub next_index: u32,
    /// Indexes of refused payments: free again, and used first, for at most one payment of an index is collected.
    pub free: Vec<u16>,
    /// 240H.
    pub note: String,
    /// 240J.
    pub use_limit: u32,
    /// 240K, minutes.
    pub lifetime_minutes: u32,
    /// When it was opened, by the server's clock.
    pub opened_at: Date,
    /// What one unit of other currencies is worth in this one's.
    pub rates: Rates,
    /// Somebody else pays from it too (a copied profile): nothing more is paid from it here.
    pub shared: bool,
    /// The server said of a payment that the session is over: nothing more is paid from it.
    pub gone: bool,
    /// When its last use was spent, by the server's clock.
    pub used_up_at: Option<Date>,
    /// Set when its remainder is known to be back in the container.
    pub over: Option<SessionEnd>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEnd {
    /// By CS1.
    Closed,
    /// Its lifetime was over.
    Expired,
    /// Its last use was spent.
    UsedUp,
}

impl Stored for Session {
    const TABLE: &'static str = "240-session";

    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Session {
    /// 240B.
    pub const KEY: Field = Field { table: Self::TABLE, name: "session-key" };
    /// 240C.
    pub const SALT: Field = Field { table: Self::TABLE, name: "session-salt" };

    /// 240A, or nothing if the record is damaged.
    pub fn session_id(&self) -> Option<SessionId> {
        SessionId::of(from_base64(&self.id)?)
    }

    /// The secrets of its messages.
    ///
    /// # Errors
    /// They are damaged.
    pub fn secrets(&self, vault: &Vault) -> Result<SessionSecrets, VaultFault> {
        let key = vault.open(Self::KEY, &self.id, &self.key)?;
        Ok(SessionSecrets { key, salt: vault.open(Self::SALT, &self.id, &self.salt)? })
    }

    /// When it ends, by the server's clock.
    pub fn ends_at(&self) -> Date {
        self.opened_at.plus_secs(i64::from(self.lifetime_minutes) * 60)
    }

    /// When what was left of it returned to the container, by the server's clock; nothing if that is not known.
    pub fn ended_at(&self) -> Option<Date> {
        match self.end(Date::from_millis(i64::MAX)) {
            Some(SessionEnd::UsedUp) => self.used_up_at,
            Some(SessionEnd::Expired) if !self.gone => Some(self.ends_at()),
            _ => None,
        }
    }

    /// How it ended, if it did, at a time of the server's clock.
    pub fn end(&self, server_now: Date) -> Option<SessionEnd> {
        // The server counts "exactly equal" as still alive (step 1668B).
        let expired = (server_now > self.ends_at()).then_some(SessionEnd::Expired);
        let used_up = (self.uses_confirmed == 0).then_some(SessionEnd::UsedUp);
        self.over.or(used_up).or(expired)
    }

    /// 240F: what is left once all that was promised is collected.
    pub fn left(&self, pending: &[Held<PendingPayment>]) -> Money {
        let promised: i64 = self.promises(pending).map(|payment| payment.amount.minor).sum();
        Money::new(self.confirmed.currency, (self.confirmed.minor - promised).max(0))
    }

    /// How many payments are left once all that was promised is collected.
    pub fn uses_left(&self, pending: &[Held<PendingPayment>]) -> u32 {
        let promised = u32::try_from(self.promises(pending).count()).unwrap_or(u32::MAX);
        self.uses_confirmed.saturating_sub(promised)
    }

    /// Its payments whose outcome is not known yet.
    pub fn promises<'a>(&'a self, pending: &'a [Held<PendingPayment>]) -> impl Iterator<Item = &'a PendingPayment> {
        pending.iter().map(|held| &held.record).filter(|payment| payment.session == self.id)
    }

    /// The index of the next payment (5113D), if there is one.
    pub fn index(&self) -> Option<Index> {
        let fresh = Some(self.next_index).filter(|next| *next <= self.use_limit);
        let lowest = self.free.iter().copied().min().map(u32::from);
        lowest.or(fresh).and_then(|index| Index::of(index.into()))
    }

    /// Marks an index as promised.
    pub fn take(&mut self, index: Index) {
        if let Some(at) = self.free.iter().position(|free| *free == index.get()) {
            self.free.swap_remove(at);
        } else {
            self.next_index = self.next_index.max(u32::from(index.get()) + 1);
        }
    }

    /// What this session is charged for `price`: the price itself, or its worth at the session's rates.
    pub fn charge(&self, price: Money) -> Option<Money> {
        let currency = self.opened.currency;
        if price.currency == currency {
            return Some(price);
        }
        let (_, rate) = self.rates.0.iter().find(|(other, _)| *other == price.currency)?;
        Rate::convert_up(price, Rate::ONE, currency, *rate).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session of an hour that has three uses and whose indexes 2, 5 and 3 are free again.
    fn session() -> Session {
        let sealed = || serde_json::from_str::<Sealed>("\"\"").expect("a text");
        let amount = Money::new(protocol::money::Currency::of("usd").expect("a currency"), 7_000);
        let opened_at = Date::from_millis(1_795_238_282_929);
        Session {
            id: "AAAAAAAAAAE=".to_owned(),
            protocol: Protocol::V2,
            key: sealed(),
            salt: sealed(),
            opened: amount,
            confirmed: amount,
            uses_confirmed: 3,
            confirmed_at: opened_at,
            ends_told: None,
            next_index: 7,
            free: vec![2, 5, 3],
            note: String::new(),
            use_limit: 8,
            lifetime_minutes: 60,
            opened_at,
            rates: Rates::default(),
            shared: false,
            gone: false,
            used_up_at: None,
            over: None,
        }
    }

    #[test]
    fn no_index_is_taken_twice() {
        let mut session = session();
        let mut taken = Vec::new();
        while let Some(index) = session.index() {
            session.take(index);
            taken.push(index.get());
        }
        assert_eq!(taken, [2, 3, 5, 7, 8], "those that are free again first, then fresh ones up to the limit");
    }

    #[test]
    fn a_session_lives_up_to_its_last_millisecond() {
        let session = session();
        let ends = session.ends_at();
        assert_eq!((session.end(ends), session.ended_at()), (None, Some(ends)));
        assert_eq!(session.end(Date::from_millis(ends.millis() + 1)), Some(SessionEnd::Expired));
        let gone = Session { gone: true, ..session };
        assert_eq!(gone.ended_at(), None, "the server called it over before its time: nobody knows when");
    }
}
