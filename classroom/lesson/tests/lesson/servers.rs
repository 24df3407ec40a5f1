//! The check is itself checked: servers as students write them, in `servers.py`. It must accept each right one
//! and reject each wrong one, and the first fault that it reports must be the one that the server has.

use crate::{command, root};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use testing::needs;

/// The most lines of a report, and the longest time of a check with some room for a busy machine: the check
/// itself ends after 20 s, from stage 12 on after 34 s, and a server has to be started before it.
const LINES: usize = 40;
const LONGEST: Duration = Duration::from_secs(55);

fn file() -> PathBuf {
    root().join("classroom/lesson/tests/servers.py")
}

/// A server in `servers.py`.
struct Entry {
    name: String,
    stage: u64,
    /// One of these cases fails first; none if the server is right.
    first: Vec<String>,
    fault: String,
}

fn entries(python: &str) -> Result<Vec<Entry>> {
    let output = Command::new(python).arg(file()).arg("--list").output().context("python")?;
    let list: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    list.iter()
        .filter(|entry| entry["needs"] != "node" || has_node())
        .map(|entry| {
            let first = entry["first"].as_array().context("first")?.iter().map(text).collect();
            let stage = entry["stage"].as_u64().context("stage")?;
            Ok(Entry { name: text(&entry["name"]), stage, first, fault: text(&entry["fault"]) })
        })
        .collect()
}

fn has_node() -> bool {
    Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Whether each check goes on after the first fault: with CI set. Else the whole would take minutes.
fn whole() -> bool {
    std::env::var_os("CI").is_some()
}

/// What the check says of one server: the id of the first case that it reports, and its report.
struct Said {
    first: Option<String>,
    report: String,
    took: Duration,
}

fn check(python: &str, entry: &Entry) -> Result<Said> {
    let folder = tempfile::tempdir()?;
    let file = file();
    let run = format!(
        "exec {python} '{}' {} {{addr}} --db '{}'",
        file.display(),
        entry.name,
        folder.path().join("messages").display()
    );
    let stage = entry.stage.to_string();
    let mut arguments = vec!["check", &stage, "--run", &run];
    // A whole check of stage 12 takes 13 s, and it has more than a hundred wrong servers.
    if !whole() || entry.stage >= 12 {
        arguments.push("--fail-fast");
    }
    let start = Instant::now();
    let output = command(&root(), &arguments).output()?;
    let report = String::from_utf8(output.stdout)?;
    let status = output.status.code();
    ensure!(
        matches!(status, Some(0 | 1)) && !report.is_empty(),
        "{status:?} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let first = report.lines().find_map(|line| line.strip_prefix("✗ "));
    let first = first.map(|line| line.split([' ', ':']).next().unwrap_or_default().to_string());
    ensure!(first.is_some() == (status == Some(1)), "exit status {status:?}: {report}");
    Ok(Said { first, report, took: start.elapsed() })
}

/// One of the tests below at a time, and none while another test compiles stages: many servers and compilers at once
/// make a machine slow, which is no fault of a server.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the check has said the right thing of a server, in time and in few lines.
fn is_right(entry: &Entry, said: &Said) -> bool {
    let right = match &said.first {
        None => entry.first.is_empty(),
        Some(first) => entry.first.contains(first),
    };
    right && said.report.lines().count() <= LINES && said.took <= LONGEST
}

/// Checks all servers of these stages, some at the same time: most of the time a check waits.
fn check_all(stages: &[u64], threads: usize) -> Result<()> {
    let _turn = turn();
    let python = if cfg!(windows) { "python" } else { "python3" };
    let entries: Vec<Entry> =
        entries(python)?.into_iter().filter(|entry| stages.contains(&entry.stage)).collect();
    // Stage 12 has so many wrong servers that a short run checks every fourth one.
    let is_asked = |(number, entry): &(usize, Entry)| {
        whole() || entry.stage < 12 || entry.first.is_empty() || number % 4 == 0
    };
    let entries: Vec<Entry> =
        entries.into_iter().enumerate().filter(is_asked).map(|(_, entry)| entry).collect();
    let (right, wrong): (Vec<&Entry>, Vec<&Entry>) =
        entries.iter().partition(|entry| entry.first.is_empty());
    assert!(!right.is_empty() && wrong.len() > 10);
    let todo = Mutex::new(entries.iter());
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<_>| loop {
        let next = todo.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(entry) = next else { return };
        // The receiver stays open to the end, so this does not fail.
        let _ = sender.send((entry, check(python, entry)));
    };
    let said: Vec<(&Entry, Result<Said>)> = thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        drop(sender);
        receiver.iter().collect()
    });
    assert_eq!(said.len(), entries.len());
    let mut wrongly = Vec::new();
    let (mut longest, mut slowest) = ((0, ""), (Duration::ZERO, ""));
    for (entry, said) in said {
        let name = format!("{} (stage {}: {})", entry.name, entry.stage, entry.fault);
        // On a busy machine the time of a check can be over before its last case, and a late response is a fault. Alone
        // a check has enough time.
        let said = match said {
            Ok(said) if is_right(entry, &said) => said,
            _ => check(python, entry).with_context(|| name.clone())?,
        };
        let lines = said.report.lines().count();
        longest = longest.max((lines, &entry.name));
        slowest = slowest.max((said.took, &entry.name));
        if !is_right(entry, &said) {
            let Said { first, report, took } = said;
            let wanted = &entry.first;
            wrongly.push(format!(
                "{name}: not {wanted:?} but {first:?}, {lines} lines, {took:?}\n{report}"
            ));
        }
    }
    println!(
        "{} right servers accepted, {} wrong ones caught ({}); longest report {longest:?}, longest check {slowest:?}",
        right.len(),
        wrong.len(),
        if whole() && !stages.contains(&12) {
            "each checked to the end"
        } else {
            "each checked up to its first fault"
        },
    );
    assert!(wrongly.is_empty(), "{} of {}:\n{}", wrongly.len(), entries.len(), wrongly.join("\n"));
    Ok(())
}

#[needs("python3", "node")]
#[test]
fn lines_and_posts() -> Result<()> {
    check_all(&[2, 3, 5, 6], 6)
}

#[needs("python3", "node")]
#[test]
fn one_message_and_a_restart() -> Result<()> {
    check_all(&[7, 8], 6)
}

/// A request has 10 s, so each of these checks takes that long.
#[needs("python3", "node")]
#[test]
fn limits_and_many_clients() -> Result<()> {
    check_all(&[10, 11], 8)
}

#[needs("python3", "node")]
#[test]
fn many_requests_on_one_connection() -> Result<()> {
    check_all(&[12, 13], 4)
}
