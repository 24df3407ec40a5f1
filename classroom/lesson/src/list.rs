//! `cargo lesson list`: the ladder as a table.

use crate::table::{Cell, Column, Table, added_and_removed};
use anstyle::Style;
use anyhow::Result;
use ladder::code::{Changes, count};
use ladder::{Ladder, Stage};
use std::io::Write;

/// Prints a line a stage; the numbers are lines of its `src`, against the stage before.
pub fn run(ladder: &Ladder) -> Result<()> {
    let mut table = Table::new(vec![
        Column::fixed(""),
        Column::fixed("stage"),
        Column::text("the one idea"),
        Column::number("added"),
        Column::number("removed"),
        Column::fixed("replay it with"),
    ]);
    for stage in &ladder.all {
        table.row(row(ladder, stage)?);
    }
    write!(anstream::stdout(), "{table}")?;
    Ok(())
}

fn row(ladder: &Ladder, stage: &Stage) -> Result<Vec<Cell>> {
    let mut row = vec![
        Cell::new(stage.number.map(|number| number.to_string()).unwrap_or_default()),
        Cell::styled(&stage.name, Style::new().bold()),
        Cell::new(&stage.idea),
    ];
    if stage.number.is_some() {
        let changes = Changes::between(ladder.before(stage)?, stage, Some("src/"))?;
        row.extend(added_and_removed(count(&changes.files)));
    } else {
        row.extend([Cell::new(""), Cell::new("")]);
    }
    row.push(Cell::new(format!("cargo run -p {}", stage.name)));
    Ok(row)
}
