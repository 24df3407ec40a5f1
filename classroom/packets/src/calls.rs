//! The system calls of the client and of the server, and how they stand among the segments of a capture.
//!
//! A file such as `captures/s03_http.calls` has a line for each call on a socket:
//!
//! ```text
//! -0.000046  0.000214 client connect(3, 127.0.0.1:8080) = 0
//! ```
//!
//! This call began 46 µs before the first segment of the capture, and it had returned 214 µs after it. strace stops a
//! program at the beginning of each call, so a call has really begun a little later, and returned a little earlier: the
//! second time is the beginning of the next call of the same thread. What the program does because of the call comes
//! after that. So in the order of these times nothing stands before its cause.

use crate::capture::{Segment, Side};
use crate::diagram::{label, quote};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The first line of a file with calls.
const HEADER: &str = "# System calls on sockets: when a call begins, when it has returned (in seconds; 0 is the first \
                      segment), who calls, the call = its result.\n";

/// How many characters of data a call shows.
const MAX_SHOWN_CHARS: usize = 24;

/// The calls that are kept: those that cause a segment, wait for one, or change what the kernel does.
const KEPT: [&str; 16] = [
    "accept4",
    "bind",
    "close",
    "connect",
    "getsockopt",
    "listen",
    "poll",
    "read",
    "readv",
    "recvfrom",
    "sendto",
    "setsockopt",
    "shutdown",
    "socket",
    "write",
    "writev",
];

/// The options that are kept. Programs set limits of time and sizes of buffers before many calls; that changes nothing
/// in these captures.
const KEPT_OPTIONS: [&str; 4] = ["SO_ERROR", "SO_LINGER", "SO_REUSEADDR", "TCP_NODELAY"];

/// The error of a call that has waited until its time was up.
const TIMED_OUT: &str = "EAGAIN";

/// A call to the system on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it began, in microseconds from the first segment of the capture.
    pub begins: i64,
    /// When it had returned, counted in the same way.
    pub ends: i64,
    /// The side that made it.
    pub who: Side,
    /// The name that the system has for it, such as `recvfrom`.
    pub name: String,
    /// Its parameters.
    pub parameters: String,
    /// What it returned: a number, or the name of an error.
    pub result: String,
}

