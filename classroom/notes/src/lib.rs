//! Checks that the lesson notes agree with the programs that they describe.
//!
//! | module | what it checks |
//! |---|---|
//! | [`lessons`] | each stage has its section |
//! | [`order`] | a section about a stage has the same parts as the others, in the same order |
//! | [`quotes`] | quoted code stands in its file |
//! | [`numbers`] | the numbers of lines that a stage adds and removes are right |
//! | [`links`] | what a link leads to exists |
//! | `commands` | a command prints what is shown below it |
//! | [`answers`] | each exercise has hints, an answer, and a way to check it |
//! | [`editions`] | two editions have the same outline |
//! | [`teaching`] | each section has a lesson plan, and its minutes, questions and commands are right |
//!
//! [`order`], [`answers`] and [`teaching`] get the words of a language from their caller; the other modules need none.

pub mod answers;
#[cfg(unix)]
pub mod commands;
mod edition;
pub mod editions;
pub mod lessons;
pub mod links;
#[cfg(unix)]
mod network;
pub mod numbers;
pub mod order;
pub mod quotes;
pub mod teaching;

pub use edition::{Block, Edition, Item, Section};

use anyhow::{Context, Result};
use ladder::Ladder;
use std::fs;
use std::path::Path;

/// The result of a check.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many things were checked.
    pub checked: usize,
    /// What is wrong, each in a sentence that begins with file and line.
    pub wrong: Vec<String>,
}

/// Checks everything that can be checked without running a command, in the workspace at `root`: the notes, the
/// answers and the README in both languages. Each result has a name.
///
/// # Errors
/// A file that cannot be read.
pub fn check(root: &Path) -> Result<Vec<(String, Findings)>> {
    let ladder = Ladder::open(root)?;
    let mut results = Vec::new();
    let mut add = |what: &str, of: &Edition, findings: Findings| {
        results.push((format!("{what} of {}", of.name), findings));
    };
    let [english, korean] = pair(root, ["NOTES.md", "NOTES.ko.md"])?;
    add("stages", &english, lessons::check(&english, &ladder)?);
    add("parts", &english, order::parts(&english, &order::PARTS));
    // Another language has other words: the first section has them, and the others must agree.
    let first = korean.sections.iter().find(|section| section.number().is_some());
    add("parts", &korean, order::parts(&korean, &first.map(Section::lead_ins).unwrap_or_default()));
    for notes in [&english, &korean] {
        add("blocks", notes, order::kinds(notes));
        add("quotes", notes, quotes::check(notes, root));
        add("numbers", notes, numbers::check(notes, &ladder)?);
        add("links", notes, links::check(notes, &ladder)?);
    }
    add("outline", &korean, editions::check(&english, &korean));
    check_plans(root, [&english, &korean], &ladder, &mut add)?;
    let [english, korean] = pair(root, ["ANSWERS.md", "ANSWERS.ko.md"])?;
    for (answers, notes, words) in
        [(&english, "NOTES.md", answers::ENGLISH), (&korean, "NOTES.ko.md", answers::KOREAN)]
    {
        add("exercises", answers, answers::check(root, notes, &answers.name, &words)?);
        add("blocks", answers, order::kinds(answers));
        add("quotes", answers, quotes::check(answers, root));
        add("links", answers, links::check(answers, &ladder)?);
    }
    add("outline", &korean, editions::check(&english, &korean));
    let [english, korean] = pair(root, ["README.md", "README.ko.md"])?;
    for readme in [&english, &korean] {
        add("links", readme, links::check(readme, &ladder)?);
    }
    add("outline", &korean, editions::check(&english, &korean));
    Ok(results)
}

/// Checks the plans for teachers in both languages against the notes, and gives each result to `add`.
fn check_plans(
    root: &Path,
    notes: [&Edition; 2],
    ladder: &Ladder,
    add: &mut impl FnMut(&str, &Edition, Findings),
) -> Result<()> {
    let names = ["TEACHING.md", "TEACHING.ko.md"];
    let [english, korean] = pair(root, names)?;
    let texts = [read(&root.join(names[0]))?, read(&root.join(names[1]))?];
    let texts = [texts[0].as_str(), texts[1].as_str()];
    let plans = teaching::check(names[0], texts[0], &teaching::LEAD_INS, notes[0], ladder)?;
    add("plans", &english, plans);
    // As in the notes, the first plan has the words of the other language.
    let sections = teaching::read(texts[1]);
    let first = sections.iter().find(|section| section.number().is_some());
    let paragraphs = first.into_iter().flat_map(|section| &section.paragraphs);
    let lead_ins: Vec<&str> = paragraphs.map(|paragraph| paragraph.lead_in.as_str()).collect();
    add("plans", &korean, teaching::check(names[1], texts[1], &lead_ins, notes[1], ladder)?);
    add("numbers", &korean, teaching::compare(names, texts));
    for edition in [&english, &korean] {
        add("links", edition, links::check(edition, ladder)?);
    }
    add("outline", &korean, editions::check(&english, &korean));
    Ok(())
}

/// The two editions of a text.
fn pair(root: &Path, names: [&str; 2]) -> Result<[Edition; 2]> {
    Ok([Edition::read(root, names[0])?, Edition::read(root, names[1])?])
}

/// The text of a file with the line ends of Unix, also where git has written those of Windows.
pub(crate) fn read(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.replace("\r\n", "\n"))
}
