//! A shop's pages as a merchant might write them, with the built widget, on the demo shop's origin; and a table of checks
//! that share one browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::WebElement;

use crate::browser::{self, Browser};
use crate::demo::Demo;

/// A wallet that speaks the page channel (docs/page-channel.md) and does what the test says: `window.outcome` is what it
/// answers at once; without it, it waits.
const WALLET: &str = r"// @ts-nocheck
window.asked = []; window.aborted = 0;
window.answer = (outcome, at = asked.length - 1) => postMessage({ paycash: 1, type: 'outcome', id: asked[at].id, ...outcome }, origin);
addEventListener('message', ({ source, data }) => {
  if (source !== window || data?.paycash !== 1) return;
  const post = (type, more) => postMessage({ paycash: 1, type, id: data.id, ...more }, origin);
  if (data.type === 'discover') post('announce', { wallet: { uuid: 'w', name: 'Scripted', version: '1', protocols: ['2.0'] } });
  if (data.type === 'abort') window.aborted += 1;
  if (data.type !== 'pay') return;
  window.asked.push(data);
  post('accepted');
  if (window.outcome) post('outcome', window.outcome);
});";

/// Writes down every event of the widget; the browser stays where it is unless `window.go` is set.
const LOG: &str = r"// @ts-nocheck
window.heard = [];
window.violations = [];
for (const name of ['click', 'request', 'approved', 'paid', 'cancelled', 'failed', 'nowallet'])
  addEventListener(`paycash:${name}`, (event) => {
    heard.push({ ...event.detail, error: event.detail.name, name, cancelable: event.cancelable });
    if (!window.go && !['click', 'nowallet'].includes(name)) event.preventDefault();
  });
addEventListener('securitypolicyviolation', (event) => violations.push(event.effectiveDirective + ' ' + event.blockedURI));";

/// Which script tag a page has.
pub const ASYNC: &str = r#"<script async src="/pay-cash.js"></script>"#;

/// The demo shop with pages of the test's own, and a browser in front of it.
pub struct Stage {
    _data: TempDir,
    _profile: TempDir,
    assets: TempDir,
    /// Server, till and shop.
    pub demo: Demo,
    /// The browser.
    pub browser: Browser,
}

impl Stage {
    /// Sets the stage, with the real wallet in the browser or with none.
    ///
    /// # Errors
    /// Something is not built, or does not start.
    pub async fn set(wallet: bool) -> Result<Self> {
        let (data, profile, assets) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
        copy(&browser::shop()?, assets.path())?;
        let pages = assets.path().join("t");
        fs::create_dir_all(&pages)?;
        fs::write(pages.join("wallet.js"), WALLET)?;
        fs::write(pages.join("log.js"), LOG)?;
        let demo = Demo::start_with(data.path(), assets.path())?;
        let browser = if wallet {
            Browser::start(profile.path()).await?
        } else {
            Browser::start_without_wallet(profile.path()).await?
        };
        Ok(Self { _data: data, _profile: profile, assets, demo, browser })
    }

    /// Writes a page and opens it. `head` stands before anything else.
    ///
    /// # Errors
    /// It does not load.
    pub async fn open(&self, head: &str, body: &str) -> Result<()> {
        let name = format!("{:08x}.html", rand::random::<u32>());
        let page = format!(
            "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
             <title>A shop</title>{head}</head><body><main><h1>Checkout</h1>{body}</main></body></html>"
        );
        self.write(&name, &page)?;
        self.browser.open(&format!("{}/t/{name}", self.demo.shop)).await
    }

