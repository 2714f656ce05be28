//! The till's dashboard in a real browser, with payments, refusals, a refund and a settlement in its books: every page is
//! accessible and fits, by light and by night, in both languages, on a phone; and the keyboard is enough.

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::json;
use tests::widget::Stage;
use thirtyfour::Key;

/// The lists, as the navigation has them.
const LISTS: [&str; 6] = ["", "/payments", "/refunds", "/sessions", "/webhooks", "/settlements"];

/// Lets the playground's test shopper pay, as the form says; yields the order.
async fn rehearsed(stage: &Stage, form: &str) -> Result<String> {
    let (http, shop) = (Client::builder().no_proxy().build()?, &stage.demo.shop);
    let post = |path: String, body: &str| {
        let request = http.post(format!("{shop}{path}")).body(body.to_owned());
        request.header("content-type", "application/x-www-form-urlencoded").send()
    };
    let checkout = post("/playground/orders".to_owned(), form).await?;
    let reference = checkout.url().path().rsplit('/').next().context("a reference")?.to_owned();
    post(format!("/playground/pay/{reference}"), "").await?;
    let page = checkout.text().await?;
    let (_, rest) = page.split_once("data-testid=\"order-id\">").context("an order")?;
    Ok(rest.split('<').next().unwrap_or_default().to_owned())
}

async fn log_in(stage: &Stage, dashboard: &str) -> Result<()> {
    stage.browser.open(dashboard).await?;
    stage.browser.fill("input[name=password]", &stage.demo.password).await?;
    stage.browser.click("main button").await?;
    stage.browser.element("nav").await.map(drop)
}

/// Asks for pages in this language.
async fn language(stage: &Stage, tag: &str) -> Result<()> {
    stage.devtools("Network.enable", json!({})).await?;
    stage.devtools("Network.setExtraHTTPHeaders", json!({ "headers": { "Accept-Language": tag } })).await
}

/// Opens a page, and finds it accessible and no wider than the screen.
async fn looks_right(stage: &Stage, url: &str, name: &str) -> Result<()> {
    stage.browser.open(url).await?;
    stage.browser.element("main h1").await?;
    stage.browser.assert_accessible().await.with_context(|| name.to_owned())?;
    stage.browser.whole_page(name).await?;
    let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    ensure!(stage.run(fits).await? == true, "{name} is wider than the screen");
    Ok(())
}

#[tokio::test]
async fn every_page_of_the_dashboard_is_accessible_and_fits() -> Result<()> {
    let stage = Stage::set(false).await?;
    let order = rehearsed(&stage, "scenario=paid").await?;
    rehearsed(&stage, "scenario=declined&code=funds-insufficient").await?;
    rehearsed(&stage, "scenario=lost").await?;
    let dashboard = format!("{}/dashboard", stage.demo.till);
    looks_right(&stage, &format!("{dashboard}/login"), "dashboard-login").await?;
    log_in(&stage, &dashboard).await?;

    // A part goes back, the rest to the bank.
    stage.browser.open(&format!("{dashboard}/orders/{order}")).await?;
    stage.browser.fill("input[name=amount]", "2.50").await?;
    stage.browser.fill("input[name=note]", "one lace missing").await?;
    stage.browser.click("section button").await?;
    stage.browser.wait_for_text(".done", "The money was given back.").await?;
    stage.browser.open(&format!("{dashboard}/settlements")).await?;
    stage.browser.click("main form button").await?;
    stage.browser.element(".done").await?;

    let pages: Vec<_> = LISTS.iter().map(|list| (*list).to_owned()).collect();
    let more = [format!("/orders/{order}"), format!("/orders/{order}/receipt"), "/orders/none".to_owned()];
    let pages: Vec<_> = pages.into_iter().chain(more).collect();
    for (look, scheme, width, tag) in
        [("light", "light", None, "en"), ("dark", "dark", None, "de"), ("phone", "light", Some(320), "de")]
    {
        stage.media(&[("prefers-color-scheme", scheme)]).await?;
        stage.width(width).await?;
        language(&stage, tag).await?;
        for page in &pages {
            let name = format!("dashboard-{look}{}", page.replace(&order, "order").replace('/', "-"));
            looks_right(&stage, &format!("{dashboard}{page}"), &name).await?;
        }
    }
    stage.browser.quit().await
}

#[tokio::test]
async fn the_keyboard_is_enough_for_the_dashboard() -> Result<()> {
    let stage = Stage::set(false).await?;
    let order = rehearsed(&stage, "scenario=paid").await?;
    let press = async |key: Key| stage.browser.driver().action_chain().send_keys(key).perform().await;
    // As often as it takes, as long as it leads on.
    let tab_to = async |wanted: &str| {
        for _ in 0..40 {
            press(Key::Tab).await?;
            if stage.run(&format!("return document.activeElement.matches({wanted:?})")).await? == true {
                let outline = "return getComputedStyle(document.activeElement).outlineStyle";
                ensure!(stage.run(outline).await? != "none", "the focus on {wanted} is not seen");
                return Ok(());
            }
        }
        anyhow::bail!("the keyboard does not reach {wanted}")
    };
    stage.browser.open(&format!("{}/dashboard", stage.demo.till)).await?;
    // The password has the focus.
    stage.browser.driver().action_chain().send_keys(stage.demo.password.as_str()).perform().await?;
    press(Key::Enter).await?;
    stage.browser.element("nav").await?;
    tab_to(".skip").await?;
    press(Key::Enter).await?;
    tab_to(&format!("a[href$='{order}']")).await?;
    press(Key::Enter).await?;
    stage.browser.element("input[name=amount]").await?;
    tab_to("section button").await?;
    press(Key::Enter).await?;
    stage.browser.wait_for_text(".done", "The money was given back.").await?;
    tab_to("header form button").await?;
    press(Key::Enter).await?;
    stage.browser.element("input[name=password]").await?;
    stage.browser.quit().await
}
