//! Many clients at the same time: one commit for the writes that wait, one list for all readers,
//! and nothing that was answered is lost, doubled or out of order.

use anyhow::{Context, Result, ensure};
use replay::Server;
use std::collections::HashSet;
use std::fs;
use std::io::prelude::*;
use std::thread;
use std::time::{Duration, Instant};
use testing::raw::{connect, status};
use testing::writers::{self, Writers};
use testing::{Stage, needs, process};

const STAGE: Stage = testing::stage!();

fn post(text: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// A crowd writes; then the server is killed, started again, and asked for all that was answered.
/// Each text is there once, at its index, and those of one client in the order in which it sent them.
#[test]
fn killed_twenty_times_in_a_crowd_it_has_what_it_answered_for() -> Result<()> {
    const CLIENTS: usize = 32;
    let mut server = STAGE.server()?;
    let mut answered = Vec::new();
    for round in 0..20 {
        let writers = Writers::start(server.addr(), CLIENTS, &format!("round {round}"));
        answered.extend(writers.take(40 + 7 * round));
        server.kill();
        answered.extend(writers.rest());
        server.restart()?;
        let list = writers::list(server.addr())?;
        writers::is_all_in(&answered, &list).with_context(|| format!("round {round}"))?;
        let distinct: HashSet<&String> = list.iter().collect();
        assert_eq!(distinct.len(), list.len(), "round {round}: a text is there twice");
        assert!(list.len() <= answered.len() + CLIENTS * (round + 1));
        for client in 0..CLIENTS {
            let label = format!("round {round}, client {client}, message ");
            let numbers = list.iter().filter_map(|text| text.strip_prefix(&label)?.parse().ok());
            let numbers: Vec<usize> = numbers.collect();
            assert!(numbers.is_sorted(), "{label}{numbers:?}");
        }
    }
    Ok(())
}

/// The largest index that there can be names no message, and ends no thread.
#[test]
fn the_largest_index_names_no_message() -> Result<()> {
    let server = STAGE.server()?;
    for index in [u64::MAX, u64::MAX - 1, u64::MAX - 2] {
        assert_eq!(status(server.addr(), get(&format!("/{index}")))?, "404");
    }
    Ok(())
}

/// What a client wrote is seen by its next GET, while a crowd writes.
#[test]
fn a_write_that_was_answered_is_seen() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr();
    let one = |client: usize| -> Result<()> {
        for number in 0..20 {
            let text = format!("client {client}, text {number}");
            let answer = testing::raw::ask(addr, post(&text))?;
            let index = answer.split("Location: ").nth(1).context("no Location")?;
            let index = index.lines().next().unwrap_or_default();
            let found = testing::raw::ask(addr, get(index))?;
            ensure!(found.ends_with(&format!("\r\n\r\n{text}")), "{text:?}: {found:?}");
            let list = writers::list(addr)?;
            ensure!(list.contains(&text), "{text:?} is not in the list");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..16).map(|client| scope.spawn(move || one(client))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client"))
    })
}

/// While another process holds the file, writes wait. Reads do not, and they see what is committed.
#[test]
fn a_read_waits_for_no_write() -> Result<()> {
    let server = STAGE.server()?;
    assert_eq!(status(server.addr(), post("first"))?, "201");
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let mut waiting = Vec::new();
    for text in ["second", "third"] {
        let mut stream = connect(server.addr())?;
        stream.write_all(post(text).as_bytes())?;
        waiting.push(stream);
    }
    for _ in 0..20 {
        assert!(testing::raw::ask(server.addr(), get("/"))?.ends_with("[\"first\"]"));
        assert!(testing::raw::ask(server.addr(), get("/0"))?.ends_with("first"));
    }
    assert!(!testing::raw::has_answer(&waiting[0])?, "a write does not wait for its commit");
    other.execute_batch("COMMIT")?;
    for stream in waiting {
        assert_eq!(testing::raw::status_of(&testing::raw::rest(stream)?), "201");
    }
    assert_eq!(writers::list(server.addr())?.len(), 3);
    Ok(())
}

/// If the commit fails, each of its clients gets an error, and none of it is stored later either.
#[test]
fn a_commit_that_fails_fails_for_all() -> Result<()> {
    let server = STAGE.server()?;
    assert_eq!(status(server.addr(), post("first"))?, "201");
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let mut waiting = Vec::new();
    for number in 0..12 {
        let mut stream = connect(server.addr())?;
        stream.write_all(post(&format!("number {number}")).as_bytes())?;
        waiting.push(stream);
    }
    for stream in waiting {
        assert_eq!(testing::raw::status_of(&testing::raw::rest(stream)?), "503");
    }
    other.execute_batch("COMMIT")?;
    assert_eq!(status(server.addr(), post("last"))?, "201");
    assert_eq!(writers::list(server.addr())?, ["first", "last"]);
    Ok(())
}

