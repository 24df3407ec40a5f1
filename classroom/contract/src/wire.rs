//! Bytes to and from a server, within a time limit.

use crate::table::Cut;
use anyhow::{Context, Result, anyhow, bail, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

/// The pause between two segments, so that the server sees them one by one.
const PAUSE: Duration = Duration::from_millis(1);

/// When something that may take so long has to be over.
#[derive(Clone, Copy)]
pub struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    pub fn after(limit: Duration) -> Deadline {
        Deadline { end: Instant::now() + limit, limit }
    }

    /// How much time is left; an error if there is none.
    fn left(&self) -> Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no whole reply within {:?}", self.limit);
        Ok(left)
    }
}

/// A connection that is given up at a certain time.
pub struct Connection {
    stream: TcpStream,
    deadline: Deadline,
}

impl Connection {
    /// Connects to `addr` (HOST:PORT). The whole exchange has to be over at the deadline.
    pub fn open(addr: &str, deadline: Deadline) -> Result<Connection> {
        let mut reason = anyhow!("the name has no address");
        for candidate in addr.to_socket_addrs().with_context(|| format!("cannot use {addr}"))? {
            match TcpStream::connect_timeout(&candidate, deadline.left()?) {
                Ok(stream) => {
                    // Each write is to be a segment of its own.
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(deadline.left()?))?;
                    return Ok(Connection { stream, deadline });
                }
                Err(error) => reason = error.into(),
            }
        }
        bail!("nothing answers at {addr} ({reason})")
    }

    /// Sends `bytes`, cut into segments; the body begins at byte `body`.
    pub fn send(&mut self, bytes: &[u8], body: usize, cut: Cut) -> Result<()> {
        let segments: Vec<&[u8]> = match cut {
            Cut::Nowhere => vec![bytes],
            Cut::BeforeBody => vec![&bytes[..body], &bytes[body..]],
            Cut::Each(length) => bytes.chunks(length).collect(),
        };
        for (number, segment) in segments.into_iter().enumerate() {
            if number > 0 {
                thread::sleep(PAUSE);
            }
            self.stream.write_all(segment).context("cannot send")?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent; the other direction stays open (a half-close).
    pub fn finish(&mut self) -> Result<()> {
        self.stream.shutdown(Shutdown::Write).context("cannot end the connection")
    }

    /// Reads until there are `length` bytes; fewer only if the connection ends before.
    pub fn read(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.piece(&mut bytes[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Reads all that comes until the server ends the connection.
    pub fn read_to_end(&mut self) -> (Vec<u8>, Result<()>) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.piece(&mut buffer) {
                Ok(0) => return (bytes, Ok(())),
                Ok(length) => bytes.extend(&buffer[..length]),
                Err(error) => return (bytes, Err(error)),
            }
        }
    }

    fn piece(&mut self, buffer: &mut [u8]) -> Result<usize> {
        // Where both sides have ended the connection, macOS takes no limit any more; nor does a read wait then.
        let _ = self.stream.set_read_timeout(Some(self.deadline.left()?));
        self.stream.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                anyhow!("no whole reply within {:?}", self.deadline.limit)
            }
            _ => error.into(),
        })
    }
}

/// A response, taken apart.
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// Takes apart all the bytes that came on a connection.
    pub fn parse(bytes: &[u8]) -> Result<Response> {
        ensure!(!bytes.is_empty(), "the connection ended without a response");
        let mut room = [httparse::EMPTY_HEADER; 100];
        let mut head = httparse::Response::new(&mut room);
        match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => Ok(Response {
                status: head.code.context("the response has no status code")?,
                fields: head
                    .headers
                    .iter()
                    .map(|h| (h.name.to_string(), String::from_utf8_lossy(h.value).into_owned()))
                    .collect(),
                body: bytes[length..].to_vec(),
            }),
            Ok(httparse::Status::Partial) => bail!("the response ends in its head"),
            Err(error) => bail!("this is not a response of HTTP ({error})"),
        }
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(field.1.trim())
    }
}
