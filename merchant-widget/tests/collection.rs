//! Payments at the till, with both suites: what is refused at once, what goes out, and what comes of it.

mod stage;

use merchant_widget::till::collection::{ConcludeFault, Concluded, Underway, conclude, fitting};
use merchant_widget::till::order::cancel;
use merchant_widget::till::payment::{Examined, examine, name_of, not_of_its_form, undecided};
use merchant_widget::till::record::{Flag, LogStatus, Order, Status};
use protocol::Protocol;
use protocol::collect::{PayerReceiptFault, read_payer_receipt};
use protocol::envelope::Envelope;
use protocol::exchange::write_error;
use protocol::message::ErrorMessage;
use protocol::message::payment::{NoteHash, PaymentReceipt};
use protocol::money::Currency;
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{Index, Reading, SessionId, Token, Value as _};

use stage::{Stage, batches, logs, orders, received, sessions, usd};

fn both(test: impl Fn(Stage)) {
    for protocol in Protocol::ALL {
        test(Stage::of(protocol));
    }
}

/// The problem of an `error` message.
fn problem(text: &str) -> String {
    let envelope = Envelope::parse(text.as_bytes()).expect("a message");
    assert_eq!(envelope.pairs.get("type"), Some("error"));
    envelope.pairs.get("problem").expect("a problem").to_owned()
}

fn refused(stage: &Stage, ca1: &str, order: Option<&Order>) -> String {
    let addressed = received(ca1).payment.order_id;
    match examine(&received(ca1), &addressed, &stage.persona, order, None, stage.now) {
        Examined::Answer(text) => problem(&text),
        other => panic!("not refused: {other:?}"),
    }
}

/// Merchant 300 offers; the shopper's wallet sends CA1; the till collects; the server pays; the wallet reads CA4.
#[test]
fn an_order_is_paid() {
    both(|mut stage| {
        let order = stage.order("42.50", "1 pair Rocket Shoes\nTotal $42.50");
        assert_eq!(order.status(stage.now), Status::Open);
        let claim = stage.claim(&order, 1);
        let examined = examine(&claim.received, &order.id, &stage.persona, Some(&order), None, stage.now);
        assert_eq!(examined, Examined::Collect);

        let underway = stage.underway(&[claim]);
        assert!(underway.entries[0].1.collecting, "the order is being paid");
        let ca3 = stage.ca3(&underway.batch, |_| Ok(()));
        let Concluded::Decided(changes, answers) = conclude(&underway, ca3.as_bytes(), stage.now).expect("verdicts")
        else {
            panic!("the session is not over")
        };
        assert_eq!(orders(&changes)[0].status(stage.now), Status::Paid);
        assert_eq!(logs(&changes)[0].credited, Some(usd("42.50")));
        assert_eq!(sessions(&changes)[0].current, usd("42.50"));

        let payment = received(&underway.entries[0].0.ca1).payment;
        let receipt = read_payer_receipt(answers[0].1.as_bytes(), stage.protocol, &stage.payer, &payment);
        assert_eq!(receipt.expect("a CA4").response_code, ResponseCode::Success);

        // The replay gets the same bytes; another payment of the same order is refused.
        let (paid, log) = (&orders(&changes)[0], &logs(&changes)[0]);
        let again = received(&log.ca1);
        let examined = examine(&again, &order.id, &stage.persona, Some(paid), Some(log), stage.now);
        assert_eq!(examined, Examined::Answer(answers[0].1.clone()));
        let other = stage.ca1(&order, 2, |_| ());
        assert_eq!(refused(&stage, &other, Some(paid)), "transaction-reused");
    });
}

/// A disk may report a write as failed that has happened: the CA2 is sent again then, and its CA3 is read again.
#[test]
fn a_receipt_that_is_booked_is_not_counted_again() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claim = stage.claim(&order, 1);
        let underway = stage.underway(&[claim]);
        let ca3 = stage.ca3(&underway.batch, |_| Ok(()));
        let decided = |underway: &Underway| match conclude(underway, ca3.as_bytes(), stage.now) {
            Ok(Concluded::Decided(changes, answers)) => (changes, answers),
            other => panic!("{other:?}"),
        };
        let (changes, answers) = decided(&underway);
        let booked = Underway {
            session: sessions(&changes)[0].clone(),
            entries: vec![(logs(&changes)[0].clone(), orders(&changes)[0].clone())],
            ..underway
        };
        let (changes, again) = decided(&booked);
        assert_eq!(sessions(&changes)[0].current, usd("42.50"), "what the session took in is counted once");
        assert!(orders(&changes).is_empty() && logs(&changes).is_empty(), "what is booked stays as it is");
        assert_eq!(again, answers, "the wallets are told the same");
    });
}

