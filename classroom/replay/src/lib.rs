//! Plays a stage's `lesson.txt` with a real server and a real client, both processes of the stage's
//! own binary, and shows both sides in the order in which things happened.
//!
//! The order is not a matter of luck. A server tells its terminal what it does before it answers, so
//! that once the client has its answer and asks for the next line, all that the server had to say
//! stands in its pipe already: the replay reads up to there, and shows the server's part first. So the
//! order is that of the lines that are typed, and for each of them: what the client says that it
//! sends, what the server says, what the client says in the end.

mod lesson;
mod process;
mod screen;

pub use lesson::{Lesson, Line};
pub use process::{Client, Folder, Process, Server, end_with_signals};

use anyhow::{Context, Result, bail};
use screen::Screen;
use std::env;
use std::net::SocketAddr;
use std::path::Path;

/// Replays `lesson`, the text of a lesson.txt, with the binary that is running now.
///
/// `stage` is the name of its package, `addr` (HOST:PORT) is where its server shall listen, a free
/// port of the loopback where it is `None`. With `step`, waits for Enter before each line but the first.
///
/// # Errors
/// A lesson that cannot be read as one, a server or a client that fails, an output that is closed.
/// Whatever ends the replay, its server and its client end with it.
pub fn run(stage: &str, lesson: &str, addr: Option<&str>, step: bool) -> Result<()> {
    let binary = env::current_exe().context("cannot find the program that is running")?;
    play(&binary, stage, lesson, addr, step)
}

/// The same for a binary of another name.
pub fn play(
    binary: &Path,
    stage: &str,
    lesson: &str,
    addr: Option<&str>,
    step: bool,
) -> Result<()> {
    let lesson = Lesson::parse(lesson)?;
    process::end_with_signals()?;
    let mut screen = Screen::new();
    screen.title(&lesson.title)?;
    let mut play = Play {
        server: Server::start(binary, addr.unwrap_or("127.0.0.1:0"))?,
        client: None,
        binary,
        screen,
    };
    play.server_speaks()?;
    for (number, line) in lesson.lines.iter().enumerate() {
        if step && number > 0 {
            play.screen.wait()?;
        }
        if play.server.ended()? {
            return play.died();
        }
        play.line(line)?;
        if play.server.ended()? {
            return play.died();
        }
    }
    if let Some(client) = play.client.take() {
        client.end()?;
    }
    play.screen.end(stage, &lesson.title)
}

/// A replay under way.
struct Play<'a> {
    server: Server,
    client: Option<Client>,
    binary: &'a Path,
    screen: Screen,
}

impl Play<'_> {
    fn line(&mut self, line: &Line) -> Result<()> {
        match line {
            Line::Say(text) => self.screen.say(text)?,
            Line::Type(text) => return self.type_line(text),
            Line::Restart => {
                self.screen.act("restart")?;
                self.server.restart()?;
                return self.server_speaks();
            }
            Line::Run(words) => {
                self.screen.run(&words.join(" "))?;
                let (text, status) = process::run(self.binary, words, self.server.addr())?;
                // What the command did may still be at work, on several connections at once.
                let said = self.server.said_when_quiet()?;
                self.screen.server(&by_peer(&said))?;
                self.screen.client(&text)?;
                if !status.success() {
                    bail!("{} ended with {status}", words.join(" "));
                }
            }
        }
        Ok(())
    }

    /// Types a line into the client, which is started where none runs.
    fn type_line(&mut self, text: &str) -> Result<()> {
        if self.client.is_none() {
            let mut client = Client::start(self.binary, self.server.addr())?;
            let greeting = client.until_prompt()?;
            self.screen.client(&greeting)?;
            if client.ended() {
                return self.fail(client);
            }
            self.client = Some(client);
        }
        let Some(mut client) = self.client.take() else { return Ok(()) };
        self.screen.typed(text)?;
        client.type_line(text)?;
        let said = client.until_prompt()?;
        // What the client says it sent, it said before the server could know of it.
        let (sent, rest) = said.split_at(end_of_sent(&said));
        self.screen.client(sent)?;
        self.server_speaks()?;
        self.screen.client(rest)?;
        if !client.ended() {
            self.client = Some(client);
        } else if client.status()?.success() {
            self.screen.note("the client ends")?;
        } else {
            return self.fail(client);
        }
        Ok(())
    }

    /// Shows all that the server has said by now.
    fn server_speaks(&mut self) -> Result<()> {
        let text = self.server.said()?;
        self.screen.server(&text)
    }

    /// The client failed: because of the server, or by itself.
    fn fail(&mut self, client: Client) -> Result<()> {
        if self.server.ends_soon()? {
            return self.died();
        }
        bail!("the client ended with {} in the middle of the lesson", client.status()?)
    }

    /// The server is no more: shows its last words.
    fn died(&mut self) -> Result<()> {
        self.server_speaks()?;
        bail!("the server ended with {} in the middle of the lesson", self.server.status()?)
    }
}

/// The lines of a log ordered by the connections that they speak of, in the order in which these came.
/// The address of the peer is the second word of a line.
fn by_peer(log: &str) -> String {
    let peer = |line: &str| line.split(' ').nth(1)?.parse::<SocketAddr>().ok();
    let mut groups: Vec<(Option<SocketAddr>, String)> = Vec::new();
    for line in log.lines() {
        let peer = peer(line);
        let line = format!("{line}\n");
        match groups.iter_mut().find(|group| peer.is_some() && group.0 == peer) {
            Some(group) => group.1.push_str(&line),
            None => groups.push((peer, line)),
        }
    }
    groups.into_iter().map(|group| group.1).collect()
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
