//! The operator's tools: `server-stub admin`. What is set here lies in the store, and every server process on it takes note
//! within a second; nothing has to be restarted.

mod agreement;
mod fee;
mod gift;
mod instrument;
mod key;
mod lookup;
mod moment;
mod page;
mod rate;
mod report;
mod shown;
mod software;
mod switch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use protocol::date::Date;
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

use crate::cli::{Ending, Fault};
use crate::http;
use crate::server::setting::Item;
use crate::store::{Change, ChangeSet, KeyPlace, Place, Store};
use crate::vault::Vault;

/// Arguments of `server-stub admin`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Where the books are.
    #[command(flatten)]
    place: Place,
    /// Where the server's keys are.
    #[command(flatten)]
    keys: KeyPlace,
    /// Print JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    group: Group,
}

#[derive(Clone, Debug, Subcommand)]
enum Group {
    /// Currencies and what they are worth, from a date on.
    #[command(subcommand)]
    Rate(rate::Command),
    /// What operations cost, from a date on.
    #[command(subcommand)]
    Fee(fee::Command),
    /// Legal agreements.
    #[command(subcommand)]
    Agreement(agreement::Command),
    /// Software versions that are not current.
    #[command(subcommand)]
    Software(software::Command),
    /// Switch services and personas off and on.
    #[command(subcommand)]
    Switch(switch::Command),
    /// The server's key pairs.
    #[command(subcommand)]
    Key(key::Command),
    /// Gifts that wait for an e-mail address.
    #[command(subcommand)]
    Gift(gift::Command),
    /// Instruments of a persona.
    #[command(subcommand)]
    Instrument(instrument::Command),
    /// Reports of clients that could not use a reply.
    #[command(subcommand)]
    Report(report::Command),
    /// Look up a persona: its money, instruments and open sessions.
    Persona(lookup::PersonaArgs),
    /// Look up a session and its payments.
    Session(lookup::SessionArgs),
    /// Look up payments by their order id.
    Payment(lookup::PaymentArgs),
}

/// What the commands work with.
struct Desk {
    store: Arc<dyn Store>,
    keys: PathBuf,
    now: Date,
}

/// Runs an operator's command.
///
/// # Errors
/// There are no books, they cannot be read or written, or the command cannot be meant.
pub async fn run(args: Args) -> Ending {
    let Args { place, keys, json, group } = args;
    let keys = keys.folder(&place).filter(|folder| folder.is_dir());
    let keys = keys.ok_or("no server has been started there yet: there are no keys")?;
    let desk = Desk { store: place.open_beside().await?, keys, now: http::now() };
    let shown = match group {
        Group::Rate(command) => rate::run(&desk, command).await,
        Group::Fee(command) => fee::run(&desk, command).await,
        Group::Agreement(command) => agreement::run(&desk, command).await,
        Group::Software(command) => software::run(&desk, command).await,
        Group::Switch(command) => switch::run(&desk, command).await,
        Group::Key(command) => key::run(&desk, command).await,
        Group::Gift(command) => gift::run(&desk, command).await,
        Group::Instrument(command) => instrument::run(&desk, command).await,
        Group::Report(command) => report::run(&desk, command).await,
        Group::Persona(args) => lookup::persona(&desk, &args).await,
        Group::Session(args) => lookup::session(&desk, &args).await,
        Group::Payment(args) => lookup::payment(&desk, &args).await,
    }?;
    shown.print(json)?;
    Ok(ExitCode::SUCCESS)
}

impl Desk {
    /// Everything that was set.
    async fn items(&self) -> Result<Vec<Item>, Fault> {
        let rows = self.store.settings().await?;
        Ok(rows.iter().map(Item::of_setting).collect::<Result<_, _>>()?)
    }

    /// Makes the changes, all or none.
    async fn change(&self, changes: Vec<Change>) -> Result<(), Fault> {
        Ok(self.store.commit(ChangeSet { changes, ..ChangeSet::default() }).await?)
    }

    /// Sets things.
    async fn set(&self, items: &[Item]) -> Result<(), Fault> {
        self.change(items.iter().map(Item::set).collect()).await
    }

    /// Takes something back that was set.
    async fn unset(&self, item: &Item) -> Result<(), Fault> {
        let known =
            self.items().await?.iter().any(|known| known.topic() == item.topic() && known.name() == item.name());
        if !known {
            return Err(format!("no {} {} was set", item.topic(), item.name()).into());
        }
        self.change(vec![item.unset()]).await
    }

    fn rng() -> Result<StdRng, Fault> {
        Ok(StdRng::try_from_rng(&mut SysRng)?)
    }

    fn vault(&self) -> Result<Vault, Fault> {
        Ok(Vault::found(&self.keys)?)
    }
}
