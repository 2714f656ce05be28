//! The cases under a server key: R1 to CS1 and their replies.

use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::exchange::{OpenedRequest, ReplyFault, SentRequest, StoredRequest, write_error};
use protocol::keys::ServerKey;
use protocol::message::binding::BindInstrument;
use protocol::message::funds::LoadUnload;
use protocol::message::registration::Registration;
use protocol::message::session::{CloseSession, OpenSession};
use protocol::message::{ErrorMessage, Reply as _, Request, RequestHead};
use protocol::outcome::{Problem, ResponseCode};
use protocol::pairs::Pairs;
use protocol::suite::{Purpose, SealKey};
use protocol::template::Record;
use protocol::value::{Num, Reading, Token, from_base64, to_base64};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use super::{Vectors, bytes, list, text};

/// Calls `$run::<M>` with the record that a case's `message` names.
macro_rules! by_message {
    ($self:ident . $run:ident ( $case:expr )) => {
        match text($case, "message") {
            "registration" => $self.$run::<Registration>($case),
            "bind-instrument" => $self.$run::<BindInstrument>($case),
            "load-unload-funds" => $self.$run::<LoadUnload>($case),
            "open-session" => $self.$run::<OpenSession>($case),
            "close-session" => $self.$run::<CloseSession>($case),
            other => panic!("a vector for an unknown message {other}"),
        }
    };
}

impl Vectors {
    fn open_case(&self, case: &Value) -> OpenedRequest {
        let envelope = Envelope::parse(text(case, "request").as_bytes()).expect("a well-formed request");
        let opener = self.opener();
        OpenedRequest::open(&envelope, |head, protocol| {
            assert_eq!(head.serverkey.as_str(), text(&self.json["server_key"], "serverkey"));
            assert_eq!(protocol, self.protocol);
            Some(&*opener)
        })
        .expect("a request that opens")
    }

    pub fn requests(&self) {
        for case in list(&self.json["exchanges"]) {
            by_message!(self.request(case));
        }
    }

    fn request<M: Request>(&self, case: &Value) {
        let opened = self.open_case(case);
        let contents = Pairs::parse(text(case, "request_contents")).expect("pairs");
        assert_eq!(opened.contents(), &contents);
        let body: M = opened.body().expect("a body that fits its table");
        let (private, public) = self.persona_key(text(case, "from"));
        opened.verify::<M>(&public).expect("a signature that fits");
        let (_, other) = self.persona_key(if text(case, "from") == "customer" { "merchant" } else { "customer" });
        assert!(opened.verify::<M>(&other).is_err(), "another's key");

        let suite = self.protocol.suite();
        let signature =
            suite.sign(&private, Purpose::Request, &opened.signed_pairs::<M>(), &mut StdRng::seed_from_u64(5));
        assert_eq!(signature.ok(), contents.get("signature").and_then(from_base64));

        // The same record seals into a request that opens to the same record.
        let server = self.server_key();
        let sent =
            protocol::exchange::seal(&opened.head, &body, &server, Some(&private), &mut StdRng::seed_from_u64(7));
        let envelope = Envelope::parse(sent.expect("keys of this suite").text.as_bytes()).expect("our own message");
        let opener = self.opener();
        let again = OpenedRequest::open(&envelope, |_, _| Some(&*opener)).expect("our own request opens");
        assert!(again.body::<M>().is_ok());
        // The seal holds K or the exported key, which is the reply's secret.
        self.reply_secret(case);
    }

    pub fn server_key(&self) -> ServerKey {
        let name = Token::of(text(&self.json["server_key"], "serverkey")).expect("a name");
        ServerKey { name, protocol: self.protocol, public: self.server_public() }
    }

    /// The public half of the server key: 1.0 does not publish it in the file, so it is derived in both.
    fn server_public(&self) -> protocol::keys::PublicKey {
        let der = bytes(&self.json["server_key"], "pkcs8");
        match self.protocol {
            Protocol::V1 => {
                let key = protocol::keys::PersonaKey::of_pkcs8(der);
                self.protocol.suite().public_key(&key).expect("an RSA key")
            }
            Protocol::V2 => {
                let opener = protocol::suite::X25519Opener::of_bytes(&der[der.len() - 32..]).expect("an X25519 key");
                opener.public_key().expect("a public key")
            }
        }
    }

    fn reply_secret(&self, case: &Value) {
        let envelope = Envelope::parse(text(case, "request").as_bytes()).expect("a well-formed request");
        let sealed = envelope.pairs.get("opaque").and_then(from_base64).expect("an opaque value");
        let suite = self.protocol.suite();
        let aad = suite.pairs(&envelope.pairs.sorted_without("opaque"));
        let opened = self.opener().open(&sealed, &aad).expect("a request that opens");
        assert_eq!(to_base64(opened.reply_key.0.expose()), text(case, "reply_secret"));
    }