#[test]
fn what_a_payment_is_for_is_checked_at_the_till() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let stranger = PersonaId::of(&RequestedId::parse("mallory", Reading::STRICT).expect("a name"));
        let foreign_payee = stage.ca1(&order, 1, |payment| payment.payee_id = stranger);
        assert_eq!(refused(&stage, &foreign_payee, Some(&order)), "payee-mismatch");

        let eur = Currency::of("eur").expect("a currency");
        let swapped_currency = stage.ca1(&order, 1, |payment| payment.payee_currency = eur);
        assert_eq!(refused(&stage, &swapped_currency, Some(&order)), "amount-mismatch");

        let altered = NoteHash::of(vec![7; order.note_hash.as_slice().len()]).expect("a hash");
        let altered_note = stage.ca1(&order, 1, |payment| payment.note_hash = altered);
        assert_eq!(refused(&stage, &altered_note, Some(&order)), "form");

        let fair = stage.ca1(&order, 1, |_| ());
        assert_eq!(refused(&stage, &fair, None), "form", "an order that is not there");
        let other = stage.order("1.00", "Laces");
        let examined = examine(&received(&fair), &other.id, &stage.persona, Some(&order), None, stage.now);
        assert!(matches!(examined, Examined::Answer(_)), "the address of another order");
        let collecting = Order { collecting: true, ..order.clone() };
        assert_eq!(refused(&stage, &fair, Some(&collecting)), "busy");
    });
}

#[test]
fn what_is_not_decided_or_cannot_be_read_is_answered_in_the_protocol_it_came_in() {
    for protocol in Protocol::ALL {
        for (text, named) in [(undecided(protocol), "busy"), (not_of_its_form(protocol), "form")] {
            assert_eq!(Envelope::parse(text.as_bytes()).map(|envelope| envelope.protocol), Ok(protocol));
            assert_eq!(problem(&text), named);
        }
    }
}

#[test]
fn what_is_sealed_in_a_payment_has_a_limit() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        for (bytes, refused) in [(2_048, false), (2_049, true)] {
            let mut received = received(&stage.ca1(&order, 1, |_| ()));
            received.opaque = vec![7; bytes];
            let examined = examine(&received, &order.id, &stage.persona, Some(&order), None, stage.now);
            assert_eq!(matches!(examined, Examined::Answer(_)), refused, "{bytes} bytes");
        }
    });
}

#[test]
fn an_order_that_is_over_takes_no_payment() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let ca1 = stage.ca1(&order, 1, |_| ());
        let changes = cancel(&order, stage.now).expect("an open order can be taken back");
        assert_eq!(refused(&stage, &ca1, Some(&orders(&changes)[0])), "service-disabled");

        let collecting = Order { collecting: true, ..order.clone() };
        assert_eq!(cancel(&collecting, stage.now).err(), Some(Status::Open), "not while a payment is on its way");

        stage.now = order.expires.plus_secs(1);
        assert_eq!(order.status(stage.now), Status::Expired);
        assert_eq!(refused(&stage, &ca1, Some(&order)), "service-disabled");
        assert_eq!(collecting.status(stage.now), Status::Open, "what came in time is decided");
    });
}

#[test]
fn another_protocol_is_answered_in_ours() {
    let (modern, mut classic) = (Stage::of(Protocol::V2), Stage::of(Protocol::V1));
    let order = classic.order("42.50", "Rocket Shoes");
    let ca1 = classic.ca1(&order, 1, |_| ());
    assert_eq!(refused(&modern, &ca1, Some(&order)), "protocol-unsupported");
}

