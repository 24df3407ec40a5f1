//! A command prints what is shown below it.
//!
//! In a block `console` each line after `$ ` is a command, and the lines below it are what it prints, on standard
//! output and standard error, with snapbox's wildcards: `...` for any lines and `[..]` for anything within one. A
//! block that begins without a command is all output of the last one. Times, and ports that the system chose, may
//! differ.
//!
//! A command that ends in `-- server` runs until the next one, or until its section ends. Below it stands its first
//! line, and a block `console server` is what it has printed since.
//!
//! The commands run as if at the root of the workspace: in a folder of its own that links to all that is there, so
//! that a file that they make, such as `messages.db`, is nobody else's.

use crate::{Edition, Findings, Section};
use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use snapbox::assert::Action;
use snapbox::report::Palette;
use snapbox::{Assert, Data, Redactions};
use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Where the servers of the notes listen.
const ADDR: &str = "127.0.0.1:8080";

/// No command takes longer, also when its stage and the window's library have to be compiled first.
const LIMIT: Duration = Duration::from_secs(600);

/// How long a server has for its log after its client has ended.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(10);

/// What stands at the root and is not linked to: cargo finds the workspace above the folder.
const NOT_LINKED: [&str; 4] = ["Cargo.lock", "Cargo.toml", "fuzz", "target"];

/// Where a program comes from whose package on Debian has another name.
const PACKAGES: [(&str, &str); 2] = [("nc", "netcat-openbsd"), ("ss", "iproute2")];

/// A command, what should be printed, and what was.
#[derive(Debug)]
pub struct Run {
    /// Where it stands.
    pub place: String,
    /// The command.
    pub command: String,
    /// What the notes show.
    pub expected: String,
    /// What it printed.
    pub actual: String,
}

impl Run {
    /// Why what was printed is not `expected`, if it is not.
    pub fn difference(&self, expected: &str) -> Option<String> {
        let difference =
            differ(expected, &self.actual).unwrap_or_else(|error| Some(error.to_string()))?;
        Some(format!("{}: $ {}\n{difference}", self.place, self.command))
    }
}

/// Runs each command of `edition` at `root`, section by section.
///
/// # Errors
/// A program that is not installed, a command that does not end, a server that does not start, a port that is taken.
pub fn run(edition: &Edition, root: &Path) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let _turn = turn()?;
    for section in &edition.sections {
        let steps = steps(edition, section)?;
        if steps.is_empty() {
            continue;
        }
        let room = Room::new(root)?;
        let mut server: Option<Server> = None;
        for step in steps {
            let actual = match step.kind {
                Kind::Run => finish(&step.text, &room.0),
                Kind::Server => {
                    // The old one first: both listen at the same address.
                    drop(server.take());
                    Server::start(&step.text, &room.0).map(|(started, said)| {
                        server = Some(started);
                        said
                    })
                }
                Kind::Log => server
                    .as_mut()
                    .context("no server runs here")
                    .and_then(|s| s.log(&step.expected)),
            };
            let actual = actual.with_context(|| format!("{}: $ {}", step.place, step.text))?;
            let Step { place, text: command, expected, .. } = step;
            runs.push(Run { place, command, expected, actual });
        }
    }
    Ok(runs)
}

/// Waits until nobody else on this machine runs the notes: all their servers listen at the same address. The turn is
/// over when the file is closed.
fn turn() -> Result<File> {
    let path = env::temp_dir().join("notes-8080.lock");
    let file = File::open(&path).or_else(|_| File::create(&path));
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    file.lock()?;
    Ok(file)
}

/// What `runs` have found.
pub fn compare(runs: &[Run]) -> Findings {
    let wrong = runs.iter().filter_map(|run| run.difference(&run.expected)).collect();
    Findings { checked: runs.len(), wrong }
}

enum Kind {
    Run,
    Server,
    Log,
}

/// Something to run or to look at.
struct Step {
    kind: Kind,
    place: String,
    text: String,
    expected: String,
}

/// What the blocks of a section ask for, in order.
fn steps(edition: &Edition, section: &Section) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let blocks = edition.blocks().filter(|(of, ..)| of.line == section.line);
    for (_, line, block) in blocks {
        match block.info.as_str() {
            "console" => {}
            "console server" => {
                steps.push(Step {
                    kind: Kind::Log,
                    place: format!("{}:{line}", edition.name),
                    text: "(the server's terminal)".to_string(),
                    expected: block.text.clone(),
                });
                continue;
            }
            _ => continue,
        }
        let commands = block.text.starts_with("$ ");
        for (number, text) in (line + 1..).zip(block.text.lines()) {
            let place = format!("{}:{number}", edition.name);
            // A replay, too, shows commands.
            if let Some(command) = text.strip_prefix("$ ").filter(|_| commands) {
                let server = command.starts_with("cargo run") && command.contains(" -- server");
                let kind = if server { Kind::Server } else { Kind::Run };
                let text = command.to_string();
                steps.push(Step { kind, place, text, expected: String::new() });
            } else {
                let step =
                    steps.last_mut().with_context(|| format!("{place}: output of no command"))?;
                let ended = matches!(step.kind, Kind::Log);
                ensure!(!ended, "{place}: what the server prints stands in a block console server");
                step.expected.push_str(text);
                step.expected.push('\n');
            }
        }
    }
    Ok(steps)
}

