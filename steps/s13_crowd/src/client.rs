//! The client: sends what a person types, and prints what comes back.
//!
//! `connect` asks the system for a TCP connection to the server. The system chooses a free port for
//! this end of it, and returns when the handshake (SYN, SYN-ACK, ACK) is done. From then on the
//! stream carries bytes in both directions, in order, until one side closes it.

use crate::connection::Connection;
use crate::http::with_prefix;
use crate::http::{Request, Response};
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::io::{self, BufReader, ErrorKind, prelude::*};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The methods that a line can begin with.
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PUT"];

/// How long the client waits for the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest reply that the client reads.
const MAX_REPLY_BYTES: u64 = 4 << 20;

/// A connection to the server at `addr`, which is kept for the next request.
pub struct Session {
    pub addr: String,
    pub stream: Option<BufReader<Connection>>,
}

/// Sends what a person types to the server at `addr` (HOST:PORT), and prints what comes back.
/// An empty line prints the list. The end of input ends the loop.
/// After a line that fails, the loop goes on.
///
/// # Errors
/// A server that cannot be reached, or a line that got no whole reply.
pub fn run(addr: &str) -> Result<()> {
    let mut failed = 0;
    let mut session = Session { addr: addr.to_string(), stream: None };
    while let Some(line) = prompt()? {
        if let Err(error) = send(&mut session, &line) {
            let _ = writeln!(io::stderr(), "{error:#}");
            failed += 1;
        }
    }
    ensure!(failed == 0, "the client ends with an error status; lines that failed: {failed}");
    Ok(())
}

/// Sends `line` and prints what comes back.
fn send(session: &mut Session, line: &str) -> Result<()> {
    if line.is_empty() {
        return show_list(session);
    }
    let request = parse_line(line, &session.addr);
    print(&format!("{}\n", with_prefix("→", &request.to_string())))?;
    let response = exchange_in(session, &request).map_err(|error| explain(error, line))?;
    print(&format!("{}\n", with_prefix("←", &response.to_string())))
}

/// Makes the request that a line asks for. A line is `METHOD PATH TEXT`. Without a path the request
/// is for `/`. Without one of the `METHODS`, the line is the text of a `POST /`.
fn parse_line(line: &str, host: &str) -> Request {
    let (method, rest) = split_word(line);
    if !METHODS.contains(&method) {
        return Request::new("POST", "/", host).with_text(line);
    }
    let rest = rest.trim_start();
    let (path, text) = if rest.starts_with('/') { split_word(rest) } else { ("/", rest) };
    let request = Request::new(method, path, host);
    match (method, text) {
        ("GET" | "HEAD", "") => request,
        _ => request.with_text(text),
    }
}

/// Splits `text` into its first word and what comes after the space.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Fetches the server's list and prints it, an index before each message.
fn show_list(session: &mut Session) -> Result<()> {
    for (index, text) in fetch_list(session)?.iter().enumerate() {
        print(&format!("{index}: {text}\n"))?;
    }
    Ok(())
}

/// Fetches the server's list of messages.
pub fn fetch_list(session: &mut Session) -> Result<Vec<String>> {
    let request = Request::new("GET", "/", &session.addr);
    let response = exchange_in(session, &request).map_err(|error| explain(error, "GET /"))?;
    if !response.is_success() {
        bail!("the server has no list: {} {}", response.status, response.reason);
    }
    serde_json::from_str(&response.body).context("the server's response is not a list of messages")
}

/// Sends `request` on a connection of its own and returns the response.
pub fn exchange(addr: &str, request: &Request) -> Result<Response> {
    exchange_in(&mut Session { addr: addr.to_string(), stream: None }, request)
}

/// Sends `request` and returns the response. If the server has closed the connection in the
/// meantime, sends it again on a new one: but not a POST, which could then be done twice.
fn exchange_in(session: &mut Session, request: &Request) -> Result<Response> {
    let kept = session.stream.take().filter(is_idle);
    let is_kept = kept.is_some();
    let mut stream = match kept {
        Some(stream) => stream,
        None => BufReader::new(Connection::new(connect(&session.addr)?, TIMEOUT)),
    };
    stream.get_mut().set_deadline(TIMEOUT);
    let sent = stream.get_mut().write_all(request.to_string().as_bytes());
    let is_closed = match stream.fill_buf() {
        Ok(bytes) => bytes.is_empty(),
        Err(error) => !matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted),
    };
    if is_closed && request.method == "POST" {
        bail!("the connection ended without a response; the list shows if the message was added");
    }
    if is_closed && is_kept {
        drop(stream);
        return exchange_in(session, request);
    }
    let mut reader = stream.by_ref().take(MAX_REPLY_BYTES);
    let mut response = Response::read(&mut reader, &request.method);
    // Interim responses (1xx) can come before the final one (RFC 9110, section 15.2).
    while response.as_ref().is_ok_and(|response| response.status < 200) {
        response = Response::read(&mut reader, &request.method);
    }
    ensure!(reader.limit() > 0, "the response is too long for this client");
    // A server can answer, and close, before it has read the whole request.
    if response.is_err() {
        sent?;
    }
    if response.as_ref().is_ok_and(|response| response.fields.is_persistent(&response.version)) {
        session.stream = Some(stream);
    }
    response
}

/// Returns whether the server has kept the connection open and has sent nothing.
fn is_idle(stream: &BufReader<Connection>) -> bool {
    let _ = stream.get_ref().stream.set_nonblocking(true);
    let result = stream.get_ref().stream.peek(&mut [0]);
    let _ = stream.get_ref().stream.set_nonblocking(false);
    stream.buffer().is_empty() && result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Opens a connection to `addr` (HOST:PORT). If no server accepts it, that is an error.
pub fn connect(addr: &str) -> Result<TcpStream> {
    let candidates =
        addr.to_socket_addrs().with_context(|| format!("cannot use {addr} as --addr HOST:PORT"))?;
    let mut reason = anyhow!("the name has no address");
    // A name such as localhost can have several addresses. The first one that answers is used.
    for candidate in candidates {
        match TcpStream::connect_timeout(&candidate, TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => reason = error.into(),
        }
    }
    let command = concat!("cargo run -p ", env!("CARGO_PKG_NAME"), " -- server --addr");
    bail!("nothing answers at {addr} ({reason}); start a server with: {command} {addr}")
}

/// Adds to `error` which line got no whole reply.
pub fn explain(error: anyhow::Error, line: &str) -> anyhow::Error {
    let error = match error.downcast_ref().map(io::Error::kind) {
        // The system's own words for a timeout are "Resource temporarily unavailable".
        Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            anyhow!("the server did not answer in time; is it busy with another client?")
        }
        _ => error,
    };
    error.context(format!("no whole reply to \"{line:.40}\""))
}

/// Asks for a line. Returns it without its line ending, or `None` at the end of input.
fn prompt() -> Result<Option<String>> {
    print("> ")?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line).context("cannot read a line of text")? == 0 {
        print("\n")?;
        return Ok(None);
    }
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_string()))
}

/// Prints `text` at once. A terminal obeys control characters, so those that a server sent are
/// printed as escapes, such as `\u{1b}`. Line feeds stay.
pub fn print(text: &str) -> Result<()> {
    let mut output = io::stdout();
    output
        .write_all(escape_control(text).as_bytes())
        .and_then(|()| output.flush())
        .context("cannot print")
}

/// Replaces the control characters in `text`, but for line feeds, by escapes.
pub fn escape_control(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_control() && c != '\n' => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
