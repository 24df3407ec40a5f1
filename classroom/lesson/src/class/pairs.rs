//! Pairs: a student's server is open to the others of the class, and the student's client talks to theirs.
//!
//! After each check a thread starts the student's server at an address that others can reach, and the report says where.
//! The same thread reads the list of the class. For each other student of the same stage with a server it starts the
//! student's client, one at a time, and notes whether they understand each other: what the client is given to type must
//! come back from the server. A pair is asked again when either has changed.
//!
//! If they do not understand each other, this program asks the server itself. A server that gives no answer may be held by
//! a stranger, so the pair is asked again from time to time. One that cannot be reached has not been tried.
//!
//! Others are strangers. A client gets a limited time, its output is read up to a limited size, and it is looked at and
//! never shown.

use super::board::{Board, Row};
use super::client::Client;
use super::report::Report;
use super::send::Reporter;
use crate::words;
use anyhow::{Context, Result, bail, ensure};
use contract::Program;
use replay::{Lang, Process};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, PipeReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the list of the class is good for: thirty students read all of it again and again.
const PERIOD: Duration = Duration::from_secs(4);

/// How long the thread waits if there is nothing to do.
const WAIT: Duration = Duration::from_secs(1);

/// How long a client may take with one server, and how often that is looked at.
const PAIR: Duration = Duration::from_secs(12);
const LOOK: Duration = Duration::from_millis(10);

/// How much of a client's output is read, in bytes.
const OUTPUT_BYTES: u64 = 1 << 20;

/// How many times a pair is asked whose server answers, but not so that the client understands it.
const TRIES: u32 = 3;

/// How long the next try waits after the first one. A later try waits longer, up to so many times as long.
const RETRY: Duration = Duration::from_secs(10);
const LONGEST: u32 = 6;

/// After how long without a sign of life a student's server is not asked any more: the student has gone. A report is sent
/// again more often.
const AWAY: Duration = Duration::from_secs(30);

/// How long a server may take to listen, and to answer the first question.
const START: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(2);

/// How many times a server is started before the next save: once, and five times after it has ended.
const STARTS: u32 = 6;

/// How long the output of a client that has ended may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A program of the student.
#[derive(Clone)]
pub enum Own {
    /// The binary of a copy.
    Binary(PathBuf),
    /// A command for the shell, with `{addr}` for HOST:PORT.
    Shell(String),
}

impl Own {
    /// Starts it as the server of `stage`, at an address of this machine.
    ///
    /// # Errors
    /// No port is free, the program cannot be started, or PostgreSQL is not installed and the stage needs it.
    pub fn start(&self, ip: IpAddr, stage: u32) -> Result<Program> {
        match self {
            Own::Binary(binary) => Program::binary_on(ip, binary, contract::database(stage)?),
            // A command without {db} starts a server that has its database already.
            Own::Shell(line) if line.contains("{db}") => {
                Program::shell_on(ip, line, contract::database(stage)?)
            }
            Own::Shell(line) => Program::shell_on(ip, line, None),
        }
    }
}

/// What the student lets the class do.
#[derive(Clone)]
pub struct Settings {
    pub stage: u32,
    /// The address of the class's server.
    pub class: String,
    pub serve: bool,
    pub interop: bool,
    pub lang: Lang,
}

/// The student's end of the pairs.
pub struct Pairs(Arc<Shared>);

/// What `watch` and the thread share.
struct Shared {
    settings: Settings,
    reporter: Reporter,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The student's server and client, as they were when they were last checked; `None` during a check.
    own: Option<(Own, Own)>,
    /// Counts the checks.
    version: u64,
    server: Option<Program>,
    /// How many times the server was started since the last check.
    starts: u32,
    /// Whether the student's client talks to a server just now.
    is_talking: bool,
}

