//! The audit believes true books, and finds every single value that was changed behind the server's back.

#[path = "../common/mod.rs"]
mod common;

mod books;
mod columns;
mod honest;

use std::process::Command;

use rusqlite::Connection;

use books::{busy_books, charged_books, corrupted, lies};

/// Changes of one value each, in books with fees.
const FEE_CORRUPTIONS: &[(&str, &str)] = &[
    ("UPDATE fee SET amount = amount + 1 WHERE reference = 'open/1'", "fee of brianb-40 for open/1, 20261121051802929"),
    ("UPDATE fee SET amount = 0 WHERE reference = 'close/1'", "fee of brianb-40 for close/1, 20261121051802929"),
    ("UPDATE fee SET currency = 'cad' WHERE reference = 'open/1'", "fee of brianb-40 for open/1, 20261121051802929"),
    ("UPDATE fee SET persona = 'acme-82' WHERE reference = 'close/1'", "fee of acme-82 for close/1, 20261121051802929"),
    (
        "UPDATE fee SET reference = 'open/2' WHERE reference = 'open/1'",
        "fee of brianb-40 for open/2, 20261121051802929",
    ),
    ("UPDATE fee SET date = date + 1 WHERE reference = 'close/1'", "fee of brianb-40 for close/1, 20261121051802930"),
    ("DELETE FROM fee WHERE reference = 'open/1'", "journal, fee of brianb-40 for open/1, 20261121051802929"),
    ("DELETE FROM fee", "journal, fee of acme-82 for open/2, 20261121051802929"),
    (
        "INSERT INTO fee SELECT NULL, persona, date, currency, amount, reference FROM fee WHERE reference = 'open/1'",
        "fee of brianb-40 for open/1, 20261121051802929",
    ),
    ("UPDATE fee SET persona = 'nobody' WHERE reference = 'open/1'", "fee 3"),
    ("UPDATE transaction_130n SET fee = fee + 1", "transaction_130n 1/1"),
    ("UPDATE transaction_130n SET fee = 0", "transaction_130n 1/1"),
    ("UPDATE transaction_130n SET fee = -fee", "transaction_130n 1/1"),
    ("UPDATE movement_405 SET fee = fee + 1 WHERE clears IS NOT NULL", "movement_405 3"),
    ("UPDATE movement_405 SET fee = 0 WHERE clears IS NOT NULL", "on-hold/brianb-40/usd"),
    ("UPDATE journal SET amount = amount + 1 WHERE reason = 'fee' AND reference = 'open/1'", "journal 1/6"),
    ("UPDATE journal SET amount = amount - 1 WHERE reason = 'fee' AND reference = '1/1'", "journal 1/10"),
    ("UPDATE journal SET reason = 'payment' WHERE reason = 'fee' AND reference = '1/1'", "journal 1/10"),
    ("UPDATE journal SET reason = 'return' WHERE reason = 'fee' AND reference = 'close/1'", "journal 1/12"),
    ("UPDATE journal SET reference = '1/2' WHERE reason = 'fee' AND reference = '1/1'", "journal 1/10"),
    ("UPDATE journal SET reference = 'open/9' WHERE reason = 'fee' AND reference = 'open/1'", "journal 1/6"),
    ("UPDATE journal SET credit = 'exchange/usd' WHERE reason = 'fee' AND reference = '1/1'", "journal 1/10"),
    (
        "UPDATE journal SET debit = 'container/acme-82/usd' WHERE reason = 'fee' AND reference = 'close/1'",
        "journal 1/12",
    ),
    ("DELETE FROM journal WHERE reason = 'fee' AND reference = '1/1'", "journal 1/11"),
    ("UPDATE house_account SET balance = balance - 1 WHERE account = 'fees/usd'", "fees/usd"),
    ("DELETE FROM house_account WHERE account = 'fees/usd'", "fees/usd"),
];

