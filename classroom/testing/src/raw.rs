//! A client that sends any bytes, and how long the answer takes.

use crate::LIMIT;
use anyhow::{Context, Result, ensure};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// The shortest whole request.
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A connection to the server at `addr`, which gives up reading after [`LIMIT`].
pub fn connect(addr: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// All that comes back for `request`, up to the end of the connection. FIN follows the request, because a server
/// that keeps its connections would wait for the next one.
///
/// # Errors
/// The connection is reset, or what comes is not UTF-8.
pub fn ask(addr: &str, request: impl AsRef<[u8]>) -> Result<String> {
    let mut stream = connect(addr)?;
    stream.write_all(request.as_ref())?;
    // A server that refuses a request can have ended the connection already.
    let _ = stream.shutdown(Shutdown::Write);
    rest(stream)
}

/// All that still comes on a connection.
pub fn rest(mut stream: TcpStream) -> Result<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("the end of the connection is no FIN")?;
    Ok(String::from_utf8(answer)?)
}

/// Whether something has come on a connection, or its end. Does not wait.
pub fn has_answer(stream: &TcpStream) -> Result<bool> {
    stream.set_nonblocking(true)?;
    let seen = stream.peek(&mut [0; 1]);
    stream.set_nonblocking(false)?;
    Ok(!seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
}

/// The status code in `answer`, or "no answer".
pub fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

/// The status code that comes back for `request`.
pub fn status(addr: &str, request: impl AsRef<[u8]>) -> Result<String> {
    Ok(status_of(&ask(addr, request)?).to_string())
}

/// How long an idle server takes to answer on this machine, to compare with later. A fixed bound would be too
/// short on a slow machine.
pub struct Baseline {
    addr: String,
    limit: Duration,
}

impl Baseline {
    /// Measures the server at `addr`, which has nothing else to do.
    pub fn of(addr: &str) -> Result<Baseline> {
        let mut baseline = Baseline { addr: addr.to_string(), limit: LIMIT };
        let start = Instant::now();
        for _ in 0..10 {
            baseline.is_kept()?;
        }
        // One answer may take as long as a hundred did, and five seconds on a machine that stalls.
        baseline.limit = (start.elapsed() * 10).max(Duration::from_secs(5));
        Ok(baseline)
    }

    /// How long an answer may take, also on a busy machine.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Checks that a request is still answered 200, and within the limit.
    pub fn is_kept(&self) -> Result<()> {
        let start = Instant::now();
        let status = status(&self.addr, GET)?;
        ensure!(status == "200", "GET / is answered {status}");
        ensure!(start.elapsed() < self.limit, "answered only after {:?}", start.elapsed());
        Ok(())
    }
}
