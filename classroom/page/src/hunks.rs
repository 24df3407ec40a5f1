//! What changes in the code of a stage, a piece at a time, each with the sentence of the notes that speaks of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `hunks.rs` | the list for the page: which files are shown, in which order |
//! | `hunks/cut.rs` | a changed file as pieces, each of which fits a projector |
//! | `hunks/sentences.rs` | the sentence for a piece |
//! | `hunks/sentences.toml` | pieces for which a person has chosen the sentence |

mod cut;
mod sentences;

use crate::is_shown;
use anyhow::{Context, Result, bail};
use cut::{Piece, pieces};
use ladder::code::FileChange;
use ladder::{Stage, files_of_both};
use replay::Lesson;
use sentences::{Choice, Section};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use toml_edit::DocumentMut;

/// How many rows of the screen a piece may need. The page has room for as many, with the sentence beside them.
pub const MAX_ROWS: usize = 16;

/// How many columns a row has.
pub const COLUMNS: usize = 100;

/// How many lines of a file that is gone are shown.
const GONE: usize = 12;

/// What is chosen by hand.
const CHOSEN: &str = include_str!("hunks/sentences.toml");

/// What is needed for the pieces of every stage.
pub struct Hunks {
    english: String,
    korean: String,
    chosen: Vec<Chosen>,
}

/// A choice of sentences for the piece that has a line.
struct Chosen {
    stage: String,
    path: String,
    line: String,
    english: Vec<String>,
    korean: Vec<String>,
}

/// A file of a stage with its pieces.
struct Change {
    path: String,
    /// Its path in the stage before.
    before: String,
    pieces: Vec<Piece>,
    /// How many lines are not shown, of a file that is gone.
    left_out: usize,
}

/// A piece with its sentence.
pub struct Hunk<'a> {
    change: &'a Change,
    number: usize,
    piece: &'a Piece,
    choice: Choice,
}

/// What changes from the stage `before` to `stage`, as the page's list of hunks. The files of each stage are those of
/// `Code::add_stage`: for each path the numbers of its lines. What a stage leaves out is shown only in `src`: a script
/// or a unit that did not change is not repeated in the next stage.
///
/// # Errors
/// A file that cannot be read, a section that is missing in the notes, or a choice of a sentence that fits nothing.
pub fn hunks(root: &Path, before: Option<(&Stage, &Value)>, stage: &Stage, files: &Value) -> Result<Value> {
    let notes = Hunks::read(root)?;
    let changes = changes(before.map(|before| before.0), stage)?;
    let hunks = notes.of_stage(stage, &changes)?;
    let nothing = Value::Null;
    let files_before = before.map_or(&nothing, |before| before.1);
    let mut list = Vec::new();
    for hunk in &hunks {
        list.push(hunk.describe(files_before, files)?);
    }
    Ok(list.into())
}

/// The files that change, each cut into pieces, in the order of reading; manifest, unit, scripts and lesson come last.
fn changes(before: Option<&Stage>, stage: &Stage) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let unit = before.map(|before| format!("{}.service", before.name));
    for path in files_of_both(before, stage)? {
        let new = stage.read(&path)?;
        // The unit has the name of its stage.
        let old_path = match &unit {
            Some(unit) if path == format!("{}.service", stage.name) => unit.clone(),
            _ => path.clone(),
        };
        let old = before.map(|before| before.read(&old_path)).transpose()?.flatten();
        let in_src = path.starts_with("src/");
        let is_example = path.starts_with("examples/");
        if !is_shown(&path) || is_example || old == new || new.is_none() && !in_src {
            continue;
        }
        let gone = new.is_none();
        let lines = old.as_ref().map_or(0, |text| text.lines().count());
        // Of a file that is gone, its beginning says what it was for.
        let shown = if gone { old.map(|text| beginning(&text)) } else { old };
        let left_out = if gone { lines - shown.as_ref().map_or(0, |text| text.lines().count()) } else { 0 };
        let change = FileChange::new(stage, &path, shown, new);
        changes.push(Change { before: old_path, pieces: pieces(&change), path, left_out });
    }
    changes.sort_by_key(|change| match change.path.as_str() {
        path if path.starts_with("src/") => 0,
        "Cargo.toml" => 1,
        path if path.ends_with(".service") => 2,
        "lesson.txt" => 4,
        _ => 3,
    });
    Ok(changes)
}

/// The first lines of a text: its first comment, and nothing of it if it has none.
fn beginning(text: &str) -> String {
    let comment = text.lines().take_while(|line| line.starts_with("//!")).count();
    let count = if comment == 0 { GONE } else { comment.min(GONE) };
    text.lines().take(count).map(|line| format!("{line}\n")).collect()
}

impl Hunks {
    /// Reads both editions of the notes in the workspace `root`.
    fn read(root: &Path) -> Result<Hunks> {
        let read = |name| fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"));
        Ok(Hunks { english: read("NOTES.md")?, korean: read("NOTES.ko.md")?, chosen: chosen(CHOSEN)? })
    }