impl Pairs {
    /// Starts the thread. It does nothing before the first [`Pairs::go_on`].
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub fn start(settings: Settings, reporter: Reporter) -> Result<Pairs> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { settings, reporter, state, changed });
        let of_thread = shared.clone();
        thread::Builder::new().spawn(move || work(&of_thread)).context("cannot start a thread")?;
        Ok(Pairs(shared))
    }

    /// Ends the server and the client, so that they can be built anew. A check begins.
    pub fn pause(&self) {
        let mut state = self.0.lock();
        state.own = None;
        state.version += 1;
        state.server = None;
        self.0.changed.notify_all();
        let waits = |state: &mut State| state.is_talking;
        drop(self.0.changed.wait_while(state, waits));
        self.0.reporter.change(|report| {
            report.serve = None;
            report.understands = Vec::new();
        });
    }

    /// A check is over. Others may talk to `server`, and `client` talks to theirs.
    pub fn go_on(&self, server: Own, client: Own) {
        let mut state = self.0.lock();
        state.own = Some((server, client));
        state.starts = 0;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a check has begun since `version`.
    fn is_over(&self, version: u64) -> bool {
        self.lock().version != version
    }

    /// Says a sentence to the student.
    fn say(&self, english: String, korean: String) {
        let sentence = if self.settings.lang == Lang::En { english } else { korean };
        // Nothing else can be done if standard error is closed.
        let _ = writeln!(anstream::stderr(), "{sentence}");
    }
}

/// What the thread does.
fn work(shared: &Shared) {
    let mut talks = Talks {
        client: Client::new(&shared.settings.class),
        board: Board::default(),
        read: None,
        known: BTreeMap::new(),
        prints: None,
    };
    loop {
        let waits = |state: &mut State| state.own.is_none();
        let state = shared.changed.wait_while(shared.lock(), waits);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let (version, own) = (state.version, state.own.clone());
        drop(state);
        let Some((server, client)) = own else { continue };
        if shared.settings.serve {
            keep_server(shared, &server, version);
        }
        let has_talked = shared.settings.interop && talks.next(shared, &client, version);
        if !has_talked {
            let waits = |state: &mut State| state.version == version;
            drop(shared.changed.wait_timeout_while(shared.lock(), WAIT, waits));
        }
    }
}

/// Starts the student's server if it does not run, and puts its address into the report.
fn keep_server(shared: &Shared, own: &Own, version: u64) {
    let mut state = shared.lock();
    let ended =
        |server: &Program| server.ended(Duration::ZERO).is_ok_and(|status| status.is_some());
    let has_ended = state.server.as_ref().is_some_and(ended);
    if state.version != version || (state.server.is_some() && !has_ended) || state.starts > STARTS {
        return;
    }
    state.server = None;
    state.starts += 1;
    let starts = state.starts;
    drop(state);
    if has_ended {
        shared.reporter.change(|report| report.serve = None);
        let (english, korean) = match starts > STARTS {
            false => ("it is started again", "서버를 다시 시작합니다"),
            true => ("save a file to start it again", "다시 시작하려면 파일을 저장하세요"),
        };
        shared.say(
            format!("your server ended while others of the class could talk to it; {english}"),
            format!("다른 학생이 접속할 수 있는 동안 내 서버가 종료되었습니다. {korean}"),
        );
        if starts > STARTS {
            return;
        }
    }
    match start(shared, own, version) {
        Ok(Some(server)) => {
            let addr = server.addr().to_string();
            let mut state = shared.lock();
            if state.version != version {
                return;
            }
            state.server = Some(server);
            // The lock is held, so that a check that begins takes the address out again afterwards.
            shared.reporter.change(|report| report.serve = Some(addr.clone()));
            drop(state);
            let is_here = own_ip(&shared.settings.class).is_ok_and(|ip| ip.is_loopback());
            let (english, korean) = match is_here {
                true => (
                    ", but only on this machine; for the others, give --class the address that the board shows",
                    ". 단, 이 컴퓨터에서만 됩니다. 다른 컴퓨터에서도 되게 하려면 보드에 표시된 주소를 --class에 쓰세요",
                ),
                false => ("", ""),
            };
            shared.say(
                format!("others of the class can talk to your server at {addr}{english}"),
                format!("다른 학생이 {addr}에서 내 서버에 접속할 수 있습니다{korean}"),
            );
        }
        Ok(None) => {}
        Err(error) => {
            // It is not tried again before the next save.
            let mut state = shared.lock();
            if state.version == version {
                state.starts = STARTS + 1;
            }
            drop(state);
            let reason = format!("{error:#}");
            let korean = words::say(Lang::Ko, &reason);
            shared.say(
                format!(
                    "your server cannot be opened to the class: {reason}. Save a file to try it again"
                ),
                format!(
                    "내 서버를 다른 학생에게 열 수 없습니다: {korean}. 다시 시도하려면 파일을 저장하세요"
                ),
            );
        }
    }
}

