//! When Pay may be clicked: only after the window has stood still before the shopper for a while, so that a click meant
//! for something else cannot land on it.

use std::time::Duration;

use leptos::prelude::*;

use crate::browser;

/// A person's second click of a double click comes within 300 ms; this leaves time to see that the window has changed.
const STILL: Duration = Duration::from_millis(500);

/// Becomes true when nothing has changed for [`STILL`]; false again on focus and on every change of `shown`.
pub fn armed<T: PartialEq + Send + Sync + 'static>(shown: impl Fn() -> T + Send + Sync + 'static) -> ReadSignal<bool> {
    let (armed, set_armed) = signal(false);
    let round = StoredValue::new(0_u32);
    let disarm = move || {
        set_armed.set(false);
        round.update_value(|round| *round = round.wrapping_add(1));
        let this = round.get_value();
        set_timeout(
            move || {
                // A later round has its own timer; a closed window has none.
                if round.try_get_value() == Some(this) {
                    set_armed.set(true);
                }
            },
            STILL,
        );
    };
    browser::on_attention(disarm);
    let shown = Memo::new(move |_| shown());
    Effect::new(move || {
        shown.track();
        disarm();
    });
    armed
}
