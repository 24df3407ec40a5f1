//! `cargo lesson wire`: what changes on the wire. The real servers get the contract's requests and the
//! attacks of the last stage, each server for itself.

use crate::ladder::{Ladder, Stage};
use crate::list::table;
use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Attribute, Cell, Color};
use contract::{End, Ending, Patience, Question, Response};
use replay::Server;
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::io::{self, IsTerminal, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// What `attack` can do, in the order of its help.
const ATTACKS: [&str; 8] =
    ["silent", "rst", "rst-mid", "garbage", "slow", "big", "scanners", "flood"];

/// How long a request may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long an attack may go on before somebody else asks the server for something.
const ATTACK: Duration = Duration::from_secs(1);

/// How often an attack is repeated that depends on luck: it kills a server every other time or so.
const TRIES: usize = 30;

/// How long whoever asks beside an attack waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

const HEAD: Style = Style::new().bold();
const DIFFERENT: Color = Color::Yellow;

/// What each of some stages answers to everything.
pub struct Wire {
    pub rows: Vec<Row>,
}

/// What each stage answers to one thing.
pub struct Row {
    /// What was sent, in a few words.
    pub case: String,
    /// An answer a stage.
    pub answers: Vec<Answer>,
}

/// What a stage answers to one thing.
#[derive(Clone, Default)]
pub struct Answer {
    /// In a few words.
    pub short: String,
    /// What went to the server and what came back, in full.
    pub sent: String,
    pub got: String,
}

impl Row {
    /// Whether two stages answer differently.
    pub fn differs(&self) -> bool {
        self.answers.windows(2).any(|pair| pair[0].short != pair[1].short)
    }
}

/// Prints the table of some stages.
pub fn run(ladder: &Ladder, names: &[String], only_different: bool, verbose: bool) -> Result<()> {
    let stages = names.iter().map(|name| ladder.stage(name)).collect::<Result<Vec<&Stage>>>()?;
    ensure!(
        !only_different || stages.len() > 1,
        "one stage differs from nobody; name another one as well"
    );
    let wire = Wire::of(ladder, &stages)?;
    let rows: Vec<&Row> = wire.rows.iter().filter(|row| row.differs() || !only_different).collect();
    if verbose { print_texts(&stages, &rows) } else { print_table(&stages, &rows) }
}

fn print_table(stages: &[&Stage], rows: &[&Row]) -> Result<()> {
    let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    let mut table = table(&[&["", ""], &names[..]].concat());
    for row in rows {
        let (mark, color) = if row.differs() { ("≠", DIFFERENT) } else { ("", Color::Reset) };
        let mut cells = vec![Cell::new(mark).fg(color)];
        cells.push(Cell::new(&row.case).add_attribute(Attribute::Bold));
        cells.extend(row.answers.iter().map(|answer| Cell::new(&answer.short).fg(color)));
        table.add_row(cells);
    }
    writeln!(anstream::stdout(), "{}", table.trim_fmt())?;
    Ok(())
}

fn print_texts(stages: &[&Stage], rows: &[&Row]) -> Result<()> {
    let mut output = anstream::stdout();
    let color = AnsiColor::Yellow.on_default();
    for row in rows {
        let (mark, style) = if row.differs() { ("≠ ", color) } else { ("", Style::new()) };
        writeln!(output, "{style}{mark}{style:#}{HEAD}{}{HEAD:#}", row.case)?;
        for (stage, answer) in stages.iter().zip(&row.answers) {
            writeln!(output, "  {}: {style}{}{style:#}", stage.name, answer.short)?;
            for (arrow, text) in [("→", &answer.sent), ("←", &answer.got)] {
                for line in text.lines() {
                    writeln!(output, "    {arrow} {line}")?;
                }
            }
        }
        writeln!(output)?;
    }
    Ok(())
}

impl Wire {
    /// Builds these stages, starts their servers, and asks and attacks them.
    pub fn of(ladder: &Ladder, stages: &[&Stage]) -> Result<Wire> {
        let attacker = ladder.stages().next_back().context("there are no stages")?;
        let built = build(ladder, &[stages, &[attacker]].concat())?;
        replay::end_with_signals()?;
        let binary = |stage: &Stage| built.get(&stage.name).cloned().context("cargo built nothing");
        let attacker = binary(attacker)?;
        let binaries =
            stages.iter().map(|stage| binary(stage)).collect::<Result<Vec<PathBuf>>>()?;
        // One task a stage for its requests, and one for each attack.
        let tasks: Vec<(usize, Option<&str>)> = (0..stages.len())
            .flat_map(|stage| {
                let attacks = ATTACKS.iter().map(move |kind| (stage, Some(*kind)));
                attacks.chain([(stage, None)])
            })
            .collect();
        let todo = Mutex::new(tasks.into_iter());
        let done = Mutex::new(BTreeMap::new());
        let work = || -> Result<()> {
            loop {
                // Another thread's panic has harmed neither list.
                let next = todo.lock().unwrap_or_else(|error| error.into_inner()).next();
                let Some(task) = next else { return Ok(()) };
                let (stage, attack) = task;
                let answers = match attack {
                    None => ask_all(&binaries[stage]),
                    Some(kind) => attack_one(&binaries[stage], &attacker, kind)
                        .map(|answer| vec![(format!("attack {kind}"), answer)]),
                };
                let answers = answers.with_context(|| stages[stage].name.clone())?;
                done.lock().unwrap_or_else(|error| error.into_inner()).insert(task, answers);
            }
        };
        // Most of the time somebody waits for somebody: more threads than there are cores.
        let threads = 8 * thread::available_parallelism().map_or(1, |cores| cores.get());
        thread::scope(|scope| -> Result<()> {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                worker.join().unwrap_or_else(|_| bail!("a thread panicked"))?;
            }
            Ok(())
        })?;
        let done = done.into_inner().unwrap_or_else(|error| error.into_inner());
        let mut rows: Vec<Row> = Vec::new();
        for kind in [None].into_iter().chain(ATTACKS.map(Some)) {
            let first = rows.len();
            for stage in 0..stages.len() {
                let answers = done.get(&(stage, kind)).context("nobody asked")?;
                for (number, (case, answer)) in answers.iter().enumerate() {
                    if stage == 0 {
                        rows.push(Row { case: case.clone(), answers: Vec::new() });
                    }
                    rows[first + number].answers.push(answer.clone());
                }
            }
        }
        Ok(Wire { rows })
    }
}

