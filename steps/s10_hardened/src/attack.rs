//! What strangers do to an open port, for a server of one's own.

use crate::client::{connect, exchange};
use crate::http::Request;
use anyhow::{Context, Result, bail};
use std::io::{self, ErrorKind, prelude::*};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long to wait for an answer: longer than a server gives a request.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// How many connections a flood opens at the most: more than a server of this stage serves.
const FLOOD: usize = 300;

/// How many bytes `slow` sends at the most, one each second.
const SLOW: usize = 60;

/// What to do to a server.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum Kind {
    /// Connect, say nothing and close
    Silent,
    /// Connect and reset the connection
    Rst,
    /// Reset the connection in the middle of an exchange
    RstMid,
    /// Send bytes that are no request
    Garbage,
    /// Send a request, a byte a second
    Slow,
    /// Send a line, a head and a body that are too big
    Big,
    /// Send what scanners sent to the port in its first days
    Scanners,
    /// Open many connections, and say nothing
    Flood,
}

/// Does it to the server at `addr` (HOST:PORT), and reports what came back and whether the server still
/// answers. An address elsewhere than on this machine has to be one's `own`.
pub fn run(addr: &str, kind: Kind, own: bool) -> Result<()> {
    let found =
        addr.to_socket_addrs().with_context(|| format!("cannot use {addr} as --addr HOST:PORT"))?;
    if !own && found.into_iter().any(|candidate| !candidate.ip().is_loopback()) {
        bail!(
            "{addr} is not on this machine; if the server is yours, say so with --i-own-this-server"
        );
    }
    match kind {
        Kind::Silent => {
            let mut stream = open(addr)?;
            stream.shutdown(Shutdown::Write)?;
            // However the server ends its side.
            let _ = stream.read_to_end(&mut Vec::new());
            say("connected, said nothing, closed (FIN)")?;
        }
        Kind::Rst => {
            reset(open(addr)?)?;
            say("connected, said nothing, reset the connection (RST)")?;
        }
        Kind::RstMid => {
            let mut stream = open(addr)?;
            stream.write_all(format!("GET / HTTP/1.1\r\nHost: {addr}\r\n\r\n").as_bytes())?;
            reset(stream)?;
            say("sent a request, reset the connection (RST) before the response came")?;
        }
        Kind::Garbage => {
            send(
                addr,
                "the hello of TLS",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            )?;
            send(addr, "an escape sequence", b"\x1b]0;owned\x07\x1b[2J / HTTP/1.1\r\n\r\n")?;
            send(addr, "nothing but line ends", b"\r\n\r\n\r\n\r\n")?;
        }
        Kind::Slow => slow(addr)?,
        Kind::Big => {
            let line = format!("GET /{} HTTP/1.1\r\nHost: {addr}\r\n\r\n", "x".repeat(10_000));
            send(addr, "a request line of 10,000 bytes", line.as_bytes())?;
            let head = format!(
                "GET / HTTP/1.1\r\nHost: {addr}\r\n{}\r\n",
                "X-Field: 0123456789\r\n".repeat(1000)
            );
            send(addr, "a head of 1,000 fields", head.as_bytes())?;
            let body = format!(
                "POST / HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 100000\r\n\r\n{}",
                "x".repeat(100_000)
            );
            send(addr, "a body of 100,000 bytes", body.as_bytes())?;
        }
        Kind::Scanners => {
            for request in SCANNERS {
                let line = request.lines().next().unwrap_or_default();
                let bytes = format!("{}\r\n\r\n", request.replace('\n', "\r\n"));
                send(addr, line, bytes.as_bytes())?;
            }
        }
        Kind::Flood => flood(addr)?,
    }
    let status = status(addr).context("the server does not answer any more")?;
    say(&format!("the server still answers: GET / → {status}"))
}

/// A byte a second, until the server has had enough.
fn slow(addr: &str) -> Result<()> {
    let mut stream = open(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let start = Instant::now();
    for byte in b"GET / HTTP/1.1\r\nX-Slow: ".iter().chain([b'x'].iter().cycle()).take(SLOW) {
        stream.write_all(&[*byte])?;
        match first_line(&mut stream) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            answer => {
                let seconds = start.elapsed().as_secs();
                return say(&format!("a byte a second: after {seconds} s {}", in_words(answer)));
            }
        }
    }
    say(&format!("a byte a second: the server waits, after {SLOW} s still"))
}

/// Many connections that say nothing, and somebody who wants something in between.
fn flood(addr: &str) -> Result<()> {
    let mut streams = Vec::new();
    for _ in 0..FLOOD {
        match open(addr) {
            Ok(stream) => streams.push(stream),
            Err(_) => break,
        }
    }
    let among = status(addr).unwrap_or_else(|error| format!("{error:#}"));
    say(&format!("among {} silent connections: GET / → {among}", streams.len()))?;
    drop(streams);
    // The server learns of the ends one by one.
    let start = Instant::now();
    while status(addr).is_ok_and(|status| status.starts_with("503")) && start.elapsed() < TIME_LIMIT
    {
    }
    Ok(())
}

/// Sends `bytes` on a connection of their own, and says what came back.
fn send(addr: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let mut stream = open(addr)?;
    // A server that has had enough closes before it has read all.
    let answer = stream.write_all(bytes).and_then(|()| first_line(&mut stream));
    // The rest as well: to close with bytes unread would be a reset, which is another attack.
    let _ = io::copy(&mut stream, &mut io::sink());
    say(&format!("{name}: {}", in_words(answer)))
}

fn open(addr: &str) -> Result<TcpStream> {
    Ok(connect(addr, TIME_LIMIT)?.into_inner())
}

/// Closes a connection with RST in place of FIN: with a linger time of 0, all that is on its way is
/// thrown away.
fn reset(stream: TcpStream) -> Result<()> {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

/// The first line of what comes back, empty if the connection ends before it.
fn first_line(stream: &mut TcpStream) -> io::Result<String> {
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..length]);
    Ok(text.lines().next().unwrap_or_default().to_string())
}

fn in_words(answer: io::Result<String>) -> String {
    match answer {
        Ok(line) if line.is_empty() => "the connection ended without an answer".to_string(),
        Ok(line) => line,
        Err(error) => error.to_string(),
    }
}

/// What the server answers to an honest request.
fn status(addr: &str) -> Result<String> {
    let response = exchange(addr, &Request::new("GET", "/", addr), TIME_LIMIT)?;
    Ok(format!("{} {}", response.status, response.reason))
}

fn say(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot print")
}

/// What strangers sent, whole, with other addresses in it. Four want to know whether the server is a
/// proxy that would hide them, the third whether it is a program with a known hole.
const SCANNERS: [&str; 5] = [
    "GET http://api.ipify.org/?format=json HTTP/1.1
Host: api.ipify.org
User-Agent: Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36",
    "CONNECT www.shadowserver.org:443 HTTP/1.1
Host: www.shadowserver.org
User-Agent: Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36
Connection: Keep-Alive
Pragma: no-cache
Proxy-Connection: Keep-Alive",
    "GET /geoserver/web/ HTTP/1.1
Host: 203.0.113.10:8080
User-Agent: Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Safari/537.36
Accept: */*
Accept-Encoding: gzip",
    "GET http://httpbin.org/ip HTTP/1.1
Host: httpbin.org
User-Agent: ProxyPool-Scanner/2.0
Connection: close
Accept-Encoding: gzip",
    "GET http://proxychecker.vultr.com/ HTTP/1.1
Host: proxychecker.vultr.com
User-Agent: Mozilla/5.0 zgrab/0.x
Accept: */*
Accept-Encoding: gzip",
];
