//! What the operator writes into the configuration file of `server-stub serve` (TOML).
//!
//! `docs/server.toml` is the sample: every key with its default and what it means; a test holds it to this table. What
//! the operator changes while the server runs (rates, fees, agreements, versions) is not here but in the books; where
//! those are, every subcommand is told alike, on its command line.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing_subscriber::EnvFilter;

use crate::server::Config;
use crate::server::config::ClassicCaps;
use crate::server::language::Language;
use crate::store::postgres;
use crate::store::record::InstrumentStatus;

/// All keys of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where messages come in.
    pub listen: SocketAddr,
    /// Where `/metrics`, `/healthz` and `/readyz` are served for the operator's own machines.
    pub metrics_listen: Option<SocketAddr>,
    /// Where `security.txt` sends people who found a weakness.
    pub security_contact: String,
    /// The language of sentences for people whose own is not known.
    pub language: Language,
    /// What is logged, and how.
    pub log: LogSettings,
    /// The database, where the books are in one.
    pub database: DatabaseSettings,
    /// Protocol 1.0.
    pub classic: ClassicSettings,
    /// What instruments may be used for.
    pub instruments: InstrumentSettings,
    /// What sessions are cut to.
    pub sessions: SessionSettings,
    /// Who may ask how often for what is expensive.
    pub doors: DoorSettings,
    /// How the server ends.
    pub shutdown: ShutdownSettings,
}

/// Section `[log]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// Lines for people, or JSON for machines.
    pub format: LogFormat,
    /// How much, in the language of `tracing`; the environment's `RUST_LOG` comes first.
    pub filter: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Section `[database]`; for books in a folder there is nothing to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// Connections of this process at the most.
    pub connections: usize,
}

/// Section `[classic]`: protocol 1.0, whose ciphers are historic and broken today.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassicSettings {
    /// Whether it is spoken at all.
    pub allow: bool,
    /// The shortest RSA key of a persona, bits.
    pub min_bits: u32,
    /// Largest amount of a session, whole units of its currency.
    pub max_amount: u32,
}

/// Section `[instruments]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InstrumentSettings {
    /// The status of one whose issuer has said yes.
    pub new_status: InstrumentStatus,
}

/// Section `[sessions]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Longest lifetime.
    pub max_minutes: u32,
    /// Most uses.
    pub max_uses: u16,
    /// Largest amount, whole units of its currency.
    pub max_amount: u32,
}

/// Section `[doors]`. A limit of 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DoorSettings {
    /// Requests under a server key that one address may send a minute.
    pub per_address_per_minute: u32,
    /// How many of them at once.
    pub per_address_burst: u32,
    /// Requests that one persona may sign a minute.
    pub per_persona_per_minute: u32,
    /// How many of them at once.
    pub per_persona_burst: u32,
    /// How many public-key operations run at once; 0: as many as there are processors.
    pub public_key_lanes: usize,
    /// How many requests under a server key may be under way at once; one more is told `busy`.
    pub public_key_waiting: usize,
    /// The server stands behind a proxy that appends the caller's address to `X-Forwarded-For`.
    pub behind_proxy: bool,
}

/// Section `[shutdown]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownSettings {
    /// How long `/readyz` says no before the door closes, so that a load balancer looks elsewhere.
    pub notice_secs: u32,
    /// How long requests that have come may take to be answered.
    pub drain_secs: u32,
}

/// Where to write about weaknesses if the operator says nothing (RFC 2142 names the mailbox).
pub const SECURITY_CONTACT: &str = "mailto:security@localhost";
/// RSA keys that the classic suite can read.
const CLASSIC_BITS: std::ops::RangeInclusive<u32> = 768..=4_096;
/// Amounts that stay far away from the largest that the protocol can write, in any currency.
const MOST_UNITS: u32 = 1_000_000_000;
/// More than any database takes from one process.
const MOST_CONNECTIONS: usize = 1_000;
/// More than any machine has processors.
const MOST_LANES: usize = 1_024;
/// A shutdown that takes longer than this is a failure of something else.
const LONGEST_SHUTDOWN: Duration = Duration::from_mins(10);

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8_401)),
            metrics_listen: None,
            security_contact: SECURITY_CONTACT.to_owned(),
            log: LogSettings::default(),
            database: DatabaseSettings::default(),
            classic: ClassicSettings::default(),
            language: Language::default(),
            instruments: InstrumentSettings::default(),
            sessions: SessionSettings::default(),
            doors: DoorSettings::default(),
            shutdown: ShutdownSettings::default(),
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "warn".to_owned() }
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self { connections: postgres::CONNECTIONS }
    }
}

