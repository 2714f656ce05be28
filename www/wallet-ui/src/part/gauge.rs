//! What is left of a limit, as a number and as a bar.

use leptos::prelude::*;
use wallet_messages::{Gauge as Used, SessionView};

use crate::{
    browser, format,
    text::{t, t_with},
};

/// How often what is left of a lifetime is drawn anew: it is shown in minutes.
const TICK: std::time::Duration = std::time::Duration::from_secs(30);

/// One limit: its name, what is left in words, and a bar. Browsers draw `<meter>` in forced colours by themselves.
#[component]
fn Gauge(
    #[prop(into)] label: String,
    #[prop(into)] left: Signal<String>,
    used: Used,
    testid: &'static str,
) -> impl IntoView {
    let Used { used, promised, of, warns, .. } = used;
    // A bar without length would be an error to `<meter>`.
    let most = of.max(1);
    let value = most.saturating_sub(used).saturating_sub(promised).clamp(0, most);
    view! {
        <div class="gauge" class:low=warns data-low=warns.then_some("true")>
            <span class="gauge-label">{label.clone()}</span>
            <span class="gauge-left" data-testid=testid>{move || left.get()}</span>
            <meter
                aria-label=label
                aria-valuetext=move || left.get()
                min="0"
                max=most.to_string()
                value=value.to_string()
            ></meter>
        </div>
    }
}

/// The three limits of a session, amount, payments, time, by what the server last confirmed; a warning where one of them
/// is nearly reached.
#[component]
pub fn SessionGauges(session: SessionView) -> impl IntoView {
    let now = ticking();
    let SessionView { opened, left, use_limit, uses_left, ends_at, gauges, confirmed_at, .. } = session;
    let amount_left = format!("{} / {}", format::money(&left), format::money(&opened));
    let uses_left = format!("{uses_left} / {use_limit}");
    let time_left = Signal::derive(move || format::from_now(ends_at, now.get()));
    let warning = gauges.iter().any(|gauge| gauge.warns).then(|| t("gauge_low"));
    let [amount, uses, time] = gauges;
    view! {
        <div class="gauges">
            <Gauge label=t("gauge_amount") left=amount_left used=amount testid="session-amount" />
            <Gauge label=t("gauge_uses") left=uses_left used=uses testid="session-uses" />
            <Gauge label=t("gauge_time") left=time_left used=time testid="session-time" />
        </div>
        {warning.map(|said| view! { <p class="low-note" data-testid="session-low">{said}</p> })}
        <p class="hint">{t_with("gauge_confirmed", &[&format::date(confirmed_at)])}</p>
    }
}

/// The time, often enough for what is shown in minutes.
fn ticking() -> ReadSignal<i64> {
    let (now, set_now) = signal(browser::now());
    if let Ok(interval) = set_interval_with_handle(move || set_now.set(browser::now()), TICK) {
        on_cleanup(move || interval.clear());
    }
    now
}
