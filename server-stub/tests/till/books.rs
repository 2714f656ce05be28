//! Ten thousand payments: what the till exports is what the server's statement tells, to the cent.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use merchant_widget::till::order::{Links, NewOrder, Returns, place};
use merchant_widget::till::record::{Order, Persona};
use merchant_widget::till::refund::NewRefund;
use merchant_widget::till::session::SessionLimits;
use merchant_widget::till::setup::{Account, Application};
use merchant_widget::till::{Change, ChangeSet};
use protocol::Protocol;
use protocol::collect::ReceivedPayment;
use protocol::date::Date;
use protocol::message::offer::Note;
use protocol::message::statement::{EntryLine, Mark, StatementRequest, StatementResponse};
use protocol::money::Currency;
use protocol::offer::Offer;
use protocol::persona::RequestedId;
use protocol::value::{Address, Index, Language, Num, Reading, Text, Token, Value as _};
use server_stub::till::collector::{Collector, Incoming};
use server_stub::till::desk::{Clock, Desk};
use server_stub::till::refunds::Refunder;
use server_stub::till::server::Server;
use server_stub::till::sessions::Sessions;
use server_stub::till::settlement::Settler;
use server_stub::till::setup::{Plan, set_up};
use server_stub::till::store::Store;
use server_stub::till::store::ledger::Line;

use super::shopper::{Shopper, usd};
use super::town::Town;

const PAYMENTS: usize = 10_000;
/// Orders that are stored together, and payments that are under way together.
const TOGETHER: usize = 1_000;
/// Every so many orders are given back in part.
const REFUND_EVERY: usize = 500;

/// The parts of a till, without its doors.
pub struct Works {
    desk: Arc<Desk>,
    persona: Persona,
    collector: Arc<Collector>,
    settler: Arc<Settler>,
}

impl Works {
    pub async fn at(server: &str, folder: &std::path::Path) -> Self {
        let usd = Currency::of("usd").expect("a currency");
        let (store, server) = (Store::open(folder).expect("books"), Server::at(server).expect("an address"));
        let desk = Arc::new(Desk { store, server, clock: Clock::default() });
        let application = Application {
            name: RequestedId::parse("ledger", Reading::STRICT).expect("a name"),
            email: Address::of("ledger@example.com").expect("an address"),
            language: Language::of("en-us").expect("a language"),
            currency: usd,
            agreements: Vec::new(),
        };
        let account = Account {
            number: Token::of("059013218175654").expect("a number"),
            holder: Text::of("ledger").expect("a name"),
            agreements: Vec::new(),
        };
        let plan = Plan { application, account, protocol: Some(Protocol::V2) };
        let persona = set_up(&desk, &plan).await.expect("a persona");
        let limits = SessionLimits { minutes: Num::of(960).expect("minutes"), uses: Index::of(10_000).expect("uses") };
        let sessions = Arc::new(Sessions::new(desk.clone(), vec![usd], limits));
        let (collector, queue) = Collector::new(desk.clone(), persona.clone(), sessions.clone());
        tokio::spawn(collector.clone().run(queue));
        let keeper = sessions.clone();
        tokio::spawn(async move { keeper.keep().await });
        let settler = Settler::new(desk.clone(), sessions, vec![usd], Vec::new());
        Self { desk, persona, collector, settler }
    }

    /// Places orders of a cent each, all in one transaction.
    async fn orders(&self, count: usize) -> Vec<Order> {
        let links = Links::new("https://shop.example", "https://shop.example").expect("addresses");
        let new = NewOrder {
            amount: usd("0.01"),
            note: Note::of("Gum").expect("a note"),
            reference: None,
            items: Vec::new(),
            other_amounts: Vec::new(),
            returns: Returns::default(),
            expires: self.desk.clock.now().plus_secs(3_600),
        };
        let (mut changes, mut orders) = (ChangeSet::default(), Vec::new());
        for _ in 0..count {
            let placed = self.desk.step(|moment| place(&self.persona, &new, &links, moment));
            let (_, order) = placed.expect("an order");
            changes.push(Change::PutOrder(order.clone()));
            orders.push(order);
        }
        self.desk.store.commit(changes).await.expect("books");
        orders
    }

