//! Messages of the extension's pages and of web pages, as JSON: convert, call, convert.

use std::pin::Pin;

use protocol::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wallet_messages::{
    Action, AllowSilent, Answer, AnswerChallenge, Approve, Autoclose, BackUp, BindInstrument, ChangeKey,
    ChangePassphrase, CloseSession, DismissNotice, Export, Fault, Load, Lock, LookUpServer, OpenSession, ReadApproval,
    ReadHistory, ReadMessages, ReadReceipt, ReadSettings, ReadState, ReadTotals, Refresh, Refuse, Register, Resend,
    Restore, Retry, RevokeSilent, SetLock, SetOpening, Touch, Unload, Unlock,
};

use super::Wallet;
use super::pages::Taken;
use crate::fault::WalletFault;
use crate::json;
use crate::record::Page;
use crate::world::{PageOutcome, World};

/// The longest message of any page.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Reads an action's input.
fn input<A: Action>(input: &Value) -> Result<A, WalletFault> {
    // A message without input means the action without fields.
    let read = if input.is_null() { json::take(&Value::Object(Map::new())) } else { json::take(input) };
    read.map_err(|_| WalletFault::ActionUnknown)
}

/// Writes an action's answer.
fn answer<T: Serialize>(result: Result<T, WalletFault>) -> String {
    let answer = match result {
        Ok(output) => Answer::Ok(output),
        Err(fault) => Answer::Error(Fault::from(&fault)),
    };
    serde_json::to_string(&answer).expect("invariant: answers are plain structs with string keys")
}

/// One row an action: what it calls. Each is a future of its own; together they would be one function of 60 KB, which a
/// cold worker compiles for the first of them.
macro_rules! table {
    ($ask:ident { $($action:ident as $value:ident => $call:expr;)* }) => {{
        let given = $ask.get("input").unwrap_or(&Value::Null);
        let done: Pin<Box<dyn Future<Output = String> + '_>> =
            match $ask.get("action").and_then(Value::as_str).unwrap_or_default() {
                $(<$action as Action>::NAME => {
                    let asked = input::<$action>(given);
                    Box::pin(async move {
                        answer(match asked {
                            Ok($value) => $call.await,
                            Err(fault) => Err(fault),
                        })
                    })
                })*
                _ => return answer::<()>(Err(WalletFault::ActionUnknown)),
            };
        done.await
    }};
}

/// Answers a page of the extension.
pub async fn ui<S: Store, W: World>(wallet: &Wallet<S, W>, message: &str) -> String {
    let ask = Some(message).filter(|message| message.len() <= MAX_MESSAGE_BYTES);
    let Some(ask) = ask.and_then(|message| json::Tree::of(message.as_bytes()).ok()) else {
        return answer::<()>(Err(WalletFault::ActionUnknown));
    };
    table! { ask {
        ReadState as _asked => wallet.state();
        LookUpServer as asked => wallet.look_up(&asked.server);
        Register as asked => wallet.register(asked);
        Unlock as asked => wallet.unlock(&asked.passphrase);
        Lock as _asked => wallet.lock();
        BindInstrument as asked => wallet.bind(asked);
        AnswerChallenge as asked => wallet.answer_challenge(asked);
        Load as asked => wallet.load(asked);
        Unload as asked => wallet.unload(asked);
        OpenSession as asked => wallet.open_session(asked);
        CloseSession as asked => wallet.close_session(&asked.session);
        ReadApproval as asked => wallet.approval(&asked.request);
        Approve as asked => wallet.approve(&asked.request);
        Refuse as asked => wallet.refuse(&asked.request);
        ReadReceipt as asked => wallet.receipt(asked);
        Resend as _asked => wallet.resume();
        Retry as asked => wallet.retry(&asked.operation);
        Touch as _asked => wallet.touch();
        ChangePassphrase as asked => wallet.change_passphrase(asked);
        ReadSettings as _asked => wallet.settings();
        SetLock as asked => wallet.set_lock(asked);
        AllowSilent as asked => wallet.allow_silent(asked);
        RevokeSilent as asked => wallet.revoke_silent(&asked.origin);
        SetOpening as asked => wallet.set_opening(asked.rule);
        DismissNotice as asked => wallet.dismiss_notice(&asked.notice);
        ReadHistory as asked => wallet.history(asked.filter);
        ReadTotals as asked => wallet.totals(asked);
        Export as asked => wallet.export(asked);
        ReadMessages as asked => wallet.messages(asked);
        BackUp as asked => wallet.back_up(asked);
        Restore as asked => wallet.restore(asked);
        Refresh as _asked => wallet.refresh();
        Autoclose as asked => wallet.autoclose(asked);
        ChangeKey as _asked => wallet.change_key();
    } }
}

/// What a web page asked for, as the worker's glue hands it over: all but `id` and `request` is the browser's word.
#[derive(Debug, Deserialize)]
struct PageAsk {
    origin: String,
    tab: i64,
    document: Option<String>,
    id: String,
    request: String,
}

/// What the glue does next.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum PageAnswer {
    /// Open the approval window for this request.
    Accepted(String),
    /// Tell the page that this was all.
    Outcome(PageOutcome),
}

/// Takes in a web page's request.
pub async fn page<S: Store, W: World>(wallet: &Wallet<S, W>, message: &str) -> String {
    let accepted = match json::read(message.as_bytes()) {
        Ok(ask) => accept(wallet, ask).await,
        Err(_) => Err(WalletFault::ActionUnknown),
    };
    let answer = match accepted {
        Ok(Taken::Waits(id)) => PageAnswer::Accepted(id),
        Ok(Taken::Paid) => PageAnswer::Outcome(PageOutcome::PAID),
        Err(fault) => PageAnswer::Outcome(PageOutcome::failed(fault.code())),
    };
    serde_json::to_string(&answer).expect("invariant: answers are plain structs with string keys")
}

async fn accept<S: Store, W: World>(wallet: &Wallet<S, W>, ask: PageAsk) -> Result<Taken, WalletFault> {
    let PageAsk { origin, tab, document, id, request } = ask;
    wallet.accept_or_pay(Page { origin, tab, document, id, run: String::new() }, &request).await
}
