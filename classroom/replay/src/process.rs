//! A server and a client as processes, what they print, and that none of them is left behind.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// How long to wait for a process to say something; more than the 10 s that a client gives a server.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a server says nothing when it has nothing more to say.
const QUIET: Duration = Duration::from_millis(100);

/// What the client prints when it waits for a line.
const PROMPT: &str = "> ";

/// The processes that run now, each under a number of its own: the system gives a process id a second time.
/// A signal that ends this program must end them, too.
static RUNNING: Mutex<BTreeMap<u64, Running>> = Mutex::new(BTreeMap::new());

/// How many processes have been started.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// The folders in which servers keep their files. They are removed with their servers.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn running() -> MutexGuard<'static, BTreeMap<u64, Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C, Ctrl-\, or a polite kill first ends the processes that this program started and removes
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

/// The same on Windows, where Ctrl-C and the closing of the console are all that there is.
#[cfg(windows)]
pub fn end_with_signals() -> Result<()> {
    ctrlc::set_handler(|| end_all(130)).context("cannot listen for Ctrl-C")
}

/// Ends all processes, removes all folders, and ends this program.
fn end_all(status: i32) {
    // The lock is kept to the end, so that nothing new is started.
    let mut children = running();
    for child in children.values_mut() {
        child.kill();
    }
    for folder in folders().iter() {
        let _ = fs::remove_dir_all(folder);
    }
    std::process::exit(status);
}

/// A child of this program.
struct Running {
    child: Child,
    /// Whether it leads a process group of its own, with which it ends.
    group: bool,
}

