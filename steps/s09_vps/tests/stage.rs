//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::{Context, Result};
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
use std::net::TcpStream;
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
    redactions.insert("[TIME]", regex::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")?)?;
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
    let outcomes = contract::check(9, server.addr(), Duration::from_secs(5))?;
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

/// The window is heavy, and so it is built only for those who ask for it.
#[test]
#[cfg(not(feature = "window"))]
fn the_window_has_to_be_asked_for() -> Result<()> {
    stage(&["window"])?.assert().code(1).stderr_eq(str![[r#"
this build has no window; for one: cargo run -p [STAGE] --features window -- window

"#]]);
    Ok(())
}

/// The message that the journal found in its tmux session, and who caused it when.
#[test]
fn a_connection_can_end_the_server() -> Result<()> {
    let said = |words: String| -> Result<()> {
        let expected =
            "[TIME] 127.0.0.1:[PORT] a connection failed, and the server with it: ".to_string();
        compare()?.eq(words, expected + "[..]");
        Ok(())
    };
    let (silent, status) = last_words(|_| Ok(()))?;
    assert!(silent.ends_with(": the connection ended before the message did"));
    assert_eq!(status, Some(1));
    said(silent)?;
    let (reset, status) = last_words(|stream| {
        // RST instead of FIN.
        Ok(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?)
    })?;
    #[cfg(target_os = "linux")]
    assert!(reset.ends_with(": Connection reset by peer (os error 104)"));
    assert_eq!(status, Some(1));
    said(reset)
}

#[test]
fn each_line_of_the_log_says_when_and_who() -> Result<()> {
    let mut server = server()?;
    ureq::post(format!("http://{}/", server.addr())).send("한글")?;
    let log = server.said()?;
    let (first, log) = log.split_once('\n').context("no log")?;
    assert!(first.starts_with("listening on "));
    assert!(log.lines().count() > 10, "{log}");
    for line in log.lines() {
        let [time, peer, _] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let time: jiff::Timestamp = time.parse()?;
        assert!(jiff::Timestamp::now().duration_since(time).abs().as_secs() < 60);
        assert!(peer.starts_with("127.0.0.1:"), "{line}");
    }
    Ok(())
}
