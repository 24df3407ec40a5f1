//! The board in the terminal. A terminal is drawn anew in place; a pipe or a file gets a line for each change.

use super::board::{Board, Row};
use super::grid::Grid;
use super::report::{Mark, NAME_WIDTH, Report};
use crate::report::cut;
use crate::words::{pad, say};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use replay::Lang;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
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
    /// The lines that were printed last about each student, by the place of the row, and about all.
    lines: BTreeMap<usize, String>,
    pairs: BTreeMap<usize, String>,
    all: String,
}

impl Screen {
    /// A screen. `addresses` are those that students can type (HOST:PORT), each with the name of its interface, and `page`
    /// is the file that the projector shows.
    pub fn new(
        addresses: &[(String, String)],
        page: &Path,
        hide_names: bool,
        away: Duration,
        lang: Lang,
    ) -> Screen {
        Screen {
            head: head(addresses, page, lang),
            hide_names,
            away,
            lang,
            is_terminal: io::stdout().is_terminal(),
            note: String::new(),
            frame: String::new(),
            lines: BTreeMap::new(),
            pairs: BTreeMap::new(),
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
            // A line that is too long is cut and not wrapped. Clears the terminal, and hides the cursor.
            write!(output, "\x1b[?7l\x1b[2J\x1b[?25l")?;
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

    /// The sentence about the server.
    pub fn noted(&self) -> &str {
        &self.note
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
        // The terminal has added ^C to what it shows.
        self.frame.clear();
        self.show(board, now)?;
        if self.is_terminal {
            let mut output = anstream::stdout();
            writeln!(output, "\x1b[?7h\x1b[?25h")?;
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
            if self.lines.get(&row.place) != Some(&line) {
                writeln!(output, "{line}")?;
                self.lines.insert(row.place, line);
            }
        }
        let grid = Grid::of(board).in_words(board, self.hide_names, self.lang);
        for (place, line) in &grid {
            if self.pairs.get(place) != Some(line) {
                writeln!(output, "{line}")?;
            }
        }
        self.pairs = grid.into_iter().collect();
        self.lines.retain(|place, _| board.rows.iter().any(|row| row.place == *place));
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
        if board.is_nearly_full {
            let sentence = "the server's list is nearly full: end the board and start it again";
            let korean = "서버의 목록이 거의 가득 찼습니다. 보드를 끝내고 다시 시작하세요";
            words.push(self.lang.choose(sentence, Some(korean)).to_string());
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
        let mut all = self.about_all(board, now);
        if all.is_empty() {
            all.push(match (board.rows.len(), self.lang) {
                (0, Lang::En) => "no student yet".to_string(),
                (0, Lang::Ko) => "아직 학생이 없습니다".to_string(),
                (number, Lang::En) => format!("students: {number}"),
                (number, Lang::Ko) => format!("학생 {number}명"),
            });
        }
        let all = all.join(", ");
        lines.push(format!("{STRONG}{}{STRONG:#}", cut(&all, width)));
        let topics = topics(&board.rows).map(|topics| self.topics(&topics));
        let used = lines.len() + 2 + usize::from(topics.is_some());
        // The grid gets what the rows do not need, and half of the room if they need more.
        let room = height.saturating_sub(used);
        let rows = board.rows.len().div_ceil((width / LEAST).max(1));
        let room_of_grid = room.saturating_sub(rows).max(room / 2);
        let grid = Grid::of(board).lines(board, self.hide_names, self.lang, width, room_of_grid);
        let (cells, size) = self.cells(board, now, width, room.saturating_sub(grid.len()));
        lines.push(pale(&self.legend(size)));
        lines.extend(topics.map(|topics| pale(&topics)));
        lines.push(String::new());
        lines.extend(cells);
        lines.extend(grid);
        // A frame that is too high would scroll. The students are below, and what stands above them is left out.
        lines.drain(..lines.len().saturating_sub(height));
        lines
    }

    /// What the marks mean. A mark stands for up to `size` cases.
    fn legend(&self, size: usize) -> String {
        match (self.lang, size) {
            (Lang::En, 0 | 1) => "● holds, ✕ does not, ○ not asked yet; ✓ done, z away".to_string(),
            (Lang::Ko, 0 | 1) => {
                "● 통과, ✕ 통과하지 못함, ○ 검사 전; ✓ 마침, z 자리 비움".to_string()
            }
            (Lang::En, size) => format!(
                "up to {size} cases a mark: ● hold, ◐ some, ✕ none, ○ not asked; ✓ done, z away"
            ),
            (Lang::Ko, size) => format!(
                "표시당 {size}개까지: ● 통과, ◐ 일부, ✕ 실패, ○ 검사 전; ✓ 마침, z 자리 비움"
            ),
        }
    }

    /// The groups of the cases, in the order of the marks.
    fn topics(&self, topics: &[&str]) -> String {
        let topics: Vec<String> = topics.iter().map(|topic| say(self.lang, topic)).collect();
        topics.join(" | ")
    }

    /// The students in as many columns as the height needs, from top to bottom. Returns also for how many cases a mark
    /// stands.
    fn cells(
        &self,
        board: &Board,
        now: Instant,
        width: usize,
        height: usize,
    ) -> (Vec<String>, usize) {
        let height = height.max(1);
        let most = (width / LEAST).max(1);
        let columns = board.rows.len().div_ceil(height).clamp(1, most);
        // If the students do not fit, the last line says how many are not shown.
        let (shown, height) = if board.rows.len() > columns * height {
            let height = (height - 1).max(1);
            (columns * height, height)
        } else {
            (board.rows.len(), board.rows.len().div_ceil(columns).max(1))
        };
        // Those who are shown stand in the order in which they came, too.
        let (numbers, rows): (Vec<usize>, Vec<&Row>) =
            board.rows.iter().enumerate().filter(|(_, row)| row.rank < shown).unzip();
        let names: Vec<String> =
            numbers.into_iter().map(|number| board.name(number, self.hide_names)).collect();
        let cell_width = width / columns;
        let longest = names.iter().map(|name| display_width(name)).max().unwrap_or_default();
        let name_width = longest.min(NAME_WIDTH).min(cell_width - (LEAST - 8));
        // Beside the name: the sign, the stage, a space before the marks, and two after them.
        let room = cell_width - name_width - 7;
        // A report of another stage with more cases leaves the marks of the class as they are.
        let stage = usual_stage(&rows);
        let (class, others): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.report.stage == stage);
        let (usual, other) = (size_of_marks(&class, room), size_of_marks(&others, room));
        let size = usual.0.max(other.0);
        let mut lines = vec![String::new(); height];
        for (number, (row, name)) in rows.iter().zip(&names).enumerate() {
            let (size, has_spaces) = if row.report.stage == stage { usual } else { other };
            let (marks, marks_width) = marks(&row.report, size, has_spaces, room);
            let is_away = row.is_away(now, self.away);
            let sign = match is_away {
                true => "z",
                false if row.is_done() => "✓",
                false => " ",
            };
            let style = if is_away { PALE } else { Style::new() };
            let name = pad(&cut(name, name_width), name_width);
            let rest = " ".repeat(2 + room - marks_width);
            let line = &mut lines[number % height];
            *line += &format!("{style}{name}{sign}{:>3}{style:#} {marks}{rest}", row.report.stage);
        }
        if shown < board.rows.len() {
            let more = board.rows.len() - shown;
            let sentence = match self.lang {
                Lang::En => format!("more students: {more}; enlarge the terminal"),
                Lang::Ko => format!("학생 {more}명이 더 있습니다. 터미널을 키우세요"),
            };
            lines.push(cut(&sentence, width));
        }
        (lines, size)
    }
}

/// The groups of the cases, if all students have the same stage.
fn topics(rows: &[Row]) -> Option<Vec<&'static str>> {
    let first = rows.first()?;
    let is_same = |row: &Row| row.report.stage == first.report.stage;
    let groups = first.report.groups();
    rows.iter().all(is_same).then(|| groups.iter().map(|group| group.0).collect())
}

/// The stage that most of the students have.
fn usual_stage(rows: &[&Row]) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.report.stage).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(stage, _)| stage)
}

