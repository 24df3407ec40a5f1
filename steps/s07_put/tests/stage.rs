//! A message has an index, and PUT changes it, also for clients of other authors.

use anyhow::Result;
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, ends_with_no_request,
    ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[needs("curl")] curl_changes_a_message,
    ureq_changes_a_message, #[cfg(not(feature = "window"))] says_that_it_has_no_window,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE.takes_lines_at_the_prompt(
        "첫째\nPOST second\nPUT /0 고친 말\nHEAD /0\nGET /1\n\nPUT  /9\nGET\n",
    )
}
