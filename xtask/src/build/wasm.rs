//! From a crate to the wasm and the JavaScript that a browser loads.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    house::House,
    run::{output, run, say},
    tools::WASM_TARGET,
};

/// Compiles crates for the browser: small, without debug information and without the paths of the machine.
pub struct Compiler<'a> {
    house: &'a House,
    wasm_opt: PathBuf,
    /// Folders of this machine, and the names that stand for them in what is built.
    names: Vec<(PathBuf, &'static str)>,
}

impl<'a> Compiler<'a> {
    /// A compiler that uses the wasm-opt of the npm folder.
    ///
    /// # Errors
    ///
    /// If the sources of the dependencies cannot be had.
    pub fn new(house: &'a House, npm: &Path) -> Result<Self> {
        // The folder that holds the sources of the dependencies has to exist before its name can be hidden.
        run(&mut house.cargo(&["fetch", "--quiet", "--locked"]))?;
        let wasm_opt = npm.join("node_modules/binaryen/bin/wasm-opt");
        Ok(Self { house, wasm_opt, names: names(house)? })
    }

    /// Compiles `package` and lays its bindings into `folder`; does nothing for a package without a wasm of its own.
    ///
    /// # Errors
    ///
    /// If any stage fails.
    pub fn bindings(&self, package: &str, folder: &Path) -> Result<()> {
        if !self.house.yields_wasm(package) {
            say(&format!("{package} has no cdylib target: left out"));
            return Ok(());
        }
        say(&format!("{package}: cargo build --profile wasm, wasm-bindgen, wasm-opt -Oz"));
        let module = package.replace('-', "_");
        let compiled = self.compile(package)?.join(&module).with_extension("wasm");
        bind(&compiled, folder).with_context(|| format!("wasm-bindgen of {package}"))?;
        let wasm = folder.join(format!("{module}_bg.wasm"));
        self.shrink(&wasm)?;
        self.find_no_folder_in(&wasm)
    }

    /// Gives the folder that holds the compiled module.
    fn compile(&self, package: &str) -> Result<PathBuf> {
        let mut cargo = self.house.cargo(&["build", "--locked", "--lib", "--profile", "wasm", "--target", WASM_TARGET]);
        run(cargo.args(["--package", package]).env("CARGO_ENCODED_RUSTFLAGS", rust_flags(&self.names)))?;
        Ok(self.house.target(WASM_TARGET).join("wasm"))
    }

    fn shrink(&self, wasm: &Path) -> Result<()> {
        let mut node = self.house.command("node");
        // Which extensions of WebAssembly it may use, it reads from the module itself.
        let flags = [
            "-Oz",
            "-aimfs",
            "0",
            "-fimfs",
            "0",
            "-ocimfs",
            "0",
            // Zeros compress to nothing; the headers of thousands of pieces between them do not.
            "--skip-pass=memory-packing",
            "--strip-debug",
            "--strip-producers",
            "--strip-target-features",
        ];
        run(node.arg(&self.wasm_opt).args(flags).arg(wasm).arg("-o").arg(wasm))
    }

    /// A module that tells where it was built is another one on every machine. That this is all that could differ is shown by
    /// the step `reproducible` of `cargo xtask test`.
    fn find_no_folder_in(&self, wasm: &Path) -> Result<()> {
        let bytes = fs::read(wasm)?;
        for (folder, _) in &self.names {
            let name = folder.as_os_str().as_encoded_bytes();
            let told = bytes.windows(name.len()).any(|part| part == name);
            ensure!(!told, "{} tells the folder {}", wasm.display(), folder.display());
        }
        Ok(())
    }
}

fn bind(compiled: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(compiled).web(true)?.typescript(false);
    // The glue finds its module beside itself, so that pages and worker need not know its name.
    bindgen.remove_name_section(true).remove_producers_section(true).omit_default_module_path(false);
    // The wallet's worker goes on with a fresh instance where one could not.
    bindgen.reset_state_function(true);
    bindgen.generate(folder)
}

/// Makes Leptos erase the types of components, so that each combination of them is not compiled by itself.
const LESS_GENERIC: &str = "--cfg=erase_components";

/// A short name for each folder of this machine, so that the same sources give the same bytes anywhere.
fn names(house: &House) -> Result<Vec<(PathBuf, &'static str)>> {
    let sysroot = output(house.command("rustc").args(["--print", "sysroot"]))?;
    // Later flags win over earlier ones, so the folders inside come after those around them.
    let mut names =
        vec![(house.source(""), "/pay-cash/"), (PathBuf::from(sysroot.trim()), "/rust"), (cargo_home()?, "/cargo")];
    let sources = cargo_home()?.join("registry/src");
    for registry in fs::read_dir(&sources).with_context(|| sources.display().to_string())? {
        names.push((registry?.path(), "/deps"));
    }
    Ok(names)
}

fn rust_flags(names: &[(PathBuf, &str)]) -> String {
    let flags = names.iter().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    // The separator that cargo reads, so that a folder's name may hold spaces.
    flags.chain([LESS_GENERIC.to_owned()]).collect::<Vec<_>>().join("\u{1f}")
}

fn cargo_home() -> Result<PathBuf> {
    let chosen = env::var_os("CARGO_HOME").map(PathBuf::from);
    chosen.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).context("neither CARGO_HOME nor a home folder")
}
