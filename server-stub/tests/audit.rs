//! The audit believes true books, and finds every single value that was changed behind the server's back.

mod common;

use std::path::Path;
use std::process::Command;

use common::payment::Deal;
use common::{Kind, World};
use protocol::Protocol;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;
use server_stub::audit::audit;
use server_stub::server::fee::Fee;
use server_stub::server::setting::Item;
use server_stub::store::sqlite::SqliteBooks;

/// Books with a bit of everything: two currencies, sessions that are open, closed, expired and used up, money on hold.
async fn busy_books() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let payee = acme.id.clone().expect("an id");
    let mut first = world.open(&mut brian, "usd 40.00", 120, 2).await;
    let mut second = world.open(&mut brian, "usd 30.00", 1, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let mut canadian = world.open(&mut acme, "cad 0.00", 960, 90).await;
    let deal = |order, price, amount| Deal { payee: &payee, order, price, amount };
    world.pay(&mut first, &mut sales, &deal("a", "usd 4.25", "usd 4.25")).await;
    world.pay(&mut second, &mut sales, &deal("b", "usd 5.00", "usd 5.00")).await;
    world.pay(&mut second, &mut canadian, &deal("c", "cad 14.00", "usd 10.00")).await;
    world.pay(&mut first, &mut canadian, &deal("d", "cad 7.00", "usd 5.00")).await;
    world.pass_secs(120);
    assert_eq!(world.server.sweep(world.now).await, Ok(1));
    let body = acme.closing(world.now, Some(&sales.id), false);
    world.ask(&mut acme, &body).await;
    world.open(&mut brian, "usd 12.00", 120, 25).await;
    world.bind(&mut brian, "059013218175002", "dda", "load").await;
    world.move_funds(&mut brian, "usd 9.00").await;
    world
}

/// From now on, everything that can cost something does.
async fn charge_for_all(world: &World) {
    for service in Fee::CHARGED {
        let fee = Some(Fee { fixed: 3, basis_points: 500 });
        world.set(&Item::Fee { service, currency: common::value("usd"), from: world.now, fee }).await;
    }
}

