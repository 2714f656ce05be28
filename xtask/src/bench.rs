//! `cargo xtask bench`: sizes and timings, printed beside their goals as ratios. Nothing is asserted.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use clap::Args;
use flate2::{Compression, write::GzEncoder};

use crate::{
    build,
    house::House,
    run::{run, say},
    tools,
};

/// What of `cargo xtask bench` to run.
#[derive(Args)]
pub struct Options {
    /// What to measure: `sizes`, the name of a bench, or the name of a package (`server-stub`) for all of its benches;
    /// without any, everything.
    what: Vec<String>,
}

/// A file that a browser loads, and how large it may be.
struct Size {
    what: &'static str,
    file: &'static str,
    goal_kilobytes: Option<u32>,
    /// Whether it travels compressed; a zip file is compressed already.
    gzip: bool,
}

const SIZES: [Size; 5] = [
    Size {
        what: "wallet wasm",
        file: "extension/wallet-wasm/wallet_wasm_bg.wasm",
        goal_kilobytes: Some(300),
        gzip: true,
    },
    Size { what: "wallet pages wasm", file: "extension/wallet-ui/wallet_ui_bg.wasm", goal_kilobytes: None, gzip: true },
    Size { what: "extension zip", file: build::EXTENSION_ZIP, goal_kilobytes: Some(500), gzip: false },
    Size { what: "widget first script", file: "widget/pay-cash.js", goal_kilobytes: Some(6), gzip: true },
    Size { what: "widget wasm", file: "widget/merchant_widget_bg.wasm", goal_kilobytes: None, gzip: true },
];

/// The bench that drives a browser with what `build` makes, against the program of the server.
const IN_A_BROWSER: &str = "wallet";

/// Measures and prints.
///
/// # Errors
///
/// If something does not build or run.
pub fn bench(house: &House, options: &Options) -> Result<()> {
    let wanted = |what: &str| options.what.is_empty() || options.what.iter().any(|it| it == what);
    if wanted("sizes") {
        build::build(house)?;
        sizes(house)?;
    }
    if wanted(IN_A_BROWSER) {
        build::build(house)?;
        tools::chromium(house)?;
        run(&mut house.cargo(&["build", "--release", "--locked", "--package", "server-stub", "--bins"]))?;
    }
    for bench in house.targets_of_kind("bench").filter(|bench| wanted(bench.package) || wanted(bench.name)) {
        say(&format!("{}: bench {}", bench.package, bench.name));
        run(&mut house.cargo(&["bench", "--locked", "--package", bench.package, "--bench", bench.name]))?;
    }
    Ok(())
}

fn sizes(house: &House) -> Result<()> {
    println!("{:<22}{:>10}{:>10}{:>10}{:>8}", "KB (1000 bytes)", "raw", "gzip", "goal", "ratio");
    for size in &SIZES {
        let path = house.target(size.file);
        if path.exists() {
            println!("{}", row(size, &path)?);
        } else {
            println!("{:<22}not built", size.what);
        }
    }
    Ok(())
}

fn row(size: &Size, path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    let raw = kilobytes(bytes.len());
    let packed = kilobytes(gzip(&bytes)?.len());
    let counted = if size.gzip { packed } else { raw };
    let (goal, ratio) = size.goal_kilobytes.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |goal| (goal.to_string(), format!("{:.2}", counted / f64::from(goal))),
    );
    Ok(format!("{:<22}{raw:>10.1}{packed:>10.1}{goal:>10}{ratio:>8}", size.what))
}

/// What a web server sends.
///
/// # Errors
///
/// Never, as it is written to memory.
pub fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn kilobytes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1000.0
}
