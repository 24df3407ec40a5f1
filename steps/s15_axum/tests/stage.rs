//! What this stage has in common with those before it; `axum.rs` tests what is new.

use anyhow::Result;
use testing::Stage;

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, says_that_the_port_is_in_use, goes_on_after_a_line_that_fails,
    ignores_an_empty_line_before_a_request, shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[cfg(not(feature = "window"))] says_that_it_has_no_window, shows_no_password,
}

#[test]
fn replays_its_lesson() -> Result<()> {
    let replayed = STAGE.run(&[])?.assert().success().stderr_eq("");
    // Elsewhere the log can say something else of a connection that is reset at once.
    if cfg!(target_os = "linux") {
        replayed.stdout_eq(STAGE.snapshot("replay.txt"));
    }
    Ok(())
}
