//! Settling at the till: sessions are closed, and what they earned goes to the bank account.

mod stage;

use merchant_widget::till::conversation::AnswerFault;
use merchant_widget::till::record::{Instrument, LogStatus, Pending};
use merchant_widget::till::session::{SessionLimits, refused};
use merchant_widget::till::settlement::{close, closed, not_closed, not_unloaded, unload, unloaded};
use merchant_widget::till::{Change, ChangeSet};
use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::exchange::OpenedRequest;
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::outcome::{Problem, ResponseCode};
use protocol::suite::X25519Opener;
use protocol::value::{Index, Num};

use stage::{Stage, usd};

fn stage() -> (Stage, X25519Opener) {
    let (mut stage, server) = (Stage::of(Protocol::V2), X25519Opener::of_bytes(&[1; 32]).expect("a key"));
    stage.persona.server_key.public = server.public_key().expect("its public half");
    (stage, server)
}

fn is_done(changes: &ChangeSet, pending: &Pending) -> bool {
    changes.0.iter().any(|change| matches!(change, Change::DeletePending(number) if *number == pending.transaction))
}

#[test]
fn a_settlement_is_asked_for_answered_and_kept() {
    let (mut stage, server) = stage();
    let recurring = [("instrument-number", "059013218175654"), ("instrument-salt", "AwMDAwMDAwM=")];
    let recurring = recurring.map(|(label, value)| (label.to_owned(), value.to_owned())).to_vec();
    let instrument = Instrument { number: "059013218175654".to_owned(), status: "enabled".to_owned(), recurring };
    let persona = stage.persona.clone();
    let asked = unload(&persona, &instrument, usd("42.50"), &mut stage.moment());
    let (_, pending, settlement) = asked.expect("a request");
    let mut reply = |response_code, problem: Option<Problem>| {
        let sent = pending.message().expect("a message");
        let envelope = Envelope::parse(sent.text.as_bytes()).expect("a message");
        let opened = OpenedRequest::open(&envelope, |_, _| Some(&server)).expect("a request that opens");
        let body: LoadUnload = opened.body().expect("an LU1");
        assert_eq!(body.amount.0, usd("42.50").negated(), "out of the container");
        let response = LoadUnloadResponse {
            server_date: stage.now,
            amount: Some(body.amount),
            response_code,
            problem,
            message: None,
            swseverity: None,
            swmessage: None,
            fee: None,
            balance: Some(usd("7.50")),
            session_funds: None,
            on_hold: None,
        };
        opened.reply(&response, &mut stage.rng).expect("a reply")
    };
    let (done, refusal) =
        (reply(ResponseCode::Success, None), reply(ResponseCode::Failure, Some(Problem::FUNDS_INSUFFICIENT)));
    let later = stage.now.plus_secs(5);
    let (changes, kept) = unloaded(&settlement, &pending, done.as_bytes(), later).expect("a success");
    assert_eq!((kept.status, kept.balance, kept.done), (LogStatus::Success, Some(usd("7.50")), Some(later)));
    assert!(is_done(&changes, &pending));

    let fault = unloaded(&settlement, &pending, refusal.as_bytes(), later).expect_err("a refusal");
    let changes = not_unloaded(&settlement, &pending, &fault, later);
    let Some(Change::PutSettlement(kept)) = changes.0.first() else { panic!("a settlement") };
    assert_eq!((kept.status, kept.done), (LogStatus::Failure, Some(later)));
    assert_eq!(kept.result, Some(Problem::FUNDS_INSUFFICIENT));
    assert!(is_done(&changes, &pending));
}

#[test]
fn a_session_is_closed_by_an_answer_of_the_server_alone() {
    let (mut stage, _) = stage();
    let (persona, session) = (stage.persona.clone(), stage.session.clone());
    let (changes, pending) = close(&persona, &session, &mut stage.moment()).expect("a request");
    let is_over = |change: &Change| matches!(change, Change::PutSession(session) if session.closed == Some(stage.now));
    assert!(changes.0.iter().any(is_over) && !is_done(&changes, &pending));
    assert!(closed(&pending, b"HTTP 200").is_err());
    assert!(is_done(&not_closed(&pending), &pending));
}

#[test]
fn a_session_that_is_not_opened_is_logged_with_the_reason() {
    let (mut stage, _) = stage();
    let (persona, session) = (stage.persona.clone(), stage.session.clone());
    let (_, pending) = close(&persona, &session, &mut stage.moment()).expect("a request");
    let limits = SessionLimits { minutes: Num::of(60).expect("minutes"), uses: Index::of(9).expect("uses") };
    let reasons = [
        (AnswerFault::Refused { problem: Problem::LIMIT_EXCEEDED, message: None }, Some(Problem::LIMIT_EXCEEDED)),
        (AnswerFault::Later(Problem::BUSY), Some(Problem::BUSY)),
        (AnswerFault::Lacks("session-id"), None),
    ];
    for (fault, reason) in reasons {
        let changes = refused(&pending, &fault, &limits);
        let Some(Change::PutOpening(log)) = changes.0.first() else { panic!("an opening") };
        assert_eq!((log.status, log.transaction, &log.result), (LogStatus::Failure, pending.transaction, &reason));
        assert!(is_done(&changes, &pending));
    }
}
