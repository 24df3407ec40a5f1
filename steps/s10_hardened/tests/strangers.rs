//! What strangers do, the server survives: it answers the next one at once, and nothing of them is left.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use replay::Server;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

const STAGE: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

/// A server, which a script starts with these words before and after its name.
fn server_with(name: &str, before: &str, after: &str) -> Result<Server> {
    let script =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.sh", std::process::id()));
    fs::write(&script, format!("#!/bin/sh\n{before}\nexec '{STAGE}' \"$@\" {after}\n"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    loop {
        match Server::start(&script, "127.0.0.1:0") {
            // Another thread of the tests has just started a process, which still has the script open.
            Err(error) if format!("{error:#}").contains("Text file busy") => thread::yield_now(),
            started => return started,
        }
    }
}

fn server() -> Result<Server> {
    Server::start(Path::new(STAGE), "127.0.0.1:0")
}

fn connect(server: &Server) -> Result<TcpStream> {
    let stream = TcpStream::connect(server.addr())?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// All that comes back for these bytes, up to the end of the connection.
fn ask(server: &Server, bytes: &[u8]) -> Result<String> {
    let mut stream = connect(server)?;
    stream.write_all(bytes)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).context("the end of the connection is no FIN")?;
    Ok(String::from_utf8(answer)?)
}

fn status_of(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn status(server: &Server, bytes: &[u8]) -> Result<String> {
    Ok(status_of(&ask(server, bytes)?).to_string())
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// The next request is answered, and soon.
fn answers_at_once(server: &Server) -> Result<()> {
    let start = Instant::now();
    assert_eq!(status(server, GET)?, "200");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    Ok(())
}

fn attack(server: &Server, kind: &str) -> Result<Output> {
    Ok(Command::new(STAGE).args(["attack", kind, "--addr", server.addr()]).output()?)
}

/// How many threads and descriptors the server has.
#[cfg(target_os = "linux")]
fn left(server: &Server) -> Result<(usize, usize)> {
    let count = |what| {
        Ok::<_, std::io::Error>(fs::read_dir(format!("/proc/{}/{what}", server.id()))?.count())
    };
    Ok((count("task")?, count("fd")?))
}

/// The same, when only the thread that accepts and the one that waits for signals are left.
#[cfg(target_os = "linux")]
fn left_at_rest(server: &Server) -> Result<(usize, usize)> {
    let start = Instant::now();
    while left(server)?.0 != 2 {
        ensure!(start.elapsed() < LIMIT, "threads are left");
        thread::yield_now();
    }
    left(server)
}

#[test]
#[cfg(target_os = "linux")]
fn survives_each_attack_three_hundred_times() -> Result<()> {
    let server = server()?;
    answers_at_once(&server)?;
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
        answers_at_once(&server)?;
    }
    assert_eq!(left_at_rest(&server)?, before, "threads and descriptors");
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn three_hundred_slow_ones_hold_up_nobody() -> Result<()> {
    let server = server_with("slow", "", "--timeout 1 --max-connections 400")?;
    answers_at_once(&server)?;
    let before = left_at_rest(&server)?;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&server)?;
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\nx")?;
        slow.push(stream);
    }
    answers_at_once(&server)?;
    // They go on saying a byte now and then; it does not help them.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(800) {
        for stream in &mut slow {
            stream.write_all(b"x")?;
        }
        answers_at_once(&server)?;
    }
    for mut stream in slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert_eq!(status_of(&answer), "408");
    }
    assert_eq!(left_at_rest(&server)?, before, "threads and descriptors");
    Ok(())
}

#[test]
fn the_attacks_say_what_came_back() -> Result<()> {
    let server = server_with("attacks", "", "--timeout 2")?;
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
    assert!(said("slow")?.starts_with("a byte a second: after 2 s HTTP/1.1 408 Request Timeout\n"));
    // Nobody is to try it on somebody else.
    let elsewhere =
        Command::new(STAGE).args(["attack", "rst", "--addr", "192.0.2.1:80"]).output()?;
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(String::from_utf8(elsewhere.stderr)?.contains("--i-own-this-server"));
    Ok(())
}

/// Elsewhere a process may have no more than 256 descriptors, fewer than this takes.
#[test]
#[cfg(target_os = "linux")]
fn a_flood_is_turned_away() -> Result<()> {
    let server = server_with("flood", "", "--timeout 2")?;
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
    let mut server = server()?;
    let addr = server.addr().to_string();
    server.kill();
    let output = Command::new(STAGE).args(["attack", "silent", "--addr", &addr]).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr)?.starts_with("nothing answers at "));
    Ok(())
}

