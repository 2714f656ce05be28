//! Driving the real extension in a real Chromium.
//!
//! A [`Browser`] is one Chromium with the built extension (`cargo xtask build`), a profile that the test keeps, and a
//! driver of its own on a free port, so that tests can run side by side. What the screens are called and what stands on
//! them is the business of the tests' page objects, which are made from the few verbs here.

mod accessibility;
mod built;
mod driver;
mod firefox;
mod gate;
mod verbs;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::json;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver};

pub use accessibility::Violation;
pub use built::{ExtensionId, extension, screenshots, server_stub, shop, target};
pub use gate::{Gated, Step, copy};
pub use verbs::eventually;

use driver::ChromeDriver;

/// Arguments that keep Chromium to itself and to this machine.
const QUIET: [&str; 8] = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
];

/// The size of the window, so that screenshots can be compared.
const WINDOW: &str = "--window-size=1280,900";

/// Set to anything, it shows the windows of the tests.
const SHOW: &str = "PAY_CASH_SHOW";

/// How many workers an event may wake while a database is deleted.
const WOKEN: usize = 5;

/// Chromium with the extension, or Firefox.
pub struct Browser {
    _process: Box<dyn Send + Sync>,
    driver: WebDriver,
    extension: ExtensionId,
    console: PathBuf,
    profile: PathBuf,
}

impl Browser {
    /// Starts Chromium in English with `profile` as its data, which may be an empty folder or that of an earlier run.
    ///
    /// # Errors
    ///
    /// If the extension is not built, or Chromium or its driver do not start.
    pub async fn start(profile: &Path) -> Result<Self> {
        Self::start_in("en", profile).await
    }

    /// Starts Chromium in another language, such as `de`. Debian has the languages in package chromium-l10n; without it
    /// Chromium stays English.
    ///
    /// # Errors
    ///
    /// If the extension is not built, or Chromium or its driver do not start.
    pub async fn start_in(language: &str, profile: &Path) -> Result<Self> {
        Self::launch(language, profile, &[&built::extension()?]).await
    }

    /// Starts Chromium in English without any extension, as of a shopper who has no wallet.
    ///
    /// # Errors
    ///
    /// If Chromium or its driver do not start.
    pub async fn start_without_wallet(profile: &Path) -> Result<Self> {
        Self::launch("en", profile, &[]).await
    }

    /// Starts Chromium with these extensions instead of the built one alone.
    ///
    /// # Errors
    ///
    /// If the extension is not built, or Chromium or its driver do not start.
    pub async fn start_with(language: &str, profile: &Path, extensions: &[&Path]) -> Result<Self> {
        Self::launch(language, profile, extensions).await
    }

    async fn launch(language: &str, profile: &Path, extensions: &[&Path]) -> Result<Self> {
        let extension = ExtensionId::of(&built::extension()?)?;
        fs::create_dir_all(profile)?;
        let console = profile.join("console.log");
        let process = ChromeDriver::start(language)?;
        let capabilities = capabilities(profile, extensions, &console)?;
        let driver = WebDriver::new(process.url(), capabilities).await.context("Chromium does not start")?;
        Ok(Self { _process: Box::new(process), driver, extension, console, profile: profile.to_owned() })
    }

    /// The `WebDriver` session, for what the verbs here do not cover.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// The id of the extension.
    pub fn extension(&self) -> &ExtensionId {
        &self.extension
    }

    /// What pages and workers wrote to their consoles, one message a line.
    ///
    /// # Errors
    ///
    /// If the log cannot be read.
    pub fn console(&self) -> Result<Vec<String>> {
        let log = fs::read(&self.console).context("Chromium's log")?;
        let lines = String::from_utf8_lossy(&log);
        Ok(lines.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect())
    }

    /// Kills every service worker, as Chromium does whenever it likes. The next message to the extension wakes a new one.
    ///
    /// # Errors
    ///
    /// If the browser does not obey.
    pub async fn kill_service_worker(&self) -> Result<()> {
        let devtools = self.driver.cdp();
        devtools.send_raw("ServiceWorker.enable", json!({})).await?;
        devtools.send_raw("ServiceWorker.stopAllWorkers", json!({})).await?;
        verbs::eventually("the service worker is gone", async || {
            let targets = devtools.send_raw("Target.getTargets", json!({})).await?;
            let mut infos = targets["targetInfos"].as_array().into_iter().flatten();
            Ok((!infos.any(|info| info["type"] == "service_worker")).then_some(()))
        })
        .await
    }

    /// Deletes a database of the extension; the current page is one of it that does not use the database. A worker holds it
    /// open, and an event of the browser may wake one between the last one's death and this: then that is killed too.
    ///
    /// # Errors
    ///
    /// If it is held open for ever.
    pub async fn delete_database(&self, name: &str) -> Result<()> {
        let script = "const [name, done] = arguments;
            const deleting = indexedDB.deleteDatabase(name);
            deleting.onsuccess = () => done(true);
            deleting.onerror = deleting.onblocked = () => done(false);";
        for _ in 0..WOKEN {
            self.kill_service_worker().await?;
            let deleted = self.driver.execute_async(script, vec![json!(name)]).await?;
            if *deleted.json() == json!(true) {
                return Ok(());
            }
        }
        anyhow::bail!("database {name} is held open again and again")
    }

    /// Kills the browser's process, as a power cut would: nothing is said to anybody.
    ///
    /// # Errors
    ///
    /// If it is not found.
    pub fn kill(self) -> Result<()> {
        let process = driver::process_with(&format!("--user-data-dir={}", self.profile.display()))?;
        let killed = std::process::Command::new("kill").args(["-9", &process.to_string()]).status()?;
        anyhow::ensure!(killed.success(), "kill: {killed}");
        while Path::new(&format!("/proc/{process}/exe")).exists() {
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Ends the browser in good order, so that its profile can be used again.
    ///
    /// # Errors
    ///
    /// If the session does not end.
    pub async fn quit(self) -> Result<()> {
        self.driver.clone().quit().await.context("ending the session")
    }
}

impl Drop for Browser {
    /// Where a test fails there is no quitting: then chromedriver ends the browser, and the session must not wait for that.
    fn drop(&mut self) {
        // Fails after `quit`, when there is nothing left to do.
        let _ = self.driver.clone().leak();
    }
}

fn capabilities(profile: &Path, extensions: &[&Path], console: &Path) -> Result<ChromeCapabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in QUIET.iter().chain(&[WINDOW, "--enable-logging"]) {
        capabilities.add_arg(argument)?;
    }
    if env::var_os(SHOW).is_none() {
        capabilities.add_arg("--headless=new")?;
    }
    // Tests may run as root, to whom Chromium's sandbox is closed; all that is loaded here is our own.
    capabilities.add_arg("--no-sandbox")?;
    capabilities.add_arg(&format!("--log-file={}", console.display()))?;
    capabilities.add_arg(&format!("--user-data-dir={}", profile.display()))?;
    if !extensions.is_empty() {
        let folders = extensions.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(",");
        capabilities.add_arg(&format!("--disable-extensions-except={folders}"))?;
        capabilities.add_arg(&format!("--load-extension={folders}"))?;
    }
    // Otherwise the extension's own windows, such as that for approvals, are no windows to the driver.
    capabilities.add_experimental_option("enableExtensionTargets", true)?;
    Ok(capabilities)
}
