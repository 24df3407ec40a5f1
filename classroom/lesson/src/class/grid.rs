//! The grid for pairs: whose client understands whose server.

use super::board::Board;
use super::report::NAME_WIDTH;
use crate::report::cut;
use crate::words::pad;
use anstyle::{AnsiColor, Style};
use replay::Lang;

const PASSED: Style = AnsiColor::Green.on_default();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const PALE: Style = Style::new().dimmed();

/// Whether a student's client understands another student's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    Understood,
    Misunderstood,
    /// Both could talk, and have not done so yet.
    Untried,
    /// The student's own server, or one of another stage.
    None,
}

/// The students who take part. Rows of the board stand for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// A row of the grid each: the students whose clients talk to others' servers.
    pub clients: Vec<usize>,
    /// A column each: the students who let others talk to their servers.
    pub servers: Vec<usize>,
    /// The rows of the grid.
    pub cells: Vec<Vec<Pair>>,
}

impl Grid {
    /// The grid of a board. A student who takes part with a server alone has a row, too, so that rows and columns are
    /// about the same students.
    pub fn of(board: &Board) -> Grid {
        let rows = &board.rows;
        let serves = |at: &usize| rows[*at].report.serve.is_some();
        let talks = |at: &usize| !rows[*at].report.understands.is_empty();
        let servers: Vec<usize> = (0..rows.len()).filter(serves).collect();
        let clients: Vec<usize> = (0..rows.len()).filter(|at| serves(at) || talks(at)).collect();
        let cell = |client: usize, server: usize| {
            let (client, server) = (&rows[client], &rows[server]);
            if client.index == server.index || client.report.stage != server.report.stage {
                return Pair::None;
            }
            let known = client.report.understands.iter().find(|known| known.0 == server.index);
            match known {
                Some((_, true)) => Pair::Understood,
                Some((_, false)) => Pair::Misunderstood,
                None => Pair::Untried,
            }
        };
        let line = |client: &usize| servers.iter().map(|server| cell(*client, *server)).collect();
        let cells = clients.iter().map(line).collect();
        Grid { clients, servers, cells }
    }
    /// The grid for a terminal with this room, in columns and lines. Its columns have numbers, which stand before the names
    /// of the rows. What has no room is left out, and nothing is shown if there is room for no row.
    pub fn lines(
        &self,
        board: &Board,
        hide_names: bool,
        lang: Lang,
        width: usize,
        height: usize,
    ) -> Vec<String> {
        // The legend and the numbers come before the rows, and an empty line before both.
        let rows = self.clients.len().min(height.saturating_sub(4));
        if rows == 0 {
            return Vec::new();
        }
        let legend = lang.choose(
            "whose client (row) understands whose server (column): ● yes, ✕ no, · not tried",
            Some("어느 클라이언트(행)가 어느 서버(열)와 통하는가: ● 통함, ✕ 통하지 않음, · 아직"),
        );
        let label = NAME_WIDTH + 4;
        // Numbers of two digits stand one digit above the other where the columns are narrow.
        let cell = if label + 3 * self.servers.len() <= width { 3 } else { 2 };
        let servers = &self.servers[..self.servers.len().min(width.saturating_sub(label) / cell)];
        let digits = |number: usize| match (cell, number) {
            (3, number) => (String::new(), number.to_string()),
            (_, 0..10) => (String::new(), number.to_string()),
            _ => ((number / 10).to_string(), (number % 10).to_string()),
        };
        let numbers: Vec<(String, String)> =
            servers.iter().map(|server| digits(server + 1)).collect();
        let head = |one: &dyn Fn(&(String, String)) -> String| {
            let cells: String =
                numbers.iter().map(|number| format!("{:>cell$}", one(number))).collect();
            format!("{PALE}{}{cells}{PALE:#}", " ".repeat(label))
        };
        let mut lines = vec![String::new(), format!("{PALE}{}{PALE:#}", cut(legend, width))];
        if numbers.iter().any(|number| !number.0.is_empty()) {
            lines.push(head(&|number| number.0.clone()));
        }
        lines.push(head(&|number| number.1.clone()));
        let rows = rows.min(height - lines.len());
        for (client, cells) in self.clients.iter().zip(&self.cells).take(rows) {
            let name = board.name(*client, hide_names);
            let number = client + 1;
            let name = if name == number.to_string() { String::new() } else { name };
            let marks: String = cells[..servers.len()]
                .iter()
                .map(|pair| format!("{}{}", " ".repeat(cell - 1), mark(*pair)))
                .collect();
            lines.push(format!("{number:>3} {}{marks}", pad(&name, NAME_WIDTH)));
        }
        lines
    }

