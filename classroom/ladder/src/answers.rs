//! The exercises of the notes once more, each with two hints and an answer: ANSWERS.md and ANSWERS.ko.md.
//!
//! A section has the heading of its section in the notes, and an exercise has its number as a heading. Below it stands
//! the exercise as in the notes, and then [`PARTS`] parts, each a paragraph that begins with bold words:
//!
//! ```text
//! ## 1. Echo: a message goes out and comes back
//!
//! ### 1
//!
//! Change the 1024 to 4.
//!
//! **Hint 1.** Which call reads the message?
//!
//! **Hint 2.** …
//!
//! **Answer.** …
//!
//! **Checked by.** A question. …
//! ```

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// How many hints an exercise has. They are its first parts.
pub const HINTS: usize = 2;

/// How many parts an exercise has: the hints, the answer, and how a student checks it.
pub const PARTS: usize = HINTS + 2;

/// The answers in one language.
#[derive(Debug)]
pub struct Answers {
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// The exercises of a section of the notes.
#[derive(Debug)]
pub struct Section {
    /// The line of the heading.
    pub line: usize,
    /// The heading, which is that of the section in the notes.
    pub title: String,
    /// The exercises, in order.
    pub exercises: Vec<Exercise>,
}

/// An exercise.
#[derive(Debug)]
pub struct Exercise {
    /// The line of the heading.
    pub line: usize,
    /// Its number, counted from 1.
    pub number: usize,
    /// What is to be done, in Markdown, as in the notes.
    pub task: String,
    /// The hints, the answer, and how a student checks it.
    pub parts: Vec<Part>,
}

/// A paragraph that begins with bold words, and what stands below it.
#[derive(Debug)]
pub struct Part {
    /// The line in which it begins.
    pub line: usize,
    /// The bold words, without the full stop.
    pub label: String,
    /// The text after them, in Markdown.
    pub text: String,
}

impl Section {
    /// The number that the heading begins with, which is that of a stage.
    pub fn number(&self) -> Option<u32> {
        self.title.split_once(". ")?.0.parse().ok()
    }
}

impl Exercise {
    /// Hint `number`, counted from 1.
    pub fn hint(&self, number: usize) -> Option<&Part> {
        self.parts.iter().take(HINTS).nth(number.checked_sub(1)?)
    }

    /// The answer.
    pub fn answer(&self) -> Option<&Part> {
        self.parts.get(HINTS)
    }

    /// How a student checks the exercise.
    pub fn check(&self) -> Option<&Part> {
        self.parts.get(HINTS + 1)
    }
}

impl Answers {
    /// Reads the file `name` in the workspace `root`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(root: &Path, name: &str) -> Result<Answers> {
        let text = fs::read_to_string(root.join(name));
        Ok(Answers::parse(&text.with_context(|| format!("cannot read {name}"))?))
    }

    /// Takes a text in Markdown apart.
    pub fn parse(text: &str) -> Answers {
        let mut answers = Answers { sections: Vec::new() };
        let mut in_block = false;
        let mut after_blank = true;
        for (number, line) in (1..).zip(text.lines()) {
            in_block ^= line.starts_with("```");
            answers.add(number, line, !in_block, after_blank && !in_block);
            after_blank = line.is_empty();
        }
        answers
    }

    /// The section with the number of a stage.
    pub fn section(&self, stage: u32) -> Option<&Section> {
        self.sections.iter().find(|section| section.number() == Some(stage))
    }

    /// Adds a line. Only outside a block can it be a heading, and only a new paragraph can be a new part.
    fn add(&mut self, number: usize, line: &str, outside: bool, new_paragraph: bool) {
        if let Some(title) = line.strip_prefix("## ").filter(|_| outside) {
            let title = title.to_string();
            self.sections.push(Section { line: number, title, exercises: Vec::new() });
            return;
        }
        let Some(section) = self.sections.last_mut() else { return };
        if let Some(title) = line.strip_prefix("### ").filter(|_| outside) {
            section.exercises.push(Exercise {
                line: number,
                number: title.trim().parse().unwrap_or_default(),
                task: String::new(),
                parts: Vec::new(),
            });
            return;
        }
        let Some(exercise) = section.exercises.last_mut() else { return };
        if let Some((label, rest)) = split_label(line).filter(|_| new_paragraph) {
            let (label, text) = (label.to_string(), format!("{rest}\n"));
            exercise.parts.push(Part { line: number, label, text });
            return;
        }
        let text = match exercise.parts.last_mut() {
            Some(part) => &mut part.text,
            None => &mut exercise.task,
        };
        text.push_str(line);
        text.push('\n');
    }
}

