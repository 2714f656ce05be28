//! Runs the cases of a vector file; generic over the suite.

#![allow(dead_code, reason = "each test file uses a part")]

mod exchanges;
mod payment;

use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::keys::{PersonaKey, PublicKey, key_name};
use protocol::pairs::Pairs;
use protocol::persona::{PersonaId, RequestedId};
use protocol::secret::SessionSecrets;
use protocol::suite::{KeyInput, Opener, RsaOpener, SealKey, SessionMessage, X25519Opener};
use protocol::value::{Index, Reading, Value as _, from_base64, to_base64};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

/// A vector file.
pub struct Vectors {
    pub protocol: Protocol,
    json: Value,
}

pub fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json[key].as_str().unwrap_or_else(|| panic!("{key} is a text"))
}

pub fn bytes(json: &Value, key: &str) -> Vec<u8> {
    from_base64(text(json, key)).unwrap_or_else(|| panic!("{key} is base64"))
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().expect("a list").iter()
}

fn entries(json: &Value) -> impl Iterator<Item = (&str, &str)> {
    json.as_object().expect("an object").iter().map(|(key, value)| (key.as_str(), value.as_str().expect("a text")))
}

fn items(json: &Value) -> Vec<(&str, &str)> {
    list(json).map(|pair| (pair[0].as_str().expect("a label"), pair[1].as_str().expect("a value"))).collect()
}

/// Pairs with folded base64 put together: a reader of pairs cannot know that blanks in a value are not its own.
fn unfolded(pairs: &Pairs) -> impl Iterator<Item = (&str, String)> {
    pairs.iter().map(|(label, value)| {
        let joined = value.replace(' ', "");
        let base64 = joined.len() > 64 && from_base64(&joined).is_some();
        (label, if base64 { joined } else { value.to_owned() })
    })
}

/// Secrets of `customer_session` or `merchant_session`.
pub fn secrets(json: &Value) -> SessionSecrets {
    SessionSecrets { key: bytes(json, "key").into(), salt: bytes(json, "salt").into() }
}

impl Vectors {
    pub fn read(protocol: Protocol, json: &str) -> Self {
        let json: Value = serde_json::from_str(json).expect("a vector file");
        assert_eq!(text(&json, "protocol"), protocol.number());
        Self { protocol, json }
    }

    pub fn opener(&self) -> Box<dyn Opener> {
        let der = bytes(&self.json["server_key"], "pkcs8");
        match self.protocol {
            Protocol::V1 => Box::new(RsaOpener::of_pkcs8(&der).expect("an RSA key")),
            // RFC 8410: the last 32 bytes are the key.
            Protocol::V2 => Box::new(X25519Opener::of_bytes(&der[der.len() - 32..]).expect("an X25519 key")),
        }
    }

    fn persona_key(&self, who: &str) -> (PersonaKey, PublicKey) {
        let key = &self.json[format!("{who}_key")];
        (PersonaKey::of_pkcs8(bytes(key, "pkcs8")), PublicKey::of_spki(bytes(key, "pubkey")))
    }

    pub fn check_codes(&self) {
        for (name, code) in entries(&self.json["check_codes"]) {
            let requested = RequestedId::parse(name, Reading::STRICT).expect(name);
            let id = PersonaId::of(&requested);
            assert_eq!(id.as_str(), format!("{name}-{code}"));
            assert_eq!(PersonaId::parse(id.as_str(), Reading::STRICT), Some(id));
        }
    }

    pub fn envelopes(&self) {
        for case in list(&self.json["envelopes"]) {
            let pairs: Pairs = items(&case["pairs"]).into_iter().collect();
            let envelope = Envelope { protocol: self.protocol, pairs };
            assert_eq!(envelope.write(), text(case, "message"));
            for form in ["message", "crlf"] {
                let read = Envelope::parse(text(case, form).as_bytes()).expect(form);
                assert!(unfolded(&read.pairs).eq(unfolded(&envelope.pairs)), "{form}");
            }
        }
    }

