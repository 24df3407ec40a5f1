//! What the libraries do in place of the code of earlier stages, where no test of theirs asks for it.
#![cfg(unix)]

use anyhow::{Result, ensure};
use std::io::{Read, Write};
use testing::Stage;
use testing::process::until;
use testing::raw::{self, connect, status};
use testing::writers;

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

/// What the path says is compared as it was sent: axum alone would decode it, and take a sign.
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
