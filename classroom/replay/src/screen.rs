//! The screen: the client on the left, the server on the right. A line that is too long is wrapped inside its own
//! column. A row never has both sides, so on a narrow screen the columns may overlap: each side gets enough room
//! for the longest header field of a lesson.
//!
//! The colours are those that can be read on a light and on a dark background: the default colour for the client,
//! and bright magenta for the server. Green, cyan and yellow are too light for a white background, and blue is
//! too dark for a black one.

use crate::event::Event;
use crate::words::Lang;
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::{env, net::SocketAddr};
use terminal_size::{Height, Width, terminal_size_of};
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter, wrap};

/// How many columns are used if the output is no terminal.
const COLUMNS: usize = 80;

/// The least and the greatest number of columns that are used, however narrow or wide the terminal is.
const MIN_COLUMNS: usize = 20;
const MAX_COLUMNS: usize = 160;

/// The least number of rows that a page of `--step` has, however low the terminal is.
const MIN_ROWS: usize = 6;

/// How many columns a side has at least, if the screen has them:
/// `→ Content-Type: text/plain; charset=utf-8` has 41.
const SIDE: usize = 42;

/// How many columns the server's side has at least, if the screen has them beside the client's: the same field in a
/// log with the time and the peer has 78.
const LOG: usize = 78;

/// How far the server's column stands to the right on the narrowest screen.
const INDENT: usize = 8;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const SERVER: Style = AnsiColor::BrightMagenta.on_default();

/// Whose column a row is in.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// All columns, for the words of the replay.
    Both,
    Client,
    Server,
}

/// Standard output, with colours where it is a terminal and NO_COLOR is not set. Each function that shows something
/// returns an error if the output is closed.
pub struct Screen {
    output: anstream::Stdout,
    lang: Lang,
    /// Whether it waits for Enter between two lines of the lesson.
    step: bool,
    /// Whether each line of the lesson has a page of its own.
    pages: bool,
    columns: usize,
    rows: usize,
    /// How many rows of this page are in use.
    used: usize,
    /// The rows at the top of each page: the line that is played.
    head: Vec<String>,
}

impl Screen {
    /// A screen in this language. With `step` it waits before each line of the lesson but the first, and on a terminal it
    /// shows one page after another.
    pub fn new(lang: Lang, step: bool) -> Screen {
        let dumb = env::var_os("TERM").is_some_and(|name| name == "dumb");
        let mut screen = Screen {
            output: anstream::stdout(),
            lang,
            step,
            pages: step && io::stdout().is_terminal() && !dumb,
            columns: COLUMNS,
            rows: usize::MAX,
            used: 0,
            head: Vec::new(),
        };
        screen.measure();
        screen
    }

