//! What the libraries do in place of the code of earlier stages, where no earlier test checks it.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use replay::Database;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use testing::process::{signal, until};
use testing::raw::{self, connect, status};
use testing::writers::{self, Writers};
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

fn post(text: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// What a client sends cannot drive the terminal that shows the log: no control character, and none that turns or
/// hides the text around it.
#[test]
fn the_log_has_no_character_that_drives_a_terminal() -> Result<()> {
    for options in ["", "--verbose"] {
        let mut server = STAGE.server_with("", options)?;
        for sent in ["\u{202e}", "\u{9b}2J", "\u{200b}", "\u{7f}", "\u{1b}[2J", "안"] {
            let request = format!("GET /{sent} HTTP/1.1\r\nHost: x\r\nX: {sent}\r\n\r\n");
            ensure!(status(server.addr(), request)? == "400", "{sent:?}");
        }
        status(server.addr(), "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        let log = server.said_with("GET /last → 404, 14 bytes, ")?;
        let drives = |letter: char| "\u{202e}\u{200b}".contains(letter) || letter.is_control();
        ensure!(!log.replace('\n', "").contains(drives), "{log:?}");
        ensure!(log.contains("GET /\\u{202e} → 400, 16 bytes, "), "{log}");
        ensure!(log.contains("GET /안 → 400, 16 bytes, "), "{log}");
    }
    Ok(())
}

/// A client that asks for the list again and again, and does not read it, is cut off.
#[test]
fn one_that_does_not_read_is_cut_off() -> Result<()> {
    let mut server = STAGE.server_with("", "--timeout 1")?;
    while status(server.addr(), post(&"x".repeat(60_000)))? == "201" {}
    let mut stream = connect(server.addr())?;
    stream.write_all("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50).as_bytes())?;
    let mut log = String::new();
    until("the end of the connection", || {
        log.push_str(&server.said()?);
        Ok(log.contains(" the connection failed: ").then_some(()))
    })?;
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers);
    ensure!(answers.len() < 50 * (400 << 10), "{} bytes", answers.len());
    Ok(())
}

/// The log is a pipe that is not read, and its queue is full. The server answers all the same, and ends when it is asked
/// to.
#[test]
fn a_log_that_is_not_read_does_not_keep_the_server() -> Result<()> {
    let db = STAGE.file("unread.db")?;
    let mut server = Command::new(STAGE.binary)
        .args(["server", "--addr", "127.0.0.1:0", "--db"])
        .arg(db)
        .stdout(Stdio::piped())
        .spawn()?;
    let result = (|| {
        let mut log = BufReader::with_capacity(1, server.stdout.take().context("no log")?);
        let mut line = String::new();
        log.read_line(&mut line)?;
        let addr = line.trim_end().rsplit(' ').next().context("no address")?;
        let mut stream = connect(addr)?;
        let get = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
        for _ in 0..40 {
            stream.write_all(get.as_bytes())?;
            let mut answered = String::new();
            let mut buffer = [0; 16 << 10];
            while answered.matches("404 Not Found\n").count() < 100 {
                let length = stream.read(&mut buffer)?;
                ensure!(length > 0, "the connection ended: {answered}");
                answered += &String::from_utf8_lossy(&buffer[..length]);
            }
        }
        signal("-TERM", server.id())?;
        until("the end of the server", || Ok(server.try_wait()?))
    })();
    let _ = server.kill();
    let status = result?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// A file of stages 8 to 13 has the same table.
#[test]
fn opens_a_file_of_an_earlier_stage() -> Result<()> {
    let path = STAGE.file("earlier.db")?;
    let file = rusqlite::Connection::open(&path)?;
    file.execute_batch(
        "CREATE TABLE messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
         INSERT INTO messages VALUES (0, 'first'), (1, '안녕')",
    )?;
    let server = STAGE.server_with("", &format!("--db {}", path.display()))?;
    ensure!(status(server.addr(), post("third"))? == "201");
    let list = writers::list(server.addr())?;
    ensure!(list == ["first", "안녕", "third"], "{list:?}");
    Ok(())
}

/// A file of another program stays as it was.
#[test]
fn refuses_a_file_of_another_program() -> Result<()> {
    let path = STAGE.file("other.db")?;
    rusqlite::Connection::open(&path)?.execute_batch("CREATE TABLE other (x)")?;
    let before = std::fs::read(&path)?;
    let db = path.display().to_string();
    let ended = STAGE.run(&["server", "--addr", "127.0.0.1:0", "--db", &db])?.assert().code(1);
    ended.stdout_eq("").stderr_eq(format!(
        "cannot keep messages in {db}: it is the database of another program; \
         choose another file with --db\n"
    ));
    ensure!(std::fs::read(&path)? == before, "the file has changed");
    Ok(())
}

/// What the path says is compared as it was sent: axum alone would decode it, and accept a sign.
#[test]
fn a_path_is_compared_as_sent() -> Result<()> {
    let server = STAGE.server()?;
    ensure!(status(server.addr(), post("first"))? == "201");
    let targets = [("/0", "200"), ("/00", "200"), ("/%30", "404"), ("/+0", "404"), ("/0?", "404")];
    for (target, expected) in targets {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let found = raw::status(server.addr(), request)?;
        ensure!(found == expected, "{target}: {found}");
    }
    Ok(())
}

/// With a URL the servers share a database: what one stores, the other one shows. The whole contract holds, too.
#[needs("postgres")]
#[test]
fn servers_share_a_database() -> Result<()> {
    let database = Database::new()?;
    let start = || STAGE.server_over(Some(&database));
    let (one, other) = (start()?, start()?);
    for round in 0..10 {
        ensure!(status(one.addr(), post(&format!("text {round}")))? == "201");
        let put = format!("PUT /{round} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nnew");
        ensure!(status(other.addr(), put)? == "200");
        ensure!(writers::list(one.addr())? == vec!["new"; round + 1]);
    }
    Ok(())
}

/// A crowd writes through two servers, and one of them is killed: each message is there once, at its index.
#[needs("postgres")]
#[test]
fn no_message_is_lost_or_doubled() -> Result<()> {
    let database = Database::new()?;
    let start = || STAGE.server_over(Some(&database));
    let (mut one, other) = (start()?, start()?);
    let crowds = [&one, &other].map(|server| Writers::start(server.addr(), 8, server.addr()));
    let mut answered: Vec<_> = crowds.iter().flat_map(|crowd| crowd.take(60)).collect();
    one.kill();
    let [of_one, of_other] = crowds;
    answered.extend(of_one.rest());
    let more = of_other.take(20);
    ensure!(more.len() == 20, "the other server does not go on");
    answered.extend(more);
    of_other.stop();
    one.restart()?;
    let list = writers::list(one.addr())?;
    writers::is_all_in(&answered, &list)?;
    let distinct: BTreeSet<&String> = list.iter().collect();
    ensure!(distinct.len() == list.len(), "a text is there twice");
    ensure!(list == writers::list(other.addr())?);
    Ok(())
}
