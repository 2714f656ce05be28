//! What the server does for a persona: the operator may switch each off, for everyone or for one persona.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use protocol::outcome::Problem;
use protocol::persona::PersonaId;
use serde::{Deserialize, Serialize};

use super::language::Words;
use super::refusal::Refusal;

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum Service {
    /// R1.
    Register,
    /// Changes of a persona's own data.
    Modify,
    /// BI1 and BI3.
    Bind,
    /// LU1 with a positive amount.
    Load,
    /// LU1 with a negative amount.
    Unload,
    /// OS1.
    Open,
    /// CS1.
    Close,
    /// Being charged by a CA2.
    Pay,
    /// CA2.
    Collect,
    /// RF1.
    Refund,
    /// ST1.
    Statement,
    /// AC1.
    Autoclose,
}

impl Service {
    /// Every service and its name.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::Register, "register"),
        (Self::Modify, "modify"),
        (Self::Bind, "bind"),
        (Self::Load, "load"),
        (Self::Unload, "unload"),
        (Self::Open, "open"),
        (Self::Close, "close"),
        (Self::Pay, "pay"),
        (Self::Collect, "collect"),
        (Self::Refund, "refund"),
        (Self::Statement, "statement"),
        (Self::Autoclose, "autoclose"),
    ];

    /// What it is called in settings and on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(service, _)| *service == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name).map(|(service, _)| *service);
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        found.ok_or_else(|| format!("{name:?} is no service; there are {}", names()))
    }
}

impl From<Service> for &'static str {
    fn from(service: Service) -> Self {
        service.name()
    }
}

impl TryFrom<String> for Service {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// What is switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    everyone: BTreeSet<Service>,
    /// Nothing: all services, the persona is disabled.
    personas: BTreeMap<PersonaId, BTreeSet<Option<Service>>>,
}

impl Switches {
    /// Switches a service off, for one persona or for everyone; without a service, a persona as a whole.
    pub fn off(&mut self, persona: Option<PersonaId>, service: Option<Service>) {
        match (persona, service) {
            (Some(persona), service) => {
                self.personas.entry(persona).or_default().insert(service);
            }
            (None, Some(service)) => {
                self.everyone.insert(service);
            }
            (None, None) => self.everyone.extend(Service::ALL.map(|(service, _)| service)),
        }
    }

    /// Whether a service is there for a persona that does not exist yet.
    ///
    /// # Errors
    /// It is not.
    pub fn check_everyone(&self, service: Service) -> Result<(), Off> {
        if self.everyone.contains(&service) { Err(Off::Everyone) } else { Ok(()) }
    }

    /// Whether a service is there for a persona.
    ///
    /// # Errors
    /// It is not, or the persona as a whole is switched off.
    pub fn check(&self, persona: &PersonaId, service: Service) -> Result<(), Off> {
        let off = |which: Option<Service>| self.personas.get(persona).is_some_and(|off| off.contains(&which));
        if off(None) {
            return Err(Off::Persona);
        }
        if off(Some(service)) { Err(Off::Service) } else { self.check_everyone(service) }
    }
}

/// What is off for somebody who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// The persona as a whole.
    Persona,
    /// The service, for this persona.
    Service,
    /// The service, for everyone.
    Everyone,
}

impl From<Off> for Problem {
    fn from(off: Off) -> Self {
        match off {
            Off::Persona => Self::PERSONA_DISABLED,
            Off::Service | Off::Everyone => Self::SERVICE_DISABLED,
        }
    }
}

impl From<Off> for Refusal {
    fn from(off: Off) -> Self {
        let words = match off {
            Off::Persona => return Problem::PERSONA_DISABLED.into(),
            Off::Service => Words::new(
                "The operator has switched this service off for this persona. Ask the operator why.",
                "Der Betreiber hat diesen Dienst für diese Persona gesperrt. Fragen Sie ihn nach dem Grund.",
            ),
            Off::Everyone => Words::new(
                "The operator has switched this service off for everyone. Try again later.",
                "Der Betreiber hat diesen Dienst für alle abgeschaltet. Versuchen Sie es später noch einmal.",
            ),
        };
        Self::because(off.into(), words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::value::{Reading, Value as _};

    #[test]
    fn names_are_read_back() {
        for (service, name) in Service::ALL {
            assert_eq!(name.parse(), Ok(service));
        }
        assert!("dance".parse::<Service>().expect_err("no service").contains("collect"));
    }

    #[test]
    fn what_is_off_is_off_for_whom_it_is_said() {
        let persona = |id| PersonaId::parse(id, Reading::STRICT).expect("an id");
        let (brian, acme) = (persona("brianb-40"), persona("acme-82"));
        let mut switches = Switches::default();
        switches.off(Some(brian.clone()), Some(Service::Pay));
        switches.off(None, Some(Service::Load));
        assert_eq!(switches.check(&brian, Service::Pay), Err(Off::Service));
        assert_eq!(switches.check(&acme, Service::Pay), Ok(()));
        assert_eq!(switches.check(&acme, Service::Load), Err(Off::Everyone));
        switches.off(Some(acme.clone()), None);
        assert_eq!(switches.check(&acme, Service::Pay), Err(Off::Persona));
    }
}
