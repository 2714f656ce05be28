//! What the commands need from outside the clone: each is looked for, and installed only where it is missing.
//!
//! Programs from crates.io and npm go into `target/tools`; only the browser, Node.js and the wasm target are installed
//! for the whole machine, and the message says so.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    house::House,
    run::{output, run, say},
};

/// The target of everything that the browser loads.
pub const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// A program that cargo can install.
struct CargoTool {
    package: &'static str,
    /// The programs that must be there; the first one tells the version.
    programs: &'static [&'static str],
    version: String,
    /// Whether another version found on the machine will not do.
    exact: bool,
    /// Whether the lock file that the package ships still builds.
    locked: bool,
}

/// Installs everything that any command needs.
///
/// # Errors
///
/// If something is missing and cannot be installed.
pub fn install_all(house: &House) -> Result<()> {
    wasm_target(house)?;
    npm_folder(house)?;
    chromium(house)?;
    nextest(house)?;
    wasm_pack(house)?;
    cargo_deny(house)?;
    postgresql(house)?;
    flask(house);
    cplusplus(house)?;
    say("everything is installed");
    Ok(())
}

/// The Rust library for the browser.
///
/// # Errors
///
/// If it is missing and rustup cannot add it.
pub fn wasm_target(house: &House) -> Result<()> {
    let libdir = output(house.command("rustc").args(["--print", "target-libdir", "--target", WASM_TARGET]))?;
    if Path::new(libdir.trim()).is_dir() {
        return Ok(());
    }
    say(&format!("rustup target add {WASM_TARGET}"));
    run(house.command("rustup").args(["target", "add", WASM_TARGET])).context("the wasm target is missing")
}

/// Chromium and its driver.
pub struct Chromium {
    /// The browser.
    pub browser: PathBuf,
    /// Its `WebDriver` server.
    pub driver: PathBuf,
}

/// Debian's folder of the languages that Chromium speaks.
const LANGUAGES: &str = "/usr/lib/chromium/locales";

/// Finds Chromium and its driver. Branded Chrome will not do: it no longer loads extensions from the command line.
///
/// # Errors
///
/// If one is missing and cannot be installed.
pub fn chromium(house: &House) -> Result<Chromium> {
    let languages = Path::new(LANGUAGES);
    let english_only = languages.is_dir() && !languages.join("de.pak").is_file();
    if let Some(found) = find_chromium(house).filter(|_| !english_only) {
        return Ok(found);
    }
    apt_install(house, &["chromium", "chromium-driver", "chromium-l10n"])?;
    find_chromium(house).context("chromium or chromedriver is still not on the PATH")
}

fn find_chromium(house: &House) -> Option<Chromium> {
    let browser = house.find("chromium").or_else(|| house.find("chromium-browser"))?;
    Some(Chromium { browser, driver: house.find("chromedriver")? })
}

/// The tools from npm, as `xtask/npm/package-lock.json` pins them; gives the folder that holds `node_modules`.
///
/// # Errors
///
/// If Node.js or a package is missing and cannot be installed.
pub fn npm_folder(house: &House) -> Result<PathBuf> {
    let (source, folder) = (house.source("xtask/npm"), house.target("tools/npm"));
    let lock = fs::read(source.join("package-lock.json")).context("xtask/npm/package-lock.json")?;
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json", ".npmrc", "tsconfig.json", "zxcvbn.mjs"] {
        fs::copy(source.join(file), folder.join(file)).with_context(|| format!("xtask/npm/{file}"))?;
    }
    // Written last, so that a broken-off installation is not taken for a whole one.
    let stamp = folder.join("installed.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(folder);
    }
    if house.find("npm").is_none() {
        apt_install(house, &["nodejs", "npm"])?;
    }
    say("npm ci into target/tools/npm");
    run(house.command("npm").args(["ci", "--no-progress", "--loglevel=error"]).current_dir(&folder))?;
    fs::write(stamp, lock)?;
    Ok(folder)
}

/// The test runner.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub fn nextest(house: &House) -> Result<()> {
    let version = "0.9.143".to_owned();
    let programs = &["cargo-nextest"];
    cargo_install(house, &CargoTool { package: "cargo-nextest", programs, version, exact: false, locked: true })
}

