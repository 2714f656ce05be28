//! What a till earned goes to the bank (CS1, LU1): asked for at the counter, sent until it is booked.

use std::rc::Rc;

use merchant_widget::till::record::{LogStatus, Pending, Persona, Purpose, SalesSession};
use merchant_widget::till::settlement;
use protocol::money::Money;

use super::super::clockwork::sleep;
use super::super::fate::{count, note};
use super::{PAUSES_MILLIS, Stop, Till};

/// How often a till looks whether something is to be brought to the bank, milliseconds.
const LOOK_MILLIS: i64 = 2_500;

impl Till {
    /// Begins to close the sessions that have earned something, and to unload what the containers hold.
    pub(super) async fn settle(&self) -> Option<Vec<u8>> {
        match self.begin_settling().await {
            Ok(()) => Some(b"soon".to_vec()),
            Err(stop) => {
                note(self.party, "brings nothing to the bank", || stop.to_string());
                None
            }
        }
    }

    async fn begin_settling(&self) -> Result<(), Stop> {
        let persona = self.disk.borrow().persona.clone().ok_or(Stop::Conflict)?;
        let earned = |session: &&SalesSession| session.current.minor > 0 && session.closed.is_none();
        let sessions: Vec<_> = self.disk.borrow().sessions.iter().filter(earned).cloned().collect();
        for session in sessions {
            let made = self.step(|moment| settlement::close(&persona, &session, moment));
            let (changes, pending) = made.map_err(|_| Stop::Crypto)?;
            self.commit(changes).await?;
            count("sales sessions closed");
            self.see_through(&pending).await?;
        }
        let asked = self.step(|moment| settlement::ask(&persona, None, moment)).map_err(|_| Stop::Crypto)?;
        let sent = asked.message().map_err(Stop::Answer)?;
        let reply = self.ask(sent.text.as_bytes()).await.ok_or(Stop::Disk)?;
        let told = settlement::told(&sent, &reply).map_err(Stop::Answer)?;
        for container in told.containers.0.iter().filter(|container| container.available.minor > 0) {
            self.unload(&persona, container.available).await?;
        }
        Ok(())
    }

    async fn unload(&self, persona: &Persona, amount: Money) -> Result<(), Stop> {
        let instrument = self.disk.borrow().instrument.clone().ok_or(Stop::Conflict)?;
        let made = self.step(|moment| settlement::unload(persona, &instrument, amount, moment));
        let (changes, ..) = made.map_err(|_| Stop::Crypto)?;
        self.commit(changes).await?;
        count("settlements begun");
        Ok(())
    }

    /// Sends what is to be closed and unloaded; never ends.
    pub(super) async fn keep_settling(self: Rc<Self>) {
        loop {
            let begun: Vec<_> =
                self.disk.borrow().pending.iter().filter(|pending| is_of_it(pending)).cloned().collect();
            for pending in begun {
                if let Err(stop) = self.see_through(&pending).await {
                    note(self.party, "settles later", || stop.to_string());
                    sleep(PAUSES_MILLIS.0).await;
                }
            }
            sleep(LOOK_MILLIS).await;
        }
    }

    async fn see_through(&self, pending: &Pending) -> Result<(), Stop> {
        if let Purpose::Closing(session) = &pending.purpose {
            let of_session =
                |batches: &[super::Batch]| batches.iter().any(|batch| batch.id.session == *session && !batch.answered);
            // What is under way in it has to be answered before.
            if of_session(&self.disk.borrow().batches) {
                return Ok(());
            }
            let read =
                |pending: &Pending, reply: &[u8]| settlement::closed(pending, reply).map(|(changes, ())| changes);
            return self.talk(pending, read, |pending, _| settlement::not_closed(pending)).await;
        }
        let log = self.disk.borrow().settlements.get(&pending.transaction.get()).cloned().ok_or(Stop::Conflict)?;
        let read = |pending: &Pending, reply: &[u8]| {
            settlement::unloaded(&log, pending, reply, self.now()).map(|(changes, _)| changes)
        };
        let refused = |pending: &Pending, fault: &_| settlement::not_unloaded(&log, pending, fault, self.now());
        self.talk(pending, read, refused).await
    }
}

/// Whether a request is a part of a settlement.
pub fn is_of_it(pending: &Pending) -> bool {
    matches!(pending.purpose, Purpose::Closing(_) | Purpose::Settlement)
}

impl super::Books {
    /// What it says that it brought to the bank.
    pub fn settled(&self) -> impl Iterator<Item = Money> {
        let done = self.settlements.values().filter(|settlement| settlement.status == LogStatus::Success);
        done.map(|settlement| settlement.amount)
    }
}
