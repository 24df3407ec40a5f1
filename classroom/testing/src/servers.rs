//! Servers that fail or reply wrongly, and addresses without a server. Each function returns the address.

use anyhow::Result;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;

/// Addresses with their names in `errors.txt`.
type Named = Vec<(&'static str, String)>;

/// An address on which no server listens: its listener is closed and never had a connection.
pub fn unused_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A server for one connection. It reads some bytes, sends `reply`, and closes its side.
pub fn server_that_replies(reply: &[u8]) -> Result<String> {
    server_with_replies(&[reply])
}

/// The same for as many connections as there are replies, one after another.
pub fn server_with_replies(replies: &[&[u8]]) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let replies: Vec<Vec<u8>> = replies.iter().map(|reply| reply.to_vec()).collect();
    thread::spawn(move || -> Result<()> {
        let mut listener = Some(listener);
        for (number, reply) in replies.iter().enumerate() {
            let accepted = listener.as_ref().map(TcpListener::accept).transpose()?;
            let Some((mut stream, _)) = accepted else { return Ok(()) };
            if number + 1 == replies.len() {
                // A further connection is refused, so that the client does not wait for a reply.
                listener = None;
            }
            let _length = stream.read(&mut [0; 1024])?;
            stream.write_all(reply)?;
            // With unread data the close would send RST, and the reply could be lost.
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    });
    Ok(addr)
}

/// A server for one connection. It reads some bytes, sends `start`, and then `part` again and again until the client
/// has closed its side.
pub fn endless_server(start: &[u8], part: &[u8]) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let (start, parts) = (start.to_vec(), part.repeat(1 + (64 << 10) / part.len()));
    thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        drop(listener);
        let _length = stream.read(&mut [0; 1024])?;
        stream.write_all(&start)?;
        while stream.write_all(&parts).is_ok() {}
        Ok(())
    });
    Ok(addr)
}

/// Addresses at which no server can be reached.
pub fn unreachable() -> Result<Named> {
    Ok(vec![
        ("no server listens", unused_address()?),
        ("no such host", "no.such.host.invalid:80".to_string()),
        ("no such port", "127.0.0.1:65536".to_string()),
        ("no port", "127.0.0.1".to_string()),
    ])
}

/// Servers whose replies are not HTTP, or not all of it.
pub fn no_http() -> Result<Named> {
    let replies: [(&str, &[u8]); 6] = [
        ("closes at once", b""),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n\r\n"),
        ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        ("no length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("no UTF-8", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff"),
    ];
    replies.into_iter().map(|(name, reply)| Ok((name, server_that_replies(reply)?))).collect()
}
