//! Does this server answer what STAGE_NAME answers? STAGE_IDEA.
//!
//! The test asks the server all that the contract of stage STAGE_NUMBER says, one case after the other, and stops
//! at the first answer that is not as it has to be. `cargo test -p COPY_NAME` runs it.

use anyhow::{Result, ensure};
use replay::Server;
use std::path::Path;
use std::time::Duration;

/// The stage whose contract this server has to keep.
const STAGE: u32 = STAGE_NUMBER;

/// How long each answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn the_server_answers_what_STAGE_NAME_answers() -> Result<()> {
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_COPY_NAME")), "127.0.0.1:0")?;
    let cases = contract::cases(STAGE)?;
    for (number, case) in cases.iter().enumerate() {
        let outcome = case.ask(server.addr(), TIMEOUT);
        ensure!(
            outcome.passed(),
            "{number} of {} answers are those of STAGE_NAME, and then:\n{outcome}",
            cases.len()
        );
    }
    Ok(())
}
