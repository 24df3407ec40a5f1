//! A stage under test: the binary that Cargo has built of it, run as a server and as a client.

use crate::compare::compare;
use anyhow::{Context, Result};
use replay::{Database, Server};
use snapbox::Data;
use snapbox::cmd::Command;
use std::ffi::OsString;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longer than anything in a test takes, also on a busy machine, and longer than the 10 s that a client
/// gives a server. A test that waits this long fails.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Databases that exist up to the end of the tests. While there is one, PostgreSQL goes on running.
static KEPT: Mutex<Vec<Database>> = Mutex::new(Vec::new());

/// The stage whose tests these are. This is a macro, because Cargo sets these variables only while it compiles
/// the tests of the stage.
#[macro_export]
macro_rules! stage {
    () => {
        $crate::Stage {
            name: env!("CARGO_PKG_NAME"),
            binary: env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME"))),
            folder: env!("CARGO_MANIFEST_DIR"),
            scratch: env!("CARGO_TARGET_TMPDIR"),
        }
    };
}

/// A stage under test, made by [`stage!`](crate::stage!).
#[derive(Clone, Copy)]
pub struct Stage {
    /// The name of its package, such as `s07_put`.
    pub name: &'static str,
    /// The path of its binary.
    pub binary: &'static str,
    /// The folder of its package.
    pub folder: &'static str,
    /// A folder where its tests may write.
    pub scratch: &'static str,
}

impl Stage {
    /// Its number in the ladder, which its name has.
    ///
    /// # Errors
    /// The name has no number.
    pub fn number(&self) -> Result<u32> {
        let number = self.name.strip_prefix('s').and_then(|rest| rest.split('_').next());
        number.and_then(|number| number.parse().ok()).context("the name has no number")
    }

    /// The snapshot `name` in the stage's `tests` folder.
    pub fn snapshot(&self, name: &str) -> Data {
        Data::read_from(&Path::new(self.folder).join("tests").join(name), None)
    }

    /// How output is compared; see `compare.rs`.
    pub fn compare(&self) -> Result<snapbox::Assert> {
        compare(self.name)
    }

    /// A path for a database of this run of the tests alone, in the folder `name`, which is made empty.
    pub fn file(&self, name: &str) -> Result<PathBuf> {
        let folder = self.own_folder().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        Ok(folder.join("messages.db"))
    }

    /// The folder for the files of this run of the tests.
    pub fn own_folder(&self) -> PathBuf {
        Path::new(self.scratch).join(std::process::id().to_string())
    }

    /// A running server on a free port, with an empty folder for its files, or with an empty database if the stage
    /// needs one.
    pub fn server(&self) -> Result<Server> {
        self.server_over(self.database()?.as_ref())
    }

    /// The same with this database, which several servers can share.
    pub fn server_over(&self, database: Option<&Database>) -> Result<Server> {
        Server::start_with(Path::new(self.binary), "127.0.0.1:0", database)
    }

    /// An empty database if the stage needs one. The first one starts PostgreSQL, which ends with the tests.
    pub fn database(&self) -> Result<Option<Database>> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            kept.extend(contract::database(self.number()?)?);
        }
        drop(kept);
        contract::database(self.number()?)
    }

    /// What `--db` takes for a store of this run of the tests: the file `name`, or an empty database.
    pub fn db(&self, name: &str) -> Result<OsString> {
        let Some(database) = self.database()? else { return Ok(self.file(name)?.into()) };
        let url = database.url();
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(database);
        Ok(url.into())
    }

    /// A command that runs the stage with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Result<Command> {
        Ok(self.command(Path::new(self.binary))?.args(arguments))
    }

    /// A command that runs the client of the server at `addr` (HOST:PORT), into which `lines` are typed.
    pub fn client(&self, addr: &str, lines: &str) -> Result<Command> {
        Ok(self.run(&["client", "--addr", addr])?.stdin(lines.to_string()))
    }

    /// A command that runs the experiment `name` of the stage's `examples`.
    pub fn experiment(&self, name: &str) -> Result<Command> {
        let example = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.command(&Path::new(self.binary).with_file_name("examples").join(example))
    }

    /// A command in the locale C, because the language of a replay depends on the locale.
    pub(crate) fn command(&self, program: &Path) -> Result<Command> {
        let command = Command::new(program).env("LC_ALL", "C").env_remove("CLICOLOR_FORCE");
        let command = command.timeout(LIMIT);
        Ok(command.with_assert(self.compare()?))
    }

    /// The last line that a server prints when `deed` ends a connection of it, and its exit status.
    ///
    /// # Errors
    /// The server does not end.
    pub fn last_words(
        &self,
        deed: impl FnOnce(TcpStream) -> Result<()>,
    ) -> Result<(String, Option<i32>)> {
        let mut server = self.server()?;
        let stream = TcpStream::connect(server.addr())?;
        // On some systems `accept` never returns a connection that was reset before.
        server.said_with("accepted a connection")?;
        deed(stream)?;
        let status = server.status()?;
        let said = server.said()?;
        Ok((said.lines().last().context("the server said nothing")?.to_string(), status.code()))
    }

    /// A server that a shell script starts. The script runs `before` first, and adds the arguments `after`.
    #[cfg(unix)]
    pub fn server_with(&self, before: &str, after: &str) -> Result<Server> {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;
        use std::sync::atomic::{AtomicU32, Ordering};
        static SCRIPTS: AtomicU32 = AtomicU32::new(0);
        let number = SCRIPTS.fetch_add(1, Ordering::Relaxed);
        fs::create_dir_all(self.own_folder())?;
        let script = self.own_folder().join(format!("server-{number}.sh"));
        fs::write(
            &script,
            format!("#!/bin/sh\n{before}\nexec '{}' \"$@\" {after}\n", self.binary),
        )?;
        fs::set_permissions(&script, Permissions::from_mode(0o755))?;
        let database = self.database()?;
        loop {
            match Server::start_with(&script, "127.0.0.1:0", database.as_ref()) {
                // A process that another thread has just started still has the script open.
                Err(error) if format!("{error:#}").contains("Text file busy") => {
                    std::thread::yield_now();
                }
                started => return started,
            }
        }
    }
}