impl Default for ClassicSettings {
    fn default() -> Self {
        let Config { allow_classic, classic_min_bits, .. } = Config::default();
        Self { allow: allow_classic, min_bits: classic_min_bits, max_amount: ClassicCaps::CAUTIOUS_UNITS }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        let Config { max_lifetime_minutes, max_uses, max_session_units, .. } = Config::default();
        Self {
            max_minutes: max_lifetime_minutes,
            max_uses,
            max_amount: u32::try_from(max_session_units).unwrap_or(MOST_UNITS),
        }
    }
}

impl Default for DoorSettings {
    /// Far more than people need, a shop's till and a household behind one address included; far less than a flood.
    fn default() -> Self {
        Self {
            per_address_per_minute: 600,
            per_address_burst: 300,
            per_persona_per_minute: 300,
            per_persona_burst: 150,
            public_key_lanes: 0,
            public_key_waiting: 256,
            behind_proxy: false,
        }
    }
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { notice_secs: 0, drain_secs: 20 }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not TOML, or has a key that is none, or a value of another type.
    #[error("{}: {error}", path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// Where and why.
        error: Box<toml::de::Error>,
    },
    /// A value that cannot be meant.
    #[error("{key}: {fault}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What is wrong with it.
        fault: String,
    },
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path).map_err(|error| SettingsError::Io { path: path.to_owned(), error })?;
        Self::parse(&text).map_err(|error| SettingsError::Form { path: path.to_owned(), error: Box::new(error) })
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// It is not of the form of such a file.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Checks what types alone do not tell.
    ///
    /// # Errors
    /// [`SettingsError::Value`], for the first key that cannot be meant.
    pub fn check(&self) -> Result<(), SettingsError> {
        let Self { listen, metrics_listen, security_contact, log, database, .. } = self;
        let Self { classic, sessions, doors, shutdown, .. } = self;
        let within = |key, fits: bool, wanted: &dyn fmt::Display| {
            if fits { Ok(()) } else { Err(SettingsError::Value { key, fault: format!("must be {wanted}") }) }
        };
        let own = metrics_listen.is_none_or(|metrics| metrics != *listen || metrics.port() == 0);
        within("metrics_listen", own, &"another address than listen")?;
        let reachable = ["mailto:", "https://", "tel:"].iter().any(|scheme| security_contact.starts_with(scheme));
        let printable = security_contact.chars().all(|char| char.is_ascii_graphic());
        within("security_contact", reachable && printable, &"a mailto:, https: or tel: address")?;
        if let Err(fault) = EnvFilter::try_new(&log.filter) {
            return Err(SettingsError::Value { key: "log.filter", fault: fault.to_string() });
        }
        within("database.connections", (1..=MOST_CONNECTIONS).contains(&database.connections), &"1 to 1000")?;
        within("classic.min_bits", CLASSIC_BITS.contains(&classic.min_bits), &"768 to 4096")?;
        within("classic.max_amount", (1..=MOST_UNITS).contains(&classic.max_amount), &"1 to 1000000000")?;
        within("sessions.max_minutes", sessions.max_minutes > 0, &"at least 1")?;
        within("sessions.max_uses", sessions.max_uses > 0, &"at least 1")?;
        within("sessions.max_amount", (1..=MOST_UNITS).contains(&sessions.max_amount), &"1 to 1000000000")?;
        let burst = |limit: u32, burst: u32| limit == 0 || burst > 0;
        let (address, persona) = (doors.per_address_per_minute, doors.per_persona_per_minute);
        within(
            "doors.per_address_burst",
            burst(address, doors.per_address_burst),
            &"at least 1 where there is a limit",
        )?;
        within(
            "doors.per_persona_burst",
            burst(persona, doors.per_persona_burst),
            &"at least 1 where there is a limit",
        )?;
        within("doors.public_key_lanes", doors.public_key_lanes <= MOST_LANES, &"at most 1024")?;
        within("doors.public_key_waiting", doors.public_key_waiting > 0, &"at least 1")?;
        let shortest = |secs: u32| Duration::from_secs(secs.into()) <= LONGEST_SHUTDOWN;
        within("shutdown.notice_secs", shortest(shutdown.notice_secs), &"at most 600")?;
        within("shutdown.drain_secs", shortest(shutdown.drain_secs), &"at most 600")
    }

    /// What procedures are told of it.
    pub fn config(&self) -> Config {
        Config {
            allow_classic: self.classic.allow,
            classic_min_bits: self.classic.min_bits,
            classic_caps: Some(ClassicCaps::of_units(self.classic.max_amount)),
            language: self.language,
            new_instruments: self.instruments.new_status,
            max_lifetime_minutes: self.sessions.max_minutes,
            max_uses: self.sessions.max_uses,
            max_session_units: self.sessions.max_amount.into(),
            ..Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SAMPLE: &str = include_str!("../../docs/server.toml");

    /// The sample with every key in force: a line `# key = value` is a key that is commented out.
    fn in_force() -> String {
        let key = |line: &str| {
            let bare = line.strip_prefix("# ")?;
            let (key, _) = bare.split_once(" = ")?;
            key.chars().all(|char| char.is_ascii_lowercase() || char == '_').then(|| bare.to_owned())
        };
        SAMPLE.lines().map(|line| key(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }

    /// `section.key` of everything in a table.
    fn keys(table: &toml::Table) -> BTreeSet<String> {
        let inner = |(name, value): (&String, &toml::Value)| match value {
            toml::Value::Table(table) => keys(table).into_iter().map(|key| format!("{name}.{key}")).collect(),
            _ => vec![name.clone()],
        };
        table.iter().flat_map(inner).collect()
    }

    /// Keys without a default are given here, so that they show.
    fn full() -> Settings {
        Settings { metrics_listen: Some(SocketAddr::from(([127, 0, 0, 1], 9_401))), ..Settings::default() }
    }

    #[test]
    fn the_sample_documents_every_key_with_its_default() {
        let ours = toml::Table::try_from(full()).expect("a table");
        let sample: toml::Table = in_force().parse().expect("the sample is TOML");
        assert_eq!(keys(&sample), keys(&ours));
        assert_eq!(Settings::parse(&in_force()).expect("the sample"), full());
    }

    #[test]
    fn the_sample_as_it_is_changes_nothing() {
        assert_eq!(Settings::parse(SAMPLE).expect("the sample"), Settings::default());
        assert_eq!(Settings::parse("").expect("an empty file"), Settings::default());
    }

    #[test]
    fn the_guide_for_operators_names_every_key() {
        let guide = include_str!("../../docs/operations.md");
        let ours = keys(&toml::Table::try_from(full()).expect("a table"));
        let missing: Vec<_> = ours.iter().filter(|key| !guide.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "docs/operations.md does not name {missing:?}");
    }

    #[test]
    fn a_key_that_is_none_is_refused_where_it_stands() {
        let fault = Settings::parse("[doors]\nper_adress_burst = 3\n").expect_err("a misspelling").to_string();
        assert!(fault.contains("per_adress_burst") && fault.contains("line 2"), "{fault}");
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_by_name() {
        full().check().expect("the defaults");
        let refused = |text: &str| Settings::parse(text).expect("TOML").check().expect_err(text).to_string();
        for (text, key) in [
            ("metrics_listen = '127.0.0.1:8401'", "metrics_listen"),
            ("security_contact = 'nobody'", "security_contact"),
            ("log.filter = 'server_stub=loud'", "log.filter"),
            ("database.connections = 0", "database.connections"),
            ("database.connections = 1001", "database.connections"),
            ("classic.min_bits = 512", "classic.min_bits"),
            ("classic.max_amount = 0", "classic.max_amount"),
            ("sessions.max_minutes = 0", "sessions.max_minutes"),
            ("sessions.max_uses = 0", "sessions.max_uses"),
            ("sessions.max_amount = 2000000000", "sessions.max_amount"),
            ("doors.per_address_burst = 0", "doors.per_address_burst"),
            ("doors.per_persona_burst = 0", "doors.per_persona_burst"),
            ("doors.public_key_lanes = 5000", "doors.public_key_lanes"),
            ("doors.public_key_waiting = 0", "doors.public_key_waiting"),
            ("shutdown.notice_secs = 601", "shutdown.notice_secs"),
            ("shutdown.drain_secs = 601", "shutdown.drain_secs"),
        ] {
            assert!(refused(text).starts_with(key), "{text}: {}", refused(text));
        }
    }
}
