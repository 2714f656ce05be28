//! The few things of the browser that the pages touch, each behind a function that cannot fail loudly: a page without
//! a window does not exist, so a missing piece only means that nothing happens.

use js_sys::{Function, Object, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::HtmlElement;

/// The `chrome.<name>` object of the extension's API; Firefox has it under the same name.
pub fn api(name: &str) -> Option<Object> {
    let chrome = Reflect::get(&js_sys::global(), &"chrome".into()).ok()?;
    Reflect::get(&chrome, &name.into()).ok()?.dyn_into().ok()
}

/// The function `name` of `object`.
pub fn function(object: &Object, name: &str) -> Option<Function> {
    Reflect::get(object, &name.into()).ok()?.dyn_into().ok()
}

/// Which page this is: `data-page` of the shell's body.
pub fn page_name() -> String {
    document().body().and_then(|body| body.get_attribute("data-page")).unwrap_or_default()
}

/// The element of the shell that is drawn into.
pub fn frame() -> Option<HtmlElement> {
    let frame: HtmlElement = document().get_element_by_id("frame")?.dyn_into().ok()?;
    frame.set_text_content(None);
    frame.remove_attribute("aria-busy").ok()?;
    Some(frame)
}

/// Tells assistive technology which language the texts are in.
pub fn name_language(language: &str) {
    if let Some(root) = document().document_element() {
        // Setting an attribute of this fixed name cannot fail.
        root.set_attribute("lang", language).ok();
    }
}

/// Names the tab or window.
pub fn name_window(title: &str) {
    document().set_title(title);
}

/// A parameter of the page's address.
pub fn parameter(name: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&search).ok()?.get(name)
}

/// Puts the focus on the first element that matches, once what has just changed is drawn.
pub fn focus_soon(selector: &'static str) {
    request_animation_frame(move || {
        if let Ok(Some(element)) = document().query_selector(selector)
            && let Ok(element) = element.dyn_into::<HtmlElement>()
        {
            element.focus().ok();
        }
    });
}

/// Puts the focus on the first element that matches if what had it is gone.
pub fn focus_if_lost(selector: &'static str) {
    request_animation_frame(move || {
        if nothing_has_focus() {
            focus_soon(selector);
        }
    });
}

/// Puts the focus on the first field that holds something wrong.
pub fn focus_first_error() {
    focus_soon("[aria-invalid='true']");
}

/// True if no element of the page has the focus.
pub fn nothing_has_focus() -> bool {
    document().active_element().is_none_or(|element| element.tag_name() == "BODY")
}

/// True if the shopper looks at another window: an element that loses its focus then was not left for another one.
pub fn is_elsewhere() -> bool {
    !document().has_focus().unwrap_or(true)
}

/// Closes this window or tab.
pub fn close_window() {
    window().close().ok();
}

/// Prints this page.
pub fn print_window() {
    window().print().ok();
}

/// Gives the shopper a file to keep.
pub fn save_file(name: &str, mime: &str, text: &str) {
    let parts = js_sys::Array::of1(&text.into());
    let kind = web_sys::BlobPropertyBag::new();
    kind.set_type(mime);
    let Ok(blob) = web_sys::Blob::new_with_str_sequence_and_options(&parts, &kind) else { return };
    let Ok(url) = web_sys::Url::create_object_url_with_blob(&blob) else { return };
    let link = document().create_element("a").ok().and_then(|link| link.dyn_into::<web_sys::HtmlAnchorElement>().ok());
    if let Some(link) = link {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    // The download has begun by the time that a click returns; an address that stays would only hold memory.
    set_timeout(move || drop(web_sys::Url::revoke_object_url(&url)), FILE_KEPT);
}

/// The text of the file that was chosen in an input; nothing if there is none, or it is larger than `most` bytes.
pub async fn chosen_file(input: web_sys::HtmlInputElement, most: u32) -> Option<String> {
    let file = input.files()?.get(0).filter(|file| file.size() <= f64::from(most))?;
    wasm_bindgen_futures::JsFuture::from(file.text()).await.ok()?.as_string()
}

/// Calls `told` when the shopper presses a key or the pointer, not more often than `every`.
pub fn on_activity(every: std::time::Duration, told: impl Fn() + Clone + 'static) {
    let last = StoredValue::new(None::<i64>);
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    for event in ["keydown", "pointerdown"] {
        let told = told.clone();
        let listener = window_event_listener_untyped(event, move |_| {
            let is_due = last.get_value().is_none_or(|last| now().saturating_sub(last) >= every);
            if is_due {
                last.set_value(Some(now()));
                told();
            }
        });
        on_cleanup(move || listener.remove());
    }
}

/// Minutes to be added to UTC for the shopper's own time.
pub fn utc_offset_minutes() -> i32 {
    // Whole minutes, at most a day.
    #[allow(clippy::cast_possible_truncation)]
    let offset = js_sys::Date::new_0().get_timezone_offset() as i32;
    -offset
}

/// How long a file that is being saved stays in memory.
const FILE_KEPT: std::time::Duration = std::time::Duration::from_mins(1);

/// Milliseconds since 1970.
pub fn now() -> i64 {
    // A clock in milliseconds stays far below 2^53.
    #[allow(clippy::cast_possible_truncation)]
    let now = js_sys::Date::now() as i64;
    now
}

/// Calls `told` whenever what the page shows may be out of date: the worker says so, or the page comes into view.
pub fn on_change(told: impl Fn() + Clone + 'static) {
    on_worker_event("changed", told.clone());
    on_attention(told);
}

/// Calls `told` when the page comes into view or gets the focus.
pub fn on_attention(told: impl Fn() + Clone + 'static) {
    let seen = told.clone();
    let visible = window_event_listener_untyped("visibilitychange", move |_| {
        if !document().hidden() {
            seen();
        }
    });
    let focused = window_event_listener_untyped("focus", move |_| told());
    on_cleanup(move || {
        visible.remove();
        focused.remove();
    });
}

/// Calls `told` when the worker broadcasts `{event: name}`. Lives as long as the page: there is one page a window.
fn on_worker_event(name: &'static str, told: impl Fn() + 'static) {
    let heard = Closure::<dyn Fn(JsValue)>::new(move |message: JsValue| {
        let event = Reflect::get(&message, &"event".into()).ok().and_then(|event| event.as_string());
        if event.as_deref() == Some(name) {
            told();
        }
    });
    let target = api("runtime").and_then(|runtime| Reflect::get(&runtime, &"onMessage".into()).ok());
    if let Some(target) = target.and_then(|target| target.dyn_into::<Object>().ok())
        && let Some(listen) = function(&target, "addListener")
    {
        listen.call1(&target, heard.as_ref()).ok();
    }
    heard.forget();
}
