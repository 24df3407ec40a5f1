//! Plays a stage's `lesson.txt` with a real server and a real client, both processes of the stage's own binary, and
//! shows both sides in the order in which things happened.
//!
//! | file | what it holds |
//! |---|---|
//! | `lib.rs` | `run`, and what is done with each line of a lesson |
//! | `lesson.rs` | `Lesson`: lesson.txt and its grammar |
//! | `words.rs` | `Lang`: the replay's own words in English and in Korean |
//! | `event.rs` | `Event`: what happens in a replay, for the screen or for another program |
//! | `screen.rs` | `Screen`: two columns, wrapped lines, pages for `--step` |
//! | `process.rs` | `Server`, `Client`, `Task`: processes and what they print |
//! | `postgres.rs` | `Database`: a PostgreSQL of the replay, for the lessons that need one |
//! | `watchdog.rs` | what cleans up when the replay is killed |
//!
//! The order of the rows is always the same. For each line that is typed, the replay shows what the client prints
//! about its request, then what the server prints, then the rest of what the client prints. A server can write its
//! log in a thread of its own, so a line of the log can come later than the response. The replay therefore waits
//! until the server has been quiet for 100 ms. What a command in the background prints is shown before the next `$`
//! or `!` line or at the end, even if the command has ended long before.

mod event;
mod lesson;
mod postgres;
mod process;
mod screen;
#[cfg(unix)]
mod watchdog;
mod words;

pub use event::{Door, Event, Participant, Tell};
pub use lesson::{Lesson, Line};
pub use postgres::{Database, add_database, is_installed as has_postgresql};
pub use process::{Client, Folder, Process, Server, end_with_signals, note_signals};
pub use screen::split_stamp;
pub use words::Lang;

use anyhow::{Context, Result, bail};
use process::Task;
use screen::Screen;
use std::collections::HashMap;
use std::env;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// How long a server may take to begin to log a request after the client has the response.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// How long a server may take to begin to log after a command has started in the background.
const TASK_START: Duration = Duration::from_secs(5);

/// Replays `lesson`, the text of a lesson.txt, with the binary that is running now.
///
/// `stage` is the name of its package. `addr` (HOST:PORT) is where its first server listens; `None` stands for a free
/// port of this machine. With `step`, waits for Enter before each line but the first. `lang` is `en` or `ko`, the language
/// of the lesson; `None` stands for that of the system.
///
/// # Errors
/// A lesson that cannot be read as one, a server or a client that fails, an output that is closed.
/// The server and the client end with the replay, also when it fails.
pub fn run(
    stage: &str,
    lesson: &str,
    addr: Option<&str>,
    step: bool,
    lang: Option<&str>,
) -> Result<()> {
    let binary = env::current_exe().context("cannot find the program that is running")?;
    let lang = Lang::named(lang)?;
    let lesson = Lesson::parse(lesson)?;
    process::end_with_signals()?;
    let mut screen = Screen::new(lang, step);
    play(&binary, &lesson, addr, lang, &mut |event| screen.show(event), &mut |_, addr| {
        Ok(addr.to_string())
    })?;
    let db = if lesson.postgresql { " --db URL" } else { "" };
    screen.end(stage, db, lesson.title_in(lang))
}

