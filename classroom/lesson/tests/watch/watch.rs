//! watch: a student saves a file, and the check is made again. And what is left of a check that is interrupted:
//! nothing.
#![cfg(unix)]

use crate::scratch::Scratch;
use crate::{binary, lesson_in, root, target};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use testing::needs;

/// `cargo lesson` with these arguments, and what it prints, line by line.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Result<Running> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lesson"))
            .args(arguments)
            .current_dir(root())
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Running { child, output })
    }

    /// Reads up to a line with `text` in it; returns all that was read.
    fn until(&mut self, text: &str) -> Result<String> {
        let mut said = String::new();
        loop {
            let start = said.len();
            ensure!(self.output.read_line(&mut said)? > 0, "{text:?} never came: {said}");
            if said[start..].contains(text) {
                return Ok(said);
            }
        }
    }

    fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()?;
        ensure!(status.success(), "no such process");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A right server, or one with a fault: the student's file is a few lines that say which.
fn write_server(path: &Path, name: &str) -> Result<()> {
    let servers = root().join("classroom/lesson/tests").canonicalize()?;
    let text = format!(
        "import sys\nsys.path.insert(0, {servers:?})\nimport servers\n\
         sys.argv = ['server.py', {name:?}, sys.argv[1]]\nservers.main()\n"
    );
    Ok(fs::write(path, text)?)
}

#[needs("python3")]
#[test]
fn a_save_is_checked_until_all_cases_hold() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("server.py");
    write_server(&file, "no-location")?;
    let run = format!("python3 '{}' {{addr}}", file.display());
    let mut watch = Running::start(&["watch", "7", "--run", &run])?;
    let said = watch.until("save a file in ")?;
    assert!(said.contains("░ ") && said.contains("there is no Location field"), "{said}");
    write_server(&file, "put-stores-nothing")?;
    let said = watch.until("save a file in ")?;
    assert!(said.contains("✗ put-replaces"), "{said}");
    // If the server does not start, watch says so and waits for the next save.
    fs::write(&file, "this is no Python\n")?;
    let said = watch.until("save a file in ")?;
    assert!(said.contains("the server ended before it listened"), "{said}");
    write_server(&file, "raw-7")?;
    let said = watch.until("stage 7 is done")?;
    assert!(said.contains("████████████████████████████████████████ "), "{said}");
    assert!(watch.child.wait()?.success());
    Ok(())
}

/// A save while a check is under way ends that check, and begins the next.
#[needs("python3")]
#[test]
fn a_save_does_not_wait_for_the_check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("server.py");
    // Its answers take so long that the check of all cases takes more than 20 s.
    write_server(&file, "no-length-waits")?;
    let run = format!(
        "echo started >> '{}/log'; exec python3 '{}' {{addr}}",
        folder.path().display(),
        file.display()
    );
    let mut watch = Running::start(&["watch", "3", "--run", &run])?;
    let start = Instant::now();
    while !folder.path().join("log").exists() {
        ensure!(start.elapsed() < Duration::from_secs(60), "the server was not started");
    }
    write_server(&file, "raw-3")?;
    let said = watch.until("stage 3 is done")?;
    assert!(!said.contains('✗'), "{said}");
    Ok(())
}

/// The processes whose command line has `text` in it.
fn processes_with(text: &str) -> Result<usize> {
    let mut found = 0;
    for entry in fs::read_dir("/proc")? {
        let Ok(line) = fs::read(entry?.path().join("cmdline")) else { continue };
        found += usize::from(String::from_utf8_lossy(&line).contains(text));
    }
    Ok(found)
}

/// Waits until no process has `text` in its command line: the system needs a moment to end one.
fn none_is_left(text: &str) -> Result<()> {
    let start = Instant::now();
    while processes_with(text)? > 0 {
        ensure!(start.elapsed() < Duration::from_secs(20), "a process is left");
    }
    Ok(())
}

/// The folders of the servers that a process has started.
fn folders_of(process: u32) -> Result<usize> {
    let start = format!("replay-{process}-");
    let names = fs::read_dir(std::env::temp_dir())?.flatten().map(|entry| entry.file_name());
    Ok(names.filter(|name| name.to_string_lossy().starts_with(&start)).count())
}

/// Ctrl-C, SIGTERM and SIGHUP end the student's server, what it has started, and the check.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_of_an_interrupted_check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mark = folder.path().display().to_string();
    // A shell that starts a child and a server; neither prints anything.
    let log = format!("{mark}/log");
    let run = format!(
        "echo $0 > '{log}'; (sleep 1000; echo '{mark}') & sleep 1000; echo '{mark}' {{addr}}"
    );
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let _ = fs::remove_file(&log);
        let mut check = Running::start(&["check", "7", "--run", &run])?;
        let start = Instant::now();
        while !Path::new(&log).exists() {
            ensure!(start.elapsed() < Duration::from_secs(60), "the server was not started");
        }
        check.signal(signal)?;
        assert_eq!(check.child.wait()?.code(), Some(code));
        none_is_left(&mark)?;
    }
    // A stage's own server has a folder, which is gone as well.
    let binary = binary("s08_sqlite")?;
    let run = format!("'{}' server --addr {{addr}} --db '{mark}/messages.db'", binary.display());
    let mut check = Running::start(&["check", "8", "--run", &run])?;
    let id = check.child.id();
    let start = Instant::now();
    while processes_with(&mark)? < 2 {
        ensure!(start.elapsed() < Duration::from_secs(60), "the server was not started");
    }
    check.signal("TERM")?;
    let status = check.child.wait()?.code();
    // The check may have been finished before the signal.
    assert!(matches!(status, Some(143 | 0)), "{status:?}");
    assert_eq!(folders_of(id)?, 0);
    none_is_left(&mark)
}

/// On a terminal the screen is cleared before the build, so that the errors of the build stay on it.
#[cfg(target_os = "linux")]
#[needs("script", "git")]
#[test]
fn errors_of_the_build_stay_on_the_terminal() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["start", "1", "my_echo"]).success();
    scratch.replace("mine/my_echo/src/main.rs", "fn main() -> ExitCode {", "fn main() {{")?;
    let line = format!("exec '{}' watch 1 my_echo", env!("CARGO_BIN_EXE_lesson"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm");
    script.current_dir(scratch.folder()).env("CARGO_TARGET_DIR", target());
    let mut watch = crate::class::Running::start_command(script)?;
    watch.until("save a file in ")?;
    let (_, shown) = watch.said.rsplit_once("\x1b[2J").context("the screen was not cleared")?;
    ensure!(shown.contains("mine/my_echo/src/main.rs"), "{shown}");
    Ok(())
}
