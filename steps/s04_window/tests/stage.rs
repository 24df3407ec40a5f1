//! A window in place of the prompt. The server and the terminal client stay those of stage 3, and
//! these tests check that; the window has tests of its own.

use anyhow::Result;
use testing::{Stage, needs};

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
