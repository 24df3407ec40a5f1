//! A server and a client as processes, what they print, and that none of them is left behind.

use crate::postgres::{self, Database};
#[cfg(unix)]
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
#[cfg(windows)]
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long to wait for a process to print something; more than the 10 s that a client gives a server.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server is quiet when it prints nothing in this many rounds, each of this length. On a busy machine this program
/// has to wait for a processor in each round, and then it waits longer in all.
const QUIET_ROUNDS: u32 = 10;
const QUIET_ROUND: Duration = Duration::from_millis(10);

/// How long what a process has printed may take to arrive after its end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long PostgreSQL may take to end; it kills its own processes after 5 s.
const QUIT_TIMEOUT: Duration = Duration::from_secs(6);

/// What the client prints when it waits for a line.
const PROMPT: &str = "> ";

/// The processes that this program has started and the folders that it has made. It ends and removes them at its end.
struct Kept {
    /// The processes that run now, each under a number of its own: the system gives a process id a second time.
    processes: BTreeMap<u64, Running>,
    /// How many processes have been started.
    started: u64,
    /// The folders in which servers keep their files. They are removed with their servers.
    folders: Vec<PathBuf>,
    /// Cleans up if this program is killed. It runs as long as there is something to clean up.
    #[cfg(unix)]
    watchdog: Option<Watchdog>,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept {
    processes: BTreeMap::new(),
    started: 0,
    folders: Vec::new(),
    #[cfg(unix)]
    watchdog: None,
});

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kept {
    /// Starts the watchdog if there is none or if it was killed, and returns it.
    #[cfg(unix)]
    fn watchdog(&mut self) -> Result<&mut Watchdog> {
        if self.watchdog.as_mut().is_none_or(Watchdog::ended) {
            self.watchdog = Some(Watchdog::start()?);
        }
        self.watchdog.as_mut().context("there is no watchdog")
    }

    /// Sends the watchdog the list of what to clean up, or ends the watchdog if there is nothing.
    fn changed(&mut self) {
        #[cfg(unix)]
        if self.processes.is_empty() && self.folders.is_empty() {
            self.watchdog = None;
        } else if let Some(watchdog) = &mut self.watchdog {
            let ids = |ending| -> Vec<u32> {
                let processes = self.processes.values().filter(|running| running.ending == ending);
                processes.map(|running| running.child.id()).collect()
            };
            watchdog.watch(&ids(Ending::Quit), &ids(Ending::KillGroup), &self.folders);
        }
    }
}

/// From now on Ctrl-C, Ctrl-\, SIGTERM and SIGHUP first end the processes that this program started and remove
/// their folders. The exit status is then 128 and the signal's number, as a shell has it.
///
/// # Errors
/// The system does not let the program listen for signals.
#[cfg(unix)]
pub fn end_with_signals() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])
        .context("cannot listen for signals")?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            end_all(128 + signal);
        }
    });
    Ok(())
}

/// The same on Windows, for Ctrl-C and the closing of the console. Windows has no other such signals.
///
/// # Errors
/// The system does not let the program listen for Ctrl-C.
#[cfg(windows)]
pub fn end_with_signals() -> Result<()> {
    ctrlc::set_handler(|| end_all(130)).context("cannot listen for Ctrl-C")
}

/// From now on Ctrl-C, SIGTERM and SIGHUP set the value that is returned, and end nothing. The program looks at it, ends
/// by itself, and its processes and folders end as they are dropped.
///
/// # Errors
/// The system does not let the program listen for signals.
#[cfg(unix)]
pub fn note_signals() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ends = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, ends.clone()).context("cannot listen for signals")?;
    }
    Ok(ends)
}

/// The same on Windows, for Ctrl-C and the closing of the console.
///
/// # Errors
/// The system does not let the program listen for Ctrl-C.
#[cfg(windows)]
pub fn note_signals() -> Result<Arc<AtomicBool>> {
    let ends = Arc::new(AtomicBool::new(false));
    let noted = ends.clone();
    let note = move || noted.store(true, Ordering::Relaxed);
    ctrlc::set_handler(note).context("cannot listen for Ctrl-C")?;
    Ok(ends)
}

/// Ends all processes, removes all folders, and ends this program.
fn end_all(status: i32) {
    // The lock is kept to the end, so that nothing new is started.
    let mut kept = kept();
    for running in kept.processes.values_mut() {
        running.kill();
    }
    for folder in &kept.folders {
        let _ = fs::remove_dir_all(folder);
    }
    #[cfg(unix)]
    drop(kept.watchdog.take());
    std::process::exit(status);
}

