//! The connection to the database, which can be lost and is then opened again.
//!
//! A program that asks another one over a network gets an answer, an error, or nothing at all, if
//! the other machine has stopped. So each wait needs a *timeout*.
//!
//! After an error the server connects again. Many tries without a pause would keep a database busy
//! that has just started. So the pause after each try grows, up to a limit (*exponential backoff*).

use crate::http::HttpError;
use crate::log::log;
use anyhow::{Context, Result};
use jiff::Timestamp;
use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{self, Runtime};
use tokio::time::{error::Elapsed, timeout};
use tokio_postgres::config::{LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, Row};

/// What the database limits for a connection: a wait for a lock, and a transaction that its server
/// left open. `statement_timeout` would not limit how long COMMIT waits for the standby (the copy).
const SESSION: &str = "SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '3s'; \
    SET client_connection_check_interval = '1s'";

/// How long the database may take to answer.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a request waits for a database that is lost. After that it tries once, or not at all.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server waits before it connects again: at first, and at the most.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(20);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(2);

/// The values of a statement, each with its type.
pub type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// A connection to the database. Each wait for an answer has an end.
pub struct Session {
    runtime: Runtime,
    client: Client,
}

impl Session {
    /// Connects to the host that takes writes: the *primary*.
    fn connect(config: &Config) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, connection) = match wait(&runtime, config.connect(NoTls)) {
            Ok(connected) => connected,
            Err(error) => {
                // The look-up of a name can still be under way. It is not waited for.
                runtime.shutdown_background();
                return Err(error);
            }
        };
        // This task moves the bytes while `wait` waits. It ends with the runtime.
        runtime.spawn(connection);
        let session = Self { runtime, client };
        session.run(SESSION)?;
        Ok(session)
    }

    /// Runs statements that have no result, in one round trip.
    pub fn run(&self, sql: &str) -> Result<()> {
        wait(&self.runtime, self.client.batch_execute(sql))
    }

    /// Runs one statement, in one round trip. Values are sent beside it and never become a part of
    /// it, so no text can change what it means (*SQL injection*).
    pub fn query(&self, sql: &str, values: Values) -> Result<Vec<Row>> {
        wait(&self.runtime, self.client.query_typed(sql, values))
    }
}

/// Waits for `answer`, for `STATEMENT_TIMEOUT` at the most.
fn wait<T>(runtime: &Runtime, answer: impl Future<Output = Result<T, Error>>) -> Result<T> {
    let answer = runtime.block_on(async { timeout(STATEMENT_TIMEOUT, answer).await });
    Ok(answer.context("the database does not answer")??)
}

/// How to connect to the database, the session if there is one, and since when there is none. After
/// an error the server connects again at `retry`. `retry_delay` is the pause after the next error.
pub struct Database {
    config: Config,
    session: Option<Session>,
    lost: Option<Instant>,
    retry_delay: Duration,
    retry: Instant,
}

impl Database {
    /// Makes a database without a session. The first use of it connects.
    pub fn new(mut config: Config) -> Self {
        // A host that does not answer must not keep the server from the next one.
        config.connect_timeout(STATEMENT_TIMEOUT / 2).load_balance_hosts(LoadBalanceHosts::Random);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let (retry_delay, retry) = (MIN_RETRY_DELAY, Instant::now());
        Self { config, session: None, lost: None, retry_delay, retry }
    }

    /// Connects, with a single try, so that a wrong address is an error at once.
    pub fn connect(&mut self) -> Result<()> {
        self.session = Some(Session::connect(&self.config)?);
        Ok(())
    }

    /// Calls `work` with a session. If the database is lost, connects and calls it again, with
    /// growing pauses, until it has been lost for `DATABASE_TIMEOUT`. From then on one call tries
    /// after each pause, and other calls fail at once.
    pub fn with_session<T>(&mut self, work: impl Fn(&Session) -> Result<T>) -> Result<T> {
        loop {
            let is_waiting = Instant::now() < self.retry;
            let is_over = self.lost.is_some_and(|lost| lost.elapsed() > DATABASE_TIMEOUT);
            if is_waiting && is_over {
                return Err(HttpError(503, "the database is lost").into());
            }
            thread::sleep(self.retry.saturating_duration_since(Instant::now()));
            let start = Instant::now();
            let session = match self.session.take() {
                Some(session) => Ok(session),
                None => Session::connect(&self.config),
            };
            let result = session.and_then(|session| {
                let result = work(&session)?;
                self.session = Some(session);
                Ok(result)
            });
            match result {
                Err(error) if status(&error) == Some(503) => {
                    if self.lost.is_none() {
                        log(&format!("{:.0} the database is lost: {error:#}", Timestamp::now()));
                    }
                    self.lost.get_or_insert(start);
                    self.retry = Instant::now() + self.retry_delay;
                    self.retry_delay = (self.retry_delay * 2).min(MAX_RETRY_DELAY);
                    if is_over {
                        return Err(error);
                    }
                }
                result => {
                    if self.lost.take().is_some() {
                        log(&format!("{:.0} the database is back", Timestamp::now()));
                    }
                    self.retry_delay = MIN_RETRY_DELAY;
                    return result;
                }
            }
        }
    }
}

/// Returns the status for an error of the store, or `None` for any other error.
/// 503 stands for a database that is lost, busy or about to end: the same work can succeed later.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    if let Some(HttpError(status, _)) = error.downcast_ref() {
        return Some(*status);
    }
    if error.is::<Elapsed>() {
        return Some(503);
    }
    let error: &Error = error.downcast_ref()?;
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
