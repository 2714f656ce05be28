//! The server's disk breaks for good, and what its operator does then: the last backup takes its place, and an epoch begins
//! in it (`server-stub restore`, docs/operations.md). Only then does the server start.
//!
//! The program that restores may fail and die like any other; it is run again until it says that it is done.

use std::rc::Rc;
use std::sync::Arc;

use server_stub::audit::audit;
use server_stub::server::epoch;

use super::World;
use super::clockwork::{sleep, spawn};
use super::disk::ServerDisk;
use super::fate::{self, strikes};
use super::judge::{Judge, Ledger, Lie};
use super::server::Machine;

/// How often a backup is made, in 1,000 looks of the weatherman.
const BACKUP: u32 = 40;
/// How long the operator waits before trying again, milliseconds.
const AGAIN_MILLIS: i64 = 1_000;

impl World {
    /// Starts the server; on a backup, once that is restored.
    pub(super) fn start_server(self: &Rc<Self>) {
        if !self.office.restoring.get() {
            return self.open_office();
        }
        let world = Rc::clone(self);
        spawn(self.office.party, async move {
            while let Err(fault) = world.restore().await {
                fate::note(world.office.party, "cannot restore", || fault);
                sleep(AGAIN_MILLIS).await;
            }
            world.open_office();
        });
    }

    /// The server takes letters.
    fn open_office(&self) {
        Machine::start(&self.office, &self.net, Rc::clone(&self.judge), Rc::clone(&self.lies));
    }

    /// Makes a backup, or breaks the disk, as fate decides; neither while the server is not there.
    pub(super) fn threaten_disk(&self) {
        if !self.net.is_listening(self.office.party) {
            return;
        }
        if strikes("backups", |_| BACKUP) {
            fate::note(self.office.party, "is backed up", String::new);
            self.with_judge(Judge::back_up);
            *self.office.backup.borrow_mut() = Some(self.office.platter().copied());
        }
        if self.office.backup.borrow().is_some() && strikes("restores", |weather| weather.restore) {
            self.break_disk();
        }
    }

    /// All that was written since the last backup is gone, and the server with it.
    fn break_disk(&self) {
        self.with_judge(Judge::lose);
        let Some(backup) = self.office.backup.borrow().as_ref().map(|backup| Arc::new(backup.copied())) else { return };
        *self.office.platter.borrow_mut() = backup;
        fate::note(self.office.party, "has a new disk", String::new);
        self.office.restoring.set(true);
        fate::watch(Some(self.office.party));
        // Whoever restores looks at the clock first.
        self.office.wrong_millis.set(0);
        fate::die(self.office.party);
    }

    /// What `server-stub restore` does with books that lie in their place.
    async fn restore(&self) -> Result<(), String> {
        let disk = self.office.disk();
        self.audit(&disk).await?;
        let begun = epoch::begin(&disk, self.office.now()).await.map_err(|fault| fault.to_string())?;
        self.audit(&disk).await?;
        self.office.restoring.set(false);
        fate::watch(None);
        self.with_judge(|judge, ledger| judge.reopen(ledger, begun.epoch.began));
        Ok(())
    }

    /// The product's own proof of its books: what it finds wrong is a lie like any other.
    async fn audit(&self, disk: &ServerDisk) -> Result<(), String> {
        let findings = audit(disk).await.map_err(|fault| fault.to_string())?;
        let lie = findings.lies.first().map(|lie| format!("I10: the audit of a restore says: {lie}"));
        self.lies.borrow_mut().extend(lie);
        Ok(())
    }

    fn with_judge(&self, tell: impl FnOnce(&mut Judge, &Ledger) -> Result<(), Lie>) {
        let told = self.ledger().and_then(|ledger| tell(&mut self.judge.borrow_mut(), &ledger));
        self.lies.borrow_mut().extend(told.err());
    }
}
