//! Rare branches, made frequent by a seed in the real program ([`protocol::buggify`]): a slow disk, a commit that is
//! durable and reported as failed, a queue that is full. Whoever sends the same bytes again loses nothing.

mod common;

use std::path::Path;
use std::time::Duration;

use common::money;
use common::payment::{Deal, Promise};
use common::program::{Customer, Program, server_stub};
use protocol::Protocol;
use protocol::buggify::Site;
use protocol::collect::Receipts;
use protocol::message::payment::BatchHead;
use server_stub::audit::audit;
use server_stub::store::sqlite::SqliteBooks;
use server_stub::store::{BookRow, Books as _};
use tokio::task::JoinSet;

/// How many pay at once.
const CLIENTS: u64 = 6;
/// How many payments each makes.
const PAYMENTS: usize = 25;
/// How often a message is sent before that is a failure of its own.
const TRIES: usize = 40;
/// What happens at the door is not the subject.
const SETTINGS: &str = "[doors]\nper_address_per_minute = 0\nper_persona_per_minute = 0\n";

/// The program on a folder, striking so many times in 1,000.
fn program(folder: &Path, per_mille: u32) -> Program {
    let (settings, hits) = (folder.join("server.toml"), folder.join("hits"));
    std::fs::write(&settings, SETTINGS).expect("a file");
    std::fs::create_dir_all(&hits).expect("a folder");
    let mut command = server_stub("serve");
    command.arg("--data-dir").arg(folder.join("data")).arg("--config").arg(settings);
    command.env("PAY_CASH_BUGGIFY", format!("1995,{per_mille},{}", hits.display()));
    Program::run(command, folder.join("server.log"))
}

/// Pays.
struct Client(Customer);

impl Client {
    /// Makes its payments, each sent until it is answered by a receipt.
    async fn pay(mut self, url: String) {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        for n in 0..PAYMENTS {
            let order = format!("order-{}-{n}", self.0.payer.id.number());
            let deal = Deal { payee: &self.0.payee, order: &order, price: "usd 0.10", amount: "usd 0.10" };
            let promise = self.0.world.promise(&mut self.0.payer, &deal);
            let (head, ca2) = self.0.world.collection(&mut self.0.sales, std::slice::from_ref(&promise));
            let receipts = self.insist(&http, &url, &promise, &head, &ca2).await;
            assert_eq!(self.0.world.payer_receipt(&promise, &receipts, 0).amount, Some(money("usd 0.10")));
        }
    }

    async fn insist(
        &self,
        http: &reqwest::Client,
        url: &str,
        promise: &Promise,
        head: &BatchHead,
        ca2: &str,
    ) -> Receipts {
        for _ in 0..TRIES {
            let answer = http.post(url).body(ca2.to_owned()).send().await.expect("an answer");
            let reply = answer.text().await.expect("a text");
            match Receipts::read(reply.as_bytes(), Protocol::V2, &self.0.sales.secrets, head, 1) {
                Ok(receipts) if receipts.customer_opaques[0].is_some() => return receipts,
                // An `error`, or a verdict that asks to come again: nothing is known, and nothing is lost.
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        panic!("payment {} was never answered", promise.claim.payer_index.get());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rare_happens_often_and_every_payment_is_made_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let calm = program(folder.path(), 0);
    let customers = calm.customers(CLIENTS, "usd 60.00", ("usd 10.00", 1_000)).await;
    calm.kill();
    let running = program(folder.path(), 150);
    let url = format!("{}/cybercash", running.url);
    let mut tasks = JoinSet::new();
    for customer in customers {
        tasks.spawn(Client(customer).pay(url.clone()));
    }
    tasks.join_all().await;
    running.kill();

    let books = SqliteBooks::open(&folder.path().join("data"));
    assert_eq!(audit(&books).await.expect("books").lies, []);
    let mut payments = 0;
    let mut count = |row| payments += usize::from(matches!(row, BookRow::Payment(_)));
    books.show(&mut count).await.expect("books");
    assert_eq!(payments, PAYMENTS * usize::try_from(CLIENTS).expect("a few"));
    for site in [Site::SlowDisk, Site::AnswerLost, Site::CommitQueueFull] {
        assert!(folder.path().join("hits").join(site.name()).exists(), "{} never struck", site.name());
    }
}
