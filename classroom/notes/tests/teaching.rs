//! Tests of the check of the lesson plans: each test changes one thing in the plans, in memory, and the check must find it.

use anyhow::Result;
use ladder::Ladder;
use notes::{Edition, teaching};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text() -> Result<String> {
    Ok(fs::read_to_string(root().join("TEACHING.md"))?.replace("\r\n", "\n"))
}

/// What the check finds wrong.
fn wrong(text: &str) -> Result<Vec<String>> {
    let notes = Edition::read(&root(), "NOTES.md")?;
    let ladder = Ladder::open(&root())?;
    let findings = teaching::check("TEACHING.md", text, &teaching::LEAD_INS, &notes, &ladder)?;
    Ok(findings.wrong)
}

/// What the check finds wrong with `new` in the place of the first `old`.
fn wrong_with(old: &str, new: &str) -> Result<Vec<String>> {
    let text = text()?;
    assert!(text.contains(old), "there is no {old:?}");
    wrong(&text.replacen(old, new, 1))
}

/// The text without its lines from `first` up to the one before `end`.
fn without_lines(text: &str, first: usize, end: usize) -> String {
    let lines = (1..).zip(text.lines()).filter(|(line, _)| !(first..end).contains(line));
    lines.map(|(_, text)| format!("{text}\n")).collect()
}

#[test]
fn any_plan_that_is_missing() -> Result<()> {
    let text = text()?;
    let sections = teaching::read(&text);
    let mut removed = 0;
    for (at, section) in sections.iter().enumerate() {
        if section.quiz.is_empty() {
            continue;
        }
        let end = sections.get(at + 1).map_or(usize::MAX, |next| next.line);
        let found = wrong(&without_lines(&text, section.line, end))?;
        assert!(found[0].contains(&format!("\"## {}\"", section.title)), "{found:?}");
        removed += 1;
    }
    assert!(removed > 10);
    Ok(())
}

#[test]
fn any_minutes_of_a_part() -> Result<()> {
    let text = text()?;
    let mut changed = 0;
    for section in teaching::read(&text) {
        for part in section.parts().unwrap_or_default() {
            let row = format!("| {} | {} | {} |", part.name, part.minutes, part.project);
            let more = format!("| {} | {} | {} |", part.name, part.minutes + 1, part.project);
            let at = section.line;
            // Two plans can have the same row: the one of this plan comes after its heading.
            let start: usize = text.lines().take(at).map(|line| line.len() + 1).sum();
            let rest = text[start..].replacen(&row, &more, 1);
            if section.quiz.is_empty() {
                continue;
            }
            let found = wrong(&format!("{}{rest}", &text[..start]))?;
            assert!(found.iter().any(|found| found.contains("not one of [50, 90]")), "{found:?}");
            changed += 1;
        }
    }
    assert!(changed > 80);
    Ok(())
}

#[test]
fn minutes_that_the_text_does_not_say() -> Result<()> {
    let found = wrong_with("**Minutes.** 50 in all.", "**Minutes.** 90 in all.")?;
    assert_eq!(found.len(), 1, "{found:?}");
    let found = wrong_with("| Replay | 5 |", "| Replay | five |")?;
    let problem = "is no row of part, minutes, project, command";
    assert!(found.iter().any(|found| found.contains(problem)), "{found:?}");
    Ok(())
}

#[test]
fn any_answer_of_a_quiz() -> Result<()> {
    let text = text()?;
    let mut removed = 0;
    for question in teaching::read(&text).iter().flat_map(|section| &section.quiz) {
        let line = question.line + 1;
        let found = wrong(&without_lines(&text, line, line + 1))?;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("this question has no answer"), "{found:?}");
        removed += 1;
    }
    println!("answers removed: {removed}");
    assert!(removed > 50);
    Ok(())
}

