//! The server: accepts connections and answers on them.
//!
//! A server's four steps are calls to the system: make a socket, `bind` it to an address, `listen`,
//! and `accept`, again and again. `TcpListener::bind` does the first three. From then on the system
//! completes handshakes (see `client.rs`) and keeps the new connections in a queue, whose limit is
//! the *backlog*. `accept` takes one connection out of the queue, or waits for one.
//! A thread for each connection serves it, while `accept` takes the next one.
//!
//! TCP is a stream of bytes without messages: one `read` can return half a message, or two.
//! How a receiver finds the end of a message is called *framing*. A newline can end the message, or
//! its length can come first.

use crate::connection::Connection;
use crate::http::HttpError;
use crate::http::parse_digits;
use crate::http::{Request, Response};
use crate::log::wait_until_written;
use crate::log::{is_verbose, log, log_message, log_peer, shorten};
use crate::messages::Messages;
use crate::permits::Permits;
use crate::shutdown::stop_on_signal;
use anyhow::{Result, anyhow, ensure};
use jiff::Timestamp;
use std::io::BufReader;
use std::io::prelude::*;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How long the server waits when the system has no file descriptor for one more connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// How long a connection waits for the next request. It holds a permit while it waits.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the server waits, at its end, for the requests that it is serving.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Listens on `addr` (HOST:PORT) and serves the connections that come.
/// The messages are in the database at `db`, which other servers use as well.
/// A client has `timeout` to send its request, and again to take the response.
/// Each connection has a thread, and `max_connections` are served at the same time.
/// A signal makes the server finish its requests and end.
///
/// # Errors
/// An address that is in use.
/// A database that cannot be used.
pub fn run(addr: &str, db: &str, timeout: Duration, max_connections: usize) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!(
            "cannot listen on {addr}: {error}; \
             choose another address, such as --addr 127.0.0.1:0 for a free port"
        )
    })?;
    let messages = Messages::open(db)?;
    let permits = Permits::new(max_connections);
    let stopping = stop_on_signal(listener.local_addr()?)?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let accepted = listener.accept();
        if stopping.load(Ordering::SeqCst) {
            break;
        }
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                log(&format!("{:.0} cannot accept a connection: {error}", Timestamp::now()));
                // A connection that the client closed in the queue is gone: the next one can come.
                if error.kind() != ErrorKind::ConnectionAborted {
                    thread::sleep(ACCEPT_RETRY_DELAY);
                }
                continue;
            }
        };
        if is_verbose() {
            log_peer(peer, "accepted a connection");
        }
        let Some(permit) = permits.try_acquire(peer.ip()) else {
            reject(stream, peer);
            continue;
        };
        let mut messages = messages.clone();
        let stopping = stopping.clone();
        let work = move || {
            serve(stream, peer, &mut messages, timeout, &stopping);
            // First the messages: when all permits are back, no thread has a handle to them.
            drop((messages, permit));
        };
        if let Err(error) = thread::Builder::new().spawn(work) {
            log_peer(peer, &format!("cannot start a thread: {error}"));
        }
    }
    drop(listener);
    log(&format!("{:.0} stopping", Timestamp::now()));
    let cut_off = permits.wait(SHUTDOWN_TIMEOUT);
    log(&format!("{:.0} stopped; connections that were cut off: {cut_off}", Timestamp::now()));
    wait_until_written(Duration::from_secs(1));
    Ok(())
}

/// Answers a connection for which there is no permit, without waiting for the client.
fn reject(mut stream: TcpStream, peer: SocketAddr) {
    let response = Response::error(503).with("Connection", "close").with("Retry-After", "1");
    log_peer(peer, &format!("too many connections: {} {}", response.status, response.reason));
    let _ = stream.set_nonblocking(true);
    let _ = stream.write_all(response.to_string().as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    // To close a socket that has unread data would be a reset. What has come by now is read.
    let _ = stream.read(&mut [0; 16 << 10]);
}

/// Serves one connection, and closes it so that the response arrives. Logs an error.
fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    messages: &mut Messages,
    timeout: Duration,
    stopping: &AtomicBool,
) {
    let mut stream = BufReader::new(Connection::new(stream, timeout));
    loop {
        match serve_request(&mut stream, peer, messages, stopping) {
            Ok(true) if wait_for_request(&mut stream, stopping) => {
                stream.get_mut().set_deadline(timeout);
            }
            // At the end of the server, a client that does not close is not waited for.
            Ok(true) if stopping.load(Ordering::SeqCst) => return,
            Ok(_) => return stream.into_inner().close(),
            Err(error) => {
                return log_peer(peer, &shorten(&format!("the connection failed: {error:#}")));
            }
        }
    }
}

/// Waits for the first byte of the next request, and returns whether it comes in time.
fn wait_for_request(stream: &mut BufReader<Connection>, stopping: &AtomicBool) -> bool {
    let deadline = Instant::now() + IDLE_TIMEOUT;
    loop {
        // The wait has short pieces, so that it ends soon after `stopping` is set.
        stream.get_mut().set_deadline(IDLE_TIMEOUT / 40);
        let is_over = Instant::now() > deadline || stopping.load(Ordering::SeqCst);
        match stream.fill_buf().map_err(|error| error.kind()) {
            Err(ErrorKind::TimedOut | ErrorKind::Interrupted) if !is_over => {}
            result => return result.is_ok_and(|bytes| !bytes.is_empty()),
        }
    }
}

