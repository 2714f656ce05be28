//! A judge who cannot fail is none: each rule is broken once, and the judge has to say which.

use protocol::Protocol;
use protocol::money::{Currency, Money};
use protocol::secret::{SecretBytes, SessionSecrets};
use protocol::value::{Index, Reading, SessionId, Value as _};
use server_stub::store::record::SessionEnd;

use super::super::{Genesis, Schedule};
use super::*;

/// A day of the server's clock, seconds.
const DAY_SECS: i64 = 24 * 3_600;

/// What a judge who sees these books for the first time says.
fn verdict(books: &Ledger) -> Result<(), Lie> {
    Judge::default().look(books)
}

/// The books of a good world, in which everything costs something, and something was given back.
fn good_books() -> Ledger {
    let genesis = Genesis::settled().expect("everybody moves in");
    let schedule = |seed| Schedule { fees: true, ..Schedule::calm(seed, 90_000, []) };
    let mut worlds = (7..30).map(|seed| genesis.books_after(&schedule(seed)).expect("a good world"));
    let with_fees = |books: &Ledger| books.transactions.iter().filter(|paid| paid.fee.minor > 1).count();
    let books = worlds.find(|books| !books.refunds.is_empty() && with_fees(books) > 2).expect("a lively one");
    assert_eq!(verdict(&books), Ok(()));
    books
}

