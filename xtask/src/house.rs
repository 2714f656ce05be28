//! Where things lie in this clone, and what cargo knows of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run;

/// The clone that the commands work on.
pub struct House {
    root: PathBuf,
    target: PathBuf,
    metadata: Value,
}

impl House {
    /// Finds the clone that this program was built from.
    ///
    /// # Errors
    ///
    /// If `cargo metadata` fails, as it does where Cargo.lock is out of date.
    pub fn open() -> Result<Self> {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    /// The clone that `folder` is in.
    ///
    /// # Errors
    ///
    /// As [`House::open`].
    pub fn at(folder: &Path) -> Result<Self> {
        let mut metadata = Command::new(cargo());
        metadata.args(["metadata", "--format-version=1", "--locked", "--no-deps"]).current_dir(folder);
        let metadata: Value =
            serde_json::from_str(&run::output(&mut metadata)?).context("cargo metadata is not JSON")?;
        let path = |key: &str| metadata[key].as_str().map(PathBuf::from).with_context(|| format!("no {key}"));
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, metadata })
    }

    /// The same sources in another place, with a target directory of their own: what is under version control, as it is now.
    ///
    /// # Errors
    ///
    /// If git or the file system fails.
    pub fn copied_to(&self, place: &Path) -> Result<Self> {
        let tracked = run::output(self.command("git").args(["ls-files", "-z"]))?;
        // A file that is deleted and not committed yet is not there.
        for file in tracked.split_terminator('\0').filter(|file| self.root.join(file).is_file()) {
            let copy = place.join(file);
            fs::create_dir_all(copy.parent().context("a file is in a folder")?)?;
            fs::copy(self.root.join(file), copy).with_context(|| file.to_owned())?;
        }
        Ok(Self { target: place.join("target"), ..Self::at(place)? })
    }

    /// A file or folder of the source tree.
    pub fn source(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A file or folder of the target directory.
    pub fn target(&self, path: &str) -> PathBuf {
        self.target.join(path)
    }

    /// A command that runs in the root of the clone, finding our own tools before the machine's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root).env("PATH", self.search_path()).env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A cargo command in the root of the clone.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(cargo());
        command.args(arguments);
        command
    }

    /// Where programs are looked for.
    pub fn search_path(&self) -> std::ffi::OsString {
        let machine = env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(self.target("tools/bin")).chain(env::split_paths(&machine));
        // A folder whose name holds the separator cannot be told apart; then the machine's own list has to do.
        env::join_paths(paths).unwrap_or(machine)
    }

    /// The path of `program`, if it can be found.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(&self.search_path()).map(|folder| folder.join(program)).find(|path| path.is_file())
    }

    /// The names of our own packages.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages.filter_map(|package| package["name"].as_str())
    }

    /// The targets of the whole workspace.
    fn targets(&self) -> impl Iterator<Item = Target<'_>> {
        let packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages.flat_map(|package| {
            let targets = package["targets"].as_array().into_iter().flatten();
            targets.filter_map(move |target| Target::read(package, target))
        })
    }

    /// The version of a member of the workspace.
    pub fn version(&self, package: &str) -> Option<&str> {
        let mut packages = self.metadata["packages"].as_array().into_iter().flatten();
        packages.find(|it| it["name"] == package)?["version"].as_str()
    }

    /// Whether `package` yields a wasm module of its own.
    pub fn yields_wasm(&self, package: &str) -> bool {
        self.targets_of_kind("cdylib").any(|target| target.package == package)
    }

    /// The targets of a kind: `test`, `bench`, `cdylib`.
    pub fn targets_of_kind(&self, kind: &'static str) -> impl Iterator<Item = Target<'_>> {
        self.targets().filter(move |target| target.kinds.iter().any(|it| it == kind))
    }

    /// The version of `package` in Cargo.lock.
    ///
    /// # Errors
    ///
    /// If Cargo.lock cannot be read or does not name the package.
    pub fn locked_version(&self, package: &str) -> Result<String> {
        let lock = fs::read_to_string(self.source("Cargo.lock")).context("Cargo.lock")?;
        let entry = format!("name = \"{package}\"\nversion = \"");
        let (_, rest) = lock.split_once(&entry).with_context(|| format!("{package} is not in Cargo.lock"))?;
        let (version, _) = rest.split_once('"').context("Cargo.lock is cut short")?;
        Ok(version.to_owned())
    }
}

/// Something that cargo can build.
pub struct Target<'a> {
    /// The member of the workspace that it belongs to.
    pub package: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its first file.
    pub source: &'a Path,
    kinds: &'a [Value],
}

impl<'a> Target<'a> {
    fn read(package: &'a Value, target: &'a Value) -> Option<Self> {
        Some(Self {
            package: package["name"].as_str()?,
            name: target["name"].as_str()?,
            source: Path::new(target["src_path"].as_str()?),
            kinds: target["kind"].as_array()?,
        })
    }
}

/// The cargo that started us, or else the one on the search path.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
