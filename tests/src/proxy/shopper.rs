//! A person who buys the rocket shoes over a bad line. Where a screen says that it did not work, the person looks whether
//! something waits for an answer, sends that again, and only then begins again.

use anyhow::{Context as _, Result, bail, ensure};
use protocol::money::{Currency, Money};
use serde_json::json;
use server_stub::store::record::{Reason, Transaction};
use thirtyfour::WindowHandle;

use super::script::{Script, Station};
use super::street::{Street, contains};
use crate::browser::{Browser, eventually};
use crate::screens::{PASSPHRASE, Shop, WalletScreens, id};
use crate::world::judge::Ledger;

/// How often anybody tries before giving up.
const TRIES: usize = 6;
/// What every script loads, opens a session with, and pays, in cents.
const LOADED: i64 = 10_000;
const PRICE: i64 = 4_250;
/// The account that is bound: not the one that the till, which may know its own, binds.
const ACCOUNT: &str = "217304680914425";
/// What the extension's pages are asked: which of these is to be seen?
const SEEN: &str = "return arguments[0].findIndex((css) => document.querySelector(css)?.checkVisibility())";

/// A shopper with a browser.
pub struct Shopper<'a> {
    browser: &'a Browser,
    street: &'a Street,
    /// What the shopper wishes to be called; nobody else may be called so.
    name: String,
    persona: Option<String>,
    /// What the container holds, in cents.
    balance: i64,
    /// How many scripts this wallet has been through.
    loads: i64,
}

/// What a screen shows after a button was pressed.
enum Shown {
    Done,
    Fault,
}

impl<'a> Shopper<'a> {
    /// A shopper whose wallet is empty.
    pub fn new(name: String, browser: &'a Browser, street: &'a Street) -> Self {
        Self { browser, street, name, persona: None, balance: 0, loads: 0 }
    }

    /// The sample transaction while things go wrong as the script says.
    ///
    /// # Errors
    /// It did not come out right.
    pub async fn buy(&mut self, script: &Script) -> Result<()> {
        self.street.proxy.play(script.clone());
        if self.persona.is_none() {
            self.register().await?;
            self.bind().await?;
        }
        self.load().await?;
        self.open().await?;
        let order = self.pay().await?;
        self.close().await?;
        let left = self.street.proxy.left();
        ensure!(left.left() == 0, "the script has not happened: {left}");
        self.check(&order).await?;
        // Whatever was said is said again, by somebody who has listened: nothing happens.
        let repeated = self.street.proxy.repeat_all().await?;
        ensure!(repeated >= 5, "only {repeated} messages were heard");
        self.check(&order).await
    }

    async fn register(&mut self) -> Result<()> {
        let browser = self.browser;
        self.street.proxy.expect(Station::Register);
        browser.open_extension("onboarding.html").await?;
        browser.fill(&id("server"), &self.street.server()).await?;
        self.press_until(&id("server-submit"), &id("requested-id")).await?;
        browser.fill(&id("requested-id"), &self.name).await?;
        browser.fill(&id("email"), "brianb@reality.example").await?;
        browser.fill(&id("passphrase"), PASSPHRASE).await?;
        browser.fill(&id("passphrase-again"), PASSPHRASE).await?;
        browser.fill(&id("autoclose-passphrase"), "badnews").await?;
        self.press_until(&id("register-submit"), &id("registered-persona")).await?;
        self.persona = Some(browser.text(&id("registered-persona")).await?);
        Ok(())
    }

    async fn bind(&self) -> Result<()> {
        let there = async || self.seen(&[&id("instrument")]).await.map(|seen| seen == Some(0));
        self.step(Station::Bind, there, async || {
            let browser = self.browser;
            browser.click(&id("go-bind")).await?;
            browser.fill(&id("bind-number"), ACCOUNT).await?;
            browser.fill(&id("bind-name"), "Brian Brian").await?;
            browser.fill(&id("bind-address"), "100 Elm Street").await?;
            browser.fill(&id("bind-city"), "Nice Place").await?;
            browser.fill(&id("bind-state"), "VA").await?;
            browser.fill(&id("bind-postal-code"), "00000").await?;
            browser.click(&id("bind-submit")).await
        })
        .await
    }

    async fn load(&mut self) -> Result<()> {
        self.loads += 1;
        let after = money(self.balance + LOADED);
        let there = async || self.balance_is(&after).await;
        self.step(Station::Load, there, async || {
            self.browser.click(&id("go-load")).await?;
            self.browser.fill(&id("funds-amount"), "100.00").await?;
            self.browser.click(&id("funds-submit")).await
        })
        .await
    }

