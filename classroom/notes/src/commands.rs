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
//! The commands of a section run as if at the root of the workspace: in a new folder that links to all that is there,
//! so that no other section gets a file that they make, such as `messages.db`. Each section has a network of its
//! own where the system allows it, and the sections then run at the same time: see `network.rs`.

use crate::network::Network;
use crate::{Edition, Findings, Section};
use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use snapbox::assert::Action;
use snapbox::report::Palette;
use snapbox::{Assert, Data, Redactions};
use std::env;
use std::fs;
use std::io::{self, Read};
use std::num::NonZero;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a command may take, also when its stage and the window's library have to be compiled first.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

/// How long a server has for its log after its client has ended.
const LOG_TIMEOUT: Duration = Duration::from_secs(15);

/// How often to look for new output.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How many sections run at the same time on each processor: a section often waits, for a server or for a client.
const SECTIONS_PER_CPU: usize = 2;

/// What stands at the root and is not linked to: cargo finds the workspace above the folder.
const NOT_LINKED: [&str; 4] = ["Cargo.lock", "Cargo.toml", "fuzz", "target"];

/// The Debian packages of programs, where they have another name than the program.
const PACKAGES: [(&str, &str); 2] = [("nc", "netcat-openbsd"), ("ss", "iproute2")];

/// A command, what it should print, and what it printed.
#[derive(Debug)]
pub struct Run {
    /// Where it stands: file and line.
    pub position: String,
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
        Some(format!("{}: $ {}\n{difference}", self.position, self.command))
    }
}

/// Runs each command of `edition` at `root`. Returns the runs in the order of the text.
///
/// # Errors
/// A program that is not installed, a command that does not end, a server that does not start.
pub fn run(edition: &Edition, root: &Path) -> Result<Vec<Run>> {
    if Network::own().is_none() {
        return run_in_turn(edition, root);
    }
    fetch(root)?;
    let sections = edition.sections.iter();
    let mut results: Vec<Option<Result<Vec<Run>>>> = sections.clone().map(|_| None).collect();
    let waiting = Mutex::new(sections.zip(&mut results));
    let next = || waiting.lock().ok()?.next();
    let work = || {
        while let Some((section, result)) = next() {
            let network = Network::own().context("the system has no network namespace left");
            *result =
                Some(network.and_then(|network| run_section(edition, section, root, &network)));
        }
    };
    thread::scope(|scope| {
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 0..cpus * SECTIONS_PER_CPU {
            scope.spawn(work);
        }
    });
    let runs: Result<Vec<Vec<Run>>> = results.into_iter().flatten().collect();
    Ok(runs?.into_iter().flatten().collect())
}

/// The same in the network of the machine, one section after another.
///
/// # Errors
/// Those of [`run`].
pub fn run_in_turn(edition: &Edition, root: &Path) -> Result<Vec<Run>> {
    let network = Network::shared()?;
    let mut runs = Vec::new();
    for section in &edition.sections {
        runs.extend(run_section(edition, section, root, &network)?);
    }
    Ok(runs)
}

/// Runs each command of a section.
fn run_section(
    edition: &Edition,
    section: &Section,
    root: &Path,
    network: &Network,
) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    let tasks = tasks(edition, section)?;
    if tasks.is_empty() {
        return Ok(runs);
    }
    let folder = working_folder(root)?;
    let mut server: Option<Server> = None;
    for task in tasks {
        let position = task.position.clone();
        let run = run_task(task, &mut server, folder.path(), network);
        runs.push(run.with_context(|| position)?);
    }
    Ok(runs)
}

/// Runs one command, or looks at what the `server` of the section has printed.
fn run_task(
    task: Task,
    server: &mut Option<Server>,
    folder: &Path,
    network: &Network,
) -> Result<Run> {
    let Task { kind, position, text: command, expected } = task;
    let shell = |prefix: &str| {
        Shell::start(&format!("{prefix}{}", network.rewrite(&command)?), folder, network)
    };
    let actual = match kind {
        Kind::Run => shell("").and_then(finish),
        Kind::Server => {
            // The old server ends first: both listen at the same address.
            drop(server.take());
            shell("exec ").and_then(Server::start).map(|(started, output)| {
                *server = Some(started);
                output
            })
        }
        Kind::Log => server
            .as_mut()
            .context("no server runs here")
            .and_then(|server| server.log(&expected, network)),
    };
    let actual = actual.with_context(|| format!("$ {command}"))?;
    Ok(Run { position, command, expected, actual: network.restore(&actual) })
}

