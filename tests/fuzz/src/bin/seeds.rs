//! Writes what fuzzing begins with: `fuzz-seeds FOLDER` makes a folder of seeds for each target, and a dictionary.
//! Prints the targets, one a line.

use std::path::PathBuf;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: fuzz-seeds FOLDER")?;
    for target in fuzz::TARGETS {
        let corpus = folder.join(target.name);
        std::fs::create_dir_all(&corpus)?;
        for (number, seed) in fuzz::seeds(target).iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
        println!("{}", target.name);
    }
    std::fs::write(folder.join("dictionary"), fuzz::dictionary())?;
    Ok(())
}
