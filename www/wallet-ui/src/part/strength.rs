//! How good a new passphrase is: a meter beside the field, and no rule but its length.

use leptos::{prelude::*, task::spawn_local};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{Field, TextField};
use crate::text::t;

/// What the meter's grades are called, from the worst.
const GRADES: [&str; 5] = ["strength_0", "strength_1", "strength_2", "strength_3", "strength_4"];

#[wasm_bindgen(raw_module = "../meter.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn strength(typed: &str) -> Result<JsValue, JsValue>;
}

/// A passphrase to be chosen, with its meter.
#[component]
pub fn NewPassphrase(field: Field, #[prop(into)] label: String, #[prop(into)] hint: String) -> impl IntoView {
    let grade = graded(field);
    let name = move || grade.get().map(|grade| t(GRADES[grade]));
    view! {
        <div class="passphrase">
            <TextField field label hint kind="password" autocomplete="new-password" />
            <div class="strength" role="status" data-testid=format!("{}-strength", field.id)
                data-grade=move || grade.get().map(|grade| grade.to_string())>
                {move || name().map(|name| view! {
                    <span class="strength-bar" aria-hidden="true"></span>
                    <span>{t("strength")}" "<strong>{name}</strong></span>
                })}
            </div>
        </div>
    }
}

/// The grade of what stands in the field; nothing while it is empty, or if the library does not load.
fn graded(field: Field) -> RwSignal<Option<usize>> {
    let grade = RwSignal::new(None);
    Effect::new(move || {
        let typed = field.value.get();
        if typed.is_empty() {
            return grade.set(None);
        }
        spawn_local(async move {
            let answer = strength(&typed).await.ok().and_then(|score| score.as_f64());
            // Meanwhile more may have been typed, and that has its own answer.
            if field.value.try_with_untracked(|now| *now == typed) == Some(true) {
                grade.set(answer.and_then(|score| (0..GRADES.len()).find(|grade| score <= f64_of(*grade))));
            }
        });
    });
    grade
}

/// Grades are few enough for a double to be exact.
#[allow(clippy::cast_precision_loss)]
fn f64_of(grade: usize) -> f64 {
    grade as f64
}
