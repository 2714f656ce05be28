//! Refunds at the till: what may be given back, and what comes of it.

mod stage;

use merchant_widget::till::conversation::AnswerFault;
use merchant_widget::till::record::{CollectionLog, Flag, LogStatus, Order, Pending};
use merchant_widget::till::refund::{NewRefund, RefundFault, RefundLog, again, begin, concluded, left, refused};
use merchant_widget::till::{Change, ChangeSet};
use protocol::Protocol;
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::exchange::OpenedRequest;
use protocol::message::refund::{RefundPayment, RefundResponse};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::suite::X25519Opener;
use protocol::value::{Reading, Value as _};

use stage::{Stage, logs, usd};

/// A paid order of $42.50, and the server that it was paid at.
struct Paid {
    stage: Stage,
    server: X25519Opener,
    order: Order,
    collected: CollectionLog,
}

impl Paid {
    fn new() -> Self {
        let mut stage = Stage::of(Protocol::V2);
        let server = X25519Opener::of_bytes(&[1; 32]).expect("a key");
        stage.persona.server_key.public = server.public_key().expect("its public half");
        let order = stage.order("42.50", "Rocket Shoes");
        let claim = stage.claim(&order, 1);
        let log = stage.underway(&[claim]).entries.remove(0).0;
        let order = Order { flag: Flag::Paid, ..order };
        Self { stage, server, order, collected: CollectionLog { status: LogStatus::Success, ..log } }
    }

    fn begin(
        &mut self,
        amount: Option<Money>,
        earlier: &[RefundLog],
    ) -> Result<(ChangeSet, Pending, RefundLog), RefundFault> {
        let (persona, new) = (self.stage.persona.clone(), NewRefund { amount, note: None });
        begin(&persona, &self.order, &self.collected, earlier, &new, &mut self.stage.moment())
    }

    fn fault(&mut self, amount: Option<&str>, earlier: &[RefundLog]) -> Option<RefundFault> {
        self.begin(amount.map(usd), earlier).err()
    }

    /// What the server reads, and RF2 as it answers.
    fn answer(&mut self, pending: &Pending, change: impl FnOnce(&mut RefundResponse)) -> (RefundPayment, String) {
        let sent = pending.message().expect("a message");
        let envelope = Envelope::parse(sent.text.as_bytes()).expect("a message");
        let opened = OpenedRequest::open(&envelope, |_, _| Some(&self.server)).expect("a request that opens");
        let body: RefundPayment = opened.body().expect("an RF1");
        opened.verify::<RefundPayment>(&self.stage.persona.public_key).expect("the merchant's signature");
        let mut response = RefundResponse {
            server_date: self.stage.now,
            response_code: ResponseCode::Success,
            problem: None,
            swseverity: None,
            swmessage: None,
            message: None,
            fee: None,
            amount: body.amount,
            returned_amount: body.amount,
            refundable: None,
            balance: None,
        };
        change(&mut response);
        (body, opened.reply(&response, &mut self.stage.rng).expect("a reply"))
    }
}

/// The refund that a change set keeps, and whether its request is done with.
fn kept(changes: &ChangeSet, pending: &Pending) -> (RefundLog, bool) {
    let log = changes.0.iter().find_map(|change| if let Change::PutRefund(log) = change { Some(log) } else { None });
    let done = changes.0.iter().any(|change| matches!(change, Change::DeletePending(n) if *n == pending.transaction));
    (log.expect("a refund").clone(), done)
}

#[test]
fn what_is_left_of_an_order_is_what_no_refund_has_or_may_have_taken() {
    let mut paid = Paid::new();
    let (.., log) = paid.begin(Some(usd("10.00")), &[]).expect("a refund");
    for (status, expected) in [
        (LogStatus::Attempt, "32.50"),
        (LogStatus::Retry, "32.50"),
        (LogStatus::Success, "32.50"),
        (LogStatus::Failure, "42.50"),
    ] {
        assert_eq!(left(&paid.order, &[RefundLog { status, ..log.clone() }]), usd(expected), "{status:?}");
    }
}

#[test]
fn only_what_was_paid_is_given_back() {
    let mut paid = Paid::new();
    let (.., ten) = paid.begin(Some(usd("10.00")), &[]).expect("a refund");
    assert_eq!(paid.fault(Some("42.51"), &[]), Some(RefundFault::TooMuch(usd("42.50"))));
    assert_eq!(paid.fault(Some("32.51"), std::slice::from_ref(&ten)), Some(RefundFault::TooMuch(usd("32.50"))));
    assert_eq!(paid.fault(Some("32.50"), std::slice::from_ref(&ten)), None);
    assert_eq!(paid.fault(Some("0.00"), &[]), Some(RefundFault::Amount));
    let negative = Money::new(usd("1.00").currency, -1);
    assert_eq!(paid.begin(Some(negative), &[]).err(), Some(RefundFault::Amount));
    let abroad = Money::parse("cad 1.00", Reading::STRICT);
    assert_eq!(paid.begin(abroad, &[]).err(), Some(RefundFault::Amount));
    let (.., all) = paid.begin(None, std::slice::from_ref(&ten)).expect("a refund");
    assert_eq!(all.amount, usd("32.50"), "all that is left");
    for nothing in [None, Some("0.01")] {
        let fault = paid.fault(nothing, &[ten.clone(), all.clone()]);
        assert_eq!(fault, Some(RefundFault::TooMuch(usd("0.00"))), "{nothing:?}");
    }
}