impl Call {
    /// The name that Rust and the notes have for it.
    fn usual_name(&self) -> &str {
        match self.name.as_str() {
            "accept4" => "accept",
            "recvfrom" | "readv" => "read",
            "sendto" | "writev" => "write",
            name => name,
        }
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// The calls in a file.
///
/// # Errors
/// A line that is no call.
pub fn parse(text: &str) -> Result<Vec<Call>> {
    let calls = text.lines().filter(|line| !line.starts_with('#'));
    calls.map(|line| parse_line(line).with_context(|| format!("this is no call: {line}"))).collect()
}

fn parse_line(line: &str) -> Option<Call> {
    let (begins, rest) = line.trim_start().split_once(' ')?;
    let (ends, rest) = rest.trim_start().split_once(' ')?;
    let (who, rest) = rest.split_once(' ')?;
    let (call, result) = rest.rsplit_once(" = ")?;
    let (name, parameters) = call.strip_suffix(')')?.split_once('(')?;
    Some(Call {
        begins: microseconds(begins)?,
        ends: microseconds(ends)?,
        who: match who {
            "client" => Side::Client,
            "server" => Side::Server,
            _ => return None,
        },
        name: name.to_string(),
        parameters: parameters.to_string(),
        result: result.to_string(),
    })
}

/// The text of a file with these calls.
pub fn print(calls: &[Call]) -> String {
    let mut text = HEADER.to_string();
    for call in calls {
        text += &format!(
            "{:>9} {:>9} {} {}({}) = {}\n",
            seconds(call.begins),
            seconds(call.ends),
            name(call.who),
            call.name,
            call.parameters,
            call.result
        );
    }
    text
}

/// Reads seconds with six digits behind the point, as microseconds.
fn microseconds(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (seconds, part) = text.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if part.len() != 6 || !digits(part) || !digits(seconds) {
        return None;
    }
    Some(sign * (seconds.parse::<i64>().ok()?.checked_mul(1_000_000)? + part.parse::<i64>().ok()?))
}

fn seconds(microseconds: i64) -> String {
    let sign = if microseconds < 0 { "-" } else { "" };
    let (seconds, part) = (microseconds.abs() / 1_000_000, microseconds.abs() % 1_000_000);
    format!("{sign}{seconds}.{part:06}")
}

/// The calls in what `strace -ff -y --absolute-timestamps=format:unix,precision:us` has written of one side, a text for
/// each thread. `first` is the time of the capture's first segment. Calls that are not on a socket of TCP are left out,
/// and so are those that have not returned, and most options.
///
/// # Errors
/// A line of another form.
pub fn from_strace(threads: &[String], who: Side, first: Duration) -> Result<Vec<Call>> {
    let mut sockets = BTreeSet::new();
    let lines = || threads.iter().flat_map(|text| text.lines());
    for line in lines().filter(|line| line.contains(" socket(AF_INET, SOCK_STREAM")) {
        sockets.extend(result_of(line).and_then(socket_in));
    }
    // The parameter of `accept` is a socket that the same program has made.
    for line in lines() {
        if let Some((_, parameters)) = line.split_once(" accept4(")
            && socket_in(parameters).is_some_and(|socket| sockets.contains(socket))
        {
            sockets.extend(result_of(line).and_then(socket_in));
        }
    }
    let mut calls = Vec::new();
    for text in threads {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let next = lines.get(at + 1).copied();
            let call = from_strace_line(line, next, who, &sockets, first);
            calls.extend(call.with_context(|| format!("strace has written: {line}"))?);
        }
    }
    Ok(calls)
}

/// What stands behind the parameters of a call.
fn result_of(line: &str) -> Option<&str> {
    line.rsplit_once(" = ").map(|(_, result)| result)
}

/// The number by which the system knows the socket that comes first in a text: `3<socket:[12345]>, …`.
fn socket_in(text: &str) -> Option<&str> {
    let text =
        text.trim_start_matches("[{fd=").trim_start_matches(|digit: char| digit.is_ascii_digit());
    text.strip_prefix("<socket:[")?.split(']').next()
}

/// The time at the beginning of a line, in microseconds since 1970.
fn time_of(line: &str) -> Result<i64> {
    line.split_once(' ').and_then(|(time, _)| microseconds(time)).context("no time in microseconds")
}

fn from_strace_line(
    line: &str,
    next: Option<&str>,
    who: Side,
    sockets: &BTreeSet<&str>,
    first: Duration,
) -> Result<Option<Call>> {
    let begins = time_of(line)?;
    let rest = line.split_once(' ').map(|(_, rest)| rest).unwrap_or_default();
    // The end of a program, a signal, and a call that has no result or the result "?" because the program ended.
    let Some((call, result)) = rest.rsplit_once(" = ") else { return Ok(None) };
    if rest.starts_with("+++") || rest.starts_with("---") || result.starts_with('?') {
        return Ok(None);
    }
    let (name, parameters) = call.split_once('(').context("no name")?;
    let parameters = parameters.trim_end().strip_suffix(')').context("no end of the parameters")?;
    let socket = socket_in(if name == "socket" { result } else { parameters });
    if !KEPT.contains(&name) || !socket.is_some_and(|socket| sockets.contains(socket)) {
        return Ok(None);
    }
    let parameters = split(parameters);
    if let ("setsockopt" | "getsockopt", [_, _, option, ..]) = (name, &parameters[..])
        && !KEPT_OPTIONS.contains(&option.as_str())
    {
        return Ok(None);
    }
    let rest: Vec<String> = match (name, &parameters[1..]) {
        ("socket" | "accept4", _) => Vec::new(),
        ("poll", _) => {
            let event =
                parameters[0].split_once("events=").and_then(|(_, rest)| rest.split_once('}'));
            vec![event.context("no event")?.0.to_string()]
        }
        ("bind" | "connect", [address, ..]) => vec![socket_address(address)?],
        ("setsockopt" | "getsockopt", [_, option, value, ..]) => {
            vec![option.clone(), value.clone()]
        }
        ("sendto" | "recvfrom" | "read" | "write", [data, size, flags @ ..]) => {
            let mut shown = Vec::new();
            // Where nothing was read, strace shows an empty buffer, or its address.
            if data.starts_with('"') && data != "\"\"" {
                shown.push(shorten(data)?);
            }
            shown.push(size.clone());
            // Rust always asks for an error in the place of a signal.
            let flags =
                flags.first().filter(|flags| !["0", "MSG_NOSIGNAL"].contains(&flags.as_str()));
            shown.extend(flags.cloned());
            shown
        }
        (_, rest) => rest.to_vec(),
    };
    let descriptor = parameters[0].trim_start_matches("[{fd=").split('<').next();
    let descriptor = descriptor.filter(|_| name != "socket").map(str::to_string);
    let parameters: Vec<String> = descriptor.into_iter().chain(rest).collect();
    // "-1 ECONNRESET (Connection reset by peer)", "1 ([{fd=3, revents=POLLOUT}])", "3<socket:[12345]>", "125"
    let result = match (result.strip_prefix("-1 "), result.split_once("revents=")) {
        (Some(error), _) => error.split(' ').next(),
        (_, Some((_, events))) => events.split('}').next(),
        _ => result.split(['<', ' ']).next(),
    };
    Ok(Some(Call {
        begins: begins - first.as_micros() as i64,
        ends: time_of(next.context("no line follows")?)? - first.as_micros() as i64,
        who,
        name: name.to_string(),
        parameters: parameters.join(", "),
        result: result.unwrap_or_default().to_string(),
    }))
}

/// Parameters, each for itself. A comma in quotes or in braces does not separate them.
fn split(text: &str) -> Vec<String> {
    let mut parameters = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for character in text.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            '{' | '[' | '<' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            // The arrow between two addresses ends nothing.
            '>' if !quoted && !parameters.last().is_some_and(|last| last.ends_with('-')) => {
                depth -= 1
            }
            _ => {}
        }
        escaped = quoted && character == '\\' && !escaped;
        if character == ',' && !quoted && depth == 0 {
            parameters.push(String::new());
        } else if let Some(last) = parameters.last_mut() {
            last.push(character);
        }
    }
    parameters.iter().map(|parameter| parameter.trim().to_string()).collect()
}

