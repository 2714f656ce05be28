//! `server-stub admin switch`: services and personas, off and on.

use clap::Subcommand;
use protocol::persona::PersonaId;
use protocol::value::{Reading, Value as _};

use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::server::service::Service;
use crate::server::setting::Item;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// All that is off.
    List,
    /// Switch off: a service for everyone, a service for a persona, or a persona as a whole.
    Off {
        #[command(flatten)]
        what: What,
        /// Why, for whoever lists it later.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Switch on again what was switched off in the same words.
    On {
        #[command(flatten)]
        what: What,
    },
}

/// What is switched.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct What {
    /// For this persona only.
    #[arg(long, value_parser = persona)]
    persona: Option<PersonaId>,
    /// This service only.
    #[arg(long)]
    service: Option<Service>,
}

/// Reads a persona id of the command line.
pub fn persona(id: &str) -> Result<PersonaId, String> {
    PersonaId::parse(id, Reading::STRICT).ok_or_else(|| format!("{id:?} is no persona id; check its last two digits"))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Off { what: What { persona, service }, note } => {
            if let Some(id) = &persona {
                desk.store.persona(id).await?.ok_or_else(|| format!("there is no persona {id}"))?;
            }
            desk.set(&[Item::Switch { persona, service, since: desk.now, note }]).await?;
        }
        Command::On { what: What { persona, service } } => {
            desk.unset(&Item::Switch { persona, service, since: desk.now, note: String::new() }).await?;
        }
    }
    list(desk).await
}

async fn list(desk: &Desk) -> Result<Shown, Fault> {
    let mut table = Table::new("off", &["persona", "service", "since", "note"]);
    for item in desk.items().await? {
        let Item::Switch { persona, service, since, note } = item else { continue };
        let persona = persona.map_or_else(|| "everyone".to_owned(), |id| id.to_string());
        let service = service.map_or_else(|| "everything".to_owned(), |service| service.to_string());
        table.row([persona, service, moment::show(since), note]);
    }
    Ok(table.into())
}
