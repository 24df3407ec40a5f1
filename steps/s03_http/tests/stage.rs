//! HTTP on top of TCP: clients and servers of other authors can talk to this stage.

use anyhow::Result;
#[cfg(unix)]
use std::path::Path;
use testing::{Stage, needs, str};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, ends_with_no_request,
    ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[needs("curl")] curl_posts, ureq_posts,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE
        .takes_lines_at_the_prompt("hello\n안녕, 네트워크\nPUT / is only a text here\n\nnot sent\n")
}

/// Python's http.server, with and without a Content-Length, whole and a byte at a time.
#[needs("python3")]
#[test]
#[cfg(unix)]
fn an_http_server_from_elsewhere() -> Result<()> {
    let python = Path::new(STAGE.folder).join("tests/http_server.py");
    let server = replay::Server::start(&python, "127.0.0.1:0")?;
    let lines = "안녕\nclose 안녕\ndrip 안녕\n";
    STAGE.client(server.addr(), lines)?.assert().success().stdout_eq(str![[r#"
> 안녕
> close 안녕
> drip 안녕
> 

"#]]);
    Ok(())
}

#[test]
fn the_drip_experiment() -> Result<()> {
    let server = STAGE.server()?;
    STAGE.experiment("drip")?.arg(server.addr()).assert().success().stdout_eq(str![[r#"
sent 50 segments
got "HTTP/1.1 200 OK"

"#]]);
    Ok(())
}