/// From `{sa_family=AF_INET, sin_port=htons(8080), sin_addr=inet_addr("127.0.0.1")}` to `127.0.0.1:8080`.
fn socket_address(text: &str) -> Result<String> {
    let between = |before: &str, after: &str| -> Option<&str> {
        text.split_once(before)?.1.split_once(after).map(|(between, _)| between)
    };
    let port = between("htons(", ")").context("no port")?;
    let address = between("inet_addr(\"", "\"").context("no address of IPv4")?;
    Ok(format!("{address}:{port}"))
}

/// The first line of data that strace shows in quotes, and `…` if there is more.
fn shorten(quoted: &str) -> Result<String> {
    let (text, cut) = match quoted.strip_suffix("...") {
        Some(text) => (text, true),
        None => (quoted, false),
    };
    let text =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).context("no quotes")?;
    let text = String::from_utf8_lossy(&unescape(text)?).into_owned();
    let line = text.split_inclusive('\n').next().unwrap_or_default();
    let shown: String = line.chars().take(MAX_SHOWN_CHARS).collect();
    let more = if cut || shown.len() < text.len() { "…" } else { "" };
    Ok(format!("{shown:?}{more}"))
}

/// The bytes that a string of C stands for.
fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().context("a backslash at the end")? {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'f' => 12,
            digit @ b'0'..=b'7' => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(|byte| matches!(byte, b'0'..=b'7')) {
                        value = value * 8 + u32::from(digit - b'0');
                    }
                }
                u8::try_from(value).context("no byte")?
            }
            quoted @ (b'"' | b'\\') => quoted,
            other => bail!("the escape \\{} is unknown", char::from(other)),
        });
    }
    Ok(bytes)
}

