//! The server remembers: what is posted comes back in a list, also for clients of other authors.

use anyhow::Result;
use testing::{Stage, clients, needs, servers, str};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, ends_with_no_request,
    ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[cfg(not(feature = "window"))] says_that_it_has_no_window,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE.takes_lines_at_the_prompt("첫째\n\nsecond\nPUT / is only a text here\n")
}

#[needs("curl")]
#[test]
fn curl_adds_a_message() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr();
    clients::curl(addr, &["--data", "하나"], "/").stdout_eq("하나 200");
    clients::curl(addr, &["--data", "둘"], "/").stdout_eq("둘 200");
    clients::curl(addr, &[], "/").stdout_eq(r#"["하나","둘"] 200"#);
    clients::curl(addr, &["--head"], "/").stdout_eq(str![[r#"
HTTP/1.1 405 Method Not Allowed
Content-Type: text/plain; charset=utf-8
Content-Length: 23
Allow: GET, POST
Connection: close

 405
"#]]);
    Ok(())
}

#[test]
fn ureq_gets_the_list() -> Result<()> {
    let server = STAGE.after_a_post_by_ureq()?;
    assert_eq!(clients::ureq_gets(server.addr(), "/")?, "[\"하나\"]");
    Ok(())
}

/// If the list cannot be fetched after a POST, the client does not say that the POST failed.
#[test]
fn a_list_that_fails_is_no_failed_send() -> Result<()> {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstored";
    let addr = servers::server_that_replies(reply)?;
    let ended = STAGE.client(&addr, "stored\n")?.assert().code(1);
    let sentence = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
    assert!(sentence.starts_with("no whole reply to \"GET /\": "), "{sentence}");
    Ok(())
}
