//! The server: serves each connection on a thread of its own, and none can hold up another.

use crate::guard::Guarded;
use crate::http::{Refusal, Request, Response, marked, number};
use crate::messages::{Messages, is_busy};
use anyhow::{Result, anyhow};
use jiff::Timestamp;
use std::io::{self, BufReader, ErrorKind, prelude::*};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the server waits, when it is to end, for those whom it serves.
const GRACE: Duration = Duration::from_secs(5);

/// How long it waits where the system cannot give it one more connection.
const PAUSE: Duration = Duration::from_millis(50);

/// How much of a message the log shows, in bytes and in lines.
const LOGGED: usize = 4 << 10;
const LOGGED_LINES: usize = 40;

/// Listens on `addr` (HOST:PORT) and serves connections, `max_connections` at a time, until SIGINT or
/// SIGTERM. Each has `timeout` to send its request, and again to take the response.
pub fn run(addr: &str, db: &Path, timeout: Duration, max_connections: usize) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!("cannot listen on {addr}: {error}; choose another address, such as --addr 127.0.0.1:0 for a free port")
    })?;
    let messages = Arc::new(Mutex::new(Messages::open(db)?));
    // Each connection holds a copy: there are as many open as there are copies, but for this one.
    let seats = Arc::new(());
    let stopping = Arc::new(AtomicBool::new(false));
    stop_on_signal(stopping.clone(), listener.local_addr()?)?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let accepted = listener.accept();
        if stopping.load(Ordering::SeqCst) {
            break;
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or a connection that is gone already.
                log(&format!("{:.0} cannot accept a connection: {error}", Timestamp::now()));
                thread::sleep(PAUSE);
                continue;
            }
        };
        log_peer(peer, "accepted a connection");
        if Arc::strong_count(&seats) > max_connections {
            turn_away(stream, peer);
            continue;
        }
        let (messages, seat) = (messages.clone(), seats.clone());
        let work = move || {
            if let Err(error) = serve(&stream, peer, &messages, timeout) {
                log_peer(peer, &format!("{error:#}"));
            }
            // The seat last: when it is free, nothing is in use any more.
            drop((stream, messages, seat));
        };
        if let Err(error) = thread::Builder::new().spawn(work) {
            log_peer(peer, &format!("cannot start a thread: {error}"));
        }
    }
    drop(listener);
    log(&format!("{:.0} stopping", Timestamp::now()));
    let end = Instant::now() + GRACE;
    while Arc::strong_count(&seats) > 1 && Instant::now() < end {
        thread::sleep(Duration::from_millis(10));
    }
    // Whoever is not done yet has no more to hope for.
    messages.lock().unwrap_or_else(PoisonError::into_inner).close()
}

