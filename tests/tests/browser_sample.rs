//! The seed's sample transaction (section V) in a real Chromium, with the real extension, widget, shop, till and server.
//!
//! Pictures of each step are left in `target/screenshots/`.

use std::path::Path;

use anyhow::Result;
use tests::browser::Browser;
use tests::demo::Demo;
use tests::screens::{Shop, WalletScreens, id};

#[tokio::test]
async fn the_sample_transaction() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start(profile.path()).await?;
    if let Err(error) = bought(&browser, &demo).await {
        browser.screenshot("99-failed").await?;
        return Err(error.context(format!("the consoles said: {:#?}", browser.console()?)));
    }
    browser.quit().await?;
    restarted(profile.path()).await
}

/// The same extension, as an event page. Needs Firefox and geckodriver (in `GECKODRIVER`, or on the search path).
#[tokio::test]
#[ignore = "needs Firefox and geckodriver, which takes eight minutes to build: soak"]
async fn the_sample_transaction_in_firefox() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(data.path())?;
    let browser = Browser::start_firefox(profile.path()).await?;
    WalletScreens(&browser).with_session(&demo.server).await?;
    Shop(&browser).check_out(&demo.shop).await?;
    let checkout = Shop(&browser).pay_cash().await?;
    WalletScreens(&browser).approval().await?;
    browser.wait_for_text(&id("approval-price"), "$42.50").await?;
    browser.click(&id("pay")).await?;
    browser.wait_for_text(&id("paid-left"), "$27.50").await?;
    browser.driver().switch_to_window(checkout).await?;
    browser.wait_for_text(&id("status"), "Paid").await?;
    WalletScreens(&browser).home().await?;
    WalletScreens(&browser).close_session().await?;
    WalletScreens(&browser).balance_is("$57.50").await?;
    browser.screenshot("15-firefox").await?;
    browser.quit().await
}

async fn bought(browser: &Browser, demo: &Demo) -> Result<()> {
    let (wallet, shop) = (WalletScreens(browser), Shop(browser));

    // A. Registration, B. binding, C. loading of $100.00.
    wallet.register(&demo.server, "BrianB").await?;
    assert_eq!(wallet.registered().await?, "brianb-40");
    wallet.bind("059013218175654").await?;
    wallet.load("100.00").await?;
    wallet.balance_is("$100.00").await?;

    // D. A session of $70.00.
    wallet.open_session("70.00").await?;
    wallet.balance_is("$30.00").await?;
    browser.wait_for_text(&id("session-left"), "$70.00").await?;
    browser.assert_accessible().await?;

    browser.kill_service_worker().await?;

    // E. The rocket shoes for $42.50, by a click on Pay cash in the shop.
    let order = shop.check_out(&demo.shop).await?;
    browser.assert_accessible().await?;
    browser.screenshot("08-checkout").await?;
    let checkout = shop.pay_cash().await?;
    let approval = wallet.approval().await?;
    browser.wait_for_text(&id("approval-origin"), demo.shop.trim_start_matches("http://")).await?;
    browser.wait_for_text(&id("approval-price"), "$42.50").await?;
    browser.wait_for_text(&id("approval-merchant"), "acme-82").await?;
    browser.wait_for_text(&id("approval-order"), &order).await?;
    browser.wait_for_text(&id("approval-after"), "$27.50").await?;
    browser.assert_accessible().await?;
    browser.screenshot("09-approval").await?;
    // Chromium kills idle workers whenever it likes; a new one finds everything where the old one left it.
    browser.kill_service_worker().await?;
    browser.click(&id("pay")).await?;
    browser.wait_for_text(&id("paid-left"), "$27.50").await?;
    browser.screenshot("10-paid").await?;
    browser.driver().switch_to_window(checkout.clone()).await?;
    browser.wait_for_text(&id("status"), "Paid").await?;
    browser.assert_accessible().await?;
    browser.screenshot("11-thanks").await?;
    assert_ne!(approval, checkout);

    // $27.50 are left in the session; F. he closes it, and $57.50 are in the container.
    wallet.home().await?;
    browser.wait_for_text(&id("session-left"), "$27.50").await?;
    browser.screenshot("11-home").await?;
    wallet.close_session().await?;
    wallet.balance_is("$57.50").await?;
    browser.screenshot("13-closed").await
}

/// The browser starts again with the same profile, and everything is still there.
async fn restarted(profile: &Path) -> Result<()> {
    let browser = Browser::start(profile).await?;
    let wallet = WalletScreens(&browser);
    wallet.home().await?;
    wallet.unlock().await?;
    wallet.balance_is("$57.50").await?;
    browser.wait_for_text(&id("persona"), "brianb-40").await?;
    browser.screenshot("14-restarted").await?;
    browser.quit().await
}
