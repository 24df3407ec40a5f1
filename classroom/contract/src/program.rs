//! A server as a program that the check starts, starts again and ends. It gets a new port each time: the old one may
//! be in TIME_WAIT.

use anyhow::{Result, bail, ensure};
use replay::{Database, Folder, Process};
use socket2::{Domain, Socket, Type};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, PipeReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes of what the server printed last are kept.
const KEPT: usize = 4 << 10;

/// Where a server listens that only this machine has to reach.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The ports at which a program listens.
pub const PORTS: RangeInclusive<u16> = 20_000..=29_999;

/// A student's server, or a stage's. When this is dropped, it ends, and the processes that it has started end, too.
pub struct Program {
    words: Words,
    process: Option<Process>,
    /// The address of this machine at which it listens.
    ip: IpAddr,
    addr: String,
    /// Reserves the port: other checks cannot bind the same one.
    reserved: Option<UdpSocket>,
    printed: Printed,
    /// The database for its messages, if the check has made one.
    database: Option<Database>,
}

/// How the program is started.
enum Words {
    /// A line for the shell, in the folder where this runs. `{addr}`, `{host}` and `{port}` stand for the address,
    /// `{db}` for the database.
    Shell(String),
    /// A stage's binary, in a folder of its own.
    Binary(PathBuf, Folder),
}

impl Program {
    /// Starts `line` with the shell. `{addr}` in it stands for HOST:PORT, `{host}` and `{port}` for its parts; the
    /// port is a free one. `{db}` stands for the URL of the database, if there is one.
    ///
    /// # Errors
    /// There is no shell, or no free port.
    pub fn shell(line: &str, database: Option<Database>) -> Result<Program> {
        Program::shell_on(LOOPBACK, line, database)
    }

    /// The same, at an address of this machine that others can reach.
    ///
    /// # Errors
    /// As those of [`Program::shell`].
    pub fn shell_on(ip: IpAddr, line: &str, database: Option<Database>) -> Result<Program> {
        Program::new(ip, Words::Shell(line.to_string()), database)
    }

    /// Starts `binary server --addr ADDR` in an empty folder, with `--db URL` if there is a database.
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn binary(binary: &Path, database: Option<Database>) -> Result<Program> {
        Program::binary_on(LOOPBACK, binary, database)
    }

    /// The same, at an address of this machine that others can reach.
    ///
    /// # Errors
    /// As those of [`Program::binary`].
    pub fn binary_on(ip: IpAddr, binary: &Path, database: Option<Database>) -> Result<Program> {
        Program::new(ip, Words::Binary(std::path::absolute(binary)?, Folder::new()?), database)
    }

    fn new(ip: IpAddr, words: Words, database: Option<Database>) -> Result<Program> {
        let addr = String::new();
        let printed = Printed::default();
        let mut program =
            Program { words, process: None, ip, addr, reserved: None, printed, database };
        program.restart()?;
        Ok(program)
    }

    /// Ends the server without a warning (SIGKILL) and starts it again, at a free port and with its files. It
    /// does not wait until the server listens.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        // The old port may be in TIME_WAIT, and not every server sets SO_REUSEADDR.
        let (addr, reserved) = free_address(self.ip)?;
        self.reserved = Some(reserved);
        self.addr = addr.to_string();
        let mut command = match &self.words {
            Words::Shell(line) => {
                let line = line.replace("{addr}", &self.addr);
                let line = line.replace("{host}", &addr.ip().to_string());
                let line = line.replace("{port}", &addr.port().to_string());
                match &self.database {
                    Some(database) => shell(&in_place(&line.replace("{db}", &database.url()))),
                    None => shell(&in_place(&line)),
                }
            }
            Words::Binary(binary, folder) => {
                let mut command = Command::new(binary);
                command.args(["server", "--addr", &self.addr]).current_dir(folder.path());
                if let Some(database) = &self.database {
                    command.args(["--db", &database.url()]);
                }
                command
            }
        };
        let (reader, writer) = io::pipe()?;
        command.stdin(Stdio::null());
        let (process, _) = Process::start(command, true, writer)?;
        self.process = Some(process);
        self.printed = Printed::read(reader);
        Ok(())
    }

    /// Ends the server without a warning.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks the server to end: sends SIGTERM to it and to the processes that it has started.
    ///
    /// # Errors
    /// The server does not run.
    pub fn terminate(&self) -> Result<()> {
        let Some(process) = &self.process else { bail!("the server does not run") };
        // Every Unix has the shell's own kill. The minus sign means a group of processes.
        let status = shell(&format!("kill -TERM -{}", process.id())).status()?;
        ensure!(status.success(), "the signal cannot be sent to the server");
        Ok(())
    }

    /// Where it listens, or will listen soon (HOST:PORT).
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// Whether the command has `{addr}` or `{port}`, so that the server can listen there.
    pub fn has_place_for_addr(&self) -> bool {
        match &self.words {
            Words::Shell(line) => line.contains("{addr}") || line.contains("{port}"),
            Words::Binary(..) => true,
        }
    }

    /// The exit status, if the server has ended or does so within `limit`.
    ///
    /// # Errors
    /// The system does not return the status.
    pub fn ended(&self, limit: Duration) -> Result<Option<ExitStatus>> {
        match &self.process {
            Some(process) => process.wait(limit),
            None => Ok(None),
        }
    }

    /// The last lines that the server printed since it was started, at most `most`. The lines around an error, such as
    /// Rust's backtrace, are left out.
    pub fn last_words(&self, most: usize) -> Vec<String> {
        // A program that has ended prints no more, but its last lines may still be in the pipe.
        let ended = self.ended(Duration::ZERO).is_ok_and(|status| status.is_some());
        let limit = if ended { Duration::from_millis(500) } else { Duration::ZERO };
        let text = self.printed.text(limit);
        let lines: Vec<&str> = text.lines().filter(|line| !is_around_an_error(line)).collect();
        let last = lines.len().saturating_sub(most);
        lines[last..].iter().map(|line| line.to_string()).collect()
    }
}

