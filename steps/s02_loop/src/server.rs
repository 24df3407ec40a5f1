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
    log(&format!("listening on {}", listener.local_addr()?));
    loop {
        let (stream, _) = listener.accept().context("cannot accept a connection")?;
        log("accepted a connection");
        serve(stream).context("a connection failed, and this ends the server")?;
    }
}

/// Serves one connection. It is closed when `stream` goes out of scope.
fn serve(stream: TcpStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    // `read_until` returns 0 at the end of the stream: the client has closed its side.
    while stream.read_until(b'\n', &mut line)? > 0 {
        log(&format!("received {:?}", String::from_utf8_lossy(&line)));
        stream.get_mut().write_all(&line)?;
        line.clear();
    }
    Ok(())
}

/// Prints a line for the person who runs the server.
fn log(text: &str) {
    // `println!` would panic where standard output is closed.
    let _ = writeln!(io::stdout(), "{text}");
}
