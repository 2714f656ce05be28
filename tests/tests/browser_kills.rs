//! The service worker, and the browser itself, killed at every step of every procedure, in a real Chromium with the wasm
//! that shoppers get. Afterwards there is exactly one effect, the wallet shows what the server knows, and what is not known
//! is said to wait for an answer, never to have failed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use protocol::persona::{PersonaId, RequestedId};
use protocol::value::{Reading, Value as _};
use serde_json::{Value, json};
use tests::browser::{Browser, Gated, Step, copy, server_stub};
use tests::demo::Demo;
use tests::screens::{PASSPHRASE, Shop, WalletScreens, account, id, registration};

#[tokio::test]
async fn a_worker_killed_at_any_step_of_any_procedure_does_it_once() -> Result<()> {
    every_procedure(Death::Worker, "en", &Step::ALL).await
}

#[tokio::test]
#[ignore = "starts Chromium forty times: soak"]
async fn a_browser_killed_at_any_step_of_any_procedure_does_it_once() -> Result<()> {
    every_procedure(Death::Browser, "de", &Step::ALL).await
}

/// The one step after which nobody but the server knows what happened.
#[tokio::test]
async fn a_browser_killed_before_it_notes_an_answer_does_it_once() -> Result<()> {
    every_procedure(Death::Browser, "de", &[Step::Answered]).await
}

/// Somebody copies the profile of a closed browser. Both pay: nothing is spent twice, and the one that comes later goes on
/// by itself with a session of its own.
#[tokio::test]
async fn two_browsers_with_a_copied_profile_both_pay() -> Result<()> {
    let (data, profile, twin) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start(profile.path()).await?;
    let wallet = WalletScreens(&browser);
    wallet.register(&demo.server, "BrianB").await?;
    wallet.bind("059013218175654").await?;
    wallet.load("150.00").await?;
    wallet.balance_is("$150.00").await?;
    wallet.open_session("50.00").await?;
    wallet.balance_is("$100.00").await?;
    browser.quit().await?;
    copy(profile.path(), twin.path())?;
    // Each learns where the session stands before the other pays.
    let (browser, other) = (Browser::start(profile.path()).await?, Browser::start(twin.path()).await?);
    for browser in [&browser, &other] {
        WalletScreens(browser).home().await?;
        WalletScreens(browser).unlock().await?;
        browser.element(&id("balance")).await?;
    }
    buy(&browser, &demo).await?;
    buy(&other, &demo).await?;
    other.quit().await?;
    let life = Life { browser, demo: &demo };
    life.wake().await?;
    life.browser.ask_worker("refresh", json!({})).await?;
    // $150.00, less two prices: in the container, and in the two sessions.
    let home = life.home().await?;
    let container = home["balance"]["minor"].as_i64().context("a balance")?;
    ensure!(container == 5_000, "the twin took $50.00 out for its session: {home}");
    assert_books(data.path())?;
    life.browser.quit().await
}

/// The shopper closes the shop's tab when Pay is said and the answer is not here yet.
#[tokio::test]
async fn a_page_that_closes_during_the_payment_changes_nothing() -> Result<()> {
    let (data, profile, gated) = (tempfile::tempdir()?, tempfile::tempdir()?, Gated::extension()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_with("en", profile.path(), &[gated.folder()]).await?;
    let wallet = WalletScreens(&browser);
    wallet.made(&demo.server).await?;
    browser.stop_at("approve", Step::Answered).await?;
    Shop(&browser).check_out(&demo.shop).await?;
    let checkout = Shop(&browser).pay_cash().await?;
    let approval = wallet.approval().await?;
    browser.click(&id("pay")).await?;
    browser.stopped_at(Step::Answered).await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.driver().close_window().await?;
    browser.driver().switch_to_window(approval).await?;
    browser.go_on().await?;
    browser.wait_for_text(&id("paid-left"), "$27.50").await?;
    wallet.home().await?;
    browser.wait_for_text(&id("session-left"), "$27.50").await?;
    browser.ask_worker("refresh", json!({})).await?;
    browser.wait_for_text(&id("session-left"), "$27.50").await?;
    assert_books(data.path())?;
    browser.quit().await
}

/// Buys the shoes; the page and the approval window say that they are paid.
async fn buy(browser: &Browser, demo: &Demo) -> Result<()> {
    let (wallet, shop) = (WalletScreens(browser), Shop(browser));
    shop.check_out(&demo.shop).await?;
    let checkout = shop.pay_cash().await?;
    wallet.approval().await?;
    browser.click(&id("pay")).await?;
    browser.element(&id("paid-left")).await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.element("[data-status=paid]").await.map(drop)
}

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Worker,
    Browser,
}

