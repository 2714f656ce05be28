//! Opening a session.

use leptos::prelude::*;
use wallet_messages::SessionView;

use crate::{
    format,
    part::{Loading, Notice, Screen, SessionForm, Suggested},
    route::Route,
    text::{t, t_with},
    watched::Wallet,
};

/// Suggested lifetime: a day of shopping.
const MINUTES: u32 = 1_440;
/// Suggested number of payments: more than a day has, few enough to bound a loss.
const USES: u16 = 20;

/// The screen that opens a session.
#[component]
pub fn Open() -> impl IntoView {
    let wallet = Wallet::here();
    let balance = wallet.part(|home| Some(home.balance.clone()));
    let notice = Notice::here();
    let opened = move |session: SessionView| {
        notice.say(t_with("session_opened", &[&format::money(&session.opened)]));
        wallet.refresh();
        Route::Overview.go();
    };
    let suggested = Suggested { amount: String::new(), minutes: MINUTES, uses: USES };
    view! {
        <Screen title=t("session_open") testid="open-session" back=Route::Overview.link()>
            <p>{t("session_why")}</p>
            {match balance.get_untracked() {
                Some(balance) => view! { <SessionForm balance suggested label=t("session_open") opened /> }.into_any(),
                None => Loading().into_any(),
            }}
        </Screen>
    }
}
