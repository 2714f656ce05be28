//! The till's dashboard in a real browser: a merchant logs in and finds every list accessible, by light and by night.

use std::fs;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tests::browser::{self, Browser};
use tests::demo::{Demo, announced};

const PASSWORD: &str = "a long word for the shop";
/// The lists, as the navigation has them.
const LISTS: [&str; 6] = ["", "/payments", "/refunds", "/sessions", "/webhooks", "/settlements"];

/// A till with a dashboard, which ends with the test.
struct Till {
    child: Child,
    url: String,
}

impl Drop for Till {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn password_file(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("password");
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
    writeln!(out, "{PASSWORD}")?;
    Ok(file)
}

fn till(folder: &Path, server: &str) -> Result<Till> {
    let mut command = Command::new(browser::server_stub()?);
    command.args(["till", "--server", server, "--listen", "127.0.0.1:0", "--name", "corner"]);
    command.arg("--data-dir").arg(folder.join("till")).arg("--dashboard-password-file").arg(password_file(folder)?);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("server-stub till")?;
    let out = child.stdout.take().context("the pipe was asked for")?;
    // Made before anything can fail, so that the child ends in any case.
    let mut till = Till { child, url: String::new() };
    till.url = announced(&mut BufReader::new(out), "")?;
    Ok(till)
}

#[tokio::test]
async fn every_list_of_the_dashboard_is_accessible() -> Result<()> {
    let (data, profile) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let demo = Demo::start(&data.path().join("demo"))?;
    let till = till(data.path(), &demo.server)?;
    let browser = Browser::start_without_wallet(profile.path()).await?;
    let dashboard = format!("{}/dashboard", till.url);
    browser.open(&dashboard).await?;
    browser.element("input[name=password]").await?;
    browser.assert_accessible().await?;
    browser.fill("input[name=password]", PASSWORD).await?;
    browser.click("button").await?;
    for list in LISTS {
        browser.element("nav").await?;
        browser.open(&format!("{dashboard}{list}")).await?;
        browser.element("main h1").await?;
        browser.assert_accessible().await.with_context(|| format!("dashboard{list}"))?;
        browser.screenshot(&format!("dashboard{}", list.replace('/', "-"))).await?;
    }
    browser.quit().await
}