/// Plays `lesson` with the processes of `binary`, and tells what happens.
///
/// `addr` (HOST:PORT) is where the first server listens; `None` stands for a free port of this machine. `lang` is the
/// language of what is done to a server. `door` gives the address at which a participant reaches a server: that of the
/// server, or that of a relay.
///
/// # Errors
/// A server or a client that fails, and the errors of `tell` and `door`. What has happened before that has been told.
pub fn play(
    binary: &Path,
    lesson: &Lesson,
    addr: Option<&str>,
    lang: Lang,
    tell: Tell,
    door: Door,
) -> Result<()> {
    let database = if lesson.postgresql { Some(Database::new()?) } else { None };
    let addr = addr.unwrap_or("127.0.0.1:0");
    let server = Server::start_with(binary, addr, database.as_ref())?;
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
    let mut play = Play {
        servers: vec![Player { server, stopped: false }],
        used: 1,
        several: lesson.has_several_servers(),
        next_addr: format!("{host}:0"),
        database,
        client: None,
        task: None,
        binary,
        lang,
        tell,
        door,
    };
    (play.tell)(Event::Title(lesson.title_in(lang).to_string()))?;
    play.server_speaks()?;
    for (number, line) in lesson.lines.iter().enumerate() {
        (play.tell)(Event::Line(number))?;
        play.server_lives()?;
        play.line(line)?;
        play.server_lives()?;
    }
    play.finish_task()?;
    if let Some(client) = play.client.take()
        && let Err(error) = client.end()
    {
        // A client whose last line failed says so, but the reason may be a server that has just ended.
        return if play.used_dies()? { play.died(play.used) } else { Err(error) };
    }
    Ok(())
}

/// A server of the replay.
struct Player {
    server: Server,
    /// Whether the lesson has stopped or killed the server.
    stopped: bool,
}

/// A replay under way.
struct Play<'a> {
    /// The first is server 1.
    servers: Vec<Player>,
    /// The number of the server to which the lines go.
    used: usize,
    /// Whether the lesson has several servers, so that the number of the server stands above what it prints.
    several: bool,
    /// Where further servers listen.
    next_addr: String,
    /// The store of the servers, if it is not a file of each one.
    database: Option<Database>,
    client: Option<Client>,
    /// The command that runs in the background.
    task: Option<Task>,
    binary: &'a Path,
    lang: Lang,
    tell: Tell<'a>,
    door: Door<'a>,
}

