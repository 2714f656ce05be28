//! The accounts between which money moves.

use std::fmt;

use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::{Reading, Value};

/// An account of the books. All are in one currency; over all accounts of a currency the balances sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// A persona's available money (120G.2).
    Container(PersonaId, Currency),
    /// A persona's money that has not cleared (120G.3).
    OnHold(PersonaId, Currency),
    /// What is in a session (130F).
    Session(u64, Currency),
    /// The bank account in which the personas' money really lies (120G.4): below zero by what is owed to them.
    Agency(Currency),
    /// What banks have promised and not delivered yet.
    Bank(Currency),
    /// What the operator earned by fees.
    Fees(Currency),
    /// What conversions took in and gave out.
    Exchange(Currency),
}

impl Account {
    /// Its currency.
    pub fn currency(&self) -> Currency {
        match self {
            Self::Container(_, currency)
            | Self::OnHold(_, currency)
            | Self::Session(_, currency)
            | Self::Agency(currency)
            | Self::Bank(currency)
            | Self::Fees(currency)
            | Self::Exchange(currency) => *currency,
        }
    }

    /// What kind of account it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Container(..) => "container",
            Self::OnHold(..) => "on-hold",
            Self::Session(..) => "session",
            Self::Agency(_) => "agency",
            Self::Bank(_) => "bank",
            Self::Fees(_) => "fees",
            Self::Exchange(_) => "exchange",
        }
    }

    /// Whether it belongs to a customer or merchant: such an account is never below zero.
    pub fn is_owned(&self) -> bool {
        matches!(self, Self::Container(..) | Self::OnHold(..) | Self::Session(..))
    }

    /// The account of a name, as [`fmt::Display`] writes it.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut parts = name.split('/');
        let kind = parts.next()?;
        let rest: Vec<_> = parts.collect();
        let currency = Currency::of(rest.last()?)?;
        match (kind, rest.as_slice()) {
            ("container", [id, _]) => Some(Self::Container(PersonaId::parse(id, Reading::STRICT)?, currency)),
            ("on-hold", [id, _]) => Some(Self::OnHold(PersonaId::parse(id, Reading::STRICT)?, currency)),
            ("session", [id, _]) => Some(Self::Session(id.parse().ok()?, currency)),
            ("agency", [_]) => Some(Self::Agency(currency)),
            ("bank", [_]) => Some(Self::Bank(currency)),
            ("fees", [_]) => Some(Self::Fees(currency)),
            ("exchange", [_]) => Some(Self::Exchange(currency)),
            _ => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, currency) = (self.kind(), self.currency());
        match self {
            Self::Container(id, _) | Self::OnHold(id, _) => write!(f, "{kind}/{id}/{currency}"),
            Self::Session(id, _) => write!(f, "{kind}/{id}/{currency}"),
            Self::Agency(_) | Self::Bank(_) | Self::Fees(_) | Self::Exchange(_) => write!(f, "{kind}/{currency}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in [
            "container/brianb-40/usd",
            "on-hold/acme-82/jpy",
            "session/18446744073709551615/kwd",
            "agency/usd",
            "bank/usd",
            "fees/eur",
            "exchange/gbp",
        ] {
            assert_eq!(Account::of_name(name).map(|account| account.to_string()).as_deref(), Some(name));
        }
        for name in ["container/brianb-41/usd", "agency", "agency/usd/x", "session/x/usd", "fees/USD", ""] {
            assert_eq!(Account::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn what_belongs_to_people_is_never_below_zero() {
        let is_owned = |name: &str| Account::of_name(name).expect("an account").is_owned();
        assert!(["container/brianb-40/usd", "on-hold/acme-82/usd", "session/1/usd"].into_iter().all(is_owned));
        assert!(!["agency/usd", "bank/usd", "fees/usd", "exchange/usd"].into_iter().any(is_owned));
    }
}
