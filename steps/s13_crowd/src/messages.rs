//! The messages that the server keeps: rows of a table, in a file that stays when the server ends.
//!
//! *Durability*: what is committed survives the end of the program and a loss of power. SQLite
//! appends each commit to a write-ahead log (WAL) beside the file, and syncs the log: it asks the
//! system to write the bytes to the disk itself, and waits until that is done. Without a sync the
//! bytes can stay in memory for seconds.
//!
//! A *mutex* protects the store: a thread that locks it has the store to itself, and other threads
//! wait. So a thread holds the lock for one call, and not while it waits for another process.
//!
//! *Group commit*: a sync takes as long for many writes as for one. While one commit is under way,
//! the writes of other threads wait, and the next commit holds all of them. Reads wait for no
//! commit: the list is kept in memory, as it goes over the wire.

use crate::http::HttpError;
use crate::log::log;
use anyhow::{Context, Result, anyhow, ensure};
use jiff::Timestamp;
use rusqlite::ErrorCode;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::mem;
use std::path::Path;
use std::sync::MutexGuard;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// The table. A file that holds anything else belongs to another program.
const TABLE: &str =
    "CREATE TABLE messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT";

/// How long the list may be, as it goes over the wire. More is answered with 507.
const MAX_LIST_BYTES: i64 = 512 << 10;

/// How long a write waits while another process, such as `sqlite3`, writes to the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages in the order in which they came. A text is on the disk when the transaction that holds
/// it is committed. A transaction is stored as a whole or not at all. A write alone is one.
struct Store {
    file: Connection,
    list_bytes: i64,
}

impl Store {
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
        // From now on `Messages::lock` waits instead, and does not hold the mutex meanwhile.
        file.busy_timeout(Duration::ZERO)?;
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

    /// Does one of the writes of a transaction. If the list is full, the inner `Result` says so and
    /// the other writes go on. An error of the outer one undoes the whole transaction.
    fn apply(&mut self, write: &Write, list: &mut List) -> Result<Result<usize, HttpError>> {
        let result = match write.index {
            None => self.add(&write.text),
            Some(index) => self.replace(index, &write.text).map(|()| index),
        };
        match result {
            Ok(index) => list.put(index, &write.text).map(|()| Ok(index)),
            Err(error) => error.downcast().map(Err),
        }
    }

    /// Returns how many bytes `text` has in the list, with its quotes and a comma. A short text
    /// counts as 50 bytes, because each message costs time, too.
    fn json_bytes(&self, text: &str) -> Result<i64> {
        let mut query =
            self.file.prepare_cached("SELECT max(octet_length(json_quote(?)) + 1, 50)")?;
        Ok(query.query_row([text], |row| row.get(0))?)
    }
}

/// The committed list as it goes over the wire, and where in it each message starts. The last start
/// is that of the next message. A clone is cheap, and a change copies what is shared.
#[derive(Clone)]
struct List {
    json: Arc<String>,
    starts: Arc<Vec<usize>>,
}

impl List {
    /// Makes a list of `texts`.
    fn new(texts: &[String]) -> Result<Self> {
        let mut list = Self { json: Arc::new("[]".to_string()), starts: Arc::new(vec![1]) };
        for (index, text) in texts.iter().enumerate() {
            list.put(index, text)?;
        }
        Ok(list)
    }

    /// Returns the message at `index`, if there is one.
    fn get(&self, index: usize) -> Result<Option<String>> {
        let range = index..index.saturating_add(2);
        let Some([start, next]) = self.starts.get(range) else { return Ok(None) };
        Ok(Some(serde_json::from_str(&self.json[*start..*next - 1])?))
    }

    /// Puts `text` in place of the message at `index`, or after the last one.
    fn put(&mut self, index: usize, text: &str) -> Result<()> {
        let (json, starts) = (Arc::make_mut(&mut self.json), Arc::make_mut(&mut self.starts));
        let text = serde_json::to_string(text)?;
        if index + 1 == starts.len() {
            json.pop();
            let comma = if index == 0 { "" } else { "," };
            *json += &format!("{comma}{text}]");
            starts.push(json.len());
            return Ok(());
        }
        let range = starts.get(index).copied().zip(starts.get(index + 1));
        let (start, next) = range.context("another program has written to the file")?;
        let end = next - 1;
        json.replace_range(start..end, &text);
        for next in &mut starts[index + 1..] {
            *next = *next + text.len() - (end - start);
        }
        Ok(())
    }
}

