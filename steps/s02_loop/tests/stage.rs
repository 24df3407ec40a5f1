//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::{Context, Result};
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
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
    let outcomes = contract::check(2, server.addr(), Duration::from_secs(5))?;
    let faults: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.passed()).map(ToString::to_string).collect();
    assert!(outcomes.len() > 3);
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
    let lines = "first\n둘째\n  spaces stay  \n\nnot sent\n";
    client(server.addr(), lines)?.assert().success().stdout_eq(str![[r#"
> first
> 둘째
>   spaces stay  
> 
"#]]);
    // The next client, which ends with its input.
    client(server.addr(), "third")?.assert().success().stdout_eq(str![[r#"
> third
> 

"#]]);
    client(server.addr(), &"x".repeat(100_000))?.assert().success();
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
        ("half a line", server_that_says(b"hel")?),
        ("no UTF-8", server_that_says(b"\xff\n")?),
    ];
    let mut said = String::new();
    for (name, addr) in cases {
        let ended = client(&addr, "hello\nnever sent\n")?.assert().code(1);
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

/// Closes a connection with RST instead of FIN: what is on its way is thrown away.
fn reset(stream: TcpStream) -> Result<()> {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(())
}

#[test]
fn a_reset_ends_the_server() -> Result<()> {
    let (words, status) = last_words(|mut stream| {
        stream.write_all(b"hello\n")?;
        stream.read_exact(&mut [0; 6])?;
        reset(stream)
    })?;
    assert_eq!(status, Some(1));
    compare()?.eq(words, str!["a connection failed, and the server with it: [REASON]"]);
    Ok(())
}

#[test]
fn the_segments_experiment() -> Result<()> {
    let server = server()?;
    let example = Path::new(STAGE).with_file_name("examples").join("segments");
    let experiment = Command::new(example).arg(server.addr()).with_assert(compare()?);
    experiment.assert().success().stdout_eq(str![[r#"
sent 'h'
sent 'e'
sent 'l'
sent 'l'
sent 'o'
sent '\n'
got "hello\n"

"#]]);
    Ok(())
}
