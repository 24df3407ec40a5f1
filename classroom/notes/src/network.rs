//! The network in which the programs of a section meet.
//!
//! All servers of the notes listen on port 8080. Linux can give a process a network of its own (a *network
//! namespace*): a loopback interface whose ports are all free, and nothing else. The program `unshare` makes one, and
//! `nsenter` runs a command in it. So each section has its own port 8080, and the sections run at the same time.
//!
//! A system can forbid that: macOS has no namespaces, and a container often may not make one. Then the sections share
//! the network of the machine and run one after another, on port 8080 or, if another program listens there, on a
//! free port. [`Network::rewrite`] puts that port into each command, and [`Network::restore`] takes it out of the
//! output.

use anyhow::{Context, Result};
use regex::{Captures, Regex};
use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

/// The port on which the servers of the notes listen.
const PORT: u16 = 8080;

/// The ports to try in its place. They have four digits too, so that no `Content-Length` changes.
const OTHER_PORTS: std::ops::Range<u16> = 8081..9999;

/// The options with which `unshare` makes a network namespace: as root, and as any other user.
const UNSHARE_OPTIONS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];

/// What the process that holds a namespace does: it turns the loopback on, says so, and waits until its standard
/// input ends, which happens at the latest when the test ends.
const HOLD: &str = "ip link set lo up && echo up && read end";

/// A network for the commands of a section.
pub(crate) enum Network {
    /// A network namespace.
    Own(Namespace),
    /// The network of the machine, and the port for the servers.
    Shared(SharedPort),
}

/// A network namespace. It is gone when this is dropped.
pub(crate) struct Namespace {
    holder: Child,
    /// The options for `unshare` that have made it.
    options: &'static [&'static str],
}

/// A port of the machine for the servers of the notes.
pub(crate) struct SharedPort {
    port: u16,
    /// While this file is open, no other test runs the notes in the network of the machine.
    _lock: File,
}

impl Network {
    /// A namespace, if the system allows it.
    pub fn own() -> Option<Network> {
        UNSHARE_OPTIONS.into_iter().find_map(Namespace::new).map(Network::Own)
    }

    /// The network of the machine. Waits until no other test uses it for the notes.
    ///
    /// # Errors
    /// A lock file that cannot be made, or no free port.
    pub fn shared() -> Result<Network> {
        let path = env::temp_dir().join("notes-8080.lock");
        // A file of another user can be opened, but not written.
        let lock = File::open(&path).or_else(|_| File::create(&path));
        let lock = lock.with_context(|| format!("cannot open {}", path.display()))?;
        lock.lock()?;
        let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let port = std::iter::once(PORT).chain(OTHER_PORTS).find(is_free);
        let port = port.with_context(|| format!("no port from {PORT} on is free"))?;
        Ok(Network::Shared(SharedPort { port, _lock: lock }))
    }

    /// A shell in this network, without a command.
    pub fn shell(&self) -> Command {
        let Network::Own(Namespace { holder, options }) = self else { return Command::new("sh") };
        let mut command = Command::new("nsenter");
        command.args(["--target", &holder.id().to_string(), "--net"]);
        if options.contains(&"--user") {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(["--", "sh"]);
        command
    }

    /// The command as it has to be typed in this network.
    ///
    /// # Errors
    /// A pattern that is no regular expression, which cannot be.
    pub fn rewrite(&self, command: &str) -> Result<String> {
        match self.other_port() {
            Some(port) => with_port(command, port),
            None => Ok(command.to_string()),
        }
    }

    /// The output of a rewritten command as the original would have printed it.
    pub fn restore(&self, output: &str) -> String {
        match self.other_port() {
            Some(port) => output.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:8080"),
            None => output.to_string(),
        }
    }

    fn other_port(&self) -> Option<u16> {
        match self {
            Network::Shared(SharedPort { port, .. }) if *port != PORT => Some(*port),
            _ => None,
        }
    }
}

impl Namespace {
    fn new(options: &'static [&'static str]) -> Option<Namespace> {
        let mut unshare = Command::new("unshare");
        unshare.args(options).args(["sh", "-c", HOLD]);
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let holder = unshare.spawn().ok()?;
        let mut namespace = Namespace { holder, options };
        let mut line = String::new();
        BufReader::new(namespace.holder.stdout.take()?).read_line(&mut line).ok()?;
        (line == "up\n").then_some(namespace)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// `command` with `port` in place of 8080: where the command names the address, and where a stage or an example
/// uses it by default.
fn with_port(command: &str, port: u16) -> Result<String> {
    let address = format!("127.0.0.1:{port}");
    let stage = Regex::new(r"(cargo run [^|;&]*?-- )([^|;&]*)")?;
    let connects = Regex::new(r"\b(server|client|attack|window)\b")?;
    let example = Regex::new(r"(cargo run [^|;&]*--example \w+)(\s*(?:$|[|;&]))")?;
    let command = stage.replace_all(command, |found: &Captures| {
        let (cargo, arguments) = (&found[1], &found[2]);
        if connects.is_match(arguments) && !arguments.contains("--addr") {
            format!("{cargo}--addr {address} {arguments}")
        } else {
            found[0].to_string()
        }
    });
    let command = example.replace_all(&command, |found: &Captures| {
        format!("{} -- {address}{}", &found[1], &found[2])
    });
    let command = command.replace("127.0.0.1:8080", &address);
    Ok(command.replace("127.0.0.1 8080", &format!("127.0.0.1 {port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_port_stands_where_8080_is_written_or_meant() {
        for (command, expected) in [
            (
                "cargo run -p s01_echo -- server",
                "cargo run -p s01_echo -- --addr 127.0.0.1:8081 server",
            ),
            (
                "printf 'a\\n' | cargo run -q -p s05_get -- client | head -n 1",
                "printf 'a\\n' | cargo run -q -p s05_get -- --addr 127.0.0.1:8081 client | head -n 1",
            ),
            (
                "cargo run -p s08_sqlite -- --db cats.db server",
                "cargo run -p s08_sqlite -- --addr 127.0.0.1:8081 --db cats.db server",
            ),
            (
                "cargo run -p s10_hardened -- attack rst",
                "cargo run -p s10_hardened -- --addr 127.0.0.1:8081 attack rst",
            ),
            (
                "cargo run -p s02_loop --example segments",
                "cargo run -p s02_loop --example segments -- 127.0.0.1:8081",
            ),
            (
                "cargo run -p s02_loop --example segments -- 127.0.0.1:8080",
                "cargo run -p s02_loop --example segments -- 127.0.0.1:8081",
            ),
            ("curl -s http://127.0.0.1:8080/0", "curl -s http://127.0.0.1:8081/0"),
            ("echo x | nc 127.0.0.1 8080", "echo x | nc 127.0.0.1 8081"),
            // These have an address already, or need none.
            ("cargo run -p s01_echo", "cargo run -p s01_echo"),
            (
                "cargo run -p s01_echo -- server --addr 127.0.0.1:0",
                "cargo run -p s01_echo -- server --addr 127.0.0.1:0",
            ),
            (
                "cargo run -p s08_sqlite -- --db cats.db --addr 127.0.0.1:0 server",
                "cargo run -p s08_sqlite -- --db cats.db --addr 127.0.0.1:0 server",
            ),
            (
                "cargo run -p packets -- captures/s01_refused.pcap",
                "cargo run -p packets -- captures/s01_refused.pcap",
            ),
        ] {
            assert_eq!(with_port(command, 8081).unwrap(), expected);
        }
    }
}