/// Builds stages, without their windows, and tells where each binary is. They are built apart from those that
/// `cargo run` builds, which may be running.
pub fn build(ladder: &Ladder, stages: &[&Stage]) -> Result<BTreeMap<String, PathBuf>> {
    let mut names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if io::stderr().is_terminal() {
        eprintln!("building {} (the first time takes a while)", names.join(", "));
    }
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    cargo.args(["build", "--quiet", "--no-default-features"]).current_dir(&ladder.root);
    cargo.arg("--target-dir").arg(Path::new(&target).join("lesson"));
    cargo.arg("--message-format=json-render-diagnostics");
    for name in &names {
        cargo.args(["--package", name]);
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "the stages do not build; mend what cargo says above");
    let mut binaries = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).context("cargo says no JSON")?;
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if let Some(path) = message["executable"].as_str() {
            binaries.insert(name.to_string(), PathBuf::from(path));
        }
    }
    for name in names {
        ensure!(binaries.contains_key(name), "cargo has built no program {name}");
    }
    Ok(binaries)
}

/// A server that has just been started, with nothing in its store.
fn server(binary: &Path) -> Result<Server> {
    Server::start(binary, "127.0.0.1:0")
        .context("what a server prints first has to be \"listening on HOST:PORT\"")
}

/// What one server answers to all requests of the contract. One that dies of a request is started again, and
/// gets the first message once more.
fn ask_all(binary: &Path) -> Result<Vec<(String, Answer)>> {
    let mut asked = server(binary)?;
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for number in 0..contract::requests(asked.addr()).len() {
        let addr = asked.addr().to_string();
        let questions = contract::requests(&addr);
        let question = &questions[number];
        let exchange = ask(question, &addr);
        let plain = answers.first().map(|(_, answer)| answer.short.as_str());
        let mut short = in_short(question, &exchange.got, plain);
        let mut got = shown(&exchange.got, &addr);
        let sent = shown(&question.sent, &addr);
        let end = why(&exchange.end);
        // A connection can be gone before its process is.
        let died = match exchange.got.is_empty() || end.is_some() {
            true => asked.ends_soon()?,
            false => asked.ended()?,
        };
        if let Some(end) = end {
            got.push_str(&format!("({end})\n"));
        }
        if died {
            short = last_words(&mut asked)?;
            asked = server(binary)?;
            if number > 0 {
                ask(&contract::requests(asked.addr())[0], asked.addr());
            }
        }
        answers.push((label(question), Answer { short, sent, got }));
    }
    Ok(answers)
}

/// Sends a question, ends this side of the connection, and returns all that comes back.
fn ask(question: &Question, addr: &str) -> contract::Exchange {
    let question = Question { ending: Ending::Close, ..question.clone() };
    contract::exchange(addr, &question, Patience { whole: LIMIT, close: LIMIT })
}

/// What a question is called in the table: its method and its path, and its id where several have those.
fn label(question: &Question) -> String {
    let name = format!("{} {}", question.method, question.path);
    if name == "POST /" && question.id != "post" {
        format!("{name} ({})", question.id)
    } else {
        name
    }
}