/// The segments of a capture and the calls that belong to it as rows, in the order of time. The calls have the names
/// that Rust and the notes have for them.
///
/// A call is one row. A call that sends, such as `write` or `close`, stands where it begins: its segment follows. A
/// call that waits, such as `accept` or `read`, stands where it returns: the segment that it waited for is above it.
/// `connect` does both, and is two rows: SYN follows the first one, and the second one has the result.
pub fn rows(segments: &[Segment], calls: &[Call]) -> Vec<Value> {
    let Some(first) = segments.first().map(|segment| segment.at.as_micros() as i64) else {
        return Vec::new();
    };
    // Of several things in one microsecond, a segment is the first, then comes the end of a call, and then the
    // beginning of the next one of the same thread.
    let mut rows: Vec<(i64, u8, Value)> = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let text = format!("{}({})", call.usual_name(), call.parameters);
        match call.usual_name() {
            "accept" | "read" => {
                rows.push((call.ends, 1, call_row(call, &text, Some(&call.result))))
            }
            "connect" => {
                let (ends, result) = connected(call, &calls[at + 1..]);
                rows.push((call.begins, 2, call_row(call, &format!("{text} …"), None)));
                rows.push((ends, 1, call_row(call, "… connect", Some(result))));
            }
            // They belong to `connect`.
            "poll" | "getsockopt" => {}
            _ => rows.push((call.begins, 2, call_row(call, &text, Some(&call.result)))),
        }
    }
    for segment in segments {
        let at = segment.at.as_micros() as i64 - first;
        rows.push((at, 0, json!({"segment": describe(segment)})));
    }
    rows.sort_by_key(|(at, rank, _)| (*at, *rank));
    let begin = rows[0].0;
    let mut timed: Vec<Value> = Vec::new();
    for group in rows.chunk_by(|one, next| is_same_timeout(&one.2, &next.2)) {
        let (at, _, row) = &group[0];
        let mut row = row.clone();
        row["at"] = json!((at - begin) as f64 / 1e6);
        if group.len() > 1 {
            row["call"]["result"] = json!(format!("{TIMED_OUT} × {}", group.len()));
        }
        timed.push(row);
    }
    timed
}

fn call_row(call: &Call, text: &str, result: Option<&str>) -> Value {
    json!({"call": {"who": name(call.who), "text": text, "result": result}})
}

/// Whether two rows are the same call, whose time was up both times.
fn is_same_timeout(one: &Value, next: &Value) -> bool {
    one["call"] == next["call"] && one["call"]["result"] == TIMED_OUT
}

/// When a `connect` has ended, and its result. With a limit of time, Rust makes it out of several calls: `connect`,
/// which returns at once, `poll`, which waits for the end of the handshake, and `getsockopt`, which asks for the error
/// if there is one.
fn connected<'a>(call: &'a Call, later: &'a [Call]) -> (i64, &'a str) {
    if call.result != "EINPROGRESS" {
        return (call.ends, &call.result);
    }
    let socket = |call: &Call| call.parameters.split(',').next().map(str::to_string);
    let mut own = later.iter().filter(|next| next.who == call.who && socket(next) == socket(call));
    match own.next() {
        Some(poll) if poll.name == "poll" => match own.next() {
            Some(error) if error.name == "getsockopt" => {
                let name =
                    error.parameters.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
                (error.ends, name.unwrap_or("0"))
            }
            _ => (poll.ends, "0"),
        },
        _ => (call.ends, &call.result),
    }
}

fn describe(segment: &Segment) -> Value {
    let flags = [
        (segment.syn, "SYN"),
        (segment.fin, "FIN"),
        (segment.rst, "RST"),
        (segment.psh, "PSH"),
        (segment.ack, "ACK"),
    ];
    let flags: Vec<&str> =
        flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
    let text = (!segment.payload.is_empty()).then(|| quote(&segment.payload));
    json!({
        "stream": segment.stream,
        "from": name(segment.from),
        "label": label(&[segment]),
        "flags": flags,
        "seq": segment.seq,
        "ack": segment.acknowledges,
        "bytes": segment.payload.len(),
        "text": text,
        "thin": segment.is_pure_ack(),
    })
}
