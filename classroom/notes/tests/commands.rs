//! Each command of NOTES.md and README.md prints what is shown below it.
//!
//! What is shown was printed on Linux; elsewhere the system has other words and numbers for its errors.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result};
use notes::commands::{Run, compare, run};
use notes::{Block, Edition};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)
}

#[test]
fn every_command_prints_what_is_shown() -> Result<()> {
    let runs = run(&Edition::read(&root()?, "NOTES.md")?, &root()?)?;
    let findings = compare(&runs);
    assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
    println!("commands: {}", findings.checked);
    let words: usize = runs.iter().map(one_word_changed).sum();
    println!("words changed: {words}");
    Ok(())
}

/// Changes one word of each line that the notes show, and sees that the comparison notices.
fn one_word_changed(run: &Run) -> usize {
    let lines: Vec<&str> = run.expected.lines().collect();
    let mut changed = 0;
    for (number, line) in lines.iter().enumerate() {
        let Some(word) = line.split_whitespace().find(|word| word.chars().all(char::is_alphabetic))
        else {
            continue;
        };
        let mut lines = lines.clone();
        let wrong = line.replacen(word, "otherwise", 1);
        lines[number] = &wrong;
        assert!(
            run.difference(&lines.join("\n")).is_some(),
            "{}: {wrong:?} was not noticed",
            run.place
        );
        changed += 1;
    }
    changed
}

/// The README begins with two commands: the first is run, and the second is what checks every change.
#[test]
fn the_two_commands_of_the_readme() -> Result<()> {
    let readme = Edition::read(&root()?, "README.md")?;
    let (_, _, Block { text, .. }) = readme.blocks().next().context("no commands")?;
    assert_eq!(text, "cargo run -p s07_put\ncargo test --workspace\n");
    let checks = fs::read_to_string(root()?.join(".ci/run"))?;
    assert!(checks.lines().any(|line| line == "cargo test --workspace"));
    let status = Command::new("cargo")
        .args(["run", "--quiet", "-p", "s07_put"])
        .current_dir(root()?)
        .stdout(std::process::Stdio::null())
        .status()?;
    assert!(status.success());
    Ok(())
}
