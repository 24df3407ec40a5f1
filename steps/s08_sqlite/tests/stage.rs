//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::{Context, Result};
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const STAGE: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// No run of the stage takes longer than this: more than the 10 s that a client gives a server.
const LIMIT: Duration = Duration::from_secs(20);

fn server() -> Result<Server> {
    Server::start(Path::new(STAGE), "127.0.0.1:0")
}

/// How output is compared: without the stage's name and ports, and without the words that each system has for an error.
fn compare() -> Result<snapbox::Assert> {
    let mut redactions = Redactions::new();
    redactions.insert("[STAGE]", env!("CARGO_PKG_NAME"))?;
    redactions.insert("[PORT]", regex::Regex::new(r"127\.0\.0\.1:(?<redacted>\d\d+)")?)?;
    redactions.insert("[REASON]", regex::Regex::new(r"[A-Z가-힣][\w ,./()]+ \(os error \d+\)")?)?;
    redactions
        .insert("[REASON]", regex::Regex::new(r"failed to lookup address information: .+")?)?;
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS").redact_with(redactions);
    // A backslash is a backslash here, not a part of a path on Windows.
    Ok(assert.normalize_paths(false))
}

/// The stage with these arguments.
fn stage(arguments: &[&str]) -> Result<Command> {
    Ok(Command::new(STAGE)
        .env_remove("CLICOLOR_FORCE")
        .args(arguments)
        .timeout(LIMIT)
        .with_assert(compare()?))
}

/// A client of the server at `addr`, into which `lines` are typed.
fn client(addr: &str, lines: &str) -> Result<Command> {
    Ok(stage(&["client", "--addr", addr])?.stdin(lines.to_string()))
}

/// A server that reads what comes first, says `reply` and closes; returns its address.
fn server_that_says(reply: &'static [u8]) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let _length = stream.read(&mut [0; 1024])?;
        stream.write_all(reply)?;
        Ok(())
    });
    Ok(addr)
}

/// An address where nobody listens: its listener is gone, and no connection is left of it.
fn nobody() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// The last words of a server to which somebody does something, and its exit status.
fn last_words(deed: impl FnOnce(TcpStream) -> Result<()>) -> Result<(String, Option<i32>)> {
    let mut server = server()?;
    let stream = TcpStream::connect(server.addr())?;
    // Some systems forget a connection that is reset before it is accepted.
    server.said_with("accepted a connection")?;
    deed(stream)?;
    let status = server.status()?;
    let said = server.said()?;
    Ok((said.lines().last().context("no words")?.to_string(), status.code()))
}

#[test]
fn keeps_the_contract() -> Result<()> {
    let server = server()?;
    let outcomes = contract::check(8, server.addr(), Duration::from_secs(5))?;
    let faults: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.passed()).map(ToString::to_string).collect();
    assert!(outcomes.len() > 30);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn replays_its_lesson() -> Result<()> {
    stage(&[])?.assert().success().stderr_eq("").stdout_eq(file!["replay.txt"]);
    Ok(())
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    let server = server()?;
    let lines = "첫째\nPOST second\nPUT /0 고친 말\nHEAD /0\nGET /1\n\nPUT  /9\nGET\n";
    client(server.addr(), lines)?.assert().success().stderr_eq("").stdout_eq(file!["client.txt"]);
    Ok(())
}

