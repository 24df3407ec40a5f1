//! The server: accepts connections and answers on them.
//!
//! A server's four steps are calls to the system: make a socket, `bind` it to an address, `listen`,
//! and `accept`, again and again. `TcpListener::bind` does the first three. From then on the system
//! completes handshakes (see `client.rs`) and keeps the new connections in a queue, whose limit is
//! the *backlog*. `accept` takes one connection out of the queue, or waits for one.

use anyhow::{Context, Result, anyhow};
use std::io::{self, prelude::*};
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
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().context("cannot accept a connection")?;
        log("accepted a connection");
        serve(stream).context("a connection failed, and this ends the server")?;
    }
}

/// Serves one connection. It is closed when `stream` goes out of scope.
fn serve(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer)?;
    let message = &buffer[..length];
    log(&format!("received {:?}", String::from_utf8_lossy(message)));
    stream.write_all(message)?;
    Ok(())
}

/// Prints a line for the person who runs the server.
fn log(text: &str) {
    // `println!` would panic where standard output is closed.
    let _ = writeln!(io::stdout(), "{text}");
}
