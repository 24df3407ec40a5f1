//! The rows of the tables: for each server what it costs, how many requests and writes a second it answers, how many
//! writes share a sync, and what is left after a kill.

use crate::clients::{Crowd, Done, Work, list};
use crate::cost::{Cost, cost_of};
use crate::progress::Progress;
use crate::server::{Server, Store, traced};
use anyhow::{Context, Result};
use ladder::{Ladder, Stage};
use replay::Database;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The first stage that speaks HTTP, and the first that keeps its messages on the disk.
const FIRST_HTTP: u32 = 3;
const FIRST_ON_DISK: u32 = 8;

/// The first stage that keeps a list. The two before it answer GET with 405, so POST is measured, which they send back.
const FIRST_LIST: u32 = 5;

/// The stage that can use PostgreSQL in place of SQLite.
const EITHER: u32 = 15;

/// How many clients send requests at a time.
pub const REQUEST_CLIENTS: [usize; 2] = [1, 32];

/// How many clients write at a time.
pub const WRITE_CLIENTS: [usize; 4] = [1, 4, 16, 64];

/// How many clients write when the server is killed, and after how many answers it is killed at the latest.
const KILLED_CLIENTS: usize = 16;
const KILLED_AFTER: usize = 4000;

/// From stage 10 on the list has a limit of 512 KiB, and a short text counts as 50 bytes. So a store takes no more than
/// about 10,000 short messages.
const MAX_WRITES: usize = 9000;

/// How long PostgreSQL may take to count the syncs of a server that has ended.
const COUNT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the clients send requests, in milliseconds: in each part, for each number of clients.
pub struct Times {
    pub requests: u64,
    pub writes: u64,
    /// How many times the writes are measured. The row has the middle one of the figures.
    pub rounds: usize,
    pub syncs: u64,
    pub kill: u64,
}

/// Where a server keeps its messages.
#[derive(Clone, Copy, PartialEq)]
pub enum Kept {
    /// It has none, or they are in its memory.
    InMemory,
    Sqlite,
    PostgreSql,
}

/// A server to be measured.
pub struct Subject {
    pub name: String,
    pub kept: Kept,
    /// The program and the arguments before those that all servers have.
    words: Vec<OsString>,
    /// Its number, unless it is no stage.
    number: Option<u32>,
    cost: Cost,
}

/// What was measured of a server. `None` stands for what it does not have, or what cannot be measured here.
pub struct Row {
    pub name: String,
    pub kept: Kept,
    pub cost: Cost,
    /// The memory that it has when it begins to listen, in MiB.
    pub memory: Option<f64>,
    pub requests: Option<Requests>,
    /// One for each of [`WRITE_CLIENTS`]; empty if it keeps nothing on the disk.
    pub writes: Vec<Writes>,
    pub kill: Option<Kill>,
    /// Why the row has no figures.
    pub note: Option<String>,
}

/// Requests a second.
pub struct Requests {
    /// The method: GET, or POST where the server keeps no list.
    pub method: &'static str,
    /// Whether a connection carries many of them.
    pub is_kept: bool,
    /// One figure for each of [`REQUEST_CLIENTS`].
    pub per_second: Vec<f64>,
    /// How many requests failed.
    pub failed: usize,
}

/// Writes of a number of clients.
pub struct Writes {
    pub clients: usize,
    pub per_second: f64,
    pub failed: usize,
    /// Writes for each sync; `None` if the syncs cannot be counted here.
    pub per_sync: Option<f64>,
}

/// What was left when the server was killed while it stored writes.
pub struct Kill {
    /// How many writes were answered before.
    pub answered: usize,
    /// How many of these are not in the list of the server that was started afterwards.
    pub lost: usize,
}

/// The servers to be measured, in the order of the table.
///
/// # Errors
/// A stage cannot be read, or cargo does not list its crates.
pub fn subjects(
    ladder: &Ladder,
    stages: &[&Stage],
    binaries: &BTreeMap<String, PathBuf>,
    seconds: &BTreeMap<String, f64>,
) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for stage in stages {
        let number = stage.number.context("a copy is no stage of the ladder")?;
        let binary = binaries.get(&stage.name).context("cargo has built nothing")?;
        let mut add = |name: String, kept, cost| {
            let words = vec![binary.into()];
            subjects.push(Subject { name, kept, words, number: Some(number), cost });
        };
        let cost = cost_of(ladder, stage, seconds)?;
        let kept = if stage.needs_postgresql()? {
            Kept::PostgreSql
        } else if number < FIRST_ON_DISK {
            Kept::InMemory
        } else {
            Kept::Sqlite
        };
        add(stage.name.clone(), kept, cost.clone());
        if number == EITHER {
            add(stage.name.clone(), Kept::PostgreSql, cost);
        }
    }
    let script = ladder.root.join("classroom/bench/store.py");
    let text =
        fs::read_to_string(&script).with_context(|| format!("cannot read {}", script.display()))?;
    let cost = Cost { lines: text.lines().count(), ..Cost::default() };
    let words = vec!["python3".into(), script.into()];
    subjects.push(Subject { name: "Python".into(), kept: Kept::Sqlite, words, number: None, cost });
    Ok(subjects)
}

