//! `cargo lesson list`: the ladder as a table.

use crate::table::{Cell, Column, Table, added_and_removed};
use anstyle::Style;
use anyhow::Result;
use ladder::Ladder;
use ladder::code::{Changes, count};
use std::io::Write;

/// Prints a row for each stage; the numbers are lines of its `src`, against the stage before. A narrow terminal
/// gets no column for the names, which the commands contain.
pub fn run(ladder: &Ladder) -> Result<()> {
    let wide = table(ladder, true)?;
    let table = if wide.fits() { wide } else { table(ladder, false)? };
    write!(anstream::stdout(), "{table}")?;
    Ok(())
}

fn table(ladder: &Ladder, wide: bool) -> Result<Table> {
    let mut columns = vec![Column::fixed("")];
    if wide {
        columns.push(Column::fixed("stage"));
    }
    columns.extend([
        Column::text("the one idea"),
        Column::number("added"),
        Column::number("removed"),
        Column::fixed("replay it with"),
    ]);
    let mut table = Table::new(columns);
    for stage in &ladder.all {
        let number = stage.number.map(|number| number.to_string()).unwrap_or_default();
        let mut row = vec![Cell::new(number)];
        if wide {
            row.push(Cell::styled(&stage.name, Style::new().bold()));
        }
        row.push(Cell::new(&stage.idea));
        if stage.is_copy() {
            row.extend([Cell::new(""), Cell::new("")]);
        } else {
            let changes = Changes::between(ladder.before(stage)?, stage, Some("src/"))?;
            row.extend(added_and_removed(count(&changes.files)));
        }
        row.push(Cell::new(format!("cargo run -p {}", stage.name)));
        table.row(row);
    }
    Ok(table)
}
