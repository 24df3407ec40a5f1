//! The messages in PostgreSQL: the same tables and the same transaction as in stage 14, so servers
//! of both stages can share them.
//!
//! Stage 14 has one connection for writes and one for reads. `deadpool_postgres` opens connections
//! when they are needed, up to a limit, and keeps the prepared statements of each.

use crate::http::HttpError;
use crate::messages::MAX_LIST_BYTES;
use anyhow::{Context, Result, anyhow, ensure};
use deadpool_postgres::{Client, Manager, Object, Pool, PoolError};
use std::time::{Duration, Instant};
use tokio::time::{error::Elapsed, sleep, timeout};
use tokio_postgres::config::{LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};
use uuid::Uuid;

/// What `--db` looks like.
const URL: &str = "--db postgresql://USER@HOST:PORT/NAME";

/// The tables. See stage 14.
const TABLES: &str = "BEGIN; SELECT pg_advisory_xact_lock(20140); \
    CREATE TABLE IF NOT EXISTS messages (position bigint PRIMARY KEY, json text NOT NULL); \
    CREATE TABLE IF NOT EXISTS lists (id int PRIMARY KEY, \
        version uuid NOT NULL, length bigint NOT NULL, bytes bigint NOT NULL); \
    CREATE TABLE IF NOT EXISTS writes (id uuid PRIMARY KEY, position bigint NOT NULL, \
        at timestamptz NOT NULL DEFAULT now()); \
    CREATE INDEX IF NOT EXISTS writes_at ON writes (at); \
    INSERT INTO lists VALUES (1, gen_random_uuid(), 0, 1) ON CONFLICT DO NOTHING; COMMIT";

/// Locks the list, and says how long it is.
const LOCK: &str = "SELECT length, bytes FROM lists WHERE id = 1 FOR UPDATE";

/// Says where a write was stored, if it was done before, and how many bytes the old text has.
const LOOK: &str = "SELECT (SELECT position FROM writes WHERE id = $1), \
    (SELECT octet_length(json)::bigint FROM messages WHERE position = $2)";

/// Stores a text at its position, and the id of the write. An id is kept for an hour.
const STORE: &str = "WITH \
    stored AS (INSERT INTO messages VALUES ($1, $2) \
        ON CONFLICT (position) DO UPDATE SET json = excluded.json), \
    noted AS (INSERT INTO writes VALUES ($3, $1)), \
    old AS (DELETE FROM writes WHERE at < now() - interval '1 hour') \
    UPDATE lists SET version = gen_random_uuid(), length = $4, bytes = $5";

const LIST: &str =
    "SELECT '[' || coalesce(string_agg(json, ',' ORDER BY position), '') || ']' FROM messages";

const GET: &str = "SELECT json FROM messages WHERE position = $1";

/// What the database limits for a connection: a wait for a lock, and a transaction that its server
/// left open.
const SESSION: &str = "-c lock_timeout=2s -c idle_in_transaction_session_timeout=5s \
    -c client_connection_check_interval=1s";

/// What the log says of a wait that was too long.
const NO_ANSWER: &str = "the database does not answer";

/// How many connections the pool has at the most.
const MAX_CONNECTIONS: usize = 8;

/// How long the database may take for one transaction, and a request may wait for a connection.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request waits for a database that is lost. After that the answer is 503.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request waits before it tries again.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// A handle to the database.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
}

/// A write. Without a position, the text is added after the others. A write that is tried again has
/// the same id.
struct Write {
    id: Uuid,
    position: Option<i64>,
    json: String,
}