/// Each payment stands or falls alone.
#[test]
fn a_refused_payment_leaves_its_order_open_to_another() {
    both(|mut stage| {
        let (shoes, laces) = (stage.order("42.50", "Rocket Shoes"), stage.order("2.00", "Laces"));
        let claims = [stage.claim(&shoes, 1), stage.claim(&laces, 2)];
        let underway = stage.underway(&claims);
        let ca3 = stage.ca3(&underway.batch, |n| if n == 0 { Err(Problem::FUNDS_INSUFFICIENT) } else { Ok(()) });
        let Ok(Concluded::Decided(changes, answers)) = conclude(&underway, ca3.as_bytes(), stage.now) else {
            panic!("verdicts")
        };
        let after = orders(&changes);
        assert_eq!(after[0].flag, Flag::NotPaid(Problem::FUNDS_INSUFFICIENT));
        assert_eq!((after[0].status(stage.now), after[1].status(stage.now)), (Status::Failed, Status::Paid));
        assert_eq!(sessions(&changes)[0].current, usd("2.00"));

        // The payer learns why from the server, not from the merchant.
        let payment = received(&claims[0].ca1).payment;
        let receipt = read_payer_receipt(answers[0].1.as_bytes(), stage.protocol, &stage.payer, &payment);
        assert_eq!(receipt.expect("a CA4").problem, Some(Problem::FUNDS_INSUFFICIENT));

        let another = stage.ca1(&shoes, 3, |_| ());
        let examined = examine(&received(&another), &shoes.id, &stage.persona, Some(&after[0]), None, stage.now);
        assert_eq!(examined, Examined::Collect);
    });
}

#[test]
fn a_payer_the_server_does_not_know_gets_an_error() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let underway = {
            let claim = stage.claim(&order, 1);
            stage.underway(&[claim])
        };
        let ca3 = stage.ca3(&underway.batch, |_| Err(Problem::SESSION_UNKNOWN));
        let Ok(Concluded::Decided(_, answers)) = conclude(&underway, ca3.as_bytes(), stage.now) else {
            panic!("verdicts")
        };
        let payment = received(&underway.entries[0].0.ca1).payment;
        let receipt = read_payer_receipt(answers[0].1.as_bytes(), stage.protocol, &stage.payer, &payment);
        assert!(matches!(receipt, Err(PayerReceiptFault::Refused(error)) if error.problem == Problem::SESSION_UNKNOWN));
    });
}

/// A payment that the server could not decide is collected anew when its wallet asks again.
#[test]
fn an_undecided_payment_may_come_again() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claim = stage.claim(&order, 1);
        let underway = stage.underway(&[claim]);
        let ca3 = stage.ca3(&underway.batch, |_| Err(Problem::BUSY));
        let Ok(Concluded::Decided(changes, _)) = conclude(&underway, ca3.as_bytes(), stage.now) else {
            panic!("verdicts")
        };
        let (order, log) = (&orders(&changes)[0], &logs(&changes)[0]);
        assert_eq!((order.status(stage.now), log.status), (Status::Open, LogStatus::Retry));
        let examined = examine(&received(&log.ca1), &order.id, &stage.persona, Some(order), Some(log), stage.now);
        assert_eq!(examined, Examined::Collect);
    });
}

#[test]
fn a_session_that_is_over_is_left_and_its_payments_go_out_again() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claim = stage.claim(&order, 1);
        let underway = stage.underway(&[claim]);
        let ca3 = stage.failed_ca3(&underway.batch, Problem::SESSION_EXPIRED);
        let Ok(Concluded::SessionOver(changes)) = conclude(&underway, ca3.as_bytes(), stage.now) else {
            panic!("the session is over")
        };
        assert_eq!(sessions(&changes)[0].closed, Some(stage.now));
        assert_eq!((orders(&changes)[0].collecting, logs(&changes)[0].status), (false, LogStatus::Retry));

        // The server does not know the session at all: nothing authenticates that, but collecting again is harmless.
        let error = write_error(stage.protocol, None, &ErrorMessage::of(Problem::SESSION_UNKNOWN));
        let concluded = conclude(&underway, error.as_bytes(), stage.now);
        assert!(matches!(concluded, Ok(Concluded::SessionOver(_))));
    });
}

