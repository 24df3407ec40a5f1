//! What this stage has in common with those before it; `shared.rs` tests what is new.

use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: #[needs("postgres")] keeps_its_contract, #[needs("postgres")] says_that_the_port_is_in_use,
    goes_on_after_a_line_that_fails, #[needs("postgres")] ignores_an_empty_line_before_a_request,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[needs("postgres")] escapes_in_its_log_what_drives_a_terminal, #[needs("postgres")] shortens_its_log,
    #[needs("postgres")] replays_its_lesson, #[cfg(not(feature = "window"))]
    says_that_it_has_no_window, shows_no_password,
}
