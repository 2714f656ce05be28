//! Addresses: those of offers, the server's as a person types it, and those that a till is told to send things to.

use std::net::IpAddr;

use protocol::value::{Reading, Url, Value as _};
use server_stub::till::webhooks::guard::{Guard, is_public};
use wallet_wasm::wallet::server::normalised;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(url) = Url::of(text) {
        check(&url);
    }
    if let Ok(server) = normalised(text) {
        check(&Url::of(&server).expect("what is stored is an address"));
        assert_eq!(normalised(&server).as_ref(), Ok(&server), "normal is normal");
        // A path is put behind it.
        let keys = Url::of(&format!("{server}/cybercash/keys")).expect("an address with a path");
        assert_eq!(keys.origin(), Url::of(&server).expect("an address").origin());
    }
    webhooks(text);
}

/// It leads where it seems to lead.
fn check(url: &Url) {
    let text = url.as_str();
    assert_eq!(Url::parse(&url.text(), Reading::STRICT).as_ref(), Some(url));
    let (scheme, rest) = text.split_once("://").expect("absolute");
    let authority = rest.split(['/', '?', '#']).next().expect("a first part");
    assert!(!authority.is_empty() && !authority.contains(['@', '\\', ' ']), "{text:?}");
    let origin = url.origin();
    let (of_origin, host) = origin.split_once("://").expect("an origin has a scheme");
    assert!(scheme.eq_ignore_ascii_case(of_origin), "{text:?} has origin {origin}");
    let host = host.strip_suffix(']').unwrap_or(host);
    let here = ["127.0.0.1", "localhost", "[::1"].iter().any(|name| host.starts_with(name));
    assert!(of_origin == "https" || here, "{text:?} has origin {origin}");
    // A plain host stands in the origin as it stands in the address.
    let plain = |c: char| c.is_ascii_lowercase() || c == '-' || c == '.';
    if authority.starts_with(|c: char| c.is_ascii_lowercase()) && authority.chars().all(plain) {
        assert_eq!(origin, format!("{of_origin}://{authority}"));
    }
    assert_eq!(Url::of(&origin).map(|url| url.origin()), Some(origin));
}

fn webhooks(text: &str) {
    let Ok(url) = Guard::default().check(text) else { return };
    assert_eq!(url.scheme(), "https");
    let host = url.host_str().expect("a host").trim_matches(['[', ']']);
    assert!(host.parse::<IpAddr>().is_ok_and(is_public) || host.parse::<IpAddr>().is_err(), "{text:?}");
    assert!(host.trim_end_matches('.') != "localhost", "{text:?}");
}
