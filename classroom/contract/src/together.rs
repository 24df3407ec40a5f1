//! Several clients at the same time, and a slow one. A server of stage 11 answers a client while others send nothing.

use crate::connection::{End, Exchange, MAX_BYTES, Patience, connect, read};
use crate::fault::Fault;
use crate::judge::{Want, judge, parse_list};
use crate::question::{Model, Question};
use crate::response::Response;
use crate::show::in_quotes;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How many silent connections there are beside the one that asks: more than a small pool of threads has.
const SILENT: usize = 40;

/// How many connections a server serves at a time.
const CROWD: usize = 256;

/// How long the server may take to serve a new connection after the others have closed.
const FREE: Duration = Duration::from_secs(3);

/// What is asked on several connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Of four connections the last one is answered first.
    LastFirst,
    /// Silent connections delay no other.
    Silent,
    /// Several clients add messages at the same time.
    PostsAtOnce,
    /// What a client wrote is in the list that it fetches next, while other clients write.
    WriteIsSeen,
    /// One connection more than the server serves.
    Crowd,
}

/// All of them, in the order in which they are asked.
pub const ALL: [Together; 5] = [
    Together::LastFirst,
    Together::Silent,
    Together::PostsAtOnce,
    Together::WriteIsSeen,
    Together::Crowd,
];

/// The result of such a case, and what the report shows.
pub struct Found {
    /// Whether the case holds.
    pub result: Result<(), Failed>,
    /// What should come back, in words.
    pub wanted: String,
    /// A command line that sends the same.
    pub hand: String,
    /// What came back.
    pub got: Vec<u8>,
}

/// Why a case does not hold.
pub enum Failed {
    Fault(Fault),
    /// This machine cannot open as many connections: the reason.
    NotHere(String),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Failed {
        Failed::Fault(fault)
    }
}

impl Together {
    /// The id of the case.
    pub fn id(self) -> &'static str {
        match self {
            Together::LastFirst => "last-first",
            Together::Silent => "silent-delays-none",
            Together::PostsAtOnce => "posts-at-once",
            Together::WriteIsSeen => "write-is-seen",
            Together::Crowd => "crowd",
        }
    }

    /// What is asked, in a few words.
    pub fn what(self) -> &'static str {
        match self {
            Together::LastFirst => "four connections, of which the last one asks first",
            Together::Silent => "40 silent connections, and one that asks",
            Together::PostsAtOnce => "24 × POST / at the same time, and then GET /",
            Together::WriteIsSeen => {
                "16 clients at the same time, each POST / and then GET /, four times"
            }
            Together::Crowd => "256 silent connections, and one more that asks",
        }
    }

    /// Asks it; each response may take `limit`. `by_hand` (HOST:PORT) is the address in the command line.
    pub fn ask(
        self,
        addr: &str,
        by_hand: &str,
        question: &Question,
        model: &Model,
        limit: Duration,
    ) -> Found {
        let (host, port) = by_hand.rsplit_once(':').unwrap_or((by_hand, ""));
        let mut found =
            Found { result: Ok(()), wanted: String::new(), hand: String::new(), got: Vec::new() };
        match self {
            Together::LastFirst => {
                found.wanted = "200 for the fourth connection, and then for the third, the second and the first".to_string();
                found.hand = format!(
                    "for i in 1 2 3; do nc {host} {port} & done; sleep 1; curl -i -m 5 {by_hand}/"
                );
                found.result = last_first(addr, question, model, limit, &mut found.got);
            }
            Together::Silent => {
                found.wanted = "200, although 40 other clients send nothing".to_string();
                found.hand = format!(
                    "for i in $(seq {SILENT}); do sleep 9 | nc {host} {port} & done; sleep 1; curl -i -m 5 {by_hand}/"
                );
                found.result = silent(addr, question, model, limit, &mut found.got);
            }
            Together::PostsAtOnce => {
                found.wanted =
                    "201 for each, each Location once, and the list has each text at its Location"
                        .to_string();
                found.hand = format!(
                    "for i in $(seq {POSTS}); do curl -si -d $i {by_hand}/ | grep -i location & done; wait; curl {by_hand}/"
                );
                found.result = posts_at_once(addr, question, model, limit, &mut found.got);
            }
            Together::WriteIsSeen => {
                found.wanted =
                    "200 for each GET, and its list has the text of the POST before it, at its Location"
                        .to_string();
                found.hand = format!(
                    "for i in $(seq {WRITERS}); do (curl -si -d $i {by_hand}/ | grep -i location; curl -s {by_hand}/ | tail -c 99) & done; wait"
                );
                found.result = write_is_seen(addr, question, limit, &mut found.got);
            }
            Together::Crowd => {
                found.wanted = "503\nRetry-After: a number of seconds".to_string();
                found.hand = format!(
                    "for i in $(seq {CROWD}); do sleep 9 | nc {host} {port} & done; sleep 1; curl -i -m 5 {by_hand}/"
                );
                found.result = crowd(addr, question, limit, &mut found.got);
            }
        }
        found
    }
}

