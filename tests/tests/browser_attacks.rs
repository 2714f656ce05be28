//! Pages that mean no good, in a real Chromium with the real extension: each gets no further than the list says
//! (docs/threat-model.md), and the session holds afterwards what it held.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::browser::{Browser, copy, eventually, extension};
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, id};

#[tokio::test]
async fn without_a_click_nothing_is_asked() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        page.run("pay('no-click', offer)").await?;
        page.settled().await?;
        page.no_window().await
    })
    .await
}

/// Each address of the offer is checked, whatever else is wrong with it then.
#[tokio::test]
async fn addresses_elsewhere_are_refused() -> Result<()> {
    attack(async |page| {
        let host = page.demo.shop.trim_start_matches("http://").to_owned();
        let others = [
            "https://elsewhere.example".to_owned(),
            "javascript:alert(1)".to_owned(),
            format!("http://shopper@{host}"),
            "http://127.0.0.1:1".to_owned(),
        ];
        for (at, other) in others.iter().enumerate() {
            page.begin().await?;
            let [here, there] = [json!(page.demo.shop), json!(other)];
            page.click(&format!("pay('away-{at}', offer.replace({here}, {there}))")).await?;
            let heard = page.heard(&format!("m.id === 'away-{at}'")).await?;
            ensure!(heard["outcome"] == "failed" && heard["code"] == "form", "{other}: {heard}");
            page.no_window().await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn random_bytes_are_refused_by_name() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        for size in [0, 1, 100, 16_000] {
            let script = format!(
                "const bytes = crypto.getRandomValues(new Uint8Array({size}));
                 pay('noise-{size}', String.fromCharCode(...bytes))"
            );
            page.click(&script).await?;
            let heard = page.heard(&format!("m.id === 'noise-{size}'")).await?;
            ensure!(heard["outcome"] == "failed" && heard["code"] == "form", "{size} bytes: {heard}");
        }
        page.no_window().await
    })
    .await
}

#[tokio::test]
async fn ten_megabytes_are_not_answered() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        page.click("pay('large', offer + 'x'.repeat(10_000_000))").await?;
        page.settled().await?;
        let answered = page.run("return heard.some((m) => m.id === 'large')").await?;
        ensure!(answered == json!(false), "it was answered");
        page.no_window().await
    })
    .await
}

/// The frame's origin is "null", and the content script is not in it; speaking through its parent is no help.
#[tokio::test]
async fn a_sandboxed_frame_is_not_heard() -> Result<()> {
    attack(async |page| {
        page.browser.open(&lawless_page()?).await?;
        page.run(TOOLS).await?;
        page.heard("m.type === 'announce'").await?;
        page.run(
            "const frame = document.createElement('iframe');
             frame.sandbox = 'allow-scripts';
             frame.srcdoc = `<script>
                 const uuid = ${JSON.stringify(heard.find((m) => m.wallet).wallet.uuid)};
                 for (const to of [window, parent]) {
                     to.postMessage({ paycash: 1, type: 'discover', id: 'framed' }, '*');
                     to.postMessage({ paycash: 1, type: 'pay', id: 'framed', wallet: uuid, request: 'x' }, '*');
                 }
                 parent.postMessage('said', '*');
             </script>`;
             window.said = false;
             addEventListener('message', ({ data }) => { if (data === 'said') window.said = true; });
             document.body.append(frame);",
        )
        .await?;
        eventually("the frame has spoken", async || {
            let said = page.browser.driver().execute("return window.said", vec![]).await?;
            Ok((*said.json() == json!(true)).then_some(()))
        })
        .await?;
        page.settled().await?;
        let answered = page.run("return heard.some((m) => m.id === 'framed')").await?;
        ensure!(answered == json!(false), "it was answered");
        page.no_window().await
    })
    .await
}

#[tokio::test]
async fn no_page_of_the_extension_can_be_framed() -> Result<()> {
    attack(async |page| {
        page.browser.open(&lawless_page()?).await?;
        let pages = ["home.html", "approval.html", "onboarding.html", "receipt.html"];
        let addresses: Vec<String> = pages.iter().map(|name| page.browser.extension().page(name)).collect();
        let script = "const [addresses, done] = arguments;
            Promise.all(addresses.map((src) => new Promise((told) => {
                const frame = document.createElement('iframe');
                frame.onload = told;
                frame.onerror = told;
                frame.src = src;
                document.body.append(frame);
            }))).then(() => done(true));";
        page.browser.driver().execute_async(script, vec![json!(addresses)]).await?;
        let tree = page.browser.driver().cdp().send_raw("Page.getFrameTree", json!({})).await?;
        let frames = tree["frameTree"]["childFrames"].as_array().cloned().unwrap_or_default();
        ensure!(frames.len() == pages.len(), "there are {} frames", frames.len());
        for frame in frames {
            let url = frame["frame"]["url"].as_str().unwrap_or_default().to_owned();
            ensure!(!url.starts_with("chrome-extension:"), "{url} was drawn inside a page");
        }
        Ok(())
    })
    .await
}

