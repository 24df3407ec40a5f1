//! What a student reads after a check: the first fault in full, each other kind of fault in a line, and last of
//! all a summary. It has at most 40 lines.

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use contract::{Fault, Outcome, Verdict, in_quotes, visible};
use std::io::Write;

const PASSED: Style = AnsiColor::Green.on_default().bold();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const NAME: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// The width of a line, in characters, and the most lines of a report.
const WIDTH: usize = 80;
const LINES: usize = 40;

/// How much of a request or a response is shown, in bytes and in lines.
const SHOWN: usize = 400;
const SHOWN_LINES: usize = 9;

/// A line of the report in its style.
type Line = (Style, String);

/// Cases that fail for the same reason, in the order in which they were asked.
pub struct Group<'a> {
    pub fault: &'a Fault,
    pub outcomes: Vec<&'a Outcome>,
}

/// The faults, each kind once.
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

/// Prints how many cases hold as a bar, and then the first fault in full.
pub fn print_bar(outcomes: &[Outcome], all: usize) -> Result<()> {
    const LENGTH: usize = 40;
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    let full = LENGTH * passed / all.max(1);
    let (full, empty) = ("█".repeat(full), "░".repeat(LENGTH - full));
    let mut output = anstream::stdout();
    writeln!(output, "{PASSED}{full}{PASSED:#}{NAME}{empty}{NAME:#} {passed} of {all} cases hold")?;
    if let Some(first) = groups(outcomes).first() {
        writeln!(output)?;
        for (style, line) in in_full(first, None, SHOWN_LINES) {
            writeln!(output, "{style}{line}{style:#}")?;
        }
    }
    Ok(())
}