    async fn open(&self) -> Result<()> {
        let after = money(self.balance + LOADED - 7_000);
        let there = async || self.balance_is(&after).await;
        self.step(Station::Open, there, async || {
            self.browser.click(&id("go-open")).await?;
            self.browser.fill(&id("session-amount-field"), "70.00").await?;
            self.browser.click(&id("session-submit")).await
        })
        .await
    }

    async fn close(&mut self) -> Result<()> {
        self.balance += LOADED - PRICE;
        let after = money(self.balance);
        let there = async || self.balance_is(&after).await;
        self.step(Station::Close, there, async || {
            self.browser.click(&id("go-close")).await?;
            self.browser.click(&id("close-submit")).await
        })
        .await
    }

    /// Buys the shoes; yields the order.
    async fn pay(&self) -> Result<String> {
        let browser = self.browser;
        browser.open(&self.street.shop()).await?;
        browser.click(&id("buy")).await?;
        let order = browser.text(&id("order-id")).await?;
        let checkout = self.ask_to_pay().await?;
        let before = self.street.ledger().await?.journal.len();
        browser.click(&id("pay")).await?;
        if let Shown::Fault = self.outcome(&id("paid-left")).await? {
            self.believe_fault(before).await?;
            self.settle().await?;
        }
        browser.driver().close_window().await?;
        browser.driver().switch_to_window(checkout).await?;
        browser.wait_for_text(&id("status"), "Paid").await?;
        Ok(order)
    }

    /// Clicks Pay cash until the wallet asks; yields the checkout's window.
    async fn ask_to_pay(&self) -> Result<WindowHandle> {
        let checkout = self.browser.driver().window().await?;
        for _ in 0..TRIES {
            Shop(self.browser).pay_cash().await?;
            let told = "const button = document.querySelector('pay-cash-button');
                return /again|wrong|fail|reach/i.test(button?.shadowRoot?.textContent ?? '')";
            let asked = eventually("the wallet asks, or the page says why not", async || {
                if self.browser.driver().windows().await?.len() > 1 {
                    return Ok(Some(true));
                }
                let told = self.browser.driver().execute(told, vec![]).await?;
                Ok((told.json() == true).then_some(false))
            });
            // Where nothing happens for half a minute, anybody clicks once more.
            if asked.await.unwrap_or(false) {
                WalletScreens(self.browser).approval().await?;
                return Ok(checkout);
            }
        }
        bail!("the wallet never asks")
    }

    /// One thing on the home page, until it is `there`.
    async fn step(
        &self,
        station: Station,
        there: impl AsyncFn() -> Result<bool>,
        press: impl AsyncFn() -> Result<()>,
    ) -> Result<()> {
        self.street.proxy.expect(station);
        for _ in 0..TRIES {
            self.home().await?;
            let before = self.street.ledger().await?.journal.len();
            press().await.with_context(|| format!("{station:?}"))?;
            if let Shown::Done = self.outcome(&id("balance")).await? {
                let what = format!("{station:?} is done");
                return eventually(&what, async || Ok(there().await.unwrap_or(false).then_some(()))).await;
            }
            self.believe_fault(before).await?;
            self.settle().await?;
            if there().await? {
                return Ok(());
            }
        }
        bail!("{station:?} never works")
    }

    /// Presses a button on the same page until `done` is to be seen.
    async fn press_until(&self, button: &str, done: &str) -> Result<()> {
        for _ in 0..TRIES {
            self.browser.click(button).await?;
            if let Shown::Done = self.outcome(done).await? {
                return Ok(());
            }
        }
        bail!("{button} never works")
    }

    /// Waits for what a button leads to.
    async fn outcome(&self, done: &str) -> Result<Shown> {
        let fault = id("fault");
        eventually(&format!("{done} or a fault"), async || {
            let seen = self.browser.driver().execute(SEEN, vec![json!([done, fault])]).await?;
            Ok(match seen.json().as_i64() {
                Some(0) => Some(Shown::Done),
                Some(1) => Some(Shown::Fault),
                _ => None,
            })
        })
        .await
    }

    /// Which of these is to be seen at once.
    async fn seen(&self, all: &[&str]) -> Result<Option<usize>> {
        let seen = self.browser.driver().execute(SEEN, vec![json!(all)]).await?;
        Ok(seen.json().as_u64().and_then(|at| usize::try_from(at).ok()))
    }

