//! The vault, natively and in a worker of headless Chromium.

use protocol::value::to_base64;
use rand_core::UnwrapErr;
use wallet_wasm::record::{Field, Persona};
use wallet_wasm::vault::{Cost, Sealed, Vault, VaultFault, VaultRecord};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test_configure!(run_in_dedicated_worker);

const PASSPHRASE: &str = "correct horse battery staple";
const FIELD: Field = Persona::PRIVATE_KEY;

fn create() -> (VaultRecord, Vault) {
    VaultRecord::create(PASSPHRASE, Cost::LEAST, &mut UnwrapErr(getrandom::SysRng)).expect("a vault")
}

fn seal(vault: &Vault, secret: &[u8]) -> Sealed {
    vault.seal(FIELD, "persona", secret, &mut UnwrapErr(getrandom::SysRng))
}

#[test]
fn the_passphrase_and_nothing_else_opens_it() {
    let (record, vault) = create();
    let sealed = seal(&vault, b"secret");
    let again = record.unlock(PASSPHRASE).expect("the passphrase");
    assert_eq!(again.open(FIELD, "persona", &sealed).expect("the secret").expose(), b"secret");
    for wrong in ["", "correct horse battery stapl", "Correct horse battery staple"] {
        assert_eq!(record.unlock(wrong).err(), Some(VaultFault::PassphraseWrong), "{wrong}");
    }
}

#[test]
fn another_passphrase_rewrites_one_record() {
    let (_, vault) = create();
    let sealed = seal(&vault, b"secret");
    let rewrapped = VaultRecord::wrap(&vault, "another passphrase", Cost::LEAST, &mut UnwrapErr(getrandom::SysRng));
    let again = rewrapped.expect("a vault").unlock("another passphrase").expect("the passphrase");
    assert!(again.open(FIELD, "persona", &sealed).is_ok());
}

#[test]
fn a_short_passphrase_is_refused() {
    let created = VaultRecord::create("1234567", Cost::LEAST, &mut UnwrapErr(getrandom::SysRng));
    assert_eq!(created.err(), Some(VaultFault::PassphraseShort));
}

#[test]
fn what_is_sealed_belongs_to_its_place() {
    let (_, vault) = create();
    let sealed = seal(&vault, b"secret");
    assert!(vault.open(FIELD, "other", &sealed).is_err());
    assert!(vault.open(Persona::AUTOCLOSE, "persona", &sealed).is_err());
    let (_, other) = create();
    assert!(other.open(FIELD, "persona", &sealed).is_err());
}

#[test]
fn a_changed_bit_is_noticed() {
    let (_, vault) = create();
    let sealed = serde_json::to_value(seal(&vault, b"secret")).expect("a text");
    let bytes = protocol::value::from_base64(sealed.as_str().expect("a text")).expect("base64");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let changed: Sealed = serde_json::from_value(to_base64(&changed).into()).expect("a sealed value");
        assert_eq!(vault.open(FIELD, "persona", &changed).err(), Some(VaultFault::Damaged), "bit {bit}");
    }
}

#[test]
fn a_cheaper_cost_is_refused() {
    let (record, _) = create();
    let mut json = serde_json::to_value(&record).expect("a record");
    json["cost"]["passes"] = 1.into();
    let cheap: VaultRecord = serde_json::from_value(json).expect("a record");
    assert_eq!(cheap.unlock(PASSPHRASE).err(), Some(VaultFault::Damaged));
}

#[test]
fn the_key_travels_as_text_and_is_never_printed() {
    let (_, vault) = create();
    let sealed = seal(&vault, b"secret");
    let text = vault.to_text();
    let again = Vault::of_text(&text).expect("a vault");
    assert!(again.open(FIELD, "persona", &sealed).is_ok());
    assert_eq!((format!("{vault:?}"), format!("{sealed:?}")), ("Vault(..)".to_owned(), "Sealed(..)".to_owned()));
    assert!(Vault::of_text("AAAA").is_none());
}
