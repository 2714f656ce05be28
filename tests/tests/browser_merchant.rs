//! docs/merchant.md, done as it says: its shops, each with a till of its own, are paid by the real wallet in Chromium; and
//! what a page does to an offer on its way to the wallet changes nothing that is paid.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use protocol::envelope::Envelope;
use serde_json::{Value, json};
use tests::browser::{self, Browser};
use tests::checks;
use tests::screens::{WalletScreens, id};
use tests::widget::{ASYNC, Stage};

/// What a shop says once it is there.
const LISTENS: &str = "listening on ";

/// The page that merchants read.
const GUIDE: &str = include_str!("../../docs/merchant.md");

#[tokio::test]
async fn from_zero_to_paid() -> Result<()> {
    let stage = Stage::set(true).await?;
    let wallet = WalletScreens(&stage.browser);
    wallet.register(&stage.demo.server, "BrianB").await?;
    wallet.bind("059013218175654").await?;
    wallet.load("800.00").await?;
    wallet.balance_is("$800.00").await?;
    wallet.open_session("700.00").await?;
    wallet.balance_is("$100.00").await?;
    let table = checks![&stage;
        the_plain_page_of_the_guide,
        the_axum_shop_of_the_guide,
        the_flask_shop_of_the_guide,
        the_express_shop_of_the_guide,
        the_payment_page_is_paid,
        a_strict_page_is_paid,
        a_promise_yields_the_receipt,
        what_is_paid_elsewhere_is_noticed,
        an_offer_that_nobody_touched_is_paid,
        a_price_changed_in_the_page_is_not_paid,
        a_currency_changed_in_the_page_is_not_paid,
        a_payee_put_in_by_the_page_is_not_paid,
        a_note_changed_in_the_page_is_not_paid,
        an_order_swapped_by_the_page_is_not_paid,
    ];
    table.await?;
    stage.browser.quit().await
}

/// What stands in the guide in the block with this name.
fn block(name: &str) -> Result<&'static str> {
    let (_, rest) = GUIDE.split_once(&format!(" {name}\n")).with_context(|| format!("no {name} in the guide"))?;
    rest.split_once("\n```").map(|(block, _)| block).context("an end")
}

/// Says Pay in the wallet's window and comes back.
async fn approve(stage: &Stage) -> Result<()> {
    let page = stage.browser.driver().window().await?;
    WalletScreens(&stage.browser).approval().await?;
    stage.browser.click(&id("pay")).await?;
    stage.browser.element(&id("paid-left")).await?;
    stage.browser.driver().close_window().await?;
    Ok(stage.browser.driver().switch_to_window(page).await?)
}

async fn the_plain_page_of_the_guide(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    stage.write("checkout.html", &block("checkout.html")?.replace("ORDER", &order))?;
    stage.browser.open(&format!("{}/t/checkout.html", stage.demo.shop)).await?;
    stage.ready().await?;
    stage.browser.assert_accessible().await?;
    stage.click(0).await?;
    approve(stage).await?;
    stage.browser.wait_for_text(&id("status"), "Paid").await
}

async fn the_axum_shop_of_the_guide(stage: &Stage) -> Result<()> {
    let source = include_str!("../examples/axum_shop.rs");
    ensure!(format!("{}\n", block("axum_shop.rs")?) == source, "the guide shows another shop than tests/examples has");
    let program = browser::server_stub()?.with_file_name("examples").join("axum_shop");
    shop_is_paid(stage, &mut Command::new(program), LISTENS).await
}

