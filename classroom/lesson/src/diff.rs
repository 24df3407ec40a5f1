//! `cargo lesson diff`: what changes in the code from one stage to another.

use crate::table::{Cell, Column, Table, added_and_removed};
use anyhow::Result;
use ladder::Ladder;
use ladder::code::{Changes, count};
use std::io::Write;

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
        write!(output, "{}", table(&changes))?;
    } else {
        for file in &changes.files {
            write!(output, "{file}")?;
        }
    }
    Ok(())
}

/// A line a file, with the lines that it gains and loses, and sums.
fn table(changes: &Changes) -> Table {
    let mut table =
        Table::new(vec![Column::fixed("file"), Column::number("added"), Column::number("removed")]);
    let mut add = |name: &str, numbers: (usize, usize)| {
        let [added, removed] = added_and_removed(numbers);
        table.row(vec![Cell::new(name), added, removed]);
    };
    for file in &changes.files {
        add(&file.path, file.count());
    }
    let code = changes.files.iter().filter(|file| file.path.starts_with("src/"));
    add("src in all", count(code));
    add("in all", count(&changes.files));
    table
}
