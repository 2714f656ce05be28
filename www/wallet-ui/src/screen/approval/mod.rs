//! The approval window: who asks for how much, and what the session holds afterwards.
//!
//! | the worker says | the window shows |
//! | --- | --- |
//! | nothing yet | that it is being read |
//! | no such request | that it is gone, and that nothing was paid |
//! | `locked` | the request, and the form that unlocks |
//! | `from` a session | Pay and Cancel |
//! | `offer`, no session | the form that opens one, then Pay and Cancel |
//! | paid | what is left, the receipt, and the window closes by itself |

mod armed;
mod decide;
mod paid;
mod pay;
mod request;

use leptos::prelude::*;
use wallet_messages::{ApprovalView, Paid, ReadApproval};

use crate::{
    browser,
    part::{FaultNote, Frame, Loading, Screen},
    task::Task,
    text::t,
    watched::Watched,
};

/// The approval window; which request is a parameter of its address.
#[component]
pub fn Approval() -> impl IntoView {
    let request = browser::parameter("request").unwrap_or_default();
    let watched = Watched::new(ReadApproval { request });
    // The payment outlives what is drawn: the worker may forget the request before it answers.
    let pay = Task::new();
    let paid = RwSignal::new(None::<Paid>);
    let stage = Memo::new(move |_| Stage::of(watched, pay, paid));
    let historic = move || watched.value.with(|view| view.as_ref().is_some_and(|view| view.historic_cipher));
    let fault = move || (stage.get() == Stage::Gone).then(|| pay.fault.get().or_else(|| watched.fault.get())).flatten();
    view! {
        <Frame historic=Signal::derive(historic)>
            <FaultNote fault=Signal::derive(fault) />
            {move || match stage.get() {
                Stage::Loading => Loading().into_any(),
                Stage::Gone => gone().into_any(),
                Stage::Asked => asked(watched, pay, paid).into_any(),
                Stage::Paid => paid.get_untracked().map(paid::paid).into_any(),
            }}
        </Frame>
    }
}

/// What the window shows as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Loading,
    Gone,
    Asked,
    Paid,
}

impl Stage {
    fn of(watched: Watched<ReadApproval>, pay: Task, paid: RwSignal<Option<Paid>>) -> Self {
        let is_read = watched.value.with(Option::is_some);
        let is_gone = watched.fault.with(Option::is_some);
        if paid.with(Option::is_some) {
            Self::Paid
        } else if is_read && (pay.busy.get() || !is_gone) {
            Self::Asked
        } else if is_gone {
            Self::Gone
        } else {
            Self::Loading
        }
    }
}

/// The request cannot be read: nothing can be paid here.
fn gone() -> impl IntoView {
    view! {
        <Screen title=t("approval_gone_title") testid="approval-gone">
            <div class="actions">
                <button type="button" data-testid="close-window" on:click=|_| browser::close_window()>
                    {t("close_window")}
                </button>
            </div>
        </Screen>
    }
}

/// Draws the parts of a request that is there; each follows its own piece of the view.
fn asked(watched: Watched<ReadApproval>, pay: Task, paid: RwSignal<Option<Paid>>) -> impl IntoView {
    let view = Memo::new(move |_| watched.value.get());
    view! {
        {request::request(view)}
        {decide::decide(watched, view, pay, paid)}
    }
}

/// The request as it stands.
type View = Memo<Option<ApprovalView>>;