/// wasm-pack, and the runner that it needs, which must be of the version of the `wasm-bindgen` in Cargo.lock.
///
/// # Errors
///
/// If one is missing and cannot be installed.
pub fn wasm_pack(house: &House) -> Result<()> {
    let version = house.locked_version("wasm-bindgen")?;
    let programs = &["wasm-bindgen", "wasm-bindgen-test-runner"];
    // The lock file that it ships names a withdrawn package.
    cargo_install(house, &CargoTool { package: "wasm-bindgen-cli", programs, version, exact: true, locked: false })?;
    let version = "0.15.1".to_owned();
    cargo_install(
        house,
        &CargoTool { package: "wasm-pack", programs: &["wasm-pack"], version, exact: true, locked: true },
    )
}

/// The check of licences, sources and advisories; `deny.toml` is written for this version.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub fn cargo_deny(house: &House) -> Result<()> {
    let version = "0.20.2".to_owned();
    let programs = &["cargo-deny"];
    cargo_install(house, &CargoTool { package: "cargo-deny", programs, version, exact: true, locked: true })
}

/// Debian keeps the programs of each version of PostgreSQL in a folder of their own.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// PostgreSQL: tests start a private one, with its data in a temporary folder.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub fn postgresql(house: &House) -> Result<()> {
    let mut versions = fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    if versions.any(|version| version.path().join("bin/initdb").is_file()) || house.find("initdb").is_some() {
        return Ok(());
    }
    apt_install(house, &["postgresql"])
}

/// Whether some Python has Flask, for the shop of docs/merchant.md that runs on it; it is installed where that is possible.
pub fn flask(house: &House) -> bool {
    has_flask(house) || (apt_install(house, &["python3-flask"]).is_ok() && has_flask(house))
}

/// The Python of the PATH, or Debian's own, for which `apt-get` installs.
fn has_flask(house: &House) -> bool {
    let pythons = [house.find("python3"), Some(PathBuf::from("/usr/bin/python3"))];
    pythons.into_iter().flatten().any(|python| output(house.command(python).args(["-c", "import flask"])).is_ok())
}

/// A C++ compiler, for libFuzzer.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub fn cplusplus(house: &House) -> Result<()> {
    if std::env::var_os("CXX").is_some() || house.find("c++").is_some() {
        return Ok(());
    }
    apt_install(house, &["g++"])
}

/// The program that changes our code and sees whether a test notices.
///
/// # Errors
///
/// If it is missing and cannot be installed.
pub fn cargo_mutants(house: &House) -> Result<()> {
    let version = "27.1.0".to_owned();
    let programs = &["cargo-mutants"];
    cargo_install(house, &CargoTool { package: "cargo-mutants", programs, version, exact: true, locked: true })
}

fn cargo_install(house: &House, tool: &CargoTool) -> Result<()> {
    if is_installed(house, tool) {
        return Ok(());
    }
    let (root, build) = (house.target("tools"), house.target("tools/build"));
    say(&format!("cargo install {} {} into target/tools (some minutes)", tool.package, tool.version));
    let mut command = house.cargo(&["install", "--quiet", tool.package, "--version", &tool.version]);
    command.args([OsStr::new("--root"), root.as_os_str(), OsStr::new("--target-dir"), build.as_os_str()]);
    // These programs wait for others most of the time: half the building time is worth more than their speed.
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    if tool.locked {
        command.arg("--locked");
    }
    run(&mut command)?;
    fs::remove_dir_all(build).context("target/tools/build")
}

fn is_installed(house: &House, tool: &CargoTool) -> bool {
    let programs: Option<Vec<PathBuf>> = tool.programs.iter().map(|program| house.find(program)).collect();
    let Some([first, ..]) = programs.as_deref() else { return false };
    !tool.exact
        || output(house.command(first).arg("--version")).is_ok_and(|answer| answer.trim().ends_with(&tool.version))
}

fn apt_install(house: &House, packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if house.find("apt-get").is_none() || !rustix::process::geteuid().is_root() {
        bail!("missing on this machine: {list}. Please install them (Debian: sudo apt-get install {list})");
    }
    say(&format!("apt-get install {list}"));
    let apt = |arguments: &[&str]| {
        let mut command = house.command("apt-get");
        run(command.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())
}
