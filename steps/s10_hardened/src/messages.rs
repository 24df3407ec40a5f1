//! The messages that the server keeps: rows of a table, in a file that stays when the server ends.
//!
//! *Durability*: what is committed survives the end of the program and a loss of power. SQLite
//! appends each commit to a write-ahead log (WAL) beside the file, and syncs the log: it asks the
//! system to write the bytes to the disk itself, and waits until that is done. Without a sync the
//! bytes can stay in memory for seconds.

use crate::http::HttpError;
use anyhow::{Result, anyhow, ensure};
use rusqlite::ErrorCode;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// The table. A file that holds anything else belongs to another program.
const TABLE: &str =
    "CREATE TABLE messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT";

/// How long the list may be, as it goes over the wire. More is answered with 507.
const MAX_LIST_BYTES: i64 = 512 << 10;

/// How long a write waits while another process, such as `sqlite3`, writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages in the order in which they came. A text is on the disk when the transaction that holds
/// it is committed. A transaction is stored as a whole or not at all. A write alone is one.
pub struct Messages {
    file: Connection,
    list_bytes: i64,
}

impl Messages {
    /// Opens the file at `path`, or makes it.
    ///
    /// # Errors
    /// A file that cannot be written, or belongs to another program. It is left as it was.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_file(path).map_err(|error| {
            let path = path.display();
            anyhow!("cannot keep messages in {path}: {error}; choose another file with --db")
        })
    }

    /// Opens the file, and looks at what it holds before anything is written to it.
    fn open_file(path: &Path) -> Result<Self> {
        // For SQLite, :memory: is not the name of a file. With "./" before it, it is one.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let file = Connection::open_with_flags(Path::new(".").join(path), flags)?;
        file.busy_timeout(BUSY_TIMEOUT)?;
        let found: Option<String> =
            file.query_row("SELECT group_concat(sql) FROM sqlite_schema", [], |row| row.get(0))?;
        let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let is_ours = version == 0 && found.as_deref().is_none_or(|sql| sql == TABLE);
        ensure!(is_ours, "it is the database of another program");
        // SQLite opens a read-only file without an error. Its first write would fail.
        ensure!(!file.is_readonly("main")?, "it cannot be written");
        // FULL syncs the log at each commit. On macOS only fullfsync reaches the disk itself.
        file.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;",
        )?;
        let create = TABLE.replace("TABLE", "TABLE IF NOT EXISTS");
        file.execute_batch(&format!("BEGIN IMMEDIATE; {create}; COMMIT;"))?;
        // A list of n texts has n - 1 commas and two brackets.
        let sum = "SELECT coalesce(sum(max(octet_length(json_quote(text)) + 1, 50)), 0) + 1";
        let list_bytes = file.query_row(&format!("{sum} FROM messages"), [], |row| row.get(0))?;
        ensure!(
            list_bytes <= MAX_LIST_BYTES,
            "its list has {list_bytes} bytes, more than {MAX_LIST_BYTES}"
        );
        Ok(Self { file, list_bytes })
    }

    /// Returns all messages as they go over the wire: a JSON array, in which the position of each
    /// message is its index, counted from 0.
    pub fn list(&self) -> Result<String> {
        let mut query = self
            .file
            .prepare_cached("SELECT json_group_array(text ORDER BY position) FROM messages")?;
        Ok(query.query_row([], |row| row.get(0))?)
    }

    /// Returns the message at `index`, if there is one.
    pub fn get(&self, index: usize) -> Result<Option<String>> {
        let mut query = self.file.prepare_cached("SELECT text FROM messages WHERE position = ?")?;
        let Ok(position) = i64::try_from(index) else { return Ok(None) };
        Ok(query.query_row([position], |row| row.get(0)).optional()?)
    }

    /// Adds `text` after the others and returns its index.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        let list_bytes = self.list_bytes + self.json_bytes(text)?;
        ensure!(list_bytes <= MAX_LIST_BYTES, HttpError(507, "the list is full"));
        let mut insert = self.file.prepare_cached(
            "INSERT INTO messages SELECT coalesce(max(position) + 1, 0), ? FROM messages",
        )?;
        insert.execute([text])?;
        self.list_bytes = list_bytes;
        // For SQLite, an integer primary key is the id of the row (rowid).
        Ok(usize::try_from(self.file.last_insert_rowid())?)
    }

    /// Puts `text` in place of the message at `index`. Does nothing if there is none.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<()> {
        let Some(old) = self.get(index)? else { return Ok(()) };
        let list_bytes = self.list_bytes - self.json_bytes(&old)? + self.json_bytes(text)?;
        ensure!(list_bytes <= MAX_LIST_BYTES, HttpError(507, "the list is full"));
        let mut update =
            self.file.prepare_cached("UPDATE messages SET text = ? WHERE position = ?")?;
        update.execute((text, i64::try_from(index)?))?;
        self.list_bytes = list_bytes;
        Ok(())
    }

    /// Returns how many bytes `text` has in the list, with its quotes and a comma. A short text
    /// counts as 50 bytes, because each message costs time, too.
    fn json_bytes(&self, text: &str) -> Result<i64> {
        let mut query =
            self.file.prepare_cached("SELECT max(octet_length(json_quote(?)) + 1, 50)")?;
        Ok(query.query_row([text], |row| row.get(0))?)
    }
}

/// Returns the status for an error of the store, or `None` for any other error.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    let error: &rusqlite::Error = error.downcast_ref()?;
    Some(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => 503,
        Some(ErrorCode::DiskFull) => 507,
        _ => 500,
    })
}