impl Play<'_> {
    /// The server to which the lines go.
    fn server(&mut self) -> &mut Server {
        &mut self.servers[self.used - 1].server
    }

    /// The address at which a participant reaches the server to which the lines go.
    fn door(&mut self, who: Participant) -> Result<String> {
        let addr = self.servers[self.used - 1].server.addr();
        (self.door)((who, self.used), addr)
    }

    fn line(&mut self, line: &Line) -> Result<()> {
        if !matches!(line, Line::Say { .. } | Line::Type(_)) {
            self.finish_task()?;
        }
        match line {
            Line::Say { en, ko } => {
                let text = self.lang.choose(en, ko.as_deref());
                (self.tell)(Event::Said(text.to_string()))
            }
            Line::Type(text) => self.type_line(text),
            Line::Restart(more) => {
                (self.tell)(Event::Acted([self.lang.restart(), &more.join(" ")].join(" ")))?;
                self.server().restart_with(more)?;
                self.servers[self.used - 1].stopped = false;
                self.server_speaks()
            }
            Line::Stop => self.stop(),
            Line::Start(number) => self.start(*number),
            Line::Kill(number) => {
                (self.tell)(Event::Acted(self.lang.kill(*number)))?;
                self.servers[number - 1].stopped = true;
                self.servers[number - 1].server.kill();
                self.server_speaks()
            }
            Line::Use(number) => self.use_server(*number),
            Line::Run { words, background: false } => {
                (self.tell)(Event::Ran(words.join(" ")))?;
                let addr = self.door(Participant::Command)?;
                let task = Task::start(self.binary, words, &addr)?;
                self.end_of_task(task, false)
            }
            Line::Run { words, background: true } => {
                (self.tell)(Event::Ran(format!("{} &", words.join(" "))))?;
                let addr = self.door(Participant::Command)?;
                let task = Task::start(self.binary, words, &addr)?;
                self.server().speaks(TASK_START, || task.ended())?;
                self.task = Some(task);
                self.server_speaks()
            }
        }
    }

    /// Types a line into the client, which is started where none runs.
    fn type_line(&mut self, text: &str) -> Result<()> {
        if self.client.is_none() {
            let addr = self.door(Participant::Client)?;
            let mut client = Client::start(self.binary, &addr)?;
            let greeting = client.until_prompt()?;
            (self.tell)(Event::ClientPrinted(greeting))?;
            if client.ended() {
                return self.fail(client);
            }
            self.client = Some(client);
        }
        let Some(mut client) = self.client.take() else { return Ok(()) };
        (self.tell)(Event::Typed(text.to_string()))?;
        client.type_line(text)?;
        let said = client.until_prompt()?;
        // The client prints its request before it sends it, so these lines come before those of the server.
        let (sent, rest) = said.split_at(end_of_sent(&said));
        (self.tell)(Event::ClientPrinted(sent.to_string()))?;
        if !rest.is_empty() {
            // The client has a response, so the server logs something.
            self.server().speaks(FIRST_WORD, || Ok(false))?;
        }
        self.server_speaks()?;
        (self.tell)(Event::ClientPrinted(rest.to_string()))?;
        if !client.ended() {
            self.client = Some(client);
        } else if client.status()?.success() {
            (self.tell)(Event::Note(self.lang.client_ends().to_string()))?;
        } else {
            return self.fail(client);
        }
        Ok(())
    }

    /// Stops the server with SIGTERM, and shows how it ends.
    fn stop(&mut self) -> Result<()> {
        (self.tell)(Event::Acted(self.lang.stop().to_string()))?;
        self.servers[self.used - 1].stopped = true;
        let status = self.server().stop()?;
        self.server_speaks()?;
        match status {
            Some(status) => {
                (self.tell)(Event::Ended { server: self.used, status })?;
                let text = format!("{}: {status}", self.lang.server_ends());
                (self.tell)(Event::ServerNote(text))
            }
            None => (self.tell)(Event::ServerNote(self.lang.no_sigterm().to_string())),
        }
    }

    /// Starts a further server, or starts one again at its address.
    fn start(&mut self, number: usize) -> Result<()> {
        (self.tell)(Event::Acted(self.lang.start(number)))?;
        match self.servers.get_mut(number - 1) {
            Some(player) => {
                player.server.restart()?;
                player.stopped = false;
            }
            None => {
                let database = self.database.as_ref();
                let server = Server::start_with(self.binary, &self.next_addr, database)?;
                self.servers.push(Player { server, stopped: false });
            }
        }
        self.server_speaks()
    }

    /// Ends the client. The next line that is typed starts a client of this server.
    fn use_server(&mut self, number: usize) -> Result<()> {
        (self.tell)(Event::ActedOnClient(self.lang.client_of(number)))?;
        if let Some(client) = self.client.take() {
            // A client ends its row at the end of its input.
            (self.tell)(Event::ClientPrinted(client.end()?.trim_start().to_string()))?;
        }
        self.used = number;
        self.server_speaks()
    }

    /// Waits for the end of the command in the background, if there is one, and shows what it printed.
    fn finish_task(&mut self) -> Result<()> {
        match self.task.take() {
            Some(task) => self.end_of_task(task, true),
            None => Ok(()),
        }
    }

    /// Waits for the end of a command and shows what it printed; with its name if the command is that of an
    /// earlier line.
    fn end_of_task(&mut self, task: Task, name: bool) -> Result<()> {
        let words = task.words.clone();
        let (text, status) = task.finish()?;
        self.server_speaks()?;
        if name {
            (self.tell)(Event::Note(format!("{}: {words}", self.lang.command_ends())))?;
        }
        (self.tell)(Event::CommandPrinted(text))?;
        if status.success() {
            return Ok(());
        }
        if self.used_dies()? {
            return self.died(self.used);
        }
        bail!("the command {words:?} ended with {status}")
    }

    /// Waits until the servers print no more, and shows what they printed. Each may have served several connections at
    /// once.
    fn server_speaks(&mut self) -> Result<()> {
        for (number, player) in (1..).zip(&mut self.servers) {
            let said = player.server.said_when_quiet()?;
            if self.several && !said.is_empty() {
                (self.tell)(Event::ServerNote(self.lang.of_server(number)))?;
            }
            for block in by_peer(&said) {
                let lines = block.lines[..block.shown].iter().map(|line| line.to_string());
                (self.tell)(Event::ServerPrinted { server: number, lines: lines.collect() })?;
                if block.shown < block.lines.len() {
                    (self.tell)(Event::ServerNote(self.lang.rest_as_above().to_string()))?;
                }
                if block.more > 0 {
                    (self.tell)(Event::ServerNote(self.lang.the_same_from(block.more)))?;
                }
            }
        }
        Ok(())
    }

    /// Fails if a server has ended by itself.
    fn server_lives(&mut self) -> Result<()> {
        for number in 1..=self.servers.len() {
            let player = &self.servers[number - 1];
            if !player.stopped && player.server.ended()? {
                return self.died(number);
            }
        }
        Ok(())
    }

    /// Whether the server to which the lines go has ended by itself, or does so within a second.
    fn used_dies(&self) -> Result<bool> {
        let player = &self.servers[self.used - 1];
        Ok(!player.stopped && player.server.ends_soon()?)
    }

    /// Returns the error of a client that failed: that of the server, if it has ended, or its own.
    fn fail(&mut self, client: Client) -> Result<()> {
        if self.used_dies()? {
            return self.died(self.used);
        }
        bail!("the client ended with {} in the middle of the lesson", client.status()?)
    }

    /// Shows what a server printed before it ended, and returns the error.
    fn died(&mut self, number: usize) -> Result<()> {
        self.server_speaks()?;
        let status = self.servers[number - 1].server.status()?;
        (self.tell)(Event::Ended { server: number, status })?;
        let name = if self.several { format!("server {number}") } else { "the server".to_string() };
        bail!("{name} ended with {status} in the middle of the lesson")
    }
}

