//! `server-stub admin instrument`: what instruments a persona has bound (120H), and whether they may be used.

use clap::Subcommand;
use protocol::persona::PersonaId;
use protocol::value::{Function, Functions, Reading, Value as _};

use super::shown::{Shown, Table};
use super::switch::persona;
use super::{Desk, Fault, moment};
use crate::store::record::{Instrument, InstrumentStatus, Limit};
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
    /// Say what it waits for: `created` for your approval, `pending-signature` for a signature on paper; or as above.
    Status {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
        /// Which, as the list says.
        number: u32,
        /// `created`, `pending-signature`, `enabled` or `disabled`.
        #[arg(value_parser = status)]
        status: InstrumentStatus,
    },
    /// How much may move by a function of it, in whole units of the currency that moves, in place of what its issuer says.
    /// Limits of `charge` and `credit` are kept and shown; nothing that this server does moves money by them.
    Limit {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
        /// Which, as the list says.
        number: u32,
        /// `load`, `unload`, `charge` or `credit`.
        #[arg(value_parser = function)]
        function: Function,
        /// The most at once; 0 switches the function off.
        #[arg(long)]
        once: Option<u32>,
        /// The most within `--hours`.
        #[arg(long)]
        window: Option<u32>,
        /// How long the window is.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=i64::from(Limit::MAX_HOURS)))]
        hours: u32,
    },
    /// Let what its issuer says count again.
    Unlimit {
        /// Whose.
        #[arg(value_parser = persona)]
        persona: PersonaId,
        /// Which, as the list says.
        number: u32,
        /// `load`, `unload`, `charge` or `credit`.
        #[arg(value_parser = function)]
        function: Function,
    },
    /// Let it be used again, or for the first time.
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
        Command::Disable { persona, number } => stands(desk, persona, number, InstrumentStatus::Disabled).await?,
        Command::Enable { persona, number } => stands(desk, persona, number, InstrumentStatus::Enabled).await?,
        Command::Status { persona, number, status } => stands(desk, persona, number, status).await?,
        Command::Limit { persona, number, function, once, window, hours } => {
            let limit = Limit { once: once.map(i64::from), window: window.map(i64::from), hours };
            let set = |found: &mut Instrument| {
                found.limits.insert(function, limit);
            };
            change(desk, persona, number, set).await?
        }
        Command::Unlimit { persona, number, function } => {
            let lift = |found: &mut Instrument| {
                found.limits.remove(&function);
            };
            change(desk, persona, number, lift).await?
        }
    };
    Ok(table(&file(desk, &id).await?).into())
}

/// A persona's file.
pub async fn file(desk: &Desk, id: &PersonaId) -> Result<PersonaFile, Fault> {
    Ok(desk.store.persona(id).await?.ok_or_else(|| format!("there is no persona {id}"))?)
}

fn status(name: &str) -> Result<InstrumentStatus, String> {
    let found = InstrumentStatus::ALL.into_iter().find(|(_, known)| *known == name).map(|(status, _)| status);
    let names = || InstrumentStatus::ALL.map(|(_, name)| name).join(", ");
    found.ok_or_else(|| format!("{name:?} is no status; there are {}", names()))
}

/// One of the four functions of fig. 4D. Charge and credit are between merchant and issuer, and no message of ours does
/// either: their limits are kept for whoever does.
fn function(name: &str) -> Result<Function, String> {
    let named = Functions::parse(name, Reading::STRICT).map(|functions| functions.0);
    let one = named.filter(|functions| functions.len() == 1).and_then(|functions| functions.first().copied());
    one.ok_or_else(|| format!("{name:?} is no function; there are charge, credit, load and unload"))
}

async fn stands(desk: &Desk, id: PersonaId, number: u32, status: InstrumentStatus) -> Result<PersonaId, Fault> {
    change(desk, id, number, |found| found.status = status).await
}

async fn change(
    desk: &Desk,
    id: PersonaId,
    number: u32,
    change: impl FnOnce(&mut Instrument),
) -> Result<PersonaId, Fault> {
    let PersonaFile { persona, instruments, .. } = file(desk, &id).await?;
    let found = instruments.into_iter().find(|instrument| instrument.id.0 == number);
    let mut found = found.ok_or_else(|| format!("{id} has no instrument {number}"))?;
    change(&mut found);
    let mut set = ChangeSet::default();
    set.require(Condition::PersonaIs(id.clone(), persona.revision));
    set.push(Change::PutInstrument(id.clone(), Box::new(found)));
    set.push(Change::Revise(id.clone()));
    desk.store.commit(set).await?;
    Ok(id)
}

/// The instruments as a table. Of numbers, only the first two and the last four characters are known.
pub fn table(file: &PersonaFile) -> Table {
    let head = ["number", "kind", "prefix", "status", "functions", "limits", "autoclose", "bound", "first used"];
    let mut table = Table::new("instruments", &head);
    for instrument in &file.instruments {
        let status = match instrument.status {
            InstrumentStatus::Enabled => format!("enabled from {}", moment::show(instrument.enabled_from)),
            other => other.name().to_owned(),
        };
        table.row([
            instrument.id.0.to_string(),
            instrument.kind.clone(),
            instrument.prefix.clone(),
            status,
            Functions(instrument.functions.clone()).text().into_owned(),
            limits(instrument),
            if instrument.autoclose { "yes" } else { "no" }.to_owned(),
            moment::show(instrument.bound),
            instrument.first_used.map_or_else(|| "-".to_owned(), moment::show),
        ]);
    }
    table
}

/// The limits that the operator has set: `unload 100 at once, 500 in 24 h`.
fn limits(instrument: &Instrument) -> String {
    let one = |(function, limit): (&Function, &Limit)| {
        let name = Functions([*function].into());
        let once = limit.once.map(|units| if units == 0 { "off".to_owned() } else { format!("{units} at once") });
        let window = limit.window.map(|units| format!("{units} in {} h", limit.hours));
        let parts: Vec<_> = once.into_iter().chain(window).collect();
        format!("{} {}", name.text(), if parts.is_empty() { "without limit".to_owned() } else { parts.join(", ") })
    };
    let all: Vec<_> = instrument.limits.iter().map(one).collect();
    if all.is_empty() { "the issuer's".to_owned() } else { all.join("; ") }
}
