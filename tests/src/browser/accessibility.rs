//! axe-core on the current page.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::json;

use super::{Browser, built};

/// A rule of accessibility that a page breaks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Violation {
    /// axe's name of the rule.
    pub id: String,
    /// How bad it is: minor, moderate, serious or critical.
    pub impact: Option<String>,
    /// What the rule asks for.
    pub help: String,
    /// The elements that break it.
    pub nodes: Vec<Node>,
}

/// An element that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// Its HTML.
    pub html: String,
    /// What to do, in axe's words.
    #[serde(rename = "failureSummary")]
    pub failure_summary: Option<String>,
}

/// The rules to check: WCAG 2.2 up to level AA, and what axe holds to be good practice.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/// Where npm has put axe, under the target directory.
const AXE: &str = "tools/npm/node_modules/axe-core/axe.min.js";

impl Browser {
    /// What is wrong with the current page for people who use it without eyes or without a mouse.
    ///
    /// # Errors
    ///
    /// If axe is not installed (`cargo xtask setup`) or does not run.
    pub async fn accessibility(&self) -> Result<Vec<Violation>> {
        let is_there = self.driver.execute("return typeof axe === 'object'", vec![]).await?;
        if *is_there.json() != json!(true) {
            let file = built::target()?.join(AXE);
            let axe = fs::read_to_string(&file).with_context(|| format!("{}: cargo xtask setup", file.display()))?;
            self.driver.execute(axe, vec![]).await.context("loading axe")?;
        }
        let script = "const [rules, done] = arguments;
            axe.run({ runOnly: rules }).then(
                (found) => done({ violations: found.violations }),
                (error) => done({ error: String(error) }))";
        let answer = self.driver.execute_async(script, vec![json!(RULES)]).await.context("running axe")?;
        let answer = answer.json();
        anyhow::ensure!(answer["error"].is_null(), "axe: {}", answer["error"]);
        serde_json::from_value(answer["violations"].clone()).context("axe's answer")
    }

    /// Fails if the current page breaks a rule of accessibility.
    ///
    /// # Errors
    ///
    /// If it does; the error names the rules and the elements.
    pub async fn assert_accessible(&self) -> Result<()> {
        let violations = self.accessibility().await?;
        let rules: BTreeSet<&str> = violations.iter().map(|violation| violation.id.as_str()).collect();
        anyhow::ensure!(violations.is_empty(), "not accessible ({rules:?}): {violations:#?}");
        Ok(())
    }
}