/// `shop.localhost` is this machine to the browser, and no more than any http host to the wallet.
#[tokio::test]
async fn an_http_page_of_another_host_finds_no_wallet() -> Result<()> {
    attack(async |page| {
        let elsewhere = page.demo.shop.replace("127.0.0.1", "shop.localhost");
        page.browser.open(&elsewhere).await?;
        page.run(TOOLS).await?;
        page.browser.click("body").await?;
        // Posted after the question, so that an answer would have come before it.
        page.run("addEventListener('message', ({ data }) => { if (data === 'after') window.after = true; }); postMessage('after', '*')")
            .await?;
        eventually("the page hears itself", async || {
            let after = page.browser.driver().execute("return window.after === true", vec![]).await?;
            Ok((*after.json() == json!(true)).then_some(()))
        })
        .await?;
        let heard = page.run("return heard.length").await?;
        ensure!(heard == json!(0), "a wallet answered");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_claimed_origin_and_price_are_not_believed() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        page.click(
            "document.querySelector('h1').textContent = 'Only $0.01';
             const uuid = heard.find((m) => m.wallet).wallet.uuid;
             ask('pay', { id: 'forged', request: offer, wallet: uuid, origin: 'https://bank.example', price: '0.01',
                 sender: { origin: 'https://bank.example' }, tab: 1, document: 'x' });",
        )
        .await?;
        page.heard("m.id === 'forged' && m.type === 'accepted'").await?;
        let checkout = page.browser.driver().window().await?;
        WalletScreens(page.browser).approval().await?;
        page.browser.wait_for_text(&id("approval-origin"), &page.demo.shop).await?;
        page.browser.wait_for_text(&id("approval-price"), "$42.50").await?;
        page.browser.driver().switch_to_window(checkout).await?;
        page.cancel().await?;
        page.heard("m.id === 'forged' && m.outcome === 'cancelled'").await.map(drop)
    })
    .await
}

#[tokio::test]
async fn five_hundred_requests_open_one_window() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        page.click("for (let at = 0; at < 500; at += 1) pay(`many-${at}`, offer)").await?;
        page.heard("m.type === 'accepted'").await?;
        eventually("the others are refused", async || {
            let refused = "return heard.filter((m) => m.outcome === 'failed').length";
            let refused = page.browser.driver().execute(refused, vec![]).await?;
            Ok((*refused.json() == json!(499)).then_some(()))
        })
        .await?;
        page.cancel().await
    })
    .await
}

#[tokio::test]
async fn a_page_that_closes_takes_its_request_along() -> Result<()> {
    attack(async |page| {
        let shopper = page.browser.driver().window().await?;
        let tab = page.browser.driver().new_tab().await?;
        page.browser.driver().switch_to_window(tab.clone()).await?;
        page.begin().await?;
        page.click("pay('gone', offer)").await?;
        page.heard("m.id === 'gone' && m.type === 'accepted'").await?;
        let approval = WalletScreens(page.browser).approval().await?;
        page.browser.element(&id("approval-price")).await?;
        page.browser.driver().switch_to_window(tab).await?;
        page.browser.driver().close_window().await?;
        page.browser.driver().switch_to_window(shopper.clone()).await?;
        page.browser.wait_for_close(&approval, &shopper).await
    })
    .await
}

/// A page that is refused three times has to wait a minute before it may ask again.
#[tokio::test]
async fn three_refusals_silence_a_page() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        for at in 0..4 {
            page.click(&format!("pay('again-{at}', offer)")).await?;
            let heard = page.heard(&format!("m.id === 'again-{at}'")).await?;
            if heard["code"] == "origin-blocked" {
                return page.no_window().await;
            }
            ensure!(heard["type"] == "accepted", "{heard}");
            page.cancel().await?;
        }
        anyhow::bail!("it may still ask after four refusals")
    })
    .await
}

