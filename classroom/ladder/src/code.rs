//! What changes in the code from one stage to another: the files that differ, their lines, and the words in a line.

use crate::{Stage, files_of_both};
use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
use similar::{Algorithm, ChangeTag, DiffOp, InlineChangeMode, InlineChangeOptions, TextDiff};
use std::borrow::Cow;
use std::fmt::{self, Write as _};

const FILE: Style = Style::new().bold();
const HUNK: Style = AnsiColor::Cyan.on_default();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();

/// What changes between two stages.
pub struct Changes {
    /// The files that differ, in the order of reading.
    pub files: Vec<FileChange>,
}

/// A file that differs.
pub struct FileChange {
    /// Its path in the stage's folder.
    pub path: String,
    /// Its text in the earlier stage; `None` where that stage has no such file.
    pub old: Option<String>,
    /// Its text in the later stage; `None` where that stage has no such file.
    pub new: Option<String>,
    /// Whether it may be run by its name, as a script.
    executable: bool,
}

impl Changes {
    /// Compares two stages, or one with nothing. With `part`, only the files in that folder (`src/`) or
    /// whose path ends with it (`server.rs`) are compared. A student's copy has no window and none of the
    /// ladder's tests, so these are left out of the stage with which it is compared.
    ///
    /// # Errors
    /// No file of either stage has such a path; the sentence lists the paths.
    pub fn between(from: Option<&Stage>, to: &Stage, part: Option<&str>) -> Result<Changes> {
        let copies = to.is_copy() || from.is_some_and(Stage::is_copy);
        let mut paths = files_of_both(from, to)?;
        paths.retain(|path| !(copies && path.starts_with("tests/")));
        let read = |stage: &Stage, path: &str| -> Result<Option<String>> {
            let text = stage.read(path)?;
            match copies && !stage.is_copy() {
                true => Ok(text.and_then(|text| Stage::without_window(path, &text))),
                false => Ok(text),
            }
        };
        let chosen = |path: &&String| match part {
            // The end of a path, from a slash on, or a folder.
            Some(part) => {
                let folder = format!("{}/", part.trim_end_matches('/'));
                format!("/{path}").ends_with(&format!("/{part}")) || path.starts_with(&folder)
            }
            None => true,
        };
        let chosen: Vec<&String> = paths.iter().filter(chosen).collect();
        if let (Some(part), []) = (part, &chosen[..]) {
            bail!("there is no file {part:?} in {}; choose one of {}", to.name, paths.join(", "));
        }
        let mut files = Vec::new();
        for path in chosen {
            let old = from.map(|stage| read(stage, path)).transpose()?.flatten();
            let new = read(to, path)?;
            if old != new {
                files.push(FileChange::new(to, path, old, new));
            }
        }
        Ok(Changes { files })
    }
}

/// How many lines all these files gain and lose.
pub fn count<'a>(files: impl IntoIterator<Item = &'a FileChange>) -> (usize, usize) {
    files
        .into_iter()
        .map(FileChange::count)
        .fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1))
}

impl FileChange {
    /// A file of the stage `to`, or a file that only the stage before has.
    pub fn new(to: &Stage, path: &str, old: Option<String>, new: Option<String>) -> FileChange {
        FileChange { path: path.to_string(), old, new, executable: is_executable(to, path) }
    }

    /// How many lines it gains and loses.
    pub fn count(&self) -> (usize, usize) {
        self.lines().ops().iter().fold((0, 0), |(added, removed), op| match op {
            DiffOp::Equal { .. } => (added, removed),
            _ => (added + op.new_range().len(), removed + op.old_range().len()),
        })
    }

    /// The difference, line by line.
    pub fn lines(&self) -> TextDiff<'_, '_, str> {
        lines(self.old.as_deref().unwrap_or_default(), self.new.as_deref().unwrap_or_default())
    }
}

/// The difference between two texts, line by line.
pub fn lines<'old, 'new>(old: &'old str, new: &'new str) -> TextDiff<'old, 'new, str> {
    TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(old, new)
}

