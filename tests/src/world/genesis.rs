//! Worlds in which everybody has moved in already, made once and copied for each run: keys and passphrases take longer
//! to make than a whole run takes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context as _;
use protocol::Protocol;
use protocol::money::Currency;
use protocol::store::MemoryStore as WalletStore;
use protocol::value::from_base64;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::keys::{CLASSIC_NAME, ServerKeys};
use server_stub::server::fee::{Fee, Fees};
use server_stub::store::MemoryStore as Ledger;
use tempfile::TempDir;

use super::World;
use super::clockwork::{self, Owner, Tasks};
use super::fate::{self, Weather};
use super::judge::{Lie, inspect};
use super::logs;
use super::net::Net;
use super::server::Office;
use super::shopper::{Script, Seat};
use super::till::{Books, CURRENCIES, Stand};

/// When every world begins: 5 November 1995, 10:05.
pub const BEGINNING: i64 = 815_565_900_000;
/// By when everybody has moved in.
const MOVING_MILLIS: i64 = 600_000;

const SERVER: Owner = Owner(0);
/// Tills: party, name, origin, protocol.
const TILLS: [(Owner, &str, &str, Protocol); 3] = [
    (Owner(1), "acme", "https://www.acme.example", Protocol::V2),
    (Owner(2), "zenith", "https://shop.zenith.example", Protocol::V2),
    (Owner(3), "oldtown", "https://oldtown.example", Protocol::V1),
];
/// Wallets: party, name, protocol. The second is a copy of the first.
const WALLETS: [(Owner, &str, Protocol); 4] = [
    (Owner(4), "brianb", Protocol::V2),
    (Owner(5), "brianb", Protocol::V2),
    (Owner(6), "carola", Protocol::V2),
    (Owner(7), "donald", Protocol::V1),
];

/// What everything costs where anything does.
const FEE: Fee = Fee { fixed: 3, basis_points: 150 };

/// The server's keys, always the same: else the same seed would not be the same run on another day.
fn make_keys(folder: &Path) -> anyhow::Result<()> {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../vectors/classic.json"))?;
    let rsa = vectors["server_key"]["pkcs8"].as_str().and_then(from_base64).context("a key")?;
    server_stub::vault::make_folder(folder)?;
    server_stub::vault::secret_file(&folder.join(format!("{CLASSIC_NAME}.rsa")), || Ok(rsa))?;
    ServerKeys::open(folder, true, &mut StdRng::seed_from_u64(1995))?;
    Ok(())
}

/// A world that everybody has moved into.
pub struct Genesis {
    keys: TempDir,
    platter: Ledger,
    tills: Vec<Books>,
    wallets: Vec<(WalletStore, Option<String>)>,
    millis: i64,
}

impl Genesis {
    /// A world in which nobody has done anything.
    ///
    /// # Errors
    /// The server's keys cannot be made.
    pub fn empty() -> anyhow::Result<Self> {
        let keys = tempfile::tempdir()?;
        make_keys(keys.path())?;
        let tills = vec![Books::default(); TILLS.len()];
        let wallets = WALLETS.iter().map(|_| (WalletStore::new(), None)).collect();
        Ok(Self { keys, platter: Ledger::new(), tills, wallets, millis: BEGINNING })
    }

    /// A world in which everybody has registered and bound an account.
    ///
    /// # Errors
    /// Somebody could not.
    pub fn settled() -> anyhow::Result<Self> {
        let empty = Self::empty()?;
        clockwork::begin(1995, empty.millis);
        fate::begin(Weather::CALM, BTreeSet::new(), false);
        // All but the copy move in, and none of them begins to shop.
        let world = empty.world(Script::Anything(0)).without_copies().begin();
        let end = empty.millis + MOVING_MILLIS;
        let attend = || -> Result<(), Lie> {
            world.attend();
            Ok(())
        };
        clockwork::run(&mut Tasks::default(), end, attend).map_err(anyhow::Error::msg)?;
        let tills = world.stands.iter().map(|stand| stand.disk.borrow().clone()).collect();
        let of = |(party, name, _): &(Owner, &str, _)| {
            let original = world.seats.iter().find(|seat| seat.party == *party || seat.name == *name);
            original.map_or_else(|| (WalletStore::new(), None), |seat| (seat.disk.copied(), seat.key.borrow().clone()))
        };
        let wallets = WALLETS.iter().map(of).collect();
        let platter = world.office.platter().copied();
        drop(world);
        Ok(Self { keys: empty.keys, platter, tills, wallets, millis: end })
    }

    /// When a world made of this begins, milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        self.millis
    }

    /// A world of its own, in which hands do what the script says.
    pub(super) fn world(&self, script: Script) -> World {
        let stands = TILLS.iter().zip(&self.tills).map(|((party, name, origin, protocol), books)| Stand {
            party: *party,
            server: SERVER,
            name,
            origin,
            protocol: *protocol,
            disk: Rc::new(RefCell::new(books.clone())),
            wrong_millis: Rc::new(Cell::new(0)),
        });
        let seats = WALLETS.iter().zip(&self.wallets).map(|((party, name, protocol), (disk, key))| Seat {
            party: *party,
            name,
            protocol: *protocol,
            server: SERVER,
            disk: disk.copied(),
            key: Rc::new(RefCell::new(key.clone())),
            wrong_millis: Rc::new(Cell::new(0)),
            starts: Rc::new(Cell::new(0)),
            pressed: Rc::new(Cell::new(0)),
        });
        let office = Office {
            party: SERVER,
            keys: self.keys.path().to_owned(),
            platter: Rc::new(RefCell::new(Arc::new(self.platter.copied()))),
            backup: Rc::default(),
            restoring: Rc::default(),
            fees: Fees::default(),
            wrong_millis: Rc::new(Cell::new(0)),
            writes: Arc::default(),
        };
        World {
            net: Rc::new(Net::default()),
            office,
            stands: stands.collect(),
            seats: seats.collect(),
            script,
            running: RefCell::new(BTreeMap::new()),
            judge: Rc::default(),
            lies: Rc::default(),
        }
    }
}

impl World {
    /// With one shopper and one merchant only.
    pub(super) fn for_two(mut self) -> Self {
        self.stands.retain(|stand| stand.party == TILLS[0].0);
        self.seats.retain(|seat| seat.party == WALLETS[2].0);
        self
    }

    /// With a fee on everything that may cost something.
    pub(super) fn with_fees(mut self) -> Self {
        for currency in CURRENCIES.iter().filter_map(|code| Currency::of(code)) {
            for service in Fee::CHARGED {
                self.office.fees.set(service, currency, Some(FEE));
            }
        }
        self
    }

    /// Without the copies of wallets, which come to be later.
    fn without_copies(mut self) -> Self {
        let mut names = BTreeSet::new();
        self.seats.retain(|seat| names.insert(seat.name));
        self
    }

    /// Whether the judge has anything against the books as they are.
    pub(super) fn look(&self) -> Result<(), Lie> {
        self.lies.borrow_mut().extend(self.net.take_lies());
        self.lies.borrow_mut().extend(inspect("a log", &logs::take()).err());
        if let Some(lie) = self.lies.borrow_mut().pop() {
            return Err(lie);
        }
        self.judge.borrow_mut().look(&self.ledger()?)
    }
}
