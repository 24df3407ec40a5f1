//! A server on a rented machine: tmux keeps it running after the user has logged out, and systemd takes its
//! unit.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use testing::process::until;
use testing::{Stage, needs, ureq};

const STAGE: Stage = testing::stage!();
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tmux.sh");

/// tmux servers of our own, which end with the test.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Result<Machine> {
        // A short path, because that of a Unix socket may have about 100 bytes.
        let folder = std::env::temp_dir().join(format!("tmux-test-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Machine(folder))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env_remove("TMUX");
        command.env("TMUX_TMPDIR", &self.0).env("SERVER", STAGE.binary).env("SESSION", "lesson");
        command
    }

    fn script(&self, arguments: &[&str]) -> Result<Output> {
        self.command(SCRIPT, arguments).output().context("tmux.sh")
    }

    fn log(&self) -> Result<String> {
        Ok(String::from_utf8(self.script(&["log"])?.stdout)?)
    }

    /// Another tmux, whose screen stands for the person's terminal.
    fn terminal(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command("tmux", &[&["-L", "terminal"], arguments].concat()).output()?;
        Ok(String::from_utf8(output.stdout)?)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for socket in ["default", "terminal"] {
            let _ = self.command("tmux", &["-L", socket, "kill-server"]).output();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[needs("tmux")]
#[test]
fn starts_detaches_comes_back_and_stops() -> Result<()> {
    let machine = Machine::new()?;
    assert!(!machine.script(&["log"])?.status.success(), "nothing runs yet");
    assert!(machine.script(&["start", "--addr", "127.0.0.1:0"])?.status.success());
    let twice = machine.script(&["start"])?;
    assert!(String::from_utf8_lossy(&twice.stderr).contains("runs already"));
    let addr = until("the address", || {
        let log = machine.log()?;
        Ok(log.lines().find_map(|line| Some(line.strip_prefix("listening on ")?.to_string())))
    })?;

    // A user attaches, sees the log, detaches with Ctrl+b d; the server goes on.
    machine.terminal(&[
        "new-session",
        "-d",
        "-x",
        "100",
        "-y",
        "30",
        "env",
        "-u",
        "TMUX",
        SCRIPT,
        "attach",
    ])?;
    until("the log", || {
        let screen = machine.terminal(&["capture-pane", "-p"])?;
        Ok(screen.contains("listening on").then_some(()))
    })?;
    machine.terminal(&["send-keys", "C-b", "d"])?;
    until("the end of the terminal", || {
        Ok(machine.terminal(&["list-sessions"])?.is_empty().then_some(()))
    })?;

    assert_eq!(ureq::post(format!("http://{addr}/")).send("from outside")?.status(), 201);
    let log = machine.log()?;
    assert!(log.contains("Z 127.0.0.1:") && log.contains("→ from outside"), "{log}");
    assert!(machine.0.join("messages.db").exists());

    assert!(machine.script(&["stop"])?.status.success());
    until("the server's end", || {
        Ok(ureq::get(format!("http://{addr}/")).call().is_err().then_some(()))
    })?;
    Ok(())
}

#[test]
fn without_tmux_it_says_so() -> Result<()> {
    let output =
        Command::new("/bin/sh").args([SCRIPT, "start"]).env("PATH", "/nowhere").output()?;
    assert_eq!(output.status.code(), Some(1));
    let sentence = String::from_utf8(output.stderr)?;
    assert_eq!(sentence, "tmux is not installed: sudo apt install tmux\n");
    Ok(())
}

#[needs("systemd-analyze")]
#[test]
fn the_unit_is_sound() -> Result<()> {
    let unit = Path::new(STAGE.folder).join("s09_vps.service");
    let text = fs::read_to_string(unit)?.replace("/usr/local/bin/s09_vps", STAGE.binary);
    assert!(text.contains(STAGE.binary));
    let unit = Path::new(STAGE.scratch).join("s09_vps.service");
    fs::write(&unit, text)?;
    let unit = unit.to_str().context("no name")?;
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    let verified = analyze(&["verify", unit])?;
    let words = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !words.contains("s09_vps"), "{words}");
    // systemd-analyze rates the exposure, here 2.0 at most. A unit without any hardening has 9.6.
    let secured = analyze(&["security", "--offline=yes", "--threshold=20", unit])?;
    assert!(secured.status.success(), "{}", String::from_utf8_lossy(&secured.stdout));
    Ok(())
}
