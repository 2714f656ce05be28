//! Asking the server for the truth: statements (ST1/ST2), and what a restore does with them.
//!
//! A statement changes nothing at the server, so that its request needs no pending record: lost, it is asked again.
//!
//! A restored wallet is *recovering* until two things are done, in this order, and goes on with them whenever it resumes:
//! all sessions are closed (CS1 for all: their keys are on the lost device), and a statement tells balances and history.

use protocol::date::Date;
use protocol::exchange::seal;
use protocol::message::statement::{EntryKind, EntryLine, SessionLine, StatementRequest, StatementResponse};
use protocol::message::{Reply as _, RequestHead, ServiceCategory};
use protocol::money::Money;
use protocol::store::{ChangeSet, Store};
use protocol::value::{Token, to_base64};
use wallet_messages::{BackUp, Done, FileView, Restore, Restored};

use super::books::{Books, all};
use super::closing;
use super::conversation::is_worth_another;
use super::payment::{Verdict, settle_payment};
use super::rules::notice;
use super::step::{Begun, Desk, Env, is_historic, learn_clock, refusal, software, transaction};
use super::view::money_view;
use super::{Wallet, backup};
use crate::fault::WalletFault;
use crate::record::log::ClosingLog;
use crate::record::pending::PendingClosing;
use crate::record::recovery::{OfPayment, StatementEntry};
use crate::record::settings::{Notice, Noticed, Settings};
use crate::record::{Held, RecordChanges as _, Session, Stored as _};
use crate::world::World;

/// No history is longer than so many statements of a thousand entries; a server that says otherwise is not believed.
const MOST_PAGES: usize = 100;

impl<S: Store, W: World> Wallet<S, W> {
    /// Asks the server what the persona owns and what happened to it.
    ///
    /// # Errors
    /// The server did not answer, or knows no statements (protocol 1.0).
    pub async fn refresh(&self) -> Result<Done, WalletFault> {
        self.refresh_keys().await?;
        let mut again = true;
        for _ in 0..MOST_PAGES {
            match self.read_statement().await {
                Ok(true) => {}
                Ok(false) => break,
                // The refusal has set our idea of the server's clock right.
                Err(fault) if again && is_worth_another(&fault) => again = false,
                Err(fault) => return Err(fault),
            }
        }
        self.world.changed();
        Ok(Done {})
    }

    /// Reads one statement; true if more entries follow.
    async fn read_statement(&self) -> Result<bool, WalletFault> {
        let desk = self.desk().await?;
        let settings = desk.books.settings();
        let sent = {
            let mut rng = self.world.rng();
            request(&desk, &settings, &mut Env { now: self.world.now(), rng: &mut *rng })?
        };
        let silence = WalletFault::NoAnswer { heard: None, money: false };
        let url = format!("{}/cybercash", desk.books.application()?.server);
        let bytes = self.world.post(&url, &sent.text).await.ok_or(silence)?;
        let unreadable = WalletFault::AnswerUnreadable { money: false };
        let reply = sent.read_reply::<StatementResponse>(&bytes).map_err(|_| unreadable)?;
        let outcome = reply.outcome();
        if outcome.problem.is_some() {
            self.change(|desk, env| {
                let mut changes = ChangeSet::new();
                learn_clock(&desk.books, &mut changes, outcome.server_date, env.now);
                Ok(changes)
            })
            .await?;
            return Err(refusal(&outcome));
        }
        let known: Vec<Held<StatementEntry>> = all(&self.store).await?;
        self.change(|desk, _| Ok(take_in(&desk.books, &reply, &known))).await?;
        Ok(reply.more.is_some_and(|more| more.0))
    }

    /// Learns the server's keys anew, where it publishes others than we know.
    ///
    /// # Errors
    /// The store failed.
    pub(super) async fn refresh_keys(&self) -> Result<(), WalletFault> {
        let books = self.books().await?;
        let Some(held) = &books.application else { return Ok(()) };
        // A server that cannot be reached is asked again with the next message.
        let Ok(published) = self.published(&held.record.server).await else { return Ok(()) };
        let Some(renewed) = held.record.renewed(&published).filter(|renewed| *renewed != held.record) else {
            return Ok(());
        };
        let mut changes = ChangeSet::new();
        changes.replace(held, &renewed);
        self.try_commit(changes).await.map(drop)
    }

