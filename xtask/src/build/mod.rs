//! `cargo xtask build`: everything that a browser loads, under `target/`.
//!
//! | folder | made of |
//! | --- | --- |
//! | `extension/` | `www/extension`, the bindings of `wallet-wasm` and `wallet-ui` in folders of those names, and `zxcvbn.js` |
//! | `pay-cash-extension.zip` | the same, packed |
//! | `widget/` | `merchant-widget/js` made small, once under its name and once under that of its version, and the bindings of `merchant-widget` |
//! | `shop/` | `www/shop`, with the widget beside its pages |

mod folder;
mod script;
mod wasm;

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context, Result, ensure};

use crate::{
    house::House,
    run::{run, say},
    tools,
};

/// The built extension, as a folder.
pub const EXTENSION: &str = "extension";
/// The built extension, packed.
pub const EXTENSION_ZIP: &str = "pay-cash-extension.zip";
/// The built widget.
pub const WIDGET: &str = "widget";
/// The built demo shop.
pub const SHOP: &str = "shop";

/// Builds everything that a browser loads.
///
/// # Errors
///
/// If a tool is missing, or any part does not build.
pub fn build(house: &House) -> Result<()> {
    let _turn = wait_for_turn(house)?;
    tools::wasm_target(house)?;
    let npm = tools::npm_folder(house)?;
    let compiler = wasm::Compiler::new(house, &npm)?;
    extension(house, &compiler, &npm).context("the extension")?;
    widget(house, &npm, &compiler).context("the widget")?;
    shop(house).context("the shop")
}

/// Builds the worker's wasm once more, in another folder with a longer name, and compares: anyone can build what a store
/// ships, and find the same bytes.
///
/// # Errors
///
/// If a file differs, or anything does not build.
pub fn rebuild_elsewhere(house: &House) -> Result<()> {
    const WORKER: &str = "wallet-wasm";
    let npm = tools::npm_folder(house)?;
    let elsewhere = tempfile::tempdir()?;
    let other = house.copied_to(&elsewhere.path().join("another-folder/with-a-longer-name"))?;
    let (built, rebuilt) = (house.target(EXTENSION).join(WORKER), other.target(WORKER));
    wasm::Compiler::new(&other, &npm)?.bindings(WORKER, &rebuilt)?;
    let files = folder::files(&built)?;
    ensure!(files == folder::files(&rebuilt)?, "other files than in {}", built.display());
    for file in files {
        let same = fs::read(built.join(&file))? == fs::read(rebuilt.join(&file))?;
        ensure!(same, "{} differs when it is built in another folder", file.display());
    }
    say("the worker's wasm is the same, byte for byte, built in another folder");
    Ok(())
}

/// Holds off other builds of this clone until it is dropped: two at once would mix their files.
fn wait_for_turn(house: &House) -> Result<File> {
    let path = house.target("xtask-build.lock");
    let lock = File::create(&path).with_context(|| path.display().to_string())?;
    if lock.try_lock().is_err() {
        say("another build is under way: waiting for it");
        lock.lock()?;
    }
    Ok(lock)
}

fn extension(house: &House, compiler: &wasm::Compiler, npm: &Path) -> Result<()> {
    assemble(house, EXTENSION, |folder| {
        folder::copy(&house.source("www/extension"), folder)?;
        // What www/extension/meter.js loads when a new passphrase is typed.
        run(house.command("node").current_dir(npm).arg("zxcvbn.mjs").arg(folder.join("zxcvbn.js")))?;
        for package in ["wallet-wasm", "wallet-ui"] {
            compiler.bindings(package, &folder.join(package))?;
        }
        Ok(())
    })?;
    folder::pack(&house.target(EXTENSION), &house.target(EXTENSION_ZIP))?;
    say(&format!("packed target/{EXTENSION_ZIP}"));
    Ok(())
}

fn widget(house: &House, npm: &Path, compiler: &wasm::Compiler) -> Result<()> {
    assemble(house, WIDGET, |folder| {
        folder::copy(&house.source("merchant-widget/js"), folder)?;
        compiler.bindings("merchant-widget", folder)?;
        script::publish(house, npm, folder)
    })
}

/// Puts the files of several source folders together into one folder of the target directory.
///
/// # Errors
///
/// If the file system does.
pub fn gather(house: &House, sources: &[&str], name: &str) -> Result<()> {
    assemble(house, name, |folder| sources.iter().try_for_each(|source| folder::copy(&house.source(source), folder)))
}

fn shop(house: &House) -> Result<()> {
    assemble(house, SHOP, |folder| {
        folder::copy(&house.source("www/shop"), folder)?;
        folder::copy(&house.target(WIDGET), folder)
    })
}

/// Fills a new folder and puts it in the place of the old one when it is whole: a browser may have the old one open.
fn assemble(house: &House, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (place, scaffold) = (house.target(name), house.target("scaffold").join(name));
    folder::empty(&scaffold)?;
    fill(&scaffold)?;
    folder::replace(&place, &scaffold)?;
    say(&format!("built target/{name}"));
    Ok(())
}
