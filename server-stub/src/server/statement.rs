//! Statement of a persona's money: ST1 asks, ST2 tells (docs/protocol.md, "Statements"). Nothing changes by it.

use protocol::date::Date;
use protocol::message::statement::{
    ContainerLine, MAX_CONTAINERS, MAX_ENTRIES, MAX_SESSIONS, Mark, SessionLine, StatementRequest, StatementResponse,
};
use protocol::outcome::{Problem, ResponseCode};
use protocol::template::Numbered;
use protocol::value::{Count, YesNo};
use rand_core::CryptoRng;

use super::draft::Draft;
use super::exchange::{Desk, Procedure};
use super::language::Words;
use super::refusal::Refusal;
use super::service::Service;
use crate::store::record::Session;
use crate::store::{PersonaFile, Position, Statement, Store, StoreError, Window};

/// How long a message may be under way inside the server, from the reading of the clock to the commit: where a statement
/// ends, the next one begins so much earlier.
const LATE_SECS: i64 = 60;

impl Procedure for StatementRequest {
    type Records = Option<Statement>;
    const LOGGED: bool = false;

    fn service(&self) -> Service {
        Service::Statement
    }

    async fn load(&self, store: &dyn Store, file: &PersonaFile, _: Desk<'_>) -> Result<Option<Statement>, StoreError> {
        match window(self) {
            // One more than is told, to see whether there is more.
            Some(window) => store.statement(&file.persona.id, window, MAX_ENTRIES + 1).await,
            None => Ok(None),
        }
    }

    fn run(
        &self,
        desk: Desk<'_>,
        _: &mut Draft,
        statement: Option<Statement>,
        _: &mut dyn CryptoRng,
    ) -> Result<StatementResponse, Refusal> {
        let mark = || {
            Refusal::because(
                Problem::FORM,
                Words::new(
                    "The mark `after` is none of this server's.",
                    "Die Marke `after` stammt nicht von diesem Server.",
                ),
            )
        };
        let (window, Statement { file, mut entries }) = window(self).zip(statement).ok_or_else(mark)?;
        let more = entries.len() > MAX_ENTRIES;
        match window {
            Window::Newest => entries = entries.split_off(usize::from(more)),
            Window::After(_) => entries.truncate(MAX_ENTRIES),
        }
        let more = more && window != Window::Newest;
        let next = next(window, entries.last().map(|(place, _)| *place), more, desk.now);
        // Seen as the draft will leave it: what is over has returned, what has cleared is available.
        let Draft { file, .. } = Draft::settled(file, desk.now)?;
        Ok(StatementResponse {
            server_date: desk.now,
            response_code: ResponseCode::Success,
            problem: None,
            swseverity: None,
            swmessage: None,
            message: None,
            containers: Numbered(containers(&file)),
            sessions: Numbered(sessions(file.sessions)),
            entries: Numbered(entries.into_iter().map(|(_, entry)| entry).collect()),
            next: Some(next),
            more: Some(YesNo(more)),
        })
    }

    fn refused(now: Date, refusal: &Refusal) -> StatementResponse {
        StatementResponse {
            server_date: now,
            response_code: refusal.problem.response(),
            problem: Some(refusal.problem.clone()),
            swseverity: None,
            swmessage: None,
            message: refusal.sentence(),
            containers: Numbered::default(),
            sessions: Numbered::default(),
            entries: Numbered::default(),
            next: None,
            more: None,
        }
    }
}

/// Which entries are asked for; nothing if the mark is none of ours.
fn window(body: &StatementRequest) -> Option<Window> {
    match &body.after {
        None => Some(Window::Newest),
        Some(mark) if mark.as_str() == StatementRequest::START => Some(Window::After(Position::default())),
        Some(mark) => Position::of_mark(mark).map(Window::After),
    }
}

/// Where the next statement goes on: behind the last entry where more follow; otherwise a little back, since an entry may
/// still be under way whose date is older, but never further back than this statement began.
fn next(window: Window, last: Option<Position>, more: bool, now: Date) -> Mark {
    let late = Position::before(now.plus_secs(-LATE_SECS));
    let place = match (window, last) {
        (_, Some(last)) if more => last,
        (Window::After(after), last) => last.unwrap_or(after).min(late).max(after),
        (Window::Newest, _) => late,
    };
    place.mark()
}

fn containers(file: &PersonaFile) -> Vec<ContainerLine> {
    let lines = file.containers.values().map(|held| ContainerLine { available: held.available, on_hold: held.on_hold });
    lines.take(MAX_CONTAINERS).collect()
}

/// The open sessions, the oldest first; of too many, the newest.
fn sessions(mut open: Vec<Session>) -> Vec<SessionLine> {
    open.sort_by_key(|session| (session.opened, session.id.number()));
    open.drain(..open.len().saturating_sub(MAX_SESSIONS));
    let line = |session: Session| SessionLine {
        expires: session.expires(),
        session_id: session.id,
        opened: session.opened,
        use_limit: session.use_limit,
        uses: Count(session.uses.into()),
        opening: session.opening,
        current: session.current,
    };
    open.into_iter().map(line).collect()
}