/// What is broken, in the judge's words, and how.
type Tampering = (&'static str, fn(&mut Ledger));

/// Each of them changes books that are good, and the judge has to say what is written beside it.
fn all_are_seen(tamperings: &[Tampering]) {
    let books = good_books();
    for (words, tamper) in tamperings {
        let mut tampered = books.clone();
        tamper(&mut tampered);
        let lie = verdict(&tampered).expect_err(words);
        let mut words = words.split("...");
        let number = words.next().unwrap_or("");
        assert!(lie.starts_with(number) && words.all(|part| lie.contains(part)), "{number}: {lie}");
    }
}

fn entry(books: &mut Ledger, reason: Reason) -> &mut Entry {
    books.journal.iter_mut().find(|entry| entry.reason == reason).expect("such an entry")
}

/// A payment within one currency that cost its payee something, and where it is in the journal.
fn payment_with_fee(books: &Ledger) -> (usize, usize) {
    let cost = |payment: &Transaction| payment.fee.minor > 1 && payment.charged.currency == payment.credited.currency;
    let at = books.transactions.iter().position(cost).expect("a payment with a fee");
    let name =
        format!("{}/{}", books.transactions[at].payer_session.number(), books.transactions[at].payer_index.get());
    let is_it = |entry: &Entry| entry.reason == Reason::Payment && entry.reference == name;
    (at, books.journal.iter().position(is_it).expect("its entry"))
}

/// Lets a payment give its payee one minor unit less than it took, and hides the rest where conversions go.
fn skim(books: &mut Ledger) {
    let (at, row) = payment_with_fee(books);
    let one = Money::new(books.transactions[at].credited.currency, 1);
    let (payee, exchange) = (books.transactions[at].payee_session.number(), Account::Exchange(one.currency));
    let whole = books.journal[row].clone();
    let rest = Money::new(one.currency, whole.amount.minor - one.minor);
    books.journal[row].credit = exchange.clone();
    let given = Entry { debit: exchange.clone(), amount: rest, ..whole };
    books.journal.insert(row + 1, given);
    books.transactions[at].credited = rest;
    match books.house.iter_mut().find(|(account, _)| *account == exchange) {
        Some((_, balance)) => *balance += 1,
        None => books.house.push((exchange, 1)),
    }
    // The payee's session returned it all, or holds it.
    let session = books.sessions.iter_mut().find(|session| session.id.number() == payee).expect("the payee's");
    if session.is_open() {
        session.current.minor -= 1;
        return;
    }
    let owner = session.persona.clone();
    let of_session = |entry: &&mut Entry| entry.reason == Reason::Return && entry.debit == session.account();
    books.journal.iter_mut().find(of_session).expect("what it returned").amount.minor -= 1;
    let owned =
        |(id, container): &&mut (PersonaId, Container)| *id == owner && container.available.currency == one.currency;
    books.containers.iter_mut().find(owned).expect("its container").1.available.minor -= 1;
}

#[test]
fn tampering_with_balances_sessions_and_payments_is_seen() {
    all_are_seen(&[
        ("I2: container/...is stored as", |books| books.containers[0].1.available.minor += 1),
        ("I2: ...is stored as", |books| books.journal[0].amount.minor += 1),
        ("I2: fees/...is stored as", |books| {
            let fees = books.house.iter_mut().find(|(account, _)| matches!(account, Account::Fees(_)));
            fees.expect("what the operator earned").1 += 1;
        }),
        ("I2: an entry moves", |books| books.journal[0].amount.minor = -1),
        ("I1: ...were brought in", |books| entry(books, Reason::Load).reason = Reason::Open),
        ("I3: ...times of", |books| books.sessions[0].uses = u32::from(books.sessions[0].use_limit.get()) + 1),
        ("I3: ...opened with", |books| books.sessions[0].opening.minor += 1),
        ("I3: ...came after the end", |books| {
            let ended = |session: &&mut Session| matches!(session.status, SessionStatus::Ended(..)) && session.uses > 0;
            let session = books.sessions.iter_mut().find(ended).expect("a session that paid and ended");
            session.lifetime_minutes = 0;
            session.opened = Date::from_millis(0);
            let SessionStatus::Ended(end, _) = &mut session.status else { return };
            *end = Date::from_millis(0);
        }),
        ("I4: ...in the table", |books| drop(books.transactions.pop())),
        ("I4: ...is not in the journal", |books| books.transactions[0].payer_session = SessionId::of_number(u64::MAX)),
        ("I5: index...has two effects", |books| books.transactions.push(books.transactions[0].clone())),
        ("I5: order...was paid twice", |books| {
            let (first, second) = (books.transactions[0].clone(), &mut books.transactions[1]);
            (second.payee, second.order_id) = (first.payee, first.order_id);
        }),
        ("I5: ...was paid twice", |books| {
            let paid = entry(books, Reason::Payment).clone();
            let (there, back) = (paid.clone(), Entry { debit: paid.credit, credit: paid.debit, ..paid });
            books.journal.extend([back, there]);
        }),
    ]);
}

#[test]
fn tampering_with_fees_is_seen() {
    all_are_seen(&[
        ("I4: payment...the journal says", |books| {
            let (at, _) = payment_with_fee(books);
            books.transactions[at].fee.minor += 1;
        }),
        ("I4: payment...the journal says", |books| {
            let (at, _) = payment_with_fee(books);
            books.transactions[at].credited.minor -= 1;
        }),
        ("I4: payment...and gives", skim),
        // Another payment's name on a fee.
        ("I4: payment...the journal says", |books| {
            let mut references = books.transactions.iter().filter(|paid| paid.fee.minor > 0);
            let mut next = || references.next().expect("two payments with fees");
            let (one, other) = (next(), next());
            let name = |paid: &Transaction| format!("{}/{}", paid.payer_session.number(), paid.payer_index.get());
            let (one, other) = (name(one), name(other));
            let of_one = |entry: &&mut Entry| entry.reason == Reason::Fee && entry.reference == one;
            books.journal.iter_mut().find(of_one).expect("its fee").reference = other;
        }),
        // A fee that leaves the house.
        ("I2: ...is stored as", |books| {
            let currency = entry(books, Reason::Fee).amount.currency;
            entry(books, Reason::Fee).credit = Account::Agency(currency);
        }),
    ]);
}

#[test]
fn tampering_with_refunds_is_seen() {
    all_are_seen(&[
        ("I4: refund...of no payment", |books| books.refunds[0].payer_session = SessionId::of_number(u64::MAX)),
        ("I4: refund...go back of", |books| books.refunds[0].given.minor += 1_000_000),
        ("I4: refund...go back of", |books| books.refunds[0].returned.minor += 1_000_000),
        ("I4: refund...go back of", |books| {
            // And then the whole of it.
            let refund = books.refunds[0].clone();
            let of = |paid: &&Transaction| {
                (&paid.payer_session, paid.payer_index) == (&refund.payer_session, refund.payer_index)
            };
            let given = books.transactions.iter().find(of).expect("its payment").credited;
            books.refunds.push(Refund { number: refund.number + 1_000, given, ..refund });
        }),
        ("I4: refund...the journal says", |books| books.refunds[0].given.minor -= 1),
        ("I4: refund...the journal says", |books| books.refunds[0].returned.minor -= 1),
        ("I4: refund...the journal says", |books| books.refunds[0].number += 1_000),
        ("I4: refund...the journal says", |books| entry(books, Reason::Refund).reference.push('9')),
        ("I4: ...refunds in the journal", |books| drop(books.refunds.pop())),
    ]);
}

#[test]
fn a_journal_that_forgets_or_changes_is_seen() {
    let mut books = good_books();
    let mut judge = Judge::default();
    assert_eq!(judge.look(&books), Ok(()));
    books.journal[0].reference.push('x');
    let looks: Vec<_> = (0..=WHOLE_JOURNAL).filter_map(|_| judge.look(&books).err()).collect();
    assert!(looks.iter().any(|lie| lie.starts_with("I7: journal row 0 changed")), "{looks:?}");
    books.journal.pop();
    assert!(judge.look(&books).expect_err("a row is gone").starts_with("I7"));
}

#[test]
fn two_answers_and_secrets_are_seen() {
    let mut judge = Judge::default();
    assert_eq!(judge.hear(b"a question", b"an answer"), Ok(false));
    assert_eq!(judge.hear(b"a question", b"an answer"), Ok(true));
    assert!(judge.hear(b"a question", b"another").expect_err("two answers").starts_with("I6"));
    assert!(inspect("a letter", CANARY_ACCOUNT.as_bytes()).expect_err("a secret").starts_with("I9"));
}

/// Books in which Brian moves money between his container and the bank, dollars and seconds of the year 1970.
fn moved(movements: &[(Reason, i64, i64)]) -> Ledger {
    let (brian, currency) = (brian(), usd(0).currency);
    let (container, agency) = (Account::Container(brian.clone(), currency), Account::Agency(currency));
    let entry = |(reason, dollars, secs): &(Reason, i64, i64)| {
        let (debit, credit) = match reason {
            Reason::Load => (agency.clone(), container.clone()),
            _ => (container.clone(), agency.clone()),
        };
        let (amount, date) = (usd(dollars * 100), Date::from_millis(secs * 1_000));
        Entry { date, reason: *reason, debit, credit, amount, reference: String::new() }
    };
    let journal: Vec<_> = movements.iter().map(entry).collect();
    let into = |entry: &Entry| if entry.reason == Reason::Load { entry.amount.minor } else { -entry.amount.minor };
    let held = journal.iter().map(into).sum();
    let containers = vec![(brian, Container { available: usd(held), ..Container::empty(currency) })];
    Ledger { journal, containers, house: vec![(agency, -held)], ..Ledger::default() }
}

fn brian() -> PersonaId {
    PersonaId::parse("brianb-40", Reading::STRICT).expect("an id")
}

fn usd(minor: i64) -> Money {
    Money::new(Currency::of("usd").expect("a currency"), minor)
}

/// A sales session of Brian's, opened at a second of 1970.
fn session(number: u64, opened_secs: i64, status: SessionStatus) -> Session {
    Session {
        id: SessionId::of_number(number),
        protocol: Protocol::V2,
        secrets: SessionSecrets { key: SecretBytes::new(vec![1; 32]), salt: SecretBytes::new(vec![2; 32]) },
        opening: usd(0),
        current: usd(0),
        opened: Date::from_millis(opened_secs * 1_000),
        lifetime_minutes: 5,
        use_limit: Index::of(10).expect("an index"),
        uses: 0,
        persona: brian(),
        status,
        memo: String::new(),
    }
}

/// A judge who has seen a backup and books that were lost, and what is said of a restore to `restored`.
fn restored(backup: &Ledger, lost: &Ledger, restored: &Ledger) -> (Judge, Result<(), Lie>) {
    let mut judge = Judge::default();
    judge.back_up(backup).and_then(|()| judge.lose(lost)).expect("good books");
    let verdict = judge.reopen(restored, date_of_restore());
    (judge, verdict)
}

/// When books are restored: 1,000 seconds into 1970.
fn date_of_restore() -> Date {
    Date::from_millis(1_000_000)
}

fn says(verdict: Result<(), Lie>, words: &str) {
    let lie = verdict.expect_err(words);
    assert!(lie.starts_with("I10: ") && lie.contains(words), "{words}: {lie}");
}

#[test]
fn what_was_lost_is_not_done_again() {
    let (nothing, lost) = (Ledger::default(), good_books());
    let (mut judge, verdict) = restored(&nothing, &lost, &nothing);
    assert_eq!(verdict, Ok(()));
    assert_eq!(judge.lost().payments.len(), lost.transactions.len());
    assert_eq!(judge.lost().refunds.len(), lost.refunds.len());
    says(judge.look(&lost), "is collected again");
}

#[test]
fn what_the_backup_holds_is_there_after_a_restore() {
    let (backup, lost) = (moved(&[(Reason::Load, 5, 1)]), moved(&[(Reason::Load, 5, 1), (Reason::Unload, 2, 2)]));
    assert_eq!(restored(&backup, &lost, &backup).1, Ok(()));
    says(restored(&backup, &lost, &lost).1, "were held at the backup");
    let shorter = restored(&backup, &lost, &Ledger::default()).1;
    assert!(shorter.expect_err("an empty journal").starts_with("I7"));
    let other = restored(&backup, &lost, &moved(&[(Reason::Load, 5, 3)])).1;
    assert!(other.expect_err("another journal").starts_with("I7"));
}

#[test]
fn sessions_end_with_a_restore_and_none_gets_a_number_that_was_lost() {
    let with = |session| Ledger { sessions: vec![session], ..Ledger::default() };
    let ended = SessionStatus::Ended(date_of_restore(), SessionEnd::Closed);
    let (open, over) = (with(session(7, 1, SessionStatus::Open)), with(session(7, 1, ended)));
    assert_eq!(restored(&open, &open, &over).1, Ok(()));
    says(restored(&open, &open, &open).1, "is open after a restore");
    let nothing = Ledger::default();
    let (mut judge, verdict) = restored(&nothing, &open, &nothing);
    assert_eq!(verdict, Ok(()));
    says(judge.look(&with(session(7, 2_000, SessionStatus::Open))), "is given to");
}

#[test]
fn for_a_day_after_a_restore_the_bank_gets_nothing() {
    let loaded = (Reason::Load, 5, 1);
    let later = |after_secs| {
        let backup = moved(&[loaded]);
        let (mut judge, verdict) = restored(&backup, &backup, &backup);
        assert_eq!(verdict, Ok(()));
        judge.look(&moved(&[loaded, (Reason::Load, 1, 1_001), (Reason::Unload, 2, 1_000 + after_secs)]))
    };
    says(later(DAY_SECS - 1), "the bank gets");
    assert_eq!(later(DAY_SECS), Ok(()));
}