/// Books with a fee of each kind: of a load on hold and one that cleared, an opening, a payment, a closing.
async fn charged_books() -> World {
    let mut world = World::new(Protocol::V2, Kind::Sqlite);
    charge_for_all(&world).await;
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    world.bind(&mut acme, common::actor::ACCOUNT, "dda", "load,unload").await;
    world.move_funds(&mut acme, "usd 10.00").await;
    let payee = acme.id.clone().expect("an id");
    let mut spree = world.open(&mut brian, "usd 40.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    world.pay(&mut spree, &mut sales, &Deal { payee: &payee, order: "a", price: "usd 8.00", amount: "usd 8.00" }).await;
    let body = brian.closing(world.now, Some(&spree.id), false);
    world.ask(&mut brian, &body).await;
    world.bind(&mut brian, "059013218175002", "dda", "load").await;
    world.move_funds(&mut brian, "usd 9.00").await;
    world
}

/// Changes of one value each, in books with fees.
const FEE_CORRUPTIONS: &[&str] = &[
    "UPDATE fee SET amount = amount + 1 WHERE reference = 'open/1'",
    "UPDATE fee SET amount = 0 WHERE reference = 'close/1'",
    "UPDATE fee SET currency = 'cad' WHERE reference = 'open/1'",
    "UPDATE fee SET persona = 'acme-82' WHERE reference = 'close/1'",
    "UPDATE fee SET reference = 'open/2' WHERE reference = 'open/1'",
    "UPDATE fee SET date = date + 1 WHERE reference = 'close/1'",
    "DELETE FROM fee WHERE reference = 'open/1'",
    "DELETE FROM fee",
    "INSERT INTO fee SELECT NULL, persona, date, currency, amount, reference FROM fee WHERE reference = 'open/1'",
    "UPDATE fee SET persona = 'nobody' WHERE reference = 'open/1'",
    "UPDATE transaction_130n SET fee = fee + 1",
    "UPDATE transaction_130n SET fee = 0",
    "UPDATE transaction_130n SET fee = -fee",
    "UPDATE movement_405 SET fee = fee + 1 WHERE clears IS NOT NULL",
    "UPDATE movement_405 SET fee = 0 WHERE clears IS NOT NULL",
    "UPDATE journal SET amount = amount + 1 WHERE reason = 'fee' AND reference = 'open/1'",
    "UPDATE journal SET amount = amount - 1 WHERE reason = 'fee' AND reference = '1/1'",
    "UPDATE journal SET reason = 'payment' WHERE reason = 'fee' AND reference = '1/1'",
    "UPDATE journal SET reason = 'return' WHERE reason = 'fee' AND reference = 'close/1'",
    "UPDATE journal SET reference = '1/2' WHERE reason = 'fee' AND reference = '1/1'",
    "UPDATE journal SET reference = 'open/9' WHERE reason = 'fee' AND reference = 'open/1'",
    "UPDATE journal SET credit = 'exchange/usd' WHERE reason = 'fee' AND reference = '1/1'",
    "UPDATE journal SET debit = 'container/acme-82/usd' WHERE reason = 'fee' AND reference = 'close/1'",
    "DELETE FROM journal WHERE reason = 'fee' AND reference = '1/1'",
    "UPDATE house_account SET balance = balance - 1 WHERE account = 'fees/usd'",
    "DELETE FROM house_account WHERE account = 'fees/usd'",
];

/// Takes less than the fee of a payment, and makes everything else fit: only the chain tells.
const FEE_CONSPIRACY: &str = "UPDATE journal SET amount = amount - 1 WHERE reason = 'fee' AND reference = '1/1';
     UPDATE transaction_130n SET fee = fee - 1;
     UPDATE session_130_live SET current = current + 1 WHERE id = 2;
     UPDATE house_account SET balance = balance - 1 WHERE account = 'fees/usd'";

async fn lies(folder: &Path) -> Vec<String> {
    let findings = audit(&SqliteBooks::open(folder)).await.expect("books");
    findings.lies.iter().map(ToString::to_string).collect()
}

/// Changes of one value each. Sessions: 1 used up, 2 expired, 3 closed, 4 the Canadian one, 5 open.
const CORRUPTIONS: &[&str] = &[
    "UPDATE container_120g SET available = available + 1 WHERE persona = 'brianb-40' AND currency = 'usd'",
    "UPDATE container_120g SET available = available - 1 WHERE persona = 'acme-82' AND currency = 'usd'",
    "UPDATE container_120g SET on_hold = on_hold + 1 WHERE persona = 'brianb-40'",
    "UPDATE container_120g SET available = -1 WHERE persona = 'acme-82' AND currency = 'usd'",
    "UPDATE container_120g SET currency = 'jpy' WHERE persona = 'brianb-40' AND currency = 'usd'",
    "UPDATE container_120g SET persona = 'zz-66' WHERE persona = 'brianb-40' AND currency = 'usd'",
    "DELETE FROM container_120g WHERE persona = 'brianb-40' AND currency = 'usd'",
    "UPDATE session_130_live SET current = current + 1 WHERE id = 5",
    "UPDATE session_130_live SET current = current - 1 WHERE id = 4",
    "UPDATE session_130_live SET use_limit = use_limit + 1 WHERE id = 5",
    "DELETE FROM session_130_live WHERE id = 5",
    "INSERT INTO session_130_live SELECT id, 1, uses, use_limit FROM session_130 WHERE id = 1",
    "UPDATE session_130 SET opening = opening + 1 WHERE id = 2",
    "UPDATE session_130 SET currency = 'cad' WHERE id = 5",
    "UPDATE session_130 SET uses = uses - 1 WHERE id = 1",
    "UPDATE session_130_live SET uses = 0 WHERE id = 4",
    "UPDATE session_130_live SET uses = use_limit + 1 WHERE id = 5",
    "UPDATE session_130 SET use_limit = 1 WHERE id = 1",
    "UPDATE session_130 SET ended = NULL, ended_by = NULL WHERE id = 2",
    "UPDATE session_130 SET ended = ended - 1 WHERE id = 2",
    "UPDATE session_130 SET ended_by = 'used-up' WHERE id = 2",
    "UPDATE session_130 SET ended = opened, ended_by = 'closed' WHERE id = 5",
    "UPDATE session_130 SET persona = 'acme-82' WHERE id = 1",
    "UPDATE session_130 SET id = 99 WHERE id = 5",
    "DELETE FROM session_130 WHERE id = 5",
    "UPDATE journal SET amount = amount + 1 WHERE id = 1",
    "UPDATE journal SET amount = 0 WHERE reason = 'return' AND amount > 0",
    "UPDATE journal SET debit = 'agency/cad' WHERE id = 1",
    "UPDATE journal SET debit = 'fees/usd' WHERE id = 1",
    "UPDATE journal SET credit = 'container/acme-82/usd' WHERE id = 1",
    "UPDATE journal SET currency = 'cad' WHERE id = 1",
    "UPDATE journal SET reason = 'load' WHERE reason = 'payment' AND reference = '1/1'",
    "UPDATE journal SET reason = 'payment' WHERE id = 1",
    "UPDATE journal SET reference = '1/2' WHERE reference = '1/1'",
    "UPDATE journal SET reference = '' WHERE reference = '2/1'",
    "UPDATE journal SET date = date + 3600000 WHERE reference = '2/1'",
    "DELETE FROM journal WHERE id = 1",
    "DELETE FROM journal WHERE reference = '2/2' AND currency = 'cad'",
    "INSERT INTO journal SELECT NULL, date, reason, debit, credit, currency, amount, reference, hash FROM journal
     WHERE id = 1",
    "UPDATE journal SET date = date - 1 WHERE id = 1",
    "UPDATE journal SET reference = 'x' WHERE id = 1",
    "UPDATE journal SET reason = 'unload' WHERE id = 1",
    "UPDATE journal SET hash = zeroblob(32) WHERE id = 3",
    "UPDATE journal SET hash = x'00' WHERE id = 3",
    "UPDATE journal SET hash = (SELECT hash FROM journal WHERE id = 1) WHERE id = 2",
    "UPDATE journal SET debit = 'nobody/usd' WHERE id = 2",
    "DELETE FROM journal WHERE id = (SELECT MAX(id) FROM journal)",
    "UPDATE transaction_130n SET charged = charged + 1 WHERE payer_session = 1 AND payer_index = 1",
    "UPDATE transaction_130n SET credited = credited - 1 WHERE payer_session = 2 AND payer_index = 2",
    "UPDATE transaction_130n SET currency = 'cad' WHERE payer_session = 1 AND payer_index = 1",
    "UPDATE transaction_130n SET payer_index = 9 WHERE payer_session = 2 AND payer_index = 1",
    "UPDATE transaction_130n SET payer = 'acme-82' WHERE payer_session = 1 AND payer_index = 1",
    "UPDATE transaction_130n SET payee = 'brianb-40' WHERE payer_session = 1 AND payer_index = 1",
    "UPDATE transaction_130n SET payee_session = 4 WHERE payer_session = 1 AND payer_index = 1",
    "UPDATE transaction_130n SET payee_index = 91 WHERE payer_session = 1 AND payer_index = 1",
    "DELETE FROM transaction_130n WHERE payer_session = 1 AND payer_index = 2",
    "UPDATE house_account SET balance = balance + 1 WHERE account = 'agency/usd'",
    "UPDATE house_account SET account = 'fees/usd' WHERE account = 'exchange/usd'",
    "DELETE FROM house_account WHERE account = 'exchange/cad'",
    "UPDATE movement_405 SET amount = amount + 1 WHERE clears IS NOT NULL",
    "UPDATE movement_405 SET clears = NULL",
    "UPDATE movement_405 SET persona = 'zz-66' WHERE clears IS NOT NULL",
];

/// Lies that fit each other: every balance, session and payment agrees, and only the chain tells.
const CONSPIRACIES: &[&str] = &[
    "UPDATE journal SET amount = amount + 100 WHERE id = 1;
     UPDATE container_120g SET available = available + 100 WHERE persona = 'brianb-40' AND currency = 'usd';
     UPDATE house_account SET balance = balance - 100 WHERE account = 'agency/usd'",
    "UPDATE journal SET amount = amount - 5 WHERE reference = '1/1';
     UPDATE transaction_130n SET charged = charged - 5, credited = credited - 5
     WHERE payer_session = 1 AND payer_index = 1;
     UPDATE journal SET amount = amount + 5 WHERE reason = 'return' AND reference = '1';
     UPDATE container_120g SET available = available + 5 WHERE persona = 'brianb-40' AND currency = 'usd';
     UPDATE journal SET amount = amount - 5 WHERE reason = 'return' AND reference = '3';
     UPDATE container_120g SET available = available - 5 WHERE persona = 'acme-82' AND currency = 'usd'",
    "INSERT INTO journal SELECT NULL, date, reason, credit, debit, currency, 0, reference, hash FROM journal WHERE id = 1",
    "UPDATE journal SET id = -1 WHERE id = 1; UPDATE journal SET id = 1 WHERE id = 2;
     UPDATE journal SET id = 2 WHERE id = -1",
];

/// A copy of the books in which something was changed.
fn corrupted(world: &World, statements: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let source = Connection::open(world.folder().join("books.sqlite")).expect("books");
    let copy = folder.path().join("books.sqlite");
    source.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).expect("a copy");
    let books = Connection::open(&copy).expect("a copy");
    books.pragma_update(None, "ignore_check_constraints", true).expect("a setting");
    for statement in statements.split(';') {
        let changed = books.execute(statement, []).unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert!(changed > 0, "{statement} changes nothing");
    }
    folder
}