/// How a process is ended.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    /// Without a warning.
    Kill,
    /// Without a warning, with its process group, which it leads.
    KillGroup,
    /// With SIGQUIT at first. PostgreSQL then ends its other processes, which are in no group of this program, and
    /// frees its shared memory. SIGKILL would leave that behind.
    Quit,
}

/// A child of this program.
struct Running {
    child: Child,
    ending: Ending,
}

impl Running {
    /// Ends the process.
    fn kill(&mut self) {
        match self.ending {
            Ending::Kill => {}
            Ending::KillGroup => kill_group(self.child.id()),
            Ending::Quit => self.quit(),
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGQUIT, and waits for the end of the process. Windows has no such signal.
    fn quit(&mut self) {
        if cfg!(windows) {
            return kill_group(self.child.id());
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            send("QUIT", &self.child.id().to_string());
        }
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < QUIT_TIMEOUT {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Sends a signal to a process, or to the group of a process if there is a minus sign. The shell has `kill` built in;
/// not every system has it as a program.
fn send(signal: &str, process: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("kill -{signal} {process}")]);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Ends a process and those that it started.
fn kill_group(id: u32) {
    if !cfg!(windows) {
        return send("KILL", &format!("-{id}"));
    }
    let mut command = Command::new("taskkill");
    command.args(["/F", "/T", "/PID", &id.to_string()]);
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// A process that this program started. It ends when this is dropped.
pub struct Process {
    key: u64,
    id: u32,
}

impl Process {
    /// Starts `command`. Its standard output and standard error both go to `output`, as they do on a terminal.
    /// With `group` the process leads a process group of its own, so that the processes that it starts end
    /// with it. Returns the process and its standard input, if that is a pipe.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(
        command: Command,
        group: bool,
        output: PipeWriter,
    ) -> Result<(Process, Option<ChildStdin>)> {
        let ending = if group { Ending::KillGroup } else { Ending::Kill };
        let errors = output.try_clone()?;
        Process::start_with(command, ending, output, errors.into())
    }

    /// Starts `command`, which leads a process group. Its standard output goes to `output`, and its standard error is not
    /// read: what a program says of an error is no answer of its peer.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start_without_errors(
        command: Command,
        output: PipeWriter,
    ) -> Result<(Process, Option<ChildStdin>)> {
        Process::start_with(command, Ending::KillGroup, output, Stdio::null())
    }

    /// The same, with the way in which it is ended and where its standard error goes.
    fn start_with(
        mut command: Command,
        ending: Ending,
        output: PipeWriter,
        errors: Stdio,
    ) -> Result<(Process, Option<ChildStdin>)> {
        command.stderr(errors).stdout(output);
        let mut kept = kept();
        #[cfg(unix)]
        {
            let watched = kept.watchdog()?.group();
            let group = if ending == Ending::KillGroup { 0 } else { watched };
            std::os::unix::process::CommandExt::process_group(&mut command, group);
        }
        let program = command.get_program().to_os_string();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
        let input = child.stdin.take();
        let process = Process { key: kept.started, id: child.id() };
        kept.started += 1;
        kept.processes.insert(process.key, Running { child, ending });
        kept.changed();
        Ok((process, input))
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends the process without a warning, and with it its group, if it has one.
    pub fn kill(&self) {
        let removed = kept().processes.remove(&self.key);
        if let Some(mut running) = removed {
            running.kill();
        }
        kept().changed();
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// The system cannot report it.
    pub fn poll(&self) -> Result<Option<ExitStatus>> {
        let mut kept = kept();
        let running = kept.processes.get_mut(&self.key).context("the process is gone")?;
        Ok(running.child.try_wait()?)
    }

    /// Waits at most `limit` for the process to end. Returns its exit status if it has ended.
    ///
    /// # Errors
    /// The system cannot report it.
    pub fn wait(&self, limit: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let status = self.poll()?;
            if status.is_some() || start.elapsed() > limit {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A temporary folder. It is empty at first, and removed with all that is in it when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder.
    ///
    /// # Errors
    /// The system has no room for it.
    pub fn new() -> Result<Folder> {
        let mut kept = kept();
        #[cfg(unix)]
        kept.watchdog()?;
        let place = std::path::absolute(env::temp_dir())?;
        // An earlier process with the same id may have left a folder behind.
        for number in 0.. {
            let path = place.join(format!("replay-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    kept.folders.push(path.clone());
                    kept.changed();
                    return Ok(Folder(path));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make {}", path.display()));
                }
            }
        }
        bail!("no folder is left for the server's files")
    }
}

impl Folder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        let mut kept = kept();
        kept.folders.retain(|path| *path != self.0);
        kept.changed();
    }
}

/// What a process prints. It is read as it comes, so that the process never waits for a full pipe.
struct Output {
    pieces: Receiver<Vec<u8>>,
    text: Vec<u8>,
    ended: bool,
}

impl Output {
    fn new(mut pipe: PipeReader) -> Output {
        let (sender, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Output { pieces, text: Vec::new(), ended: false }
    }

    /// Waits at most `limit` for the next piece. Returns whether one came.
    fn more(&mut self, limit: Duration) -> bool {
        match self.pieces.recv_timeout(limit) {
            Ok(piece) => self.text.extend(piece),
            Err(error) => {
                self.ended |= error == RecvTimeoutError::Disconnected;
                return false;
            }
        }
        true
    }

    /// Takes the first `length` bytes.
    fn take(&mut self, length: usize) -> String {
        let rest = self.text.split_off(length);
        let taken = std::mem::replace(&mut self.text, rest);
        String::from_utf8_lossy(&taken).replace('\r', "")
    }
}

/// The stage's binary with these arguments, and a pipe for its standard input.
fn command(binary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments).stdin(Stdio::piped());
    command
}

/// A running server, which is ended when this is dropped, and its files with it.
pub struct Server {
    process: Process,
    output: Output,
    /// The pipe's other end: a mark written here comes after all that the server has written.
    fence: PipeWriter,
    binary: PathBuf,
    /// Where it listens (HOST:PORT).
    addr: String,
    folder: Folder,
    /// Where it keeps its messages, if that is not a file of its own.
    database: Option<Database>,
}

impl Server {
    /// Starts `binary server --addr ADDR` in an empty folder, and waits until it says where it listens.
    ///
    /// # Errors
    /// A server that ends, or prints something else first; the error has what it printed.
    pub fn start(binary: &Path, addr: &str) -> Result<Server> {
        Server::start_with(binary, addr, None)
    }

    /// The same with `--db URL`, where there is a database.
    ///
    /// # Errors
    /// As those of [`Server::start`].
    pub fn start_with(binary: &Path, addr: &str, database: Option<&Database>) -> Result<Server> {
        let binary = std::path::absolute(binary)?;
        let folder = Folder::new()?;
        let (process, output, fence) = Server::launch(&binary, addr, &[], &folder.0, database)?;
        let (addr, database) = (String::new(), database.cloned());
        let mut server = Server { process, output, fence, binary, addr, folder, database };
        server.addr = server.listening()?;
        Ok(server)
    }

    fn launch(
        binary: &Path,
        addr: &str,
        more: &[String],
        folder: &Path,
        database: Option<&Database>,
    ) -> Result<(Process, Output, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let fence = writer.try_clone()?;
        let mut command = command(binary, &["server", "--addr", addr]);
        postgres::add_database(&mut command, database);
        command.args(more).current_dir(folder);
        let (process, _) = Process::start(command, false, writer)?;
        Ok((process, Output::new(reader), fence))
    }

    /// Waits for the first line, and returns the address in it.
    fn listening(&mut self) -> Result<String> {
        let start = Instant::now();
        while !self.output.text.contains(&b'\n') && start.elapsed() < PATIENCE && !self.ended()? {
            self.output.more(Duration::from_millis(20));
        }
        if self.output.text.is_empty() {
            // A server that has ended at once can have printed its line before.
            self.output.more(LAST_WORDS);
        }
        let text = String::from_utf8_lossy(&self.output.text);
        if let Some(addr) = text.lines().next().and_then(|line| line.strip_prefix("listening on "))
        {
            return Ok(addr.to_string());
        }
        self.ends_soon()?;
        bail!("the server did not start: {}", self.said()?.trim_end())
    }

    /// The address where it listens (HOST:PORT), with the real port.
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns what the server has printed since the last call of this function.
    ///
    /// # Errors
    /// Its output cannot be read for 15 s.
    pub fn said(&mut self) -> Result<String> {
        const MARK: &[u8] = b"\0fence\0";
        self.fence.write_all(MARK)?;
        let start = Instant::now();
        let mut searched = 0;
        loop {
            let text = &self.output.text;
            let found = text[searched..].windows(MARK.len()).position(|window| window == MARK);
            if let Some(at) = found {
                let said = self.output.take(searched + at);
                self.output.take(MARK.len());
                return Ok(said);
            }
            if start.elapsed() > PATIENCE {
                bail!("cannot read what the server says");
            }
            // A mark can come in two pieces.
            searched = text.len().saturating_sub(MARK.len());
            self.output.more(PATIENCE);
        }
    }

    /// The same, as soon as the server has printed nothing for 100 ms.
    ///
    /// # Errors
    /// The server does not stop printing for 15 s.
    pub fn said_when_quiet(&mut self) -> Result<String> {
        let mut said = self.said()?;
        let start = Instant::now();
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            quiet = if self.output.more(QUIET_ROUND) { 0 } else { quiet + 1 };
            ensure!(start.elapsed() < PATIENCE, "the server does not stop printing");
        }
        said.push_str(&self.said()?);
        Ok(said)
    }

    /// Waits until the server has printed something since the last call of `said`, or `enough` is true; at most
    /// `limit`. Returns whether it has printed something.
    ///
    /// # Errors
    /// An error of `enough`.
    pub fn speaks(
        &mut self,
        limit: Duration,
        mut enough: impl FnMut() -> Result<bool>,
    ) -> Result<bool> {
        let start = Instant::now();
        while self.output.text.is_empty() && start.elapsed() < limit && !enough()? {
            self.output.more(QUIET_ROUND);
        }
        Ok(!self.output.text.is_empty())
    }

    /// Returns what the server has printed since the last call of `said`, as soon as `text` is in it.
    ///
    /// # Errors
    /// The server does not print `text` within 15 s.
    pub fn said_with(&mut self, text: &str) -> Result<String> {
        let start = Instant::now();
        let mut said = self.said()?;
        while !said.contains(text) {
            ensure!(start.elapsed() < PATIENCE, "the server has not said {text:?}: {said}");
            self.output.more(QUIET_ROUND);
            said.push_str(&self.said()?);
        }
        Ok(said)
    }

    /// Whether the server has ended.
    ///
    /// # Errors
    /// The system cannot report it.
    pub fn ended(&self) -> Result<bool> {
        Ok(self.process.poll()?.is_some())
    }

    /// Whether the server has ended, or does so within a second.
    ///
    /// # Errors
    /// The system cannot report it.
    pub fn ends_soon(&self) -> Result<bool> {
        Ok(self.process.wait(Duration::from_secs(1))?.is_some())
    }

    /// Waits for the server to end and returns its exit status.
    ///
    /// # Errors
    /// The server does not end within 15 s.
    pub fn status(&self) -> Result<ExitStatus> {
        self.process.wait(PATIENCE)?.context("the server does not end")
    }

    /// Ends the server without a warning.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Ends the server without a warning and starts it again, at the same address and with its files.
    ///
    /// # Errors
    /// As those of [`Server::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.restart_with(&[])
    }

    /// The same with these additional arguments.
    ///
    /// # Errors
    /// As those of [`Server::start`].
    pub fn restart_with(&mut self, more: &[String]) -> Result<()> {
        // The old process must be gone before the new one can listen at its address.
        self.kill();
        let (folder, database) = (&self.folder.0, self.database.as_ref());
        let (process, output, fence) =
            Server::launch(&self.binary, &self.addr, more, folder, database)?;
        (self.process, self.output, self.fence) = (process, output, fence);
        self.listening()?;
        Ok(())
    }

    /// Asks the server to end (SIGTERM), waits for that, and returns its exit status. Windows has no SIGTERM:
    /// there the server is ended without a warning, and there is no status.
    ///
    /// # Errors
    /// The server has ended before, or does not end within 15 s.
    pub fn stop(&self) -> Result<Option<ExitStatus>> {
        if cfg!(windows) {
            self.kill();
            return Ok(None);
        }
        // The shell has `kill` built in; not every system has it as a program.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.id())])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot start sh, which sends SIGTERM")?;
        ensure!(sent.success(), "the server ended before it was asked to");
        let status = self.process.wait(PATIENCE)?;
        status.context("the server does not end after SIGTERM").map(Some)
    }

    /// The folder in which it runs.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }
}

/// A running client, which is ended when this is dropped.
pub struct Client {
    process: Process,
    input: Option<ChildStdin>,
    output: Output,
}

impl Client {
    /// Starts `binary client --addr ADDR`.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn start(binary: &Path, addr: &str) -> Result<Client> {
        let (reader, writer) = io::pipe()?;
        let command = command(binary, &["client", "--addr", addr]);
        let (process, input) = Process::start(command, false, writer)?;
        Ok(Client { process, input, output: Output::new(reader) })
    }

    /// Types a line.
    ///
    /// # Errors
    /// The client has closed its input.
    pub fn type_line(&mut self, text: &str) -> Result<()> {
        if let Some(input) = &mut self.input {
            writeln!(input, "{text}").context("the client does not read any more")?;
        }
        Ok(())
    }

    /// All that the client prints until its prompt or its end, without the prompt.
    ///
    /// # Errors
    /// The client prints nothing for 15 s.
    pub fn until_prompt(&mut self) -> Result<String> {
        loop {
            let text = String::from_utf8_lossy(&self.output.text);
            if text == PROMPT || text.ends_with(&format!("\n{PROMPT}")) {
                let said = self.output.take(self.output.text.len() - PROMPT.len());
                self.output.text.clear();
                return Ok(said);
            }
            if !self.output.more(PATIENCE) {
                if !self.output.ended {
                    bail!("the client says nothing for {} s", PATIENCE.as_secs());
                }
                return Ok(self.output.take(self.output.text.len()));
            }
        }
    }

    /// Whether the client has closed its output, which is the last thing that it does.
    pub fn ended(&self) -> bool {
        self.output.ended
    }

    /// Waits for the client to end and returns its exit status.
    ///
    /// # Errors
    /// The client does not end within 15 s.
    pub fn status(&self) -> Result<ExitStatus> {
        self.process.wait(PATIENCE)?.context("the client does not end")
    }

    /// Ends the input, as Ctrl-D does, waits for the client to end and returns what it still printed.
    ///
    /// # Errors
    /// The client does not end within 15 s, or fails.
    pub fn end(mut self) -> Result<String> {
        self.input = None;
        let text = self.until_prompt()?;
        let status = self.status()?;
        if !status.success() {
            bail!("the client ended with {status}: {}", text.trim());
        }
        Ok(text)
    }
}

/// A command of the stage that runs. It is ended when this is dropped.
pub struct Task {
    /// Its arguments, as the lesson has them.
    pub words: String,
    process: Process,
    output: Output,
}

impl Task {
    /// Starts `binary` with `words` and `--addr ADDR`.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn start(binary: &Path, words: &[String], addr: &str) -> Result<Task> {
        let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
        arguments.extend(["--addr", addr]);
        Task::of(&words.join(" "), command(binary, &arguments), Ending::Kill)
    }

    /// Starts another program, which is called `words` in errors.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn of(words: &str, command: Command, ending: Ending) -> Result<Task> {
        let (reader, writer) = io::pipe()?;
        let errors = writer.try_clone()?;
        let (process, _) = Process::start_with(command, ending, writer, errors.into())?;
        Ok(Task { words: words.to_string(), process, output: Output::new(reader) })
    }

