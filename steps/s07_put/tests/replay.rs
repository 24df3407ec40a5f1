//! When a replay ends, in any way, none of its processes is left.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use testing::process::{children, signal};
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

/// A replay that waits for Enter after each line.
struct Replay {
    process: Child,
    keyboard: ChildStdin,
    screen: BufReader<ChildStdout>,
    /// Where its server listens.
    addr: String,
}

impl Replay {
    fn start() -> Result<Replay> {
        let mut process = Command::new(STAGE.binary)
            .arg("--step")
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let keyboard = process.stdin.take().context("no keyboard")?;
        let screen = BufReader::new(process.stdout.take().context("no screen")?);
        let mut replay = Replay { process, keyboard, screen, addr: String::new() };
        let line = replay.until("listening on ")?;
        replay.addr = line.rsplit(' ').next().context("no address")?.to_string();
        Ok(replay)
    }

    /// Reads the screen up to a line in which `text` stands.
    fn until(&mut self, text: &str) -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.screen.read_line(&mut line)? > 0, "{text:?} never came");
            if line.contains(text) {
                return Ok(line.trim_end().to_string());
            }
        }
    }

    /// Presses Enter until the first exchange is over, so that a client runs, too. Returns the numbers
    /// of both processes.
    fn first_exchange(&mut self) -> Result<Vec<u32>> {
        self.keyboard.write_all(b"\n")?;
        self.until("← first")?;
        let children = children(self.process.id())?;
        assert_eq!(children.len(), 3, "a server, a client and the watchdog");
        Ok(children)
    }

    /// Waits for the end. Returns the exit status, the rest of the screen and standard error.
    fn end(mut self) -> Result<(Option<i32>, String, String)> {
        drop(self.keyboard);
        let (mut screen, mut errors) = (String::new(), String::new());
        self.screen.read_to_string(&mut screen)?;
        self.process.stderr.take().context("no errors")?.read_to_string(&mut errors)?;
        Ok((self.process.wait()?.code(), screen, errors))
    }
}

fn none_is_left(children: &[u32]) -> Result<()> {
    for child in children {
        assert!(!signal("-0", *child)?, "process {child} is left");
    }
    Ok(())
}

#[needs("pgrep")]
#[test]
fn on_success() -> Result<()> {
    let mut replay = Replay::start()?;
    let children = replay.first_exchange()?;
    let addr = replay.addr.clone();
    let (status, screen, errors) = replay.end()?;
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    assert!(screen.contains("NOTES.md, section 7"), "{screen}");
    assert!(TcpStream::connect(addr).is_err());
    none_is_left(&children)
}

#[needs("pgrep")]
#[test]
fn on_ctrl_c_and_a_polite_kill() -> Result<()> {
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut replay = Replay::start()?;
        let children = replay.first_exchange()?;
        // Only the replay gets the signal: a terminal would send it to all three.
        assert!(signal(name, replay.process.id())?);
        assert_eq!(replay.process.wait()?.code(), Some(code));
        none_is_left(&children)?;
    }
    Ok(())
}

#[needs("pgrep")]
#[test]
fn when_the_screen_is_closed() -> Result<()> {
    let mut replay = Replay::start()?;
    let children = replay.first_exchange()?;
    let Replay { mut process, mut keyboard, screen, .. } = replay;
    drop(screen);
    keyboard.write_all(b"\n\n\n")?;
    assert_eq!(process.wait()?.code(), Some(1));
    none_is_left(&children)
}

#[needs("pgrep")]
#[test]
fn when_the_server_dies_in_the_middle() -> Result<()> {
    let mut replay = Replay::start()?;
    let children = replay.first_exchange()?;
    let mut stranger = TcpStream::connect(&replay.addr)?;
    stranger.write_all(b"garbage\r\n\r\n")?;
    stranger.shutdown(Shutdown::Write)?;
    // The connection ends with the server, with FIN or RST.
    let _ = stranger.read_to_end(&mut Vec::new());
    let (status, screen, errors) = replay.end()?;
    assert_eq!(status, Some(1));
    let died = "the server ended with exit status: 1 in the middle of the lesson\n";
    assert_eq!(errors, died);
    assert!(screen.contains("\"garbage\" is not a request line"), "{screen}");
    none_is_left(&children)
}

#[needs("pgrep")]
#[test]
fn when_the_server_dies_and_nothing_more_is_typed() -> Result<()> {
    let mut replay = Replay::start()?;
    let children = children(replay.process.id())?;
    assert_eq!(children.len(), 2, "a server and the watchdog");
    // Without the watchdog, the replay itself still ends what it has started.
    for child in &children {
        assert!(signal("-KILL", *child)?);
    }
    // The next line of the lesson is only read, and needs no server.
    replay.keyboard.write_all(b"\n")?;
    let (status, _, errors) = replay.end()?;
    assert_eq!(status, Some(1));
    assert!(errors.ends_with("in the middle of the lesson\n"), "{errors}");
    none_is_left(&children)
}

#[test]
fn colours_are_for_terminals() -> Result<()> {
    let plain = || {
        let mut command = Command::new(STAGE.binary);
        command.env("LC_ALL", "C").env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
        command
    };
    let is_coloured = |command: &mut Command| {
        Ok::<_, std::io::Error>(command.output()?.stdout.contains(&b'\x1b'))
    };
    assert!(is_coloured(plain().env("CLICOLOR_FORCE", "1"))?);
    assert!(!is_coloured(plain().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"))?);
    assert!(!is_coloured(&mut plain())?);
    Ok(())
}
