//! A PostgreSQL of this program alone, for a lesson or for tests: its files are in a temporary folder, and it listens
//! on a free port of this machine. It starts with the first `Database` and ends with the last one. What the system's
//! own PostgreSQL stores is never touched: the variables that name a server, such as PGHOST, are not passed on.

use crate::process::{Ending, Folder, Task};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::{env, fs};

/// Where Debian has the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// How often another port is tried: another program may take a free port first.
const TRIES: usize = 20;

/// Settings with which it leaves nothing behind (no socket file, no named shared memory), and does no work unasked.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "dynamic_shared_memory_type=mmap",
    "autovacuum=off",
    "log_checkpoints=off",
    "max_connections=500",
];

/// Settings that make it fast: it does not sync. A test or a lesson does not take the power away.
const WITHOUT_SYNC: [&str; 2] = ["fsync=off", "full_page_writes=off"];

/// The PostgreSQL that runs, if there is one.
static RUNNING: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A database of its own, empty at first. It is removed when its last clone is dropped.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    name: String,
    postgres: Arc<Postgres>,
}

impl Database {
    /// Makes a database. The first one starts PostgreSQL, which takes about a second.
    ///
    /// # Errors
    /// PostgreSQL is not installed or does not start.
    pub fn new() -> Result<Database> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let postgres = match running.upgrade() {
            Some(postgres) => postgres,
            None => Arc::new(Postgres::start(&WITHOUT_SYNC)?),
        };
        *running = Arc::downgrade(&postgres);
        drop(running);
        Database::of(postgres)
    }

    /// Makes a database in a PostgreSQL of its own that syncs each commit, as one in use does.
    ///
    /// # Errors
    /// PostgreSQL is not installed or does not start.
    pub fn with_syncs() -> Result<Database> {
        Database::of(Arc::new(Postgres::start(&[])?))
    }

    /// Makes one more database in the same PostgreSQL.
    ///
    /// # Errors
    /// PostgreSQL has failed.
    pub fn another(&self) -> Result<Database> {
        Database::of(self.0.postgres.clone())
    }

    fn of(postgres: Arc<Postgres>) -> Result<Database> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("messages{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        postgres.client("createdb", &[&name])?;
        Ok(Database(Arc::new(Inner { name, postgres })))
    }

    /// Where it is, as `--db` takes it.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{}", self.0.postgres.port, self.0.name)
    }
}

impl Database {
    /// What `psql` prints for a query in SQL: a line for each row, without the head.
    ///
    /// # Errors
    /// There is no `psql`, or the query fails.
    pub fn query(&self, sql: &str) -> Result<String> {
        let arguments = ["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql];
        let all = [&["--dbname", &self.0.name], &arguments[..]].concat();
        self.0.postgres.client("psql", &all)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The last database is removed with all files of PostgreSQL.
        if Arc::strong_count(&self.postgres) > 1 {
            let _ = self.postgres.client("dropdb", &["--force", &self.name]);
        }
    }
}

/// Whether PostgreSQL is installed here.
pub fn is_installed() -> bool {
    Programs::find().is_ok()
}

/// A running PostgreSQL. It ends when this is dropped, and its files are removed.
struct Postgres {
    port: u16,
    programs: Programs,
    /// Kept so that it ends when this is dropped. The mutex lets threads share it.
    _server: Mutex<Task>,
    folder: Folder,
}

impl Postgres {
    fn start(more: &[&str]) -> Result<Postgres> {
        let mut programs = Programs::find()?;
        let folder = Folder::new()?;
        programs.leave_root(&folder)?;
        let mut initdb = programs.command("initdb", &folder);
        initdb.args(["--pgdata=data", "--username=postgres", "--auth=trust", "--no-sync"]);
        initdb.args(["--encoding=UTF8", "--no-locale"]);
        let (said, status) = Task::of("initdb", initdb, Ending::Quit)?.finish()?;
        ensure!(status.success(), "PostgreSQL cannot make its files: {}", reason(&said));
        for _ in 0..TRIES {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let mut command = programs.command("postgres", &folder);
            command.args(["-D", "data", "-p", &port.to_string()]);
            command.args(SETTINGS.iter().chain(more).flat_map(|setting| ["-c", setting]));
            let mut server = Task::of("postgres", command, Ending::Quit)?;
            if server.says("ready to accept connections")? {
                let _server = Mutex::new(server);
                return Ok(Postgres { port, programs, _server, folder });
            }
            let (said, _) = server.finish()?;
            ensure!(
                said.contains("could not bind"),
                "PostgreSQL does not start: {}",
                reason(&said)
            );
        }
        bail!("there is no free port for PostgreSQL; close some programs that listen on ports")
    }

