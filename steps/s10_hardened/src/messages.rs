//! The messages that the server keeps: rows of a table, in a file that outlives the server.

use anyhow::{Result, anyhow, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// Which form of the table this program writes. The file keeps it in its `user_version`.
const VERSION: i64 = 1;

/// How long to wait while another process writes to the file.
const PATIENCE: Duration = Duration::from_millis(10);

/// Messages in the order in which they came. What `add` and `replace` have done is on the disk when they
/// return.
pub struct Messages(Connection);

impl Messages {
    /// Opens the file at `path`, and makes it where there is none.
    ///
    /// # Errors
    /// A file that cannot be opened, or is not ours; it is left as it was.
    pub fn open(path: &Path) -> Result<Messages> {
        open(path).map(Messages).map_err(|error| {
            let path = path.display();
            anyhow!("cannot keep messages in {path}: {error}; choose another file with --db")
        })
    }

    /// Closes the file. There are no messages after that.
    pub fn close(&mut self) -> Result<()> {
        self.0 = Connection::open_in_memory()?;
        Ok(())
    }

    /// All messages; the place of each is its index, counted from 0.
    pub fn list(&self) -> Result<Vec<String>> {
        let mut query = self.0.prepare_cached("SELECT text FROM messages ORDER BY place")?;
        let texts = query.query_map([], |row| row.get(0))?;
        Ok(texts.collect::<rusqlite::Result<_>>()?)
    }

    /// The message at `index`, if there is one.
    pub fn get(&self, index: usize) -> Result<Option<String>> {
        let mut query = self.0.prepare_cached("SELECT text FROM messages WHERE place = ?")?;
        let Ok(place) = i64::try_from(index) else { return Ok(None) };
        Ok(query.query_row([place], |row| row.get(0)).optional()?)
    }

    /// Adds `text` after the others and returns its index.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        let mut insert = self.0.prepare_cached(
            "INSERT INTO messages SELECT coalesce(max(place) + 1, 0), ? FROM messages",
        )?;
        insert.execute([text])?;
        // The primary key, if it is a number, is what SQLite calls the row's id.
        Ok(usize::try_from(self.0.last_insert_rowid())?)
    }

    /// Puts `text` in the place of the message at `index`, and nowhere if there is none.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<()> {
        let mut update = self.0.prepare_cached("UPDATE messages SET text = ? WHERE place = ?")?;
        update.execute((text, i64::try_from(index)?))?;
        Ok(())
    }
}

/// Whether an error of the store comes from another process, and may be over in a moment.
pub fn is_busy(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Looks at the file before anything is written to it, then makes it ready.
fn open(path: &Path) -> Result<Connection> {
    // A file in any case: SQLite knows names that are none, such as :memory:, and addresses.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let file = Connection::open_with_flags(Path::new(".").join(path), flags)?;
    file.busy_timeout(PATIENCE)?;
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let names: Option<String> =
        file.query_row("SELECT group_concat(name) FROM sqlite_schema", [], |row| row.get(0))?;
    if version > VERSION {
        bail!("a newer version of this program wrote it");
    }
    // Nothing yet, or the table that we made.
    if !matches!((version, names.as_deref()), (0, None) | (VERSION, Some("messages"))) {
        bail!("it is the database of another program");
    }
    // A commit is on the disk before it is answered for: with FULL, SQLite syncs its log each time.
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    if version == 0 {
        file.execute_batch(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS messages (place INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
             PRAGMA user_version = 1;
             COMMIT;",
        )?;
    }
    Ok(file)
}