/// What a person says who wants it; the approval of a payment is clicked.
#[derive(Clone, Copy, Debug)]
enum Procedure {
    Bind,
    Load,
    Unload,
    Open,
    Close,
    Keys,
}

impl Procedure {
    const ALL: [Self; 6] = [Self::Bind, Self::Load, Self::Unload, Self::Open, Self::Close, Self::Keys];

    /// The action, and its input in a wallet that looks like this.
    fn asked(self, home: &Value, round: usize) -> (&'static str, Value) {
        let instrument = &home["instruments"][0]["id"];
        match self {
            Self::Bind => ("bind-instrument", account(&format!("05901321817{:04}", 6_000 + round))),
            Self::Load => ("load", json!({ "instrument": instrument, "amount": "20.00" })),
            Self::Unload => ("unload", json!({ "instrument": instrument, "amount": "5.00" })),
            Self::Open => ("open-session", json!({ "amount": "3.00", "minutes": 60, "uses": 5, "note": "" })),
            Self::Close => ("close-session", json!({ "session": home["sessions"][0]["id"] })),
            Self::Keys => ("change-key", json!({})),
        }
    }

    /// What it changes by how much.
    fn effect(self, home: &Value) -> (i64, i64) {
        let count = |what: &str| i64::try_from(home[what].as_array().map_or(0, Vec::len)).unwrap_or(i64::MAX);
        match self {
            Self::Bind => (count("instruments"), 1),
            Self::Load => (minor(home), 2_000),
            Self::Unload => (minor(home), -500),
            Self::Open => (count("sessions"), 1),
            Self::Close => (count("sessions"), -1),
            Self::Keys => {
                let changed = home["activity"].as_array().into_iter().flatten().filter(|entry| entry["kind"] == "keys");
                (i64::try_from(changed.filter(|entry| entry["state"] == "done").count()).unwrap_or(i64::MAX), 1)
            }
        }
    }
}

fn minor(home: &Value) -> i64 {
    home["balance"]["minor"].as_i64().unwrap_or(i64::MIN)
}

async fn every_procedure(death: Death, language: &str, steps: &[Step]) -> Result<()> {
    let (data, profile, gated) = (tempfile::tempdir()?, tempfile::tempdir()?, Gated::extension()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_with(language, profile.path(), &[gated.folder()]).await?;
    let world = World { death, language, profile: profile.path(), gated: &gated };
    let mut life = Life { browser, demo: &demo };
    for &step in steps {
        let name = name_for(step);
        life = life.registering(&world, step, &name).await.with_context(|| format!("register, {step:?}"))?;
    }
    for procedure in Procedure::ALL {
        for (round, &step) in steps.iter().enumerate() {
            life =
                life.doing(&world, procedure, step, round).await.with_context(|| format!("{procedure:?}, {step:?}"))?;
        }
        life.agrees_with_the_server().await.with_context(|| format!("{procedure:?}"))?;
    }
    life = life.paying_all(&world, steps).await?;
    life.agrees_with_the_server().await.context("after the payments")?;
    for &step in steps {
        let name = name_for(step);
        life = life.closing(&world, step, &name).await.with_context(|| format!("autoclose, {step:?}"))?;
    }
    assert_books(data.path())?;
    life.browser.quit().await
}

/// The name of the persona that is registered, and in the end closed, with a death at this step.
fn name_for(step: Step) -> String {
    format!("brian{}", step.name())
}

/// The operator's own proof that nothing happened twice.
fn assert_books(data: &Path) -> Result<()> {
    let audit = Command::new(server_stub()?).arg("audit").arg("--data-dir").arg(data.join("server")).output()?;
    ensure!(
        audit.status.success(),
        "{}{}",
        String::from_utf8_lossy(&audit.stdout),
        String::from_utf8_lossy(&audit.stderr)
    );
    Ok(())
}

/// What outlives the browser.
struct World<'a> {
    death: Death,
    language: &'a str,
    profile: &'a Path,
    gated: &'a Gated,
}