/// Starts the student's server on the network of the class and waits until it listens. `None` if a check begins first.
///
/// # Errors
/// There is no way to the class, no free port, or the server ends or does not listen.
fn start(shared: &Shared, own: &Own, version: u64) -> Result<Option<Program>> {
    let stage = shared.settings.stage;
    let ip = own_ip(&shared.settings.class)?;
    let server = own.start(ip, stage)?;
    let addr: SocketAddr = server.addr().parse().context("the server has no address")?;
    let start = Instant::now();
    loop {
        if shared.is_over(version) {
            return Ok(None);
        }
        if let Ok(stream) = TcpStream::connect_timeout(&addr, START) {
            greet(stream, stage);
            return Ok(Some(server));
        }
        if server.ended(LOOK)?.is_some() {
            let said = contract::in_quotes(server.last_words(1).join(" "), 200);
            bail!("the server ended before it listened at {addr}; it printed: {said}");
        }
        ensure!(
            start.elapsed() < START,
            "it does not listen at {addr} within {} s; the program must listen at the address that the command gives it",
            START.as_secs()
        );
    }
}

/// Asks the first question on the connection that has shown that the server listens: up to stage 9 a connection without
/// a request ends a server. Returns whether something comes back.
fn greet(mut stream: TcpStream, stage: u32) -> bool {
    let host = stream.peer_addr().map(|addr| addr.to_string()).unwrap_or_default();
    let question = match stage {
        1 | 2 => "hello\n".to_string(),
        _ => format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    };
    // Whether the answer is right is not looked at here.
    let _ = stream.set_read_timeout(Some(ANSWER));
    let _ = stream.set_write_timeout(Some(ANSWER));
    let _ = stream.write_all(question.as_bytes());
    if stage == 2 {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let start = Instant::now();
    let mut answers = false;
    while start.elapsed() < ANSWER && matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
        answers = true;
    }
    answers
}

/// What a server is like that a client has not understood.
fn what_is_wrong(addr: SocketAddr, stage: u32) -> Found {
    match TcpStream::connect_timeout(&addr, ANSWER).map(|stream| greet(stream, stage)) {
        Ok(true) => Found::Misunderstood,
        Ok(false) => Found::Silent,
        Err(_) => Found::Unreachable,
    }
}

/// The address of this machine on the way to the server of the class.
///
/// # Errors
/// The host of the class has no address, or there is no network.
fn own_ip(class: &str) -> Result<IpAddr> {
    let mut addresses =
        class.to_socket_addrs().with_context(|| format!("cannot find the host in {class}"))?;
    let class = addresses.next().with_context(|| format!("{class} has no address"))?;
    let any: IpAddr = match class {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    // A UDP socket sends nothing when it is connected. It only gets its address.
    let socket = UdpSocket::bind((any, 0)).context("there is no network")?;
    socket.connect(class).with_context(|| format!("there is no way to {class}"))?;
    Ok(socket.local_addr()?.ip())
}

/// The student's client and the others' servers.
struct Talks {
    client: Client,
    board: Board,
    /// When the list was read last.
    read: Option<Instant>,
    /// What is known of the others, each under the key and the name of the student.
    known: BTreeMap<(String, String), Known>,
    /// The check before which the student's client was tried, and how many times it prints by itself what it is given to
    /// type.
    prints: Option<(u64, usize)>,
}

/// What came of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Understood,
    /// The server answers, and the client does not understand it.
    Misunderstood,
    /// The server does not answer this program either: it is wrong, or a stranger holds it.
    Silent,
    /// Nothing listens: the server has just ended, or the network is in the way.
    Unreachable,
}

/// What is known of another student's server.
struct Known {
    addr: SocketAddr,
    /// The check of this student's own before which the pair was asked.
    version: u64,
    found: Found,
    tries: u32,
    asked: Instant,
}

impl Known {
    /// Whether it is about this server and about the client as it is now.
    fn is_of(&self, addr: SocketAddr, version: u64) -> bool {
        self.addr == addr && self.version == version
    }

    /// Whether the pair has to be asked once more.
    fn is_due(&self, now: Instant) -> bool {
        let waited = now.duration_since(self.asked) > RETRY * self.tries.min(LONGEST);
        match self.found {
            Found::Understood => false,
            // Each try may end a server of a stage up to 9.
            Found::Misunderstood => waited && self.tries < TRIES,
            Found::Silent | Found::Unreachable => waited,
        }
    }

    /// What the report says of it.
    fn understands(&self) -> Option<bool> {
        (self.found != Found::Unreachable).then_some(self.found == Found::Understood)
    }
}

