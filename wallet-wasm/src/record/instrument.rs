//! Record 230: a bank account or card that fills the cash container.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Field, Stored};
use crate::vault::Sealed;

/// Record 230: customer instrument binding (fig. 5D). Name and address stay with the server's BI1 and are not kept here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// What the wallet calls it: the number of the transaction that bound it.
    pub id: String,
    /// `visa`, `dda` ...
    pub kind: String,
    /// The last four of 230A, for people.
    pub last_digits: String,
    /// Instrument number (230A).
    pub number: Sealed,
    /// 230N.
    pub unloads: bool,
    /// 230O.
    pub loads: bool,
    /// `created`, `pending-pre-note`, `pending-signature`, `enabled`, `disabled` (230P).
    pub status: String,
    /// Every `instrument-*` pair of BI4, salt (230Q) included, as JSON: what LU1 returns (230R).
    pub recurring: Sealed,
    /// Whether autoclose sends the cash here (220K).
    pub autoclose: bool,
}

impl Stored for Instrument {
    const TABLE: &'static str = "230-instrument";

    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Instrument {
    /// 230A.
    pub const NUMBER: Field = Field { table: Self::TABLE, name: "number" };
    /// 230R.
    pub const RECURRING: Field = Field { table: Self::TABLE, name: "recurring" };
}

/// The pairs of [`Instrument::recurring`].
pub type Recurring = BTreeMap<String, String>;
