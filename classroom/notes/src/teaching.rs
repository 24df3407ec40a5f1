//! The lesson plans for teachers: each section about a stage has a plan, and a plan has what a lesson needs.
//!
//! A plan is a section of TEACHING.md with the heading that the section has in the notes. It consists of paragraphs
//! that begin with bold words ([`LEAD_INS`]), always the same in the same order. After the bold words `Minutes` comes
//! a table of the parts of the lesson, one row each: part, minutes, what to project, command. After `Quiz` comes a
//! numbered list; in each entry the answer begins after italic words with a colon, such as `*Answer:*`.
//!
//! The sections before and after the plans are ways through the course. A row of a table there has three cells or
//! more. The second one names the plans by their numbers, `packets` for the one without a number or `–` for none. The
//! third one has their minutes.
//!
//! [`read`] makes values of this text, also for other programs.

use crate::{Edition, Findings};
use anyhow::{Context, Result};
use ladder::Ladder;
use regex::Regex;
use std::fs;
use std::path::Path;

/// The bold words of a plan, in the English edition.
pub const LEAD_INS: [&str; 10] = [
    "Afterwards",
    "Minutes",
    "Question",
    "What students usually say",
    "Answer",
    "Common mistake",
    "When time is short",
    "Quiz",
    "Handed in",
    "Graded",
];

/// Which of these paragraphs has the table of minutes, and which one the quiz.
const MINUTES: usize = 1;
const QUIZ: usize = 7;

/// How many minutes a lesson can have.
const LESSONS: [u32; 2] = [50, 90];

/// How many questions a quiz has.
const QUESTIONS: usize = 5;

/// How many rows the two ways through the course have: fifteen weeks, and the two days of a weekend.
const WAYS: [usize; 2] = [15, 2];

/// What a command can begin with besides `cargo`.
const PROGRAMS: [&str; 13] = [
    "curl",
    "git",
    "head",
    "kill",
    "nc",
    "printf",
    "seq",
    "sqlite3",
    "strace",
    "time",
    "tmux",
    "wireshark",
    "wrk",
];

/// The commands of a stage.
const STAGE_COMMANDS: [&str; 4] = ["server", "client", "window", "attack"];

/// A section: a plan, or something else.
#[derive(Debug, Default)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The line of the heading.
    pub line: usize,
    /// What begins with bold words, in order.
    pub paragraphs: Vec<Paragraph>,
    /// The rows of its tables, without the first row of each.
    pub rows: Vec<Row>,
    /// The numbered list after the bold words `Quiz`.
    pub quiz: Vec<Question>,
}

/// Bold words, and what follows them up to the next ones: text, also with the marks of a list.
#[derive(Debug)]
pub struct Paragraph {
    /// The bold words, without the full stop.
    pub lead_in: String,
    /// The text, without tables.
    pub text: String,
}

/// A row of a table.
#[derive(Debug)]
pub struct Row {
    /// Its line.
    pub line: usize,
    /// The texts of its cells.
    pub cells: Vec<String>,
}

/// A part of a lesson: a row of the table of minutes.
#[derive(Debug)]
pub struct Part<'a> {
    /// What it is called.
    pub name: &'a str,
    /// How long it takes.
    pub minutes: u32,
    /// What to project.
    pub project: &'a str,
    /// The command that brings it up, without backticks, if there is one.
    pub command: Option<&'a str>,
}

/// A question of a quiz.
#[derive(Debug)]
pub struct Question {
    /// Its line.
    pub line: usize,
    /// The question.
    pub question: String,
    /// The answer, empty if there is none.
    pub answer: String,
}

impl Section {
    /// Returns the text after the bold words with this place in [`LEAD_INS`], in any language.
    pub fn text(&self, place: usize) -> Option<&str> {
        self.paragraphs.get(place).map(|paragraph| paragraph.text.as_str())
    }

    /// Returns the number that the heading begins with, which is that of a stage.
    pub fn number(&self) -> Option<u32> {
        crate::edition::number(&self.title)
    }

    /// Returns the parts of the lesson, if this is a plan.
    ///
    /// # Errors
    /// A row that has not four cells, or no minutes.
    pub fn parts(&self) -> Result<Vec<Part<'_>>> {
        let part = |row: &'_ Row| {
            format!("line {} is no row of part, minutes, project, command", row.line)
        };
        let mut parts = Vec::new();
        for row in &self.rows {
            let [name, minutes, project, command] = row.cells.as_slice() else {
                anyhow::bail!(part(row));
            };
            let minutes = minutes.parse().with_context(|| part(row))?;
            let command = command.strip_prefix('`').and_then(|command| command.strip_suffix('`'));
            parts.push(Part { name, minutes, project, command });
        }
        Ok(parts)
    }

    /// Returns how long the lesson is.
    ///
    /// # Errors
    /// Those of [`Section::parts`].
    pub fn minutes(&self) -> Result<u32> {
        Ok(self.parts()?.iter().map(|part| part.minutes).sum())
    }
}

