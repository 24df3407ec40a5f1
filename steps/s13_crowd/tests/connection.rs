//! A connection with a short deadline: it ends when all reads together, or all writes, took too long.
#![allow(dead_code)]

#[path = "../src/connection.rs"]
mod connection;

use anyhow::Result;
use connection::Connection;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_millis(400);

/// Far more than the timeout, for a machine that is busy.
const LATE: Duration = Duration::from_secs(5);

/// A connection under test, and the other end of it.
fn pair() -> Result<(Connection, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let other = TcpStream::connect(listener.local_addr()?)?;
    Ok((Connection::new(listener.accept()?.0, TIMEOUT), other))
}

/// The error says that the time is over, in words other than the system's.
fn is_over<T>(result: std::io::Result<T>, start: Instant) {
    let Err(error) = result else { panic!("no error") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "the time for the connection is over");
    assert!(start.elapsed() >= TIMEOUT - Duration::from_millis(5), "{:?}", start.elapsed());
    assert!(start.elapsed() < LATE, "{:?}", start.elapsed());
}

#[test]
fn silence_ends_at_the_deadline() -> Result<()> {
    let start = Instant::now();
    let (mut connection, _other) = pair()?;
    is_over(connection.read(&mut [0; 1]), start);
    is_over(connection.write(b"x"), start);
    Ok(())
}

/// A byte now and then does not help: the time is for all of them.
#[test]
fn a_byte_at_a_time_ends_at_the_deadline() -> Result<()> {
    let start = Instant::now();
    let (mut connection, mut other) = pair()?;
    let drip = thread::spawn(move || {
        // The server stops it long before.
        let end = Instant::now() + LATE;
        while Instant::now() < end && other.write_all(b"x").is_ok() {
            thread::sleep(TIMEOUT / 20);
        }
    });
    is_over(connection.read_to_end(&mut Vec::new()), start);
    drop(connection);
    drip.join().expect("a client");
    Ok(())
}

/// A client that reads a response slowly gets all of it: each byte that it reads gives more time.
#[test]
fn a_slow_reader_gets_everything() -> Result<()> {
    let (mut connection, mut other) = pair()?;
    let bytes = vec![b'x'; 8 << 20];
    let length = bytes.len();
    let reader = thread::spawn(move || -> Result<usize> {
        let (mut read, mut buffer) = (0, vec![0; 64 << 10]);
        while let length @ 1.. = other.read(&mut buffer)? {
            read += length;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(read)
    });
    let start = Instant::now();
    connection.send(&bytes)?;
    connection.close();
    assert!(start.elapsed() > TIMEOUT, "{:?} is not slow", start.elapsed());
    assert_eq!(reader.join().expect("a reader")?, length);
    Ok(())
}

/// A client that does not read is cut off: nothing is kept for it, and it sees a reset.
#[test]
fn one_that_does_not_read_is_cut_off() -> Result<()> {
    let start = Instant::now();
    let (mut connection, mut other) = pair()?;
    let error = connection.send(&vec![b'x'; 8 << 20]).expect_err("nothing is read");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    // What the system keeps for the client counts as taken: 32 KiB of it are a second more.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    drop(connection);
    let ended = other.read_to_end(&mut Vec::new()).expect_err("a reset");
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    Ok(())
}

/// A response that is sent while the client still sends arrives, and the close ends when the client does.
#[test]
fn a_response_arrives_at_a_client_that_is_sending() -> Result<()> {
    let (mut connection, mut other) = pair()?;
    other.write_all(&[b'x'; 100_000])?;
    connection.send(b"no")?;
    let closing = thread::spawn(move || connection.close());
    // A reset would end this with an error.
    other.write_all(&vec![b'x'; 10 << 20])?;
    other.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    other.read_to_string(&mut answer)?;
    assert_eq!(answer, "no");
    closing.join().expect("a close");
    Ok(())
}
