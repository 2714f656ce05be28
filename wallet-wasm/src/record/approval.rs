//! An offer that waits for the shopper's word; consumed by the very commit that writes its CA1.

use protocol::date::Date;
use serde::{Deserialize, Serialize};

use super::Stored;

/// An offer that a page handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Names it; all that the address of the approval window carries.
    pub id: String,
    /// Who asks.
    pub page: Page,
    /// PR1 as it came.
    pub offer: String,
    /// When it came.
    pub at: Date,
}

impl Stored for Approval {
    const TABLE: &'static str = "approval";

    fn key(&self) -> String {
        self.id.clone()
    }
}

/// A web page that asked to be paid: where its answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// As the browser gives it, never as the page does.
    pub origin: String,
    /// The browser's number of the tab.
    pub tab: i64,
    /// The browser's name of the document, where it has one.
    #[serde(default)]
    pub document: Option<String>,
    /// The page's own name of its request.
    pub id: String,
    /// Which run of the browser: tabs of an earlier one are gone.
    pub run: String,
}
