//! What the tests of the till share: a merchant with a session, a payer with another, and a server that says what the test
//! wants it to say.

#![allow(dead_code, reason = "each test file uses a part")]

use merchant_widget::till::change::Version;
use merchant_widget::till::collection::{Claim, Underway, assemble};
use merchant_widget::till::order::{Links, NewOrder, Returns, place};
use merchant_widget::till::record::{Batch, CollectionLog, Order, Persona, SalesSession};
use merchant_widget::till::{Change, ChangeSet, Moment};
use protocol::Protocol;
use protocol::collect::{
    Collection, CustomerPart, OpenCollection, ReceivedPayment, Verdicts, write_payment, write_receipts,
};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::keys::{PublicKey, ServerKey};
use protocol::message::offer::Note;
use protocol::message::payment::{BatchReceipt, PayerReceipt, Payment, PaymentReceipt};
use protocol::money::Money;
use protocol::outcome::{Problem, ResponseCode};
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::value::{Index, Num, Reading, SessionId, Token, Value as _, Version1};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// Noon.
pub const NOW: i64 = 1_795_262_400_000;
/// Where the shop is.
pub const SHOP: &str = "https://shop.example";

/// A merchant, a payer, and the random numbers of both.
pub struct Stage {
    pub protocol: Protocol,
    pub persona: Persona,
    pub session: SalesSession,
    pub payer: SessionSecrets,
    pub payer_session: SessionId,
    pub rng: StdRng,
    pub now: Date,
}

pub fn usd(decimal: &str) -> Money {
    Money::parse(&format!("usd {decimal}"), Reading::STRICT).expect("an amount")
}

fn token<const N: usize>(text: &str) -> Token<N> {
    Token::of(text).expect("a token")
}

impl Stage {
    pub fn of(protocol: Protocol) -> Self {
        let (mut rng, suite) = (StdRng::seed_from_u64(350), protocol.suite());
        let private_key = suite.generate(&mut rng).expect("a key");
        let public_key = suite.public_key(&private_key).expect("its public half");
        let name = RequestedId::parse("acme", Reading::STRICT).expect("a name");
        let server_key = ServerKey { name: token("CC1"), protocol, public: PublicKey::of_spki(Vec::new()) };
        let persona = Persona { id: PersonaId::of(&name), protocol, private_key, public_key, server_key };
        let now = Date::from_millis(NOW);
        let session = SalesSession {
            version: Version(1),
            id: SessionId::of_number(7),
            protocol,
            secrets: suite.session_secrets(&mut rng),
            current: usd("0.00"),
            opened: now,
            closed: None,
            use_limit: Index::of(90).expect("an index"),
            lifetime_minutes: Num::of(960).expect("a number"),
            used: 0,
        };
        let payer = suite.session_secrets(&mut rng);
        Self { protocol, persona, session, payer, payer_session: SessionId::of_number(5), rng, now }
    }

    pub fn links() -> Links {
        Links::new(SHOP, SHOP).expect("addresses of one origin")
    }

