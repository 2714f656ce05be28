//! What a page may and may not do with the wallet, in a real Chromium (docs/page-channel.md).

use anyhow::Result;
use tests::browser::Browser;
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, id};

#[tokio::test]
async fn a_page_gets_no_further_than_the_shopper_lets_it() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start(profile.path()).await?;
    WalletScreens(&browser).with_session(&demo.server).await?;
    cancelled(&browser, &demo).await?;
    double_clicked(&browser, &demo).await?;
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