/// Why `actual` is not what `expected` describes, if it is not.
fn differ(expected: &str, actual: &str) -> Result<Option<String>> {
    let mut redactions = Redactions::new();
    redactions.insert("[TIME]", Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")?)?;
    // The ports that the system chooses; 8080 is one that somebody chose.
    redactions.insert("[PORT]", Regex::new(r"127\.0\.0\.1:(?<redacted>\d{5})")?)?;
    // The reader sees a time and a port, too, and not a name for them.
    let expected = redactions.redact(&tidy(expected));
    let assert = Assert::new().action(Action::Verify).normalize_paths(false);
    let assert = assert.redact_with(redactions).palette(Palette::plain());
    let name = "the notes".to_string();
    let compared = assert.try_eq(Some(&name), Data::text(tidy(actual)), Data::text(expected));
    Ok(compared.err().map(|error| error.to_string()))
}

/// The text without what nobody can see: the spaces and carriage returns at the ends of lines.
fn tidy(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// A folder that links to all that is at the root, and is gone when this is dropped.
struct Room(PathBuf);

impl Room {
    fn new(root: &Path) -> Result<Room> {
        let path = root.join("target/notes-room");
        // What a run that was stopped has left: it is our turn.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let room = Room(path);
        for entry in fs::read_dir(root)? {
            let name = entry?.file_name();
            let text = name.to_string_lossy();
            if !text.starts_with('.') && !text.contains(".db") && !NOT_LINKED.contains(&&*text) {
                symlink(root.join(&name), room.0.join(&name))?;
            }
        }
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A command in a shell, and what it prints. It ends with this at the latest, and with Ctrl-C, because it belongs to
/// the same terminal.
struct Shell {
    child: Child,
    pieces: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    /// Whether nobody can print any more.
    ended: bool,
}

impl Shell {
    fn start(command: &str, folder: &Path) -> Result<Shell> {
        let (mut reader, writer) = io::pipe()?;
        let mut shell = Command::new("sh");
        // What cargo tells a test about itself is not for the cargo in the notes.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG") {
                shell.env_remove(name);
            }
        }
        let child = shell
            .args(["-c", command])
            .current_dir(folder)
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("CLICOLOR_FORCE")
            .env("CARGO_TERM_QUIET", "true")
            .stdin(Stdio::null())
            .stderr(writer.try_clone()?)
            .stdout(writer)
            .spawn()
            .context("cannot start a shell")?;
        // The pipe's other end, which the builder holds, too.
        drop(shell);
        let (sender, pieces) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Ok(Shell { child, pieces, bytes: Vec::new(), ended: false })
    }

    /// Waits a moment for more output.
    fn more(&mut self) {
        match self.pieces.recv_timeout(PAUSE) {
            Ok(piece) => self.bytes.extend(piece),
            Err(error) => self.ended |= error == RecvTimeoutError::Disconnected,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end, and returns what it printed.
fn finish(command: &str, folder: &Path) -> Result<String> {
    let mut shell = Shell::start(command, folder)?;
    let start = Instant::now();
    while !shell.ended {
        shell.more();
        ensure!(start.elapsed() < LIMIT, "it does not end; so far it printed:\n{}", shell.text());
    }
    let text = shell.text();
    let missing = Regex::new(r"(?m)^sh: .*?([\w-]+): (?:command )?not found$")?;
    if let Some(found) = missing.captures(&text) {
        let program = &found[1];
        let known = PACKAGES.iter().find(|package| package.0 == program);
        let package = known.map_or(program, |package| package.1);
        bail!("{program} is not installed; on Debian: sudo apt install {package}");
    }
    Ok(text)
}

/// A server in the background.
struct Server {
    shell: Shell,
    /// How much of its output has been looked at.
    seen: usize,
}

impl Server {
    /// Starts a server, and returns it with all that it printed until it listened.
    fn start(command: &str, folder: &Path) -> Result<(Server, String)> {
        TcpListener::bind(ADDR).with_context(|| {
            format!("the notes need {ADDR} for their own servers; end what listens there")
        })?;
        let shell = Shell::start(&format!("exec {command}"), folder)?;
        let mut server = Server { shell, seen: 0 };
        let start = Instant::now();
        while !server.new_text().contains("listening on ") || !server.new_text().ends_with('\n') {
            ensure!(!server.shell.ended, "the server ended: {}", server.new_text());
            ensure!(start.elapsed() < LIMIT, "the server does not listen: {}", server.new_text());
            server.shell.more();
        }
        let text = server.new_text();
        server.seen = server.shell.bytes.len();
        Ok((server, text))
    }

    /// What it has printed since the last look, as soon as that is what is expected of it.
    fn log(&mut self, expected: &str) -> Result<String> {
        let start = Instant::now();
        while differ(expected, &self.new_text())?.is_some() && start.elapsed() < PATIENCE {
            if self.shell.ended {
                break;
            }
            self.shell.more();
        }
        let text = self.new_text();
        self.seen = self.shell.bytes.len();
        Ok(text)
    }

    fn new_text(&self) -> String {
        String::from_utf8_lossy(&self.shell.bytes[self.seen..]).into_owned()
    }
}
