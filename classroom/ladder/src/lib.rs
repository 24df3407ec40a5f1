//! The stages of this workspace: where they are, what they are called, their files in the order of reading, and
//! how two of them differ.
//!
//! | file | what it holds |
//! |---|---|
//! | `lib.rs` | `Ladder`, all stages in order, and `Stage`, one of them with its files |
//! | `code.rs` | `Changes`: what changes in the code from one stage to another, also as a patch |
//! | `build.rs` | `build`: builds the programs of stages |
//! | `window.rs` | a stage's files as they are without its window |
//! | `answers.rs` | `Answers`: the hints and answers to the exercises of the notes |
//! | `table.rs` | `Table`: columns for a terminal, which wrap where it is narrow |
//! | `wire.rs` | `Wire`: what the servers answer to the requests of the contract and to the attacks |
//!
//! The number of stages is written nowhere: code that needs the stages reads the folder `steps` through `Ladder`.
//! The folder `mine` holds the copies that students have made; they are no part of the ladder.

pub mod answers;
pub mod build;
pub mod code;
pub mod table;
mod window;
pub mod wire;

use anyhow::{Context, Result, bail, ensure};
use replay::Lesson;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};
use toml_edit::DocumentMut;

/// A stage's files in the order in which one would read them; others come after those of their folder.
const READING: &[&str] = &[
    "src/main.rs",
    "src/server.rs",
    "src/client.rs",
    "src/http.rs",
    "src/messages.rs",
    "src/sqlite.rs",
    "src/postgres.rs",
    "src/window.rs",
    "src/log.rs",
    "src/attack.rs",
    "src/connection.rs",
    "src/permits.rs",
    "src/shutdown.rs",
    "src/",
    "lesson.txt",
    "Cargo.toml",
];

/// All stages of a workspace.
pub struct Ladder {
    /// The folder of the workspace.
    pub root: PathBuf,
    /// The stages in order, then the copies that students have made.
    pub all: Vec<Stage>,
}

/// A stage of the ladder, or a copy that a student has made of one.
#[derive(Clone, PartialEq)]
pub struct Stage {
    /// The name of its folder and of its package.
    pub name: String,
    /// The folder itself.
    pub folder: PathBuf,
    /// Its place on the ladder, counted from 1; a copy has none.
    pub number: Option<u32>,
    /// What it is about, in a few words.
    pub idea: String,
}

impl Ladder {
    /// The ladder around the folder in which the program was started.
    ///
    /// # Errors
    /// The folder is not in the workspace.
    pub fn find() -> Result<Ladder> {
        let here = env::current_dir().context("cannot tell in which folder this is")?;
        let root = here.ancestors().find(|folder| has_stages(folder));
        let root = root.with_context(|| {
            format!("{} is not in the workspace of the lessons; go there first", here.display())
        })?;
        Ladder::open(root)
    }

    /// The ladder in the workspace `root`.
    ///
    /// # Errors
    /// A folder of stages that cannot be read, or that holds none.
    pub fn open(root: &Path) -> Result<Ladder> {
        let steps = root.join("steps");
        let mut all = Vec::new();
        for folder in packages(&steps)? {
            let mut stage = Stage::open(folder)?;
            stage.number = number(&stage.name);
            all.push(stage);
        }
        let mine = root.join("mine");
        if mine.is_dir() {
            for folder in packages(&mine)? {
                all.push(Stage::open(folder)?);
            }
        }
        all.sort_by_key(|stage| (stage.number.is_none(), stage.number, stage.name.clone()));
        ensure!(
            all.iter().any(|stage| stage.number.is_some()),
            "{} has no stages",
            steps.display()
        );
        Ok(Ladder { root: root.to_path_buf(), all })
    }

    /// The stages in order, without the copies.
    pub fn stages(&self) -> impl DoubleEndedIterator<Item = &Stage> {
        self.all.iter().filter(|stage| stage.number.is_some())
    }

    /// The last stage.
    ///
    /// # Errors
    /// There are no stages. `open` makes no such ladder.
    pub fn last(&self) -> Result<&Stage> {
        self.stages().next_back().context("there are no stages")
    }

    /// The stage that is called `words`: its number, its name or the beginning of its name.
    ///
    /// # Errors
    /// No stage or several stages are called that; the sentence lists them.
    pub fn stage(&self, words: &str) -> Result<&Stage> {
        // A shell completes a name to the path of the folder.
        let words = words.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let number = words.parse().ok();
        if let Some(stage) = self
            .all
            .iter()
            .find(|stage| stage.name == words || number.is_some() && stage.number == number)
        {
            return Ok(stage);
        }
        let begins = |stage: &&Stage| !words.is_empty() && stage.name.starts_with(words);
        let found: Vec<&Stage> = self.all.iter().filter(begins).collect();
        match found[..] {
            [stage] => Ok(stage),
            [] => bail!("there is no stage {words:?}; choose one of {}", names(self.all.iter())),
            _ => bail!("{words:?} can be {}; say which", names(found.into_iter())),
        }
    }

