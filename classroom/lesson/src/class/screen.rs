//! The board in the terminal. A terminal is drawn anew in place; a pipe or a file gets a line for each change.

use super::board::{Board, Row};
use super::report::{Mark, NAME_WIDTH, Report};
use crate::report::cut;
use crate::words::pad;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use replay::Lang;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use terminal_size::{Height, Width, terminal_size};
use textwrap::core::display_width;

const PASSED: Style = AnsiColor::Green.on_default();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const PALE: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// The least width of a student in columns, with the space after it: a short name, the stage and some cases.
const LEAST: usize = 26;

/// The terminal's size if the system does not say it.
const SIZE: (usize, usize) = (80, 24);

/// What stays the same while the board is shown, and what was shown last.
pub struct Screen {
    head: Vec<String>,
    hide_names: bool,
    away: Duration,
    lang: Lang,
    is_terminal: bool,
    note: String,
    /// What a terminal shows.
    frame: String,
    /// The lines that were printed last about each student, by the index of the message, and about all.
    lines: BTreeMap<usize, String>,
    all: String,
}

impl Screen {
    /// A screen. `addresses` are those that students can type (HOST:PORT), each with the name of its interface.
    pub fn new(
        addresses: &[(String, String)],
        hide_names: bool,
        away: Duration,
        lang: Lang,
    ) -> Screen {
        Screen {
            head: head(addresses, lang),
            hide_names,
            away,
            lang,
            is_terminal: io::stdout().is_terminal(),
            note: String::new(),
            frame: String::new(),
            lines: BTreeMap::new(),
            all: String::new(),
        }
    }

    /// Shows what students type.
    ///
    /// # Errors
    /// An output that is closed.
    pub fn begin(&self) -> Result<()> {
        let mut output = anstream::stdout();
        if self.is_terminal {
            // Clears the terminal, and hides the cursor.
            write!(output, "\x1b[2J\x1b[?25l")?;
        } else {
            for line in &self.head {
                writeln!(output, "{line}")?;
            }
        }
        Ok(output.flush()?)
    }

    /// A sentence about the server, which stays until the next one.
    pub fn note(&mut self, sentence: &str) {
        if self.note != sentence {
            self.note = sentence.to_string();
            if !self.is_terminal {
                // The next row finds out that the output is closed.
                let _ = writeln!(anstream::stdout(), "{sentence}");
            }
        }
    }

    /// Shows the board, as far as it differs from what is shown.
    ///
    /// # Errors
    /// An output that is closed.
    pub fn show(&mut self, board: &Board, now: Instant) -> Result<()> {
        if self.is_terminal {
            let size = terminal_size().map(|(Width(width), Height(height))| (width, height));
            let (width, height) =
                size.map_or(SIZE, |(width, height)| (width.into(), height.into()));
            self.draw(&self.lines_of(board, now, width, height).join("\n"))
        } else {
            self.print(board, now)
        }
    }

    /// Shows the board for the last time, and leaves the cursor below it.
    ///
    /// # Errors
    /// An output that is closed.
    pub fn end(&mut self, board: &Board, now: Instant) -> Result<()> {
        self.show(board, now)?;
        if self.is_terminal {
            let mut output = anstream::stdout();
            write!(output, "\x1b[?25h\n")?;
            output.flush()?;
        }
        Ok(())
    }

    /// Writes a frame over the one before. Nothing is cleared first, so that the terminal does not flicker.
    fn draw(&mut self, frame: &str) -> Result<()> {
        if self.frame != frame {
            let lines = frame.replace('\n', "\x1b[K\r\n");
            let mut output = anstream::stdout();
            write!(output, "\x1b[H{lines}\x1b[K\x1b[J")?;
            output.flush()?;
            self.frame = frame.to_string();
        }
        Ok(())
    }

    /// Prints a line for each student whose results have changed, and one about all.
    fn print(&mut self, board: &Board, now: Instant) -> Result<()> {
        let mut output = anstream::stdout();
        for (number, row) in board.rows.iter().enumerate() {
            let name = board.name(number, self.hide_names);
            let line = format!("{name}: {}", self.in_words(row, now));
            if self.lines.get(&row.index) != Some(&line) {
                writeln!(output, "{line}")?;
                self.lines.insert(row.index, line);
            }
        }
        self.lines.retain(|index, _| board.rows.iter().any(|row| row.index == *index));
        let mut all = self.about_all(board, now);
        all.extend(self.about_messages(board));
        let all = all.join("; ");
        if self.all != all {
            if !all.is_empty() {
                writeln!(output, "{all}")?;
            }
            self.all = all;
        }
        Ok(output.flush()?)
    }

