//! `server-stub admin key`: the server's key pairs (structure 160). Private halves lie sealed in the store, under the key of
//! the vault, which is not in the store.

use clap::Subcommand;
use protocol::Protocol;

use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::keys::{CLASSIC_NAME, KeyPair, MODERN_NAME};
use crate::server::setting::{Item, KeyItem};

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every key pair that was made or retired here.
    List,
    /// Make a new key pair and publish it; the one before opens what is sealed to it for some more days.
    Rotate {
        /// For which protocol: 2.0, or 1.0 where it is spoken.
        #[arg(long, value_parser = protocol, default_value = "2.0")]
        protocol: Protocol,
        /// How long the ones before stay. Wallets that were away for longer ask for the new key.
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=3_650))]
        overlap_days: u32,
    },
    /// Destroy the private half of a retired key pair: nothing that was sealed to it can ever be opened again.
    Destroy {
        /// Label `serverkey`.
        name: String,
    },
}

/// A day.
const DAY_SECS: i64 = 24 * 3_600;

fn protocol(number: &str) -> Result<Protocol, String> {
    Protocol::of_number(number).ok_or_else(|| format!("{number:?} is no protocol; there are 1.0 and 2.0"))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Rotate { protocol, overlap_days } => rotate(desk, protocol, overlap_days).await?,
        Command::Destroy { name } => destroy(desk, &name).await?,
    }
    let mut table = Table::new("keys", &["key", "protocol", "made", "retires", "private half"]);
    for key in keys(desk).await? {
        let made = if key.name == first(key.protocol) { "with the server".to_owned() } else { moment::show(key.made) };
        let retires = key.retires.map_or_else(|| "-".to_owned(), moment::show);
        let kept = match &key.sealed {
            Some(_) => "in the store",
            None if key.name == first(key.protocol) => "in a file",
            None => "destroyed",
        };
        table.row([key.name, key.protocol.number().to_owned(), made, retires, kept.to_owned()]);
    }
    Ok(table.into())
}

/// The key pair that a server makes at its first start, and keeps in a file.
fn first(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V1 => CLASSIC_NAME,
        Protocol::V2 => MODERN_NAME,
    }
}

async fn keys(desk: &Desk) -> Result<Vec<KeyItem>, Fault> {
    let key = |item| if let Item::Key(key) = item { Some(key) } else { None };
    Ok(desk.items().await?.into_iter().filter_map(key).collect())
}

async fn rotate(desk: &Desk, protocol: Protocol, overlap_days: u32) -> Result<(), Fault> {
    let retires = desk.now.plus_secs(i64::from(overlap_days) * DAY_SECS);
    let mut before: Vec<_> = keys(desk).await?.into_iter().filter(|key| key.protocol == protocol).collect();
    if !before.iter().any(|key| key.name == first(protocol)) {
        let name = first(protocol).to_owned();
        before.push(KeyItem { name, protocol, made: desk.now, retires: None, sealed: None });
    }
    let number = |key: &KeyItem| key.name.trim_start_matches("CC").parse::<u32>().unwrap_or_default();
    let next = before.iter().map(number).max().unwrap_or_default() + 1;
    let mut rng = Desk::rng()?;
    let vault = desk.vault()?;
    let mut items = vec![Item::Key(KeyPair::make(&format!("CC{next}"), protocol, desk.now, &vault, &mut rng)?)];
    let still = before.into_iter().filter(|key| key.retires.is_none());
    items.extend(still.map(|key| Item::Key(KeyItem { retires: Some(retires), ..key })));
    desk.set(&items).await
}

async fn destroy(desk: &Desk, name: &str) -> Result<(), Fault> {
    let key = keys(desk).await?.into_iter().find(|key| key.name == name);
    let key = key.ok_or_else(|| format!("no key {name} was made or retired here"))?;
    if key.retires.is_none_or(|retires| retires > desk.now) {
        return Err(format!("{name} is not retired yet; wallets still seal to it").into());
    }
    if key.name == first(key.protocol) {
        return Err(format!("{name} lies in a file in {}; it is retired, delete the file", desk.keys.display()).into());
    }
    desk.set(&[Item::Key(KeyItem { sealed: None, ..key })]).await
}
