//! The widget's first script as shops get it: small, under a name that is never given to other bytes, and with the line
//! that puts it into a page.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256, Sha384};

use crate::{
    bench::gzip,
    house::House,
    run::{output, say},
};

/// The script's name that stays the same from version to version.
const FLOATING: &str = "pay-cash.js";
/// What a shop's templates read: `version`, `file`, `integrity`, `tag`.
const CARD: &str = "pay-cash.json";
/// The most that a shop's page may have to load before there is a button.
const MAX_PACKED_BYTES: usize = 6_000;

/// Makes `pay-cash.js` in `folder` small, lays `pay-cash-VERSION-HASH.js` beside it, and prints the tag for a page.
///
/// # Errors
///
/// If terser fails, or the script is too large, or does not carry the version of its package.
pub fn publish(house: &House, npm: &Path, folder: &Path) -> Result<()> {
    let source = house.source("merchant-widget/js").join(FLOATING);
    let version = house.version("merchant-widget").context("merchant-widget has no version")?;
    let text = fs::read_to_string(&source).with_context(|| source.display().to_string())?;
    ensure!(text.contains(&format!("VERSION = \"{version}\"")), "{FLOATING} is not of version {version}");
    let mut terser = house.command("node");
    terser.arg(npm.join("node_modules/terser/bin/terser")).arg(&source);
    let small = output(terser.args(["--compress", "passes=2", "--mangle", "--ecma", "2022"]))?;
    let packed = gzip(small.as_bytes())?.len();
    ensure!(packed <= MAX_PACKED_BYTES, "{FLOATING} has {packed} bytes after gzip, more than {MAX_PACKED_BYTES}");
    let file = format!("pay-cash-{version}-{}.js", mark(small.as_bytes()));
    let integrity = format!("sha384-{}", STANDARD.encode(Sha384::digest(&small)));
    let tag = format!(r#"<script async src="/{file}" integrity="{integrity}" crossorigin="anonymous"></script>"#);
    fs::write(folder.join(FLOATING), &small)?;
    fs::write(folder.join(&file), &small)?;
    let card = json!({ "version": version, "file": file, "integrity": integrity, "tag": tag });
    fs::write(folder.join(CARD), format!("{card:#}\n"))?;
    say(&format!("the line for a shop's page: {tag}"));
    Ok(())
}

/// The beginning of the script's hash: enough to tell the builds of one version apart.
fn mark(script: &[u8]) -> String {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(script));
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}