async fn the_flask_shop_of_the_guide(stage: &Stage) -> Result<()> {
    // The one of the PATH, or Debian's own, which `cargo xtask test` has asked for.
    let has_flask = |python: &&str| works(Command::new(python).args(["-c", "import flask"]));
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(has_flask) else {
        println!("       SKIPPED: there is no python3 with flask on this machine");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.py");
    fs::write(&file, block("shop.py")?)?;
    shop_is_paid(stage, Command::new(python).arg("-u").arg(file), "Serving Flask app").await
}

async fn the_express_shop_of_the_guide(stage: &Stage) -> Result<()> {
    // Modules are looked for beside the script, so the script is laid beside the modules.
    let folder = tempfile::tempdir()?;
    std::os::unix::fs::symlink(browser::target()?.join("tools/npm/node_modules"), folder.path().join("node_modules"))?;
    let file = folder.path().join("shop.mjs");
    fs::write(&file, block("shop.mjs")?)?;
    shop_is_paid(stage, Command::new("node").arg(file), LISTENS).await
}

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A program that ends with the test.
struct Program(Child);

impl Program {
    /// Starts it, and reads on until a line with `mark`; gives what follows it.
    fn start(command: &mut Command, mark: &str) -> Result<(Self, String)> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.with_context(|| format!("{command:?}"))?;
        let mut lines = BufReader::new(child.stdout.take().context("the pipe was asked for")?).lines();
        // Made before anything can fail, so that the child ends in any case.
        let program = Self(child);
        while let Some(line) = lines.next().transpose()? {
            if let Some((_, rest)) = line.split_once(mark) {
                let rest = rest.to_owned();
                std::thread::spawn(move || lines.count());
                return Ok((program, rest));
            }
        }
        bail!("{command:?} ended before it said {mark:?}")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a till for the shop, then the shop, which says `mark` once it is there, and buys a coffee.
async fn shop_is_paid(stage: &Stage, shop: &mut Command, mark: &str) -> Result<()> {
    let free_port = || Ok::<_, std::io::Error>(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port());
    let (port, till_port) = (free_port()?, free_port()?);
    let (origin, till_url) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{till_port}"));
    let data = tempfile::tempdir()?;
    let mut till = Command::new(browser::server_stub()?);
    till.args(["till", "--server", &stage.demo.server, "--name", &format!("coffee{port}"), "--public-url", &origin]);
    till.args(["--listen", &format!("127.0.0.1:{till_port}"), "--data-dir"]).arg(data.path().join("till"));
    let (_till, api_key) = Program::start(&mut till, "api key: ")?;
    shop.envs([("TILL", &till_url), ("API_KEY", &api_key), ("PORT", &port.to_string())])
        .env("WIDGET", browser::shop()?);
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        shop.env_remove(proxy);
    }
    let (_shop, _) = Program::start(shop, mark)?;
    let at_home = async || Ok(stage.browser.driver().goto(&origin).await.is_ok().then_some(()));
    browser::eventually("the shop answers", at_home).await?;
    stage.browser.wait_for_text("h1", "One coffee").await?;
    stage.ready().await?;
    stage.click(0).await?;
    approve(stage).await?;
    stage.browser.wait_for_text("h1", "Thank you, your coffee is coming").await
}

async fn the_payment_page_is_paid(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    let page = format!("{}/orders/{order}/pay", stage.demo.shop);
    stage.browser.open(&page).await?;
    stage.browser.wait_for_text(&id("amount"), "$42.50").await?;
    stage.browser.wait_for_text(&id("order-id"), &order).await?;
    stage.ready().await?;
    stage.click(0).await?;
    approve(stage).await?;
    stage.browser.wait_for_text(&id("status"), "Paid").await?;
    stage.browser.open(&page).await?;
    stage.browser.wait_for_text(&id("over"), "Paid").await?;
    stage.browser.assert_accessible().await
}

async fn a_strict_page_is_paid(stage: &Stage) -> Result<()> {
    let offer = offer(stage).await?.1.replace('"', "&quot;");
    let policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src 'self'; \
                  require-trusted-types-for 'script'; trusted-types 'none'\">";
    let tag = "<script async src=/pay-cash.js data-check=off></script>";
    stage.open(&format!("{policy}{tag}"), &format!("<pay-cash-button request=\"{offer}\"></pay-cash-button>")).await?;
    stage.ready().await?;
    stage.click(0).await?;
    approve(stage).await?;
    stage.browser.wait_for_text(&id("status"), "Paid").await
}

async fn a_promise_yields_the_receipt(stage: &Stage) -> Result<()> {
    let order = stage.order().await?;
    stage.open(ASYNC, "<button id=go>Go</button>").await?;
    stage.ready().await?;
    let pay = format!("PayCash.pay({{ requestSrc: '/orders/{order}/payment-request' }})");
    stage.run(&format!("go.onclick = () => {pay}.then((receipt) => window.end = receipt); return 1")).await?;
    stage.browser.click("#go").await?;
    approve(stage).await?;
    stage.until("return !!window.end").await?;
    let receipt = stage.run("return window.end").await?;
    let amount = json!({ "currency": "USD", "value": "42.50" });
    let expected = json!({ "merchant": "acme-82", "order": order, "amount": amount, "confirmed": true });
    ensure!(receipt == expected, "{receipt}");
    Ok(())
}

/// A browser without a wallet shows the code, and goes on when another one has paid: the page by itself, and the button
/// that was clicked.
async fn what_is_paid_elsewhere_is_noticed(stage: &Stage) -> Result<()> {
    let profile = tempfile::tempdir()?;
    let other = Browser::start_without_wallet(profile.path()).await?;
    for clicked in [false, true] {
        let order = stage.order().await?;
        let page = format!("{}/orders/{order}/pay", stage.demo.shop);
        other.open(&page).await?;
        if clicked {
            other.in_shadow("pay-cash-button", "button").await?.click().await?;
            other.in_shadow("pay-cash-button", "a").await?;
        }
        stage.browser.open(&page).await?;
        stage.ready().await?;
        stage.click(0).await?;
        approve(stage).await?;
        stage.browser.wait_for_text(&id("status"), "Paid").await?;
        // The page shows that the order is paid; whichever comes first, the button leads to the shop.
        let ended = async || {
            let ended = "return !!document.querySelector('[data-testid=over], [data-status=paid]')";
            Ok((other.driver().execute(ended, vec![]).await?.json() == true).then_some(()))
        };
        browser::eventually("the other browser notices", ended).await?;
    }
    other.quit().await
}

/// An order and its offer.
async fn offer(stage: &Stage) -> Result<(String, String)> {
    let order = stage.order().await?;
    let fetch = format!("return fetch('/orders/{order}/payment-request').then((reply) => reply.text())");
    Ok((order, stage.run(&fetch).await?.as_str().context("an offer")?.to_owned()))
}

/// The page hands over an offer of its own making, whose checksum fits, and the shopper agrees to whatever the wallet
/// shows. The page ends with `code`, and the till's order is as it was, or refused with that code.
async fn tampered(stage: &Stage, label: &str, value: &str, code: &str) -> Result<()> {
    let (order, text) = offer(stage).await?;
    let Envelope { protocol, pairs } = Envelope::parse(text.as_bytes())?;
    let mut changed = protocol::pairs::Pairs::new();
    for (name, old) in pairs.iter() {
        changed.push(name, if name == label { value } else { old });
    }
    ensure!(changed != pairs, "nothing was changed");
    let end = offered(stage, &order, &Envelope { protocol, pairs: changed }.write()).await?;
    println!("       the page hears {end}");
    ensure!(end["name"] != "paid" && end["code"] == code, "{end}");
    let status = status(stage, &order).await?;
    ensure!(status == "open" || status == "failed", "the order is {status}");
    Ok(())
}

async fn status(stage: &Stage, order: &str) -> Result<String> {
    let status = format!("return fetch('/orders/{order}/status').then((reply) => reply.json())");
    let status = stage.run(&status).await?;
    status["status"].as_str().map(str::to_owned).with_context(|| status.to_string())
}

/// Offers `text` on a page that asks the till for the status of `order`; yields the page's last event.
async fn offered(stage: &Stage, order: &str, text: &str) -> Result<Value> {
    let log = format!("<script src=/t/log.js></script>{ASYNC}");
    let request = text.replace('"', "&quot;");
    let button = format!("<pay-cash-button request=\"{request}\" status-src=/orders/{order}/status></pay-cash-button>");
    stage.open(&log, &button).await?;
    stage.ready().await?;
    let driver = stage.browser.driver();
    let (page, before) = (driver.window().await?, driver.windows().await?.len());
    stage.click(0).await?;
    // Either the page hears at once that it is refused, or the wallet asks the shopper.
    let asked = browser::eventually("an answer", async || {
        let over = driver.execute(format!("return {ENDED}"), vec![]).await?.json() == true;
        let asks = driver.windows().await?.len() > before;
        Ok((over || asks).then_some(asks))
    });
    if asked.await? {
        agree(stage).await?;
        driver.switch_to_window(page).await?;
    }
    stage.until(&format!("return {ENDED}")).await?;
    stage.run("return heard.at(-1)").await
}

/// Whether the page has heard how it ends.
const ENDED: &str = "heard.some(({ name }) => ['paid', 'failed', 'cancelled'].includes(name))";

/// Agrees in the wallet's window, reads what became of it, and closes the window.
async fn agree(stage: &Stage) -> Result<()> {
    WalletScreens(&stage.browser).approval().await?;
    stage.browser.click(&id("pay")).await?;
    stage.browser.element(&format!("{}, {}", id("paid-left"), id("fault"))).await?;
    Ok(stage.browser.driver().close_window().await?)
}

/// What the others do, with an offer that nobody has touched: so they can fail.
async fn an_offer_that_nobody_touched_is_paid(stage: &Stage) -> Result<()> {
    let (order, text) = offer(stage).await?;
    let end = offered(stage, &order, &text).await?;
    ensure!(end["name"] == "paid" && end["confirmed"] == true, "{end}");
    ensure!(status(stage, &order).await? == "paid", "the till says otherwise");
    Ok(())
}

async fn a_price_changed_in_the_page_is_not_paid(stage: &Stage) -> Result<()> {
    tampered(stage, "merchant-amount", "usd 0.01", "amount-mismatch").await
}

async fn a_currency_changed_in_the_page_is_not_paid(stage: &Stage) -> Result<()> {
    tampered(stage, "merchant-amount", "jpy 42", "unconfirmed").await
}

async fn a_payee_put_in_by_the_page_is_not_paid(stage: &Stage) -> Result<()> {
    tampered(stage, "merchant-id", "brianb-40", "unconfirmed").await
}

async fn a_note_changed_in_the_page_is_not_paid(stage: &Stage) -> Result<()> {
    tampered(stage, "note", "A pair of Rocket Shoes, free of charge", "unconfirmed").await
}

/// The payment is for the other order, at the address of this one: neither is paid.
async fn an_order_swapped_by_the_page_is_not_paid(stage: &Stage) -> Result<()> {
    let (other, _) = offer(stage).await?;
    tampered(stage, "merchant-order-id", &other, "unconfirmed").await?;
    ensure!(status(stage, &other).await? == "open", "the other order is paid");
    Ok(())
}
