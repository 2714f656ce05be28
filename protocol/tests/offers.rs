//! Whose signature an offer carries ([`Offer::verify`]): the merchant's, over every word that counts, and nobody else's.

mod runner;

use protocol::Protocol;
use protocol::envelope::Envelope;
use protocol::keys::PublicKey;
use protocol::message::offer::PaymentRequest;
use protocol::offer::Offer;
use protocol::pairs::Pairs;
use protocol::suite::{CryptoFault, Purpose};
use protocol::template::Record;
use protocol::value::to_base64;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use runner::Vectors;

/// Each signed label but the signature's, and another value of its form.
const OTHERS: [(&str, &str); 12] = [
    ("merchant-id", "brianb-40"),
    ("merchant-order-id", "1231-3424-234243"),
    ("merchant-date", "20261121051803000"),
    ("merchant-swversion", "1.1ref"),
    ("note", "One pair of shoes"),
    ("merchant-amount", "usd 42.51"),
    ("accepts", "visa"),
    ("url-pay-to", "https://www.acme.example/pay2"),
    ("url-cancel", "https://www.acme.example/cancel2"),
    ("url-success", "https://www.acme.example/ok2"),
    ("url-failure", "https://www.acme.example/fail2"),
    ("merchant-signed-hash-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
];
const SIGNATURE: &str = "merchant-signed-hash";

fn vectors(protocol: Protocol) -> Vectors {
    match protocol {
        Protocol::V1 => Vectors::read(protocol, include_str!("../../tests/vectors/classic.json")),
        Protocol::V2 => Vectors::read(protocol, include_str!("../../tests/vectors/modern.json")),
    }
}

/// The offer of the vectors with one label changed, added or taken away; its checksum fits.
fn changed(protocol: Protocol, label: &str, value: Option<&str>) -> Offer {
    let text = vectors(protocol).payment_request().to_owned();
    let pairs = Envelope::parse(text.as_bytes()).expect("a message").pairs;
    let others = pairs.iter().filter(|(name, _)| *name != label);
    let pairs: Pairs = others.chain(value.map(|value| (label, value))).collect();
    let text = Envelope { protocol, pairs }.write();
    Offer::read(text.as_bytes()).expect("an offer of its form")
}

/// The merchant's public key, and the customer's.
fn keys(protocol: Protocol) -> [PublicKey; 2] {
    vectors(protocol).personas().map(|(_, public)| public)
}

fn is_signed(offer: &Offer) -> bool {
    let [merchant, _] = keys(offer.protocol);
    offer.verify(&merchant) == Ok(())
}

#[test]
fn the_merchants_signature_fits_whatever_is_not_signed() {
    for protocol in Protocol::ALL {
        let signed = Offer::read(vectors(protocol).payment_request().as_bytes()).expect("an offer");
        assert!(is_signed(&signed), "{protocol}");
        assert!(is_signed(&changed(protocol, "merchant-amount2", None)), "{protocol}: other prices are not signed");
        assert!(is_signed(&changed(protocol, "merchant-amount2", Some("cad 1.00"))), "{protocol}");
        assert!(is_signed(&changed(protocol, "x-new", Some("of a later version"))), "{protocol}: unknown labels");
    }
}

#[test]
fn an_offer_with_another_word_is_not_the_merchants() {
    let signed = PaymentRequest::FIELDS.iter().filter(|field| field.hashed).map(|field| field.label);
    assert_eq!(signed.collect::<Vec<_>>(), OTHERS.map(|(label, _)| label), "every signed label is tried");
    for protocol in Protocol::ALL {
        for (label, value) in OTHERS {
            assert!(!is_signed(&changed(protocol, label, Some(value))), "{protocol}: {label} is {value}");
        }
        assert!(!is_signed(&changed(protocol, "accepts", None)), "{protocol}: a label is missing");
    }
}

#[test]
fn a_signature_of_somebody_else_or_of_nobody_is_not_the_merchants() {
    for protocol in Protocol::ALL {
        let vectors = vectors(protocol);
        let signed = Offer::read(vectors.payment_request().as_bytes()).expect("an offer");
        let [(_, merchant), (customers, customer)] = vectors.personas();
        assert_eq!(signed.verify(&customer), Err(CryptoFault), "{protocol}: another's key");
        assert_eq!(signed.verify(&PublicKey::of_spki(vec![7; 44])), Err(CryptoFault), "{protocol}: no key at all");
        let other = Offer::write(protocol, &signed.request, &customers, &mut StdRng::seed_from_u64(1))
            .expect("a key of this suite");
        let other = Offer::read(other.as_bytes()).expect("an offer");
        assert_eq!(other.verify(&merchant), Err(CryptoFault), "{protocol}: another's signature");
        assert_eq!(other.verify(&customer), Ok(()), "{protocol}: it is the customer's");

        let right = signed.request.signed_hash.as_ref().expect("a signature").as_slice().to_vec();
        let mut flipped = right.clone();
        flipped[right.len() / 2] ^= 1;
        for wrong in [flipped, right[1..].to_vec(), [&right[..], &[0]].concat(), vec![0]] {
            assert!(!is_signed(&changed(protocol, SIGNATURE, Some(&to_base64(&wrong)))), "{protocol}: {wrong:?}");
        }
        assert!(is_signed(&changed(protocol, SIGNATURE, Some(&to_base64(&right)))), "{protocol}");
    }
}

#[test]
fn a_signature_under_a_request_or_of_the_other_suite_is_not_one_of_an_offer() {
    let requests = vectors(Protocol::V2);
    let signed = Offer::read(requests.payment_request().as_bytes()).expect("an offer");
    let [(private, _), _] = requests.personas();
    let sign =
        |purpose| Protocol::V2.suite().sign(&private, purpose, &signed.signed_pairs(), &mut StdRng::seed_from_u64(2));
    for (purpose, fits) in [(Purpose::Offer, true), (Purpose::Request, false)] {
        let signature = to_base64(&sign(purpose).expect("a key of this suite"));
        assert_eq!(is_signed(&changed(Protocol::V2, SIGNATURE, Some(&signature))), fits, "{purpose:?}");
    }
    let [(_, classic), _] = vectors(Protocol::V1).personas();
    assert_eq!(signed.verify(&classic), Err(CryptoFault), "a key of the other suite");
}

#[test]
fn a_signature_covers_the_samples_names_as_they_stand() {
    for protocol in Protocol::ALL {
        let [(private, public), _] = vectors(protocol).personas();
        let ours = Envelope::parse(vectors(protocol).payment_request().as_bytes()).expect("a message").pairs;
        let samples = |label: &str| {
            match label {
                "merchant-id" => "merchant-ccid",
                "url-failure" => "url-fail",
                other => other,
            }
            .to_owned()
        };
        let read = |pairs: Pairs| Offer::read(Envelope { protocol, pairs }.write().as_bytes()).expect("an offer");
        let mut pairs: Pairs = ours.iter().map(|(label, value)| (samples(label), value)).collect();
        let input = read(pairs.clone()).signed_pairs();
        let renamed = String::from_utf8(read(ours.clone()).signed_pairs()).expect("a text");
        let renamed = renamed.replace("merchant-id:", "merchant-ccid:").replace("url-failure:", "url-fail:");
        assert_eq!(String::from_utf8_lossy(&input), renamed, "{protocol}");
        let signed = protocol.suite().sign(&private, Purpose::Offer, &input, &mut StdRng::seed_from_u64(3));
        pairs.push_base64(SIGNATURE, to_base64(&signed.expect("a key of this suite")));
        let offer = read(pairs.clone());
        assert_eq!((offer.verify(&public), offer.request.merchant_id.as_str()), (Ok(()), "acme-82"), "{protocol}");
        pairs.push_text("merchant-ccid", "brianb-40");
        assert!(!is_signed(&read(pairs)), "{protocol}: another merchant");
    }
}