/// A line of a difference, cut where it changes inside.
pub struct Line {
    /// Whether it is in both texts, only in the new one or only in the old one.
    pub tag: ChangeTag,
    /// Its number in the old text, counted from 0; `None` if only the new one has it.
    pub old: Option<usize>,
    /// Its number in the new text, counted from 0; `None` if only the old one has it.
    pub new: Option<usize>,
    /// The text with its line end; `true` marks what is not in the other text's line.
    pub pieces: Vec<(bool, String)>,
    /// Whether the line has an end.
    pub ended: bool,
}

/// The lines of one operation of a difference.
pub fn inline(diff: &TextDiff<'_, '_, str>, op: &DiffOp) -> Vec<Line> {
    let mut options = InlineChangeOptions::new();
    options.mode(InlineChangeMode::UnicodeWords).min_ratio(0.4).semantic_cleanup(true);
    // Without a limit of time, so that the result is the same on every machine.
    diff.iter_inline_changes_with_options_deadline(op, options, None)
        .map(|change| Line {
            tag: change.tag(),
            old: change.old_index(),
            new: change.new_index(),
            pieces: pieces(change.iter_strings_lossy()),
            ended: !change.missing_newline(),
        })
        .collect()
}

/// The pieces of a line; the indentation is never marked.
fn pieces<'a>(found: impl Iterator<Item = (bool, Cow<'a, str>)>) -> Vec<(bool, String)> {
    let mut pieces = Vec::new();
    for (marked, text) in found {
        let rest = if pieces.is_empty() { text.trim_start_matches(' ') } else { &text };
        if rest.len() < text.len() {
            pieces.push((false, text[..text.len() - rest.len()].to_string()));
        }
        pieces.push((marked, rest.to_string()));
    }
    pieces
}

/// The file as a part of a patch, in colours.
impl fmt::Display for FileChange {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let path = &self.path;
        let mode = if self.executable { "100755" } else { "100644" };
        let mut head = format!("diff --git a/{path} b/{path}\n");
        let (mut old, mut new) = (format!("a/{path}"), format!("b/{path}"));
        if self.old.is_none() {
            writeln!(head, "new file mode {mode}")?;
            old = "/dev/null".to_string();
        }
        if self.new.is_none() {
            writeln!(head, "deleted file mode {mode}")?;
            new = "/dev/null".to_string();
        }
        // A new or removed file that is empty has no changed lines.
        let diff = self.lines();
        if !diff.ops().is_empty() {
            write!(head, "--- {old}\n+++ {new}\n")?;
        }
        for line in head.lines() {
            writeln!(out, "{FILE}{line}{FILE:#}")?;
        }
        for hunk in diff.unified_diff().iter_hunks() {
            writeln!(out, "{HUNK}{}{HUNK:#}", hunk.header())?;
            for line in hunk.ops().iter().flat_map(|op| inline(&diff, op)) {
                line.write(out)?;
            }
        }
        Ok(())
    }
}

impl Line {
    fn write(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (sign, style) = match self.tag {
            ChangeTag::Equal => (' ', Style::new()),
            ChangeTag::Delete => ('-', OLD),
            ChangeTag::Insert => ('+', NEW),
        };
        write!(out, "{style}{sign}")?;
        for (marked, text) in &self.pieces {
            let text = text.trim_end_matches('\n');
            if *marked {
                let marked = style.invert();
                write!(out, "{style:#}{marked}{text}{marked:#}{style}")?;
            } else {
                write!(out, "{text}")?;
            }
        }
        writeln!(out, "{style:#}")?;
        if !self.ended {
            writeln!(out, "\\ No newline at end of file")?;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn is_executable(stage: &Stage, path: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let metadata = stage.folder.join(path).metadata();
    metadata.is_ok_and(|metadata| metadata.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_executable(_: &Stage, path: &str) -> bool {
    path.ends_with(".sh")
}
