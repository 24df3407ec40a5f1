//! The rows of the board, from the list of the server: one student a row, in the order in which the students came.
//!
//! Anyone can write to the list. A text that is no report is only counted. A report that was made up does not change,
//! and that of a student's `watch` does, within 10 s. So reports that have changed come first, and others get the rows
//! that are left. If too many have changed, the rows go to the students of whom signs of life came for the longest time.
//!
//! Anyone can also write over a student's message. The row of a student whose message is gone is kept as it was.

use super::report::{Mark, Report};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

/// The most rows of a board.
pub const MOST_ROWS: usize = 120;

/// The most rows that are kept of students whose messages are gone.
const MOST_KEPT: usize = 1000;

/// The longest time between two signs of life that counts as life. A `watch` sends one each 10 s at least.
const LONGEST_GAP: Duration = Duration::from_secs(15);

/// Students whose lives differ by less are equal, so that the rows do not change with each sign of life.
const LIFE_STEP: u64 = 10;

/// From how many bytes on the list is nearly full: the server takes 512 KiB. Each message counts as 50 bytes at least.
const NEARLY_FULL: usize = 450 << 10;
const LEAST_BYTES: usize = 50;

/// A student.
#[derive(Debug, Clone)]
pub struct Row {
    /// The index of the student's message in the server's list; the last one if the message is gone.
    pub index: usize,
    /// How many students came before, as far as this board has seen. No other row has the same number.
    pub place: usize,
    /// The row's place among those of the board if only some of them can be shown: 0 is shown first.
    pub rank: usize,
    pub report: Report,
    /// When the message last changed, as far as this board has seen.
    pub changed: Instant,
    /// Whether it has changed since it was first seen.
    pub is_alive: bool,
    /// For how long signs of life came.
    life: Duration,
}

impl Row {
    /// The row of a report that is seen for the first time.
    fn new(index: usize, place: usize, report: Report, now: Instant) -> Row {
        Row { index, place, rank: 0, report, changed: now, is_alive: false, life: Duration::ZERO }
    }

    /// The row after a newer report of the same student.
    fn renewed(self, report: Report, now: Instant) -> Row {
        let gap = now.duration_since(self.changed).min(LONGEST_GAP);
        Row { report, changed: now, is_alive: true, life: self.life + gap, ..self }
    }

    /// Which rows come first if there are too many: the least. The life of a student who is done goes on, although that of
    /// the `watch` has ended.
    fn order(&self, now: Instant) -> impl Ord + use<> {
        let after = if self.is_done() { now.duration_since(self.changed) } else { Duration::ZERO };
        (!self.is_alive, Reverse((self.life + after).as_secs() / LIFE_STEP), self.place)
    }

    fn who(&self) -> (&str, &str) {
        (&self.report.key, &self.report.name)
    }

    /// Whether nothing has come for longer than `away`. The student's `watch` sends a sign of life more often. It ends
    /// when every case holds, so a student who is done is not away.
    pub fn is_away(&self, now: Instant, away: Duration) -> bool {
        !self.is_done() && now.duration_since(self.changed) > away
    }

    /// Whether every case holds.
    pub fn is_done(&self) -> bool {
        self.report.cases.iter().all(|case| case.1 == Mark::Passed)
    }
}

/// How many students have the same case as their first that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    pub count: usize,
    /// The number of students on the board.
    pub of: usize,
    /// The id of the case.
    pub id: &'static str,
}

/// What the board shows.
#[derive(Debug, Default)]
pub struct Board {
    /// The students whose reports have changed, and then the others; each in the order in which they came.
    pub rows: Vec<Row>,
    /// Whether the server's list will soon have no room for another student.
    pub is_nearly_full: bool,
    /// How many messages of the list are no reports.
    pub no_reports: usize,
    /// How many reports have no row, because the board has no more.
    pub left_out: usize,
    /// The texts that were read, so that only what has changed is read again.
    seen: Vec<Seen>,
    /// The rows of students whose messages are gone. They have changed before.
    kept: Vec<Row>,
    /// How many rows there were so far.
    places: usize,
}

