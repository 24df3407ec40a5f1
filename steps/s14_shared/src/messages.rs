//! The messages that the servers keep: rows of tables in PostgreSQL, which several servers share.
//!
//! A *transaction* of a server first locks the row of `lists`. Other servers wait for this lock. So
//! the writes of all servers have one order, and no index is given twice or left out.
//!
//! If a connection ends during COMMIT, the server gets no answer: the writes are stored, or not.
//! Each write has an id, which is stored with it. So the server does its transaction again, and a
//! write whose id is there already is not stored twice (an *idempotent* write).
//!
//! *Group commit*: a commit takes as long for many writes as for one. While one commit is under
//! way, the writes of other threads wait, and the next transaction holds all of them. Reads wait
//! for no commit. They ask whether the list has changed, and share one answer in the same way.

use crate::database::{Database, Session, Values, status};
use crate::http::HttpError;
use crate::log::log;
use anyhow::{Context, Result, anyhow, ensure};
use jiff::Timestamp;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::mem;
use std::sync::MutexGuard;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio_postgres::Config;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// What `--db` looks like.
const URL: &str = "--db postgresql://USER@HOST:PORT/NAME";

/// The tables. A text is kept as it goes over the wire, with quotes. `lists` has one row, which
/// describes the whole list. `writes` has the id of each write of the last hour. Because of the
/// lock, one server after another makes the tables.
const TABLES: &str = "BEGIN; SELECT pg_advisory_xact_lock(20140); \
    CREATE TABLE IF NOT EXISTS messages (position bigint PRIMARY KEY, json text NOT NULL); \
    CREATE TABLE IF NOT EXISTS lists (id int PRIMARY KEY, \
        version uuid NOT NULL, length bigint NOT NULL, bytes bigint NOT NULL); \
    CREATE TABLE IF NOT EXISTS writes (id uuid PRIMARY KEY, position bigint NOT NULL, \
        at timestamptz NOT NULL DEFAULT now()); \
    CREATE INDEX IF NOT EXISTS writes_at ON writes (at); \
    INSERT INTO lists VALUES (1, gen_random_uuid(), 0, 1) ON CONFLICT DO NOTHING; \
    SELECT position, json FROM messages LIMIT 0; COMMIT";

/// Locks the list, and says how long it is.
const LOCK: &str = "SELECT length, bytes FROM lists WHERE id = 1 FOR UPDATE";

/// Says for each write where it was stored, if it was done before, and how many bytes the old text
/// has.
const LOOK: &str = "SELECT writes.position, octet_length(messages.json)::bigint \
    FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS asked (id, position, number) \
    LEFT JOIN writes ON writes.id = asked.id \
    LEFT JOIN messages ON messages.position = asked.position ORDER BY number";

/// Stores texts at their positions, and the ids of the writes. An id is kept for an hour.
const STORE: &str = "WITH \
    stored AS (INSERT INTO messages SELECT * FROM unnest($1::bigint[], $2::text[]) \
        ON CONFLICT (position) DO UPDATE SET json = excluded.json), \
    noted AS (INSERT INTO writes SELECT * FROM unnest($3::uuid[], $4::bigint[])), \
    old AS (DELETE FROM writes WHERE at < now() - interval '1 hour') \
    UPDATE lists SET version = gen_random_uuid(), length = $5, bytes = $6";

/// Returns the list, if its version differs from $1.
const LIST: &str = "SELECT version, \
    (SELECT '[' || coalesce(string_agg(json, ',' ORDER BY position), '') || ']' FROM messages) \
    FROM lists WHERE version <> $1";

/// How long the list may be, as it goes over the wire. More is answered with 507.
const MAX_LIST_BYTES: i64 = 512 << 10;

