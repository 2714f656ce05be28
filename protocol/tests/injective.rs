//! Two different accepted messages never have the same hash input.
//!
//! Protocol 1.0 joins labels and values without separators or white space, so that one field could end in the text of the
//! next. Here messages are made to collide in just that way: a field's label and value move into the text before it. Of
//! two messages with one hash input, at most one may be accepted (messages that differ in white space alone count as one).

mod runner;

use proptest::prelude::*;
use proptest::sample::select;
use protocol::Protocol;
use protocol::collect::{CustomerPart, Verdicts, read_payer_receipt, write_payer_receipt, write_receipts};
use protocol::envelope::Envelope;
use protocol::exchange::{OpenedRequest, seal};
use protocol::message::binding::BindInstrument;
use protocol::message::funds::LoadUnload;
use protocol::message::payment::{BatchHead, BatchReceipt, PayerReceipt};
use protocol::message::registration::Registration;
use protocol::message::session::{CloseSession, OpenSession};
use protocol::message::{Request, RequestHead};
use protocol::offer::Offer;
use protocol::outcome::ResponseCode;
use protocol::pairs::Pairs;
use protocol::template::{Kind, Record, hashed_items};
use protocol::value::{Index, Reading, SessionId, Token, Version1};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use runner::Vectors;

fn vectors(protocol: Protocol) -> Vectors {
    match protocol {
        Protocol::V1 => Vectors::read(protocol, include_str!("../../tests/vectors/classic.json")),
        Protocol::V2 => Vectors::read(protocol, include_str!("../../tests/vectors/modern.json")),
    }
}

/// Pieces of text that attack: labels, values, separators, white space.
fn attacking_text() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "Elm Street",
        "7",
        ":",
        "|",
        "usd 1.00",
        "accepts:visa",
        "merchant-amount:usd 9.00",
        "instrument-city:X",
        "instrument-country:us",
        "record-note:x",
        "session-id:AAAAAAAAAAE=",
        "email:x@y",
        "key:",
        "success",
        "index-used",
    ];
    prop::collection::vec(select(pieces.to_vec()), 1..3).prop_map(|pieces| pieces.join(" ").chars().take(38).collect())
}

/// A value that fits its kind.
fn value(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Text(_) | Kind::Lines(_) => attacking_text().prop_map(|text| text.trim().to_owned()).boxed(),
        Kind::Token(_) => select(&["abcdef", "usd1.00", "key:abcdef", "dda", "success"][..]).prop_map_into().boxed(),
        Kind::Base64(min, _) => Just(protocol::value::to_base64(&vec![7; min.max(8)])).boxed(),
        Kind::OneOf(words) => select(words).prop_map_into().boxed(),
        Kind::Id => Just("acme-82".to_owned()).boxed(),
        Kind::Requested => select(&["brianb", "key"][..]).prop_map_into().boxed(),
        Kind::Num | Kind::Count | Kind::Index => select(&["1", "12", "0120"][..]).prop_map_into().boxed(),
        Kind::Date => Just("20261121051801867".to_owned()).boxed(),
        Kind::Amount | Kind::SignedAmount | Kind::Amounts => {
            select(&["usd 1.00", "usd 11.00", "jpy 500"][..]).prop_map_into().boxed()
        }
        Kind::Currency => select(&["usd", "cad"][..]).prop_map_into().boxed(),
        Kind::Rates => select(&["cad 0.60", "cad 0.60 gbp 1.55"][..]).prop_map_into().boxed(),
        Kind::Address => select(&["x@y", "x@yrequested-id:zz", "email:x@y"][..]).prop_map_into().boxed(),
        Kind::Language => Just("en-us".to_owned()).boxed(),
        Kind::Month => Just("01/2030".to_owned()).boxed(),
        Kind::Country => Just("US".to_owned()).boxed(),
        Kind::Url => select(&["https://a.example/", "https://a.example/url-cancel:https://b.example/"][..])
            .prop_map_into()
            .boxed(),
        Kind::Names => select(&["visa", "visa;master"][..]).prop_map_into().boxed(),
        Kind::Ints => select(&["75", "75,123"][..]).prop_map_into().boxed(),
        Kind::Functions => select(&["load", "load,unload"][..]).prop_map_into().boxed(),
    }
}

/// A section of a record: each label that it may have, or not.
fn section<R: Record>() -> impl Strategy<Value = Pairs> {
    use protocol::template::Presence;
    let rows: Vec<_> = R::FIELDS
        .iter()
        .map(|field| {
            let label = match field.presence {
                Presence::Numbered => format!("{}_1", field.label),
                Presence::Prefix => format!("{}zone", field.label),
                _ => field.label.to_owned(),
            };
            let absent = field.presence != Presence::Required;
            let present = value(field.kind).prop_map(Some);
            let strategy = if absent { prop_oneof![Just(None), present].boxed() } else { present.boxed() };
            strategy.prop_map(move |value| (label.clone(), value))
        })
        .collect();
    rows.prop_map(|rows| {
        let mut pairs = Pairs::new();
        for (label, value) in rows {
            pairs.push_text(label, value.unwrap_or_default());
        }
        pairs
    })
}

