//! Sending what is pending, and settling what comes back.

use protocol::date::Date;
use protocol::outcome::Problem;
use protocol::store::Store;
use wallet_messages::{Done, Paid};

use super::books::{find, one};
use super::conversation::{self, Conversation};
use super::payment::{self, ask_of_log};
use super::report::report;
use super::step::{Begun, Desk, Env, Settled};
use super::view::payment_key;
use super::{TRIES, Wallet, opening};
use crate::fault::WalletFault;
use crate::record::log::PaymentLog;
use crate::record::pending::{
    PendingBinding, PendingClosing, PendingFunds, PendingKey, PendingOpening, PendingPayment, PendingRegistration,
};
use crate::record::{Held, Stored as _};
use crate::world::World;
use opening::Limits;

/// How long what waits for an answer is left alone.
const RESEND_MINUTES: u32 = 1;
/// How many other sessions a payment tries whose index somebody else has used.
const OTHER_SESSIONS: usize = 3;

impl<S: Store, W: World> Wallet<S, W> {
    /// Begins a conversation and sends its message; begins it once more where a new message may do what this could not.
    pub(super) async fn converse<C: Conversation>(
        &self,
        step: impl Fn(&Desk, &mut Env<'_>) -> Result<Begun, WalletFault>,
    ) -> Result<C::Output, WalletFault> {
        let first = self.deliver::<C>(&self.begin(&step).await?).await;
        match first {
            Err(fault) if conversation::is_worth_another(&fault) => self.deliver::<C>(&self.begin(&step).await?).await,
            result => result,
        }
    }

    /// Sends a pending record's message, and settles it by what comes back.
    pub(super) async fn deliver<C: Conversation>(&self, key: &str) -> Result<C::Output, WalletFault> {
        let silence = WalletFault::NoAnswer { heard: None, money: C::MONEY };
        let Some(_flight) = self.take_off(format!("{}/{key}", C::TABLE)) else { return Err(silence) };
        let desk = self.desk().await?;
        let Some(held) = find(C::all(&desk.books), key) else { return Err(silence) };
        let sent = held.record.common().sent(&desk.vault, C::ORIGINAL)?;
        let url = format!("{}/cybercash", desk.books.application()?.server);
        self.world.changed();
        let bytes = self.world.post(&url, &sent.text).await.ok_or(silence)?;
        let result = self.settle(|desk, env| conversation::settle::<C>(desk, key, &bytes, env)).await;
        match &result {
            Err(WalletFault::AnswerUnreadable { .. }) => self.report(&bytes).await,
            // The next message goes under the key that the server publishes now.
            Err(WalletFault::NoAnswer { heard: Some(heard), .. })
                if heard.problem == Problem::SERVERKEY_UNKNOWN.code() =>
            {
                self.refresh_keys().await?;
            }
            _ => {}
        }
        self.world.changed();
        result
    }

    /// Computes what follows from a reply and commits it; computes it anew where somebody was faster.
    async fn settle<T>(
        &self,
        step: impl Fn(&Desk, &mut Env<'_>) -> Result<Settled<T>, WalletFault>,
    ) -> Result<T, WalletFault> {
        for _ in 0..TRIES {
            let desk = self.desk().await?;
            let settled = {
                let mut rng = self.world.rng();
                step(&desk, &mut Env { now: self.world.now(), rng: &mut *rng })?
            };
            if self.try_commit(settled.changes).await? {
                return settled.result;
            }
        }
        Err(WalletFault::Storage("others were faster again and again".to_owned()))
    }

    /// Sends MR1. Whether it arrives is the operator's concern.
    async fn report(&self, received: &[u8]) {
        let Ok(desk) = self.desk().await else { return };
        let Ok(application) = desk.books.application() else { return };
        let message = {
            let mut rng = self.world.rng();
            report(&desk, received, &mut Env { now: self.world.now(), rng: &mut *rng })
        };
        if let Some(message) = message {
            let _ = self.world.post(&format!("{}/cybercash", application.server), &message).await;
        }
    }

    /// Sends the CA1 of a pending payment, settles it, and tells the page. A payment whose index somebody else has used
    /// (a copied profile) is paid from another session: the promise it made can never be collected.
    pub(super) async fn finish_payment(&self, key: &str) -> Result<Paid, WalletFault> {
        let mut result = self.deliver_payment(key).await;
        for _ in 0..OTHER_SESSIONS {
            let used = WalletFault::refused(Problem::INDEX_USED);
            if result.as_ref().err().map(WalletFault::code) != Some(used.code()) {
                break;
            }
            result = match self.promise_elsewhere(key).await {
                Ok(()) => self.deliver_payment(key).await,
                Err(fault) => Err(fault),
            };
        }
        self.tell_page(key).await;
        result
    }

    async fn deliver_payment(&self, key: &str) -> Result<Paid, WalletFault> {
        let silence = WalletFault::NoAnswer { heard: None, money: true };
        let Some(_flight) = self.take_off(format!("{}/{key}", PendingPayment::TABLE)) else { return Err(silence) };
        let held = one::<PendingPayment>(&self.store, key).await?;
        let Some(Held { record: pending, .. }) = held else { return Err(silence) };
        self.world.changed();
        let bytes = self.world.post(&pending.url_pay_to, &pending.original).await.ok_or(silence)?;
        let step = |desk: &Desk, env: &mut Env<'_>| payment::settle(desk, key, pending.transaction, &bytes, env);
        let result = self.settle(step).await;
        self.world.changed();
        result
    }

    /// Promises anew what was refused with `index-used`, from another session; opens one like the old where none fits.
    async fn promise_elsewhere(&self, key: &str) -> Result<(), WalletFault> {
        let log = one::<PaymentLog>(&self.store, key).await?;
        let ask = log.and_then(ask_of_log).ok_or(WalletFault::ReceiptUnknown)?;
        let again = |desk: &Desk, env: &mut Env<'_>| payment::pay(desk, &ask, env);
        match self.begin(again).await {
            Err(WalletFault::NoSessionFits) => {
                let limits = self.limits_of_own(&ask).await?;
                self.converse::<PendingOpening>(|desk, env| opening::open(desk, &limits, env)).await?;
                self.begin(again).await.map(drop)
            }
            begun => begun.map(drop),
        }
    }

    /// The limits of a session of one's own: those of the shared one, as far as the container reaches.
    async fn limits_of_own(&self, ask: &payment::Ask) -> Result<Limits, WalletFault> {
        let books = self.books().await?;
        let shared = ask.log.as_ref().and_then(|log| find(&books.sessions, &log.record.session));
        let shared = &shared.ok_or(WalletFault::NoSessionFits)?.record;
        let available = books.container(shared.opened.currency).available;
        let charge = shared.charge(ask.offer.request.amount).ok_or(WalletFault::NoSessionFits)?;
        if charge.minor > available.minor {
            return Err(WalletFault::NoSessionFits);
        }
        let uses = u16::try_from(shared.use_limit).unwrap_or(u16::MAX);
        let amount = if shared.opened.minor < charge.minor { charge } else { shared.opened };
        let amount = if amount.minor > available.minor { available } else { amount };
        Ok(Limits { amount, minutes: shared.lifetime_minutes, uses, note: shared.note.clone() })
    }

    /// Sends everything that waits. A server that does not answer once is not asked again for the others.
    pub(super) async fn resend_all(&self) -> Result<(), WalletFault> {
        let books = self.books().await?;
        self.open_vault()?;
        self.resend::<PendingRegistration>(&books.registrations).await;
        // Before all that is signed with the persona's key.
        self.resend::<PendingKey>(&books.keys).await;
        self.resend::<PendingBinding>(&books.bindings).await;
        self.resend::<PendingFunds>(&books.funds).await;
        self.resend::<PendingOpening>(&books.openings).await;
        for held in &books.payments {
            // Its outcome is in the books, and the page is told.
            let _ = self.finish_payment(&held.record.key()).await;
        }
        self.resend::<PendingClosing>(&books.closings).await;
        Ok(())
    }

    /// Sends one operation again that waits for its answer.
    ///
    /// # Errors
    /// It still waits, or it was refused; nothing of that name waits.
    pub async fn retry(&self, id: &str) -> Result<Done, WalletFault> {
        let books = self.books().await?;
        if let Some(key) = payment_key(id) {
            return self.finish_payment(key).await.map(|_| Done {});
        }
        if find(&books.registrations, id).is_some() {
            self.deliver::<PendingRegistration>(id).await.map(drop)
        } else if find(&books.bindings, id).is_some_and(|held| held.record.is_sendable()) {
            self.deliver::<PendingBinding>(id).await.map(drop)
        } else if find(&books.funds, id).is_some() {
            self.deliver::<PendingFunds>(id).await.map(drop)
        } else if find(&books.openings, id).is_some() {
            self.deliver::<PendingOpening>(id).await.map(drop)
        } else if find(&books.keys, id).is_some() {
            self.deliver::<PendingKey>(id).await.map(drop)
        } else if find(&books.closings, id).is_some() {
            self.deliver::<PendingClosing>(id).await.map(drop)
        } else {
            Err(WalletFault::FieldForm("operation"))
        }?;
        Ok(Done {})
    }

    /// In how many minutes there is something to send: again, or for a session that ends by then. Nothing while locked.
    ///
    /// # Errors
    /// The store failed.
    pub async fn wake_in_minutes(&self) -> Result<Option<u32>, WalletFault> {
        let books = self.books().await?;
        if !self.is_open() {
            return Ok(None);
        }
        let our_now = self.world.now();
        let now = books.server_time(our_now);
        let ends = books.sessions.iter().filter(|held| held.record.over.is_none()).map(|held| held.record.ends_at());
        let minutes = |end: Date, now: Date| (end.millis() - now.millis()).max(0) / 60_000 + 1;
        let next = ends.map(|end| minutes(end, now)).min().map(|minutes| u32::try_from(minutes).unwrap_or(u32::MAX));
        let resend = (books.waits() || books.settings().recovering).then_some(RESEND_MINUTES);
        let lock = self.locks_at().map(|at| minutes(Date::from_millis(at), our_now));
        let lock = lock.map(|minutes| u32::try_from(minutes).unwrap_or(u32::MAX));
        Ok([resend, next, lock].into_iter().flatten().min())
    }

    async fn resend<C: Conversation>(&self, pending: &[Held<C>]) {
        for held in pending.iter().filter(|held| held.record.is_sendable()) {
            let result = self.deliver::<C>(&held.record.key()).await;
            if matches!(result, Err(WalletFault::NoAnswer { heard: None, .. })) {
                break;
            }
        }
    }

    /// Marks something as being sent, until the flight is dropped; nothing if it is under way already.
    pub(super) fn take_off(&self, name: String) -> Option<Flight<'_>> {
        let fresh = self.flying.borrow_mut().insert(name.clone());
        fresh.then(|| Flight { flying: &self.flying, name })
    }
}

/// Something that is being sent.
pub(super) struct Flight<'a> {
    flying: &'a std::cell::RefCell<std::collections::BTreeSet<String>>,
    name: String,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.flying.borrow_mut().remove(&self.name);
    }
}
