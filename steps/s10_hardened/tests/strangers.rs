//! The server goes on whatever strangers send: it logs the error and serves the next connection.
#![cfg(unix)]

use anyhow::Result;
use replay::Server;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use testing::Stage;
#[cfg(target_os = "linux")]
use testing::process::{threads_and_descriptors, until};
use testing::raw::{Baseline, GET, ask, connect, rest, status, status_of};
use testing::writers::{self, Writers};

const STAGE: Stage = testing::stage!();

/// The limit of the list, which `messages.rs` has as MAX_LIST_BYTES.
const MAX_LIST_BYTES: usize = 512 << 10;

fn attack(server: &Server, kind: &str) -> Result<Output> {
    Ok(Command::new(STAGE.binary).args(["attack", kind, "--addr", server.addr()]).output()?)
}

fn attack_says(server: &Server, kind: &str) -> Result<String> {
    Ok(String::from_utf8(attack(server, kind)?.stdout)?)
}

fn request(method: &str, target: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
#[cfg(target_os = "linux")]
fn survives_each_attack_a_hundred_times() -> Result<()> {
    let server = STAGE.server()?;
    let before = threads_and_descriptors(server.id())?;
    let baseline = Baseline::of(server.addr())?;
    for kind in ["silent", "rst", "rst-mid", "garbage", "big", "scanners"] {
        for _ in 0..100 {
            let output = attack(&server, kind)?;
            let words = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
            let end = "the server still answers: GET / → 200 OK\n";
            assert!(words.ends_with(end), "{kind}: {words}");
        }
        baseline.is_kept()?;
    }
    // The server closes its last connection a moment after the client has had the answer.
    until("the end of the last connection", || {
        Ok((threads_and_descriptors(server.id())? == before).then_some(()))
    })
}

/// A client that sends a byte now and then has no more time than any other: the time is for the
/// whole request. The next client waits for it, and is served then.
#[test]
fn a_slow_client_holds_up_the_next_until_its_time_is_over() -> Result<()> {
    let mut server = STAGE.server_with("", "--timeout 2")?;
    let mut slow = connect(server.addr())?;
    slow.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\nx")?;
    let start = Instant::now();
    let mut drip = slow.try_clone()?;
    std::thread::spawn(move || {
        while drip.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let waiting = connect(server.addr())?;
    (&waiting).write_all(GET)?;
    let mut line = [0; 12];
    slow.read_exact(&mut line)?;
    assert_eq!(&line, b"HTTP/1.1 408");
    assert!(start.elapsed() > Duration::from_millis(1900), "after {:?}", start.elapsed());
    slow.shutdown(Shutdown::Both)?;
    assert_eq!(status_of(&rest(waiting)?), "200");
    let log = server.said()?;
    assert!(log.contains("the time for the connection is over\n"), "{log}");
    assert!(!log.contains("Resource temporarily unavailable"), "{log}");
    Ok(())
}

#[test]
fn the_attacks_say_what_came_back() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 2")?;
    let scanners = attack_says(&server, "scanners")?;
    assert_eq!(scanners.matches(": HTTP/1.1 404 Not Found\n").count(), 5, "{scanners}");
    let big = attack_says(&server, "big")?;
    assert!([" 414 ", " 431 ", " 413 "].iter().all(|status| big.contains(status)), "{big}");
    assert_eq!(attack_says(&server, "garbage")?.matches("400 Bad Request").count(), 3);
    // On a busy machine it can be some seconds more; the attack itself goes on for 60.
    let slow = attack_says(&server, "slow")?;
    assert!(slow.starts_with("a byte a second: after "), "{slow}");
    assert!(slow.contains(" s HTTP/1.1 408 Request Timeout\n"), "{slow}");
    // Against another machine `attack` needs an option: only the user's own server may be attacked.
    let elsewhere =
        Command::new(STAGE.binary).args(["attack", "rst", "--addr", "192.0.2.1:80"]).output()?;
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(String::from_utf8(elsewhere.stderr)?.contains("--i-own-this-server"));
    let help = Command::new(STAGE.binary).args(["attack", "--help"]).output()?;
    assert!(!String::from_utf8(help.stdout)?.contains("--db"), "attack has no database");
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
        ("400", "GET / HTTP/1.1.1\r\nHost: x\r\n\r\n"),
        ("400", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\n가: x\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nhi"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\u{3000}2\r\n\r\nhi"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        ("400", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
        ("201", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nhi"),
        ("400", "GET / HTTP/1.1\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: \r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: me@x\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: x:port\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        ("400", "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n"),
        ("200", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
        ("200", "GET / HTTP/1.1\r\nHost: x.example:\r\n\r\n"),
        ("413", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n"),
        ("413", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"),
        ("414", &format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("414", &format!("GET /x{} HTTP/1.1\r\nHost: x\r\n\r\n", "가".repeat(3000))),
        ("414", &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8192 - 13))),
        ("404", &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8192 - 14))),
        ("431", &format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\nY: {long}\r\n\r\n")),
        ("431", &format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")),
        ("200", &format!("GET / HTTP/1.1\r\nHost: x\r\n{hundred}\r\n")),
        ("200", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("501", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("505", "GET / HTTP/2.0\r\n\r\n"),
        ("505", "GET / HTTP/0.9\r\n\r\n"),
        ("200", "GET / HTTP/1.0\r\n\r\n"),
        ("404", "CONNECT www.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("404", "GET http://www.example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
        ("404", "GET /?u=http://www.example.org/ HTTP/1.1\r\nHost: x\r\n\r\n"),
    ];
    for (wanted, request) in cases {
        let answer = ask(server.addr(), request)?;
        assert_eq!(status_of(&answer), *wanted, "{request:.60}: {answer}");
    }
    assert_eq!(status(server.addr(), b"GET /\xff HTTP/1.1\r\n\r\n")?, "400");
    let bytes = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n\xff";
    assert_eq!(status(server.addr(), bytes)?, "400");
    assert_eq!(status(server.addr(), request("POST", "/", &"x".repeat(65536)))?, "201");
    Ok(())
}

/// The response to HEAD has no body, also where it refuses.
#[test]
fn head_is_refused_without_a_body() -> Result<()> {
    let server = STAGE.server()?;
    let head = "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n";
    let answer = ask(server.addr(), head)?;
    assert_eq!(status_of(&answer), "413");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    Ok(())
}

/// A response must not be lost because the client was still sending when the server refused.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() -> Result<()> {
    let server = STAGE.server()?;
    let body = vec![b'x'; 10 << 20];
    for _ in 0..30 {
        let mut stream = connect(server.addr())?;
        write!(stream, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len())?;
        // The client stops at its first error, and then reads.
        let _ = stream.write_all(&body);
        assert_eq!(status_of(&rest(stream)?), "413");
    }
    Ok(())
}

/// Fills the list with `text` until the server refuses. Returns how many messages were stored.
fn fill(server: &Server, text: &str) -> Result<usize> {
    for count in 0.. {
        let status = status(server.addr(), request("POST", "/", text))?;
        if status != "201" {
            assert_eq!(status, "507");
            return Ok(count);
        }
    }
    Ok(0)
}

fn list(server: &Server) -> Result<(usize, Vec<String>)> {
    let answer = ask(server.addr(), GET)?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok((body.len(), serde_json::from_str(body)?))
}

/// The limit is that of the list as it goes over the wire: escapes and quotes count.
#[test]
fn the_list_has_a_limit() -> Result<()> {
    for text in ["x".repeat(60_000), "\u{1}".repeat(10_000), "가\"\\\u{2028}🙂\0".repeat(1000)] {
        let mut server = STAGE.server()?;
        let count = fill(&server, &text)?;
        let (size, texts) = list(&server)?;
        assert_eq!(texts, vec![text.clone(); count]);
        let one = serde_json::to_string(&text)?.len() + 1;
        assert!(size <= MAX_LIST_BYTES, "the list has {size} bytes");
        assert!(size + one > MAX_LIST_BYTES, "{size} bytes are not full");
        // A text that is as long or shorter still replaces another one; a longer one does not.
        assert_eq!(status(server.addr(), request("PUT", "/0", "short"))?, "200");
        assert_eq!(status(server.addr(), request("PUT", "/0", &text))?, "200");
        let longer = "\u{1}".repeat(65_536);
        assert_eq!(status(server.addr(), request("PUT", "/0", &longer))?, "507");
        server.restart()?;
        assert_eq!(status(server.addr(), request("POST", "/", &text))?, "507");
        assert_eq!(list(&server)?, (size, texts));
    }
    Ok(())
}

/// A client that goes on reading gets all of a long list, although that takes longer than the time for a
/// request. One that does not read is cut off.
#[test]
fn a_slow_reader_gets_the_whole_list() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 1")?;
    fill(&server, &"x".repeat(60_000))?;
    let (size, _) = list(&server)?;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(&server.addr().parse::<std::net::SocketAddr>()?.into())?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(GET)?;
    let (mut read, mut buffer, start) = (0, vec![0; 8192], Instant::now());
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        read += length;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(start.elapsed() > Duration::from_secs(1), "{:?} is not slow", start.elapsed());
    assert!(read > size, "{read} of {size} bytes");
    Ok(())
}

/// Another process holds the file for a moment: a write waits. It holds it for longer: one request fails.
#[test]
fn a_store_that_fails_costs_one_request() -> Result<()> {
    let mut server = STAGE.server()?;
    let post = request("POST", "/", "hi");
    assert_eq!(status(server.addr(), &post)?, "201");
    let other = rusqlite::Connection::open(server.folder().join("messages.db"))?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let waiting = connect(server.addr())?;
    (&waiting).write_all(post.as_bytes())?;
    std::thread::sleep(Duration::from_millis(200));
    other.execute_batch("COMMIT")?;
    assert_eq!(status_of(&rest(waiting)?), "201");
    other.execute_batch("BEGIN IMMEDIATE")?;
    assert_eq!(status(server.addr(), &post)?, "503");
    other.execute_batch("COMMIT")?;
    assert_eq!(status(server.addr(), &post)?, "201");
    other.execute_batch("ALTER TABLE messages RENAME TO elsewhere")?;
    assert_eq!(status(server.addr(), &post)?, "500");
    other.execute_batch("ALTER TABLE elsewhere RENAME TO messages")?;
    assert_eq!(status(server.addr(), &post)?, "201");
    let log = server.said()?;
    assert!(log.contains("database is locked") && log.contains("no such table"), "{log}");
    Ok(())
}

#[test]
fn what_strangers_send_cannot_drive_the_terminal() -> Result<()> {
    let mut server = STAGE.server()?;
    ask(server.addr(), b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ask(server.addr(), request("POST", "/", "\x1b]0;o\x07\u{9b}2J\r!"))?;
    ask(server.addr(), "GET /\u{202e}gpj\u{61c}\u{feff} HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let log = server.said()?;
    assert!(log.lines().all(|line| !line.contains(char::is_control)), "{log:?}");
    assert!(log.contains("\\u{1b}]0;o\\u{7}\\u{9b}2J"), "{log}");
    assert!(log.contains("\\u{202e}gpj\\u{61c}\\u{feff}"), "{log}");
    for text in ["\n".repeat(60_000), "x".repeat(60_000)] {
        ask(server.addr(), request("POST", "/", &text))?;
        let log = server.said()?;
        assert!(log.lines().count() < 100 && log.len() < 20_000, "a stranger fills the log");
        assert_eq!(log.matches(" → …\n").count(), 1, "{log}");
    }
    Ok(())
}

/// Clients write, and the server is killed: each answered message is there.
#[test]
fn killed_under_load_it_has_what_it_answered_for() -> Result<()> {
    let mut server = STAGE.server()?;
    let writers = Writers::start(server.addr(), 4, "under load");
    let mut answered = writers.take(300);
    server.kill();
    answered.extend(writers.rest());
    server.restart()?;
    assert!(answered.len() >= 300);
    writers::is_all_in(&answered, &writers::list(server.addr())?)
}

/// The client gives one deadline to a whole reply, so that a server cannot hold it with a byte now and then.
#[test]
fn the_client_waits_for_a_reply_in_all() -> Result<()> {
    let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    let addr = server.local_addr()?.to_string();
    std::thread::spawn(move || -> Result<()> {
        let (mut stream, _) = server.accept()?;
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(500));
        }
    });
    let start = Instant::now();
    let output = STAGE.client(&addr, "GET /\n")?.output()?;
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr)?;
    assert!(words.contains("did not answer in time"), "{words}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    Ok(())
}

/// If the client refuses a response, it does not show that as a status of the server.
#[test]
fn the_client_says_what_it_refuses() -> Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(10_000));
    let addr = testing::servers::server_that_replies(head.as_bytes())?;
    let output = STAGE.client(&addr, "GET /\n")?.output()?;
    let words = String::from_utf8(output.stderr)?;
    assert!(words.contains("the head has too many fields"), "{words}");
    assert!(!words.contains("431"), "{words}");
    Ok(())
}