/// Does `writes` in one transaction. The answer of a write that cannot be done is an error.
fn store(session: &Session, writes: &[Write]) -> Result<Vec<Result<usize, HttpError>>> {
    session.run("BEGIN ISOLATION LEVEL READ COMMITTED")?;
    let list = session.query(LOCK, &[])?;
    let list = list.first().context("the row of the list is missing")?;
    let (mut length, mut bytes): (i64, i64) = (list.try_get(0)?, list.try_get(1)?);
    let may_be = 0..=MAX_LIST_BYTES;
    ensure!(may_be.contains(&length) && may_be.contains(&bytes), "the row of the list is wrong");
    let ids: Vec<Uuid> = writes.iter().map(|write| write.id).collect();
    let asked: Vec<Option<i64>> = writes.iter().map(|write| write.position).collect();
    let found = session.query(LOOK, &[(&ids, Type::UUID_ARRAY), (&asked, Type::INT8_ARRAY)])?;
    let mut answers = Vec::new();
    let mut texts = BTreeMap::new();
    let mut done = Vec::new();
    for (write, row) in writes.iter().zip(found) {
        if let Some(position) = row.try_get::<_, Option<i64>>(0)? {
            answers.push(Ok(usize::try_from(position)?));
            continue;
        }
        let position = write.position.unwrap_or(length);
        if write.position.is_some_and(|position| position >= length) {
            answers.push(Err(HttpError(404, "there is no such message")));
            continue;
        }
        let old = texts.get(&position).map(|json: &&String| json.len() as i64);
        let old = old.or(row.try_get(1)?).map_or(0, list_bytes);
        let total = bytes - old + list_bytes(write.json.len() as i64);
        if total > MAX_LIST_BYTES {
            answers.push(Err(HttpError(507, "the list is full")));
            continue;
        }
        (length, bytes) = (length.max(position + 1), total);
        texts.insert(position, &write.json);
        done.push((write.id, position));
        answers.push(Ok(usize::try_from(position)?));
    }
    if done.is_empty() {
        session.run("ROLLBACK")?;
        return Ok(answers);
    }
    let (positions, texts): (Vec<i64>, Vec<&String>) = texts.into_iter().unzip();
    let (ids, at): (Vec<Uuid>, Vec<i64>) = done.into_iter().unzip();
    session.query(
        STORE,
        &[
            (&positions, Type::INT8_ARRAY),
            (&texts, Type::TEXT_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&at, Type::INT8_ARRAY),
            (&length, Type::INT8),
            (&bytes, Type::INT8),
        ],
    )?;
    session.run("COMMIT")?;
    Ok(answers)
}

/// Returns how many bytes a text takes in the list: its `json` bytes and a comma. A short text
/// counts as 50 bytes, because each message costs time, too.
fn list_bytes(json: i64) -> i64 {
    (json + 1).max(50)
}

/// The list as it goes over the wire, and where in it each message starts. The last start is that
/// of the next message. A clone is cheap.
#[derive(Clone)]
struct List {
    json: Arc<String>,
    starts: Arc<Vec<usize>>,
}

impl List {
    /// Makes the list from a JSON array of texts.
    fn new(json: String) -> Result<Self> {
        let mut starts = vec![1];
        for text in serde_json::from_str::<Vec<&RawValue>>(&json)? {
            starts.push(starts[starts.len() - 1] + text.get().len() + 1);
        }
        Ok(Self { json: Arc::new(json), starts: Arc::new(starts) })
    }

    /// Returns the message at `index`, if there is one.
    fn get(&self, index: usize) -> Result<Option<String>> {
        let range = index..index.saturating_add(2);
        let Some([start, next]) = self.starts.get(range) else { return Ok(None) };
        Ok(Some(serde_json::from_str(&self.json[*start..*next - 1])?))
    }
}

/// What the server has read last.
struct Reader {
    database: Database,
    list: List,
    version: Uuid,
    /// When the last query for the list began.
    asked: Instant,
}

/// A write that waits for its commit. Without a position, the text is added after the others.
struct Write {
    id: Uuid,
    position: Option<i64>,
    json: String,
    /// Takes the answer, or before it `None`: then the thread of this write is the next to commit.
    answer: SyncSender<Option<Result<usize, HttpError>>>,
}

