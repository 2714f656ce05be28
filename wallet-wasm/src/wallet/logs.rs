//! The records 261 to 267: what happened.

use protocol::store::{Store, StoreFault};

use super::books::all;
use crate::record::Held;
use crate::record::log::{BindingLog, ClosingLog, FundsLog, OpeningLog, PaymentLog, RegistrationLog};
use crate::record::recovery::StatementEntry;

/// The wallet's logs, but for offers (266), which payments hold as well.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    /// 261.
    pub registrations: Vec<Held<RegistrationLog>>,
    /// 262.
    pub bindings: Vec<Held<BindingLog>>,
    /// 263.
    pub payments: Vec<Held<PaymentLog>>,
    /// 264.
    pub funds: Vec<Held<FundsLog>>,
    /// 265.
    pub openings: Vec<Held<OpeningLog>>,
    /// 267.
    pub closings: Vec<Held<ClosingLog>>,
    /// What statements told.
    pub told: Vec<Held<StatementEntry>>,
}

impl Logs {
    /// Reads them.
    ///
    /// # Errors
    /// The store cannot be read, or a record is damaged.
    pub async fn load(store: &impl Store) -> Result<Self, StoreFault> {
        Ok(Self {
            registrations: all(store).await?,
            bindings: all(store).await?,
            payments: all(store).await?,
            funds: all(store).await?,
            openings: all(store).await?,
            closings: all(store).await?,
            told: all(store).await?,
        })
    }
}
