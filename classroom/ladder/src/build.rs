//! Builds the programs of stages.

use crate::{Ladder, Stage};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds stages, without their windows, and returns for each stage's name the path of its binary. They are built
/// in a folder of their own, because the binaries that `cargo run` builds may be running.
///
/// # Errors
/// A stage that does not build; cargo has printed why.
pub fn build(ladder: &Ladder, stages: &[&Stage]) -> Result<BTreeMap<String, PathBuf>> {
    let mut names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if io::stderr().is_terminal() {
        eprintln!("building {} …", names.join(", "));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    cargo.args(["build", "--quiet", "--no-default-features"]).current_dir(&ladder.root);
    cargo.arg("--target-dir").arg(Path::new(&target).join("lesson"));
    cargo.arg("--message-format=json-render-diagnostics");
    for name in &names {
        cargo.args(["--package", name]);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "{} does not compile; the first error is above",
        names.join(", ")
    );
    let mut binaries = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).context("cargo prints no JSON")?;
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if let Some(path) = message["executable"].as_str() {
            binaries.insert(name.to_string(), PathBuf::from(path));
        }
    }
    for name in names {
        ensure!(binaries.contains_key(name), "cargo has built no program {name}");
    }
    Ok(binaries)
}
