//! Clients that send a request as soon as the one before is answered. Each is a thread with a blocking socket. Where the
//! server keeps the connection, the client sends the next request on it; otherwise each request has a new connection.

use anyhow::{Context, Result, bail, ensure};
use contract::Answered;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a client waits for a response.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A client stops after this many failures.
const MAX_FAILURES: usize = 20;

/// One client.
pub struct Client<'a> {
    addr: &'a str,
    /// The connection that the server keeps, if there is one.
    stream: Option<TcpStream>,
    got: Vec<u8>,
}

/// A response.
pub struct Response {
    pub status: u16,
    /// The index in `Location: /7`, if there is that field.
    pub index: Option<usize>,
    pub body: String,
}

impl<'a> Client<'a> {
    /// A client of the server at `addr` (HOST:PORT), without a connection.
    pub fn new(addr: &'a str) -> Client<'a> {
        Client { addr, stream: None, got: Vec::new() }
    }

    /// Sends a request and reads the response.
    ///
    /// # Errors
    /// The server does not answer, or what it answers is no response.
    pub fn ask(&mut self, request: &[u8]) -> Result<Response> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = contract::connect(self.addr, TIMEOUT)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream
            }
        };
        stream.write_all(request)?;
        self.got.clear();
        let (head, length) = loop {
            if let Some(found) = head_and_length(&self.got)? {
                break found;
            }
            self.read(&mut stream)?;
        };
        while self.got.len() < head + length {
            self.read(&mut stream)?;
        }
        let (fields, body) = self.got.split_at(head);
        let fields = String::from_utf8_lossy(fields);
        let status = fields.get(9..12).and_then(|digits| digits.parse().ok());
        let index = field(&fields, "location").and_then(|path| path.get(1..)?.parse().ok());
        let body = String::from_utf8_lossy(body).into_owned();
        let keeps = field(&fields, "connection").is_none_or(|value| value != "close");
        self.stream = keeps.then_some(stream);
        Ok(Response { status: status.context("no status line")?, index, body })
    }

    /// Reads what has come.
    fn read(&mut self, stream: &mut TcpStream) -> Result<()> {
        let mut buffer = [0; 16 << 10];
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the connection ended without a whole response");
        self.got.extend(&buffer[..length]);
        Ok(())
    }
}

/// How many bytes the head has, and how many the body after it; `None` if the head is not complete.
fn head_and_length(got: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = got.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&got[..end + 4]);
    let length = field(&head, "content-length").and_then(|value| value.parse().ok());
    Ok(Some((end + 4, length.context("a response without Content-Length")?)))
}

/// The value of the field `name`.
fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A request with this text as its body; none for GET.
pub fn request(method: &str, text: &str) -> Vec<u8> {
    let length = match method {
        "GET" => String::new(),
        _ => format!("Content-Length: {}\r\n", text.len()),
    };
    format!("{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n{text}").into_bytes()
}

/// The list of the server at `addr`.
///
/// # Errors
/// The server does not answer with a list.
pub fn list(addr: &str) -> Result<Vec<String>> {
    let response = Client::new(addr).ask(&request("GET", ""))?;
    if response.status != 200 {
        bail!("GET / is answered {}, not 200", response.status);
    }
    serde_json::from_str(&response.body).context("GET / is not answered with a list")
}

/// What a crowd of clients does.
#[derive(Clone, Copy)]
pub struct Crowd {
    pub clients: usize,
    /// How long they send requests.
    pub time: Duration,
    /// How many requests they send at the most.
    pub most: usize,
    pub work: Work,
}

/// Which request each client sends.
#[derive(Clone, Copy, PartialEq)]
pub enum Work {
    /// GET / again and again.
    Get,
    /// POST of a text; each text differs from all others.
    Post,
    /// The same, up to the first failure of each client: the server is killed meanwhile.
    PostUntilKilled,
}

/// What came of it.
#[derive(Default)]
pub struct Done {
    /// The answers that came in time, a second.
    pub per_second: f64,
    /// How many requests were answered with success, also after the time.
    pub count: usize,
    /// How many requests failed, or were answered with another status.
    pub failed: usize,
    /// The writes that were answered.
    pub answered: Vec<Answered>,
    /// Whether a connection was kept after a response.
    pub is_kept: bool,
}

impl Crowd {
    /// Lets the clients work at the server at `addr`, and waits for all of them. `count` counts the answers while they
    /// come.
    pub fn run(self, addr: &str, count: &AtomicUsize) -> Done {
        let (start, sent) = (Instant::now(), AtomicUsize::new(0));
        let deadline = start + self.time;
        // The number of answers in time, and when the last of them came.
        let all = Mutex::new((Done::default(), 0, start));
        thread::scope(|scope| {
            for number in 0..self.clients {
                let (all, sent) = (&all, &sent);
                scope.spawn(move || {
                    let (done, in_time, last) = self.one(addr, number, deadline, sent, count);
                    let mut all = all.lock().unwrap_or_else(|error| error.into_inner());
                    all.0.count += done.count;
                    all.0.failed += done.failed;
                    all.0.answered.extend(done.answered);
                    all.0.is_kept |= done.is_kept;
                    all.1 += in_time;
                    all.2 = last.unwrap_or(start).max(all.2);
                });
            }
        });
        let (mut done, in_time, last) = all.into_inner().unwrap_or_else(|error| error.into_inner());
        // If all requests were sent before the deadline, the time ends with the last answer.
        let is_over = sent.into_inner() > self.most;
        let time = if is_over { last - start } else { self.time };
        done.per_second = in_time as f64 / time.as_secs_f64().max(1e-6);
        done
    }

    /// One client. Returns what it did, how many answers came in time, and when the last of these came.
    fn one(
        self,
        addr: &str,
        number: usize,
        deadline: Instant,
        sent: &AtomicUsize,
        count: &AtomicUsize,
    ) -> (Done, usize, Option<Instant>) {
        let (mut done, mut in_time, mut last) = (Done::default(), 0, None);
        let mut client = Client::new(addr);
        let get = request("GET", "");
        while Instant::now() < deadline && done.failed < MAX_FAILURES {
            let ticket = sent.fetch_add(1, Ordering::Relaxed);
            if ticket >= self.most {
                break;
            }
            let text = format!("client {number}, message {ticket}");
            let response = match self.work {
                Work::Get => client.ask(&get),
                Work::Post | Work::PostUntilKilled => client.ask(&request("POST", &text)),
            };
            done.is_kept |= client.stream.is_some();
            let response = response.ok().filter(|response| matches!(response.status, 200 | 201));
            let Some(response) = response else {
                done.failed += 1;
                if self.work == Work::PostUntilKilled {
                    break;
                }
                continue;
            };
            let now = Instant::now();
            if now <= deadline {
                in_time += 1;
                last = Some(now);
            }
            done.count += 1;
            count.fetch_add(1, Ordering::Relaxed);
            if self.work == Work::PostUntilKilled {
                // Without an index the message is not found, and counts as lost.
                done.answered.push((response.index.unwrap_or(usize::MAX), text));
            }
        }
        (done, in_time, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_complete_when_its_length_is_there() {
        let head = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\nLocation: /7\r\n\r\n";
        assert!(head_and_length(&head[..head.len() - 1]).is_ok_and(|found| found.is_none()));
        let found = head_and_length(head).expect("a head");
        assert_eq!(found, Some((head.len(), 2)));
        assert_eq!(field(&String::from_utf8_lossy(head), "location"), Some("/7"));
        assert!(head_and_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
