//! A table without lines, for a terminal: each column is as wide as its widest cell. Where the terminal is
//! narrower, columns get narrower and their text wraps; in a pipe nothing wraps.

use anstyle::{AnsiColor, Style};
use std::env;
use std::fmt;
use terminal_size::{Width, terminal_size};
use textwrap::core::display_width;

const HEAD: Style = Style::new().dimmed();

/// The spaces between two columns.
const GAP: usize = 2;

/// No column gets narrower than this.
const MIN_WIDTH: usize = 8;

/// A table to be printed: its `Display` form is all of its lines.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    /// How many columns the terminal has, if the output is one.
    width: Option<usize>,
}

/// A column.
pub struct Column {
    /// What stands above it.
    head: String,
    /// Whether its text ends where the column ends, as numbers do.
    right: bool,
    /// Whether its text may wrap.
    wraps: bool,
}

impl Column {
    /// A column whose text is never cut.
    pub fn fixed(head: &str) -> Column {
        Column { head: head.to_string(), right: false, wraps: false }
    }

    /// A column of numbers.
    pub fn number(head: &str) -> Column {
        Column { right: true, ..Column::fixed(head) }
    }

    /// A column whose text wraps where the terminal is too narrow.
    pub fn text(head: &str) -> Column {
        Column { wraps: true, ..Column::fixed(head) }
    }
}

/// A text in one style.
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A text as the terminal shows any other.
    pub fn new(text: impl Into<String>) -> Cell {
        Cell::styled(text, Style::new())
    }

    /// A text in a style.
    pub fn styled(text: impl Into<String>, style: Style) -> Cell {
        Cell { text: text.into(), style }
    }
}

/// Two cells: how many lines are added, and how many are removed.
pub fn added_and_removed((added, removed): (usize, usize)) -> [Cell; 2] {
    [
        Cell::styled(format!("+{added}"), AnsiColor::Green.on_default()),
        Cell::styled(format!("−{removed}"), AnsiColor::Red.on_default()),
    ]
}

impl Table {
    /// A table for the terminal, without rows.
    pub fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new(), width: width() }
    }

    /// Adds a row; cells that are missing at its end are empty.
    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Whether nothing has to wrap.
    pub fn fits(&self) -> bool {
        self.width.is_none_or(|limit| self.total(&self.widest()) <= limit)
    }

    /// How wide a line is with columns of these widths.
    fn total(&self, widths: &[usize]) -> usize {
        1 + widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// How wide the widest cell of each column is.
    fn widest(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for (number, column) in self.columns.iter().enumerate() {
            let cells = self.rows.iter().filter_map(|row| row.get(number));
            let widest = cells.map(|cell| display_width(&cell.text)).max().unwrap_or_default();
            widths.push(widest.max(display_width(&column.head)));
        }
        widths
    }

    /// How wide each column is. If they do not fit together, the widest column that wraps gets narrower first.
    fn widths(&self) -> Vec<usize> {
        let mut widths = self.widest();
        let Some(limit) = self.width else { return widths };
        while self.total(&widths) > limit {
            let wrapping = (0..widths.len()).filter(|number| self.columns[*number].wraps);
            match wrapping.max_by_key(|number| widths[*number]) {
                Some(widest) if widths[widest] > MIN_WIDTH => widths[widest] -= 1,
                _ => break,
            }
        }
        widths
    }

    /// Writes the lines of one row.
    fn write(&self, out: &mut fmt::Formatter, row: &[Cell], widths: &[usize]) -> fmt::Result {
        let cells: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                let lines = textwrap::wrap(&cell.text, (*width).max(1));
                lines.into_iter().map(|line| line.into_owned()).collect()
            })
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..height {
            // How many spaces come before the next text. None come after the last text of a line.
            let mut space = 1;
            for (number, cell) in row.iter().enumerate() {
                let text = cells[number].get(line).map(String::as_str).unwrap_or_default();
                let (style, rest) = (cell.style, widths[number] - display_width(text));
                let (before, after) =
                    if self.columns[number].right { (rest, 0) } else { (0, rest) };
                if !text.is_empty() {
                    write!(out, "{}{style}{text}{style:#}", " ".repeat(space + before))?;
                    space = 0;
                } else {
                    space += before;
                }
                space += after + GAP;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let widths = self.widths();
        let heads = self.columns.iter().map(|column| Cell::styled(column.head.as_str(), HEAD));
        self.write(out, &heads.collect::<Vec<_>>(), &widths)?;
        self.rows.iter().try_for_each(|row| self.write(out, row, &widths))
    }
}

/// How many columns the terminal has: what COLUMNS says, or else the terminal; `None` in a pipe.
fn width() -> Option<usize> {
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    columns.or_else(|| terminal_size().map(|(Width(width), _)| width.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> Table {
        let columns = vec![Column::fixed("name"), Column::text("idea"), Column::number("added")];
        let mut table = Table { columns, rows: Vec::new(), width };
        table.row(vec![Cell::new("one"), Cell::new("several words, 한글 too"), Cell::new("+7")]);
        table.row(vec![Cell::new("twice"), Cell::new("short"), Cell::new("+12")]);
        table
    }

    fn lines(table: &Table) -> Vec<String> {
        anstream::adapter::strip_str(&table.to_string())
            .to_string()
            .lines()
            .map(String::from)
            .collect()
    }

    #[test]
    fn a_column_is_as_wide_as_its_widest_cell() {
        let wanted = [
            " name   idea                     added",
            " one    several words, 한글 too     +7",
            " twice  short                      +12",
        ];
        assert_eq!(lines(&table(None)), wanted);
        assert_eq!(lines(&table(Some(40))), wanted);
    }

    #[test]
    fn only_text_wraps() {
        let wanted = [
            " name   idea            added",
            " one    several words,     +7",
            "        한글 too",
            " twice  short             +12",
        ];
        assert_eq!(lines(&table(Some(29))), wanted);
        // Where even that is too wide, names and numbers stay whole.
        assert!(lines(&table(Some(5))).iter().any(|line| line.ends_with("+12")));
    }

    #[test]
    fn a_table_may_have_no_rows() {
        let table =
            Table { columns: vec![Column::fixed("file")], rows: Vec::new(), width: Some(80) };
        assert_eq!(lines(&table), [" file"]);
    }
}
