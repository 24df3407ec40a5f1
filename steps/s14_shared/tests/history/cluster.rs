//! The cluster that `cluster.sh` starts, and what the test does to it.

use anyhow::{Context, Result, ensure};
use std::env;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use testing::process::{signal, until};
use tokio::runtime;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Whether a commit waits until the standby has it.
#[derive(Clone, Copy, PartialEq)]
pub enum Standby {
    Synchronous,
    Asynchronous,
}

/// In which moment the primary is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// The standby has not received the last commits, because the primary's process that sends them
    /// is suspended. With a synchronous standby no client was answered for them.
    Unsent,
    /// The standby has the last commits on its disk, and no client was answered for them: until the
    /// standby applies them the primary waits (`remote_apply`), and applying is paused.
    Unanswered,
    /// Any moment under load.
    Any,
}

/// A running cluster on free ports. It is stopped and its folder is deleted with the test, also if
/// the test is killed.
pub struct Cluster {
    folder: PathBuf,
    /// The address of the load balancer.
    pub addr: String,
    keeper: Child,
}

impl Cluster {
    /// Starts a cluster of servers that run `binary`.
    ///
    /// # Errors
    /// What the script says.
    pub fn start(binary: &Path, standby: Standby) -> Result<Self> {
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        // The user `postgres` can enter this folder also if the test runs as root.
        let folder = env::temp_dir().join(format!("history-{}-{number}", std::process::id()));
        // When the test ends, its end of the pipe is closed, and `cat` ends.
        let keep = "trap '' INT TERM; cat; \"$0\" stop >/dev/null 2>&1; rm -rf \"$CLUSTER\"";
        let keeper = Command::new("sh")
            .args(["-c", keep, SCRIPT])
            .env("CLUSTER", &folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        let mut cluster = Self { folder, addr: String::new(), keeper };
        let sync = if standby == Standby::Synchronous { "on" } else { "off" };
        let mut start = cluster.script(&["start"]);
        start.env("SERVER", binary).env("SYNC", sync).env("ADDR", "127.0.0.1:0");
        run(start)?;
        cluster.addr = cluster.setting("addr")?;
        Ok(cluster)
    }

    /// Kills a server.
    pub fn kill_server(&self, number: usize) -> Result<()> {
        run(self.script(&["kill-server", &number.to_string()]))
    }

    /// Starts a killed server again.
    pub fn start_server(&self, number: usize) -> Result<()> {
        run(self.script(&["start-server", &number.to_string()]))
    }

    /// Gets the databases ready for a kill in `moment`. The primary is to be killed soon.
    pub fn prepare(&self, moment: Moment) -> Result<()> {
        let primary: usize = self.setting("primary")?.parse()?;
        match moment {
            Moment::Any => {}
            Moment::Unsent => {
                // On a busy machine the standby can be connecting again.
                let sender = until("a process that sends to the standby", || {
                    Ok(self.sql(primary, "SELECT pid FROM pg_stat_replication")?.parse().ok())
                })?;
                ensure!(signal("-STOP", sender)?, "there is no process {sender}");
            }
            Moment::Unanswered => {
                self.sql(3 - primary, "SELECT pg_wal_replay_pause()")?;
                // The new primary does not have this setting.
                self.sql(primary, "ALTER SYSTEM SET synchronous_commit = remote_apply")?;
                self.sql(primary, "SELECT pg_reload_conf()")?;
            }
        }
        Ok(())
    }

    /// Returns whether a commit waits for the standby, and longer than commits usually do.
    pub fn a_commit_waits(&self) -> Result<bool> {
        let primary: usize = self.setting("primary")?.parse()?;
        let query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' \
            AND state_change < clock_timestamp() - interval '200 ms'";
        Ok(self.sql(primary, query)? != "0")
    }

    /// Kills the primary and promotes the standby.
    pub fn kill_primary(&self) -> Result<()> {
        run(self.script(&["kill-primary"]))
    }

    /// Makes the killed primary the standby.
    pub fn rejoin(&self) -> Result<()> {
        run(self.script(&["rejoin"]))
    }

    /// Runs a statement as the administrator of one of the two databases. Returns the first value
    /// of the first row, or an empty text.
    fn sql(&self, number: usize, statement: &str) -> Result<String> {
        let ports = self.setting("db_ports")?;
        let port = ports.trim_matches(['(', ')']).split(' ').nth(number - 1);
        let port = port.context("the settings have no port of the database")?;
        let url = format!("postgresql://postgres@127.0.0.1:{port}/postgres");
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            tokio::spawn(connection);
            let messages = client.simple_query(statement).await?;
            let rows = messages.iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            Ok(rows.map(str::to_string).next().unwrap_or_default())
        })
    }

    /// Returns a value of the file that `cluster.sh` keeps: `name=value` or `name=(values)`.
    fn setting(&self, name: &str) -> Result<String> {
        let settings = fs::read_to_string(self.folder.join("settings"))?;
        let settings = format!(" {settings}");
        let value = settings.split_once(&format!(" {name}="));
        let (_, value) = value.with_context(|| format!("cluster.sh keeps no {name}"))?;
        let end = if value.starts_with('(') { ')' } else { ' ' };
        Ok(value.split([end, '\n']).next().unwrap_or_default().to_string())
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCRIPT);
        command.args(arguments).env("CLUSTER", &self.folder).env_remove("SERVERS");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster.sh");

/// Runs a command of the script.
fn run(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("cannot start cluster.sh")?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
    Ok(())
}