    /// The pieces of a stage with their sentences, the file that the lesson is about first.
    fn of_stage<'a>(&self, stage: &Stage, changes: &'a [Change]) -> Result<Vec<Hunk<'a>>> {
        let lesson = Lesson::parse(&stage.read("lesson.txt")?.context("no lesson.txt")?)?;
        let section = Section::find(&self.english, &self.korean, &lesson.title)?;
        let all: Vec<(&str, &Piece)> = changes
            .iter()
            .flat_map(|change| change.pieces.iter().map(|piece| (change.path.as_str(), piece)))
            .collect();
        let mut choices = section.choose(&all);
        for chosen in self.chosen.iter().filter(|chosen| chosen.stage == stage.name) {
            let has = |piece: &Piece| piece.rows.iter().any(|row| row.tag != '@' && row.tag != ' ' && row.text.trim() == chosen.line);
            let fits: Vec<usize> = (0..all.len()).filter(|at| all[*at].0 == chosen.path && has(all[*at].1)).collect();
            let [at] = fits[..] else {
                bail!("{}: {} pieces of {} have the line {:?}; choose a line of one piece",
                    stage.name, fits.len(), chosen.path, chosen.line);
            };
            choices[at] = match chosen.english[..] {
                [] => section.fallback(0.0),
                _ => section.named(&chosen.english, &chosen.korean)
                    .with_context(|| format!("{}: {} {:?}", stage.name, chosen.path, chosen.line))?,
            };
        }
        let first = section.first_file(&all);
        let mut hunks = Vec::new();
        let mut choices = choices.into_iter();
        for change in changes {
            for (number, piece) in change.pieces.iter().enumerate() {
                let choice = choices.next().context("a piece without a choice")?;
                hunks.push(Hunk { change, number, piece, choice });
            }
        }
        hunks.sort_by_key(|hunk| Some(&hunk.change.path) != first.as_ref());
        Ok(hunks)
    }
}

impl Hunk<'_> {
    fn kind(&self) -> &'static str {
        let has = |tag| self.piece.rows.iter().any(|row| row.tag == tag);
        match (has('-'), has('+')) {
            (true, false) => "gone",
            (false, true) => "new",
            _ => "change",
        }
    }

    fn describe(&self, before: &Value, files: &Value) -> Result<Value> {
        let mut rows = Vec::new();
        for row in &self.piece.rows {
            let line = match (row.new, row.old) {
                (Some(new), _) => &files[&self.change.path][new],
                (None, Some(old)) => &before[&self.change.before][old],
                (None, None) => &Value::Null,
            };
            if !line.is_u64() {
                bail!("{} has no line {:?}", self.change.path, row.text);
            }
            let number = |number: Option<usize>| number.map(|number| number + 1);
            rows.push(json!([row.tag, number(row.old), number(row.new), line, row.marks]));
        }
        Ok(json!({
            "path": self.change.path,
            "kind": self.kind(),
            "of": [self.number + 1, self.change.pieces.len()],
            "rows": rows,
            "left_out": self.change.left_out,
            "sentence": { "en": self.choice.english, "ko": self.choice.korean },
            "found": self.choice.found,
            "height": self.piece.height,
        }))
    }
}

/// Reads the choices: a table for each stage, and in it a list of pieces.
fn chosen(text: &str) -> Result<Vec<Chosen>> {
    let document: DocumentMut = text.parse().context("hunks/sentences.toml is no TOML")?;
    let mut all = Vec::new();
    for (stage, entries) in document.iter() {
        let entries = entries.as_array_of_tables();
        for entry in entries.with_context(|| format!("{stage} in sentences.toml is no list of tables"))? {
            let list = |key: &str| -> Result<Vec<String>> {
                let values = entry.get(key).and_then(|value| value.as_array());
                let values = values.with_context(|| format!("an entry of {stage} has no list {key:?}"))?;
                let texts = values.iter().map(|value| value.as_str().map(String::from).context("no text"));
                texts.collect()
            };
            let text = |key: &str| {
                let value = entry.get(key).and_then(|value| value.as_str());
                value.map(String::from).with_context(|| format!("an entry of {stage} has no {key:?}"))
            };
            all.push(Chosen {
                stage: stage.to_string(),
                path: text("path")?,
                line: text("line")?,
                english: list("en")?,
                korean: list("ko")?,
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ladder::Ladder;

    fn ladder() -> Ladder {
        Ladder::find().unwrap()
    }

    #[test]
    #[ignore = "prints every piece with its sentences, for a person to read"]
    fn table() {
        let ladder = ladder();
        let notes = Hunks::read(&ladder.root).unwrap();
        let stages: Vec<&Stage> = ladder.stages().collect();
        let mut found = 0;
        let mut all = 0;
        for (at, stage) in stages.iter().enumerate() {
            let before = at.checked_sub(1).map(|at| stages[at]);
            let changes = changes(before, stage).unwrap();
            let hunks = notes.of_stage(stage, &changes).unwrap();
            println!("\n######## {} {} pieces", stage.name, hunks.len());
            for hunk in hunks {
                println!("\n==== {} {} {}/{} {} height {} {:.1}{}", stage.name, hunk.change.path, hunk.number + 1,
                    hunk.change.pieces.len(), hunk.kind(), hunk.piece.height, hunk.choice.score,
                    if hunk.choice.found { "" } else { " FALLBACK" });
                for row in &hunk.piece.rows {
                    println!("{}{}", row.tag, row.text);
                }
                println!("  EN {}\n  KO {}", hunk.choice.english, hunk.choice.korean);
                if hunk.change.path.starts_with("src/") {
                    all += 1;
                    found += usize::from(hunk.choice.found);
                }
            }
        }
        println!("\n{found} of {all} in src");
    }
}
