//! The server: accepts connections and answers on them.
//!
//! A server's four steps are calls to the system: make a socket, `bind` it to an address, `listen`,
//! and `accept`, again and again. `TcpListener::bind` does the first three. From then on the system
//! completes handshakes (see `client.rs`) and keeps the new connections in a queue, whose limit is
//! the *backlog*. `accept` takes one connection out of the queue, or waits for one.
//!
//! TCP is a stream of bytes without messages: one `read` can return half a message, or two.
//! How a receiver finds the end of a message is called *framing*. A newline can end the message, or
//! its length can come first.

use crate::connection::Connection;
use crate::http::HttpError;
use crate::http::{Request, Response};
use crate::http::{parse_digits, with_prefix};
use crate::log::{log, log_peer, shorten};
use crate::messages::Messages;
use anyhow::{Result, anyhow};
use jiff::Timestamp;
use std::io::BufReader;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How long the server waits when the system has no file descriptor for one more connection.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Listens on `addr` (HOST:PORT) and serves the connections that come.
/// The messages are in the file at `db`.
/// A client has `timeout` to send its request, and again to take the response.
///
/// # Errors
/// An address that is in use.
/// A file that cannot be used.
pub fn run(addr: &str, db: &Path, timeout: Duration) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!(
            "cannot listen on {addr}: {error}; \
             choose another address, such as --addr 127.0.0.1:0 for a free port"
        )
    })?;
    let mut messages = Messages::open(db)?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, peer) = match listener.accept() {
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
        log_peer(peer, "accepted a connection");
        serve(stream, peer, &mut messages, timeout);
    }
}

/// Serves one connection, and closes it so that the response arrives. Logs an error.
fn serve(stream: TcpStream, peer: SocketAddr, messages: &mut Messages, timeout: Duration) {
    let mut stream = BufReader::new(Connection::new(stream, timeout));
    match serve_request(&mut stream, peer, messages) {
        Ok(()) => stream.into_inner().close(),
        Err(error) => log_peer(peer, &shorten(&format!("the connection failed: {error:#}"))),
    }
}

/// Reads one request and sends the response to it.
/// If something is wrong with the request, the response says so.
fn serve_request(
    stream: &mut BufReader<Connection>,
    peer: SocketAddr,
    messages: &mut Messages,
) -> Result<()> {
    let mut is_head = false;
    let head = Request::read_head(stream, &mut is_head);
    let result = head.and_then(|mut request| {
        request.read_body(stream)?;
        log_peer(peer, &with_prefix("→", &shorten(&request.to_string())));
        respond(&request, messages)
    });
    let response = result.or_else(|error| respond_to_error(error, peer))?;
    let mut response = response.with("Connection", "close");
    if is_head {
        // The fields are those of a GET, and no body follows them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    let message = response.to_string();
    // While the client reads, only one copy of a long list is in memory.
    drop(response);
    log_peer(peer, &with_prefix("←", &shorten(&message)));
    stream.get_mut().send(message.as_bytes())?;
    Ok(())
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
        _ => crate::messages::status(&error).unwrap_or(400),
    };
    log_peer(peer, &shorten(&format!("{error:#}")));
    Ok(Response::error(status))
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
