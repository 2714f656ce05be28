//! `server-stub admin gift`: money that waits for whoever has an e-mail address. R2 says how many wait (label
//! `funds-waiting`); an address proves nothing, so whoever pays a gift out looks at the persona first.

use clap::Subcommand;
use protocol::money::Money;
use protocol::value::{Reading, Value as _};

use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::server::setting::Item;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every gift that waits.
    List,
    /// Let a gift wait for an address.
    Add {
        /// Whose.
        email: String,
        /// How much, such as "usd 5.00".
        #[arg(value_parser = amount)]
        amount: Money,
    },
    /// It waits no longer.
    Remove {
        /// Which, as the list says.
        number: u32,
    },
}

fn amount(text: &str) -> Result<Money, String> {
    let amount = Money::parse(text, Reading::STRICT).filter(|amount| amount.minor > 0);
    amount.ok_or_else(|| format!("{text:?} is no amount; write it like \"usd 5.00\""))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    let numbers = gifts(desk).await?.into_iter().map(|(number, ..)| number);
    match command {
        Command::List => {}
        Command::Add { email, amount } => {
            let number = numbers.max().unwrap_or_default() + 1;
            let email = email.trim().to_lowercase();
            desk.set(&[Item::Gift { number, email, amount, since: desk.now }]).await?;
        }
        Command::Remove { number } => {
            let gift = gifts(desk).await?.into_iter().find(|(found, ..)| *found == number);
            let (.., item) = gift.ok_or_else(|| format!("there is no gift {number}"))?;
            desk.unset(&item).await?;
        }
    }
    let mut table = Table::new("gifts", &["number", "email", "amount", "since"]);
    for (number, email, amount, item) in gifts(desk).await? {
        let Item::Gift { since, .. } = item else { continue };
        table.row([number.to_string(), email, amount.to_string(), moment::show(since)]);
    }
    Ok(table.into())
}

async fn gifts(desk: &Desk) -> Result<Vec<(u32, String, Money, Item)>, Fault> {
    let gift = |item: Item| match &item {
        Item::Gift { number, email, amount, .. } => Some((*number, email.clone(), *amount, item)),
        _ => None,
    };
    Ok(desk.items().await?.into_iter().filter_map(gift).collect())
}