/// Opens `number` connections and sends nothing on them.
fn open(addr: &str, number: usize, limit: Duration) -> Result<Vec<TcpStream>, Failed> {
    let mut streams = Vec::new();
    for _ in 0..number {
        match connect(addr, limit) {
            Ok(stream) => streams.push(stream),
            Err(error) if matches!(error.raw_os_error(), Some(23 | 24)) => {
                let reason = format!(
                    "this system allows too few open files for {number} connections; `ulimit -n 1024` allows more"
                );
                return Err(Failed::NotHere(reason));
            }
            Err(error) => {
                let sentence = format!(
                    "connection {} of {number} is not accepted ({error})",
                    streams.len() + 1
                );
                return Err(Fault::new("timeout", sentence).because(ONE_AT_A_TIME).into());
            }
        }
    }
    Ok(streams)
}

const ONE_AT_A_TIME: &str = "The server may serve one connection after the other, or only a few at a time: the others wait in the queue of the listening socket (the backlog), where the kernel has accepted them and the server has not.";

/// Sends the question on a connection that is open, and returns what comes back.
fn ask(stream: &mut TcpStream, question: &Question, limit: Duration) -> Exchange {
    let start = Instant::now();
    let mut exchange = Exchange::default();
    let _ = stream.set_write_timeout(Some(limit));
    let _ = stream.write_all(&question.sent);
    let patience = Patience { whole: limit, close: limit };
    exchange.end = read(stream, question.method, patience, MAX_BYTES, start, &mut exchange.got);
    exchange.took = start.elapsed();
    exchange
}

fn last_first(
    addr: &str,
    question: &Question,
    model: &Model,
    limit: Duration,
    got: &mut Vec<u8>,
) -> Result<(), Failed> {
    const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];
    let mut streams = open(addr, NAMES.len(), limit)?;
    // The kernel queues connections in their order: the last one is the last that the server can accept.
    for (number, stream) in streams.iter_mut().enumerate().rev() {
        let exchange = ask(stream, question, limit);
        *got = exchange.got.clone();
        check(question, model, &exchange, &format!("the {} connection", NAMES[number]))?;
    }
    Ok(())
}

/// Whether a response on one of several connections is right.
fn check(
    question: &Question,
    model: &Model,
    exchange: &Exchange,
    which: &str,
) -> Result<(), Failed> {
    let judged = judge(question, &Want::new(question, model, None), exchange);
    let fault = match judged {
        Ok(_) => return Ok(()),
        Err(fault) => fault,
    };
    let sentence = format!("{which}: {}", fault.sentence);
    let fault = Fault { sentence, ..fault };
    Err(if fault.kind == "timeout" { fault.because(ONE_AT_A_TIME).into() } else { fault.into() })
}

fn silent(
    addr: &str,
    question: &Question,
    model: &Model,
    limit: Duration,
    got: &mut Vec<u8>,
) -> Result<(), Failed> {
    let silent = open(addr, SILENT, limit)?;
    let mut stream = open(addr, 1, limit)?.remove(0);
    let exchange = ask(&mut stream, question, limit);
    *got = exchange.got.clone();
    let result = check(question, model, &exchange, &format!("among {SILENT} silent connections"));
    end(silent);
    result
}