#[test]
fn a_quiz_of_four_or_six_questions() -> Result<()> {
    let last = "5. Which side keeps a connection in TIME_WAIT?\n   *Answer:* the side that closes first.\n";
    for (new, count) in [(String::new(), 4), (format!("{last}6. Why?\n   *Answer:* So.\n"), 6)] {
        let found = wrong_with(last, &new)?;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("the quiz has {count} questions, not 5")), "{found:?}");
    }
    Ok(())
}

#[test]
fn the_bold_words_of_a_plan() -> Result<()> {
    for lead_in in teaching::LEAD_INS {
        let found = wrong_with(&format!("\n**{lead_in}.**"), "\n**Something else.**")?;
        assert_eq!(found.len(), 1, "{lead_in}: {found:?}");
        assert!(found[0].contains("the bold words are"), "{found:?}");
    }
    Ok(())
}

#[test]
fn a_command_that_does_not_exist() -> Result<()> {
    for (old, new, problem) in [
        ("cargo run -p s01_echo -- --step", "cargo run -p s01_eko -- --step", "no package s01_eko"),
        ("cargo run -p s01_echo -- server", "cargo run -p s01_echo -- serve", "no command serve"),
        ("--example time_wait", "--example time_weight", "no examples/time_weight.rs"),
        ("cargo lesson wire 3 4", "cargo lesson wires 3 4", "no command wires"),
        ("cargo lesson wire 3 4", "cargo lesson wire 3 99", "no stage 99"),
        ("cargo lesson start 1 my_loop --half", "cargo lesson start 1 my_loop --third", "--third"),
        ("attack smuggling", "attack juggling", "no attack juggling"),
        (
            "s14_shared/cluster.sh start",
            "s14_shared/clutter.sh start",
            "no steps/s14_shared/clutter.sh",
        ),
        ("captures/s01_echo.pcap", "captures/s01_eko.pcap", "no captures/s01_eko.pcap"),
        ("`curl -I ", "`curling -I ", "begins with no known command"),
        ("`curl -I http://127.0.0.1:8080/`", "curl", "is no command between backticks"),
    ] {
        let found = wrong_with(old, new)?;
        assert_eq!(found.len(), 1, "{new}: {found:?}");
        assert!(found[0].contains(problem), "{new}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_way_through_the_course() -> Result<()> {
    for (old, new, problem) in [
        ("| 4 | 4, 5 | 100 |", "| 4 | 4, 5 | 90 |", "the minutes are 100"),
        ("| 4 | 4, 5 | 100 |", "| 4 | 4 | 50 |", "this is 0 times in the first way"),
        ("| 15 | 15 | 50 |", "| 15 | 15, 4 | 100 |", "this is 2 times in the first way"),
        ("| 15 | 15 | 50 |", "| 15 | 99 | 0 |", "there is no plan 99"),
        ("| 15 | 15 | 50 | – |\n", "", "have not [15, 2] rows"),
        ("| Sunday | packets, 8,", "| Sunday | packages, 8,", "there is no plan packages"),
    ] {
        let found = wrong_with(old, new)?;
        assert!(found.iter().any(|found| found.contains(problem)), "{new}: {found:?}");
    }
    Ok(())
}

#[test]
fn a_plan_for_no_section() -> Result<()> {
    let found = wrong(&format!("{}\n## 99. Late: a stage that is not there\n", text()?))?;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("NOTES.md has no section for this plan"), "{found:?}");
    Ok(())
}

#[test]
fn two_editions_that_differ() -> Result<()> {
    let text = text()?;
    let differences = |other: &str| teaching::compare(["one", "other"], [&text, other]).wrong.len();
    assert_eq!(differences(&text), 0);
    for (old, new) in [
        ("| Replay | 5 |", "| Replay | 6 |"),
        ("cargo lesson wire 3 4", "cargo lesson wire 4 5"),
        ("| 4 | 4, 5 | 100 |", "| 4 | 5, 4 | 100 |"),
        ("5. Which side keeps", "Which side keeps"),
        ("## A weekend\n", "## 99. A weekend\n"),
        ("## A weekend\n", "A weekend\n"),
    ] {
        assert!(differences(&text.replacen(old, new, 1)) > 0, "{new}");
    }
    Ok(())
}
