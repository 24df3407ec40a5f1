//! What strangers do, the server survives: it answers the next client soon, and nothing of them is left.
#![cfg(unix)]

use anyhow::Result;
use replay::Server;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};
use testing::Stage;
#[cfg(target_os = "linux")]
use testing::process::threads_and_descriptors;
use testing::process::{signal, until};
use testing::raw::{self, Baseline, GET, ask, connect, rest, status, status_of};
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

/// How many threads and descriptors the server has, once only the thread that accepts and the one that
/// waits for signals are left.
#[cfg(target_os = "linux")]
fn left_at_rest(server: &Server) -> Result<(usize, usize)> {
    until("the end of all other threads", || {
        let left = threads_and_descriptors(server.id())?;
        Ok((left.0 == 2).then_some(left))
    })
}

#[test]
#[cfg(target_os = "linux")]
fn survives_each_attack_three_hundred_times() -> Result<()> {
    let server = STAGE.server()?;
    let baseline = Baseline::of(server.addr())?;
    let before = left_at_rest(&server)?;
    for kind in ["silent", "rst", "rst-mid", "garbage", "big", "scanners"] {
        for _ in 0..300 {
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

#[test]
fn the_attacks_say_what_came_back() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 2")?;
    let said =
        |kind: &str| -> Result<String> { Ok(String::from_utf8(attack(&server, kind)?.stdout)?) };
    let scanners = said("scanners")?;
    let answers: Vec<&str> =
        scanners.lines().filter_map(|line| line.rsplit(": HTTP/1.1 ").next()).collect();
    assert_eq!(answers[0], "421 Misdirected Request");
    assert_eq!(answers[1], "405 Method Not Allowed");
    assert_eq!(answers[2], "404 Not Found");
    assert_eq!(answers[3..5], [answers[0], answers[0]]);
    assert!(
        said("big")?.contains("414 ")
            && said("big")?.contains("431 ")
            && said("big")?.contains("413 ")
    );
    assert_eq!(said("garbage")?.matches("400 Bad Request").count(), 3);
    // On a busy machine it can be some seconds more; the attack itself goes on for 60.
    let slow = said("slow")?;
    assert!(slow.starts_with("a byte a second: after "), "{slow}");
    assert!(slow.contains(" s HTTP/1.1 408 Request Timeout\n"), "{slow}");
    // An attack is for a server of one's own.
    let elsewhere =
        Command::new(STAGE.binary).args(["attack", "rst", "--addr", "192.0.2.1:80"]).output()?;
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(String::from_utf8(elsewhere.stderr)?.contains("--i-own-this-server"));
    Ok(())
}

/// Elsewhere a process may have no more than 256 descriptors, fewer than this takes.
#[test]
#[cfg(target_os = "linux")]
fn a_flood_is_turned_away() -> Result<()> {
    let server = STAGE.server()?;
    let flood = String::from_utf8(attack(&server, "flood")?.stdout)?;
    assert!(
        flood.starts_with("among 300 silent connections: GET / → 503 Service Unavailable\n"),
        "{flood}"
    );
    assert!(flood.ends_with("the server still answers: GET / → 200 OK\n"), "{flood}");
    Ok(())
}

#[test]
fn an_attack_says_when_the_server_is_dead() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr().to_string();
    server.kill();
    let output = Command::new(STAGE.binary).args(["attack", "silent", "--addr", &addr]).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.starts_with("nothing answers at "));
    Ok(())
}