#[test]
fn a_payment_is_not_tried_for_ever() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claim = stage.claim(&order, 1);
        let mut underway = stage.underway(&[claim]);
        underway.entries[0].0.attempts = 5;
        let ca3 = stage.failed_ca3(&underway.batch, Problem::SESSION_EXPIRED);
        let Ok(Concluded::Decided(changes, answers)) = conclude(&underway, ca3.as_bytes(), stage.now) else {
            panic!("given up")
        };
        assert_eq!(problem(&answers[0].1), "session-expired");
        assert_eq!(orders(&changes)[0].flag, Flag::NotPaid(Problem::SESSION_EXPIRED));
    });
}

/// What is not authentic decides nothing: the same CA2 is sent again.
#[test]
fn only_the_server_decides() {
    both(|mut stage| {
        let (order, other) = (stage.order("42.50", "Rocket Shoes"), stage.order("42.50", "Rocket Shoes"));
        let claims = [stage.claim(&order, 1), stage.claim(&other, 2)];
        let first = stage.underway(&claims[..1]);
        let second = stage.underway(&claims[1..]);
        let error = write_error(stage.protocol, None, &ErrorMessage::of(Problem::AMOUNT_MISMATCH));
        let foreign = stage.ca3(&second.batch, |_| Ok(()));
        let busy = stage.failed_ca3(&first.batch, Problem::BUSY);
        for reply in [error.as_str(), foreign.as_str(), "", "HTTP 200"] {
            assert!(matches!(conclude(&first, reply.as_bytes(), stage.now), Err(ConcludeFault::Receipt(_))), "{reply}");
        }
        let later = conclude(&first, busy.as_bytes(), stage.now).expect_err("nothing is decided");
        assert_eq!(later, ConcludeFault::Later(Problem::BUSY));
        let good = stage.ca3(&first.batch, |_| Ok(()));
        let exchanged = merchant_widget::till::collection::Underway { entries: second.entries, ..first };
        let fault = conclude(&exchanged, good.as_bytes(), stage.now).expect_err("verdicts on other payments");
        assert_eq!(fault, ConcludeFault::OtherPayments);
    });
}

#[test]
fn an_order_is_paid_by_its_whole_price_alone() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claims = [stage.claim(&order, 1)];
        let underway = stage.underway(&claims);
        for (credited, flag, paid) in [
            ("42.50", Flag::Paid, Some(stage.now)),
            ("42.49", Flag::NotPaid(Problem::AMOUNT_MISMATCH), None),
            ("42.51", Flag::NotPaid(Problem::AMOUNT_MISMATCH), None),
        ] {
            let change = |receipt: &mut PaymentReceipt| receipt.collected_amount = Some(usd(credited));
            let ca3 = stage.changed_ca3(&underway.batch, |_| Ok(()), change);
            let concluded = conclude(&underway, ca3.as_bytes(), stage.now).expect("a CA3");
            let Concluded::Decided(changes, _) = concluded else { panic!("decided") };
            let order = orders(&changes).remove(0);
            assert_eq!((order.flag, order.paid, order.collecting), (flag, paid, false), "{credited}");
            assert_eq!(sessions(&changes)[0].current, usd(credited), "what was collected is counted all the same");
        }
    });
}

#[test]
fn a_verdict_names_its_payment_in_every_part() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claims = [stage.claim(&order, 1)];
        let underway = stage.underway(&claims);
        let changes: [fn(&mut PaymentReceipt); 3] = [
            |receipt| receipt.payer_session_id = SessionId::of_number(6),
            |receipt| receipt.payer_index = Index::of(2).expect("an index"),
            |receipt| receipt.order_id = Token::of("another").expect("a token"),
        ];
        for change in changes {
            let ca3 = stage.changed_ca3(&underway.batch, |_| Ok(()), change);
            let fault = conclude(&underway, ca3.as_bytes(), stage.now).expect_err("another payment");
            assert_eq!(fault, ConcludeFault::OtherPayments);
        }
    });
}

