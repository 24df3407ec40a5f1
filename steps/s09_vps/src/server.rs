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

use crate::http::{Request, Response};
use crate::http::{parse_digits, with_prefix};
use crate::log::{log, log_peer, shorten};
use crate::messages::Messages;
use anyhow::{Context, Result, anyhow};
use std::io::{BufReader, prelude::*};
use std::net::SocketAddr;
use std::net::{TcpListener, TcpStream};
use std::path::Path;

/// Listens on `addr` (HOST:PORT) and serves the connections that come.
/// The messages are in the file at `db`.
///
/// # Errors
/// An address that is in use, or a connection that fails.
/// A file that cannot be used.
pub fn run(addr: &str, db: &Path) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!(
            "cannot listen on {addr}: {error}; \
             choose another address, such as --addr 127.0.0.1:0 for a free port"
        )
    })?;
    let mut messages = Messages::open(db)?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, peer) = listener.accept().context("cannot accept a connection")?;
        log_peer(peer, "accepted a connection");
        serve(stream, peer, &mut messages)
            .context("a connection failed, and this ends the server")?;
    }
}

/// Serves one connection. It is closed when `stream` goes out of scope.
fn serve(stream: TcpStream, peer: SocketAddr, messages: &mut Messages) -> Result<()> {
    let mut stream = BufReader::new(stream);
    serve_request(&mut stream, peer, messages)
}

/// Reads one request and sends the response to it.
fn serve_request(
    stream: &mut BufReader<TcpStream>,
    peer: SocketAddr,
    messages: &mut Messages,
) -> Result<()> {
    let request = Request::read(stream)?;
    log_peer(peer, &with_prefix("→", &shorten(&request.to_string())));
    let mut response = respond(&request, messages)?.with("Connection", "close");
    if request.method == "HEAD" {
        // The fields are those of a GET, and no body follows them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    let message = response.to_string();
    log_peer(peer, &with_prefix("←", &shorten(&message)));
    stream.get_mut().write_all(message.as_bytes())?;
    Ok(())
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
