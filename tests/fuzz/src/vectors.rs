//! The vectors of an independent implementation (`tests/vectors`), as what fuzzing begins with.

use protocol::Protocol;
use protocol::secret::SessionSecrets;
use protocol::value::from_base64;
use serde_json::Value;

/// A vector file.
pub struct Vectors(Value);

impl Vectors {
    /// The file of a protocol.
    pub fn of(protocol: Protocol) -> Self {
        let text = match protocol {
            Protocol::V1 => include_str!("../../vectors/classic.json"),
            Protocol::V2 => include_str!("../../vectors/modern.json"),
        };
        Self(serde_json::from_str(text).expect("a vector file"))
    }

    /// The text at a path such as `/payment/pr1`.
    pub fn text(&self, path: &str) -> &str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} is a text"))
    }

    /// The bytes at a path.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        from_base64(self.text(path)).unwrap_or_else(|| panic!("{path} is base64"))
    }

    /// Secrets of `customer_session` or `merchant_session`.
    pub fn secrets(&self, session: &str) -> SessionSecrets {
        SessionSecrets {
            key: self.bytes(&format!("/{session}/key")).into(),
            salt: self.bytes(&format!("/{session}/salt")).into(),
        }
    }

    /// A text of every exchange, R1 to CS1.
    pub fn of_exchanges(&self, key: &str) -> Vec<&str> {
        let exchanges = self.0["exchanges"].as_array().into_iter().flatten();
        exchanges.filter_map(|case| case[key].as_str()).collect()
    }

    /// All messages of the file, good and malformed.
    pub fn messages(&self) -> Vec<&str> {
        let mut all = self.of_exchanges("request");
        all.extend(self.of_exchanges("reply"));
        all.extend(["pr1", "ca1", "ca2", "ca3", "ca4"].map(|name| self.text(&format!("/payment/{name}"))));
        for list in ["malformed", "still_valid"] {
            all.extend(self.0[list].as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str()));
        }
        all
    }

    /// All sections of the file: bodies of messages, and what was sealed.
    pub fn sections(&self) -> Vec<&str> {
        let bodies = self.messages().into_iter().filter_map(body);
        let sealed = ["request_contents", "reply_contents"].map(|key| self.of_exchanges(key)).concat();
        let names = ["ca1_contents", "ca2_contents", "ca3_merchant_contents", "ca3_customer_contents"];
        let payments = names.map(|name| self.text(&format!("/payment/{name}")));
        bodies.chain(sealed).chain(payments).collect()
    }
}

/// What stands between header and trailer.
fn body(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("-$$\n")?;
    rest.split_once("$$-CyberCash-End-").map(|(body, _)| body)
}
