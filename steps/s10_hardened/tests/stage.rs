//! What this stage does for those who use it: real processes, real connections, free ports.

use anyhow::Result;
use replay::Server;
use snapbox::cmd::Command;
use snapbox::{Redactions, file, str};
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

#[test]
fn keeps_the_contract() -> Result<()> {
    let server = server()?;
    let outcomes = contract::check(10, server.addr(), Duration::from_secs(5))?;
    let faults: Vec<String> =
        outcomes.iter().filter(|outcome| !outcome.passed()).map(ToString::to_string).collect();
    assert!(outcomes.len() > 30);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn replays_its_lesson() -> Result<()> {
    let replayed = stage(&[])?.assert().success().stderr_eq("");
    // Elsewhere the log can say something else of a connection that is reset at once.
    if cfg!(target_os = "linux") {
        replayed.stdout_eq(file!["replay.txt"]);
    }
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
