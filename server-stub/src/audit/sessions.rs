//! Sessions, and the payments between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lie, tell};
use crate::store::record::{Entry, Reason, Session, SessionEnd, SessionStatus, Transaction};
use crate::store::{Account, Books};

/// What the journal says of one session, minor units.
#[derive(Default)]
struct Story {
    opened: i128,
    earned: i128,
    spent: i128,
    returned: i128,
    last: i64,
    strange: Vec<u64>,
}

/// Looks at every session and every payment.
pub fn check(books: &Books, lies: &mut Vec<Lie>) {
    let stories = stories(books);
    let nothing = Story::default();
    let paid = uses(books);
    for session in &books.sessions {
        let number = session.id.number();
        check_session(session, stories.get(&number).unwrap_or(&nothing), lies);
        check_uses(session, paid.get(&number).copied().unwrap_or_default(), lies);
    }
    check_payments(books, lies);
}

fn stories(books: &Books) -> BTreeMap<u64, Story> {
    let mut stories: BTreeMap<u64, Story> = BTreeMap::new();
    for (row, entry) in &books.journal {
        for (account, gives) in [(&entry.debit, true), (&entry.credit, false)] {
            if let Account::Session(number, _) = account {
                stories.entry(*number).or_default().add(*row, entry, gives);
            }
        }
    }
    stories
}

impl Story {
    fn add(&mut self, row: u64, entry: &Entry, gives: bool) {
        let amount = i128::from(entry.amount.minor);
        match (entry.reason, gives) {
            (Reason::Open, false) => self.opened += amount,
            (Reason::Payment, false) => self.earned += amount,
            (Reason::Payment | Reason::Refund, true) => self.spent += amount,
            (Reason::Return, true) => self.returned += amount,
            _ => self.strange.push(row),
        }
        self.last = self.last.max(entry.date.millis());
    }
}

fn check_session(session: &Session, story: &Story, lies: &mut Vec<Lie>) {
    let row = format!("session_130 {}", session.id.number());
    let (opening, left) = (i128::from(session.opening.minor), i128::from(session.current.minor));
    if story.opened != opening {
        tell(lies, &row, format!("it was opened with {}; the journal moved {} there", session.opening, story.opened));
    }
    if opening + story.earned != story.spent + story.returned + left {
        let Story { earned, spent, returned, .. } = story;
        let claim =
            format!("opened {opening} and earned {earned} are not spent {spent}, returned {returned}, left {left}");
        tell(lies, &row, claim);
    }
    for entry in &story.strange {
        tell(lies, format!("journal {entry}"), format!("this does not happen to a session ({row})"));
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
            if story.last > date.millis() {
                tell(lies, row, "money moved after it had ended".to_owned());
            }
            if why == SessionEnd::UsedUp && session.uses_left() > 0 {
                tell(lies, row, format!("it ended by its last use, and {} are left", session.uses_left()));
            }
        }
    }
}

/// For each session: the payments from it and the collections into it that brought something.
fn uses(books: &Books) -> BTreeMap<u64, usize> {
    let mut uses: BTreeMap<u64, usize> = BTreeMap::new();
    let mut collections = BTreeSet::new();
    for transaction in &books.transactions {
        *uses.entry(transaction.payer_session.number()).or_default() += 1;
        collections.insert((transaction.payee_session.number(), transaction.payee_index));
    }
    for (session, _) in collections {
        *uses.entry(session).or_default() += 1;
    }
    uses
}

fn check_uses(session: &Session, made: usize, lies: &mut Vec<Lie>) {
    let row = format!("session_130 {}", session.id.number());
    if session.uses > u32::from(session.use_limit.get()) {
        tell(lies, &row, format!("{} uses are spent of {}", session.uses, session.use_limit.get()));
    }
    // A collection that brought nothing is a use too, so there may be more uses than payments tell of, never fewer.
    if made > session.uses as usize {
        tell(lies, &row, format!("{} uses are spent, and {made} were made", session.uses));
    }
}

/// Each payment moved what it says, once, and nothing else moved as a payment.
fn check_payments(books: &Books, lies: &mut Vec<Lie>) {
    let mut moved: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (_, entry) in books.journal.iter().filter(|(_, entry)| entry.reason == Reason::Payment) {
        moved.entry(&entry.reference).or_default().push(entry);
    }
    let known: BTreeMap<u64, &Session> = books.sessions.iter().map(|session| (session.id.number(), session)).collect();
    for transaction in &books.transactions {
        let key = format!("{}/{}", transaction.payer_session.number(), transaction.payer_index.get());
        let row = format!("transaction_130n {key}");
        let entries = moved.remove(key.as_str()).unwrap_or_default();
        check_payment(transaction, &entries, &row, lies);
        check_parties(transaction, &known, &row, lies);
    }
    for (reference, _) in moved {
        tell(lies, format!("journal, payment {reference}"), "there is no such payment".to_owned());
    }
}

fn check_payment(transaction: &Transaction, entries: &[&Entry], row: &str, lies: &mut Vec<Lie>) {
    let Transaction { payer_session, payee_session, charged, credited, .. } = transaction;
    let payer = Account::Session(payer_session.number(), charged.currency);
    let payee = Account::Session(payee_session.number(), credited.currency);
    let fits = match entries {
        [one] => charged == credited && one.debit == payer && one.credit == payee && one.amount == *charged,
        [first, second] => {
            charged.currency != credited.currency
                && first.debit == payer
                && first.credit == Account::Exchange(charged.currency)
                && first.amount == *charged
                && second.debit == Account::Exchange(credited.currency)
                && second.credit == payee
                && second.amount == *credited
        }
        _ => false,
    };
    if !fits {
        tell(lies, row, format!("the journal does not move {charged} from {payer} and {credited} to {payee}, once"));
    }
}

fn check_parties(transaction: &Transaction, known: &BTreeMap<u64, &Session>, row: &str, lies: &mut Vec<Lie>) {
    let sides = [
        (&transaction.payer_session, &transaction.payer, transaction.payer_index),
        (&transaction.payee_session, &transaction.payee, transaction.payee_index),
    ];
    for (session, persona, index) in sides {
        let fits = known
            .get(&session.number())
            .is_some_and(|session| session.persona == *persona && index <= session.use_limit);
        if !fits {
            tell(lies, row, format!("session {} is none of {persona} with an index {}", session.number(), index.get()));
        }
    }
}
