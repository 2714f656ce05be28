//! What is in force at a moment: what the process was started with, and on top of it what the operator has set in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::{Agreement, Published, PublishedFee};
use protocol::money::{Currency, Money, Rate};

use super::config::Config;
use super::fee::Fee;
use super::service::Service;
use super::setting::{AgreedAt, Item, KeyItem, SettingFault};
use crate::keys::ServerKeys;
use crate::store::Setting;
use crate::vault::Vault;

/// What is in force.
#[derive(Clone)]
pub struct Policy {
    /// The operator's decisions.
    pub config: Config,
    /// The key pairs that requests may be sealed to.
    pub keys: Arc<ServerKeys>,
}

impl Policy {
    /// This policy with what the operator has set, as it is at a moment. Keys that `before` has opened are not opened again.
    ///
    /// # Errors
    /// A setting cannot be read, or a key cannot be opened.
    pub fn with(&self, settings: &[Setting], before: &Self, vault: &Vault, now: Date) -> Result<Self, SettingFault> {
        let mut config = self.config.clone();
        let (mut rates, mut fees, mut keys) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for row in settings {
            match Item::of_setting(row)? {
                Item::Rate { currency, from, rate } if from <= now => {
                    rates.insert((currency, from), rate);
                }
                Item::Fee { service, currency, from, fee } if from <= now => {
                    fees.insert((service, currency, from), fee);
                }
                Item::Key(key) => keys.push(key),
                item => config.set(item),
            }
        }
        set_rates(&mut config, rates);
        set_fees(&mut config, fees);
        let keys = self.keys.with(&keys, &before.keys, vault, now).map_err(|key| unopened(&key))?;
        Ok(Self { config, keys: Arc::new(keys) })
    }

    /// Whether a protocol is spoken.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        protocol == Protocol::V2 || self.config.allow_classic
    }

    /// What a server publishes of itself (protocol.md section 7).
    pub fn published(&self) -> Published {
        let spoken = Protocol::ALL.into_iter().filter(|protocol| self.speaks(*protocol));
        let speaks = |number: &str| Protocol::of_number(number).is_some_and(|protocol| self.speaks(protocol));
        Published {
            protocols: spoken.map(|protocol| protocol.number().to_owned()).collect(),
            keys: self.keys.published().into_iter().filter(|key| speaks(&key.protocol)).collect(),
            currencies: self.currencies(),
            agreements: self.agreements(),
            fees: self.fees(),
        }
    }

    /// The currencies served, the base currency first: a client that does not choose gets that one.
    fn currencies(&self) -> Vec<String> {
        let (base, others): (Vec<_>, Vec<_>) = self.config.rates.iter().partition(|(_, rate)| **rate == Rate::ONE);
        base.into_iter().chain(others).map(|(currency, _)| currency.code().to_owned()).collect()
    }

    fn fees(&self) -> Vec<PublishedFee> {
        let published = |(service, currency, fee): (Service, Currency, Fee)| PublishedFee {
            operation: service.name().to_owned(),
            fixed: Money::new(currency, fee.fixed).to_string(),
            basis_points: fee.basis_points,
        };
        self.config.fees.iter().map(published).collect()
    }

    /// All agreements: whoever agrees to all of them when registering is not asked again when binding.
    fn agreements(&self) -> Vec<Agreement> {
        self.config.agreements.iter().chain(&self.config.binding_agreements).cloned().collect()
    }
}

/// Of each currency, the latest rate counts.
fn set_rates(config: &mut Config, rates: BTreeMap<(Currency, Date), Option<Rate>>) {
    for ((currency, _), rate) in rates {
        match rate {
            Some(rate) => config.rates.insert(currency, rate),
            None => config.rates.remove(&currency),
        };
    }
}

/// Of each operation and currency, the latest fee counts.
fn set_fees(config: &mut Config, fees: BTreeMap<(Service, Currency, Date), Option<Fee>>) {
    for ((service, currency, _), fee) in fees {
        config.fees.set(service, currency, fee);
    }
}

fn unopened(key: &KeyItem) -> SettingFault {
    let why = "the key is sealed for another vault, or damaged".to_owned();
    SettingFault { topic: "key".to_owned(), name: key.name.clone(), why }
}