impl World<'_> {
    /// "Waiting for an answer", as the wallet says it here.
    fn waiting(&self) -> &'static str {
        if self.language == "de" {
            "Wartet auf Antwort: erneut senden ist sicher"
        } else {
            "Waiting for an answer: safe to retry"
        }
    }
}

/// The browser from its start to its death.
struct Life<'a> {
    browser: Browser,
    demo: &'a Demo,
}

impl Life<'_> {
    /// Kills what is to be killed, and opens the wallet again.
    async fn killed(self, world: &World<'_>) -> Result<Self> {
        let Self { browser, demo } = self;
        let browser = match world.death {
            Death::Worker => {
                browser.kill_service_worker().await?;
                browser
            }
            Death::Browser => {
                browser.kill()?;
                Browser::start_with(world.language, world.profile, &[world.gated.folder()]).await?
            }
        };
        let life = Self { browser, demo };
        life.wake().await?;
        Ok(life)
    }

    /// Opens the wallet's page, and the vault where it is locked.
    async fn wake(&self) -> Result<()> {
        self.browser.open_extension("home.html#/").await?;
        let state = self.browser.ask_worker("state", json!({})).await?;
        if state["phase"] == "locked" {
            self.browser.ask_worker("unlock", json!({ "passphrase": PASSPHRASE })).await?;
        }
        Ok(())
    }

    async fn home(&self) -> Result<Value> {
        let state = self.browser.ask_worker("state", json!({})).await?;
        ensure!(state["home"].is_object(), "the wallet is not open: {state}");
        Ok(state["home"].clone())
    }

    /// Begins an action, and comes back when the worker has stopped in it. At the last moment nobody answers any more where
    /// the answer is what is lost, so that the outcome stays unknown.
    async fn stopped(&self, step: Step, action: &str, input: Value) -> Result<()> {
        self.browser.stop_at(action, step).await?;
        self.browser.begin(action, input).await?;
        self.browser.stopped_at(step).await?;
        self.browser.set_silent(step == Step::Answered).await
    }

    /// The home page says that one operation waits, in the words of the language; then it is sent again by its button.
    async fn waits_and_is_sent_again(&self, world: &World<'_>) -> Result<()> {
        let home = self.home().await?;
        ensure!(home["waiting"].as_array().map(Vec::len) == Some(1), "{}", home["waiting"]);
        let failed = home["activity"].as_array().into_iter().flatten().find(|entry| entry["state"] == "refused");
        ensure!(failed.is_none(), "called failed: {failed:?}");
        self.browser.wait_for_text(&id("unanswered"), world.waiting()).await?;
        self.browser.set_silent(false).await?;
        // From now on the wallet may be answered when it asks by itself: then nothing waits, and there is nothing to click.
        match self.browser.click(&id("resend")).await {
            Err(error) if self.home().await?["waiting"] != json!([]) => Err(error),
            _ => Ok(()),
        }
    }

    /// Nothing waits any more.
    async fn settled(&self) -> Result<Value> {
        for _ in 0..200 {
            let home = self.home().await?;
            if home["waiting"].as_array().is_some_and(Vec::is_empty) {
                return Ok(home);
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("something still waits: {}", self.home().await?["waiting"])
    }

    /// Once nothing waits, this is what the wallet shows. What is being sent again right now does not wait either, so that
    /// it may show it a little later; what happened twice would stay wrong.
    async fn becomes(&self, expected: i64, shown: impl Fn(&Value) -> i64) -> Result<()> {
        let mut is = shown(&self.settled().await?);
        for _ in 0..200 {
            if is == expected {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            is = shown(&self.settled().await?);
        }
        anyhow::bail!("{is} instead of {expected}")
    }

    async fn doing(self, world: &World<'_>, procedure: Procedure, step: Step, round: usize) -> Result<Self> {
        self.wake().await?;
        let before = self.home().await?;
        let (action, input) = procedure.asked(&before, round);
        self.stopped(step, action, input.clone()).await?;
        let life = self.killed(world).await?;
        if step == Step::Answered {
            life.waits_and_is_sent_again(world).await?;
        }
        let after = life.settled().await?;
        let (was, change) = procedure.effect(&before);
        if step == Step::Asked {
            ensure!(procedure.effect(&after).0 == was, "nothing was begun, and yet: {after}");
            life.browser.ask_worker(action, input).await?;
        }
        life.becomes(was + change, |home| procedure.effect(home).0).await?;
        Ok(life)
    }

    /// What the wallet shows is what the server says.
    async fn agrees_with_the_server(&self) -> Result<()> {
        let shown = self.home().await?;
        self.browser.ask_worker("refresh", json!({})).await?;
        let told = self.home().await?;
        for part in ["balance", "sessions", "instruments"] {
            // When the sessions' gauges were confirmed is newer, and all else is the same.
            ensure!(without_times(&shown[part]) == without_times(&told[part]), "{} is {}", shown[part], told[part]);
        }
        Ok(())
    }

    /// Registration, in a wallet that is emptied first.
    async fn registering(self, world: &World<'_>, step: Step, name: &str) -> Result<Self> {
        let life = self.emptied(world).await?;
        let input = registration(&life.demo.server, name);
        life.stopped(step, "register", input.clone()).await?;
        let life = life.killed(world).await?;
        if step == Step::Answered {
            life.browser.open_extension("onboarding.html").await?;
            life.browser.wait_for_text(&id("register-waiting"), world.waiting()).await?;
        }
        life.browser.set_silent(false).await?;
        if step == Step::Recorded || (step != Step::Asked && step != Step::Answered && world.death == Death::Worker) {
            // The new worker has asked again by itself.
            life.browser.open_extension("home.html#/").await?;
            life.browser.element(&id("home")).await?;
        } else {
            // The same words again are the same registration: a second one would be answered with another id.
            life.browser.ask_worker("register", input).await?;
        }
        let home = life.settled().await?;
        let persona = home["persona"].as_str().unwrap_or_default();
        let check = persona.strip_prefix(&format!("{name}-")).with_context(|| format!("{persona} is not {name}"))?;
        ensure!(check.len() == 2, "{persona} is another than {name}");
        life.browser.ask_worker("bind-instrument", account("059013218175654")).await?;
        let instrument = life.home().await?["instruments"][0]["id"].clone();
        life.browser.ask_worker("load", json!({ "instrument": instrument, "amount": "300.00" })).await?;
        Ok(life)
    }

    /// A wallet that knows nobody.
    async fn emptied(self, world: &World<'_>) -> Result<Self> {
        self.browser.open_extension("onboarding.html").await?;
        self.browser.element("main h1").await?;
        let clear = "const done = arguments[0]; chrome.storage.session.clear().then(() => done(true))";
        self.browser.driver().execute_async(clear, vec![]).await?;
        // A page without scripts does not wake the worker.
        self.browser.open_extension("manifest.json").await?;
        self.browser.delete_database("pay-cash").await?;
        self.browser.open_extension("onboarding.html").await?;
        let state = self.browser.ask_worker("state", json!({})).await?;
        ensure!(state["phase"] == "new", "for {:?}: {state}", world.death);
        Ok(self)
    }

    /// Payments by clicks: at the shop, and in the approval window.
    async fn paying_all(self, world: &World<'_>, steps: &[Step]) -> Result<Self> {
        let open = json!({ "amount": "250.00", "minutes": 60, "uses": 10, "note": "" });
        self.browser.ask_worker("open-session", open).await?;
        let mut life = self;
        for &step in steps {
            life = life.paying(world, step).await.with_context(|| format!("pay, {step:?}"))?;
        }
        Ok(life)
    }

    async fn paying(self, world: &World<'_>, step: Step) -> Result<Self> {
        let before = left(&self.home().await?);
        self.browser.stop_at("approve", step).await?;
        Shop(&self.browser).check_out(&self.demo.shop).await?;
        let checkout = Shop(&self.browser).pay_cash().await?;
        let approval = WalletScreens(&self.browser).approval().await?;
        self.browser.click(&id("pay")).await?;
        self.browser.driver().new_tab().await?;
        let tabs = self.browser.driver().windows().await?;
        let tab = tabs.last().context("a tab")?.clone();
        self.browser.driver().switch_to_window(tab).await?;
        self.browser.open_extension("home.html#/").await?;
        self.browser.stopped_at(step).await?;
        self.browser.set_silent(step == Step::Answered).await?;
        let _ = (checkout, approval);
        let life = self.killed(world).await?;
        if step == Step::Answered {
            life.waits_and_is_sent_again(world).await?;
        }
        let home = life.settled().await?;
        if step == Step::Asked {
            ensure!(left(&home) == before, "nothing was begun, and yet: {home}");
            if world.death == Death::Worker {
                life.browser.switch_to(&life.browser.extension().page("approval.html")).await?;
                life.browser.click(&id("pay")).await?;
                life.browser.element(&id("paid-left")).await?;
            } else {
                // The page is gone with the browser, and its request with it.
                buy(&life.browser, life.demo).await?;
            }
            life.wake().await?;
        }
        life.becomes(before - 4_250, left).await?;
        life.alone().await?;
        Ok(life)
    }

    /// Closes all tabs but one.
    async fn alone(&self) -> Result<()> {
        let driver = self.browser.driver();
        let windows = driver.windows().await?;
        let (stays, go) = windows.split_first().context("a tab")?;
        for window in go {
            // A window of the extension may close by itself meanwhile.
            if driver.switch_to_window(window.clone()).await.is_ok() {
                let _ = driver.close_window().await;
            }
        }
        driver.switch_to_window(stays.clone()).await?;
        self.wake().await
    }

    /// The autoclose of a lost persona, from a wallet that is emptied first.
    async fn closing(self, world: &World<'_>, step: Step, name: &str) -> Result<Self> {
        let life = self.emptied(world).await?;
        let persona = RequestedId::parse(name, Reading::STRICT).context("an id")?;
        let persona = PersonaId::of(&persona).to_string();
        let input = json!({ "server": life.demo.server, "persona": persona, "passphrase": "badnews" });
        life.stopped(step, "autoclose", input.clone()).await?;
        let life = life.killed(world).await?;
        if step == Step::Answered {
            life.browser.open_extension("onboarding.html#/lost").await?;
            life.browser.wait_for_text(&id("lost-waiting"), world.waiting()).await?;
            life.browser.set_silent(false).await?;
        }
        let ended = life.browser.ask_worker("autoclose", input).await?;
        // What was recorded is over: asked again, the server says that there is nobody to close.
        let sent_home = ended["amount"]["minor"].as_i64();
        ensure!(sent_home.is_none() == (step == Step::Recorded), "{ended}");
        ensure!(sent_home.is_none_or(|minor| minor > 0), "{ended}");
        Ok(life)
    }
}

/// What is left in the session that pays.
fn left(home: &Value) -> i64 {
    let sessions = home["sessions"].as_array().into_iter().flatten();
    sessions.filter_map(|session| session["left"]["minor"].as_i64()).max().unwrap_or(i64::MIN)
}

fn without_times(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let timeless = fields.iter().filter(|(name, _)| !name.ends_with("at") && *name != "gauges");
            Value::Object(timeless.map(|(name, value)| (name.clone(), without_times(value))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(without_times).collect()),
        other => other.clone(),
    }
}
