//! Every case of `tests/vectors/*.json`, made by an independent implementation: natively, and in a browser (wasm-pack).
//!
//! One runner for both suites. In the browser the same functions run as `wasm_bindgen_test`s.

mod runner;

use protocol::Protocol;
use runner::Vectors;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Runs a check over both files.
fn both(check: impl Fn(&Vectors)) {
    check(&Vectors::read(Protocol::V1, include_str!("../../tests/vectors/classic.json")));
    check(&Vectors::read(Protocol::V2, include_str!("../../tests/vectors/modern.json")));
}

#[test]
fn check_codes() {
    both(Vectors::check_codes);
}

#[test]
fn envelopes() {
    both(Vectors::envelopes);
}

#[test]
fn malformed_messages_are_refused() {
    both(Vectors::malformed);
}

#[test]
fn keys_have_their_names() {
    both(Vectors::keys);
}

#[test]
fn session_opaques() {
    both(Vectors::session_opaques);
}

#[test]
fn auth_codes() {
    both(Vectors::auth_codes);
}

#[test]
fn requests_open_and_their_signatures_are_made_again() {
    both(Vectors::requests);
}

#[test]
fn replies_are_read_and_made_again() {
    both(Vectors::replies);
}

#[test]
fn an_error_names_the_request_it_answers() {
    both(Vectors::errors);
}

#[test]
fn the_offer_is_read_signed_and_hashed() {
    both(Vectors::offer);
}

#[test]
fn the_payment_is_made_and_read_at_every_step() {
    both(Vectors::payment);
}

#[test]
fn messages_in_a_session_have_their_own_type() {
    both(Vectors::other_types);
}

#[test]
fn receipts_of_other_payments_and_collections_are_told_from_ours() {
    both(Vectors::other_receipts);
}

#[test]
fn a_collection_has_a_verdict_for_each_payment_or_fails_as_a_whole() {
    both(Vectors::whole_failures);
}

#[test]
fn a_session_never_changes_suite() {
    both(Vectors::sessions_keep_their_suite);
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    both(Vectors::truncations);
}

#[test]
fn every_flipped_bit_of_a_sealed_message_is_refused() {
    both(Vectors::flipped_bits);
}
