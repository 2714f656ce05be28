//! `cargo xtask build`: everything that a browser loads, under `target/`.
//!
//! | folder | made of |
//! | --- | --- |
//! | `extension/` | `www/extension`, and the bindings of `wallet-wasm` and `wallet-ui` in folders of those names |
//! | `pay-cash-extension.zip` | the same, packed |
//! | `widget/` | `merchant-widget/js`, and the bindings of `merchant-widget` |
//! | `shop/` | `www/shop`, with the widget beside its pages |

mod folder;
mod wasm;

use anyhow::{Context, Result};

use crate::{house::House, run::say, tools};

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
    tools::wasm_target(house)?;
    let npm = tools::npm_folder(house)?;
    let compiler = wasm::Compiler::new(house, &npm)?;
    extension(house, &compiler).context("the extension")?;
    widget(house, &compiler).context("the widget")?;
    shop(house).context("the shop")
}

fn extension(house: &House, compiler: &wasm::Compiler) -> Result<()> {
    let folder = house.target(EXTENSION);
    folder::empty(&folder)?;
    folder::copy(&house.source("www/extension"), &folder)?;
    for package in ["wallet-wasm", "wallet-ui"] {
        compiler.bindings(package, &folder.join(package))?;
    }
    let zip = house.target(EXTENSION_ZIP);
    folder::pack(&folder, &zip)?;
    say(&format!("built target/{EXTENSION} and target/{EXTENSION_ZIP}"));
    Ok(())
}

fn widget(house: &House, compiler: &wasm::Compiler) -> Result<()> {
    let folder = house.target(WIDGET);
    folder::empty(&folder)?;
    folder::copy(&house.source("merchant-widget/js"), &folder)?;
    compiler.bindings("merchant-widget", &folder)?;
    say(&format!("built target/{WIDGET}"));
    Ok(())
}

fn shop(house: &House) -> Result<()> {
    let folder = house.target(SHOP);
    folder::empty(&folder)?;
    folder::copy(&house.source("www/shop"), &folder)?;
    folder::copy(&house.target(WIDGET), &folder)?;
    say(&format!("built target/{SHOP}"));
    Ok(())
}
