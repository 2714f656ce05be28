//! Fields of a form, each tied to its label, its hint and its error.

use leptos::prelude::*;

use crate::text::t;

/// What was typed into a field, and what is wrong with it.
#[derive(Clone, Copy)]
pub struct Field {
    /// The element's id, and its `data-testid`.
    pub id: &'static str,
    /// What was typed.
    pub value: RwSignal<String>,
    /// What is wrong with it, as a sentence.
    pub error: RwSignal<Option<String>>,
}

impl Field {
    /// An empty field.
    pub fn new(id: &'static str) -> Self {
        Self::filled(id, "")
    }

    /// A field with a value that may be overwritten.
    pub fn filled(id: &'static str, value: impl Into<String>) -> Self {
        Self { id, value: RwSignal::new(value.into()), error: RwSignal::new(None) }
    }

    /// Checks what was typed; a complaint is shown at the field.
    pub fn read<T>(self, check: impl FnOnce(&str) -> Result<T, &'static str>) -> Option<T> {
        match self.value.with_untracked(|typed| check(typed)) {
            Ok(value) => {
                self.error.set(None);
                Some(value)
            }
            Err(key) => {
                self.error.set(Some(t(key)));
                None
            }
        }
    }

    fn is_wrong(self) -> Option<&'static str> {
        self.error.with(Option::is_some).then_some("true")
    }

    /// The ids of the texts that belong to the field.
    fn described_by(self, hint: bool) -> Option<String> {
        let hint = hint.then(|| format!("{}-hint", self.id));
        let error = self.error.with(Option::is_some).then(|| format!("{}-error", self.id));
        match (hint, error) {
            (Some(hint), Some(error)) => Some(format!("{error} {hint}")),
            (hint, error) => hint.or(error),
        }
    }
}

/// A line of text to be typed.
#[component]
pub fn TextField(
    field: Field,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(default = "text")] kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] inputmode: Option<&'static str>,
) -> impl IntoView {
    let hinted = hint.is_some();
    // What is a name, an address or a secret is not to be corrected by the browser.
    view! {
        <div class="field">
            <label for=field.id>{label}</label>
            <input
                id=field.id
                data-testid=field.id
                type=kind
                autocomplete=autocomplete
                inputmode=inputmode
                autocapitalize="off"
                spellcheck="false"
                prop:value=field.value
                on:input=move |event| field.value.set(event_target_value(&event))
                aria-invalid=move || field.is_wrong()
                aria-describedby=move || field.described_by(hinted)
            />
            {hint.map(|hint| hint_line(field, hint))}
            {error_line(field)}
        </div>
    }
}

/// One of several values: pairs of the value and what it is called.
#[component]
pub fn Choice(
    field: Field,
    #[prop(into)] label: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(into)] options: Signal<Vec<(String, String)>>,
    #[prop(default = "off")] autocomplete: &'static str,
) -> impl IntoView {
    let hinted = hint.is_some();
    let option = move |(value, name): (String, String)| {
        let chosen = value.clone();
        let chosen = move || field.value.with(|value| *value == chosen);
        view! { <option value=value prop:selected=chosen>{name}</option> }
    };
    view! {
        <div class="field">
            <label for=field.id>{label}</label>
            <select
                id=field.id
                data-testid=field.id
                autocomplete=autocomplete
                on:change=move |event| field.value.set(event_target_value(&event))
                aria-invalid=move || field.is_wrong()
                aria-describedby=move || field.described_by(hinted)
            >
                {move || options.get().into_iter().map(option).collect_view()}
            </select>
            {hint.map(|hint| hint_line(field, hint))}
            {error_line(field)}
        </div>
    }
}

/// Something to agree to or to choose; its value is `yes` or empty.
#[component]
pub fn Tick(field: Field, children: Children) -> impl IntoView {
    view! {
        <div class="field tick">
            <input
                id=field.id
                data-testid=field.id
                type="checkbox"
                prop:checked=move || field.value.with(|value| !value.is_empty())
                on:change=move |event| field.value.set(ticked(event_target_checked(&event)))
                aria-invalid=move || field.is_wrong()
                aria-describedby=move || field.described_by(false)
            />
            <label for=field.id>{children()}</label>
            {error_line(field)}
        </div>
    }
}

fn ticked(on: bool) -> String {
    if on { "yes".to_owned() } else { String::new() }
}

fn hint_line(field: Field, hint: String) -> impl IntoView {
    view! { <p class="hint" id=format!("{}-hint", field.id)>{hint}</p> }
}

fn error_line(field: Field) -> impl IntoView {
    let id = format!("{}-error", field.id);
    view! { <p class="error" id=id.clone() data-testid=id>{move || field.error.get()}</p> }
}
