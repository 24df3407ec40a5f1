//! lesson.txt: the lines that a student types, with a few words between them, in English and in Korean.
//!
//! | line | what the replay does |
//! |---|---|
//! | `# text` | shows the text; the first line of the file is the title |
//! | `#ko text` | shows this in Korean, in place of the `#` line directly above |
//! | `> text` | types the text into the client; starts a client if none runs |
//! | `$ words` | runs the stage's own binary with these arguments, and `--addr` |
//! | `$ words &` | the same in the background |
//! | `! restart words` | kills the server and starts it again with these additional arguments |
//! | `! stop` | sends SIGTERM to the server and waits for its end |
//! | `! postgresql` | directly below the title: the servers keep their messages in a PostgreSQL of this lesson |
//! | `! start 2` | starts server 2, which has the same store; or starts it again if it was killed |
//! | `! use 2` | ends the client; what is typed from here on goes to server 2, and so do `$`, `! restart`, `! stop` |
//! | `! kill 2` | kills server 2 |
//!
//! The first server is server 1. Empty lines are skipped.

use crate::words::Lang;
use anyhow::{Context, Result, bail, ensure};

/// A lesson, as it stands in its file.
#[derive(Debug, PartialEq)]
pub struct Lesson {
    /// The first line, which is also the heading of its section in NOTES.md.
    pub title: String,
    /// The same in Korean, which is also the heading in NOTES.ko.md.
    pub title_ko: Option<String>,
    /// Whether its servers keep their messages in PostgreSQL.
    pub postgresql: bool,
    /// All lines after these.
    pub lines: Vec<Line>,
}

/// A line of a lesson.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// `# text` is shown to the reader; in Korean, the text of the `#ko` line after it.
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
    /// `! start 2` starts server 2 with the store of the others, or starts it again after `! kill 2`.
    Start(usize),
    /// `! use 2` ends the client: the lines below are for server 2.
    Use(usize),
    /// `! kill 2` kills server 2.
    Kill(usize),
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
    /// A line of no known kind, or one that is not allowed at this place; the error has its number.
    pub fn parse(text: &str) -> Result<Lesson> {
        let mut lines = Vec::new();
        let mut servers = Servers { postgresql: false, running: vec![true], used: 1 };
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if !line.is_empty() {
                add(&mut lines, &mut servers, line)
                    .with_context(|| format!("line {} of the lesson", number + 1))?;
            }
        }
        ensure!(
            matches!(lines.first(), Some(Line::Say { .. })),
            "the first line of a lesson is its title, such as \"# 1. Echo\""
        );
        match lines.remove(0) {
            Line::Say { en, ko } => {
                Ok(Lesson { title: en, title_ko: ko, postgresql: servers.postgresql, lines })
            }
            _ => bail!("a lesson has no title"),
        }
    }

    /// The title in this language, or in English if the lesson has no other.
    pub fn title_in(&self, lang: Lang) -> &str {
        lang.choose(&self.title, self.title_ko.as_deref())
    }

    /// Whether it starts a second server.
    pub fn has_several_servers(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Start(2..)))
    }
}

/// The servers at one line of the lesson.
struct Servers {
    /// Whether they share PostgreSQL.
    postgresql: bool,
    /// Whether each of them runs; the first is server 1.
    running: Vec<bool>,
    /// The server to which the lines go.
    used: usize,
}

impl Servers {
    /// Whether a server that the lesson has started runs now; `None` for another number.
    fn running(&mut self, server: usize) -> Option<&mut bool> {
        self.running.get_mut(server.checked_sub(1)?)
    }

    /// The same for the server to which the lines go.
    fn used(&mut self) -> &mut bool {
        &mut self.running[self.used - 1]
    }

    /// Fails at a line for a server that does not run.
    fn need_server(&mut self) -> Result<()> {
        let several = self.running.len() > 1;
        let used = self.used;
        match (*self.used(), several) {
            (true, _) => Ok(()),
            (false, false) => bail!("the server is stopped; write \"! restart\" above this line"),
            (false, true) => bail!(
                "server {used} does not run; write \"! start {used}\" or the \"! use\" of another server above this line"
            ),
        }
    }

    /// What `! action server` means.
    fn act(&mut self, action: &str, server: usize) -> Result<Line> {
        let next = self.running.len() + 1;
        let postgresql = self.postgresql;
        match (action, self.running(server)) {
            ("start", Some(true)) => bail!("server {server} runs already"),
            ("start", Some(running)) => {
                *running = true;
                Ok(Line::Start(server))
            }
            ("start", None) => {
                ensure!(
                    postgresql,
                    "a second server needs \"! postgresql\" directly below the title"
                );
                ensure!(server == next, "the next server is {next}: \"! start {next}\"");
                self.running.push(true);
                Ok(Line::Start(server))
            }
            ("use", Some(true)) => {
                self.used = server;
                Ok(Line::Use(server))
            }
            ("kill", Some(running @ true)) => {
                *running = false;
                Ok(Line::Kill(server))
            }
            _ => bail!("server {server} does not run; write \"! start {server}\" above this line"),
        }
    }
}

