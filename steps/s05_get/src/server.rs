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
use crate::messages::Messages;
use anyhow::{Context, Result, anyhow};
use std::io::{self, BufReader, prelude::*};
use std::net::{TcpListener, TcpStream};

/// Listens on `addr` (HOST:PORT) and serves the connections that come.
///
/// # Errors
/// An address that is in use, or a connection that fails.
pub fn run(addr: &str) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!(
            "cannot listen on {addr}: {error}; \
             choose another address, such as --addr 127.0.0.1:0 for a free port"
        )
    })?;
    let mut messages = Messages::new();
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().context("cannot accept a connection")?;
        log("accepted a connection");
        serve(stream, &mut messages).context("a connection failed, and this ends the server")?;
    }
}

/// Serves one connection. It is closed when `stream` goes out of scope.
fn serve(stream: TcpStream, messages: &mut Messages) -> Result<()> {
    let mut stream = BufReader::new(stream);
    serve_request(&mut stream, messages)
}

/// Reads one request and sends the response to it.
fn serve_request(stream: &mut BufReader<TcpStream>, messages: &mut Messages) -> Result<()> {
    let request = Request::read(stream)?;
    let mut response = respond(&request, messages)?.with("Connection", "close");
    log(&format!("{} {} → {}", request.method, request.target, response.status));
    if request.method == "HEAD" {
        // The fields are those of a GET, and no body follows them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    stream.get_mut().write_all(response.to_string().as_bytes())?;
    Ok(())
}

/// Makes the response to a request.
fn respond(request: &Request, messages: &mut Messages) -> Result<Response> {
    Ok(match (request.target.as_str(), request.method.as_str()) {
        ("/", "GET") => Response::new(200, "application/json", messages.list()?),
        ("/", "POST") => {
            messages.add(&request.body)?;
            Response::text(200, &request.body)
        }
        ("/", _) => Response::error(405).with("Allow", "GET, POST"),
        _ => Response::error(404),
    })
}

/// Prints a line for the person who runs the server.
fn log(text: &str) {
    // `println!` would panic where standard output is closed.
    let _ = writeln!(io::stdout(), "{text}");
}
