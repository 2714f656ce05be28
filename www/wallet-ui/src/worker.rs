//! Asking the worker.

use js_sys::Promise;
use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;
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
    match read::<A::Output>(answer) {
        Some(Answer::Ok(output)) => Ok(output),
        Some(Answer::Error(fault)) => Err(fault),
        None => Err(fault("answer-unreadable", MoneyMoved::Waiting)),
    }
}

/// Messages between parts of an extension travel as JSON.
fn sent<A: Action>(action: &A) -> Option<JsValue> {
    Ask::of(action).serialize(&Serializer::json_compatible()).ok()
}

async fn exchange(sent: &JsValue) -> Option<JsValue> {
    let runtime = browser::api("runtime")?;
    let promise = browser::function(&runtime, "sendMessage")?.call1(&runtime, sent).ok()?;
    JsFuture::from(promise.dyn_into::<Promise>().ok()?).await.ok()
}

fn read<T: DeserializeOwned>(answer: JsValue) -> Option<Answer<T>> {
    serde_wasm_bindgen::from_value(answer).ok()
}

fn fault(code: &str, money: MoneyMoved) -> Fault {
    Fault { code: code.to_owned(), detail: None, money, paid: None }
}
