//! Connections that are kept: by the server, until they are idle for too long or it ends; and by the client, from one
//! line to the next.
#![cfg(unix)]

use anyhow::{Context, Result, ensure};
use replay::{Client, Server};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
#[cfg(target_os = "linux")]
use testing::process::threads_and_descriptors;
use testing::process::{signal, until};
use testing::raw::{self, Baseline, GET, connect, rest, status_of};
use testing::{LIMIT, Stage, servers};

const STAGE: Stage = testing::stage!();

/// How long a connection waits for the next request, which `server.rs` has as IDLE_TIMEOUT.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How long the server waits at its end, which `server.rs` has as SHUTDOWN_TIMEOUT.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The threads of a server without a connection: one accepts, one waits for signals, and one writes the log.
#[cfg(target_os = "linux")]
const THREADS_AT_REST: usize = 3;

/// A response that keeps the connection.
const KEPT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nkept";

/// Sends GET, and reads the whole response. The connection is idle then.
fn get(stream: &mut TcpStream) -> Result<()> {
    stream.write_all(GET)?;
    let mut head = String::new();
    let mut reader = BufReader::with_capacity(1, stream);
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "the connection ends: {head}");
    }
    ensure!(head.contains("\r\nConnection: keep-alive\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    reader.read_exact(&mut vec![0; length.context("no length")?.parse()?])?;
    Ok(())
}

/// Connections on which one request was answered.
fn idle(server: &Server, count: usize) -> Result<Vec<TcpStream>> {
    let open = |_| {
        let mut stream = connect(server.addr())?;
        get(&mut stream)?;
        Ok(stream)
    };
    (0..count).map(open).collect()
}

// The server.

/// The server closes a connection on which no request comes, and not before its time. Each request starts the time
/// anew. A system can end a wait some milliseconds early, which one connection in a hundred sees.
#[test]
fn an_idle_connection_is_closed() -> Result<()> {
    let server = STAGE.server()?;
    let start = Instant::now();
    let mut streams = idle(&server, 150)?;
    // A second request on one of them, when the others are half way.
    thread::sleep(IDLE_TIMEOUT / 2);
    let second = Instant::now();
    let mut last = streams.remove(0);
    get(&mut last)?;
    // None of the others ends early.
    thread::sleep((IDLE_TIMEOUT * 9 / 10).saturating_sub(start.elapsed()));
    let mut closed = 0;
    for stream in &streams {
        stream.set_nonblocking(true)?;
        closed += usize::from(stream.peek(&mut [0]).is_ok());
        stream.set_nonblocking(false)?;
    }
    // On a busy machine the test itself can be late.
    ensure!(closed == 0 || start.elapsed() >= IDLE_TIMEOUT, "{closed} were closed early");
    streams.truncate(1);
    for (stream, start) in streams.into_iter().chain([last]).zip([start, second]) {
        // The end is FIN and not RST.
        ensure!(rest(stream)?.is_empty(), "bytes without a request");
        let waited = start.elapsed();
        ensure!(waited >= IDLE_TIMEOUT - Duration::from_millis(200), "closed after {waited:?}");
        ensure!(waited < IDLE_TIMEOUT + LIMIT / 2, "closed after {waited:?}");
    }
    Ok(())
}

/// A server that is stopped for a moment, as Ctrl-Z and `fg` do, goes on waiting. The system then ends a `read` that has
/// a timeout with EINTR (signal(7)).
#[test]
#[cfg(target_os = "linux")]
fn an_interrupted_read_closes_no_connection() -> Result<()> {
    let server = STAGE.server()?;
    let mut streams = idle(&server, 20)?;
    ensure!(signal("-STOP", server.id())?);
    ensure!(signal("-CONT", server.id())?);
    for stream in &mut streams {
        get(stream)?;
    }
    Ok(())
}

/// With its first byte, a request has the time of a request, and no longer that of an idle connection.
#[test]
fn the_second_request_has_a_deadline_of_its_own() -> Result<()> {
    let server = STAGE.server_with("", "--timeout 1")?;
    let mut stream = idle(&server, 1)?.remove(0);
    let start = Instant::now();
    stream.write_all(b"G")?;
    ensure!(status_of(&rest(stream)?) == "408", "no 408");
    ensure!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
    Ok(())
}

/// SIGTERM closes the connections that are idle at once, and the server ends with status 0, without waiting.
#[test]
#[cfg(target_os = "linux")]
fn sigterm_closes_idle_connections_at_once() -> Result<()> {
    let mut server = STAGE.server_with("", "--max-connections 400")?;
    let streams = idle(&server, 300)?;
    let start = Instant::now();
    ensure!(signal("-TERM", server.id())?);
    for stream in streams {
        ensure!(rest(stream)?.is_empty(), "bytes without a request");
    }
    ensure!(server.status()?.code() == Some(0));
    // An idle connection would have waited longer, too.
    let took = start.elapsed();
    ensure!(took < SHUTDOWN_TIMEOUT.min(IDLE_TIMEOUT) - Duration::from_secs(1), "{took:?}");
    ensure!(server.said()?.ends_with("connections that were cut off: 0\n"));
    Ok(())
}

/// A request that has begun is answered after SIGTERM, and then its connection is closed.
#[test]
fn sigterm_lets_a_request_finish() -> Result<()> {
    let mut server = STAGE.server()?;
    let mut stream = idle(&server, 1)?.remove(0);
    let other = idle(&server, 1)?.remove(0);
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head)?;
    // The 100 says that the server has begun with the request.
    let mut interim = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut interim)?;
    ensure!(signal("-TERM", server.id())?);
    ensure!(rest(other)?.is_empty());
    stream.write_all(b"last")?;
    let answer = rest(stream)?;
    ensure!(status_of(&answer) == "201" && answer.ends_with("last"), "{answer}");
    ensure!(server.status()?.code() == Some(0));
    ensure!(server.said()?.ends_with("connections that were cut off: 0\n"));
    Ok(())
}

