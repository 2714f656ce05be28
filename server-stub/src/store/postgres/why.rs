//! Why a change set does not apply: asked within its transaction, before that is taken back.

use deadpool_postgres::Object;
use protocol::money::Currency;
use protocol::persona::PersonaId;
use protocol::value::SessionId;

use super::super::plan::{Plan, SessionStep};
use super::super::record::Container;
use super::super::{Account, Change, ChangeSet, Conflict, StoreError, read};
use super::group::Key;
use super::link::{Failure, all};
use super::load;

/// The conflict of a change set that clashed over `keys`.
///
/// # Errors
/// The database failed, or whatever was in the way is not any more: then it is to be tried again.
pub async fn refused(client: &Object, plan: &Plan, set: &ChangeSet, keys: &[Key]) -> Result<Conflict, Failure> {
    for key in keys {
        if let Some(conflict) = conflict(client, plan, set, key).await? {
            return Ok(conflict);
        }
    }
    Err(Failure::Again(StoreError::Failed("what was in the way is gone".to_owned())))
}

async fn conflict(client: &Object, plan: &Plan, set: &ChangeSet, key: &Key) -> Result<Option<Conflict>, StoreError> {
    Ok(Some(match key {
        Key::Persona(id) if registers(set, id) => Conflict::PersonaExists(id.clone()),
        Key::Persona(id) => Conflict::PersonaChanged(id.clone()),
        Key::Session(session) if opens(set, *session) => Conflict::SessionExists(*session),
        Key::Session(session) => {
            let step = plan.sessions.get(session).copied().unwrap_or_default();
            return session_conflict(client, *session, &step).await;
        }
        Key::Container(id, currency) => return container_conflict(client, plan, id, *currency).await,
        Key::Index(session, index) => Conflict::IndexUsed(*session, *index),
        Key::Refund(session, index, number) => Conflict::RefundExists(*session, *index, *number),
        Key::Log(..) => Conflict::LogKeyUsed,
        Key::Load(load) => Conflict::LoadCleared(*load),
        Key::Attempts(id) => Conflict::AttemptsChanged(id.clone()),
        // A setting replaces whatever there was.
        Key::Setting(..) => return Ok(None),
        Key::Epoch(number) => Conflict::EpochBegan(*number),
    }))
}

fn registers(set: &ChangeSet, id: &PersonaId) -> bool {
    set.changes.iter().any(|change| matches!(change, Change::Register(persona) if persona.id == *id))
}

fn opens(set: &ChangeSet, number: u64) -> bool {
    set.changes.iter().any(|change| matches!(change, Change::Open(session) if session.id.number() == number))
}

async fn session_conflict(client: &Object, number: u64, step: &SessionStep) -> Result<Option<Conflict>, StoreError> {
    let found = load::sessions(client, &[SessionId::of_number(number)]).await?.remove(&number);
    Ok(step.conflict(number, found.as_ref()))
}

async fn container_conflict(
    client: &Object,
    plan: &Plan,
    id: &PersonaId,
    currency: Currency,
) -> Result<Option<Conflict>, StoreError> {
    let sql = "SELECT * FROM container_120g WHERE persona = $1 AND currency = $2";
    let found = all(client, sql, &[&id.as_str(), &currency.code()], read::container).await?.pop();
    let held = found.map_or_else(|| Container::empty(currency), |(_, container)| container);
    let step = plan.containers.get(&(id.clone(), currency)).copied().unwrap_or_default();
    if held.available.minor + step.available < 0 {
        return Ok(Some(Conflict::Overdrawn(Account::Container(id.clone(), currency))));
    }
    let overdrawn = held.on_hold.minor + step.on_hold < 0;
    Ok(overdrawn.then(|| Conflict::Overdrawn(Account::OnHold(id.clone(), currency))))
}
