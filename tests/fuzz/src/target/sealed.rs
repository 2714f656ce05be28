//! Sealed parts under both suites: contents that an insider sealed and authenticated, and sealed bytes that nobody made.

use std::sync::LazyLock;

use protocol::Protocol;
use protocol::collect::{
    Collection, Receipts, ReceivedPayment, open_in_session, read_payer_receipt, write_payer_receipt,
};
use protocol::envelope::Envelope;
use protocol::exchange::{OpenedRequest, SentRequest};
use protocol::message::autoclose::AutocloseResponse;
use protocol::message::binding::{BindInstrument, BindResponse};
use protocol::message::funds::{LoadUnload, LoadUnloadResponse};
use protocol::message::payment::{BatchHead, PayerReceipt, PayerReceiptHead};
use protocol::message::refund::{RefundPayment, RefundResponse};
use protocol::message::registration::{Registration, RegistrationResponse};
use protocol::message::session::{CloseSession, CloseSessionResponse, OpenSession, OpenSessionResponse};
use protocol::message::statement::{StatementRequest, StatementResponse};
use protocol::message::{Reply, Request};
use protocol::pairs::Pairs;
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, SealKey, SessionMessage};
use protocol::template::{Record as _, hashed_items};
use protocol::value::{Index, to_base64};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::keys::{KeyPair, ServerKeys};

use super::{choice, protocol_of};
use crate::vectors::Vectors;

/// The sample transaction of one suite, taken apart.
struct Stage {
    protocol: Protocol,
    payer: SessionSecrets,
    merchant: SessionSecrets,
    payment: ReceivedPayment,
    /// CA2 and CA3 with the head of the collection.
    collection: (Envelope, Envelope, BatchHead),
    /// A request and the head of its reply.
    exchange: (Envelope, SentRequest),
    keys: ServerKeys,
}

static STAGES: LazyLock<[Stage; 2]> = LazyLock::new(|| Protocol::ALL.map(Stage::of));

impl Stage {
    fn of(protocol: Protocol) -> Self {
        let vectors = Vectors::of(protocol);
        let message = |path: &str| Envelope::parse(vectors.text(path).as_bytes()).expect("a vector");
        let ca2 = message("/payment/ca2");
        let head = Collection::read(&ca2).expect("a CA2").head;
        let request = message("/exchanges/0/request");
        let keys = ServerKeys::new(vec![server_key(protocol, &vectors)]);
        let opened = OpenedRequest::open(&request, |head, protocol| keys.find(&head.serverkey, protocol));
        let reply_key = SealKey(vectors.bytes("/exchanges/0/reply_secret").into());
        let head_of_reply = opened.expect("an R1 that opens").head.reply();
        let text = vectors.text("/exchanges/0/request").to_owned();
        Self {
            protocol,
            payer: vectors.secrets("customer_session"),
            merchant: vectors.secrets("merchant_session"),
            payment: ReceivedPayment::read(vectors.text("/payment/ca1").as_bytes()).expect("a CA1"),
            collection: (ca2, message("/payment/ca3"), head),
            exchange: (request, SentRequest { text, head: head_of_reply, protocol, reply_key }),
            keys,
        }
    }

    fn seal(&self, secrets: &SessionSecrets, message: SessionMessage, index: Index, contents: &[u8]) -> Vec<u8> {
        let suite = self.protocol.suite();
        let key = suite.message_key(secrets, KeyInput { message, version: 1, index }).expect("secrets of this suite");
        suite.seal(&key, &[], contents, &mut StdRng::seed_from_u64(1)).expect("a key of this suite")
    }