/// After SIGTERM the response says that it is the last one, and the requests that are already there do not make an RST
/// of the end (RFC 9112, section 9.6).
#[test]
fn sigterm_makes_a_response_the_last_one() -> Result<()> {
    let mut server = STAGE.server()?;
    let mut stream = connect(server.addr())?;
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head)?;
    stream.read_exact(&mut [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()])?;
    ensure!(signal("-TERM", server.id())?);
    server.said_with(" stopping\n")?;
    // More than the server reads at once.
    stream.write_all(&[b"last", GET.repeat(1000).as_slice()].concat())?;
    let answer = rest(stream)?;
    ensure!(status_of(&answer) == "201" && answer.ends_with("last"), "{answer}");
    ensure!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    ensure!(server.status()?.code() == Some(0));
    Ok(())
}

/// A client that has not read all of the last response gets the rest, also if it sends a request to a connection that
/// the server has just closed for being idle (RFC 9112, section 9.6).
#[test]
fn the_end_of_an_idle_connection_loses_no_response() -> Result<()> {
    let server = STAGE.server()?;
    let text = "\u{1}".repeat(16_000);
    let post = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n{text}");
    ensure!(raw::status(server.addr(), post)? == "201");
    let whole = raw::ask(server.addr(), GET)?;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    // So small that most of the response waits at the server's end.
    socket.set_recv_buffer_size(4 << 10)?;
    socket.connect(&server.addr().parse::<SocketAddr>()?.into())?;
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(GET)?;
    thread::sleep(IDLE_TIMEOUT + Duration::from_secs(1));
    let _ = stream.write_all(GET);
    // If RST came, it would come at once.
    thread::sleep(Duration::from_millis(200));
    let answer = rest(stream)?;
    ensure!(answer.len() >= whole.len(), "{} of {} bytes", answer.len(), whole.len());
    Ok(())
}

/// 300 idle connections hold up no other, and nothing is left of them.
#[test]
#[cfg(target_os = "linux")]
fn idle_connections_hold_up_no_other() -> Result<()> {
    let server = STAGE.server_with("", "--max-connections 400")?;
    let baseline = Baseline::of(server.addr())?;
    let at_rest = || {
        until("the end of the threads", || {
            let left = threads_and_descriptors(server.id())?;
            Ok((left.0 == THREADS_AT_REST).then_some(left))
        })
    };
    let before = at_rest()?;
    let streams = idle(&server, 300)?;
    baseline.is_kept()?;
    ensure!(at_rest()? == before, "threads and descriptors");
    for stream in streams {
        ensure!(rest(stream)?.is_empty());
    }
    Ok(())
}

/// An idle connection has a permit, which comes back when it is closed.
#[test]
fn an_idle_connection_has_a_permit() -> Result<()> {
    let server = STAGE.server_with("", "--max-connections 3")?;
    let streams = idle(&server, 3)?;
    ensure!(status_of(&rest(connect(server.addr())?)?) == "503", "a permit too many");
    until("a permit", || Ok(idle(&server, 1).ok()))?;
    for stream in streams {
        ensure!(rest(stream)?.is_empty());
    }
    Ok(())
}