impl Subject {
    /// Whether it keeps its messages on the disk.
    pub fn is_on_disk(&self) -> bool {
        self.kept != Kept::InMemory
    }

    /// Measures this server. If it cannot be started at all, the row says why.
    ///
    /// # Errors
    /// A part of the measurement fails.
    pub fn measure(self, times: &Times, tools: &Tools, progress: &mut Progress) -> Result<Row> {
        let Subject { name, kept, .. } = &self;
        let mut row = Row {
            name: name.clone(),
            kept: *kept,
            cost: self.cost.clone(),
            memory: None,
            requests: None,
            writes: Vec::new(),
            kill: None,
            note: None,
        };
        row.note = tools.missing(&self);
        if row.note.is_some() {
            return Ok(row);
        }
        let part = match kept {
            Kept::PostgreSql => format!("{name} over PostgreSQL"),
            _ => name.clone(),
        };
        progress.say(&part, "memory");
        let postgres = tools.postgres.as_ref().filter(|_| *kept == Kept::PostgreSql);
        let store = Store::new(postgres)?;
        let server = Server::start(&self.words, &store)?;
        row.memory = server.memory();
        if self.number.is_none_or(|number| number >= FIRST_HTTP) {
            row.requests = Some(self.requests(&server, times, &mut |detail| {
                progress.say(&part, detail);
            }));
        }
        drop((server, store));
        if *kept == Kept::InMemory {
            return Ok(row);
        }
        let mut figures = WRITE_CLIENTS.map(|_| Vec::new());
        let mut failed = WRITE_CLIENTS.map(|_| 0);
        // A round has all numbers of clients, so that a time in which the disk is busy does not hit all rounds of one.
        for _ in 0..times.rounds {
            for (place, clients) in WRITE_CLIENTS.into_iter().enumerate() {
                progress.say(&part, &format!("writes of {clients} clients"));
                let done = self.writes(clients, times, postgres)?;
                figures[place].push(done.per_second);
                failed[place] += done.failed;
            }
        }
        for ((clients, figures), failed) in WRITE_CLIENTS.into_iter().zip(figures).zip(failed) {
            progress.say(&part, &format!("syncs for the writes of {clients} clients"));
            let crowd = Crowd {
                clients,
                time: Duration::from_millis(times.syncs),
                most: MAX_WRITES,
                work: Work::Post,
            };
            let per_sync = match (postgres, tools.has_strace) {
                (Some(postgres), _) => self.per_sync_in_postgres(crowd, postgres)?,
                (None, true) => Some(self.per_sync_with_strace(crowd)?),
                (None, false) => None,
            };
            let per_second = middle(figures);
            row.writes.push(Writes { clients, per_second, failed, per_sync });
        }
        progress.say(&part, "kill");
        row.kill = Some(self.kill(times, postgres)?);
        Ok(row)
    }

    /// Requests a second.
    fn requests(&self, server: &Server, times: &Times, tell: &mut dyn FnMut(&str)) -> Requests {
        let echoes = self.number.is_some_and(|number| number < FIRST_LIST);
        let work = if echoes { Work::Post } else { Work::Get };
        let method = if echoes { "POST" } else { "GET" };
        let mut requests = Requests { method, is_kept: false, per_second: Vec::new(), failed: 0 };
        if !echoes {
            // The list has one short message.
            let time = Duration::from_secs(5);
            Crowd { clients: 1, time, most: 1, work: Work::Post }.run(&server.addr, &unused());
        }
        for clients in REQUEST_CLIENTS {
            tell(&format!("requests of {clients} clients"));
            let crowd = Crowd {
                clients,
                time: Duration::from_millis(times.requests),
                most: usize::MAX,
                work,
            };
            let done = crowd.run(&server.addr, &unused());
            requests.is_kept |= done.is_kept;
            requests.failed += done.failed;
            requests.per_second.push(done.per_second);
        }
        requests
    }

    /// Writes a second, into an empty store.
    fn writes(&self, clients: usize, times: &Times, postgres: Option<&Database>) -> Result<Done> {
        let store = Store::new(postgres)?;
        let server = Server::start(&self.words, &store)?;
        let crowd = Crowd {
            clients,
            time: Duration::from_millis(times.writes),
            most: MAX_WRITES,
            work: Work::Post,
        };
        Ok(crowd.run(&server.addr, &unused()))
    }