/// Reads the sections of a text.
pub fn read(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut in_table = false;
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(title) = text.strip_prefix("## ") {
            sections.push(Section { title: title.into(), line, ..Section::default() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if let Some(row) = text.strip_prefix("| ") {
            // The first row of a table has the names of the columns.
            if in_table {
                let cells = row.trim_end().trim_end_matches('|').split(" | ");
                section
                    .rows
                    .push(Row { line, cells: cells.map(|cell| cell.trim().into()).collect() });
            }
            in_table = true;
        } else if text.starts_with("|-") {
            continue;
        } else {
            in_table = false;
            read_line(section, line, text);
        }
    }
    sections
}

/// Adds a line that is neither a heading nor a row.
fn read_line(section: &mut Section, line: usize, text: &str) {
    let bold = text.strip_prefix("**").and_then(|rest| rest.split_once("**"));
    if let Some((lead_in, rest)) = bold {
        let lead_in = lead_in.trim_end_matches('.').to_string();
        section.paragraphs.push(Paragraph { lead_in, text: rest.trim().to_string() });
        return;
    }
    if section.paragraphs.len() == QUIZ + 1 {
        let entry = text.split_once(". ").filter(|(number, _)| number.parse::<usize>().is_ok());
        if let Some((_, question)) = entry {
            let question = question.to_string();
            section.quiz.push(Question { line, question, answer: String::new() });
        } else if let Some(question) = section.quiz.last_mut() {
            add_to_question(question, text.trim());
        }
        return;
    }
    if let Some(paragraph) = section.paragraphs.last_mut().filter(|_| !text.is_empty()) {
        let separator = if text.starts_with("- ") { "\n" } else { " " };
        paragraph.text = format!("{}{separator}{}", paragraph.text, text.trim()).trim().to_string();
    }
}

/// Adds a line to a question, or to its answer once the italic words have come.
fn add_to_question(question: &mut Question, text: &str) {
    let italic = text.strip_prefix('*').and_then(|rest| rest.split_once(":*"));
    let (to, text) = match italic {
        Some((_, answer)) => (&mut question.answer, answer.trim()),
        None if question.answer.is_empty() => (&mut question.question, text),
        None => (&mut question.answer, text),
    };
    *to = format!("{to} {text}").trim().to_string();
}

/// Checks the plans in `text`, the text of the file `name`, against the notes in the same language. `lead_ins` are the
/// bold words of a plan.
///
/// # Errors
/// A pattern that is none, which cannot be.
pub fn check(
    name: &str,
    text: &str,
    lead_ins: &[&str],
    notes: &Edition,
    ladder: &Ladder,
) -> Result<Findings> {
    let mut findings = Findings::default();
    let sections = read(text);
    let wanted = titles(notes);
    for title in &wanted {
        findings.checked += 1;
        if !sections.iter().any(|section| section.title == *title) {
            findings
                .wrong
                .push(format!("{name}: there is no plan; its heading would be \"## {title}\""));
        }
    }
    let is_plan = |section: &&Section| wanted.contains(&section.title.as_str());
    let plans: Vec<&Section> = sections.iter().filter(is_plan).collect();
    let mut order: Vec<&str> = plans.iter().map(|plan| plan.title.as_str()).collect();
    order.sort_by_key(|title| wanted.iter().position(|wanted| wanted == title));
    if order.iter().zip(&plans).any(|(title, plan)| *title != plan.title) {
        findings.wrong.push(format!("{name}: the plans are not in the order of {}", notes.name));
    }
    for section in &sections {
        let mut problems = match is_plan(&section) {
            true => plan_problems(section, lead_ins, ladder),
            false if section.number().is_some() => {
                vec![(section.line, format!("{} has no section for this plan", notes.name))]
            }
            false => way_problems(section, &plans),
        };
        findings.checked += section.rows.len() + section.quiz.len() + section.paragraphs.len();
        problems.sort();
        let problems = problems.into_iter().map(|(line, what)| format!("{name}:{line}: {what}"));
        findings.wrong.extend(problems);
    }
    let ways: Vec<&Section> =
        sections.iter().filter(|section| !is_plan(section) && !section.rows.is_empty()).collect();
    if ways.iter().map(|way| way.rows.len()).ne(WAYS) {
        findings.wrong.push(format!("{name}: the ways through the course have not {WAYS:?} rows"));
    }
    for plan in &plans {
        let word = plan.number().map_or("packets".to_string(), |number| number.to_string());
        let first = ways.first().into_iter().flat_map(|way| &way.rows);
        let count = first.flat_map(words).filter(|other| *other == word).count();
        if count != 1 {
            let line = plan.line;
            findings.wrong.push(format!(
                "{name}:{line}: this is {count} times in the first way through the course"
            ));
        }
    }
    let command = Regex::new("`(cargo [^`]+)`")?;
    for (line, text) in (1..).zip(text.lines()) {
        for found in command.captures_iter(text) {
            findings.checked += 1;
            let problem = command_problem(&found[1], ladder);
            findings.wrong.extend(problem.map(|problem| format!("{name}:{line}: {problem}")));
        }
    }
    Ok(findings)
}

/// The headings in the notes that need a plan: from the first stage to the last one.
fn titles(notes: &Edition) -> Vec<&str> {
    let is_stage = |section: &crate::Section| section.number().is_some();
    let first = notes.sections.iter().position(is_stage).unwrap_or_default();
    let last = notes.sections.iter().rposition(is_stage).map_or(0, |last| last + 1);
    notes.sections[first..last].iter().map(|section| section.title.as_str()).collect()
}

/// What is wrong in a plan, each with its line.
fn plan_problems(plan: &Section, lead_ins: &[&str], ladder: &Ladder) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let found: Vec<&str> =
        plan.paragraphs.iter().map(|paragraph| paragraph.lead_in.as_str()).collect();
    if found != lead_ins {
        problems.push((plan.line, format!("the bold words are {found:?} and not {lead_ins:?}")));
        return problems;
    }
    for (place, paragraph) in plan.paragraphs.iter().enumerate() {
        if paragraph.text.is_empty() && place != QUIZ {
            problems.push((plan.line, format!("{:?} has no text", paragraph.lead_in)));
        }
    }
    match plan.minutes() {
        Err(error) => problems.push((plan.line, error.to_string())),
        Ok(sum) => {
            if !LESSONS.contains(&sum) {
                problems.push((
                    plan.line,
                    format!("the parts have {sum} minutes, not one of {LESSONS:?}"),
                ));
            }
            let text = plan.text(MINUTES).unwrap_or_default();
            let mut numbers =
                text.split(|c: char| !c.is_ascii_digit()).filter(|piece| !piece.is_empty());
            if numbers.next() != Some(sum.to_string().as_str()) {
                problems.push((
                    plan.line,
                    format!("the text says {text:?}, and the parts have {sum} minutes"),
                ));
            }
        }
    }
    for row in &plan.rows {
        let cell = row.cells.last().map(String::as_str).unwrap_or_default();
        let command = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let problem = match command {
            None if cell == "–" => None,
            None => Some(format!("{cell:?} is no command between backticks")),
            // A command of cargo is looked for in all of the text.
            Some(command) if command.starts_with("cargo ") => None,
            Some(command) => command_problem(command, ladder),
        };
        problems.extend(problem.map(|problem| (row.line, problem)));
    }
    if plan.quiz.len() != QUESTIONS {
        problems.push((
            plan.line,
            format!("the quiz has {} questions, not {QUESTIONS}", plan.quiz.len()),
        ));
    }
    for question in &plan.quiz {
        if question.question.is_empty() || question.answer.is_empty() {
            problems.push((question.line, "this question has no answer".to_string()));
        }
    }
    problems
}

/// What is wrong in a way through the course, each with its line.
fn way_problems(way: &Section, plans: &[&Section]) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for row in &way.rows {
        let mut sum = 0;
        for word in words(row) {
            let number = word.parse().ok();
            let plan = plans.iter().find(|plan| match number {
                Some(number) => plan.number() == Some(number),
                None => word == "packets" && plan.number().is_none(),
            });
            match plan {
                Some(plan) => sum += plan.minutes().unwrap_or_default(),
                None => problems.push((row.line, format!("there is no plan {word}"))),
            }
        }
        let minutes = row.cells.get(2).map(String::as_str).unwrap_or_default();
        if minutes != sum.to_string() {
            problems.push((row.line, format!("the minutes are {sum}, and not {minutes:?}")));
        }
    }
    problems
}

