//! Each exercise of the notes has its hints and its answer, and can be checked.

use crate::{Findings, read};
use anyhow::Result;
use ladder::answers::{Answers, Exercise, HINTS, PARTS, Part, Section, exercises};
use std::path::Path;

/// The words that an edition of the answers uses.
#[derive(Debug)]
pub struct Words {
    /// The bold words with which the parts of an exercise begin.
    pub labels: [&'static str; PARTS],
    /// What the last part begins with: `cargo lesson check`, a command with its output, or a question checks the
    /// exercise.
    pub kinds: [&'static str; 3],
    /// What the last exercise of a section begins with: it asks for a decision.
    pub decision: &'static str,
}

/// The words of the English edition.
pub const ENGLISH: Words = Words {
    labels: ["Hint 1", "Hint 2", "Answer", "Checked by"],
    kinds: ["Check", "Command", "Question"],
    decision: "Decide:",
};

/// The words of the Korean edition.
pub const KOREAN: Words = Words {
    labels: ["힌트 1", "힌트 2", "정답", "확인"],
    kinds: ["검사", "명령", "질문"],
    decision: "결정하기:",
};

/// Compares the file `answers` with the exercises in the file `notes`, both at `root`.
///
/// # Errors
/// A file that cannot be read.
pub fn check(root: &Path, notes: &str, answers: &str, words: &Words) -> Result<Findings> {
    let (text, parsed) = (read(&root.join(notes))?, Answers::parse(&read(&root.join(answers))?));
    Ok(compare(&text, &parsed, answers, words))
}

/// Compares `answers` with the exercises in the text `notes`. `name` is the file of the answers.
pub fn compare(notes: &str, answers: &Answers, name: &str, words: &Words) -> Findings {
    let mut findings = Findings::default();
    let sections = exercises(notes);
    let is_known = |title: &str| sections.iter().any(|(known, _)| known == title);
    for section in answers.sections.iter().filter(|section| !is_known(&section.title)) {
        let sentence = format!("the notes have no exercises under {:?}", section.title);
        findings.wrong.push(format!("{name}:{}: {sentence}", section.line));
    }
    // The sections stand in the order of the notes.
    let mut next = 0;
    for (title, _) in &sections {
        let found = answers.sections.iter().position(|section| section.title == *title);
        match found {
            None => findings.wrong.push(format!(
                "{name}: the exercises of a section have no answers; its heading would be \"## {title}\""
            )),
            Some(at) if at < next => {
                let line = answers.sections[at].line;
                findings.wrong.push(format!("{name}:{line}: the notes have another order"));
            }
            Some(at) => next = at,
        }
    }
    for (title, tasks) in &sections {
        let Some(section) = answers.sections.iter().find(|section| section.title == *title) else {
            continue;
        };
        let mut add = |line: usize, problem: String| {
            findings.wrong.push(format!("{name}:{line}: {problem}"));
        };
        let count = section.exercises.len();
        if count != tasks.len() {
            add(section.line, format!("{count} exercises, and {} in the notes", tasks.len()));
        }
        for (number, (exercise, (_, task))) in (1..).zip(section.exercises.iter().zip(tasks)) {
            for problem in problems(exercise, number, task, words) {
                add(exercise.line, problem);
            }
        }
        if let Some(problem) = decision(section, words) {
            add(section.line, problem);
        }
        findings.checked += count;
    }
    findings
}

/// What is wrong with an exercise.
fn problems(exercise: &Exercise, number: usize, task: &str, words: &Words) -> Vec<String> {
    let mut problems = Vec::new();
    if exercise.number != number {
        problems.push(format!("this is exercise {number}"));
    }
    if one_line(&exercise.task) != one_line(task) {
        problems.push(format!("the notes ask something else: {}", one_line(task)));
    }
    let labels: Vec<&str> = exercise.parts.iter().map(|part| part.label.as_str()).collect();
    if labels != words.labels {
        problems.push(format!("the parts are {labels:?} and not {:?}", words.labels));
    }
    for part in exercise.parts.iter().filter(|part| one_line(&part.text).is_empty()) {
        problems.push(format!("{:?} says nothing", part.label));
    }
    for hint in exercise.parts.iter().take(HINTS) {
        if hint.text.contains("```") {
            problems.push(format!("{:?} is a block, which belongs into the answer", hint.label));
        }
    }
    let (Some(answer), Some(check)) = (exercise.answer(), exercise.check()) else {
        return problems;
    };
    let holds = match kind(check, words) {
        Some(0) => one_line(&check.text).contains("cargo lesson check "),
        Some(1) => answer.text.contains("```"),
        Some(2) => exercise.task.contains('?'),
        _ => false,
    };
    if !holds {
        problems.push(format!(
            "the last part must begin with one of {:?}: the first names the command, the second has its output in the \
             answer, and the third is for an exercise that asks a question",
            words.kinds
        ));
    }
    problems
}

/// What is wrong with the last exercise of a section, which asks for a decision, if anything.
fn decision(section: &Section, words: &Words) -> Option<String> {
    let begins = |exercise: &Exercise| exercise.task.trim().starts_with(words.decision);
    let decisions = section.exercises.iter().filter(|exercise| begins(exercise)).count();
    let is_last = section.exercises.last().is_some_and(begins);
    (decisions != 1 || !is_last)
        .then(|| format!("the last exercise, and no other, must begin with {:?}", words.decision))
}

/// What checks each exercise, in order: the position of a word in `words.kinds`.
pub fn kinds(answers: &Answers, words: &Words) -> Vec<Option<usize>> {
    let all = answers.sections.iter().flat_map(|section| &section.exercises);
    all.map(|exercise| kind(exercise.check()?, words)).collect()
}

/// The position in `words.kinds` of the word with which the last part of an exercise begins.
fn kind(check: &Part, words: &Words) -> Option<usize> {
    words.kinds.iter().position(|kind| check.text.starts_with(&format!("{kind}.")))
}

/// The text with one space between two words.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTES: &str = "## 1. Echo\n\n**Exercises.**\n\n1. Make\n   it.\n2. Decide: why?\n";

    const ANSWERS: &str = "# Answers\n\n## 1. Echo\n\n### 1\n\nMake it.\n\n**Hint 1.** One.\n\n**Hint 2.** Two.\n\n\
        **Answer.** So:\n\n```console\n$ echo\n```\n\n**Checked by.** Command.\n\n### 2\n\nDecide: why?\n\n\
        **Hint 1.** Three.\n\n**Hint 2.** Four.\n\n**Answer.** No.\n\n**Checked by.** Question.\n";

    fn wrong(notes: &str, answers: &str) -> Vec<String> {
        compare(notes, &Answers::parse(answers), "ANSWERS.md", &ENGLISH).wrong
    }

    #[test]
    fn right_answers() {
        assert_eq!(wrong(NOTES, ANSWERS), [""; 0]);
        assert_eq!(kinds(&Answers::parse(ANSWERS), &ENGLISH), [Some(1), Some(2)]);
    }

    #[test]
    fn any_part_that_is_missing_or_wrong() {
        for (right, wrong_text, says) in [
            ("## 1. Echo", "## 1. Other", "would be \"## 1. Echo\""),
            ("## 1. Echo", "## 1. Other", "no exercises under \"1. Other\""),
            ("### 1", "### 3", "this is exercise 1"),
            ("Make it.", "Make that.", "ask something else: Make it."),
            ("**Hint 1.** One.\n\n", "", "the parts are"),
            ("**Hint 2.** Two.", "**Hint 3.** Two.", "the parts are"),
            ("**Hint 2.** Two.", "**Hint 2.**", "says nothing"),
            ("**Hint 2.** Two.", "**Hint 2.** Two.\n\n```console\n```", "is a block"),
            ("**Answer.** So:", "So:", "the parts are"),
            ("**Checked by.** Command.", "", "the parts are"),
            ("```console\n$ echo\n```\n\n", "", "the last part must"),
            ("Command.", "Check.", "the last part must"),
            ("Command.", "Question.", "the last part must"),
            ("Command.", "Faith.", "the last part must"),
        ] {
            assert!(ANSWERS.contains(right), "{right}");
            let found = wrong(NOTES, &ANSWERS.replacen(right, wrong_text, 1));
            assert!(found.iter().any(|found| found.contains(says)), "{wrong_text:?}: {found:?}");
        }
    }

    #[test]
    fn sections_in_another_order() {
        let section = |title: &str| format!("## {title}\n\n**Exercises.**\n\n1. Make it.\n\n");
        let notes = format!("{}{}", section("A"), section("B"));
        let found = wrong(&notes, "## B\n\n## A\n");
        assert!(found[0].contains("ANSWERS.md:1: the notes have another order"), "{found:?}");
    }

    #[test]
    fn an_exercise_too_many_and_a_decision_too_few() {
        let found = wrong(&format!("{NOTES}3. More.\n"), ANSWERS);
        assert!(found[0].contains("2 exercises, and 3 in the notes"), "{found:?}");
        let change = |text: &str| text.replace("Decide:", "Say:");
        let found = wrong(&change(NOTES), &change(ANSWERS));
        assert!(found[0].contains("must begin with \"Decide:\""), "{found:?}");
        let found = wrong(&NOTES.replace("Make", "Decide:"), &ANSWERS.replace("Make", "Decide:"));
        assert!(found[0].contains("and no other"), "{found:?}");
    }
}
