//! `cargo lesson hint`: the next hint for an exercise of the notes, and the answer where it is asked for.
//!
//! The hints that were shown are counted in the file `mine/.hints`, a line an exercise: its section, its number, and how
//! many of its hints were shown. Without that file each exercise begins with its first hint.

use anyhow::{Context, Result, bail};
use ladder::Ladder;
use ladder::answers::{Answers, Exercise, HINTS, Section};
use replay::Lang;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use terminal_size::{Width, terminal_size};

/// Where the hints that were shown are counted.
const COUNTS: &str = "mine/.hints";

/// The section of the notes that is about no stage.
const PACKETS: &str = "packets";

/// The least and the greatest width of a text, in columns. In a pipe a text has the greatest.
const MIN_WIDTH: usize = 40;
const MAX_WIDTH: usize = 80;

/// What is asked for.
#[derive(clap::Args)]
pub struct Arguments {
    /// The stage in whose section the exercise is, or packets
    stage: String,
    /// The number of the exercise [default: the first one with a hint that was not shown yet]
    #[arg(value_name = "EXERCISE")]
    exercise: Option<usize>,
    /// The answer, and how to check it
    #[arg(long)]
    answer: bool,
}

/// Prints the next hint for an exercise, or its answer.
///
/// # Errors
/// A stage or an exercise that does not exist.
pub fn run(ladder: &Ladder, arguments: &Arguments, lang: Lang) -> Result<()> {
    let name = lang.choose("ANSWERS.md", Some("ANSWERS.ko.md"));
    let answers = Answers::read(&ladder.root, name)?;
    let (key, section) = find_section(ladder, &answers, &arguments.stage, name)?;
    let mut counts = Counts::read(ladder)?;
    let exercise = match arguments.exercise {
        Some(number) => find_exercise(section, number)?,
        None if arguments.answer => {
            bail!("say which exercise: cargo lesson hint {key} 1 --answer")
        }
        None => {
            let is_open = |exercise: &&Exercise| counts.get(&key, exercise.number) < HINTS;
            let open = section.exercises.iter().find(is_open).or(section.exercises.last());
            open.with_context(|| format!("the section {:?} has no exercises", section.title))?
        }
    };
    let number = exercise.number;
    let command = format!("cargo lesson hint {key} {number}");
    let word = lang.choose("exercise", Some("연습 문제"));
    let mut text = format!("{}\n{word} {number}\n\n{}", section.title, plain(&exercise.task));
    if arguments.answer {
        for part in exercise.answer().into_iter().chain(exercise.check()) {
            text += &format!("\n{}\n{}", part.label, plain(&part.text));
        }
    } else {
        let shown = (counts.get(&key, number) + 1).min(HINTS);
        let hint = exercise.hint(shown);
        let hint = hint.with_context(|| format!("exercise {number} has no hint {shown}"))?;
        text += &format!("\n{} / {HINTS}\n{}", hint.label, plain(&hint.text));
        let next = if shown < HINTS {
            format!("{} {command}", lang.choose("the next hint:", Some("다음 힌트:")))
        } else {
            format!("{} {command} --answer", lang.choose("the answer:", Some("정답:")))
        };
        text += &format!("\n{next}\n");
        counts.set(&key, number, shown);
        counts.write(ladder)?;
    }
    write!(anstream::stdout(), "{text}")?;
    Ok(())
}

/// The command for the first hint of the exercise that makes `next` of a copy of `stage`. Where no exercise does, it is
/// the command for the first hint of the section about `next`, if there is one.
pub fn command_for_copy(ladder: &Ladder, stage: u32, next: u32) -> Option<String> {
    // Without the file there are no hints.
    let answers = Answers::read(&ladder.root, "ANSWERS.md").ok()?;
    let (start, check) =
        (format!("cargo lesson start {stage} "), format!("cargo lesson check {next} "));
    for section in &answers.sections {
        let is_it = |exercise: &&Exercise| {
            let task = exercise.task.replace('\n', " ");
            task.contains(&start) && task.contains(&check)
        };
        let found = section.exercises.iter().find(is_it);
        if let Some((number, exercise)) = section.number().zip(found) {
            return Some(format!("cargo lesson hint {number} {}", exercise.number));
        }
    }
    answers.section(next).map(|_| format!("cargo lesson hint {next}"))
}

/// The section that `words` names, and its number or name.
fn find_section<'a>(
    ladder: &Ladder,
    answers: &'a Answers,
    words: &str,
    file: &str,
) -> Result<(String, &'a Section)> {
    let (key, found) = if words == PACKETS {
        (PACKETS.to_string(), answers.sections.iter().find(|section| section.number().is_none()))
    } else {
        let stage = ladder.stage(words)?;
        let Some(number) = stage.number else {
            bail!("{} is your own; name a stage or {PACKETS}", stage.name);
        };
        (number.to_string(), answers.section(number))
    };
    let section = found.with_context(|| format!("{file} has no section for {words}"))?;
    Ok((key, section))
}

