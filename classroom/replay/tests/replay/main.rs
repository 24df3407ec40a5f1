//! The replay with a small stage of its own, and with all stages of the ladder.
//!
//! | file | what it tests |
//! |---|---|
//! | `lesson.rs` | each kind of line of a lesson, and the two languages |
//! | `left.rs` | nothing is left of a replay, however it ends |
//! | `pages.rs` | `--step` on a terminal |
//! | `stages.rs` | the lessons of all stages |
//! | `small.rs` | the small stage as a program, and the processes of the system |

#[cfg(unix)]
mod left;
#[cfg(unix)]
mod lesson;
#[cfg(unix)]
mod pages;
#[cfg(unix)]
mod small;
mod stages;