    /// Shows what happened.
    pub fn show(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Title(title) => self.title(&title),
            Event::Line(number) if self.step && number > 0 => self.next_page(),
            Event::Line(_) | Event::Ended { .. } => Ok(()),
            Event::Said(text) => self.say(&text),
            Event::Typed(text) => self.head(Side::Client, BOLD, &format!("> {text}")),
            Event::Ran(text) => self.head(Side::Client, BOLD, &format!("$ {text}")),
            Event::Acted(text) => self.head(Side::Server, SERVER.bold(), &format!("! {text}")),
            Event::ActedOnClient(text) => self.head(Side::Client, BOLD, &format!("! {text}")),
            Event::ClientPrinted(text) | Event::CommandPrinted(text) => {
                text.lines().try_for_each(|line| self.line(Side::Client, PLAIN, line))
            }
            Event::ServerPrinted { lines, .. } => self.server(&lines),
            Event::Note(text) => self.line(Side::Client, PLAIN, &format!("({text})")),
            Event::ServerNote(text) => self.line(Side::Server, SERVER, &format!("({text})")),
        }
    }

    /// Takes the size of the terminal, which can change between two pages.
    fn measure(&mut self) {
        if let Some((Width(columns), Height(rows))) = terminal_size_of(io::stdout()) {
            self.columns = usize::from(columns).clamp(MIN_COLUMNS, MAX_COLUMNS);
            self.rows = usize::from(rows).max(MIN_ROWS);
        }
    }

    /// The lesson's title and the heads of the two columns.
    fn title(&mut self, title: &str) -> Result<()> {
        self.line(Side::Both, BOLD, &format!("{} {title}", self.lang.lesson()))?;
        self.print("")?;
        let (client, server) = (self.lang.client(), self.lang.server());
        let (column, _) = place(Side::Server, self.columns);
        let space = " ".repeat(column.saturating_sub(display_width(client)).max(1));
        let style = SERVER.bold();
        self.print(&format!("{BOLD}{client}{BOLD:#}{space}{style}{server}{style:#}"))
    }

    /// Shows a sentence of the lesson.
    fn say(&mut self, text: &str) -> Result<()> {
        if self.used > 0 {
            self.print("")?;
        }
        self.head(Side::Both, BOLD, &format!("# {text}"))
    }

    /// What the server prints about one connection, or a line about none. From stage 9 on, each line of its log begins
    /// with a stamp: the time and the peer. Here the stamp of the first line is shown, and the lines below it are
    /// indented, which is easier to read for a class. The times of the later lines are not shown: they depend on the
    /// machine, and each replay would be different.
    fn server(&mut self, lines: &[String]) -> Result<()> {
        for (number, line) in lines.iter().enumerate() {
            for row in log_rows(self.columns, line, number > 0) {
                self.print(&row)?;
            }
        }
        Ok(())
    }

    /// Where to go from here. The server needs the arguments `more`.
    pub fn end(&mut self, stage: &str, more: &str, title: &str) -> Result<()> {
        let lang = self.lang;
        let rows = [
            (lang.server_by_hand(), format!("cargo run -p {stage} -- server{more}")),
            (lang.client_by_hand(), format!("cargo run -p {stage} -- client")),
            (lang.explanation(), format!("{} {title}", lang.notes())),
        ];
        let widest = rows.iter().map(|(label, _)| display_width(label)).max().unwrap_or(0);
        self.print("")?;
        for (label, text) in rows {
            let space = " ".repeat(widest + 2 - display_width(label));
            self.line(Side::Both, PLAIN, &format!("{label}{space}{text}"))?;
        }
        Ok(())
    }

    /// Waits for Enter, and begins a new page where the screen has pages. Goes on at the end of input, too.
    fn next_page(&mut self) -> Result<()> {
        self.wait()?;
        self.head.clear();
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let text = self.lang.go_on();
        let end = if self.pages { "" } else { "\n" };
        if self.pages {
            // Saves the position of the cursor.
            self.control("\x1b7")?;
        }
        self.write(&format!("{BOLD}{text}{BOLD:#}{end}"))?;
        let mut line = Vec::new();
        io::stdin()
            .lock()
            .read_until(b'\n', &mut line)
            .context("the replay cannot read from the keyboard")?;
        if self.pages {
            // Goes back there and removes the words and the row below, into which Enter has moved the cursor:
            // a terminal that is scrolled back still has this page. Then clears the screen.
            self.control("\x1b8\x1b[J\x1b[2J\x1b[H")?;
            self.used = 0;
            self.measure();
        }
        Ok(())
    }

    /// Shows the line that is played, which is then at the top of each page.
    fn head(&mut self, side: Side, style: Style, text: &str) -> Result<()> {
        let rows = rows(side, self.columns, style, text);
        rows.iter().try_for_each(|row| self.print(row))?;
        self.head = rows;
        Ok(())
    }

    /// Shows one line on a side.
    fn line(&mut self, side: Side, style: Style, line: &str) -> Result<()> {
        rows(side, self.columns, style, line).iter().try_for_each(|row| self.print(row))
    }

    /// Prints one row. The last two rows of a page are for the words that say how to go on, and for the cursor after
    /// Enter.
    fn print(&mut self, row: &str) -> Result<()> {
        if self.pages && self.used + 2 >= self.rows {
            self.wait()?;
            // A head that is nearly as high as the screen would leave no room.
            if self.head.len() < self.rows / 2 {
                for row in self.head.clone() {
                    self.write(&format!("{row}\n"))?;
                    self.used += 1;
                }
            }
        }
        self.used += 1;
        self.write(&format!("{row}\n"))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()).map_err(why)
    }

    /// Moves the cursor and clears the screen. anstream would leave that out where it leaves out colours.
    fn control(&mut self, text: &str) -> Result<()> {
        let mut output = io::stdout();
        output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(why)
    }
}

/// Says why nothing can be printed.
fn why(error: io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::BrokenPipe {
        return anyhow::anyhow!("the output was closed before the end of the lesson");
    }
    anyhow::Error::from(error).context("the replay cannot print")
}

/// The first column of a side, counted from 0, and how many columns it has.
fn place(side: Side, columns: usize) -> (usize, usize) {
    let least = SIDE.min(columns - INDENT);
    let server = (columns / 2).max(least).max(LOG.min(columns.saturating_sub(SIDE)));
    match side {
        Side::Both => (0, columns),
        Side::Client => (0, (columns - server).max(least)),
        Side::Server => (columns - server, server),
    }
}

/// A line as rows of the screen, in this style.
fn rows(side: Side, columns: usize, style: Style, line: &str) -> Vec<String> {
    let (column, width) = place(side, columns);
    text_rows(column, width, style, "", "", &escape_control(line.trim_end()))
}