/// The plans that a row of a way through the course names.
fn words(row: &Row) -> impl Iterator<Item = &str> {
    let cell = row.cells.get(1).map(String::as_str).unwrap_or_default();
    cell.split(", ").filter(|word| *word != "–")
}

/// What is wrong with a command, if anything. It must be one of a stage, of `cargo lesson` or of a known program, and
/// the stages, files and options in it must exist.
fn command_problem(command: &str, ladder: &Ladder) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    for word in &words {
        let is_path =
            ["captures/", "steps/", "classroom/"].iter().any(|folder| word.starts_with(folder));
        if is_path && !ladder.root.join(word).exists() {
            return Some(format!("there is no {word}"));
        }
    }
    match words.as_slice() {
        ["cargo", "run", rest @ ..] => run_problem(rest, ladder),
        ["cargo", "lesson", rest @ ..] => lesson_problem(rest, ladder),
        ["cargo", "build" | "test", ..] => None,
        // A script of a stage. That it exists was looked up above.
        [program, ..] if program.starts_with("steps/") || PROGRAMS.contains(program) => None,
        _ => Some(format!("`{command}` begins with no known command")),
    }
}

/// What is wrong with the words after `cargo run`.
fn run_problem(words: &[&str], ladder: &Ladder) -> Option<String> {
    let after = |option: &str| {
        let place = words.iter().position(|word| *word == option)?;
        words.get(place + 1).copied()
    };
    let Some(package) = after("-p") else { return Some("cargo run needs -p and a package".into()) };
    let Some(stage) = ladder.stages().find(|stage| stage.name == package) else {
        let is_known =
            package.starts_with("my_") || ladder.root.join("classroom").join(package).exists();
        return (!is_known).then(|| format!("there is no package {package}"));
    };
    if let Some(example) = after("--example") {
        let path = format!("examples/{example}.rs");
        return (!stage.folder.join(&path).exists()).then(|| format!("{package} has no {path}"));
    }
    let command = after("--").filter(|word| !word.starts_with('-'))?;
    if !STAGE_COMMANDS.contains(&command) {
        return Some(format!("a stage has no command {command}"));
    }
    let kind = after("attack")?;
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    let variant: String = kind.split('-').map(capital).collect();
    let attacks = stage.read("src/attack.rs").ok()?.unwrap_or_default();
    (!attacks.contains(&variant)).then(|| format!("{package} has no attack {kind}"))
}

