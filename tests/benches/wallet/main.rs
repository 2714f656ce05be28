//! How long a shopper waits for the wallet: `cargo xtask bench wallet`, in a headless Chromium against a demo on loopback.
//!
//! Medians, each beside what an empty extension takes in the same run: a page with one line of script, and a worker that
//! answers at once. Below each stands what it is made of, as `page.js` and `worker.js` note it. Nothing is asserted.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::browser::{Browser, copy, eventually, extension};
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, account, id, registration};

/// How often each thing is measured.
const ROUNDS: usize = 20;

/// A way from one moment to another: what the moments are called in the notes, and what lies before each of them.
struct Way {
    what: &'static str,
    goal_ms: Option<f64>,
    from: &'static str,
    steps: &'static [(&'static str, &'static str)],
}

const SCRIPT: Way =
    Way { what: "from navigation to the page's script", goal_ms: None, from: "navigated", steps: &[("script", "")] };
const POPUP: Way = Way {
    what: "popup usable after its script started",
    goal_ms: Some(100.0),
    from: "script",
    steps: &[
        ("compiled", "module fetched and compiled"),
        ("asked", "worker asked"),
        ("answered", "worker answered"),
        ("usable", "drawn"),
    ],
};
const EMPTY_POPUP: Way = Way { steps: &[("usable", "")], ..POPUP };
const WORKER: Way = Way {
    what: "worker's first answer from a cold start",
    goal_ms: Some(100.0),
    from: "sent",
    steps: &[
        ("loaded", "worker started, scripts loaded"),
        ("compiled", "module fetched and compiled"),
        ("opened", "database opened"),
        ("state answered", "records read"),
        ("heard", "on its way back"),
    ],
};
const EMPTY_WORKER: Way = Way { steps: &[("heard", "")], ..WORKER };
const PAY: Way = Way {
    what: "click on Pay to receipt",
    goal_ms: Some(150.0),
    from: "clicked",
    steps: &[
        ("approve asked", "on its way to the worker"),
        ("sent", "promise on disk"),
        ("replied", "till and server"),
        ("approve answered", "receipt on disk"),
        ("receipt", "on its way back, and drawn"),
    ],
};

#[tokio::main]
async fn main() -> Result<()> {
    // Under `cargo test` nothing is measured.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let [data, profile, empty, watched] = [(); 4].map(|()| tempfile::tempdir());
    let (data, profile, empty, watched) = (data?, profile?, empty?, watched?);
    write_empty_extension(empty.path())?;
    write_watched_extension(watched.path())?;
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_with("en", profile.path(), &[watched.path(), empty.path()]).await?;
    open_a_long_session(&browser, &demo).await?;
    let bench = Bench { browser, demo };
    let empty = bench.other_extension().await?;
    let wallet = bench.browser.extension().page("");

    println!("load of the machine: {}", load()?);
    println!("{:<44}{:>10}{:>12}{:>10}", "milliseconds, median of 20", "wallet", "empty", "goal");
    let (page, nothing) = (bench.pages(&wallet, "home.html").await?, bench.pages(&empty, "page.html").await?);
    row(&SCRIPT, &page, Some((&SCRIPT, &nothing)))?;
    row(&POPUP, &page, Some((&EMPTY_POPUP, &nothing)))?;
    let (worker, echo) = (bench.cold_worker(&wallet).await?, bench.cold_worker(&empty).await?);
    row(&WORKER, &worker, Some((&EMPTY_WORKER, &echo)))?;
    row(&PAY, &bench.payments().await?, None)?;
    println!("load of the machine: {}", load()?);
    bench.browser.quit().await
}

