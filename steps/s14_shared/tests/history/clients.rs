//! Clients that write and read through the load balancer, and note what they are answered.

use crate::record::{Answer, Ask, Request, Text, from_the_wire, on_the_wire};
use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use std::io::{BufRead, BufReader, Read, Write};
use std::mem;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many clients there are.
pub const CLIENTS: usize = 16;

/// How long a client waits for an answer. It is longer than a failover.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest pause between two requests of a client. Without a pause the clients would only
/// measure how fast the machine is.
const LONGEST_PAUSE: Duration = Duration::from_millis(60);

/// How many texts are posted at most: the server's list has a limit, and a short text counts as 50
/// bytes.
const MAX_POSTS: u32 = 9_000;

/// How many times the final list is read.
const FINAL_READS: usize = 12;

/// How many of the last messages are changed and read more often than the others.
const HOT: usize = 16;

/// Which requests the clients choose.
#[derive(Clone, Copy, PartialEq)]
pub enum Mix {
    /// Of ten requests, two are POSTs, four PUTs, and the others GETs.
    Usual,
    /// All writes are POSTs: where a message is stored twice, each of them can show it.
    Posts,
}

/// What the clients share.
struct Shared {
    addr: String,
    mix: Mix,
    start: Instant,
    is_over: AtomicBool,
    texts: AtomicU32,
    posts: AtomicU32,
    /// How many messages the list has at least: a client knows the last one's index.
    length: AtomicUsize,
    writes: AtomicUsize,
}

/// Running clients.
pub struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<Request>>>,
}

impl Clients {
    /// Starts clients of the server or load balancer at `addr`.
    pub fn start(addr: &str, mix: Mix) -> Self {
        let shared = Arc::new(Shared {
            addr: addr.to_string(),
            mix,
            start: Instant::now(),
            is_over: AtomicBool::new(false),
            texts: AtomicU32::new(0),
            posts: AtomicU32::new(0),
            length: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
        });
        let threads = (0..CLIENTS).map(|number| {
            let mut client = Client::new(number, shared.clone());
            thread::spawn(move || client.run())
        });
        let threads = threads.collect();
        Self { shared, threads }
    }

    /// Returns how long the clients have been running: the clock of the history.
    pub fn elapsed(&self) -> Duration {
        self.shared.start.elapsed()
    }

    /// Returns how many writes were answered with success up to now.
    pub fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::Relaxed)
    }

    /// Lets the clients stop after their request, reads the final list, and returns the history.
    ///
    /// # Errors
    /// A list that does not come, and a client that panicked.
    pub fn stop(mut self) -> Result<Vec<Request>> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let mut history = Vec::new();
        for thread in mem::take(&mut self.threads) {
            let Ok(requests) = thread.join() else { bail!("a client panicked") };
            history.extend(requests);
        }
        history.sort_by_key(|request| request.start);
        // New connections reach one server after the other. All of them have the same list now.
        for _ in 0..FINAL_READS {
            history.push(Client::new(CLIENTS, self.shared.clone()).final_list()?);
        }
        Ok(history)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

/// A client with one connection, which it opens again after an error.
struct Client {
    number: usize,
    shared: Arc<Shared>,
    random: Rng,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(number: usize, shared: Arc<Shared>) -> Self {
        // The same numbers in each run: what differs between two runs are the times.
        let random = Rng::with_seed(number as u64);
        Self { number, shared, random, connection: None }
    }

