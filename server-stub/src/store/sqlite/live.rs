//! Open sessions in memory: what a payment has to know of them is not asked of the file each time.
//!
//! What is in here is what the books say. The committer tells what has become durable before anybody is answered
//! ([`OpenSessions::committed`]); a load that had to ask the books leaves here what it found, unless something was committed
//! meanwhile ([`OpenSessions::learn`]). That another process has written is noticed at the next commit, which forgets
//! everything first. Whatever is decided from here is checked in the books by the transaction that applies it, like all
//! else: were something wrong in here, it would be a conflict, and be forgotten.

mod marks;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use protocol::Protocol;
use protocol::date::Date;
use protocol::money::{Currency, Money};
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Index, Reading, SessionId, Value as _};
use zeroize::Zeroizing;

pub use self::marks::Mark;
use self::marks::Marks;
use super::super::plan::Plan;
use super::super::record::{LogKey, Session, SessionStatus};
use super::super::{Change, ChangeSet};

/// How many sessions are held, of some 200 bytes each: what a table of 2^20 places takes before it doubles. More are read
/// from the file each time.
const MAX_HELD: usize = (1 << 20) / 8 * 7;

/// The open sessions.
#[derive(Debug, Default)]
pub struct OpenSessions(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    moment: Moment,
    sessions: HashMap<u64, Box<Live>>,
}

/// Between two commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment(u64);

/// What is held of what was asked for, and what has to be asked of the books.
#[derive(Debug)]
pub struct Known {
    /// The sessions that are held, by number.
    pub sessions: HashMap<u64, Session>,
    /// Those that are not: ended, forgotten, too many, or none.
    pub missing: Vec<SessionId>,
    /// Indexes that are used, or may be.
    pub used: Vec<(SessionId, Index)>,
    /// When this was so.
    pub moment: Moment,
}

/// Where a step of a change set has left a session: what is in it, minor units, and the uses spent; nothing if it ended.
pub type After = (u64, Option<(i64, u32)>);

/// A session as it was found in the books.
#[derive(Debug)]
pub struct Found {
    /// Itself.
    pub session: Session,
    /// Its used indexes.
    pub marks: Vec<Mark>,
}

/// An open session, packed: there may be a million.
#[derive(Debug)]
struct Live {
    secrets: Packed,
    persona: Box<str>,
    /// Few have one.
    #[allow(clippy::box_collection, reason = "nothing is one word of this, and two or three of what it holds")]
    memo: Option<Box<String>>,
    marks: Marks,
    opening: i64,
    current: i64,
    opened: Date,
    uses: u32,
    lifetime_minutes: u32,
    use_limit: Index,
    currency: Currency,
    protocol: Protocol,
}

/// Key and salt in one piece.
struct Packed {
    bytes: Zeroizing<[u8; 64]>,
    key: u8,
    salt: u8,
}

impl OpenSessions {
    /// Sessions, and those of the indexes that may be used.
    pub fn known(&self, ids: &[SessionId], keys: &[(SessionId, Index)]) -> Known {
        let table = self.read();
        let (mut sessions, mut missing) = (HashMap::with_capacity(ids.len()), Vec::new());
        for id in ids {
            let number = id.number();
            match table.sessions.get(&number) {
                Some(live) => drop(sessions.insert(number, live.session(number))),
                None => missing.push(id.clone()),
            }
        }
        let unused = |(id, index): &&(SessionId, Index)| {
            table.sessions.get(&id.number()).is_some_and(|live| !live.marks.holds(Mark::Paid(*index)))
        };
        let used = keys.iter().filter(|key| !unused(key)).cloned().collect();
        Known { sessions, missing, used, moment: table.moment }
    }

    /// A session in which no collection was answered at an index.
    pub fn unanswered(&self, id: &SessionId, index: Index) -> Option<Session> {
        let table = self.read();
        let live = table.sessions.get(&id.number())?;
        (!live.marks.holds(Mark::Answered(index))).then(|| live.session(id.number()))
    }

    /// Whether no more are held.
    pub fn is_full(&self) -> bool {
        self.read().sessions.len() >= MAX_HELD
    }