    /// Where a screen says that no money has moved, none has moved.
    async fn believe_fault(&self, before: usize) -> Result<()> {
        let waits = self.seen(&[&format!("{}.waits", id("fault"))]).await?.is_some();
        let now = self.street.ledger().await?.journal.len();
        let said = self.browser.text(&id("fault")).await?;
        ensure!(waits || now == before, "money has moved, but the wallet says: {said}");
        Ok(())
    }

    async fn home(&self) -> Result<()> {
        WalletScreens(self.browser).home().await?;
        self.browser.element(&id("balance")).await.map(drop)
    }

    /// Sends again what waits for an answer, until nothing does.
    async fn settle(&self) -> Result<()> {
        self.home().await?;
        let (waiting, fault) = (id("resend"), format!("{} {}", id("unanswered"), id("fault")));
        // The wallet sends by itself too, so that the button may be gone by the time somebody reaches for it.
        let click = "document.querySelector(arguments[0])?.click()";
        for _ in 0..TRIES {
            if self.seen(&[&waiting]).await?.is_none() {
                return Ok(());
            }
            self.browser.driver().execute(click, vec![json!(waiting)]).await?;
            eventually("it is sent again", async || {
                let busy = format!("{waiting}[aria-busy]");
                let seen = self.browser.driver().execute(SEEN, vec![json!([busy, fault, waiting])]).await?;
                Ok((seen.json() != 0).then_some(()))
            })
            .await?;
        }
        bail!("something waits for ever")
    }

    async fn balance_is(&self, balance: &str) -> Result<bool> {
        let text = "return document.querySelector(arguments[0])?.textContent ?? ''";
        let shown = self.browser.driver().execute(text, vec![json!(id("balance"))]).await?;
        Ok(shown.json().as_str().is_some_and(|shown| shown.contains(balance)))
    }

    /// Wallet, till and server agree on what has happened: once.
    async fn check(&self, order: &str) -> Result<()> {
        let ledger = self.street.inspect().await?;
        let persona = self.persona.as_deref().context("a persona")?;
        self.check_books(&ledger, persona, order)?;
        self.home().await?;
        let shown = async || Ok(self.balance_is(&money(self.balance)).await.unwrap_or(false).then_some(()));
        eventually("the wallet shows what it holds", shown).await?;
        ensure!(self.seen(&[&id("unanswered"), &id("go-close")]).await?.is_none(), "something is open still");
        let status = reqwest::get(format!("{}/orders/{order}/status", self.street.shop())).await?.text().await?;
        ensure!(status.contains("\"paid\""), "the till says {status}");
        self.keeps_secret()
    }

    fn check_books(&self, ledger: &Ledger, persona: &str, order: &str) -> Result<()> {
        let containers = ledger.containers.iter().filter(|(owner, _)| owner.as_str() == persona);
        let held: Vec<_> = containers.map(|(_, held)| (held.available.minor, held.on_hold.minor)).collect();
        ensure!(held == [(self.balance, 0)], "the server holds {held:?}, and {} were to be left", self.balance);
        let open = ledger.sessions.iter().filter(|session| session.persona.as_str() == persona && session.is_open());
        ensure!(open.count() == 0, "a session is open still");
        let of_order = |minor: &dyn Fn(&Transaction) -> i64| -> Vec<i64> {
            ledger.transactions.iter().filter(|paid| paid.order_id.as_str() == order).map(minor).collect()
        };
        let (charged, credited) = (of_order(&|paid| paid.charged.minor), of_order(&|paid| paid.credited.minor));
        ensure!((&*charged, &*credited) == (&[PRICE][..], &[PRICE][..]), "{charged:?} and {credited:?} for {order}");
        let into = format!("container/{persona}/usd");
        let loads = ledger.journal.iter().filter(|row| row.reason == Reason::Load && row.credit.to_string() == into);
        let loads: Vec<_> = loads.map(|row| row.amount.minor).collect();
        ensure!(loads == vec![LOADED; usize::try_from(self.loads)?], "loaded {loads:?}");
        Ok(())
    }

    fn keeps_secret(&self) -> Result<()> {
        let secrets = [PASSPHRASE, ACCOUNT, "badnews"];
        self.street.keeps_secret(&secrets)?;
        let console = self.browser.console()?.join("\n");
        let shown = secrets.iter().find(|secret| contains(console.as_bytes(), secret.as_bytes()));
        ensure!(shown.is_none(), "a console shows {shown:?}");
        Ok(())
    }
}

/// Cents as the wallet shows them.
fn money(cents: i64) -> String {
    let usd = Currency::of("usd").map_or_else(String::new, |usd| Money::new(usd, cents).decimal());
    let (whole, decimals) = usd.split_once('.').unwrap_or((&usd, "00"));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("${grouped}.{decimals}")
}