/// The exercise with this number.
fn find_exercise(section: &Section, number: usize) -> Result<&Exercise> {
    let found = section.exercises.iter().find(|exercise| exercise.number == number);
    found.with_context(|| {
        let last = section.exercises.len();
        format!("there is no exercise {number}; this section has the exercises 1 to {last}")
    })
}

/// How many hints of each exercise were shown.
struct Counts(Vec<(String, usize, usize)>);

impl Counts {
    /// Reads the file. A line of another form is left out.
    fn read(ladder: &Ladder) -> Result<Counts> {
        let text = match fs::read_to_string(ladder.root.join(COUNTS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {COUNTS}; remove it"))?,
        };
        let parse = |line: &str| {
            let [section, exercise, shown] = line.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            Some((section.to_string(), exercise.parse().ok()?, shown.parse().ok()?))
        };
        Ok(Counts(text.lines().filter_map(parse).collect()))
    }

    fn get(&self, section: &str, exercise: usize) -> usize {
        let found = self.0.iter().find(|count| count.0 == section && count.1 == exercise);
        found.map_or(0, |count| count.2)
    }

    fn set(&mut self, section: &str, exercise: usize, shown: usize) {
        self.0.retain(|count| count.0 != section || count.1 != exercise);
        self.0.push((section.to_string(), exercise, shown));
    }

    fn write(&self, ladder: &Ladder) -> Result<()> {
        let place: PathBuf = ladder.root.join(COUNTS);
        let line = |(section, exercise, shown): &(String, usize, usize)| {
            format!("{section} {exercise} {shown}\n")
        };
        let text: String = self.0.iter().map(line).collect();
        fs::write(place, text).with_context(|| format!("cannot write {COUNTS}"))
    }
}

/// A text in Markdown as a terminal shows it: paragraphs wrap, and blocks are indented.
fn plain(markdown: &str) -> String {
    let width = terminal_size().map_or(MAX_WIDTH, |(Width(width), _)| usize::from(width));
    plain_in(markdown, width.clamp(MIN_WIDTH, MAX_WIDTH))
}

fn plain_in(markdown: &str, width: usize) -> String {
    let mut text = String::new();
    let mut paragraph = String::new();
    let mut in_block = false;
    let end = |paragraph: &mut String, text: &mut String| {
        // The wrap of an empty text is an empty line.
        if paragraph.is_empty() {
            return;
        }
        for line in textwrap::wrap(&without_marks(paragraph), width) {
            text.push_str(&line);
            text.push('\n');
        }
        paragraph.clear();
    };
    for line in markdown.trim_end().lines() {
        if line.starts_with("```") {
            end(&mut paragraph, &mut text);
            in_block = !in_block;
        } else if in_block {
            text += format!("    {line}").trim_end();
            text.push('\n');
        } else if line.is_empty() {
            end(&mut paragraph, &mut text);
            // A blank line is between two parts, and not before the first one.
            if !text.is_empty() {
                text.push('\n');
            }
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line);
        }
    }
    end(&mut paragraph, &mut text);
    text
}

/// The text of a paragraph without bold words and links. Code stays between its backticks.
fn without_marks(paragraph: &str) -> String {
    let mut text = String::new();
    for (number, piece) in paragraph.split('`').enumerate() {
        if number > 0 {
            text.push('`');
        }
        // Every second piece is code.
        if number % 2 == 1 {
            text.push_str(piece);
            continue;
        }
        let mut rest = piece;
        while let Some((before, link)) = rest.split_once("](") {
            // The text of a link is kept, and its target is left out.
            text.push_str(&before.replacen('[', "", 1).replace('*', ""));
            rest = link.split_once(')').map_or("", |(_, after)| after);
        }
        text.push_str(&rest.replace('*', ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_as_a_terminal_shows_it() {
        let markdown = "\nOne **two** *three*\nfour `*five*` [six](seven.md#eight) nine ten.\n\n```console\n$ a  b\n\nc\n\
                        ```\n\nIt ends.\n\n";
        let wanted =
            "One two three four `*five*` six nine\nten.\n\n    $ a  b\n\n    c\n\nIt ends.\n";
        assert_eq!(plain_in(markdown, 40), wanted);
    }

    #[test]
    fn a_text_has_no_more_columns_than_the_terminal() {
        let korean = "서버가 무엇을 기다렸는지 말할 수 있으면 끝입니다. ".repeat(5);
        for line in plain_in(&korean, 50).lines() {
            assert!(textwrap::core::display_width(line) <= 50, "{line}");
        }
    }
}