// The client.

/// A client that waits at its prompt.
fn client(server: &Server) -> Result<Client> {
    let mut client = Client::start(Path::new(STAGE.binary), server.addr())?;
    client.until_prompt()?;
    Ok(client)
}

/// Types a line, and returns what the client prints up to its next prompt.
fn type_line(client: &mut Client, line: &str) -> Result<String> {
    client.type_line(line)?;
    client.until_prompt()
}

/// The server logs one connection for all lines of a client.
#[test]
fn a_connection_is_accepted_once() -> Result<()> {
    let mut server = STAGE.server()?;
    let mut client = client(&server)?;
    for line in ["first", "PUT /0 corrected", "HEAD /0", "GET /none", "DELETE", ""] {
        type_line(&mut client, line)?;
    }
    let shown = type_line(&mut client, "GET /0")?;
    ensure!(
        shown.contains("← Connection: keep-alive\n") && shown.contains("← corrected"),
        "{shown}"
    );
    let log = server.said_with("← corrected\n")?;
    ensure!(log.matches("accepted a connection").count() == 1, "{log}");
    ensure!(!log.contains("the connection failed"), "{log}");
    Ok(())
}

/// The client notices that the server has ended, and sends also a POST, on a new connection.
#[test]
fn the_client_opens_a_new_connection_after_a_restart() -> Result<()> {
    let mut server = STAGE.server()?;
    let mut client = client(&server)?;
    type_line(&mut client, "first")?;
    server.restart()?;
    let shown = type_line(&mut client, "second")?;
    ensure!(shown.contains("← HTTP/1.1 201 Created\n") && shown.contains("← second"), "{shown}");
    let shown = type_line(&mut client, "")?;
    ensure!(shown.contains("0: first\n1: second\n"), "{shown}");
    Ok(())
}

/// The same after the time for which the server keeps an idle connection.
#[test]
#[cfg(target_os = "linux")]
fn the_client_opens_a_new_connection_after_the_idle_time() -> Result<()> {
    let mut server = STAGE.server()?;
    let mut client = client(&server)?;
    type_line(&mut client, "first")?;
    server.said_with("← first\n")?;
    until("the end of the connection", || {
        Ok((threads_and_descriptors(server.id())?.0 == THREADS_AT_REST).then_some(()))
    })?;
    let shown = type_line(&mut client, "second")?;
    ensure!(shown.contains("← HTTP/1.1 201 Created\n"), "{shown}");
    ensure!(server.said_with("← second\n")?.matches("accepted a connection").count() == 1);
    Ok(())
}

/// What a server has read: the number of the connection, and the first line of the request.
type Seen = Arc<Mutex<Vec<(usize, String)>>>;

/// A server that answers with these bytes, one after another, on each connection. It reads one request more, and then
/// ends the connection without an answer. With `reset`, the end is an RST.
fn server(answers: &[&str], reset: bool) -> Result<(String, Seen)> {
    server_that_ends(answers, "", reset)
}

/// The same server. It sends `last` before it ends the connection.
fn server_that_ends(answers: &[&str], last: &'static str, reset: bool) -> Result<(String, Seen)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
    let seen = Seen::default();
    let known = seen.clone();
    thread::spawn(move || -> Result<()> {
        for number in 0.. {
            let (stream, _) = listener.accept()?;
            let (answers, known) = (answers.clone(), known.clone());
            // The next connection can come before the client has closed this one.
            thread::spawn(move || serve(stream, number, &answers, last, reset, &known));
        }
        Ok(())
    });
    Ok((addr, seen))
}

/// Serves one connection of such a server.
fn serve(
    stream: TcpStream,
    number: usize,
    answers: &[String],
    last: &str,
    reset: bool,
    seen: &Seen,
) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    for answer in answers.iter().map(Some).chain([None]) {
        let Some(line) = read_request(&mut reader)? else { return Ok(()) };
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((number, line));
        match answer {
            Some(answer) => (&stream).write_all(answer.as_bytes())?,
            None if reset => socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?,
            None => {
                (&stream).write_all(last.as_bytes())?;
                stream.shutdown(Shutdown::Write)?;
            }
        }
    }
    Ok(())
}

/// Reads a request, and returns its first line, or `None` at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    reader.read_exact(&mut vec![0; length.unwrap_or("0").parse()?])?;
    Ok(head.lines().next().map(str::to_string))
}

/// What a server has seen, in one line for each request.
fn lines(seen: &Seen) -> Vec<String> {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.iter().map(|(number, line)| format!("{number}: {line}")).collect()
}

