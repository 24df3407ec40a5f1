//! A server and a client as processes, what they print, and that none of them is left behind.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
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

/// The processes that run now. Who ends the replay from outside must end them, too.
static RUNNING: Mutex<BTreeMap<u32, Child>> = Mutex::new(BTreeMap::new());

/// The folders in which servers keep their files, gone with them.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn running() -> MutexGuard<'static, BTreeMap<u32, Child>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on Ctrl-C, or a polite kill, ends the server and the client before the program that
/// started them, whose exit status is then 128 and the signal's number, as a shell has it.
///
/// Elsewhere than on Unix the system ends all programs of the terminal together.
pub fn end_with_signals() -> Result<()> {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])
            .context("cannot listen for signals")?;
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // The lock is kept to the end, so that nothing new is started.
                let mut children = running();
                for child in children.values_mut() {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                for folder in folders().iter() {
                    let _ = fs::remove_dir_all(folder);
                }
                std::process::exit(128 + signal);
            }
        });
    }
    Ok(())
}

/// A process of the stage's binary, which ends at the latest when this does.
struct Process(u32);

impl Process {
    /// Starts `binary` with `arguments`, in `folder` if there is one. Standard output and standard error both go to `output`, as
    /// they do on a terminal. Returns the process and its standard input.
    fn start(
        binary: &Path,
        arguments: &[&str],
        folder: Option<&Path>,
        output: PipeWriter,
    ) -> Result<(Process, Option<ChildStdin>)> {
        let mut command = Command::new(binary);
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        command.args(arguments).stdin(Stdio::piped()).stderr(output.try_clone()?).stdout(output);
        let mut children = running();
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let input = child.stdin.take();
        let id = child.id();
        children.insert(id, child);
        Ok((Process(id), input))
    }

    /// The exit status, if the process has ended.
    fn poll(&self) -> Result<Option<ExitStatus>> {
        let mut children = running();
        let child = children.get_mut(&self.0).context("the process is gone")?;
        Ok(child.try_wait()?)
    }

    /// Waits at most `limit` for the process to end.
    fn wait(&self, limit: Duration) -> Result<Option<ExitStatus>> {
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
        if let Some(mut child) = running().remove(&self.0) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A folder that is empty at first, and removed with all that is in it when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let mut folders = folders();
        // Whatever a process with our number may have left behind is not ours.
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

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
        folders().retain(|path| *path != self.0);
    }
}

/// What a process prints. It is read as it comes, so that a full pipe stops nobody.
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
        let (process, _) =
            Process::start(binary, &["server", "--addr", addr], Some(folder), writer)?;
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
        self.process.0
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
    pub fn kill(&mut self) {
        // The number of no process: what is dropped here is the process itself.
        drop(std::mem::replace(&mut self.process, Process(0)));
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
        let (process, input) = Process::start(binary, &["client", "--addr", addr], None, writer)?;
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
    let (process, _) = Process::start(binary, &arguments, None, writer)?;
    let mut output = Output::new(reader);
    while !output.ended {
        if !output.more(PATIENCE) && !output.ended {
            bail!("{} says nothing for {} s", words.join(" "), PATIENCE.as_secs());
        }
    }
    let status = process.wait(PATIENCE)?.context("the command does not end")?;
    Ok((output.take(output.text.len()), status))
}
