//! The merchant's offer: assembling, reading and checking PR1 (step 1702; process 3300, fig. 26).

use rand_core::CryptoRng;

use crate::envelope::Envelope;
use crate::fault::{FormFault, marker, refuse_ambiguous};
use crate::keys::{PersonaKey, PublicKey};
use crate::message::offer::PaymentRequest;
use crate::pairs::Pairs;
use crate::suite::{CryptoFault, Item, Protocol, Purpose};
use crate::template::Record;
use crate::value::{Reading, from_base64, to_base64};

const SIGNED_HASH: &str = "merchant-signed-hash";

/// Names that the seed's sample uses, and what they are called here.
const ALIASES: [(&str, &str); 2] = [("merchant-ccid", "merchant-id"), ("url-fail", "url-failure")];

/// An offer as it was read: the record, and the text it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The suite that the merchant uses.
    pub protocol: Protocol,
    /// What is offered.
    pub request: PaymentRequest,
    pairs: Pairs,
}

impl Offer {
    /// Writes and signs an offer.
    ///
    /// # Errors
    /// The key is not of the protocol's suite.
    pub fn write(
        protocol: Protocol,
        request: &PaymentRequest,
        key: &PersonaKey,
        rng: &mut dyn CryptoRng,
    ) -> Result<String, CryptoFault> {
        let mut pairs = Pairs::new();
        pairs.push_text("type", PaymentRequest::TYPE);
        let PaymentRequest { other_amounts, .. } = request;
        let unsigned = PaymentRequest { signed_hash: None, other_amounts: None, ..request.clone() };
        unsigned.write("", &mut pairs);
        let input = protocol.suite().pairs(&signed_items(&pairs));
        let signature = protocol.suite().sign(key, Purpose::Offer, &input, rng)?;
        pairs.push_base64(SIGNED_HASH, to_base64(&signature));
        crate::template::Slot::write(other_amounts, "merchant-amount2", "", &mut pairs);
        Ok(Envelope { protocol, pairs }.write())
    }

    /// Reads an offer and checks its form. Whose signature it carries is for [`Offer::verify`].
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, FormFault> {
        let Envelope { protocol, pairs } = Envelope::parse(bytes)?;
        let kind = pairs.get("type").unwrap_or_default();
        if kind != PaymentRequest::TYPE {
            return Err(FormFault::OtherType { expected: PaymentRequest::TYPE, found: kind.to_owned() });
        }
        let request = PaymentRequest::read(&renamed(&pairs)?, "", Reading::of(protocol))?;
        if request.signed_hash.is_none() {
            return Err(FormFault::Missing(SIGNED_HASH.to_owned()));
        }
        let markers: Vec<_> = PaymentRequest::FIELDS.iter().filter(|field| field.hashed).map(marker).collect();
        refuse_ambiguous(protocol, &markers, &signed_items(&pairs))?;
        Ok(Self { protocol, request, pairs })
    }

    /// Checks the merchant's signature.
    ///
    /// # Errors
    /// It does not fit.
    pub fn verify(&self, key: &PublicKey) -> Result<(), CryptoFault> {
        let signature = self.pairs.get(SIGNED_HASH).and_then(from_base64).ok_or(CryptoFault)?;
        let suite = self.protocol.suite();
        suite.verify(key, Purpose::Offer, &suite.pairs(&signed_items(&self.pairs)), &signature)
    }

    /// The bytes that the merchant's signature covers.
    pub fn signed_pairs(&self) -> Vec<u8> {
        self.protocol.suite().pairs(&signed_items(&self.pairs))
    }
}

/// The hash of a note (label `note-hash`).
pub fn note_hash(protocol: Protocol, note: &str) -> Vec<u8> {
    let suite = protocol.suite();
    suite.digest(&suite.note_text(note))
}

/// `type` and the signed rows in the table's order, each under the name it has in the message.
fn signed_items(pairs: &Pairs) -> Vec<Item<'_>> {
    let named = |label: &'static str| {
        let alias = ALIASES.iter().find(|(_, ours)| *ours == label).map(|(alias, _)| *alias);
        [Some(label), alias].into_iter().flatten().find_map(|name| Some((name, pairs.get(name)?)))
    };
    let rows = PaymentRequest::FIELDS.iter().filter(|field| field.hashed).map(|field| field.label);
    std::iter::once("type").chain(rows).filter_map(named).collect()
}

/// The pairs with the sample's names replaced by ours.
fn renamed(pairs: &Pairs) -> Result<Pairs, FormFault> {
    let mut out = Pairs::new();
    for (label, value) in pairs.iter() {
        let ours = ALIASES.iter().find(|(alias, _)| *alias == label).map_or(label, |(_, ours)| ours);
        if out.get(ours).is_some() {
            return Err(FormFault::Repeated(ours.to_owned()));
        }
        out.push_text(ours, value);
    }
    Ok(out)
}