    /// The stage before this one; the first has none.
    ///
    /// # Errors
    /// A copy is not on the ladder: no stage comes before it.
    pub fn before(&self, stage: &Stage) -> Result<Option<&Stage>> {
        ensure!(
            stage.number.is_some(),
            "{} is your own; name the stage to compare it with",
            stage.name
        );
        Ok(self.stages().take_while(|other| other.number < stage.number).last())
    }

    /// The stage after this one; the last stage and a copy have none.
    pub fn after(&self, stage: &Stage) -> Option<&Stage> {
        let number = stage.number?;
        self.stages().find(|other| other.number > Some(number))
    }
}

/// Names with commas between.
pub fn names<'a>(stages: impl Iterator<Item = &'a Stage>) -> String {
    stages.map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ")
}

impl Stage {
    /// Whether its servers keep their messages in PostgreSQL, as its lesson says.
    ///
    /// # Errors
    /// A lesson that cannot be read.
    pub fn needs_postgresql(&self) -> Result<bool> {
        let lesson = self.read("lesson.txt")?.map(|text| Lesson::parse(&text)).transpose()?;
        Ok(lesson.is_some_and(|lesson| lesson.postgresql))
    }

    /// The package in a folder, which has no number yet.
    fn open(folder: PathBuf) -> Result<Stage> {
        let path = folder.join("Cargo.toml");
        let manifest: DocumentMut = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .parse()
            .with_context(|| format!("{} is no manifest", path.display()))?;
        let value = |key: &str| {
            let value = manifest.get("package").and_then(|package| package.get(key)?.as_str());
            value.map(String::from)
        };
        let name = value("name").with_context(|| format!("{} has no name", path.display()))?;
        // A copy need not have a description.
        let idea = value("description").unwrap_or_default();
        Ok(Stage { number: None, idea, name, folder })
    }

    /// Whether it is a student's copy.
    pub fn is_copy(&self) -> bool {
        self.number.is_none()
    }

    /// The paths of all its files, `/` between their parts, in the order of reading. Hidden files, links,
    /// databases, the folder of a cluster and files that are no text are left out.
    ///
    /// # Errors
    /// A file or a folder that cannot be read.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        add_files(&self.folder, "", &mut files)
            .with_context(|| format!("cannot read the files of {}", self.name))?;
        files.sort_by_key(|path| (rank(path), path.clone()));
        Ok(files)
    }

    /// The text of a file, if there is such a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self, path: &str) -> Result<Option<String>> {
        let place = self.folder.join(path);
        if !place.is_file() {
            return Ok(None);
        }
        let text = fs::read_to_string(&place);
        text.map(Some).with_context(|| format!("cannot read {}", place.display()))
    }
}

/// Whether the stages are in this folder.
fn has_stages(folder: &Path) -> bool {
    let entries = fs::read_dir(folder.join("steps"));
    entries.into_iter().flatten().flatten().any(|entry| {
        number(&entry.file_name().to_string_lossy()).is_some()
            && entry.path().join("Cargo.toml").is_file()
    })
}

/// The number of the stage in a name such as `s07_put`.
pub fn number(name: &str) -> Option<u32> {
    let (digits, _) = name.strip_prefix('s')?.split_once('_')?;
    digits.parse().ok().filter(|_| digits.len() == 2)
}

/// The folders in `folder` that are packages.
fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.join("Cargo.toml").is_file() {
            packages.push(path);
        }
    }
    Ok(packages)
}

fn add_files(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || ["cluster", "target"].contains(&&*name) || name.contains(".db")
        {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_files(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("{prefix}{name}"))?;
            if String::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) {
                files.push(format!("{prefix}{name}"));
            }
        }
    }
    Ok(())
}

fn rank(path: &str) -> usize {
    let known = READING.iter().position(|start| path.starts_with(start));
    known.unwrap_or(READING.len() + usize::from(path.contains('/')))
}

/// The paths of the files that either stage has, in the order of reading.
///
/// # Errors
/// A file or a folder that cannot be read.
pub fn files_of_both(one: Option<&Stage>, other: &Stage) -> Result<Vec<String>> {
    let mut paths = BTreeSet::new();
    for stage in one.into_iter().chain([other]) {
        paths.extend(stage.files()?);
    }
    let mut paths: Vec<String> = paths.into_iter().collect();
    paths.sort_by_key(|path| rank(path));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_in_the_order_of_reading() {
        let mut files =
            ["tests/a", "Cargo.toml", "tmux.sh", "src/zoo.rs", "src/http.rs", "src/main.rs"];
        files.sort_by_key(|path| rank(path));
        assert_eq!(
            files,
            ["src/main.rs", "src/http.rs", "src/zoo.rs", "Cargo.toml", "tmux.sh", "tests/a"]
        );
    }

    #[test]
    fn the_number_of_a_stage_has_two_digits() {
        assert_eq!(number("s07_put"), Some(7));
        assert_eq!(number("s42_late"), Some(42));
        assert_eq!(number("s7_put"), None);
        assert_eq!(number("s07put"), None);
        assert_eq!(number("my_put"), None);
    }
}
