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

/// Runs what a small text shows, in an empty workspace.
fn small(text: &str) -> Result<Vec<String>> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty");
    fs::create_dir_all(&root)?;
    let runs = run(&Edition::parse("small.md", &format!("# Small\n\n{text}"))?, &root)?;
    Ok(compare(&runs).wrong)
}

#[test]
fn a_word_of_the_output() -> Result<()> {
    let text = "```console\n$ echo one two; echo three >&2\none two\nthree\n```\n";
    assert_eq!(small(text)?, [""; 0]);
    for (right, wrong) in [
        ("\none", "\nfour"),
        ("$ echo one", "$ echo four"),
        ("\nthree", ""),
        ("three\n", "three\nfour\n"),
        ("one two\nthree", "three\none two"),
    ] {
        assert_eq!(small(&text.replacen(right, wrong, 1))?.len(), 1, "{wrong}");
    }
    Ok(())
}

#[test]
fn output_that_goes_on_below_and_words_that_may_differ() -> Result<()> {
    let text = "```console\n$ printf '%s\\n' a '$ b' 2026-11-22T13:37:37Z 127.0.0.1:41234 127.0.0.1:8080 z\n```\n\nIt says:\n\n\
                ```console\na\n$ b\n2020-01-01T00:00:00Z\n127.0.0.1:55555\n127.0.0.1:8080\n...\n```\n";
    assert_eq!(small(text)?, [""; 0]);
    assert_eq!(small(&text.replace("55555\n127.0.0.1:8080", "55555\n127.0.0.1:8081"))?.len(), 1);
    assert_eq!(small(&text.replace("...\n", ""))?.len(), 1);
    Ok(())
}

#[test]
fn what_a_command_needs_is_named() {
    let error = |text: &str| format!("{:#}", small(text).unwrap_err());
    let missing = error("```console\n$ echo x | no-such-program\n```\n");
    assert!(missing.contains("small.md:4"), "{missing}");
    assert!(missing.contains("no-such-program is not installed"), "{missing}");
    let output = error("```console\nhello\n```\n");
    assert!(output.contains("output of no command"), "{output}");
    let log = error("```console server\nhello\n```\n");
    assert!(log.contains("no server runs here"), "{log}");
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
