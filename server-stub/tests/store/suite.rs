//! The tests, by what they show.

use std::sync::Arc;

use protocol::date::Date;
use protocol::message::statement::EntryKind;
use protocol::money::Money;
use protocol::persona::PersonaId;
use protocol::value::{Function, SessionId};
use server_stub::store::record::{
    Attempts, Challenge, Charge, Entry, Epoch, Instrument, InstrumentId, LogKey, Movement, Persona, PersonaStatus,
    Reason, Report, Session, SessionEnd, SessionStatus, Transaction,
};
use server_stub::store::{
    Account, BookRow, Change, ChangeSet, CommitError, Condition, Conflict, MAX_REPORTS, Position, Setting, Signer,
    Window,
};

use crate::bench::{Bench, at, brian, date, entry, index, instrument, log, persona, session, spend, transaction};
use crate::common::{Kind, money, value};
pub use crate::together::loads_together_say_what_loads_alone_say;

pub async fn a_persona_is_loaded_as_it_was_stored(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let challenge = Challenge {
        id: "challenge".to_owned(),
        asked: date(),
        wrong_answers: 2,
        binding: Instrument { sealed_number: None, ..instrument() },
        sealed_number: vec![9],
        salt: vec![1; 8],
        questions: vec!["One?".to_owned(), "Two?".to_owned()],
    };
    let changes = [
        Change::PutInstrument(brian(), Box::new(instrument())),
        Change::PutChallenge(brian(), Box::new(challenge.clone())),
    ];
    bench.commit(changes).await.expect("a change");
    let file = bench.store.persona(&brian()).await.expect("a store").expect("a persona");
    assert_eq!(file.persona, persona());
    assert_eq!(file.instruments, [instrument()]);
    assert_eq!(file.challenges, [challenge]);
    assert_eq!(file.sessions, [session(1)]);
    assert_eq!(file.containers[&value("usd")].available, money("usd 30.00"));
    assert_eq!(bench.store.persona(&value("zz-66")).await, Ok(None));
    let Persona { protocol, public_key, key_name, .. } = persona();
    assert_eq!(bench.store.signer(&brian()).await, Ok(Some(Signer { protocol, public_key, key_name })));
    assert_eq!(bench.store.signer(&value("zz-66")).await, Ok(None));
    bench.commit([Change::RemoveChallenge(brian(), "challenge".to_owned())]).await.expect("a change");
    assert_eq!(bench.store.persona(&brian()).await.expect("a store").expect("a persona").challenges, []);
}

pub async fn a_challenge_is_replaced_whole(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let first = Challenge {
        id: "challenge".to_owned(),
        asked: date(),
        wrong_answers: 1,
        binding: Instrument { sealed_number: None, ..instrument() },
        sealed_number: vec![9],
        salt: vec![1; 8],
        questions: vec!["One?".to_owned()],
    };
    let second = Challenge {
        id: first.id.clone(),
        asked: date().plus_secs(1),
        wrong_answers: 2,
        binding: Instrument { hash: vec![6; 32], autoclose: false, ..first.binding.clone() },
        sealed_number: vec![8, 7],
        salt: vec![2; 16],
        questions: vec!["Two?".to_owned(), "Three?".to_owned()],
    };
    for challenge in [&first, &second] {
        bench.commit([Change::PutChallenge(brian(), Box::new(challenge.clone()))]).await.expect("a change");
    }
    assert_eq!(bench.store.persona(&brian()).await.expect("a store").expect("a persona").challenges, [second]);
}

pub async fn an_id_is_taken_once(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let again = bench.commit([Change::Register(Box::new(persona()))]).await;
    assert_eq!(again, Err(Conflict::PersonaExists(brian())));
    let taken = bench.store.taken(&[brian(), value("zz-66")]).await.expect("a store");
    assert_eq!(taken.into_iter().collect::<Vec<_>>(), [brian()]);
}

pub async fn a_trial_is_a_commit_that_changes_nothing(kind: Kind) {
    let bench = Bench::new(kind);
    let load = || entry(Account::Agency(value("usd")), Account::Container(brian(), value("usd")), "usd 9.00");
    let entries = async || {
        let findings = server_stub::audit::audit(&*bench.store).await.expect("a store");
        assert_eq!(findings.lies, []);
        findings.heads.iter().map(|head| head.number).sum::<u64>()
    };
    bench.commit([Change::Trial]).await.expect("before anything else");
    assert_eq!(entries().await, 0);
    bench.commit([Change::Register(Box::new(persona())), load(), Change::Trial]).await.expect("with others");
    bench.commit([Change::Trial]).await.expect("after them");
    assert_eq!((entries().await, bench.available().await), (1, money("usd 9.00")));
    bench.commit([load()]).await.expect("the chain goes on");
    assert_eq!((entries().await, bench.available().await), (2, money("usd 18.00")));
}