    pub fn moment(&mut self) -> Moment<'_> {
        Moment { now: self.now, rng: &mut self.rng }
    }

    pub fn order(&mut self, amount: &str, note: &str) -> Order {
        let new = NewOrder {
            amount: usd(amount),
            note: Note::of(note).expect("a note"),
            reference: None,
            items: Vec::new(),
            other_amounts: Vec::new(),
            returns: Returns::default(),
            expires: self.now.plus_secs(3600),
        };
        let (links, persona) = (Self::links(), self.persona.clone());
        let (_, order) = place(&persona, &new, &links, &mut self.moment()).expect("an order");
        Order { version: Version(1), ..order }
    }

    /// CA1 as a wallet writes it, after `change` has had its way with it.
    pub fn ca1(&mut self, order: &Order, index: u64, change: impl FnOnce(&mut Payment)) -> String {
        let mut payment = Payment {
            kind: token("cash-payment"),
            version: Version1,
            session_id: self.payer_session.clone(),
            index: Index::of(index).expect("an index"),
            payee_currency: order.amount.currency,
            note_hash: order.note_hash.clone(),
            payee_id: self.persona.id.clone(),
            order_id: order.id.clone(),
            service_category: None,
        };
        change(&mut payment);
        write_payment(self.protocol, &self.payer, &payment, order.amount, &mut self.rng).expect("a CA1")
    }

    pub fn claim(&mut self, order: &Order, index: u64) -> Claim {
        let ca1 = self.ca1(order, index, |_| ());
        Claim { received: received(&ca1), ca1, order: order.clone(), earlier: None }
    }

    /// Assembles a CA2, and applies its changes to what the claims and the session hold.
    pub fn underway(&mut self, claims: &[Claim]) -> Underway {
        let (persona, session) = (self.persona.clone(), self.session.clone());
        let (changes, batch) = assemble(&persona, &session, claims, &mut self.moment()).expect("a CA2");
        let logs = changes.0.iter().filter_map(|change| match change {
            Change::PutCollection(log) => Some(CollectionLog { version: Version(1), ..log.clone() }),
            _ => None,
        });
        let orders = orders(&changes);
        let entries = logs.zip(orders).collect();
        let session = sessions(&changes).pop().expect("the session");
        self.session = session.clone();
        Underway { batch, session, entries }
    }

    /// CA2 as the server reads it.
    pub fn open(&self, batch: &Batch) -> OpenCollection {
        let envelope = Envelope::parse(batch.ca2.as_bytes()).expect("a message");
        Collection::read(&envelope).expect("a CA2").open(&self.session.secrets).expect("an authentic CA2")
    }

    /// CA3 that answers each payment as `verdict` says.
    pub fn ca3(&mut self, batch: &Batch, verdict: impl Fn(usize) -> Result<(), Problem>) -> String {
        self.changed_ca3(batch, verdict, |_| ())
    }

    /// As [`Stage::ca3`], after `change` has had its way with what the merchant is told.
    pub fn changed_ca3(
        &mut self,
        batch: &Batch,
        verdict: impl Fn(usize) -> Result<(), Problem>,
        change: impl Fn(&mut PaymentReceipt),
    ) -> String {
        let opened = self.open(batch);
        let mut payments = Vec::new();
        let mut customers = Vec::new();
        for (n, collected) in opened.payments.iter().enumerate() {
            let verdict = opened.open_payment(n, &self.payer).map_err(|fault| fault.problem()).and(verdict(n));
            let problem = verdict.err();
            let response_code = problem.as_ref().map_or(ResponseCode::Success, Problem::response);
            let amount = problem.is_none().then_some(collected.merchant_amount);
            payments.push(PaymentReceipt {
                subtype: token("cash-payment-receipt"),
                subversion: Version1,
                payer_session_id: collected.payer_session_id.clone(),
                payer_index: collected.payer_index,
                response_code,
                remark: None,
                collected_amount: amount,
                problem: problem.clone(),
                order_id: collected.order_id.clone(),
            });
            let receipt = PayerReceipt {
                response_code,
                remark: None,
                foreign_exchange: None,
                amount,
                problem: problem.clone(),
                order_id: collected.order_id.clone(),
                request_version: Version1,
                session_balance: None,
                uses_left: None,
                seconds_left: None,
                auth_code: None,
            };
            let known = problem != Some(Problem::SESSION_UNKNOWN);
            customers.push(known.then(|| CustomerPart {
                session_id: collected.payer_session_id.clone(),
                index: collected.payer_index,
                secrets: &self.payer,
                receipt,
            }));
        }
        payments.iter_mut().for_each(change);
        let verdicts = Verdicts { batch: batch_receipt(None), payments };
        let secrets = &self.session.secrets;
        write_receipts(self.protocol, opened.head(), secrets, &verdicts, &customers, &mut self.rng).expect("a CA3")
    }

    /// CA3 of a CA2 that fails as a whole.
    pub fn failed_ca3(&mut self, batch: &Batch, problem: Problem) -> String {
        let opened = self.open(batch);
        let verdicts = Verdicts { batch: batch_receipt(Some(problem)), payments: Vec::new() };
        let secrets = &self.session.secrets;
        write_receipts(self.protocol, opened.head(), secrets, &verdicts, &[], &mut self.rng).expect("a CA3")
    }
}

fn batch_receipt(problem: Option<Problem>) -> BatchReceipt {
    BatchReceipt {
        subtype: token("cash-batch-receipt"),
        subversion: Version1,
        response_code: problem.as_ref().map_or(ResponseCode::Success, Problem::response),
        fee: Some(usd("0.00")),
        problem,
        remark: None,
    }
}

pub fn received(ca1: &str) -> ReceivedPayment {
    ReceivedPayment::read(ca1.as_bytes()).expect("a CA1")
}

pub fn orders(changes: &ChangeSet) -> Vec<Order> {
    let order = |change: &Change| if let Change::PutOrder(order) = change { Some(order.clone()) } else { None };
    changes.0.iter().filter_map(order).collect()
}

pub fn batches(changes: &ChangeSet) -> Vec<Batch> {
    let batch = |change: &Change| if let Change::PutBatch(batch) = change { Some(batch.clone()) } else { None };
    changes.0.iter().filter_map(batch).collect()
}

pub fn logs(changes: &ChangeSet) -> Vec<CollectionLog> {
    let log = |change: &Change| if let Change::PutCollection(log) = change { Some(log.clone()) } else { None };
    changes.0.iter().filter_map(log).collect()
}

pub fn sessions(changes: &ChangeSet) -> Vec<SalesSession> {
    let session = |change: &Change| if let Change::PutSession(session) = change { Some(session.clone()) } else { None };
    changes.0.iter().filter_map(session).collect()
}
