//! S: what SQLite itself does here for the same money, without any protocol. Write-ahead log, `synchronous=FULL`; for each
//! transfer two balances, a journal row, and the mark of a used index.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::market::{SESSIONS, scattered};
use super::measure::{cpu_of, micros, secs};

/// What was measured.
pub struct Floor {
    /// One fdatasync of a file that grew by 4 KiB.
    pub sync: Duration,
    /// By size of the transaction.
    pub transfers: Vec<(usize, Rate)>,
}

/// Transfers a second, and microseconds of CPU for each.
#[derive(Clone, Copy)]
pub struct Rate {
    pub rate: f64,
    pub cpu: f64,
}

impl Floor {
    /// At transactions of 255.
    pub fn best(&self) -> Rate {
        self.transfers.last().expect("three sizes").1
    }
}

const SYNCS: u32 = 200;
/// Sizes of transactions, and how many of them: enough for a second or so.
const SIZES: [(usize, usize); 3] = [(1, 3_000), (10, 1_500), (255, 160)];

pub fn measure(folder: &Path) -> Floor {
    let transfers = SIZES.map(|(size, count)| (size, transfers(&folder.join(format!("floor-{size}")), size, count)));
    Floor { sync: sync(&folder.join("sync")), transfers: transfers.into() }
}

fn sync(path: &Path) -> Duration {
    let mut file = File::create(path).expect("a file");
    let start = Instant::now();
    for _ in 0..SYNCS {
        file.write_all(&[7; 4_096]).and_then(|()| file.sync_data()).expect("a write");
    }
    start.elapsed() / SYNCS
}

fn transfers(path: &Path, size: usize, count: usize) -> Rate {
    let mut db = Connection::open(path).expect("a file");
    db.pragma_update(None, "journal_mode", "WAL").expect("a setting");
    db.pragma_update(None, "synchronous", "FULL").expect("a setting");
    db.execute_batch(
        "CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL CHECK (balance >= 0)) STRICT;
         CREATE TABLE journal (id INTEGER PRIMARY KEY, debit INTEGER NOT NULL, credit INTEGER NOT NULL,
                               amount INTEGER NOT NULL) STRICT;
         CREATE TABLE mark (session INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (session, idx))
             STRICT, WITHOUT ROWID;",
    )
    .expect("tables");
    let opening = db.transaction().expect("a transaction");
    for id in (0..SESSIONS).map(whole) {
        opening.execute("INSERT INTO account VALUES (?1, 1000000)", [id]).expect("an account");
    }
    opening.commit().expect("a commit");
    let (cpu, start) = (cpu_of(std::process::id()), Instant::now());
    for n in 0..count {
        transaction(&mut db, n * size, size);
    }
    let (cpu, elapsed) = (cpu_of(std::process::id()).saturating_sub(cpu), start.elapsed());
    let all = (count * size) as f64;
    Rate { rate: all / secs(elapsed), cpu: micros(cpu) / all }
}

fn transaction(db: &mut Connection, first: usize, size: usize) {
    let transaction = db.transaction().expect("a transaction");
    {
        let prepare = |sql| transaction.prepare_cached(sql).expect("a statement");
        let mut debit = prepare("UPDATE account SET balance = balance - 1 WHERE id = ?1 AND balance >= 1");
        let mut credit = prepare("UPDATE account SET balance = balance + 1 WHERE id = ?1");
        let mut journal = prepare("INSERT INTO journal (debit, credit, amount) VALUES (?1, ?2, 1)");
        let mut mark = prepare("INSERT INTO mark VALUES (?1, ?2)");
        for n in first..first + size {
            // Payers come in no order; eight tills collect from them.
            let (from, to) = (whole(scattered(n, SESSIONS)), whole(n / 255 % 8));
            assert_eq!(debit.execute([from]).expect("a debit"), 1);
            credit.execute([to]).expect("a credit");
            journal.execute([from, to]).expect("a row");
            mark.execute(params![from, whole(n / SESSIONS)]).expect("a mark");
        }
    }
    transaction.commit().expect("a commit");
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).expect("a small number")
}
