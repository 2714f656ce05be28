//! A till's first start: registration 401 and binding 403. A later start finds both done.

use merchant_widget::till::record::{Pending, Persona, Purpose};
use merchant_widget::till::setup::{self, Account, Application};
use merchant_widget::till::{Change, ChangeSet};
use protocol::Protocol;
use protocol::keys::Published;
use thiserror::Error;

use super::desk::{Desk, Patience, TalkFault};

/// Why a till has no persona.
#[derive(Debug, Error)]
pub enum SetupFault {
    /// The server speaks nothing that we speak.
    #[error("the server has no key for a protocol that this till speaks")]
    NoKey,
    /// Registration ended without success.
    #[error("registration: {0}")]
    Registration(TalkFault),
    /// Binding ended without success.
    #[error("binding of the instrument: {0}")]
    Binding(TalkFault),
}

/// What a till is set up with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How to register. What the server demands agreement to is added.
    pub application: Application,
    /// What to bind.
    pub account: Account,
    /// Which protocol to speak; the newest that both speak if nothing is wished for.
    pub protocol: Option<Protocol>,
}

/// Registers and binds, as far as that is not done. What was begun before a crash is gone on with.
///
/// # Errors
/// The server refused.
pub async fn set_up(desk: &Desk, plan: &Plan) -> Result<Persona, SetupFault> {
    let persona = register(desk, plan).await?;
    while let Err(fault) = bind(desk, plan).await {
        if !fault.is_stale() {
            return Err(SetupFault::Binding(fault));
        }
        desk.mend(&fault).await.map_err(SetupFault::Binding)?;
    }
    Ok(persona)
}

async fn register(desk: &Desk, plan: &Plan) -> Result<Persona, SetupFault> {
    loop {
        match try_to_register(desk, plan).await {
            // The next application is made with the keys and the time of then.
            Err(SetupFault::Registration(fault)) if fault.is_stale() => {}
            other => return other,
        }
    }
}

async fn try_to_register(desk: &Desk, plan: &Plan) -> Result<Persona, SetupFault> {
    let fault = |fault: TalkFault| SetupFault::Registration(fault);
    if let Some(persona) = desk.store.persona().await.map_err(|error| fault(error.into()))? {
        return Ok(persona);
    }
    let begun = pending(desk, |purpose| matches!(purpose, Purpose::Registration { .. })).await.map_err(fault)?;
    let pending = match begun {
        Some(pending) => pending,
        None => application(desk, plan).await?,
    };
    desk.talk(&pending, setup::registered, forget).await.map_err(fault)
}

/// Makes R1 and keeps it.
async fn application(desk: &Desk, plan: &Plan) -> Result<Pending, SetupFault> {
    let published = published(desk).await;
    let key = setup::choose_key(&published, plan.protocol).ok_or(SetupFault::NoKey)?;
    let mut application = plan.application.clone();
    for agreement in &published.agreements {
        tracing::info!("agreeing to {}: {} <{}>", agreement.number, agreement.title, agreement.url);
        application.agreements.push(agreement.number);
    }
    let made = desk.step(|moment| setup::register(&application, &key, moment));
    let (changes, pending) = made.map_err(|fault| SetupFault::Registration(fault.into()))?;
    desk.store.commit(changes).await.map_err(|fault| SetupFault::Registration(fault.into()))?;
    Ok(pending)
}

/// The server's keys, as soon as it answers: a till may be started before its server.
async fn published(desk: &Desk) -> Published {
    let mut patience = Patience::default();
    loop {
        match desk.server.published().await {
            Ok(published) => return published,
            Err(fault) => tracing::warn!("{fault}; asking again"),
        }
        patience.wait().await;
    }
}

async fn bind(desk: &Desk, plan: &Plan) -> Result<(), TalkFault> {
    if desk.store.instrument().await?.is_some() {
        return Ok(());
    }
    let begun = pending(desk, |purpose| matches!(purpose, Purpose::Binding)).await?;
    let pending = match begun {
        Some(pending) => pending,
        None => binding(desk, plan).await?,
    };
    let instrument = desk.talk(&pending, setup::bound, forget).await?;
    tracing::info!("instrument bound: {}", instrument.status);
    Ok(())
}

/// Makes BI1 and keeps it.
async fn binding(desk: &Desk, plan: &Plan) -> Result<Pending, TalkFault> {
    let persona = desk.persona().await?;
    let (changes, pending) = desk.step(|moment| setup::bind(&persona, &plan.account, moment))?;
    desk.store.commit(changes).await?;
    Ok(pending)
}

/// What is pending for a purpose.
///
/// # Errors
/// The books cannot be read.
pub async fn pending(desk: &Desk, is: impl Fn(&Purpose) -> bool) -> Result<Option<Pending>, TalkFault> {
    Ok(desk.store.pending().await?.into_iter().find(|pending| is(&pending.purpose)))
}

fn forget(pending: &Pending, _: &merchant_widget::till::conversation::AnswerFault) -> ChangeSet {
    vec![Change::DeletePending(pending.transaction)].into()
}
