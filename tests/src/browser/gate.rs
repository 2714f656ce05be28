//! A copy of the built extension whose worker can be stopped at a step, to be killed there.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Browser, built, eventually};

/// How Chromium says that a message has reached nobody.
const NOBODY_LISTENS: &str = "Receiving end does not exist";

/// Where a procedure can be stopped. Between two neighbours nothing is written and nothing leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The worker was asked, and has done nothing.
    Asked,
    /// What is to be sent is on disk, and has not left.
    Committed,
    /// It has left; whether the other side has it, nobody here knows.
    Sent,
    /// The other side has answered; nothing of the answer is on disk.
    Answered,
    /// It is on disk, and the page that asked was not told.
    Recorded,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Asked, Self::Committed, Self::Sent, Self::Answered, Self::Recorded];

    /// What gate.js calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Committed => "committed",
            Self::Sent => "sent",
            Self::Answered => "answered",
            Self::Recorded => "recorded",
        }
    }
}

/// The extension with the gate.
pub struct Gated {
    folder: TempDir,
}

impl Gated {
    /// Copies the built extension and puts the gate before its worker.
    ///
    /// # Errors
    ///
    /// If it is not built, or cannot be copied.
    pub fn extension() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        copy(&built::extension()?, folder.path())?;
        fs::write(folder.path().join("gate.js"), include_str!("gate.js"))?;
        let worker = folder.path().join("worker.js");
        let text = fs::read_to_string(&worker)?;
        fs::write(&worker, format!("import './gate.js';\n{text}"))?;
        Ok(Self { folder })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Copies a folder and all that is in it.
///
/// # Errors
///
/// If the file system does.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

impl Browser {
    /// The worker stops at `step` of the next `action`. The current page is one of the extension.
    ///
    /// # Errors
    ///
    /// If the page is none of the extension.
    pub async fn stop_at(&self, action: &str, step: Step) -> Result<()> {
        let stop = json!({ "stop": { "action": action, "step": step.name() } });
        self.store("chrome.storage.local.remove('stopped').then(() => chrome.storage.local.set(arguments[0]))", stop)
            .await
    }

    /// Waits until the worker has stopped.
    ///
    /// # Errors
    ///
    /// If it does not in time.
    pub async fn stopped_at(&self, step: Step) -> Result<()> {
        eventually(&format!("the worker stops: {}", step.name()), async || {
            let script = "const done = arguments[0];
                chrome.storage.local.get('stopped').then(({ stopped }) => done(stopped ?? null))";
            let stopped = self.driver().execute_async(script, vec![]).await?;
            Ok((*stopped.json() == json!(step.name())).then_some(()))
        })
        .await
    }

    /// Lets a worker that has stopped go on.
    ///
    /// # Errors
    ///
    /// If the current page is none of the extension.
    pub async fn go_on(&self) -> Result<()> {
        self.store("chrome.storage.local.remove(arguments[0])", json!("stopped")).await
    }

    /// From now on nobody answers the wallet, or everybody does again.
    ///
    /// # Errors
    ///
    /// If the current page is none of the extension.
    pub async fn set_silent(&self, silent: bool) -> Result<()> {
        self.store("chrome.storage.local.set(arguments[0])", json!({ "silent": silent })).await
    }

    async fn store(&self, what: &str, argument: Value) -> Result<()> {
        let script =
            format!("const done = arguments[1]; {what}.then(() => done(true), (fault) => done(String(fault)))");
        let stored = self.driver().execute_async(script, vec![argument]).await?;
        ensure!(*stored.json() == json!(true), "{}", stored.json());
        Ok(())
    }

    /// Asks the worker from the current page, which is one of the extension, and gives its answer. A worker that a browser
    /// has just started may not listen yet: what nobody has received is asked again.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn ask_worker(&self, action: &str, input: Value) -> Result<Value> {
        let script = "const [message, done] = arguments;
            chrome.runtime.sendMessage(message).then(done, (fault) => done({ lost: String(fault) }))";
        let message = json!({ "action": action, "input": input });
        let answer = eventually(&format!("{action} is received"), async || {
            let answered = self.driver().execute_async(script, vec![message.clone()]).await;
            let answer = answered.map(|answer| answer.json().clone());
            // Only what has reached nobody may be said twice: all else, also a fault of the driver, is the answer.
            let reached = answer.as_ref().map_or(true, |it| !it["lost"].to_string().contains(NOBODY_LISTENS));
            Ok(reached.then_some(answer))
        })
        .await??;
        ensure!(answer["ok"].is_object(), "{action}: {answer}");
        Ok(answer["ok"].clone())
    }

    /// Asks the worker, and does not wait for an answer.
    ///
    /// # Errors
    ///
    /// If the page is gone.
    pub async fn begin(&self, action: &str, input: Value) -> Result<()> {
        let script = "void chrome.runtime.sendMessage(arguments[0]).catch(() => null)";
        self.driver().execute(script, vec![json!({ "action": action, "input": input })]).await?;
        Ok(())
    }
}