    /// Writes for each sync that the server makes. strace counts them, in a run of its own, because it slows each sync.
    fn per_sync_with_strace(&self, crowd: Crowd) -> Result<f64> {
        let store = Store::new(None)?;
        let server = Server::start(&traced(&self.words), &store)?;
        let before = store.traced_syncs()?;
        let done = crowd.run(&server.addr, &unused());
        server.kill();
        Ok(ratio(done.count, store.traced_syncs()? - before))
    }

    /// The same for PostgreSQL, which counts the syncs of its log itself. `None` if this version does not.
    fn per_sync_in_postgres(&self, crowd: Crowd, postgres: &Database) -> Result<Option<f64>> {
        let store = Store::new(Some(postgres))?;
        let server = Server::start(&self.words, &store)?;
        let Ok(before) = syncs_of(postgres) else { return Ok(None) };
        let done = crowd.run(&server.addr, &unused());
        server.kill();
        // A connection adds its counts at its end.
        let start = Instant::now();
        let others = "SELECT count(*) FROM pg_stat_activity WHERE client_port IS NOT NULL AND pid <> pg_backend_pid()";
        while postgres.query(others)?.trim() != "0" && start.elapsed() < COUNT_TIMEOUT {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(ratio(done.count, syncs_of(postgres)?.saturating_sub(before))))
    }

    /// Kills the server while clients write, starts it again over the same store, and looks for each write that was
    /// answered.
    fn kill(&self, times: &Times, postgres: Option<&Database>) -> Result<Kill> {
        let store = Store::new(postgres)?;
        let server = Server::start(&self.words, &store)?;
        let (addr, count) = (server.addr.clone(), AtomicUsize::new(0));
        let time = Duration::from_secs(60);
        let crowd =
            Crowd { clients: KILLED_CLIENTS, time, most: MAX_WRITES, work: Work::PostUntilKilled };
        let done = thread::scope(|scope| {
            let crowd = scope.spawn(|| crowd.run(&addr, &count));
            let start = Instant::now();
            // At least one write is answered, also on a busy machine.
            let is_enough = || match count.load(Ordering::Relaxed) {
                0 => start.elapsed() > time,
                count => {
                    start.elapsed() > Duration::from_millis(times.kill) || count > KILLED_AFTER
                }
            };
            while !is_enough() {
                thread::sleep(Duration::from_millis(1));
            }
            server.kill();
            crowd.join().unwrap_or_default()
        });
        let server = Server::start(&self.words, &store)?;
        let lost = contract::lost(&done.answered, &list(&server.addr)?).len();
        Ok(Kill { answered: done.answered.len(), lost })
    }
}

/// What the machine has for the measurements.
pub struct Tools {
    has_strace: bool,
    has_python: bool,
    postgres: Option<Database>,
    /// Why there is no PostgreSQL.
    no_postgres: Option<String>,
}

impl Tools {
    /// Looks for them, and starts PostgreSQL if one of the servers needs it.
    pub fn find(subjects: &[Subject]) -> Tools {
        let has_strace = runs("strace", &["-f", "--seccomp-bpf", "-e", "trace=fsync", "true"]);
        let has_python = runs("python3", &["-c", "import sqlite3"]);
        let needs_one = subjects.iter().any(|subject| subject.kept == Kept::PostgreSql);
        let found = needs_one.then(Database::with_syncs);
        let (postgres, no_postgres) = match found {
            Some(Ok(database)) => (Some(database), None),
            Some(Err(error)) => (None, Some(format!("{error:#}"))),
            None => (None, None),
        };
        Tools { has_strace, has_python, postgres, no_postgres }
    }

    /// Whether the syncs of SQLite can be counted.
    pub fn counts_syncs(&self) -> bool {
        self.has_strace
    }

    /// What is missing for this server.
    fn missing(&self, subject: &Subject) -> Option<String> {
        match subject.kept {
            Kept::PostgreSql => self.no_postgres.clone(),
            _ if subject.number.is_none() && !self.has_python => {
                Some("python3 with the module sqlite3 is not installed".to_string())
            }
            _ => None,
        }
    }
}

/// Whether a program can be run here with success.
fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// How many times PostgreSQL has synced its write-ahead log so far.
fn syncs_of(postgres: &Database) -> Result<usize> {
    // From version 18 on the number is in another view.
    let old = postgres.query("SELECT wal_sync FROM pg_stat_wal");
    let text = match old {
        Ok(text) => text,
        Err(_) => {
            postgres.query("SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'")?
        }
    };
    text.trim().parse().context("PostgreSQL does not count its syncs")
}

/// The middle one of some figures.
fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

fn ratio(writes: usize, syncs: usize) -> f64 {
    writes as f64 / syncs.max(1) as f64
}

/// For a crowd whose answers are not counted while they come.
fn unused() -> AtomicUsize {
    AtomicUsize::new(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_round_does_not_count() {
        assert_eq!(middle(vec![900.0, 20.0, 1000.0]), 900.0);
        assert_eq!(middle(vec![7.0]), 7.0);
    }
}
