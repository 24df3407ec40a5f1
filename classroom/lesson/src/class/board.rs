//! The rows of the board, from the list of the server: one student a row, in the order in which the students came.
//!
//! Anyone can write to the list. A text that is no report is only counted. A report that was made up does not change,
//! and that of a student's `watch` does, within 10 s. So reports that have changed come first, and others get the rows
//! that are left.

use super::report::{Mark, Report};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The most rows of a board.
pub const MOST_ROWS: usize = 120;

/// From how many bytes on the list is nearly full: the server takes 512 KiB. Each message counts as 50 bytes at least.
const NEARLY_FULL: usize = 450 << 10;
const LEAST_BYTES: usize = 50;

/// A student.
#[derive(Debug, Clone)]
pub struct Row {
    /// The index of the student's message in the server's list.
    pub index: usize,
    pub report: Report,
    /// When the message last changed, as far as this board has seen.
    pub changed: Instant,
    /// Whether it has changed since it was first seen.
    pub is_alive: bool,
}

impl Row {
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
    /// The students whose reports have changed, and then the others; each in the order of their messages.
    pub rows: Vec<Row>,
    /// Whether the server's list will soon have no room for another student.
    pub is_nearly_full: bool,
    /// How many messages of the list are no reports.
    pub no_reports: usize,
    /// How many reports have no row, because the board has no more.
    pub left_out: usize,
    /// The texts that were read, so that only what has changed is read again.
    seen: Vec<Seen>,
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
        self.seen.truncate(texts.len());
        for (index, text) in texts.into_iter().enumerate() {
            let old = self.seen.get(index);
            if old.is_some_and(|seen| seen.text == text) {
                continue;
            }
            changed = true;
            let old = old.and_then(|seen| seen.row.as_ref());
            let row = Report::parse(&text).map(|report| {
                let is_alive = old.is_some_and(|old| old.report.is_of_the_same(&report));
                Row { index, report, changed: now, is_alive }
            });
            let seen = Seen { text, row };
            match self.seen.get_mut(index) {
                Some(place) => *place = seen,
                None => self.seen.push(seen),
            }
        }
        if changed {
            self.arrange();
        }
        changed
    }

    /// Chooses the rows, and brings them into their order.
    fn arrange(&mut self) {
        let mut rows: Vec<&Row> = self.seen.iter().filter_map(|seen| seen.row.as_ref()).collect();
        self.no_reports = self.seen.len() - rows.len();
        self.left_out = rows.len().saturating_sub(MOST_ROWS);
        rows.sort_by_key(|row| (!row.is_alive, row.index));
        rows.truncate(MOST_ROWS);
        let bytes: usize = self.seen.iter().map(|seen| json_bytes(&seen.text)).sum();
        self.is_nearly_full = bytes > NEARLY_FULL;
        self.rows = rows.into_iter().cloned().collect();
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
        assert_eq!(keys(&board)[..2], ["late", "x0"]);
        // The server has lost its list.
        board.read(Vec::new(), now);
        assert_eq!((board.rows.len(), board.left_out, board.is_nearly_full), (0, 0, false));
    }
}
