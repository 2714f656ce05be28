//! `server-stub admin instrument`: what instruments a persona has bound (120H), and whether they may be used.

use clap::Subcommand;
use protocol::persona::PersonaId;
use protocol::value::{Functions, Value as _};

use super::shown::{Shown, Table};
use super::switch::persona;
use super::{Desk, Fault, moment};
use crate::store::record::{Instrument, InstrumentStatus};
use crate::store::{Change, ChangeSet, Condition, PersonaFile};

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The instruments of a persona.
    List {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
    },
    /// Let an instrument be used no longer, whatever its owner binds anew.
    Disable {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
        /// Which, as the list says.
        number: u32,
    },
    /// Let it be used again.
    Enable {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
        /// Which, as the list says.
        number: u32,
    },
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    let id = match command {
        Command::List { persona } => persona,
        Command::Disable { persona, number } => put(desk, persona, number, InstrumentStatus::Disabled).await?,
        Command::Enable { persona, number } => put(desk, persona, number, InstrumentStatus::Enabled).await?,
    };
    Ok(table(&file(desk, &id).await?).into())
}

/// A persona's file.
pub async fn file(desk: &Desk, id: &PersonaId) -> Result<PersonaFile, Fault> {
    Ok(desk.store.persona(id).await?.ok_or_else(|| format!("there is no persona {id}"))?)
}

async fn put(desk: &Desk, id: PersonaId, number: u32, status: InstrumentStatus) -> Result<PersonaId, Fault> {
    let PersonaFile { persona, instruments, .. } = file(desk, &id).await?;
    let found = instruments.into_iter().find(|instrument| instrument.id.0 == number);
    let found = found.ok_or_else(|| format!("{id} has no instrument {number}"))?;
    let mut set = ChangeSet::default();
    set.require(Condition::PersonaIs(id.clone(), persona.revision));
    set.push(Change::PutInstrument(id.clone(), Box::new(Instrument { status, ..found })));
    set.push(Change::Revise(id.clone()));
    desk.store.commit(set).await?;
    Ok(id)
}

/// The instruments as a table. Of numbers, only the first two and the last four characters are known.
pub fn table(file: &PersonaFile) -> Table {
    let head = ["number", "kind", "prefix", "status", "functions", "autoclose", "bound", "first used"];
    let mut table = Table::new("instruments", &head);
    for instrument in &file.instruments {
        let status = match instrument.status {
            InstrumentStatus::Enabled => format!("enabled from {}", moment::show(instrument.enabled_from)),
            InstrumentStatus::Disabled => "disabled".to_owned(),
        };
        table.row([
            instrument.id.0.to_string(),
            instrument.kind.clone(),
            instrument.prefix.clone(),
            status,
            Functions(instrument.functions.clone()).text().into_owned(),
            if instrument.autoclose { "yes" } else { "no" }.to_owned(),
            moment::show(instrument.bound),
            instrument.first_used.map_or_else(|| "-".to_owned(), moment::show),
        ]);
    }
    table
}