/// Reads one request and sends the response to it.
/// If something is wrong with the request, the response says so.
/// Returns whether the connection stays open.
fn serve_request(
    stream: &mut BufReader<Connection>,
    peer: SocketAddr,
    messages: &mut Messages,
    stopping: &AtomicBool,
) -> Result<bool> {
    let mut is_head = false;
    let head = Request::read_head(stream, &mut is_head);
    let start = Instant::now();
    let mut line = "no request".to_string();
    let mut is_persistent = false;
    let result = head.and_then(|mut request| {
        line = format!("{} {}", request.method, request.target);
        ensure!(request.method != "CONNECT", HttpError(501, "this server is no proxy"));
        request.target = origin_form(&request.target, &stream.get_ref().stream)?;
        if request.expects_continue()? {
            let probe = Request::new("OPTIONS", &request.target, "");
            let allow = respond_to_options(&probe, messages)?.fields.elements("Allow");
            let is_options = request.method == "OPTIONS" && !allow.is_empty();
            if !is_options && !allow.contains(&request.method.to_ascii_lowercase()) {
                return respond(&request, messages);
            }
            stream.get_mut().send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.read_body(stream)?;
        is_persistent = request.fields.is_persistent(&request.version);
        log_message(peer, "→", &request);
        if request.method == "OPTIONS" {
            return respond_to_options(&request, messages);
        }
        respond(&request, messages)
    });
    let response = result.or_else(|error| respond_to_error(error, peer))?;
    is_persistent &= !stopping.load(Ordering::SeqCst);
    let connection = if is_persistent { "keep-alive" } else { "close" };
    let mut response = response.with("Connection", connection);
    if is_head {
        // The fields are those of a GET, and no body follows them (RFC 9110, section 9.3.2).
        response.body = Arc::default();
    }
    log_message(peer, "←", &response);
    let (status, length, time) =
        (response.status, response.body.len(), start.elapsed().as_micros());
    // Before the response, so that the lines have the order of the requests.
    log_peer(peer, &format!("{line:.200} → {status}, {length} bytes, {time} µs"));
    stream.get_mut().send_parts(&response.head(), &response.body)?;
    Ok(is_persistent)
}

/// Makes the response to a request that cannot be read or done.
/// If the connection itself has failed, returns `error`.
fn respond_to_error(error: anyhow::Error, peer: SocketAddr) -> Result<Response> {
    let kind = error.downcast_ref().map(io::Error::kind);
    let status = match (error.downcast_ref(), kind) {
        (Some(HttpError(status, _)), _) => *status,
        (_, Some(ErrorKind::TimedOut)) => 408,
        (_, Some(_)) => return Err(error),
        // An error of the store, or a line that is not HTTP.
        _ => crate::database::status(&error).unwrap_or(400),
    };
    log_peer(peer, &shorten(&format!("{error:#}")));
    let response = Response::error(status);
    Ok(if status == 503 { response.with("Retry-After", "1") } else { response })
}

/// Returns the path of a target in absolute form, which begins with the name of the server (RFC
/// 9112, section 3.2.2). Any other target stays as it is.
fn origin_form(target: &str, stream: &TcpStream) -> Result<String> {
    let Some((scheme, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return Ok(target.to_string());
    };
    let local_addr = stream.local_addr()?;
    let (ip, port) = (local_addr.ip().to_canonical(), local_addr.port());
    let names = [SocketAddr::new(ip, port).to_string(), format!("localhost:{port}")];
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.to_ascii_lowercase();
    let is_ours = scheme.eq_ignore_ascii_case("http")
        && (names.contains(&format!("{authority}:80")) || names.contains(&authority));
    ensure!(is_ours, HttpError(421, "the target is on another server"));
    Ok(if path.starts_with('/') { path.to_string() } else { format!("/{path}") })
}

/// Answers with the methods that the target allows: those of its 405.
fn respond_to_options(request: &Request, messages: &mut Messages) -> Result<Response> {
    if request.target == "*" {
        return Ok(Response::no_content("GET, HEAD, POST, PUT"));
    }
    let response = respond(request, messages)?;
    match response.fields.values("Allow").first() {
        Some(allow) => Ok(Response::no_content(allow)),
        None => Ok(response),
    }
}

/// Makes the response to a request.
fn respond(request: &Request, messages: &mut Messages) -> Result<Response> {
    if let Some(index) = parse_index(&request.target) {
        return respond_at(index, request, messages);
    }
    Ok(match (request.target.as_str(), request.method.as_str()) {
        ("/", "GET" | "HEAD") => Response::new(200, "application/json", messages.list()?),
        ("/", "POST") => {
            let index = messages.add(&request.body)?;
            Response::text(201, &request.body).with("Location", &format!("/{index}"))
        }
        ("/", _) => Response::error(405).with("Allow", "GET, HEAD, POST"),
        _ => Response::error(404),
    })
}

/// Makes the response to a request for the message at `index`.
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

/// Returns the index in a target such as `/0`.
fn parse_index(target: &str) -> Option<usize> {
    let index = parse_digits(target.strip_prefix('/')?)?;
    usize::try_from(index).ok()
}
