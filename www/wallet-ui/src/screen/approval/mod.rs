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
    let paid = RwSignal::new(None::<Paid>);
    let historic = move || watched.value.with(|view| view.as_ref().is_some_and(|view| view.historic_cipher));
    // It lives as long as the page: the worker forgets the request when it pays, and what came of it must still be shown.
    let pay = Task::new();
    let is_decided = move || pay.busy.get() || pay.fault.with(Option::is_some) || paid.with(Option::is_some);
    let fault = Signal::derive(move || watched.fault.get().filter(|_| !is_decided()));
    view! {
        <Frame historic=Signal::derive(historic)>
            <FaultNote fault />
            {move || match (paid.get(), fault.with(Option::is_some), watched.value.with(Option::is_some)) {
                (Some(paid), ..) => paid::paid(paid).into_any(),
                (None, true, _) => gone().into_any(),
                (None, false, true) => asked(watched, pay, paid).into_any(),
                (None, false, false) => Loading().into_any(),
            }}
        </Frame>
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
