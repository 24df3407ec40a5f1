//! What changes on the wire: the real servers get the requests of the contract and the attacks of the last
//! stage, each server for itself.

use crate::build::build;
use crate::{Ladder, Stage};
use anyhow::{Context, Result, bail};
use contract::{Probe, Response};
use replay::Server;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
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
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an attack may go on before another client asks the server for something.
const ATTACK_TIME: Duration = Duration::from_secs(1);

/// How often the attack `rst-mid` is repeated: whether it kills a server depends on the moment.
const RST_MID_TRIES: usize = 30;

/// How long a client that asks beside an attack waits for an answer.
const OTHER_CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// What some stages answer to everything.
pub struct Wire {
    /// A row for each thing that was sent, in the order of the contract; then a row for each attack.
    pub rows: Vec<Row>,
}

/// What each stage answers to one thing.
pub struct Row {
    /// What was sent, in a few words.
    pub case: String,
    /// One answer for each stage, in the order of the stages.
    pub answers: Vec<Answer>,
}

/// What a stage answers to one thing.
#[derive(Clone, Default)]
pub struct Answer {
    /// In a few words.
    pub short: String,
    /// What went to the server, in full.
    pub sent: String,
    /// What came back, in full.
    pub got: String,
}

impl Row {
    /// Whether two stages answer differently.
    pub fn differs(&self) -> bool {
        self.answers.windows(2).any(|pair| pair[0].short != pair[1].short)
    }
}

impl Wire {
    /// Builds these stages, starts their servers, and asks and attacks them.
    ///
    /// # Errors
    /// A stage that does not build, or a server that cannot be asked.
    pub fn of(ladder: &Ladder, stages: &[&Stage]) -> Result<Wire> {
        let attacker = ladder.last()?;
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
                // A thread that panics leaves both lists whole.
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
        // A task mostly waits for its server: more threads than there are cores.
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
                let answers = done.get(&(stage, kind)).context("a stage was not asked")?;
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

/// A server that has just been started, with nothing in its store.
fn server(binary: &Path) -> Result<Server> {
    Server::start(binary, "127.0.0.1:0")
        .context("a server has to print first: \"listening on HOST:PORT\"")
}

/// What one server answers to all requests of the contract. A server that dies of a request is started again,
/// and gets the first message once more.
fn ask_all(binary: &Path) -> Result<Vec<(String, Answer)>> {
    let mut asked = server(binary)?;
    let mut probes = contract::probes(asked.addr());
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for number in 0..probes.len() {
        let (probe, addr) = (&probes[number], asked.addr().to_string());
        let (bytes, end) = probe.ask(&addr, REQUEST_TIMEOUT);
        let plain = answers.first().map(|(_, answer)| answer.short.as_str());
        let mut short = in_short(probe, &bytes, plain);
        let mut got = shown(&bytes, &addr);
        let (case, sent) = (probe.case.clone(), shown(&probe.sent, &addr));
        // A connection can be gone before its process is.
        let died = match bytes.is_empty() || end.is_err() {
            true => asked.ends_soon()?,
            false => asked.ended()?,
        };
        if let Err(error) = end {
            got.push_str(&format!("({})\n", without_number(&format!("{error:#}"))));
        }
        if died {
            short = reason_of_end(&mut asked)?;
            asked = server(binary)?;
            probes = contract::probes(asked.addr());
            if number > 0 {
                let _ = probes[0].ask(asked.addr(), REQUEST_TIMEOUT);
            }
        }
        answers.push((case, Answer { short, sent, got }));
    }
    Ok(answers)
}

/// What came back, in a few words. `plain` is what came back to the first request, a `POST /` like any other.
fn in_short(probe: &Probe, got: &[u8], plain: Option<&str>) -> String {
    if got == probe.sent {
        return "the same bytes".to_string();
    }
    if got.is_empty() {
        return "nothing".to_string();
    }
    if probe.sent.starts_with(got) {
        return "only the beginning".to_string();
    }
    let Ok(response) = Response::parse(got) else { return "no HTTP".to_string() };
    let mut words = vec![response.status.to_string()];
    if (200..300).contains(&response.status) {
        let media_type = response.field("Content-Type").unwrap_or_default();
        words.push(media_type.split(';').next().unwrap_or_default().to_string());
        if response.body.is_empty() && response.field("Content-Length") != Some("0") {
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
            if probe.case.starts_with("POST / ")
                && kind(plain) == kind(&short)
                && response.body == probe.text() =>
        {
            "as POST /".to_string()
        }
        _ => short,
    }
}

/// Bytes as lines. The port, which is another one each time, becomes 8080.
fn shown(bytes: &[u8], addr: &str) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut text = text.replace(addr, "127.0.0.1:8080");
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Lets `attacker` attack a server in one way, and looks whether another client is still served.
fn attack_one(binary: &Path, attacker: &Path, kind: &str) -> Result<Answer> {
    let tries = if kind == "rst-mid" { RST_MID_TRIES } else { 1 };
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
    let ended = wait(&mut attack, ATTACK_TIME);
    let served = is_served(&addr);
    if !matches!(ended, Ok(true)) {
        attack.kill().context("cannot end the attack")?;
    }
    attack.wait().context("the attack does not end")?;
    ended?;
    let mut said = String::new();
    if let Some(mut output) = attack.stdout.take() {
        output.read_to_string(&mut said).context("cannot read what the attack prints")?;
    }
    let short = if served {
        "still serving".to_string()
    } else if server.ends_soon()? {
        reason_of_end(server)?
    } else {
        "serves no other client".to_string()
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

/// Whether the server answers anything to another client.
fn is_served(addr: &str) -> bool {
    let mut answer = Vec::new();
    let mut ask = || -> io::Result<usize> {
        let addr = addr.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&addr, OTHER_CLIENT_TIMEOUT)?;
        stream.set_read_timeout(Some(OTHER_CLIENT_TIMEOUT))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        stream.shutdown(Shutdown::Write)?;
        // All of it: closing with unread bytes would send RST, which is an attack.
        stream.read_to_end(&mut answer)
    };
    // Bytes that have come are an answer, also where the connection then fails.
    let _ = ask();
    !answer.is_empty()
}

/// Why a server has ended: the reason in the last line that it printed, or in the message of its panic.
fn reason_of_end(server: &mut Server) -> Result<String> {
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

/// A sentence without the system's number for an error.
fn without_number(sentence: &str) -> String {
    sentence.split(" (os error").next().unwrap_or_default().to_string()
}
