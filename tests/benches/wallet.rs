//! How long a shopper waits for the wallet: `cargo xtask bench wallet`, in a headless Chromium against a demo on loopback.
//!
//! Medians, each beside what an empty extension takes in the same run: a page with one line of script, and a worker that
//! answers at once. Nothing is asserted.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::browser::{Browser, eventually, extension};
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, account, id, registration};

/// How often each thing is measured.
const ROUNDS: usize = 20;

#[tokio::main]
async fn main() -> Result<()> {
    // Under `cargo test` nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let (data, profile, empty) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
    write_empty_extension(empty.path())?;
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_with("en", profile.path(), &[&extension()?, empty.path()]).await?;
    open_a_long_session(&browser, &demo).await?;
    let bench = Bench { browser, demo, empty: String::new() };
    let empty = bench.other_extension().await?;
    let bench = Bench { empty, ..bench };

    println!("{:<44}{:>10}{:>12}{:>10}", "milliseconds, median of 20", "wallet", "empty page", "goal");
    let page = bench.page().await?;
    let nothing = bench.empty_page().await?;
    row("from navigation to the page's script", page.script, Some(nothing.script), None);
    row("popup usable after its script started", page.usable, Some(nothing.usable), Some(100.0));
    let worker = bench.cold_worker(&bench.browser.extension().page("manifest.json")).await?;
    let echo = bench.cold_worker(&format!("chrome-extension://{}/manifest.json", bench.empty)).await?;
    row("worker's first answer from a cold start", worker, Some(echo), Some(100.0));
    row("click on Pay to receipt", bench.payments().await?, None, Some(150.0));
    bench.browser.quit().await
}

/// A page that draws one button, and a worker that answers.
fn write_empty_extension(folder: &Path) -> Result<()> {
    let manifest = json!({ "manifest_version": 3, "name": "Empty", "version": "1",
        "background": { "service_worker": "worker.js", "type": "module" } });
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    fs::write(folder.join("worker.js"), "chrome.runtime.onMessage.addListener((m, s, say) => { say({ ok: {} }); });")?;
    fs::write(folder.join("page.html"), "<!doctype html><body><script type=module src=page.js></script>")?;
    let page = "fetch('page.html'); const b = document.createElement('button'); b.dataset.testid = 'balance';
        document.body.append(b);";
    Ok(fs::write(folder.join("page.js"), page)?)
}

/// Enough for twenty payments of the shop's price.
async fn open_a_long_session(browser: &Browser, demo: &Demo) -> Result<()> {
    browser.open_extension("onboarding.html").await?;
    browser.ask_worker("register", registration(&demo.server, "BrianB")).await?;
    browser.ask_worker("bind-instrument", account("059013218175654")).await?;
    let state = browser.ask_worker("state", json!({})).await?;
    let instrument = &state["home"]["instruments"][0]["id"];
    browser.ask_worker("load", json!({ "instrument": instrument, "amount": "1000.00" })).await?;
    let session = json!({ "amount": "990.00", "minutes": 60, "uses": 25, "note": "" });
    browser.ask_worker("open-session", session).await.map(drop)
}

/// Notes when the page's script begins (the first that it does is to fetch), and when there is something to use.
const WATCH: &str = "(() => {
    const fetched = globalThis.fetch;
    globalThis.fetch = (...asked) => { globalThis.began ??= performance.now(); return fetched(...asked); };
    new MutationObserver((_, watch) => {
        const drawn = document.querySelector('[data-testid=balance]');
        if (!drawn || (drawn.tagName !== 'BUTTON' && !drawn.textContent)) return;
        watch.disconnect();
        globalThis.usable = performance.now();
    }).observe(document, { childList: true, subtree: true, characterData: true });
})()";

/// Notes when Pay is clicked, and when the receipt is there.
const WATCH_PAY: &str = "(() => {
    addEventListener('click', ({ target }) => {
        if (target.closest?.('[data-testid=pay]')) globalThis.began = performance.now();
    }, { capture: true });
    new MutationObserver((_, watch) => {
        if (!document.querySelector('[data-testid=paid-left]')?.textContent) return;
        watch.disconnect();
        globalThis.usable = performance.now();
    }).observe(document, { childList: true, subtree: true, characterData: true });
})()";

struct Bench {
    browser: Browser,
    demo: Demo,
    /// The id of the empty extension.
    empty: String,
}

