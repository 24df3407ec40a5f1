//! No client waits for another, strangers cannot end the server, and a signal ends it in order.
#![cfg(unix)]

use anyhow::Result;
use replay::Server;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testing::Stage;
#[cfg(target_os = "linux")]
use testing::process::threads_and_descriptors;
use testing::process::{Program, signal, until};
use testing::raw::{self, Baseline, GET, connect, rest, status, status_of};
use testing::writers::{self, Writers};

const STAGE: Stage = testing::stage!();

fn attack(server: &Server, kind: &str) -> Result<Output> {
    Ok(Command::new(STAGE.binary).args(["attack", kind, "--addr", server.addr()]).output()?)
}

/// Connections to the server on which nothing is sent.
fn silent(server: &Server, count: usize) -> Result<Vec<TcpStream>> {
    (0..count).map(|_| connect(server.addr())).collect()
}

/// Waits until the server answers 200.
fn answers_again(server: &Server) -> Result<()> {
    until("an answer", || {
        let status = status(server.addr(), GET);
        Ok(status.is_ok_and(|status| status == "200").then_some(()))
    })
}

/// How many threads and descriptors the server has, once only three threads are left: one accepts, one waits for
/// signals, and one writes the log. In stage 15 one waits, one writes the log, and for each core one runs the tasks.
#[cfg(target_os = "linux")]
fn left_at_rest(server: &Server) -> Result<(usize, usize)> {
    let threads = match STAGE.number()? {
        15 => 2 + thread::available_parallelism()?.get(),
        _ => 3,
    };
    until("the end of all other threads", || {
        let left = threads_and_descriptors(server.id())?;
        Ok((left.0 == threads).then_some(left))
    })
}

#[test]
#[cfg(target_os = "linux")]
fn survives_each_attack_a_hundred_times() -> Result<()> {
    let server = STAGE.server()?;
    let baseline = Baseline::of(server.addr())?;
    let before = left_at_rest(&server)?;
    for kind in ["silent", "rst", "rst-mid", "garbage", "big", "scanners", "smuggling"] {
        for _ in 0..100 {
            let output = attack(&server, kind)?;
            let words = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(
                words.ends_with("the server still answers: GET / → 200 OK\n"),
                "{kind}: {words}"
            );
        }
        baseline.is_kept()?;
    }
    assert_eq!(left_at_rest(&server)?, before, "threads and descriptors");
    Ok(())
}

/// They go on sending a byte now and then, which does not help them: the time is for the whole request.
#[test]
#[cfg(target_os = "linux")]
fn three_hundred_slow_ones_hold_up_no_other() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 2 --max-connections 400")?;
    let baseline = Baseline::of(server.addr())?;
    let before = left_at_rest(&server)?;
    let mut slow = silent(&server, 300)?;
    for stream in &mut slow {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\nx")?;
    }
    until("408 for all of them", || {
        baseline.is_kept()?;
        for mut stream in std::mem::take(&mut slow) {
            if raw::has_answer(&stream)? {
                assert_eq!(status_of(&rest(stream)?), "408");
            } else {
                stream.write_all(b"x")?;
                slow.push(stream);
            }
        }
        Ok(slow.is_empty().then_some(()))
    })?;
    assert_eq!(left_at_rest(&server)?, before, "threads and descriptors");
    Ok(())
}

/// Elsewhere a process may have no more than 256 descriptors, fewer than this takes.
#[test]
#[cfg(target_os = "linux")]
fn a_flood_is_rejected() -> Result<()> {
    let server = STAGE.server()?;
    let flood = String::from_utf8(attack(&server, "flood")?.stdout)?;
    assert!(
        flood.starts_with(
            "300 connections are open and silent\n\
             a request among them: GET / → 503 Service Unavailable\n"
        ),
        "{flood}"
    );
    assert!(flood.ends_with("the server still answers: GET / → 200 OK\n"), "{flood}");
    Ok(())
}

/// A response must not be lost because the client was still sending when the server refused.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() -> Result<()> {
    let server = STAGE.server()?;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n{}",
        "x".repeat(500_000)
    );
    for _ in 0..50 {
        assert_eq!(status(server.addr(), &request)?, "413");
    }
    Ok(())
}