    /// Makes a backup file.
    ///
    /// # Errors
    /// Locked, the passphrase is too short, or the store failed.
    pub async fn back_up(&self, input: BackUp) -> Result<FileView, WalletFault> {
        let (desk, cost, now) = (self.desk().await?, self.calibrated(), self.world.now());
        let text = {
            let mut rng = self.world.rng();
            backup::write(&desk, &input.passphrase, cost, &mut Env { now, rng: &mut *rng })?
        };
        self.change(|desk, _| {
            let mut changes = ChangeSet::new();
            desk.books.put_settings(&Settings { backed_up_at: Some(now), ..desk.books.settings() }, &mut changes);
            Ok(changes)
        })
        .await?;
        let name = format!("pay-cash-{}.backup", desk.books.persona()?.id);
        Ok(FileView { name, mime: "text/plain".to_owned(), text })
    }

    /// Takes over a backup file, then asks the server for the truth.
    ///
    /// # Errors
    /// There is a persona already, the file cannot be opened, the new passphrase is too short, or the store failed.
    pub async fn restore(&self, input: Restore) -> Result<Restored, WalletFault> {
        if self.books().await?.persona.is_some() {
            return Err(WalletFault::AlreadyRegistered);
        }
        let Restore { file, file_passphrase, passphrase } = input;
        let cost = self.calibrated();
        let (changes, vault) = {
            let mut rng = self.world.rng();
            let mut env = Env { now: self.world.now(), rng: &mut *rng };
            backup::restore(&file, &file_passphrase, &passphrase, cost, &mut env)?
        };
        self.store.commit(changes).await?;
        self.keep(vault).await;
        // What does not come to an end now goes on with every resume.
        let recovered = self.recover().await.ok().flatten();
        let books = self.books().await?;
        let persona = books.persona()?;
        let told = books.container(persona.currency);
        Ok(Restored {
            persona: persona.id.as_str().to_owned(),
            balance: (told.as_of > Date::from_millis(0)).then(|| money_view(told.available)),
            returned: recovered.map(money_view),
        })
    }

    /// Goes on with a restore, if one has not come to its end; yields what came back from sessions on the lost device.
    ///
    /// # Errors
    /// The server did not answer: it is asked again later.
    pub(super) async fn recover(&self) -> Result<Option<Money>, WalletFault> {
        let desk = self.desk().await?;
        if !desk.books.settings().recovering {
            return Ok(None);
        }
        self.refresh_keys().await?;
        // Once: sessions that the shopper opens from then on are not to be closed.
        let closed = self.closed_all().await?;
        let close = |desk: &Desk, env: &mut Env<'_>| match closing::same_as_pending(&desk.books, closing::ALL) {
            Some(pending) => Ok(Begun::again(pending)),
            None => closing::close_all(desk, env),
        };
        if closed.is_none() {
            self.converse::<PendingClosing>(close).await?;
        }
        let returned = self.closed_all().await?;
        if !is_historic(desk.books.persona()?.protocol) {
            self.refresh().await?;
        }
        self.change(|desk, _| {
            let mut changes = ChangeSet::new();
            desk.books.put_settings(&Settings { recovering: false, ..desk.books.settings() }, &mut changes);
            Ok(changes)
        })
        .await?;
        Ok(returned)
    }

    /// What returned when all sessions were closed, if they were.
    async fn closed_all(&self) -> Result<Option<Money>, WalletFault> {
        let closings: Vec<Held<ClosingLog>> = all(&self.store).await?;
        let of_all =
            |held: &&Held<ClosingLog>| held.record.session == closing::ALL && held.record.answer.problem.is_none();
        Ok(closings.iter().find(of_all).map(|held| held.record.amount))
    }
}

/// ST1: what follows the last statement; a wallet that recovers reads from the start.
fn request(
    desk: &Desk,
    settings: &Settings,
    env: &mut Env<'_>,
) -> Result<protocol::exchange::SentRequest, WalletFault> {
    let persona = desk.books.persona()?;
    if is_historic(persona.protocol) {
        return Err(WalletFault::refused(protocol::outcome::Problem::SERVICE_DISABLED));
    }
    let start = settings.recovering.then(|| StatementRequest::START.to_owned());
    let after = settings.statement.clone().or(start);
    let body = StatementRequest {
        server_date: desk.server_date(env),
        swversion: software(),
        after: after.as_deref().and_then(Token::of),
        key: desk.key_label()?,
        signature: None,
    };
    let server = desk.server_key()?;
    let head = RequestHead {
        id: Some(persona.id.clone()),
        transaction: transaction(env),
        date: env.now,
        serverkey: server.name.clone(),
        service_category: ServiceCategory::of("cash"),
    };
    Ok(seal(&head, &body, &server, Some(&persona.signer(&desk.vault)?), env.rng)?)
}