    /// Which moment it is.
    pub fn moment(&self) -> Moment {
        self.read().moment
    }

    /// Holds what was found in the books, if they are still as they were.
    pub fn learn(&self, moment: Moment, found: impl IntoIterator<Item = Found>) {
        let mut table = self.write();
        if table.moment != moment {
            return;
        }
        for Found { session, marks } in found {
            table.hold(&session, session.current.minor, session.uses, marks);
        }
    }

    /// Takes note of what is durable now. A load may have found it in the books already: to be told twice changes nothing.
    pub fn committed<'a>(&self, sets: impl IntoIterator<Item = &'a ChangeSet>, after: Vec<After>) {
        let mut table = self.write();
        table.moment.0 += 1;
        sets.into_iter().flat_map(|set| &set.changes).for_each(|change| table.change(change));
        for after in after {
            table.stands(after);
        }
    }

    /// Holds nothing any more of the sessions of a change set that did not apply.
    pub fn doubt(&self, plan: &Plan) {
        let mut table = self.write();
        table.moment.0 += 1;
        for number in plan.sessions.keys() {
            table.sessions.remove(number);
        }
    }

    /// Holds nothing any more.
    pub fn forget(&self) {
        let mut table = self.write();
        table.moment.0 += 1;
        table.sessions.clear();
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a panic has left half done, if there ever was one, is not used.
    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(|poisoned| {
            self.0.clear_poison();
            let mut table = poisoned.into_inner();
            table.sessions.clear();
            table
        })
    }
}

impl Table {
    fn hold(&mut self, session: &Session, current: i64, uses: u32, marks: impl IntoIterator<Item = Mark>) {
        if !session.is_open() || self.sessions.len() >= MAX_HELD {
            return;
        }
        let Some(secrets) = Packed::of(&session.secrets) else { return };
        let live = Live {
            secrets,
            persona: session.persona.as_str().into(),
            memo: Some(session.memo.clone()).filter(|memo| !memo.is_empty()).map(Box::new),
            marks: marks.into_iter().collect(),
            opening: session.opening.minor,
            current,
            opened: session.opened,
            uses,
            lifetime_minutes: session.lifetime_minutes,
            use_limit: session.use_limit,
            currency: session.opening.currency,
            protocol: session.protocol,
        };
        self.sessions.insert(session.id.number(), Box::new(live));
    }

    fn change(&mut self, change: &Change) {
        match change {
            // It starts empty; a step of the same set fills it.
            Change::Open(session) => self.hold(session, 0, 0, None),
            Change::Collect(payment) => self.mark(payment.payer_session.number(), Mark::Paid(payment.payer_index)),
            Change::Log(entry) => {
                if let LogKey::Collection(session, index) = entry.key {
                    self.mark(session, Mark::Answered(index));
                }
            }
            // It is written where a session ends.
            Change::Memo(session, _) => drop(self.sessions.remove(session)),
            _ => {}
        }
    }

    fn mark(&mut self, session: u64, mark: Mark) {
        if let Some(live) = self.sessions.get_mut(&session) {
            live.marks.insert(mark);
        }
    }

    fn stands(&mut self, (session, after): After) {
        let Some((current, uses)) = after else { return drop(self.sessions.remove(&session)) };
        if let Some(live) = self.sessions.get_mut(&session) {
            (live.current, live.uses) = (current, uses);
        }
    }
}

impl Live {
    fn session(&self, number: u64) -> Session {
        Session {
            id: SessionId::of_number(number),
            protocol: self.protocol,
            secrets: self.secrets.unpacked(),
            opening: Money::new(self.currency, self.opening),
            current: Money::new(self.currency, self.current),
            opened: self.opened,
            lifetime_minutes: self.lifetime_minutes,
            use_limit: self.use_limit,
            uses: self.uses,
            persona: PersonaId::parse(&self.persona, Reading::STRICT).expect("invariant: it was one"),
            status: SessionStatus::Open,
            memo: self.memo.as_deref().cloned().unwrap_or_default(),
        }
    }
}

