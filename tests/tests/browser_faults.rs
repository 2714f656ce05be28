//! The sample transaction over a bad line: real extension, real widget, real till, real server, and a proxy between them
//! that loses, repeats, delays and damages messages by script.
//!
//! `PAY_CASH_FAULTS="pay:lose-reply"` runs that script alone; what scripts can say stands in `tests/src/proxy/script.rs`.

use std::env;
use std::time::Instant;

use anyhow::{Context as _, Result};
use tests::browser::Browser;
use tests::proxy::script::{DAILY, SOAK, Script};
use tests::proxy::{Shopper, Street};

/// Set to a script, only that one is run.
const ONLY: &str = "PAY_CASH_FAULTS";
/// How many scripts one wallet goes through: the sandbox's bank has a limit for a day.
const SCRIPTS_A_WALLET: usize = 20;

#[tokio::test]
async fn a_bad_line_does_not_change_what_is_paid() -> Result<()> {
    match env::var(ONLY) {
        Ok(only) => all_come_out_right(&[only.as_str()]).await,
        Err(_) => all_come_out_right(&DAILY).await,
    }
}

#[tokio::test]
#[ignore = "soak: some forty more scripts"]
async fn nor_does_it_in_any_other_way() -> Result<()> {
    all_come_out_right(&SOAK).await
}

async fn all_come_out_right(scripts: &[&str]) -> Result<()> {
    let street = Street::open().await?;
    let parsed = scripts.iter().map(|text| text.parse()).collect::<Result<Vec<Script>>>()?;
    let (fresh, others): (Vec<_>, Vec<_>) = parsed.into_iter().partition(Script::needs_fresh_wallet);
    let wallets = fresh.chunks(1).chain(others.chunks(SCRIPTS_A_WALLET));
    for (number, scripts) in wallets.enumerate() {
        with_wallet(&street, format!("Brian{number}"), scripts).await?;
    }
    Ok(())
}

/// Runs scripts one after the other in a new browser with a wallet of its own.
async fn with_wallet(street: &Street, name: String, scripts: &[Script]) -> Result<()> {
    let profile = tempfile::tempdir()?;
    let browser = Browser::start(profile.path()).await?;
    let mut shopper = Shopper::new(name, &browser, street);
    for script in scripts {
        let begun = Instant::now();
        let outcome = shopper.buy(script).await;
        println!("{:5.1} s  {script}", begun.elapsed().as_secs_f64());
        if outcome.is_err() {
            browser.screenshot("99-bad-line").await?;
        }
        outcome
            .with_context(|| format!("again with: {ONLY}=\"{script}\" cargo nextest run -p tests browser_faults"))?;
    }
    browser.quit().await
}