/// Adds what `line` means to `lines`.
fn add(lines: &mut Vec<Line>, servers: &mut Servers, line: &str) -> Result<()> {
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
            servers.need_server()?;
            lines.push(Line::Type(text.to_string()));
        }
        (Some('$'), _) => {
            servers.need_server()?;
            let background = words.last().is_some_and(|word| word == "&");
            words.truncate(words.len() - usize::from(background));
            ensure!(!words.is_empty(), "$ needs arguments, such as \"$ attack silent\"");
            lines.push(Line::Run { words, background });
        }
        (Some('!'), _) => match words.split_first() {
            Some((action, arguments)) if action == "restart" => {
                *servers.used() = true;
                lines.push(Line::Restart(arguments.to_vec()));
            }
            Some((action, [])) if action == "stop" => {
                ensure!(*servers.used(), "the server is stopped already");
                *servers.used() = false;
                lines.push(Line::Stop);
            }
            Some((action, [])) if action == "postgresql" => {
                let is_below_title = lines.len() == 1 && !servers.postgresql;
                ensure!(is_below_title, "\"! postgresql\" has to stand directly below the title");
                servers.postgresql = true;
            }
            Some((action, [number])) if ["start", "use", "kill"].contains(&action.as_str()) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                let number =
                    number.with_context(|| format!("{action} needs the number of a server"))?;
                lines.push(servers.act(action, number)?);
            }
            _ => bail!(
                "{line:?} is not \"! restart\", \"! stop\", \"! postgresql\", or \"! start\", \"! use\" or \"! kill\" \
                 with the number of a server"
            ),
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
    fn several_servers_share_a_store() {
        let lesson = Lesson::parse(
            "# 9. Title\n#ko 9. 제목\n! postgresql\n! start 2\n> one\n! kill 1\n! use 2\n> two\n! start 1\n",
        )
        .unwrap();
        assert!(lesson.postgresql && lesson.has_several_servers());
        let typed = |text: &str| Line::Type(text.to_string());
        let (kill, again) = (Line::Kill(1), Line::Start(1));
        let lines = [Line::Start(2), typed("one"), kill, Line::Use(2), typed("two"), again];
        assert_eq!(lesson.lines, lines);
        let alone = Lesson::parse("# 9. Title\n! kill 1\n! start 1\n> one\n").unwrap();
        assert!(!alone.postgresql && !alone.has_several_servers());
    }

    #[test]
    fn what_is_wrong_is_said_with_the_number_of_the_line() {
        let error = |lines: &str| {
            let error = Lesson::parse(&format!("# 1. Title\n{lines}\n")).unwrap_err();
            format!("{error:#}")
        };
        for (lines, said) in [
            ("! start two", "line 2 of the lesson: start needs the number of a server"),
            (
                "! start 2",
                "line 2 of the lesson: a second server needs \"! postgresql\" directly below the title",
            ),
            (
                "# words\n! postgresql",
                "line 3 of the lesson: \"! postgresql\" has to stand directly below the title",
            ),
            (
                "! postgresql\n! postgresql",
                "line 3 of the lesson: \"! postgresql\" has to stand directly below the title",
            ),
            (
                "! postgresql\n! start 3",
                "line 3 of the lesson: the next server is 2: \"! start 2\"",
            ),
            ("! postgresql\n! start 1", "line 3 of the lesson: server 1 runs already"),
            (
                "! kill 3",
                "line 2 of the lesson: server 3 does not run; write \"! start 3\" above this line",
            ),
            (
                "! kill 1\n! kill 1",
                "line 3 of the lesson: server 1 does not run; write \"! start 1\" above this line",
            ),
            (
                "! postgresql\n! start 2\n! kill 2\n! use 2",
                "line 5 of the lesson: server 2 does not run; write \"! start 2\" above this line",
            ),
            (
                "! postgresql\n! start 2\n! kill 1\n> hello",
                "line 5 of the lesson: server 1 does not run; write \"! start 1\" or the \"! use\" of \
                 another server above this line",
            ),
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
        for line in ["! explode", "! stop now", "!", "! start", "! kill 1 2", "! postgresql 15"] {
            let said = format!("line 2 of the lesson: {line:?} is not \"! restart\", \"! stop\", ");
            assert!(error(line).starts_with(&said), "{}", error(line));
        }
        assert!(Lesson::parse("> hello\n").unwrap_err().to_string().contains("title"));
        assert!(Lesson::parse("").unwrap_err().to_string().contains("title"));
        assert!(Lesson::parse("# 1. Title\n! stop\n! restart\n> hello\n").is_ok());
    }
}