/// Others on the machine make everything slower.
fn load() -> Result<String> {
    Ok(fs::read_to_string("/proc/loadavg")?.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

/// A page that draws one button, and a worker that answers.
fn write_empty_extension(folder: &Path) -> Result<()> {
    let manifest = json!({ "manifest_version": 3, "name": "Empty", "version": "1",
        "background": { "service_worker": "worker.js", "type": "module" } });
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    fs::write(folder.join("worker.js"), "chrome.runtime.onMessage.addListener((m, s, say) => { say({ ok: {} }); });")?;
    fs::write(folder.join("page.html"), "<!doctype html><body><script type=module src=page.js></script>")?;
    let page = "fetch('page.html'); const b = document.createElement('button'); b.dataset.testid = 'balance';
        b.textContent = '0'; document.body.append(b);";
    Ok(fs::write(folder.join("page.js"), page)?)
}

/// The built extension with the stopwatch in its worker.
fn write_watched_extension(folder: &Path) -> Result<()> {
    copy(&extension()?, folder)?;
    fs::write(folder.join("stopwatch.js"), include_str!("worker.js"))?;
    let worker = folder.join("worker.js");
    let text = fs::read_to_string(&worker)?;
    Ok(fs::write(&worker, format!("import './stopwatch.js';\n{text}"))?)
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

struct Bench {
    browser: Browser,
    demo: Demo,
}

/// What was noted in each round, milliseconds since 1970.
type Rounds = Vec<Value>;

impl Bench {
    /// The address of the extension that is not the wallet.
    async fn other_extension(&self) -> Result<String> {
        let ours = self.browser.extension().page("");
        eventually("the other extension's worker", async || {
            let targets = self.browser.driver().cdp().send_raw("Target.getTargets", json!({})).await?;
            let urls = targets["targetInfos"].as_array().into_iter().flatten().filter_map(|info| info["url"].as_str());
            let mut others = urls.filter(|url| url.starts_with("chrome-extension://") && !url.starts_with(&ours));
            Ok(others.find_map(|url| url.strip_suffix("worker.js").map(str::to_owned)))
        })
        .await
    }

    async fn pages(&self, extension: &str, page: &str) -> Result<Rounds> {
        let mut rounds = Vec::new();
        let watch = self.watch().await?;
        for _ in 0..ROUNDS {
            self.browser.open("about:blank").await?;
            self.browser.open(&format!("{extension}{page}")).await?;
            rounds.push(self.noted("usable").await?);
        }
        self.unwatch(&watch).await?;
        Ok(rounds)
    }

    /// From a page without scripts, after the workers were killed.
    async fn cold_worker(&self, extension: &str) -> Result<Rounds> {
        const ASK: &str = "const done = arguments[0], now = () => performance.timeOrigin + performance.now();
            const notes = { sent: now() };
            chrome.runtime.sendMessage({ action: 'state', input: {} }).then(async (said) => {
                if (said?.ok) notes.heard = now();
                done({ ...(await chrome.runtime.sendMessage({ stopwatch: true })), ...notes });
            }, () => done(null));";
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            self.browser.open(&format!("{extension}manifest.json")).await?;
            self.browser.kill_service_worker().await?;
            rounds.push(self.browser.driver().execute_async(ASK, vec![]).await?.json().clone());
        }
        Ok(rounds)
    }

    async fn payments(&self) -> Result<Rounds> {
        let (mut rounds, shop) = (Vec::new(), Shop(&self.browser));
        for _ in 0..ROUNDS {
            shop.check_out(&self.demo.shop).await?;
            let checkout = shop.pay_cash().await?;
            let approval = WalletScreens(&self.browser).approval().await?;
            self.browser.element(&id("pay")).await?;
            self.browser.driver().execute(PAGE, vec![]).await?;
            self.forget().await?;
            self.browser.click(&id("pay")).await?;
            let page = self.noted("receipt").await?;
            let worker = self.forget().await?;
            rounds.push(json!({ "clicked": page["clicked"], "receipt": page["receipt"], "worker": worker }));
            self.browser.driver().close_window().await?;
            self.browser.wait_for_close(&approval, &checkout).await?;
        }
        Ok(rounds)
    }

    /// Takes what the worker has noted.
    async fn forget(&self) -> Result<Value> {
        let ask = "const done = arguments[0]; chrome.runtime.sendMessage({ stopwatch: true }).then(done)";
        Ok(self.browser.driver().execute_async(ask, vec![]).await?.json().clone())
    }

    async fn watch(&self) -> Result<String> {
        let devtools = self.browser.driver().cdp();
        let added = devtools.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": PAGE })).await?;
        Ok(added["identifier"].as_str().context("a script's name")?.to_owned())
    }

    async fn unwatch(&self, name: &str) -> Result<()> {
        let named = json!({ "identifier": name });
        self.browser.driver().cdp().send_raw("Page.removeScriptToEvaluateOnNewDocument", named).await?;
        Ok(())
    }

    /// What was noted in the current page, once it notes `last`.
    async fn noted(&self, last: &str) -> Result<Value> {
        eventually(&format!("the page is {last}"), async || {
            let noted = self.browser.driver().execute("return window.notes", vec![]).await?;
            Ok(noted.json().get(last).is_some().then(|| noted.json().clone()))
        })
        .await
    }
}

/// Notes what happens in a page.
const PAGE: &str = include_str!("page.js");

/// When a moment was, by the page or by the worker.
fn moment(round: &Value, name: &str) -> Result<f64> {
    let noted = round.get(name).or_else(|| round["worker"].get(name)).and_then(Value::as_f64);
    noted.with_context(|| format!("{name} is missing in {round}"))
}

/// The median of the time between two moments.
fn between(rounds: &Rounds, from: &str, until: &str) -> Result<f64> {
    let spans = rounds.iter().map(|round| Ok(moment(round, until)? - moment(round, from)?));
    let mut spans = spans.collect::<Result<Vec<_>>>()?;
    spans.sort_by(f64::total_cmp);
    let middle = spans.len() / 2;
    Ok(f64::midpoint(spans[middle - 1], spans[middle]))
}

impl Way {
    fn whole(&self, rounds: &Rounds) -> Result<f64> {
        let (last, _) = self.steps.last().context("a way of no steps")?;
        between(rounds, self.from, last)
    }
}

fn row(way: &Way, wallet: &Rounds, empty: Option<(&Way, &Rounds)>) -> Result<()> {
    let empty = empty.map(|(way, rounds)| way.whole(rounds)).transpose()?;
    let empty = empty.map_or_else(|| "-".to_owned(), |empty| format!("{empty:.1}"));
    let goal = way.goal_ms.map_or_else(|| "-".to_owned(), |goal| format!("{goal:.0}"));
    println!("{:<44}{:>10.1}{empty:>12}{goal:>10}", way.what, way.whole(wallet)?);
    let mut from = way.from;
    for (until, what) in way.steps.iter().filter(|(_, what)| !what.is_empty()) {
        println!("  {what:<42}{:>10.1}", between(wallet, from, until)?);
        from = until;
    }
    Ok(())
}