/// What is wrong with the words after `cargo lesson`. Each command is a file of the crate `lesson` that has a function
/// `run`, and its options are names in that file or in `main.rs`.
fn lesson_problem(words: &[&str], ladder: &Ladder) -> Option<String> {
    let [command, rest @ ..] = words else { return None };
    let source = |name: &str| {
        let path = Path::new("classroom/lesson/src").join(name).with_extension("rs");
        fs::read_to_string(ladder.root.join(path)).unwrap_or_default()
    };
    let own = source(command);
    if !own.contains("pub fn run(") {
        return Some(format!("cargo lesson has no command {command}"));
    }
    let options = own + &source("main");
    for word in rest {
        if let Some(option) = word.strip_prefix("--").filter(|option| !option.is_empty()) {
            if !options.contains(&format!("{}: ", option.replace('-', "_"))) {
                return Some(format!("cargo lesson {command} has no option {word}"));
            }
        } else if let Ok(number) = word.parse()
            && !ladder.stages().any(|stage| stage.number == Some(number))
        {
            return Some(format!("there is no stage {number}"));
        }
    }
    None
}

/// Compares the plans of two editions: minutes, commands and the number of questions are the same.
pub fn compare(names: [&str; 2], texts: [&str; 2]) -> Findings {
    let mut findings = Findings::default();
    let [one, other] = texts.map(read);
    for (left, right) in one.iter().zip(&other) {
        findings.checked += left.rows.len().max(1);
        if skeleton(left) != skeleton(right) {
            findings.wrong.push(format!(
                "{}:{} and {}:{} differ in a number, a command or the length of the quiz",
                names[0], left.line, names[1], right.line
            ));
        }
    }
    if one.len() != other.len() {
        findings.wrong.push(format!("{} and {} have not as many sections", names[0], names[1]));
    }
    findings
}

/// What is the same in every language: the number of a heading, the length of a quiz, and of each row the second cell,
/// a third one that is a number, and a fourth one that is a command.
fn skeleton(section: &Section) -> (Option<u32>, usize, Vec<&str>) {
    let mut cells = Vec::new();
    for row in &section.rows {
        for (place, cell) in row.cells.iter().enumerate() {
            let is_same = match place {
                1 => true,
                2 => cell.parse::<u32>().is_ok(),
                3 => cell.starts_with(['`', '–']),
                _ => false,
            };
            cells.push(if is_same { cell.as_str() } else { "" });
        }
    }
    (section.number(), section.quiz.len(), cells)
}
