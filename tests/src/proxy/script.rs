//! What goes wrong: scripts that can be written down in one line, such as `load:lose-reply,lose-reply pay:twice`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result};

/// A message of the sample transaction that can be hit on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Station {
    /// `GET` of the server's keys by the wallet.
    Keys,
    /// R1.
    Register,
    /// BI1.
    Bind,
    /// LU1.
    Load,
    /// OS1.
    Open,
    /// `GET` of PR1 by the page.
    Offer,
    /// CA1, from the wallet to the till.
    Pay,
    /// CA2, from the till to the server.
    Collect,
    /// CS1.
    Close,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is lost.
    LoseRequest,
    /// It arrives, and its reply is lost.
    LoseReply,
    /// The connection ends in the middle of it.
    CutRequest,
    /// The connection ends in the middle of its reply.
    CutReply,
    /// Only its first half arrives, as if that were all.
    ShortRequest,
    /// Only the first half of its reply arrives, as if that were all.
    ShortReply,
    /// A bit of it flips.
    GarbleRequest,
    /// A bit of its reply flips.
    GarbleReply,
    /// It arrives twice; the second reply counts.
    Twice,
    /// It arrives again when all is answered, and nobody waits for the reply.
    Again,
    /// It arrives late.
    Slow,
    /// Its reply arrives late.
    SlowReply,
    /// It arrives, and a gateway says that there was no answer.
    Gateway,
    /// It is lost, and some page of the network is the answer (a hotel that wants a room number).
    Page,
    /// Its answer is the one of the message before.
    Crossed,
}

const STATIONS: [(&str, Station); 9] = [
    ("keys", Station::Keys),
    ("register", Station::Register),
    ("bind", Station::Bind),
    ("load", Station::Load),
    ("open", Station::Open),
    ("offer", Station::Offer),
    ("pay", Station::Pay),
    ("collect", Station::Collect),
    ("close", Station::Close),
];

const FAULTS: [(&str, Fault); 15] = [
    ("lose-request", Fault::LoseRequest),
    ("lose-reply", Fault::LoseReply),
    ("cut-request", Fault::CutRequest),
    ("cut-reply", Fault::CutReply),
    ("short-request", Fault::ShortRequest),
    ("short-reply", Fault::ShortReply),
    ("garble-request", Fault::GarbleRequest),
    ("garble-reply", Fault::GarbleReply),
    ("twice", Fault::Twice),
    ("again", Fault::Again),
    ("slow", Fault::Slow),
    ("slow-reply", Fault::SlowReply),
    ("gateway", Fault::Gateway),
    ("page", Fault::Page),
    ("crossed", Fault::Crossed),
];

fn named<T: Copy>(table: &[(&'static str, T)], name: &str) -> Result<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, found)| *found).with_context(|| format!("no {name:?}"))
}

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table.iter().find(|(_, known)| known == value).map_or("?", |(name, _)| name)
}

/// What goes wrong with which message, the first, the second time, and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(BTreeMap<Station, Vec<Fault>>);

impl Script {
    /// Takes out what happens to the next message at `station`.
    pub fn next(&mut self, station: Station) -> Option<Fault> {
        let faults = self.0.get_mut(&station).filter(|faults| !faults.is_empty())?;
        Some(faults.remove(0))
    }

    /// Whether it begins before there is a wallet with an account.
    pub fn needs_fresh_wallet(&self) -> bool {
        self.0.keys().any(|station| *station < Station::Load)
    }

    /// What of it has not happened.
    pub fn left(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

impl FromStr for Script {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut script = BTreeMap::new();
        for part in text.split_whitespace() {
            let (station, faults) = part.split_once(':').with_context(|| format!("{part:?} names no fault"))?;
            let faults = faults.split(',').map(|name| named(&FAULTS, name)).collect::<Result<_>>()?;
            script.insert(named(&STATIONS, station)?, faults);
        }
        Ok(Self(script))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |(station, faults): (&Station, &Vec<Fault>)| {
            let faults: Vec<_> = faults.iter().map(|fault| name_of(&FAULTS, fault)).collect();
            format!("{}:{}", name_of(&STATIONS, station), faults.join(","))
        };
        f.write_str(&self.0.iter().map(part).collect::<Vec<_>>().join(" "))
    }
}

/// Every message and the kinds of fault that differ most, for every day; each takes some ten seconds.
pub const DAILY: [&str; 9] = [
    "load:lose-reply",
    "open:cut-reply",
    "pay:lose-request",
    "pay:lose-reply,lose-reply",
    "pay:page",
    "collect:lose-reply",
    "collect:twice",
    "load:twice open:twice pay:twice collect:twice close:twice",
    "keys:lose-request register:lose-reply bind:garble-reply load:slow",
];

/// The others.
pub const SOAK: [&str; 49] = [
    "load:crossed",
    "offer:cut-reply",
    "pay:garble-request",
    "collect:short-request",
    "close:again",
    "load:lose-request",
    "load:cut-request",
    "load:cut-reply",
    "load:short-request",
    "load:short-reply",
    "load:garble-request",
    "load:garble-reply",
    "load:again",
    "load:gateway",
    "load:page",
    "load:lose-reply,lose-reply,lose-reply",
    "open:lose-request",
    "open:lose-reply",
    "open:short-reply",
    "open:again",
    "open:crossed",
    "open:gateway,garble-reply",
    "offer:lose-request",
    "offer:short-reply",
    "offer:garble-reply",
    "offer:page",
    "pay:lose-reply",
    "pay:cut-request",
    "pay:cut-reply",
    "pay:short-request",
    "pay:short-reply",
    "pay:garble-reply",
    "pay:again",
    "pay:slow",
    "pay:gateway,lose-request",
    "pay:crossed",
    "collect:lose-request",
    "collect:cut-request",
    "collect:cut-reply",
    "collect:short-reply",
    "collect:garble-reply",
    "collect:gateway,page",
    "collect:crossed",
    "pay:lose-reply collect:slow-reply",
    "close:lose-request",
    "close:lose-reply",
    "close:crossed",
    "register:twice bind:lose-request",
    "register:cut-reply bind:lose-reply load:lose-reply open:lose-reply offer:lose-reply pay:lose-reply \
     collect:lose-reply close:lose-reply",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_reads_as_it_is_written() {
        for text in DAILY.iter().chain(&SOAK) {
            let script: Script = text.parse().expect(text);
            assert_eq!(script.to_string(), *text);
        }
        assert!("load:lose-everything".parse::<Script>().is_err());
        assert!("lode:twice".parse::<Script>().is_err());
    }

    #[test]
    fn a_fault_happens_once() {
        let mut script: Script = "pay:twice,slow close:again".parse().expect("a script");
        assert_eq!((script.next(Station::Pay), script.left()), (Some(Fault::Twice), 2));
        assert_eq!(script.next(Station::Load), None);
        assert_eq!((script.next(Station::Pay), script.next(Station::Pay)), (Some(Fault::Slow), None));
    }
}