/// A request that can be done twice is sent once more, and only once, if the server ends the kept connection.
#[test]
fn what_is_idempotent_is_sent_again() -> Result<()> {
    for reset in [false, true] {
        for line in ["GET /0", "HEAD /0", "PUT /0 x"] {
            let (addr, seen) = server(&[KEPT], reset)?;
            let typed = format!("GET /first\n{line}\n");
            STAGE.client(&addr, &typed)?.assert().success().stderr_eq("");
            let sent = line.trim_end_matches(" x");
            let expected = [
                "0: GET /first HTTP/1.1".to_string(),
                format!("0: {sent} HTTP/1.1"),
                format!("1: {sent} HTTP/1.1"),
            ];
            ensure!(lines(&seen) == expected, "{line}, reset {reset}: {:?}", lines(&seen));
        }
    }
    Ok(())
}

/// The client closes a connection before it opens the next one: a server of one connection at a time waits for that.
#[test]
fn a_connection_is_closed_before_the_next_one() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || -> Result<()> {
        loop {
            let (stream, _) = listener.accept()?;
            let mut reader = BufReader::new(stream.try_clone()?);
            read_request(&mut reader)?;
            (&stream).write_all(KEPT.as_bytes())?;
            // One request more on this connection gets no response.
            read_request(&mut reader)?;
            stream.shutdown(Shutdown::Write)?;
            reader.read_to_end(&mut Vec::new())?;
        }
    });
    STAGE.client(&addr, "GET /first\nGET /second\n")?.assert().success().stderr_eq("");
    Ok(())
}

/// A POST could be done twice. It is sent once, and the client says how to see whether it was done.
#[test]
fn a_post_is_not_sent_again() -> Result<()> {
    for reset in [false, true] {
        let (addr, seen) = server(&[KEPT], reset)?;
        let ended = STAGE.client(&addr, "GET /first\nhello\nGET /last\n")?.assert().code(1);
        ended.stderr_eq(
            "no whole reply to \"hello\": the connection ended without a response; \
             the list shows if the message was added\n\
             the client ends with an error status; lines that failed: 1\n",
        );
        let expected = ["0: GET /first HTTP/1.1", "0: POST / HTTP/1.1", "1: GET /last HTTP/1.1"];
        ensure!(lines(&seen) == expected, "reset {reset}: {:?}", lines(&seen));
    }
    Ok(())
}

/// On a new connection nothing is sent again: the server is there, and does not answer.
#[test]
fn on_a_new_connection_nothing_is_sent_again() -> Result<()> {
    let (addr, seen) = server(&[], false)?;
    let ended = STAGE.client(&addr, "GET /0\nPUT /0 x\n")?.assert().code(1);
    let errors = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
    ensure!(errors.matches("the connection ended before the message did").count() == 2, "{errors}");
    ensure!(lines(&seen) == ["0: GET /0 HTTP/1.1", "1: PUT /0 HTTP/1.1"], "{:?}", lines(&seen));
    Ok(())
}

/// A response that has begun is not asked for again.
#[test]
fn half_a_response_is_an_error() -> Result<()> {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let (addr, seen) = server_that_ends(&[KEPT], half, false)?;
    let ended = STAGE.client(&addr, "GET /first\nGET /half\n")?.assert().code(1);
    let errors = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
    ensure!(errors.starts_with("no whole reply to \"GET /half\": "), "{errors}");
    ensure!(lines(&seen).len() == 2, "{:?}", lines(&seen));
    Ok(())
}