/// Whether a line is not part of an error's text: it is empty, or belongs to a backtrace.
fn is_around_an_error(line: &str) -> bool {
    let line = line.trim();
    let frame = line.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    line.is_empty()
        || frame
        || ["at ", "note: ", "stack backtrace"].iter().any(|start| line.starts_with(start))
}

/// An address with this IP address where nothing listens. The system gives higher ports to clients, and to servers with
/// port 0: such a port could be taken before the server binds it. While the returned UDP socket is open, which has the
/// same port number, no other check chooses the port.
///
/// # Errors
/// No port is free.
fn free_address(ip: IpAddr) -> Result<(SocketAddr, UdpSocket)> {
    for _ in 0..1000 {
        // Each `RandomState` has other keys.
        let random = RandomState::new().hash_one(0);
        let port = PORTS.start() + (random % PORTS.len() as u64) as u16;
        let addr = SocketAddr::new(ip, port);
        let Ok(reserved) = UdpSocket::bind(addr) else { continue };
        if can_bind(addr).is_ok() {
            return Ok((addr, reserved));
        }
    }
    bail!(
        "there is no free port from {} to {}; end some programs that listen there",
        PORTS.start(),
        PORTS.end()
    )
}

/// Binds a socket to `addr`. It does not listen: a process that starts meanwhile has a copy of the socket up to its
/// `exec`, and the copy of a listener would accept the first connection of the check and reset it. It has no
/// SO_REUSEADDR: not every server sets it, so a port in TIME_WAIT is not free.
fn can_bind(addr: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.bind(&addr.into())
}

/// A line that is one plain command runs in place of the shell. Some shells, such as dash, would otherwise stay beside the
/// server, and a signal would end the shell before the server has ended. A line that is more goes to the shell as it is.
fn in_place(line: &str) -> String {
    if cfg!(windows) {
        return line.to_string();
    }
    let is_more = |c: char| ";&|<>()`\n".contains(c);
    let word = line.split_whitespace().next().unwrap_or_default();
    // A path or a name. It is no variable that is set, such as A=1, and no word of the shell itself, such as `cd`.
    let is_program = !word.is_empty()
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+".contains(c))
        && ![".", "cd", "eval", "exec", "exit", "set", "time", "ulimit", "umask"].contains(&word);
    if is_program && !line.contains(is_more) { format!("exec {line}") } else { line.to_string() }
}

/// A command that the shell runs.
pub fn shell(line: &str) -> Command {
    if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", line]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        command
    }
}

/// The last part of what a program has printed. A thread reads all of it, so that the program never waits because the
/// pipe is full.
#[derive(Default)]
struct Printed(Arc<(Mutex<Kept>, Condvar)>);

/// The last bytes, and whether there will be no more.
#[derive(Default)]
struct Kept {
    bytes: VecDeque<u8>,
    ended: bool,
}

impl Printed {
    fn read(mut pipe: PipeReader) -> Printed {
        let printed = Printed::default();
        let kept = printed.0.clone();
        thread::spawn(move || {
            let (lock, changed) = &*kept;
            let mut buffer = [0; 4096];
            loop {
                let read = pipe.read(&mut buffer);
                let mut kept = lock.lock().unwrap_or_else(PoisonError::into_inner);
                let Ok(length @ 1..) = read else {
                    kept.ended = true;
                    changed.notify_all();
                    return;
                };
                kept.bytes.extend(&buffer[..length]);
                let more = kept.bytes.len().saturating_sub(KEPT);
                kept.bytes.drain(..more);
            }
        });
        printed
    }

    /// What is kept. Waits at most `limit` for the end of what the program prints.
    fn text(&self, limit: Duration) -> String {
        let (lock, changed) = &*self.0;
        let kept = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(kept, limit, |kept| !kept.ended);
        let kept = waited.unwrap_or_else(PoisonError::into_inner).0;
        String::from_utf8_lossy(&kept.bytes.iter().copied().collect::<Vec<u8>>()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Program, in_place};
    use anyhow::{Context, Result, ensure};
    use std::io::ErrorKind;
    use std::net::TcpStream;
    use std::thread;

    /// A client that connects before the server listens is refused. Each new process has copies of the open sockets up to
    /// its `exec`: also a copy of the socket with which the check has looked whether the port is free.
    #[test]
    fn nothing_accepts_before_the_server() -> Result<()> {
        let threads: Vec<_> = (0..32).map(|_| thread::spawn(connect_to_many)).collect();
        for thread in threads {
            thread.join().ok().context("a thread has panicked")??;
        }
        Ok(())
    }

    #[test]
    fn one_command_runs_in_place_of_the_shell() {
        for plain in ["python3 server.py 127.0.0.1:1", "./server --port 8080"] {
            assert_eq!(in_place(plain), format!("exec {plain}"));
        }
        for more in ["A=1 ./server", "cd x; ./server", "exec ./server", "./a | ./b", "'./a b'", ""]
        {
            assert_eq!(in_place(more), more);
        }
    }

    fn connect_to_many() -> Result<()> {
        for _ in 0..50 {
            let program = Program::shell("true {addr}", None)?;
            let kind = TcpStream::connect(program.addr()).map_err(|error| error.kind()).err();
            ensure!(kind == Some(ErrorKind::ConnectionRefused), "{kind:?}");
        }
        Ok(())
    }
}
