//! Fees: what the operator takes for an operation, as the seed's messages tell it (labels `fee` of LU2, OS2, CS2 and CA3,
//! figs 20, 23, 40 and 34).
//!
//! | operation | of which amount | who gives it, and from where |
//! | --- | --- | --- |
//! | `load` | what is loaded | the persona, from where the load goes: container, or on hold |
//! | `unload` | what is unloaded | the persona, from the container, on top |
//! | `open` | what is granted | the persona, from the container, on top |
//! | `close` | what returns | the persona, from the container |
//! | `collect` | the price | the payee, from the session that collects |
//!
//! A fee is a fixed part and a share of the amount, rounded down together: nobody gives more than what is published.
//! A fee that is taken out of an amount is at most that amount.

use std::collections::BTreeMap;

use protocol::money::{Currency, Money, MoneyFault};
use serde::{Deserialize, Serialize};

use super::service::Service;

/// What is taken for one operation in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Minor units, whatever the amount.
    pub fixed: i64,
    /// Hundredths of a percent of the amount.
    pub basis_points: u32,
}

impl Fee {
    /// The operations that may cost something.
    pub const CHARGED: [Service; 5] = [Service::Load, Service::Unload, Service::Open, Service::Close, Service::Collect];
    /// All of the amount.
    pub const WHOLE: u32 = 10_000;

    /// Whether an operator can mean it: nothing below zero, and no more than the amount itself beside the fixed part.
    pub fn is_sound(self) -> bool {
        (0..=Money::MAX_MINOR).contains(&self.fixed) && self.basis_points <= Self::WHOLE
    }

    /// The fee of an amount.
    ///
    /// # Errors
    /// More than an amount may be.
    fn of(self, amount: Money) -> Result<Money, MoneyFault> {
        let share = i128::from(amount.minor) * i128::from(self.basis_points) / i128::from(Self::WHOLE);
        let share = i64::try_from(share).map_err(|_| MoneyFault::TooLarge)?;
        Money::new(amount.currency, share).plus(Money::new(amount.currency, self.fixed))
    }

    /// The largest amount that a balance holds together with its fee; nothing if it does not hold the fee of nothing.
    fn room(self, balance: i64) -> Option<i64> {
        let rest = i128::from(balance.checked_sub(self.fixed).filter(|rest| *rest >= 0)?);
        let (whole, points) = (i128::from(Self::WHOLE), i128::from(self.basis_points));
        // Amount and share together are floor(amount * (whole + points) / whole), which is to be less than rest + 1.
        let amount = ((rest + 1) * whole - 1) / (whole + points);
        i64::try_from(amount).ok()
    }
}

/// What is taken, by operation and currency; nothing where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fees(BTreeMap<(Service, Currency), Fee>);

impl Fees {
    /// Sets a fee, or takes it back.
    pub fn set(&mut self, service: Service, currency: Currency, fee: Option<Fee>) {
        match fee {
            Some(fee) => self.0.insert((service, currency), fee),
            None => self.0.remove(&(service, currency)),
        };
    }

    /// Every fee.
    pub fn iter(&self) -> impl Iterator<Item = (Service, Currency, Fee)> {
        self.0.iter().map(|((service, currency), fee)| (*service, *currency, *fee))
    }

    fn find(&self, service: Service, currency: Currency) -> Fee {
        self.0.get(&(service, currency)).copied().unwrap_or_default()
    }

    /// The fee of an amount, on top of it.
    ///
    /// # Errors
    /// More than an amount may be.
    pub fn on_top(&self, service: Service, amount: Money) -> Result<Money, MoneyFault> {
        self.find(service, amount.currency).of(amount)
    }

    /// The fee of an amount, out of it: at most all of it.
    pub fn out_of(&self, service: Service, amount: Money) -> Money {
        let fee = self.find(service, amount.currency).of(amount);
        fee.ok().filter(|fee| fee.minor <= amount.minor).unwrap_or(amount)
    }

    /// The largest amount that a balance holds together with the fee on top of it; nothing if it does not hold even the fee.
    pub fn room(&self, service: Service, balance: Money) -> Option<Money> {
        let amount = self.find(service, balance.currency).room(balance.minor)?;
        Some(Money::new(balance.currency, amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(minor: i64) -> Money {
        Money::new(Currency::of("usd").expect("a currency"), minor)
    }

    fn fees(fixed: i64, basis_points: u32) -> Fees {
        let mut fees = Fees::default();
        fees.set(Service::Collect, usd(0).currency, Some(Fee { fixed, basis_points }));
        fees
    }

    #[test]
    fn a_share_is_rounded_down_and_never_more_than_the_amount() {
        let fees = fees(25, 290);
        for (amount, fee) in [(4_250, 148), (10_000, 315), (0, 0), (10, 10), (25, 25), (26, 25), (34, 25), (35, 26)] {
            assert_eq!(fees.out_of(Service::Collect, usd(amount)), usd(fee), "of {amount}");
        }
        assert_eq!(fees.on_top(Service::Collect, usd(10)), Ok(usd(25)), "on top it is what it is");
        assert_eq!(fees.out_of(Service::Load, usd(10_000)), usd(0), "of another operation nothing is said");
        assert_eq!(fees.out_of(Service::Collect, Money::new(Currency::of("jpy").expect("a currency"), 500)).minor, 0);
    }

    #[test]
    fn a_fee_may_be_all_and_no_more() {
        assert!(Fee { fixed: 0, basis_points: Fee::WHOLE }.is_sound());
        assert!(!Fee { fixed: 0, basis_points: Fee::WHOLE + 1 }.is_sound());
        assert!(!Fee { fixed: -1, basis_points: 0 }.is_sound());
        assert!(fees(Money::MAX_MINOR, 1).on_top(Service::Collect, usd(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn what_a_balance_has_room_for_is_the_most_it_can_give(
            fixed in 0..2_000_i64, points in 0..=Fee::WHOLE, balance in 0..100_000_i64,
        ) {
            let fees = fees(fixed, points);
            let with_fee = |amount: i64| amount + fees.on_top(Service::Collect, usd(amount)).expect("small").minor;
            match fees.room(Service::Collect, usd(balance)) {
                None => prop_assert!(fixed > balance),
                Some(room) => {
                    prop_assert!(room.minor >= 0 && with_fee(room.minor) <= balance);
                    prop_assert!(with_fee(room.minor + 1) > balance);
                }
            }
        }
    }
}
