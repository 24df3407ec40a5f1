//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::{Context, Result};
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
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
    let outcomes = contract::check(7, server.addr(), Duration::from_secs(5))?;
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
