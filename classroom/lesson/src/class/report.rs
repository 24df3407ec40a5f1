//! One student's message on the server of the class: a JSON text that the student's `watch` writes and the board reads.
//!
//! ```json
//! {"class":1,"key":"1f2e…","name":"mina","stage":7,"copy":"my_put","beat":3,
//!  "passed":["post-stores"],"failed":["put-replaces"],"waiting":["get-one"]}
//! ```
//!
//! It has ids of cases, and neither source nor a reason. Anyone on the network can write to the server, so the board takes
//! from a text only what it knows: cases of the contract, and characters that take room on a screen.

use crate::report::cut;
use serde_json::{Value, json};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// The form of the message. Another number is another form, which this program cannot read.
const FORM: u64 = 1;

/// The longest name, in columns of a terminal. A Korean letter takes two.
pub const NAME_WIDTH: usize = 16;

/// The contract has cases for each number of a stage. A board shows those of two digits.
const STAGES: std::ops::RangeInclusive<u32> = 1..=99;

/// How many characters of a name are looked at: a name of marks, which take no room, could be without an end.
const NAME_CHARS: usize = 64;

/// How many marks, such as accents, a letter may have.
const MARKS: usize = 2;

/// The longest address of a server, in bytes, and how many other servers a report speaks of.
const SERVE_BYTES: usize = 80;
const UNDERSTANDS: usize = 200;

/// What is known of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Passed,
    Failed,
    /// It was not asked yet.
    Waiting,
}

/// What a student's `watch` says of the student's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// A random word that the student's machine chose. With the name it tells one student from another.
    pub key: String,
    /// The student's nickname.
    pub name: String,
    /// The stage whose cases are checked.
    pub stage: u32,
    /// The name of the student's copy, if there is one.
    pub copy: Option<String>,
    /// Counts the messages of this student. It changes also when no case does: the student's `watch` runs.
    pub beat: u64,
    /// All cases of the stage, in the order in which they are asked.
    pub cases: Vec<(&'static str, Mark)>,
    /// Where the student's server can be reached (HOST:PORT), if the student lets others talk to it.
    pub serve: Option<String>,
    /// The indexes of other students' messages, and whether this student's client understands their servers.
    pub understands: Vec<(usize, bool)>,
}

impl Report {
    /// A report in which every case waits. The name is the one that the board shows.
    pub fn new(key: &str, name: &str, stage: u32, copy: Option<&str>) -> Report {
        Report {
            key: key.to_string(),
            name: clean(name),
            stage,
            copy: copy.map(clean),
            beat: 0,
            cases: contract::ids(stage).into_iter().map(|id| (id, Mark::Waiting)).collect(),
            serve: None,
            understands: Vec::new(),
        }
    }

    /// The report as a message. Its length stays about the same while the check goes on, so that a list that is full has
    /// room for it.
    pub fn to_text(&self) -> String {
        let ids = |mark: Mark| -> Vec<&str> {
            self.cases.iter().filter(|case| case.1 == mark).map(|case| case.0).collect()
        };
        let mut object = json!({
            "class": FORM,
            "key": self.key,
            "name": self.name,
            "stage": self.stage,
            "beat": self.beat,
            "passed": ids(Mark::Passed),
            "failed": ids(Mark::Failed),
            "waiting": ids(Mark::Waiting),
        });
        if let Some(copy) = &self.copy {
            object["copy"] = json!(copy);
        }
        if let Some(serve) = &self.serve {
            object["serve"] = json!(serve);
        }
        if !self.understands.is_empty() {
            object["understands"] = json!(self.understands);
        }
        object.to_string()
    }

    /// Reads a message; `None` if it is no report. Cases that the stage does not have are left out, and those that the
    /// message does not have wait.
    pub fn parse(text: &str) -> Option<Report> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value["class"].as_u64() != Some(FORM) {
            return None;
        }
        let stage = u32::try_from(value["stage"].as_u64()?).ok()?;
        let name = value["name"].as_str().filter(|_| STAGES.contains(&stage))?;
        let mut report = Report::new("", name, stage, value["copy"].as_str());
        let key = value["key"].as_str()?;
        if key.is_empty() || key.len() > 32 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return None;
        }
        report.key = key.to_string();
        report.beat = value["beat"].as_u64().unwrap_or_default();
        let ids = |key: &str| -> Vec<&str> {
            value[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let (passed, failed) = (ids("passed"), ids("failed"));
        for (id, mark) in &mut report.cases {
            if failed.contains(id) {
                *mark = Mark::Failed;
            } else if passed.contains(id) {
                *mark = Mark::Passed;
            }
        }
        report.serve = value["serve"].as_str().filter(|addr| is_address(addr)).map(String::from);
        let pairs = value["understands"].as_array().into_iter().flatten();
        let pair = |pair: &Value| {
            Some((usize::try_from(pair.get(0)?.as_u64()?).ok()?, pair.get(1)?.as_bool()?))
        };
        report.understands = pairs.filter_map(pair).take(UNDERSTANDS).collect();
        Some(report)
    }

    /// How many cases have this mark.
    pub fn count(&self, mark: Mark) -> usize {
        self.cases.iter().filter(|case| case.1 == mark).count()
    }

    /// The cases by their groups, such as `the list`, in the order in which a group is asked first.
    pub fn groups(&self) -> Vec<(&'static str, Vec<Mark>)> {
        let mut groups: Vec<(&'static str, Vec<Mark>)> = Vec::new();
        for (topic, (_, mark)) in contract::topics(self.stage).into_iter().zip(&self.cases) {
            match groups.iter_mut().find(|group| group.0 == topic) {
                Some(group) => group.1.push(*mark),
                None => groups.push((topic, vec![*mark])),
            }
        }
        groups
    }

    /// The first case that does not hold.
    pub fn first_failed(&self) -> Option<&'static str> {
        self.cases.iter().find(|case| case.1 == Mark::Failed).map(|case| case.0)
    }

    /// Whether it is about the same student as `other`.
    pub fn is_of_the_same(&self, other: &Report) -> bool {
        self.key == other.key && self.name == other.name
    }
}

