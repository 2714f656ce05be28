//! Reports of clients that could not use a reply: MR1 (protocol.md 6.12).

use protocol::exchange::OpenedRequest;
use protocol::message::report::MessageReport;

use super::refusal::Refusal;
use super::{Answer, Incoming, Server, Trouble};
use crate::store::record::Report;
use crate::store::{Change, ChangeSet, CommitError};

impl Server {
    /// Keeps a report, and answers nothing. Nobody has signed it, so nothing follows from it.
    pub(super) async fn report(&self, incoming: &Incoming, opened: &OpenedRequest) -> Result<Answer, Trouble> {
        let body = opened.body::<MessageReport>().map_err(Refusal::from)?;
        let report = Report {
            message_hash: incoming.hash,
            date: incoming.now,
            persona: opened.head.id.clone(),
            problem: body.problem.code().to_owned(),
            diagnosis: body.diagnosis.map(protocol::value::Text::into_string).unwrap_or_default(),
            received: body.received.map(protocol::value::Lines::into_string).unwrap_or_default(),
        };
        let mut changes = ChangeSet::default();
        changes.push(Change::Report(Box::new(report)));
        match self.store.commit(changes).await {
            Ok(()) => Ok(Answer::NoContent),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(CommitError::Busy | CommitError::Conflict(_)) => Err(Trouble::Busy),
        }
    }
}