/// Why a connection did not end as it should, if it did not.
fn why(end: &End) -> Option<String> {
    Some(match end {
        End::Closed => return None,
        End::Reset => "the connection was reset".to_string(),
        End::Open => "the connection stays open".to_string(),
        End::TimedOut => format!("no end within {} s", LIMIT.as_secs()),
        End::TooLong => "the response does not end".to_string(),
        End::Refused(reason) | End::Failed(reason) => without_number(reason),
    })
}

/// What came back, in a few words. `plain` is what came back to the first request, a `POST /` like any other.
fn in_short(question: &Question, got: &[u8], plain: Option<&str>) -> String {
    if got == question.sent {
        return "the same bytes".to_string();
    }
    if got.is_empty() {
        return "nothing".to_string();
    }
    if question.sent.starts_with(got) {
        return "only the beginning".to_string();
    }
    let Ok(response) = Response::parse(got) else { return "no HTTP".to_string() };
    let mut words = vec![response.status.to_string()];
    if (200..300).contains(&response.status) {
        let media_type = response.field("Content-Type").unwrap_or_default();
        words.push(media_type.split(';').next().unwrap_or_default().to_string());
        if response.body.is_empty() && response.length > 0 {
            words.push("no body".to_string());
        }
    }
    for name in ["Allow", "Location"] {
        words.extend(response.field(name).map(|value| format!("{name}: {value}")));
    }
    let short = words.join(", ");
    // Another index is no other answer.
    let kind = |text: &str| text.split(", Location").next().unwrap_or_default().to_string();
    match plain {
        Some(plain)
            if label(question).starts_with("POST / (")
                && kind(plain) == kind(&short)
                && response.body == question.text.as_bytes() =>
        {
            "as POST /".to_string()
        }
        _ => short,
    }
}

/// Bytes as lines, without the port, which is another one each time.
fn shown(bytes: &[u8], addr: &str) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut text = text.replace(addr, "127.0.0.1:8080");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Does to a server what `attacker` can do, and looks whether somebody else is still served.
fn attack_one(binary: &Path, attacker: &Path, kind: &str) -> Result<Answer> {
    let tries = if kind == "rst-mid" { TRIES } else { 1 };
    let mut server = server(binary)?;
    let mut answer = Answer::default();
    for _ in 0..tries {
        answer = attack_once(&mut server, attacker, kind)?;
        if server.ended()? {
            break;
        }
    }
    Ok(answer)
}

fn attack_once(server: &mut Server, attacker: &Path, kind: &str) -> Result<Answer> {
    let addr = server.addr().to_string();
    let mut command = Command::new(attacker);
    command.args(["attack", kind, "--addr", &addr]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut attack = command.spawn().context("cannot start the attack")?;
    let ended = wait(&mut attack, ATTACK);
    let served = is_served(&addr);
    if !matches!(ended, Ok(true)) {
        attack.kill().context("cannot end the attack")?;
    }
    attack.wait().context("the attack does not end")?;
    ended?;
    let mut said = String::new();
    if let Some(mut output) = attack.stdout.take() {
        output.read_to_string(&mut said).context("cannot read what the attack says")?;
    }
    let short = if served {
        "still serving".to_string()
    } else if server.ends_soon()? {
        last_words(server)?
    } else {
        "serves nobody else".to_string()
    };
    Ok(Answer { short, sent: format!("attack {kind}\n"), got: shown(said.as_bytes(), &addr) })
}

/// Waits at most `limit` for a process; tells whether it has ended.
fn wait(child: &mut Child, limit: Duration) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(false)
}

/// Whether the server answers anything to somebody who asks for something.
fn is_served(addr: &str) -> bool {
    let mut answer = Vec::new();
    let mut ask = || -> io::Result<usize> {
        let addr = addr.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: somebody\r\nConnection: close\r\n\r\n")?;
        stream.shutdown(Shutdown::Write)?;
        // All of it: to close with bytes unread would be an attack.
        stream.read_to_end(&mut answer)
    };
    // Whatever has come is an answer, also where the end has not.
    let _ = ask();
    !answer.is_empty()
}

/// Why a server has ended: the reason in the last line that it printed, or in that of its panic.
fn last_words(server: &mut Server) -> Result<String> {
    let status = server.status()?;
    let said = server.said()?;
    let panic = said.lines().skip_while(|line| !line.contains(" panicked at ")).nth(1);
    Ok(match panic.or(said.lines().last()) {
        _ if status.success() => "ended".to_string(),
        Some(line) => {
            let reason =
                line.rsplit_once("the server with it: ").map_or(line, |(_, reason)| reason);
            format!("died: {}", without_number(reason))
        }
        None => format!("died: {status}"),
    })
}

/// A sentence without the number that a system has for an error.
fn without_number(sentence: &str) -> String {
    sentence.split(" (os error").next().unwrap_or_default().to_string()
}
