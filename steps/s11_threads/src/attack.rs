//! What strangers do to an open port, to try it on your own server.
//!
//! A stranger's program does not keep the rules that our client keeps. It sends nothing, or
//! nonsense, or stops in the middle. Each attack prints what came back, and then asks whether the
//! server still answers.

use crate::client::{connect, exchange, print};
use crate::http::{Request, Response};
use anyhow::{Context, Result, ensure};
use std::io::{ErrorKind, prelude::*};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

/// How long an attack waits for an answer: longer than a server waits for a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// How long `slow` sends at the most.
const SLOW_TIMEOUT: Duration = Duration::from_secs(60);

/// What to do to a server.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Kind {
    /// Connect, send nothing and close, as a port scan does
    Silent,
    /// Connect and reset the connection, as some port scans do
    Rst,
    /// Send a request and reset the connection at once
    RstMid,
    /// Send bytes that are no request, such as the first bytes of TLS
    Garbage,
    /// Send a byte a second (slowloris)
    Slow,
    /// Send a line, a head and a body that are too long
    Big,
    /// Send what came in the first days of an open port: open-proxy probes and a vulnerability scan
    Scanners,
    /// Open many connections and send nothing, so that other clients get no connection
    Flood,
}

/// Attacks the server at `addr` (HOST:PORT), on another machine only if the server is your `own`.
///
/// # Errors
/// A server that does not answer, before the attack or after it. A server that is not your own.
pub fn run(addr: &str, kind: Kind, own: bool) -> Result<()> {
    let addr = &look_up(addr, own)?;
    let rest = format!(" HTTP/1.1\r\nHost: {addr}\r\n");
    match kind {
        Kind::Silent => {
            let mut stream = connect(addr)?;
            stream.shutdown(Shutdown::Write)?;
            read_answer(&mut stream, ANSWER_TIMEOUT);
            print("connected, sent nothing, closed (FIN)\n")?;
        }
        Kind::Rst => {
            reset(connect(addr)?)?;
            print("connected, sent nothing, reset the connection (RST)\n")?;
        }
        Kind::RstMid => {
            let mut stream = connect(addr)?;
            stream.write_all(format!("GET /{rest}\r\n").as_bytes())?;
            reset(stream)?;
            print("sent a request, reset the connection (RST) without waiting for the response\n")?;
        }
        Kind::Garbage => {
            let hello = "\x16\x03\x01\x02\0\x01\0\x01\x03\x03\r\n\r\n";
            send(addr, "the first bytes of TLS", hello)?;
            send(addr, "an escape sequence", "\x1b]0;owned\x07\x1b[2J / HTTP/1.1\r\n\r\n")?;
            send(addr, "nothing but line ends", "\r\n\r\n\r\n\r\n")?;
        }
        Kind::Slow => slow(addr)?,
        Kind::Big => {
            let (path, body) = ("x".repeat(10_000), "x".repeat(100_000));
            let fields = "X-Field: 0123456789\r\n".repeat(1000);
            let length = "Content-Length: 100000\r\n";
            send(addr, "a request line of 10,000 bytes", &format!("GET /{path}{rest}\r\n"))?;
            send(addr, "a head of 1,000 fields", &format!("GET /{rest}{fields}\r\n"))?;
            send(addr, "a body of 100,000 bytes", &format!("POST /{rest}{length}\r\n{body}"))?;
        }
        Kind::Scanners => {
            for request in include_str!("scanners.txt").trim().split("\n\n") {
                let lines = request.replace('\n', "\r\n");
                send(addr, lines.lines().next().unwrap_or(""), &format!("{lines}\r\n\r\n"))?;
            }
        }
        Kind::Flood => flood(addr)?,
    }
    let response = get(addr).context("the server does not answer any more")?;
    print(&format!("the server still answers: GET / → {} {}\n", response.status, response.reason))
}

/// Looks up the name in `addr`, and returns the address at which the server answers, as numbers.
fn look_up(addr: &str, own: bool) -> Result<String> {
    let found =
        addr.to_socket_addrs().with_context(|| format!("cannot use {addr} as --addr HOST:PORT"))?;
    let found: Vec<SocketAddr> = found.collect();
    ensure!(
        own || found.iter().all(|found| found.ip().is_loopback()),
        "{addr} is not on this machine; if the server is yours, say so with --i-own-this-server"
    );
    let mut numbers = found.iter().map(SocketAddr::to_string);
    let number = numbers.find(|number| found.len() == 1 || get(number).is_ok());
    number.with_context(|| format!("nothing answers at {addr}; is the server running?"))
}

/// Sends a request that keeps the rules, and returns the response.
fn get(addr: &str) -> Result<Response> {
    exchange(addr, &Request::new("GET", "/", addr))
}

/// Closes a connection with RST in place of FIN: a linger time of 0 does that.
fn reset(stream: TcpStream) -> Result<()> {
    Ok(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?)
}

/// Sends a byte a second, until the server answers.
fn slow(addr: &str) -> Result<()> {
    let mut stream = connect(addr)?;
    let mut writer = stream.try_clone()?;
    let start = Instant::now();
    writer.write_all(b"GET / HTTP/1.1\r\nX-Slow: ")?;
    thread::spawn(move || {
        while writer.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let answer = read_answer(&mut stream, SLOW_TIMEOUT);
    // Without this, the thread would keep this end of the connection open.
    let _ = stream.shutdown(Shutdown::Write);
    print(&format!("a byte a second: after {} s {answer}\n", start.elapsed().as_secs()))
}

/// Opens 300 connections, more than the server serves, sends nothing, and asks for the list.
fn flood(addr: &str) -> Result<()> {
    let open = |_| TcpStream::connect_timeout(&addr.parse().ok()?, Duration::from_secs(3)).ok();
    let streams: Vec<TcpStream> = (0..300).map_while(open).collect();
    print(&format!("{} connections are open and silent\n", streams.len()))?;
    let among = get(addr).map(|response| format!("{} {}", response.status, response.reason));
    let among = among.unwrap_or_else(|error| format!("{error:#}"));
    print(&format!("a request among them: GET / → {among}\n"))?;
    // The server closes the connections one by one. The last permit comes back a moment later.
    for mut stream in streams {
        let _ = stream.shutdown(Shutdown::Write);
        read_answer(&mut stream, ANSWER_TIMEOUT);
    }
    thread::sleep(Duration::from_millis(100));
    Ok(())
}

/// Sends `bytes` on a connection of their own, and prints what came back.
fn send(addr: &str, name: &str, bytes: &str) -> Result<()> {
    let mut stream = connect(addr)?;
    // The server can answer, and close, before it has read all bytes.
    let _ = stream.write_all(bytes.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let answer = read_answer(&mut stream, ANSWER_TIMEOUT);
    print(&format!("{name}: {answer}\n"))
}

/// Reads what comes back, and returns its first line, or the reason why there is none.
fn read_answer(stream: &mut TcpStream, timeout: Duration) -> String {
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; 1024];
    let answer = match stream.set_read_timeout(Some(timeout)).and(stream.read(&mut buffer)) {
        Ok(0) => "the connection ended without an answer".to_string(),
        Ok(length) => {
            let text = String::from_utf8_lossy(&buffer[..length]);
            text.lines().next().unwrap_or_default().to_string()
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            "no answer".to_string()
        }
        Err(error) => error.to_string(),
    };
    // The rest is read too: to close a socket that has unread data would be a reset.
    while Instant::now() < deadline && matches!(stream.read(&mut buffer), Ok(1..)) {}
    answer
}