#[test]
fn an_order_that_is_not_paid_has_no_refund() {
    let mut paid = Paid::new();
    paid.order.flag = Flag::Pending;
    assert_eq!(paid.fault(None, &[]), Some(RefundFault::NotPaid));
    paid.order.flag = Flag::Paid;
    paid.collected.status = LogStatus::Failure;
    assert_eq!(paid.fault(None, &[]), Some(RefundFault::NotPaid));
    paid.collected.status = LogStatus::Success;
    assert_eq!(paid.fault(None, &[]), None);
    paid.stage.persona.protocol = Protocol::V1;
    assert_eq!(paid.fault(None, &[]), Some(RefundFault::OldProtocol));
}

#[test]
fn a_refund_is_asked_for_answered_and_kept() {
    let mut paid = Paid::new();
    let (changes, pending, log) = paid.begin(Some(usd("10.00")), &[]).expect("a refund");
    assert_eq!((log.status, log.transaction, log.asked), (LogStatus::Attempt, pending.transaction, paid.stage.now));
    assert_eq!(kept(&changes, &pending), (log.clone(), false));
    let ours = |change: &Change| matches!(change, Change::PutOrder(order) if *order == paid.order);
    assert!(changes.0.iter().any(ours), "two refunds at once meet at their order");

    let shown = format!("{pending:?}");
    assert!(shown.starts_with("Pending") && !shown.contains("request"), "what opens the reply is not shown: {shown}");

    let (asked, reply) = paid.answer(&pending, |_| ());
    assert_eq!((asked.amount, asked.order_id), (Some(usd("10.00")), paid.order.id.clone()));
    assert_eq!(
        (asked.payer_session_id, asked.payer_index),
        (paid.collected.customer_session.clone(), paid.collected.customer_index)
    );
    let later = paid.stage.now.plus_secs(5);
    let (changes, done) = concluded(&log, &pending, reply.as_bytes(), later).expect("a success");
    let expected =
        RefundLog { status: LogStatus::Success, returned: Some(usd("10.00")), done: Some(later), ..log.clone() };
    assert_eq!((&done, kept(&changes, &pending)), (&expected, (expected.clone(), true)));
    let after_a_refusal = RefundLog { status: LogStatus::Retry, result: Some(Problem::BUSY), ..log };
    assert_eq!(concluded(&after_a_refusal, &pending, reply.as_bytes(), later).expect("a success").1, expected);

    let (_, reply) = paid.answer(&pending, |response| response.returned_amount = None);
    let lacks = concluded(&expected, &pending, reply.as_bytes(), later).err();
    assert!(matches!(lacks, Some(AnswerFault::Lacks("returned-amount"))), "{lacks:?}");
}

#[test]
fn a_refusal_ends_a_refund_unless_it_is_not_about_it() {
    let mut paid = Paid::new();
    let (_, pending, log) = paid.begin(None, &[]).expect("a refund");
    let later = Date::from_millis(paid.stage.now.millis() + 7);
    let mut refusal = |response_code, problem: Problem| {
        let (_, reply) = paid.answer(&pending, |response| {
            (response.response_code, response.problem) = (response_code, Some(problem));
        });
        concluded(&log, &pending, reply.as_bytes(), later).expect_err("a refusal")
    };
    let fault = refusal(ResponseCode::Failure, Problem::FUNDS_INSUFFICIENT);
    assert!(!fault.is_stale() && !fault.is_passing());
    let (ended, done) = kept(&refused(&log, &pending, &fault, later), &pending);
    assert_eq!(
        (ended.status, ended.result, ended.done),
        (LogStatus::Failure, Some(Problem::FUNDS_INSUFFICIENT), Some(later))
    );
    assert!(done);

    let fault = refusal(ResponseCode::Retry, Problem::BUSY);
    assert!(fault.is_passing() && fault.problem() == Some(&Problem::BUSY), "the same bytes again");

    let fault = refusal(ResponseCode::Failure, Problem::CLOCK_SKEW);
    assert!(fault.is_stale() && !fault.is_passing() && fault.problem() == Some(&Problem::CLOCK_SKEW));
    let (stale, done) = kept(&refused(&log, &pending, &fault, later), &pending);
    assert_eq!((stale.status, stale.result.as_ref(), stale.done, done), (LogStatus::Retry, None, None, true));
    let fault = refusal(ResponseCode::Failure, Problem::SERVERKEY_UNKNOWN);
    assert_eq!(kept(&refused(&log, &pending, &fault, later), &pending).0.status, LogStatus::Retry);

    let persona = paid.stage.persona.clone();
    let (changes, next, asked) = again(&persona, &stale, &paid.collected, &mut paid.stage.moment()).expect("a request");
    assert!(next.transaction != pending.transaction);
    assert_eq!((asked.status, asked.transaction), (LogStatus::Attempt, next.transaction));
    assert_eq!((kept(&changes, &next), logs(&changes).len()), ((asked, false), 0));
}
