//! A simulated world that tries to break what we build: one payment server, shoppers, merchants, a network, disks and
//! clocks, all of which misbehave as a seed decides, and a judge who looks after every step.
//!
//! Everything but network, disks, clocks and hands is the product's own code. A run has two phases: one in which things
//! go wrong, and a calm one after which everybody must agree.

pub mod clockwork;
pub mod command;
mod disk;
pub mod fate;
mod genesis;
pub mod judge;
mod logs;
mod net;
mod rest;
mod restore;
pub mod run;
mod server;
mod shopper;
mod till;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use genesis::Genesis;
pub use run::{Failure, Report, Schedule};

use clockwork::{Owner, between, happens, one_of, sleep, spawn};
use judge::{Judge, Lie};
use net::{NETWORK, Net};
use server::Office;
use shopper::{Hand, Script, Seat, Shop};
use till::{Stand, Till};

/// Where the server is.
const SERVER_URL: &str = "http://127.0.0.1:8401";
/// Secrets that nobody but their owner may ever see.
const CANARY_PASSPHRASE: &str = "canary passphrase enterprise";
const CANARY_AUTOCLOSE: &str = "canary-autoclose-badnews";
const CANARY_ACCOUNT: &str = "059013218175654";
/// How long the dead stay dead, milliseconds.
const DEAD_MILLIS: (i64, i64) = (50, 20_000);
/// How far a clock jumps, milliseconds.
const JUMP_MILLIS: i64 = 3_600_000;
/// How wrong the server's clock gets, milliseconds: an hour back, and more than a day forward, by when sessions are over.
const SERVER_JUMPS_MILLIS: [i64; 3] = [-JUMP_MILLIS, 25 * JUMP_MILLIS, 0];

/// The world.
pub struct World {
    net: Rc<Net>,
    office: Office,
    stands: Vec<Stand>,
    seats: Vec<Seat>,
    /// What hands do.
    script: Script,
    /// Held so that they live as long as they are not dead.
    running: RefCell<BTreeMap<Owner, Rc<Till>>>,
    judge: Rc<RefCell<Judge>>,
    /// What the judge was told of that is a lie.
    lies: Rc<RefCell<Vec<Lie>>>,
}

impl World {
    /// Opens every shop and wallet.
    fn begin(self) -> Rc<Self> {
        let world = Rc::new(self);
        world.start(world.office.party);
        for party in world.parties() {
            world.start(party);
        }
        let weatherman = Rc::clone(&world);
        spawn(NETWORK, async move { weatherman.make_weather().await });
        world
    }

    /// All but the server.
    fn parties(&self) -> Vec<Owner> {
        self.stands.iter().map(|stand| stand.party).chain(self.seats.iter().map(|seat| seat.party)).collect()
    }

    fn shops(&self) -> Vec<Shop> {
        self.stands.iter().map(|stand| (stand.origin, stand.party)).collect()
    }

    /// Starts a party on what its disk holds.
    fn start(self: &Rc<Self>, party: Owner) {
        if party == self.office.party {
            self.start_server();
        }
        if let Some(stand) = self.stands.iter().find(|stand| stand.party == party) {
            self.running.borrow_mut().insert(party, Till::start(stand, &self.net));
        }
        if let Some(seat) = self.seats.iter().find(|seat| seat.party == party) {
            let (net, tills) = (Rc::clone(&self.net), self.shops());
            let wallet = shopper::open(seat, &net, &tills);
            Hand { wallet, seat: seat.clone(), net, tills, script: self.script }.start();
        }
    }

    /// Buries the dead, and has them back after a while.
    fn attend(self: &Rc<Self>) {
        for party in fate::take_dead() {
            self.net.hang_up(party);
            self.running.borrow_mut().remove(&party);
            if let Some(seat) = self.seats.iter().find(|seat| seat.party == party)
                && happens(100)
            {
                // The whole browser died, not just its worker: the key is gone.
                *seat.key.borrow_mut() = None;
            }
            let world = Rc::clone(self);
            spawn(NETWORK, async move {
                sleep(between(DEAD_MILLIS.0, DEAD_MILLIS.1)).await;
                fate::note(party, "lives again", String::new);
                world.start(party);
            });
        }
    }

    /// Half of the links that break are somebody's to the server, the others lie between any two parties.
    fn cut_a_link(&self) {
        let parties = self.parties();
        let (one, other) = (*one_of(&parties), *one_of(&parties));
        let other = if happens(500) || one == other { self.office.party } else { other };
        self.net.cut(one, other, between(1_000, 30_000));
    }

    /// Cuts links and turns clocks while things go wrong.
    async fn make_weather(&self) {
        let clocks: Vec<_> = self.stands.iter().map(|stand| &stand.wrong_millis).collect();
        let clocks: Vec<_> = clocks.into_iter().chain(self.seats.iter().map(|seat| &seat.wrong_millis)).collect();
        loop {
            sleep(500).await;
            if fate::strikes("links cut", |weather| weather.cut) {
                self.cut_a_link();
            }
            if fate::strikes("clock jumps", |weather| weather.clock_jump) {
                one_of(&clocks).set(between(-JUMP_MILLIS, JUMP_MILLIS));
            }
            // Whoever restores looks at the clock.
            let watched = self.office.restoring.get();
            if !watched && fate::strikes("server's clock jumps", |weather| weather.server_clock) {
                self.office.wrong_millis.set(*one_of(&SERVER_JUMPS_MILLIS));
                fate::note(self.office.party, "clock jumps", || self.office.wrong_millis.get().to_string());
            }
            if fate::weather().restore > 0 {
                self.threaten_disk();
            }
        }
    }
}
