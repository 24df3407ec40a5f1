//! Each command of NOTES.md, ANSWERS.md and README.md prints what is shown below it.
//!
//! What is shown was printed on Linux; elsewhere the system has other words and numbers for its errors.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, bail};
use needs::needs;
use notes::commands::{Run, compare, run, run_in_turn};
use notes::{Edition, Section};
use regex::Regex;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?)
}

/// The programs in the commands that do not come with Rust or with every Linux. The test that has them in its
/// `#[needs]` runs the sections that use them; another test runs the other sections.
const OTHER_PROGRAMS: &str = r"\b(curl|nc|python3|sqlite3)\b";

/// The programs in the commands that start a PostgreSQL.
const POSTGRESQL: &str = r"\bs14_shared\b";

/// Whether a command of the section uses one of `programs`, a regular expression.
fn uses(programs: &str, section: &Section) -> Result<bool> {
    let other = Regex::new(programs)?;
    let mut commands = section
        .blocks()
        .filter(|block| block.info == "console")
        .flat_map(|block| block.text.lines().filter(|line| line.starts_with("$ ")));
    Ok(commands.any(|command| other.is_match(command)))
}

/// The texts whose commands are run. Another language has the same commands.
const TEXTS: [&str; 2] = ["NOTES.md", "ANSWERS.md"];

/// The text `name` with the sections that use other programs, or with those that do not. The sections that use
/// PostgreSQL are in neither.
fn sections(name: &str, other_programs: bool) -> Result<Edition> {
    let mut edition = Edition::read(&root()?, name)?;
    let mut kept = Vec::new();
    for section in edition.sections.drain(..) {
        if uses(OTHER_PROGRAMS, &section)? == other_programs && !uses(POSTGRESQL, &section)? {
            kept.push(section);
        }
    }
    Ok(Edition { sections: kept, ..edition })
}

/// Runs these sections of all texts.
fn run_texts(other_programs: bool) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for name in TEXTS {
        runs.extend(run(&sections(name, other_programs)?, &root()?)?);
    }
    Ok(runs)
}

/// Compares what the commands have printed with the notes, and checks that the comparison finds a wrong word.
fn accept(runs: &[Run]) {
    let findings = compare(runs);
    assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
    assert!(findings.checked > 0);
    let words: usize = runs.iter().map(one_word_changed).sum();
    println!("commands: {}, words changed: {words}", findings.checked);
}

#[test]
fn every_command_that_needs_only_rust_prints_what_is_shown() -> Result<()> {
    accept(&run_texts(false)?);
    Ok(())
}

#[needs("curl", "nc", "python3", "sqlite3")]
#[test]
fn every_command_that_needs_another_program_prints_what_is_shown() -> Result<()> {
    accept(&run_texts(true)?);
    Ok(())
}

/// In a network of its own an ordinary user has the id of root, and PostgreSQL refuses to run as root.
#[needs("postgres")]
#[test]
fn every_command_that_needs_postgresql_prints_what_is_shown() -> Result<()> {
    let mut edition = Edition::read(&root()?, "NOTES.md")?;
    let mut kept = Vec::new();
    for section in edition.sections.drain(..) {
        if uses(POSTGRESQL, &section)? {
            kept.push(section);
        }
    }
    accept(&run_in_turn(&Edition { sections: kept, ..edition }, &root()?)?);
    Ok(())
}

/// Without a network of its own a section runs on a port that is free, and shows 8080.
#[test]
fn without_a_network_of_its_own_port_8080_may_be_in_use() -> Result<()> {
    // If this fails, another program uses the port already, and the test is the same.
    let _in_use = TcpListener::bind("127.0.0.1:8080");
    let mut edition = sections("NOTES.md", false)?;
    edition
        .sections
        .retain(|section| section.blocks().any(|block| block.text.contains(" -- server")));
    edition.sections.truncate(1);
    accept(&run_in_turn(&edition, &root()?)?);
    Ok(())
}

/// Changes one word of each line that the notes show, and checks that the comparison finds it.
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
            run.position
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

/// The README begins with two commands: the first is run, and the second is in `.ci/run`.
#[test]
fn the_two_commands_of_the_readme() -> Result<()> {
    let readme = Edition::read(&root()?, "README.md")?;
    let (_, _, block) = readme.blocks().next().context("README.md has no commands")?;
    let [replay, tests] = block.text.lines().collect::<Vec<_>>()[..] else {
        bail!("README.md does not begin with two commands:\n{}", block.text);
    };
    assert!(replay.starts_with("cargo run ") && tests.starts_with("cargo test"), "{}", block.text);
    let tests = tests.replacen("cargo test", "tests=\"cargo test --locked", 1) + "\"";
    let checks = fs::read_to_string(root()?.join(".ci/run"))?;
    assert!(checks.lines().any(|line| line == tests), ".ci/run has no line {tests}");
    let status = Command::new("sh")
        .args(["-c", replay])
        .current_dir(root()?)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    assert!(status.success());
    Ok(())
}
