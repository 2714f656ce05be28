//! Webhooks: events are sent to the shop, signed as Standard Webhooks has it, until the shop has taken them.
//!
//! ```text
//!   event ──► due ──2xx──► done
//!              │ ▲
//!              │ └─ anything else: after 5 s, 30 s, 2 m, 10 m, 30 m, 1 h, 2 h, 4 h, then every 8 h
//!              └──► failed   (after 3 days, or 410 Gone)
//! ```
//!
//! A delivery is a row beside its event, so nothing is lost by a crash; it may come twice, with the same `webhook-id`.

pub mod guard;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::date::Date;
use protocol::value::{from_base64, to_base64};
use rand::rngs::SysRng;
use rand_core::{Rng as _, UnwrapErr};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, redirect};
use sha2::Sha256;
use tokio::time::sleep;

use self::guard::Guard;
use super::desk::Desk;
use super::store::StoreFault;
use super::store::events::Event;
use super::store::hooks::{Delivery, DeliveryState, Tried, Webhook};

/// What a signing secret begins with, as Standard Webhooks writes it.
const SECRET_PREFIX: &str = "whsec_";
/// 256 bits, as the hash they are used with.
const SECRET_BYTES: usize = 32;
/// Longest wait for a connection, and for an answer as a whole: shops answer first and work afterwards.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// How many are sent to a webhook at once.
const AT_ONCE: u32 = 16;
/// How often deliveries are looked for when nothing asks for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Seconds until the next try, after each that failed; the last one stands for all further ones.
const PAUSES_SECS: [i64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// How long an event is offered.
const OFFERED_SECS: i64 = 3 * 24 * 3_600;
/// HTTP 410: whoever was there does not want any more.
const GONE: u16 = 410;

/// A new signing secret.
pub fn new_secret() -> Vec<u8> {
    let mut secret = vec![0; SECRET_BYTES];
    UnwrapErr(SysRng).fill_bytes(&mut secret);
    secret
}

/// A signing secret as shops keep it.
pub fn secret_text(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", to_base64(secret))
}

/// The secret of its text.
pub fn secret_of(text: &str) -> Option<Vec<u8>> {
    text.strip_prefix(SECRET_PREFIX).and_then(from_base64)
}

/// The signature of a message: `v1,` and base64 of HMAC-SHA256 over id, time in seconds and body.
pub fn signature(secret: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("invariant: HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", to_base64(&mac.finalize().into_bytes()))
}

/// When a delivery that failed `attempts` times is tried again; nothing once it was offered long enough.
pub fn next_try(first: Date, attempts: u32, now: Date) -> Option<Date> {
    let last = first.plus_secs(OFFERED_SECS);
    if now >= last {
        return None;
    }
    let step = usize::try_from(attempts).unwrap_or(usize::MAX).clamp(1, PAUSES_SECS.len()) - 1;
    Some(now.plus_secs(PAUSES_SECS[step]).min(last))
}

/// Sends events to webhooks, to each in a lane of its own: one that does not answer holds no other back.
#[derive(Debug)]
pub struct Deliverer {
    desk: Arc<Desk>,
    client: Client,
    guard: Guard,
    /// Webhooks that something is being sent to.
    lanes: Mutex<HashSet<String>>,
}

impl Deliverer {
    /// One that has not begun.
    ///
    /// # Errors
    /// No client can be built on this machine.
    pub fn new(desk: Arc<Desk>, guard: Guard) -> Result<Arc<Self>, reqwest::Error> {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).dns_resolver(Arc::new(guard));
        let client = client.connect_timeout(CONNECT).timeout(ANSWER).user_agent("pay-cash-till").build()?;
        Ok(Arc::new(Self { desk, client, guard, lanes: Mutex::default() }))
    }

    /// Delivers what is due, again and again; never ends.
    pub async fn run(self: Arc<Self>) {
        loop {
            match self.desk.store.webhooks().await {
                Ok(hooks) => hooks.into_iter().for_each(|hook| self.start_lane(hook)),
                Err(fault) => tracing::error!("webhooks: {fault}"),
            }
            tokio::select! {
                () = self.desk.store.until_woken() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashSet<String>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_lane(self: &Arc<Self>, hook: Webhook) {
        if self.lanes().insert(hook.id.clone()) {
            let deliverer = self.clone();
            tokio::spawn(async move {
                deliverer.empty(&hook).await;
                deliverer.lanes().remove(&hook.id);
            });
        }
    }

    /// Sends to a webhook until nothing is due.
    async fn empty(&self, hook: &Webhook) {
        loop {
            match self.deliver_due(hook, crate::http::now()).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(fault) => return tracing::error!("webhook {}: {fault}", hook.id),
            }
        }
    }

    /// Tries what is due to a webhook at a time, a few at once. Yields how many were tried.
    ///
    /// # Errors
    /// The books cannot be read or written.
    pub async fn deliver_due(&self, hook: &Webhook, now: Date) -> Result<usize, StoreFault> {
        let due = self.desk.store.due(&hook.id, now, AT_ONCE).await?;
        let tries = due.iter().map(|(delivery, event)| self.deliver(delivery, hook, event, now));
        for tried in join_all(tries).await {
            tried?;
        }
        Ok(due.len())
    }

    async fn deliver(&self, delivery: &Delivery, hook: &Webhook, event: &Event, now: Date) -> Result<(), StoreFault> {
        let sent = self.send(hook, event, now).await;
        let (status, fault) = match &sent {
            Ok(status) if (200..300).contains(status) => (Some(*status), None),
            Ok(status) => (Some(*status), Some(format!("HTTP {status}"))),
            Err(fault) => (None, Some(fault.clone())),
        };
        let again = next_try(delivery.first.unwrap_or(now), delivery.attempts + 1, now);
        let (state, next) = match (&fault, again.filter(|_| status != Some(GONE))) {
            (None, _) => (DeliveryState::Done, now),
            (Some(_), Some(next)) => (DeliveryState::Due, next),
            (Some(_), None) => (DeliveryState::Failed, now),
        };
        if let Some(fault) = &fault {
            tracing::warn!("webhook {}: event {}: {fault}", hook.id, event.id);
        }
        self.desk.store.tried(delivery, Tried { date: now, status, fault, state, next }).await
    }

    /// Sends an event; yields the HTTP status, or why there was none, in words without addresses.
    async fn send(&self, hook: &Webhook, event: &Event, now: Date) -> Result<u16, String> {
        let url = self.guard.check(&hook.url).map_err(|fault| fault.to_string())?;
        let body = event.json().to_string();
        let headers = headers(&hook.secret, event, now, &body).ok_or("the event makes no headers")?;
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        sent.map(|answer| answer.status().as_u16()).map_err(|fault| why(&fault).to_owned())
    }
}

fn headers(secret: &[u8], event: &Event, now: Date, body: &str) -> Option<HeaderMap> {
    let (id, timestamp) = (format!("evt_{}", event.id), now.millis() / 1_000);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("webhook-id", HeaderValue::from_str(&id).ok()?);
    headers.insert("webhook-timestamp", HeaderValue::from(timestamp));
    headers.insert("webhook-signature", HeaderValue::from_str(&signature(secret, &id, timestamp, body)).ok()?);
    Some(headers)
}

fn why(fault: &reqwest::Error) -> &'static str {
    if fault.is_timeout() {
        "no answer in time"
    } else if fault.is_connect() {
        "no connection"
    } else {
        "no answer"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret_text(&secret), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn an_event_is_offered_for_three_days_with_growing_pauses() {
        let first = Date::from_millis(1_795_262_400_000);
        let (mut now, mut attempts, mut last_pause) = (first, 1, 0);
        while let Some(next) = next_try(first, attempts, now) {
            let pause = next.millis() - now.millis();
            assert!(pause >= last_pause || next == first.plus_secs(OFFERED_SECS), "{pause} after {last_pause}");
            (now, attempts, last_pause) = (next, attempts + 1, pause);
        }
        assert_eq!(now, first.plus_secs(OFFERED_SECS));
        assert_eq!(attempts, 18);
    }
}
