//! The server: serves one connection after another.

use anyhow::{Context, Result, anyhow};
use std::io::{self, prelude::*};
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
fn serve(mut stream: TcpStream) -> Result<()> {
    let mut buffer = [0; 1024];
    let length = stream.read(&mut buffer)?;
    let message = &buffer[..length];
    log(&format!("received {:?}", String::from_utf8_lossy(message)));
    stream.write_all(message)?;
    Ok(())
}

/// Tells whoever watches the server, before the client can know.
fn log(text: &str) {
    // Where nobody watches any more, the server goes on: println! would panic.
    let _ = writeln!(io::stdout(), "{text}");
}
