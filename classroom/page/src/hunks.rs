//! What changes in the code of a stage, a piece at a time, each with the sentence of the notes that speaks of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `hunks.rs` | the list for the page: which files are shown, in which order |
//! | `hunks/cut.rs` | a changed file as pieces, each of which fits a projector |
//! | `hunks/sentences.rs` | the sentence for a piece |
//! | the folder `sentences` of this crate | pieces for which a person has chosen the sentence, a file for each stage |

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

/// The folder of what is chosen by hand, with a file for each stage. An entry names a piece by its file and by lines that
/// only it adds or removes. `en` and `ko` have the beginnings of sentences of the stage's section, or of a row of one of
/// its tables, in each edition. Empty lists say that no sentence speaks of the piece.
const CHOSEN: &str = "classroom/page/sentences";

/// What is needed for the pieces of every stage.
pub struct Hunks {
    english: String,
    korean: String,
    chosen: Vec<Chosen>,
}

/// A choice of sentences for the pieces that have these lines.
struct Chosen {
    stage: String,
    path: String,
    lines: Vec<String>,
    english: Vec<String>,
    korean: Vec<String>,
}

/// A file of a stage with its pieces.
struct Change {
    path: String,
    /// Its path in the stage before.
    before: String,
    pieces: Vec<Piece>,
}

/// A piece with its sentence.
pub struct Hunk<'a> {
    change: &'a Change,
    number: usize,
    piece: &'a Piece,
    choice: Choice,
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
        let change = FileChange::new(stage, &path, old, new);
        changes.push(Change { before: old_path, pieces: pieces(&change), path });
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

impl Hunks {
    /// Reads both editions of the notes, and what is chosen by hand, in the workspace `root`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(root: &Path) -> Result<Hunks> {
        Ok(Hunks {
            english: crate::read(root, "NOTES.md")?,
            korean: crate::read(root, "NOTES.ko.md")?,
            chosen: chosen(root)?,
        })
    }

    /// What changes from the stage `before` to `stage`, as the page's list of hunks. The files of each stage are those
    /// of `Code::add_stage`: for each path the numbers of its lines. What a stage leaves out is shown only in `src`: a
    /// script or a unit that did not change is not repeated in the next stage.
    ///
    /// # Errors
    /// A file that cannot be read, or a section that is missing in the notes.
    pub fn between(
        &self,
        before: Option<(&Stage, &Value)>,
        stage: &Stage,
        files: &Value,
    ) -> Result<Value> {
        let changes = changes(before.map(|before| before.0), stage)?;
        let hunks = self.of_stage(stage, &changes)?;
        let nothing = Value::Null;
        let files_before = before.map_or(&nothing, |before| before.1);
        let list = hunks.iter().map(|hunk| hunk.describe(files_before, files));
        Ok(list.collect::<Result<Vec<_>>>()?.into())
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
            // A choice that no longer fits the notes or the code is left out, and a test names it.
            // The sentence is then the one that `choose` has found.
            if let Ok((pieces, choice)) = chosen.apply(&section, &all) {
                for piece in pieces {
                    choices[piece] = choice.clone();
                }
            }
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

impl Chosen {
    /// The pieces that are meant, and what stands beside them.
    fn apply(&self, section: &Section, pieces: &[(&str, &Piece)]) -> Result<(Vec<usize>, Choice)> {
        let mut found = Vec::new();
        for line in &self.lines {
            let has = |piece: &Piece| {
                piece.rows.iter().any(|row| row.is_changed() && row.text.trim() == line)
            };
            let fits =
                (0..pieces.len()).filter(|at| pieces[*at].0 == self.path && has(pieces[*at].1));
            let [at] = fits.collect::<Vec<usize>>()[..] else {
                bail!("{}: not one piece of {} has the line {line:?}", self.stage, self.path);
            };
            found.push(at);
        }
        let choice = match self.english[..] {
            [] => section.fallback(0.0),
            _ => section
                .named(&self.english, &self.korean)
                .with_context(|| format!("{}: {}", self.stage, self.path))?,
        };
        Ok((found, choice))
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
            "left_out": self.piece.left_out,
            "sentence": { "en": self.choice.english, "ko": self.choice.korean },
            "found": self.choice.found,
            "height": self.piece.height,
        }))
    }
}

