//! Records 215 and 280: the server that the wallet talks to, and the cash it keeps there.

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{Agreement, PublicKey, Published, ServerKey};
use protocol::money::{Currency, Money};
use protocol::value::{ServerKeyName, from_base64, to_base64};
use serde::{Deserialize, Serialize};

use super::Stored;

/// Record 215: customer application data (fig. 5B).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// URL of the server, without a slash at its end (215B).
    pub server: String,
    /// Name of the server's key (structure 160).
    pub key_name: String,
    /// The protocol that the key is for.
    pub protocol: Protocol,
    /// The server's public key (215A): `SubjectPublicKeyInfo`, base64.
    pub key: String,
    /// Legal agreements that the server demands.
    pub agreements: Vec<Agreement>,
    /// How far the server's clock is ahead of ours, in milliseconds.
    pub clock_ahead_ms: i64,
}

impl Stored for Application {
    const TABLE: &'static str = "215-application";

    fn key(&self) -> String {
        "server".to_owned()
    }
}

impl Application {
    /// The server's clock is learnt anew where it differs by more; less is what a message travels.
    const CLOCK_TOLERANCE_MS: i64 = 2_000;

    /// What a server published, or nothing if it has no key that we can use.
    pub fn of(server: &str, published: &Published) -> Option<Self> {
        let best = published.best_key()?;
        Some(Self {
            server: server.to_owned(),
            key_name: best.name.into_string(),
            protocol: best.protocol,
            key: to_base64(best.public.spki()),
            agreements: published.agreements.clone(),
            clock_ahead_ms: 0,
        })
    }

    /// The record with what the server publishes now; nothing if it publishes no key of our protocol.
    pub fn renewed(&self, published: &Published) -> Option<Self> {
        let known = published.keys.iter().any(|key| key.serverkey == self.key_name && key.spki == self.key);
        if known {
            return Some(Self { agreements: published.agreements.clone(), ..self.clone() });
        }
        let next = published.key_for(self.protocol)?;
        let (key_name, key) = (next.name.into_string(), to_base64(next.public.spki()));
        Some(Self { key_name, key, agreements: published.agreements.clone(), ..self.clone() })
    }

    /// The server's key, or nothing if the record is damaged.
    pub fn server_key(&self) -> Option<ServerKey> {
        let public = PublicKey::of_spki(from_base64(&self.key)?);
        Some(ServerKey { name: ServerKeyName::of(&self.key_name)?, protocol: self.protocol, public })
    }

    /// The server's clock at our time `now`.
    pub fn server_time(&self, now: Date) -> Date {
        Date::from_millis(now.millis().saturating_add(self.clock_ahead_ms))
    }

    /// Our time at a time of the server's clock.
    pub fn our_time(&self, server: Date) -> Date {
        Date::from_millis(server.millis().saturating_sub(self.clock_ahead_ms))
    }

    /// The record with the server's clock set right by an authentic reply, where it was off.
    pub fn with_clock(&self, server_date: Date, now: Date) -> Option<Self> {
        let ahead = server_date.millis() - now.millis();
        let off = (ahead - self.clock_ahead_ms).abs() > Self::CLOCK_TOLERANCE_MS;
        off.then(|| Self { clock_ahead_ms: ahead, ..self.clone() })
    }
}

/// Record 280: customer cash container (fig. 5U), as an authentic reply last told it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// 280A.
    pub currency: Currency,
    /// Available balance (280B).
    pub available: Money,
    /// On-hold balance (280C).
    pub on_hold: Money,
    /// The server's clock when it told this, so that a reply read late does not undo a newer one.
    pub as_of: Date,
}

impl Stored for Container {
    const TABLE: &'static str = "280-container";

    fn key(&self) -> String {
        self.currency.code().to_owned()
    }
}

impl Container {
    /// Longer than any answer is waited for.
    const STATEMENT_TRAVELS_SECS: i64 = 60;

    /// Nothing in it.
    pub fn empty(currency: Currency) -> Self {
        let nothing = Money::zero(currency);
        Self { currency, available: nothing, on_hold: nothing, as_of: Date::from_millis(0) }
    }

    /// The container after a reply of `server_date` that says what is in it; what a reply does not say stays.
    pub fn told(&self, balance: Option<Money>, on_hold: Option<Money>, server_date: Date) -> Self {
        if server_date < self.as_of {
            return self.clone();
        }
        let ours = |money: &Money| money.currency == self.currency;
        let available = balance.filter(ours).unwrap_or(self.available);
        let on_hold = on_hold.filter(ours).unwrap_or(self.on_hold);
        Self { available, on_hold, as_of: server_date, ..self.clone() }
    }

    /// The container after a statement. A statement is asked for anew each time and travels for less than a minute, so
    /// where an earlier reply is dated later than that, the server's clock was turned back, and the statement holds.
    pub fn stated(&self, available: Money, on_hold: Money, server_date: Date) -> Self {
        let turned_back = self.as_of > server_date.plus_secs(Self::STATEMENT_TRAVELS_SECS);
        let as_of = if turned_back { server_date } else { self.as_of };
        Self { as_of, ..self.clone() }.told(Some(available), Some(on_hold), server_date)
    }

    /// The container after `amount` came back to it, as a reply of `server_date` says. A balance that was told later holds
    /// it already.
    pub fn returned(&self, amount: Money, server_date: Date) -> Self {
        if server_date < self.as_of {
            return self.clone();
        }
        let available = self.available.plus(amount).unwrap_or(self.available);
        Self { available, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Found by the simulated world (seed 7): the balance stayed what it was a day ahead.
    #[test]
    fn a_server_whose_clock_was_turned_back_is_believed_again() {
        let usd = Currency::of("usd").expect("a currency");
        let (noon, minor) = (Date::from_millis(815_565_900_000), |minor| Money::new(usd, minor));
        let ahead = Container::empty(usd).told(Some(minor(100)), None, noon.plus_secs(25 * 3_600));
        let told = ahead.stated(minor(40), minor(0), noon);
        assert_eq!((told.available, told.as_of), (minor(40), noon));
        // A statement that was overtaken on its way does not undo what is newer.
        let newer = Container::empty(usd).told(Some(minor(100)), None, noon.plus_secs(20));
        assert_eq!(newer.stated(minor(40), minor(0), noon), newer);
    }

    /// Found by the simulated world (seed 700004): what a session returned was counted twice, since the answer to its
    /// closing came after the answer to an unloading that knew of it.
    #[test]
    fn what_came_back_is_not_counted_twice() {
        let usd = Currency::of("usd").expect("a currency");
        let (noon, minor) = (Date::from_millis(815_565_900_000), |minor| Money::new(usd, minor));
        let before = Container::empty(usd).told(Some(minor(100)), None, noon);
        let closed = noon.plus_secs(1);
        assert_eq!(before.returned(minor(30), closed).available, minor(130));
        let told = before.told(Some(minor(90)), None, noon.plus_secs(2));
        assert_eq!(told.returned(minor(30), closed), told);
    }
}