    /// Runs a client program, and returns what it printed.
    fn client(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.programs.command(name, &self.folder);
        command.args(["--host=127.0.0.1", "--username=postgres", "--port", &self.port.to_string()]);
        command.args(arguments);
        let (said, status) = Task::of(name, command, Ending::Kill)?.finish()?;
        ensure!(status.success(), "PostgreSQL has failed: {}", reason(&said));
        Ok(said)
    }
}

/// The programs of PostgreSQL.
struct Programs {
    folder: PathBuf,
    /// The user and the group that run them, if this program runs as root, which PostgreSQL refuses.
    #[cfg_attr(not(unix), allow(dead_code))]
    user: Option<(u32, u32)>,
}

impl Programs {
    /// Looks for them in PATH, then for the newest version where Debian has them.
    fn find() -> Result<Programs> {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let mut versions: Vec<PathBuf> = versions.map(|entry| entry.path()).collect();
        let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
        folders.extend(versions.iter().map(|path| path.join("bin")));
        let is_file = |folder: &PathBuf, name| {
            folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)).is_file()
        };
        let found = folders.into_iter().find(|folder| {
            ["initdb", "postgres", "createdb"].iter().all(|name| is_file(folder, name))
        });
        let install = if cfg!(target_os = "macos") {
            "brew install postgresql"
        } else {
            "sudo apt install postgresql"
        };
        let folder =
            found.with_context(|| format!("PostgreSQL is not installed; install it: {install}"))?;
        Ok(Programs { folder, user: None })
    }

    /// Lets the user `postgres` run the programs and own `folder` if this program runs as root.
    #[cfg(unix)]
    fn leave_root(&mut self, folder: &Folder) -> Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
        let path = folder.path();
        if path.metadata()?.uid() != 0 {
            return Ok(());
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, group) = ids_of(&users, "postgres").context(
            "PostgreSQL does not run as root, and there is no user postgres; run this as another user",
        )?;
        for above in path.ancestors().skip(1) {
            let shown = above.display();
            let is_open = above.metadata()?.permissions().mode() & 0o001 != 0;
            ensure!(
                is_open,
                "the user postgres cannot go into {shown}; set TMPDIR to another folder, such as /tmp"
            );
        }
        chown(path, Some(user), Some(group))
            .with_context(|| format!("cannot give {} to the user postgres", path.display()))?;
        self.user = Some((user, group));
        Ok(())
    }

    /// Other systems have no root.
    #[cfg(not(unix))]
    fn leave_root(&mut self, _folder: &Folder) -> Result<()> {
        Ok(())
    }

    /// The program `name`, in this folder.
    fn command(&self, name: &str, folder: &Folder) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.current_dir(folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        without_variables(&mut command);
        #[cfg(unix)]
        if let Some((user, group)) = self.user {
            std::os::unix::process::CommandExt::uid(&mut command, user);
            std::os::unix::process::CommandExt::gid(&mut command, group);
        }
        command
    }
}

/// Takes the variables of PostgreSQL's clients, such as PGHOST, out of a command's environment.
fn without_variables(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
}

/// Lets a server keep its messages in this database: adds `--db URL`, and takes out the variables of PostgreSQL.
pub fn add_database(command: &mut Command, database: Option<&Database>) {
    if let Some(database) = database {
        command.args([OsStr::new("--db"), OsStr::new(&database.url())]);
        without_variables(command);
    }
}

/// The numbers of the user called `name` and of its group, out of the text of /etc/passwd.
#[cfg(unix)]
fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let user = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
}

/// Why a program has failed, taken from what it printed: its last line with an error, or else its last line.
fn reason(said: &str) -> &str {
    let is_error =
        |line: &&str| ["error:", "FATAL:", "PANIC:"].iter().any(|word| line.contains(word));
    let last = said.lines().rev().find(is_error).or(said.trim_end().lines().last());
    last.unwrap_or("it says nothing")
}
