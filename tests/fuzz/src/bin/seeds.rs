//! Writes what fuzzing begins with: `fuzz-seeds FOLDER` makes a folder of seeds for each target, and a dictionary.
//! Prints the targets, one a line, each with how often it runs every day.

use std::path::PathBuf;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: fuzz-seeds FOLDER")?;
    for target in fuzz::TARGETS {
        let seeds = folder.join("seeds").join(target.name);
        // What an older version has left is no seed.
        if seeds.exists() {
            std::fs::remove_dir_all(&seeds)?;
        }
        std::fs::create_dir_all(&seeds)?;
        for (number, seed) in fuzz::seeds(target).iter().enumerate() {
            std::fs::write(seeds.join(format!("{number:04}")), seed)?;
        }
        println!("{} {}", target.name, target.daily_runs);
    }
    std::fs::write(folder.join("dictionary"), fuzz::dictionary())?;
    Ok(())
}
