//! What a student reads after a check: the first fault in full, each other kind of fault in a line, and a summary
//! at the end. The report has at most 40 lines.

use crate::words::{pad, say};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use contract::{Fault, Outcome, Verdict, in_quotes, visible};
use replay::Lang;
use std::io::Write;
use textwrap::core::display_width;

const PASSED: Style = AnsiColor::Green.on_default().bold();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const NAME: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// The width of a line, in columns of a terminal, and the most lines of a report.
const WIDTH: usize = 80;
const LINES: usize = 40;

/// How much of a request or a response is shown, in bytes and in lines.
const SHOWN: usize = 400;
const SHOWN_LINES: usize = 9;

/// A line of the report in its style.
type Line = (Style, String);

/// Cases that fail for the same reason, in the order in which they were asked.
pub struct Group<'a> {
    /// The fault of the first of these cases.
    pub fault: &'a Fault,
    /// The outcomes of these cases.
    pub outcomes: Vec<&'a Outcome>,
}

/// Groups the cases that fail by their kind of fault.
pub fn groups(outcomes: &[Outcome]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for outcome in outcomes {
        let Some(fault) = outcome.fault() else { continue };
        match groups.iter_mut().find(|group| group.fault.kind == fault.kind) {
            Some(group) => group.outcomes.push(outcome),
            None => groups.push(Group { fault, outcomes: vec![outcome] }),
        }
    }
    groups
}

/// Prints how many of `all` cases hold as a bar, and then the first fault in full.
///
/// # Errors
/// An output that is closed.
pub fn print_bar(outcomes: &[Outcome], all: usize, lang: Lang) -> Result<()> {
    const LENGTH: usize = 40;
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let full = LENGTH * passed / all.max(1);
    let (full, empty) = ("█".repeat(full), "░".repeat(LENGTH - full));
    let mut output = anstream::stdout();
    let held = match lang {
        Lang::En => format!("{passed} of {all} cases hold"),
        Lang::Ko => format!("케이스 {all}개 가운데 {passed}개 통과"),
    };
    writeln!(output, "{PASSED}{full}{PASSED:#}{NAME}{empty}{NAME:#} {held}")?;
    if let Some(first) = groups(outcomes).first() {
        writeln!(output)?;
        for (style, line) in in_full(first, None, SHOWN_LINES, lang) {
            writeln!(output, "{style}{line}{style:#}")?;
        }
    }
    Ok(())
}

/// Prints the report. `again` is the command that makes the same check once more, such as `cargo lesson check 7`;
/// `start` is the one that starts the server before a command by hand. `left_out` has the ids of the cases that were
/// left out, with the reason.
///
/// # Errors
/// An output that is closed.
pub fn print(
    outcomes: &[Outcome],
    again: &str,
    start: Option<&str>,
    left_out: &[(Vec<&str>, &str)],
    lang: Lang,
) -> Result<()> {
    let groups = groups(outcomes);
    let summary = summary(outcomes, &groups, left_out, lang);
    let mut lines = Vec::new();
    if let Some((first, others)) = groups.split_first() {
        // The request and the response get as many lines as the rest of the report leaves.
        let needed = summary.len() + others.len().min(3) + 4;
        let shown = (4..=SHOWN_LINES)
            .rev()
            .find(|shown| in_full(first, start, *shown, lang).len() + needed <= LINES);
        lines = in_full(first, start, shown.unwrap_or(4), lang);
        // The line before the report, and three after the kinds of faults.
        let room = LINES.saturating_sub(lines.len() + summary.len() + 4).max(1);
        for group in others.iter().take(room) {
            lines.push((FAILED, cut(&in_short(group, lang), WIDTH)));
        }
        if others.len() > room {
            let more = others.len() - room;
            let sentence = match lang {
                Lang::En => format!("{more} more kinds of faults: --brief lists all"),
                Lang::Ko => {
                    format!(
                        "다른 종류의 잘못이 {more}가지 더 있습니다. 모두 보려면 --brief를 붙이세요"
                    )
                }
            };
            lines.push((PLAIN, sentence));
        }
        if let Some(other) = others.first() {
            let id = other.outcomes[0].id;
            let label = lang.choose("in full", Some("자세히"));
            lines.push((NAME, format!("{label}: {again} --only {id}")));
        }
        lines.push((PLAIN, String::new()));
    }
    lines.extend(summary);
    let mut output = anstream::stdout();
    for (style, line) in lines {
        writeln!(output, "{style}{}{style:#}", line.trim_end())?;
    }
    Ok(())
}

