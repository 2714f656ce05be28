//! What is left of a limit, as a number and as a bar.

use leptos::prelude::*;
use wallet_messages::SessionView;

use crate::{browser, format, text::t};

/// How often what is left of a lifetime is drawn anew: it is shown in minutes.
const TICK: std::time::Duration = std::time::Duration::from_secs(30);

/// One limit: its name, what is left in words, and a bar. Browsers draw `<meter>` in forced colours by themselves.
#[component]
pub fn Gauge(
    #[prop(into)] label: String,
    #[prop(into)] left: Signal<String>,
    #[prop(into)] value: Signal<i64>,
    most: i64,
    testid: &'static str,
) -> impl IntoView {
    // A bar without length would be an error to `<meter>`.
    let most = most.max(1);
    let is_low = move || is_low(value.get(), most);
    view! {
        <div class="gauge" class:low=is_low data-low=move || is_low().then_some("true")>
            <span class="gauge-label">{label.clone()}</span>
            <span class="gauge-left" data-testid=testid>{move || left.get()}</span>
            <meter
                aria-label=label
                aria-valuetext=move || left.get()
                min="0"
                max=most.to_string()
                value=move || value.get().clamp(0, most).to_string()
            ></meter>
        </div>
    }
}

/// From here on the shopper is warned: four fifths are used.
fn is_low(left: i64, most: i64) -> bool {
    left.saturating_mul(5) <= most
}

/// The three limits of a session: amount, payments, time.
#[component]
pub fn SessionGauges(session: SessionView) -> impl IntoView {
    let now = ticking();
    let SessionView { opened, left, use_limit, uses_left, opened_at, ends_at, .. } = session;
    let amount = format!("{} / {}", format::money(&left), format::money(&opened));
    let uses = format!("{uses_left} / {use_limit}");
    let time = Signal::derive(move || format::from_now(ends_at, now.get()));
    let time_left = Signal::derive(move || ends_at.saturating_sub(now.get()));
    let (used, lived) = (is_low(left.minor, opened.minor), move || is_low(time_left.get(), ends_at - opened_at));
    let spent = is_low(uses_left.into(), use_limit.into());
    let warning = move || (used || spent || lived()).then(|| t("gauge_low"));
    view! {
        <div class="gauges">
            <Gauge label=t("gauge_amount") left=amount value=left.minor most=opened.minor testid="session-amount" />
            <Gauge label=t("gauge_uses") left=uses value=i64::from(uses_left) most=i64::from(use_limit) testid="session-uses" />
            <Gauge label=t("gauge_time") left=time value=time_left most={ends_at - opened_at} testid="session-time" />
        </div>
        {move || warning().map(|said| view! { <p class="low-note" data-testid="session-low">{said}</p> })}
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
