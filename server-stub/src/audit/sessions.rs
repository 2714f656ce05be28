//! Sessions: what came, what went, what is left, and how often.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::value::{Index, SessionId, Value as _};

use super::payments::{Fingerprints, Key, key_of, payment_of, payment_row};
use super::{Lie, journal_row, session_row, tell};
use crate::store::record::{Entry, Reason, Session, SessionEnd, SessionStatus, Transaction};
use crate::store::{Account, ChainHead, session_end};

/// What is known of one session, minor units.
#[derive(Default)]
struct Story {
    opened: i128,
    earned: i128,
    spent: i128,
    returned: i128,
    /// When it was opened, and from whose container.
    start: Option<(Date, u64)>,
    /// When what was left returned, into whose container, and in which chain of the journal.
    end: Option<(Date, u64, u32)>,
    /// Money moved after that. The order of a chain says so, not its dates: clocks step back.
    moved_after_end: bool,
    /// Payments from it, and collections into it that brought something.
    made: u32,
    /// Answered collections into it that brought nothing: each may have spent a use.
    idle: u32,
    /// What the journal moved for payments from it, less what the payments say: zero where they fit.
    payments: u64,
    row: Option<Row>,
}

/// What is kept of a session's row.
struct Row {
    /// A keyed hash of the owner's id.
    owner: u64,
    use_limit: Index,
    uses: u32,
}

/// Every session.
#[derive(Default)]
pub struct Sessions {
    stories: BTreeMap<u64, Story>,
    /// Collections that brought something and whose answer was not seen yet: the date and the name of their first payment.
    collections: HashMap<(u64, Index), (Date, Key)>,
    fingerprints: Fingerprints,
    owners: RandomState,
}

impl Sessions {
    fn of(&mut self, number: u64) -> &mut Story {
        self.stories.entry(number).or_default()
    }

    /// A journal entry.
    pub fn entry(&mut self, head: &ChainHead, entry: &Entry, lies: &mut Vec<Lie>) {
        for (account, gives) in [(&entry.debit, true), (&entry.credit, false)] {
            let Account::Session(number, _) = account else { continue };
            let owner = self.owner_of(if gives { &entry.credit } else { &entry.debit });
            if !self.of(*number).add(head.chain, entry, gives, owner) {
                tell(lies, journal_row(head), format!("this does not happen to a session (session_130 {number})"));
            }
        }
        let key = match (entry.reason, payment_of(entry)) {
            (Reason::Payment | Reason::Fee, Some(key)) => key,
            (Reason::Payment, None) => {
                return tell(lies, journal_row(head), format!("{:?} names no payment", entry.reference));
            }
            _ => return,
        };
        let moved = self.fingerprints.entry(key, entry);
        let story = self.of(key.0);
        story.payments = story.payments.wrapping_add(moved);
    }

    /// A keyed hash of the owner of a container; zero where it is none.
    fn owner_of(&self, account: &Account) -> u64 {
        match account {
            Account::Container(id, _) => self.owners.hash_one(id),
            _ => 0,
        }
    }

    /// A session; its entries were seen before.
    pub fn session(&mut self, session: &Session, expires: Date, lies: &mut Vec<Lie>) {
        let owner = self.owners.hash_one(&session.persona);
        let story = self.of(session.id.number());
        story.row = Some(Row { owner, use_limit: session.use_limit, uses: session.uses });
        check_session(session, story, lies);
        check_opening(session, owner, story, lies);
        check_lifetime(session, expires, lies);
    }

    /// A payment; its sessions were seen before.
    pub fn payment(&mut self, transaction: &Transaction, lies: &mut Vec<Lie>) {
        let Transaction { payer_session, payer_index, payer, payee_session, payee_index, payee, .. } = transaction;
        for (session, persona, index) in [(payer_session, payer, payer_index), (payee_session, payee, payee_index)] {
            if !self.fits(session, persona, *index) {
                let claim = format!("session {} is none of {persona} with an index {}", session.number(), index.get());
                tell(lies, payment_row(key_of(transaction)), claim);
            }
        }
        let said = self.fingerprints.payment(transaction);
        let story = self.of(payer_session.number());
        story.payments = story.payments.wrapping_sub(said);
        story.made += 1;
        let (date, key) = (transaction.date, key_of(transaction));
        match self.collections.insert((payee_session.number(), *payee_index), (date, key)) {
            None => self.of(payee_session.number()).made += 1,
            Some((other, first)) if other != date => {
                for key in [first, key] {
                    tell(lies, payment_row(key), "another of its collection was made at another time".to_owned());
                }
            }
            Some(_) => {}
        }
    }

    /// The answer to a collection; all payments were seen before.
    pub fn answered(&mut self, session: u64, index: Index) {
        let brought = self.collections.remove(&(session, index)).is_some();
        let story = self.of(session);
        story.idle += u32::from(!brought && story.row.as_ref().is_some_and(|row| index <= row.use_limit));
    }

    fn fits(&self, session: &SessionId, persona: &PersonaId, index: Index) -> bool {
        let row = self.stories.get(&session.number()).and_then(|story| story.row.as_ref());
        row.is_some_and(|row| row.owner == self.owners.hash_one(persona) && index <= row.use_limit)
    }