/// Lines of a log that are shown together.
struct Block<'a> {
    /// The connection of which all of them speak; `None` for a line without a peer.
    peer: Option<SocketAddr>,
    lines: Vec<&'a str>,
    /// How many of the lines are shown. The others are the same as those of the block above.
    shown: usize,
    /// How many connections after this one have the same lines, which are not shown.
    more: usize,
}

/// The lines of a log ordered by the connections of which they speak, in the order in which these came.
/// Connections that follow each other and have the same lines, apart from time, peer and `Date`, become one block.
fn by_peer(log: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block> = Vec::new();
    // A flood has hundreds of connections, so the place of each is kept in a map.
    let mut places = HashMap::new();
    for line in log.lines() {
        let peer = split_stamp(line).1;
        let new = blocks.len();
        let place = peer.map_or(new, |peer| *places.entry(peer).or_insert(new));
        if place == new {
            blocks.push(Block { peer, lines: Vec::new(), shown: 0, more: 0 });
        }
        blocks[place].lines.push(line);
        blocks[place].shown += 1;
    }
    let mut merged: Vec<Block> = Vec::new();
    for mut block in blocks {
        match merged.last_mut().filter(|last| last.peer.is_some() && block.peer.is_some()) {
            Some(last) if last.texts() == block.texts() => last.more += 1,
            last => {
                block.shown -= last.map_or(0, |last| block.repeated(last));
                merged.push(block);
            }
        }
    }
    merged
}

impl Block<'_> {
    /// The lines without time and peer, and without the time in a field `Date`.
    fn texts(&self) -> Vec<&str> {
        self.lines.iter().map(|line| without_time(split_stamp(line).2)).collect()
    }

    /// How many lines need not be shown below the block `above`: those after the status line, if both blocks have the
    /// same response.
    fn repeated(&self, above: &Block) -> usize {
        let (texts, above) = (self.texts(), above.texts());
        let (response, same) = (response(&texts), response(&above));
        if response == same { response.len().saturating_sub(1) } else { 0 }
    }
}

/// A line of a log. Of the field `Date` only the name is left, and the time of a request at the end of a line is left
/// out.
fn without_time(text: &str) -> &str {
    match (text.split_once(": "), text.rsplit_once(", ")) {
        (Some((name, _)), _) if name.eq_ignore_ascii_case("← Date") => name,
        (_, Some((facts, time))) if time.ends_with(" µs") => facts,
        _ => text,
    }
}