/// Takes less than the fee of a payment, and makes everything else fit: only the chain tells.
const FEE_CONSPIRACY: &str = "UPDATE journal SET amount = amount - 1 WHERE reason = 'fee' AND reference = '1/1';
     UPDATE transaction_130n SET fee = fee - 1;
     UPDATE session_130_live SET current = current + 1 WHERE id = 2;
     UPDATE house_account SET balance = balance - 1 WHERE account = 'fees/usd'";

/// Changes of one value each. Sessions: 1 used up, 2 expired, 3 closed, 4 the Canadian one, 5 open.
const CORRUPTIONS: &[(&str, &str)] = &[
    (
        "UPDATE container_120g SET available = available + 1 WHERE persona = 'brianb-40' AND currency = 'usd'",
        "container/brianb-40/usd",
    ),
    (
        "UPDATE container_120g SET available = available - 1 WHERE persona = 'acme-82' AND currency = 'usd'",
        "container/acme-82/usd",
    ),
    ("UPDATE container_120g SET on_hold = on_hold + 1 WHERE persona = 'brianb-40'", "on-hold/brianb-40/usd"),
    (
        "UPDATE container_120g SET available = -1 WHERE persona = 'acme-82' AND currency = 'usd'",
        "container/acme-82/usd",
    ),
    (
        "UPDATE container_120g SET currency = 'jpy' WHERE persona = 'brianb-40' AND currency = 'usd'",
        "container/brianb-40/jpy",
    ),
    (
        "UPDATE container_120g SET persona = 'zz-66' WHERE persona = 'brianb-40' AND currency = 'usd'",
        "container_120g zz-66/usd",
    ),
    ("DELETE FROM container_120g WHERE persona = 'brianb-40' AND currency = 'usd'", "container/brianb-40/usd"),
    ("UPDATE session_130_live SET current = current + 1 WHERE id = 5", "session_130 5"),
    ("UPDATE session_130_live SET current = current - 1 WHERE id = 4", "session_130 4"),
    ("UPDATE session_130_live SET use_limit = use_limit + 1 WHERE id = 5", "session_130 5"),
    ("DELETE FROM session_130_live WHERE id = 5", "session_130 5"),
    ("INSERT INTO session_130_live SELECT id, 1, uses, use_limit FROM session_130 WHERE id = 1", "session_130 1"),
    ("UPDATE session_130 SET opening = opening + 1 WHERE id = 2", "session_130 2"),
    ("UPDATE session_130 SET currency = 'cad' WHERE id = 5", "session/5/cad"),
    ("UPDATE session_130 SET uses = uses - 1 WHERE id = 1", "session_130 1"),
    ("UPDATE session_130_live SET uses = 0 WHERE id = 4", "session_130 4"),
    ("UPDATE session_130_live SET uses = use_limit + 1 WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET use_limit = 1 WHERE id = 1", "session_130 1"),
    ("UPDATE session_130 SET ended = NULL, ended_by = NULL WHERE id = 2", "session_130 2"),
    ("UPDATE session_130 SET ended = ended - 1 WHERE id = 2", "session_130 2"),
    ("UPDATE session_130 SET ended_by = 'used-up' WHERE id = 2", "session_130 2"),
    ("UPDATE session_130 SET ended = opened, ended_by = 'closed' WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET persona = 'acme-82' WHERE id = 1", "session_130 1"),
    ("UPDATE session_130 SET id = 99 WHERE id = 5", "session_130 99"),
    ("DELETE FROM session_130 WHERE id = 5", "session_130_live 5"),
    ("UPDATE journal SET amount = amount + 1 WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET amount = 0 WHERE reason = 'return' AND amount > 0", "journal 1/12"),
    ("UPDATE journal SET debit = 'agency/cad' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET debit = 'fees/usd' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET credit = 'container/acme-82/usd' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET currency = 'cad' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET reason = 'load' WHERE reason = 'payment' AND reference = '1/1'", "journal 1/6"),
    ("UPDATE journal SET reason = 'payment' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET reference = '1/2' WHERE reference = '1/1'", "journal 1/6"),
    ("UPDATE journal SET reference = '' WHERE reference = '2/1'", "journal 1/7"),
    ("UPDATE journal SET date = date + 3600000 WHERE reference = '2/1'", "journal 1/7"),
    ("DELETE FROM journal WHERE id = 1", "journal 1/2"),
    ("DELETE FROM journal WHERE reference = '2/2' AND currency = 'cad'", "journal 1/10"),
    (
        "INSERT INTO journal SELECT NULL, date, reason, debit, credit, currency, amount, reference, hash FROM journal
     WHERE id = 1",
        "journal 1/17",
    ),
    ("UPDATE journal SET date = date - 1 WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET reference = 'x' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET reason = 'unload' WHERE id = 1", "journal 1/1"),
    ("UPDATE journal SET hash = zeroblob(32) WHERE id = 3", "journal 1/3"),
    ("UPDATE journal SET hash = x'00' WHERE id = 3", "journal 1/3"),
    ("UPDATE journal SET hash = (SELECT hash FROM journal WHERE id = 1) WHERE id = 2", "journal 1/2"),
    ("UPDATE journal SET debit = 'nobody/usd' WHERE id = 2", "journal 1/2"),
    ("DELETE FROM journal WHERE id = (SELECT MAX(id) FROM journal)", "movement_405 2"),
    (
        "UPDATE transaction_130n SET charged = charged + 1 WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    (
        "UPDATE transaction_130n SET credited = credited - 1 WHERE payer_session = 2 AND payer_index = 2",
        "transaction_130n 2/2",
    ),
    (
        "UPDATE transaction_130n SET currency = 'cad' WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    ("UPDATE transaction_130n SET payer_index = 9 WHERE payer_session = 2 AND payer_index = 1", "transaction_130n 2/9"),
    (
        "UPDATE transaction_130n SET payer = 'acme-82' WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    (
        "UPDATE transaction_130n SET payee = 'brianb-40' WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    (
        "UPDATE transaction_130n SET payee_session = 4 WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    (
        "UPDATE transaction_130n SET payee_index = 91 WHERE payer_session = 1 AND payer_index = 1",
        "transaction_130n 1/1",
    ),
    ("DELETE FROM transaction_130n WHERE payer_session = 1 AND payer_index = 2", "journal, payment 1/2"),
    ("UPDATE house_account SET balance = balance + 1 WHERE account = 'agency/usd'", "agency/usd"),
    ("UPDATE house_account SET account = 'fees/usd' WHERE account = 'exchange/usd'", "fees/usd"),
    ("DELETE FROM house_account WHERE account = 'exchange/cad'", "exchange/cad"),
    ("UPDATE movement_405 SET amount = amount + 1 WHERE clears IS NOT NULL", "movement_405 2"),
    ("UPDATE session_130 SET expires = expires + 1 WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET lifetime = lifetime + 1 WHERE id = 1", "session_130 1"),
    ("UPDATE session_130 SET opened = opened - 1 WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET ended_by = 'expired' WHERE id = 3", "session_130 3"),
    ("UPDATE session_130 SET ended_by = 'closed' WHERE id = 2", "session_130 2"),
    ("UPDATE session_130 SET ended_by = 'closed' WHERE id = 1", "session_130 1"),
    ("UPDATE session_130_live SET uses = uses + 1 WHERE id = 4", "session_130 4"),
    ("UPDATE session_130_live SET uses = uses + 1 WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET persona = 'acme-82' WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET protocol = '1.0' WHERE id = 5", "session_130 5"),
    ("UPDATE session_130 SET key = x'00' WHERE id = 5", "session_130 5"),
    ("INSERT INTO session_130_live VALUES (77, 0, 0, 9)", "session_130_live 77"),
    ("INSERT INTO container_120g VALUES ('brianb-40', 'kwd', 0, 0)", "container/brianb-40/kwd"),
    ("DELETE FROM persona_120 WHERE id = 'acme-82'", "container_120g acme-82/usd"),
    ("UPDATE transaction_130n SET date = date + 1 WHERE payer_session = 1 AND payer_index = 1", "transaction_130n 1/1"),
    ("DELETE FROM message_log_140 WHERE kind = 2 AND owner = '3' AND number = 1", "message_log_140 2/3/1"),
    ("UPDATE message_log_140 SET kind = 0 WHERE kind = 2 AND owner = '3' AND number = 1", "message_log_140 2/3/1"),
    ("UPDATE message_log_140 SET owner = 'x' WHERE kind = 2 AND owner = '3' AND number = 1", "message_log_140 2/x/1"),
    ("UPDATE movement_405 SET amount = amount - 1 WHERE clears IS NULL", "movement_405 1"),
    ("UPDATE movement_405 SET date = date - 86400000 WHERE clears IS NULL", "movement_405 1"),
    ("DELETE FROM movement_405 WHERE clears IS NULL", "journal 1/1"),
    (
        "INSERT INTO movement_405 SELECT 77, persona, instrument, date, currency, amount, clears, fee
         FROM movement_405 WHERE id = 1",
        "movement_405 77",
    ),
    ("UPDATE movement_405 SET clears = NULL", "on-hold/brianb-40/usd"),
    ("UPDATE movement_405 SET persona = 'zz-66' WHERE clears IS NOT NULL", "movement_405 2"),
];

/// Lies that fit each other: every balance, session and payment agrees, and only the chain tells.
const CONSPIRACIES: &[&str] = &[
    "UPDATE journal SET amount = amount + 100 WHERE id = 1;
     UPDATE movement_405 SET amount = amount + 100 WHERE id = 1;
     UPDATE container_120g SET available = available + 100 WHERE persona = 'brianb-40' AND currency = 'usd';
     UPDATE house_account SET balance = balance - 100 WHERE account = 'agency/usd'",
    "UPDATE journal SET amount = amount - 5 WHERE reference = '1/1';
     UPDATE transaction_130n SET charged = charged - 5, credited = credited - 5
     WHERE payer_session = 1 AND payer_index = 1;
     UPDATE journal SET amount = amount + 5 WHERE reason = 'return' AND reference = '1';
     UPDATE container_120g SET available = available + 5 WHERE persona = 'brianb-40' AND currency = 'usd';
     UPDATE journal SET amount = amount - 5 WHERE reason = 'return' AND reference = '3';
     UPDATE container_120g SET available = available - 5 WHERE persona = 'acme-82' AND currency = 'usd'",
    "INSERT INTO journal SELECT NULL, date, reason, credit, debit, currency, 0, reference, hash FROM journal
     WHERE id = 1",
    "UPDATE journal SET id = -1 WHERE id = 1; UPDATE journal SET id = 1 WHERE id = 2;
     UPDATE journal SET id = 2 WHERE id = -1",
];

/// Each corruption is found, and one of the lies that are told is of that very row (of the account, where it is a balance;
/// of what the row belonged to, where it is gone).
async fn found(world: &common::World, corruptions: &[(&str, &str)]) {
    assert_eq!(lies(world.folder()).await, Vec::<String>::new());
    for (corruption, row) in corruptions {
        let folder = corrupted(world, corruption);
        let lies = lies(folder.path()).await;
        assert!(lies.iter().any(|lie| lie.starts_with(&format!("{row}: "))), "{corruption}: {row} is not in {lies:#?}");
    }
}

#[tokio::test]
async fn every_changed_value_is_found() {
    found(&busy_books().await, CORRUPTIONS).await;
}

#[tokio::test]
async fn every_changed_fee_is_found() {
    found(&charged_books().await, FEE_CORRUPTIONS).await;
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