/// Closes connections, and waits for the server to close its side of them.
fn end(streams: Vec<TcpStream>) {
    for stream in &streams {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let start = Instant::now();
    for mut stream in streams {
        let left = Duration::from_secs(1).saturating_sub(start.elapsed());
        let _ = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        let _ = stream.read(&mut [0; 4096]);
    }
}

/// How many clients add a message at the same time.
const POSTS: usize = 24;

fn posts_at_once(
    addr: &str,
    question: &Question,
    model: &Model,
    limit: Duration,
    got: &mut Vec<u8>,
) -> Result<(), Failed> {
    let mut streams = open(addr, POSTS, limit)?;
    let text = |number: usize| format!("message {number} of {POSTS} at once");
    let posts: Vec<Question> =
        (0..POSTS).map(|number| Question::post("posts-at-once", &text(number), 11, addr)).collect();
    let answers: Vec<Exchange> = thread::scope(|scope| {
        let asked: Vec<_> = streams
            .iter_mut()
            .zip(&posts)
            .map(|(stream, post)| scope.spawn(|| ask(stream, post, limit)))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap_or_default()).collect()
    });
    let patience = Patience { whole: limit, close: limit };
    let after = crate::connection::exchange(addr, question, patience);
    *got = after.got.clone();
    let list = parse_list(&Response::parse(&after.got)?.body)?;
    for (number, answer) in answers.iter().enumerate() {
        let response = Response::parse(&answer.got)?;
        let location = response.field("Location").unwrap_or_default();
        let index: Option<usize> = location.strip_prefix('/').and_then(|index| index.parse().ok());
        let at_its_place = index.and_then(|index| list.get(index)) == Some(&text(number));
        if response.status != 201 || !at_its_place {
            let sentence = format!(
                "POST {number} of {POSTS} at once is answered {} with Location {}, but there the list has {}",
                response.status,
                in_quotes(&location, 20),
                index
                    .and_then(|index| list.get(index))
                    .map_or("nothing".to_string(), |text| in_quotes(text, 40))
            );
            return Err(Fault::new("race", sentence).because(BETWEEN).into());
        }
    }
    if list.len() != model.list.len() + POSTS {
        let sentence = format!(
            "after {POSTS} × POST / at once the list has {} messages, not {}",
            list.len(),
            model.list.len() + POSTS
        );
        return Err(Fault::new("race", sentence).because(BETWEEN).into());
    }
    Ok(())
}

/// How many clients write at the same time, and how often each.
const WRITERS: usize = 16;
const WRITES: usize = 4;

fn write_is_seen(
    addr: &str,
    question: &Question,
    limit: Duration,
    got: &mut Vec<u8>,
) -> Result<(), Failed> {
    let patience = Patience { whole: limit, close: limit };
    // An error is the fault, and the response that shows it.
    let one = |writer: usize| -> Result<(), (Failed, Vec<u8>)> {
        for number in 0..WRITES {
            let text = format!("write {number} of client {writer}");
            let post = Question::post("write-is-seen", &text, 13, addr);
            let answer = crate::connection::exchange(addr, &post, patience).got;
            let fail = |fault: Fault| (fault.into(), answer.clone());
            let response = Response::parse(&answer).map_err(fail)?;
            let location = response.field("Location").unwrap_or_default();
            let index: Option<usize> =
                location.strip_prefix('/').and_then(|index| index.parse().ok());
            let list = crate::connection::exchange(addr, question, patience).got;
            let fail = |fault: Fault| (fault.into(), list.clone());
            let response = Response::parse(&list).map_err(fail)?;
            let texts = parse_list(&response.body).map_err(fail)?;
            if index.and_then(|index| texts.get(index)) != Some(&text) {
                let sentence = format!(
                    "{} was answered with Location {}, and the list that is fetched after that has {} there",
                    in_quotes(&text, 40),
                    in_quotes(&location, 20),
                    index
                        .and_then(|index| texts.get(index))
                        .map_or("nothing".to_string(), |text| in_quotes(text, 40))
                );
                return Err(fail(Fault::new("stale", sentence).because(STALE)));
            }
        }
        Ok(())
    };
    let results: Vec<Result<(), (Failed, Vec<u8>)>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || one(writer))).collect();
        writers.into_iter().filter_map(|writer| writer.join().ok()).collect()
    });
    for result in results {
        result.map_err(|(failed, list)| {
            *got = list;
            failed
        })?;
    }
    Ok(())
}

const STALE: &str = "A list that is kept in memory has to be the new one before the write is answered: first commit, then replace the list, then answer.";

const BETWEEN: &str = "Two threads may change the list at the same time. Between adding a message and taking its index, no other thread may add one: hold the lock for both.";