/// A write that waits for its commit. Without an index, the text is added after the others.
struct Write {
    index: Option<usize>,
    text: String,
    /// Takes the answer, or before it `None`: then the thread of this write is the next to commit.
    answer: SyncSender<Option<Result<usize, HttpError>>>,
}

/// What the handles share.
struct Shared {
    store: Mutex<Store>,
    list: Mutex<List>,
    queue: Mutex<Queue>,
}

/// The writes that wait for the next commit, and whether one is under way.
#[derive(Default)]
struct Queue {
    waiting: Vec<Write>,
    is_committing: bool,
}

/// The turn to commit. When it is dropped, also after a panic, the next write has it.
struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        match queue.waiting.first() {
            Some(next) => drop(next.answer.send(None)),
            None => queue.is_committing = false,
        }
    }
}

/// A handle to the store. A clone is a handle to the same store, for another thread.
#[derive(Clone)]
pub struct Messages(Arc<Shared>);

impl Messages {
    /// See `Store::open`.
    pub fn open(path: &Path) -> Result<Self> {
        let store = Store::open(path)?;
        let list = Mutex::new(List::new(&serde_json::from_str::<Vec<String>>(&store.list()?)?)?);
        Ok(Self(Arc::new(Shared { store: Mutex::new(store), list, queue: Mutex::default() })))
    }

    /// See `Store::list`.
    pub fn list(&self) -> Result<Arc<String>> {
        Ok(lock(&self.0.list).json.clone())
    }

    /// See `Store::get`.
    pub fn get(&self, index: usize) -> Result<Option<String>> {
        let list = lock(&self.0.list).clone();
        list.get(index)
    }

    /// See `Store::add`.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        self.write(None, text)
    }

    /// See `Store::replace`.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<()> {
        self.write(Some(index), text).map(drop)
    }

    /// Lets a write wait, and returns when the commit that holds it is on the disk.
    fn write(&self, index: Option<usize>, text: &str) -> Result<usize> {
        let (answer, answered) = sync_channel(2);
        let mut queue = lock(&self.0.queue);
        queue.waiting.push(Write { index, text: text.to_string(), answer });
        let is_first = !mem::replace(&mut queue.is_committing, true);
        drop(queue);
        // While another thread commits, this one waits for its answer, or for its turn to commit.
        if !is_first && let Some(answer) = answered.recv()? {
            return Ok(answer?);
        }
        let turn = Turn(self.0.clone());
        if let Err(error) = self.lock(|store| self.commit(store)) {
            answer_all(mem::take(&mut lock(&self.0.queue).waiting), &error);
        }
        drop(turn);
        answered.recv()?.context("no answer")?.map_err(Into::into)
    }

    /// Does the writes that wait in one transaction, with one sync, and answers each after it.
    fn commit(&self, store: &mut Store) -> Result<()> {
        store.file.execute_batch("BEGIN IMMEDIATE")?;
        let writes = mem::take(&mut lock(&self.0.queue).waiting);
        let mut list = lock(&self.0.list).clone();
        let list_bytes = store.list_bytes;
        let answers = writes.iter().map(|write| store.apply(write, &mut list));
        let answers: Result<Vec<_>> = answers.collect();
        match answers.and_then(|answers| Ok((answers, store.file.execute_batch("COMMIT")?))) {
            Ok((answers, ())) => {
                // The list changes first, so that a client sees its write after its response.
                *lock(&self.0.list) = list;
                for (write, answer) in writes.into_iter().zip(answers) {
                    let _ = write.answer.send(Some(answer));
                }
            }
            Err(error) => {
                let _ = store.file.execute_batch("ROLLBACK");
                store.list_bytes = list_bytes;
                answer_all(writes, &error);
            }
        }
        Ok(())
    }

    /// Calls `work` while no other thread uses the store. If another process is writing to the
    /// file, lets other threads go first and tries again, for `BUSY_TIMEOUT`.
    fn lock<T>(&self, work: impl Fn(&mut Store) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            // After a panic in another thread the store is whole: SQLite undoes half a write.
            let result = work(&mut lock(&self.0.store));
            let is_busy = result.as_ref().is_err_and(|error| status(error) == Some(503));
            if !is_busy || start.elapsed() > BUSY_TIMEOUT {
                return result;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Locks a mutex. A panic cannot leave its value half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers all of `writes` with the status for `error`.
fn answer_all(writes: Vec<Write>, error: &anyhow::Error) {
    log(&format!("{:.0} the store failed: {error:#}", Timestamp::now()));
    for write in writes {
        let _ = write.answer.send(Some(Err(HttpError(status(error).unwrap_or(500), "no commit"))));
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
