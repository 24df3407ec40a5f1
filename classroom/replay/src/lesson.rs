//! lesson.txt: the lines that a student types, with a few words between them, in English and in Korean.
//!
//! | line | what the replay does |
//! |---|---|
//! | `# text` | shows the text; the first line of the file is the title |
//! | `#ko text` | nothing by itself; it is the Korean text of the `#` line directly above |
//! | `> text` | types the text into the client; starts a client if none runs |
//! | `$ words` | runs the stage's own binary with these arguments, and `--addr` |
//! | `$ words &` | the same in the background |
//! | `! restart words` | kills the server and starts it again with these additional arguments |
//! | `! stop` | sends SIGTERM to the server and waits for its end |
//!
//! Empty lines mean nothing.

use crate::words::Lang;
use anyhow::{Context, Result, bail, ensure};

/// A lesson, as it stands in its file.
#[derive(Debug, PartialEq)]
pub struct Lesson {
    /// The first line, which is also the heading of its section in NOTES.md.
    pub title: String,
    /// The same in Korean, which is also the heading in NOTES.ko.md.
    pub title_ko: Option<String>,
    /// All lines after it.
    pub lines: Vec<Line>,
}

/// A line of a lesson.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// `# text` is said to the reader, or the text of the `#ko` line after it.
    Say {
        /// The text in English.
        en: String,
        /// The text in Korean, if the lesson has it.
        ko: Option<String>,
    },
    /// `> text` is typed into the client.
    Type(String),
    /// `! restart words` kills the server and starts it again at the same address, with its files and with
    /// these additional arguments.
    Restart(Vec<String>),
    /// `! stop` sends SIGTERM to the server and waits for its end.
    Stop,
    /// `$ words` runs the stage's own binary with these arguments.
    Run {
        /// The arguments.
        words: Vec<String>,
        /// Whether the line ends with ` &`: the next line does not wait for the end of this one.
        background: bool,
    },
}

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    /// A line that means nothing, or that cannot stand where it stands; the error has its number.
    pub fn parse(text: &str) -> Result<Lesson> {
        let mut lines = Vec::new();
        let mut running = true;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if !line.is_empty() {
                add(&mut lines, &mut running, line)
                    .with_context(|| format!("line {} of the lesson", number + 1))?;
            }
        }
        ensure!(
            matches!(lines.first(), Some(Line::Say { .. })),
            "the first line of a lesson is its title, such as \"# 1. Echo\""
        );
        match lines.remove(0) {
            Line::Say { en, ko } => Ok(Lesson { title: en, title_ko: ko, lines }),
            _ => bail!("a lesson has no title"),
        }
    }

    /// The title in this language, or in English if the lesson has no other.
    pub fn title_in(&self, lang: Lang) -> &str {
        lang.choose(&self.title, self.title_ko.as_deref())
    }
}

/// Adds what `line` means to `lines`. `running` is whether the server runs at this line.
fn add(lines: &mut Vec<Line>, running: &mut bool, line: &str) -> Result<()> {
    let mut chars = line.chars();
    let mark = chars.next();
    let rest = chars.as_str();
    let text = rest.trim_start();
    // "#ko" is a word: "#kotlin" is a line in English.
    let korean =
        rest.strip_prefix("ko").filter(|text| text.trim_start() != *text || text.is_empty());
    let mut words: Vec<String> = text.split_whitespace().map(String::from).collect();
    match (mark, korean) {
        (Some('#'), Some(korean)) => match lines.last_mut() {
            Some(Line::Say { ko: ko @ None, .. }) => *ko = Some(korean.trim_start().to_string()),
            _ => bail!("a #ko line has to stand directly below a # line"),
        },
        (Some('#'), None) => lines.push(Line::Say { en: text.to_string(), ko: None }),
        (Some('>'), _) => {
            ensure!(*running, "the server is stopped; write \"! restart\" above this line");
            lines.push(Line::Type(text.to_string()));
        }
        (Some('$'), _) => {
            ensure!(*running, "the server is stopped; write \"! restart\" above this line");
            let background = words.last().is_some_and(|word| word == "&");
            words.truncate(words.len() - usize::from(background));
            ensure!(!words.is_empty(), "$ needs arguments, such as \"$ attack silent\"");
            lines.push(Line::Run { words, background });
        }
        (Some('!'), _) => match words.split_first() {
            Some((action, arguments)) if action == "restart" => {
                *running = true;
                lines.push(Line::Restart(arguments.to_vec()));
            }
            Some((action, [])) if action == "stop" => {
                ensure!(*running, "the server is stopped already");
                *running = false;
                lines.push(Line::Stop);
            }
            _ => bail!("{line:?} is not \"! restart\" or \"! stop\""),
        },
        _ => bail!("{line:?} does not begin with #, >, $ or !"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn a_line_of_each_kind() {
        let lesson = Lesson::parse(
            "# 9. Title\n#ko 9. 제목\n\n# words\n#ko 말\n# korean\n#kotlin\n> POST / 첫째\n>\n\
             ! restart\n! restart --timeout 2\n$ attack rst\n$ attack slow &\n! stop\n",
        )
        .unwrap();
        assert_eq!(lesson.title_in(Lang::En), "9. Title");
        assert_eq!(lesson.title_in(Lang::Ko), "9. 제목");
        let say =
            |en: &str, ko: Option<&str>| Line::Say { en: en.to_string(), ko: ko.map(String::from) };
        assert_eq!(
            lesson.lines,
            [
                say("words", Some("말")),
                say("korean", None),
                say("kotlin", None),
                Line::Type("POST / 첫째".into()),
                Line::Type(String::new()),
                Line::Restart(Vec::new()),
                Line::Restart(words("--timeout 2")),
                Line::Run { words: words("attack rst"), background: false },
                Line::Run { words: words("attack slow"), background: true },
                Line::Stop,
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_the_number_of_the_line() {
        let error = |lines: &str| {
            let error = Lesson::parse(&format!("# 1. Title\n{lines}\n")).unwrap_err();
            format!("{error:#}")
        };
        for (lines, said) in [
            ("! explode", "line 2 of the lesson: \"! explode\" is not \"! restart\" or \"! stop\""),
            (
                "! stop now",
                "line 2 of the lesson: \"! stop now\" is not \"! restart\" or \"! stop\"",
            ),
            ("!", "line 2 of the lesson: \"!\" is not \"! restart\" or \"! stop\""),
            ("\n한글", "line 3 of the lesson: \"한글\" does not begin with #, >, $ or !"),
            ("$", "line 2 of the lesson: $ needs arguments, such as \"$ attack silent\""),
            ("$ &", "line 2 of the lesson: $ needs arguments, such as \"$ attack silent\""),
            (
                "> hello\n#ko 안녕",
                "line 3 of the lesson: a #ko line has to stand directly below a # line",
            ),
            (
                "#ko 제목\n#ko 제목",
                "line 3 of the lesson: a #ko line has to stand directly below a # line",
            ),
            (
                "! stop\n> hello",
                "line 3 of the lesson: the server is stopped; write \"! restart\" above this line",
            ),
            (
                "! stop\n$ attack rst",
                "line 3 of the lesson: the server is stopped; write \"! restart\" above this line",
            ),
            ("! stop\n! stop", "line 3 of the lesson: the server is stopped already"),
        ] {
            assert_eq!(error(lines), said);
        }
        assert!(Lesson::parse("> hello\n").unwrap_err().to_string().contains("title"));
        assert!(Lesson::parse("").unwrap_err().to_string().contains("title"));
        assert!(Lesson::parse("# 1. Title\n! stop\n! restart\n> hello\n").is_ok());
    }
}