    async fn pay(&self, shopper: &mut Shopper, orders: &[Order]) {
        let incoming: Vec<_> = orders
            .iter()
            .map(|order| {
                let offer = Offer::read(order.payment_request.as_bytes()).expect("an offer");
                let (_, text) = shopper.promise(&offer, order.amount);
                let received = ReceivedPayment::read(text.as_bytes()).expect("a CA1");
                Incoming { received, text, addressed: order.id.clone() }
            })
            .collect();
        for answer in join_all(incoming.into_iter().map(|incoming| self.collector.pay(incoming))).await {
            let answer = answer.expect("books");
            assert!(answer.contains("type: cash-payer-receipt"), "{answer}");
        }
    }

    /// The whole statement, page after page, each entry once.
    pub async fn statement(&self) -> (Vec<EntryLine>, StatementResponse) {
        let (mut entries, mut after) = (BTreeMap::new(), Mark::of(StatementRequest::START));
        loop {
            let page = self.settler.statement(after.clone()).await.expect("a statement");
            for entry in &page.entries.0 {
                entries.insert(name(entry), entry.clone());
            }
            after.clone_from(&page.next);
            if !page.more.expect("said").0 {
                return (entries.into_values().collect(), page);
            }
        }
    }
}

/// What names an entry, in a statement and in an export.
fn name(entry: &EntryLine) -> (String, u64, Option<(u64, u16)>) {
    let payment = entry.payment.as_ref().map(|payment| (payment.session_id.number(), payment.index.get()));
    (entry.kind.name().to_owned(), entry.number.0, payment)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_ten_thousand_payments_is_what_the_server_says() {
    let town = Town::new(Protocol::V2, &[]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let works = Works::at(&town.server, &folder.path().join("books")).await;
    let mut shopper = Shopper::with(&town, "brianb", "100.00").await;
    let refunder = Refunder::new(works.desk.clone());
    let mut refunded = 0;
    for _ in 0..PAYMENTS / TOGETHER {
        let orders = works.orders(TOGETHER).await;
        works.pay(&mut shopper, &orders).await;
        for order in orders.iter().step_by(REFUND_EVERY) {
            let order = works.desk.store.order(&order.id).await.expect("books").expect("an order");
            let refund = refunder.refund(&order, &NewRefund::default(), |_| None).await.expect("a refund");
            assert_eq!(refund.returned, Some(usd("0.01")));
            refunded += 1;
        }
    }
    works.settler.settle().await.expect("a settlement");

    let (told, last) = works.statement().await;
    let lines = works.desk.store.lines(Date::from_millis(0), Date::from_millis(i64::MAX)).await.expect("books");
    assert_eq!((told.len(), lines.len()), (PAYMENTS + refunded + 1, PAYMENTS + refunded + 1));
    // Line for line: kind, order, payment and amount; settlements, whose number only the server knows, by amount.
    let line = |kind: &str, order: Option<String>, payment, minor: i64| (kind.to_owned(), order, payment, minor);
    let mut exported: Vec<_> = lines
        .iter()
        .map(|Line { kind, order_id, payment, amount, .. }| {
            line(kind, order_id.as_ref().map(ToString::to_string), *payment, amount.minor)
        })
        .collect();
    let mut stated: Vec<_> = told
        .iter()
        .map(|entry| {
            let order = entry.payment.as_ref().map(|payment| payment.order_id.to_string());
            line(entry.kind.name(), order, name(entry).2, entry.amount.0.minor)
        })
        .collect();
    exported.sort();
    stated.sort();
    assert!(exported == stated, "the export and the statement differ");
    // And the sum is what is owned: everything went to the bank.
    let sum: i64 = lines.iter().map(|line| line.amount.minor).sum();
    let containers: i64 = last.containers.0.iter().map(|line| line.available.minor + line.on_hold.minor).sum();
    let sessions: i64 = last.sessions.0.iter().map(|line| line.current.minor).sum();
    assert_eq!((sum, containers + sessions), (0, 0));
}