    pub fn malformed(&self) {
        for (name, message) in entries(&self.json["malformed"]) {
            assert!(Envelope::parse(message.as_bytes()).is_err(), "{name}");
        }
        for (name, message) in entries(&self.json["still_valid"]) {
            assert!(Envelope::parse(message.as_bytes()).is_ok(), "{name}");
        }
    }

    pub fn keys(&self) {
        for who in ["customer", "merchant"] {
            let (private, public) = self.persona_key(who);
            assert_eq!(self.protocol.suite().public_key(&private).as_ref(), Ok(&public));
            let name = key_name(self.protocol, &public).expect("a key of this suite");
            assert_eq!(name, text(&self.json[format!("{who}_key")], "key"));
        }
    }

    pub fn session_opaques(&self) {
        for case in list(&self.json["session_opaques"]) {
            let salt = Vec::new().into();
            let secrets = SessionSecrets { key: bytes(case, "session_key").into(), salt };
            let index = Index::of(case["index"].as_u64().expect("a number")).expect("an index");
            let message = match case["type_code"].as_u64() {
                Some(1) => SessionMessage::Payment,
                Some(2) => SessionMessage::Collection,
                Some(3) => SessionMessage::MerchantReceipt,
                _ => SessionMessage::PayerReceipt,
            };
            let version = u8::try_from(case["version"].as_u64().expect("a number")).expect("a version");
            let input = KeyInput { message, version, index };
            let suite = self.protocol.suite();
            let key = suite.message_key(&secrets, input).expect("a session key of this suite");
            let expected = bytes(case, "message_key");
            assert_eq!(&key.0.expose()[..expected.len()], expected);
            let (contents, opaque) = (text(case, "contents"), bytes(case, "opaque"));
            assert_eq!(suite.open(&key, &[], &opaque).as_deref(), Ok(contents.as_bytes()));
            self.seal_again(&key, &[], contents, &opaque);
        }
    }

    /// Seals contents again: 1.0 has no randomness and makes the same bytes; 2.0 makes bytes that open.
    fn seal_again(&self, key: &SealKey, aad: &[u8], contents: &str, opaque: &[u8]) {
        let suite = self.protocol.suite();
        let sealed =
            suite.seal(key, aad, contents.as_bytes(), &mut StdRng::seed_from_u64(1)).expect("a key of this suite");
        match self.protocol {
            Protocol::V1 => assert_eq!(sealed, opaque),
            Protocol::V2 => assert_eq!(suite.open(key, aad, &sealed).as_deref(), Ok(contents.as_bytes())),
        }
    }

    pub fn auth_codes(&self) {
        for case in list(&self.json["auth_codes"]) {
            let present = items(&case["items"]).into_iter().filter(|(_, value)| !value.is_empty());
            let items: Vec<_> = present.collect();
            let code = self.protocol.suite().auth_code(&bytes(case, "salt"), &items);
            assert_eq!(to_base64(&code), text(case, "auth_code"));
        }
    }

    /// All messages of the file that something is sealed in.
    fn sealed_messages(&self) -> Vec<&str> {
        let exchanges = list(&self.json["exchanges"]);
        let mut all: Vec<_> = exchanges.flat_map(|case| [text(case, "request"), text(case, "reply")]).collect();
        all.extend(["ca1", "ca2", "ca3", "ca4"].map(|name| text(&self.json["payment"], name)));
        all
    }

    pub fn truncations(&self) {
        for message in self.sealed_messages() {
            let message = message.trim_end();
            assert!(Envelope::parse(message.as_bytes()).is_ok());
            for end in 0..message.len() {
                assert!(Envelope::parse(&message.as_bytes()[..end]).is_err(), "cut at {end}");
            }
        }
    }

    /// The checksum finds a flip on the way. The seal has to find one by itself: its opaque value is flipped here under a
    /// checksum that was made anew.
    pub fn flipped_bits(&self) {
        for message in self.sealed_messages() {
            let message = message.trim_end().as_bytes();
            for bit in 0..message.len() * 8 {
                let mut flipped = message.to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(Envelope::parse(&flipped).is_err(), "bit {bit}");
            }
        }
        self.flipped_opaques();
    }
}
