//! Requests of web pages: taken in, shown, decided, answered.

use protocol::date::Date;
use protocol::store::{ChangeSet, Store};
use wallet_messages::{ApprovalView, Done, Paid};

use super::approval;
use super::books::{Books, all, find, one};
use super::opening::{self, Limits};
use super::payment::{self, Ask};
use super::rules::notice;
use super::step::{Begun, Desk, Env};
use super::view::{money_view, payment_id};
use super::{TRIES, Wallet};
use crate::fault::WalletFault;
use crate::record::log::PaymentLog;
use crate::record::pending::{PendingOpening, PendingPayment};
use crate::record::settings::{Notice, Noticed, Refusals};
use crate::record::{Approval, Held, Page, RecordChanges as _, Session, Stored as _};
use crate::world::{PageOutcome, World};

/// What became of a page's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits for the shopper, or for an answer; its name.
    Waits(String),
    /// It was paid by the shopper's rule.
    Paid,
}

/// Counts a refusal; what other sites did long ago is forgotten.
fn count_refusal(books: &Books, origin: &str, now: Date, changes: &mut ChangeSet) {
    for held in books.refusals.iter().filter(|held| held.record.is_stale(now) && held.record.origin != origin) {
        changes.delete(held.record.place());
    }
    let known = find(&books.refusals, origin);
    let refusals = known.map_or_else(|| Refusals::none(origin), |held| held.record.clone()).and_now(now);
    match known {
        Some(held) => changes.replace(held, &refusals),
        None => changes.create(&refusals),
    }
}

impl<S: Store, W: World> Wallet<S, W> {
    /// Takes in what a page asks for; yields the name of the request, for the approval window.
    ///
    /// # Errors
    /// The page is told why, and no window opens.
    pub async fn accept(&self, page: Page, text: &str) -> Result<String, WalletFault> {
        // Two that come at once would each find that nothing waits yet.
        let turn = self.take_off(format!("{}/{}", Approval::TABLE, page.origin));
        let _turn = turn.ok_or(WalletFault::TooManyRequests)?;
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

    /// The requests that wait for the shopper, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub async fn waiting(&self) -> Result<Vec<String>, WalletFault> {
        Ok(approval::waiting(&all(&self.store).await?, &self.run, self.world.now()))
    }

    /// What the approval window shows.
    ///
    /// # Errors
    /// The request is gone, or the order was paid before.
    pub async fn approval(&self, id: &str) -> Result<ApprovalView, WalletFault> {
        let books = self.books().await?;
        let ask = self.with_log(approval::ask(&books, id)?).await?;
        if let Some(before) = ask.paid() {
            return Err(WalletFault::AlreadyPaid(before));
        }
        let now = self.world.now();
        let Ok(vault) = self.open_vault() else { return Ok(approval::view(&books, &ask, None, now)) };
        let desk = Desk { books, vault };
        Ok(approval::view(&desk.books, &ask, Some(&desk.rules()?), now))
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
        let key = match self.promise_or_open(id, false).await {
            // Said before: the promise took the request's place, and the receipt that of the promise.
            Err(fault @ (WalletFault::ApprovalGone | WalletFault::Locked)) => match self.promised(id).await? {
                Some(key) => key,
                None => return self.decided(id).await?.ok_or(fault),
            },
            key => key?,
        };
        self.finish_payment(&key).await
    }

    /// Takes in what a page asks for, and pays it at once where the shopper's rule for that site says so.
    ///
    /// # Errors
    /// The page is told why, and no window opens.
    pub async fn accept_or_pay(&self, page: Page, text: &str) -> Result<Taken, WalletFault> {
        let id = self.accept(page.clone(), text).await?;
        if !self.has_rule(&page.origin).await {
            return Ok(Taken::Waits(id));
        }
        // Whatever the rule does not cover, the shopper is asked.
        let Ok(key) = self.promise_or_open(&id, true).await else { return Ok(Taken::Waits(id)) };
        match self.finish_payment(&key).await {
            Ok(_) => Ok(Taken::Paid),
            Err(WalletFault::Refused { problem, .. }) => Err(WalletFault::refused(problem)),
            // The outcome follows when it is known.
            Err(_) => Ok(Taken::Waits(id)),
        }
    }

