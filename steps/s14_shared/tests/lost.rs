//! A relay between server and database: it counts round trips, and loses connections.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use replay::{Database, Server};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use testing::process::until;
use testing::writers::list;
use testing::{Stage, needs, raw};

const STAGE: Stage = testing::stage!();

/// What a relay does with the bytes between the server and the database.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// It passes them on.
    Pass,
    /// It passes nothing on, and keeps the connections open, like a machine that stands still.
    Hold,
    /// It closes each connection, like a database that is not there.
    Cut,
    /// It passes on the next COMMIT, and closes the connection before the answer.
    CutAfterCommit,
}

/// Stands between a server and its database.
#[derive(Clone)]
struct Relay {
    mode: Arc<Mutex<Mode>>,
    /// How often the server has sent something after the database had.
    questions: Arc<AtomicUsize>,
    /// How many bytes the database has sent.
    answered: Arc<AtomicUsize>,
}

impl Relay {
    /// A relay before the database at `url`, and the URL that leads through it.
    fn start(url: &str) -> Result<(Relay, String)> {
        let (before, name) = url.rsplit_once('/').context("no name of a database")?;
        let host = before.rsplit('@').next().unwrap_or_default().to_string();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("postgresql://postgres@{}/{name}", listener.local_addr()?);
        let relay = Relay {
            mode: Arc::new(Mutex::new(Mode::Pass)),
            questions: Arc::default(),
            answered: Arc::default(),
        };
        let accepting = relay.clone();
        thread::spawn(move || {
            for server in listener.incoming().map_while(Result::ok) {
                let (relay, host) = (accepting.clone(), host.clone());
                thread::spawn(move || relay.serve(&server, &host));
            }
        });
        Ok((relay, url))
    }

    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }

    /// Passes on the bytes of one connection, until an end of it or a `mode` that ends it.
    fn serve(&self, server: &TcpStream, host: &str) -> Result<()> {
        let result = self.pass(server, host);
        let _ = server.shutdown(Shutdown::Both);
        result
    }

    fn pass(&self, server: &TcpStream, host: &str) -> Result<()> {
        let database = TcpStream::connect(host)?;
        let (back_from, back_to) = (database.try_clone()?, server.try_clone()?);
        let back = self.clone();
        let is_lost = Arc::new(AtomicUsize::new(0));
        let lost = is_lost.clone();
        // Whether the database was the last one to send something.
        let is_answer = Arc::new(AtomicUsize::new(1));
        let last = is_answer.clone();
        thread::spawn(move || -> Result<()> {
            let (mut from, mut to) = (back_from, back_to);
            let mut buffer = vec![0; 64 << 10];
            loop {
                let length = from.read(&mut buffer)?;
                if length == 0 || back.mode() == Mode::Cut || lost.load(Ordering::SeqCst) > 0 {
                    // The answer to a COMMIT comes when it is done. It is lost here.
                    to.shutdown(Shutdown::Both)?;
                    return Ok(());
                }
                last.store(1, Ordering::SeqCst);
                back.answered.fetch_add(length, Ordering::SeqCst);
                to.write_all(&buffer[..length])?;
            }
        });
        let (mut from, mut to) = (server.try_clone()?, database.try_clone()?);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = from.read(&mut buffer)?;
            // A statement ends with 0. BEGIN has the word COMMITTED in it.
            let is_commit = buffer[..length].windows(7).any(|word| word == b"COMMIT\0");
            match self.mode() {
                _ if length == 0 => break,
                Mode::Cut => break,
                Mode::Hold => continue,
                Mode::CutAfterCommit if is_commit => {
                    self.set(Mode::Pass);
                    is_lost.store(1, Ordering::SeqCst);
                }
                Mode::Pass | Mode::CutAfterCommit => {}
            }
            self.questions.fetch_add(is_answer.swap(0, Ordering::SeqCst), Ordering::SeqCst);
            to.write_all(&buffer[..length])?;
        }
        database.shutdown(Shutdown::Both)?;
        Ok(())
    }
}

/// A server whose database is behind a relay.
fn server() -> Result<(Server, Relay, Database)> {
    let database = STAGE.database()?.context("no database")?;
    let (relay, url) = Relay::start(&database.url())?;
    let server =
        STAGE.server_with(&format!("set -- server --addr 127.0.0.1:0 --db '{url}'"), "")?;
    Ok((server, relay, database))
}