pub async fn a_revision_guards_a_persona(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let is = |revision| Condition::PersonaIs(brian(), revision);
    assert_eq!(bench.commit_if([is(0)], [Change::Revise(brian())]).await, Ok(()));
    let late = bench.commit_if([is(0)], [Change::Revise(brian())]).await;
    assert_eq!(late, Err(Conflict::PersonaChanged(brian())));
    let closed = Persona { status: PersonaStatus::Closed, email: "new".to_owned(), ..persona() };
    bench.commit_if([is(1)], [Change::Update(Box::new(closed.clone()))]).await.expect("a change");
    let found = bench.store.persona(&brian()).await.expect("a store").expect("a persona").persona;
    assert_eq!(found, Persona { revision: 1, ..closed });
}

pub async fn owned_accounts_are_never_below_zero(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    assert_eq!(bench.commit([spend("usd 70.01")]).await, Err(Conflict::Overdrawn(session(1).account())));
    let container = Account::Container(brian(), value("usd"));
    let out = entry(container.clone(), Account::Agency(value("usd")), "usd 30.01");
    assert_eq!(bench.commit([out]).await, Err(Conflict::Overdrawn(container)));
    let held = Account::OnHold(brian(), value("usd"));
    let out = entry(held.clone(), Account::Bank(value("usd")), "usd 0.01");
    assert_eq!(bench.commit([out]).await, Err(Conflict::Overdrawn(held)));
    assert_eq!(bench.commit([spend("usd 70.00")]).await, Ok(()));
}

pub async fn a_change_set_applies_whole_or_not_at_all(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    bench.commit([log(1)]).await.expect("a log");
    let changes = [
        spend("usd 10.00"),
        Change::Use(1),
        Change::Collect(Box::new(transaction(1))),
        Change::Memo(1, "; more".to_owned()),
        log(2),
    ];
    assert_eq!(bench.commit(changes).await, Err(Conflict::LogKeyUsed));
    assert_eq!(bench.session(1).await, session(1));
    let keys = [(SessionId::of_number(1), index(1))];
    assert!(bench.store.collected(&keys).await.expect("a store").is_empty());
}

pub async fn entries_that_are_none_are_refused(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let (usd, cad) = (Account::Fees(value("usd")), Account::Fees(value("cad")));
    let negative = Money { minor: -1, ..money("usd 0.00") };
    for (debit, credit, amount) in [(usd.clone(), cad, money("usd 1.00")), (usd.clone(), usd, negative)] {
        let reference = String::new();
        let entry = Entry { date: date(), reason: Reason::Open, debit, credit, amount, reference };
        let mut set = ChangeSet::default();
        set.push(Change::Journal(entry));
        assert!(matches!(bench.store.commit(set).await, Err(CommitError::Store(_))));
    }
}