    /// Lays a file beside the pages, under `/t/`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.assets.path().join("t").join(name), text).with_context(|| name.to_owned())
    }

    /// A page with the scripted wallet, the log, and what else a check wants.
    ///
    /// # Errors
    /// It does not load.
    pub async fn with_scripted_wallet(&self, body: &str) -> Result<()> {
        let scripts = r#"<script src="/t/log.js"></script><script src="/t/wallet.js"></script>"#;
        self.open(&format!("{scripts}{ASYNC}"), body).await?;
        self.ready().await
    }

    /// Waits until the widget is there.
    ///
    /// # Errors
    /// It does not come.
    pub async fn ready(&self) -> Result<()> {
        self.until("return !!customElements.get('pay-cash-button')").await
    }

    /// Places an order in the demo shop; gives its id. The browser has to be on a page of the shop.
    ///
    /// # Errors
    /// The shop does not take it.
    pub async fn order(&self) -> Result<String> {
        let script = "const done = arguments[0];
            fetch('/checkout', { method: 'POST' }).then((reply) => reply.text()).then((page) =>
                done(new DOMParser().parseFromString(page, 'text/html').querySelector('[data-testid=order-id]').textContent));";
        if !self.browser.driver().current_url().await?.as_str().starts_with(&self.demo.shop) {
            self.browser.open(&self.demo.shop).await?;
        }
        let id = self.browser.driver().execute_async(script, vec![]).await.context("placing an order")?;
        id.json().as_str().map(str::to_owned).context("an order id")
    }

    /// `<pay-cash-button>` for a new order, with further attributes.
    ///
    /// # Errors
    /// The shop takes no order.
    pub async fn button(&self, attributes: &str) -> Result<String> {
        let order = self.order().await?;
        Ok(format!(
            r#"<pay-cash-button request-src="/orders/{order}/payment-request" {attributes}><p>children</p></pay-cash-button>"#
        ))
    }

    /// The real button of the `n`-th element.
    ///
    /// # Errors
    /// There is none.
    pub async fn inner(&self, n: usize) -> Result<WebElement> {
        self.browser.in_shadow(&format!("pay-cash-button:nth-of-type({})", n + 1), "button").await
    }

    /// Clicks the `n`-th button.
    ///
    /// # Errors
    /// There is none.
    pub async fn click(&self, n: usize) -> Result<()> {
        Ok(self.inner(n).await?.click().await?)
    }

    /// What a script in the page returns.
    ///
    /// # Errors
    /// It throws.
    pub async fn run(&self, script: &str) -> Result<Value> {
        let answer = self.browser.driver().execute(script, vec![]).await.with_context(|| script.to_owned())?;
        Ok(answer.json().clone())
    }

    /// Waits until a script in the page returns something true.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn until(&self, script: &str) -> Result<()> {
        let truth = async || {
            let answer = self.browser.driver().execute(script, vec![]).await?;
            Ok(answer.json().as_bool().unwrap_or_default().then_some(()))
        };
        let waited = browser::eventually(script, truth).await;
        let heard = self.run("return JSON.stringify(window.heard ?? null)").await?;
        waited.with_context(|| format!("heard {heard}"))
    }

    /// What stands below the first button.
    ///
    /// # Errors
    /// There is no button.
    pub async fn status(&self) -> Result<String> {
        let text =
            self.run("return document.querySelector('pay-cash-button').shadowRoot.querySelector('p').textContent");
        Ok(text.await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits for an event of the widget.
    ///
    /// # Errors
    /// It does not come.
    pub async fn hears(&self, name: &str) -> Result<Value> {
        self.until(&format!("return heard.some((event) => event.name === '{name}')")).await?;
        self.run(&format!("return heard.findLast((event) => event.name === '{name}')")).await
    }

    /// Sends a command of the devtools.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn devtools(&self, command: &str, arguments: Value) -> Result<()> {
        self.browser.driver().cdp().send_raw(command, arguments).await.map(drop).with_context(|| command.to_owned())
    }

    /// Emulates features of media such as `prefers-color-scheme`; an empty list ends it.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn media(&self, features: &[(&str, &str)]) -> Result<()> {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await
    }

    /// Makes the page as wide as a phone or, with nothing, as the window.
    ///
    /// # Errors
    /// The browser refuses.
    pub async fn width(&self, pixels: Option<u32>) -> Result<()> {
        match pixels {
            Some(width) => {
                let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
                self.devtools("Emulation.setDeviceMetricsOverride", size).await
            }
            None => self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await,
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path: PathBuf = entry?.path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().context("a name")?))?;
        }
    }
    Ok(())
}

/// A check of a table: its name, and what it does on the stage.
pub type Check<'a> = (&'static str, Pin<Box<dyn Future<Output = Result<()>> + 'a>>);

/// Runs all checks one after the other in the same browser, and fails naming those that failed.
///
/// # Errors
/// If one does.
pub async fn all_of(stage: &Stage, checks: Vec<Check<'_>>) -> Result<()> {
    let mut failed = Vec::new();
    for (name, check) in checks {
        let ended = check.await;
        println!("{} {name}", if ended.is_ok() { "  ok  " } else { "FAILED" });
        if let Err(error) = ended {
            stage.browser.screenshot(&format!("widget-failed-{name}")).await?;
            failed.push(format!("{name}: {error:#}"));
        }
    }
    anyhow::ensure!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n\n"));
    Ok(())
}

/// A table of checks: functions that take the stage.
#[macro_export]
macro_rules! checks {
    ($stage:expr; $($check:ident),* $(,)?) => {
        $crate::widget::all_of($stage, vec![$((stringify!($check), Box::pin($check($stage)) as _)),*])
    };
}
