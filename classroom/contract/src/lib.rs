//! What each stage answers on the wire, and a check that asks any server, in whatever language it is written.
//!
//! A case goes from the table to an outcome through these files:
//! - `table`: which requests there are, and what each stage answers. Each case has an id that stays the same.
//! - `question`: a row of the table for one server, byte for byte.
//! - `connection`: a question on a connection, and all that came back (an `Exchange`).
//! - `judge`: whether that is what the contract says, with `response` for what RFC 9112 says of any response.
//! - `cases`: the cases of a stage in their order.
//! - `check`: asks them, and keeps a copy of what the server's list should hold by now.
//! - `outcome` and `fault`: whether a case holds, and why not.
//!
//! `talk` (stages 1 and 2), `dialogue` (several requests on one connection) and `together` (several connections at a
//! time) are questions of another form, `date` reads the field Date, and `answered` finds the writes that were lost;
//! `program` is a server that the check itself starts; `hand`, `show` and `korean` make the texts of a report.

mod answered;
mod cases;
mod check;
mod connection;
mod date;
mod dialogue;
mod dialogues;
mod fault;
mod hand;
mod judge;
mod korean;
mod outcome;
mod program;
mod question;
mod response;
mod show;
mod table;
mod talk;
mod together;

pub use answered::{Answered, lost};
pub use check::{Options, Restart, Server};
pub use connection::{End, Exchange, Patience, connect, exchange};
pub use fault::Fault;
pub use hand::command as by_hand;
pub use korean::korean;
pub use outcome::{Outcome, Verdict};
pub use program::{PORTS, Program, shell};
pub use question::{Ending, Question, requests};
pub use response::Response;
pub use show::{in_quotes, visible};

use anyhow::Result;
use replay::Database;
use std::path::Path;

/// Asks a server everything that the contract says of `stage`, counted from 1. That takes at most 20 s, and from
/// stage 12 on at most 34 s.
///
/// From stage 5 on it adds messages to those that the server has, and from stage 7 on it changes the ones that
/// it added. A stage without cases of its own has the cases of the stage before.
///
/// # Errors
/// Nothing listens at the address, the program does not listen within 10 s, or the list has more than 1 MiB.
pub fn check(stage: u32, server: &mut Server, options: Options) -> Result<Vec<Outcome>> {
    check::check(stage, server, options)
}

/// Starts a stage's `binary` and asks it everything that the contract says of `stage`. For tests.
///
/// # Errors
/// The server does not listen within 10 s.
pub fn check_binary(stage: u32, binary: &Path) -> Result<Vec<Outcome>> {
    start_and_check(stage, binary, false)
}

/// The same, up to the first case that does not hold.
///
/// # Errors
/// The server does not listen within 10 s.
pub fn check_binary_until_fault(stage: u32, binary: &Path) -> Result<Vec<Outcome>> {
    start_and_check(stage, binary, true)
}

fn start_and_check(stage: u32, binary: &Path, fail_fast: bool) -> Result<Vec<Outcome>> {
    let mut server = Server::Program(Program::binary(binary, database(stage)?)?);
    let progress = &mut |_: &Outcome| true;
    let options = Options { restart: Restart::Itself, only: None, fail_fast, progress };
    check(stage, &mut server, options)
}

/// Whether the servers of `stage` keep their messages in PostgreSQL, so that they need `--db URL`.
pub fn needs_postgresql(stage: u32) -> bool {
    stage == 14
}

/// An empty database for a server of `stage`, if it needs one.
///
/// # Errors
/// PostgreSQL is not installed or does not start.
pub fn database(stage: u32) -> Result<Option<Database>> {
    if needs_postgresql(stage) { Ok(Some(Database::new()?)) } else { Ok(None) }
}

/// The ids of the cases of `stage`, in the order in which they are asked.
pub fn ids(stage: u32) -> Vec<&'static str> {
    cases::cases(stage).iter().map(cases::Case::id).collect()
}

/// The group of cases to which each case of `stage` belongs, such as `the list`, in the order of [`ids`].
pub fn topics(stage: u32) -> Vec<&'static str> {
    cases::cases(stage).iter().map(cases::Case::topic).collect()
}

/// The last stage that has a case of its own. Later ones have its cases.
pub fn last_stage() -> u32 {
    cases::last_stage()
}
