//! The agreements that a server demands, each with a link to its text.

use leptos::prelude::*;
use wallet_messages::AgreementView;

use crate::text::t;

/// The agreements of a server, and which are agreed to.
#[derive(Clone, Copy)]
pub struct Agreements {
    offered: StoredValue<Vec<AgreementView>>,
    agreed: RwSignal<Vec<u32>>,
    complained: RwSignal<bool>,
}

impl Agreements {
    /// None agreed to yet.
    pub fn new(offered: Vec<AgreementView>) -> Self {
        let offered = StoredValue::new(offered);
        Self { offered, agreed: RwSignal::new(Vec::new()), complained: RwSignal::new(false) }
    }

    /// The numbers of all agreements if all are agreed to; a server takes no persona that leaves one out.
    pub fn read(self) -> Option<Vec<u32>> {
        let numbers: Vec<u32> = self.offered.with_value(|offered| offered.iter().map(|one| one.number).collect());
        let all = self.agreed.with_untracked(|agreed| numbers.iter().all(|number| agreed.contains(number)));
        self.complained.set(!all);
        all.then_some(numbers)
    }

    /// The list to be ticked; nothing if the server demands none.
    pub fn draw(self) -> Option<impl IntoView + use<>> {
        let offered = self.offered.get_value();
        let error = move || self.complained.get().then(|| t("error_agreements"));
        (!offered.is_empty()).then(|| {
            view! {
                <fieldset class="agreements">
                    <legend>{t("agreements")}</legend>
                    {offered.into_iter().map(|one| self.line(one)).collect_view()}
                    <p class="error" id="agreements-error" data-testid="agreements-error">{error}</p>
                </fieldset>
            }
        })
    }

    fn line(self, agreement: AgreementView) -> impl IntoView {
        let AgreementView { number, title, url } = agreement;
        let id = format!("agreement-{number}");
        let is_missing = move || self.complained.get() && self.agreed.with(|agreed| !agreed.contains(&number));
        let tick = move |on: bool| {
            self.agreed.update(|agreed| {
                agreed.retain(|known| *known != number);
                agreed.extend(on.then_some(number));
            });
        };
        view! {
            <div class="field tick">
                <input
                    id=id.clone()
                    data-testid=id.clone()
                    type="checkbox"
                    on:change=move |event| tick(event_target_checked(&event))
                    aria-invalid=move || is_missing().then_some("true")
                    aria-describedby=move || is_missing().then_some("agreements-error")
                />
                <label for=id>{t("agree_to")}" "<span class="agreement-title">{title.clone()}</span></label>
                {link(&title, url)}
            </div>
        }
    }
}

/// The address comes from the server: only web addresses become links.
fn link(title: &str, url: String) -> Option<impl IntoView + use<>> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let label = format!("{}: {title}", t("read_agreement"));
    is_web.then(|| {
        view! { <a href=url target="_blank" rel="noopener noreferrer" aria-label=label>{t("read_agreement")}</a> }
    })
}