    pub fn replies(&self) {
        for case in list(&self.json["exchanges"]) {
            by_message!(self.reply(case));
        }
    }

    fn reply<M: Request>(&self, case: &Value) {
        let opened = self.open_case(case);
        let sent = SentRequest {
            text: text(case, "request").to_owned(),
            head: RequestHead::reply(&opened.head),
            protocol: self.protocol,
            reply_key: SealKey(bytes(case, "reply_secret").into()),
        };
        let reply: M::Reply = sent.read_reply(text(case, "reply").as_bytes()).expect("a reply that is read");
        assert_eq!(reply.outcome().response, ResponseCode::Success);
        let again = opened.reply(&reply, &mut StdRng::seed_from_u64(3)).expect("a reply key of this suite");
        let read: M::Reply = sent.read_reply(again.as_bytes()).expect("our own reply is read");
        let pairs = |reply: &M::Reply| {
            let mut pairs = Pairs::new();
            reply.write("", &mut pairs);
            pairs
        };
        assert_eq!(pairs(&read), pairs(&reply));
        self.reply_bytes(case);
        self.kept_requests::<M>(&sent, &again);
    }

    /// What is kept of a request reads its reply, and no other request does.
    fn kept_requests<M: Request>(&self, sent: &SentRequest, reply: &str) {
        let kept = StoredRequest::from(sent);
        assert_eq!(kept.restore().as_ref(), Some(sent));
        let mut others = vec![sent.clone(); 3];
        others[0].head.transaction = Num::of(sent.head.transaction.get() + 1).expect("a number");
        others[1].head.date = sent.head.date.plus_secs(1);
        others[2].protocol =
            Protocol::ALL.into_iter().find(|protocol| *protocol != self.protocol).expect("two protocols");
        for other in others {
            assert_eq!(other.read_reply::<M::Reply>(reply.as_bytes()).err(), Some(ReplyFault::NotOurs));
        }
    }

    /// Where nothing can be sealed, the error names the request it answers.
    pub fn errors(&self) {
        for case in list(&self.json["exchanges"]) {
            let request = Envelope::parse(text(case, "request").as_bytes()).expect("a well-formed request");
            let head = self.open_case(case).head;
            let error = ErrorMessage::of(Problem::BUSY);
            let read = |request: Option<&Envelope>| {
                let written = write_error(self.protocol, request, &error);
                let pairs = Envelope::parse(written.as_bytes()).expect("our own message").pairs;
                assert_eq!(pairs.get("type"), Some(ErrorMessage::TYPE));
                ErrorMessage::read(&pairs, "", Reading::of(self.protocol)).expect("an error")
            };
            assert_eq!(read(None), error);
            let (transaction, date) = (Some(head.transaction), Some(head.date));
            assert_eq!(read(Some(&request)), ErrorMessage { transaction, date, ..error.clone() });
        }
    }

    /// The contents of a reply sealed again under its secret.
    fn reply_bytes(&self, case: &Value) {
        let envelope = Envelope::parse(text(case, "reply").as_bytes()).expect("a well-formed reply");
        let aad = self.protocol.suite().pairs(&envelope.pairs.sorted_without("opaque"));
        let key = SealKey(bytes(case, "reply_secret").into());
        let opaque = envelope.pairs.get("opaque").and_then(from_base64).expect("an opaque value");
        let contents = text(case, "reply_contents");
        assert_eq!(self.protocol.suite().open(&key, &aad, &opaque).as_deref(), Ok(contents.as_bytes()));
        self.seal_again(&key, &aad, contents, &opaque);
    }

    /// Flips every bit of the opaque value of every request: it does not open, or its signature does not fit.
    pub fn flipped_opaques(&self) {
        let case = list(&self.json["exchanges"]).find(|case| text(case, "message") == "close-session").expect("a CS1");
        let (_, public) = self.persona_key(text(case, "from"));
        let envelope = Envelope::parse(text(case, "request").as_bytes()).expect("a well-formed request");
        let opaque = envelope.pairs.get("opaque").and_then(from_base64).expect("an opaque value");
        let opener = self.opener();
        for bit in 0..opaque.len() * 8 {
            let mut flipped = opaque.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut envelope = envelope.clone();
            envelope.pairs.push_base64("opaque", to_base64(&flipped));
            let opened = OpenedRequest::open(&envelope, |_, _| Some(&*opener));
            let accepted = opened.is_ok_and(|opened| {
                opened.body::<CloseSession>().is_ok() && opened.verify::<CloseSession>(&public).is_ok()
            });
            assert!(!accepted, "bit {bit}");
        }
    }
}