impl Talks {
    /// Asks the next server that has to be asked, and puts into the report what is known. Returns whether there was one.
    fn next(&mut self, shared: &Shared, client: &Own, version: u64) -> bool {
        if self.read.is_none_or(|read| read.elapsed() > PERIOD) {
            // Without the list nothing can be reported either.
            let Ok(list) = self.client.list() else { return false };
            self.read = Some(Instant::now());
            self.board.read(list, Instant::now());
        }
        let Ok(ip) = own_ip(&shared.settings.class) else { return false };
        let me = shared.reporter.report();
        let mine = self.board.rows.iter().find(|row| row.report.is_of_the_same(&me));
        let mine = mine.map_or(0, |row| row.index);
        let now = Instant::now();
        let is_other = |row: &&Row| {
            let is_there = row.is_alive && now.duration_since(row.changed) < AWAY;
            is_there && !row.report.is_of_the_same(&me) && row.report.stage == me.stage
        };
        let mut others: Vec<(&Row, SocketAddr)> = self
            .board
            .rows
            .iter()
            .filter(is_other)
            .filter_map(|row| Some((row, address(row.report.serve.as_deref()?, ip)?)))
            .collect();
        // Each client begins with the student after its own, so that not all ask the same server at the same time.
        others.sort_by_key(|(row, _)| (row.index < mine, row.index));
        let known = |row: &Row, addr: SocketAddr| {
            self.known.get(&who(row)).filter(|known| known.is_of(addr, version))
        };
        // A server that was not asked yet comes first: a hostile one takes its time again and again.
        let tries = |row: &Row, addr| known(row, addr).map_or(0, |known| known.tries);
        let is_due = |(row, addr): &&(&Row, SocketAddr)| {
            known(row, *addr).is_none_or(|known| known.is_due(now))
        };
        let next = others.iter().filter(is_due).min_by_key(|(row, addr)| tries(row, *addr));
        let asked = next.map(|(row, addr)| (*row, *addr, tries(row, *addr)));
        let has_asked = asked.is_some();
        if let Some((row, addr, tries)) = asked {
            let mut state = shared.lock();
            if state.version != version {
                return true;
            }
            state.is_talking = true;
            drop(state);
            let prints = self.prints.filter(|prints| prints.0 == version);
            let prints = prints.map_or_else(|| prints_itself(shared, client, version), |one| one.1);
            self.prints = Some((version, prints));
            let understands = Talk::new(shared, client, addr, version).understands(prints);
            shared.lock().is_talking = false;
            shared.changed.notify_all();
            // The client was ended because a check begins.
            if shared.is_over(version) {
                return true;
            }
            // The other's server may have been built anew since the list was read.
            if !understands && !self.is_still_there(row) {
                self.read = None;
                return true;
            }
            let found = if understands { Found::Understood } else { what_is_wrong(addr, me.stage) };
            let known = Known { addr, version, found, tries: tries + 1, asked: Instant::now() };
            self.known.insert(who(row), known);
        }
        // What was found out before either has changed does not count.
        let known = |(row, addr): &(&Row, SocketAddr)| {
            let known = self.known.get(&who(row)).filter(|known| known.is_of(*addr, version))?;
            Some((row.index, known.understands()?))
        };
        let understands: Vec<(usize, bool)> = others.iter().filter_map(known).collect();
        // What is known of a student who has gone is forgotten.
        let there: Vec<_> = self.board.rows.iter().map(who).collect();
        self.known.retain(|who, _| there.contains(who));
        let state = shared.lock();
        if state.version == version {
            // The lock is held, so that a check that begins takes this out again afterwards.
            shared.reporter.change(|report| report.understands = understands);
        }
        drop(state);
        has_asked
    }

    /// Whether the server of the student in a row is where the list says. A server of the class that does not answer says
    /// nothing against it.
    fn is_still_there(&self, row: &Row) -> bool {
        let Ok(text) = self.client.get(row.index) else { return true };
        let now = text.and_then(|text| Report::parse(&text));
        now.is_some_and(|now| now.is_of_the_same(&row.report) && now.serve == row.report.serve)
    }
}

/// Which student a row is about.
fn who(row: &Row) -> (String, String) {
    (row.report.key.clone(), row.report.name.clone())
}

/// The address of another student's server. `None` if it is not one at which `watch --serve` lets a server listen: a
/// stranger must not be able to send the student's client elsewhere, such as to another service of the student's machine.
fn address(serve: &str, own: IpAddr) -> Option<SocketAddr> {
    let addr: SocketAddr = serve.parse().ok()?;
    // ::ffff:127.0.0.1 is 127.0.0.1.
    let ip = addr.ip().to_canonical();
    let is_one_machine = !ip.is_unspecified()
        && !ip.is_multicast()
        && !matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let is_here = ip.is_loopback() && !own.is_loopback();
    (contract::PORTS.contains(&addr.port()) && is_one_machine && !is_here).then_some(addr)
}