/// A line of the server's log as rows of the screen, without its stamp where it is below another line of the same
/// connection. A wide column has the stamp beside the text, a narrow one has it in a row of its own.
fn log_rows(columns: usize, line: &str, is_below: bool) -> Vec<String> {
    let (column, width) = place(Side::Server, columns);
    let line = escape_control(line.trim_end());
    let (stamp, peer, text) = split_stamp(&line);
    if peer.is_none() {
        return rows(Side::Server, columns, SERVER, &line);
    }
    if width >= LOG {
        let indent = " ".repeat(display_width(stamp));
        let start = if is_below { &indent } else { stamp };
        return text_rows(column, width, SERVER, start, &indent, text);
    }
    let mut rows = Vec::new();
    if !is_below {
        rows = text_rows(column, width, SERVER, "", "", stamp.trim_end());
    }
    rows.extend(text_rows(column, width, SERVER, " ", " ", text));
    rows
}

/// A text as rows of `width` columns, the first of which is `column`. The first row begins with `start`, the others
/// with `indent`, which is as wide. Arrows and status lines are bold.
fn text_rows(
    column: usize,
    width: usize,
    style: Style,
    start: &str,
    indent: &str,
    text: &str,
) -> Vec<String> {
    let is_status = text.starts_with("← HTTP/");
    let text_style = if is_status { style.bold() } else { style };
    if start.is_empty() && text.is_empty() {
        // An empty row has no spaces at its end.
        return vec![String::new()];
    }
    // An arrow stays with its first word: no line is broken at a no-break space.
    let glued = text.replacen("→ ", "→\u{a0}", 1).replacen("← ", "←\u{a0}", 1);
    let next = format!("{indent}  ");
    let options = Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(&next)
        .word_splitter(WordSplitter::NoHyphenation);
    // A text that fits keeps its spaces.
    let fits = display_width(indent) + display_width(text) <= width;
    let wrapped =
        if fits { vec![format!("{indent}{glued}").into()] } else { wrap(&glued, options) };
    let mut rows = Vec::new();
    for (number, row) in wrapped.iter().enumerate() {
        let row = row.replacen("→\u{a0}", "→ ", 1).replacen("←\u{a0}", "← ", 1);
        let (start, row) = match row.strip_prefix(indent) {
            Some(rest) if number == 0 => (start, rest),
            _ => ("", row.as_str()),
        };
        let start = format!("{}{start}", " ".repeat(column));
        let start = if start.trim().is_empty() { start } else { with_arrows(&start, style) };
        rows.push(format!("{start}{}", with_arrows(row, text_style)));
    }
    rows
}

/// A line of a log in three parts: its stamp, which is the time and the address of the peer, this address, and the
/// rest. Another line has no stamp. Stamp and rest together are the line.
pub fn split_stamp(line: &str) -> (&str, Option<SocketAddr>, &str) {
    let mut spaces = line.match_indices(' ').map(|(at, _)| at);
    if let (Some(first), Some(second)) = (spaces.next(), spaces.next())
        && let Ok(peer) = line[first + 1..second].parse()
    {
        let (stamp, rest) = line.split_at(second + 1);
        return (stamp, Some(peer), rest);
    }
    ("", None, line)
}

/// Text in this style, its arrows in bold.
fn with_arrows(text: &str, style: Style) -> String {
    let bold = style.bold();
    let mut row = String::new();
    for part in text.split_inclusive(['→', '←']) {
        let end = part.trim_end_matches(['→', '←']);
        let arrow = &part[end.len()..];
        for (part, style) in [(end, style), (arrow, bold)] {
            if !part.is_empty() {
                row.push_str(&format!("{style}{part}{style:#}"));
            }
        }
    }
    row
}

