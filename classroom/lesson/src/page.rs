//! `cargo lesson page`: the stages side by side in one HTML file. The program that writes it is a package of its
//! own, because highlighting and Markdown take long to compile, and no other command needs them.

use anyhow::{Context, Result};
use ladder::Ladder;
use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{Command, ExitCode};

/// Starts the package `page`, which cargo compiles first where it has to.
///
/// # Errors
/// Cargo does not run. Where `page` fails, it has printed why, and the exit status is 1.
pub fn run(ladder: &Ladder, out: Option<&Path>) -> Result<ExitCode> {
    if io::stderr().is_terminal() {
        eprintln!("starting the program that writes the page; the first start compiles it");
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--package", "page", "--manifest-path"]);
    cargo.arg(ladder.root.join("Cargo.toml")).arg("--");
    if let Some(out) = out {
        cargo.arg("--out").arg(out);
    }
    let status = cargo.status().context("cannot run cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
