//! Statement of a persona's money: ST1 asks, ST2 tells (docs/protocol.md, "Statements"). Nothing changes by it.

use protocol::date::Date;
use protocol::message::statement::{
    ContainerLine, MAX_CONTAINERS, MAX_ENTRIES, MAX_SESSIONS, Mark, SessionLine, StatementRequest, StatementResponse,
};
use protocol::outcome::{Problem, ResponseCode};
use protocol::template::Numbered;
use protocol::value::{Count, YesNo};
use rand_core::CryptoRng;

use super::config::MAX_SKEW_SECS;
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

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Where to go on.
    after: Position,
    /// Between pages: from when on entries may have been under way while a page before was told, milliseconds since 1970.
    unsure: Option<i64>,
}

impl Place {
    fn mark(self) -> Mark {
        let mark = self.after.mark();
        let between = self.unsure.and_then(|unsure| Mark::of(&format!("{}/{unsure}", mark.as_str())));
        between.unwrap_or(mark)
    }

    fn of_mark(mark: &Mark) -> Option<Self> {
        let Some((after, unsure)) = mark.as_str().split_once('/') else {
            return Some(Self { after: Position::of_mark(mark)?, unsure: None });
        };
        Some(Self { after: Position::of_mark(&Mark::of(after)?)?, unsure: Some(unsure.parse().ok()?) })
    }

    /// Where the entries begin. A mark from the future was given before the clock was set back; what came about since then is
    /// dated before it, by a day at most, and is told again with that day.
    fn begin(self, now: Date) -> Position {
        match self.unsure {
            None if self.after.date > now.millis() => Position::before(now.plus_secs(-MAX_SKEW_SECS)),
            _ => self.after,
        }
    }
}

impl Procedure for StatementRequest {
    type Records = Option<Statement>;
    const LOGGED: bool = false;

    fn service(&self) -> Service {
        Service::Statement
    }

    async fn load(
        &self,
        store: &dyn Store,
        file: &PersonaFile,
        desk: Desk<'_>,
    ) -> Result<Option<Statement>, StoreError> {
        match place(self) {
            // One more than is told, to see whether there is more.
            Ok(place) => store.statement(&file.persona.id, window(place, desk.now), MAX_ENTRIES + 1).await,
            Err(_) => Ok(None),
        }
    }

    fn run(
        &self,
        desk: Desk<'_>,
        _: &mut Draft,
        statement: Option<Statement>,
        _: &mut dyn CryptoRng,
    ) -> Result<StatementResponse, Refusal> {
        let place = place(self)?;
        let Statement { file, mut entries } = statement.ok_or(Problem::INTERNAL)?;
        let window = window(place, desk.now);
        let more = entries.len() > MAX_ENTRIES;
        match window {
            Window::Newest => entries = entries.split_off(usize::from(more)),
            Window::After(_) => entries.truncate(MAX_ENTRIES),
        }
        let more = more && window != Window::Newest;
        let next = next(place, entries.last().map(|(place, _)| *place), more, desk.now);
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
            next: Some(next.mark()),
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

/// Where a statement goes on, the newest where nothing is said.
fn place(body: &StatementRequest) -> Result<Option<Place>, Refusal> {
    let Some(mark) = &body.after else { return Ok(None) };
    if mark.as_str() == StatementRequest::START {
        return Ok(Some(Place { after: Position::default(), unsure: None }));
    }
    let not_ours = || {
        Refusal::because(
            Problem::FORM,
            Words::new(
                "The mark `after` is none of this server's.",
                "Die Marke `after` stammt nicht von diesem Server.",
            ),
        )
    };
    Place::of_mark(mark).map(Some).ok_or_else(not_ours)
}

/// Which entries are asked for.
fn window(place: Option<Place>, now: Date) -> Window {
    place.map_or(Window::Newest, |place| Window::After(place.begin(now)))
}

/// Where the next statement goes on: behind the last entry where more follow; otherwise at most as far as it is sure that
/// nothing is under way any more whose date is older, on this page and those before it.
fn next(place: Option<Place>, last: Option<Position>, more: bool, now: Date) -> Place {
    let late = now.plus_secs(-LATE_SECS).millis();
    let unsure = place.and_then(|place| place.unsure).map_or(late, |before| before.min(late));
    let sure = Position { date: unsure, ..Position::default() };
    match (place, last) {
        (_, Some(last)) if more => Place { after: last, unsure: Some(unsure) },
        (Some(place), last) => Place { after: last.unwrap_or(place.after).min(sure), unsure: None },
        (None, _) => Place { after: sure, unsure: None },
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_238_281_702;

    fn at(secs: i64) -> Date {
        Date::from_millis(NOW).plus_secs(secs)
    }

    fn behind(date: Date) -> Position {
        Position { kind: 3, session: 7, index: 1, ..Position::before(date) }
    }

    #[test]
    fn pages_lead_on_and_the_last_one_back_to_where_the_first_was_sure() {
        let start = Some(Place { after: Position::default(), unsure: None });
        let first = next(start, Some(behind(at(-1))), true, at(0));
        assert_eq!(first.after, behind(at(-1)));
        assert_eq!(Place::of_mark(&first.mark()), Some(first));
        // Whoever pauses between pages misses nothing that was under way before.
        let second = next(Some(first), Some(behind(at(3_000))), true, at(3_600));
        let last = next(Some(second), Some(behind(at(7_199))), false, at(7_200));
        assert_eq!(last, Place { after: Position::before(at(-LATE_SECS)), unsure: None });
        assert_eq!(Place::of_mark(&last.mark()), Some(last));
    }

    #[test]
    fn a_mark_lies_a_minute_back_at_least_and_comes_back_with_the_clock() {
        let mark = |secs| Some(Place { after: behind(at(secs)), unsure: None });
        for (place, last, expected) in [
            (None, Some(behind(at(-90))), Position::before(at(-60))),
            (mark(-500), Some(behind(at(-90))), behind(at(-90))),
            (mark(-500), Some(behind(at(-10))), Position::before(at(-60))),
            (mark(-500), None, behind(at(-500))),
            (mark(-10), None, Position::before(at(-60))),
            (mark(3_600), Some(behind(at(3_500))), Position::before(at(-60))),
        ] {
            assert_eq!(next(place, last, false, at(0)), Place { after: expected, unsure: None });
        }
    }

    #[test]
    fn a_mark_from_the_future_begins_a_day_back() {
        let begin = |secs, unsure| Place { after: behind(at(secs)), unsure }.begin(at(0));
        assert_eq!(begin(0, None), behind(at(0)));
        assert_eq!(begin(1, None), Position::before(at(-24 * 3_600)));
        assert_eq!(begin(1, Some(NOW)), behind(at(1)), "pages go on");
    }
}