/// The command that a student types to come on the board.
pub fn join(addresses: &[(String, String)]) -> String {
    let first = addresses.first().map_or("HOST:PORT", |first| first.0.as_str());
    format!("cargo lesson watch 7 my_put --class {first} --name NAME")
}

/// What a teacher reads first: the command that students type, with the address.
fn head(addresses: &[(String, String)], page: &Path, lang: Lang) -> Vec<String> {
    let others = addresses.get(1..).unwrap_or_default();
    let students = lang.choose("students:", Some("학생 명령:"));
    let mut lines = vec![format!("{students} {}", join(addresses))];
    let with_interface = |(addr, name): &(String, String)| match name.as_str() {
        "" => addr.clone(),
        name => format!("{addr} ({name})"),
    };
    if !others.is_empty() {
        let or = lang.choose("or, on another network:", Some("다른 네트워크에서는:"));
        let others: Vec<String> = others.iter().map(with_interface).collect();
        lines.push(format!("{or} {}", others.join(", ")));
    }
    let projector = lang.choose("a page for the projector:", Some("프로젝터용 페이지:"));
    lines.push(format!("{projector} {}", page.display()));
    let anyone = "anyone on this network can write to this board; Ctrl-C ends it";
    let korean = "이 네트워크에 있는 사람은 누구나 이 보드에 쓸 수 있습니다. 끝내기: Ctrl-C";
    lines.push(lang.choose(anyone, Some(korean)).to_string());
    lines
}

