//! The log: what the server prints for the person who runs it, on standard output.
//!
//! A server that runs for days has to say when each thing happened, and with which client. The time
//! is in UTC, which has no summer time, so that the logs of two machines can be compared.
//!
//! Clients write a part of the log, because it shows what they send. A client must not be able to
//! forge a line, to drive the terminal with control characters, or to fill the log at once.
//!
//! A `write` to a terminal or a pipe waits for its reader: Ctrl-S and `| less` stop it. So the
//! connections put lines into a queue, and a separate thread writes them. When the queue is
//! full, lines are dropped and counted.

use jiff::Timestamp;
use std::io::{self, prelude::*};
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// How much of a message is logged.
const MAX_LOG_BYTES: usize = 4 << 10;
const MAX_LOG_LINES: usize = 40;

/// How many entries the queue has room for.
const MAX_QUEUE: usize = 1000;

/// The queue, how many entries in it are not written yet, and how many lines did not get into it.
static QUEUE: LazyLock<SyncSender<String>> = LazyLock::new(start);
static WAITING: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Logs what happens on the connection with `peer`. Each line has the time and the peer's address.
pub fn log_peer(peer: SocketAddr, text: &str) {
    let now = Timestamp::now();
    let text = escape_control(text);
    let lines: Vec<String> = text.lines().map(|line| format!("{now:.0} {peer} {line}")).collect();
    log(&lines.join("\n"));
}

/// Returns the beginning of a long text, and a line with "…" in place of the rest.
pub fn shorten(text: &str) -> String {
    let start = &text[..text.floor_char_boundary(MAX_LOG_BYTES)];
    let mut lines: Vec<&str> = start.lines().take(MAX_LOG_LINES).collect();
    if start.len() < text.len() || start.lines().count() > MAX_LOG_LINES {
        lines.push("…");
    }
    // The line feed at the end keeps the empty line that ends a head.
    lines.join("\n") + "\n"
}

/// Replaces each character that drives a terminal, or hides or reverses the text around it, by its
/// number, such as `\u{1b}`. Line feeds stay.
fn escape_control(text: &str) -> String {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator};
    let mut escaped = String::new();
    for c in text.chars() {
        match c.general_category() {
            Control | Format | LineSeparator | ParagraphSeparator if c != '\n' => {
                escaped.extend(c.escape_unicode());
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Puts an entry of one or more lines into the queue, or drops it if the queue is full.
/// The next entry that finds room says how many lines are missing before it.
pub fn log(text: &str) {
    let dropped = DROPPED.swap(0, Ordering::SeqCst);
    let entry = match dropped {
        0 => text.to_string(),
        _ => format!("{:.0} lines missing here: {dropped}\n{text}", Timestamp::now()),
    };
    WAITING.fetch_add(1, Ordering::SeqCst);
    if QUEUE.try_send(entry).is_err() {
        WAITING.fetch_sub(1, Ordering::SeqCst);
        DROPPED.fetch_add(dropped + text.lines().count(), Ordering::SeqCst);
    }
}

/// Waits until the queue is written, for `timeout` at the most.
pub fn wait_until_written(timeout: Duration) {
    let deadline = Instant::now() + timeout;
    while WAITING.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts the thread that writes what comes out of the queue.
fn start() -> SyncSender<String> {
    let (sender, receiver) = sync_channel::<String>(MAX_QUEUE);
    // If no thread can be started, the receiver is gone, and `log` counts its lines as missing.
    let _ = thread::Builder::new().spawn(move || {
        for text in receiver {
            // `println!` would panic where standard output is closed.
            let _ = writeln!(io::stdout(), "{text}");
            WAITING.fetch_sub(1, Ordering::SeqCst);
        }
    });
    sender
}
