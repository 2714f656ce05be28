//! The wallet's part of the sample transaction without a mouse: Tab, Space, Enter in fields, and nothing else.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::browser::Browser;
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, id};
use thirtyfour::Key;

#[tokio::test]
async fn a_payment_without_a_mouse() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start(profile.path()).await?;
    let wallet = WalletScreens(&browser);
    wallet.with_session(&demo.server).await?;
    Shop(&browser).check_out(&demo.shop).await?;
    let checkout = browser.driver().window().await?;
    browser.in_shadow(&id("pay-cash"), "button").await?.focus().await?;
    press(&browser, Key::Space).await?;

    wallet.approval().await?;
    reach(&browser, "pay").await?;
    // Enter is pressed without looking: it does not pay.
    press(&browser, Key::Enter).await?;
    browser.element(&format!("{}:enabled", id("pay"))).await?;
    ensure!(browser.driver().find(thirtyfour::By::Css(id("paid"))).await.is_err(), "Enter has paid");
    press(&browser, Key::Space).await?;
    browser.wait_for_text(&id("paid-left"), "$27.50").await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.wait_for_text(&id("status"), "Paid").await?;

    wallet.home().await?;
    browser.element(&id("session")).await?;
    reach(&browser, "go-close").await?;
    press(&browser, Key::Enter).await?;
    browser.element(&id("close-question")).await?;
    reach(&browser, "close-submit").await?;
    press(&browser, Key::Enter).await?;
    wallet.balance_is("$57.50").await?;
    browser.quit().await
}

async fn press(browser: &Browser, key: Key) -> Result<()> {
    Ok(browser.driver().action_chain().send_keys(key).perform().await?)
}

/// Presses Tab until the element has the focus; a page has fewer elements than that.
async fn reach(browser: &Browser, testid: &str) -> Result<()> {
    const MOST: usize = 60;
    browser.element(&format!("{}:enabled, a{}", id(testid), id(testid))).await?;
    for _ in 0..MOST {
        let script = "return document.activeElement?.dataset?.testid ?? null";
        let focused = browser.driver().execute(script, vec![]).await?;
        if *focused.json() == json!(testid) {
            return Ok(());
        }
        press(browser, Key::Tab).await?;
    }
    anyhow::bail!("{testid} is not reached by Tab")
}