/// What one kind of page takes.
struct Page {
    script: f64,
    usable: f64,
}

impl Bench {
    /// The id of the extension that is not the wallet.
    async fn other_extension(&self) -> Result<String> {
        let ours = self.browser.extension().to_string();
        eventually("the other extension's worker", async || {
            let targets = self.browser.driver().cdp().send_raw("Target.getTargets", json!({})).await?;
            let urls = targets["targetInfos"].as_array().into_iter().flatten().filter_map(|info| info["url"].as_str());
            let mut ids = urls.filter_map(|url| url.strip_prefix("chrome-extension://")?.strip_suffix("/worker.js"));
            Ok(ids.find(|id| *id != ours).map(str::to_owned))
        })
        .await
    }

    async fn page(&self) -> Result<Page> {
        self.pages(&self.browser.extension().page("home.html")).await
    }

    async fn empty_page(&self) -> Result<Page> {
        self.pages(&format!("chrome-extension://{}/page.html", self.empty)).await
    }

    async fn pages(&self, url: &str) -> Result<Page> {
        let (mut script, mut usable) = (Vec::new(), Vec::new());
        let watch = self.watch(WATCH).await?;
        for _ in 0..ROUNDS {
            self.browser.open("about:blank").await?;
            self.browser.open(url).await?;
            let [began, ended] = self.times().await?;
            script.push(began);
            usable.push(ended - began);
        }
        self.unwatch(&watch).await?;
        Ok(Page { script: median(script), usable: median(usable) })
    }

    /// From a page without scripts, after the workers were killed.
    async fn cold_worker(&self, from: &str) -> Result<f64> {
        let mut taken = Vec::new();
        for _ in 0..ROUNDS {
            self.browser.open(from).await?;
            self.browser.kill_service_worker().await?;
            let ask = "const done = arguments[0], began = performance.now();
                chrome.runtime.sendMessage({ action: 'state', input: {} }).then(
                    (said) => done(said?.ok ? performance.now() - began : null), () => done(null));";
            let answer = self.browser.driver().execute_async(ask, vec![]).await?;
            taken.push(answer.json().as_f64().context("the worker did not answer")?);
        }
        Ok(median(taken))
    }

    async fn payments(&self) -> Result<f64> {
        let (mut taken, shop) = (Vec::new(), Shop(&self.browser));
        for _ in 0..ROUNDS {
            shop.check_out(&self.demo.shop).await?;
            let checkout = shop.pay_cash().await?;
            let approval = WalletScreens(&self.browser).approval().await?;
            self.browser.element(&id("pay")).await?;
            self.browser.driver().execute(WATCH_PAY, vec![]).await?;
            self.browser.click(&id("pay")).await?;
            let [began, ended] = self.times().await?;
            taken.push(ended - began);
            self.browser.driver().close_window().await?;
            self.browser.wait_for_close(&approval, &checkout).await?;
        }
        Ok(median(taken))
    }

    async fn watch(&self, script: &str) -> Result<String> {
        let devtools = self.browser.driver().cdp();
        let added = devtools.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await?;
        Ok(added["identifier"].as_str().context("a script's name")?.to_owned())
    }

    async fn unwatch(&self, name: &str) -> Result<()> {
        let named = json!({ "identifier": name });
        self.browser.driver().cdp().send_raw("Page.removeScriptToEvaluateOnNewDocument", named).await?;
        Ok(())
    }

    /// What was noted in the current page.
    async fn times(&self) -> Result<[f64; 2]> {
        eventually("the page is usable", async || {
            let noted = self.browser.driver().execute("return [window.began, window.usable]", vec![]).await?;
            let at = |place: usize| noted.json().get(place).and_then(Value::as_f64);
            Ok(at(0).zip(at(1)).map(|(began, usable)| [began, usable]))
        })
        .await
    }
}

fn median(mut taken: Vec<f64>) -> f64 {
    taken.sort_by(f64::total_cmp);
    let middle = taken.len() / 2;
    f64::midpoint(taken[middle - 1], taken[middle])
}

fn row(what: &str, wallet: f64, empty: Option<f64>, goal: Option<f64>) {
    let empty = empty.map_or_else(|| "-".to_owned(), |empty| format!("{empty:.1}"));
    let goal = goal.map_or_else(|| "-".to_owned(), |goal| format!("{goal:.0}"));
    println!("{what:<44}{wallet:>10.1}{empty:>12}{goal:>10}");
}
