//! What a person does: opens a page, clicks, types, reads, waits. Each verb waits for what it needs.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use thirtyfour::error::{WebDriverError, WebDriverErrorInner, WebDriverResult};
use thirtyfour::{By, WebElement, WindowHandle, extensions::query::ElementQueryable as _};
use tokio::time::{Instant, sleep};

use super::{Browser, built};

/// Longest wait for something to appear: making RSA keys in a page takes seconds while other tests use the processors.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a page may draw an element anew between our finding and our using it.
const REDRAWN: usize = 5;
/// How much of a page's text an error shows.
const EXCERPT: usize = 400;
/// How many of the latest lines of the console an error shows.
const LAST_LINES: usize = 5;

/// Whether the page has drawn the element anew since it was found.
fn is_stale(error: &WebDriverError) -> bool {
    matches!(error.as_inner(), WebDriverErrorInner::StaleElementReference(_))
}

impl Browser {
    /// Opens an address in the current tab.
    ///
    /// # Errors
    ///
    /// If the page does not load.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.driver.goto(url).await.with_context(|| format!("opening {url}"))
    }

    /// Opens a page of the extension in the current tab. A browser that has just begun may not have loaded the extension
    /// yet, and then knows no such page.
    ///
    /// # Errors
    ///
    /// If the page does not load in time.
    pub async fn open_extension(&self, page: &str) -> Result<()> {
        let url = self.extension.page(page);
        eventually(&format!("opening {url}"), async || self.driver.goto(&url).await.map(Some)).await
    }

    /// The element that a CSS selector names, as soon as it is shown.
    ///
    /// # Errors
    ///
    /// If none is shown in time; the error shows what was there instead.
    pub async fn element(&self, css: &str) -> Result<WebElement> {
        for _ in 0..REDRAWN {
            let query = self.driver.query(By::Css(css)).wait(PATIENCE, LOOK_EVERY).and_displayed();
            match query.first().await {
                Err(error) if is_stale(&error) => {}
                Ok(element) => return Ok(element),
                Err(error) => return Err(error).context(format!("no {css} on {}", self.page_excerpt().await)),
            }
        }
        bail!("{css} is drawn anew again and again on {}", self.page_excerpt().await)
    }

    /// Clicks an element as soon as it is shown and enabled.
    ///
    /// # Errors
    ///
    /// If it is not there to be clicked in time.
    pub async fn click(&self, css: &str) -> Result<()> {
        for _ in 0..REDRAWN {
            let query = self.driver.query(By::Css(css)).wait(PATIENCE, LOOK_EVERY).and_clickable();
            let clicked = match query.first().await {
                Ok(element) => element.click().await,
                Err(error) => Err(error),
            };
            match clicked {
                Err(error) if is_stale(&error) => {}
                Ok(()) => return Ok(()),
                Err(error) => {
                    return Err(error).context(format!("no {css} to click on {}", self.page_excerpt().await));
                }
            }
        }
        bail!("{css} is drawn anew again and again on {}", self.page_excerpt().await)
    }

    /// Replaces what stands in a field.
    ///
    /// # Errors
    ///
    /// If there is no such field in time.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        let field = self.element(css).await?;
        field.clear().await?;
        field.send_keys(text).await.with_context(|| format!("typing into {css}"))
    }

    /// The text of an element as it is shown.
    ///
    /// # Errors
    ///
    /// If there is no such element in time.
    pub async fn text(&self, css: &str) -> Result<String> {
        Ok(self.element(css).await?.text().await?)
    }

    /// Waits until an element shows a text.
    ///
    /// # Errors
    ///
    /// If it does not in time.
    pub async fn wait_for_text(&self, css: &str, text: &str) -> Result<()> {
        let what = format!("{css} shows {text:?}");
        let shown = async || {
            let found = self.driver.find(By::Css(css)).await?.text().await?;
            Ok(found.contains(text).then_some(()))
        };
        match eventually(&what, shown).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error).context(self.page_excerpt().await),
        }
    }

    /// An element inside the open shadow root of another one, such as the button inside `pay-cash-button`.
    ///
    /// # Errors
    ///
    /// If there is no such element in time.
    pub async fn in_shadow(&self, host: &str, css: &str) -> Result<WebElement> {
        let host = self.element(host).await?;
        eventually(&format!("{css} in a shadow root"), async || {
            // Not by the driver's own way, which geckodriver refuses.
            let script = "return arguments[0].shadowRoot?.querySelector(arguments[1]) ?? null";
            let found = self.driver.execute(script, vec![host.to_json()?, json!(css)]).await?;
            if found.json().is_null() { Ok(None) } else { found.element().map(Some) }
        })
        .await
    }

    /// Goes to the window whose address begins with `url`, as soon as there is one.
    ///
    /// # Errors
    ///
    /// If no such window opens in time.
    pub async fn switch_to(&self, url: &str) -> Result<WindowHandle> {
        eventually(&format!("a window with {url}"), async || {
            for window in self.driver.windows().await? {
                self.driver.switch_to_window(window.clone()).await?;
                if self.driver.current_url().await?.as_str().starts_with(url) {
                    return Ok(Some(window));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until a window is gone, and goes to another one.
    ///
    /// # Errors
    ///
    /// If it stays, or no other is left.
    pub async fn wait_for_close(&self, window: &WindowHandle, then: &WindowHandle) -> Result<()> {
        let gone = async || Ok((!self.driver.windows().await?.contains(window)).then_some(()));
        eventually("the window closes", gone).await?;
        Ok(self.driver.switch_to_window(then.clone()).await?)
    }

    /// Writes a picture of the current page to `target/screenshots/NAME.png`.
    ///
    /// # Errors
    ///
    /// If there is no page, or the file cannot be written.
    pub async fn screenshot(&self, name: &str) -> Result<()> {
        let file = built::screenshots()?.join(name).with_extension("png");
        self.driver.screenshot(&file).await.with_context(|| file.display().to_string())
    }

    /// Writes a picture of the whole current page, also of what is out of sight, to `target/screenshots/NAME.png`.
    ///
    /// # Errors
    ///
    /// If there is no page, or the file cannot be written.
    pub async fn whole_page(&self, name: &str) -> Result<()> {
        let file = built::screenshots()?.join(name).with_extension("png");
        fs::create_dir_all(file.parent().context("a folder for pictures")?)?;
        let wanted = json!({ "format": "png", "captureBeyondViewport": true });
        let taken = self.driver.cdp().send_raw("Page.captureScreenshot", wanted).await?;
        let bytes = STANDARD.decode(taken["data"].as_str().context("a picture")?)?;
        fs::write(&file, bytes).with_context(|| file.display().to_string())
    }

    /// Where we are, how the page begins and what was written to the console last, for error messages.
    async fn page_excerpt(&self) -> String {
        let url = self.driver.current_url().await.map_or_else(|_| "no page".to_owned(), Into::into);
        let body = async { self.driver.find(By::Css("body")).await?.text().await };
        let text: String = body.await.unwrap_or_default().chars().take(EXCERPT).collect();
        let console = self.console().unwrap_or_default();
        format!("{url}: {text:?}, console: {:#?}", &console[console.len().saturating_sub(LAST_LINES)..])
    }
}

/// Asks again and again until there is an answer. Errors of the driver count as "not yet": pages come and go.
///
/// # Errors
///
/// If there is no answer in time; the error says what was waited for.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> WebDriverResult<Option<T>>) -> Result<T> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await;
        if let Ok(Some(found)) = answer {
            return Ok(found);
        }
        if Instant::now() > give_up {
            match answer {
                Err(error) => return Err(error).context(format!("waited in vain: {what}")),
                Ok(_) => bail!("waited in vain: {what}"),
            }
        }
        sleep(LOOK_EVERY).await;
    }
}
