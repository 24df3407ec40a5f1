//! `cargo lesson list`: the ladder as a table.

use crate::words;
use anstyle::Style;
use anyhow::Result;
use ladder::Ladder;
use ladder::code::{Changes, count};
use ladder::table::{Cell, Column, Table, added_and_removed};
use replay::Lang;
use std::io::Write;

/// Prints a row for each stage, with the numbers of lines that its `src` adds to the stage before and removes from it.
/// On a narrow terminal the column of names is left out: the commands contain the names.
///
/// # Errors
/// A stage that cannot be read, or an output that is closed.
pub fn run(ladder: &Ladder, lang: Lang) -> Result<()> {
    let wide = table(ladder, true, lang)?;
    let table = if wide.fits() { wide } else { table(ladder, false, lang)? };
    write!(anstream::stdout(), "{table}")?;
    Ok(())
}

fn table(ladder: &Ladder, wide: bool, lang: Lang) -> Result<Table> {
    let mut columns = vec![Column::fixed("")];
    if wide {
        columns.push(Column::fixed(lang.choose("stage", Some("단계"))));
    }
    columns.extend([
        Column::text(lang.choose("the one idea", Some("아이디어 하나"))),
        Column::number(lang.choose("added", Some("추가"))),
        Column::number(lang.choose("removed", Some("삭제"))),
        Column::fixed(lang.choose("replay it with", Some("재생하는 명령"))),
    ]);
    let mut table = Table::new(columns);
    for stage in &ladder.all {
        let number = stage.number.map(|number| number.to_string()).unwrap_or_default();
        let mut row = vec![Cell::new(number)];
        if wide {
            row.push(Cell::styled(&stage.name, Style::new().bold()));
        }
        row.push(Cell::new(words::idea(ladder, stage, lang)));
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