fn post(text: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// A GET costs one round trip, and the list comes along only after a change.
#[needs("postgres")]
#[test]
fn a_get_costs_one_round_trip() -> Result<()> {
    let (server, relay, _database) = server()?;
    ensure!(raw::status(server.addr(), post(&"x".repeat(60_000)))? == "201");
    let costs = || -> Result<(usize, usize)> {
        let (questions, answered) = (&relay.questions, &relay.answered);
        let before = (questions.load(Ordering::SeqCst), answered.load(Ordering::SeqCst));
        ensure!(raw::status(server.addr(), raw::GET)? == "200");
        let after = (questions.load(Ordering::SeqCst), answered.load(Ordering::SeqCst));
        Ok((after.0 - before.0, after.1 - before.1))
    };
    let (questions, bytes) = costs()?;
    ensure!(questions == 1 && bytes > 60_000, "{questions} round trips, {bytes} bytes");
    for _ in 0..5 {
        let (questions, bytes) = costs()?;
        ensure!(questions == 1 && bytes < 1_000, "{questions} round trips, {bytes} bytes");
    }
    Ok(())
}

/// Many writes in one transaction cost as many round trips as one write.
#[needs("postgres")]
#[test]
fn a_write_costs_five_round_trips() -> Result<()> {
    let (server, relay, _database) = server()?;
    for _ in 0..3 {
        let before = relay.questions.load(Ordering::SeqCst);
        ensure!(raw::status(server.addr(), post("text"))? == "201");
        let questions = relay.questions.load(Ordering::SeqCst) - before;
        ensure!(questions == 5, "{questions} round trips");
    }
    Ok(())
}

/// The answer to COMMIT is lost. The server does the transaction again, and the message is there once.
#[needs("postgres")]
#[test]
fn a_commit_whose_answer_is_lost_is_done_once() -> Result<()> {
    let (server, relay, _database) = server()?;
    for number in 0..5 {
        relay.set(Mode::CutAfterCommit);
        let made = raw::ask(server.addr(), post(&format!("text {number}")))?;
        ensure!(made.contains(&format!("\r\nLocation: /{number}\r\n")), "{made}");
        ensure!(relay.mode() == Mode::Pass, "no COMMIT was seen");
        let list = list(server.addr())?;
        ensure!(list.len() == number + 1, "{list:?}");
    }
    Ok(())
}

/// While the database is lost, each request is answered 503, and the server goes on when it is back.
fn costs_503(mode: Mode) -> Result<()> {
    let (mut server, relay, _database) = server()?;
    ensure!(raw::status(server.addr(), post("before"))? == "201");
    relay.set(mode);
    thread::scope(|scope| -> Result<()> {
        let requests: Vec<_> = (0..8)
            .map(|number| {
                let request = if number % 2 == 0 { post("lost") } else { get() };
                let addr = server.addr().to_string();
                scope.spawn(move || raw::ask(&addr, request))
            })
            .collect();
        for request in requests {
            let answer = request.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
            ensure!(raw::status_of(&answer) == "503", "{answer}");
            ensure!(answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
        }
        Ok(())
    })?;
    ensure!(!server.ended()?, "the server ended: {}", server.said()?);
    relay.set(Mode::Pass);
    until("the database is back for reads", || {
        Ok((raw::status(server.addr(), raw::GET)? == "200").then_some(()))
    })?;
    until("the database is back for writes", || {
        Ok((raw::status(server.addr(), post("after"))? == "201").then_some(()))
    })?;
    let list = list(server.addr())?;
    ensure!(list.first().is_some_and(|text| text == "before"), "{list:?}");
    ensure!(list.iter().filter(|text| *text == "after").count() == 1, "{list:?}");
    Ok(())
}

fn get() -> String {
    String::from_utf8_lossy(raw::GET).into_owned()
}

#[needs("postgres")]
#[test]
fn a_database_that_is_not_there_costs_503() -> Result<()> {
    costs_503(Mode::Cut)
}

#[needs("postgres")]
#[test]
fn a_database_that_stands_still_costs_503() -> Result<()> {
    costs_503(Mode::Hold)
}