/// Reads the choices of all stages.
fn chosen(root: &Path) -> Result<Vec<Chosen>> {
    let folder = root.join(CHOSEN);
    let mut all = Vec::new();
    let files = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()));
    for file in files? {
        let path = file?.path();
        let name = path.display();
        let stage = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let document: DocumentMut = text.parse().with_context(|| format!("{name} is no TOML"))?;
        let entries = document.get("piece").and_then(|entries| entries.as_array_of_tables());
        for entry in entries.with_context(|| format!("{name} has no [[piece]]"))? {
            let list = |key: &str| -> Result<Vec<String>> {
                let values = entry.get(key).and_then(|value| value.as_array());
                let values =
                    values.with_context(|| format!("an entry of {stage} has no list {key:?}"))?;
                let texts =
                    values.iter().map(|value| value.as_str().map(String::from).context("no text"));
                texts.collect()
            };
            let text = |key: &str| {
                let value = entry.get(key).and_then(|value| value.as_str());
                value
                    .map(String::from)
                    .with_context(|| format!("an entry of {stage} has no {key:?}"))
            };
            all.push(Chosen {
                stage: stage.to_string(),
                path: text("path")?,
                lines: list("lines")?,
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
    use crate::highlight::Code;
    use ladder::Ladder;

    /// Each stage with the one before it.
    fn stages(ladder: &Ladder) -> Vec<(Option<&Stage>, &Stage)> {
        let before = [None].into_iter().chain(ladder.stages().map(Some));
        before.zip(ladder.stages()).collect()
    }

    fn section(notes: &Hunks, stage: &Stage) -> Section {
        let lesson = Lesson::parse(&stage.read("lesson.txt").unwrap().unwrap()).unwrap();
        Section::find(&notes.english, &notes.korean, &lesson.title).unwrap()
    }

    #[test]
    fn the_pieces_of_a_file_make_the_new_text_of_the_old_one() {
        let ladder = Ladder::find().unwrap();
        let mut count = 0;
        for (before, stage) in stages(&ladder) {
            for change in changes(before, stage).unwrap() {
                let read =
                    |stage: &Stage, path: &str| stage.read(path).unwrap().unwrap_or_default();
                let old = before.map_or(String::new(), |before| read(before, &change.before));
                let new = read(stage, &change.path);
                let old: Vec<&str> = old.lines().collect();
                // Each line is taken from the old text up to a piece, and from there from the piece.
                let (mut made, mut at): (Vec<&str>, usize) = (Vec::new(), 0);
                for piece in &change.pieces {
                    for row in piece.rows.iter().filter(|row| row.is_changed()) {
                        let place = format!("{} {} {row:?}", stage.name, change.path);
                        match (row.old, row.new) {
                            (Some(number), None) => {
                                made.extend(&old[at..number]);
                                assert_eq!(
                                    (old[number], number >= at),
                                    (&*row.text, true),
                                    "{place}"
                                );
                                at = number + 1;
                            }
                            (None, Some(number)) => {
                                let missing = number - made.len();
                                made.extend(&old[at..at + missing]);
                                at += missing;
                                made.push(&row.text);
                            }
                            _ => panic!("{place}"),
                        }
                    }
                    for row in piece.rows.iter().filter(|row| !row.is_changed()) {
                        let is_in = |number: Option<usize>, lines: &[&str]| {
                            number.is_none_or(|number| lines[number] == row.text)
                        };
                        let new: Vec<&str> = new.lines().collect();
                        assert!(is_in(row.old, &old) && is_in(row.new, &new), "{row:?}");
                    }
                    at += piece.left_out;
                    count += 1;
                }
                made.extend(&old[at..]);
                assert_eq!(made, new.lines().collect::<Vec<_>>(), "{} {}", stage.name, change.path);
            }
        }
        assert!(count > 300, "{count} pieces");
    }

    #[test]
    fn no_piece_is_higher_than_the_page_has_room_for() {
        let ladder = Ladder::find().unwrap();
        for (before, stage) in stages(&ladder) {
            for change in changes(before, stage).unwrap() {
                for piece in &change.pieces {
                    let height = piece.rows.iter().map(|row| cut::height(&row.text)).sum::<usize>();
                    let place = format!("{} {} {:?}", stage.name, change.path, piece.rows[0]);
                    assert_eq!(height, piece.height, "{place}");
                    assert!((1..=MAX_ROWS).contains(&height), "{height} rows: {place}");
                }
            }
        }
    }

    #[test]
    fn the_sentence_of_a_piece_is_in_the_section_in_both_languages() {
        let ladder = Ladder::find().unwrap();
        let notes = Hunks::read(&ladder.root).unwrap();
        let (mut found, mut all, mut left) = (0, 0, String::new());
        for (before, stage) in stages(&ladder) {
            let section = section(&notes, stage);
            let changes = changes(before, stage).unwrap();
            for hunk in notes.of_stage(stage, &changes).unwrap() {
                let texts = [
                    (&hunk.choice.english, &section.english),
                    (&hunk.choice.korean, &section.korean),
                ];
                for (text, sentences) in texts {
                    let mut rest = text.as_str();
                    for _ in 0..4 {
                        let begins =
                            |sentence: &&sentences::Sentence| rest.starts_with(&sentence.html);
                        let longest = sentences
                            .iter()
                            .filter(begins)
                            .max_by_key(|sentence| sentence.html.len());
                        rest =
                            rest[longest.map_or(0, |sentence| sentence.html.len())..].trim_start();
                    }
                    assert!(
                        !text.is_empty() && rest.is_empty(),
                        "{} {}: {text}",
                        stage.name,
                        hunk.change.path
                    );
                    // A link into the repository leads nowhere on the page.
                    assert!(
                        text.matches("href=").count() == text.matches("href=\"https://").count(),
                        "{text}"
                    );
                }
                if hunk.change.path.starts_with("src/") {
                    all += 1;
                    found += usize::from(hunk.choice.found);
                    if !hunk.choice.found {
                        left += &format!(
                            "{} {} {:?}\n",
                            stage.name, hunk.change.path, hunk.piece.rows[0].text
                        );
                    }
                }
            }
        }
        assert!(
            found * 10 >= all * 9,
            "only {found} of {all} pieces in src have a sentence; not these:\n{left}"
        );
    }

    #[test]
    fn what_is_chosen_by_hand_fits_the_code_and_the_notes() {
        let ladder = Ladder::find().unwrap();
        let notes = Hunks::read(&ladder.root).unwrap();
        let mut wrong = Vec::new();
        let mut used = 0;
        for (before, stage) in stages(&ladder) {
            let section = section(&notes, stage);
            let changes = changes(before, stage).unwrap();
            let pieces = |change: &'_ Change| change.pieces.len();
            assert!(changes.iter().map(pieces).sum::<usize>() > 0);
            let all: Vec<(&str, &Piece)> = changes
                .iter()
                .flat_map(|change| change.pieces.iter().map(|piece| (change.path.as_str(), piece)))
                .collect();
            let mut taken = Vec::new();
            for chosen in notes.chosen.iter().filter(|chosen| chosen.stage == stage.name) {
                used += 1;
                match chosen.apply(&section, &all) {
                    Ok((pieces, _)) => taken.extend(pieces),
                    Err(error) => wrong.push(format!("{error:#}")),
                }
            }
            let count = taken.len();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), count, "{}: two entries are about one piece", stage.name);
        }
        assert!(wrong.is_empty(), "in the folder sentences:\n{}", wrong.join("\n"));
        assert_eq!(used, notes.chosen.len(), "the folder names a stage that does not exist");
    }

    #[test]
    fn a_hunk_points_at_the_lines_of_the_page() {
        let ladder = Ladder::find().unwrap();
        let mut code = Code::new().unwrap();
        let [one, two] = ["s01_echo", "s02_loop"].map(|name| ladder.stage(name).unwrap());
        let files = [one, two].map(|stage| code.add_stage(stage).unwrap());
        let hunks = Hunks::read(&ladder.root).unwrap();
        let hunks = hunks.between(Some((one, &files[0])), two, &files[1]).unwrap();
        let text = |row: &Value| {
            let line = &code.lines[row[3].as_u64().unwrap() as usize];
            line.iter().skip(1).step_by(2).map(String::as_str).collect::<String>()
        };
        // The lesson is about the loop of the server.
        let first = &hunks[0];
        assert_eq!((first["path"].as_str(), &first["of"]), (Some("src/server.rs"), &json!([1, 2])));
        let rows = hunks[1]["rows"].as_array().unwrap();
        let added = rows.iter().find(|row| row[0] == "+" && text(row).contains("while"));
        assert!(text(added.unwrap()).contains("stream.read_until(b'\\n', &mut line)? > 0"));
        assert_eq!(hunks[1]["kind"], "change");
        assert_eq!(hunks[1]["found"], true);
        assert!(hunks[1]["sentence"]["en"].as_str().unwrap().contains("<code>read_until</code>"));
        assert!(hunks[1]["sentence"]["ko"].as_str().unwrap().contains("<code>read_until</code>"));
        let last = hunks.as_array().unwrap().last().unwrap();
        assert_eq!(last["path"], "lesson.txt");
    }

    #[test]
    #[ignore = "prints every piece with its sentences, for a person to read"]
    fn table() {
        let ladder = Ladder::find().unwrap();
        let notes = Hunks::read(&ladder.root).unwrap();
        for (before, stage) in stages(&ladder) {
            let changes = changes(before, stage).unwrap();
            for hunk in notes.of_stage(stage, &changes).unwrap() {
                let (path, found) = (&hunk.change.path, hunk.choice.found);
                let of = format!("{}/{}", hunk.number + 1, hunk.change.pieces.len());
                println!(
                    "\n== {} {path} {of} found: {found}, score {:.1}",
                    stage.name, hunk.choice.score
                );
                for row in &hunk.piece.rows {
                    println!("{}{}", row.tag, row.text);
                }
                println!("en: {}\nko: {}", hunk.choice.english, hunk.choice.korean);
            }
        }
    }
}
