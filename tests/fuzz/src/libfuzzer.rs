//! The program that libFuzzer drives. One program holds all targets, so that there is one to build; the environment
//! variable `PAY_CASH_FUZZ_TARGET` picks one.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

static TARGET: OnceLock<&'static fuzz::Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("PAY_CASH_FUZZ_TARGET").unwrap_or_default();
        let target = fuzz::find(&name).expect("PAY_CASH_FUZZ_TARGET names a target");
        TARGET.get_or_init(|| target);
    },
    |data: &[u8]| {
        let target = TARGET.get().expect("invariant: libFuzzer calls what initialises first");
        (target.run)(data);
    }
);
