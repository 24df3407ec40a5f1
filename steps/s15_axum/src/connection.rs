//! A connection with a deadline.
//!
//! A *timeout* bounds one `read`. A client that sends a byte a second never exceeds it, and keeps
//! the server busy for hours (a *slowloris* attack). A *deadline* bounds all reads together.

use socket2::SockRef;
use std::io::{self, ErrorKind, prelude::*};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How fast a client has to take a long response.
const MIN_BYTES_PER_SECOND: u64 = 32 << 10;

/// How much the kernel keeps of what one side sends and the other does not read.
const SEND_BUFFER_BYTES: usize = 64 << 10;
const RECEIVE_BUFFER_BYTES: usize = 32 << 10;

/// A TCP connection whose reads and writes end at a deadline. Those of `stream` alone do not.
pub struct Connection {
    pub stream: TcpStream,
    deadline: Instant,
}

impl Connection {
    /// Takes over `stream`. All reads and writes together may take `timeout`, and a second more for
    /// each `MIN_BYTES_PER_SECOND` that the kernel takes of the writes.
    pub fn new(stream: TcpStream, timeout: Duration) -> Connection {
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
        let _ = SockRef::from(&stream).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        // Without this, a small write waits for the ACK of the one before it (Nagle's algorithm).
        let _ = stream.set_nodelay(true);
        Connection { stream, deadline: Instant::now() + timeout }
    }

    /// Sets the deadline anew: reads and writes from now on may take `timeout`.
    pub fn set_deadline(&mut self, timeout: Duration) {
        self.deadline = Instant::now() + timeout;
    }

    /// Returns the time until the deadline. After the deadline that is an error.
    fn remaining(&self) -> io::Result<Duration> {
        let remaining = self.deadline.checked_duration_since(Instant::now());
        let is_over = || io::Error::new(ErrorKind::TimedOut, "the time for the connection is over");
        remaining.filter(|remaining| !remaining.is_zero()).ok_or_else(is_over)
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.remaining()?))?;
        // After the deadline the error is that of `remaining`. The system's own words for a timeout
        // are "Resource temporarily unavailable".
        self.stream.read(buffer).or_else(|error| self.remaining().and(Err(error)))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.remaining()?))?;
        let result = self.stream.write(bytes);
        let length = result.or_else(|error| self.remaining().and(Err(error)))?;
        // A client that goes on reading gets more time, because the kernel takes more bytes.
        self.deadline += Duration::from_millis(length as u64 * 1000 / MIN_BYTES_PER_SECOND);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
