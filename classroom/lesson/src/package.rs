//! Starts another package of the workspace. A command that needs large crates is a package of its own, so that the
//! other commands compile fast.

use anyhow::{Context, Result};
use ladder::Ladder;
use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::process::{Command, ExitCode};

/// Starts the package `name` with these arguments; cargo compiles it first where it has to. `what` says in a few words
/// what the package does. Returns its exit status.
///
/// # Errors
/// Cargo does not run. Where the package fails, it has printed why.
pub fn start(ladder: &Ladder, name: &str, what: &str, arguments: &[OsString]) -> Result<ExitCode> {
    if io::stderr().is_terminal() {
        eprintln!("starting the program that {what}; the first start compiles it");
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--package", name, "--manifest-path"]);
    cargo.arg(ladder.root.join("Cargo.toml")).arg("--").args(arguments);
    let status = cargo.status().context("cannot run cargo")?;
    // A program that a signal has ended has no exit status.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
