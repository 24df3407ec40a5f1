//! Choose method and path: HEAD brings the head of what GET would bring, and the client takes any method.

use anyhow::Result;
use testing::{Stage, clients, needs, str, ureq};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, ends_with_no_request,
    ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE.takes_lines_at_the_prompt(
        "첫째\nPOST second\nPOST / 셋째\nGET /0\nHEAD /0\nHEAD\nPUT  / x\nput the kettle on\n\n",
    )
}

#[needs("curl")]
#[test]
fn curl_asks_for_the_head() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr();
    clients::curl(addr, &["--data", "하나"], "/").stdout_eq("하나 200");
    clients::curl(addr, &[], "/").stdout_eq("[\"하나\"] 200");
    clients::curl(addr, &["--head"], "/").stdout_eq(str![[r#"
HTTP/1.1 200 OK
Content-Type: application/json
Content-Length: 10
Connection: close

 200
"#]]);
    let put = ["--request", "PUT", "--data", "둘"];
    clients::curl(addr, &put, "/0").stdout_eq("404 Not Found\n 404");
    Ok(())
}

#[test]
fn ureq_asks_for_the_head() -> Result<()> {
    let server = STAGE.after_a_post_by_ureq()?;
    let head = ureq::head(format!("http://{}/", server.addr())).call()?;
    assert_eq!(head.headers()["content-length"], "10");
    Ok(())
}

/// This server differs from one of stage 7 only in what this list names.
#[test]
fn what_the_next_stage_changes() -> Result<()> {
    STAGE.compare()?.eq(
        STAGE.lacks_of(7)?,
        str![[r#"
post: the status is 200, not 201
get-before: the status is 404, not 200
post-message: the status is 404, not 405

"#]],
    );
    Ok(())
}
