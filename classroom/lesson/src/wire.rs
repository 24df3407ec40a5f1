//! `cargo lesson wire`: what changes on the wire from one stage to another.

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use ladder::table::{Cell, Column, Table};
use ladder::wire::{Row, Wire};
use ladder::{Ladder, Stage};
use std::io::Write;

const CASE: Style = Style::new().bold();
const DIFFERENT: Style = AnsiColor::Yellow.on_default();

/// Prints what some stages answer, as a table, or with `verbose` as full texts: the rows in which they differ, or
/// with `all` every row. One stage alone has all its rows.
///
/// # Errors
/// There is no such stage, it does not build, or its server cannot be asked.
pub fn run(ladder: &Ladder, names: &[String], all: bool, verbose: bool) -> Result<()> {
    let stages = names.iter().map(|name| ladder.stage(name)).collect::<Result<Vec<&Stage>>>()?;
    let all = all || stages.len() == 1;
    let wire = Wire::of(ladder, &stages)?;
    let rows: Vec<&Row> = wire.rows.iter().filter(|row| row.differs() || all).collect();
    if rows.is_empty() {
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        let mut output = anstream::stdout();
        writeln!(output, "on the wire nothing differs between {}", names.join(" and "))?;
        return Ok(());
    }
    if verbose { print_texts(&stages, &rows) } else { print_table(&stages, &rows) }
}

fn print_table(stages: &[&Stage], rows: &[&Row]) -> Result<()> {
    let mut columns = vec![Column::fixed(""), Column::text("")];
    columns.extend(stages.iter().map(|stage| Column::text(&stage.name)));
    let mut table = Table::new(columns);
    for row in rows {
        let (mark, style) = mark(row);
        let mut cells = vec![Cell::styled(mark, style), Cell::styled(&row.case, CASE)];
        cells.extend(row.answers.iter().map(|answer| Cell::styled(&answer.short, style)));
        table.row(cells);
    }
    write!(anstream::stdout(), "{table}")?;
    Ok(())
}

fn print_texts(stages: &[&Stage], rows: &[&Row]) -> Result<()> {
    let mut output = anstream::stdout();
    for row in rows {
        let (mark, style) = mark(row);
        let space = if mark.is_empty() { "" } else { " " };
        writeln!(output, "{style}{mark}{style:#}{space}{CASE}{}{CASE:#}", row.case)?;
        for (stage, answer) in stages.iter().zip(&row.answers) {
            writeln!(output, "  {}: {style}{}{style:#}", stage.name, answer.short)?;
            for (arrow, text) in [("→", &answer.sent), ("←", &answer.got)] {
                for line in text.lines() {
                    writeln!(output, "    {arrow} {line}")?;
                }
            }
        }
        writeln!(output)?;
    }
    Ok(())
}

/// What stands before a row, and the style of its answers.
fn mark(row: &Row) -> (&'static str, Style) {
    if row.differs() { ("≠", DIFFERENT) } else { ("", Style::new()) }
}
