//! The diagrams in the notes, each below a comment that names its capture.

use crate::{capture, diagram};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// The capture that a line names, if that is all it does: `<!-- captures/s01_echo.pcap -->`.
pub fn capture_named_by(line: &str) -> Option<&str> {
    let path = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    path.starts_with("captures/").then_some(path)
}

/// The notes with each diagram drawn anew from its capture, which lies in `folder`.
///
/// # Errors
/// A capture that cannot be read, or that no diagram follows.
pub fn redraw(notes: &str, folder: &Path) -> Result<String> {
    let mut redrawn = String::new();
    let mut lines = notes.split_inclusive('\n');
    while let Some(line) = lines.next() {
        redrawn += line;
        let Some(path) = capture_named_by(line.trim_end()) else { continue };
        let opens = lines.next().is_some_and(|line| line.trim_end() == "```mermaid");
        ensure!(opens, "no diagram follows {path}");
        let ends = lines.any(|line| line.trim_end() == "```");
        ensure!(ends, "the diagram of {path} does not end");
        let bytes = fs::read(folder.join(path)).with_context(|| format!("cannot read {path}"))?;
        let segments = capture::segments(&bytes).with_context(|| path.to_string())?;
        redrawn += &format!("```mermaid\n{}```\n", diagram::draw(&segments));
    }
    Ok(redrawn)
}