#[test]
fn too_many_are_rejected_at_once() -> Result<()> {
    // On another server, because this one may still count its last connections.
    let baseline = Baseline::of(STAGE.server()?.addr())?;
    let server = STAGE.server_with("", "--max-connections 3")?;
    let idle = silent(&server, 3)?;
    let start = Instant::now();
    let answer = rest(connect(server.addr())?)?;
    assert_eq!(status_of(&answer), "503");
    assert!(answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
    assert!(start.elapsed() < baseline.limit(), "only after {:?}", start.elapsed());
    drop(idle);
    answers_again(&server)
}

/// With few descriptors `accept` fails; the server waits, does not spin, and goes on.
#[test]
fn out_of_descriptors() -> Result<()> {
    let mut server = STAGE.server_with("ulimit -n 24", "")?;
    let start = Instant::now();
    let idle = silent(&server, 40)?;
    let mut log = String::new();
    until("five times that accept fails", || {
        log.push_str(&server.said()?);
        Ok((log.matches("cannot accept a connection").count() >= 5).then_some(()))
    })?;
    assert!(start.elapsed() > Duration::from_millis(150), "the server spins: {log}");
    drop(idle);
    answers_again(&server)
}

/// SIGINT, SIGTERM and SIGHUP: a request that has begun is served, the database is closed, the exit status is 0.
#[test]
fn ends_when_it_is_asked_to() -> Result<()> {
    for name in ["-INT", "-TERM", "-HUP"] {
        let server = STAGE.server()?;
        let mut stream = connect(server.addr())?;
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nla")?;
        assert_eq!(status(server.addr(), GET)?, "200");
        assert!(signal(name, server.id())?);
        // No other client gets in: the connection is refused, or ends without an answer.
        until("the end of listening", || {
            Ok(TcpStream::connect(server.addr()).is_err().then_some(()))
        })?;
        stream.write_all(b"st")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert_eq!(status_of(&answer), "201");
        stream.shutdown(Shutdown::Both).ok();
        assert_eq!(server.status()?.code(), Some(0));
        // An open SQLite has a log beside its file.
        assert!(!server.folder().join("messages.db-wal").exists());
    }
    Ok(())
}

/// The same if no file descriptor is free at the signal.
#[test]
fn ends_when_descriptors_are_short() -> Result<()> {
    let end = |clients: usize| -> Result<()> {
        let server = STAGE.server_with("ulimit -n 24", "--timeout 1")?;
        let _idle = silent(&server, clients)?;
        assert!(signal("-TERM", server.id())?);
        assert_eq!(server.status()?.code(), Some(0), "{clients} clients");
        Ok(())
    };
    let ends: Vec<_> = (11..18).map(|clients| thread::spawn(move || end(clients))).collect();
    ends.into_iter().try_for_each(|end| end.join().expect("a server"))
}

/// A client that sends nothing has a minute here, but holds up the end for some seconds only.
#[test]
fn ends_although_a_client_is_silent() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 60")?;
    let mut idle = connect(server.addr())?;
    assert_eq!(status(server.addr(), GET)?, "200");
    assert!(signal("-TERM", server.id())?);
    // Gives up long before that minute is over.
    assert_eq!(server.status()?.code(), Some(0));
    let ended = match idle.read(&mut [0; 1]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(ended);
    Ok(())
}

/// Many clients at once, and the server is killed: each answered message is there.
#[test]
fn killed_under_load_it_has_what_it_answered_for() -> Result<()> {
    let mut server = STAGE.server()?;
    let writers = Writers::start(server.addr(), 16, "under load");
    let mut answered = writers.take(300);
    server.kill();
    answered.extend(writers.rest());
    server.restart()?;
    assert!(answered.len() >= 300);
    writers::is_all_in(&answered, &writers::list(server.addr())?)
}

/// A connection that comes from another address of this machine.
#[cfg(target_os = "linux")]
fn connect_from(client: [u8; 4], server: &Server) -> Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((client, 0)).into())?;
    socket.connect(&server.addr().parse::<SocketAddr>()?.into())?;
    Ok(socket.into())
}

