//! Orders and sales sessions at the till.

mod stage;

use merchant_widget::till::order::{Links, NewOrder, OrderFault, Returns, place};
use merchant_widget::till::session::{needs_next, pick};
use protocol::Protocol;
use protocol::message::offer::Note;
use protocol::money::Currency;
use protocol::offer::Offer;
use protocol::value::{SessionId, Url};

use stage::{SHOP, Stage, usd};

fn new(stage: &Stage, note: &str) -> NewOrder {
    NewOrder {
        amount: usd("42.50"),
        note: Note::of(note).expect("a note"),
        reference: None,
        items: Vec::new(),
        other_amounts: Vec::new(),
        returns: Returns::default(),
        expires: stage.now.plus_secs(60),
    }
}

fn placed(stage: &mut Stage, new: &NewOrder) -> Result<String, OrderFault> {
    let (persona, links) = (stage.persona.clone(), Stage::links());
    place(&persona, new, &links, &mut stage.moment()).map(|(_, order)| order.payment_request)
}

#[test]
fn an_offer_is_signed_and_all_its_addresses_are_the_shop_s() {
    for protocol in Protocol::ALL {
        let mut stage = Stage::of(protocol);
        let new = new(&stage, "1 pair Rocket Shoes at $37.50\n\tShipping $5.00");
        let offer = Offer::read(placed(&mut stage, &new).expect("an order").as_bytes()).expect("an offer");
        offer.verify(&stage.persona.public_key).expect("the merchant's signature");
        let request = offer.request;
        assert_eq!(request.note.as_str(), new.note.as_str());
        for url in [&request.url_pay_to, &request.url_success, &request.url_failure, &request.url_cancel] {
            assert_eq!(url.origin(), SHOP);
        }
        assert_eq!(request.url_pay_to.as_str(), format!("{SHOP}/orders/{}/pay", request.order_id));
        assert_eq!(request.url_success.as_str(), format!("{SHOP}/success?order={}", request.order_id));
    }
}

#[test]
fn addresses_elsewhere_are_refused() {
    let mut stage = Stage::of(Protocol::V2);
    let mut new = new(&stage, "Rocket Shoes");
    new.returns.cancel = Url::of("https://evil.example/");
    let fault = placed(&mut stage, &new).expect_err("an open redirect");
    assert!(matches!(fault, OrderFault::Origin { which: "url-cancel", .. }), "{fault}");
    new.returns.cancel = Url::of("https://shop.example/bye?x=1#y");
    placed(&mut stage, &new).expect("a page of the shop");

    assert!(Links::new(SHOP, "https://evil.example").is_err());
    assert!(Links::new("http://shop.example", "http://shop.example").is_err(), "not encrypted");
    assert!(Links::new("https://shop.example?x", SHOP).is_err());
    let nested = Links::new("https://shop.example/till/", SHOP).expect("a path");
    assert_eq!(nested.origin(), SHOP);
}

#[test]
fn nothing_is_sold_for_nothing_and_no_note_deceives() {
    let mut stage = Stage::of(Protocol::V2);
    let free = NewOrder { amount: usd("0.00"), ..new(&stage, "Air") };
    assert_eq!(placed(&mut stage, &free), Err(OrderFault::Nothing));
    for note in ["total\u{202e}05.24$", "bell\u{7}", "a\u{2028}b"] {
        assert_eq!(Note::of(note), None, "{note:?}");
    }
    for note in [" padded ", "tab\tbed", "two\n\tlines \n"] {
        let new = new(&stage, note);
        let order = placed(&mut stage, &new).expect("an order");
        let offer = Offer::read(order.as_bytes()).expect("an offer");
        assert_eq!(offer.request.note, new.note, "it arrives as it was written");
    }
}

#[test]
fn a_note_cannot_pose_as_a_price_in_the_classic_suite() {
    let mut stage = Stage::of(Protocol::V1);
    let new = new(&stage, "shoes merchant-amount: usd 1.00");
    assert!(matches!(placed(&mut stage, &new), Err(OrderFault::Unreadable(_))));
}

#[test]
fn the_next_session_is_there_before_the_last_ends() {
    let mut stage = Stage::of(Protocol::V2);
    let usd = Currency::of("usd").expect("a currency");
    let mut session = stage.session.clone();
    let minutes = |n: i64| 60 * n;
    assert!(needs_next(&[], usd, stage.now), "none is too few");
    assert!(!needs_next(&[session.clone()], usd, stage.now));
    assert!(needs_next(&[session.clone()], Currency::of("eur").expect("a currency"), stage.now));

    // By time: 960 minutes, the next from 30 per cent on, none used in the last 10 per cent.
    let late = stage.now.plus_secs(minutes(700));
    assert!(pick(std::slice::from_ref(&session), usd, late).is_some() && needs_next(&[session.clone()], usd, late));
    let too_late = stage.now.plus_secs(minutes(870));
    assert!(pick(std::slice::from_ref(&session), usd, too_late).is_none());

    // By use: 90.
    session.used = 70;
    assert!(needs_next(&[session.clone()], usd, stage.now));
    session.used = 90;
    assert!(pick(std::slice::from_ref(&session), usd, stage.now).is_none());

    // The old one is used up before the new one is begun; a closed one is not used.
    session.used = 70;
    stage.session.id = SessionId::of_number(8);
    stage.session.opened = stage.now.plus_secs(minutes(60));
    let both = [stage.session.clone(), session.clone()];
    assert_eq!(pick(&both, usd, late).map(|session| session.id.number()), Some(7));
    session.closed = Some(late);
    assert_eq!(pick(&[stage.session.clone(), session], usd, late).map(|session| session.id.number()), Some(8));
}