impl Running {
    /// Ends the process without a warning, and the processes of its group.
    fn kill(&mut self) {
        if self.group {
            kill_group(self.child.id());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends a process and those that it started.
fn kill_group(id: u32) {
    let mut command = if cfg!(windows) {
        let mut command = Command::new("taskkill");
        command.args(["/F", "/T", "/PID", &id.to_string()]);
        command
    } else {
        // The shell has `kill` built in; not every system has it as a program.
        let mut command = Command::new("sh");
        command.args(["-c", &format!("kill -KILL -{id}")]);
        command
    };
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
        mut command: Command,
        group: bool,
        output: PipeWriter,
    ) -> Result<(Process, Option<ChildStdin>)> {
        command.stderr(output.try_clone()?).stdout(output);
        #[cfg(unix)]
        if group {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut children = running();
        let program = command.get_program().to_os_string();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
        let input = child.stdin.take();
        let process = Process { key: STARTED.fetch_add(1, Ordering::Relaxed), id: child.id() };
        children.insert(process.key, Running { child, group });
        Ok((process, input))
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends the process without a warning, and with it its group, if it has one.
    pub fn kill(&self) {
        let removed = running().remove(&self.key);
        if let Some(mut running) = removed {
            running.kill();
        }
    }

    /// The exit status, if the process has ended.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn poll(&self) -> Result<Option<ExitStatus>> {
        let mut children = running();
        let running = children.get_mut(&self.key).context("the process is gone")?;
        Ok(running.child.try_wait()?)
    }

    /// Waits at most `limit` for the process to end. Returns its exit status if it has ended.
    ///
    /// # Errors
    /// The system does not tell.
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
        let mut folders = folders();
        // An earlier process with the same id may have left a folder behind.
        for number in 0.. {
            let path = env::temp_dir().join(format!("replay-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {
                    folders.push(path.clone());
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
        folders().retain(|path| *path != self.0);
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
}

impl Server {
    /// Starts `binary server --addr ADDR` in an empty folder, and waits until it says where it listens.
    ///
    /// # Errors
    /// A server that ends, or says something else first; its words are in the error.
    pub fn start(binary: &Path, addr: &str) -> Result<Server> {
        let binary = std::path::absolute(binary)?;
        let folder = Folder::new()?;
        let (process, output, fence) = Server::launch(&binary, addr, &folder.0)?;
        let mut server = Server { process, output, fence, binary, addr: String::new(), folder };
        server.addr = server.listening()?;
        Ok(server)
    }

    fn launch(binary: &Path, addr: &str, folder: &Path) -> Result<(Process, Output, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        let fence = writer.try_clone()?;
        let mut command = command(binary, &["server", "--addr", addr]);
        command.current_dir(folder);
        let (process, _) = Process::start(command, false, writer)?;
        Ok((process, Output::new(reader), fence))
    }

    /// Waits for the first line, and returns the address in it.
    fn listening(&mut self) -> Result<String> {
        let start = Instant::now();
        while !self.output.text.contains(&b'\n') && start.elapsed() < PATIENCE && !self.ended()? {
            self.output.more(Duration::from_millis(20));
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

    /// All that the server has printed up to now and that was not asked for before.
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

    /// The same, when nothing has been added to it for a while.
    pub fn said_when_quiet(&mut self) -> Result<String> {
        let mut said = self.said()?;
        while self.output.more(QUIET) {
            said.push_str(&self.said()?);
        }
        Ok(said)
    }

    /// The same, as soon as `text` is in it.
    pub fn said_with(&mut self, text: &str) -> Result<String> {
        let start = Instant::now();
        let mut said = self.said()?;
        while !said.contains(text) {
            ensure!(start.elapsed() < PATIENCE, "the server has not said {text:?}: {said}");
            self.output.more(QUIET);
            said.push_str(&self.said()?);
        }
        Ok(said)
    }

    /// Whether the server has ended.
    pub fn ended(&self) -> Result<bool> {
        Ok(self.process.poll()?.is_some())
    }

    /// Whether the server has ended, or does so within a second.
    pub fn ends_soon(&self) -> Result<bool> {
        Ok(self.process.wait(Duration::from_secs(1))?.is_some())
    }

    /// Waits for the server to end and returns its exit status.
    pub fn status(&self) -> Result<ExitStatus> {
        self.process.wait(PATIENCE)?.context("the server does not end")
    }

    /// Ends the server without a warning.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Ends the server without a warning and starts it again, at the same address and with its files.
    pub fn restart(&mut self) -> Result<()> {
        // The old process must be gone before the new one can listen at its address.
        self.kill();
        let (process, output, fence) = Server::launch(&self.binary, &self.addr, &self.folder.0)?;
        (self.process, self.output, self.fence) = (process, output, fence);
        self.listening()?;
        Ok(())
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
    pub fn start(binary: &Path, addr: &str) -> Result<Client> {
        let (reader, writer) = io::pipe()?;
        let command = command(binary, &["client", "--addr", addr]);
        let (process, input) = Process::start(command, false, writer)?;
        Ok(Client { process, input, output: Output::new(reader) })
    }

    /// Types a line.
    pub fn type_line(&mut self, text: &str) -> Result<()> {
        if let Some(input) = &mut self.input {
            writeln!(input, "{text}").context("the client does not read any more")?;
        }
        Ok(())
    }

    /// All that the client prints until it asks for a line or ends, without its prompt.
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
    pub fn status(&self) -> Result<ExitStatus> {
        self.process.wait(PATIENCE)?.context("the client does not end")
    }

    /// Ends the input, as Ctrl-D does, waits for the client to end and returns what it still said.
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

/// Runs `binary` with `words` and `--addr ADDR` to its end; returns what it printed and its status.
pub fn run(binary: &Path, words: &[String], addr: &str) -> Result<(String, ExitStatus)> {
    let mut arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    arguments.extend(["--addr", addr]);
    let (reader, writer) = io::pipe()?;
    let (process, _) = Process::start(command(binary, &arguments), false, writer)?;
    let mut output = Output::new(reader);
    while !output.ended {
        if !output.more(PATIENCE) && !output.ended {
            bail!("{} says nothing for {} s", words.join(" "), PATIENCE.as_secs());
        }
    }
    let status = process.wait(PATIENCE)?.context("the command does not end")?;
    Ok((output.take(output.text.len()), status))
}
