//! The messages that the server keeps: in an SQLite file, or in PostgreSQL, where several servers
//! share them.
//!
//! A *pool* keeps connections to the store open, and lends one to each request that needs one. A
//! request that gets no connection in time is answered with 503.

use crate::http::HttpError;
use crate::postgres::{self, Postgres};
use crate::sqlite::{self, Sqlite};
use anyhow::{Result, anyhow};
use std::path::Path;

/// How long the list may be, as it goes over the wire. More is answered with 507.
pub const MAX_LIST_BYTES: i64 = 512 << 10;

/// A handle to the store. A clone is a handle to the same store, for another task.
#[derive(Clone)]
pub enum Messages {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Messages {
    /// Opens the store that `db` names: the path of a file, or a URL of PostgreSQL.
    ///
    /// # Errors
    /// A file that cannot be written, or belongs to another program. It is left as it was.
    /// A database that cannot be reached, or whose tables are others.
    pub async fn open(db: &str) -> Result<Messages> {
        if db.starts_with("postgresql://") || db.starts_with("postgres://") {
            return Ok(Messages::Postgres(Postgres::open(db).await?));
        }
        let sqlite = Sqlite::open(Path::new(db)).map_err(|error| {
            anyhow!("cannot keep messages in {db}: {error}; choose another file with --db")
        })?;
        Ok(Messages::Sqlite(sqlite))
    }

    /// Returns all messages as they go over the wire: a JSON array, in which the position of each
    /// message is its index, counted from 0.
    pub async fn list(&self) -> Result<String> {
        match self {
            Messages::Sqlite(sqlite) => sqlite.list().await,
            Messages::Postgres(postgres) => postgres.list().await,
        }
    }

    /// Returns the message at `index`, if there is one.
    pub async fn get(&self, index: i64) -> Result<Option<String>> {
        match self {
            Messages::Sqlite(sqlite) => sqlite.get(index).await,
            Messages::Postgres(postgres) => postgres.get(index).await,
        }
    }

    /// Adds `text` after the others and returns its index.
    pub async fn add(&self, text: String) -> Result<i64> {
        match self {
            Messages::Sqlite(sqlite) => sqlite.add(text).await,
            Messages::Postgres(postgres) => postgres.write(None, &text).await,
        }
    }

    /// Puts `text` in place of the message at `index`, which has to be there.
    pub async fn replace(&self, index: i64, text: String) -> Result<()> {
        match self {
            Messages::Sqlite(sqlite) => sqlite.replace(index, text).await,
            Messages::Postgres(postgres) => postgres.write(Some(index), &text).await.map(drop),
        }
    }
}

/// Returns the status for an error of the store, or of a request.
pub fn status(error: &anyhow::Error) -> u16 {
    if let Some(HttpError(status, _)) = error.downcast_ref() {
        return *status;
    }
    sqlite::status(error).or(postgres::status(error)).unwrap_or(500)
}
