//! A server that has just ended starts again. Why is its port free, and when is it not?
//!
//!     cargo run -p s01_echo --example time_wait
//!
//! The side that closes a connection first keeps it for a while in the state TIME_WAIT, so that late
//! segments cannot be taken for those of a new connection. `ss -tan state time-wait` shows them on Linux,
//! `netstat -an | grep TIME_WAIT` anywhere.

use anyhow::Result;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};

fn main() -> Result<()> {
    again("without SO_REUSEADDR", |addr| listen(addr, false))?;
    again("with SO_REUSEADDR", |addr| listen(addr, true))?;
    // The standard library sets SO_REUSEADDR by itself, on Unix.
    again("with Rust's TcpListener::bind", TcpListener::bind)
}

/// Serves one connection and closes it first; then listens on the same port again.
fn again(how: &str, listen: impl Fn(SocketAddr) -> io::Result<TcpListener>) -> Result<()> {
    let listener = listen("127.0.0.1:0".parse()?)?;
    let addr = listener.local_addr()?;
    let mut client = TcpStream::connect(addr)?;
    drop(listener.accept()?);
    // The client closes when it has seen the server's FIN, and so the server is left in TIME_WAIT.
    client.read_to_end(&mut Vec::new())?;
    drop(client);
    drop(listener);
    match listen(addr) {
        Ok(_) => println!("{how}: listening on {addr} again"),
        Err(error) => println!("{how}: cannot listen on {addr} again: {error}"),
    }
    Ok(())
}

/// What `TcpListener::bind` does, but with the choice.
fn listen(addr: SocketAddr, reuse: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    socket.bind(&addr.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
