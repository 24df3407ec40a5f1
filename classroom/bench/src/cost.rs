//! What a stage costs before its first request: lines, crates, and the time of a cold build.
//!
//! One cold build of all stages has to do, because fifteen of them would take too long. Cargo reports how long each of
//! its jobs took (`cargo build --timings`). The time of a stage is the sum over the crates that it needs: about the
//! seconds of one processor core. With two cores, a cold build of the stage alone takes half of this or more.

use anyhow::{Context, Result, ensure};
use ladder::build::{How, build_as, target};
use ladder::code::{Changes, count};
use ladder::{Ladder, Stage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Where the cold build is, in the folder `target`. It is removed before the build and after the measurements.
pub const COLD: &str = "bench";

/// What a stage costs.
#[derive(Clone, Default)]
pub struct Cost {
    /// Lines in `src`, with comments, client and window.
    pub lines: usize,
    /// Crates that cargo compiles for it, itself among them, without those of the window; 0 for a server that is not in
    /// Rust.
    pub crates: usize,
    /// Seconds of a cold build; `None` if it was not measured.
    pub build: Option<f64>,
}

/// The programs of stages, from a cold build, and the seconds for each crate (`name version`).
///
/// # Errors
/// A stage that does not build, or a report of cargo that cannot be read.
pub fn build_cold(
    ladder: &Ladder,
    stages: &[&Stage],
    options: &[&str],
    built: &mut dyn FnMut(&str),
) -> Result<(BTreeMap<String, PathBuf>, BTreeMap<String, f64>)> {
    remove_cold(ladder)?;
    let options = [options, &["--timings"]].concat();
    let binaries = build_as(ladder, stages, How { folder: COLD, options: &options, built })?;
    let report = target(ladder, COLD).join("cargo-timings/cargo-timing.html");
    let html = fs::read_to_string(&report)
        .with_context(|| format!("cargo has written no {}", report.display()))?;
    Ok((binaries, seconds(&html)?))
}

/// Removes the cold build.
///
/// # Errors
/// The folder cannot be removed.
pub fn remove_cold(ladder: &Ladder) -> Result<()> {
    let folder = target(ladder, COLD);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// The seconds for each crate in cargo's report. A crate with a build script has several jobs.
fn seconds(html: &str) -> Result<BTreeMap<String, f64>> {
    let json = html.split_once("const UNIT_DATA = ").and_then(|(_, rest)| rest.split_once("];"));
    let json = json.context("this version of cargo reports its times in another way")?.0;
    let units: Vec<Value> = serde_json::from_str(&format!("{json}]"))?;
    let mut seconds = BTreeMap::new();
    for unit in units {
        let text = |key: &str| unit[key].as_str().unwrap_or_default();
        let name = format!("{} {}", text("name"), text("version"));
        *seconds.entry(name).or_default() += unit["duration"].as_f64().unwrap_or_default();
    }
    ensure!(!seconds.is_empty(), "cargo reports no times");
    Ok(seconds)
}

/// What a stage costs. `seconds` has the times of a cold build; it is empty if there was none.
///
/// # Errors
/// The stage cannot be read, or cargo does not list its crates.
pub fn cost_of(ladder: &Ladder, stage: &Stage, seconds: &BTreeMap<String, f64>) -> Result<Cost> {
    let lines = count(&Changes::between(None, stage, Some("src/"))?.files).0;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["tree", "--quiet", "--no-default-features", "--edges", "normal,build"]);
    cargo.args(["--prefix", "none", "--format", "{p}", "--package", &stage.name]);
    let output = cargo.current_dir(&ladder.root).output().context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo does not list the crates: {}", said.trim_end());
    let text = String::from_utf8_lossy(&output.stdout);
    // Each line is `name vVERSION`, and sometimes more: a folder, or that it was listed before.
    let crates: BTreeSet<String> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(format!("{} {}", words.next()?, words.next()?.trim_start_matches('v')))
        })
        .collect();
    let build = crates.iter().filter_map(|name| seconds.get(name)).sum();
    let build = (!seconds.is_empty()).then_some(build);
    Ok(Cost { lines, crates: crates.len(), build })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_of_a_crate_are_added() -> Result<()> {
        let html = r#"<script>
const UNIT_DATA = [
  {"i": 0, "name": "a", "version": "1.0.0", "target": " build-script", "duration": 0.5},
  {"i": 1, "name": "a", "version": "1.0.0", "target": "", "duration": 1.25},
  {"i": 2, "name": "b", "version": "0.1.0", "target": "", "duration": 2.0}
];
const OTHER = [];"#;
        let seconds = seconds(html)?;
        assert_eq!(seconds.get("a 1.0.0"), Some(&1.75));
        assert_eq!(seconds.get("b 0.1.0"), Some(&2.0));
        Ok(())
    }

    #[test]
    fn another_report_is_an_error() {
        assert!(seconds("<html></html>").is_err());
        assert!(seconds("const UNIT_DATA = [];").is_err());
    }
}
