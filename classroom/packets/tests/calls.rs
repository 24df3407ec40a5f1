//! The calls stand among the segments in the order in which they really came.

use anyhow::{Context, Result};
use packets::calls::{from_strace, parse, print, rows};
use packets::capture::{Side, segments};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures");

/// The rows of a capture.
fn read(name: &str) -> Result<Vec<Value>> {
    let folder = Path::new(CAPTURES);
    let segments = segments(&fs::read(folder.join(format!("{name}.pcap")))?)?;
    let calls = parse(&fs::read_to_string(folder.join(format!("{name}.calls")))?)?;
    Ok(rows(&segments, &calls))
}

/// The names of all captures.
fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(CAPTURES)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            names.push(path.file_stem().context("no name")?.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// A row as one line.
fn line(row: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let (call, segment) = (&row["call"], &row["segment"]);
    if call.is_null() {
        return format!("{}: {}", text(&segment["from"]), text(&segment["label"]));
    }
    let result = match &call["result"] {
        Value::Null => String::new(),
        result => format!(" = {}", text(result)),
    };
    format!("{} {}{result}", text(&call["who"]), text(&call["text"]))
}

fn lines(rows: &[Value]) -> Vec<String> {
    rows.iter().map(line).collect()
}

/// Where the first line with this beginning is, after the line `from`.
fn place(lines: &[String], from: usize, start: &str) -> Result<usize> {
    let place = lines[from..].iter().position(|line| line.starts_with(start));
    Ok(from + place.with_context(|| format!("no {start:?} in {lines:#?}"))?)
}

#[track_caller]
fn in_order(name: &str, starts: &[&str]) -> Result<()> {
    let lines = lines(&read(name)?);
    let mut at = 0;
    for start in starts {
        at = place(&lines, at, start)? + 1;
    }
    Ok(())
}

#[test]
fn a_request_is_written_sent_and_read() -> Result<()> {
    in_order(
        "s03_http",
        &[
            "server socket() = ",
            "server bind(",
            "server listen(",
            "client connect(",
            "client: SYN",
            "server: SYN, ACK",
        ],
    )?;
    // `connect` returns when SYN, ACK has come, and `accept` after the handshake.
    in_order(
        "s03_http",
        &["server: SYN, ACK", "client … connect = 0", "client write(", "client: 125 bytes"],
    )?;
    in_order(
        "s03_http",
        &[
            "server: SYN, ACK",
            "client: ACK",
            "server accept(",
            "server read(",
            "server write(",
            "server: 103 bytes",
        ],
    )?;
    in_order("s03_http", &["client: 125 bytes", "server read(", "server write("])?;
    in_order("s03_http", &["server: 103 bytes", "client read(", "client close("])?;
    in_order("s03_http", &["server close(", "server: FIN"])?;
    in_order("s03_http", &["client close(", "client: FIN"])
}

#[test]
fn a_client_without_a_server_is_refused() -> Result<()> {
    in_order(
        "s01_refused",
        &["client connect(", "client: SYN", "server: RST", "client … connect = ECONNREFUSED"],
    )
}

#[test]
fn a_reset_is_read_as_an_error() -> Result<()> {
    in_order("s10_rst", &["client setsockopt(3, SO_LINGER,", "client close(", "client: RST"])?;
    let lines = lines(&read("s10_rst")?);
    let reset = place(&lines, 0, "client: RST")?;
    let read = place(&lines, reset, "server read(")?;
    assert!(lines[read].ends_with(" = ECONNRESET"), "{}", lines[read]);
    Ok(())
}

#[test]
fn calls_that_wait_in_vain_are_one_row() -> Result<()> {
    let lines = lines(&read("s12_keepalive")?);
    let waits =
        lines.iter().filter(|line| line.contains("server read(") && line.contains(" = EAGAIN"));
    let waits: Vec<&String> = waits.collect();
    assert!(waits.len() < 5 && waits.iter().any(|line| line.contains(" × ")), "{waits:#?}");
    assert!(lines.len() < 80, "{} rows", lines.len());
    Ok(())
}

/// Counts in each capture, from the first row to the last: what is sent was written before, and what is read was sent
/// before. A `read` of 0 bytes needs a FIN, and a reset needs an RST.
#[test]
fn no_row_comes_before_its_cause() -> Result<()> {
    for name in names()? {
        let rows = read(&name)?;
        let sides = ["client", "server"];
        let (mut written, mut sent, mut received) = ([0; 2], [0; 2], [0; 2]);
        let (mut fins, mut syns, mut resets) = ([0; 2], 0, 0);
        let mut at = 0.0;
        for row in &rows {
            let shown = format!("{name}: {}", line(row));
            let time = row["at"].as_f64().context("no time")?;
            assert!(time >= at, "{shown}");
            at = time;
            let (call, segment) = (&row["call"], &row["segment"]);
            let who = if call.is_null() { &segment["from"] } else { &call["who"] };
            let own = sides.iter().position(|side| who == side).context("no side")?;
            if !segment.is_null() {
                let has = |flag: &str| {
                    segment["flags"].as_array().is_some_and(|all| all.iter().any(|one| one == flag))
                };
                sent[own] += segment["bytes"].as_i64().context("no bytes")?;
                fins[own] += i32::from(has("FIN"));
                syns += i32::from(has("SYN") && has("ACK"));
                resets += i32::from(has("RST"));
                assert!(sent[own] <= written[own], "{shown}");
                continue;
            }
            let text = call["text"].as_str().context("no text")?;
            let result = call["result"].as_str();
            let count: i64 = result.and_then(|result| result.parse().ok()).unwrap_or(0);
            match text.split(['(', ' ']).next() {
                Some("write") => written[own] += count,
                Some("read") if text.contains("MSG_PEEK") => {}
                Some("read") if result == Some("0") => assert!(fins[1 - own] > 0, "{shown}"),
                Some("read") => {
                    received[own] += count;
                    assert!(received[own] <= sent[1 - own], "{shown}");
                    assert!(result != Some("ECONNRESET") || resets > 0, "{shown}");
                }
                Some("accept") => {
                    assert!(syns > 0, "{shown}");
                    syns -= 1;
                }
                _ => {}
            }
        }
        assert_eq!(sent, written, "{name}");
    }
    Ok(())
}

#[test]
fn a_file_of_calls_is_read_as_it_was_written() -> Result<()> {
    for name in names()? {
        let text = fs::read_to_string(Path::new(CAPTURES).join(format!("{name}.calls")))?;
        assert_eq!(print(&parse(&text)?), text, "{name}");
    }
    let error = parse("0.000001 client connect(3) = 0\n").unwrap_err();
    assert_eq!(error.to_string(), "this is no call: 0.000001 client connect(3) = 0");
    Ok(())
}

#[test]
fn lines_of_strace_become_calls() -> Result<()> {
    let text = r#"100.000010 socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = 3<socket:[77]>
100.000020 connect(3<socket:[77]>, {sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
100.000190 setsockopt(3<socket:[77]>, SOL_SOCKET, SO_RCVTIMEO_OLD, "\n\0\0"..., 16) = 0
100.000200 read(0</dev/null>, "", 8192) = 0
100.000210 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0) = 5<socket:[78]>
100.000220 close(5<socket:[78]>)      = 0
100.000300 sendto(3<socket:[77]>, "\354\225\210, \"a\\ = b\"\nmore"..., 99, MSG_NOSIGNAL, NULL, 0) = 99
100.000400 recvfrom(3<socket:[77]>, 0x55d0, 8192, 0, NULL, NULL) = -1 ECONNRESET (Connection reset by peer)
100.000500 recvfrom(3<socket:[77]>, "", 8192, 0, NULL, NULL) = 0
101.000600 --- SIGTERM {si_signo=SIGTERM} ---
102.000700 accept4(4<socket:[79]>, NULL, NULL, SOCK_CLOEXEC) = ?
102.000800 +++ killed by SIGTERM +++
"#;
    // Another thread of the same program uses its sockets.
    let other = "100.000600 close(3<socket:[77]>) = 0\n100.000700 +++ exited with 0 +++\n";
    let first = Duration::from_micros(100_000_050);
    let calls = from_strace(&[text.to_string(), other.to_string()], Side::Client, first)?;
    let expected = r#"-0.000040 -0.000030 client socket() = 3
-0.000030  0.000140 client connect(3, 127.0.0.1:8080) = 0
 0.000250  0.000350 client sendto(3, "안, \"a\\ = b\"\n"…, 99) = 99
 0.000350  0.000450 client recvfrom(3, 8192) = ECONNRESET
 0.000450  1.000550 client recvfrom(3, 8192) = 0
 0.000550  0.000650 client close(3) = 0
"#;
    let printed = print(&calls);
    let (_, lines) = printed.split_once('\n').context("no first line")?;
    assert_eq!(lines, expected);
    assert_eq!(parse(&printed)?, calls);
    let error = from_strace(&["connect\n".to_string()], Side::Client, Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "strace has written: connect");
    Ok(())
}
