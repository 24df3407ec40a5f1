//! The cluster of `cluster.sh`: servers and databases are killed and come back, and no message is lost.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use testing::clients::ureq_gets;
use testing::process::{signal, until};
use testing::{Stage, needs, ureq};

const STAGE: Stage = testing::stage!();
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster.sh");

/// A cluster in a folder of its own, which ends with the test.
struct Cluster(PathBuf);

impl Cluster {
    /// A folder for a cluster, which does not run yet. The user `postgres` can enter the folder.
    fn new() -> Result<Cluster> {
        static CLUSTERS: AtomicU32 = AtomicU32::new(0);
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("cluster-test-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        Ok(Cluster(folder))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCRIPT);
        command
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .env("SERVER", STAGE.binary);
        command.env("ADDR", "127.0.0.1:0").env_remove("CLUSTER");
        for name in ["SERVERS", "SYNC"] {
            command.env_remove(name);
        }
        command
    }

    /// What a command prints, which must succeed.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output().context("cluster.sh")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        assert_eq!(errors, "", "{arguments:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts the cluster and returns the address.
    fn start(&self) -> Result<String> {
        let text = self.run(&["start"])?;
        let last = text.lines().last().and_then(|line| line.strip_prefix("listening on "));
        Ok(last.context("the last line is not the address")?.to_string())
    }

    /// Asserts that the command fails, and that it prints this one line. FOLDER stands for the cluster's.
    fn fails(&self, command: &mut Command, line: &str) -> Result<()> {
        let Output { status, stdout, stderr } = command.output()?;
        let errors = String::from_utf8(stderr)?;
        let folder = self.0.join("cluster");
        let errors =
            errors.replace(&folder.display().to_string(), "FOLDER").replace(SCRIPT, "cluster.sh");
        assert_eq!((errors.as_str(), status.code()), (format!("{line}\n").as_str(), Some(1)));
        assert_eq!(String::from_utf8(stdout)?, "");
        Ok(())
    }

    /// How many processes have the folder in their command line.
    fn processes(&self) -> Result<usize> {
        let folder = format!("{}/", self.0.display());
        let output = Command::new("pgrep").args(["-f", &folder]).output()?;
        Ok(String::from_utf8(output.stdout)?.lines().count())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command(&["stop"]).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn post(addr: &str, text: &str) -> Result<()> {
    assert_eq!(ureq::post(format!("http://{addr}/")).send(text)?.status(), 201);
    Ok(())
}

/// Replaces a message, again and again until a server has done it: on a busy machine, a server can give up before it
/// has found the new primary.
fn put(addr: &str, path: &str, text: &str) -> Result<()> {
    until("a PUT", || {
        let answer = ureq::put(format!("http://{addr}{path}")).send(text);
        Ok(answer.is_ok_and(|answer| answer.status() == 200).then_some(()))
    })
}

#[needs("haproxy", "pgrep", "postgres", "setpriv")]
#[test]
fn no_message_is_lost_when_servers_and_primaries_are_killed() -> Result<()> {
    let cluster = Cluster::new()?;
    let addr = cluster.start()?;
    for text in ["0", "1", "2"] {
        post(&addr, text)?;
    }
    for number in ["1", "2", "3"] {
        assert_eq!(cluster.run(&["kill-server", number])?, format!("killed server {number}\n"));
        // HAProxy asks another server, also before a check has failed.
        for _ in 0..3 {
            assert_eq!(ureq_gets(&addr, "/")?, r#"["0","1","2"]"#);
        }
        assert_eq!(cluster.run(&["start-server", number])?, format!("started server {number}\n"));
    }

    let killed = "killed db1; db2 is the primary and runs alone\n";
    assert_eq!(cluster.run(&["kill-primary"])?, killed);
    put(&addr, "/0", "zero")?;
    let rejoined = "db1 is the standby of db2; synchronous: on\n";
    assert_eq!(cluster.run(&["rejoin"])?, rejoined);
    put(&addr, "/1", "one")?;

    // And the other way round.
    let killed = "killed db2; db1 is the primary and runs alone\n";
    assert_eq!(cluster.run(&["kill-primary"])?, killed);
    put(&addr, "/2", "two")?;
    post(&addr, "셋")?;
    let list = r#"["zero","one","two","셋"]"#;
    assert_eq!(ureq_gets(&addr, "/")?, list);

    // The messages survive the end of the whole cluster, and the killed database can still rejoin.
    assert!(cluster.run(&["stop"])?.starts_with("stopped; the messages stay in "));
    assert_eq!(cluster.processes()?, 0);
    let addr = cluster.start()?;
    assert_eq!(ureq_gets(&addr, "/")?, list);
    let rejoined = "db2 is the standby of db1; synchronous: on\n";
    assert_eq!(cluster.run(&["rejoin"])?, rejoined);
    let status = cluster.run(&["status"])?;
    assert_eq!(status.lines().filter(|line| line.contains(" runs")).count(), 6, "{status}");
    assert!(status.contains(" runs: standby, synchronous: on"), "{status}");
    cluster.run(&["stop"])?;
    assert_eq!(cluster.processes()?, 0);
    Ok(())
}

#[needs("haproxy", "pgrep", "postgres", "setpriv")]
#[test]
fn a_wrong_use_is_told_and_changes_nothing() -> Result<()> {
    let cluster = Cluster::new()?;
    let fails =
        |arguments: &[&str], line: &str| cluster.fails(&mut cluster.command(arguments), line);
    let with = |name: &str, value: &str, line: &str| {
        cluster.fails(cluster.command(&["start"]).env(name, value), line)
    };
    let usage = "usage: cluster.sh start | status | kill-server N | start-server N | kill-primary | rejoin | stop";
    fails(&[], usage)?;
    fails(&["begin"], usage)?;
    for command in ["status", "kill-primary", "rejoin", "stop"] {
        fails(&[command], "no cluster runs in cluster; start one with: cluster.sh start")?;
    }
    with("SYNC", "maybe", "SYNC is on or off, unlike maybe")?;
    with("SERVERS", "4", "SERVERS is 1, 2 or 3, unlike 4")?;
    with("ADDR", "8080", "ADDR is HOST:PORT, unlike 8080")?;
    with("SERVER", "/none", "there is no program /none; build it with: cargo build -p s14_shared")?;

    // A smaller cluster, whose commits do not wait for the standby.
    let text = cluster.command(&["start"]).env("SERVERS", "1").env("SYNC", "off").output()?.stdout;
    let text = String::from_utf8(text)?;
    let addr = text.lines().last().and_then(|line| line.strip_prefix("listening on "));
    let addr = addr.with_context(|| format!("no address: {text}"))?;
    post(addr, "하나")?;
    fails(&["start"], &format!("the cluster in FOLDER runs already, at {addr}"))?;
    fails(&["kill-server"], "say which server, such as: cluster.sh kill-server 1")?;
    fails(&["kill-server", "9"], "there is no server 9, but servers 1 to 1")?;
    fails(&["start-server", "1"], "server 1 runs already")?;
    let rejoin = "nothing has to rejoin: db1 is the primary and db2 is its standby";
    fails(&["rejoin"], rejoin)?;
    cluster.run(&["kill-server", "1"])?;
    fails(
        &["kill-server", "1"],
        "server 1 does not run; start it with: cluster.sh start-server 1",
    )?;
    cluster.run(&["start-server", "1"])?;
    cluster.run(&["kill-primary"])?;
    let alone = "db2 runs alone, and no standby can take over; first: cluster.sh rejoin";
    fails(&["kill-primary"], alone)?;
    assert!(cluster.run(&["status"])?.contains(" does not run: killed, can rejoin"));
    put(addr, "/0", "둘")?;
    assert_eq!(ureq_gets(addr, "/")?, r#"["둘"]"#);

    // Another cluster wants the same address.
    let other = Cluster::new()?;
    let line = format!(
        "another program has {addr}; choose another address, such as ADDR=127.0.0.1:0 for a free port"
    );
    other.fails(other.command(&["start"]).env("ADDR", addr), &line)
}

#[needs("haproxy", "pgrep", "postgres", "setpriv")]
#[test]
fn an_interrupted_start_leaves_nothing() -> Result<()> {
    let cluster = Cluster::new()?;
    for last in ["db1.pid", "db2.pid", "server1.pid"] {
        let mut command = cluster.command(&["start"]);
        let mut start = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        until(last, || Ok(cluster.0.join("cluster").join(last).exists().then_some(())))?;
        assert!(signal("-TERM", start.id())?);
        assert_eq!(start.wait()?.code(), Some(1), "after {last}");
        assert_eq!(cluster.processes()?, 0, "after {last}");
        assert_eq!(fs::read_dir(cluster.0.join("cluster"))?.count(), 0, "after {last}");
    }
    Ok(())
}
