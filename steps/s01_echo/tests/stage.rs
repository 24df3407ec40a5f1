//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::{Context, Result};
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
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
    let outcomes = contract::check(1, server.addr(), Duration::from_secs(5))?;
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
    client(server.addr(), "안녕\nnot sent\n")?.assert().success().stdout_eq(str![[r#"
> 안녕

"#]]);
    client(server.addr(), "\n")?.assert().success().stdout_eq(str![[r#"
> 

"#]]);
    // The end of input, and no message at all.
    client(server.addr(), "")?.assert().success().stdout_eq(str![[r#"
> 

"#]]);
    client(server.addr(), "no line end")?.assert().success().stdout_eq(str![[r#"
> no line end

"#]]);
    Ok(())
}

/// One read takes up to 1024 bytes. The rest is still unread when the server closes, and so the
/// kernel sends RST instead of FIN.
#[test]
#[cfg(target_os = "linux")]
fn a_line_longer_than_one_read() -> Result<()> {
    let server = server()?;
    let ended = client(server.addr(), &"x".repeat(1500))?.assert().code(1);
    let sentence = String::from_utf8_lossy(&ended.get_output().stderr);
    assert!(sentence.ends_with("xxx\": Connection reset by peer (os error 104)\n"), "{sentence}");
    client(server.addr(), "next\n")?.assert().success();
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let cases = [
        ("nobody listens", nobody()?),
        ("no such host", "no.such.host.invalid:80".to_string()),
        ("no such port", "127.0.0.1:65536".to_string()),
        ("no port", "127.0.0.1".to_string()),
        ("never answers, for 10 s", listener.local_addr()?.to_string()),
    ];
    let mut said = String::new();
    for (name, addr) in cases {
        let ended = client(&addr, "hello\n")?.assert().code(1);
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
    let (words, status) = last_words(reset)?;
    assert_eq!(status, Some(1));
    compare()?.eq(words, str!["a connection failed, and the server with it: [REASON]"]);
    Ok(())
}

#[test]
#[cfg(unix)]
fn the_time_wait_experiment() -> Result<()> {
    let example = Path::new(STAGE).with_file_name("examples").join("time_wait");
    Command::new(example).with_assert(compare()?).assert().success().stdout_eq(str![[r#"
without SO_REUSEADDR: cannot listen on 127.0.0.1:[PORT] again: [REASON]
with SO_REUSEADDR: listening on 127.0.0.1:[PORT] again
with Rust's TcpListener::bind: listening on 127.0.0.1:[PORT] again

"#]]);
    Ok(())
}
