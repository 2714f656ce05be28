//! What is changed in a database behind the servers' back is told of by the name of its row, as it is in a file
//! (`tests/audit`): here are the tables that only a database has, and the columns that it keeps otherwise.

use protocol::Protocol;
use server_stub::audit::audit;

use crate::common::cluster::folder_of_programs;
use crate::common::payment::Deal;
use crate::common::{Kind, World, assert_sound};

/// Changes of one value each, with what changes it back, and the row that is named. Session 1 is Brian's, session 2 Acme's.
const CORRUPTIONS: [(&str, &str, &str); 8] = [
    ("UPDATE journal_chain SET number = number - 1", "UPDATE journal_chain SET number = number + 1", "journal_chain 1"),
    (
        "UPDATE journal_chain SET hash = sha256(hash)",
        "UPDATE journal_chain SET hash = (SELECT hash FROM journal ORDER BY number DESC LIMIT 1)",
        "journal_chain 1",
    ),
    (
        "UPDATE journal SET amount = amount + 1 WHERE number = 3",
        "UPDATE journal SET amount = amount - 1 WHERE number = 3",
        "journal 1/3",
    ),
    (
        "UPDATE session_130 SET expires = expires + 1 WHERE id = 1",
        "UPDATE session_130 SET expires = expires - 1 WHERE id = 1",
        "session_130 1",
    ),
    (
        "UPDATE session_130 SET uses = uses + 1 WHERE id = 2",
        "UPDATE session_130 SET uses = uses - 1 WHERE id = 2",
        "session_130 2",
    ),
    ("UPDATE movement_405 SET amount = amount + 1", "UPDATE movement_405 SET amount = amount - 1", "movement_405 1"),
    (
        "UPDATE message_log_140 SET number = 77 WHERE kind = 2",
        "UPDATE message_log_140 SET number = 1 WHERE kind = 2",
        "message_log_140 2/2/1",
    ),
    (
        "UPDATE transaction_130n SET date = date + 1",
        "UPDATE transaction_130n SET date = date - 1",
        "transaction_130n 1/1",
    ),
];

fn change(world: &World, statement: &str) {
    let mut psql = std::process::Command::new(folder_of_programs().join("psql"));
    psql.args([&world.database(), "-v", "ON_ERROR_STOP=1", "-qc", statement]);
    let done = psql.output().expect("psql runs");
    assert!(done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_database_keeps_is_audited_too() {
    let mut world = World::new(Protocol::V2, Kind::Postgres);
    let mut brian = world.customer("brianb", "usd 100.00").await;
    let mut acme = world.registered("merchant", "acme").await;
    let mut payer = world.open(&mut brian, "usd 40.00", 120, 25).await;
    let mut sales = world.open(&mut acme, "usd 0.00", 960, 90).await;
    let payee = acme.id.clone().expect("an id");
    world.pay(&mut payer, &mut sales, &Deal { payee: &payee, order: "a", price: "usd 4.25", amount: "usd 4.25" }).await;
    for (corruption, back, row) in CORRUPTIONS {
        assert_sound(&*world.store).await;
        change(&world, corruption);
        let lies = audit(&*world.store).await.expect("books").lies;
        assert!(lies.iter().any(|lie| lie.row == row), "{corruption}: {row} is not in {lies:#?}");
        change(&world, back);
    }
    assert_sound(&*world.store).await;
}