/// How many columns the marks of a student take if a mark stands for up to `size` cases of a group, with a space between
/// the groups or without.
fn width_of(report: &Report, size: usize, has_spaces: bool) -> usize {
    let groups = report.groups();
    let marks: usize = groups.iter().map(|group| group.1.len().div_ceil(size)).sum();
    if has_spaces { marks + groups.len() - 1 } else { marks }
}

/// For how many cases a mark has to stand so that each student's marks fit into `room` columns, and whether there is room
/// for spaces between the groups.
fn size_of_marks(rows: &[&Row], room: usize) -> (usize, bool) {
    let fits =
        |size, has_spaces| rows.iter().all(|row| width_of(&row.report, size, has_spaces) <= room);
    let most = rows.iter().map(|row| row.report.cases.len()).max().unwrap_or(1);
    let size = (1..most).find(|size| fits(*size, false)).unwrap_or(most);
    // Spaces are worth more than a mark for fewer cases, but not than a mark for each case.
    match (1..most).find(|size| fits(*size, true)) {
        Some(spaced) if size > 1 || spaced == 1 => (spaced, true),
        _ => (size, false),
    }
}

/// The marks of a student in at most `room` columns, and their width.
fn marks(report: &Report, size: usize, has_spaces: bool, room: usize) -> (String, usize) {
    let mut signs = Vec::new();
    for (number, (_, marks)) in report.groups().iter().enumerate() {
        if has_spaces && number > 0 {
            signs.push((Style::new(), " "));
        }
        signs.extend(marks.chunks(size).map(sign));
    }
    signs.truncate(room);
    // Signs of the same style stand between one pair of escape sequences.
    let runs = signs.chunk_by(|one, next| one.0 == next.0).map(|run| {
        let style = run[0].0;
        let signs: String = run.iter().map(|sign| sign.1).collect();
        format!("{style}{signs}{style:#}")
    });
    (runs.collect(), signs.len())
}

