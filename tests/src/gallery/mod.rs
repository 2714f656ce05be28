//! Every screen of the extension in every state: the real pages, drawn from answers that the worker might give.
//!
//! What the worker really answers is shown by the tests that drive the whole of it (`browser_sample`, `browser_attacks`).
//! Here its answers are made up, typed by `wallet-messages`, so that states which are rare or far away can be looked at
//! too. Pictures of all of them are left in `target/screenshots/states`.

mod scenes;
mod worlds;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use thirtyfour::By;
use wallet_messages::{Action, Answer, Fault, MoneyMoved};

use crate::browser::Browser;
use crate::screens::id;

pub use scenes::scenes;

/// One state of one screen.
pub struct Scene {
    /// Names its pictures.
    pub name: &'static str,
    /// The page's address inside the extension.
    pub page: &'static str,
    /// The `data-testid` that is there when the state is drawn.
    pub shows: &'static str,
    /// What the worker answers; an action that is missing here is not answered at all.
    answers: Vec<(&'static str, Value)>,
    /// What a person does before the state is there.
    steps: Vec<Step>,
}

/// What a person does.
enum Step {
    Click(&'static str),
    Fill(&'static str, &'static str),
    Choose(&'static str, &'static str),
}

impl Scene {
    fn new(name: &'static str, page: &'static str, shows: &'static str) -> Self {
        Self { name, page, shows, answers: Vec::new(), steps: Vec::new() }
    }

    fn with<A: Action>(mut self, output: &A::Output) -> Self {
        self.answers.push((A::NAME, json!({ "ok": output })));
        self
    }

    fn failing<A: Action>(mut self, code: &str, money: MoneyMoved, detail: Option<&str>) -> Self {
        let fault = Fault { code: code.to_owned(), detail: detail.map(str::to_owned), money, paid: None };
        self.answers.push((A::NAME, to_value(&Answer::<()>::Error(fault))));
        self
    }

    fn click(mut self, testid: &'static str) -> Self {
        self.steps.push(Step::Click(testid));
        self
    }

    fn fill(mut self, testid: &'static str, text: &'static str) -> Self {
        self.steps.push(Step::Fill(testid, text));
        self
    }

    fn choose(mut self, testid: &'static str, value: &'static str) -> Self {
        self.steps.push(Step::Choose(testid, value));
        self
    }
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("messages are JSON")
}

/// Takes the place of the worker for a page, before its first script.
const STAND_IN: &str = "(() => {
    if (location.protocol !== 'chrome-extension:' || !globalThis.chrome?.runtime) return;
    const answers = ANSWERS;
    chrome.runtime.sendMessage = ({ action }) =>
        action in answers ? Promise.resolve(answers[action]) : new Promise(() => {});
})()";

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Light.
    Light,
    /// Dark.
    Dark,
    /// 320 CSS pixels wide, as at 400 % zoom.
    Narrow,
    /// The few colours that a person has chosen.
    Forced,
}

impl Look {
    /// All of them.
    const ALL: &[Self] = &[Self::Light, Self::Dark, Self::Narrow, Self::Forced];
    /// Those in which another language can look wrong.
    const OF_TEXTS: &[Self] = &[Self::Light, Self::Dark, Self::Narrow];

    /// Its name in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Narrow => "narrow",
            Self::Forced => "forced",
        }
    }

    fn media(self) -> Value {
        let scheme = if self == Self::Dark { "dark" } else { "light" };
        let forced = if self == Self::Forced { "active" } else { "none" };
        json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "forced-colors", "value": forced },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] })
    }
}

/// A browser whose pages ask us instead of the worker.
pub struct Gallery<'a> {
    browser: &'a Browser,
    language: &'static str,
}

impl<'a> Gallery<'a> {
    /// The gallery of a browser that speaks `language`.
    pub fn new(browser: &'a Browser, language: &'static str) -> Self {
        Self { browser, language }
    }

    /// How this gallery is looked at: in every way in English, and in German where the longer texts could make a
    /// difference.
    pub fn looks(&self) -> &'static [Look] {
        if self.language == "en" { Look::ALL } else { Look::OF_TEXTS }
    }

    /// Whether axe looks as well. Where colours are forced, the browser sees to the contrast, and axe would measure what is
    /// not shown; the dark colours are the same in every language.
    pub fn is_measured(&self, look: Look) -> bool {
        look == Look::Light || (look == Look::Dark && self.language == "en")
    }

    /// Draws a scene.
    ///
    /// # Errors
    /// It does not come to be.
    pub async fn draw(&self, scene: &Scene) -> Result<()> {
        let devtools = self.browser.driver().cdp();
        let answers: serde_json::Map<String, Value> =
            scene.answers.iter().map(|(action, answer)| ((*action).to_owned(), answer.clone())).collect();
        let source = STAND_IN.replace("ANSWERS", &Value::Object(answers).to_string());
        let script = devtools.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": source })).await?;
        self.look(Look::Light, scene).await?;
        // A page that differs by its fragment alone would not be loaded anew.
        self.browser.open("about:blank").await?;
        self.browser.open_extension(scene.page).await?;
        let drawn = self.play(scene).await;
        devtools.send_raw("Page.removeScriptToEvaluateOnNewDocument", script).await?;
        drawn.with_context(|| format!("the scene {}", scene.name))
    }

    async fn play(&self, scene: &Scene) -> Result<()> {
        for step in &scene.steps {
            match step {
                Step::Click(testid) => self.browser.click(&id(testid)).await?,
                Step::Fill(testid, text) => self.browser.fill(&id(testid), text).await?,
                Step::Choose(testid, value) => {
                    self.browser.click(&format!("{} option[value=\"{value}\"]", id(testid))).await?;
                }
            }
        }
        self.browser.element(&id(scene.shows)).await?;
        if scene.steps.is_empty() && self.browser.driver().find(By::Css(id("pay"))).await.is_ok() {
            // It wakes up a moment after the window has come to rest.
            self.browser.element(&format!("{}:enabled", id("pay"))).await?;
        }
        Ok(())
    }

    /// Looks at the scene that is drawn in another way.
    ///
    /// # Errors
    /// The browser does not obey.
    pub async fn look(&self, look: Look, scene: &Scene) -> Result<()> {
        let devtools = self.browser.driver().cdp();
        devtools.send_raw("Emulation.setEmulatedMedia", look.media()).await?;
        devtools.send_raw("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await?;
        let (width, height) = match (look, scene.page.starts_with("approval")) {
            (Look::Narrow, _) => (320, 640),
            (_, true) => (420, 680),
            (_, false) => (600, 800),
        };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        devtools.send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Fails if something does not fit the width, or a text is missing.
    ///
    /// # Errors
    /// It does not, or one is.
    pub async fn assert_whole(&self, scene: &Scene) -> Result<()> {
        let script = r"
            const wide = document.scrollingElement.scrollWidth - innerWidth;
            const gaps = document.body.innerText.match(/\b[a-z]+(?:_[a-z0-9]+)+\b/g) ?? [];
            return { wide, gaps };";
        let found = self.browser.driver().execute(script, vec![]).await?;
        let found = found.json();
        ensure!(found["wide"].as_i64() <= Some(0), "{}: {} pixels too wide", scene.name, found["wide"]);
        ensure!(found["gaps"] == json!([]), "{}: texts are missing: {}", scene.name, found["gaps"]);
        Ok(())
    }

    /// Leaves a picture of the whole page.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn picture(&self, scene: &Scene, look: Look) -> Result<()> {
        let name = format!("states/{}-{}-{}", scene.name, self.language, look.name());
        self.browser.whole_page(&name).await
    }
}