#[tokio::test]
async fn every_changed_value_is_found() {
    let world = busy_books().await;
    assert_eq!(lies(world.folder()).await, Vec::<String>::new());
    for corruption in CORRUPTIONS {
        let folder = corrupted(&world, corruption);
        assert!(!lies(folder.path()).await.is_empty(), "{corruption} is not found");
    }
}

#[tokio::test]
async fn every_changed_fee_is_found() {
    let world = charged_books().await;
    assert_eq!(lies(world.folder()).await, Vec::<String>::new());
    for corruption in FEE_CORRUPTIONS {
        let folder = corrupted(&world, corruption);
        // Where the chain is broken by it, that is not all that is wrong.
        let lies = lies(folder.path()).await;
        assert!(lies.iter().any(|lie| !lie.contains("its hash is not that")), "{corruption} is not found: {lies:?}");
    }
}

#[tokio::test]
async fn lies_that_fit_each_other_break_the_chain() {
    let (busy, charged) = (busy_books().await, charged_books().await);
    let conspiracies = CONSPIRACIES.iter().map(|conspiracy| (&busy, conspiracy));
    for (world, conspiracy) in conspiracies.chain([(&charged, &FEE_CONSPIRACY)]) {
        let folder = corrupted(world, conspiracy);
        let lies = lies(folder.path()).await;
        assert!(!lies.is_empty(), "{conspiracy} is not found");
        assert!(lies.iter().all(|lie| lie.starts_with("journal 1/")), "{lies:?}");
    }
}

