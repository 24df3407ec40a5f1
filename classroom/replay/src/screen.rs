//! The terminal: the client on the left, the server on the right, each in a colour of its own.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use std::io::{self, BufRead, Write};

/// Where the server's column begins: 80 columns hold the longest field line of a lesson on either side.
const COLUMN: usize = 38;

const TITLE: Style = Style::new().bold();
const WORDS: Style = Style::new().italic();
const CLIENT: Style = AnsiColor::Green.on_default();
const TYPED: Style = AnsiColor::Green.on_default().bold();
const SERVER: Style = AnsiColor::Magenta.on_default();
const NOTE: Style = Style::new().dimmed();

/// Standard output, with colours where it is a terminal and NO_COLOR is not set.
pub struct Screen {
    output: anstream::Stdout,
}

impl Screen {
    pub fn new() -> Screen {
        Screen { output: anstream::stdout() }
    }

    /// The lesson's title and the heads of the two columns.
    pub fn title(&mut self, title: &str) -> Result<()> {
        self.row(0, TITLE, &format!("Lesson {title}"))?;
        self.row(0, NOTE, "")?;
        self.heads()
    }

    fn heads(&mut self) -> Result<()> {
        let client = format!("{CLIENT}client{CLIENT:#}");
        let space = " ".repeat(COLUMN - "client".len());
        self.print(&format!("{client}{space}{SERVER}server{SERVER:#}"))
    }

    /// Says something to the reader.
    pub fn say(&mut self, text: &str) -> Result<()> {
        self.print("")?;
        self.row(0, WORDS, &format!("# {text}"))
    }

    /// A line that is typed into the client, behind its prompt.
    pub fn typed(&mut self, text: &str) -> Result<()> {
        self.row(0, TYPED, &format!("> {text}"))
    }

    /// What is done to the server.
    pub fn act(&mut self, text: &str) -> Result<()> {
        self.row(COLUMN, NOTE, &format!("! {text}"))
    }

    /// A command that is run beside the client.
    pub fn run(&mut self, text: &str) -> Result<()> {
        self.row(0, TYPED, &format!("$ {text}"))
    }

    /// A remark of the replay.
    pub fn note(&mut self, text: &str) -> Result<()> {
        self.row(0, NOTE, &format!("({text})"))
    }

    /// What the client says.
    pub fn client(&mut self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.row(0, CLIENT, line))
    }

    /// What the server says.
    pub fn server(&mut self, text: &str) -> Result<()> {
        text.lines().try_for_each(|line| self.row(COLUMN, SERVER, line))
    }

    /// Where to go from here.
    pub fn end(&mut self, stage: &str, title: &str) -> Result<()> {
        self.print("")?;
        self.print(&format!("{NOTE}by hand, the server:{NOTE:#}  cargo run -p {stage} -- server"))?;
        self.print(&format!("{NOTE}by hand, the client:{NOTE:#}  cargo run -p {stage} -- client"))?;
        self.print(&format!("{NOTE}what it means:{NOTE:#}        NOTES.md, section {title}"))
    }

    /// Waits for Enter. At the end of input there is nothing to wait for.
    pub fn wait(&mut self) -> Result<()> {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).context("cannot read from the keyboard")?;
        Ok(())
    }

    /// One line in one style, `column` places from the left.
    fn row(&mut self, column: usize, style: Style, text: &str) -> Result<()> {
        let text = text.trim_end();
        let space = if text.is_empty() { 0 } else { column };
        self.print(&format!("{}{style}{text}{style:#}", " ".repeat(space)))
    }

    fn print(&mut self, text: &str) -> Result<()> {
        writeln!(self.output, "{text}").context("cannot print")
    }
}
