//! `cargo lesson diff`: what changes in the code from one stage to another.

use crate::pager;
use anstream::ColorChoice;
use anstream::adapter::strip_str;
use anyhow::Result;
use ladder::Ladder;
use ladder::code::{Changes, FileChange, count};
use ladder::table::{Cell, Column, Table, added_and_removed};
use std::io::{self, IsTerminal, Write};

/// What to compare, and how to show it.
pub struct Options {
    /// The earlier stage; alone, it is compared with the one before it.
    pub from: String,
    /// The later stage.
    pub to: Option<String>,
    /// Only this file or this folder.
    pub file: Option<String>,
    /// On a terminal, what is not in `src` as well.
    pub all: bool,
    /// Only how many lines each file gains and loses.
    pub stat: bool,
    /// On a terminal, without a pager.
    pub no_pager: bool,
}

/// Prints what changes between two stages: on a terminal in colours, a screen at a time; in a pipe as a patch.
///
/// # Errors
/// There is no such stage or file, or it cannot be read or printed.
pub fn run(ladder: &Ladder, options: Options) -> Result<()> {
    // No stage has a dot or a slash in its name: `diff 7 server.rs` means the file.
    let (to, file) = match (options.to, options.file) {
        (Some(path), None) if path.contains(['.', '/']) => (None, Some(path)),
        (to, file) => (to, file),
    };
    let from = ladder.stage(&options.from)?;
    let (from, to) = match to {
        Some(to) => (Some(from), ladder.stage(&to)?),
        None => (ladder.before(from)?, from),
    };
    let terminal = io::stdout().is_terminal();
    let src_alone = terminal && file.is_none() && !options.all && !options.stat;
    let part = if src_alone { Some("src/") } else { file.as_deref() };
    let changes = Changes::between(from, to, part)?;
    if changes.files.is_empty() {
        let place = part.map(|part| format!("in {part} ")).unwrap_or_default();
        let from = from.map_or("nothing", |stage| &stage.name);
        let rest = if src_alone { "; --all compares the other files as well" } else { "" };
        // In a pipe the patch is empty.
        eprintln!("{place}nothing differs between {from} and {}{rest}", to.name);
        return Ok(());
    }
    let mut output = anstream::stdout();
    if options.stat {
        write!(output, "{}", table(&changes))?;
        return Ok(());
    }
    let patch: String = changes.files.iter().map(FileChange::to_string).collect();
    if terminal && !options.no_pager {
        let plain = output.current_choice() == ColorChoice::Never;
        let text = if plain { strip_str(&patch).to_string() } else { patch.clone() };
        if pager::show(&text)? {
            return Ok(());
        }
    }
    write!(output, "{patch}")?;
    Ok(())
}

/// Makes a row for each file, with the numbers of lines that it gains and loses, and two rows with sums.
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
