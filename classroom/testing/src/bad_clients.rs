//! Clients that end a connection without a whole request. Each function takes a connection and ends it.

use anyhow::Result;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// Closes without sending anything.
pub fn silence(_stream: TcpStream) -> Result<()> {
    Ok(())
}

/// Sends a line that is no request line.
pub fn garbage(mut stream: TcpStream) -> Result<()> {
    Ok(stream.write_all(b"garbage\r\n\r\n")?)
}

/// Sends a head, and four of the nine bytes that it announces.
pub fn half_a_request(mut stream: TcpStream) -> Result<()> {
    stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")?;
    Ok(stream.shutdown(Shutdown::Write)?)
}

/// Closes with RST instead of FIN: what is on its way is thrown away.
pub fn reset(stream: TcpStream) -> Result<()> {
    Ok(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?)
}
