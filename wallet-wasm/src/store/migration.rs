//! Records of earlier versions, brought up to this one: one small step a version, run in a loop.
//!
//! Each step is one commit that also raises the number of the schema, so that it happens once, whole, whoever dies when.
//! A schema of a later version is refused: a wallet that does not know what it reads must not write.

use async_trait::async_trait;
use protocol::store::{ChangeSet, CommitFault, Condition, Place, Store, StoreFault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::{Held, RecordChanges as _, Session, Stored};

/// The number of the schema that the records are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    version: u32,
}

impl Stored for Schema {
    const TABLE: &'static str = "schema";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

impl Schema {
    const KEY: &'static str = "wallet";
    /// Before the schema was counted.
    const FIRST: u32 = 1;
    /// What this version reads and writes.
    pub const CURRENT: u32 = Self::FIRST + 1;
}

/// One step: from the version before to its own.
#[async_trait(?Send)]
trait Step<S: Store> {
    async fn changes(&self, store: &S) -> Result<ChangeSet, StoreFault>;
}

/// To version 2: a session says when its limits were confirmed; so far that was when it was opened.
struct ConfirmedAt;

#[async_trait(?Send)]
impl<S: Store> Step<S> for ConfirmedAt {
    async fn changes(&self, store: &S) -> Result<ChangeSet, StoreFault> {
        rewrite(store, Session::TABLE, |session| {
            let opened = session.get("opened_at").cloned();
            if let (Some(object), Some(opened)) = (session.as_object_mut(), opened) {
                object.entry("confirmed_at").and_modify(|told| replace_null(told, &opened)).or_insert(opened.clone());
            }
        })
        .await
    }
}

fn replace_null(value: &mut Value, with: &Value) {
    if value.is_null() {
        *value = with.clone();
    }
}

/// Changes every record of a table, on the condition that nobody else does.
async fn rewrite(
    store: &impl Store,
    table: &'static str,
    change: impl Fn(&mut Value),
) -> Result<ChangeSet, StoreFault> {
    let mut changes = ChangeSet::new();
    for (key, row) in store.scan(table).await? {
        let damaged = |fault: serde_json::Error| StoreFault(format!("{table}/{key} is damaged: {fault}"));
        let mut value: Value = serde_json::from_slice(&row.bytes).map_err(damaged)?;
        change(&mut value);
        let bytes = serde_json::to_vec(&value).map_err(damaged)?;
        let place = Place::new(table, key);
        changes.demand(place.clone(), Condition::Version(row.version));
        changes.put(place, bytes);
    }
    Ok(changes)
}

/// Brings the records up to this version.
///
/// # Errors
/// They are of a later version, a record is damaged, or the store failed.
pub async fn migrate<S: Store>(store: &S) -> Result<(), StoreFault> {
    let steps: [&dyn Step<S>; (Schema::CURRENT - Schema::FIRST) as usize] = [&ConfirmedAt];
    loop {
        let held: Option<Held<Schema>> = match store.load(Schema::TABLE, Schema::KEY).await? {
            Some(row) => Some(Held::read(Schema::KEY, &row)?),
            None => None,
        };
        let version = held.as_ref().map_or(Schema::FIRST, |held| held.record.version);
        if version > Schema::CURRENT {
            return Err(StoreFault(format!("the wallet's records are of schema {version}, which is not known here")));
        }
        let Some(step) = steps.get((version - Schema::FIRST) as usize) else { return Ok(()) };
        let mut changes = step.changes(store).await?;
        let raised = Schema { version: version + 1 };
        match &held {
            Some(held) => changes.replace(held, &raised),
            None => changes.create(&raised),
        }
        match store.commit(changes).await {
            // Somebody else was faster: what is left is looked at anew.
            Ok(()) | Err(CommitFault::Conflict(_)) => {}
            Err(CommitFault::Store(fault)) => return Err(fault),
        }
    }
}