#[test]
fn each_fault_has_its_status() -> Result<()> {
    let server = server()?;
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
        ("413", "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"),
        ("413", "POST / HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        ("414", &format!("GET /{long} HTTP/1.1\r\n\r\n")),
        ("414", &format!("GET /x{} HTTP/1.1\r\n\r\n", "가".repeat(3000))),
        ("414", &format!("GET /xx{} HTTP/1.1\r\n\r\n", "가".repeat(3000))),
        ("414", &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(8192 - 13))),
        ("404", &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(8192 - 14))),
        ("431", &format!("GET / HTTP/1.1\r\nX: {long}\r\nY: {long}\r\n\r\n")),
        ("431", &format!("GET / HTTP/1.1\r\n{fields}\r\n")),
        ("200", &format!("GET / HTTP/1.1\r\nHost: x\r\n{hundred}\r\n")),
        ("501", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("505", "GET / HTTP/2.0\r\n\r\n"),
        ("505", "GET / HTTP/0.9\r\n\r\n"),
        ("200", "GET / HTTP/1.0\r\n\r\n"),
        ("405", "CONNECT www.example.org:443 HTTP/1.1\r\n\r\n"),
        ("421", "GET http://www.example.org/ HTTP/1.1\r\n\r\n"),
        ("421", "GET https://www.example.org HTTP/1.1\r\n\r\n"),
        ("404", "GET /?u=http://www.example.org/ HTTP/1.1\r\n\r\n"),
        ("404", &format!("GET http://{}?u HTTP/1.1\r\n\r\n", server.addr())),
        ("200", &format!("GET http://{}/ HTTP/1.1\r\n\r\n", server.addr())),
        ("200", &format!("GET HTTP://{} HTTP/1.1\r\n\r\n", server.addr())),
    ];
    for (wanted, request) in cases {
        let answer = ask(&server, request.as_bytes())?;
        assert_eq!(status_of(&answer), *wanted, "{request:.60}: {answer}");
    }
    assert_eq!(status(&server, b"GET /\xff HTTP/1.1\r\n\r\n")?, "400");
    assert_eq!(status(&server, b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\xff")?, "400");
    let most = format!("POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n{}", "x".repeat(65536));
    assert_eq!(status(&server, most.as_bytes())?, "201");
    Ok(())
}

/// A response must not be lost because the client was still sending when the server had had enough.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() -> Result<()> {
    let server = server()?;
    let request =
        format!("POST / HTTP/1.1\r\nContent-Length: 500000\r\n\r\n{}", "x".repeat(500_000));
    for _ in 0..50 {
        assert_eq!(status(&server, request.as_bytes())?, "413");
    }
    Ok(())
}

#[test]
fn too_many_are_turned_away_at_once() -> Result<()> {
    let server = server_with("seats", "", "--max-connections 3")?;
    let idle: Vec<TcpStream> = (0..3).map(|_| connect(&server)).collect::<Result<_>>()?;
    let start = Instant::now();
    let mut stream = connect(&server)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert_eq!(status_of(&answer), "503");
    assert!(start.elapsed() < Duration::from_secs(1));
    drop(idle);
    let start = Instant::now();
    while !status(&server, GET).is_ok_and(|status| status == "200") {
        ensure!(start.elapsed() < LIMIT, "no seat becomes free");
    }
    Ok(())
}

/// With few descriptors `accept` fails; the server waits, does not spin, and goes on.
#[test]
fn out_of_descriptors() -> Result<()> {
    let mut server = server_with("descriptors", "ulimit -n 24", "")?;
    let start = Instant::now();
    let idle: Vec<TcpStream> = (0..40).map(|_| connect(&server)).collect::<Result<_>>()?;
    let mut log = String::new();
    while log.matches("cannot accept a connection").count() < 5 {
        log.push_str(&server.said()?);
        ensure!(start.elapsed() < LIMIT, "accept did not fail: {log}");
    }
    assert!(start.elapsed() > Duration::from_millis(150), "the server spins: {log}");
    drop(idle);
    let start = Instant::now();
    while !status(&server, GET).is_ok_and(|status| status == "200") {
        ensure!(start.elapsed() < LIMIT, "the server does not recover");
    }
    Ok(())
}