/// The sign of one case or of several.
fn sign(marks: &[Mark]) -> (Style, &'static str) {
    let has = |mark| marks.contains(&mark);
    match (has(Mark::Passed), has(Mark::Failed), has(Mark::Waiting)) {
        (true, true, _) => (FAILED, "◐"),
        (true, false, true) => (PALE, "◐"),
        (true, false, false) => (PASSED, "●"),
        (false, true, _) => (FAILED, "✕"),
        (false, false, _) => (PALE, "○"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstream::adapter::strip_str;

    fn board(students: usize, stage: u32) -> Board {
        let names = ["mina", "민아", "Bartholomäus", "x", "정약용 선생님"];
        let text = |number: usize| {
            let name = format!("{}{number}", names[number % names.len()]);
            let mut report = Report::new(&format!("k{number}"), &name, stage, None);
            let all = report.cases.len();
            for case in report.cases.iter_mut().take(number * all / students) {
                case.1 = Mark::Passed;
            }
            report.cases[number % all].1 = Mark::Failed;
            // Some take part in the pairs, too.
            if students == 8 || students == 120 {
                report.serve = Some(format!("192.168.100.{number}:20000"));
                report.understands = (0..number).map(|other| (other, other % 2 == 0)).collect();
            }
            report.to_text()
        };
        let mut board = Board::default();
        board.read((0..students).map(text).collect(), Instant::now());
        board
    }

    fn screen(lang: Lang) -> Screen {
        let addresses = [
            ("192.168.100.100:8090".to_string(), "wlan0".to_string()),
            ("172.17.0.1:8090".to_string(), "docker0".to_string()),
        ];
        let page = Path::new("target/class/index.html");
        Screen {
            is_terminal: true,
            ..Screen::new(&addresses, page, false, Duration::from_secs(30), lang)
        }
    }

    #[test]
    fn a_frame_fits_its_terminal() {
        for (width, height) in [(80, 24), (120, 40), (60, 20), (200, 60), (30, 12), (20, 5), (1, 1)]
        {
            for (students, stage) in [(0, 7), (1, 1), (8, 7), (30, 7), (30, 13), (120, 13)] {
                for lang in [Lang::En, Lang::Ko] {
                    let board = board(students, stage);
                    let lines = screen(lang).lines_of(&board, Instant::now(), width, height);
                    let text = strip_str(&lines.join("\n")).to_string();
                    let widest = text.lines().map(display_width).max().unwrap_or_default();
                    assert!(widest < width.max(LEAST + 1), "{width}x{height}, {students}:\n{text}");
                    assert!(lines.len() <= height, "{width}x{height}, {students}:\n{text}");
                    // The command stays whole where the terminal is wide enough.
                    let whole = "--class 192.168.100.100:8090 --name NAME";
                    assert!(width < 80 || text.lines().any(|line| line.ends_with(whole)), "{text}");
                }
            }
        }
    }

    #[test]
    fn each_student_of_thirty_is_shown() {
        for (width, height) in [(80, 24), (120, 40)] {
            let board = board(30, 7);
            let lines = screen(Lang::En).lines_of(&board, Instant::now(), width, height);
            let text = strip_str(&lines.join("\n")).to_string();
            for row in 0..30 {
                assert!(text.contains(&board.name(row, false)), "{row}:\n{text}");
            }
        }
    }

    #[test]
    fn a_mark_stands_for_as_many_cases_as_it_has_to() {
        let board = board(2, 7);
        let report = &board.rows[1].report;
        let all = report.cases.len();
        let groups = report.groups().len();
        let rows: Vec<&Row> = board.rows.iter().collect();
        assert_eq!(size_of_marks(&rows, all + groups - 1), (1, true));
        assert_eq!(size_of_marks(&rows, all), (1, false));
        assert_eq!(size_of_marks(&rows, all - 1), (2, true));
        let (text, width) = marks(report, 1, true, 200);
        assert_eq!(
            (display_width(&strip_str(&text).to_string()), width),
            (all + groups - 1, all + groups - 1)
        );
    }

    #[test]
    fn one_report_of_another_stage_leaves_the_marks_of_the_class() {
        let mut board = board(30, 7);
        let cells = |board: &Board| -> Vec<String> {
            let lines = screen(Lang::En).cells(board, Instant::now(), 119, 30).0;
            lines.iter().map(|line| strip_str(line).to_string()).collect()
        };
        let alone = cells(&board);
        board.rows[0].report = Report::new("other", "other", 99, None);
        let beside = cells(&board);
        assert_eq!(beside[1..], alone[1..]);
        assert!(beside.iter().all(|line| display_width(line) <= 119), "{}", beside[0]);
    }

    #[test]
    fn the_sign_of_several_cases() {
        use Mark::{Failed, Passed, Waiting};
        for (marks, wanted) in [
            (&[Passed, Passed][..], "●"),
            (&[Passed, Waiting], "◐"),
            (&[Waiting, Waiting], "○"),
            (&[Passed, Failed], "◐"),
            (&[Failed, Failed], "✕"),
            (&[Waiting, Failed], "✕"),
            (&[], "○"),
        ] {
            assert_eq!(sign(marks).1, wanted);
        }
    }
}
