//! Page objects: what a person does on the wallet's screens and in the shop, in their words.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::Browser;

/// The selector of a `data-testid`.
pub fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

/// The passphrase of the test's wallets.
pub const PASSPHRASE: &str = "enterprise horse battery";

/// The input of `register`.
pub fn registration(server: &str, name: &str) -> Value {
    json!({ "server": server, "requested-id": name, "email": "brianb@reality.example", "language": "en-us",
        "currency": "usd", "agreements": [75], "passphrase": PASSPHRASE, "autoclose-passphrase": "badnews" })
}

/// The input of `bind-instrument`, for an account at the sandbox's bank, to which an autoclose sends the cash.
pub fn account(number: &str) -> Value {
    json!({ "kind": "dda", "number": number, "expires": null, "name": "Brian Brian", "address": "100 Elm Street",
        "city": "Nice Place", "state": "VA", "postal-code": "00000", "country": "us", "autoclose": "badnews" })
}

/// The wallet's pages in a browser.
pub struct WalletScreens<'a>(pub &'a Browser);

impl WalletScreens<'_> {
    /// Onboarding: server, persona, agreements, passphrase twice.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn register(&self, server: &str, name: &str) -> Result<()> {
        let Self(browser) = self;
        browser.open_extension("onboarding.html").await?;
        browser.fill(&id("server"), server).await?;
        browser.screenshot("01-server").await?;
        browser.click(&id("server-submit")).await?;
        browser.fill(&id("requested-id"), name).await?;
        browser.fill(&id("email"), "brianb@reality.example").await?;
        browser.fill(&id("passphrase"), PASSPHRASE).await?;
        browser.fill(&id("passphrase-again"), PASSPHRASE).await?;
        browser.fill(&id("autoclose-passphrase"), "badnews").await?;
        browser.screenshot("02-persona").await?;
        browser.assert_accessible().await?;
        browser.click(&id("register-submit")).await?;
        browser.element(&id("registered-persona")).await?;
        browser.screenshot("03-registered").await
    }

    /// The persona that onboarding has made.
    ///
    /// # Errors
    /// It is not shown.
    pub async fn registered(&self) -> Result<String> {
        self.0.text(&id("registered-persona")).await
    }

    /// Opens the home page.
    ///
    /// # Errors
    /// It does not load.
    pub async fn home(&self) -> Result<()> {
        self.0.open_extension("home.html#/").await
    }

    /// Opens the vault.
    ///
    /// # Errors
    /// There is nothing to unlock.
    pub async fn unlock(&self) -> Result<()> {
        self.0.fill(&id("unlock-passphrase"), PASSPHRASE).await?;
        self.0.click(&id("unlock-submit")).await
    }

    /// A wallet with $30.00 in its container and $70.00 in a session.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn with_session(&self, server: &str) -> Result<()> {
        self.register(server, "BrianB").await?;
        self.bind("059013218175654").await?;
        self.load("100.00").await?;
        self.balance_is("$100.00").await?;
        self.open_session("70.00").await?;
        self.balance_is("$30.00").await
    }

    /// The same wallet, made without a look at the screens: the worker is asked what they would ask.
    ///
    /// # Errors
    /// The worker refuses something.
    pub async fn made(&self, server: &str) -> Result<()> {
        let Self(browser) = self;
        browser.open_extension("onboarding.html").await?;
        browser.ask_worker("register", registration(server, "BrianB")).await?;
        browser.ask_worker("bind-instrument", account("059013218175654")).await?;
        let state = browser.ask_worker("state", json!({})).await?;
        let instrument = &state["home"]["instruments"][0]["id"];
        browser.ask_worker("load", json!({ "instrument": instrument, "amount": "100.00" })).await?;
        let session = json!({ "amount": "70.00", "minutes": 60, "uses": 15, "note": "" });
        browser.ask_worker("open-session", session).await.map(drop)
    }

    /// Adds the sandbox's account.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn bind(&self, number: &str) -> Result<()> {
        let Self(browser) = self;
        self.home().await?;
        browser.click(&id("go-bind")).await?;
        browser.fill(&id("bind-number"), number).await?;
        browser.fill(&id("bind-name"), "Brian Brian").await?;
        browser.fill(&id("bind-address"), "100 Elm Street").await?;
        browser.fill(&id("bind-city"), "Nice Place").await?;
        browser.fill(&id("bind-state"), "VA").await?;
        browser.fill(&id("bind-postal-code"), "00000").await?;
        browser.screenshot("04-bind").await?;
        browser.assert_accessible().await?;
        browser.click(&id("bind-submit")).await?;
        browser.element(&id("instrument")).await?;
        Ok(())
    }

    /// Loads an amount.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn load(&self, amount: &str) -> Result<()> {
        let Self(browser) = self;
        browser.click(&id("go-load")).await?;
        browser.fill(&id("funds-amount"), amount).await?;
        browser.screenshot("05-load").await?;
        browser.assert_accessible().await?;
        browser.click(&id("funds-submit")).await
    }

    /// Opens a session.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn open_session(&self, amount: &str) -> Result<()> {
        let Self(browser) = self;
        browser.click(&id("go-open")).await?;
        browser.fill(&id("session-amount-field"), amount).await?;
        browser.fill(&id("session-note"), "Christmas shopping spree").await?;
        browser.screenshot("06-open-session").await?;
        browser.assert_accessible().await?;
        browser.click(&id("session-submit")).await
    }

    /// Closes the one open session.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn close_session(&self) -> Result<()> {
        let Self(browser) = self;
        browser.click(&id("go-close")).await?;
        browser.element(&id("close-question")).await?;
        browser.screenshot("12-close").await?;
        browser.assert_accessible().await?;
        browser.click(&id("close-submit")).await
    }

    /// Waits until the container shows a balance.
    ///
    /// # Errors
    /// It does not in time.
    pub async fn balance_is(&self, balance: &str) -> Result<()> {
        self.0.wait_for_text(&id("balance"), balance).await
    }

    /// Goes to the approval window.
    ///
    /// # Errors
    /// None opens.
    pub async fn approval(&self) -> Result<WindowHandle> {
        self.0.switch_to(&self.0.extension().page("approval.html")).await
    }
}

/// The demo shop in a browser.
pub struct Shop<'a>(pub &'a Browser);

impl Shop<'_> {
    /// From the product to the checkout.
    ///
    /// # Errors
    /// A step is not there.
    pub async fn check_out(&self, origin: &str) -> Result<String> {
        let Self(browser) = self;
        browser.open(origin).await?;
        browser.element(&id("buy")).await?;
        browser.screenshot("07-shop").await?;
        browser.assert_accessible().await?;
        browser.click(&id("buy")).await?;
        browser.text(&id("order-id")).await
    }

    /// Clicks Pay cash.
    ///
    /// # Errors
    /// There is no such button.
    pub async fn pay_cash(&self) -> Result<WindowHandle> {
        let window = self.0.driver().window().await?;
        self.0.in_shadow(&id("pay-cash"), "button").await?.click().await.context("clicking Pay cash")?;
        Ok(window)
    }
}
