//! NOTES.md agrees with the programs, and the links of README.md lead somewhere.

use anyhow::{Context, Result};
use notes::{Edition, Findings, editions, links, numbers, order, quotes, stage};
use replay::Lesson;
use std::fs;
use std::path::{Path, PathBuf};

/// The blocks that no test runs, by the first line of each, and why.
const BY_HAND: [&str; 5] = [
    // It opens a window.
    "cargo run -p s04_window -- server",
    // It installs a program, and goes on after a logout.
    "sudo apt install tmux",
    // Whether the server dies of it is a matter of timing.
    "cargo run -p s10_hardened -- attack rst-mid",
    // What it measures is this minute of one machine.
    "cargo build --release -p s10_hardened",
    // A file of another program, for a machine with a name.
    "example.org",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn notes() -> Result<Edition> {
    Edition::read(&root(), "NOTES.md")
}

/// Fails with what is wrong, or prints how much was checked.
fn accept(what: &str, findings: &Findings) {
    assert!(findings.wrong.is_empty(), "{what}:\n{}", findings.wrong.join("\n"));
    println!("{what}: {}", findings.checked);
}

#[test]
fn every_section_has_its_parts_in_order() -> Result<()> {
    let findings = order::parts(&notes()?, &order::PARTS);
    assert_eq!(findings.checked, 10);
    accept("sections", &findings);
    Ok(())
}

#[test]
fn every_block_is_of_a_known_kind() -> Result<()> {
    accept("blocks", &order::kinds(&notes()?));
    Ok(())
}

#[test]
fn every_quote_stands_in_its_file() -> Result<()> {
    accept("quotes", &quotes::check(&notes()?, &root()));
    Ok(())
}

#[test]
fn every_number_is_right() -> Result<()> {
    accept("numbers", &numbers::check(&notes()?, &root())?);
    Ok(())
}

#[test]
fn every_link_leads_somewhere() -> Result<()> {
    accept("links of NOTES.md", &links::check(&notes()?, &root())?);
    accept("links of README.md", &links::check(&Edition::read(&root(), "README.md")?, &root())?);
    Ok(())
}

#[test]
fn every_block_that_no_test_runs_is_known() -> Result<()> {
    assert_eq!(notes()?.by_hand(), BY_HAND);
    Ok(())
}

/// A replay ends with the title of a section: the notes have this section, and it shows the command.
#[test]
fn each_lesson_has_its_section() -> Result<()> {
    let notes = notes()?;
    let mut lessons = 0;
    for section in notes.sections.iter().filter(|section| section.number().is_some()) {
        lessons += 1;
        let stage = stage(&root(), lessons)?.with_context(|| format!("no stage {lessons}"))?;
        let lesson = Lesson::parse(&fs::read_to_string(stage.join("lesson.txt"))?)?;
        assert_eq!(section.title, lesson.title);
        let name = stage.file_name().and_then(|name| name.to_str()).context("a strange name")?;
        let command = format!("$ cargo run -p {name}\n");
        let said = |block: &notes::Block| block.info == "console" && block.text.contains(&command);
        assert!(
            notes.blocks().any(|(of, _, block)| of.line == section.line && said(block)),
            "{name}"
        );
    }
    assert!(lessons == 10 && stage(&root(), lessons + 1)?.is_none());
    Ok(())
}

/// The Korean edition has the same headings, commands, code and pictures, and passes the same checks. Its commands need
/// not run again, because they are the same.
#[test]
fn the_korean_edition_has_the_same_outline() -> Result<()> {
    let korean = Edition::read(&root(), "NOTES.ko.md")?;
    assert_eq!(editions::difference(&notes()?, &korean), None);
    let first = korean.sections.iter().find(|section| section.number() == Some(1));
    let parts = first.context("no section 1")?.lead_ins();
    accept("sections", &order::parts(&korean, &parts));
    accept("quotes", &quotes::check(&korean, &root()));
    accept("numbers", &numbers::check(&korean, &root())?);
    accept("links of NOTES.ko.md", &links::check(&korean, &root())?);
    let [english, korean] = ["README.md", "README.ko.md"].map(|name| Edition::read(&root(), name));
    let (english, korean) = (english?, korean?);
    assert_eq!(editions::difference(&english, &korean), None);
    let commands =
        |readme: &Edition| readme.blocks().next().map(|(_, _, block)| block.text.clone());
    assert_eq!(commands(&english), commands(&korean));
    accept("links of README.ko.md", &links::check(&korean, &root())?);
    Ok(())
}
