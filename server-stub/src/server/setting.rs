//! What the operator can set while servers run, and how it stands in the store (table `setting`).
//!
//! The topic and name of a row say which thing it is, so that setting it again replaces it; the value holds all of it.

use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::Agreement;
use protocol::money::{Currency, Money, Rate};
use protocol::persona::PersonaId;
use protocol::value::Value as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::config::Software;
use super::fee::Fee;
use super::service::Service;
use crate::store::{Change, Setting};

/// One thing that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "topic", rename_all = "kebab-case")]
pub enum Item {
    /// From a moment on, how much of a currency one unit of the base currency buys; nothing: it is not served from then on.
    Rate {
        /// Of which currency.
        currency: Currency,
        /// From then on.
        from: Date,
        /// How much.
        rate: Option<Rate>,
    },
    /// From a moment on, what an operation costs in a currency; nothing: it costs nothing from then on.
    Fee {
        /// Which operation.
        service: Service,
        /// In which currency.
        currency: Currency,
        /// From then on.
        from: Date,
        /// How much.
        fee: Option<Fee>,
    },
    /// A legal agreement.
    Agreement {
        /// What is published of it.
        agreement: Agreement,
        /// When it has to be agreed to.
        at: AgreedAt,
    },
    /// A software version that is not current.
    Software {
        /// Label `swversion`.
        version: String,
        /// What it is worth.
        verdict: Software,
    },
    /// A service, or a persona, that is switched off.
    Switch {
        /// Nothing: for everyone.
        persona: Option<PersonaId>,
        /// Nothing: all of the persona.
        service: Option<Service>,
        /// Since when.
        since: Date,
        /// Why, for the operator.
        note: String,
    },
    /// A key pair of the server (structure 160), or the end of one that lies in a file.
    Key(KeyItem),
    /// Money that waits for whoever has an e-mail address (label `funds-waiting` of R2).
    Gift {
        /// Which gift.
        number: u32,
        /// For whom, in lower case.
        email: String,
        /// How much.
        amount: Money,
        /// Since when.
        since: Date,
    },
}

/// When an agreement has to be agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AgreedAt {
    /// By whoever registers a persona (R1).
    Registration,
    /// By whoever binds an instrument (BI1), if not agreed to before.
    Binding,
}

/// A key pair of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyItem {
    /// Label `serverkey`.
    pub name: String,
    /// The protocol that it is for.
    pub protocol: Protocol,
    /// When it was made.
    pub made: Date,
    /// From then on it opens nothing.
    pub retires: Option<Date>,
    /// The private half, sealed in the vault; nothing where it lies in a file or was destroyed.
    pub sealed: Option<Vec<u8>>,
}

/// A row that says nothing that we understand: written by a newer version, or damaged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the setting {topic} {name} cannot be read: {why}")]
pub struct SettingFault {
    /// Which topic.
    pub topic: String,
    /// Which of it.
    pub name: String,
    /// What is wrong.
    pub why: String,
}

impl Item {
    /// The topic of the row.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::Rate { .. } => "rate",
            Self::Fee { .. } => "fee",
            Self::Agreement { .. } => "agreement",
            Self::Software { .. } => "software",
            Self::Switch { .. } => "switch",
            Self::Key(_) => "key",
            Self::Gift { .. } => "gift",
        }
    }

    /// The name of the row: what cannot be set twice at once.
    pub fn name(&self) -> String {
        match self {
            Self::Rate { currency, from, .. } => format!("{currency} {}", from.text()),
            Self::Fee { service, currency, from, .. } => format!("{service} {currency} {}", from.text()),
            Self::Agreement { agreement, .. } => agreement.number.to_string(),
            Self::Software { version, .. } => version.clone(),
            Self::Switch { persona, service, .. } => {
                let persona = persona.as_ref().map_or("everyone", PersonaId::as_str);
                format!("{persona} {}", service.map_or("everything", Service::name))
            }
            Self::Key(key) => key.name.clone(),
            Self::Gift { number, .. } => number.to_string(),
        }
    }

    /// The row.
    pub fn setting(&self) -> Setting {
        let value = serde_json::to_string(self).expect("invariant: names and numbers can be written as JSON");
        Setting { topic: self.topic().to_owned(), name: self.name(), value }
    }

    /// What a row says.
    ///
    /// # Errors
    /// See [`SettingFault`].
    pub fn of_setting(row: &Setting) -> Result<Self, SettingFault> {
        let fault = |why: String| SettingFault { topic: row.topic.clone(), name: row.name.clone(), why };
        let item: Self = serde_json::from_str(&row.value).map_err(|error| fault(error.to_string()))?;
        if item.topic() != row.topic || item.name() != row.name {
            return Err(fault("it is about something else".to_owned()));
        }
        if matches!(&item, Self::Fee { fee: Some(fee), .. } if !fee.is_sound()) {
            return Err(fault("it takes more than there is".to_owned()));
        }
        Ok(item)
    }

    /// The change that sets it.
    pub fn set(&self) -> Change {
        Change::Set(self.setting())
    }

    /// The change that takes it back.
    pub fn unset(&self) -> Change {
        Change::Unset(self.topic().to_owned(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        Currency::of("usd").expect("a currency")
    }

    #[test]
    fn rows_are_read_back() {
        let date = Date::from_millis(1_795_238_282_929);
        let items = [
            Item::Rate { currency: usd(), from: date, rate: Some(Rate::ONE) },
            Item::Fee {
                service: Service::Collect,
                currency: usd(),
                from: date,
                fee: Some(Fee { fixed: 25, basis_points: 290 }),
            },
            Item::Software { version: "1.0win".to_owned(), verdict: Software::Warning("New software".into()) },
            Item::Switch { persona: None, service: Some(Service::Pay), since: date, note: String::new() },
            Item::Gift { number: 7, email: "a@b.example".to_owned(), amount: Money::new(usd(), 5), since: date },
        ];
        let topics: Vec<_> = items.iter().map(Item::topic).collect();
        assert_eq!(topics, ["rate", "fee", "software", "switch", "gift"]);
        for item in items {
            let row = item.setting();
            assert_eq!(Item::of_setting(&row), Ok(item), "{row:?}");
            assert!(Item::of_setting(&Setting { name: "other".to_owned(), ..row.clone() }).is_err());
            assert!(Item::of_setting(&Setting { value: "{}".to_owned(), ..row }).is_err());
        }
    }

    #[test]
    fn a_fee_beyond_all_reason_is_damage() {
        let fee = Some(Fee { fixed: 0, basis_points: Fee::WHOLE + 1 });
        let item = Item::Fee { service: Service::Load, currency: usd(), from: Date::from_millis(0), fee };
        assert!(Item::of_setting(&item.setting()).is_err());
    }
}
