//! `server-stub admin report`: what clients have said of replies that they could not use (MR1). Nobody has signed a report, so
//! nothing in it is proven: neither who sent it nor what is said to have come.

use clap::Subcommand;
use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::value::{from_base64, to_base64};

use super::page::Page;
use super::shown::{Shown, Table};
use super::{Desk, Fault, moment};
use crate::store::Change;
use crate::store::record::Report;

/// Verbs.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Every report, the oldest first.
    List {
        /// Only those behind this one.
        #[arg(long, value_name = "REPORT", value_parser = hash)]
        after: Option<Hash>,
        #[command(flatten)]
        page: Page,
    },
    /// One report, with the message that its sender could not use.
    Show {
        /// Which, as the list says.
        #[arg(value_parser = hash)]
        report: Hash,
    },
    /// Remove reports, to make room for others.
    Remove {
        /// Which, as the list says.
        #[arg(value_name = "REPORT", required_unless_present = "until", conflicts_with = "until", value_parser = hash)]
        reports: Vec<Hash>,
        /// All that came before this date.
        #[arg(long, value_parser = moment::parse)]
        until: Option<Date>,
    },
}

/// The name of a report: SHA-256 of the message that brought it.
type Hash = [u8; 32];

/// How much of a diagnosis the list shows, characters.
const SHORT: usize = 60;
/// How many reports are removed in one go.
const AT_ONCE: usize = 100;

fn hash(text: &str) -> Result<Hash, String> {
    let bytes = from_base64(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("{text:?} is no report; the list says what they are called"))
}

/// Runs a verb.
pub async fn run(desk: &Desk, command: Command) -> Result<Shown, Fault> {
    match command {
        Command::List { after, page } => list(desk, after, page).await,
        Command::Show { report } => Ok(show(&known(desk, &report).await?)),
        Command::Remove { reports, until: None } => {
            for report in &reports {
                known(desk, report).await?;
            }
            desk.change(reports.into_iter().map(Change::RemoveReport).collect()).await?;
            list(desk, None, Page::default()).await
        }
        Command::Remove { until: Some(until), .. } => {
            remove_until(desk, until).await?;
            list(desk, None, Page::default()).await
        }
    }
}

async fn known(desk: &Desk, hash: &Hash) -> Result<Report, Fault> {
    let found = desk.store.report(hash).await?;
    Ok(found.ok_or_else(|| format!("there is no report {}", to_base64(hash)))?)
}

async fn list(desk: &Desk, after: Option<Hash>, page: Page) -> Result<Shown, Fault> {
    let after = match after {
        Some(hash) => place(&known(desk, &hash).await?),
        None => start(),
    };
    let mut found = desk.store.reports(after, page.wanted()).await?;
    let more = page.cut(&mut found, |last| to_base64(&last.message_hash));
    let mut table = Table::new("reports", &HEAD);
    for report in &found {
        table.row(cells(report, report.diagnosis.chars().take(SHORT).collect()));
    }
    Ok(Shown::from(table).and(more))
}

/// Before the first report.
fn start() -> (Date, Hash) {
    (Date::from_millis(0), [0; 32])
}

fn place(report: &Report) -> (Date, Hash) {
    (report.date, report.message_hash)
}

fn show(report: &Report) -> Shown {
    let mut table = Table::new("reports", &HEAD);
    table.row(cells(report, report.diagnosis.clone()));
    let mut received = Table::new("received", &["line"]);
    for line in report.received.lines() {
        received.row([line.to_owned()]);
    }
    Shown::from(table).and(received)
}

const HEAD: [&str; 6] = ["report", "date", "says to be", "problem", "bytes", "diagnosis"];

fn cells(report: &Report, diagnosis: String) -> [String; 6] {
    [
        to_base64(&report.message_hash),
        moment::show(report.date),
        report.persona.as_ref().map_or_else(|| "-".to_owned(), PersonaId::to_string),
        report.problem.clone(),
        report.received.len().to_string(),
        diagnosis,
    ]
}

async fn remove_until(desk: &Desk, until: Date) -> Result<(), Fault> {
    loop {
        let mut old = desk.store.reports(start(), AT_ONCE).await?;
        old.retain(|report| report.date < until);
        if old.is_empty() {
            return Ok(());
        }
        desk.change(old.iter().map(|report| Change::RemoveReport(report.message_hash)).collect()).await?;
    }
}
