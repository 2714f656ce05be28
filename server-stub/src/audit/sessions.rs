//! Sessions: what came, what went, what is left, and how often.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

use protocol::date::Date;
use protocol::persona::PersonaId;
use protocol::value::{Index, SessionId, Value as _};

use super::payments::{Fingerprints, payment_of};
use super::{Lie, journal_row, tell};
use crate::store::record::{Entry, Reason, Session, SessionEnd, SessionStatus, Transaction};
use crate::store::{Account, ChainHead};

/// What is known of one session, minor units.
#[derive(Default)]
struct Story {
    opened: i128,
    earned: i128,
    spent: i128,
    returned: i128,
    /// When what was left returned, and in which chain of the journal.
    end: Option<(u32, Date)>,
    /// Money moved after that. The order of a chain says so, not its dates: clocks step back.
    moved_after_end: bool,
    /// Payments from it, and collections into it that brought something.
    made: u32,
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
    collections: HashSet<(u64, Index)>,
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
            if !self.of(*number).add(head.chain, entry, gives) {
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

    /// A session; its entries were seen before.
    pub fn session(&mut self, session: &Session, lies: &mut Vec<Lie>) {
        let owner = self.owners.hash_one(&session.persona);
        let story = self.of(session.id.number());
        story.row = Some(Row { owner, use_limit: session.use_limit, uses: session.uses });
        check_session(session, story, lies);
    }

    /// A payment; its sessions were seen before.
    pub fn payment(&mut self, transaction: &Transaction, lies: &mut Vec<Lie>) {
        let Transaction { payer_session, payer_index, payer, payee_session, payee_index, payee, .. } = transaction;
        for (session, persona, index) in [(payer_session, payer, payer_index), (payee_session, payee, payee_index)] {
            if !self.fits(session, persona, *index) {
                let row = format!("transaction_130n {}/{}", payer_session.number(), payer_index.get());
                let claim = format!("session {} is none of {persona} with an index {}", session.number(), index.get());
                tell(lies, row, claim);
            }
        }
        let said = self.fingerprints.payment(transaction);
        let story = self.of(payer_session.number());
        story.payments = story.payments.wrapping_sub(said);
        story.made += 1;
        if self.collections.insert((payee_session.number(), *payee_index)) {
            self.of(payee_session.number()).made += 1;
        }
    }

    fn fits(&self, session: &SessionId, persona: &PersonaId, index: Index) -> bool {
        let row = self.stories.get(&session.number()).and_then(|story| story.row.as_ref());
        row.is_some_and(|row| row.owner == self.owners.hash_one(persona) && index <= row.use_limit)
    }

    /// Counts uses; yields the sessions whose payments and entries do not fit each other.
    pub fn finish(self, lies: &mut Vec<Lie>) -> BTreeSet<u64> {
        let mut suspects = BTreeSet::new();
        for (number, story) in self.stories {
            if story.payments != 0 {
                suspects.insert(number);
            }
            // A collection that brought nothing is a use too, so there may be more uses than payments tell of, never
            // fewer.
            if let Some(Row { uses, .. }) = story.row.filter(|row| story.made > row.uses) {
                tell(lies, session_row(number), format!("{uses} uses are spent, and {} were made", story.made));
            }
        }
        suspects
    }
}

impl Story {
    /// Takes note of an entry; says whether it is one that sessions have.
    fn add(&mut self, chain: u32, entry: &Entry, gives: bool) -> bool {
        let amount = i128::from(entry.amount.minor);
        self.moved_after_end |= self.end.is_some_and(|(ended_in, _)| ended_in == chain);
        match (entry.reason, gives) {
            (Reason::Open, false) => self.opened += amount,
            (Reason::Payment, false) => self.earned += amount,
            (Reason::Payment | Reason::Refund | Reason::Fee, true) => self.spent += amount,
            (Reason::Return, true) => {
                self.returned += amount;
                self.end = Some((chain, entry.date));
            }
            _ => return false,
        }
        true
    }
}

fn session_row(number: u64) -> String {
    format!("session_130 {number}")
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

fn check_end(session: &Session, story: &Story, row: &str, lies: &mut Vec<Lie>) {
    match session.status {
        SessionStatus::Open if story.returned != 0 => {
            tell(lies, row, "it is open, and money was returned from it".to_owned());
        }
        SessionStatus::Open => {}
        SessionStatus::Ended(date, why) => {
            if session.current.minor != 0 {
                tell(lies, row, format!("it has ended with {} in it", session.current));
            }
            if story.end.is_none_or(|(_, returned)| returned != date) {
                tell(lies, row, format!("the journal returned nothing from it when it ended, {}", date.text()));
            }
            if story.moved_after_end {
                tell(lies, row, "money moved after it had ended".to_owned());
            }
            if why == SessionEnd::UsedUp && session.uses_left() > 0 {
                tell(lies, row, format!("it ended by its last use, and {} are left", session.uses_left()));
            }
        }
    }
}