/// The lines from the first status line on.
fn response<'a, 'b>(texts: &'a [&'b str]) -> &'a [&'b str] {
    let status = texts.iter().position(|text| text.starts_with("← HTTP/"));
    &texts[status.unwrap_or(texts.len())..]
}

/// Where in `text` the last line ends that the client marks as sent.
fn end_of_sent(text: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.starts_with('→') {
            end = at;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks of a log: the lines that are shown, and how many connections more have them.
    fn blocks(log: &str) -> Vec<(String, usize)> {
        let blocks = by_peer(log).into_iter();
        blocks.map(|block| (block.lines[..block.shown].join(", "), block.more)).collect()
    }

    #[test]
    fn clients_with_the_same_lines_are_shown_once() {
        let log = "1 1.1.1.1:1 came\n1 1.1.1.1:2 came\n2 1.1.1.1:1 went\n2 1.1.1.1:3 came\n\
            3 1.1.1.1:3 went\n3 1.1.1.1:4 came\n3 stopping\n4 1.1.1.1:2 went\n4 1.1.1.1:5 came\n";
        let expected = [
            ("1 1.1.1.1:1 came, 2 1.1.1.1:1 went", 2),
            ("3 1.1.1.1:4 came", 0),
            ("3 stopping", 0),
            ("4 1.1.1.1:5 came", 0),
        ];
        assert_eq!(blocks(log), expected.map(|(text, more)| (text.to_string(), more)));
    }

    #[test]
    fn the_same_response_is_shown_once() {
        let log = |number: usize, lines: &str| -> String {
            lines.split(", ").map(|text| format!("1 1.1.1.1:{number} {text}\n")).collect()
        };
        let (one, two) =
            ("→ a, → same, ← HTTP/1.1 404, ← type", "→ b, → same, ← HTTP/1.1 404, ← type");
        let three = "→ b, → same, ← HTTP/1.1 400, ← type";
        let shown = blocks(&format!("{}{}{}", log(1, one), log(2, two), log(3, three)));
        let count = |block: &(String, usize)| block.0.split(", ").count();
        assert_eq!(shown.iter().map(count).collect::<Vec<_>>(), [4, 3, 4], "{shown:?}");
        assert!(shown[1].0.ends_with("← HTTP/1.1 404"), "{shown:?}");
    }

    /// A replay must not depend on whether a second passes between two responses.
    #[test]
    fn the_value_of_date_makes_no_difference() {
        let log = |number: usize, second: usize| {
            let lines = ["→ a", "← HTTP/1.1 404", "← date: Tue, 24 Nov 2026 21:54:3", "← "];
            let date =
                |text: &str| if text.contains("date") { second.to_string() } else { "".into() };
            let line = |text: &&str| format!("1 1.1.1.1:{number} {text}{}\n", date(text));
            lines.iter().map(line).collect::<String>()
        };
        let shown = blocks(&format!("{}{}", log(1, 1), log(2, 2)));
        assert_eq!(shown.iter().map(|(_, more)| *more).collect::<Vec<_>>(), [1], "{shown:?}");
        let shown = blocks(&format!("{}{}", log(1, 1), log(2, 2).replace("→ a", "→ b")));
        let count = |block: &(String, usize)| block.0.matches("1.1.1.1:").count();
        assert_eq!(shown.iter().map(count).collect::<Vec<_>>(), [4, 2], "{shown:?}");
    }

    #[test]
    fn how_long_a_request_took_makes_no_difference() {
        let log =
            "1 1.1.1.1:1 PUT /1 → 200, 5 bytes, 81 µs\n1 1.1.1.1:2 PUT /1 → 200, 5 bytes, 7 µs\n";
        assert_eq!(blocks(log).len(), 1);
        assert_eq!(blocks(&log.replace("5 bytes, 7", "6 bytes, 7")).len(), 2);
    }

    #[test]
    fn lines_without_a_peer_are_all_shown() {
        let log = "came\ncame\nGET / 200\n1 1.1.1.1 came\n";
        let lines = log.lines().map(|line| (line.to_string(), 0));
        assert_eq!(blocks(log), lines.collect::<Vec<_>>());
    }
}
