//! The client: sends what somebody types and shows what comes back.

use crate::http::{Request, Response, marked};
use anyhow::{Context, Result, anyhow, bail};
use std::io::{self, BufReader, ErrorKind, prelude::*};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The methods that a line can begin with.
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "PUT"];

/// How long the client waits for a connection, and then for each piece of a reply.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Sends what is typed to the server at `addr` (HOST:PORT) and prints what comes back.
pub fn run(addr: &str) -> Result<()> {
    while let Some(line) = prompt()? {
        if line.is_empty() {
            show_list(addr)?;
            continue;
        }
        send(addr, &line)?;
    }
    Ok(())
}

/// Sends `line` and prints what the server says to it.
fn send(addr: &str, line: &str) -> Result<()> {
    let request = parse(line, addr);
    print(&format!("{}\n", marked("→", &request)))?;
    let response = exchange(addr, &request, TIME_LIMIT).map_err(|error| explain(error, line))?;
    print(&format!("{}\n", marked("←", &response)))
}

/// The request that a line asks for, which is `METHOD PATH TEXT`: without a path it is for `/`, and
/// without a method that we know the line is the text of a `POST /`.
fn parse(line: &str, host: &str) -> Request {
    let (method, rest) = cut(line);
    if !METHODS.contains(&method) {
        return Request::new("POST", "/", host).with_text(line);
    }
    let rest = rest.trim_start();
    let (path, text) = if rest.starts_with('/') { cut(rest) } else { ("/", rest) };
    let request = Request::new(method, path, host);
    match (method, text) {
        ("GET" | "HEAD", "") => request,
        _ => request.with_text(text),
    }
}

/// The first word of `text`, and what comes after the space.
fn cut(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Fetches the server's list and prints it, an index before each message.
fn show_list(addr: &str) -> Result<()> {
    for (index, text) in fetch_list(addr, TIME_LIMIT)?.iter().enumerate() {
        print(&format!("{index}: {text}\n"))?;
    }
    Ok(())
}

/// The server's list of messages.
pub fn fetch_list(addr: &str, limit: Duration) -> Result<Vec<String>> {
    let request = Request::new("GET", "/", addr);
    let response = exchange(addr, &request, limit).map_err(|error| explain(error, "GET /"))?;
    if !response.is_success() {
        bail!("the server has no list: {} {}", response.status, response.reason);
    }
    serde_json::from_str(&response.body).context("the server's answer is not a list of messages")
}

/// Sends `request` on a connection of its own and returns the response.
pub fn exchange(addr: &str, request: &Request, limit: Duration) -> Result<Response> {
    let mut stream = connect(addr, limit)?;
    let sent = stream.get_mut().write_all(request.to_string().as_bytes());
    let response = Response::read(&mut stream, &request.method);
    // A server that has had enough may answer before it has read all: then its answer counts.
    if response.is_err() {
        sent?;
    }
    response
}

/// Opens a connection to `addr`, whose reads and writes give up after `limit`.
fn connect(addr: &str, limit: Duration) -> Result<BufReader<TcpStream>> {
    let found =
        addr.to_socket_addrs().with_context(|| format!("cannot use {addr} as --addr HOST:PORT"))?;
    let mut reason = anyhow!("the name has no address");
    // A name such as localhost can have several addresses: the first that answers is taken.
    for candidate in found {
        match TcpStream::connect_timeout(&candidate, limit) {
            Ok(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))?;
                return Ok(BufReader::new(stream));
            }
            Err(error) => reason = error.into(),
        }
    }
    let stage = env!("CARGO_PKG_NAME");
    bail!(
        "nothing answers at {addr} ({reason}); start a server with: cargo run -p {stage} -- server --addr {addr}"
    )
}

/// Says that `line` got no reply, and why.
pub fn explain(error: anyhow::Error, line: &str) -> anyhow::Error {
    let error = match error.downcast_ref().map(io::Error::kind) {
        // The system's own words for a time limit are "Resource temporarily unavailable".
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

/// Prints `text` at once, whether or not it ends a line.
fn print(text: &str) -> Result<()> {
    let mut output = io::stdout();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).context("cannot print")
}
