//! `server-stub admin software`: versions that are not current (structure 170).

use clap::Subcommand;
use protocol::message::SoftwareVersion;
use protocol::value::Value as _;

use super::shown::{Shown, Table};
use super::{Desk, Fault};
use crate::server::config::Software;
use crate::server::setting::Item;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every version that is not current.
    List,
    /// Serve a version, and tell its users something.
    Warn {
        /// As the software names itself, such as 1.0win.
        #[arg(id = "software", value_name = "VERSION")]
        version: String,
        /// A sentence for its users.
        message: String,
    },
    /// Serve a version no longer.
    End {
        /// As the software names itself.
        #[arg(id = "software", value_name = "VERSION")]
        version: String,
        /// A sentence for its users.
        message: String,
    },
    /// Nothing is wrong with a version any more.
    Current {
        /// As the software names itself.
        #[arg(id = "software", value_name = "VERSION")]
        version: String,
    },
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Warn { version, message } => set(desk, version, Software::Warning(message)).await?,
        Command::End { version, message } => set(desk, version, Software::Fatal(message)).await?,
        Command::Current { version } => {
            desk.unset(&Item::Software { version, verdict: Software::Warning(String::new()) }).await?;
        }
    }
    list(desk).await
}

async fn set(desk: &Desk, version: String, verdict: Software) -> Result<(), Fault> {
    if SoftwareVersion::parse(&version, protocol::value::Reading::STRICT).is_none() {
        return Err(format!("{version:?} is no version; software names itself like 1.0win").into());
    }
    desk.set(&[Item::Software { version, verdict }]).await
}

async fn list(desk: &Desk) -> Result<Shown, Fault> {
    let mut table = Table::new("software", &["version", "verdict", "message"]);
    for item in desk.items().await? {
        let Item::Software { version, verdict } = item else { continue };
        let (verdict, message) = match verdict {
            Software::Warning(message) => ("warning", message),
            Software::Fatal(message) => ("fatal", message),
        };
        table.row([version, verdict.to_owned(), message]);
    }
    Ok(table.into())
}
