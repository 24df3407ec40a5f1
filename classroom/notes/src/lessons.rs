//! Each stage has its section: with the title of its lesson, and with the command that plays the lesson.

use crate::{Edition, Findings, read};
use anyhow::{Context, Result};
use ladder::{Ladder, Stage};
use replay::Lesson;

/// Compares the sections of `edition` with the stages. Only the edition that the replay names, NOTES.md, has the titles
/// of the lessons.
///
/// # Errors
/// A lesson that cannot be read.
pub fn check(edition: &Edition, ladder: &Ladder) -> Result<Findings> {
    let mut findings = Findings::default();
    for stage in ladder.stages() {
        findings.checked += 1;
        if let Some(problem) = problem(edition, stage)? {
            findings.wrong.push(format!("{}: {problem}", edition.name));
        }
    }
    for section in &edition.sections {
        let Some(number) = section.number() else { continue };
        if !ladder.stages().any(|stage| stage.number == Some(number)) {
            findings
                .wrong
                .push(format!("{}:{}: there is no stage {number}", edition.name, section.line));
        }
    }
    Ok(findings)
}

/// What is wrong with the section of a stage, if anything.
fn problem(edition: &Edition, stage: &Stage) -> Result<Option<String>> {
    let name = &stage.name;
    let lesson = Lesson::parse(&read(&stage.folder.join("lesson.txt"))?);
    let title = lesson.with_context(|| format!("the lesson of {name}"))?.title;
    let Some(section) = edition.sections.iter().find(|section| section.title == title) else {
        return Ok(Some(format!("{name} has no section; its heading would be \"## {title}\"")));
    };
    if section.number() != stage.number {
        return Ok(Some(format!("the section of {name} must begin with its number: {title:?}")));
    }
    let command = format!("$ cargo run -p {name}\n");
    let shows =
        section.blocks().any(|block| block.info == "console" && block.text.contains(&command));
    Ok((!shows).then(|| format!("the section {title:?} does not show {command:?}")))
}
