//! The messages in an SQLite file: the same table as since stage 8.
//!
//! SQLite lets one connection write while others read. So one pool has a single connection, for
//! writes, which wait for it in their order. Another pool has some connections for reads.
//!
//! A call to SQLite blocks its thread until the disk is done. On a thread of the runtime, all other
//! tasks of that thread would wait, too. `spawn_blocking` runs the call on a separate thread.

use crate::http::HttpError;
use crate::messages::MAX_LIST_BYTES;
use anyhow::{Result, ensure};
use deadpool::unmanaged::Pool;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};
use std::path::Path;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// The table. A file that holds anything else belongs to another program.
const TABLE: &str =
    "CREATE TABLE messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT";

/// How many bytes the list has, with two brackets and its commas. A short text counts as 50 bytes,
/// because each message costs time, too.
const LIST_BYTES: &str =
    "SELECT coalesce(sum(max(octet_length(json_quote(text)) + 1, 50)), 0) + 1 FROM messages";

/// How many connections read at the same time.
const READERS: usize = 4;

/// How long a write waits while another process, such as `sqlite3`, writes to the file. A request
/// waits as long for a connection.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// A handle to the file.
#[derive(Clone)]
pub struct Sqlite {
    writer: Pool<Connection>,
    readers: Pool<Connection>,
}

impl Sqlite {
    /// Opens the file at `path`, or makes it.
    pub fn open(path: &Path) -> Result<Sqlite> {
        let writer = open_file(path)?;
        let list_bytes: i64 = writer.query_row(LIST_BYTES, [], |row| row.get(0))?;
        ensure!(
            list_bytes <= MAX_LIST_BYTES,
            "its list has {list_bytes} bytes, more than {MAX_LIST_BYTES}"
        );
        let readers: Result<Vec<Connection>> = (0..READERS).map(|_| open_file(path)).collect();
        Ok(Sqlite { writer: Pool::from(vec![writer]), readers: Pool::from(readers?) })
    }

    /// See `Messages::list`.
    pub async fn list(&self) -> Result<String> {
        call(&self.readers, |file| {
            let mut query = file
                .prepare_cached("SELECT json_group_array(text ORDER BY position) FROM messages")?;
            Ok(query.query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// See `Messages::get`.
    pub async fn get(&self, index: i64) -> Result<Option<String>> {
        call(&self.readers, move |file| {
            let mut query = file.prepare_cached("SELECT text FROM messages WHERE position = ?")?;
            Ok(query.query_row([index], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// See `Messages::add`.
    pub async fn add(&self, text: String) -> Result<i64> {
        let insert = "INSERT INTO messages SELECT coalesce(max(position) + 1, 0), ? FROM messages";
        call(&self.writer, move |file| write(file, insert, [text])).await
    }

    /// See `Messages::replace`.
    pub async fn replace(&self, index: i64, text: String) -> Result<()> {
        let update = "UPDATE messages SET text = ? WHERE position = ?";
        call(&self.writer, move |file| write(file, update, (text, index))).await?;
        Ok(())
    }
}

/// Calls `work` with a connection of the pool, on a thread that may block.
async fn call<T: Send + 'static>(
    pool: &Pool<Connection>,
    work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
) -> Result<T> {
    let waited = timeout(BUSY_TIMEOUT, pool.get()).await;
    let mut file =
        waited.map_err(|_| HttpError(503, "all connections to the store are busy"))??;
    spawn_blocking(move || work(&mut file)).await?
}

/// Does one write in a transaction, and returns the index of a new message. The text is on the disk
/// when the transaction is committed.
fn write(file: &mut Connection, sql: &str, values: impl rusqlite::Params) -> Result<i64> {
    let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.prepare_cached(sql)?.execute(values)?;
    let list_bytes: i64 =
        transaction.prepare_cached(LIST_BYTES)?.query_row([], |row| row.get(0))?;
    // A transaction that is not committed is undone.
    ensure!(list_bytes <= MAX_LIST_BYTES, HttpError(507, "the list is full"));
    // For SQLite, an integer primary key is the id of the row (rowid).
    let index = transaction.last_insert_rowid();
    transaction.commit()?;
    Ok(index)
}

/// Opens the file, and looks at what it holds before anything is written to it.
fn open_file(path: &Path) -> Result<Connection> {
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
    Ok(file)
}

/// Returns the status for an error of SQLite, or `None` for any other error.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    let error: &rusqlite::Error = error.downcast_ref()?;
    Some(match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => 503,
        Some(ErrorCode::DiskFull) => 507,
        _ => 500,
    })
}