/// The attack: the pair after `at` (in the order of `pairs`, or sorted) moves into the value at `at`.
fn swallow(pairs: &Pairs, at: usize, sorted: bool) -> Pairs {
    let mut items: Vec<(String, String)> = pairs.iter().map(|(l, v)| (l.to_owned(), v.to_owned())).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    if sorted {
        order.sort_by(|a, b| items[*a].0.cmp(&items[*b].0));
    }
    let (Some(&eater), Some(&eaten)) = (order.get(at % items.len().max(1)), order.get(at % items.len().max(1) + 1))
    else {
        return pairs.clone();
    };
    let (label, value) = items[eaten].clone();
    items[eater].1 += &[label.as_str(), ":", value.as_str()].concat();
    items[eaten].1.clear();
    let mut out = Pairs::new();
    for (label, value) in items {
        out.push_text(label, value);
    }
    out
}

/// Text as it is hashed: white space never counts in 1.0, and its runs count as one in 2.0.
fn normal(protocol: Protocol, pairs: &Pairs) -> Vec<(String, String)> {
    let join = if protocol == Protocol::V1 { "" } else { " " };
    pairs.iter().map(|(l, v)| (l.to_owned(), v.split_whitespace().collect::<Vec<_>>().join(join))).collect()
}

fn head() -> RequestHead {
    let mut pairs = Pairs::new();
    for (label, value) in [("id", "acme-82"), ("transaction", "1"), ("date", "20261121051801867"), ("serverkey", "CC1")]
    {
        pairs.push_text(label, value);
    }
    RequestHead::read(&pairs, "", Reading::STRICT).expect("a head")
}

/// The body as the server accepts it, and the bytes that were signed.
fn accept<M: Request>(vectors: &Vectors, pairs: &Pairs) -> Option<(Pairs, Vec<u8>)> {
    let body = M::read(pairs, "", Reading::of(vectors.protocol)).ok()?;
    let sent =
        seal(&head(), &body, &vectors.server_key(), None, &mut StdRng::seed_from_u64(1)).expect("keys of this suite");
    let envelope = Envelope::parse(sent.text.as_bytes()).ok()?;
    let opener = vectors.opener();
    let opened = OpenedRequest::open(&envelope, |_, _| Some(&*opener)).ok()?;
    let body: M = opened.body().ok()?;
    let mut read = Pairs::new();
    body.write("", &mut read);
    Some((read, opened.signed_pairs::<M>()))
}

fn check_request<M: Request>(vectors: &Vectors, mut pairs: Pairs, at: usize) -> Result<(), TestCaseError> {
    pairs.push_text("signature", "AAAA");
    let mut attack = swallow(&pairs, at, true);
    attack.push_text("signature", "AAAA");
    if let (Some((left, left_input)), Some((right, right_input))) =
        (accept::<M>(vectors, &pairs), accept::<M>(vectors, &attack))
    {
        let same = normal(vectors.protocol, &left) == normal(vectors.protocol, &right);
        prop_assert!(same || left_input != right_input, "{left:?}\n{right:?}");
    }
    Ok(())
}

macro_rules! requests {
    ($($name:ident: $record:ty;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 192 } else { 2_048 }))]
            $(
                #[test]
                fn $name(pairs in section::<$record>(), at in 0..32_usize) {
                    for protocol in Protocol::ALL {
                        check_request::<$record>(&vectors(protocol), pairs.clone(), at)?;
                    }
                }
            )*
        }
    };
}

requests! {
    registrations_are_told_apart: Registration;
    bindings_are_told_apart: BindInstrument;
    loads_are_told_apart: LoadUnload;
    openings_are_told_apart: OpenSession;
    closings_are_told_apart: CloseSession;
}

