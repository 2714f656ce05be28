//! Orders and sales sessions at the till.

mod stage;

use merchant_widget::till::order::{Links, NewOrder, OrderFault, Returns, place};
use merchant_widget::till::record::{Item, LogStatus, Order, SalesSession, Status};
use merchant_widget::till::session::{needs_next, pick};
use protocol::Protocol;
use protocol::date::Date;
use protocol::message::offer::Note;
use protocol::money::{Currency, Money};
use protocol::offer::Offer;
use protocol::value::{Reading, SessionId, Text, Url, Value as _};

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

#[test]
fn a_session_is_usable_to_its_last_tenth_and_waning_from_its_last_three() {
    let stage = Stage::of(Protocol::V2);
    let usd = Currency::of("usd").expect("a currency");
    let at = |millis: i64| Date::from_millis(stage.now.millis() + millis);
    let all = [stage.session.clone()];
    // 960 minutes are 57,600,000 milliseconds.
    assert!(pick(&all, usd, at(51_839_999)).is_some() && pick(&all, usd, at(51_840_000)).is_none());
    assert!(!needs_next(&all, usd, at(40_320_000)) && needs_next(&all, usd, at(40_320_001)));
    for (used, waning) in [(63, false), (64, true)] {
        let session = SalesSession { used, ..stage.session.clone() };
        assert_eq!(needs_next(&[session], usd, stage.now), waning, "{used} of 90");
    }
}

#[test]
fn items_sum_to_the_price_in_its_currency() {
    let mut stage = Stage::of(Protocol::V2);
    let cad = |decimal: &str| Money::parse(&format!("cad {decimal}"), Reading::STRICT).expect("an amount");
    let item = |quantity, unit| Item { name: Text::of("a shoe").expect("a text"), quantity, unit };
    for (items, fits) in [
        (vec![item(2, usd("21.25"))], true),
        (vec![item(2, usd("20.00")), item(1, usd("2.50"))], true),
        (vec![item(1, usd("42.50")), item(1, usd("0.01"))], false),
        (vec![item(2, usd("42.50"))], false),
        (vec![item(2, cad("21.25"))], false),
        (vec![item(u32::MAX, Money::new(usd("1.00").currency, Money::MAX_MINOR))], false),
    ] {
        let new = NewOrder { items, ..new(&stage, "Rocket Shoes") };
        let placed = placed(&mut stage, &new);
        assert_eq!(matches!(placed, Err(OrderFault::Items(_))), !fits, "{:?}", new.items);
        assert_eq!(placed.is_ok(), fits);
    }
}

#[test]
fn other_currencies_have_one_price_each() {
    let mut stage = Stage::of(Protocol::V2);
    let money = |text: &str| Money::parse(text, Reading::STRICT).expect("an amount");
    for (prices, fits) in [
        (&["cad 60.00", "eur 40.00"][..], true),
        (&["cad 0.00"], false),
        (&["cad 60.00", "cad 61.00"], false),
        (&["usd 42.50"], false),
        (&[], true),
    ] {
        let other_amounts: Vec<_> = prices.iter().map(|price| money(price)).collect();
        let new = NewOrder { other_amounts, ..new(&stage, "Rocket Shoes") };
        match placed(&mut stage, &new) {
            Ok(order) => {
                let offered = Offer::read(order.as_bytes()).expect("an offer").request.other_amounts;
                assert_eq!(offered.map(|amounts| amounts.0), (!prices.is_empty()).then_some(new.other_amounts));
                assert!(fits, "{prices:?}");
            }
            Err(fault) => assert!(!fits && matches!(fault, OrderFault::OtherAmount(_)), "{fault}"),
        }
    }
}

#[test]
fn an_order_is_named_by_sixteen_letters_nobody_guesses() {
    let mut stage = Stage::of(Protocol::V2);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..64 {
        let id = stage.order("1.00", "A shoe").id.to_string();
        let groups: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [4; 4], "{id}");
        seen.extend(id.chars().filter(|c| *c != '-'));
    }
    assert_eq!(seen.into_iter().collect::<String>(), "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
}

#[test]
fn an_order_is_open_up_to_its_last_moment() {
    let mut stage = Stage::of(Protocol::V2);
    let order = stage.order("1.00", "A shoe");
    let after = Date::from_millis(order.expires.millis() + 1);
    assert_eq!((order.status(order.expires), order.status(after)), (Status::Open, Status::Expired));
    let collecting = Order { collecting: true, ..order };
    assert_eq!(collecting.status(after), Status::Open, "its payment is on its way");
}

#[test]
fn states_are_named_as_pages_and_books_read_them() {
    let states = [Status::Open, Status::Paid, Status::Failed, Status::Cancelled, Status::Expired];
    assert_eq!(states.map(Status::as_str), ["open", "paid", "failed", "cancelled", "expired"]);
    let stored = [LogStatus::Attempt, LogStatus::Success, LogStatus::Failure, LogStatus::Retry];
    assert_eq!(stored.map(LogStatus::as_str), ["attempt", "success", "failure", "retry"]);
    assert_eq!(stored.map(|status| LogStatus::of(status.as_str())), stored.map(Some));
    assert_eq!(LogStatus::of("paid"), None);
}

#[test]
fn a_page_finds_its_offer_where_the_till_says() {
    let order = Stage::of(Protocol::V2).order("1.00", "A shoe");
    assert_eq!(Stage::links().payment_request(&order.id), format!("{SHOP}/orders/{}/payment-request", order.id));
}
