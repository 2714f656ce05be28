//! Asking the worker.

use js_sys::{JSON, Promise};
use wallet_messages::{Action, Answer, Ask, Fault, MoneyMoved};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::browser;

/// Asks the worker to do `action`.
///
/// # Errors
///
/// The worker's own fault; `no-answer` if it did not answer (what it was asked may have been done, and asking again is
/// safe), `answer-unreadable` if the answer is not one.
pub async fn ask<A: Action>(action: &A) -> Result<A::Output, Fault> {
    let sent = sent(action).ok_or_else(|| fault("field-form", MoneyMoved::No))?;
    let answer = exchange(&sent).await.ok_or_else(|| fault("no-answer", MoneyMoved::Waiting))?;
    match read::<A::Output>(&answer) {
        Some(Answer::Ok(output)) => Ok(output),
        Some(Answer::Error(fault)) => Err(fault),
        None => Err(fault("answer-unreadable", MoneyMoved::Waiting)),
    }
}

fn sent<A: Action>(action: &A) -> Option<JsValue> {
    let ask = Ask { action: A::NAME.to_owned(), input: serde_json::to_value(action).ok()? };
    JSON::parse(&serde_json::to_string(&ask).ok()?).ok()
}

async fn exchange(sent: &JsValue) -> Option<JsValue> {
    let runtime = browser::api("runtime")?;
    let promise = browser::function(&runtime, "sendMessage")?.call1(&runtime, sent).ok()?;
    JsFuture::from(promise.dyn_into::<Promise>().ok()?).await.ok()
}

fn read<T: serde::de::DeserializeOwned>(answer: &JsValue) -> Option<Answer<T>> {
    let text = JSON::stringify(answer).ok()?.as_string()?;
    serde_json::from_str(&text).ok()
}

fn fault(code: &str, money: MoneyMoved) -> Fault {
    Fault { code: code.to_owned(), detail: None, money }
}
