//! What changes between two stages, in the form in which the page's script reads it.

use crate::is_shown;
use anyhow::Result;
use ladder::code::{FileChange, inline};
use ladder::{Stage, files_of_both};
use serde_json::{Value, json};
use similar::{ChangeTag, DiffOp};
use std::collections::BTreeMap;

/// What changes between two stages: for each file of either, in the order of reading, its operations (whether
/// lines stay the same, and how many there are in the old and in the new text), and what is marked in a line
/// (from, to).
pub fn changes_between(one: &Stage, other: &Stage) -> Result<Value> {
    let mut files = Vec::new();
    for path in files_of_both(Some(one), other)?.into_iter().filter(|path| is_shown(path)) {
        let change = FileChange::new(other, &path, one.read(&path)?, other.read(&path)?);
        let diff = change.lines();
        let mut old_marks = BTreeMap::new();
        let mut new_marks = BTreeMap::new();
        for line in diff.ops().iter().flat_map(|op| inline(&diff, op)) {
            let marks = marks(&line.pieces);
            match (line.tag, line.old, line.new) {
                _ if marks.is_empty() => {}
                (ChangeTag::Delete, Some(number), _) => drop(old_marks.insert(number, marks)),
                (ChangeTag::Insert, _, Some(number)) => drop(new_marks.insert(number, marks)),
                _ => {}
            }
        }
        let ops = diff.ops().iter().map(|op| {
            let same = matches!(op, DiffOp::Equal { .. });
            json!([same, op.old_range().len(), op.new_range().len()])
        });
        let (added, removed) = change.count();
        files.push(json!({
            "path": path,
            "ops": ops.collect::<Vec<_>>(),
            "added": added,
            "removed": removed,
            "old": old_marks,
            "new": new_marks,
        }));
    }
    Ok(files.into())
}

/// From where to where a line is marked, in the units in which a script counts, which are those of UTF-16.
/// A line that is marked from end to end gets no mark: the colour of the line shows that it has changed.
pub fn marks(pieces: &[(bool, String)]) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    let mut at = 0;
    for (marked, text) in pieces {
        let length = text.trim_end_matches('\n').encode_utf16().count();
        if *marked && length > 0 {
            marks.push((at, at + length));
        }
        at += length;
    }
    let indent = pieces.first().filter(|piece| !piece.0 && piece.1.trim().is_empty());
    let indent = indent.map_or(0, |piece| piece.1.len());
    if marks == [(indent, at)] { Vec::new() } else { marks }
}
