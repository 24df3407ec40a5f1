//! `cargo lesson page`: the stages side by side in one HTML file. The program that writes it is a package of its
//! own, because highlighting and Markdown take long to compile, and no other command needs them.

use crate::package;
use anyhow::Result;
use ladder::Ladder;
use std::path::Path;
use std::process::ExitCode;

/// Starts the package `page`. Its exit status is returned.
///
/// # Errors
/// Cargo does not run.
pub fn run(ladder: &Ladder, out: Option<&Path>) -> Result<ExitCode> {
    let arguments: Vec<_> = match out {
        Some(out) => vec!["--out".into(), out.into()],
        None => Vec::new(),
    };
    package::start(ladder, "page", "writes the page", &arguments)
}
