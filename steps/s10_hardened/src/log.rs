//! The log: what the server prints for the person who runs it, on standard output.
//!
//! A server that runs for days has to say when each thing happened, and with which client. The time
//! is in UTC, which has no summer time, so that the logs of two machines can be compared.
//!
//! Clients write a part of the log, because it shows what they send. A client must not be able to
//! forge a line, to drive the terminal with control characters, or to fill the log at once.

use jiff::Timestamp;
use std::io::{self, prelude::*};
use std::net::SocketAddr;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// How much of a message is logged.
const MAX_LOG_BYTES: usize = 4 << 10;
const MAX_LOG_LINES: usize = 40;

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

/// Prints a line for the person who runs the server.
pub fn log(text: &str) {
    // `println!` would panic where standard output is closed.
    let _ = writeln!(io::stdout(), "{text}");
}