/// Prints the report. `again` is the command that asks the same once more, such as `cargo lesson check 7`; `start` is
/// the one that starts the server for a command by hand.
pub fn print(
    outcomes: &[Outcome],
    again: &str,
    start: Option<&str>,
    left_out: &[(Vec<&str>, &str)],
) -> Result<()> {
    let groups = groups(outcomes);
    let summary = summary(outcomes, &groups, left_out);
    let mut lines = Vec::new();
    if let Some((first, others)) = groups.split_first() {
        // As many lines of the request and of the response as leave room for the rest.
        let needed = summary.len() + others.len().min(3) + 4;
        let shown = (4..=SHOWN_LINES)
            .rev()
            .find(|shown| in_full(first, start, *shown).len() + needed <= LINES);
        lines = in_full(first, start, shown.unwrap_or(4));
        // The line before the report, and three after the kinds of faults.
        let room = LINES.saturating_sub(lines.len() + summary.len() + 4).max(1);
        for group in others.iter().take(room) {
            lines.push((FAILED, cut(&in_short(group), WIDTH)));
        }
        if others.len() > room {
            let sentence =
                format!("{} more kinds of faults: --brief lists all", others.len() - room);
            lines.push((PLAIN, sentence));
        }
        if let Some(other) = others.first() {
            let id = other.outcomes[0].id;
            lines.push((NAME, format!("in full: {again} --only {id}")));
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

/// Prints a line a case, and how many hold.
pub fn print_brief(outcomes: &[Outcome]) -> Result<()> {
    let mut output = anstream::stdout();
    for outcome in outcomes {
        let (style, mark) = match outcome.verdict {
            Verdict::Passed => (PASSED, "✓"),
            Verdict::Failed(_) => (FAILED, "✗"),
            Verdict::NotAsked(_) => (NAME, "-"),
        };
        let reason = outcome.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        let section = match outcome.section {
            "" => String::new(),
            section => format!("  {NAME}{section}{NAME:#}"),
        };
        writeln!(output, "{style}{mark} {}{style:#}{reason}{section}", outcome.id)?;
    }
    writeln!(output, "{}", held(outcomes))?;
    Ok(())
}

/// How many cases hold.
pub fn held(outcomes: &[Outcome]) -> String {
    let passed = outcomes.iter().filter(|outcome| outcome.passed()).count();
    match outcomes.len() {
        1 if passed == 1 => "the case holds".to_string(),
        1 => "the case does not hold".to_string(),
        all if passed == all => format!("all {all} cases hold"),
        all => format!("{passed} of {all} cases hold"),
    }
}

/// The first case of a kind of fault, with all that helps; of the request and of the response `most` lines.
pub fn in_full(group: &Group, start: Option<&str>, most: usize) -> Vec<Line> {
    let outcome = group.outcomes[0];
    let mut lines = Vec::new();
    let title = format!("✗ {}  {}", outcome.id, outcome.what);
    lines.push((FAILED, cut(&title, WIDTH)));
    for line in wrapped(&group.fault.sentence, WIDTH - 2) {
        lines.push((PLAIN, format!("  {line}")));
    }
    let mut part = |name: &str, text: Vec<String>| {
        for (number, line) in text.into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let name =
                if name.is_empty() { " ".repeat(10) } else { format!("{NAME}{name:10}{NAME:#}") };
            lines.push((PLAIN, format!("  {name}{line}")));
        }
    };
    let bytes = |bytes: &[u8], all: usize| -> Vec<String> {
        visible(bytes, all, SHOWN, most).iter().map(|line| cut(line, WIDTH - 12)).collect()
    };
    part("sent", bytes(&outcome.sent, outcome.sent.len()));
    let wanted = outcome.wanted.lines().take(most);
    part("wanted", wanted.map(|line| cut(line, WIDTH - 12)).collect());
    part("received", bytes(&outcome.got, outcome.got_length));
    if !outcome.last_words.is_empty() {
        // The last line says most.
        let last = outcome.last_words.len().saturating_sub(3);
        let words = outcome.last_words[last..].iter().enumerate().flat_map(|(number, line)| {
            let rows = wrapped(&in_quotes(line, 4 * WIDTH), WIDTH - 12);
            let most = if last + number + 1 == outcome.last_words.len() { 3 } else { 1 };
            rows.into_iter().take(most)
        });
        part("printed", words.map(|line| cut(&line, WIDTH - 12)).collect());
    }
    if !group.fault.cause.is_empty() {
        part("cause", wrapped(&group.fault.cause, WIDTH - 12));
    }
    // Where the RFC speaks of the fault, or else where it speaks of the case.
    let sections = [group.fault.section, outcome.section];
    if let Some(section) = sections.iter().find(|section| !section.is_empty()) {
        part("see", vec![section.to_string()]);
    }
    if let Some(start) = start {
        part("start it", vec![start.to_string()]);
    }
    if !outcome.hand.is_empty() {
        part("by hand", vec![outcome.hand.clone()]);
    }
    if let Some(same) = same(group) {
        lines.push((PLAIN, cut(&format!("  {same}"), WIDTH)));
    }
    lines
}

/// A kind of fault in a line.
fn in_short(group: &Group) -> String {
    let more = match group.outcomes.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    format!("✗ {}{more}: {}", group.outcomes[0].id, group.fault.sentence)
}

/// The other cases that fail for the same reason.
fn same(group: &Group) -> Option<String> {
    let others: Vec<&str> = group.outcomes[1..].iter().map(|outcome| outcome.id).collect();
    Some(match others[..] {
        [] => return None,
        [one] => format!("{one}: the same"),
        [one, two] => format!("{one}, {two}: the same"),
        [one, two, ..] => format!("{one}, {two} and {} more: the same", others.len() - 2),
    })
}

/// What holds, what does not, and what to look at first.
fn summary(outcomes: &[Outcome], groups: &[Group], left_out: &[(Vec<&str>, &str)]) -> Vec<Line> {
    let all_hold = outcomes.iter().all(Outcome::passed);
    let style = if all_hold { PASSED } else { FAILED };
    let mut lines = vec![(style, held(outcomes))];
    let mut topics: Vec<(&str, usize, usize)> = Vec::new();
    let asked = |outcome: &&Outcome| !matches!(outcome.verdict, Verdict::NotAsked(_));
    for outcome in outcomes.iter().filter(asked) {
        let held = usize::from(outcome.passed());
        match topics.iter_mut().find(|topic| topic.0 == outcome.topic) {
            Some(topic) => (topic.1, topic.2) = (topic.1 + held, topic.2 + 1),
            None => topics.push((outcome.topic, held, 1)),
        }
    }
    let mut part = |name: &str, text: String| {
        for (number, line) in wrapped(&text, WIDTH - 18).into_iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let name =
                if name.is_empty() { " ".repeat(15) } else { format!("{NAME}{name:15}{NAME:#}") };
            lines.push((PLAIN, format!("  {name} {line}")));
        }
    };
    if !all_hold && outcomes.len() > 1 {
        let (whole, broken): (Vec<(&str, usize, usize)>, Vec<_>) =
            topics.iter().copied().partition(|topic| topic.1 == topic.2);
        let whole: Vec<&str> = whole.iter().map(|topic| topic.0).collect();
        let broken: Vec<String> = broken
            .iter()
            .map(|(name, held, all)| format!("{name} ({held} of {all} hold)"))
            .collect();
        if !whole.is_empty() {
            part("what holds", whole.join(", "));
        }
        if !broken.is_empty() {
            part("what does not", broken.join(", "));
        }
    }
    let not_asked: Vec<String> = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.verdict, Verdict::NotAsked(_)))
        .filter_map(Outcome::reason)
        .collect();
    if let Some(reason) = not_asked.first() {
        let reason = reason.trim_start_matches("not asked: ");
        part("not asked", format!("{} ({reason})", not_asked.len()));
    }
    for (ids, reason) in left_out {
        part("left out", format!("{} ({reason})", ids.join(", ")));
    }
    if let Some(first) = groups.first().filter(|_| outcomes.len() > 1) {
        part("look at first", first.outcomes[0].id.to_string());
    }
    lines
}

/// The text in lines of at most `width` characters, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let length = lines[last].chars().count();
        if length > 0 && length + 1 + word.chars().count() > width {
            lines.push(word.to_string());
        } else {
            let space = if length > 0 { " " } else { "" };
            lines[last].push_str(&format!("{space}{word}"));
        }
    }
    lines
}

/// The text on one line of at most `width` characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    let cut: String = text.chars().take(width - 1).collect();
    format!("{cut}…")
}
