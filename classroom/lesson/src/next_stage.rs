//! Does this server answer what STAGE_NAME answers? STAGE_IDEA.
//!
//! The test starts the server and asks it what the contract of stage STAGE_NUMBER says, up to the first case that does
//! not hold. `cargo test -p COPY_NAME` runs it.

use anyhow::{Result, bail};
use std::path::Path;

/// The stage whose contract this server has to keep.
const STAGE: u32 = STAGE_NUMBER;

#[test]
fn the_server_answers_what_STAGE_NAME_answers() -> Result<()> {
    let server = Path::new(env!("CARGO_BIN_EXE_COPY_NAME"));
    let outcomes = contract::check_binary_until_fault(STAGE, server)?;
    let Some(last) = outcomes.last() else { bail!("the contract asks nothing of stage {STAGE}") };
    if let Some(reason) = last.reason() {
        bail!(
            "{} cases hold, and then {} does not: {reason}\n\
             what was sent and what came: cargo lesson check {STAGE} COPY_NAME",
            outcomes.len() - 1,
            last.id
        );
    }
    Ok(())
}