    /// Waits until it has printed `text`. Returns whether it has done so; it may also have ended without that.
    ///
    /// # Errors
    /// The command prints something else for 15 s.
    pub(crate) fn says(&mut self, text: &str) -> Result<bool> {
        let start = Instant::now();
        loop {
            if String::from_utf8_lossy(&self.output.text).contains(text) {
                return Ok(true);
            }
            if self.output.ended {
                return Ok(false);
            }
            ensure!(start.elapsed() < PATIENCE, "{} does not get ready", self.words);
            self.output.more(PATIENCE);
        }
    }

    /// Whether the command has ended.
    ///
    /// # Errors
    /// The system cannot report it.
    pub fn ended(&self) -> Result<bool> {
        Ok(self.process.poll()?.is_some())
    }

    /// Waits for the end of the command; returns what it printed and its status.
    ///
    /// # Errors
    /// The command prints nothing for 15 s, or does not end.
    pub fn finish(mut self) -> Result<(String, ExitStatus)> {
        let Task { words, process, output } = &mut self;
        while !output.ended {
            if !output.more(PATIENCE) && !output.ended {
                bail!("{words} says nothing for {} s", PATIENCE.as_secs());
            }
        }
        let status = process.wait(PATIENCE)?.with_context(|| format!("{words} does not end"))?;
        Ok((output.take(output.text.len()), status))
    }
}
