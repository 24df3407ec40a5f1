//! *Graceful shutdown*: the server finishes its requests before it ends.
//!
//! A signal asks a program to end: SIGINT is Ctrl-C, SIGTERM comes from `kill` and systemd, and
//! SIGHUP comes when the terminal is closed. Without a handler each of them ends the program at
//! once, in the middle of a response. With a handler the program first finishes what it has begun.

use anyhow::{Context, Result};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Handles signals, and returns a flag. The first signal sets the flag, and connects to `addr`, so
/// that `accept` returns. The second signal ends the program at once.
#[cfg(unix)]
pub fn stop_on_signal(addr: SocketAddr) -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let stopping = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stopping.clone())?;
    }
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let flag = stopping.clone();
    let wait = move || {
        signals.forever().next();
        flag.store(true, Ordering::SeqCst);
        // Without a free file descriptor the connection fails.
        while TcpStream::connect(addr).is_err() {
            thread::sleep(Duration::from_millis(50));
        }
    };
    thread::Builder::new().spawn(wait).context("cannot start a thread")?;
    Ok(stopping)
}

/// Windows has none of these signals. There Ctrl-C ends the program at once.
#[cfg(not(unix))]
pub fn stop_on_signal(_: SocketAddr) -> Result<Arc<AtomicBool>> {
    Ok(Arc::default())
}