/// Shows control characters as escapes, so that they have no effect on the terminal.
fn escape_control(line: &str) -> String {
    let mut text = String::new();
    for letter in line.chars() {
        if letter.is_control() {
            text.extend(letter.escape_default());
        } else {
            text.push(letter);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(side: Side, columns: usize, line: &str) -> Vec<String> {
        rows(side, columns, PLAIN, line)
            .into_iter()
            .map(|row| anstream::adapter::strip_str(&row).to_string())
            .collect()
    }

    #[test]
    fn a_line_that_fits_is_one_row() {
        let line = "→ Content-Type: text/plain; charset=utf-8";
        assert_eq!(plain(Side::Client, 80, line), [line]);
        assert_eq!(plain(Side::Server, 80, line), [format!("{}{line}", " ".repeat(38))]);
        assert_eq!(plain(Side::Server, 80, ""), [""]);
    }

    /// The rows of a block of a log as they are shown at `columns`.
    fn log(columns: usize, lines: &[&str]) -> Vec<String> {
        let lines = lines.iter().enumerate();
        let rows = lines.flat_map(|(number, line)| log_rows(columns, line, number > 0));
        rows.map(|row| anstream::adapter::strip_str(&row).to_string()).collect()
    }

    #[test]
    fn the_stamp_of_a_log_is_shown_once() {
        let lines = [
            "2026-01-02T03:04:59Z 127.0.0.1:40001 accepted a connection",
            "2026-01-02T03:05:00Z 127.0.0.1:40001 → Content-Type: text/plain; charset=utf-8",
            "2026-01-02T03:05:02Z 127.0.0.1:40001 →",
        ];
        let space = " ".repeat(38);
        let narrow = [
            "2026-01-02T03:04:59Z 127.0.0.1:40001",
            " accepted a connection",
            " → Content-Type: text/plain; charset=utf-8",
            " →",
        ];
        assert_eq!(log(80, &lines), narrow.map(|row| format!("{space}{row}")));
        let below = " ".repeat(37);
        let wide = [
            lines[0].to_string(),
            format!("{below}→ Content-Type: text/plain; charset=utf-8"),
            format!("{below}→"),
        ];
        for (columns, column) in [(120, 42), (130, 52), (160, 80)] {
            let space = " ".repeat(column);
            assert_eq!(log(columns, &lines), wide.clone().map(|row| format!("{space}{row}")));
        }
        // A line that is about no connection has no peer, and its time stays.
        let line = "2026-01-02T03:05:02Z stopping";
        assert_eq!(log(80, &[line]), [format!("{space}{line}")]);
    }

    #[test]
    fn a_long_line_of_a_log_stays_beside_its_stamp() {
        let line = format!("2026-01-02T03:04:05Z 127.0.0.1:40001 → {}", "word ".repeat(20));
        let rows = log(120, &[&line]);
        assert!(rows.len() > 2 && rows.iter().all(|row| row.len() <= 122), "{rows:?}");
        let below = " ".repeat(42 + 37);
        assert!(rows[1..].iter().all(|row| row.starts_with(&format!("{below}  word"))), "{rows:?}");
    }

    #[test]
    fn wide_characters_count_two_columns() {
        let line = "가".repeat(50);
        // A word that is broken leaves the room of the indent free in its first row, too.
        for (side, room, start) in [(Side::Client, 40, 0), (Side::Server, 40, 38)] {
            let rows = plain(side, 80, &line);
            assert_eq!(rows.len(), 3);
            assert_eq!(display_width(&rows[0]), start + room);
            assert!(rows[1].starts_with(&format!("{}  가", " ".repeat(start))));
            let letters = rows.concat().chars().filter(|letter| *letter == '가').count();
            assert_eq!(letters, 50);
        }
        let words = "🦀 가나다 🦀🦀 라마바 ".repeat(12);
        for columns in [20, 40, 79, 80, 81, 120, 160] {
            for side in [Side::Both, Side::Client, Side::Server] {
                for row in plain(side, columns, &words) {
                    assert!(display_width(&row) <= columns, "{columns} columns: {row:?}");
                }
            }
        }
    }

    #[test]
    fn each_side_stays_in_its_column() {
        for columns in MIN_COLUMNS..=MAX_COLUMNS {
            let (client, client_width) = place(Side::Client, columns);
            let (server, server_width) = place(Side::Server, columns);
            assert_eq!((client, server + server_width), (0, columns));
            assert!(server >= INDENT && client_width >= MIN_COLUMNS - INDENT);
            for row in plain(Side::Server, columns, &"word ".repeat(60)) {
                assert!(row.starts_with(&" ".repeat(server)), "{columns} columns: {row:?}");
            }
        }
    }

    #[test]
    fn an_arrow_stays_with_its_word() {
        let long = format!("← {}", "x".repeat(60));
        assert_eq!(plain(Side::Client, 80, &long)[0], format!("← {}", "x".repeat(38)));
    }

    #[test]
    fn arrows_and_status_lines_are_bold() {
        let rows = rows(Side::Client, 80, PLAIN, "← Content-Length: 5");
        assert_eq!(rows, [format!("{BOLD}←{BOLD:#} Content-Length: 5")]);
        let style = SERVER.bold();
        let rows = self::rows(Side::Client, 80, SERVER, "← HTTP/1.1 200 OK");
        assert_eq!(rows, [format!("{style}←{style:#}{style} HTTP/1.1 200 OK{style:#}")]);
        let rows = self::rows(Side::Client, 80, PLAIN, "GET / → 200");
        assert_eq!(rows, [format!("GET / {BOLD}→{BOLD:#} 200")]);
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(plain(Side::Client, 80, "a\u{1b}[2Jb\tc"), ["a\\u{1b}[2Jb\\tc"]);
    }
}