/// Responses that come in different forms, each followed by another one on the same connection.
#[test]
fn the_client_finds_the_end_of_a_response() -> Result<()> {
    let cases = [
        (
            "GET",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
            KEPT,
            "kept",
        ),
        (
            "GET",
            "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=\"b\"\r\nwhol\r\n1\r\ne\r\n0\r\nX: y\r\n\r\n",
            "whole",
        ),
        ("HEAD", "", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "Content-Length: 9"),
        ("HEAD", "", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "chunked"),
        ("PUT", "", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
        ("GET", "", "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", "204 No Content"),
        ("GET", "", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "304 Not Modified"),
        ("GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK"),
        (
            "GET",
            "",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
            "hi",
        ),
    ];
    for (method, interim, answer, shown) in cases {
        let first = format!("{interim}{answer}");
        let (addr, seen) = server(&[&first, KEPT], false)?;
        let ended = STAGE.client(&addr, &format!("{method} /0\nGET /1\n"))?.assert().success();
        let said = String::from_utf8_lossy(&ended.get_output().stdout).to_string();
        ensure!(said.contains(shown) && said.contains("← kept\n"), "{first:?}: {said}");
        ensure!(!said.contains("Early Hints"), "{first:?}: {said}");
        let expected = [format!("0: {method} /0 HTTP/1.1"), "0: GET /1 HTTP/1.1".to_string()];
        ensure!(lines(&seen) == expected, "{first:?}: {:?}", lines(&seen));
    }
    Ok(())
}

/// Bytes behind a response belong to no request. The client does not take them for the response to the next one (RFC
/// 9112, section 9.2).
#[test]
fn a_response_without_a_request_is_no_response() -> Result<()> {
    const FALSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse";
    for (line, answer) in [
        ("GET /0", format!("{KEPT}{FALSE}")),
        // A body where none may be.
        ("HEAD /0", format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{FALSE}", FALSE.len())),
        ("PUT /0 x", format!("HTTP/1.1 204 No Content\r\n\r\n{FALSE}")),
    ] {
        let (addr, seen) = server(&[&answer, KEPT], false)?;
        STAGE.client(&addr, &format!("{line}\nGET /1\n"))?.assert().success();
        let sent = line.trim_end_matches(" x");
        let expected = [format!("0: {sent} HTTP/1.1"), "1: GET /1 HTTP/1.1".to_string()];
        ensure!(lines(&seen) == expected, "{line}: {:?}", lines(&seen));
    }
    Ok(())
}

/// After these responses the client does not use the connection again, although the server would keep it.
#[test]
fn the_client_takes_close_for_an_end() -> Result<()> {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let (addr, seen) = server(&[answer, KEPT], false)?;
        STAGE.client(&addr, "GET /0\nGET /1\n")?.assert().success();
        ensure!(
            lines(&seen) == ["0: GET /0 HTTP/1.1", "1: GET /1 HTTP/1.1"],
            "{answer:?}: {:?}",
            lines(&seen)
        );
    }
    // A response without a length ends with its connection.
    let addr = servers::server_with_replies(&[b"HTTP/1.1 200 OK\r\n\r\nhi", KEPT.as_bytes()])?;
    let ended = STAGE.client(&addr, "GET /0\nGET /1\n")?.assert().success();
    let said = String::from_utf8_lossy(&ended.get_output().stdout).to_string();
    ensure!(said.contains("← hi\n") && said.contains("← kept\n"), "{said}");
    Ok(())
}

/// A response whose end is in doubt is an error, in a sentence.
#[test]
fn the_client_refuses_a_response_whose_end_is_in_doubt() -> Result<()> {
    for answer in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi0\r\n\r\n",
    ] {
        let addr = servers::server_that_replies(answer.as_bytes())?;
        let ended = STAGE.client(&addr, "GET /0\n")?.assert().code(1);
        let errors = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
        ensure!(errors.starts_with("no whole reply to \"GET /0\": "), "{answer:?}: {errors}");
        ensure!(errors.lines().count() == 2, "{answer:?}: {errors}");
    }
    Ok(())
}

/// A response without an end takes little memory, and is refused in a sentence: interim responses, chunks, sizes,
/// extensions and trailers.
#[test]
fn the_client_refuses_responses_without_an_end() -> Result<()> {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bound = if cfg!(target_os = "linux") { "ulimit -v 300000" } else { "true" };
    for (start, part) in [
        ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        (chunked, "5\r\nhello\r\n"),
        (&format!("{chunked}ffffffff\r\n"), "x"),
        (chunked, "0"),
        (&format!("{chunked}5;a"), "a"),
        (&format!("{chunked}0\r\n"), "X: y\r\n"),
    ] {
        let addr = servers::endless_server(start.as_bytes(), part.as_bytes())?;
        let line = format!("{bound}; echo GET /0 | exec '{}' client --addr {addr}", STAGE.binary);
        let begin = Instant::now();
        let output = Command::new("sh").args(["-c", &line]).output()?;
        let errors = String::from_utf8_lossy(&output.stderr).to_string();
        ensure!(output.status.code() == Some(1), "{part:?}: {errors}");
        ensure!(errors.starts_with("no whole reply to \"GET /0\": "), "{part:?}: {errors}");
        ensure!(errors.lines().count() == 2, "{part:?}: {errors}");
        // It does not wait until its time is over.
        ensure!(begin.elapsed() < Duration::from_secs(9), "{part:?}: {:?}", begin.elapsed());
    }
    Ok(())
}
