//! Requests of web pages: taken in, shown, decided, answered.

use protocol::store::{ChangeSet, Store};
use wallet_messages::{ApprovalView, Done, Paid};

use super::approval;
use super::books::{all, one};
use super::payment::{self, Ask};
use super::step::Env;
use super::view::{money_view, payment_id};
use super::{TRIES, Wallet};
use crate::fault::WalletFault;
use crate::record::log::PaymentLog;
use crate::record::pending::PendingPayment;
use crate::record::{Approval, Held, Page, RecordChanges as _, Session, Stored as _};
use crate::world::{PageOutcome, World};

impl<S: Store, W: World> Wallet<S, W> {
    /// Takes in what a page asks for; yields the name of the request, for the approval window.
    ///
    /// # Errors
    /// The page is told why, and no window opens.
    pub async fn accept(&self, page: Page, text: &str) -> Result<String, WalletFault> {
        for _ in 0..TRIES {
            let books = self.books().await?;
            let (approval, changes) = {
                let mut rng = self.world.rng();
                let mut env = Env { now: self.world.now(), rng: &mut *rng };
                let page = Page { run: self.run.clone(), ..page.clone() };
                approval::accept(&books, page, text, &mut env)?
            };
            if self.try_commit(changes).await? {
                self.world.changed();
                return Ok(approval.id);
            }
        }
        Err(WalletFault::TooManyRequests)
    }

    /// What the approval window shows.
    ///
    /// # Errors
    /// The request is gone, or the order was paid before.
    pub async fn approval(&self, id: &str) -> Result<ApprovalView, WalletFault> {
        let books = self.books().await?;
        let ask = self.with_log(approval::ask(&books, id)?).await?;
        if ask.is_paid() {
            return Err(WalletFault::AlreadyPaid);
        }
        Ok(approval::view(&books, &ask, !self.is_open(), self.world.now()))
    }

    async fn with_log(&self, ask: Ask) -> Result<Ask, WalletFault> {
        let log = one::<PaymentLog>(&self.store, &ask.order_key()).await?;
        Ok(Ask { log, ..ask })
    }

    /// The shopper said Pay. Said twice, it pays once.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn approve(&self, id: &str) -> Result<Paid, WalletFault> {
        if let Some(paid) = self.decided(id).await? {
            return Ok(paid);
        }
        let key = match self.promised(id).await? {
            Some(key) => key,
            None => self.promise(id).await?,
        };
        self.finish_payment(&key).await
    }

    /// Commits the promise that an approval asks for.
    async fn promise(&self, id: &str) -> Result<String, WalletFault> {
        for _ in 0..TRIES {
            let desk = self.desk().await?;
            let ask = self.with_log(approval::ask(&desk.books, id)?).await?;
            let begun = {
                let mut rng = self.world.rng();
                payment::pay(&desk, &ask, &mut Env { now: self.world.now(), rng: &mut *rng })?
            };
            if self.try_commit(begun.changes).await? {
                return Ok(begun.pending);
            }
        }
        Err(WalletFault::Storage("others were faster again and again".to_owned()))
    }

    /// The order of a promise that this request has led to already.
    async fn promised(&self, id: &str) -> Result<Option<String>, WalletFault> {
        let pending: Vec<Held<PendingPayment>> = all(&self.store).await?;
        Ok(pending.iter().find(|held| held.record.approval == id).map(|held| held.record.key()))
    }

    /// How the payment went that this request has led to already.
    async fn decided(&self, id: &str) -> Result<Option<Paid>, WalletFault> {
        let logs: Vec<Held<PaymentLog>> = all(&self.store).await?;
        let paid = |held: &&Held<PaymentLog>| held.record.approval == id && held.record.answer.problem.is_none();
        let Some(Held { record: log, .. }) = logs.iter().find(paid) else { return Ok(None) };
        let session = one::<Session>(&self.store, &log.session).await?;
        let pending: Vec<Held<PendingPayment>> = all(&self.store).await?;
        let left = session.map_or(protocol::money::Money::zero(log.amount.currency), |held| held.record.left(&pending));
        Ok(Some(Paid { payment: payment_id(&log.key()), left: money_view(left) }))
    }

    /// The shopper said Cancel, or closed the window. What was promised already cannot be cancelled.
    ///
    /// # Errors
    /// The store failed.
    pub async fn refuse(&self, id: &str) -> Result<Done, WalletFault> {
        let Some(held) = one::<Approval>(&self.store, id).await? else { return Ok(Done {}) };
        let books = self.books().await?;
        let paid = match approval::ask(&books, id) {
            Ok(ask) => self.with_log(ask).await?.is_paid(),
            Err(_) => false,
        };
        let mut changes = ChangeSet::new();
        changes.remove(&held);
        if self.try_commit(changes).await? {
            let outcome = if paid { PageOutcome::failed("already-paid") } else { PageOutcome::CANCELLED };
            self.world.outcome(&held.record.page, &outcome);
            self.world.changed();
        }
        Ok(Done {})
    }

    /// Refuses what a page asked for, because the page took it back or is gone. Yields the requests, to close their window.
    ///
    /// # Errors
    /// The store failed.
    pub async fn abort(&self, tab: i64, document: Option<&str>, id: Option<&str>) -> Result<Vec<String>, WalletFault> {
        let approvals: Vec<Held<Approval>> = all(&self.store).await?;
        let of_page = |page: &Page| {
            page.run == self.run
                && page.tab == tab
                && document.is_none_or(|document| page.document.as_deref() == Some(document))
                && id.is_none_or(|id| page.id == id)
        };
        let mut refused = Vec::new();
        for held in approvals.iter().filter(|held| of_page(&held.record.page)) {
            self.refuse(&held.record.id).await?;
            refused.push(held.record.id.clone());
        }
        Ok(refused)
    }

    /// Refuses all that waits for the shopper.
    pub(super) async fn refuse_all(&self) -> Result<(), WalletFault> {
        let approvals: Vec<Held<Approval>> = all(&self.store).await?;
        for held in approvals {
            self.refuse(&held.record.id).await?;
        }
        Ok(())
    }

    /// Tells the page of an order how it ended; nothing while it waits, or if the page is of another run.
    pub(super) async fn tell_page(&self, key: &str) {
        let waits = matches!(one::<PendingPayment>(&self.store, key).await, Ok(Some(_)));
        let Ok(Some(Held { record: log, .. })) = one::<PaymentLog>(&self.store, key).await else { return };
        if waits || log.page.run != self.run {
            return;
        }
        let outcome = log.answer.problem.as_deref().map_or(PageOutcome::PAID, PageOutcome::failed);
        self.world.outcome(&log.page, &outcome);
    }
}
