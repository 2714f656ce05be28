//! The way between a wallet and everybody else.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use protocol::date::Date;
use rand_core::CryptoRng;
use wallet_wasm::record::Page;
use wallet_wasm::world::{PageOutcome, World};

use super::{SERVER, SHOP, Town};

/// What a wallet sees of the town.
pub struct Street {
    town: Rc<Town>,
    /// How many of the next replies get lost.
    lost_replies: Rc<Cell<u32>>,
    key: Rc<RefCell<Option<String>>>,
    outcomes: Rc<RefCell<Vec<PageOutcome>>>,
    stopwatch: Cell<i64>,
}

/// What everything takes that is measured, milliseconds.
const SLOW_MILLIS: i64 = 10_000;

impl Street {
    /// A street in good order.
    pub fn new(town: Rc<Town>) -> Self {
        Self { town, lost_replies: Rc::default(), key: Rc::default(), outcomes: Rc::default(), stopwatch: Cell::new(0) }
    }

    /// Loses the next `count` replies; what was asked is done all the same.
    pub fn lose_replies(&self) -> Rc<Cell<u32>> {
        Rc::clone(&self.lost_replies)
    }

    /// What web pages were told, in order.
    pub fn outcomes(&self) -> Rc<RefCell<Vec<PageOutcome>>> {
        Rc::clone(&self.outcomes)
    }

    async fn answer(&self, url: &str, message: &str) -> Option<Vec<u8>> {
        if url == format!("{SERVER}/cybercash") {
            return self.town.to_server(message.as_bytes()).await;
        }
        let order = url.strip_prefix(SHOP)?.strip_prefix("/orders/")?.strip_suffix("/pay")?;
        super::merchant::take_payment(&self.town, order, message).await.ok().map(String::into_bytes)
    }
}

#[async_trait(?Send)]
impl World for Street {
    fn now(&self) -> Date {
        self.town.now()
    }

    /// A slow machine's: a passphrase then costs the least that is allowed, and tests take no longer than they must.
    fn stopwatch_ms(&self) -> i64 {
        self.stopwatch.set(self.stopwatch.get() + SLOW_MILLIS);
        self.stopwatch.get()
    }

    fn rng(&self) -> Box<dyn CryptoRng> {
        Box::new(self.town.fork())
    }

    async fn post(&self, url: &str, message: &str) -> Option<Vec<u8>> {
        let reply = self.answer(url, message).await;
        match self.lost_replies.get() {
            0 => reply,
            lost => {
                self.lost_replies.set(lost - 1);
                None
            }
        }
    }

    async fn get(&self, url: &str) -> Option<Vec<u8>> {
        (url == format!("{SERVER}/cybercash/keys")).then(|| serde_json::to_vec(&self.town.published()).ok())?
    }

    async fn keep_key(&self, key: Option<&str>) {
        *self.key.borrow_mut() = key.map(str::to_owned);
    }

    fn changed(&self) {}

    fn outcome(&self, _: &Page, outcome: &PageOutcome) {
        self.outcomes.borrow_mut().push(outcome.clone());
    }
}