impl Packed {
    /// Nothing of secrets that are longer than those of any suite.
    fn of(secrets: &SessionSecrets) -> Option<Self> {
        let (key, salt) = (secrets.key.expose(), secrets.salt.expose());
        let mut bytes = Zeroizing::new([0; 64]);
        let (front, rest) = bytes.split_at_mut_checked(key.len())?;
        front.copy_from_slice(key);
        rest.get_mut(..salt.len())?.copy_from_slice(salt);
        Some(Self { bytes, key: u8::try_from(key.len()).ok()?, salt: u8::try_from(salt.len()).ok()? })
    }

    fn unpacked(&self) -> SessionSecrets {
        let (key, rest) = self.bytes.split_at(self.key.into());
        SessionSecrets { key: key.to_vec().into(), salt: rest[..self.salt.into()].to_vec().into() }
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Packed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::record::{LogEntry, SessionEnd};
    use super::super::super::{Store as _, StoreError};
    use super::super::SqliteStore;
    use super::*;

    fn session(number: u64) -> Session {
        let nothing = Money::new(Currency::of("usd").expect("a currency"), 0);
        Session {
            id: SessionId::of_number(number),
            protocol: Protocol::V1,
            secrets: SessionSecrets { key: vec![5; 16].into(), salt: vec![6; 8].into() },
            opening: nothing,
            current: nothing,
            opened: Date::from_millis(0),
            lifetime_minutes: 120,
            use_limit: Index::of(9).expect("an index"),
            uses: 0,
            persona: PersonaId::parse("acme-82", Reading::STRICT).expect("an id"),
            status: SessionStatus::Open,
            memo: "Christmas".to_owned(),
        }
    }

    async fn commit(store: &SqliteStore, changes: Vec<Change>) {
        store.commit(ChangeSet { conditions: Vec::new(), changes }).await.expect("a commit");
    }

    fn answered(number: u64, index: Index) -> Change {
        let key = LogKey::Collection(number, index);
        Change::Log(LogEntry { key, message_hash: [1; 32], response: String::new(), date: Date::from_millis(0) })
    }

    #[tokio::test]
    async fn open_sessions_are_held_from_the_start() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(folder.path())?;
        commit(&store, (1..=3).map(|number| Change::Open(Box::new(session(number)))).collect()).await;
        commit(&store, vec![Change::Use(2), answered(2, Index::FIRST)]).await;
        commit(&store, vec![Change::End(1, Date::from_millis(1), SessionEnd::Closed)]).await;
        drop(store);
        let store = SqliteStore::open(folder.path())?;
        let known = store.open.known(&[1, 2, 3].map(SessionId::of_number), &[]);
        assert_eq!(known.missing, [SessionId::of_number(1)]);
        assert_eq!(known.sessions[&3], session(3));
        assert_eq!(known.sessions[&2].uses, 1);
        let id = SessionId::of_number(2);
        assert_eq!(store.open.unanswered(&id, Index::FIRST), None);
        assert!(store.open.unanswered(&id, Index::of(2).expect("an index")).is_some());
        Ok(())
    }

    #[test]
    fn a_million_sessions_have_room() {
        assert!(size_of::<Live>() <= 160, "{}", size_of::<Live>());
    }

    #[test]
    fn what_was_found_before_a_commit_is_not_held_after_it() {
        let open = OpenSessions::default();
        let found = || [Found { session: session(1), marks: Vec::new() }];
        let before = open.moment();
        open.committed(None, Vec::new());
        open.learn(before, found());
        assert_eq!(open.known(&[session(1).id], &[]).sessions.len(), 0);
        open.learn(open.moment(), found());
        // It was in the books before the committer told it: told twice, it is the same.
        for _ in 0..2 {
            open.committed(None, vec![(1, Some((7, 3)))]);
        }
        let held = &open.known(&[session(1).id], &[]).sessions[&1];
        assert_eq!((held.current.minor, held.uses), (7, 3));
        open.committed(None, vec![(1, None)]);
        assert_eq!(open.known(&[session(1).id], &[]).missing, [session(1).id]);
    }
}
