//! One message, one connection: the client sends a line, the server sends back what one
//! read returned, and both close.

use anyhow::Result;
use std::net::TcpListener;
use testing::{Stage, bad_clients, servers, str};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    let server = STAGE.server()?;
    let client = |typed: &str| STAGE.client(server.addr(), typed);
    client("안녕\nnot sent\n")?.assert().success().stdout_eq(str![[r#"
> 안녕

"#]]);
    client("\n")?.assert().success().stdout_eq(str![[r#"
> 

"#]]);
    // The end of input, and no message at all.
    client("")?.assert().success().stdout_eq(str![[r#"
> 

"#]]);
    client("no line end")?.assert().success().stdout_eq(str![[r#"
> no line end

"#]]);
    Ok(())
}

/// One read takes up to 1024 bytes. The rest is still unread when the server closes, and so the
/// kernel sends RST instead of FIN.
#[test]
#[cfg(target_os = "linux")]
fn a_line_longer_than_one_read() -> Result<()> {
    let server = STAGE.server()?;
    let ended = STAGE.client(server.addr(), &"x".repeat(1500))?.assert().code(1);
    let sentence = String::from_utf8_lossy(&ended.get_output().stderr);
    assert!(sentence.ends_with("xxx\": Connection reset by peer (os error 104)\n"), "{sentence}");
    STAGE.client(server.addr(), "next\n")?.assert().success();
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let mut addrs = servers::unreachable()?;
    addrs.push(("closes without a reply", servers::server_that_replies(b"")?));
    addrs.push(("never answers, for 10 s", silent.local_addr()?.to_string()));
    STAGE.says_what_is_wrong("hello\n", &addrs)
}

#[test]
fn a_reset_ends_the_server() -> Result<()> {
    STAGE.ends_with(bad_clients::reset)
}

#[test]
#[cfg(unix)]
fn the_time_wait_experiment() -> Result<()> {
    STAGE.experiment("time_wait")?.assert().success().stdout_eq(str![[r#"
without SO_REUSEADDR: cannot listen on 127.0.0.1:[PORT] again: [REASON]
with SO_REUSEADDR: listening on 127.0.0.1:[PORT] again
with Rust's TcpListener::bind: listening on 127.0.0.1:[PORT] again

"#]]);
    Ok(())
}
