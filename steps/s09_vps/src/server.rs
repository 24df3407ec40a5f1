//! The server: serves one connection after another.

use crate::http::{Request, Response, marked, number};
use crate::messages::Messages;
use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use std::io::{self, BufReader, prelude::*};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;

/// Listens on `addr` (HOST:PORT) and serves one connection after another, until one of them fails.
pub fn run(addr: &str, db: &Path) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!("cannot listen on {addr}: {error}; choose another address, such as --addr 127.0.0.1:0 for a free port")
    })?;
    let mut messages = Messages::open(db)?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, peer) = listener.accept().context("cannot accept a connection")?;
        log_peer(peer, "accepted a connection");
        serve(stream, peer, &mut messages).with_context(|| {
            format!("{:.0} {peer} a connection failed, and the server with it", Timestamp::now())
        })?;
    }
}

/// Serves one connection, which is closed when `stream` goes out of scope.
fn serve(stream: TcpStream, peer: SocketAddr, messages: &mut Messages) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let request = Request::read(&mut stream)?;
    log_peer(peer, &marked("→", &request));
    let mut response = respond(&request, messages)?;
    if request.method == "HEAD" {
        // The fields that a GET would bring, and nothing after them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    log_peer(peer, &marked("←", &response));
    stream.get_mut().write_all(response.to_string().as_bytes())?;
    Ok(())
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

/// Tells what happens on the connection with `peer`. Each line says when, in UTC, and with whom.
fn log_peer(peer: SocketAddr, text: &str) {
    let mut lines = Vec::new();
    for line in text.lines() {
        lines.push(format!("{:.0} {peer} {line}", Timestamp::now()));
    }
    log(&lines.join("\n"));
}

/// Tells whoever watches the server, before the client can know.
fn log(text: &str) {
    // Where nobody watches any more, the server goes on: println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}
