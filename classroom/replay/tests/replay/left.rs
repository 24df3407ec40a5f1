//! However a replay ends, nothing of it is left: no process, no folder.

use crate::small::{any_lives, children, folders, place, stage, until};
use anyhow::{Context, Result, ensure};
use needs::needs;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LESSON: &str = "# 1. Title\n> first\n$ attack endless &\n# words\n# more words\n";

/// A replay whose server, client and command run, and that waits for Enter.
struct Replay {
    place: TempDir,
    process: Child,
    keyboard: ChildStdin,
    screen: BufReader<ChildStdout>,
    /// The processes that it has started.
    children: Vec<u32>,
}

impl Replay {
    /// A server, a client, a command and the watchdog.
    fn start() -> Result<Replay> {
        Replay::of(LESSON, 4, 1)
    }

    /// A second server and PostgreSQL as well, with the processes that PostgreSQL has started.
    fn start_with_postgresql() -> Result<Replay> {
        let mut replay =
            Replay::of(&LESSON.replace("> first", "! postgresql\n> first\n! start 2"), 6, 3)?;
        for process in replay.children.clone() {
            replay.children.extend(children(process)?);
        }
        assert!(replay.children.len() > 8, "PostgreSQL has several processes");
        Ok(replay)
    }

    /// A replay with so many processes and folders.
    fn of(lesson: &str, processes: usize, made: usize) -> Result<Replay> {
        let place = place()?;
        let mut process = stage(place.path(), lesson)?
            .arg("--step")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut keyboard = process.stdin.take().context("no keyboard")?;
        let screen = BufReader::new(process.stdout.take().context("no screen")?);
        keyboard.write_all("\n".repeat(made.max(2)).as_bytes())?;
        let mut replay = Replay { place, process, keyboard, screen, children: Vec::new() };
        replay.until("# words")?;
        replay.until("Enter: go on")?;
        replay.children = children(replay.process.id())?;
        assert_eq!(replay.children.len(), processes);
        assert_eq!(folders(replay.place.path())?, made);
        Ok(replay)
    }

    fn until(&mut self, text: &str) -> Result<()> {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            ensure!(self.screen.read_line(&mut line)? > 0, "{text:?} never came");
        }
        Ok(())
    }

    fn signal(&self, name: &str) -> Result<()> {
        let line = format!("kill -{name} {}", self.process.id());
        ensure!(Command::new("sh").args(["-c", &line]).status()?.success(), "no signal was sent");
        Ok(())
    }
}

#[needs("pgrep")]
#[test]
fn after_sigkill() -> Result<()> {
    after_sigkill_of(Replay::start()?)
}

#[needs("pgrep", "postgres")]
#[test]
fn after_sigkill_with_postgresql() -> Result<()> {
    after_sigkill_of(Replay::start_with_postgresql()?)
}

fn after_sigkill_of(mut replay: Replay) -> Result<()> {
    let start = Instant::now();
    replay.signal("KILL")?;
    replay.process.wait()?;
    until("the end of the processes", || Ok(!any_lives(&replay.children)?))?;
    until("the end of the folder", || Ok(folders(replay.place.path())? == 0))?;
    // On an idle machine this takes some milliseconds, and longer on one with many tests at once.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    Ok(())
}

/// Also while PostgreSQL makes its files, which takes most of the time in which it starts.
#[needs("postgres")]
#[test]
fn after_signals_while_postgresql_starts() -> Result<()> {
    for name in ["KILL", "TERM"] {
        let place = place()?;
        let mut process = stage(place.path(), "# 1. Title\n! postgresql\n")?
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let data = || -> Result<bool> {
            let mut folders = fs::read_dir(place.path().join("tmp"))?.flatten();
            Ok(folders.next().is_some_and(|folder| folder.path().join("data/global").is_dir()))
        };
        until("the first files", data)?;
        let started = children(process.id())?;
        assert_eq!(started.len(), 2, "initdb and the watchdog");
        let line = format!("kill -{name} {}", process.id());
        ensure!(Command::new("sh").args(["-c", &line]).status()?.success(), "no signal was sent");
        process.wait()?;
        until("the end of the processes", || Ok(!any_lives(&started)?))?;
        until("the end of the folder", || Ok(folders(place.path())? == 0))?;
    }
    Ok(())
}

#[needs("pgrep")]
#[test]
fn after_signals_that_can_be_caught() -> Result<()> {
    for (name, code) in [("INT", 130), ("QUIT", 131), ("TERM", 143), ("HUP", 129)] {
        let mut replay = Replay::start()?;
        replay.signal(name)?;
        assert_eq!(replay.process.wait()?.code(), Some(code), "{name}");
        assert!(!any_lives(&replay.children)?, "{name}");
        assert_eq!(folders(replay.place.path())?, 0, "{name}");
    }
    Ok(())
}

#[needs("pgrep", "postgres")]
#[test]
fn after_a_signal_with_postgresql() -> Result<()> {
    let mut replay = Replay::start_with_postgresql()?;
    replay.signal("INT")?;
    assert_eq!(replay.process.wait()?.code(), Some(130));
    assert!(!any_lives(&replay.children)?);
    assert_eq!(folders(replay.place.path())?, 0);
    Ok(())
}

#[needs("pgrep")]
#[test]
fn when_the_screen_is_closed() -> Result<()> {
    let replay = Replay::start()?;
    let Replay { place, mut process, mut keyboard, screen, children } = replay;
    drop(screen);
    keyboard.write_all(b"\n")?;
    assert_eq!(process.wait()?.code(), Some(1));
    assert!(!any_lives(&children)?);
    assert_eq!(folders(place.path())?, 0);
    Ok(())
}

#[needs("pgrep")]
#[test]
fn after_the_whole_lesson() -> Result<()> {
    let place = place()?;
    // The last line waits, so that there is time to look at the processes.
    let mut process = stage(place.path(), "# 1. Title\n> first\n# words\n")?
        .arg("--step")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut screen = BufReader::new(process.stdout.take().context("no screen")?);
    let mut line = String::new();
    while !line.starts_with("Enter") {
        line.clear();
        ensure!(screen.read_line(&mut line)? > 0, "the replay does not wait");
    }
    let children = children(process.id())?;
    assert_eq!(children.len(), 3, "a server, a client and the watchdog");
    drop(process.stdin.take());
    while screen.read_line(&mut line)? > 0 {}
    assert!(process.wait()?.success());
    assert!(!any_lives(&children)?);
    assert_eq!(folders(place.path())?, 0);
    Ok(())
}
