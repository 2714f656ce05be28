//! The wallet: procedures as pure steps, and the shell round them that loads, calls, commits and sends.
//!
//! | procedure | steps | shell |
//! | --- | --- | --- |
//! | registration 401 | [`registration`] | [`Wallet::register`] |
//! | binding 403 | [`binding`] | [`Wallet::bind`], [`Wallet::answer_challenge`] |
//! | load and unload 405 | [`funds`] | [`Wallet::load`], [`Wallet::unload`] |
//! | open session 407 | [`opening`] | [`Wallet::open_session`] |
//! | payment 409 | [`approval`], [`payment`] | [`Wallet::accept`], [`Wallet::approve`], [`Wallet::refuse`] |
//! | close session 411 | [`closing`] | [`Wallet::close_session`] |
//!
//! The shell keeps nothing that matters: drop it anywhere, open it again over the same store, call [`Wallet::resume`].

pub mod approval;
mod autoclose;
pub mod backup;
pub mod binding;
pub mod books;
pub mod closing;
pub mod conversation;
mod deliver;
pub mod dispatch;
pub mod funds;
mod history;
mod keys;
mod locking;
pub mod logs;
pub mod opening;
mod pages;
pub mod payment;
pub mod registration;
mod report;
mod rules;
pub mod server;
mod statement;
pub mod step;
pub mod view;
pub mod words;

use std::cell::RefCell;
use std::collections::BTreeSet;

use protocol::buggify::{Site, strikes};
use protocol::store::{ChangeSet, CommitFault, Store};
use wallet_messages::{
    AnswerChallenge, BindInstrument, Bound, Done, Load, Moved, OpenSession, Phase, ReadReceipt, ReceiptView, Register,
    Registered, SessionView, Unload, WalletState,
};

use crate::fault::WalletFault;
use crate::record::Application;
use crate::record::log::PaymentLog;
use crate::record::pending::{
    PendingBinding, PendingClosing, PendingFunds, PendingOpening, PendingPayment, PendingRegistration,
};
use crate::world::World;
use books::{Books, one};
use locking::Opened;
use logs::Logs;
use opening::Limits;
pub use pages::Taken;
use step::{Begun, Desk, Env, typed_amount};

/// How often a step is computed anew because somebody was faster.
const TRIES: usize = 8;

/// The wallet over a store and a world.
#[derive(Debug)]
pub struct Wallet<S, W> {
    store: S,
    world: W,
    /// Which run of the browser this is.
    run: String,
    vault: RefCell<Option<Opened>>,
    /// What is being sent right now.
    flying: RefCell<BTreeSet<String>>,
}

impl<S: Store, W: World> Wallet<S, W> {
    /// Opens the wallet. `key` is what [`World::keep_key`] was given last in this run of the browser.
    pub fn new(store: S, world: W, run: &str, key: Option<&str>) -> Self {
        let vault = RefCell::new(key.and_then(|key| Opened::of_text(key, world.now().millis())));
        Self { store, world, run: run.to_owned(), vault, flying: RefCell::default() }
    }

    /// What the wallet holds.
    ///
    /// # Errors
    /// The store failed.
    pub async fn state(&self) -> Result<WalletState, WalletFault> {
        let (books, logs) = if self.is_open() {
            let (books, logs) = Logs::load_with_books(&self.store).await?;
            (books, Some(logs))
        } else {
            (self.books().await?, None)
        };
        let now = self.world.now();
        let persona = books.persona.as_ref().map(|held| held.record.id.as_str().to_owned());
        let (phase, home) = match (&books.persona, &logs) {
            (None, _) => (Phase::New, None),
            (Some(_), None) => (Phase::Locked, None),
            (Some(_), Some(logs)) => (Phase::Open, Some(view::home(&books, logs, now)?)),
        };
        let approvals = approval::waiting(&books.approvals, &self.run, now);
        let closing = books.autoclose.as_ref().filter(|_| phase == Phase::New);
        let autoclose = closing.map(|held| autoclose::waiting(&held.record));
        let notices = if phase == Phase::Open { rules::notices(&books) } else { Vec::new() };
        let registration = view::registration(&books).filter(|_| phase == Phase::New);
        Ok(WalletState { phase, home, persona, approvals, notices, locks_at: self.locks_at(), autoclose, registration })
    }