#[test]
fn each_fault_has_its_status() -> Result<()> {
    let server = STAGE.server()?;
    let long = "x".repeat(9000);
    let fields = "X: y\r\n".repeat(101);
    let hundred = "X: y\r\n".repeat(99);
    let cases: &[(&str, &str)] = &[
        ("400", "garbage\r\n\r\n"),
        ("400", "GET /\r\n\r\n"),
        ("400", "GET / HTTP/1.1 again\r\n\r\n"),
        ("400", "GET / FTP/1.1\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nno colon\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\n: x\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"),
        ("400", "GET /\x1b[31m HTTP/1.1\r\n\r\n"),
        ("400", " / HTTP/1.1\r\n\r\n"),
        ("400", "GET  HTTP/1.1\r\n\r\n"),
        ("400", "G{}T / HTTP/1.1\r\n\r\n"),
        ("400", "GET / HTTP/1.foo\r\n\r\n"),
        ("400", "GET / HTTP/1.\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\n가: x\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nContent-Length: two\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\nhi"),
        ("400", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
        ("201", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nhi"),
        ("400", "GET / HTTP/1.1\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
        ("413", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"),
        ("413", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        ("414", &format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("414", &format!("GET /x{} HTTP/1.1\r\nHost: x\r\n\r\n", "가".repeat(3000))),
        ("414", &format!("GET /xx{} HTTP/1.1\r\nHost: x\r\n\r\n", "가".repeat(3000))),
        ("414", &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8192 - 13))),
        ("404", &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8192 - 14))),
        ("431", &format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\nY: {long}\r\n\r\n")),
        ("431", &format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")),
        ("200", &format!("GET / HTTP/1.1\r\nHost: x\r\n{hundred}\r\n")),
        ("501", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("505", "GET / HTTP/2.0\r\n\r\n"),
        ("505", "GET / HTTP/0.9\r\n\r\n"),
        ("200", "GET / HTTP/1.0\r\n\r\n"),
        ("405", "CONNECT www.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("421", "GET http://www.example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("421", "GET https://www.example.org HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("404", "GET /?u=http://www.example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("404", &format!("GET http://{}?u HTTP/1.1\r\nHost: x\r\n\r\n", server.addr())),
        ("200", &format!("GET http://{}/ HTTP/1.1\r\nHost: x\r\n\r\n", server.addr())),
        ("200", &format!("GET HTTP://{} HTTP/1.1\r\nHost: x\r\n\r\n", server.addr())),
    ];
    for (wanted, request) in cases {
        let answer = ask(server.addr(), request)?;
        assert_eq!(status_of(&answer), *wanted, "{request:.60}: {answer}");
    }
    assert_eq!(status(server.addr(), b"GET /\xff HTTP/1.1\r\n\r\n")?, "400");
    assert_eq!(status(server.addr(), b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff")?, "400");
    let most =
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n{}", "x".repeat(65536));
    assert_eq!(status(server.addr(), most)?, "201");
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
fn too_many_are_turned_away_at_once() -> Result<()> {
    // On another server: here its last connections could still count.
    let baseline = Baseline::of(STAGE.server()?.addr())?;
    let server = STAGE.server_with("", "--max-connections 3")?;
    let idle = silent(&server, 3)?;
    let start = Instant::now();
    assert_eq!(status_of(&rest(connect(server.addr())?)?), "503");
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

#[test]
fn a_store_that_fails_costs_one_request() -> Result<()> {
    let mut server = STAGE.server()?;
    let baseline = Baseline::of(server.addr())?;
    let post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(status(server.addr(), post)?, "201");
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    // Nor do many clients that wait for the store hold up another one.
    let mut writers = silent(&server, 12)?;
    for stream in &mut writers {
        stream.write_all(post)?;
    }
    baseline.is_kept()?;
    for stream in writers {
        assert_eq!(status_of(&rest(stream)?), "503");
    }
    other.execute_batch("COMMIT")?;
    assert_eq!(status(server.addr(), post)?, "201");
    other.execute_batch("ALTER TABLE messages RENAME TO elsewhere")?;
    assert_eq!(status(server.addr(), post)?, "500");
    other.execute_batch("ALTER TABLE elsewhere RENAME TO messages")?;
    assert_eq!(status(server.addr(), post)?, "201");
    let log = server.said()?;
    assert!(log.contains("the store failed: database is locked"), "{log}");
    assert!(log.contains("the store failed: no such table"), "{log}");
    Ok(())
}

#[test]
fn what_strangers_send_cannot_drive_the_terminal() -> Result<()> {
    let mut server = STAGE.server()?;
    ask(server.addr(), b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ask(
        server.addr(),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n\x1b]0;o\x07\u{9b}2J\r!"
            .as_bytes(),
    )?;
    ask(server.addr(), "GET /\u{202e}gpj HTTP/1.1\r\nHost: x\r\n\r\n".as_bytes())?;
    ask(server.addr(), b"GET /geoserver/web/ HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ask(server.addr(), b"GET http://192.0.2.1/ HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let log = server.said_when_quiet()?;
    assert!(log.lines().all(|line| !line.contains(char::is_control)), "{log:?}");
    assert!(log.contains("\\u{1b}]0;o\\u{7}\\u{9b}2J"), "{log}");
    assert!(!log.contains('\u{202e}') && log.contains("\\u{202e}gpj"), "{log}");
    let lines = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{}",
        "\n".repeat(60_000)
    );
    ask(server.addr(), lines)?;
    assert!(server.said_when_quiet()?.lines().count() < 100, "a stranger fills the log");
    assert!(log.contains(" a scan\n") && log.contains(" a proxy test\n"), "{log}");
    Ok(())
}

/// SIGINT and SIGTERM: a request that has begun is served, the database is closed, the exit status is 0.
#[test]
fn ends_when_it_is_asked_to() -> Result<()> {
    for name in ["-INT", "-TERM"] {
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
        let file = |name: &str| server.folder().join(name);
        assert!(file("messages.db").exists() && !file("messages.db-wal").exists());
    }
    Ok(())
}

/// Also when there is no descriptor left to wake it with.
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
    assert!(!server.folder().join("messages.db-wal").exists(), "the database is not closed");
    let ended = match idle.read(&mut [0; 1]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(ended);
    Ok(())
}

/// Many clients at once, and the server is killed: what was answered for is there.
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