impl Postgres {
    /// Uses the database at `url` (postgresql://USER@HOST:PORT/NAME), and makes the tables.
    pub async fn open(url: &str) -> Result<Postgres> {
        let mut config: Config = url
            .parse()
            .with_context(|| format!("--db is not the URL of a database; write {URL}"))?;
        // A host that does not answer must not keep the server from the next one.
        config.connect_timeout(STATEMENT_TIMEOUT / 2).load_balance_hosts(LoadBalanceHosts::Random);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite).options(SESSION);
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(MAX_CONNECTIONS).build()?;
        // What comes before the host, or after the name, can be a password.
        let place = url.split('?').next().unwrap_or_default();
        let host = place.rsplit('@').next().unwrap_or_default();
        let postgres = Postgres { pool };
        postgres.make_tables().await.map_err(|error| {
            anyhow!(
                "cannot keep messages at {host}: {error:#}; \
                 start PostgreSQL there, or name another database: {URL}"
            )
        })?;
        Ok(postgres)
    }

    /// Makes the tables, with a single try, so that a wrong address is an error at once.
    async fn make_tables(&self) -> Result<()> {
        let made = async {
            let client = self.pool.get().await.map_err(cause)?;
            Ok(client.batch_execute(TABLES).await?)
        };
        timeout(STATEMENT_TIMEOUT, made).await.context("the database does not answer")?
    }

    /// See `Messages::list`.
    pub async fn list(&self) -> Result<String> {
        let row = self.read(LIST, &[]).await?;
        Ok(row.context("the list is missing")?.try_get(0)?)
    }

    /// See `Messages::get`.
    pub async fn get(&self, index: i64) -> Result<Option<String>> {
        let Some(row) = self.read(GET, &[&index]).await? else { return Ok(None) };
        Ok(Some(serde_json::from_str(row.try_get(0)?)?))
    }

    /// See `Messages::add` and `Messages::replace`.
    pub async fn write(&self, position: Option<i64>, text: &str) -> Result<i64> {
        let write = Write { id: Uuid::new_v4(), position, json: serde_json::to_string(text)? };
        let start = Instant::now();
        loop {
            let mut client = self.client(start).await?;
            let result = timeout(STATEMENT_TIMEOUT, write.store(&mut client)).await;
            let result = result.context(NO_ANSWER).flatten();
            match result.inspect_err(|_| drop(Object::take(client))) {
                Err(error) if is_worth_a_retry(&error, start) => sleep(RETRY_DELAY).await,
                result => return result,
            }
        }
    }

    /// Asks for one row.
    async fn read(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>> {
        let start = Instant::now();
        loop {
            let client = self.client(start).await?;
            let query = async {
                let statement = client.prepare_cached(sql).await?;
                Ok(client.query_opt(&statement, values).await?)
            };
            let result = timeout(STATEMENT_TIMEOUT, query).await.context(NO_ANSWER).flatten();
            match result.inspect_err(|_| drop(Object::take(client))) {
                Err(error) if is_worth_a_retry(&error, start) => sleep(RETRY_DELAY).await,
                result => return result,
            }
        }
    }

    /// Takes a connection out of the pool, or opens one to the host that takes writes: the
    /// *primary*. Tries again until `DATABASE_TIMEOUT` after `start`.
    async fn client(&self, start: Instant) -> Result<Client> {
        loop {
            let client = timeout(STATEMENT_TIMEOUT, self.pool.get()).await;
            match client.context(NO_ANSWER).and_then(|client| client.map_err(cause)) {
                Err(error) if is_worth_a_retry(&error, start) => sleep(RETRY_DELAY).await,
                result => return result,
            }
        }
    }
}

impl Write {
    /// Does the write in a transaction, if it was not done before, and returns its position.
    async fn store(&self, client: &mut Client) -> Result<i64> {
        let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        let transaction = transaction.start().await?;
        let lock = transaction.prepare_cached(LOCK).await?;
        let list = transaction.query_one(&lock, &[]).await?;
        let (length, bytes): (i64, i64) = (list.try_get(0)?, list.try_get(1)?);
        let look = transaction.prepare_cached(LOOK).await?;
        let found = transaction.query_one(&look, &[&self.id, &self.position]).await?;
        if let Some(position) = found.try_get(0)? {
            return Ok(position);
        }
        let position = self.position.unwrap_or(length);
        let old = found.try_get::<_, Option<i64>>(1)?.map_or(0, list_bytes);
        let bytes = bytes - old + list_bytes(self.json.len() as i64);
        ensure!(bytes <= MAX_LIST_BYTES, HttpError(507, "the list is full"));
        let length = length.max(position + 1);
        let store = transaction.prepare_cached(STORE).await?;
        let values: [&(dyn ToSql + Sync); 5] = [&position, &self.json, &self.id, &length, &bytes];
        transaction.execute(&store, &values).await?;
        transaction.commit().await?;
        Ok(position)
    }
}

/// Returns the error of the database in an error of the pool.
fn cause(error: PoolError) -> anyhow::Error {
    match error {
        PoolError::Backend(error) => error.into(),
        error => error.into(),
    }
}

/// Returns how many bytes a text takes in the list: its `json` bytes and a comma. A short text
/// counts as 50 bytes, because each message costs time, too.
fn list_bytes(json: i64) -> i64 {
    (json + 1).max(50)
}

/// Returns whether the same work can succeed a little later, and there is time for it.
fn is_worth_a_retry(error: &anyhow::Error, start: Instant) -> bool {
    status(error) == Some(503) && start.elapsed() < DATABASE_TIMEOUT
}

/// Returns the status for an error of the database, or `None` for any other error.
/// 503 stands for a database that is lost, busy or about to end: the same work can succeed later.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    if error.is::<Elapsed>() {
        return Some(503);
    }
    let error: &tokio_postgres::Error = error.downcast_ref()?;
    Some(match error.code() {
        None => 503,
        Some(&SqlState::DISK_FULL) => 507,
        // The first two characters of a code are its class.
        Some(code) => match &code.code()[..2] {
            "08" | "25" | "40" | "53" | "55" | "57" => 503,
            _ => 500,
        },
    })
}
