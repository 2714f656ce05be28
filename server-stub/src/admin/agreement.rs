//! `server-stub admin agreement`: legal agreements (120I, 120H.7).

use clap::Subcommand;
use protocol::keys::Agreement;
use protocol::value::{Reading, Url, Value as _};

use super::shown::{Shown, Table};
use super::{Desk, Fault};
use crate::server::setting::{AgreedAt, Item};

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every agreement.
    List,
    /// Demand an agreement from now on. Personas that have registered before are not asked for one at registration again.
    Set {
        /// Its number; a new text gets a new number.
        number: u32,
        /// Its title, for people.
        #[arg(long)]
        title: String,
        /// Where it can be read.
        #[arg(long)]
        url: String,
        /// When it has to be agreed to.
        #[arg(long, value_enum, default_value_t = AgreedAt::Registration)]
        at: AgreedAt,
    },
    /// Demand it no longer.
    Remove {
        /// Its number.
        number: u32,
    },
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List => {}
        Command::Set { number, title, url, at } => {
            if Url::parse(&url, Reading::STRICT).is_none() {
                return Err(
                    format!("{url:?} is no address that people could open safely; it begins with https://").into()
                );
            }
            desk.set(&[Item::Agreement { agreement: Agreement { number, title, url }, at }]).await?;
        }
        Command::Remove { number } => {
            let agreement = Agreement { number, title: String::new(), url: String::new() };
            desk.unset(&Item::Agreement { agreement, at: AgreedAt::Registration }).await?;
        }
    }
    list(desk).await
}

async fn list(desk: &Desk) -> Result<Shown, Fault> {
    let mut table = Table::new("agreements", &["number", "title", "url", "at"]);
    for item in desk.items().await? {
        let Item::Agreement { agreement: Agreement { number, title, url }, at } = item else { continue };
        let at = match at {
            AgreedAt::Registration => "registration",
            AgreedAt::Binding => "binding",
        };
        table.row([number.to_string(), title, url, at.to_owned()]);
    }
    Ok(table.into())
}