/// The click was made in the page, which then waits until the shopper looks at something else.
#[tokio::test]
async fn a_page_in_the_background_asks_nothing() -> Result<()> {
    attack(async |page| {
        page.begin().await?;
        let here = page.browser.driver().window().await?;
        page.click(
            "document.addEventListener('visibilitychange', () => {
                window.seen = [document.hidden, navigator.userActivation.isActive];
                pay('hidden', offer);
            }, { once: true })",
        )
        .await?;
        let other = page.browser.driver().new_tab().await?;
        page.browser.driver().switch_to_window(other).await?;
        page.no_window().await?;
        page.browser.driver().switch_to_window(here).await?;
        let seen = page.run("return window.seen ?? null").await?;
        ensure!(seen == json!([true, true]), "hidden and clicked: {seen}");
        page.settled().await?;
        page.no_window().await
    })
    .await
}

/// Two wallets answer; the one that was not chosen opens no window, and cannot speak to the other.
#[tokio::test]
async fn of_two_wallets_the_chosen_one_is_asked() -> Result<()> {
    let (twin, built) = (tempfile::tempdir()?, extension()?);
    copy(&built, twin.path())?;
    let manifest = fs::read_to_string(built.join("manifest.json"))?;
    let mut manifest: Value = serde_json::from_str(&manifest)?;
    // Without the key it has another id; and it may do all that an extension may that means no good.
    manifest.as_object_mut().context("a manifest")?.remove("key");
    manifest["name"] = json!("Other Cash");
    manifest["permissions"] = json!(["storage", "unlimitedStorage", "alarms", "idle", "tabs", "management"]);
    fs::write(twin.path().join("manifest.json"), manifest.to_string())?;
    attack_with(&[&built, twin.path()], async |page| {
        page.begin().await?;
        eventually("both wallets announce themselves", async || {
            let wallets = "return new Set(heard.filter((m) => m.wallet).map((m) => m.wallet.uuid)).size";
            let wallets = page.browser.driver().execute(wallets, vec![]).await?;
            Ok((*wallets.json() == json!(2)).then_some(()))
        })
        .await?;
        page.click(
            "for (const { wallet } of heard.filter((m) => m.wallet)) {
                ask('pay', { id: `at-${wallet.uuid}`, request: offer, wallet: wallet.uuid });
            }",
        )
        .await?;
        // The other one has no persona: it refuses, and says so itself.
        page.heard("m.type === 'accepted'").await?;
        page.heard("m.outcome === 'failed' && m.code === 'not-registered'").await?;
        page.cancel().await?;
        page.other_extensions_are_not_heard().await
    })
    .await
}