/// What the handles share.
struct Shared {
    writer: Mutex<Database>,
    reader: Mutex<Reader>,
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
    /// Uses the database at `url` (postgresql://USER@HOST:PORT/NAME), and makes the tables.
    ///
    /// # Errors
    /// A database that cannot be reached, or whose tables are others.
    pub fn open(url: &str) -> Result<Self> {
        let is_url = url.starts_with("postgresql://") || url.starts_with("postgres://");
        let config = url.parse().ok().filter(|_| is_url);
        let config =
            config.with_context(|| format!("--db is not the URL of a database; write {URL}"))?;
        // What comes before the host, or after the name, can be a password.
        let place = url.split('?').next().unwrap_or_default();
        let host = place.rsplit('@').next().unwrap_or_default();
        Self::connect(config).map_err(|error| {
            anyhow!(
                "cannot keep messages at {host}: {error:#}; \
                 start PostgreSQL there, or name another database: {URL}"
            )
        })
    }

    /// Makes the tables, and reads the list.
    fn connect(config: Config) -> Result<Self> {
        let (mut writer, database) = (Database::new(config.clone()), Database::new(config));
        writer.connect()?;
        writer.with_session(|session| session.run(TABLES))?;
        let list = List::new("[]".to_string())?;
        let reader = Reader { database, list, version: Uuid::nil(), asked: Instant::now() };
        let (writer, reader) = (Mutex::new(writer), Mutex::new(reader));
        let messages = Self(Arc::new(Shared { writer, reader, queue: Mutex::default() }));
        messages.current()?;
        Ok(messages)
    }

    /// Returns the list with all writes that were answered before this call, by any server.
    fn current(&self) -> Result<List> {
        let called = Instant::now();
        let mut reader = lock(&self.0.reader);
        // If another thread has begun a query since the call, its result has all these writes.
        if reader.asked <= called {
            let (asked, version) = (Instant::now(), reader.version);
            let values: Values = &[(&version, Type::UUID)];
            let changed = reader.database.with_session(|session| session.query(LIST, values))?;
            if let Some(row) = changed.first() {
                reader.list = List::new(row.try_get(1)?)?;
                reader.version = row.try_get(0)?;
            }
            reader.asked = asked;
        }
        Ok(reader.list.clone())
    }

    /// Returns all messages as they go over the wire: a JSON array, in which the position of each
    /// message is its index, counted from 0.
    pub fn list(&self) -> Result<Arc<String>> {
        Ok(self.current()?.json)
    }

    /// Returns the message at `index`, if there is one.
    pub fn get(&self, index: usize) -> Result<Option<String>> {
        self.current()?.get(index)
    }

    /// Adds `text` after the others and returns its index.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        self.write(None, text)
    }

    /// Puts `text` in place of the message at `index`, which has to be there.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<()> {
        self.write(Some(i64::try_from(index)?), text).map(drop)
    }

    /// Puts a write into the queue, and returns its index when it is committed.
    fn write(&self, position: Option<i64>, text: &str) -> Result<usize> {
        let (answer, answered) = sync_channel(2);
        let json = serde_json::to_string(text)?;
        let mut queue = lock(&self.0.queue);
        queue.waiting.push(Write { id: Uuid::new_v4(), position, json, answer });
        let is_first = !mem::replace(&mut queue.is_committing, true);
        drop(queue);
        // While another thread commits, this one waits for its answer, or for its turn to commit.
        if !is_first && let Some(answer) = answered.recv()? {
            return Ok(answer?);
        }
        let turn = Turn(self.0.clone());
        self.commit();
        drop(turn);
        answered.recv()?.context("no answer")?.map_err(Into::into)
    }

    /// Does the writes that wait in one transaction, and answers each after it.
    fn commit(&self) {
        let writes = mem::take(&mut lock(&self.0.queue).waiting);
        match lock(&self.0.writer).with_session(|session| store(session, &writes)) {
            Ok(answers) => {
                for (write, answer) in writes.into_iter().zip(answers) {
                    let _ = write.answer.send(Some(answer));
                }
            }
            Err(error) => answer_all(writes, &error),
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