    /// Registration 401.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn register(&self, input: Register) -> Result<Registered, WalletFault> {
        let server = server::normalised(&input.server)?;
        if let Some(pending) = self.registration_before(&server, &input).await? {
            return self.deliver::<PendingRegistration>(&pending).await;
        }
        let published = self.published(&server).await?;
        let mut application = Application::of(&server, &published).ok_or(WalletFault::ServerUnreachable)?;
        let mut again = true;
        loop {
            let pending = self.begin_registration(&application, &input).await?;
            let result = self.deliver::<PendingRegistration>(&pending).await;
            match result {
                Err(fault) if again && conversation::is_worth_another(&fault) => again = false,
                result => return result,
            }
            // The refusal has set our idea of the server's clock right.
            application = self.books().await?.application()?.clone();
        }
    }

    /// An earlier attempt that still waits, if the passphrase opens its vault.
    async fn registration_before(&self, server: &str, input: &Register) -> Result<Option<String>, WalletFault> {
        let books = self.books().await?;
        let Some(pending) = registration::same_as_pending(&books, server, input) else { return Ok(None) };
        let opened = books.vault.as_ref().and_then(|held| held.record.unlock(&input.passphrase).ok());
        let Some(vault) = opened else { return Ok(None) };
        self.keep(vault).await;
        Ok(Some(pending))
    }

    async fn begin_registration(&self, application: &Application, input: &Register) -> Result<String, WalletFault> {
        let books = self.books().await?;
        let cost = self.calibrated();
        let (begun, vault) = {
            let mut rng = self.world.rng();
            let mut env = Env { now: self.world.now(), rng: &mut *rng };
            registration::register(&books, application, input, cost, &mut env)?
        };
        self.store.commit(begun.changes).await?;
        self.keep(vault).await;
        Ok(begun.pending)
    }

    /// Binding 403.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn bind(&self, input: BindInstrument) -> Result<Bound, WalletFault> {
        let step = |desk: &Desk, env: &mut Env<'_>| match binding::same_as_pending(desk, &input) {
            Some(pending) => Ok(Begun::again(pending)),
            None => binding::bind(desk, &input, env),
        };
        self.converse::<PendingBinding>(step).await
    }

    /// The issuer's questions, answered.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn answer_challenge(&self, input: AnswerChallenge) -> Result<Bound, WalletFault> {
        let AnswerChallenge { challenge, answers } = input;
        let key = self.begin(|desk, env| binding::answer_challenge(desk, &challenge, &answers, env)).await?;
        self.deliver::<PendingBinding>(&key).await
    }

    /// Load 405.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn load(&self, input: Load) -> Result<Moved, WalletFault> {
        self.move_funds(&input.instrument, &input.amount, 1).await
    }

    /// Unload 405.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn unload(&self, input: Unload) -> Result<Moved, WalletFault> {
        self.move_funds(&input.instrument, &input.amount, -1).await
    }

    async fn move_funds(&self, instrument: &str, amount: &str, sign: i64) -> Result<Moved, WalletFault> {
        let step = |desk: &Desk, env: &mut Env<'_>| {
            let mut money = typed_amount(desk.books.persona()?.currency, amount)?;
            money.minor *= sign;
            match funds::same_as_pending(&desk.books, instrument, money) {
                Some(pending) => Ok(Begun::again(pending)),
                None => funds::load_unload(desk, instrument, money, env),
            }
        };
        self.converse::<PendingFunds>(step).await
    }

    /// Open session 407.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn open_session(&self, input: OpenSession) -> Result<SessionView, WalletFault> {
        let OpenSession { amount, minutes, uses, note } = input;
        let step = |desk: &Desk, env: &mut Env<'_>| {
            let amount = typed_amount(desk.books.persona()?.currency, &amount)?;
            let limits = Limits { amount, minutes, uses, note: note.clone() };
            match opening::same_as_pending(&desk.books, &limits) {
                Some(pending) => Ok(Begun::again(pending)),
                None => opening::open(desk, &limits, env),
            }
        };
        self.converse::<PendingOpening>(step).await
    }

    /// Close session 411.
    ///
    /// # Errors
    /// See [`WalletFault`].
    pub async fn close_session(&self, session: &str) -> Result<Moved, WalletFault> {
        let step = |desk: &Desk, env: &mut Env<'_>| match closing::same_as_pending(&desk.books, session) {
            Some(pending) => Ok(Begun::again(pending)),
            None => closing::close(desk, session, env),
        };
        self.converse::<PendingClosing>(step).await
    }

    /// One payment's receipt.
    ///
    /// # Errors
    /// There is none of that name, or the vault is locked.
    pub async fn receipt(&self, input: ReadReceipt) -> Result<ReceiptView, WalletFault> {
        self.open_vault()?;
        let key = view::payment_key(&input.payment).ok_or(WalletFault::ReceiptUnknown)?;
        if let Some(pending) = one::<PendingPayment>(&self.store, key).await? {
            return Ok(view::waiting_receipt(&pending.record, &self.books().await?));
        }
        let log = one::<PaymentLog>(&self.store, key).await?.ok_or(WalletFault::ReceiptUnknown)?;
        Ok(view::receipt(&log.record, &books::all(&self.store).await?))
    }

    /// Sends again what still waits for an answer, and closes sessions that ended by themselves.
    ///
    /// # Errors
    /// The vault is locked, or the store failed.
    pub async fn resume(&self) -> Result<Done, WalletFault> {
        self.lock_if_idle().await?;
        self.resend_all().await?;
        // A restore that does not come to its end now goes on the next time.
        let _ = self.recover().await;
        for session in self.ended_sessions().await? {
            // What cannot be closed now is tried again the next time.
            let _ = self.close_session(&session).await;
        }
        Ok(Done {})
    }

    async fn ended_sessions(&self) -> Result<Vec<String>, WalletFault> {
        let desk = self.desk().await?;
        let mut rng = self.world.rng();
        Ok(closing::ended(&desk, &Env { now: self.world.now(), rng: &mut *rng }))
    }

    async fn books(&self) -> Result<Books, WalletFault> {
        Ok(Books::load(&self.store).await?)
    }

    /// The records and the open vault.
    async fn desk(&self) -> Result<Desk, WalletFault> {
        let vault = self.open_vault()?;
        Ok(Desk { books: self.books().await?, vault })
    }

    /// Computes a step and commits it; computes it anew where somebody was faster.
    async fn begin(
        &self,
        step: impl Fn(&Desk, &mut Env<'_>) -> Result<Begun, WalletFault>,
    ) -> Result<String, WalletFault> {
        for _ in 0..TRIES {
            let desk = self.desk().await?;
            let begun = {
                let mut rng = self.world.rng();
                step(&desk, &mut Env { now: self.world.now(), rng: &mut *rng })?
            };
            if self.try_commit(begun.changes).await? {
                return Ok(begun.pending);
            }
        }
        Err(WalletFault::Storage("others were faster again and again".to_owned()))
    }

    /// Whether the changes were committed; false if somebody was faster.
    async fn try_commit(&self, changes: ChangeSet) -> Result<bool, WalletFault> {
        if changes.is_empty() {
            return Ok(true);
        }
        if strikes(Site::Overtaken) {
            return Ok(false);
        }
        match self.store.commit(changes).await {
            Ok(()) => Ok(true),
            Err(CommitFault::Conflict(_)) => Ok(false),
            Err(CommitFault::Store(fault)) => Err(fault.into()),
        }
    }
}
