//! What is measured now, on standard error: on a terminal one line that is written again and again, elsewhere a line
//! for each part.

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

/// Says what is measured now.
pub struct Progress {
    start: Instant,
    is_terminal: bool,
    /// The last text that was printed as a line.
    part: String,
}

impl Progress {
    /// The time in the lines begins now.
    pub fn new() -> Progress {
        let is_terminal = io::stderr().is_terminal();
        Progress { start: Instant::now(), is_terminal, part: String::new() }
    }

    /// Says which part is measured, and on a terminal also what of it.
    pub fn say(&mut self, part: &str, detail: &str) {
        let seconds = self.start.elapsed().as_secs();
        let mut out = io::stderr();
        // A closed standard error is no reason to stop.
        if self.is_terminal {
            let text: String =
                format!("{seconds:3} s  {part}: {detail}").chars().take(78).collect();
            let _ = write!(out, "\r\x1b[2K{text}");
            let _ = out.flush();
        } else if self.part != part {
            let _ = writeln!(out, "{seconds:3} s  {part}");
            self.part = part.to_string();
        }
    }

    /// Removes the line from the terminal. Returns how many seconds have passed.
    pub fn end(&self) -> f64 {
        if self.is_terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
        self.start.elapsed().as_secs_f64()
    }
}