/// The student's client and one server.
struct Talk<'a> {
    shared: &'a Shared,
    client: &'a Own,
    addr: SocketAddr,
    version: u64,
    start: Instant,
    /// What is typed. It has Korean letters, and a number that the server cannot know.
    text: String,
}

impl Talk<'_> {
    fn new<'a>(shared: &'a Shared, client: &'a Own, addr: SocketAddr, version: u64) -> Talk<'a> {
        // Each `RandomState` has other keys.
        let number = RandomState::new().hash_one(0) % 1_000_000;
        let text = format!("안녕 {number:06} 친구");
        Talk { shared, client, addr, version, start: Instant::now(), text }
    }

    /// Whether what the client is given to type comes back. Up to stage 4 the client has to print it once more than the
    /// `prints` times that it prints it by itself. From stage 5 on another run of the client has to get it, which was not
    /// given the text: a client may print the request, too.
    fn understands(&self, prints: usize) -> bool {
        self.try_to_understand(prints).unwrap_or(false)
    }

    /// The same; `None` if the client cannot be run to its end.
    fn try_to_understand(&self, prints: usize) -> Option<bool> {
        let said = self.run(&self.text)?;
        match self.shared.settings.stage {
            // The reply.
            ..=4 => Some(said.matches(&self.text).count() > prints),
            // Each line is sent, and the list comes after it.
            5 => Some(self.run("안녕")?.contains(&self.text)),
            // An empty line fetches the list.
            6 => Some(self.run("")?.contains(&self.text)),
            // An index stands before each message of the list, and gets the message alone.
            _ => {
                let list = self.run("")?;
                let Some(index) = index_before(&list, &self.text) else { return Some(false) };
                Some(self.run(&format!("GET /{index}"))?.contains(&self.text))
            }
        }
    }

    /// Runs the client with one line on its standard input, and returns what it prints. `None` if it does not end in time,
    /// prints too much, or if a check begins.
    fn run(&self, line: &str) -> Option<String> {
        self.try_run(line).ok().flatten()
    }

    fn try_run(&self, line: &str) -> Result<Option<String>> {
        let addr = self.addr.to_string();
        let mut command = match self.client {
            Own::Binary(binary) => {
                let mut command = Command::new(binary);
                command.args(["client", "--addr", &addr]);
                command
            }
            Own::Shell(line) => contract::shell(&line.replace("{addr}", &addr)),
        };
        command.stdin(Stdio::piped());
        let (reader, writer) = io::pipe()?;
        let (process, input) = Process::start_without_errors(command, writer)?;
        let output = read(reader);
        if let Some(mut input) = input {
            // The client may have ended before. The end of its input follows the line.
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
        loop {
            if let Some(status) = process.poll()? {
                // What it has started would hold the pipe open.
                process.kill();
                let said = output.recv_timeout(LAST_WORDS);
                return Ok(said.ok().flatten().filter(|_| status.code().is_some()));
            }
            if self.start.elapsed() > PAIR || self.shared.is_over(self.version) {
                return Ok(None);
            }
            thread::sleep(LOOK);
        }
    }
}

/// How many times the student's client prints by itself what it is given to type. To find that out, it talks to a server of
/// this program that answers with another text. From stage 5 on this does not matter.
fn prints_itself(shared: &Shared, client: &Own, version: u64) -> usize {
    let stage = shared.settings.stage;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok().filter(|_| stage < 5);
    let Some(listener) = listener else { return 0 };
    let Ok(addr) = listener.local_addr() else { return 0 };
    let is_over = Arc::new(AtomicBool::new(false));
    let ends = is_over.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if ends.load(Ordering::Relaxed) {
                return;
            }
            answer_otherwise(stream, stage);
        }
    });
    let talk = Talk::new(shared, client, addr, version);
    let said = talk.run(&talk.text).unwrap_or_default();
    is_over.store(true, Ordering::Relaxed);
    // The thread waits for a connection.
    let _ = TcpStream::connect_timeout(&addr, ANSWER);
    said.matches(&talk.text).count()
}