/// Serves one connection, and ends it.
fn serve(
    stream: &TcpStream,
    peer: SocketAddr,
    messages: &Mutex<Messages>,
    timeout: Duration,
) -> Result<()> {
    let local = stream.local_addr()?;
    let mut stream = BufReader::new(Guarded::new(stream, timeout));
    let mut request = match Request::read(&mut stream) {
        Ok(request) => request,
        Err(error) => return refuse(stream.into_inner(), peer, error, timeout),
    };
    log_peer(peer, &marked("→", &request));
    let mut response = answer(&mut request, peer, local, messages);
    if request.method == "HEAD" {
        // The fields that a GET would bring, and nothing after them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    log_peer(peer, &marked("←", &response));
    finish(stream.into_inner(), &response, timeout)
}

/// Answers a request that cannot be read, unless nobody is left to read the answer.
fn refuse(
    stream: Guarded,
    peer: SocketAddr,
    error: anyhow::Error,
    timeout: Duration,
) -> Result<()> {
    let kind = error.downcast_ref().map(io::Error::kind);
    let status = match (error.downcast_ref(), kind) {
        (Some(Refusal(status)), _) => *status,
        (_, Some(ErrorKind::TimedOut | ErrorKind::WouldBlock)) => 408,
        // Bytes that are no UTF-8, or a line that is none of HTTP.
        (_, Some(ErrorKind::InvalidData) | None) => 400,
        _ => return Err(error),
    };
    let response = Response::error(status);
    log_peer(peer, &format!("{error:#}"));
    log_peer(peer, &marked("←", &response));
    finish(stream, &response, timeout)
}

/// Sends a response, for which its reader has as long as for the request, and ends the connection.
fn finish(mut stream: Guarded, response: &Response, timeout: Duration) -> Result<()> {
    stream.extend(timeout);
    stream.write_all(response.to_string().as_bytes())?;
    stream.close()
}

/// The response to a request, also to one that is meant for another server, or that the store fails.
fn answer(
    request: &mut Request,
    peer: SocketAddr,
    local: SocketAddr,
    messages: &Mutex<Messages>,
) -> Response {
    // Who asks for a tunnel, or for another server by its whole address, takes this one for a proxy
    // (RFC 9112, section 3.2).
    if request.method == "CONNECT" {
        log_peer(peer, "a proxy test");
        return Response::error(405).with("Allow", "GET, HEAD, POST");
    }
    let Some(path) = path(&request.target, local) else {
        log_peer(peer, "a proxy test");
        return Response::error(421);
    };
    request.target = path;
    // A thread that panicked has not harmed the messages: SQLite undoes what was not committed.
    let done = respond(request, &mut messages.lock().unwrap_or_else(PoisonError::into_inner));
    let response = done.unwrap_or_else(|error| {
        log_peer(peer, &format!("the store failed: {error:#}"));
        Response::error(if is_busy(&error) { 503 } else { 500 })
    });
    if response.status == 404 && index(&request.target).is_none() {
        log_peer(peer, "a scan");
    }
    response
}

/// The path in a target that is one, or that names this server by its whole address.
fn path(target: &str, local: SocketAddr) -> Option<String> {
    let Some((scheme, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return Some(target.to_string());
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let name = format!("localhost:{}", local.port());
    let ours = authority == local.to_string()
        || local.ip().is_loopback() && authority.eq_ignore_ascii_case(&name);
    let slash = if path.starts_with('/') { "" } else { "/" };
    (ours && scheme.eq_ignore_ascii_case("http")).then(|| format!("{slash}{path}"))
}

/// Tells somebody for whom there is no room, without waiting for anything.
fn turn_away(mut stream: TcpStream, peer: SocketAddr) {
    let response = Response::error(503).with("Retry-After", "1");
    log_peer(peer, &format!("no room: {} {}", response.status, response.reason));
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(response.to_string().as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    // What has come by now is read, because unread bytes would turn the end into a reset.
    let _ = stream.read(&mut [0; 1 << 14]);
}

/// The response to a request.
fn respond(request: &Request, messages: &mut Messages) -> Result<Response> {
    if let Some(index) = index(&request.target) {
        return respond_at(index, request, messages);
    }
    Ok(match (request.target.as_str(), request.method.as_str()) {
        ("/", "GET" | "HEAD") => {
            let list = serde_json::to_string(&messages.list()?)?;
            Response::new(200, "application/json", &list)
        }
        ("/", "POST") => {
            let index = messages.add(&request.body)?;
            Response::text(201, &request.body).with("Location", &format!("/{index}"))
        }
        ("/", _) => Response::error(405).with("Allow", "GET, HEAD, POST"),
        _ => Response::error(404),
    })
}

/// The response to a request for the message at `index`.
fn respond_at(index: usize, request: &Request, messages: &mut Messages) -> Result<Response> {
    let Some(text) = messages.get(index)? else {
        return Ok(Response::error(404));
    };
    Ok(match request.method.as_str() {
        "GET" | "HEAD" => Response::text(200, &text),
        "PUT" => {
            messages.replace(index, &request.body)?;
            Response::text(200, &request.body)
        }
        _ => Response::error(405).with("Allow", "GET, HEAD, PUT"),
    })
}

/// The index in a target such as `/0`, if it is one.
fn index(target: &str) -> Option<usize> {
    let index = number(target.strip_prefix('/')?)?;
    usize::try_from(index).ok()
}

/// Sees to it that SIGINT and SIGTERM end the server, which listens at `addr`.
#[cfg(unix)]
fn stop_on_signal(stopping: Arc<AtomicBool>, addr: SocketAddr) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            stopping.store(true, Ordering::SeqCst);
            // `accept` waits for a connection: this is the last one. Descriptors may be short.
            while TcpStream::connect(addr).is_err() {
                thread::sleep(PAUSE);
            }
        }
    });
    Ok(())
}

/// Elsewhere the system ends the program at once; what was answered for is on the disk all the same.
#[cfg(not(unix))]
fn stop_on_signal(_: Arc<AtomicBool>, _: SocketAddr) -> Result<()> {
    Ok(())
}

/// Tells what happens on the connection with `peer`. Each line says when, in UTC, and with whom. What a
/// stranger sent must not drive the terminal that shows it, and no thread comes in between.
fn log_peer(peer: SocketAddr, text: &str) {
    let mut lines = Vec::new();
    let cut = text.floor_char_boundary(LOGGED);
    let more = if cut < text.len() { "…" } else { "" };
    for line in text[..cut].lines().chain(more.lines()).take(LOGGED_LINES) {
        let line: String = line.chars().map(harmless).collect();
        lines.push(format!("{:.0} {peer} {line}", Timestamp::now()));
    }
    log(&lines.join("\n"));
}

/// A character as the log has it: one that would control a terminal, or hide or turn the text around it,
/// shows its number instead.
fn harmless(c: char) -> String {
    match c {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => {
            c.escape_default().to_string()
        }
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    }
}

/// Tells whoever watches the server, before the client can know.
fn log(text: &str) {
    // Where nobody watches any more, the server goes on: println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}
