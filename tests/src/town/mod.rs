//! A town in one process: one payment server, one merchant, and any number of shoppers, with a clock that the test sets.
//!
//! Everything is the product's own code; only the network is missing: a letter is a function call. The merchant is the pure
//! steps of the till library over records in memory, so that a test can stop between any two of them.

mod merchant;
mod street;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use protocol::Protocol;
use protocol::date::Date;
use protocol::keys::Published;
use protocol::store::MemoryStore;
use protocol::value::OrderId;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::bank::Sandbox;
use server_stub::keys::ServerKeys;
use server_stub::server::{Answer, Config, Server};
use server_stub::store::MemoryStore as Ledger;
use server_stub::vault::Vault;
use wallet_wasm::wallet::Wallet;

pub use merchant::Merchant;
pub use street::Street;

/// Where the payment server is.
pub const SERVER: &str = "http://127.0.0.1:8401";
/// Where Acme's shop is.
pub const SHOP: &str = "https://www.acme.example";
/// When the seed's sample transaction begins: 5 November 1995, 10:05.
const BEGINNING: i64 = 815_565_900_000;

/// A wallet of the town.
pub type Customer = Wallet<MemoryStore, Street>;

/// The town.
pub struct Town {
    server: Server,
    /// What the server's published keys are cut down to: a town of 1.0 has nothing newer.
    protocol: Protocol,
    clock: Cell<Date>,
    rng: RefCell<StdRng>,
    merchant: RefCell<Option<Merchant>>,
}

impl Town {
    /// A town that speaks one protocol, with a server that knows nobody yet.
    ///
    /// # Errors
    /// The server's keys cannot be made.
    pub fn new(protocol: Protocol) -> Result<Rc<Self>> {
        let mut rng = StdRng::seed_from_u64(1995);
        let folder = tempfile::tempdir()?;
        server_stub::vault::make_folder(folder.path())?;
        let keys = ServerKeys::open(folder.path(), protocol == Protocol::V1, &mut rng)?;
        let config = Config { allow_classic: protocol == Protocol::V1, ..Config::default() };
        let server = Server::new(Arc::new(Ledger::new()), keys, Vault::of_key(&[7; 32]), Box::new(Sandbox), config);
        let clock = Cell::new(Date::from_millis(BEGINNING));
        Ok(Rc::new(Self { server, protocol, clock, rng: RefCell::new(rng), merchant: RefCell::default() }))
    }

    /// What time it is.
    pub fn now(&self) -> Date {
        self.clock.get()
    }

    /// Lets time pass.
    pub fn wait_secs(&self, seconds: i64) {
        self.clock.set(self.now().plus_secs(seconds));
    }

    /// The payment server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What the server publishes, as far as the town speaks it.
    pub fn published(&self) -> Published {
        let mut published = self.server.published();
        published.protocols.retain(|number| number == self.protocol.number());
        published
    }

    /// Hands a message to the payment server.
    pub async fn to_server(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut rng = self.fork();
        match self.server.handle(message, self.now(), &mut rng).await {
            Answer::Reply(text) => Some(text.into_bytes()),
            Answer::NoContent | Answer::Malformed(_) => None,
        }
    }

    /// Random numbers that differ from all others of this run, and are the same in the next.
    pub fn fork(&self) -> StdRng {
        StdRng::from_rng(&mut *self.rng.borrow_mut())
    }

    /// Acme moves in: registers, binds its account and opens a sales session.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn settle_merchant(&self) -> Result<()> {
        let merchant = Merchant::settle(self).await?;
        *self.merchant.borrow_mut() = Some(merchant);
        Ok(())
    }

    /// Acme gives back what an order paid.
    ///
    /// # Errors
    /// Nobody paid it, or the server refuses.
    pub async fn refund(&self, order: &OrderId) -> Result<()> {
        merchant::give_back(self, order).await
    }

    /// Does something with the merchant's books.
    ///
    /// # Errors
    /// Nobody has moved in.
    pub fn with_merchant<T>(&self, work: impl FnOnce(&mut Merchant) -> T) -> Result<T> {
        let mut merchant = self.merchant.borrow_mut();
        Ok(work(merchant.as_mut().context("Acme has not moved in")?))
    }

    /// A shopper with a new wallet.
    pub fn shopper(self: &Rc<Self>) -> Customer {
        Wallet::new(MemoryStore::new(), Street::new(Rc::clone(self)), "run-1", None)
    }
}
