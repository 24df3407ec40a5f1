//! What a stage costs before its first request: lines, crates, and the time of a cold build.
//!
//! The cold build is that of `cargo build`, with the profile dev, as students have it. One build of all stages has to do,
//! because one for each would take too long. Cargo reports how long each of
//! its jobs took (`cargo build --timings`), and the system how much processor time all of them needed. The time of a stage
//! is the sum over the crates that it needs. With two cores, a cold build of the stage alone takes half of this or more.

use anyhow::{Context, Result, ensure};
use ladder::build::{How, build_as, target};
use ladder::code::{Changes, count};
use ladder::{Ladder, Stage};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::process::Command;

/// Where the cold build is, in the folder `target`. It is removed before and after.
const COLD: &str = "bench";

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

/// Builds stages in an empty folder, and returns the seconds for each crate (`name version`).
///
/// # Errors
/// A stage that does not build, or a report of cargo that cannot be read.
pub fn build_cold(
    ladder: &Ladder,
    stages: &[&Stage],
    built: &mut dyn FnMut(&str),
) -> Result<BTreeMap<String, f64>> {
    remove_cold(ladder)?;
    let before = processor_seconds();
    build_as(ladder, stages, How { folder: COLD, options: &["--timings"], built })?;
    let report = target(ladder, COLD).join("cargo-timings/cargo-timing.html");
    let html = fs::read_to_string(&report)
        .with_context(|| format!("cargo has written no {}", report.display()))?;
    remove_cold(ladder)?;
    let mut seconds = seconds(&html)?;
    // On a busy machine a job has to wait for a processor. What it needs of one is its share of the whole.
    if let (Some(before), Some(after)) = (before, processor_seconds()) {
        let all: f64 = seconds.values().sum();
        for one in seconds.values_mut() {
            *one *= (after - before) / all.max(0.01);
        }
    }
    Ok(seconds)
}

/// The processor time of all programs that this one has started and that have ended, in seconds; `None` where the system
/// has no `/proc`.
fn processor_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, can have spaces. Counted after it, 13 and 14 are the times of ended children.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    // A tick is a hundredth of a second.
    Some((ticks(13)? + ticks(14)?) / 100.0)
}

/// Removes the cold build.
fn remove_cold(ladder: &Ladder) -> Result<()> {
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
    #[cfg(target_os = "linux")]
    fn the_time_of_a_child_is_counted() -> Result<()> {
        let before = processor_seconds().context("no /proc")?;
        // This takes a shell more than a tick.
        let count = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        assert!(Command::new("sh").args(["-c", count]).status()?.success());
        assert!(processor_seconds().context("no /proc")? > before);
        Ok(())
    }

    #[test]
    fn another_report_is_an_error() {
        assert!(seconds("<html></html>").is_err());
        assert!(seconds("const UNIT_DATA = [];").is_err());
    }
}