    async fn has_rule(&self, origin: &str) -> bool {
        let Ok(desk) = self.desk().await else { return false };
        desk.rules().is_ok_and(|rules| rules.silent.iter().any(|rule| rule.origin == origin))
    }

    /// Commits a promise; opens the next session first where none fits and the shopper's rule says so.
    async fn promise_or_open(&self, id: &str, silent: bool) -> Result<String, WalletFault> {
        match self.promise(id, silent).await {
            Err(WalletFault::NoSessionFits) => {
                self.open_by_rule(id, silent).await?;
                self.promise(id, silent).await
            }
            result => result,
        }
    }

    async fn open_by_rule(&self, id: &str, silent: bool) -> Result<(), WalletFault> {
        let desk = self.desk().await?;
        let ask = approval::ask(&desk.books, id)?;
        let container = desk.books.container(desk.books.persona()?.currency);
        let charge = approval::charge_of(&desk.books, &container, ask.offer.request.amount);
        let mut rules = desk.rules()?;
        let covered = !silent || charge.is_some_and(|charge| rules.silent_for(&ask.page.origin, charge).is_some());
        let rule = rules.opening_for(charge).filter(|_| covered).ok_or(WalletFault::NoSessionFits)?;
        let enough = charge.is_some_and(|charge| charge.minor <= container.available.minor);
        let amount = if rule.amount.minor < container.available.minor { rule.amount } else { container.available };
        if !enough {
            return Err(WalletFault::NoSessionFits);
        }
        let limits = Limits { amount, minutes: rule.minutes, uses: rule.uses, note: String::new() };
        let opened = self
            .converse::<PendingOpening>(|desk, env| match opening::same_as_pending(&desk.books, &limits) {
                Some(pending) => Ok(Begun::again(pending)),
                None => opening::open(desk, &limits, env),
            })
            .await?;
        self.change(|desk, env| {
            let mut changes = ChangeSet::new();
            let what = Noticed::Opened { amount };
            notice(&desk.books, &Notice { id: opened.id.clone(), at: env.now, what }, &mut changes);
            Ok(changes)
        })
        .await
    }

    /// Commits the promise that an approval asks for.
    async fn promise(&self, id: &str, silent: bool) -> Result<String, WalletFault> {
        for _ in 0..TRIES {
            let desk = self.desk().await?;
            let ask = Ask { silent, ..self.with_log(approval::ask(&desk.books, id)?).await? };
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
        self.take_back(id, true).await
    }

    /// Removes a request; `counts`: it was a nuisance to the shopper, and three of them within half a minute block the site.
    async fn take_back(&self, id: &str, counts: bool) -> Result<Done, WalletFault> {
        let Some(held) = one::<Approval>(&self.store, id).await? else { return self.leave(id).await };
        let books = self.books().await?;
        let paid = match approval::ask(&books, id) {
            Ok(ask) => self.with_log(ask).await?.paid().is_some(),
            Err(_) => false,
        };
        let mut changes = ChangeSet::new();
        changes.remove(&held);
        if counts && !paid {
            count_refusal(&books, &held.record.page.origin, self.world.now(), &mut changes);
        }
        if self.try_commit(changes).await? {
            let outcome = if paid { PageOutcome::failed("already-paid") } else { PageOutcome::CANCELLED };
            self.world.outcome(&held.record.page, &outcome);
            self.world.changed();
        }
        Ok(Done {})
    }

    /// The window was closed on a payment that has no answer: it goes on by itself, and its page waits no longer.
    async fn leave(&self, id: &str) -> Result<Done, WalletFault> {
        let pending: Vec<Held<PendingPayment>> = all(&self.store).await?;
        let asked = |held: &&Held<PendingPayment>| held.record.approval == id && held.record.page.run == self.run;
        if let Some(held) = pending.iter().find(asked) {
            self.world.outcome(&held.record.page, &PageOutcome::failed("no-answer"));
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
            self.take_back(&held.record.id, false).await?;
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