/// Prints a line for each case, and how many hold.
///
/// # Errors
/// An output that is closed.
pub fn print_brief(outcomes: &[Outcome], lang: Lang) -> Result<()> {
    let mut output = anstream::stdout();
    for outcome in outcomes {
        let (style, mark) = match outcome.verdict {
            Verdict::Passed => (PASSED, "✓"),
            Verdict::Failed(_) => (FAILED, "✗"),
            Verdict::NotAsked(_) => (NAME, "-"),
        };
        let reason = outcome.reason().map(|reason| format!(": {}", say(lang, &reason)));
        let reason = reason.unwrap_or_default();
        let section = match outcome.section {
            "" => String::new(),
            section => format!("  {NAME}{}{NAME:#}", say(lang, section)),
        };
        writeln!(output, "{style}{mark} {}{style:#}{reason}{section}", outcome.id)?;
    }
    writeln!(output, "{}", held(outcomes, lang))?;
    Ok(())
}

/// Says in a sentence how many cases hold.
pub fn held(outcomes: &[Outcome], lang: Lang) -> String {
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    if lang == Lang::Ko {
        return match outcomes.len() {
            1 if passed == 1 => "케이스를 통과했습니다".to_string(),
            1 => "케이스를 통과하지 못했습니다".to_string(),
            all if passed == all => format!("케이스 {all}개를 모두 통과했습니다"),
            all => format!("케이스 {all}개 가운데 {passed}개를 통과했습니다"),
        };
    }
    match outcomes.len() {
        1 if passed == 1 => "the case holds".to_string(),
        1 => "the case does not hold".to_string(),
        all if passed == all => format!("all {all} cases hold"),
        all => format!("{passed} of {all} cases hold"),
    }
}

/// Returns the lines about the first case of a kind of fault, with at most `most` lines of the request and as many of
/// the response. `start` is the command that starts the server.
pub fn in_full(group: &Group, start: Option<&str>, most: usize, lang: Lang) -> Vec<Line> {
    let outcome = group.outcomes[0];
    let mut lines = Vec::new();
    let title = format!("✗ {}  {}", outcome.id, say(lang, &outcome.what));
    lines.push((FAILED, cut(&title, WIDTH)));
    for line in wrapped(&say(lang, &group.fault.sentence), WIDTH - 2) {
        lines.push((PLAIN, format!("  {line}")));
    }
    let mut part = |english: &str, korean: &str, text: Vec<String>| {
        for (number, line) in text.into_iter().enumerate() {
            let name = match number {
                0 => format!("{NAME}{}{NAME:#}", pad(lang.choose(english, Some(korean)), 10)),
                _ => " ".repeat(10),
            };
            lines.push((PLAIN, format!("  {name}{line}")));
        }
    };
    let bytes = |bytes: &[u8], all: usize| -> Vec<String> {
        let mut shown = visible(bytes, all, SHOWN, most);
        // The last line can be a sentence that says how much is left out, or that there are no bytes.
        if let Some(last) =
            shown.last_mut().filter(|last| bytes.is_empty() || last.starts_with('…'))
        {
            *last = say(lang, last);
        }
        shown.iter().map(|line| cut(line, WIDTH - 12)).collect()
    };
    part("sent", "보낸 것", bytes(&outcome.sent, outcome.sent.len()));
    let wanted = outcome.wanted.lines().take(most).map(|line| say(lang, line));
    part("wanted", "기대한 것", wanted.map(|line| cut(&line, WIDTH - 12)).collect());
    part("received", "돌아온 것", bytes(&outcome.got, outcome.got_length));
    if !outcome.last_words.is_empty() {
        // The last line that the server printed usually has the reason, so it gets the most rows.
        let last = outcome.last_words.len().saturating_sub(3);
        let words = outcome.last_words[last..].iter().enumerate().flat_map(|(number, line)| {
            let rows = wrapped(&in_quotes(line, 4 * WIDTH), WIDTH - 12);
            let most = if last + number + 1 == outcome.last_words.len() { 3 } else { 1 };
            rows.into_iter().take(most)
        });
        part("printed", "출력", words.map(|line| cut(&line, WIDTH - 12)).collect());
    }
    if !group.fault.cause.is_empty() {
        part("cause", "원인", wrapped(&say(lang, &group.fault.cause), WIDTH - 12));
    }
    // The section of the RFC about the fault, or else the section about the case.
    let sections = [group.fault.section, outcome.section];
    if let Some(section) = sections.iter().find(|section| !section.is_empty()) {
        part("see", "참고", vec![say(lang, section)]);
    }
    if let Some(start) = start {
        part("start it", "시작", vec![start.to_string()]);
    }
    if !outcome.hand.is_empty() {
        part("by hand", "직접 확인", vec![outcome.hand.clone()]);
    }
    if let Some(same) = same(group, lang) {
        lines.push((PLAIN, cut(&format!("  {same}"), WIDTH)));
    }
    lines
}

