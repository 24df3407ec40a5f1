//! However a replay ends, nothing of it is left.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const STAGE: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

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
        let mut process = Command::new(STAGE)
            .arg("--step")
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
    fn first_exchange(&mut self) -> Result<Vec<String>> {
        self.keyboard.write_all(b"\n")?;
        self.until("← first")?;
        let found = Command::new("pgrep").args(["-P", &self.process.id().to_string()]).output()?;
        let children: Vec<String> =
            String::from_utf8(found.stdout)?.lines().map(String::from).collect();
        assert_eq!(children.len(), 2, "a server and a client");
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

/// Sends a signal; returns whether there is such a process.
fn signal(name: &str, process: &str) -> Result<bool> {
    Ok(Command::new("kill").args([name, process]).stderr(Stdio::null()).status()?.success())
}

fn none_is_left(children: &[String]) -> Result<()> {
    for child in children {
        assert!(!signal("-0", child)?, "process {child} is left");
    }
    Ok(())
}

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

#[test]
fn on_ctrl_c_and_a_polite_kill() -> Result<()> {
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let mut replay = Replay::start()?;
        let children = replay.first_exchange()?;
        // To the replay alone: a terminal would tell all three.
        assert!(signal(name, &replay.process.id().to_string())?);
        assert_eq!(replay.process.wait()?.code(), Some(code));
        none_is_left(&children)?;
    }
    Ok(())
}

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

#[test]
fn when_the_server_dies_in_the_middle() -> Result<()> {
    let mut replay = Replay::start()?;
    let children = replay.first_exchange()?;
    let mut stranger = TcpStream::connect(&replay.addr)?;
    stranger.write_all(b"garbage\r\n\r\n")?;
    stranger.shutdown(Shutdown::Write)?;
    // The connection ends with the server, in whatever way.
    let _ = stranger.read_to_end(&mut Vec::new());
    let (status, screen, errors) = replay.end()?;
    assert_eq!(status, Some(1));
    let died = "the server ended with exit status: 1 in the middle of the lesson\n";
    assert_eq!(errors, died);
    assert!(screen.contains("\"garbage\" is not a request line"), "{screen}");
    none_is_left(&children)
}

#[test]
fn when_the_server_dies_and_nothing_more_is_typed() -> Result<()> {
    let mut replay = Replay::start()?;
    let server = Command::new("pgrep").args(["-P", &replay.process.id().to_string()]).output()?;
    let server = String::from_utf8(server.stdout)?.trim().to_string();
    assert!(signal("-KILL", &server)?);
    // The next line is only words.
    replay.keyboard.write_all(b"\n")?;
    let (status, _, errors) = replay.end()?;
    assert_eq!(status, Some(1));
    assert!(errors.ends_with("in the middle of the lesson\n"), "{errors}");
    none_is_left(&[server])
}

#[test]
fn colours_are_for_terminals() -> Result<()> {
    let coloured = |variable: &str| -> Result<bool> {
        let output = Command::new(STAGE).env("CLICOLOR_FORCE", "1").env(variable, "1").output()?;
        Ok(output.stdout.contains(&b'\x1b'))
    };
    assert!(coloured("CLICOLOR_FORCE")?);
    assert!(!coloured("NO_COLOR")?);
    assert!(!Command::new(STAGE).env_remove("CLICOLOR_FORCE").output()?.stdout.contains(&b'\x1b'));
    Ok(())
}
