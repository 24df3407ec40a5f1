//! Holds the lesson notes to the programs that they describe.
//!
//! | module | what it checks |
//! |---|---|
//! | [`order`] | a section about a stage has the same parts as the others, in the same order |
//! | [`quotes`] | quoted code stands in its file |
//! | [`numbers`] | the numbers of lines that a stage adds and removes are right |
//! | [`links`] | what a link leads to exists |
//! | `commands` | a command prints what is shown below it |
//! | [`editions`] | two editions have the same outline |
//!
//! No module knows a language: each takes the text of any edition.

#[cfg(unix)]
pub mod commands;
mod edition;
pub mod editions;
pub mod links;
#[cfg(unix)]
mod network;
pub mod numbers;
pub mod order;
pub mod quotes;

pub use edition::{Block, Edition, Item, Section};

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The result of a check.
#[derive(Debug, Default)]
pub struct Findings {
    /// How many things were checked.
    pub checked: usize,
    /// What is wrong, each in a sentence that begins with file and line.
    pub wrong: Vec<String>,
}

/// The folder of stage `number` under `root`, if there is such a stage.
///
/// # Errors
/// A folder `steps` that cannot be read.
pub fn stage(root: &Path, number: usize) -> Result<Option<PathBuf>> {
    let steps = root.join("steps");
    let start = format!("s{number:02}_");
    for entry in fs::read_dir(&steps).with_context(|| format!("cannot read {}", steps.display()))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&start) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

/// The text of a file with the line ends of Unix, whatever git made of them.
pub(crate) fn read(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.replace("\r\n", "\n"))
}
