//! How often one address and one persona may ask for public-key work (the generic cell rate algorithm of `governor`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use protocol::persona::PersonaId;

use super::TurnedAway;
use crate::settings::DoorSettings;

/// How many personas can be kept waiting at once; beyond it, those whose time is over are forgotten first.
const MAX_RESTING: usize = 10_000;

/// Two limits.
#[derive(Debug)]
pub struct Limits {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    personas: Option<DefaultKeyedRateLimiter<PersonaId>>,
    resting: Mutex<HashMap<PersonaId, Instant>>,
}

impl Limits {
    /// The limits of the settings; 0 a minute is none.
    pub fn new(settings: &DoorSettings) -> Self {
        let quota = |per_minute, burst| {
            let (per_minute, burst) = (NonZeroU32::new(per_minute)?, NonZeroU32::new(burst)?);
            Some(Quota::per_minute(per_minute).allow_burst(burst))
        };
        Self {
            addresses: quota(settings.per_address_per_minute, settings.per_address_burst).map(RateLimiter::keyed),
            personas: quota(settings.per_persona_per_minute, settings.per_persona_burst).map(RateLimiter::keyed),
            resting: Mutex::default(),
        }
    }

    /// Counts a request from an address; says whether it may come in.
    pub fn address_may(&self, address: IpAddr) -> bool {
        self.addresses.as_ref().is_none_or(|limit| limit.check_key(&network(address)).is_ok())
    }

    /// Whether a persona has signed too much lately.
    pub fn is_resting(&self, persona: &PersonaId) -> bool {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.get(persona).is_some_and(|until| Instant::now() < *until)
    }

    /// Counts a request that a persona has signed.
    ///
    /// # Errors
    /// It is one too many; the persona rests until the next one would be allowed.
    pub fn persona_signed(&self, persona: &PersonaId) -> Result<(), TurnedAway> {
        let Some(limit) = &self.personas else { return Ok(()) };
        limit.check_key(persona).map_err(|not_until| {
            let now = Instant::now();
            let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            if resting.len() >= MAX_RESTING {
                resting.retain(|_, until| now < *until);
            }
            if resting.len() < MAX_RESTING {
                resting.insert(persona.clone(), now + not_until.wait_time_from(DefaultClock::default().now()));
            }
            TurnedAway
        })
    }

    /// Forgets addresses and personas whose count is back at nothing.
    pub fn tidy(&self) {
        if let Some(limit) = &self.addresses {
            limit.retain_recent();
        }
        if let Some(limit) = &self.personas {
            limit.retain_recent();
        }
        let now = Instant::now();
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| now < *until);
    }
}

/// What one customer of a network provider has: an IPv4 address, or the upper half of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persona(name: &str) -> PersonaId {
        PersonaId::of(&protocol::value::Value::parse(name, protocol::value::Reading::STRICT).expect("a name"))
    }

    #[test]
    fn each_address_has_a_count_of_its_own() {
        // One an hour at the most comes back while this runs.
        let limits =
            Limits::new(&DoorSettings { per_address_per_minute: 1, per_address_burst: 3, ..DoorSettings::default() });
        let ask = |address: &str| limits.address_may(address.parse().expect("an address"));
        assert_eq!([(); 4].map(|()| ask("192.0.2.1")), [true, true, true, false]);
        assert!(ask("192.0.2.2"));
        assert!(!ask("::ffff:192.0.2.1"), "the same address, written in IPv6");
        assert_eq!([(); 3].map(|()| ask("2001:db8::1")), [true; 3]);
        assert!(!ask("2001:db8::ffff"), "the same network");
        assert!(ask("2001:db8:0:1::1"));
    }

    #[test]
    fn a_persona_that_signs_too_much_rests() {
        let settings = DoorSettings { per_persona_per_minute: 1, per_persona_burst: 2, ..DoorSettings::default() };
        let (limits, brian, acme) = (Limits::new(&settings), persona("brianb"), persona("acme"));
        assert_eq!([(); 2].map(|()| limits.persona_signed(&brian)), [Ok(()); 2]);
        assert!(!limits.is_resting(&brian));
        assert_eq!(limits.persona_signed(&brian), Err(TurnedAway));
        assert!(limits.is_resting(&brian));
        assert!(!limits.is_resting(&acme));
        limits.tidy();
        assert!(limits.is_resting(&brian), "its time is not over");
    }

    #[test]
    fn nothing_is_limited_where_the_operator_says_so() {
        let settings = DoorSettings { per_address_per_minute: 0, per_persona_per_minute: 0, ..DoorSettings::default() };
        let (limits, brian) = (Limits::new(&settings), persona("brianb"));
        assert!((0..10_000).all(|_| limits.address_may(IpAddr::from([192, 0, 2, 1]))));
        assert!((0..10_000).all(|_| limits.persona_signed(&brian).is_ok()));
    }
}