/// A kind of fault in a line.
fn in_short(group: &Group, lang: Lang) -> String {
    let more = match (group.outcomes.len(), lang) {
        (1, _) => String::new(),
        (all, Lang::En) => format!(" (and {} more)", all - 1),
        (all, Lang::Ko) => format!(" (외 {}개)", all - 1),
    };
    format!("✗ {}{more}: {}", group.outcomes[0].id, say(lang, &group.fault.sentence))
}

/// The other cases that fail for the same reason.
fn same(group: &Group, lang: Lang) -> Option<String> {
    let others: Vec<&str> = group.outcomes[1..].iter().map(|outcome| outcome.id).collect();
    let others = match (&others[..], lang) {
        ([], _) => return None,
        ([one], _) => one.to_string(),
        ([one, two], _) => format!("{one}, {two}"),
        ([one, two, more @ ..], Lang::En) => format!("{one}, {two} and {} more", more.len()),
        ([one, two, more @ ..], Lang::Ko) => format!("{one}, {two} 외 {}개", more.len()),
    };
    Some(format!("{others}: {}", lang.choose("the same", Some("같은 잘못"))))
}

/// Returns the lines that say which topics hold, which do not, and which case to look at first.
fn summary(
    outcomes: &[Outcome],
    groups: &[Group],
    left_out: &[(Vec<&str>, &str)],
    lang: Lang,
) -> Vec<Line> {
    let all_hold = outcomes.iter().all(Outcome::passed);
    let style = if all_hold { PASSED } else { FAILED };
    let mut lines = vec![(style, held(outcomes, lang))];
    let mut topics: Vec<(&str, usize, usize)> = Vec::new();
    let asked = |outcome: &&Outcome| !matches!(outcome.verdict, Verdict::NotAsked(_));
    for outcome in outcomes.iter().filter(asked) {
        let held = usize::from(outcome.passed());
        match topics.iter_mut().find(|topic| topic.0 == outcome.topic) {
            Some(topic) => (topic.1, topic.2) = (topic.1 + held, topic.2 + 1),
            None => topics.push((outcome.topic, held, 1)),
        }
    }
    let mut part = |english: &str, korean: &str, text: String| {
        for (number, line) in wrapped(&text, WIDTH - 18).into_iter().enumerate() {
            let name = match number {
                0 => format!("{NAME}{}{NAME:#}", pad(lang.choose(english, Some(korean)), 15)),
                _ => " ".repeat(15),
            };
            lines.push((PLAIN, format!("  {name} {line}")));
        }
    };
    if !all_hold && outcomes.len() > 1 {
        let (whole, broken): (Vec<(&str, usize, usize)>, Vec<_>) =
            topics.iter().copied().partition(|topic| topic.1 == topic.2);
        let whole: Vec<String> = whole.iter().map(|topic| say(lang, topic.0)).collect();
        let broken: Vec<String> = broken
            .iter()
            .map(|(name, held, all)| match lang {
                Lang::En => format!("{name} ({held} of {all} hold)"),
                Lang::Ko => format!("{}({all}개 가운데 {held}개)", say(lang, name)),
            })
            .collect();
        if !whole.is_empty() {
            part("what holds", "통과", whole.join(", "));
        }
        if !broken.is_empty() {
            part("what does not", "통과하지 못함", broken.join(", "));
        }
    }
    let not_asked: Vec<String> = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::NotAsked(_)))
        .filter_map(Outcome::reason)
        .collect();
    if let Some(reason) = not_asked.first() {
        let reason = reason.trim_start_matches("not asked: ");
        let reason = say(lang, reason);
        let number = match lang {
            Lang::En => not_asked.len().to_string(),
            Lang::Ko => format!("{}개", not_asked.len()),
        };
        part("not asked", "검사하지 않음", format!("{number} ({reason})"));
    }
    for (ids, reason) in left_out {
        let reason = match *reason {
            "needs --run, on a Unix" => lang.choose(reason, Some("Unix에서 --run이 필요함")),
            reason => reason,
        };
        part("left out", "제외", format!("{} ({reason})", ids.join(", ")));
    }
    if let Some(first) = groups.first().filter(|_| outcomes.len() > 1) {
        part("look at first", "먼저 볼 것", first.outcomes[0].id.to_string());
    }
    lines
}

/// The text in lines of at most `width` columns, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let length = display_width(&lines[last]);
        if length > 0 && length + 1 + display_width(word) > width {
            lines.push(word.to_string());
        } else {
            let space = if length > 0 { " " } else { "" };
            lines[last].push_str(&format!("{space}{word}"));
        }
    }
    lines
}

/// The text on one line of at most `width` columns.
pub fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_string();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if display_width(&cut) + display_width(c.encode_utf8(&mut [0; 4])) >= width {
            break;
        }
        cut.push(c);
    }
    format!("{cut}…")
}
