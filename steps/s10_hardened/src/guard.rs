//! A connection that cannot hold anybody up: all its reads together, and all its writes, have a limit.

use anyhow::Result;
use std::io::{self, ErrorKind, prelude::*};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How long, and for how many bytes, to listen to somebody who has been answered.
const LINGER: Duration = Duration::from_secs(1);
const LEFT_OVER: u64 = 1 << 20;

/// A connection whose time is limited, however slowly its bytes drip in.
pub struct Guarded<'a> {
    stream: &'a TcpStream,
    end: Instant,
}

impl<'a> Guarded<'a> {
    /// From now on reads and writes have `limit` in all.
    pub fn new(stream: &'a TcpStream, limit: Duration) -> Guarded<'a> {
        Guarded { stream, end: Instant::now() + limit }
    }

    /// From now on they have `limit` again.
    pub fn extend(&mut self, limit: Duration) {
        self.end = Instant::now() + limit;
    }

    /// The time that is left.
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Ends the connection so that what was written reaches its reader. To close it while there are
    /// bytes that nobody has read makes the kernel send RST, which can destroy a response on its way: so
    /// end the writing side with FIN, and read what still comes, within bounds.
    pub fn close(mut self) -> Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        self.extend(LINGER);
        // Whoever does not end the other side has had the response all the same.
        let _ = io::copy(&mut self.take(LEFT_OVER), &mut io::sink());
        Ok(())
    }
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Guarded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