/// Answers a client as a server of the stage does, but for the text.
fn answer_otherwise(mut stream: TcpStream, stage: u32) {
    let answer = match stage {
        1 | 2 => "다른 답\n",
        _ => {
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\nConnection: close\r\n\r\n다른 답"
        }
    };
    let _ = stream.set_read_timeout(Some(ANSWER));
    let _ = stream.set_write_timeout(Some(ANSWER));
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all(answer.as_bytes());
    // Data that nothing reads would make the system reset the connection, and the answer could be lost.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let start = Instant::now();
    while start.elapsed() < ANSWER && matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
}

/// Reads all that a client prints; sends `None` if it is too much.
fn read(reader: PipeReader) -> mpsc::Receiver<Option<String>> {
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = reader.take(OUTPUT_BYTES).read_to_end(&mut said);
        let is_whole = (said.len() as u64) < OUTPUT_BYTES;
        // The time of the pair may be over.
        let _ = sender.send(is_whole.then(|| String::from_utf8_lossy(&said).into_owned()));
    });
    output
}

/// The index in `INDEX: TEXT`, where the list has the text.
fn index_before(list: &str, text: &str) -> Option<usize> {
    let before = list.split(&format!(": {text}")).next().filter(|before| *before != list)?;
    let start = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    before[start..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_students_are_asked() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let away = IpAddr::V4(Ipv4Addr::new(192, 168, 0, 7));
        for fine in ["192.168.0.9:20000", "10.1.2.3:29999", "[fe80::1]:25000"] {
            assert_eq!(address(fine, away).map(|addr| addr.to_string()).as_deref(), Some(fine));
        }
        assert!(address("127.0.0.1:20000", here).is_some());
        for wrong in [
            "127.0.0.1:20000",
            "[::1]:20000",
            "192.168.0.1:80",
            "192.168.0.9:19999",
            "192.168.0.9:30000",
            "0.0.0.0:20000",
            "255.255.255.255:20000",
            "224.0.0.1:20000",
            "example.org:20000",
            "192.168.0.9:20000; rm -r /",
            "[::ffff:127.0.0.1]:20000",
            "[::ffff:0.0.0.0]:20000",
        ] {
            assert_eq!(address(wrong, away), None, "{wrong}");
        }
    }

    #[test]
    fn why_a_server_is_not_open_is_said_in_korean() {
        for reason in [
            "there is no free port from 20000 to 29999; end some programs that listen there",
            "there is no way to 192.168.0.9:8090: x",
            "the server ended before it listened at 192.168.0.9:20000; it printed: \"x\"",
            "it does not listen at 192.168.0.9:20000 within 10 s; the program must listen at the address that the \
             command gives it",
            "my_put does not compile; the first error is above",
        ] {
            let korean = words::say(Lang::Ko, reason);
            assert!(korean.contains("니다") && !korean.contains(" the "), "{korean}");
        }
    }

    #[test]
    fn when_a_pair_is_asked_again() {
        let asked = Instant::now();
        let addr = SocketAddr::from(([192, 168, 0, 9], 20_000));
        let known = |found, tries| Known { addr, version: 1, found, tries, asked };
        let soon = asked + RETRY / 2;
        let later = asked + RETRY * LONGEST + Duration::from_millis(1);
        for found in [Found::Misunderstood, Found::Silent, Found::Unreachable] {
            assert!(!known(found, 1).is_due(soon) && known(found, 1).is_due(later));
        }
        // A stranger may hold a server for long, and a pair is right again after that.
        assert!(
            known(Found::Silent, 50).is_due(later) && known(Found::Unreachable, 50).is_due(later)
        );
        // A server that answers is left in peace.
        assert!(!known(Found::Misunderstood, TRIES).is_due(later));
        assert!(!known(Found::Understood, 1).is_due(later));
        assert_eq!(known(Found::Unreachable, 1).understands(), None);
        assert_eq!(known(Found::Silent, 1).understands(), Some(false));
        assert!(known(Found::Silent, 1).is_of(addr, 1) && !known(Found::Silent, 1).is_of(addr, 2));
    }

    #[test]
    fn an_index_stands_before_the_text() {
        assert_eq!(index_before("> 0: first\n12: 안녕 1 친구\n> \n", "안녕 1 친구"), Some(12));
        assert_eq!(index_before("> 0: 안녕 1 친구\n", "안녕 1 친구"), Some(0));
        assert_eq!(index_before("> [\"안녕 1 친구\"]\n", "안녕 1 친구"), None);
        assert_eq!(index_before("", "안녕 1 친구"), None);
    }
}