impl Config {
    /// Takes over what was set, but for what depends on the clock.
    fn set(&mut self, item: Item) {
        match item {
            Item::Agreement { agreement, at } => {
                let list = match at {
                    AgreedAt::Registration => &mut self.agreements,
                    AgreedAt::Binding => &mut self.binding_agreements,
                };
                list.retain(|known| known.number != agreement.number);
                list.push(agreement);
            }
            Item::Software { version, verdict } => {
                self.software.insert(version, verdict);
            }
            Item::Switch { persona, service, .. } => self.switches.off(persona, service),
            Item::Gift { email, .. } => *self.gifts.entry(email).or_default() += 1,
            // A rate or fee of tomorrow; and keys are opened elsewhere.
            Item::Rate { .. } | Item::Fee { .. } | Item::Key(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    fn policy(settings: &[Item], now: i64) -> Result<Policy, SettingFault> {
        let base = Policy { config: Config::default(), keys: Arc::default() };
        let rows: Vec<_> = settings.iter().map(Item::setting).collect();
        base.with(&rows, &base, &Vault::of_key(&[7; 32]), Date::from_millis(now))
    }

    fn currency(code: &str) -> Currency {
        Currency::of(code).expect("a currency")
    }

    #[test]
    fn a_rate_holds_from_its_date_until_the_next() {
        let rate = |from, rate: Option<&str>| Item::Rate {
            currency: currency("eur"),
            from: Date::from_millis(from),
            rate: rate.map(|rate| Rate::parse(rate).expect("a rate")),
        };
        let settings = [rate(1_000, Some("0.80")), rate(2_000, Some("0.70")), rate(3_000, None)];
        let at =
            |now| policy(&settings, now).expect("readable").config.rates.get(&currency("eur")).map(ToString::to_string);
        assert_eq!(at(999).as_deref(), Some("0.90"), "the rate of a new server");
        assert_eq!(at(1_000).as_deref(), Some("0.80"));
        assert_eq!(at(2_999).as_deref(), Some("0.70"));
        assert_eq!(at(3_000), None, "not served any more");
    }

    #[test]
    fn a_fee_holds_from_its_date_until_the_next() {
        let fee = |from, fixed: Option<i64>| Item::Fee {
            service: Service::Load,
            currency: currency("eur"),
            from: Date::from_millis(from),
            fee: fixed.map(|fixed| Fee { fixed, basis_points: 0 }),
        };
        let settings = [fee(3_000, None), fee(1_000, Some(50)), fee(2_000, Some(75))];
        let amount = Money::new(currency("eur"), 10_000);
        let at = |now| policy(&settings, now).expect("readable").config.fees.out_of(Service::Load, amount).minor;
        assert_eq!([999, 1_000, 1_999, 2_000, 2_999, 3_000].map(at), [0, 50, 50, 75, 75, 0]);
    }

    #[test]
    fn the_base_currency_is_published_first() {
        let policy = policy(&[], 0).expect("readable");
        let currencies = policy.currencies();
        assert_eq!(currencies.len(), policy.config.rates.len());
        assert_eq!(policy.config.rates.get(&currency(&currencies[0])), Some(&Rate::ONE));
        assert!(currencies[1..].is_sorted());
    }

    #[test]
    fn an_agreement_replaces_the_one_of_its_number_alone() {
        let agreement = |number, title: &str| Item::Agreement {
            agreement: Agreement { number, title: title.to_owned(), url: "https://bank.example/".to_owned() },
            at: AgreedAt::Registration,
        };
        let mut config = Config::default();
        config.agreements.clear();
        for (number, title) in [(1, "old"), (2, "other"), (1, "new")] {
            config.set(agreement(number, title));
        }
        let titles: Vec<_> = config.agreements.iter().map(|known| (known.number, known.title.as_str())).collect();
        assert_eq!(titles, [(2, "other"), (1, "new")]);
    }

    #[test]
    fn a_key_sealed_for_another_vault_is_told() {
        let mut rng = rand::rngs::StdRng::from_seed([1; 32]);
        let sealed = Some(Vault::of_key(&[8; 32]).seal("server-key", "x", &mut rng));
        let made = Date::from_millis(0);
        let key = KeyItem { name: "CC2002".to_owned(), protocol: Protocol::V2, made, retires: None, sealed };
        let fault = policy(&[Item::Key(key)], 1).err().expect("a fault");
        assert!(fault.to_string().contains("key CC2002 cannot be read"), "{fault}");
    }
}
