//! `cargo lesson list`: the ladder as a table.

use crate::diff::{Changes, count};
use crate::ladder::{Ladder, Stage};
use anyhow::Result;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table};
use std::io::Write;

/// Prints a line a stage; the numbers are lines of its `src`, against the stage before.
pub fn run(ladder: &Ladder) -> Result<()> {
    let mut table = table(&["", "stage", "the one idea", "added", "removed", "replay it with"]);
    for stage in &ladder.all {
        table.add_row(row(ladder, stage)?);
    }
    for column in 3..=4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    writeln!(anstream::stdout(), "{}", table.trim_fmt())?;
    Ok(())
}

fn row(ladder: &Ladder, stage: &Stage) -> Result<Vec<Cell>> {
    let mut row = vec![
        Cell::new(stage.number.map(|number| number.to_string()).unwrap_or_default()),
        Cell::new(&stage.name).add_attribute(Attribute::Bold),
        Cell::new(&stage.idea),
    ];
    if stage.number.is_some() {
        let changes = Changes::between(ladder.before(stage)?, stage, Some("src/"))?;
        let (added, removed) = count(&changes.files);
        row.push(Cell::new(format!("+{added}")).fg(Color::Green));
        row.push(Cell::new(format!("−{removed}")).fg(Color::Red));
    } else {
        row.extend([Cell::new(""), Cell::new("")]);
    }
    row.push(Cell::new(format!("cargo run -p {}", stage.name)));
    Ok(row)
}

/// A table without lines, whose first row is dimmed. Whether its colours are shown is for the output to
/// decide.
pub fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).enforce_styling();
    // In a pipe nothing is wrapped.
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.style_text_only();
    table.set_header(heads.iter().map(|head| Cell::new(head).add_attribute(Attribute::Dim)));
    table
}
