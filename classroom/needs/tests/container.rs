//! The container for students has each program of the table, and Rust.
#![cfg(unix)]

use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

#[allow(dead_code)]
#[path = "../src/programs.rs"]
mod programs;

/// The script that installs the packages, in the words of a shell.
const SCRIPT: &str = "bash .ci/packages";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_script_has_each_package_of_the_table() -> Result<()> {
    let words = format!("{SCRIPT} --list");
    let output = Command::new("bash").args(["-c", &words]).current_dir(root()).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).map_err(Error::other)?;
    for program in programs::PROGRAMS {
        let sentence = program.is_missing("linux");
        let package = sentence.rsplit(' ').next().unwrap_or_default();
        assert!(listed.lines().any(|line| line == package), "{package} is not in: {listed}");
    }
    Ok(())
}

/// The container and the workflow start the same script, so there is one list.
#[test]
fn the_container_and_the_workflow_install_them() -> Result<()> {
    for path in [".devcontainer/devcontainer.json", ".ci/run"] {
        assert!(fs::read_to_string(root().join(path))?.contains(SCRIPT), "{path}");
    }
    let container = fs::read_to_string(root().join(".devcontainer/devcontainer.json"))?;
    let workflow = fs::read_to_string(root().join(".github/workflows/ci.yml"))?;
    assert!(container.contains("\"image\": \"rust:bookworm\""), "{container}");
    assert!(workflow.contains("image: rust:bookworm"), "{workflow}");
    Ok(())
}
