//! Which of the keys that a server publishes is written to ([`Published::key_for`], [`Published::best_key`]).

use protocol::Protocol;
use protocol::keys::{Published, PublishedKey, ServerKey};
use protocol::value::to_base64;

/// A key as it is published: its name, its protocol number, and bytes that tell it from others.
fn key(name: &str, number: &str, byte: u8) -> PublishedKey {
    PublishedKey {
        serverkey: name.to_owned(),
        protocol: number.to_owned(),
        algorithm: "x25519".to_owned(),
        spki: to_base64(&[byte; 44]),
    }
}

fn server(protocols: &[&str], keys: &[PublishedKey]) -> Published {
    Published {
        protocols: protocols.iter().map(|number| (*number).to_owned()).collect(),
        keys: keys.to_vec(),
        currencies: Vec::new(),
        agreements: Vec::new(),
        fees: Vec::new(),
    }
}

/// Name, protocol number and first byte of what was chosen.
fn told(chosen: Option<ServerKey>) -> Option<String> {
    chosen.map(|key| format!("{} {} {}", key.name.as_str(), key.protocol, key.public.spki()[0]))
}

#[test]
fn the_first_key_of_a_protocol_is_chosen() {
    let keys = [key("CC1001", "1.0", 1), key("CC2001", "2.0", 2), key("CC2002", "2.0", 3), key("CC1002", "1.0", 4)];
    let both = server(&["2.0", "1.0"], &keys);
    assert_eq!(told(both.key_for(Protocol::V2)).as_deref(), Some("CC2001 2.0 2"));
    assert_eq!(told(both.key_for(Protocol::V1)).as_deref(), Some("CC1001 1.0 1"));
    assert_eq!(told(both.best_key()).as_deref(), Some("CC2001 2.0 2"), "the newest protocol, wherever its keys stand");
}

#[test]
fn a_key_of_a_protocol_that_is_not_spoken_is_not_chosen() {
    let keys = [key("CC1001", "1.0", 1), key("CC2001", "2.0", 2)];
    for (spoken, v1, v2) in
        [(&["2.0"][..], false, true), (&["1.0"], true, false), (&[], false, false), (&["3.0"], false, false)]
    {
        let server = server(spoken, &keys);
        assert_eq!(
            (server.key_for(Protocol::V1).is_some(), server.key_for(Protocol::V2).is_some()),
            (v1, v2),
            "{spoken:?}"
        );
        assert_eq!(server.best_key().is_some(), v1 || v2, "{spoken:?}");
    }
    let old = server(&["1.0"], &keys);
    assert_eq!(told(old.best_key()).as_deref(), Some("CC1001 1.0 1"));
}

#[test]
fn a_protocol_without_a_key_has_none() {
    assert_eq!(server(&["2.0", "1.0"], &[]).best_key(), None);
    let old = server(&["2.0", "1.0"], &[key("CC1001", "1.0", 1)]);
    assert_eq!(old.key_for(Protocol::V2), None, "the other protocol's key does not do");
    assert_eq!(told(old.best_key()).as_deref(), Some("CC1001 1.0 1"));
}

#[test]
fn a_key_that_cannot_be_read_is_passed_over() {
    let good = key("CC2009", "2.0", 9);
    let no_base64 = PublishedKey { spki: "not base64!".to_owned(), ..key("CC2001", "2.0", 1) };
    let no_name = key("", "2.0", 2);
    let long_name = key("CC200123456789012", "2.0", 3);
    let odd_name = key("CC 2001", "2.0", 4);
    for bad in [no_base64, no_name, long_name, odd_name, key("CC2005", "2.00", 5), key("CC2006", "", 6)] {
        let name = bad.serverkey.clone();
        assert_eq!(server(&["2.0"], std::slice::from_ref(&bad)).key_for(Protocol::V2), None, "{name}");
        let chosen = server(&["2.0"], &[bad, good.clone()]).key_for(Protocol::V2);
        assert_eq!(told(chosen).as_deref(), Some("CC2009 2.0 9"), "after {name}");
    }
}

#[test]
fn what_a_server_publishes_is_read_as_it_was_written() {
    let published = server(&["2.0"], &[key("CC2001", "2.0", 2)]);
    let json = serde_json::to_string(&published).expect("JSON");
    assert_eq!(serde_json::from_str::<Published>(&json).ok(), Some(published));
    assert!(serde_json::from_str::<Published>(r#"{"protocols": []}"#).is_err(), "a server without keys says so");
}