    /// A student's results in a line.
    fn in_words(&self, row: &Row, now: Instant) -> String {
        let Report { stage, cases, .. } = &row.report;
        let (passed, all) = (row.report.count(Mark::Passed), cases.len());
        let mut words = match self.lang {
            Lang::En => format!("stage {stage}, {passed} of {all} cases hold"),
            Lang::Ko => format!("{stage}단계, 케이스 {all}개 가운데 {passed}개 통과"),
        };
        if let Some(id) = row.report.first_failed() {
            words += &match self.lang {
                Lang::En => format!(", first fault {id}"),
                Lang::Ko => format!(", 첫 번째 잘못 {id}"),
            };
        }
        if row.is_away(now, self.away) {
            words += self.lang.choose(", away", Some(", 자리 비움"));
        }
        words
    }

    /// Where most students are stuck, how many are done, and how many are away.
    fn about_all(&self, board: &Board, now: Instant) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(stuck) = board.stuck() {
            let (count, of, id) = (stuck.count, stuck.of, stuck.id);
            words.push(match self.lang {
                Lang::En => format!("{count} of {of}: {id}"),
                Lang::Ko => format!("{of}명 가운데 {count}명: {id}"),
            });
        }
        let done = board.rows.iter().filter(|row| row.is_done()).count();
        let away = board.rows.iter().filter(|row| row.is_away(now, self.away)).count();
        for (number, english, korean) in [(done, "done", "마침"), (away, "away", "자리 비움")]
        {
            match self.lang {
                _ if number == 0 => {}
                Lang::En => words.push(format!("{english}: {number}")),
                Lang::Ko => words.push(format!("{korean}: {number}명")),
            }
        }
        words
    }

    /// What is in the server's list and not on the board.
    fn about_messages(&self, board: &Board) -> Vec<String> {
        let mut words = Vec::new();
        match (board.no_reports, self.lang) {
            (0, _) => {}
            (1, Lang::En) => words.push("1 message is no report".to_string()),
            (number, Lang::En) => words.push(format!("{number} messages are no reports")),
            (number, Lang::Ko) => words.push(format!("결과가 아닌 메시지: {number}개")),
        }
        match (board.left_out, self.lang) {
            (0, _) => {}
            (number, Lang::En) => words.push(format!("reports without a row: {number}")),
            (number, Lang::Ko) => words.push(format!("표시하지 않은 결과: {number}개")),
        }
        words
    }

    /// The lines of a terminal of this size.
    fn lines_of(&self, board: &Board, now: Instant, width: usize, height: usize) -> Vec<String> {
        // A terminal may wrap after a letter in its last column.
        let width = width.saturating_sub(1).max(LEAST);
        let pale = |text: &str| format!("{PALE}{}{PALE:#}", cut(text, width));
        let mut lines: Vec<String> = self.head.iter().map(|line| cut(line, width)).collect();
        let mut notes = self.about_messages(board);
        notes.extend(Some(self.note.clone()).filter(|note| !note.is_empty()));
        if !notes.is_empty() {
            lines.push(pale(&notes.join("; ")));
        }
        lines.push(String::new());
        let all = match self.about_all(board, now).join(", ") {
            _ if board.rows.is_empty() => {
                self.lang.choose("no student yet", Some("아직 학생이 없습니다")).to_string()
            }
            all => all,
        };
        lines.push(format!("{STRONG}{}{STRONG:#}", cut(&all, width)));
        let (cells, is_grouped) =
            self.cells(board, now, width, height.saturating_sub(lines.len() + 3));
        lines.push(pale(self.legend(is_grouped)));
        lines.push(String::new());
        lines.extend(cells);
        lines
    }

    /// What the marks mean.
    fn legend(&self, is_grouped: bool) -> &'static str {
        match is_grouped {
            false => self.lang.choose(
                "a mark a case: ● holds, ✕ does not, ○ not asked yet; ✓ done, z away",
                Some("표시 하나가 케이스 하나: ● 통과, ✕ 통과하지 못함, ○ 아직 검사하지 않음; ✓ 마침, z 자리 비움"),
            ),
            true => self.lang.choose(
                "a mark a group of cases: ● all hold, ✕ not all, ◐ some asked, ○ none yet; ✓ done, z away",
                Some("표시 하나가 케이스 묶음 하나: ● 모두 통과, ✕ 일부 실패, ◐ 검사 중, ○ 검사 전; ✓ 마침, z 자리 비움"),
            ),
        }
    }

    /// The students in as many columns as the height needs, from top to bottom. Returns also whether a mark stands for
    /// several cases.
    fn cells(
        &self,
        board: &Board,
        now: Instant,
        width: usize,
        height: usize,
    ) -> (Vec<String>, bool) {
        let height = height.max(1);
        let most = (width / LEAST).max(1);
        let columns = board.rows.len().div_ceil(height).clamp(1, most);
        let room = columns * height;
        // If the students do not fit, the last line says how many are not shown.
        let (shown, height) = if board.rows.len() > room {
            (columns * (height - 1).max(1), (height - 1).max(1))
        } else {
            (board.rows.len(), board.rows.len().div_ceil(columns).max(1))
        };
        let names: Vec<String> =
            (0..shown).map(|number| board.name(number, self.hide_names)).collect();
        let cell_width = width / columns;
        let longest = names.iter().map(|name| display_width(name)).max().unwrap_or_default();
        let name_width = longest.min(NAME_WIDTH).min(cell_width - (LEAST - 8));
        // The name, the sign, the stage, and a space before the marks and after them.
        let room = cell_width - name_width - 6;
        let rows = &board.rows[..shown];
        let is_grouped = rows.iter().any(|row| row.report.cases.len() > room);
        let mut lines = vec![String::new(); height];
        for (number, (row, name)) in rows.iter().zip(&names).enumerate() {
            let (marks, marks_width) = marks(&row.report, is_grouped, room);
            let is_away = row.is_away(now, self.away);
            let sign = match is_away {
                true => "z",
                false if row.is_done() => "✓",
                false => " ",
            };
            let style = if is_away { PALE } else { Style::new() };
            let name = pad(&cut(name, name_width), name_width);
            let rest = " ".repeat(cell_width - name_width - 5 - marks_width);
            let line = &mut lines[number % height];
            *line += &format!("{style}{name}{sign}{:>3}{style:#} {marks}{rest}", row.report.stage);
        }
        if shown < board.rows.len() {
            let more = board.rows.len() - shown;
            lines.push(match self.lang {
                Lang::En => format!("more students: {more}; enlarge the terminal"),
                Lang::Ko => format!("학생 {more}명이 더 있습니다. 터미널을 키우세요"),
            });
        }
        (lines, is_grouped)
    }
}

