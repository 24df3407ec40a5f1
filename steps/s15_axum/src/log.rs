//! The log: what the server tells the person who runs it, on standard output.
//!
//! `tracing` separates the two sides of a log. The code says what happened, with `info!` or
//! `debug!`. A *subscriber* decides which of these *events* are shown, in which form, and where.
//! This subscriber replaces escape sequences, and gives the lines to a thread that writes them.
//! When the queue of that thread is full, lines are dropped.

use jiff::Timestamp;
use std::fmt;
use std::io;
use tracing::Level;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;

/// How many lines the queue has room for.
const MAX_QUEUE: usize = 1000;

/// Starts the log, with the events for `debug!` if it is `verbose`. The log is written until the
/// guard is dropped. The counter says how many lines were dropped.
pub fn start(verbose: bool) -> (WorkerGuard, ErrorCounter) {
    let queue = NonBlockingBuilder::default().buffered_lines_limit(MAX_QUEUE);
    let (writer, guard) = queue.finish(io::stdout());
    let dropped = writer.error_counter();
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(if verbose { Level::DEBUG } else { Level::INFO })
        .with_timer(write_time as fn(&mut Writer<'_>) -> fmt::Result)
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .init();
    (guard, dropped)
}

/// Writes the time in UTC, which has no summer time.
fn write_time(out: &mut Writer<'_>) -> fmt::Result {
    write!(out, "{:.0}", Timestamp::now())
}
