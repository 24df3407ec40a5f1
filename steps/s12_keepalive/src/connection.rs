//! A connection with a deadline.
//!
//! A *timeout* bounds one `read`. A client that sends a byte a second never exceeds it, and keeps
//! the server busy for hours (a *slowloris* attack). A *deadline* bounds all reads together.
//!
//! If a program closes a socket that has unread data, the kernel sends RST (abort) instead of FIN
//! (normal close), and RST can destroy a response on its way. A *lingering close* sends FIN, and
//! then reads and throws away what still comes, until the client closes its side too.

use socket2::SockRef;
use std::io::{self, ErrorKind, prelude::*};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How long a lingering close reads at the most.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// How fast a client has to take a long response.
const MIN_BYTES_PER_SECOND: u64 = 32 << 10;

/// How much the kernel keeps of what one side sends and the other does not read.
const SEND_BUFFER_BYTES: usize = 64 << 10;
const RECEIVE_BUFFER_BYTES: usize = 32 << 10;

/// A TCP connection whose reads and writes end at a deadline. Those of `stream` alone do not.
pub struct Connection {
    pub stream: TcpStream,
    timeout: Duration,
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
        Connection { stream, timeout, deadline: Instant::now() + timeout }
    }

    /// Sets the deadline anew: reads and writes from now on may take `timeout`.
    pub fn set_deadline(&mut self, timeout: Duration) {
        self.deadline = Instant::now() + timeout;
    }

    /// Sends a whole response, for which the client has the timeout anew.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.set_deadline(self.timeout);
        self.write_all(bytes).inspect_err(|_| self.reset_when_dropped())
    }

    /// Makes the end of the connection an RST, which frees the bytes that the kernel keeps for a
    /// client that does not read them.
    fn reset_when_dropped(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Returns the whole milliseconds until the deadline and 10 more: a wait can end too early.
    fn remaining(&self) -> io::Result<Duration> {
        let remaining = self.deadline.checked_duration_since(Instant::now());
        let is_over = || io::Error::new(ErrorKind::TimedOut, "the time for the connection is over");
        Ok(Duration::from_millis(remaining.ok_or_else(is_over)?.as_millis() as u64 + 10))
    }

    /// Closes the connection with a lingering close.
    pub fn close(mut self) {
        // If the client has gone already, this fails, and that does no harm.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.set_deadline(LINGER_TIMEOUT);
        if io::copy(&mut self, &mut io::sink()).is_err() {
            self.reset_when_dropped();
        }
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
