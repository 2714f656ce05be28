//! A merchant in memory: offers, and the way of a CA1 to the server and back.

use protocol::collect::{Receipts, ReceivedPayment, write_collection, write_payer_receipt};
use protocol::date::Date;
use protocol::envelope::Envelope;
use protocol::keys::{PersonaKey, key_name};
use protocol::message::offer::PaymentRequest;
use protocol::message::payment::{BatchHead, COLLECTION_TYPE, Collected, PAYMENT_TYPE};
use protocol::money::Money;
use protocol::offer::Offer;
use protocol::outcome::ResponseCode;
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::value::{
    AnyBytes, Index, Lines, OrderId, Reading, SessionId, Token, Url, Value as _, Version1, from_base64,
};

use super::bank::Bank;

/// The merchant.
pub struct Till {
    pub id: PersonaId,
    key: PersonaKey,
    secrets: SessionSecrets,
    index: u16,
    price: Money,
    /// Orders that are paid.
    pub paid: Vec<String>,
    /// Says of paid orders that they are not.
    pub lies: bool,
    /// What it says of its offers.
    pub note: String,
}

const NOTE: &str = "ACME Products\nPurchase of 1 pair \"Rocket Shoes\" at $37.50 ea.";
pub const ORIGIN: &str = "http://127.0.0.1:8402";

impl Till {
    pub fn new(bank: &mut Bank) -> Self {
        let suite = bank.protocol.suite();
        let key = suite.generate(&mut bank.rng).expect("a key");
        let name = RequestedId::parse("acme", Reading::STRICT).expect("a name");
        let secrets = suite.session_secrets(&mut bank.rng);
        let price = Money::parse("usd 42.50", Reading::STRICT).expect("an amount");
        Self {
            id: PersonaId::of(&name),
            key,
            secrets,
            index: 0,
            price,
            paid: Vec::new(),
            lies: false,
            note: NOTE.to_owned(),
        }
    }

    /// PR1 of an order: the rocket shoes, or whatever is asked.
    pub fn offer(&mut self, bank: &mut Bank, order: &str, price: &str, origin: &str) -> String {
        let price = Money::parse(price, Reading::STRICT).expect("an amount");
        self.price = price;
        let url = |path: &str| Url::of(&format!("{origin}{path}")).expect("a URL");
        let public = bank.protocol.suite().public_key(&self.key).expect("a key");
        let name = key_name(bank.protocol, &public).expect("a key");
        let request = PaymentRequest {
            merchant_id: self.id.clone(),
            order_id: OrderId::of(order).expect("an order"),
            date: bank.now,
            swversion: Token::of("foo69").expect("a token"),
            note: Lines::of(&self.note).expect("a note"),
            amount: price,
            accepts: None,
            url_pay_to: url("/pay"),
            url_cancel: url("/cancel"),
            url_success: url("/success"),
            url_failure: url("/failure"),
            key: AnyBytes::of(from_base64(&name).expect("base64")).expect("bytes"),
            signed_hash: None,
            other_amounts: None,
        };
        Offer::write(bank.protocol, &request, &self.key, &mut bank.rng).expect("an offer")
    }

    /// A CA1: collects it and hands the receipt on.
    pub fn pay(&mut self, bank: &mut Bank, message: &str) -> String {
        let received = ReceivedPayment::read(message.as_bytes()).expect("a CA1");
        let payment = &received.payment;
        self.index += 1;
        let head = BatchHead {
            kind: Token::of(COLLECTION_TYPE).expect("a token"),
            version: Version1,
            session_id: SessionId::of_number(1),
            index: Index::of(self.index.into()).expect("an index"),
            service_category: None,
        };
        let collected = Collected {
            kind: Token::of(PAYMENT_TYPE).expect("a token"),
            subversion: Version1,
            payer_session_id: payment.session_id.clone(),
            payer_index: payment.index,
            note_hash: payment.note_hash.clone(),
            payee_id: payment.payee_id.clone(),
            order_id: payment.order_id.clone(),
            merchant_amount: self.price,
        };
        let batch = [(collected, received.opaque.clone())];
        let ca2 = write_collection(received.protocol, &self.secrets, &head, &batch, &mut bank.rng).expect("a CA2");
        let ca3 = bank.collect(&ca2, &self.secrets, &self.id);
        let receipts = Receipts::read(ca3.as_bytes(), received.protocol, &self.secrets, &head, 1).expect("a CA3");
        if receipts.verdicts.payments[0].response_code == ResponseCode::Success {
            self.paid.push(payment.order_id.as_str().to_owned());
        }
        let honest = write_payer_receipt(&received, receipts.customer_opaques[0].as_deref().expect("a customer part"));
        if self.lies { deny(&honest) } else { honest }
    }
}

/// A time to begin at: the seed's.
pub fn beginning() -> Date {
    Date::parse("20261121100505456", Reading::STRICT).expect("a date")
}

/// The receipt with a merchant's own words beside the server's.
fn deny(receipt: &str) -> String {
    let mut envelope = Envelope::parse(receipt.as_bytes()).expect("a CA4");
    envelope.pairs.push_text("response-code", "failure");
    envelope.pairs.push_text("problem", "instrument-declined");
    envelope.write()
}
