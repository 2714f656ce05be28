//! When the vault is open, and when it is not: by passphrase, button, idle time, start of the browser, lock of the screen.
//!
//! The open vault's key lives in this memory and, so that a worker that is restarted need not ask again, in a memory of the
//! browser that ends with it. Beside it stands when it locks: whoever comes later finds it locked, even where no alarm rang.

use protocol::buggify::{Site, strikes};
use protocol::store::{ChangeSet, Store};
use wallet_messages::Done;

use super::Wallet;
use super::books::one;
use crate::fault::WalletFault;
use crate::record::settings::Settings;
use crate::record::{Held, RecordChanges as _};
use crate::vault::{Cost, Vault, VaultRecord};
use crate::world::World;

/// An open vault, and when it locks.
#[derive(Debug)]
pub(super) struct Opened {
    vault: Vault,
    locks_at_ms: i64,
}

impl Opened {
    /// As the browser keeps it.
    fn to_text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(format!("{}:{}", self.locks_at_ms, *self.vault.to_text()))
    }

    /// What [`Opened::to_text`] made, unless it is time to lock.
    pub(super) fn of_text(text: &str, now_ms: i64) -> Option<Self> {
        let (locks_at_ms, key) = text.split_once(':')?;
        let locks_at_ms = locks_at_ms.parse().ok().filter(|at| *at > now_ms)?;
        Some(Self { vault: Vault::of_text(key)?, locks_at_ms })
    }
}

impl<S: Store, W: World> Wallet<S, W> {
    /// Opens the vault.
    ///
    /// # Errors
    /// The passphrase is wrong.
    pub async fn unlock(&self, passphrase: &str) -> Result<Done, WalletFault> {
        let held = one::<VaultRecord>(&self.store, VaultRecord::KEY).await?.ok_or(WalletFault::NotRegistered)?;
        let began = self.world.stopwatch_ms();
        let vault = held.record.unlock(passphrase)?;
        let took = self.world.stopwatch_ms() - began;
        self.strengthen(&held, &vault, passphrase, took).await;
        self.keep(vault).await;
        self.world.changed();
        Ok(Done {})
    }

    /// Wraps the data key anew where this machine can afford more than was stored. Where that fails, nothing is lost.
    async fn strengthen(&self, held: &Held<VaultRecord>, vault: &Vault, passphrase: &str, took_ms: i64) {
        let cost = held.record.cost().raised_to(held.record.cost().affordable(took_ms));
        if cost == held.record.cost() {
            return;
        }
        let wrapped = {
            let mut rng = self.world.rng();
            VaultRecord::wrap(vault, passphrase, cost, &mut *rng)
        };
        if let Ok(record) = wrapped {
            let mut changes = ChangeSet::new();
            changes.replace(held, &record);
            let _ = self.try_commit(changes).await;
        }
    }

    /// What a passphrase may cost on this machine.
    pub(super) fn calibrated(&self) -> Cost {
        let began = self.world.stopwatch_ms();
        match VaultRecord::warm_up() {
            Ok(()) => Cost::LEAST.affordable(self.world.stopwatch_ms() - began),
            Err(_) => Cost::LEAST,
        }
    }

    /// Forgets the key of the vault; what waits for the shopper is refused, and its pages are told.
    ///
    /// # Errors
    /// The store failed.
    pub async fn lock(&self) -> Result<Done, WalletFault> {
        *self.vault.borrow_mut() = None;
        // Before the windows close, so that nobody is taken to have refused.
        let refused = self.refuse_all().await;
        self.world.keep_key(None).await;
        refused?;
        self.world.changed();
        Ok(Done {})
    }

    /// Locks if it is time to.
    ///
    /// # Errors
    /// The store failed.
    pub async fn lock_if_idle(&self) -> Result<(), WalletFault> {
        let now = self.world.now().millis();
        let idle = self.vault.borrow().as_ref().is_some_and(|opened| opened.locks_at_ms <= now);
        if idle || strikes(Site::EarlyTimer) {
            self.lock().await?;
        }
        Ok(())
    }

    /// The shopper is here: the time until the lock begins anew.
    ///
    /// # Errors
    /// The store failed.
    pub async fn touch(&self) -> Result<Done, WalletFault> {
        if let Ok(vault) = self.open_vault() {
            self.keep(vault).await;
        }
        Ok(Done {})
    }

    /// When the wallet locks itself, milliseconds since 1970.
    pub(super) fn locks_at(&self) -> Option<i64> {
        self.open_vault().ok()?;
        self.vault.borrow().as_ref().map(|opened| opened.locks_at_ms)
    }

    pub(super) fn is_open(&self) -> bool {
        self.open_vault().is_ok()
    }

    pub(super) fn open_vault(&self) -> Result<Vault, WalletFault> {
        let now = self.world.now().millis();
        let opened = self.vault.borrow();
        let open = opened.as_ref().filter(|opened| opened.locks_at_ms > now);
        open.map(|opened| opened.vault.clone()).ok_or(WalletFault::Locked)
    }

    /// Keeps the vault open until the shopper was away for long enough.
    pub(super) async fn keep(&self, vault: Vault) {
        let settings = one::<Settings>(&self.store, Settings::KEY).await.ok().flatten();
        let minutes = settings.map_or(Settings::default().lock_minutes, |held| held.record.lock_minutes);
        let locks_at_ms = self.world.now().plus_secs(i64::from(minutes) * 60).millis();
        let opened = Opened { vault, locks_at_ms };
        let text = opened.to_text();
        *self.vault.borrow_mut() = Some(opened);
        self.world.keep_key(Some(&text)).await;
    }
}