#[tokio::test]
async fn the_program_says_which_row_it_is() {
    let world = busy_books().await;
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server-stub"));
        let output = command.arg("audit").arg("--data-dir").arg(world.folder()).output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = run();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("usd agency                    -100.00"), "{said}");
    assert!(said.contains("usd bank                        -9.00"), "{said}");
    let books = Connection::open(world.folder().join("books.sqlite")).expect("books");
    books.execute("UPDATE session_130_live SET current = current + 1 WHERE id = 5", []).expect("a change");
    let (code, said) = run();
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("journal 1/") && said.contains("session/5/usd: the balance is 12.01; the journal moved 12.00"),
        "{said}"
    );
}

/// How many people there are, and how often something happens, in each of the runs.
const PEOPLE: usize = 4;
const STEPS: usize = 50;
const RUNS: u64 = 20;

/// Someone, and the session that is open.
struct Someone {
    actor: common::Actor,
    session: Option<common::actor::OpenedSession>,
}

async fn someone(world: &mut World, n: usize) -> Someone {
    let mut actor = world.one_of_many("customer", "someone", n).await;
    world.bind(&mut actor, common::actor::ACCOUNT, "dda", "load,unload").await;
    Someone { actor, session: None }
}

/// Something that may happen any day; whether it works or is refused is not the question.
async fn step(world: &mut World, people: &mut [Someone], dice: &mut StdRng, n: usize) {
    let (one, other) = (dice.random_range(0..PEOPLE), dice.random_range(0..PEOPLE));
    let amount = format!("usd {}.{:02}", dice.random_range(0..20), dice.random_range(0..100));
    match dice.random_range(0..10) {
        0 => drop(world.move_funds(&mut people[one].actor, &amount).await),
        1 => drop(world.move_funds(&mut people[one].actor, &format!("usd -{}", &amount[4..])).await),
        2 | 3 => {
            let (minutes, uses) = (dice.random_range(1..60), dice.random_range(1..6));
            let body = people[one].actor.opening(world.now, &amount, minutes, uses);
            let reply = world.ask(&mut people[one].actor, &body).await;
            if reply.session_id.is_some() {
                people[one].session = Some(common::actor::OpenedSession::of(reply));
            }
        }
        4 => {
            let body = people[one].actor.closing(world.now, None, false);
            world.ask(&mut people[one].actor, &body).await;
        }
        5 => {
            world.pass_secs(dice.random_range(1..1_200));
            world.server.sweep(world.now).await.expect("a store");
        }
        _ => {
            let payee = people[other].actor.id.clone().expect("an id");
            let Some(mut payer) = people[one].session.take() else { return };
            let order = format!("order-{n}");
            let deal = Deal { payee: &payee, order: &order, price: &amount, amount: &amount };
            let promise = world.promise(&mut payer, &deal);
            people[one].session = Some(payer);
            let Some(sales) = people[other].session.as_mut() else { return };
            let (_, ca2) = world.collection(sales, &[promise]);
            world.send(&ca2).await;
        }
    }
}

/// A thousand times, the books of a day are believed.
async fn believed(kind: Kind, runs: std::ops::Range<u64>) {
    for run in runs {
        let mut world = World::new(Protocol::V2, kind);
        let mut dice = StdRng::seed_from_u64(run);
        if run % 2 == 1 {
            charge_for_all(&world).await;
        }
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            people.push(someone(&mut world, n).await);
        }
        for n in 0..STEPS {
            step(&mut world, &mut people, &mut dice, n).await;
            let lies = audit(&*world.store).await.expect("a store").lies;
            assert_eq!(lies, [], "run {run}, step {n}");
        }
    }
}

#[tokio::test]
async fn true_books_raise_no_alarm_in_memory() {
    believed(Kind::Memory, 0..RUNS).await;
}

#[tokio::test]
async fn true_books_raise_no_alarm_on_the_disk() {
    believed(Kind::Sqlite, RUNS..RUNS + 4).await;
}
