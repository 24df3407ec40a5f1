//! Builds the programs of stages.

use crate::{Ladder, Stage};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds stages, without their windows, and returns for each stage's name the path of its binary. They are built
/// in a folder of their own, because the binaries that `cargo run` builds may be running.
///
/// # Errors
/// A stage that does not build; cargo has printed why.
pub fn build(ladder: &Ladder, stages: &[&Stage]) -> Result<BTreeMap<String, PathBuf>> {
    let how = How { folder: "lesson", options: &[], built: &mut |_| {} };
    if io::stderr().is_terminal() {
        eprintln!("building {} …", names(stages).join(", "));
    }
    build_as(ladder, stages, how)
}

/// Where and how stages are built.
pub struct How<'a> {
    /// The folder in the folder `target`.
    pub folder: &'a str,
    /// More options for cargo, such as `--release`.
    pub options: &'a [&'a str],
    /// Called with the name of each crate that is compiled, or that needs not be compiled.
    pub built: &'a mut dyn FnMut(&str),
}

/// The folder `name` in the folder where cargo puts what it builds.
pub fn target(ladder: &Ladder, name: &str) -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    ladder.root.join(target).join(name)
}

/// The same as [`build`], with a choice of the folder and of cargo's options. Prints nothing but cargo's errors.
///
/// # Errors
/// As those of [`build`].
pub fn build_as(ladder: &Ladder, stages: &[&Stage], how: How) -> Result<BTreeMap<String, PathBuf>> {
    let names = names(stages);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--no-default-features"]).current_dir(&ladder.root);
    cargo.arg("--target-dir").arg(target(ladder, how.folder)).args(how.options);
    cargo.arg("--message-format=json-render-diagnostics");
    for name in &names {
        cargo.args(["--package", name]);
    }
    let mut cargo = cargo.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let mut binaries = BTreeMap::new();
    for line in cargo.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
        let line = line.context("cannot read what cargo prints")?;
        let message: Value = serde_json::from_str(&line).context("cargo prints no JSON")?;
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if message["reason"] == "compiler-artifact" {
            (how.built)(name);
        }
        if let Some(path) = message["executable"].as_str() {
            binaries.insert(name.to_string(), PathBuf::from(path));
        }
    }
    let status = cargo.wait().context("cannot run cargo")?;
    ensure!(status.success(), "{} does not compile; the first error is above", names.join(", "));
    for name in names {
        ensure!(binaries.contains_key(name), "cargo has built no program {name}");
    }
    Ok(binaries)
}

/// The names of stages, each once.
fn names<'a>(stages: &[&'a Stage]) -> Vec<&'a str> {
    let mut names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
