//! `server-stub admin rate`: currencies and what they are worth.

use std::collections::BTreeMap;

use clap::Subcommand;
use protocol::date::Date;
use protocol::money::{Currency, Rate};

use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::server::Config;
use crate::server::setting::Item;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every rate, past, in force and to come.
    List,
    /// How much of a currency one unit of the base currency buys, from a moment on.
    Set {
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// A decimal with at most nine digits on either side of the point.
        #[arg(value_parser = rate)]
        rate: Rate,
        /// From then on (UTC); without it, from now.
        #[arg(long, value_parser = moment::parse)]
        from: Option<Date>,
    },
    /// Serve a currency no longer, from a moment on. What is in containers and sessions stays there.
    Withdraw {
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// From then on (UTC); without it, from now.
        #[arg(long, value_parser = moment::parse)]
        from: Option<Date>,
    },
    /// Take back a rate that has not begun.
    Cancel {
        /// ISO 4217, lower case.
        #[arg(value_parser = currency)]
        currency: Currency,
        /// When it would have begun.
        #[arg(long, value_parser = moment::parse)]
        from: Date,
    },
}

/// Reads a currency of the command line.
pub fn currency(code: &str) -> Result<Currency, String> {
    Currency::of(code).ok_or_else(|| format!("{code:?} is no currency; write a code of ISO 4217 in lower case"))
}

fn rate(text: &str) -> Result<Rate, String> {
    Rate::parse(text).ok_or_else(|| format!("{text:?} is no rate; write a decimal above zero such as 0.90"))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Set { currency, rate, from } => set(desk, currency, from, Some(rate)).await?,
        Command::Withdraw { currency, from } => set(desk, currency, from, None).await?,
        Command::Cancel { currency, from } => {
            if from <= desk.now {
                return Err("that rate has begun; payments were made at it".into());
            }
            desk.unset(&Item::Rate { currency, from, rate: None }).await?;
        }
    }
    list(desk).await
}

async fn set(desk: &Desk, currency: Currency, from: Option<Date>, rate: Option<Rate>) -> Result<(), Fault> {
    let from = from.unwrap_or(desk.now);
    if from < desk.now {
        return Err("a rate cannot begin in the past; payments were made since".into());
    }
    if Config::default().rates.get(&currency) == Some(&Rate::ONE) && rate != Some(Rate::ONE) {
        return Err(format!("{currency} is the base currency; what one of it buys of itself is always one").into());
    }
    desk.set(&[Item::Rate { currency, from, rate }]).await
}

async fn list(desk: &Desk) -> Result<Shown, Fault> {
    let defaults = Config::default().rates;
    let mut rates: BTreeMap<(Currency, Option<Date>), Option<Rate>> =
        defaults.into_iter().map(|(currency, rate)| ((currency, None), Some(rate))).collect();
    for item in desk.items().await? {
        if let Item::Rate { currency, from, rate } = item {
            rates.insert((currency, Some(from)), rate);
        }
    }
    let begun = |from: &Option<Date>| from.is_none_or(|from| from <= desk.now);
    let mut table = Table::new("rates", &["currency", "rate", "from", "state"]);
    for ((currency, from), rate) in &rates {
        let later = rates.range((*currency, *from)..).nth(1);
        let over = later.is_some_and(|((other, next), _)| other == currency && begun(next));
        let state = if !begun(from) {
            "to come"
        } else if over {
            "past"
        } else {
            "in force"
        };
        let rate = rate.map_or_else(|| "not served".to_owned(), |rate| rate.to_string());
        let from = from.map_or_else(|| "the start".to_owned(), moment::show);
        table.row([currency.to_string(), rate, from, state.to_owned()]);
    }
    Ok(table.into())
}