fn crowd(
    addr: &str,
    question: &Question,
    limit: Duration,
    got: &mut Vec<u8>,
) -> Result<(), Failed> {
    let crowd = open(addr, CROWD, limit)?;
    let mut stream = open(addr, 1, limit)?.remove(0);
    let exchange = ask(&mut stream, question, limit);
    *got = exchange.got.clone();
    let result = full(&exchange);
    end(crowd);
    result?;
    // The server notices the ends of the connections one by one.
    let start = Instant::now();
    loop {
        let patience = Patience { whole: limit, close: limit };
        let after = crate::connection::exchange(addr, question, patience);
        match Response::parse(&after.got).map(|response| response.status) {
            Ok(200) => return Ok(()),
            _ if start.elapsed() < FREE => thread::sleep(Duration::from_millis(20)),
            Ok(status) => {
                *got = after.got;
                let sentence = format!(
                    "{} s after all others have closed, GET / is answered {status}",
                    FREE.as_secs()
                );
                return Err(Fault::new("still-full", sentence)
                    .because("When a connection ends, also with an error, the server must not count it any longer.")
                    .into());
            }
            Err(fault) => {
                *got = after.got;
                return Err(fault.into());
            }
        }
    }
}

/// Checks that the connection that is too many gets 503.
fn full(exchange: &Exchange) -> Result<(), Failed> {
    if exchange.end == End::TimedOut {
        let sentence = format!(
            "connection {} got no answer within {:.1} s",
            CROWD + 1,
            exchange.took.as_secs_f32()
        );
        return Err(Fault::new("timeout", sentence)
            .because("A server that is full answers 503 with Retry-After at once.")
            .into());
    }
    if exchange.got.is_empty() {
        let sentence = format!("connection {} ended without a response", CROWD + 1);
        return Err(Fault::new("no-response", sentence).because("A server that is full answers 503 with Retry-After at once. The response can be lost if the server closes a socket with unread data.").into());
    }
    let response = Response::parse(&exchange.got)?;
    if response.status != 503 {
        let sentence = format!("connection {} is answered {}, not 503", CROWD + 1, response.status);
        return Err(Fault::new("no-limit", sentence)
            .because(
                "Each connection takes memory. A server needs a limit for the number of connections: 256 here.",
            )
            .see("RFC 9110, section 15.6.4")
            .into());
    }
    let after = response.field("Retry-After").unwrap_or_default();
    let is_number = !after.is_empty() && after.bytes().all(|byte| byte.is_ascii_digit());
    if !after.is_empty() && !is_number && !after.ends_with(" GMT") {
        let sentence = format!("Retry-After is {}, not a number of seconds", in_quotes(&after, 40));
        return Err(Fault::new("Retry-After", sentence).see("RFC 9110, section 10.2.3").into());
    }
    if after.is_empty() {
        return Err(Fault::new("no Retry-After", "there is no Retry-After field")
            .see("RFC 9110, section 10.2.3")
            .into());
    }
    Ok(())
}

/// Sends `beginning`, and then a byte a second, until something comes back or `limit` is over.
pub fn slow(addr: &str, beginning: &[u8], limit: Duration) -> Exchange {
    let mut exchange = Exchange::default();
    let mut stream = match connect(addr, limit) {
        Ok(stream) => stream,
        Err(error) => {
            exchange.end = End::Refused(error.to_string());
            return exchange;
        }
    };
    let _ = stream.write_all(beginning);
    drip(&mut stream, limit)
}

/// Sends a byte a second, until something comes back or `limit` is over.
pub fn drip(stream: &mut TcpStream, limit: Duration) -> Exchange {
    let start = Instant::now();
    let mut exchange = Exchange::default();
    exchange.end = loop {
        if start.elapsed() > limit {
            break End::TimedOut;
        }
        let left = limit.saturating_sub(start.elapsed()).min(Duration::from_secs(1));
        let _ = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => break End::Closed,
            Ok(length) => {
                exchange.got.extend(&buffer[..length]);
                let second = Duration::from_secs(1);
                let patience = Patience { whole: second, close: second };
                let now = Instant::now();
                break read(stream, "GET", patience, MAX_BYTES, now, &mut exchange.got);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                    let _ = stream.write_all(b"x");
                }
                _ => break End::Reset,
            },
        }
    };
    exchange.took = start.elapsed();
    exchange
}
