//! What only the operator looks for: payments of an order, reports of clients.

use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::value::OrderId;

use super::super::MAX_REPORTS;
use super::super::record::{Report, Transaction};
use super::Tables;

impl Tables {
    /// Payments of an order id, to one payee or to any, by payer's session and index.
    pub(super) fn payments_of(
        &self,
        order: &OrderId,
        payee: Option<&PersonaId>,
        after: (u64, u16),
        limit: usize,
    ) -> Vec<Transaction> {
        let behind = self.collected.range(after..).filter(|(key, _)| **key > after).map(|(_, payment)| payment);
        let found = behind.filter(|payment| payment.order_id == *order);
        found.filter(|payment| payee.is_none_or(|payee| payment.payee == *payee)).take(limit).cloned().collect()
    }

    /// Reports of clients, by date and hash.
    pub(super) fn reports(&self, after: (Date, [u8; 32]), limit: usize) -> Vec<Report> {
        let key = |report: &Report| (report.date, report.message_hash);
        let mut found: Vec<&Report> = self.reports.values().filter(|report| key(report) > after).collect();
        found.sort_by_key(|report| key(report));
        found.into_iter().take(limit).cloned().collect()
    }

    /// Keeps a report, unless it is known or there are too many.
    pub(super) fn keep_report(&mut self, report: Report) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.insert(report.message_hash, report);
        }
    }
}