/// A name as the board shows it: on one line, at most [`NAME_WIDTH`] columns wide, and without characters that drive a
/// terminal, hide the text around them or turn it.
pub fn clean(name: &str) -> String {
    let mut shown = String::new();
    let mut marks = 0;
    for c in name.chars().take(NAME_CHARS) {
        let is_mark = c.general_category_group() == GeneralCategoryGroup::Mark;
        marks = if is_mark { marks + 1 } else { 0 };
        match (c.general_category_group(), c.general_category()) {
            (GeneralCategoryGroup::Other, _) => {}
            (_, GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator) => {}
            (GeneralCategoryGroup::Separator, _) => shown.push(' '),
            _ if is_mark && (marks > MARKS || shown.is_empty()) => {}
            _ => shown.push(c),
        }
    }
    cut(shown.trim(), NAME_WIDTH)
}

/// Whether a text has the form HOST:PORT.
pub fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_of_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]%".contains(c);
    !host.is_empty()
        && text.len() <= SERVE_BYTES
        && host.chars().all(is_of_host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use textwrap::core::display_width;

    #[test]
    fn what_is_written_is_read() {
        let mut report = Report::new("0123abcd", "민아 kim", 7, Some("my_put"));
        assert!(report.cases.len() > 80);
        assert_eq!(Report::parse(&report.to_text()).as_ref(), Some(&report));
        let length = report.to_text().len();
        report.cases[0].1 = Mark::Passed;
        report.cases[1].1 = Mark::Failed;
        // The list of the server may be full: a report does not grow.
        assert!(report.to_text().len() <= length);
        report.beat = 3;
        report.serve = Some("192.168.0.7:8081".to_string());
        report.understands = vec![(0, true), (4, false)];
        assert_eq!(Report::parse(&report.to_text()), Some(report));
    }

    #[test]
    fn what_is_no_report() {
        let right = json!({"class": 1, "key": "k", "name": "mina", "stage": 7});
        assert!(Report::parse(&right.to_string()).is_some());
        for (key, value) in [
            ("class", json!(2)),
            ("class", json!("1")),
            ("key", json!("")),
            ("key", json!("a b")),
            ("key", json!("k".repeat(33))),
            ("name", json!(null)),
            ("stage", json!(0)),
            ("stage", json!(99_999)),
            ("stage", json!(-1)),
            ("stage", json!(u64::MAX)),
        ] {
            let mut wrong = right.clone();
            wrong[key] = value;
            assert_eq!(Report::parse(&wrong.to_string()), None, "{wrong}");
        }
        for text in ["", "null", "[]", "\"x\"", &"[".repeat(70_000), &"{\"a\":".repeat(10_000)] {
            assert_eq!(Report::parse(text), None);
        }
    }

    #[test]
    fn only_what_the_contract_knows() -> anyhow::Result<()> {
        use anyhow::Context;
        let text = json!({
            "class": 1, "key": "k", "name": "x", "stage": 7,
            "passed": ["post", "no-such-case", 7, ["put-empty"]], "failed": "put-empty", "waiting": {"a": 1},
            "beat": -1, "serve": "\u{1b}[2J:80",
            "understands": [[0, true], [1], [-1, true], ["a", false], 3, [2, 2], [3, false, 9]],
        });
        let report = Report::parse(&text.to_string()).context("no report")?;
        assert_eq!((report.count(Mark::Passed), report.count(Mark::Failed)), (1, 0));
        assert_eq!((report.beat, report.serve), (0, None));
        assert_eq!(report.understands, [(0, true), (3, false)]);
        Ok(())
    }

    #[test]
    fn a_name_drives_no_terminal() {
        assert_eq!(clean("민아 kim"), "민아 kim");
        assert_eq!(clean("  mina  "), "mina");
        assert_eq!(clean("\u{1b}[2Jmina\u{202e}\r\n\t\u{200b}\u{2028}\u{e000}\u{fff9}"), "[2Jmina");
        assert_eq!(clean("a\u{3000}b\u{a0}c"), "a b c");
        // Marks take no room, so they are counted.
        assert_eq!(clean(&format!("e{}", "\u{301}".repeat(60_000))), "e\u{301}\u{301}");
        assert_eq!(clean(&"\u{301}".repeat(60_000)), "");
        for long in ["x".repeat(60_000), "한".repeat(20_000), "\u{1b}[31mx".repeat(10_000)] {
            let shown = clean(&long);
            assert!(display_width(&shown) <= NAME_WIDTH && shown.ends_with('…'), "{shown}");
        }
    }

    #[test]
    fn addresses() {
        for right in ["127.0.0.1:80", "[::1]:8080", "teacher.local:8090"] {
            assert!(is_address(right), "{right}");
        }
        for wrong in ["", "a", ":80", "a:", "a:0", "a:65536", "a b:80", "http://a:80", "a:-1"] {
            assert!(!is_address(wrong), "{wrong}");
        }
        assert!(!is_address(&format!("{}:80", "a".repeat(100))));
    }
}