/// What a teacher reads first: the command that students type, with the address.
fn head(addresses: &[(String, String)], lang: Lang) -> Vec<String> {
    let (first, others) = match addresses {
        [first, others @ ..] => (first.0.as_str(), others),
        [] => ("HOST:PORT", addresses),
    };
    let students = lang.choose("students type:", Some("학생이 입력할 명령:"));
    let mut lines =
        vec![format!("{students} cargo lesson watch 7 my_put --class {first} --name NAME")];
    let with_interface = |(addr, name): &(String, String)| match name.as_str() {
        "" => addr.clone(),
        name => format!("{addr} ({name})"),
    };
    if !others.is_empty() {
        let or = lang.choose("or, on another network:", Some("다른 네트워크에서는:"));
        let others: Vec<String> = others.iter().map(with_interface).collect();
        lines.push(format!("{or} {}", others.join(", ")));
    }
    let anyone = "anyone on this network can write to this board; Ctrl-C ends it";
    let korean = "이 네트워크에 있는 사람은 누구나 이 보드에 쓸 수 있습니다. 끝내기: Ctrl-C";
    lines.push(lang.choose(anyone, Some(korean)).to_string());
    lines
}

/// The marks of a student, one a case or one a group of cases, and their width; at most `most` of them.
fn marks(report: &Report, is_grouped: bool, most: usize) -> (String, usize) {
    let signs: Vec<(Style, &str)> = if is_grouped {
        groups(report).iter().map(|group| sign_of_group(&group.1)).collect()
    } else {
        report.cases.iter().map(|case| sign(case.1)).collect()
    };
    let signs = &signs[..signs.len().min(most)];
    let marks = signs.iter().map(|(style, sign)| format!("{style}{sign}{style:#}")).collect();
    (marks, signs.len())
}

/// The cases by their groups, in the order in which a group is asked first.
pub fn groups(report: &Report) -> Vec<(&'static str, Vec<Mark>)> {
    let mut groups: Vec<(&'static str, Vec<Mark>)> = Vec::new();
    for (topic, (_, mark)) in contract::topics(report.stage).into_iter().zip(&report.cases) {
        match groups.iter_mut().find(|group| group.0 == topic) {
            Some(group) => group.1.push(*mark),
            None => groups.push((topic, vec![*mark])),
        }
    }
    groups
}

fn sign(mark: Mark) -> (Style, &'static str) {
    match mark {
        Mark::Passed => (PASSED, "●"),
        Mark::Failed => (FAILED, "✕"),
        Mark::Waiting => (PALE, "○"),
    }
}

fn sign_of_group(marks: &[Mark]) -> (Style, &'static str) {
    let has = |mark| marks.contains(&mark);
    if has(Mark::Failed) {
        sign(Mark::Failed)
    } else if has(Mark::Passed) && has(Mark::Waiting) {
        (PALE, "◐")
    } else {
        marks.first().map_or(sign(Mark::Waiting), |mark| sign(*mark))
    }
}
