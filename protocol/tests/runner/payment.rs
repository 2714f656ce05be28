//! The case of a payment: PR1 and CA1 to CA4.

use protocol::collect::{
    Collection, CustomerPart, PayerReceiptFault, ReceiptFault, Receipts, ReceivedPayment, Verdicts, read_payer_receipt,
    write_collection, write_payer_receipt, write_payment, write_receipts,
};
use protocol::envelope::Envelope;
use protocol::keys::{PersonaKey, PublicKey};
use protocol::message::payment::{BatchHead, BatchReceipt, PayerReceipt, Payment, PaymentReceipt};
use protocol::money::Money;
use protocol::offer::{Offer, note_hash};
use protocol::outcome::{Problem, ResponseCode};
use protocol::pairs::Pairs;
use protocol::persona::PersonaId;
use protocol::secret::SessionSecrets;
use protocol::template::Record;
use protocol::value::{Index, Reading, SessionId, Token, Value as _, to_base64};
use protocol::{FormFault, Protocol};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::{Vectors, secrets, text};

impl Vectors {
    pub fn offer(&self) {
        let payment = &self.json["payment"];
        let offer = Offer::read(text(payment, "pr1").as_bytes()).expect("an offer");
        assert_eq!(offer.request.amount.to_string(), "usd 42.50");
        assert_eq!(String::from_utf8_lossy(&offer.signed_pairs()), text(payment, "pr1_signed_pairs"));
        let (private, public) = self.persona_key("merchant");
        offer.verify(&public).expect("a signature that fits");
        let written =
            Offer::write(self.protocol, &offer.request, &private, &mut StdRng::seed_from_u64(5)).expect("a key");
        assert_eq!(written, text(payment, "pr1"));
        let hash = note_hash(self.protocol, offer.request.note.as_str());
        assert_eq!(to_base64(&hash), text(payment, "note_hash"));

        let changed = text(payment, "pr1").replace("42.50\n", "42.51\n");
        assert_eq!(Offer::read(changed.as_bytes()), Err(FormFault::Checksum));
    }

    pub fn payment(&self) {
        let received = self.ca1();
        let receipts = self.ca2_and_ca3(&received);
        let opaque = receipts.customer_opaques[0].clone().expect("a customer part");
        self.ca4(&received, &opaque);
    }

    /// The PR1 of the file.
    pub fn payment_request(&self) -> &str {
        text(&self.json["payment"], "pr1")
    }

    /// The keys of the merchant, and those of the customer.
    pub fn personas(&self) -> [(PersonaKey, PublicKey); 2] {
        ["merchant", "customer"].map(|who| self.persona_key(who))
    }

    /// The CA1 of the file.
    pub fn received_payment(&self) -> ReceivedPayment {
        ReceivedPayment::read(text(&self.json["payment"], "ca1").as_bytes()).expect("a CA1")
    }

    /// The secrets of payer and merchant.
    pub fn session_secrets(&self) -> (SessionSecrets, SessionSecrets) {
        (secrets(&self.json["customer_session"]), secrets(&self.json["merchant_session"]))
    }

    /// The wallet writes CA1, the merchant reads it.
    fn ca1(&self) -> ReceivedPayment {
        let (case, payer) = (&self.json["payment"], secrets(&self.json["customer_session"]));
        let received = self.received_payment();
        let amount = Money::parse("usd 42.50", Reading::STRICT).expect("an amount");
        let written = write_payment(self.protocol, &payer, &received.payment, amount, &mut StdRng::seed_from_u64(9));
        let written = written.expect("secrets of this suite");
        if self.protocol == Protocol::V1 {
            assert_eq!(written, text(case, "ca1"));
        }
        let again = ReceivedPayment::read(written.as_bytes()).expect("our own CA1");
        assert_eq!(again.payment, received.payment);
        received
    }

    /// The merchant writes CA2; the server reads it and writes CA3; the merchant reads that.
    fn ca2_and_ca3(&self, received: &ReceivedPayment) -> Receipts {
        let case = &self.json["payment"];
        let (payer, merchant) = self.session_secrets();
        let envelope = Envelope::parse(text(case, "ca2").as_bytes()).expect("a CA2");
        let collection = Collection::read(&envelope).expect("a CA2 of its form");
        let head = collection.head.clone();
        let opened = collection.open(&merchant).expect("a CA2 that opens");
        assert_eq!(opened.customer_opaque(0), received.opaque);
        assert_eq!(opened.open_payment(0, &payer).map(|amount| amount.to_string()), Ok("usd 42.50".to_owned()));

        let batch = [(opened.payments[0].clone(), received.opaque.clone())];
        let written = write_collection(self.protocol, &merchant, &head, &batch, &mut StdRng::seed_from_u64(11));
        let written = written.expect("secrets of this suite");
        if self.protocol == Protocol::V1 {
            assert_eq!(written, text(case, "ca2"));
        }
        let again = Collection::read(&Envelope::parse(written.as_bytes()).expect("our own CA2"));
        assert!(again.expect("our own CA2").open(&merchant).is_ok());

        let receipts = Receipts::read(text(case, "ca3").as_bytes(), self.protocol, &merchant, &head, 1).expect("a CA3");
        assert_eq!(receipts.verdicts.payments[0].response_code, ResponseCode::Success);
        self.ca3_again(&receipts, &head, received);
        receipts
    }

