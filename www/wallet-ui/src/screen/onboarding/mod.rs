//! Onboarding: which server, which persona, and a passphrase for its keys.

mod agreements;
mod lost;
mod persona;
mod restore;
mod server;

use leptos::prelude::*;
use wallet_messages::{Autoclosed, Phase, Restored, ServerFacts};

use crate::{
    part::{FaultNote, Frame, Loading, Screen, Unreadable},
    text::{t, t_with},
    watched::Wallet,
};

/// How far onboarding is.
#[derive(Clone, PartialEq)]
enum Step {
    /// Which server?
    Server,
    /// Who, in which currency, agreeing to what?
    Persona(ServerFacts),
    /// The persona exists.
    Done(String),
    /// Which backup file?
    Restore,
    /// The wallet of the file is here.
    Restored(Restored),
    /// Which persona is to be closed, its device being lost?
    Lost,
    /// It is closed.
    Autoclosed(Autoclosed),
}

/// The onboarding page.
#[component]
pub fn Onboarding() -> impl IntoView {
    let wallet = Wallet::provide();
    let phase = wallet.phase();
    let step = follow();
    let historic = move || {
        let offered = step.with(|step| matches!(step, Step::Persona(facts) if facts.historic_cipher));
        offered
            || wallet.value.with(|state| {
                state.as_ref().and_then(|state| state.home.as_ref()).is_some_and(|home| home.historic_cipher)
            })
    };
    // The phase changes while the persona is made: only what is drawn may decide whether it is drawn anew.
    let is_read = Memo::new(move |_| phase.with(Option::is_some));
    // A persona that this page has just made must not turn its own last step into "there is one already".
    let there_is_one =
        Memo::new(move |_| step.with(Step::is_first) && phase.get().is_some_and(|phase| phase != Phase::New));
    view! {
        <Frame historic=Signal::derive(historic)>
            <FaultNote fault=wallet.fault />
            {move || match (is_read.get(), there_is_one.get(), step.get()) {
                (false, ..) if wallet.fault.with(Option::is_some) => {
                    view! { <Unreadable again=move || wallet.refresh() /> }.into_any()
                }
                (false, ..) => Loading().into_any(),
                (_, true, _) => already().into_any(),
                (.., Step::Server) => server::ask(step, registering(wallet)).into_any(),
                (.., Step::Persona(facts)) => persona::ask(step, facts).into_any(),
                (.., Step::Done(persona)) => done(persona).into_any(),
                (.., Step::Restore) => restore::ask(step).into_any(),
                (.., Step::Restored(restored)) => restore::done(restored).into_any(),
                (.., Step::Lost) => lost::ask(step, waiting(wallet)).into_any(),
                (.., Step::Autoclosed(closed)) => lost::done(&closed).into_any(),
            }}
        </Frame>
    }
}

impl Step {
    /// The first step that the page's address names.
    fn read() -> Self {
        match window().location().hash().unwrap_or_default().as_str() {
            "#/restore" => Self::Restore,
            "#/lost" => Self::Lost,
            _ => Self::Server,
        }
    }

    /// Whether nothing was done on this page yet.
    fn is_first(&self) -> bool {
        matches!(self, Self::Server | Self::Restore | Self::Lost)
    }
}

/// The step, which begins with the page's address and follows it until something is done.
fn follow() -> RwSignal<Step> {
    let step = RwSignal::new(Step::read());
    let listener = window_event_listener_untyped("hashchange", move |_| {
        if step.with_untracked(Step::is_first) {
            step.set(Step::read());
        }
    });
    on_cleanup(move || listener.remove());
    step
}

/// An autoclose that was not answered yet.
fn waiting(wallet: Wallet) -> Option<wallet_messages::AutocloseWaiting> {
    wallet.value.with_untracked(|state| state.as_ref().and_then(|state| state.autoclose.clone()))
}

/// A registration that was not answered yet.
fn registering(wallet: Wallet) -> Option<wallet_messages::WaitingView> {
    wallet.value.with_untracked(|state| state.as_ref().and_then(|state| state.registration.clone()))
}

fn already() -> impl IntoView {
    view! {
        <Screen title=t("already_title") testid="onboarding-already">
            <p>{t("already_why")}</p>
            <a class="button primary" href="home.html" data-testid="go-home">{t("go_home")}</a>
        </Screen>
    }
}

fn done(persona: String) -> impl IntoView {
    view! {
        <Screen title=t("registered_title") testid="onboarding-done">
            <p>{t_with("registered_what", &[&persona])}</p>
            <p class="banknote-id"><code data-testid="registered-persona">{persona.clone()}</code></p>
            <p>{t("registered_next")}</p>
            <div class="actions">
                <a class="button primary" href="home.html#/instrument" data-testid="go-bind">{t("instrument_add")}</a>
                <a class="button" href="home.html" data-testid="go-home">{t("go_home")}</a>
            </div>
        </Screen>
    }
}