#[test]
fn a_store_that_fails_costs_one_request() -> Result<()> {
    let mut server = server()?;
    let post = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(status(&server, post)?, "201");
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    // Nor do many who wait for the store hold up somebody else.
    let writers: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = connect(&server)?;
            stream.write_all(post)?;
            Ok(stream)
        })
        .collect::<Result<_>>()?;
    answers_at_once(&server)?;
    for mut stream in writers {
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert_eq!(status_of(&answer), "503");
    }
    other.execute_batch("COMMIT")?;
    assert_eq!(status(&server, post)?, "201");
    other.execute_batch("ALTER TABLE messages RENAME TO elsewhere")?;
    assert_eq!(status(&server, post)?, "500");
    other.execute_batch("ALTER TABLE elsewhere RENAME TO messages")?;
    assert_eq!(status(&server, post)?, "201");
    let log = server.said()?;
    assert!(log.contains("the store failed: database is locked"), "{log}");
    assert!(log.contains("the store failed: no such table"), "{log}");
    Ok(())
}

#[test]
fn what_strangers_send_cannot_drive_the_terminal() -> Result<()> {
    let mut server = server()?;
    ask(&server, b"GET /\x1b[2J HTTP/1.1\r\n\r\n")?;
    ask(
        &server,
        "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n\x1b]0;o\x07\u{9b}2J\r!".as_bytes(),
    )?;
    ask(&server, "GET /\u{202e}gpj HTTP/1.1\r\n\r\n".as_bytes())?;
    ask(&server, b"GET /geoserver/web/ HTTP/1.1\r\n\r\n")?;
    ask(&server, b"GET http://192.0.2.1/ HTTP/1.1\r\n\r\n")?;
    let log = server.said_when_quiet()?;
    assert!(log.lines().all(|line| !line.contains(char::is_control)), "{log:?}");
    assert!(log.contains("\\u{1b}]0;o\\u{7}\\u{9b}2J"), "{log}");
    assert!(!log.contains('\u{202e}') && log.contains("\\u{202e}gpj"), "{log}");
    let lines = format!("POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{}", "\n".repeat(60_000));
    ask(&server, lines.as_bytes())?;
    assert!(server.said_when_quiet()?.lines().count() < 100, "a stranger fills the log");
    assert!(log.contains(" a scan\n") && log.contains(" a proxy test\n"), "{log}");
    Ok(())
}

/// SIGINT and SIGTERM: who has begun is served, the database is closed, the exit status is 0.
#[test]
fn ends_when_it_is_asked_to() -> Result<()> {
    for signal in ["-INT", "-TERM"] {
        let server = server()?;
        let mut stream = connect(&server)?;
        stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nla")?;
        answers_at_once(&server)?;
        assert!(Command::new("kill").args([signal, &server.id().to_string()]).status()?.success());
        // Nobody else gets in: the connection is refused, or ends without an answer.
        let start = Instant::now();
        while TcpStream::connect(server.addr()).is_ok() {
            ensure!(start.elapsed() < LIMIT, "the server still listens");
        }
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
        let server = server_with(&format!("short-{clients}"), "ulimit -n 24", "--timeout 1")?;
        let _idle: Vec<TcpStream> =
            (0..clients).map(|_| connect(&server)).collect::<Result<_>>()?;
        assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status()?.success());
        assert_eq!(server.status()?.code(), Some(0), "{clients} clients");
        Ok(())
    };
    let ends: Vec<_> = (11..18).map(|clients| thread::spawn(move || end(clients))).collect();
    ends.into_iter().try_for_each(|end| end.join().expect("a server"))
}

/// Those who say nothing hold up the end for five seconds at the most.
#[test]
fn ends_although_somebody_is_silent() -> Result<()> {
    let server = server()?;
    let mut idle = connect(&server)?;
    answers_at_once(&server)?;
    let start = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &server.id().to_string()]).status()?.success());
    assert_eq!(server.status()?.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(7));
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
    let mut server = server()?;
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let url = format!("http://{}", server.addr());
            thread::spawn(move || {
                let mut answered = Vec::new();
                for number in 0.. {
                    let text = format!("client {client}, message {number}");
                    let Ok(response) = ureq::post(&url).send(&text) else { break };
                    answered.push((response.headers()["location"].clone(), text));
                }
                answered
            })
        })
        .collect();
    let start = Instant::now();
    while ask(&server, GET)?.len() < 10_000 {
        ensure!(start.elapsed() < LIMIT, "nothing is written");
    }
    server.kill();
    let answered: Vec<_> =
        clients.into_iter().flat_map(|client| client.join().unwrap_or_default()).collect();
    server.restart()?;
    let list =
        ureq::get(format!("http://{}", server.addr())).call()?.body_mut().read_to_string()?;
    let list: Vec<String> = serde_json::from_str(&list)?;
    assert!(answered.len() > 100);
    for (location, text) in answered {
        let index: usize = location.to_str()?[1..].parse()?;
        assert_eq!(list[index], text);
    }
    Ok(())
}
