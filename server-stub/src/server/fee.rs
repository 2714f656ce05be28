//! What the operator charges for a service.

use std::collections::BTreeMap;

use protocol::money::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::service::Service;

/// A fee: a fixed part, and a part of the amount. The part is rounded down, for the good of whoever pays it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Minor units.
    pub fixed: i64,
    /// Hundredths of a percent of the amount.
    pub points: u32,
    /// At most so many minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<i64>,
}

/// All of the amount.
pub const MAX_POINTS: u32 = 10_000;

impl Fee {
    /// The fee on an amount.
    pub fn on(&self, amount: Money) -> Money {
        let part = i128::from(amount.minor.max(0)) * i128::from(self.points) / i128::from(MAX_POINTS);
        let fee = i128::from(self.fixed) + part;
        let fee = fee.clamp(0, i128::from(self.most.unwrap_or(Money::MAX_MINOR)));
        let minor = i64::try_from(fee).unwrap_or(Money::MAX_MINOR).min(Money::MAX_MINOR);
        Money::new(amount.currency, minor)
    }
}

/// All fees, by service and currency; what is not listed costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fees(pub BTreeMap<(Service, Currency), Fee>);

impl Fees {
    /// The fee of a service on an amount.
    pub fn of(&self, service: Service, amount: Money) -> Money {
        let fee = self.0.get(&(service, amount.currency));
        fee.map_or(Money::zero(amount.currency), |fee| fee.on(amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_has_a_fixed_part_and_a_share_rounded_down() {
        let usd = Currency::of("usd").expect("a currency");
        let fee = |fixed, points, most, minor| Fee { fixed, points, most }.on(Money::new(usd, minor)).minor;
        assert_eq!(fee(25, 190, None, 4_250), 25 + 80, "1.9 % of 42.50 are 0.8075");
        assert_eq!(fee(0, 1, None, 9_999), 0);
        assert_eq!(fee(0, 1, None, 10_000), 1);
        assert_eq!(fee(25, 190, Some(50), 4_250), 50);
        assert_eq!(fee(0, MAX_POINTS, None, Money::MAX_MINOR), Money::MAX_MINOR);
        assert_eq!(fee(Money::MAX_MINOR, MAX_POINTS, None, Money::MAX_MINOR), Money::MAX_MINOR);
    }
}
