//! `cargo lesson watch`, alone, with the board of a class, and in pairs. These tests keep the machine busy, so they do not
//! run beside those that check servers, which have a limited time.

#[cfg(unix)]
mod class;
#[path = "../common/mod.rs"]
mod common;
#[cfg(unix)]
mod pairs;
mod watch;

use common::{binary, lesson, lesson_in, root, scratch, server, target};