    /// CA4 with these contents, which the server would have sealed.
    fn payer_receipt(&self, contents: &[u8]) {
        let ca4 = |contents: &[u8]| {
            let index = self.payment.payment.index;
            write_payer_receipt(&self.payment, &self.seal(&self.payer, SessionMessage::PayerReceipt, index, contents))
        };
        let contents = self.authenticated(&self.payer, contents, |pairs| {
            let transparent = Envelope::parse(ca4(b"").as_bytes()).expect("our own CA4").pairs;
            let own = |items: Vec<(&str, &str)>| items.into_iter().map(owned).collect::<Vec<_>>();
            let mut items = own(hashed_items(PayerReceiptHead::FIELDS, &transparent, ""));
            items.extend(own(hashed_items(PayerReceipt::FIELDS, pairs, "")));
            items
        });
        let message = ca4(&contents);
        let read = read_payer_receipt(message.as_bytes(), self.protocol, &self.payer, &self.payment.payment);
        if let Ok(receipt) = read {
            assert_eq!(receipt.order_id, self.payment.payment.order_id);
            let other = self.payment.payment.index.next().expect("a further index");
            let elsewhere = protocol::message::payment::Payment { index: other, ..self.payment.payment.clone() };
            assert!(read_payer_receipt(message.as_bytes(), self.protocol, &self.payer, &elsewhere).is_err());
        }
    }

    /// Contents with the auth-code that the owner of the session would put there, unless they bring their own.
    fn authenticated(
        &self,
        secrets: &SessionSecrets,
        contents: &[u8],
        items: impl FnOnce(&Pairs) -> Vec<(String, String)>,
    ) -> Vec<u8> {
        let parsed = std::str::from_utf8(contents).ok().and_then(|text| Pairs::parse(text).ok());
        let Some(mut pairs) = parsed.filter(|pairs| pairs.get("auth-code").is_none()) else { return contents.to_vec() };
        let items = items(&pairs);
        let items: Vec<_> = items.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
        let code = self.protocol.suite().auth_code(secrets.salt.expose(), &items);
        pairs.push_base64("auth-code", to_base64(&code));
        pairs.to_text().into_bytes()
    }

    /// CA2 and CA3 with these contents; whose auth-code has to stand in them.
    fn merchant_parts(&self, contents: &[u8]) {
        let (ca2, ca3, head) = &self.collection;
        let with = |envelope: &Envelope, message| {
            let mut envelope = envelope.clone();
            let sealed = self.seal(&self.merchant, message, head.index, contents);
            envelope.pairs.push_base64("merchant-opaque", to_base64(&sealed));
            envelope
        };
        let collection = Collection::read(&with(ca2, SessionMessage::Collection)).expect("only sealed parts differ");
        if let Ok(open) = collection.open(&self.merchant) {
            for n in 0..open.payments.len() {
                let _ = open.open_payment(n, &self.payer);
            }
        }
        let ca3 = with(ca3, SessionMessage::MerchantReceipt).write();
        for payments in [0, 1, 2] {
            if let Ok(read) = Receipts::read(ca3.as_bytes(), self.protocol, &self.merchant, head, payments) {
                assert!(read.verdicts.payments.len() == payments || read.verdicts.payments.is_empty());
            }
        }
    }

    /// A reply with these contents.
    fn reply(&self, contents: &[u8]) {
        let (_, sent) = &self.exchange;
        let mut pairs = Pairs::new();
        sent.head.write("", &mut pairs);
        let suite = self.protocol.suite();
        let aad = suite.pairs(&pairs.sorted_without("opaque"));
        let sealed =
            suite.seal(&sent.reply_key, &aad, contents, &mut StdRng::seed_from_u64(2)).expect("a key of this suite");
        pairs.push_base64("opaque", to_base64(&sealed));
        let text = Envelope { protocol: self.protocol, pairs }.write();
        read_reply::<RegistrationResponse>(sent, &text);
        read_reply::<BindResponse>(sent, &text);
        read_reply::<LoadUnloadResponse>(sent, &text);
        read_reply::<OpenSessionResponse>(sent, &text);
        read_reply::<CloseSessionResponse>(sent, &text);
        read_reply::<AutocloseResponse>(sent, &text);
        read_reply::<RefundResponse>(sent, &text);
        read_reply::<StatementResponse>(sent, &text);
    }

