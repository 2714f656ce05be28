//! The door: how much public-key work anyone can make the server do.
//!
//! Payments (CA2) cost hashes and pass by. A request under a server key costs a private-key operation and a signature
//! check before it is known who asks, so it passes four checks, the cheapest first, and none of them needs cryptography:
//!
//! 1. too many such requests are under way ([`lane`]): seen before the message is even read;
//! 2. the very same message was answered before: its answer, from the log (`Server::answered_before`);
//! 3. its address has asked too often ([`limits`]);
//! 4. the persona it names has signed too often ([`limits`]).
//!
//! Whoever does not pass is told `busy`, after a [`PAUSE`], and may send the same bytes again; nothing was stored.

pub mod lane;
pub mod limits;

use std::net::IpAddr;
use std::time::Duration;

use protocol::persona::PersonaId;

use self::lane::{Lane, Place};
use self::limits::Limits;
use crate::metrics;
use crate::settings::DoorSettings;

/// How long whoever is turned away waits for the word: those who ask again at once, and wait for each answer, ask no more
/// than a few times a second on each connection.
pub const PAUSE: Duration = Duration::from_millis(200);
/// Where a request names the server key that it is sealed to; in the first lines of everything that clients write.
const SEALED: &[u8] = b"serverkey:";
/// Where [`SEALED`] is looked for, bytes.
const FIRST_BYTES: usize = 1_024;

/// Told `busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnedAway;

/// Limits and lane together.
#[derive(Debug)]
pub struct Door {
    limits: Limits,
    lane: Lane,
    behind_proxy: bool,
}

impl Door {
    /// The door as the operator wants it.
    pub fn new(settings: &DoorSettings) -> Self {
        let lane = Lane::new(settings.public_key_lanes, settings.public_key_waiting);
        Self { limits: Limits::new(settings), lane, behind_proxy: settings.behind_proxy }
    }

    /// A door without limits, for tests and simulations: the clock that limits go by is the machine's own.
    pub fn open() -> Self {
        let none = DoorSettings { per_address_per_minute: 0, per_persona_per_minute: 0, ..DoorSettings::default() };
        Self { limits: Limits::new(&none), lane: Lane::inline(usize::MAX), behind_proxy: false }
    }

    /// Whether a message that is not even read yet can be turned away: it asks for public-key work, and there is no place.
    /// A message that hides what it is gets no further: it is read, and then turned away all the same ([`Door::enter`]).
    pub fn is_shut_to(&self, message: &[u8]) -> bool {
        let mut lines = message[..message.len().min(FIRST_BYTES)].split(|byte| *byte == b'\n');
        let shut = self.lane.is_full() && lines.any(|line| line.starts_with(SEALED));
        if shut {
            metrics::turned_away("lane");
        }
        shut
    }

    /// Lets a request under a server key in; it keeps its place until it is answered.
    ///
    /// # Errors
    /// Not now.
    pub fn enter(&self, address: Option<IpAddr>, persona: Option<&PersonaId>) -> Result<Place, TurnedAway> {
        let refused = |why| {
            metrics::turned_away(why);
            TurnedAway
        };
        if !address.is_none_or(|address| self.limits.address_may(address)) {
            return Err(refused("address"));
        }
        if persona.is_some_and(|persona| self.limits.is_resting(persona)) {
            return Err(refused("persona"));
        }
        self.lane.place().ok_or_else(|| refused("lane"))
    }

    /// Counts a request that a persona has signed. Only then: everyone knows the id of everyone, and nobody can use up
    /// what is somebody else's.
    ///
    /// # Errors
    /// It has signed too many; for a while its requests are turned away before any cryptography.
    pub fn signed(&self, persona: &PersonaId) -> Result<(), TurnedAway> {
        self.limits.persona_signed(persona).map_err(|TurnedAway| {
            metrics::turned_away("persona");
            TurnedAway
        })
    }

    /// The lane of public-key operations.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Whether a proxy of the operator's own tells who calls.
    pub fn is_behind_proxy(&self) -> bool {
        self.behind_proxy
    }

    /// Forgets who has not asked for long.
    pub fn tidy(&self) {
        self.limits.tidy();
    }
}