/// A text that does not fit is refused alone: the others of the same commit are stored.
#[test]
fn a_full_list_refuses_what_does_not_fit() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr();
    while status(addr, post(&"x".repeat(60_000)))? == "201" {}
    let before = writers::list(addr)?.len();
    let is_long = |number: usize| number.is_multiple_of(2);
    let statuses: Vec<String> = thread::scope(|scope| {
        let one = |number: usize| {
            let text = if is_long(number) { "x".repeat(60_000) } else { format!("small {number}") };
            status(addr, post(&text)).expect("a status")
        };
        let clients: Vec<_> = (0..16).map(|number| scope.spawn(move || one(number))).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    for (number, status) in statuses.iter().enumerate() {
        assert_eq!(status, if is_long(number) { "507" } else { "201" }, "client {number}");
    }
    assert_eq!(writers::list(addr)?.len(), before + 8);
    Ok(())
}

/// If the disk is full, only the requests that write fail, and nothing that was answered is lost.
fn is_whole_on_a_disk_that_is_full(server: &Server) -> Result<()> {
    let mut answered = Vec::new();
    let mut refused = 0;
    for number in 0..60 {
        let text = format!("{number} {}", "x".repeat(20_000));
        let status = status(server.addr(), post(&text))?;
        match status.as_str() {
            "201" => answered.push(text),
            "500" | "507" => refused += 1,
            _ => anyhow::bail!("{status}"),
        }
        if refused == 10 {
            break;
        }
    }
    ensure!(!answered.is_empty() && refused == 10, "{} answered", answered.len());
    ensure!(writers::list(server.addr())? == answered, "the list is another one");
    // A write that fails leaves the message as it was.
    let put = format!(
        "PUT /0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 30000\r\n\r\n{}",
        "y".repeat(30_000)
    );
    let status = status(server.addr(), put)?;
    if status != "200" {
        ensure!(writers::list(server.addr())? == answered, "{status}, and the list is another one");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow() -> Result<()> {
    let server = STAGE.server_with("trap '' XFSZ; ulimit -f 200", "")?;
    is_whole_on_a_disk_that_is_full(&server)
}

/// A file system of 1 MiB, where the system allows a process to mount one for itself.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_is_full() -> Result<()> {
    let allowed = std::process::Command::new("unshare").args(["-rm", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("this system does not allow it");
        return Ok(());
    }
    let mount = "[ \"$MOUNTED\" ] || MOUNTED=1 exec unshare -rm \"$0\" \"$@\"
mount -t tmpfs -o size=300k none . && cd \"$PWD\"";
    is_whole_on_a_disk_that_is_full(&STAGE.server_with(mount, "")?)
}

/// Fewer than a quarter of the writes of 32 clients need a sync of their own. strace counts them. In stage 15, with a
/// pool in place of group commit, all of them do.
#[cfg(target_os = "linux")]
#[needs("pgrep", "strace")]
#[test]
fn writes_share_syncs() -> Result<()> {
    let trace = STAGE.file("trace")?;
    let db = STAGE.file("synced.db")?;
    let mut server = std::process::Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&trace)
        .args([STAGE.binary, "server", "--addr", "127.0.0.1:0", "--db"])
        .arg(db)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut output = std::io::BufReader::new(server.stdout.take().context("no output")?);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let addr = line.trim().trim_start_matches("listening on ").to_string();
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let syncs = || -> Result<usize> { Ok(fs::read_to_string(&trace)?.matches("sync(").count()) };
    let before = syncs()?;
    let writers = Writers::start(&addr, 32, "crowd");
    let mut writes = writers.take(2000).len();
    for child in process::children(server.id())? {
        process::signal("-KILL", child)?;
    }
    server.wait()?;
    writes += writers.rest().len();
    let syncs = syncs()? - before;
    println!("{writes} writes, {syncs} syncs");
    let is_shared = syncs * 4 < writes;
    assert_eq!(is_shared, STAGE.number()? < 15, "{syncs} syncs for {writes} writes");
    Ok(())
}

/// All readers of a full list share one copy of it.
#[cfg(target_os = "linux")]
#[test]
fn readers_share_the_list() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 60")?;
    while status(server.addr(), post(&"x".repeat(60_000)))? == "201" {}
    let mut readers = Vec::new();
    // One address gets seven eighths of 256 permits.
    for _ in 0..224 {
        let mut stream = connect(server.addr())?;
        stream.write_all(get("/").as_bytes())?;
        readers.push(stream);
    }
    for stream in &readers {
        let has_answer = || Ok(testing::raw::has_answer(stream)?.then_some(()));
        process::until("a response begins", has_answer)?;
    }
    let memory = memory_in_kib(&server)?;
    println!("{} KiB with 224 readers", memory);
    assert!(memory < 64 << 10, "{memory} KiB");
    Ok(())
}

/// The most memory that the server has had, in KiB.
fn memory_in_kib(server: &Server) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The log has a line for each request, and with --verbose the whole messages.
#[test]
fn the_log_has_a_line_for_each_request() -> Result<()> {
    let mut server = STAGE.server()?;
    let start = Instant::now();
    assert_eq!(status(server.addr(), post("hello"))?, "201");
    let log = server.said_with("µs")?;
    let line = log.lines().last().unwrap_or_default();
    let (facts, time) = line.rsplit_once(", ").context("no time")?;
    assert!(facts.ends_with(" POST / → 201, 5 bytes"), "{line:?}");
    let time = time.trim_end_matches(" µs").parse().map(Duration::from_micros)?;
    assert!(time <= start.elapsed(), "{line:?}");
    assert!(!log.contains("hello"), "{log:?}");
    Ok(())
}