    /// A request with these contents, opened with the server's own opener.
    fn request(&self, contents: &[u8]) {
        let (envelope, _) = &self.exchange;
        let mut envelope = envelope.clone();
        let suite = self.protocol.suite();
        let aad = suite.pairs(&envelope.pairs.sorted_without("opaque"));
        let server = server_public(self);
        let sealed =
            suite.seal_request(&server, &aad, contents, &mut StdRng::seed_from_u64(3)).expect("a key of this suite").0;
        envelope.pairs.push_base64("opaque", to_base64(&sealed));
        let opened = OpenedRequest::open(&envelope, |head, protocol| self.keys.find(&head.serverkey, protocol));
        let text = std::str::from_utf8(contents).ok().and_then(|text| Pairs::parse(text).ok());
        assert_eq!(opened.as_ref().ok().map(OpenedRequest::contents), text.as_ref(), "what was sealed comes out");
        let Ok(opened) = opened else { return };
        read_body::<Registration>(&opened);
        read_body::<BindInstrument>(&opened);
        read_body::<LoadUnload>(&opened);
        read_body::<OpenSession>(&opened);
        read_body::<CloseSession>(&opened);
        read_body::<RefundPayment>(&opened);
        read_body::<StatementRequest>(&opened);
    }

    /// Sealed bytes that nobody made: under 2.0 they never open.
    fn forged(&self, sealed: &[u8]) {
        // Nothing sealed is no value; the one that stood there would stay.
        if sealed.is_empty() {
            return;
        }
        let modern = self.protocol == Protocol::V2;
        let index = self.payment.payment.index;
        let opened = open_in_session(self.protocol, &self.payer, SessionMessage::Payment, index, sealed);
        assert!(opened.is_err() || !modern);
        let (envelope, sent) = &self.exchange;
        let opened = self.protocol.suite().open(&sent.reply_key, &[], sealed);
        assert!(opened.is_err() || !modern);
        let mut envelope = envelope.clone();
        envelope.pairs.push_base64("opaque", to_base64(sealed));
        let opened = OpenedRequest::open(&envelope, |head, protocol| self.keys.find(&head.serverkey, protocol));
        assert!(opened.is_err() || !modern);
    }

    /// A sealed value with some bytes changed opens to nothing under 2.0.
    fn changed(&self, changes: &[u8]) {
        let mut sealed = self.payment.opaque.clone();
        for change in changes.chunks_exact(2) {
            let at = usize::from(change[0]) % sealed.len();
            sealed[at] ^= change[1];
        }
        if sealed != self.payment.opaque {
            self.forged(&sealed);
        }
    }
}

fn owned((label, value): (&str, &str)) -> (String, String) {
    (label.to_owned(), value.to_owned())
}

fn server_key(protocol: Protocol, vectors: &Vectors) -> KeyPair {
    let (name, der) = (vectors.text("/server_key/serverkey"), vectors.bytes("/server_key/pkcs8"));
    let key = match protocol {
        Protocol::V1 => KeyPair::classic(name, &der),
        // RFC 8410: the last 32 bytes are the key.
        Protocol::V2 => KeyPair::modern(name, &der[der.len() - 32..]),
    };
    key.expect("the key of the vectors")
}

fn server_public(stage: &Stage) -> protocol::keys::PublicKey {
    let published = stage.keys.published();
    let spki = protocol::value::from_base64(&published[0].spki).expect("base64");
    protocol::keys::PublicKey::of_spki(spki)
}

fn read_reply<R: Reply>(sent: &SentRequest, text: &str) {
    if let Ok(reply) = sent.read_reply::<R>(text.as_bytes()) {
        let _ = reply.outcome();
    }
}

fn read_body<M: Request>(opened: &OpenedRequest) {
    if opened.body::<M>().is_ok() {
        assert_eq!(opened.kind(), Some(M::TYPE));
        assert!(!opened.signed_pairs::<M>().is_empty());
    }
}

pub fn run(data: &[u8]) {
    let Some((byte, contents)) = choice(data) else { return };
    let stage = STAGES.iter().find(|stage| stage.protocol == protocol_of(byte)).expect("a stage of each protocol");
    match (byte / 2) % 6 {
        0 => stage.payer_receipt(contents),
        1 => stage.merchant_parts(contents),
        2 => stage.reply(contents),
        3 => stage.request(contents),
        4 => stage.forged(contents),
        _ => stage.changed(contents),
    }
}