    /// For a pipe: the place of each student's row and what the student's client has found out, in a line.
    pub fn in_words(&self, board: &Board, hide_names: bool, lang: Lang) -> Vec<(usize, String)> {
        let line = |(client, cells): (&usize, &Vec<Pair>)| {
            let names = |wanted: Pair| -> Vec<String> {
                let pairs = self.servers.iter().zip(cells).filter(|pair| *pair.1 == wanted);
                pairs.map(|(server, _)| board.name(*server, hide_names)).collect()
            };
            let (understood, others) = (names(Pair::Understood), names(Pair::Misunderstood));
            if understood.is_empty() && others.is_empty() {
                return None;
            }
            let (mut words, not) = (Vec::new(), others.join(", "));
            let yes = understood.join(", ");
            if !yes.is_empty() {
                words.push(match lang {
                    Lang::En => format!("understands {yes}"),
                    Lang::Ko => format!("통함 {yes}"),
                });
            }
            if !not.is_empty() {
                words.push(match lang {
                    Lang::En => format!("does not understand {not}"),
                    Lang::Ko => format!("통하지 않음 {not}"),
                });
            }
            let name = board.name(*client, hide_names);
            Some((board.rows[*client].place, format!("{name}: {}", words.join("; "))))
        };
        self.clients.iter().zip(&self.cells).filter_map(line).collect()
    }
}

fn mark(pair: Pair) -> String {
    match pair {
        Pair::Understood => format!("{PASSED}●{PASSED:#}"),
        Pair::Misunderstood => format!("{FAILED}✕{FAILED:#}"),
        Pair::Untried => format!("{PALE}·{PALE:#}"),
        Pair::None => " ".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::report::Report;
    use std::time::Instant;

    /// A board of students; each understands those before, but for each third one.
    fn board(count: usize) -> Board {
        let mut texts = Vec::new();
        for at in 0..count {
            let mut report = Report::new(&format!("key{at}"), &format!("준호 {at}"), 7, None);
            report.serve = Some(format!("10.0.0.1:{}", 20_000 + at));
            report.understands = (0..at).map(|other| (other, other % 3 != 1)).collect();
            texts.push(report.to_text());
        }
        let mut board = Board::default();
        board.read(texts, Instant::now());
        board
    }

    fn plain(lines: Vec<String>) -> Vec<String> {
        lines.iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn a_grid_in_a_terminal() {
        let board = board(3);
        let lines = plain(Grid::of(&board).lines(&board, false, Lang::En, 80, 24));
        let rows: Vec<&str> = lines[2..].iter().map(|line| line.as_str()).collect();
        let wanted = [
            "                      1  2  3",
            "  1 준호 0               ·  ·",
            "  2 준호 1            ●     ·",
            "  3 준호 2            ●  ✕   ",
        ];
        assert_eq!(rows, wanted);
        // Numbers stand in place of hidden names.
        let lines = plain(Grid::of(&board).lines(&board, true, Lang::En, 80, 24));
        assert!(!lines.join("\n").contains("준호"), "{lines:?}");
        assert_eq!(
            Grid::of(&board).in_words(&board, false, Lang::En)[1].1,
            "준호 2: understands 준호 0; does not understand 준호 1"
        );
    }

    #[test]
    fn a_grid_of_a_class_fits() {
        let board = board(30);
        for (width, height) in [(80, 40), (80, 24), (120, 20), (30, 6)] {
            let lines = plain(Grid::of(&board).lines(&board, false, Lang::Ko, width, height));
            assert!(lines.len() <= height && lines.len() > 3, "{width} {height}: {}", lines.len());
            for line in &lines {
                let columns = textwrap::core::display_width(line);
                assert!(columns <= width, "{columns} columns: {line}");
            }
        }
        assert!(Grid::of(&board).lines(&board, false, Lang::En, 80, 4).is_empty());
    }
}