    /// Counts uses; yields the sessions whose payments and entries do not fit each other.
    pub fn finish(self, lies: &mut Vec<Lie>) -> BTreeSet<u64> {
        let mut suspects = BTreeSet::new();
        for ((session, index), (_, key)) in self.collections.iter().collect::<BTreeMap<_, _>>() {
            let row = format!("message_log_140 2/{session}/{}", index.get());
            tell(lies, row, format!("there is no such answer, and {} was collected so", payment_row(*key)));
        }
        for (number, story) in self.stories {
            if story.payments != 0 {
                suspects.insert(number);
            }
            // A collection that brought nothing is a use too, unless it was refused as a whole.
            let made = story.made..=story.made + story.idle;
            if let Some(Row { uses, .. }) = story.row.filter(|row| !made.contains(&row.uses)) {
                tell(lies, session_row(number), format!("{uses} uses are spent, and {} were made", story.made));
            }
        }
        suspects
    }
}

impl Story {
    /// Takes note of an entry; says whether it is one that sessions have.
    fn add(&mut self, chain: u32, entry: &Entry, gives: bool, owner: u64) -> bool {
        let amount = i128::from(entry.amount.minor);
        self.moved_after_end |= self.end.is_some_and(|(.., ended_in)| ended_in == chain);
        match (entry.reason, gives) {
            (Reason::Open, false) => {
                self.opened += amount;
                self.start = Some((entry.date, owner));
            }
            (Reason::Payment, false) => self.earned += amount,
            (Reason::Payment | Reason::Refund | Reason::Fee, true) => self.spent += amount,
            (Reason::Return, true) => {
                self.returned += amount;
                self.end = Some((entry.date, owner, chain));
            }
            _ => return false,
        }
        true
    }
}

fn check_session(session: &Session, story: &Story, lies: &mut Vec<Lie>) {
    let row = session_row(session.id.number());
    let (opening, left) = (i128::from(session.opening.minor), i128::from(session.current.minor));
    let Story { opened, earned, spent, returned, .. } = story;
    if *opened != opening {
        tell(lies, &row, format!("it was opened with {}; the journal moved {opened} there", session.opening));
    }
    if opening + earned != spent + returned + left {
        let claim =
            format!("opened {opening} and earned {earned} are not spent {spent}, returned {returned}, left {left}");
        tell(lies, &row, claim);
    }
    if session.uses > u32::from(session.use_limit.get()) {
        tell(lies, &row, format!("{} uses are spent of {}", session.uses, session.use_limit.get()));
    }
    check_end(session, story, &row, lies);
}

/// The journal opened it then, from its owner's container, and what was left went back there.
fn check_opening(session: &Session, owner: u64, story: &Story, lies: &mut Vec<Lie>) {
    let row = session_row(session.id.number());
    if story.start != Some((session.opened, owner)) {
        let (persona, opened) = (&session.persona, session.opened.text());
        tell(lies, &row, format!("the journal did not open it for {persona}, {opened}"));
    }
    if story.end.is_some_and(|(_, returned_to, _)| returned_to != owner) {
        tell(lies, &row, format!("the journal returned money from it to somebody else than {}", session.persona));
    }
    let (SessionSecrets { key, salt }, sizes) = (&session.secrets, session.protocol.suite().session_secret_sizes());
    if (key.expose().len(), salt.expose().len()) != sizes {
        tell(lies, &row, format!("its key or its salt is none of protocol {}", session.protocol.number()));
    }
}

/// It lives as long as it was opened for, and ended by what is said.
fn check_lifetime(session: &Session, expires: Date, lies: &mut Vec<Lie>) {
    let row = session_row(session.id.number());
    if expires != session.expires() {
        let (opened, minutes) = (session.opened.text(), session.lifetime_minutes);
        tell(lies, &row, format!("it expires {}, and not {minutes} minutes after {opened}", expires.text()));
    }
    let used_up = session.uses_left() == 0;
    let fits = match session.status {
        SessionStatus::Open => !used_up,
        SessionStatus::Ended(date, SessionEnd::Expired) => date > session.expires() && !used_up,
        SessionStatus::Ended(date, SessionEnd::Closed) => date <= session.expires() && !used_up,
        SessionStatus::Ended(date, SessionEnd::UsedUp) => date <= session.expires() && used_up,
    };
    if !fits {
        let status = match session.status {
            SessionStatus::Open => "it is open".to_owned(),
            SessionStatus::Ended(date, why) => format!("it ended {}, {}", date.text(), session_end(why)),
        };
        let (left, expires) = (session.uses_left(), session.expires());
        tell(lies, &row, format!("{status}, with {left} uses left, and its lifetime is over {}", expires.text()));
    }
}

fn check_end(session: &Session, story: &Story, row: &str, lies: &mut Vec<Lie>) {
    match session.status {
        SessionStatus::Open if story.returned != 0 => {
            tell(lies, row, "it is open, and money was returned from it".to_owned());
        }
        SessionStatus::Open => {}
        SessionStatus::Ended(date, _) => {
            if session.current.minor != 0 {
                tell(lies, row, format!("it has ended with {} in it", session.current));
            }
            if story.end.is_none_or(|(returned, ..)| returned != date) {
                tell(lies, row, format!("the journal returned nothing from it when it ended, {}", date.text()));
            }
            if story.moved_after_end {
                tell(lies, row, "money moved after it had ended".to_owned());
            }
        }
    }
}