/// The bold words at the beginning of a line, without their full stop, and the rest of the line.
fn split_label(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.strip_prefix("**")?.split_once(".**")?;
    Some((label, rest.trim_start()))
}

/// The exercises of each section of the notes: the heading, and the numbered list that ends the section, each item with
/// the line in which it begins. A section without exercises is left out.
pub fn exercises(notes: &str) -> Vec<(String, Vec<(usize, String)>)> {
    let mut sections: Vec<(String, Vec<(usize, String)>)> = Vec::new();
    let mut in_block = false;
    let mut in_list = false;
    for (number, line) in (1..).zip(notes.lines()) {
        in_block ^= line.starts_with("```");
        if in_block {
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            sections.push((title.to_string(), Vec::new()));
        }
        if line.starts_with("## ") || line.starts_with("**") {
            // The list stands below a paragraph that is nothing but bold words.
            in_list = line.starts_with("**") && line.ends_with("**");
        }
        let Some((_, list)) = sections.last_mut().filter(|_| in_list) else { continue };
        if line.starts_with("**") {
            // Only the last list of a section has exercises.
            list.clear();
        }
        let item = line.split_once(". ").filter(|(digits, _)| digits.parse::<usize>().is_ok());
        if let Some((_, text)) = item {
            list.push((number, text.to_string()));
        } else if let (Some((_, text)), true) = (list.last_mut(), line.starts_with("   ")) {
            text.push(' ');
            text.push_str(line.trim());
        }
    }
    sections.retain(|(_, list)| !list.is_empty());
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Answers\n\nAbout them.\n\n## 7. PUT: change\n\n### 1\n\nDo **this**\nnow.\n\n**Hint 1.** One.\n\n\
                        **Hint 2.** Two\nlines.\n\n**Answer.** So:\n\n```console\n$ cat\n\n**Hint 9.** no\n## no\n```\n\n\
                        More.\n\n**Checked by.** A command.\n\n### 2\n\nThat.\n\n## Between\n\n### 1\n";

    #[test]
    fn sections_exercises_and_parts() {
        let answers = Answers::parse(TEXT);
        let titles: Vec<&str> =
            answers.sections.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["7. PUT: change", "Between"]);
        let section = answers.section(7).unwrap();
        assert_eq!(section.exercises.len(), 2);
        let exercise = &section.exercises[0];
        assert_eq!((exercise.line, exercise.number), (7, 1));
        assert_eq!(exercise.task.trim(), "Do **this**\nnow.");
        let labels: Vec<&str> = exercise.parts.iter().map(|part| part.label.as_str()).collect();
        assert_eq!(labels, ["Hint 1", "Hint 2", "Answer", "Checked by"]);
        assert_eq!(exercise.hint(2).unwrap().text.trim(), "Two\nlines.");
        assert!(exercise.hint(0).is_none() && exercise.hint(3).is_none());
        let answer = exercise.answer().unwrap();
        assert!(answer.text.contains("**Hint 9.** no\n## no\n```\n\nMore."), "{}", answer.text);
        assert_eq!(exercise.check().unwrap().text.trim(), "A command.");
        assert!(answers.section(8).is_none());
    }

    #[test]
    fn the_list_below_bold_words() {
        let notes = "# Notes\n\n1. No.\n\n## 1. A\n\n**Run it.**\n\n1. No.\n\n**Exercises.**\n\n1. One\n   goes on.\n\
                     2. Two.\n\n## Other\n\n1. No.\n";
        let found = exercises(notes);
        let wanted = vec![(13, "One goes on.".to_string()), (15, "Two.".to_string())];
        assert_eq!(found, [("1. A".to_string(), wanted)]);
    }
}