/// A message of the list as it was last read.
#[derive(Debug)]
struct Seen {
    text: String,
    row: Option<Row>,
}

impl Board {
    /// Reads the list of the server anew. Returns whether the board has changed.
    pub fn read(&mut self, texts: Vec<String>, now: Instant) -> bool {
        let mut changed = self.seen.len() != texts.len();
        let rest = texts.len().min(self.seen.len());
        let mut gone: Vec<Row> = self.seen.drain(rest..).filter_map(|seen| seen.row).collect();
        for (index, text) in texts.into_iter().enumerate() {
            if self.seen.get(index).is_some_and(|seen| seen.text == text) {
                continue;
            }
            changed = true;
            let old = self.seen.get_mut(index).and_then(|seen| seen.row.take());
            let row = match (old, Report::parse(&text)) {
                (Some(old), Some(report)) if old.report.is_of_the_same(&report) => {
                    Some(old.renewed(report, now))
                }
                (old, report) => {
                    gone.extend(old);
                    report.map(|report| {
                        self.places += 1;
                        Row::new(index, self.places, report, now)
                    })
                }
            };
            let seen = Seen { text, row };
            match self.seen.get_mut(index) {
                Some(place) => *place = seen,
                None => self.seen.push(seen),
            }
        }
        if changed {
            self.keep(gone, now);
            self.arrange(now);
        }
        changed
    }

    /// Keeps the rows of students whose messages are `gone`. A student with a message at another index goes on there.
    fn keep(&mut self, gone: Vec<Row>, now: Instant) {
        self.kept.extend(gone.into_iter().filter(|row| row.is_alive));
        if self.kept.is_empty() {
            return;
        }
        let mut there: HashMap<(String, String), &mut Row> = HashMap::new();
        for row in self.seen.iter_mut().filter_map(|seen| seen.row.as_mut()) {
            let (key, name) = row.who();
            there.entry((key.to_string(), name.to_string())).or_insert(row);
        }
        self.kept.retain_mut(|old| {
            // No server is asked by an index that is another student's now.
            old.report.serve = None;
            old.report.understands.clear();
            let (key, name) = old.who();
            let Some(row) = there.get_mut(&(key.to_string(), name.to_string())) else {
                return true;
            };
            row.is_alive = true;
            row.place = row.place.min(old.place);
            row.life = row.life.max(old.life);
            false
        });
        self.kept.sort_by_key(|row| row.order(now));
        self.kept.truncate(MOST_KEPT);
    }

    /// Chooses the rows, and brings them into their order.
    fn arrange(&mut self, now: Instant) {
        let mut rows: Vec<&Row> = self.seen.iter().filter_map(|seen| seen.row.as_ref()).collect();
        self.no_reports = self.seen.len() - rows.len();
        rows.extend(&self.kept);
        self.left_out = rows.len().saturating_sub(MOST_ROWS);
        rows.sort_by_key(|row| row.order(now));
        rows.truncate(MOST_ROWS);
        let bytes: usize = self.seen.iter().map(|seen| json_bytes(&seen.text)).sum();
        self.is_nearly_full = bytes > NEARLY_FULL;
        let ranked = rows.into_iter().enumerate().map(|(rank, row)| Row { rank, ..row.clone() });
        self.rows = ranked.collect();
        self.rows.sort_by_key(|row| (!row.is_alive, row.place));
    }

    /// The reports of all students, also of those who have no row, in the order in which they came. Reports that have not
    /// changed come last, and only those that have a row.
    pub fn reports(&self) -> Vec<&Report> {
        let seen = self.seen.iter().filter_map(|seen| seen.row.as_ref());
        let mut rows: Vec<&Row> = seen.chain(&self.kept).filter(|row| row.is_alive).collect();
        rows.sort_by_key(|row| row.place);
        rows.extend(self.rows.iter().filter(|row| !row.is_alive));
        rows.into_iter().map(|row| &row.report).collect()
    }

