//! One question on one connection. The bytes are sent as the question says, and all that comes back is kept. Time and
//! size have limits, because a server may never close, and may never stop sending.

use crate::question::{Ending, Question};
use crate::response::{end_of_head, without_interim};
use crate::table::Cut;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

/// The pause between two of many small segments.
const SHORT_PAUSE: Duration = Duration::from_millis(1);

/// The pause before the rest of a request that is sent in two pieces: longer than a server takes to read.
const LONG_PAUSE: Duration = Duration::from_millis(30);

/// The most bytes that are read in answer to one question.
pub const MAX_BYTES: usize = 1 << 20;

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the whole exchange.
    pub whole: Duration,
    /// For the server to close when its response is complete.
    pub close: Duration,
}

/// What happened on a connection.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// What came back.
    pub got: Vec<u8>,
    pub end: End,
    /// How long it took.
    pub took: Duration,
    /// How many bytes were sent before sending failed; `None` if all were sent.
    pub cut_off: Option<usize>,
}

/// How a connection ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    /// The server closed it (FIN).
    #[default]
    Closed,
    /// The server, or its kernel, aborted it (RST).
    Reset,
    /// The response was complete, and the server did not close.
    Open,
    /// The response was not complete in time.
    TimedOut,
    /// More bytes came than any response has.
    TooLong,
    /// No connection was made: the reason.
    Refused(String),
    /// Something else failed: the reason.
    Failed(String),
}

/// Asks the server at `addr` (HOST:PORT) a question.
pub fn exchange(addr: &str, question: &Question, patience: Patience) -> Exchange {
    exchange_up_to(addr, question, patience, MAX_BYTES)
}

/// The same, and stops reading after `most` bytes.
pub fn exchange_up_to(
    addr: &str,
    question: &Question,
    patience: Patience,
    most: usize,
) -> Exchange {
    let start = Instant::now();
    let mut exchange = Exchange::default();
    exchange.end = match connect(addr, patience.whole) {
        Ok(stream) => talk(stream, question, patience, most, start, &mut exchange),
        Err(error) => End::Refused(error.to_string()),
    };
    exchange.took = start.elapsed();
    exchange
}

/// A connection to `addr` (HOST:PORT), made within `limit`.
///
/// # Errors
/// Nothing listens there, or the name has no address.
pub fn connect(addr: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut reason = io::Error::other("the name has no address");
    for candidate in addr.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, limit) {
            Ok(stream) => {
                // Each write is to be a segment of its own.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

/// Sends the question, and reads what comes back into `exchange`.
fn talk(
    mut stream: TcpStream,
    question: &Question,
    patience: Patience,
    most: usize,
    start: Instant,
    exchange: &mut Exchange,
) -> End {
    // If the time limit cannot be set, the connection is gone, and the next call returns the error.
    let _ = stream.set_write_timeout(Some(patience.whole));
    let pause = if matches!(question.cut, Cut::Each(_)) { SHORT_PAUSE } else { LONG_PAUSE };
    let mut sent = 0;
    for (number, piece) in question.pieces().into_iter().enumerate() {
        if number > 0 {
            thread::sleep(pause);
        }
        // A server that refuses a request may close before it has read all of it.
        if stream.write_all(piece).is_err() {
            exchange.cut_off = Some(sent);
            break;
        }
        sent += piece.len();
    }
    match question.ending {
        Ending::Wait => {}
        Ending::Close => drop(stream.shutdown(Shutdown::Write)),
        Ending::Reset => {
            // With a linger time of 0, closing sends RST in place of FIN.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            return End::Closed;
        }
    }
    read(&mut stream, question.method, patience, most, start, &mut exchange.got)
}

/// Reads until the server closes, until there are more than `most` bytes, or until the time is over, which began at
/// `start`.
pub fn read(
    stream: &mut TcpStream,
    method: &str,
    patience: Patience,
    most: usize,
    start: Instant,
    got: &mut Vec<u8>,
) -> End {
    let mut buffer = [0; 1 << 14];
    loop {
        let complete = is_complete(got, method);
        let left = patience.whole.saturating_sub(start.elapsed());
        let left = if complete { patience.close } else { left };
        if left.is_zero() {
            return End::TimedOut;
        }
        let _ = stream.set_read_timeout(Some(left));
        match stream.read(&mut buffer) {
            Ok(0) => return End::Closed,
            Ok(length) => got.extend(&buffer[..length]),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut if complete => return End::Open,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return End::TimedOut,
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => return End::Reset,
                _ => return End::Failed(error.to_string()),
            },
        }
        if got.len() > most {
            return End::TooLong;
        }
        if start.elapsed() > patience.whole + patience.close {
            return End::TimedOut;
        }
    }
}

/// Whether a response is complete, as its own fields say. For bytes that are not quite a response this is a guess.
pub fn is_complete(got: &[u8], method: &str) -> bool {
    let got = without_interim(got);
    // A longer head has no end that matters here.
    let Some(end) = end_of_head(&got[..got.len().min(1 << 16)]) else { return false };
    let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.trim() == "content-length" { value.trim().parse::<usize>().ok() } else { None }
    });
    match length {
        _ if method == "HEAD" || head.split(' ').nth(1) == Some("204") => true,
        Some(length) => got.len() - end >= length,
        None => false,
    }
}
