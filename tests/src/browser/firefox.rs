//! The same extension in a headless Firefox, as an event page instead of a service worker.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use thirtyfour::common::capabilities::firefox::FirefoxPreferences;
use thirtyfour::extensions::addons::firefox::FirefoxTools;
use thirtyfour::{DesiredCapabilities, WebDriver};

use super::{Browser, ExtensionId, built};

/// Under which the extension's pages lie in this Firefox: told to it, since it makes one up otherwise.
const ADDRESS: &str = "6f0e1f0c-61a5-4a57-9d3b-1b1f6a0c7a11";
/// `browser_specific_settings.gecko.id` of the manifest.
const ADD_ON: &str = "wallet@pay-cash.example";

/// A geckodriver of our own; dropping it ends it and its browser.
struct GeckoDriver {
    child: Child,
    port: u16,
    profile: PathBuf,
}

impl GeckoDriver {
    fn start(profile: &Path) -> Result<Self> {
        let program = env::var_os("GECKODRIVER").unwrap_or_else(|| "geckodriver".into());
        let mut command = Command::new(&program);
        command.args(["--port", "0", "--allow-system-access", "--log", "info"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut stdout = BufReader::new(child.stdout.take().context("the pipe was asked for")?);
        // Made before anything can fail, so that the child ends in any case.
        let mut driver = Self { child, port: 0, profile: profile.to_owned() };
        let mut line = String::new();
        while stdout.read_line(&mut line)? > 0 {
            if let Some((_, port)) = line.trim_end().split_once("Listening on 127.0.0.1:") {
                driver.port = port.parse().context("geckodriver's port")?;
                thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
                return Ok(driver);
            }
            line.clear();
        }
        bail!("geckodriver ended before it said its port")
    }
}

impl Drop for GeckoDriver {
    fn drop(&mut self) {
        // Where a test fails, Firefox is still there; otherwise there is nothing to find.
        if let Ok(process) = super::driver::process_with(&self.profile.display().to_string()) {
            let _ = Command::new("kill").arg(process.to_string()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts a headless Firefox with the packed extension.
    ///
    /// # Errors
    ///
    /// If the extension is not built, or Firefox or geckodriver do not start.
    pub async fn start_firefox(profile: &Path) -> Result<Self> {
        let package = built::target()?.join("pay-cash-extension.zip");
        fs::create_dir_all(profile)?;
        let process = GeckoDriver::start(profile)?;
        let mut preferences = FirefoxPreferences::new();
        preferences.set("extensions.webextensions.uuids", json!({ ADD_ON: ADDRESS }).to_string())?;
        preferences.set("intl.locale.requested", "en-US")?;
        let mut capabilities = DesiredCapabilities::firefox();
        capabilities.set_preferences(preferences)?;
        for argument in ["-headless", "-profile", &profile.display().to_string(), "--width=1280", "--height=900"] {
            capabilities.add_arg(argument)?;
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", process.port), capabilities).await;
        let driver = driver.context("Firefox does not start")?;
        let tools = FirefoxTools::new(driver.handle().clone());
        tools.install_addon(&package.display().to_string(), Some(true)).await.context("the add-on")?;
        let (console, profile) = (profile.join("console.log"), profile.to_owned());
        let extension = ExtensionId::at(format!("moz-extension://{ADDRESS}"));
        Ok(Self { _process: Box::new(process), driver, extension, console, profile })
    }
}
