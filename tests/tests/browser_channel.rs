//! What a page may and may not do with the wallet, in a real Chromium (docs/page-channel.md).

use anyhow::{Context as _, Result};
use tests::browser::Browser;
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, id};

/// A wallet with $70.00 in a session.
async fn wallet_with_session(browser: &Browser, demo: &Demo) -> Result<()> {
    let wallet = WalletScreens(browser);
    wallet.register(&demo.server, "BrianB").await?;
    wallet.bind("059013218175654").await?;
    wallet.load("100.00").await?;
    wallet.balance_is("$100.00").await?;
    wallet.open_session("70.00").await?;
    wallet.balance_is("$30.00").await
}

#[tokio::test]
async fn a_page_gets_no_further_than_the_shopper_lets_it() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start(profile.path()).await?;
    wallet_with_session(&browser, &demo).await?;
    cancelled(&browser, &demo).await?;
    double_clicked(&browser, &demo).await?;
    foreign_addresses(&browser, &demo).await?;
    browser.quit().await
}

/// The shopper says Cancel: the shop is told, nothing is paid.
async fn cancelled(browser: &Browser, demo: &Demo) -> Result<()> {
    let (wallet, shop) = (WalletScreens(browser), Shop(browser));
    shop.check_out(&demo.shop).await?;
    let checkout = shop.pay_cash().await?;
    wallet.approval().await?;
    browser.click(&id("cancel")).await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.wait_for_text("h1", "Payment cancelled").await?;
    browser.wait_for_text(&id("status"), "Not paid yet").await?;
    browser.screenshot("20-cancelled").await?;
    browser.assert_accessible().await
}

/// Two clicks are one request, and one payment.
async fn double_clicked(browser: &Browser, demo: &Demo) -> Result<()> {
    let (wallet, shop) = (WalletScreens(browser), Shop(browser));
    shop.check_out(&demo.shop).await?;
    let count = "window.asked = 0; document.addEventListener('paycash:request', () => { window.asked += 1; })";
    browser.driver().execute(count, vec![]).await?;
    let button = browser.in_shadow(&id("pay-cash"), "button").await?;
    browser.driver().action_chain().double_click_element(&button).perform().await?;
    let checkout = browser.driver().window().await?;
    wallet.approval().await?;
    browser.driver().switch_to_window(checkout.clone()).await?;
    let asked = browser.driver().execute("return window.asked", vec![]).await?;
    assert_eq!(asked.json(), &serde_json::json!(1));
    wallet.approval().await?;
    browser.click(&id("pay")).await?;
    browser.wait_for_text(&id("paid-left"), "$27.50").await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.wait_for_text(&id("status"), "Paid").await
}

/// An offer whose addresses are not the page's own never reaches the approval window; the page learns why.
async fn foreign_addresses(browser: &Browser, demo: &Demo) -> Result<()> {
    browser.open(&demo.shop).await?;
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../vectors/modern.json"))?;
    let foreign = vectors["payment"]["pr1"].as_str().context("an offer")?;
    let script = "const [request] = arguments;
        window.heard = [];
        addEventListener('message', ({ data }) => {
            window.heard.push(data);
            if (data.type === 'announce') postMessage({ paycash: 1, type: 'pay', id: 'x', wallet: data.wallet.uuid, request }, '*');
        });
        document.querySelector('h1').addEventListener('click', () => postMessage({ paycash: 1, type: 'discover', id: 'x' }, '*'));";
    browser.driver().execute(script, vec![serde_json::json!(foreign)]).await?;
    let windows = browser.driver().windows().await?.len();
    browser.click("h1").await?;
    tests::browser::eventually("the page hears how it ended", async || {
        let heard = browser.driver().execute("return window.heard.find((m) => m.type === 'outcome')", vec![]).await?;
        Ok((heard.json()["code"] == "form" && heard.json()["outcome"] == "failed").then_some(()))
    })
    .await?;
    assert_eq!(browser.driver().windows().await?.len(), windows);
    Ok(())
}