/// A wallet with $70.00 in a session, a hostile page, and afterwards the same $70.00.
async fn attack(run: impl AsyncFnOnce(&Attacker<'_>) -> Result<()>) -> Result<()> {
    attack_with(&[&extension()?], run).await
}

/// The same with these extensions.
async fn attack_with(extensions: &[&Path], run: impl AsyncFnOnce(&Attacker<'_>) -> Result<()>) -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_with("en", profile.path(), extensions).await?;
    WalletScreens(&browser).made(&demo.server).await?;
    let page = Attacker { browser: &browser, demo: &demo };
    run(&page).await?;
    page.nothing_was_paid().await.context("something was paid")?;
    browser.quit().await
}

/// What a hostile page brings along: `ask` speaks to the wallet, `heard` is what it said.
const TOOLS: &str = "
    window.heard = [];
    addEventListener('message', ({ data }) => {
        if (['announce', 'accepted', 'outcome'].includes(data?.type)) heard.push(data);
    });
    window.ask = (type, fields) => postMessage({ paycash: 1, type, ...fields }, '*');
    window.pay = (id, request) => ask('pay', { id, request, wallet: heard.find((m) => m.wallet)?.wallet.uuid });
    ask('discover', { id: 'who' });";

/// Fetches the checkout's own, honestly signed request into `window.offer`.
const OFFER: &str = "
    const done = arguments[0];
    const src = document.querySelector('pay-cash-button').getAttribute('request-src');
    fetch(src, { headers: { accept: 'application/cybercash' } })
        .then((reply) => reply.text())
        .then((text) => { window.offer = text; done(text.length); });";

struct Attacker<'a> {
    browser: &'a Browser,
    demo: &'a Demo,
}

impl Attacker<'_> {
    /// A page of the shop's origin, with the tools and a signed request.
    async fn begin(&self) -> Result<()> {
        Shop(self.browser).check_out(&self.demo.shop).await?;
        self.run(TOOLS).await?;
        self.browser.driver().execute_async(OFFER, vec![]).await?;
        self.heard("m.type === 'announce'").await.map(drop)
    }

    async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.browser.driver().execute(script, vec![]).await?.json().clone())
    }

    /// Runs a script inside a click that a person makes: what the browser calls an activation.
    async fn click(&self, script: &str) -> Result<()> {
        let listen =
            format!("document.querySelector('h1').addEventListener('click', () => {{ {script} }}, {{ once: true }})");
        self.run(&listen).await?;
        self.browser.click("h1").await
    }

    /// Waits until the wallet has said something that fits.
    async fn heard(&self, what: &str) -> Result<Value> {
        let script = format!("return heard.find((m) => {what}) ?? null");
        eventually(&format!("the page hears {what}"), async || {
            let found = self.browser.driver().execute(script.clone(), vec![]).await?;
            Ok(Some(found.json().clone()).filter(|found| !found.is_null()))
        })
        .await
    }

    /// The windows in which any extension asks for a payment.
    async fn approvals(&self) -> Result<usize> {
        let targets = self.browser.driver().cdp().send_raw("Target.getTargets", json!({})).await?;
        let infos = targets["targetInfos"].as_array().into_iter().flatten();
        let asks = |url: &str| url.starts_with("chrome-extension://") && url.contains("/approval.html");
        Ok(infos.filter(|info| info["url"].as_str().is_some_and(asks)).count())
    }

    /// Cancels what the approval window asks, which is the only one, and comes back to the page.
    async fn cancel(&self) -> Result<()> {
        let page = self.browser.driver().window().await?;
        // It is opened after the page has heard "accepted": counted before it is there, it would be missed.
        let approval = WalletScreens(self.browser).approval().await?;
        let open = self.approvals().await?;
        ensure!(open == 1, "{open} approval windows are open");
        self.browser.click(&id("cancel")).await?;
        self.browser.wait_for_close(&approval, &page).await
    }

    async fn no_window(&self) -> Result<()> {
        let open = self.approvals().await?;
        ensure!(open == 0, "{open} approval windows are open");
        Ok(())
    }

    /// The worker has dealt with everything that was said before: it answers a request of ours after it.
    async fn settled(&self) -> Result<()> {
        self.run("window.settled = crypto.randomUUID(); ask('discover', { id: settled })").await?;
        self.heard("m.id === window.settled").await.map(drop)
    }

    /// What the worker is asked by another extension, it does not answer.
    async fn other_extensions_are_not_heard(&self) -> Result<()> {
        let ours = self.browser.extension().to_string();
        let targets = self.browser.driver().cdp().send_raw("Target.getTargets", json!({})).await?;
        let workers = targets["targetInfos"].as_array().into_iter().flatten().filter_map(|info| info["url"].as_str());
        let mut other = workers.filter_map(|url| url.strip_prefix("chrome-extension://")?.strip_suffix("/worker.js"));
        let other = other.find(|id| *id != ours).context("the other extension")?.to_owned();
        self.browser.open(&format!("chrome-extension://{other}/home.html")).await?;
        let script = "const [to, message, done] = arguments;
            chrome.runtime.sendMessage(to, message).then((said) => done({ said: said ?? null }), () => done('refused'))";
        let state = json!({ "action": "state", "input": {} });
        let answer = self.browser.driver().execute_async(script, vec![json!(ours), state]).await?;
        ensure!(*answer.json() == json!("refused"), "{}", answer.json());
        Ok(())
    }

    /// After all of it the session holds what it held.
    async fn nothing_was_paid(&self) -> Result<()> {
        WalletScreens(self.browser).home().await?;
        self.browser.wait_for_text(&id("session-left"), "$70.00").await?;
        self.browser.wait_for_text(&id("balance"), "$30.00").await
    }
}

/// A page of this machine without any policy of its own; it is there as long as the tests are.
fn lawless_page() -> Result<String> {
    const PAGE: &str = "<!doctype html><html lang=en><title>Lawless</title><h1>Lawless</h1>";
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                PAGE.len()
            );
            // What the browser asks for does not matter; if it has gone away meanwhile, neither does the answer.
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(format!("{head}{PAGE}").as_bytes());
        }
    });
    Ok(format!("http://{address}/"))
}
