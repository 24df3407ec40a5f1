//! The disk itself: how many syncs (`fdatasync`) it can do a second. A server that syncs once for each write cannot store
//! more writes a second than this.
//!
//! After an append the file system has to write the new length of the file, too, so many file systems need longer for it
//! than after an overwrite. The write-ahead log of SQLite grows at first; after a checkpoint it is overwritten.

use anyhow::{Context, Result};
use replay::Folder;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// More syncs a second than a disk can do: then the files are in memory.
pub const IN_MEMORY: f64 = 200_000.0;

/// What is written before each sync: as many bytes as SQLite writes into its log at least, a page with its head.
const BYTES: [u8; 4120] = [b'x'; 4120];

/// How large the file is that is overwritten, in multiples of [`BYTES`]: as large as the log becomes before a checkpoint.
const OVERWRITTEN: u64 = 1000;

/// How many times the two measurements follow each other, so that both see the same disk.
const ROUNDS: u32 = 4;

/// How fast the disk is.
pub struct Disk {
    /// The folder of temporary files, in which the servers keep their messages, too.
    pub folder: PathBuf,
    /// Syncs a second, each after an append to a file.
    pub appends: f64,
    /// Syncs a second, each after an overwrite in a file.
    pub overwrites: f64,
}

impl Disk {
    /// Keeps the better figures of this measurement and of a later one. A disk can be busy for some seconds.
    pub fn keep_better(&mut self, later: &Disk) {
        self.appends = self.appends.max(later.appends);
        self.overwrites = self.overwrites.max(later.overwrites);
    }

    /// The most syncs a second.
    pub fn syncs_per_second(&self) -> f64 {
        self.appends.max(self.overwrites)
    }
}

/// Measures the disk for `time`.
///
/// # Errors
/// The disk is full, or a file cannot be written.
pub fn measure(time: Duration) -> Result<Disk> {
    let folder = Folder::new()?;
    let path = |name: &str| folder.path().join(name);
    let mut appended = create(&path("appended"))?;
    let mut overwritten = create(&path("overwritten"))?;
    overwritten.write_all(&BYTES.repeat(OVERWRITTEN as usize)).context("cannot fill a file")?;
    overwritten.sync_all().context("cannot sync a file")?;
    let (mut appends, mut overwrites) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let round = time / (2 * ROUNDS);
        appends += syncs_per_second(&mut appended, round, false)? / f64::from(ROUNDS);
        overwrites += syncs_per_second(&mut overwritten, round, true)? / f64::from(ROUNDS);
    }
    let parent = folder.path().parent().map(PathBuf::from);
    Ok(Disk { folder: parent.unwrap_or_default(), appends, overwrites })
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Writes [`BYTES`] and syncs the file, again and again. With `from_start`, begins at the start of the file, and goes
/// back there in time, so that the file does not grow.
fn syncs_per_second(file: &mut File, time: Duration, from_start: bool) -> Result<f64> {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time {
        if from_start && count % OVERWRITTEN == 0 {
            file.seek(SeekFrom::Start(0)).context("cannot go to the start of a file")?;
        }
        file.write_all(&BYTES).context("cannot write to the disk")?;
        file.sync_data().context("cannot sync the disk")?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}
