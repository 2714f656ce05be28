//! A judge of the rest who cannot fail is none: each agreement is broken once.

use std::rc::Rc;

use merchant_widget::till::Moment;
use merchant_widget::till::record::{CollectionLog, Pending, Purpose};
use merchant_widget::till::settlement::ask;
use protocol::date::Date;
use protocol::money::Money;

use super::super::fate::Weather;
use super::super::run::watch;
use super::super::shopper::Script;
use super::super::{CANARY_ACCOUNT, Genesis, clockwork};
use super::*;

/// How long people shop before all is at rest, milliseconds.
const BUSY_MILLIS: i64 = 60_000;

/// A good world at its end, in which something was sold, and brought to the bank.
fn at_rest() -> Rc<World> {
    let genesis = Genesis::settled().expect("everybody moves in");
    for seed in 1..20 {
        clockwork::begin(seed, genesis.millis());
        fate::begin(Weather::CALM, std::collections::BTreeSet::new(), false);
        let until = genesis.millis() + BUSY_MILLIS;
        let world = genesis.world(Script::Anything(until)).begin();
        watch(&world, until).expect("a good world");
        let lively = |stand: &Stand| {
            let books = stand.disk.borrow();
            books.settled().next().is_some() && books.log.values().any(|log| log.status == LogStatus::Success)
        };
        if world.stands.iter().any(lively) {
            assert_eq!(world.check_rest(), Ok(()));
            return world;
        }
    }
    panic!("nobody sells anything");
}

/// Changes the books of the till that sold something, and looks; then all is as it was.
fn said_of(world: &World, tamper: impl FnOnce(&World, &mut Till)) -> Lie {
    let sold = |stand: &&Stand| stand.disk.borrow().settled().next().is_some();
    let stand = world.stands.iter().find(sold).expect("a till that settled");
    let kept = stand.disk.borrow().clone();
    tamper(world, &mut stand.disk.borrow_mut());
    let verdict = world.check_rest();
    *stand.disk.borrow_mut() = kept;
    verdict.expect_err("books that were tampered with")
}

fn says(lie: &Lie, words: &str) {
    assert!(lie.contains(words), "{words}: {lie}");
}

#[test]
fn tampering_with_what_is_at_rest_is_seen() {
    let world = at_rest();
    let paid = |log: &&mut CollectionLog| log.status == LogStatus::Success;
    says(
        &said_of(&world, |_, books| {
            let order = books.orders.values_mut().find(|order| order.flag == Flag::Paid);
            order.expect("one that is paid").flag = Flag::Pending;
        }),
        "I8: ",
    );
    says(&said_of(&world, |_, books| books.batches[0].answered = false), "still waits for the answer to a CA2");
    says(&said_of(&world, |_, books| books.sessions[0].current.minor += 1), "minor units of");
    says(
        &said_of(&world, |_, books| {
            let settlement = books.settlements.values_mut().find(|one| one.status == LogStatus::Success);
            settlement.expect("one that is done").amount.minor += 1;
        }),
        "at the bank",
    );
    says(
        &said_of(&world, |_, books| {
            let persona = books.persona.clone().expect("a persona");
            let mut moment = Moment { now: Date::from_millis(0), rng: &mut clockwork::fork() };
            let pending = ask(&persona, None, &mut moment).expect("a request");
            books.pending.push(Pending { purpose: Purpose::Settlement, ..pending });
        }),
        "for ever",
    );
    says(
        &said_of(&world, |_, books| {
            let log = books.log.values_mut().find(paid).expect("one that is paid");
            log.ca1.push_str(CANARY_ACCOUNT);
        }),
        "I9: a till's store",
    );
    says(
        &said_of(&world, |world, books| {
            let log = books.log.values_mut().find(paid).expect("one that is paid");
            world.net.call_altered(log.ca1.as_bytes());
        }),
        "I11: ",
    );
}

#[test]
fn a_wallet_that_shows_another_balance_is_seen() {
    let world = at_rest();
    let mut ledger = world.ledger().expect("books");
    for (_, container) in &mut ledger.containers {
        container.available = Money::new(container.available.currency, container.available.minor + 1);
    }
    let judge = world.judge.borrow();
    let truth = Truth { ledger, collected: Collected::new(), lost: judge.lost() };
    says(&check_wallet(&world.seats[2], &truth).expect_err("a wrong balance"), "I8: wallet 6 shows");
}