#[test]
fn the_fee_stands_with_the_first_payment_and_the_batch_is_answered() {
    both(|mut stage| {
        let (order, other) = (stage.order("42.50", "Rocket Shoes"), stage.order("1.00", "A lace"));
        let claims = [stage.claim(&order, 1), stage.claim(&other, 2)];
        let underway = stage.underway(&claims);
        let ca3 = stage.ca3(&underway.batch, |_| Ok(()));
        let concluded = conclude(&underway, ca3.as_bytes(), stage.now).expect("a CA3");
        let Concluded::Decided(changes, _) = concluded else { panic!("decided") };
        assert_eq!(logs(&changes).into_iter().map(|log| log.fee).collect::<Vec<_>>(), [Some(usd("0.00")), None]);
        assert!(batches(&changes).iter().all(|batch| batch.answered) && batches(&changes).len() == 1);
    });
}

#[test]
fn a_collection_that_fails_for_another_reason_leaves_the_session_open() {
    both(|mut stage| {
        let order = stage.order("42.50", "Rocket Shoes");
        let claims = [stage.claim(&order, 1)];
        let underway = stage.underway(&claims);
        let ca3 = stage.failed_ca3(&underway.batch, Problem::SERVICE_DISABLED);
        let concluded = conclude(&underway, ca3.as_bytes(), stage.now).expect("a CA3");
        let Concluded::Decided(changes, answers) = concluded else { panic!("decided") };
        assert_eq!(sessions(&changes), []);
        assert_eq!(orders(&changes)[0].flag, Flag::NotPaid(Problem::SERVICE_DISABLED));
        let log = logs(&changes).remove(0);
        assert_eq!((log.status, log.result), (LogStatus::Failure, Some(Problem::SERVICE_DISABLED)));
        assert_eq!(log.answer.as_ref(), Some(&answers[0].1), "what is told again");
        assert_eq!(problem(&answers[0].1), "service-disabled");
    });
}

#[test]
fn a_batch_holds_one_currency_one_payment_an_order_and_255_payments() {
    let mut stage = Stage::of(Protocol::V2);
    let order = stage.order("1.00", "Laces");
    let mut claims: Vec<_> = (1..=3).map(|index| stage.claim(&order, index)).collect();
    let mut yen = stage.claim(&order, 4);
    yen.order.id = protocol::value::OrderId::of("YEN").expect("an id");
    yen.order.amount.currency = Currency::of("jpy").expect("a currency");
    claims.push(yen);
    let (now, later) = fitting(claims);
    assert_eq!((now.len(), later.len()), (1, 3));

    let template = stage.claim(&order, 5);
    let many = (0..300).map(|n| {
        let mut claim = template.clone();
        claim.order.id = protocol::value::OrderId::of(&format!("N{n}")).expect("an id");
        claim
    });
    let (now, later) = fitting(many.collect());
    assert_eq!((now.len(), later.len()), (255, 45));
    assert_eq!(fitting(Vec::new()).0.len(), 0);
}

/// Whatever strangers seal into their CA1s, the CA2 that carries them can be sent.
#[test]
fn the_largest_batch_is_a_message() {
    both(|mut stage| {
        let order = stage.order("1.00", "Laces");
        let template = stage.claim(&order, 65_535);
        let claims: Vec<_> = (0..255)
            .map(|n| {
                let mut claim = template.clone();
                claim.order.id = protocol::value::OrderId::of(&format!("{n:064}")).expect("an id");
                claim.received.opaque = vec![0xFF; 2048];
                claim
            })
            .collect();
        let size = stage.underway(&claims).batch.ca2.len();
        assert!(size <= protocol::envelope::MAX_MESSAGE_BYTES, "{size} bytes");

        let mut long = template.received;
        long.opaque = vec![0xFF; 2049];
        let examined = examine(&long, &order.id, &stage.persona, Some(&order), None, stage.now);
        assert!(matches!(examined, Examined::Answer(text) if problem(&text) == "form"));
    });
}

#[test]
fn payments_have_different_names() {
    let mut stage = Stage::of(Protocol::V2);
    let order = stage.order("1.00", "Laces");
    let (first, second) = (stage.ca1(&order, 1, |_| ()), stage.ca1(&order, 1, |_| ()));
    assert_eq!(name_of(&received(&first)), name_of(&received(&first)));
    assert_ne!(name_of(&received(&first)), name_of(&received(&second)), "sealed anew, it is another CA1");
}
