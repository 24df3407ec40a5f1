//! The server: serves one connection after another.

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
    let mut line = Vec::new();
    // TCP is a stream: a read can bring half a message, or two. What ends a message is its newline.
    while stream.read_until(b'\n', &mut line)? > 0 {
        log(&format!("received {:?}", String::from_utf8_lossy(&line)));
        stream.get_mut().write_all(&line)?;
        line.clear();
    }
    Ok(())
}

/// Tells whoever watches the server, before the client can know.
fn log(text: &str) {
    // Where nobody watches any more, the server goes on: println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}