/// Downloads the dependencies that are not on this machine yet: a network of its own has no way to a registry.
fn fetch(root: &Path) -> Result<()> {
    if !root.join("Cargo.lock").exists() {
        return Ok(());
    }
    let mut cargo = as_typed(Command::new("cargo"), root);
    // If this fails, for example without a connection, the command that needs a dependency reports it.
    cargo.args(["fetch", "--locked", "--target", "host-tuple"]).stderr(Stdio::null());
    cargo.status().context("cannot start cargo")?;
    Ok(())
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
struct Task {
    kind: Kind,
    position: String,
    text: String,
    expected: String,
}

/// What the blocks of a section ask for, in order.
fn tasks(edition: &Edition, section: &Section) -> Result<Vec<Task>> {
    let mut tasks: Vec<Task> = Vec::new();
    let blocks = edition.blocks().filter(|(of, ..)| of.line == section.line);
    for (_, line, block) in blocks {
        match block.info.as_str() {
            "console" => {}
            "console server" => {
                tasks.push(Task {
                    kind: Kind::Log,
                    position: format!("{}:{line}", edition.name),
                    text: "(the server's terminal)".to_string(),
                    expected: block.text.clone(),
                });
                continue;
            }
            _ => continue,
        }
        let commands = block.text.starts_with("$ ");
        for (number, text) in (line + 1..).zip(block.text.lines()) {
            let position = format!("{}:{number}", edition.name);
            // A replay, too, shows commands.
            if let Some(command) = text.strip_prefix("$ ").filter(|_| commands) {
                let stage = command.starts_with("cargo run") && command.contains(" -- server");
                let server = stage || command.starts_with("python3 python/server");
                let kind = if server { Kind::Server } else { Kind::Run };
                let text = command.to_string();
                tasks.push(Task { kind, position, text, expected: String::new() });
            } else {
                let task = tasks
                    .last_mut()
                    .with_context(|| format!("{position}: output of no command"))?;
                let ended = matches!(task.kind, Kind::Log);
                ensure!(
                    !ended,
                    "{position}: what the server prints stands in a block console server"
                );
                task.expected.push_str(text);
                task.expected.push('\n');
            }
        }
    }
    Ok(tasks)
}

/// What may differ, with the name that takes its place before texts are compared.
static REDACTIONS: LazyLock<snapbox::assert::Result<Redactions>> = LazyLock::new(|| {
    let pattern = |pattern| Regex::new(pattern).map_err(|error| error.to_string());
    let mut redactions = Redactions::new();
    redactions.insert("[TIME]", pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")?)?;
    // The ports that the system chooses have five digits; 8080 has four.
    redactions.insert("[PORT]", pattern(r"127\.0\.0\.1:(?<redacted>\d{5})")?)?;
    Ok(redactions)
});

/// Why `actual` is not what `expected` describes, if it is not.
fn differ(expected: &str, actual: &str) -> Result<Option<String>> {
    let redactions = REDACTIONS.clone()?;
    // The notes show a time and a port, and not these names for them.
    let expected = redactions.redact(&trim_line_ends(expected));
    let assert = Assert::new().action(Action::Verify).normalize_paths(false);
    let assert = assert.redact_with(redactions).palette(Palette::plain());
    let name = "the notes".to_string();
    let compared =
        assert.try_eq(Some(&name), Data::text(trim_line_ends(actual)), Data::text(expected));
    Ok(compared.err().map(|error| error.to_string()))
}

/// The text without the spaces and carriage returns at the ends of lines, which no reader can see.
fn trim_line_ends(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Makes a folder that links to all that is at the root. It is removed when this is dropped.
fn working_folder(root: &Path) -> Result<TempDir> {
    let target = root.join("target");
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    let folder = tempfile::Builder::new().prefix("notes-").tempdir_in(&target)?;
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if !text.starts_with('.') && !text.contains(".db") && !NOT_LINKED.contains(&&*text) {
            symlink(root.join(&name), folder.path().join(&name))?;
        }
    }
    Ok(folder)
}

/// `command` in `folder`, as if a person had typed it: without the variables that cargo sets for a test,
/// because the command can start cargo again.
fn as_typed(mut command: Command, folder: &Path) -> Command {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CLICOLOR_FORCE")
        .env("CARGO_TERM_QUIET", "true")
        .stdin(Stdio::null());
    command
}

/// A command in a shell, and what it prints. It ends when this is dropped, and at Ctrl-C, because it belongs to the
/// same terminal.
struct Shell {
    child: Child,
    pieces: Receiver<Vec<u8>>,
    bytes: Vec<u8>,
    /// Whether all programs that could print have ended.
    ended: bool,
}

impl Shell {
    fn start(command: &str, folder: &Path, network: &Network) -> Result<Shell> {
        let (mut reader, writer) = io::pipe()?;
        let mut shell = as_typed(network.shell(), folder);
        shell.args(["-c", command]).stderr(writer.try_clone()?).stdout(writer);
        let child = shell.spawn().context("cannot start a shell")?;
        // The builder holds the pipe's other end as well.
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
    fn read_more(&mut self) {
        match self.pieces.recv_timeout(POLL_INTERVAL) {
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

/// Waits until the command ends, and returns what it printed.
fn finish(mut shell: Shell) -> Result<String> {
    let start = Instant::now();
    while !shell.ended {
        shell.read_more();
        ensure!(
            start.elapsed() < COMMAND_TIMEOUT,
            "it does not end; so far it printed:\n{}",
            shell.text()
        );
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
    /// How many bytes of its output have been looked at.
    seen: usize,
}

impl Server {
    /// Waits until the server listens, and returns it with all that it printed until then.
    fn start(shell: Shell) -> Result<(Server, String)> {
        let mut server = Server { shell, seen: 0 };
        let start = Instant::now();
        while !server.new_text().contains("listening on ") || !server.new_text().ends_with('\n') {
            ensure!(!server.shell.ended, "the server ended: {}", server.new_text());
            ensure!(
                start.elapsed() < COMMAND_TIMEOUT,
                "the server does not listen: {}",
                server.new_text()
            );
            server.shell.read_more();
        }
        let text = server.new_text();
        server.seen = server.shell.bytes.len();
        Ok((server, text))
    }

    /// What it has printed since the last look, as soon as that is what is expected of it.
    fn log(&mut self, expected: &str, network: &Network) -> Result<String> {
        let start = Instant::now();
        while differ(expected, &network.restore(&self.new_text()))?.is_some()
            && start.elapsed() < LOG_TIMEOUT
        {
            if self.shell.ended {
                break;
            }
            self.shell.read_more();
        }
        let text = self.new_text();
        self.seen = self.shell.bytes.len();
        Ok(text)
    }

    fn new_text(&self) -> String {
        String::from_utf8_lossy(&self.shell.bytes[self.seen..]).into_owned()
    }
}