pub async fn a_session_stands_as_expected(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let changed = Err(Conflict::SessionChanged(1));
    assert_eq!(bench.commit_if([at(1, "usd 70.00")], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([at(0, "usd 69.99")], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([at(0, "usd 70.00")], [Change::Use(1)]).await, Ok(()));
    let below = |uses| Condition::SessionUsesBelow { session: 1, uses };
    assert_eq!(bench.commit_if([below(1)], [Change::Use(1)]).await, changed);
    assert_eq!(bench.commit_if([below(2)], [Change::Use(1)]).await, Ok(()));
    assert_eq!(bench.commit([Change::Use(1), Change::Use(1)]).await, changed, "more uses than there are");
    assert_eq!(bench.session(1).await.uses, 2);
    assert_eq!(bench.commit([Change::Use(99)]).await, Err(Conflict::SessionChanged(99)));
}

pub async fn a_session_ends_empty_and_for_good(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let end = |why| Change::End(1, date(), why);
    assert_eq!(bench.commit([end(SessionEnd::Closed)]).await, Err(Conflict::NotEmpty(1)));
    let back = || entry(session(1).account(), Account::Container(brian(), value("usd")), "usd 70.00");
    assert_eq!(bench.commit([back(), end(SessionEnd::UsedUp)]).await, Ok(()));
    assert_eq!(bench.session(1).await.status, SessionStatus::Ended(date(), SessionEnd::UsedUp));
    assert_eq!(bench.available().await, money("usd 100.00"));
    let changed = Err(Conflict::SessionChanged(1));
    assert_eq!(bench.commit([end(SessionEnd::Closed)]).await, changed);
    assert_eq!(bench.commit([Change::Use(1)]).await, changed);
    let into = entry(Account::Agency(value("usd")), session(1).account(), "usd 1.00");
    assert_eq!(bench.commit([into]).await, changed, "no money goes into a session that ended");
    let file = bench.store.persona(&brian()).await.expect("a store").expect("a persona");
    assert_eq!(file.sessions, [], "open ones only");
    assert_eq!(bench.commit([Change::Open(Box::new(session(1)))]).await, Err(Conflict::SessionExists(1)));
}

pub async fn an_index_is_used_once(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    bench.commit([Change::Collect(Box::new(transaction(2)))]).await.expect("a payment");
    let again = Transaction { order_id: value("other"), ..transaction(2) };
    assert_eq!(bench.commit([Change::Collect(Box::new(again))]).await, Err(Conflict::IndexUsed(1, 2)));
    bench.commit([Change::Collect(Box::new(transaction(1)))]).await.expect("a payment");
    let keys = [1, 2, 3].map(|number| (SessionId::of_number(1), index(number)));
    let found = bench.store.collected(&keys).await.expect("a store");
    assert_eq!((found.len(), &found[&(1, 2)]), (2, &transaction(2)));
}

pub async fn a_history_has_the_newest_of_both_sides(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    for number in 1..=3_u8 {
        let later = date().plus_secs(number.into());
        let transaction = Transaction { date: later, ..transaction(number.into()) };
        bench.commit([Change::Collect(Box::new(transaction))]).await.expect("a payment");
    }
    for (session, limit, expected) in [(1, 9, vec![1, 2, 3]), (2, 2, vec![2, 3]), (3, 9, vec![])] {
        let found = bench.store.history(&SessionId::of_number(session), limit).await.expect("a store");
        assert_eq!(found.iter().map(|t| u64::from(t.payer_index.get())).collect::<Vec<_>>(), expected);
    }
}

pub async fn a_message_is_answered_once(kind: Kind) {
    let bench = Bench::new(kind);
    bench.commit([log(1)]).await.expect("a log");
    assert_eq!(bench.commit([log(1)]).await, Err(Conflict::LogKeyUsed));
    let found = bench.store.logged(&LogKey::Collection(1, index(1))).await.expect("a store").expect("an entry");
    assert_eq!((found.message_hash, found.response.as_str()), ([1; 32], "reply 1"));
    // Keys of other kinds are other keys, and u64 is not too much.
    for key in [
        LogKey::Collection(1, index(2)),
        LogKey::Collection(u64::MAX, index(1)),
        LogKey::Registration("1".to_owned(), 1),
        LogKey::Persona(brian(), 1),
    ] {
        assert_eq!(bench.store.logged(&key).await, Ok(None), "{key:?}");
    }
}

pub async fn loads_count_within_a_window_and_clear(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let movement = |amount: &str, seconds, clears| Movement {
        persona: brian(),
        instrument: InstrumentId(1),
        date: date().plus_secs(seconds),
        amount: value::<protocol::money::SignedMoney>(amount).0,
        fee: Money::new(money(&amount.replace('-', "")).currency, 1),
        clears,
    };
    let clears = Some(date().plus_secs(30));
    let changes = [
        movement("usd 10.00", 0, None),
        movement("usd -4.00", 10, None),
        movement("usd 20.00", 10, clears),
        movement("jpy 500", 10, None),
    ];
    bench.commit(changes.map(Change::Move)).await.expect("changes");
    for (seconds, sum) in [(0, 3_000), (1, 2_000), (11, 0)] {
        let since = date().plus_secs(seconds);
        let (brian, usd) = (brian(), value("usd"));
        let moved = |function| bench.store.moved_since(&brian, InstrumentId(1), usd, function, since);
        assert_eq!(moved(Function::Load).await, Ok(sum), "since {seconds}");
        assert_eq!(moved(Function::Unload).await, Ok(if seconds > 10 { 0 } else { 400 }), "since {seconds}");
        assert_eq!(moved(Function::Charge).await, Ok(0));
    }
    assert_eq!(bench.store.moved_since(&brian(), InstrumentId(2), value("usd"), Function::Load, date()).await, Ok(0));
    assert_eq!(bench.store.due(date().plus_secs(29), 9).await, Ok(vec![]));
    assert_eq!(bench.store.due(date().plus_secs(30), 9).await, Ok(vec![brian()]));
    let pending = bench.store.persona(&brian()).await.expect("a store").expect("a persona").pending;
    assert_eq!((pending.len(), pending[0].amount, pending[0].held()), (1, money("usd 20.00"), money("usd 19.99")));
    let cleared = || [Change::Cleared(pending[0].id)];
    assert_eq!(bench.commit(cleared()).await, Ok(()));
    assert_eq!(bench.commit(cleared()).await, Err(Conflict::LoadCleared(pending[0].id)));
    assert_eq!(bench.store.due(date().plus_secs(30), 9).await, Ok(vec![]));
}

pub async fn fees_are_lines_of_a_statement(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let charge = |reference: &str, amount| Charge {
        persona: brian(),
        date: date(),
        amount: money(amount),
        reference: reference.to_owned(),
    };
    let of_acme = Charge { persona: value("acme-82"), ..charge("load", "usd 0.07") };
    let charges = [charge("open/1", "usd 0.10"), charge("load", "usd 0.25"), of_acme];
    bench.commit(charges.map(Change::Charge)).await.expect("fees");
    bench.commit([Change::Collect(Box::new(transaction(1)))]).await.expect("a payment");
    let told = bench.store.statement(&brian(), Window::Newest, 9).await.expect("a store").expect("a persona");
    let fees = told.entries.iter().filter(|(_, line)| line.kind == EntryKind::FEE);
    let mut amounts: Vec<_> = fees.map(|(_, line)| line.amount.0.minor).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [-25, -10], "the payee's fee is none of the payer's");
    let mut kept = Vec::new();
    let mut see = |row| {
        if let BookRow::Charge(charge) = row {
            kept.push(charge.reference);
        }
    };
    bench.store.show(&mut see).await.expect("a store");
    kept.sort_unstable();
    assert_eq!(kept, ["load", "load", "open/1"]);
}

/// The clock was set back between the payment and the end.
pub async fn a_payment_is_told_of_a_session_that_ended_before_it(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let later = |minutes: i64| date().plus_secs(60 * minutes);
    let paid = Transaction { date: later(40), ..transaction(1) };
    let back = entry(session(1).account(), Account::Container(brian(), value("usd")), "usd 70.00");
    let end = Change::End(1, later(10), SessionEnd::Closed);
    bench.commit([Change::Collect(Box::new(paid)), back, end]).await.expect("a payment, and the end");
    for (after, told) in [(5, 1), (20, 1), (39, 1), (41, 0)] {
        let window = Window::After(Position::before(later(after)));
        let found = bench.store.statement(&brian(), window, 9).await.expect("a store").expect("a persona");
        assert_eq!(found.entries.len(), told, "after minute {after}");
    }
}

pub async fn sessions_are_due_after_their_last_millisecond(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let last = session(1).expires();
    assert_eq!(bench.store.due(last, 9).await, Ok(vec![]));
    let after = Date::from_millis(last.millis() + 1);
    assert_eq!(bench.store.due(after, 9).await, Ok(vec![brian()]));
    assert_eq!(bench.store.due(after, 0).await, Ok(vec![]));
}

pub async fn new_numbers_are_new(kind: Kind) {
    let bench = Bench::with_session(kind).await;
    let first = bench.store.new_session_id().await.expect("a number");
    let second = bench.store.new_session_id().await.expect("a number");
    assert!(first != second);
    let found = bench.store.sessions(&[first, second, SessionId::of_number(u64::MAX)]).await;
    assert!(found.expect("a store").is_empty());
}

pub async fn an_epoch_begins_once_and_numbers_leap(kind: Kind) {
    let bench = Bench::new(kind);
    assert_eq!(bench.store.epoch().await, Ok(None));
    let epoch = |number| Epoch { number, began: date() };
    assert_eq!(bench.commit([Change::Epoch(epoch(1))]).await, Ok(()));
    assert_eq!(bench.commit([Change::Epoch(epoch(1))]).await, Err(Conflict::EpochBegan(1)));
    assert!(bench.store.new_session_id().await.expect("a store").number() > 1 << 40);
    assert_eq!(bench.commit([Change::Epoch(epoch(2))]).await, Ok(()));
    assert_eq!(bench.store.epoch().await, Ok(Some(epoch(2))));
    assert!(bench.store.new_session_id().await.expect("a store").number() > 2 << 40);
}

pub async fn attempts_are_counted_one_by_one(kind: Kind) {
    let bench = Bench::new(kind);
    let count = |wrong| Attempts { since: date(), wrong };
    let attempt = |before, after| Change::Attempts { id: brian(), before, after };
    assert_eq!(bench.commit([attempt(None, count(1))]).await, Ok(()));
    let raced = bench.commit([attempt(None, count(1))]).await;
    assert_eq!(raced, Err(Conflict::AttemptsChanged(brian())));
    assert_eq!(bench.commit([attempt(Some(count(1)), count(2))]).await, Ok(()));
    assert_eq!(bench.store.attempts(&brian()).await, Ok(Some(count(2))));
    assert_eq!(bench.store.attempts(&value("zz-66")).await, Ok(None));
}

fn report(hash: u8, seconds: i64) -> Report {
    Report {
        message_hash: [hash; 32],
        date: date().plus_secs(seconds),
        persona: (hash % 2 == 1).then(brian),
        problem: "form".to_owned(),
        diagnosis: format!("number {hash}"),
        received: "$$-CyberCash-2.0-$$\ntype: x".to_owned(),
    }
}

pub async fn the_same_report_is_one(kind: Kind) {
    let bench = Bench::new(kind);
    for _ in 0..2 {
        assert_eq!(bench.commit([Change::Report(Box::new(report(1, 0)))]).await, Ok(()));
    }
    assert_eq!(bench.store.reports((date(), [0; 32]), 9).await, Ok(vec![report(1, 0)]));
}

pub async fn reports_are_read_in_order_and_removed(kind: Kind) {
    let bench = Bench::new(kind);
    let reports = [report(7, 1), report(2, 2), report(3, 2), report(1, 3)];
    for n in [3, 0, 2, 1] {
        bench.commit([Change::Report(Box::new(reports[n].clone()))]).await.expect("a report");
    }
    let start = (Date::from_millis(0), [0; 32]);
    let after = |n: usize| (reports[n].date, reports[n].message_hash);
    assert_eq!(bench.store.reports(start, 2).await, Ok(reports[..2].to_vec()));
    assert_eq!(bench.store.reports(after(1), 9).await, Ok(reports[2..].to_vec()));
    assert_eq!(bench.store.reports(after(3), 9).await, Ok(vec![]));
    assert_eq!(bench.store.report(&[2; 32]).await, Ok(Some(reports[1].clone())));
    assert_eq!(bench.store.report(&[9; 32]).await, Ok(None));
    let removed = [Change::RemoveReport([2; 32]), Change::RemoveReport([9; 32])];
    assert_eq!(bench.commit(removed).await, Ok(()), "what is not there is no conflict");
    assert_eq!(bench.store.reports(after(0), 9).await, Ok(reports[2..].to_vec()));
    bench.commit([Change::Report(Box::new(reports[1].clone()))]).await.expect("room again");
    assert_eq!(bench.store.reports(start, 9).await, Ok(reports.to_vec()));
}

pub async fn of_reports_a_thousand_are_kept(kind: Kind) {
    let bench = Bench::new(kind);
    let numbered = |n: usize| {
        let mut message_hash = [0; 32];
        message_hash[..2].copy_from_slice(&u16::try_from(n).expect("a number").to_be_bytes());
        Change::Report(Box::new(Report { message_hash, ..report(0, 0) }))
    };
    bench.commit((0..MAX_REPORTS + 5).map(numbered)).await.expect("what is too much is no conflict");
    let kept = async || bench.store.reports((Date::from_millis(0), [0; 32]), 2 * MAX_REPORTS).await.expect("a store");
    assert_eq!(kept().await.len(), MAX_REPORTS);
    bench.commit([Change::RemoveReport(kept().await[7].message_hash)]).await.expect("a change");
    bench.commit([numbered(MAX_REPORTS + 1), numbered(MAX_REPORTS + 2)]).await.expect("a change");
    assert_eq!(kept().await.len(), MAX_REPORTS, "the one that was removed has made room for one");
}

pub async fn payments_of_an_order_are_found_behind_a_thousand_others(kind: Kind) {
    const OTHERS: u64 = 1_100;
    let bench = Bench::with_session(kind).await;
    let (acme, other): (PersonaId, PersonaId) = (value("acme-82"), value("zz-66"));
    let owned = |number: u64, persona: &PersonaId| Session { persona: persona.clone(), ..session(number) };
    bench.commit([owned(2, &acme), owned(3, &other)].map(|one| Change::Open(Box::new(one)))).await.expect("sessions");
    let paid = |index: u64| transaction(index);
    let theirs = |index: u64| {
        let payee_session = SessionId::of_number(3);
        Transaction { payee_session, payee: value("zz-66"), ..transaction(index) }
    };
    let elsewhere = Transaction { order_id: value("another-order"), ..transaction(9_999) };
    let collected = (1..=OTHERS).map(theirs).chain([paid(OTHERS + 1), paid(OTHERS + 2), elsewhere]);
    bench.commit(collected.map(|one| Change::Collect(Box::new(one)))).await.expect("payments");
    let order = transaction(1).order_id;
    let of = async |payee, after, limit| bench.store.payments_of(&order, payee, after, limit).await.expect("a store");
    assert_eq!(of(Some(&acme), (0, 0), 9).await, [paid(OTHERS + 1), paid(OTHERS + 2)]);
    assert_eq!(of(Some(&acme), (1, 1_101), 9).await, [paid(OTHERS + 2)]);
    assert_eq!(of(Some(&acme), (2, 0), 9).await, []);
    assert_eq!(of(None, (0, 0), 2).await, [theirs(1), theirs(2)]);
    assert_eq!(of(None, (1, 1_099), 9).await, [theirs(OTHERS), paid(OTHERS + 1), paid(OTHERS + 2)]);
    assert_eq!(of(Some(&brian()), (0, 0), 9).await, [], "the payer is no payee");
}

pub async fn a_setting_replaces_the_one_of_its_name(kind: Kind) {
    let bench = Bench::new(kind);
    let setting =
        |name: &str, value: &str| Setting { topic: "rate".to_owned(), name: name.to_owned(), value: value.to_owned() };
    for (name, value) in [("usd", "1"), ("eur", "2"), ("usd", "3")] {
        assert_eq!(bench.commit([Change::Set(setting(name, value))]).await, Ok(()));
    }
    assert_eq!(bench.store.settings().await, Ok(vec![setting("eur", "2"), setting("usd", "3")]));
    assert_eq!(bench.commit([Change::Unset("rate".to_owned(), "eur".to_owned())]).await, Ok(()));
    assert_eq!(
        bench.commit([Change::Unset("rate".to_owned(), "chf".to_owned())]).await,
        Ok(()),
        "nothing to take back"
    );
    assert_eq!(bench.store.settings().await, Ok(vec![setting("usd", "3")]));
}

pub async fn of_many_at_once_each_stands_or_falls_alone(kind: Kind) {
    let bench = Arc::new(Bench::with_session(kind).await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let bench = bench.clone();
        tasks.spawn(async move { bench.commit([spend("usd 1.00")]).await.is_ok() });
    }
    let done = tasks.join_all().await.into_iter().filter(|done| *done).count();
    assert_eq!(done, 70, "as often as the session holds a dollar");
    assert_eq!(bench.session(1).await.current, money("usd 0.00"));
}

pub async fn the_journal_is_a_chain_of_what_applied(kind: Kind) {
    let bench = Bench::new(kind);
    let container = Account::Container(brian(), value("usd"));
    let (load, unload) =
        ((Account::Agency(value("usd")), container.clone()), (container, Account::Agency(value("usd"))));
    bench.commit([Change::Register(Box::new(persona()))]).await.expect("a persona");
    bench.commit([entry(load.0.clone(), load.1.clone(), "usd 9.00"), log(1)]).await.expect("a load");
    let too_much = bench.commit([entry(unload.0.clone(), unload.1.clone(), "usd 5.00"), log(1)]).await;
    assert_eq!(too_much, Err(Conflict::LogKeyUsed));
    bench.commit([entry(unload.0, unload.1, "usd 4.00"), entry(load.0, load.1, "usd 1.00")]).await.expect("more");
    let findings = server_stub::audit::audit(&*bench.store).await.expect("a store");
    assert_eq!(findings.lies, []);
    assert_eq!(findings.heads.iter().map(|head| head.number).sum::<u64>(), 3);
}
