//! The server: serves one connection after another.

use crate::http::{Request, Response};
use anyhow::{Context, Result, anyhow};
use std::io::{self, BufReader, prelude::*};
use std::net::{TcpListener, TcpStream};

/// Listens on `addr` (HOST:PORT) and serves one connection after another, until one of them fails.
pub fn run(addr: &str) -> Result<()> {
    let listener = TcpListener::bind(addr).map_err(|error| {
        anyhow!("cannot listen on {addr}: {error}; choose another address, such as --addr 127.0.0.1:0 for a free port")
    })?;
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().context("cannot accept a connection")?;
        log("accepted a connection");
        serve(stream).context("a connection failed, and the server with it")?;
    }
}

/// Serves one connection, which is closed when `stream` goes out of scope.
fn serve(stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let request = Request::read(&mut stream)?;
    let mut response = respond(&request);
    log(&format!("{} {} → {}", request.method, request.target, response.status));
    if request.method == "HEAD" {
        // The fields that a GET would bring, and nothing after them (RFC 9110, section 9.3.2).
        response.body.clear();
    }
    stream.get_mut().write_all(response.to_string().as_bytes())?;
    Ok(())
}

/// The response to a request.
fn respond(request: &Request) -> Response {
    match (request.target.as_str(), request.method.as_str()) {
        ("/", "POST") => Response::text(200, &request.body),
        ("/", _) => Response::error(405).with("Allow", "POST"),
        _ => Response::error(404),
    }
}

/// Tells whoever watches the server, before the client can know.
fn log(text: &str) {
    // Where nobody watches any more, the server goes on: println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}
