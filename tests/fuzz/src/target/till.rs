//! JSON that shops send to a till: an order that is taken makes an offer that wallets take.

use std::sync::LazyLock;

use merchant_widget::page::check_offer;
use merchant_widget::till::Moment;
use merchant_widget::till::order::{Links, place};
use merchant_widget::till::record::Persona;
use protocol::Protocol;
use protocol::keys::{PersonaKey, PublicKey, ServerKey};
use protocol::money::{Currency, Money};
use protocol::offer::Offer;
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{Reading, Token, Value as _};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use server_stub::till::RefundForm;
use server_stub::till::order_form::{OrderForm, Terms};

use super::choice;
use crate::vectors::Vectors;
use crate::wallet::{NOW, ORIGIN};

static MERCHANT: LazyLock<Persona> = LazyLock::new(|| {
    let vectors = Vectors::of(Protocol::V2);
    let name = RequestedId::parse("acme", Reading::STRICT).expect("a name");
    let server = Token::of("CC2001").expect("a name");
    Persona {
        id: PersonaId::of(&name),
        protocol: Protocol::V2,
        private_key: PersonaKey::of_pkcs8(vectors.bytes("/merchant_key/pkcs8")),
        public_key: PublicKey::of_spki(vectors.bytes("/merchant_key/pubkey")),
        server_key: ServerKey { name: server, protocol: Protocol::V2, public: PublicKey::of_spki(Vec::new()) },
    }
});

pub fn run(data: &[u8]) {
    let Some((byte, json)) = choice(data) else { return };
    if byte % 2 == 0 { order(json) } else { refund(json) }
}

fn order(json: &[u8]) {
    let Ok(form) = serde_json::from_slice::<OrderForm>(json) else { return };
    let currencies = ["usd", "jpy", "kwd"].map(|code| Currency::of(code).expect("a currency")).to_vec();
    let Ok(new) = form.read(&Terms { currencies, order_minutes: 60 }, *NOW) else { return };
    assert!(new.expires > *NOW && new.amount.minor <= Money::MAX_MINOR);
    let links = Links::new(ORIGIN, ORIGIN).expect("addresses of one origin");
    let mut rng = StdRng::seed_from_u64(3);
    let placed = place(&MERCHANT, &new, &links, &mut Moment { now: *NOW, rng: &mut rng });
    let Ok((_, order)) = placed else { return };
    let text = order.payment_request.as_bytes();
    let offer = Offer::read(text).expect("what a till offers is of its form");
    offer.verify(&MERCHANT.public_key).expect("signed");
    assert_eq!((offer.request.amount, &offer.request.note), (new.amount, &new.note));
    let page = check_offer(text, ORIGIN).expect("a page may ask with it");
    assert_eq!(page.amount, new.amount.to_string());
}

fn refund(json: &[u8]) {
    let Some(new) = serde_json::from_slice::<RefundForm>(json).ok().and_then(|form| form.read().ok()) else { return };
    assert!(new.amount.is_none_or(|amount| (0..=Money::MAX_MINOR).contains(&amount.minor)));
    assert!(new.note.is_none_or(|note| !note.as_str().contains(char::is_control)));
}
