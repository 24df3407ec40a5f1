//! The end of a session of tmux is an orderly end of the server in it.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use testing::process::until;
use testing::{Stage, needs, ureq};

const STAGE: Stage = testing::stage!();
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tmux.sh");

/// A tmux server of our own, which ends with the test.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Result<Machine> {
        // A short path, because that of a Unix socket may have about 100 bytes.
        let folder = std::env::temp_dir().join(format!("tmux-11-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Machine(folder))
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env_remove("TMUX");
        command.env("TMUX_TMPDIR", &self.0).env("SERVER", STAGE.binary).env("SESSION", "lesson");
        command.output().context("tmux")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.output("tmux", &["kill-server"]);
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// tmux sends SIGHUP. The server closes its database, so that no log is left beside it.
#[needs("tmux")]
#[test]
fn stop_ends_the_server_in_order() -> Result<()> {
    let machine = Machine::new()?;
    ensure!(machine.output(SCRIPT, &["start", "--addr", "127.0.0.1:0"])?.status.success());
    let addr = until("the address", || {
        let log = String::from_utf8(machine.output(SCRIPT, &["log"])?.stdout)?;
        Ok(log.lines().find_map(|line| Some(line.strip_prefix("listening on ")?.to_string())))
    })?;
    ensure!(ureq::post(format!("http://{addr}/")).send("kept")?.status() == 201);
    ensure!(machine.0.join("messages.db-wal").exists(), "the log is not beside the file");
    ensure!(machine.output(SCRIPT, &["stop"])?.status.success());
    until("the orderly end", || Ok((!machine.0.join("messages.db-wal").exists()).then_some(())))?;
    ensure!(ureq::get(format!("http://{addr}/")).call().is_err(), "it still answers");
    Ok(())
}
