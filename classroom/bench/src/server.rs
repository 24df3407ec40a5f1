//! A server that is measured: a stage, or the one in Python. All have the same command line, keep their messages in the
//! folder in which they run or in a database of PostgreSQL, and print first where they listen.

use anyhow::{Context, Result, bail, ensure};
use replay::{Database, Folder, Process};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long a server may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// The file in a store's folder into which strace writes the syncs.
const TRACE: &str = "trace";

/// Where a server keeps its messages. All of it is removed when this is dropped.
pub struct Store {
    folder: Folder,
    pub database: Option<Database>,
}

impl Store {
    /// An empty store: a folder, with a database in the same PostgreSQL as `postgres` if there is one.
    ///
    /// # Errors
    /// The system has no room, or PostgreSQL has failed.
    pub fn new(postgres: Option<&Database>) -> Result<Store> {
        let database = postgres.map(Database::another).transpose()?;
        Ok(Store { folder: Folder::new()?, database })
    }

    /// How many syncs strace has written down so far.
    ///
    /// # Errors
    /// No server was started with [`traced`].
    pub fn traced_syncs(&self) -> Result<usize> {
        let text = fs::read_to_string(self.folder.path().join(TRACE));
        Ok(text.context("strace has written nothing")?.matches("sync(").count())
    }
}

/// The command of a server under strace, which writes down each sync of it. Calls of other kinds are not slower.
pub fn traced(words: &[OsString]) -> Vec<OsString> {
    let strace =
        ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", TRACE];
    strace.iter().map(OsString::from).chain(words.iter().cloned()).collect()
}

/// A running server. When this is dropped, it is ended without a warning (SIGKILL).
pub struct Server {
    process: Process,
    /// Where it listens (HOST:PORT).
    pub addr: String,
}

impl Server {
    /// Starts the program `words` on a free port, and waits until it listens.
    ///
    /// # Errors
    /// The program cannot be started, or ends, or does not listen within 15 s; the error has what it printed.
    pub fn start(words: &[OsString], store: &Store) -> Result<Server> {
        let (program, arguments) = words.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments).args(["server", "--addr", "127.0.0.1:0"]);
        replay::add_database(&mut command, store.database.as_ref());
        command.current_dir(store.folder.path()).stdin(Stdio::null());
        let (reader, writer) = io::pipe()?;
        // With a group of its own, so that a server under strace ends with strace.
        let (process, _) = Process::start(command, true, writer)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut output = BufReader::new(reader);
            let mut line = String::new();
            // A log can have bytes that are no text. They come after the line that is looked for.
            while output.read_line(&mut line).is_ok_and(|length| length > 0) {
                let is_first = line.starts_with("listening on ");
                let _ = sender.send(std::mem::take(&mut line));
                if is_first {
                    break;
                }
            }
            // The server never waits because the pipe is full.
            let _ = io::copy(&mut output, &mut io::sink());
        });
        let mut said = String::new();
        loop {
            let Ok(line) = lines.recv_timeout(START_TIMEOUT) else {
                ensure!(!said.is_empty(), "{} does not listen", program.to_string_lossy());
                bail!("{} did not start: {}", program.to_string_lossy(), said.trim_end());
            };
            if let Some(addr) = line.strip_prefix("listening on ") {
                return Ok(Server { process, addr: addr.trim_end().to_string() });
            }
            said.push_str(&line);
        }
    }

    /// The memory that it has now (RSS), in MiB; `None` where the system has no `/proc`.
    pub fn memory(&self) -> Option<f64> {
        let path = PathBuf::from(format!("/proc/{}/status", self.process.id()));
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib / 1024.0)
    }

    /// Ends it without a warning (SIGKILL).
    pub fn kill(self) {
        self.process.kill();
    }
}