fn read_offer(protocol: Protocol, pairs: &Pairs) -> Option<(Pairs, Vec<u8>)> {
    let mut all = Pairs::new();
    all.push_text("type", "payment-request");
    pairs.iter().for_each(|(label, value)| all.push_text(label, value));
    let offer = Offer::read(Envelope { protocol, pairs: all }.write().as_bytes()).ok()?;
    let mut read = Pairs::new();
    offer.request.write("", &mut read);
    Some((read, offer.signed_pairs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn offers_are_told_apart(pairs in section::<protocol::message::offer::PaymentRequest>(), at in 0..16_usize) {
        for protocol in Protocol::ALL {
            let attack = swallow(&pairs, at, false);
            if let (Some((left, l)), Some((right, r))) = (read_offer(protocol, &pairs), read_offer(protocol, &attack)) {
                // The signature itself and what it does not cover may differ.
                let covered = |pairs: &Pairs| -> Vec<_> {
                    let all = normal(protocol, pairs).into_iter();
                    all.filter(|(label, _)| label != "merchant-signed-hash" && label != "merchant-amount2").collect()
                };
                prop_assert!(covered(&left) == covered(&right) || l != r, "{:?}\n{:?}", left, right);
            }
        }
    }
}

/// A receipt as the wallet accepts it, and its auth-code's input under a known salt.
fn read_receipt(vectors: &Vectors, pairs: &Pairs) -> Option<(Pairs, Vec<u8>)> {
    let receipt = PayerReceipt::read(pairs, "", Reading::of(vectors.protocol)).ok()?;
    let (payer, merchant) = vectors.session_secrets();
    let received = vectors.received_payment();
    let receipt = PayerReceipt { order_id: received.payment.order_id.clone(), ..receipt };
    let part = CustomerPart {
        session_id: received.payment.session_id.clone(),
        index: received.payment.index,
        secrets: &payer,
        receipt,
    };
    let ca3 = write_receipts(
        vectors.protocol,
        &batch_head(),
        &merchant,
        &no_verdicts(),
        &[Some(part)],
        &mut StdRng::seed_from_u64(1),
    );
    let ca3 = Envelope::parse(ca3.ok()?.as_bytes()).ok()?;
    let opaque = ca3.pairs.get("customer-opaque_1").and_then(protocol::value::from_base64)?;
    let ca4 = write_payer_receipt(&received, &opaque);
    let read = read_payer_receipt(ca4.as_bytes(), vectors.protocol, &payer, &received.payment).ok()?;
    let mut out = Pairs::new();
    PayerReceipt { auth_code: None, ..read }.write("", &mut out);
    let code = vectors.protocol.suite().auth_code(b"salt", &hashed_items(PayerReceipt::FIELDS, &out, ""));
    Some((out, code))
}

fn batch_head() -> BatchHead {
    let kind = Token::of("cash-collection").expect("a token");
    let session_id = SessionId::of_number(2);
    BatchHead { kind, version: Version1, session_id, index: Index::FIRST, service_category: None }
}

fn no_verdicts() -> Verdicts {
    let batch = BatchReceipt {
        subtype: Token::of("cash-batch-receipt").expect("a token"),
        subversion: Version1,
        response_code: ResponseCode::Success,
        fee: None,
        problem: None,
        remark: None,
    };
    Verdicts { batch, payments: Vec::new() }
}

/// Found by the property: one rate and one amount are written alike.
#[test]
fn one_rate_without_an_amount_is_refused() {
    let rows = [("response-code", "failure"), ("problem", "busy"), ("order-id", "x"), ("request-version", "1")];
    let classic = vectors(Protocol::V1);
    for (label, accepted) in [("foreign-exchange", false), ("amount", true)] {
        let pairs = rows.into_iter().chain([(label, "cad 0.60")]).collect();
        assert_eq!(read_receipt(&classic, &pairs).is_some(), accepted, "{label}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    #[test]
    fn receipts_are_told_apart(left in section::<PayerReceipt>(), right in section::<PayerReceipt>()) {
        for protocol in Protocol::ALL {
            let vectors = vectors(protocol);
            if let (Some((left, l)), Some((right, r))) = (read_receipt(&vectors, &left), read_receipt(&vectors, &right)) {
                prop_assert!(normal(protocol, &left) == normal(protocol, &right) || l != r, "{:?}\n{:?}", left, right);
            }
        }
    }

    /// The attack on values that are joined without labels: one value moves to the row above or below.
    #[test]
    fn receipts_whose_values_move_are_told_apart(pairs in section::<PayerReceipt>(), from in 0..10_usize, to in 0..10_usize) {
        let labels: Vec<_> = PayerReceipt::FIELDS.iter().map(|field| field.label).collect();
        let mut moved = pairs.clone();
        if let Some(value) = pairs.get(labels[from]) {
            moved = pairs.iter().filter(|(label, _)| *label != labels[from]).collect();
            moved.push_text(labels[to], value);
        }
        for protocol in Protocol::ALL {
            let vectors = vectors(protocol);
            if let (Some((left, l)), Some((right, r))) = (read_receipt(&vectors, &pairs), read_receipt(&vectors, &moved)) {
                prop_assert!(normal(protocol, &left) == normal(protocol, &right) || l != r, "{:?}\n{:?}", left, right);
            }
        }
    }
}
