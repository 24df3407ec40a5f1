//! lesson.txt: what a person types, with a few words between.

use anyhow::{Result, bail};

/// A lesson, as it stands in its file.
#[derive(Debug, PartialEq)]
pub struct Lesson {
    /// The first line, which is also the heading of its section in NOTES.md.
    pub title: String,
    /// All lines after it.
    pub lines: Vec<Line>,
}

/// A line of a lesson.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// `# text` is said to the reader.
    Say(String),
    /// `> text` is typed into the client.
    Type(String),
    /// `! restart` ends the server and starts it again at the same address.
    Restart,
    /// `$ words` runs the stage's own binary with these arguments.
    Run(Vec<String>),
}

impl Lesson {
    /// Reads a lesson. An error names the line that is none.
    pub fn parse(text: &str) -> Result<Lesson> {
        let mut lines = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            let mut chars = line.chars();
            let mark = chars.next();
            let rest = chars.as_str().trim_start();
            lines.push(match mark {
                None => continue,
                Some('#') => Line::Say(rest.to_string()),
                Some('>') => Line::Type(rest.to_string()),
                Some('!') if rest == "restart" => Line::Restart,
                Some('$') => Line::Run(rest.split_whitespace().map(String::from).collect()),
                _ => bail!(
                    "line {} of the lesson is {line:?}; \
                     a line begins with # or > or $, or is \"! restart\"",
                    number + 1
                ),
            });
        }
        match lines.first() {
            Some(Line::Say(title)) => {
                let title = title.clone();
                lines.remove(0);
                Ok(Lesson { title, lines })
            }
            _ => bail!("the first line of a lesson is its title, such as \"# 1. Echo\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_each_kind() {
        let lesson =
            Lesson::parse("# 9. Title\n\n# words\n> POST / 첫째\n>\n! restart\n$ attack rst\n")
                .unwrap();
        assert_eq!(lesson.title, "9. Title");
        let say = Line::Say("words".into());
        let run = Line::Run(vec!["attack".into(), "rst".into()]);
        let typed = Line::Type("POST / 첫째".into());
        assert_eq!(lesson.lines, [say, typed, Line::Type(String::new()), Line::Restart, run]);
    }

    #[test]
    fn what_is_no_lesson_is_named() {
        let error = |text| Lesson::parse(text).unwrap_err().to_string();
        assert!(error("# 1. Title\n! explode\n").contains("line 2"));
        assert!(error("# 1. Title\n한글\n").contains("line 2"));
        assert!(error("> hello\n").contains("title"));
        assert!(error("").contains("title"));
    }
}
