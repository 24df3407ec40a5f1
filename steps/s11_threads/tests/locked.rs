//! A store that another process has locked.
#![cfg(unix)]

use anyhow::Result;
use std::io::Write;
use std::time::{Duration, Instant};
use testing::Stage;
use testing::raw::{Baseline, connect, rest, status, status_of};

const STAGE: Stage = testing::stage!();

/// Another process holds the file: no reader waits for that, and each writer gives up by itself.
#[test]
fn a_locked_store_delays_no_reader() -> Result<()> {
    let server = STAGE.server()?;
    let baseline = Baseline::of(server.addr())?;
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let start = Instant::now();
    let mut writers = (0..12).map(|_| connect(server.addr())).collect::<Result<Vec<_>>>()?;
    for stream in &mut writers {
        stream.write_all(post)?;
    }
    baseline.is_kept()?;
    for stream in writers {
        assert_eq!(status_of(&rest(stream)?), "503");
    }
    // One after another they would take twelve seconds.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    other.execute_batch("COMMIT")?;
    assert_eq!(status(server.addr(), post)?, "201");
    Ok(())
}