/// What follows from a statement: balances, sessions that are over, payments that were paid, refunds.
fn take_in(books: &Books, reply: &StatementResponse, known: &[Held<StatementEntry>]) -> ChangeSet {
    let mut changes = ChangeSet::new();
    for line in &reply.containers.0 {
        let told = books.container(line.available.currency);
        let told = told.stated(line.available, line.on_hold, reply.server_date);
        books.put_container(&told, &mut changes);
    }
    for held in &books.sessions {
        confirm(held, &reply.sessions.0, reply.server_date, &mut changes);
    }
    let mut settings = books.settings();
    for line in &reply.entries.0 {
        entry(books, line, known, settings.recovering, &mut changes);
    }
    settings.statement = reply.next.clone().map(Token::into_string).or(settings.statement);
    books.put_settings(&settings, &mut changes);
    changes
}

/// A session as the server tells it; one that it does not tell any more is over, and the next resume closes it.
fn confirm(held: &Held<Session>, told: &[SessionLine], as_of: Date, changes: &mut ChangeSet) {
    let session = &held.record;
    let line = told.iter().find(|line| to_base64(line.session_id.as_slice()) == session.id);
    let after = match line {
        // A session of a thousand others may be left out of the statement; one opened since is not in it yet.
        None if told.len() >= protocol::message::statement::MAX_SESSIONS || session.opened_at >= as_of => return,
        None if session.over.is_some() || session.gone => return,
        None => Session { gone: true, ..session.clone() },
        Some(line) => {
            let mut after = session.clone();
            after.confirmed.minor = line.current.minor.min(session.confirmed.minor);
            let used = u32::try_from(line.uses.0).unwrap_or(u32::MAX);
            after.uses_confirmed = session.use_limit.saturating_sub(used).min(session.uses_confirmed);
            after.confirmed_at = as_of;
            after
        }
    };
    changes.replace(held, &after);
}

/// An entry: it settles the payment that it proves, tells a refund, or fills the history of a restored wallet.
fn entry(books: &Books, line: &EntryLine, known: &[Held<StatementEntry>], recovering: bool, changes: &mut ChangeSet) {
    let stored = stored(line);
    let of = stored.payment.clone();
    if let Some(of) = of.as_ref().filter(|_| line.kind == EntryKind::PAID) {
        settle_paid(books, of, line.amount.0.negated(), changes);
    }
    let is_refund = line.kind == EntryKind::REFUND_RECEIVED;
    if !(is_refund || recovering) || known.iter().any(|held| held.record.key() == stored.key()) {
        return;
    }
    if let (Some(of), true, false) = (of, is_refund, recovering) {
        let (merchant, order) = (of.other.as_str().to_owned(), of.order);
        let what = Noticed::Refunded { merchant, order, amount: stored.amount };
        notice(books, &Notice { id: stored.key(), at: stored.at, what }, changes);
    }
    changes.write(&stored);
}

fn stored(line: &EntryLine) -> StatementEntry {
    let payment = line.payment.as_ref().map(|of| OfPayment {
        session: to_base64(of.session_id.as_slice()),
        index: of.index.get(),
        other: of.other.clone(),
        order: of.order_id.as_str().to_owned(),
    });
    let (kind, number) = (line.kind.name().to_owned(), line.number.0);
    StatementEntry { at: line.date, kind, number, amount: line.amount.0, payment }
}

/// The server says under its own key that it was paid, whatever the merchant said.
fn settle_paid(books: &Books, of: &OfPayment, charged: Money, changes: &mut ChangeSet) {
    let is_it = |held: &&Held<crate::record::pending::PendingPayment>| {
        let payment = &held.record;
        let named = (payment.session.as_str(), payment.index, &payment.merchant, payment.order.as_str());
        named == (of.session.as_str(), of.index, &of.other, of.order.as_str())
    };
    let Some(held) = books.payments.iter().find(is_it) else { return };
    let Some(session) = super::books::find(&books.sessions, &of.session) else { return };
    let verdict = Verdict::Paid { charged, receipt: String::new() };
    changes.append(settle_payment(held, &session.record, books, verdict));
}
