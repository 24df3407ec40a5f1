//! `cargo lesson` as its users have it: the real ladder and real servers.

mod carry;
mod check;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod hint;
mod korean;
#[cfg(target_os = "linux")]
mod pipe;
mod servers;
mod start;
#[cfg(target_os = "linux")]
mod terminal;

use anyhow::Result;
use common::{
    LIMIT, binary, command, ladder, lesson, lesson_in, names, root, scratch, server, target,
};
use snapbox::cmd::OutputAssert;

fn stdout(output: OutputAssert) -> Result<String> {
    Ok(String::from_utf8(output.get_output().stdout.clone())?)
}