#[test]
fn curl_changes_a_message() -> Result<()> {
    let server = server()?;
    let curl = |arguments: &[&str], path: &str| {
        let url = format!("http://{}{path}", server.addr());
        let format =
            ["--silent", "--show-error", "--max-time", "5", "--write-out", " %{http_code}"];
        Command::new("curl").args(format).args(arguments).arg(url).assert().success()
    };
    curl(&["--data", "하나"], "/").stdout_eq("하나 201");
    curl(&["--request", "PUT", "--data", "둘"], "/0").stdout_eq("둘 200");
    curl(&[], "/").stdout_eq("[\"둘\"] 200");
    curl(&["--head"], "/0").stdout_eq(str![[r#"
HTTP/1.1 200 OK
Connection: close
Content-Type: text/plain; charset=utf-8
Content-Length: 3

 200
"#]]);
    curl(&["--request", "DELETE"], "/0").stdout_eq("405 Method Not Allowed\n 405");
    Ok(())
}

#[test]
fn an_http_client_from_elsewhere() -> Result<()> {
    let server = server()?;
    let url = |path: &str| format!("http://{}{path}", server.addr());
    let mut made = ureq::post(url("/")).send("하나")?;
    assert_eq!(made.status(), 201);
    assert_eq!(made.headers()["location"], "/0");
    assert_eq!(made.body_mut().read_to_string()?, "하나");
    assert_eq!(ureq::put(url("/0")).send("둘")?.status(), 200);
    assert_eq!(ureq::get(url("/0")).call()?.body_mut().read_to_string()?, "둘");
    assert_eq!(ureq::head(url("/0")).call()?.headers()["content-length"], "3");
    assert!(matches!(ureq::get(url("/1")).call(), Err(ureq::Error::StatusCode(404))));
    assert!(matches!(ureq::delete(url("/")).call(), Err(ureq::Error::StatusCode(405))));
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() -> Result<()> {
    let cases = [
        ("nobody listens", nobody()?),
        ("no such host", "no.such.host.invalid:80".to_string()),
        ("no such port", "127.0.0.1:65536".to_string()),
        ("no port", "127.0.0.1".to_string()),
        ("closes at once", server_that_says(b"")?),
        ("no HTTP", server_that_says(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")?),
        ("half a body", server_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")?),
        ("no length", server_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")?),
        ("chunks", server_that_says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?),
        ("no UTF-8", server_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff")?),
    ];
    let mut said = String::new();
    for (name, addr) in cases {
        let ended = client(&addr, "POST / hello\nnever sent\n")?.assert().code(1);
        let sentence = String::from_utf8_lossy(&ended.get_output().stderr);
        said.push_str(&format!("{name}:\n  {sentence}"));
    }
    compare()?.eq(said, file!["errors.txt"]);
    Ok(())
}

#[test]
fn a_port_that_is_in_use() -> Result<()> {
    let server = server()?;
    stage(&["server", "--addr", server.addr()])?.assert().code(1).stdout_eq("").stderr_eq(str![[r#"
cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
    stage(&["--addr", server.addr()])?.assert().code(1).stderr_eq(str![[r#"
the server did not start: cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
    Ok(())
}

#[test]
fn a_connection_can_end_the_server() -> Result<()> {
    let silent = last_words(|_| Ok(()))?;
    let garbage = last_words(|mut stream| Ok(stream.write_all(b"garbage\r\n\r\n")?))?;
    let reset = last_words(|stream| {
        // RST instead of FIN.
        Ok(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?)
    })?;
    let half = last_words(|mut stream| {
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")?;
        Ok(stream.shutdown(Shutdown::Write)?)
    })?;
    let said =
        |words: &str| (format!("a connection failed, and the server with it: {words}"), Some(1));
    assert_eq!(silent, said("the connection ended before the message did"));
    assert_eq!(garbage, said("\"garbage\" is not a request line"));
    assert_eq!(half, silent);
    assert_eq!(reset.1, Some(1));
    compare()?.eq(reset.0, said("[REASON]").0);
    Ok(())
}

/// The window is heavy, and so it is built only for those who ask for it.
#[test]
#[cfg(not(feature = "window"))]
fn the_window_has_to_be_asked_for() -> Result<()> {
    stage(&["window"])?.assert().code(1).stderr_eq(str![[r#"
this build has no window; for one: cargo run -p [STAGE] --features window -- window

"#]]);
    Ok(())
}

/// Clients write as fast as they can; then the server is killed, started again, and asked for all that
/// it had answered for. Over and over, with one file.
#[test]
fn killed_at_any_moment_it_has_what_it_answered_for() -> Result<()> {
    const ROUNDS: usize = 10;
    const CLIENTS: usize = 4;
    let mut server = server()?;
    let mut answered: Vec<(usize, String)> = Vec::new();
    for round in 0..ROUNDS {
        let (sender, receiver) = mpsc::channel();
        let url = format!("http://{}", server.addr());
        for client in 0..CLIENTS {
            let (sender, url) = (sender.clone(), url.clone());
            thread::spawn(move || {
                for number in 0.. {
                    let text = format!("round {round}, client {client}, message {number}");
                    let Ok(response) = ureq::post(&url).send(&text) else { return };
                    let location = response.headers()["location"].to_str().unwrap_or_default();
                    let _ = sender.send((location[1..].parse().unwrap_or(usize::MAX), text));
                }
            });
        }
        drop(sender);
        // The more rounds, the later; and at no particular point of a request.
        answered.extend(receiver.iter().take(20 + 13 * round));
        server.kill();
        answered.extend(receiver.iter());
        server.restart()?;
        let list: Vec<String> =
            serde_json::from_str(&ureq::get(&url).call()?.body_mut().read_to_string()?)?;
        for (index, text) in &answered {
            assert_eq!(list.get(*index), Some(text), "round {round}");
        }
        // At most one more for each client, whose answer was on its way.
        assert!(list.len() <= answered.len() + CLIENTS * (round + 1));
    }
    println!("{} messages in {ROUNDS} rounds", answered.len());
    assert!(answered.len() >= 20 * ROUNDS);
    Ok(())
}

/// A folder for the files of this run of the tests alone.
fn ours() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string())
}

/// A file of that name in a folder of its own.
fn file_named(name: &str) -> Result<PathBuf> {
    let folder = ours().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder.join("messages.db"))
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() -> Result<()> {
    let database = |name: &str, statements: &str| -> Result<PathBuf> {
        let path = file_named(name)?;
        rusqlite::Connection::open(&path)?.execute_batch(statements)?;
        Ok(path)
    };
    let text = file_named("text")?;
    fs::write(&text, "Dear diary, this is no database.\n".repeat(10))?;
    let newer = database(
        "newer",
        "PRAGMA journal_mode = WAL; PRAGMA user_version = 2; CREATE TABLE new (x)",
    )?;
    let foreign = database("foreign", "CREATE TABLE recipes (name)")?;
    let same = database("same", "PRAGMA user_version = 1; CREATE TABLE recipes (name)")?;
    let locked =
        database("locked", "PRAGMA user_version = 1; CREATE TABLE messages (place, text)")?;
    let mut said = String::new();
    for path in [text, newer, foreign, same, locked] {
        let before = fs::read(&path)?;
        // Not before the file was read here: to close it would end the lock of this process.
        let other =
            path.to_string_lossy().contains("locked").then(|| rusqlite::Connection::open(&path));
        let other = other.transpose()?;
        if let Some(other) = &other {
            other.execute_batch("BEGIN EXCLUSIVE")?;
        }
        let arguments =
            ["server", "--addr", "127.0.0.1:0", "--db", path.to_str().context("no name")?];
        let ended = stage(&arguments)?.assert().code(1).stdout_eq("");
        said.push_str(&String::from_utf8_lossy(&ended.get_output().stderr));
        drop(other);
        assert_eq!(fs::read(&path)?, before, "{}", path.display());
    }
    let nowhere = file_named("nowhere")?.with_file_name("folder").join("messages.db");
    let arguments =
        ["server", "--addr", "127.0.0.1:0", "--db", nowhere.to_str().context("no name")?];
    let ended = stage(&arguments)?.assert().code(1);
    said.push_str(&String::from_utf8_lossy(&ended.get_output().stderr));
    assert!(!nowhere.exists());
    let said = said.replace(ours().to_str().context("no name")?, "TMP");
    compare()?.normalize_paths(true).eq(said, file!["files.txt"]);
    fs::remove_dir_all(ours())?;
    Ok(())
}