    /// The case that most students have as their first that does not hold; that of the first row if several are equal.
    /// `None` if each case holds, or none was asked. If there are more reports than rows, only those that have changed
    /// count.
    pub fn stuck(&self) -> Option<Stuck> {
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let counts_all = self.left_out == 0;
        let rows: Vec<&Row> = self.rows.iter().filter(|row| counts_all || row.is_alive).collect();
        let firsts: Vec<&'static str> =
            rows.iter().filter_map(|row| row.report.first_failed()).collect();
        for id in &firsts {
            *counts.entry(id).or_default() += 1;
        }
        let count = counts.values().copied().max()?;
        let id = firsts.into_iter().find(|id| counts.get(id) == Some(&count))?;
        Some(Stuck { count, of: rows.len(), id })
    }

    /// The name in a row as it is shown: the student's, or only a number if names are hidden.
    pub fn name(&self, row: usize, hide: bool) -> String {
        match self.rows.get(row) {
            Some(row) if !hide && !row.report.name.is_empty() => row.report.name.clone(),
            _ => format!("{}", row + 1),
        }
    }
}

/// About how many bytes a text has in the list of the server, where quotes and backslashes get a backslash.
fn json_bytes(text: &str) -> usize {
    let escaped = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    (text.len() + escaped + 3).max(LEAST_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report with these cases failed and all others passed.
    fn text(key: &str, beat: u64, failed: &[&str]) -> String {
        let mut report = Report::new(key, key, 7, None);
        report.beat = beat;
        for (id, mark) in &mut report.cases {
            *mark = if failed.contains(id) { Mark::Failed } else { Mark::Passed };
        }
        report.to_text()
    }

    fn keys(board: &Board) -> Vec<&str> {
        board.rows.iter().map(|row| row.report.key.as_str()).collect()
    }

    #[test]
    fn where_most_are_stuck() {
        let mut board = Board::default();
        assert_eq!(board.stuck(), None);
        let texts = vec![
            text("a", 1, &["put-replaces", "get-before"]),
            text("b", 1, &["put-empty"]),
            text("c", 1, &["put-empty", "get-plus"]),
            text("d", 1, &[]),
            "hello".to_string(),
        ];
        let now = Instant::now();
        assert!(board.read(texts.clone(), now));
        assert_eq!(board.stuck(), Some(Stuck { count: 2, of: 4, id: "put-empty" }));
        assert_eq!((board.no_reports, board.left_out), (1, 0));
        assert!(board.rows[3].is_done() && !board.rows[2].is_done());
        assert!(!board.read(texts, now), "nothing has changed");
    }

    #[test]
    fn a_student_without_a_sign_of_life_is_away() {
        let mut board = Board::default();
        let (start, away) = (Instant::now(), Duration::from_secs(30));
        let texts = |beat: u64| {
            vec![text("a", beat, &["post"]), text("b", 1, &["post"]), text("done", 1, &[])]
        };
        board.read(texts(1), start);
        board.read(texts(2), start + Duration::from_secs(29));
        let later = start + Duration::from_secs(31);
        // The one that has changed stands first.
        let is_away: Vec<bool> = board.rows.iter().map(|row| row.is_away(later, away)).collect();
        assert_eq!((keys(&board), is_away), (vec!["a", "b", "done"], vec![false, true, false]));
    }

    #[test]
    fn what_was_made_up_gets_the_rows_that_are_left() {
        let mut board = Board::default();
        let now = Instant::now();
        let mut texts: Vec<String> =
            (0..600).map(|number| text(&format!("x{number}"), 1, &[])).collect();
        texts.push(text("late", 1, &["put-empty"]));
        board.read(texts.clone(), now);
        assert_eq!((board.rows.len(), board.left_out), (MOST_ROWS, 601 - MOST_ROWS));
        assert!(!keys(&board).contains(&"late"));
        assert!(board.is_nearly_full);
        // The signs of life of two students.
        texts[600] = text("late", 2, &["put-empty"]);
        texts[300] = text("x300", 2, &[]);
        board.read(texts.clone(), now);
        assert_eq!(keys(&board)[..3], ["x300", "late", "x0"]);
        assert_eq!(board.stuck(), Some(Stuck { count: 1, of: 2, id: "put-empty" }));
        // Another student's message in the place of one is no sign of life.
        texts[300] = text("other", 1, &[]);
        board.read(texts, now);
        assert_eq!(keys(&board)[..3], ["x300", "late", "x0"]);
        // The server has lost its list.
        board.read(Vec::new(), now);
        assert_eq!((keys(&board), board.left_out), (vec!["x300", "late"], 0));
        assert!(!board.is_nearly_full);
    }

    #[test]
    fn a_message_that_is_gone_takes_no_row_away() {
        let mut board = Board::default();
        let now = Instant::now();
        let mut texts = vec![text("a", 1, &["post"]), text("b", 1, &[]), text("c", 1, &["post"])];
        board.read(texts.clone(), now);
        (texts[0], texts[1]) = (text("a", 2, &["post"]), text("b", 2, &[]));
        board.read(texts.clone(), now);
        // A stranger writes over all, and over them again.
        for word in ["gone", "gone again"] {
            board.read(vec![word.to_string(); 3], now);
            assert_eq!((keys(&board), board.no_reports), (vec!["a", "b"], 3));
        }
        assert!(board.rows[1].is_done());
        // The first student's watch has made a new message. The row stays at its place.
        let news = vec!["gone".to_string(), text("d", 1, &[]), text("a", 3, &["put-empty"])];
        board.read(news.clone(), now);
        assert_eq!(keys(&board), ["a", "b", "d"]);
        assert_eq!((board.rows[0].index, board.rows[0].report.beat), (2, 3));
        assert_eq!(board.reports().len(), 3);
        // The same once more changes nothing.
        assert!(!board.read(news, now));
        assert_eq!(keys(&board), ["a", "b", "d"]);
    }

    #[test]
    fn many_made_up_reports_that_change_push_no_student_away() {
        let mut board = Board::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let made_up =
            |beat: u64| (0..200).map(move |number| text(&format!("x{number}"), beat, &["post"]));
        let list = |first: u64, beat: u64, last: u64| -> Vec<String> {
            let mut texts = vec![text("first", first, &["post"])];
            texts.extend(made_up(beat));
            texts.extend((last > 0).then(|| text("last", last, &["post"])));
            texts
        };
        for step in 1..=4 {
            board.read(vec![text("first", step, &["post"])], at(step * 10));
        }
        // The laptop of the first student sleeps, and the made-up reports change for a while.
        for step in 5..=7 {
            board.read(list(4, step, 0), at(step * 10));
        }
        assert_eq!((keys(&board)[0], board.left_out), ("first", 81));
        // A student who comes then has a row when signs of life have come for longer.
        for step in 1..=4 {
            board.read(list(4, 7, step), at(80 + step * 10));
        }
        let last = board.rows.iter().find(|row| row.report.key == "last");
        assert!(last.is_some_and(|row| row.rank < 3), "{last:?}");
        assert_eq!(board.rows.iter().map(|row| row.rank).sum::<usize>(), 119 * 120 / 2);
        // All are in the results.
        assert_eq!(board.reports().len(), 202);
        // A student who was soon done has the row although no more signs of life come.
        let mut board = Board::default();
        let list = |beat: u64, others: u64| -> Vec<String> {
            let made_up = (0..200).map(|number| text(&format!("x{number}"), others, &["post"]));
            [text("done", beat, &[])].into_iter().chain(made_up).collect()
        };
        board.read(list(1, 1), at(0));
        for step in 2..=9 {
            board.read(list(2, step), at(step * 10));
        }
        assert_eq!((keys(&board)[0], board.rows[0].rank), ("done", 0));
    }
}
