//! What changes on the wire: each real server gets the requests of the contract and the attacks of the last
//! stage.

use crate::build::build;
use crate::{Ladder, Stage};
use anyhow::{Context, Result, bail};
use contract::{End, Ending, Patience, Question, Response};
use replay::{Database, Server};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How long a request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an attack may take to begin, for a server that does not log its connections.
const ATTACK_START: Duration = Duration::from_secs(5);

/// How long an attack may go on before another client asks the server for something.
const ATTACK_TIME: Duration = Duration::from_secs(1);

/// How often the attack `rst-mid` is repeated: whether it ends a server is a matter of timing.
const RST_MID_TRIES: usize = 30;

/// How long a client that asks beside an attack waits for an answer.
const OTHER_CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The id of the question that sends two requests.
const TWICE: &str = "twice";

/// What some stages answer to everything.
pub struct Wire {
    /// A row for each thing that was sent, in the order of the contract; a row for what is left after a restart; a
    /// row for each attack.
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
        let subject = |stage: &&Stage| -> Result<Subject> {
            Ok(Subject { binary: binary(stage)?, needs_postgresql: stage.needs_postgresql()? })
        };
        let subjects = stages.iter().map(subject).collect::<Result<Vec<Subject>>>()?;
        let attacks = attacks(&attacker)?;
        // PostgreSQL runs as long as one database is left.
        let needs_one = subjects.iter().any(|subject| subject.needs_postgresql);
        let _database = if needs_one { Some(Database::new()?) } else { None };
        // One task a stage for its requests, and one for each attack.
        let mut tasks: Vec<(usize, Option<&str>)> = Vec::new();
        for stage in 0..stages.len() {
            tasks.extend(attacks.iter().map(|kind| (stage, Some(kind.as_str()))));
            tasks.push((stage, None));
        }
        let todo = Mutex::new(tasks.into_iter());
        let done = Mutex::new(BTreeMap::new());
        let work = || -> Result<()> {
            loop {
                // A thread that panics leaves both lists whole.
                let next = todo.lock().unwrap_or_else(|error| error.into_inner()).next();
                let Some(task) = next else { return Ok(()) };
                let (stage, attack) = task;
                let answers = match attack {
                    None => ask_all(&subjects[stage]),
                    Some(kind) => attack_one(&subjects[stage], &attacker, kind)
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
        for kind in [None].into_iter().chain(attacks.iter().map(|kind| Some(kind.as_str()))) {
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

/// The attacks that a program has, as the help of its command `attack` lists them.
fn attacks(attacker: &Path) -> Result<Vec<String>> {
    let output = Command::new(attacker).args(["attack", "-h"]).stdin(Stdio::null()).output();
    let help = output.with_context(|| format!("cannot run {}", attacker.display()))?.stdout;
    let help = String::from_utf8_lossy(&help);
    let list = help
        .split_once("Arguments:")
        .and_then(|(_, arguments)| arguments.split_once("[possible values: "))
        .and_then(|(_, values)| values.split_once(']'));
    let (list, _) = list
        .with_context(|| format!("{} attack -h does not list the attacks", attacker.display()))?;
    Ok(list.split(", ").map(String::from).collect())
}

/// A stage that is asked and attacked.
struct Subject {
    binary: PathBuf,
    needs_postgresql: bool,
}

/// A server that has just been started, with nothing in its store.
fn server(stage: &Subject) -> Result<Server> {
    let database = if stage.needs_postgresql { Some(Database::new()?) } else { None };
    Server::start_with(&stage.binary, "127.0.0.1:0", database.as_ref())
        .context("a server has to print first: \"listening on HOST:PORT\"")
}

/// What one server answers to all requests of the contract. A server that ends with a request is started again, and
/// gets the first message once more.
fn ask_all(stage: &Subject) -> Result<Vec<(String, Answer)>> {
    let mut asked = server(stage)?;
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for number in 0..questions(asked.addr()).len() {
        let addr = asked.addr().to_string();
        let questions = questions(&addr);
        let question = &questions[number];
        let exchange = ask(question, &addr);
        let plain = answers.first().map(|(_, answer)| answer.short.as_str());
        let mut short = in_short(question, &exchange.got, plain);
        let mut got = shown(&exchange.got, &addr);
        let sent = shown(&question.sent, &addr);
        let end = why(&exchange.end);
        // The connection can end before the process of the server does.
        let died = match exchange.got.is_empty() || end.is_some() {
            true => asked.ends_soon()?,
            false => asked.ended()?,
        };
        if let Some(end) = end {
            got.push_str(&format!("({end})\n"));
        }
        if died {
            short = reason_of_end(&mut asked, "")?;
            asked = server(stage)?;
            if number > 0 {
                ask(&contract::requests(asked.addr())[0], asked.addr());
            }
        }
        answers.push((label(question), Answer { short, sent, got }));
    }
    let left = ask_after_restart(&mut asked);
    answers.push(("after a restart: GET /".to_string(), left));
    Ok(answers)
}

/// The requests of the contract, and two of them on one connection.
fn questions(addr: &str) -> Vec<Question> {
    let mut questions = contract::requests(addr);
    if let Some(get) = questions.iter().find(|question| question.id == "get-list") {
        let sent = String::from_utf8_lossy(&get.sent).replace("Connection: close\r\n", "");
        let twice = Question {
            id: TWICE,
            path: "/, twice on one connection".to_string(),
            sent: sent.repeat(2).into_bytes(),
            ..get.clone()
        };
        questions.push(twice);
    }
    questions
}

/// Sends a question, ends this side of the connection, and returns all that comes back.
fn ask(question: &Question, addr: &str) -> contract::Exchange {
    let question = Question { ending: Ending::Close, ..question.clone() };
    contract::exchange(addr, &question, Patience { whole: REQUEST_TIMEOUT, close: REQUEST_TIMEOUT })
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
        End::TimedOut => format!("no end within {} s", REQUEST_TIMEOUT.as_secs()),
        End::TooLong => "the response does not end".to_string(),
        End::Refused(reason) | End::Failed(reason) => without_number(reason),
    })
}

/// Kills the server, starts it again in the same folder, and asks it for its list.
fn ask_after_restart(server: &mut Server) -> Answer {
    let addr = server.addr().to_string();
    let question = Question::get_list(7, &addr);
    let sent = format!("(restart)\n{}", shown(&question.sent, &addr));
    if let Err(error) = server.restart() {
        return Answer { short: "does not start again".into(), sent, got: format!("{error:#}\n") };
    }
    let bytes = ask(&question, &addr).got;
    let mut short = in_short(&question, &bytes, None);
    let list = Response::parse(&bytes).ok().filter(|response| response.status == 200);
    let list = list.and_then(|list| serde_json::from_slice::<Vec<String>>(&list.body).ok());
    if let Some(list) = list {
        short.push_str(&match list.len() {
            0 => ", no messages".to_string(),
            1 => ", 1 message".to_string(),
            count => format!(", {count} messages"),
        });
    }
    Answer { short, sent, got: shown(&bytes, &addr) }
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
    if question.id == TWICE {
        let next = response.body.get(response.length..).filter(|next| !next.is_empty());
        let next = next.map(|next| format!(" and {}", in_short(question, next, plain)));
        return format!("{}{}", response.status, next.unwrap_or_default());
    }
    let mut words = vec![response.status.to_string()];
    if (200..300).contains(&response.status) {
        let media_type = response.field("Content-Type").unwrap_or_default();
        // A 204 has no body, and therefore no media type.
        let media_type = media_type.split(';').next().unwrap_or_default();
        words.extend(Some(media_type.to_string()).filter(|media_type| !media_type.is_empty()));
        if response.body.is_empty() && response.length > 0 {
            words.push("no body".to_string());
        }
    }
    for name in ["Allow", "Location"] {
        words.extend(response.field(name).map(|value| format!("{name}: {value}")));
    }
    let short = words.join(", ");
    // Two answers that differ only in the index of Location are the same here.
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

/// Bytes as lines. What differs from run to run is replaced: the port by 8080, and the value of `Date` by `…`.
fn shown(bytes: &[u8], addr: &str) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace(addr, "127.0.0.1:8080");
    // Only a field is replaced, and not a line of the body that looks like one.
    let (head, body) =
        text.split_once("\n\n").map_or((text.as_str(), None), |(head, body)| (head, Some(body)));
    let lines: Vec<&str> = head.split('\n').map(without_date).collect();
    let mut text = lines.join("\n");
    text.extend(body.map(|body| format!("\n\n{body}")));
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// A line of a head. The value of the field `Date` becomes `…`.
fn without_date(line: &str) -> &str {
    match line.split_once(':') {
        Some((name, _)) if name.eq_ignore_ascii_case("Date") => "Date: …",
        _ => line,
    }
}

/// Lets `attacker` attack a server in one way, and looks whether another client is still served.
fn attack_one(stage: &Subject, attacker: &Path, kind: &str) -> Result<Answer> {
    let tries = if kind == "rst-mid" { RST_MID_TRIES } else { 1 };
    let mut server = server(stage)?;
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
    let mut log = String::new();
    let ended = wait(&mut attack, server, &mut log);
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
        reason_of_end(server, &log)?
    } else {
        format!("another client waits over {} s", OTHER_CLIENT_TIMEOUT.as_secs())
    };
    Ok(Answer { short, sent: format!("attack {kind}\n"), got: shown(said.as_bytes(), &addr) })
}

/// Waits for an attack to end, at most `ATTACK_TIME` after the server has accepted its first connection; returns
/// whether it has ended. What the server logs meanwhile is added to `log`.
fn wait(attack: &mut Child, server: &mut Server, log: &mut String) -> Result<bool> {
    let start = Instant::now();
    let mut begun = None;
    loop {
        if attack.try_wait()?.is_some() {
            return Ok(true);
        }
        log.push_str(&server.said()?);
        if begun.is_none()
            && (log.contains("accepted a connection") || start.elapsed() > ATTACK_START)
        {
            begun = Some(Instant::now());
        }
        if begun.is_some_and(|begun| begun.elapsed() > ATTACK_TIME) {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(5));
    }
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
fn reason_of_end(server: &mut Server, log: &str) -> Result<String> {
    let status = server.status()?;
    let said = format!("{log}{}", server.said()?);
    let panic = said.lines().skip_while(|line| !line.contains(" panicked at ")).nth(1);
    Ok(match panic.or(said.lines().last()) {
        _ if status.success() => "ended".to_string(),
        Some(line) => {
            let reason =
                line.rsplit_once("this ends the server: ").map_or(line, |(_, reason)| reason);
            format!("ended: {}", without_number(reason))
        }
        None => format!("ended: {status}"),
    })
}

/// A sentence without the system's number for an error.
fn without_number(sentence: &str) -> String {
    sentence.split(" (os error").next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_date_make_no_difference() {
        let bytes = b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 21:54:31 GMT\r\nX: 1.1.1.1:9\r\n\r\nDate: kept";
        let expected = "HTTP/1.1 200 OK\nDate: …\nX: 127.0.0.1:8080\n\nDate: kept\n";
        assert_eq!(shown(bytes, "1.1.1.1:9"), expected);
        assert_eq!(shown(b"", "1.1.1.1:9"), "");
    }
}
