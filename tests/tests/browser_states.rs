//! Every screen in every state, in both languages, light and dark, narrow, and in forced colours: complete, accessible,
//! and left in `target/screenshots/states` to be looked at.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tests::browser::Browser;
use tests::gallery::{Gallery, Scene, scenes};

#[tokio::test]
async fn every_state_is_accessible_in_english() -> Result<()> {
    walk("en").await
}

#[tokio::test]
async fn every_state_is_accessible_in_german() -> Result<()> {
    walk("de").await
}

/// What a merchant wrote is text in a box of its own: no element comes of it, nothing is pushed out of the window, and the
/// price is the one that was signed.
#[tokio::test]
async fn a_deceiving_note_stays_in_its_box() -> Result<()> {
    let profile = tempfile::tempdir()?;
    let browser = Browser::start(profile.path()).await?;
    let gallery = Gallery::new(&browser, "en");
    let scenes = scenes();
    let scene = scenes.iter().find(|scene| scene.name == "approval-hostile").context("the scene")?;
    gallery.draw(scene).await?;
    let script = "const at = (name) => document.querySelector(`[data-testid=\"${name}\"]`);
        const pay = at('pay').getBoundingClientRect();
        return {
            inside: at('approval-note').querySelectorAll('*').length,
            price: at('approval-price').textContent,
            height: at('approval-note').getBoundingClientRect().height < innerHeight / 3,
            size: getComputedStyle(at('approval-note')).fontSize === getComputedStyle(document.body).fontSize,
            pay: pay.top >= 0 && pay.bottom <= innerHeight,
            above: at('approval-origin').compareDocumentPosition(at('approval-note')) === Node.DOCUMENT_POSITION_FOLLOWING,
        }";
    let found = browser.driver().execute(script, vec![]).await?;
    let wanted = json!({ "inside": 0, "price": "$42.50", "height": true, "size": true, "pay": true, "above": true });
    assert_eq!(*found.json(), wanted);
    browser.quit().await
}

/// Set to a part of a name, it draws only those scenes.
const ONLY: &str = "PAY_CASH_SCENES";

async fn walk(language: &'static str) -> Result<()> {
    let profile = tempfile::tempdir()?;
    let browser = Browser::start_in(language, profile.path()).await?;
    let gallery = Gallery::new(&browser, language);
    let only = std::env::var(ONLY).unwrap_or_default();
    let mut wrong = Vec::new();
    for scene in scenes().iter().filter(|scene| scene.name.contains(&only)) {
        // All that is wrong is told at once.
        wrong.extend(visit(&browser, &gallery, scene).await.err().map(|error| format!("{error:#}")));
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let errors: Vec<String> = browser.console()?.into_iter().filter(|line| line.contains(":ERROR:CONSOLE")).collect();
    ensure!(errors.is_empty(), "on the console: {errors:#?}");
    browser.quit().await
}

async fn visit(browser: &Browser, gallery: &Gallery<'_>, scene: &Scene) -> Result<()> {
    gallery.draw(scene).await?;
    for &look in gallery.looks() {
        gallery.look(look, scene).await?;
        gallery.picture(scene, look).await?;
        gallery.assert_whole(scene).await.with_context(|| look.name())?;
        if gallery.is_measured(look) {
            browser.assert_accessible().await.with_context(|| format!("{}, {}", scene.name, look.name()))?;
        }
    }
    Ok(())
}