/// One address takes all permits that it can get. Another address is served all the same.
#[test]
#[cfg(target_os = "linux")]
fn one_address_leaves_room_for_others() -> Result<()> {
    let server = STAGE.server_with("", "--max-connections 16")?;
    let _idle = silent(&server, 14)?;
    until("503 for the same address", || {
        Ok((status_of(&rest(connect(server.addr())?)?) == "503").then_some(()))
    })?;
    let mut other = connect_from([127, 0, 0, 2], &server)?;
    other.write_all(GET)?;
    other.shutdown(Shutdown::Write)?;
    assert_eq!(status_of(&rest(other)?), "200");
    Ok(())
}

/// Readers of the whole list hold up a reader of one message no longer than the list takes.
#[test]
fn long_lists_delay_no_other() -> Result<()> {
    let server = STAGE.server()?;
    let text = "\u{1}".repeat(20_000);
    let post = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n{text}");
    while status(server.addr(), &post)? == "201" {}
    let baseline = Baseline::of(server.addr())?;
    let mut readers = silent(&server, 60)?;
    for stream in &mut readers {
        stream.write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    }
    let start = Instant::now();
    assert_eq!(status(server.addr(), b"HEAD /0 HTTP/1.1\r\nHost: x\r\n\r\n")?, "200");
    assert!(start.elapsed() < baseline.limit(), "only after {:?}", start.elapsed());
    Ok(())
}

/// A server whose standard output is a pipe; the end of the pipe; its process id; its address.
type Piped = (Program, BufReader<ChildStdout>, u32, String);

/// Starts such a server, which ends with the test.
fn server_in_a_pipe() -> Result<Piped> {
    let mut server = Command::new(STAGE.binary)
        .args(["server", "--addr", "127.0.0.1:0", "--db"])
        .arg(STAGE.db("piped.db")?)
        .stdout(Stdio::piped())
        .spawn()?;
    let Some(output) = server.stdout.take() else { anyhow::bail!("no pipe") };
    let mut output = BufReader::new(output);
    let mut line = String::new();
    output.read_line(&mut line)?;
    let addr = line.trim().trim_start_matches("listening on ").to_string();
    let number = server.id();
    Ok((server.into(), output, number, addr))
}

/// The log is a pipe that is not read: the server goes on, and ends when it is asked to. When the pipe is read
/// again, the log says how many lines are missing.
#[test]
fn a_log_that_is_not_read_stops_nothing() -> Result<()> {
    let (mut server, mut output, number, addr) = server_in_a_pipe()?;
    let text = "x\n".repeat(1500);
    let post = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n{text}");
    // More lines than the pipe and the queue have room for, and what is on the way from one to the other. It is also
    // more than the list has room for: the answer may be 507.
    for _ in 0..3500 {
        assert!(["201", "507"].contains(&status(&addr, &post)?.as_str()));
    }
    let reader = thread::spawn(move || {
        let mut log = String::new();
        output.read_to_string(&mut log).map(|_| log)
    });
    assert_eq!(status(&addr, GET)?, "200");
    assert!(signal("-TERM", number)?);
    assert!(server.succeeds()?);
    let log = reader.join().expect("a reader")?;
    // In stage 15 these lines can be missing, too.
    if STAGE.number()? < 15 {
        assert!(log.contains(" lines missing here: "), "no line says what is missing");
        assert!(
            log.ends_with(" stopped; connections that were cut off: 0\n"),
            "{}",
            &log[log.len() - 200..]
        );
    }
    // The same if the pipe is not read to the end.
    let (mut server, output, number, addr) = server_in_a_pipe()?;
    for _ in 0..100 {
        status(&addr, &post)?;
    }
    assert!(signal("-TERM", number)?);
    assert!(server.succeeds()?);
    drop(output);
    Ok(())
}

/// A client has sent half a request and has a minute; the second signal does not wait for it.
#[test]
fn a_second_signal_ends_it_at_once() -> Result<()> {
    let mut server = STAGE.server_with("", "--timeout 60")?;
    let mut half = connect(server.addr())?;
    half.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nla")?;
    assert_eq!(status(server.addr(), GET)?, "200");
    assert!(signal("-TERM", server.id())?);
    let mut log = String::new();
    until("the first signal", || {
        log.push_str(&server.said()?);
        Ok(log.contains(" stopping\n").then_some(()))
    })?;
    assert!(signal("-TERM", server.id())?);
    assert_eq!(server.status()?.code(), Some(1));
    Ok(())
}
