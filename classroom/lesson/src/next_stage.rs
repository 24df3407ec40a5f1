//! Does this server answer what STAGE_NAME answers? STAGE_IDEA.
//!
//! The test starts the server and asks it all that the contract of stage STAGE_NUMBER says.
//! `cargo test -p COPY_NAME` runs it.

use anyhow::{Result, bail};
use std::path::Path;

/// The stage whose contract this server has to keep.
const STAGE: u32 = STAGE_NUMBER;

#[test]
fn the_server_answers_what_STAGE_NAME_answers() -> Result<()> {
    let server = Path::new(env!("CARGO_BIN_EXE_COPY_NAME"));
    let outcomes = contract::check_binary(STAGE, server)?;
    let held = outcomes.iter().filter(|outcome| outcome.passed()).count();
    if let Some((first, reason)) = outcomes.iter().find_map(|outcome| Some((outcome, outcome.reason()?))) {
        bail!(
            "{held} of {} cases hold; the first that does not is {}: {reason}\n\
             what was sent and what came: cargo lesson check {STAGE} COPY_NAME",
            outcomes.len(),
            first.id
        );
    }
    Ok(())
}
