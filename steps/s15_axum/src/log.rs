//! The log: what the server prints for the person who runs it, on standard output.
//!
//! `tracing` separates the two sides of a log. The code says what happened, with `info!` or
//! `debug!`. A *subscriber* decides which of these *events* are shown, in which form, and where.
//! This subscriber replaces escape sequences, and gives the lines to a thread that writes them.
//! When the queue of that thread is full, lines are dropped.

use jiff::Timestamp;
use std::fmt;
use std::io;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use tracing::{Level, info};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;

/// How many lines the queue has room for.
const MAX_QUEUE: usize = 1000;

/// Starts the log, with the events for `debug!` if it is `verbose`. The log is written until the
/// guard is given to `finish`. What is written to the writer comes between the lines of the log.
pub fn start(verbose: bool) -> (NonBlocking, WorkerGuard) {
    let queue = NonBlockingBuilder::default().buffered_lines_limit(MAX_QUEUE);
    let (writer, guard) = queue.finish(io::stdout());
    tracing_subscriber::fmt()
        .with_writer(writer.clone())
        .with_max_level(if verbose { Level::DEBUG } else { Level::INFO })
        .with_timer(write_time as fn(&mut Writer<'_>) -> fmt::Result)
        .with_level(false)
        .with_target(false)
        .with_ansi(false)
        .init();
    (writer, guard)
}

/// Writes what is left, for a second at the most: a stopped terminal (Ctrl-S) takes no lines.
pub fn finish(writer: &NonBlocking, guard: WorkerGuard) {
    let dropped = writer.error_counter().dropped_lines();
    if dropped > 0 {
        info!("lines missing here: {dropped}");
    }
    let (done, is_done) = channel::<()>();
    thread::spawn(move || drop((guard, done)));
    let _ = is_done.recv_timeout(Duration::from_secs(1));
}

/// Writes the time in UTC, which has no summer time.
fn write_time(out: &mut Writer<'_>) -> fmt::Result {
    write!(out, "{:.0}", Timestamp::now())
}
