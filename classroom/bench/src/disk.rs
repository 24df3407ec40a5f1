//! The disk itself: how many times a second it can do what a commit needs at least, an append of a few bytes and a sync.
//! A server that syncs once for each write cannot store more writes a second than this.

use anyhow::{Context, Result};
use replay::Folder;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// More syncs a second than a disk can do: then the files are in memory.
pub const IN_MEMORY: f64 = 200_000.0;

/// What a loop of appends and syncs has found.
pub struct Disk {
    /// The folder of temporary files, in which the servers keep their messages, too.
    pub folder: PathBuf,
    pub syncs_per_second: f64,
}

/// Appends 100 bytes to a file and syncs it (`fdatasync`), again and again.
///
/// # Errors
/// The disk is full, or the file cannot be written.
pub fn measure(time: Duration) -> Result<Disk> {
    let folder = Folder::new()?;
    let path = folder.path().join("syncs");
    let cannot = || format!("cannot write {}", path.display());
    let mut file = File::create(&path).with_context(cannot)?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time {
        file.write_all(&[b'x'; 100]).with_context(cannot)?;
        file.sync_data().with_context(cannot)?;
        count += 1;
    }
    let syncs_per_second = f64::from(count) / start.elapsed().as_secs_f64();
    let parent = folder.path().parent().map(PathBuf::from);
    Ok(Disk { folder: parent.unwrap_or_default(), syncs_per_second })
}
