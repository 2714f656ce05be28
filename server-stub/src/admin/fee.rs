//! `server-stub admin fee`: what operations cost.

use std::collections::BTreeMap;

use clap::Subcommand;
use protocol::date::Date;
use protocol::money::{Currency, Money};

use super::rate::currency;
use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::server::fee::Fee;
use crate::server::service::Service;
use crate::server::setting::Item;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every fee, past, in force and to come.
    List,
    /// What an operation costs in a currency, from a moment on.
    Set {
        /// `load`, `unload`, `open`, `close` or `collect`.
        #[arg(value_parser = operation)]
        operation: Service,
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// The part that is the same for every amount, in units of the currency: `0.25`.
        #[arg(long, default_value = "0")]
        fixed: String,
        /// The share of the amount, in hundredths of a percent: 290 is 2.9 %.
        #[arg(long, default_value_t = 0)]
        basis_points: u32,
        /// From then on (UTC); without it, from now.
        #[arg(long, value_parser = moment::parse)]
        from: Option<Date>,
    },
    /// An operation costs nothing any more, from a moment on.
    Remove {
        /// Which.
        #[arg(value_parser = operation)]
        operation: Service,
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// From then on (UTC); without it, from now.
        #[arg(long, value_parser = moment::parse)]
        from: Option<Date>,
    },
    /// Take back a fee that has not begun.
    Cancel {
        /// Which.
        #[arg(value_parser = operation)]
        operation: Service,
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// When it would have begun.
        #[arg(long, value_parser = moment::parse)]
        from: Date,
    },
}

fn operation(name: &str) -> Result<Service, String> {
    let found = name.parse().ok().filter(|service| Fee::CHARGED.contains(service));
    let names = || Fee::CHARGED.map(Service::name).join(", ");
    found.ok_or_else(|| format!("{name:?} can cost nothing; what can is {}", names()))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Set { operation, currency, fixed, basis_points, from } => {
            let fee = fee(currency, &fixed, basis_points)?;
            set(desk, operation, currency, from, Some(fee)).await?;
        }
        Command::Remove { operation, currency, from } => set(desk, operation, currency, from, None).await?,
        Command::Cancel { operation, currency, from } => {
            if from <= desk.now {
                return Err("that fee has begun; it was taken since".into());
            }
            desk.unset(&Item::Fee { service: operation, currency, from, fee: None }).await?;
        }
    }
    list(desk).await
}

fn fee(currency: Currency, fixed: &str, basis_points: u32) -> Result<Fee, Fault> {
    let amount = Money::of_decimal(currency, fixed, true);
    let amount = amount.ok_or_else(|| format!("{fixed:?} is no amount of {currency}; write a decimal such as 0.25"))?;
    let fee = Fee { fixed: amount.minor, basis_points };
    if !fee.is_sound() || fee == Fee::default() {
        return Err(format!("a fee takes something, and at most {} hundredths of a percent", Fee::WHOLE).into());
    }
    Ok(fee)
}

async fn set(
    desk: &Desk,
    service: Service,
    currency: Currency,
    from: Option<Date>,
    fee: Option<Fee>,
) -> Result<(), Fault> {
    let from = from.unwrap_or(desk.now);
    if from < desk.now {
        return Err("a fee cannot begin in the past".into());
    }
    desk.set(&[Item::Fee { service, currency, from, fee }]).await
}

async fn list(desk: &Desk) -> Result<Shown, Fault> {
    let mut fees: BTreeMap<(Service, Currency, Date), Option<Fee>> = BTreeMap::new();
    for item in desk.items().await? {
        if let Item::Fee { service, currency, from, fee } = item {
            fees.insert((service, currency, from), fee);
        }
    }
    let mut table = Table::new("fees", &["operation", "fixed", "basis points", "from", "state"]);
    for (place @ (service, currency, from), fee) in &fees {
        let later = fees.range(place..).nth(1).map(|(later, _)| later);
        let over = later.is_some_and(|(other, of, begins)| (other, of) == (service, currency) && *begins <= desk.now);
        let state = if *from > desk.now {
            "to come"
        } else if over {
            "past"
        } else {
            "in force"
        };
        let Fee { fixed, basis_points } = fee.unwrap_or_default();
        table.row([
            service.to_string(),
            Money::new(*currency, fixed).to_string(),
            basis_points.to_string(),
            moment::show(*from),
            state.to_owned(),
        ]);
    }
    Ok(table.into())
}