    fn ca3_again(&self, receipts: &Receipts, head: &BatchHead, received: &ReceivedPayment) {
        let case = &self.json["payment"];
        let (payer, merchant) = self.session_secrets();
        let contents = Pairs::parse(text(case, "ca3_customer_contents")).expect("pairs");
        let receipt = PayerReceipt::read(&contents, "", Reading::of(self.protocol)).expect("a receipt");
        let (session_id, index) = (received.payment.session_id.clone(), received.payment.index);
        let customer = CustomerPart { session_id, index, secrets: &payer, receipt };
        let customers = [Some(customer)];
        let mut rng = StdRng::seed_from_u64(13);
        let written = write_receipts(self.protocol, head, &merchant, &receipts.verdicts, &customers, &mut rng);
        let written = written.expect("secrets of this suite");
        if self.protocol == Protocol::V1 {
            assert_eq!(written, text(case, "ca3"));
        }
        let read = Receipts::read(written.as_bytes(), self.protocol, &merchant, head, 1).expect("our own CA3");
        assert_eq!(read.verdicts, receipts.verdicts);
    }

    /// The merchant hands the customer's part on; the wallet reads it.
    fn ca4(&self, received: &ReceivedPayment, opaque: &[u8]) {
        let (case, payer) = (&self.json["payment"], secrets(&self.json["customer_session"]));
        assert_eq!(write_payer_receipt(received, opaque), text(case, "ca4"));
        let read = |bytes: &[u8]| read_payer_receipt(bytes, self.protocol, &payer, &received.payment);
        let receipt = read(text(case, "ca4").as_bytes()).expect("a CA4");
        assert_eq!(receipt.amount.map(|amount| amount.to_string()).as_deref(), Some("usd 42.50"));
        self.changed_payments_are_refused(received);

        for bit in 0..opaque.len() * 8 {
            let mut flipped = opaque.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(write_payer_receipt(received, &flipped).as_bytes()).is_err(), "bit {bit}");
        }
    }

    /// A message of the file under another type; its checksum fits.
    fn retyped(&self, message: &str) -> String {
        let pairs = Envelope::parse(text(&self.json["payment"], message).as_bytes()).expect("a message").pairs;
        let pairs = pairs.iter().map(|(label, value)| (label, if label == "type" { "from-nobody" } else { value }));
        Envelope { protocol: self.protocol, pairs: pairs.collect() }.write()
    }

    fn collection_head(&self) -> BatchHead {
        let envelope = Envelope::parse(text(&self.json["payment"], "ca2").as_bytes()).expect("a CA2");
        Collection::read(&envelope).expect("a CA2 of its form").head
    }

    /// CA1 to CA4 are refused under another type.
    pub fn other_types(&self) {
        let (payer, merchant) = self.session_secrets();
        let form = |label: &str, kind: &str| FormFault::BadValue { label: label.to_owned(), kind: kind.to_owned() };
        let (ca1, ca2) = (self.retyped("ca1"), self.retyped("ca2"));
        assert_eq!(ReceivedPayment::read(ca1.as_bytes()), Err(form("type", "\"cash-payment\"")));
        let ca2 = Envelope::parse(ca2.as_bytes()).expect("a message");
        assert_eq!(Collection::read(&ca2).err(), Some(form("type", "\"cash-collection\"")));
        let (ca3, head) = (self.retyped("ca3"), self.collection_head());
        let ca3 = Receipts::read(ca3.as_bytes(), self.protocol, &merchant, &head, 1);
        assert_eq!(ca3.err(), Some(form("type", "\"from-server\"").into()));
        let payment = self.received_payment().payment;
        let ca4 = read_payer_receipt(self.retyped("ca4").as_bytes(), self.protocol, &payer, &payment);
        assert_eq!(ca4.err(), Some(form("type", "\"cash-payer-receipt\"").into()));
    }

    /// The answers of the file are not ours if we asked something else.
    pub fn other_receipts(&self) {
        let (case, (payer, merchant)) = (&self.json["payment"], self.session_secrets());
        let other = Protocol::ALL.into_iter().find(|protocol| *protocol != self.protocol).expect("two protocols");
        let (payment, head) = (self.received_payment().payment, self.collection_head());
        let (session, index) = (SessionId::of_number(77), Index::of(77).expect("an index"));
        for (protocol, payment) in [
            (self.protocol, Payment { session_id: session.clone(), ..payment.clone() }),
            (self.protocol, Payment { index, ..payment.clone() }),
            (self.protocol, Payment { order_id: Token::of("another").expect("a token"), ..payment.clone() }),
            (other, payment.clone()),
        ] {
            let read = read_payer_receipt(text(case, "ca4").as_bytes(), protocol, &payer, &payment);
            assert_eq!(read, Err(PayerReceiptFault::NotOurs), "{protocol}, {payment:?}");
        }
        for (protocol, head) in [
            (self.protocol, BatchHead { session_id: session, ..head.clone() }),
            (self.protocol, BatchHead { index, ..head.clone() }),
            (other, head.clone()),
        ] {
            let read = Receipts::read(text(case, "ca3").as_bytes(), protocol, &merchant, &head, 1);
            assert_eq!(read, Err(ReceiptFault::NotOurs), "{protocol}, {head:?}");
        }
    }

    /// Verdicts may only be missing where the whole collection failed.
    pub fn whole_failures(&self) {
        let (head, (_, merchant)) = (self.collection_head(), self.session_secrets());
        let ca3 = text(&self.json["payment"], "ca3");
        let verdicts = Receipts::read(ca3.as_bytes(), self.protocol, &merchant, &head, 1).expect("a CA3").verdicts;
        let (success, one) = (verdicts.batch, verdicts.payments);
        let failure =
            BatchReceipt { response_code: ResponseCode::Failure, problem: Some(Problem::BUSY), ..success.clone() };
        let read = |batch: &BatchReceipt, payments: &[PaymentReceipt]| {
            let verdicts = Verdicts { batch: batch.clone(), payments: payments.to_vec() };
            let mut rng = StdRng::seed_from_u64(17);
            let written = write_receipts(self.protocol, &head, &merchant, &verdicts, &[], &mut rng);
            let written = written.expect("secrets of this suite");
            let read = Receipts::read(written.as_bytes(), self.protocol, &merchant, &head, 1);
            read.ok().map(|receipts| receipts.verdicts.payments.len())
        };
        assert_eq!((read(&success, &one), read(&failure, &one)), (Some(1), Some(1)));
        assert_eq!((read(&success, &[]), read(&failure, &[])), (None, Some(0)));
    }

    /// The secrets of a session fit the suite that it was opened under, and no other.
    pub fn sessions_keep_their_suite(&self) {
        let other = Protocol::ALL.into_iter().find(|protocol| *protocol != self.protocol).expect("two suites");
        let (payer, _) = self.session_secrets();
        let payment = self.received_payment().payment;
        let amount = Money::parse("usd 42.50", Reading::STRICT).expect("an amount");
        assert!(write_payment(self.protocol, &payer, &payment, amount, &mut StdRng::seed_from_u64(1)).is_ok());
        assert!(write_payment(other, &payer, &payment, amount, &mut StdRng::seed_from_u64(1)).is_err());
    }

    /// What the merchant says differently from what the payer promised fails the payer's auth-code.
    fn changed_payments_are_refused(&self, received: &ReceivedPayment) {
        let case = &self.json["payment"];
        let (payer, merchant) = self.session_secrets();
        let collection = Collection::read(&Envelope::parse(text(case, "ca2").as_bytes()).expect("a CA2"));
        let opened = collection.expect("a CA2 of its form").open(&merchant).expect("a CA2 that opens");
        let original = &opened.payments[0];
        let mut changes = vec![original.clone(); 3];
        changes[0].order_id = Token::of("another-order").expect("a token");
        changes[1].payee_id = PersonaId::parse("zz-66", Reading::STRICT).expect("an id");
        changes[2].merchant_amount = Money::parse("cad 42.50", Reading::STRICT).expect("an amount");
        for changed in changes {
            let batch = [(changed, received.opaque.clone())];
            let ca2 = write_collection(self.protocol, &merchant, opened.head(), &batch, &mut StdRng::seed_from_u64(2))
                .expect("a CA2");
            let again = Collection::read(&Envelope::parse(ca2.as_bytes()).expect("a message")).expect("a CA2");
            let again = again.open(&merchant).expect("the merchant may say what it likes");
            assert!(again.open_payment(0, &payer).is_err());
        }
    }
}