    /// Asks again and again until the clients are stopped.
    fn run(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let ask = self.choose();
            requests.push(self.ask(ask));
            thread::sleep(LONGEST_PAUSE.mul_f64(self.random.f64()));
        }
        requests
    }

    /// Chooses a request.
    fn choose(&mut self) -> Ask {
        let length = self.shared.length.load(Ordering::Relaxed);
        let die = self.random.u32(0..100);
        let posts = if self.shared.mix == Mix::Posts { 60 } else { 20 };
        let has_room = self.shared.posts.load(Ordering::Relaxed) < MAX_POSTS;
        if length == 0 || die < posts && has_room {
            self.shared.posts.fetch_add(1, Ordering::Relaxed);
            return Ask::Post(self.new_text());
        }
        let first = if self.random.bool() { length.saturating_sub(HOT) } else { 0 };
        let index = self.random.usize(first..length);
        match die {
            ..60 => Ask::Put(index, self.new_text()),
            60..63 => Ask::List,
            _ => Ask::Get(index),
        }
    }

    fn new_text(&self) -> Text {
        self.shared.texts.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a request and notes what comes back. After an error the connection is not used again.
    fn ask(&mut self, ask: Ask) -> Request {
        let start = self.shared.start.elapsed();
        let answer = self.exchange(ask).unwrap_or_else(|error| {
            self.connection = None;
            Answer::None(format!("{error:#}"))
        });
        let end = self.shared.start.elapsed();
        match answer {
            Answer::Stored(index) => {
                self.shared.length.fetch_max(index + 1, Ordering::Relaxed);
                self.shared.writes.fetch_add(1, Ordering::Relaxed);
            }
            Answer::List(ref texts) => {
                self.shared.length.fetch_max(texts.len(), Ordering::Relaxed);
            }
            _ => {}
        }
        Request { client: self.number, ask, start, end, answer }
    }

    /// Reads the list until it is answered. Its request began after all others.
    fn final_list(&mut self) -> Result<Request> {
        testing::process::until("the final list", || {
            let request = self.ask(Ask::List);
            Ok(request.is_answered().then_some(request))
        })
    }

    /// Sends a request on the connection, or on a new one, and reads the answer.
    ///
    /// # Errors
    /// A connection that ends before the whole answer has come.
    fn exchange(&mut self, ask: Ask) -> Result<Answer> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.shared.addr).context("no connection")?,
        };
        let connection = self.connection.insert(connection);
        let (line, text) = match ask {
            Ask::Post(text) => ("POST /".to_string(), on_the_wire(text)),
            Ask::Put(index, text) => (format!("PUT /{index}"), on_the_wire(text)),
            Ask::Get(index) => (format!("GET /{index}"), String::new()),
            Ask::List => ("GET /".to_string(), String::new()),
        };
        let length = text.len();
        let request =
            format!("{line} HTTP/1.1\r\nHost: history\r\nContent-Length: {length}\r\n\r\n{text}");
        connection.get_mut().write_all(request.as_bytes()).context("cannot send")?;
        let response = Response::read(connection).context("no whole answer")?;
        if response.is_last {
            self.connection = None;
        }
        Ok(response.answer(ask))
    }
}

fn connect(addr: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(BufReader::new(stream))
}

/// What is read of a response.
struct Response {
    status: u16,
    location: Option<String>,
    /// No other request may follow on this connection.
    is_last: bool,
    body: String,
}

impl Response {
    /// Reads one response, whose length is in its Content-Length.
    fn read(stream: &mut impl BufRead) -> Result<Self> {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "the connection ended");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no status line: {line:?}"))?;
        let (mut location, mut is_last, mut length) = (None, false, None);
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            ensure!(line.ends_with('\n'), "the connection ended in the head");
            let Some((name, value)) = line.split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "location" => location = Some(value.to_string()),
                "connection" => is_last = value.eq_ignore_ascii_case("close"),
                "content-length" => length = Some(value.parse()?),
                _ => {}
            }
        }
        let mut body = Vec::new();
        // The proxy's own error pages have no length: they end with the connection.
        stream.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body)?;
        ensure!(length.is_none_or(|length| body.len() as u64 == length), "half a body");
        is_last |= length.is_none();
        Ok(Self { status, location, is_last, body: String::from_utf8(body)? })
    }

    /// Returns what the response means as an answer to `ask`.
    fn answer(&self, ask: Ask) -> Answer {
        let known = match (ask, self.status) {
            (Ask::Post(text), 201) if self.body == on_the_wire(text) => self.index(),
            (Ask::Put(index, text), 200) if self.body == on_the_wire(text) => {
                Some(Answer::Stored(index))
            }
            (Ask::Get(_), 200) => from_the_wire(&self.body).map(Answer::Text),
            (Ask::Get(_) | Ask::Put(..), 404) => Some(Answer::Missing),
            (Ask::List, 200) => self.texts().map(Answer::List),
            // 507 is a sure no, and this test leaves room in the list.
            (_, 500..=506) => Some(Answer::None(format!("status {}", self.status))),
            _ => None,
        };
        known.unwrap_or_else(|| {
            let body: String = self.body.chars().take(60).collect();
            Answer::Wrong(format!("is answered {} {:?} {body:?}", self.status, self.location))
        })
    }

    /// Returns the index in the Location.
    fn index(&self) -> Option<Answer> {
        let index = self.location.as_ref()?.strip_prefix('/')?.parse().ok()?;
        Some(Answer::Stored(index))
    }

    /// Returns the texts of the list.
    fn texts(&self) -> Option<Vec<Text>> {
        let texts: Vec<String> = serde_json::from_str(&self.body).ok()?;
        texts.iter().map(|text| from_the_wire(text)).collect()
    }
}
