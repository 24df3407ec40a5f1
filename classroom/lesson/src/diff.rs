//! `cargo lesson diff`: what changes in the code from one stage to another.

use crate::ladder::{Ladder, Stage, files_of_both};
use crate::list::table;
use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
use comfy_table::{Cell, CellAlignment, Color};
use similar::{Algorithm, ChangeTag, DiffOp, InlineChangeMode, InlineChangeOptions, TextDiff};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write;

const FILE: Style = Style::new().bold();
const HUNK: Style = AnsiColor::Cyan.on_default();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();

/// Prints what changes between two stages, or from the stage before where `to` is `None`. In a pipe the
/// colours are gone, and what is left is a patch.
pub fn run(
    ladder: &Ladder,
    from: &str,
    to: Option<&str>,
    file: Option<&str>,
    stat: bool,
) -> Result<()> {
    // No stage has a dot or a slash in its name: `diff 7 server.rs` means the file.
    let (to, file) = match to {
        Some(path) if path.contains(['.', '/']) && file.is_none() => (None, Some(path)),
        _ => (to, file),
    };
    let from = ladder.stage(from)?;
    let (from, to) = match to {
        Some(to) => (Some(from), ladder.stage(to)?),
        None => (ladder.before(from)?, from),
    };
    let changes = Changes::between(from, to, file)?;
    let mut output = anstream::stdout();
    if stat {
        writeln!(output, "{}", changes.stat().trim_fmt())?;
    } else {
        for file in &changes.files {
            write!(output, "{file}")?;
        }
    }
    Ok(())
}

/// What changes between two stages.
pub struct Changes {
    /// The files that differ, in the order of reading.
    pub files: Vec<FileChange>,
}

/// A file that differs.
pub struct FileChange {
    /// Its path in the stage's folder.
    pub path: String,
    /// Its text in either stage; `None` where the stage has no such file.
    pub old: Option<String>,
    pub new: Option<String>,
    /// Whether it is a program that can be run by its name.
    executable: bool,
}

impl Changes {
    /// Compares two stages, or one with nothing. Of the files only those whose path has `part` in it, such as
    /// `src/` or `server.rs`.
    ///
    /// # Errors
    /// No file of either stage has such a path; the sentence lists those that there are.
    pub fn between(from: Option<&Stage>, to: &Stage, part: Option<&str>) -> Result<Changes> {
        let paths = files_of_both(from, to)?;
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
            let old = from.map(|stage| stage.read(path)).transpose()?.flatten();
            let new = to.read(path)?;
            if old != new {
                files.push(FileChange::new(to, path, old, new));
            }
        }
        Ok(Changes { files })
    }

    /// A line a file, with the lines that it gains and loses, and sums.
    fn stat(&self) -> comfy_table::Table {
        let mut table = table(&["file", "added", "removed"]);
        let row = |name: &str, (added, removed): (usize, usize)| {
            [
                Cell::new(name),
                Cell::new(format!("+{added}")).fg(Color::Green),
                Cell::new(format!("−{removed}")).fg(Color::Red),
            ]
        };
        for file in &self.files {
            table.add_row(row(&file.path, file.count()));
        }
        let code = self.files.iter().filter(|file| file.path.starts_with("src/"));
        table.add_row(row("src in all", count(code)));
        table.add_row(row("in all", count(&self.files)));
        for column in 1..=2 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
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
    /// A file of the stage `to`, or one that it has no more.
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
    pub tag: ChangeTag,
    /// Its place in the old and in the new text, counted from 0.
    pub old: Option<usize>,
    pub new: Option<usize>,
    /// The text, its end among it; `true` marks what is not in the other text's line.
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
        // A file that comes or goes with nothing in it has no more to say.
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
