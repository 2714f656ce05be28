//! The extension's pages before anyone has registered: they open in both languages, break no rule of accessibility,
//! write no error to the console, and still work after the service worker was killed.

use anyhow::{Result, ensure};
use tests::browser::Browser;

/// The pages that a person can open without a request waiting.
const PAGES: [&str; 2] = ["onboarding.html", "home.html"];

#[tokio::test]
async fn the_pages_open_in_english() -> Result<()> {
    open_all("en").await
}

#[tokio::test]
async fn the_pages_open_in_german() -> Result<()> {
    open_all("de").await
}

async fn open_all(language: &str) -> Result<()> {
    let profile = tempfile::tempdir()?;
    let browser = Browser::start_in(language, profile.path()).await?;
    for page in PAGES {
        check(&browser, page, language).await?;
        browser.screenshot(&format!("{}-{language}", page.trim_end_matches(".html"))).await?;
    }
    browser.kill_service_worker().await?;
    check(&browser, "onboarding.html", language).await?;
    let errors: Vec<String> = browser.console()?.into_iter().filter(|line| line.contains(":ERROR:CONSOLE")).collect();
    ensure!(errors.is_empty(), "on the console: {errors:#?}");
    browser.quit().await
}

async fn check(browser: &Browser, page: &str, language: &str) -> Result<()> {
    browser.open_extension(page).await?;
    browser.element("main h1").await?;
    browser.element(&format!("html[lang^={language}]")).await?;
    browser.assert_accessible().await
}
