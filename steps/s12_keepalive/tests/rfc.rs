//! What RFC 9112 (HTTP/1.1) and RFC 9110 (HTTP) demand of a server, section by section, as a list to read.
//!
//! Each case is the bytes that a client sends on one connection, the statuses that come back in their order, and
//! whether the connection is open afterwards. In the bytes, `{get}` is a whole request of 27 bytes. `{GET}` and `{POST}` are
//! requests to which fields and the empty line are still to be added. `{addr}` is the address of the server.
//!
//! Many cases end with `{get}` behind a message whose end is in doubt. A server that answers it, too, lets one client
//! hide a request in the message of another (request smuggling).

use anyhow::{Context, Result, ensure};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use replay::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use testing::Stage;
use testing::raw::connect;

const STAGE: Stage = testing::stage!();

/// How a connection is after the responses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// It takes one more request.
    Open,
    /// The server has closed it.
    Closed,
    /// The server closes it, because the client has closed its side before the request was whole.
    Cut,
}
use End::{Closed, Cut, Open};

/// The bytes of a client, the statuses of the responses, and the state of the connection afterwards.
type Case<'a> = (&'a str, &'a [u16], End);

/// The cases that a stage answers otherwise, and how: a line for each. Only a stage over a framework has such a file.
const DIFFERENCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differences.txt");

/// Checks each case on a connection of its own. Says of all cases that fail what came instead.
fn check(cases: &[Case]) -> Result<()> {
    let differences = std::fs::read_to_string(DIFFERENCES).unwrap_or_default();
    let server = STAGE.server()?;
    // So that there is a message 0.
    ask(&server, "{POST}Content-Length: 5\r\n\r\nfirst")?;
    let mut faults = String::new();
    for (text, statuses, end) in cases {
        let result = check_one(&server, fill_in(text, &server).as_bytes(), statuses, *end);
        let found = result.err().map_or("as listed".to_string(), |error| format!("{error:#}"));
        let name =
            format!("{:?}, {} bytes: ", text.chars().take(60).collect::<String>(), text.len());
        let listed = differences.lines().find_map(|line| line.strip_prefix(&name));
        // What comes after the first line has a date.
        let found = found.lines().next().unwrap_or_default();
        if found != listed.unwrap_or("as listed") {
            faults.push_str(&format!("{name}{found}\n"));
        }
    }
    ensure!(faults.is_empty(), "\n{faults}");
    Ok(())
}

/// Checks one case, whose bytes need not be text.
fn check_one(server: &Server, bytes: &[u8], statuses: &[u16], end: End) -> Result<()> {
    let mut stream = connect(server.addr())?;
    // A server can refuse a request, and close, before it has read all of it.
    let _ = stream.write_all(bytes);
    if end == Cut {
        stream.shutdown(Shutdown::Write)?;
    }
    let mut reader = BufReader::new(&stream);
    let mut methods = methods(bytes).into_iter();
    let mut last = String::new();
    for (number, status) in statuses.iter().enumerate() {
        let is_interim = *status < 200;
        let is_head = !is_interim && methods.next().is_some_and(|method| method == "HEAD");
        let response = Response::read(&mut reader, is_head)?;
        let response = response.with_context(|| format!("no response {number}"))?;
        ensure!(response.status == *status, "{} in place of {status}", response.status);
        last = response.field("Connection").unwrap_or_default().to_string();
    }
    if end == Open {
        ensure!(last == "keep-alive" || last.is_empty(), "the response says {last:?}");
        // No other response has this status. So it cannot be taken for one to a hidden request.
        (&stream).write_all(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let response = Response::read(&mut reader, false)?.context("the connection is closed")?;
        ensure!(response.status == 204, "one response too many: {}", response.status);
        return Ok(());
    }
    ensure!(statuses.is_empty() || last == "close" || end == Cut, "the response says {last:?}");
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).context("the connection ends with RST")?;
    ensure!(rest.is_empty(), "one response too many: {}", String::from_utf8_lossy(&rest));
    Ok(())
}

/// The bytes that stand for a case.
fn fill_in(text: &str, server: &Server) -> String {
    text.replace("{get}", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .replace("{GET}", "GET / HTTP/1.1\r\nHost: x\r\n")
        .replace("{POST}", "POST / HTTP/1.1\r\nHost: x\r\n")
        .replace("{chunked}", "Transfer-Encoding: chunked\r\n\r\n")
        .replace("{addr}", server.addr())
        .replace("{port}", server.addr().rsplit(':').next().unwrap_or_default())
}

/// The methods of the requests in `bytes`, as far as a test needs them: those at the start of a line before a version.
fn methods(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let requests = text.lines().filter(|line| line.contains(" HTTP/"));
    requests.map(|line| line.split(' ').next().unwrap_or_default().to_string()).collect()
}

/// A response as the client sees it.
struct Response {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

impl Response {
    /// Reads a response, or `None` at the end of the connection. A response to HEAD has no body.
    fn read(reader: &mut impl BufRead, is_head: bool) -> Result<Option<Response>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        // The version is that of the server, also if the client has another one (RFC 9112, section 2.3).
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.with_context(|| format!("no status line: {line:?}"))?.parse()?;
        let mut response = Response { status, fields: Vec::new(), body: String::new() };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.strip_suffix("\r\n").context("a line of the head is cut off")?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").context("no field")?;
            response.fields.push((name.to_string(), value.to_string()));
        }
        let length = response.field("Content-Length").map(str::parse::<u64>).transpose()?;
        // RFC 9110, section 8.6.
        let has_length = !(status < 200 || status == 204);
        ensure!(length.is_some() == has_length, "Content-Length {length:?} in a {status}");
        if !is_head {
            reader.take(length.unwrap_or(0)).read_to_string(&mut response.body)?;
            ensure!(response.body.len() as u64 == length.unwrap_or(0), "the body is cut off");
        }
        // RFC 9110, section 6.6.1.
        if status >= 200 {
            check_date(response.field("Date").context("no Date")?)?;
        }
        Ok(Some(response))
    }

    /// The value of a field.
    fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.0.eq_ignore_ascii_case(name));
        field.map(|field| field.1.as_str())
    }
}

/// A date is in the one form that a server may send, and is now (RFC 9110, section 5.6.7).
fn check_date(date: &str) -> Result<()> {
    const IMF_FIXDATE: &str = "%a, %d %b %Y %H:%M:%S GMT";
    let time = DateTime::strptime(IMF_FIXDATE, date)?.to_zoned(TimeZone::UTC)?;
    ensure!(time.strftime(IMF_FIXDATE).to_string() == date, "{date} is not in the right form");
    let age = Timestamp::now() - time.timestamp();
    ensure!(age.abs().compare(1.minute())?.is_lt(), "{date} is not now");
    Ok(())
}

/// The response to one request.
fn ask(server: &Server, text: &str) -> Result<Response> {
    let text = fill_in(text, server);
    let mut stream = connect(server.addr())?;
    stream.write_all(text.as_bytes())?;
    Response::read(&mut BufReader::new(stream), text.starts_with("HEAD "))?.context("no response")
}

// RFC 9112, section 2: messages.

/// Section 2.2: CR LF ends a line. A server may take LF alone for it.
#[test]
fn s2_2_lf_alone_ends_a_line() -> Result<()> {
    check(&[
        ("{get}", &[200], Open),
        ("GET / HTTP/1.1\nHost: x\n\n", &[200], Open),
        ("GET / HTTP/1.1\nHost: x\r\n\n{get}", &[200, 200], Open),
    ])
}

/// Section 2.2: a server ignores at least one empty line before a request. Old clients send one after a body.
#[test]
fn s2_2_an_empty_line_before_a_request_is_ignored() -> Result<()> {
    check(&[
        ("\r\n{get}", &[200], Open),
        ("\n{get}", &[200], Open),
        ("{POST}Content-Length: 2\r\n\r\nhi\r\n{get}", &[201, 200], Open),
    ])
}

/// Section 2.2: a CR without LF is invalid, or would have to become a space.
#[test]
fn s2_2_a_bare_cr_is_invalid() -> Result<()> {
    check(&[
        ("GET / HTTP/1.1\rHost: x\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: a\rb\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: a\r\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: a\r\n\r\r\n{get}", &[400], Closed),
    ])
}

/// Section 2.2: no white space comes between the start line and the first field.
#[test]
fn s2_2_white_space_before_the_first_field_is_invalid() -> Result<()> {
    check(&[
        ("GET / HTTP/1.1\r\n Host: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\n\tX: y\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 2.2: bytes that are no HTTP are answered 400, and the connection is closed.
#[test]
fn s2_2_what_is_no_request_is_answered_400() -> Result<()> {
    check(&[
        ("garbage\r\n\r\n{get}", &[400], Closed),
        ("\0\r\n\r\n{get}", &[400], Closed),
        ("\u{16}\u{3}\u{1}\r\n\r\n{get}", &[400], Closed),
        ("GET /", &[], Cut),
        ("{GET}", &[], Cut),
        ("", &[], Cut),
    ])
}

/// Section 2.3: a higher minor version is served as HTTP/1.1. Another major version is not known here.
#[test]
fn s2_3_the_version_has_one_form() -> Result<()> {
    check(&[
        ("GET / HTTP/1.0\r\n\r\n", &[200], Closed),
        ("GET / HTTP/1.2\r\nHost: x\r\n\r\n", &[200], Open),
        ("GET / HTTP/1.9\r\nHost: x\r\n\r\n", &[200], Open),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n{get}", &[505], Closed),
        ("GET / HTTP/0.9\r\nHost: x\r\n\r\n{get}", &[505], Closed),
        ("GET / http/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.10\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/01.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1,1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTPS/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

// Section 3: the request line.

/// Section 3: one space stands between method and target, and between target and version.
#[test]
fn s3_a_request_line_has_three_parts() -> Result<()> {
    check(&[
        ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /  HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1 \r\nHost: x\r\n\r\n{get}", &[400], Closed),
        (" GET / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / a HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /\r\n\r\n{get}", &[400], Closed),
        ("/ HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.1: a method is a token. Upper and lower case differ in it.
#[test]
fn s3_1_a_method_is_a_token() -> Result<()> {
    check(&[
        ("get / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[405, 200], Open),
        ("DELETE /0 HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[405, 200], Open),
        ("G-E!T /none HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[404, 200], Open),
        ("G(T / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("G\"T / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("게 / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3: a server takes a request line of at least 8000 bytes, and answers 414 to one that is too long.
#[test]
fn s3_a_long_request_line_is_answered_414() -> Result<()> {
    let taken = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(8000));
    let too_long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n{{get}}", "x".repeat(9000));
    check(&[(&taken, &[404], Open), (&too_long, &[414], Closed)])
}

/// Section 3.2: an invalid target is answered 400. Space, controls, fragments and bytes beyond ASCII are invalid.
#[test]
fn s3_2_a_target_has_the_characters_of_a_uri() -> Result<()> {
    check(&[
        ("GET /%EC%95%88?a=b&c HTTP/1.1\r\nHost: x\r\n\r\n", &[404], Open),
        ("GET /a://b HTTP/1.1\r\nHost: x\r\n\r\n", &[404], Open),
        ("GET //x HTTP/1.1\r\nHost: x\r\n\r\n", &[404], Open),
        ("GET /#top HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /안녕 HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /a\\b HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /<a> HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /\u{7f} HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.2: HTTP/1.1 needs one Host field with a host, and perhaps a port. Anything else is answered 400.
#[test]
fn s3_2_a_request_has_one_host() -> Result<()> {
    check(&[
        ("GET / HTTP/1.1\r\nHost: x:\r\n\r\n", &[200], Open),
        ("GET / HTTP/1.1\r\nhOST:x:80\r\n\r\n", &[200], Open),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", &[200], Open),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", &[200], Open),
        ("GET / HTTP/1.0\r\nHost: x\r\n\r\n", &[200], Closed),
        ("GET / HTTP/1.1\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: :80\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x/y\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: http://x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: me@x\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x, y\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x y\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: x:http\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.1\r\nHost: [::z]\r\n\r\n{get}", &[400], Closed),
        ("GET / HTTP/1.0\r\nHost: x/y\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.2.1: a target in origin form begins with a slash.
#[test]
fn s3_2_1_origin_form() -> Result<()> {
    check(&[
        ("GET /0 HTTP/1.1\r\nHost: x\r\n\r\n", &[200], Open),
        ("GET x HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET ?x HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.2.2: a server takes a whole URI, too. What it says goes before the Host field.
#[test]
fn s3_2_2_absolute_form() -> Result<()> {
    check(&[
        ("GET http://{addr}/0 HTTP/1.1\r\nHost: {addr}\r\n\r\n", &[200], Open),
        ("GET HTTP://LocalHost:{port}/0 HTTP/1.1\r\nHost: other\r\n\r\n", &[200], Open),
        ("GET http://{addr} HTTP/1.1\r\nHost: {addr}\r\n\r\n", &[200], Open),
        ("GET http://{addr}?x HTTP/1.1\r\nHost: {addr}\r\n\r\n", &[404], Open),
        ("GET http://{addr}/none HTTP/1.1\r\nHost: {addr}\r\n\r\n", &[404], Open),
        ("GET http://{addr}/ HTTP/1.1\r\n\r\n{get}", &[400], Closed),
        ("GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET http://me@{addr}/ HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("GET http://{addr}/#x HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.2.3: authority form is for CONNECT alone.
#[test]
fn s3_2_3_authority_form() -> Result<()> {
    check(&[
        ("GET {addr} HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("OPTIONS {addr} HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("CONNECT http://{addr}/ HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 3.2.4: asterisk form is for OPTIONS alone.
#[test]
fn s3_2_4_asterisk_form() -> Result<()> {
    check(&[
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[204, 200], Open),
        ("GET * HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("PUT * HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
        ("OPTIONS ** HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[400], Closed),
    ])
}

// Section 5: fields.

/// Section 5.1: no white space stands before the colon. Proxies have taken it in different ways.
#[test]
fn s5_1_no_white_space_stands_before_a_colon() -> Result<()> {
    check(&[
        ("{GET}X : y\r\n\r\n{get}", &[400], Closed),
        ("{GET}X\t: y\r\n\r\n{get}", &[400], Closed),
        ("{POST}Content-Length : 5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 5.1: white space around a value is no part of it.
#[test]
fn s5_1_white_space_around_a_value_is_left_out() -> Result<()> {
    check(&[
        ("{POST}Content-Length:5\r\n\r\nhello{get}", &[201, 200], Open),
        ("{POST}Content-Length: \t 5 \t\r\n\r\nhello{get}", &[201, 200], Open),
        ("{GET}X:\r\nY: a\tb\r\n\r\n{get}", &[200, 200], Open),
        // Other white space is a part of the value.
        ("{POST}Content-Length: \u{a0}5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5\u{c}\r\n\r\nhello{get}", &[400], Closed),
    ])
}

/// Section 5.2: a field is one line. A server refuses the old form that goes on in the next line (obs-fold).
#[test]
fn s5_2_a_field_is_one_line() -> Result<()> {
    check(&[
        ("{GET}X: a\r\n b\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: a\r\n\tb\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: a\r\n \r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 5, and RFC 9110, section 5.1: the name of a field is a token, and a value has no control characters.
#[test]
fn s5_a_field_is_a_token_and_a_value() -> Result<()> {
    check(&[
        ("{GET}x!#$%&'*+-.^_`|~09: y\r\n\r\n", &[200], Open),
        ("{GET}X: 안녕\r\n\r\n", &[200], Open),
        ("{GET}X\r\n\r\n{get}", &[400], Closed),
        ("{GET}: y\r\n\r\n{get}", &[400], Closed),
        ("{GET}X(Y): z\r\n\r\n{get}", &[400], Closed),
        ("{GET}\"X\": z\r\n\r\n{get}", &[400], Closed),
        ("{GET}안: 녕\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: \0\r\n\r\n{get}", &[400], Closed),
        ("{GET}X: \u{7f}\r\n\r\n{get}", &[400], Closed),
    ])
}

/// RFC 9110, section 5.4: a server that finds the fields too long answers with a 4xx; 431 says why.
#[test]
fn s5_too_many_fields_are_answered_431() -> Result<()> {
    let many = format!("{{GET}}{}\r\n{{get}}", "X: y\r\n".repeat(200));
    let long = format!("{{GET}}X: {}\r\n\r\n{{get}}", "y".repeat(20_000));
    let taken = format!("{{GET}}{}\r\n{{get}}", "X: y\r\n".repeat(90));
    check(&[(&taken, &[200, 200], Open), (&many, &[431], Closed), (&long, &[431], Closed)])
}

// Section 6: the body.

/// Section 6.1: with Transfer-Encoding, the last coding has to be chunked, and only once. Else the end of the body
/// is in doubt. The names of codings may be in capitals.
#[test]
fn s6_1_chunked_is_the_last_coding() -> Result<()> {
    check(&[
        ("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        (
            "{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{get}",
            &[400],
            Closed,
        ),
        (
            "{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n{get}",
            &[400],
            Closed,
        ),
        ("{POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Transfer-Encoding: chunked \u{b}\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{GET}Transfer-Encoding: x\r\n\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 6.1: a coding that the server does not know is answered 501.
#[test]
fn s6_1_an_unknown_coding_is_answered_501() -> Result<()> {
    check(&[
        ("{POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{get}", &[501], Closed),
        (
            "{POST}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{get}",
            &[501],
            Closed,
        ),
    ])
}

/// Section 6.1: HTTP/1.0 has no Transfer-Encoding. A proxy may not look for one.
#[test]
fn s6_1_http_1_0_has_no_transfer_encoding() -> Result<()> {
    check(&[
        ("POST / HTTP/1.0\r\n{chunked}0\r\n\r\n{get}", &[400], Closed),
        ("POST / HTTP/1.0\r\nConnection: keep-alive\r\n{chunked}0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 6.1 and 6.3: a message with both fields can be an attempt to smuggle a request.
#[test]
fn s6_3_transfer_encoding_and_content_length_together() -> Result<()> {
    check(&[
        ("{POST}Content-Length: 5\r\n{chunked}0\r\n\r\n{get}", &[400], Closed),
        ("{POST}Content-Length: 0\r\n{chunked}0\r\n\r\n{get}", &[400], Closed),
        (
            "{POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{get}",
            &[400],
            Closed,
        ),
        (
            "{POST}Transfer-Encoding: x, chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{get}",
            &[400],
            Closed,
        ),
        ("{GET}Content-Length: 5\r\n{chunked}0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 6.2, and RFC 9110, section 8.6: a length is one or more digits.
#[test]
fn s6_2_a_length_is_digits() -> Result<()> {
    check(&[
        ("{POST}Content-Length: 0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}Content-Length: 0005\r\n\r\nhello{get}", &[201, 200], Open),
        ("{POST}Content-Length: +5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: -5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5.0\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 0x5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5 5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5;\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5_\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: \"5\"\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: ５\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length:\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 18446744073709551621\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 18446744073709551615\r\n\r\nhello{get}", &[413], Closed),
    ])
}

/// Section 6.3: lengths that differ are an error that cannot be recovered. The same length twice may be taken, and
/// a list of lengths refused.
#[test]
fn s6_3_two_lengths_do_not_differ() -> Result<()> {
    check(&[
        ("{POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello{get}", &[201, 200], Open),
        ("{POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5\r\nContent-Length:\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5, 6\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5,\r\n\r\nhello{get}", &[400], Closed),
        ("{POST}Content-Length: 5, 5\r\n\r\nhello{get}", &[400], Closed),
    ])
}

/// Section 6.3: a request without a length has no body. Any request with a length has one, also a GET.
#[test]
fn s6_3_a_body_is_as_long_as_its_length() -> Result<()> {
    check(&[
        ("{POST}\r\n{get}", &[201, 200], Open),
        ("{POST}Content-Length: 28\r\n\r\n{get}", &[], Cut),
        ("{POST}Content-Length: 27\r\n\r\n{get}{get}", &[201, 200], Open),
        ("{GET}Content-Length: 27\r\n\r\n{get}{get}", &[200, 200], Open),
        (
            "GET /none HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{get}{get}",
            &[404, 200],
            Open,
        ),
        ("DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{get}{get}", &[405, 200], Open),
        ("HEAD / HTTP/1.1\r\nHost: x\r\n{chunked}1b\r\n{get}\r\n0\r\n\r\n{get}", &[200, 200], Open),
        (
            "OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{get}{get}",
            &[204, 200],
            Open,
        ),
    ])
}

/// Section 6.3 and RFC 9110, section 15.5.14: a body that is too long is answered 413.
#[test]
fn s6_3_a_long_body_is_answered_413() -> Result<()> {
    let most = "x".repeat(64 << 10);
    let taken = format!("{{POST}}Content-Length: 65536\r\n\r\n{most}{{get}}");
    let too_long = format!("{{POST}}Content-Length: 65537\r\n\r\n{most}x{{get}}");
    check(&[
        (&taken, &[201, 200], Open),
        (&too_long, &[413], Closed),
        ("{POST}Content-Length: 65537\r\n\r\n", &[413], Closed),
    ])
}

/// RFC 9110, section 8.3: text is UTF-8 here, and anything else is answered 400.
#[test]
fn s6_a_body_that_is_no_text_is_answered_400() -> Result<()> {
    let server = STAGE.server()?;
    let head = "POST / HTTP/1.1\r\nHost: x\r\n";
    let body = [head.as_bytes(), b"Content-Length: 2\r\n\r\n\xff\xfe"].concat();
    check_one(&server, &body, &[400], Closed)?;
    let body =
        [head.as_bytes(), b"Transfer-Encoding: chunked\r\n\r\n1\r\n\xff\r\n0\r\n\r\n"].concat();
    check_one(&server, &body, &[400], Closed)
}

// Section 7: chunks.

/// Section 7.1: the size of a chunk is one or more hexadecimal digits, and CR LF follows.
#[test]
fn s7_1_the_size_of_a_chunk_is_hexadecimal() -> Result<()> {
    check(&[
        ("{POST}{chunked}5\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0\r\n\r\n{get}", &[201, 200], Open),
        (
            "{POST}{chunked}a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n{get}",
            &[201, 200],
            Open,
        ),
        ("{POST}{chunked}00000000000000000005\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0x5\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}+5\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}-5\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked} 5\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5 \r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5_\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}g\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}５\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 7.1: a size that does not fit into an integer must not become another size.
#[test]
fn s7_1_a_size_does_not_overflow() -> Result<()> {
    check(&[
        ("{POST}{chunked}10000000000000005\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}100000005\r\nhello\r\n0\r\n\r\n{get}", &[413], Closed),
        ("{POST}{chunked}ffffffffffffffff\r\nhello\r\n0\r\n\r\n{get}", &[413], Closed),
        ("{POST}{chunked}1\r\nx\r\nfffffffffffffffe\r\nhello\r\n0\r\n\r\n{get}", &[413], Closed),
    ])
}

/// Section 7.1: CR LF follows the data of a chunk.
#[test]
fn s7_1_a_chunk_ends_where_its_size_says() -> Result<()> {
    check(&[
        ("{POST}{chunked}4\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}6\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\r\nhello0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\r\nhelloxx0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\r\nhel", &[], Cut),
        ("{POST}{chunked}0\r\n", &[], Cut),
    ])
}

/// Section 2.2: LF alone may end a line of the head. In a chunk, it is neither a digit nor CR LF.
#[test]
fn s7_1_lf_alone_ends_no_line_of_a_chunk() -> Result<()> {
    check(&[
        ("{POST}{chunked}5\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\r\nhello\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\r\nhello\r\n0\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;a\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;a=\"\n\"\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5\rhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;a\r\rhello\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 7.1.1: a server ignores extensions that it does not know, and white space around them.
#[test]
fn s7_1_1_extensions_are_ignored() -> Result<()> {
    check(&[
        ("{POST}{chunked}5;a\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5;a=b;c\r\nhello\r\n0;d=e\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5; a = b ; c\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5;a=\"; (안)\"\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5;\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;=b\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;(\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;a=안\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5;a\0\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}5 a\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 7.1.1: the value of an extension can be in quotes, with a backslash before any character. White space
/// before a semicolon is bad, but a recipient removes it (RFC 9110, section 5.6.3).
#[test]
fn s7_1_1_extensions_in_quotes_and_bad_white_space() -> Result<()> {
    check(&[
        ("{POST}{chunked}5;a=\"\\\"(\\\\\"\r\nhello\r\n0\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5 \t;a\r\nhello\r\n0 ;b\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}5;a=\"b\r\nhello\r\n0\r\n\r\n{get}", &[400], Closed),
    ])
}

/// Section 7.1: the line of a chunk that is too long is refused. What comes after the limit is no data.
#[test]
fn s7_1_a_line_of_a_chunk_is_not_cut_off() -> Result<()> {
    let server = STAGE.server()?;
    for length in 200..600 {
        let line = format!("5;{}", "a".repeat(length));
        let text = format!("{{POST}}{{chunked}}{line}hello\r\n0\r\n\r\n{{get}}");
        check_one(&server, fill_in(&text, &server).as_bytes(), &[400], Closed)
            .with_context(|| format!("a line of {} bytes", line.len()))?;
    }
    Ok(())
}

/// Section 7.1.2: fields can follow the last chunk. They are ignored, also if they speak of a length.
#[test]
fn s7_1_2_trailers_are_ignored() -> Result<()> {
    check(&[
        ("{POST}{chunked}5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0\r\nContent-Length: 27\r\n\r\n{get}{get}", &[201, 200, 200], Open),
        ("{POST}{chunked}0\r\nTransfer-Encoding: x\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0\r\nConnection: close\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0\r\nHost: y\r\n\r\n{get}", &[201, 200], Open),
        ("{POST}{chunked}0\r\nX : y\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}0\r\nX\r\n\r\n{get}", &[400], Closed),
        ("{POST}{chunked}0\r\n X: y\r\n\r\n{get}", &[400], Closed),
        // The request that should be behind the empty line stands in its place.
        ("{POST}{chunked}0\r\n{get}", &[400], Closed),
    ])
}

/// Section 7.1: sizes, extensions and trailers have limits, because a chunk is read before anything is known of it.
#[test]
fn s7_1_chunks_have_limits() -> Result<()> {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let taken = format!("{{POST}}{{chunked}}{}0\r\n\r\n{{get}}", chunk.repeat(16));
    let too_long = format!("{{POST}}{{chunked}}{}1\r\nx\r\n0\r\n\r\n{{get}}", chunk.repeat(16));
    let small = format!("{{POST}}{{chunked}}{}0\r\n\r\n{{get}}", "1\r\nx\r\n".repeat(5000));
    let extension =
        format!("{{POST}}{{chunked}}5;{}\r\nhello\r\n0\r\n\r\n{{get}}", "a".repeat(1000));
    let zeros = format!("{{POST}}{{chunked}}{}5\r\nhello\r\n0\r\n\r\n{{get}}", "0".repeat(1000));
    let trailer = format!("{{POST}}{{chunked}}0\r\nX: {}\r\n\r\n{{get}}", "y".repeat(20_000));
    let trailers = format!("{{POST}}{{chunked}}0\r\n{}\r\n{{get}}", "X: y\r\n".repeat(200));
    check(&[
        (&taken, &[201, 200], Open),
        (&too_long, &[413], Closed),
        (&small, &[201, 200], Open),
        (&extension, &[400], Closed),
        (&zeros, &[400], Closed),
        (&trailer, &[431], Closed),
        (&trailers, &[431], Closed),
    ])
}

/// Section 7.1: a chunk has bytes, not characters. It can end in the middle of one.
#[test]
fn s7_1_a_chunk_can_cut_a_character_in_two() -> Result<()> {
    let server = STAGE.server()?;
    let text = "안녕";
    for size in 1..=text.len() {
        let mut bytes = fill_in("{POST}{chunked}", &server).into_bytes();
        for piece in text.as_bytes().chunks(size) {
            bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
            bytes.extend_from_slice(piece);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let mut stream = connect(server.addr())?;
        stream.write_all(&bytes)?;
        let response = Response::read(&mut BufReader::new(stream), false)?.context("nothing")?;
        ensure!(response.status == 201 && response.body == text, "{size}: {:?}", response.body);
    }
    Ok(())
}

// Section 9: connections.

/// Section 9.3: a connection of HTTP/1.1 stays open, unless one side says `close`.
#[test]
fn s9_3_a_connection_persists() -> Result<()> {
    check(&[
        ("{get}{get}{get}", &[200, 200, 200], Open),
        ("GET /none HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[404, 200], Open),
        ("POST /0 HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[405, 200], Open),
        ("{GET}Connection: close\r\n\r\n{get}", &[200], Closed),
        ("{POST}Connection: close\r\nContent-Length: 2\r\n\r\nhi{get}", &[201], Closed),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{get}", &[204], Closed),
        ("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n{get}", &[200], Closed),
        ("{get}{GET}Connection: close\r\n\r\n{get}", &[200, 200], Closed),
    ])
}

/// Section 9.3 and RFC 9110, section 7.6.1: Connection is a list of tokens, in capitals or not.
#[test]
fn s9_3_connection_is_a_list() -> Result<()> {
    check(&[
        ("{GET}Connection: keep-alive\r\n\r\n{get}", &[200, 200], Open),
        ("{GET}Connection: Keep-Alive, X\r\n\r\n{get}", &[200, 200], Open),
        ("{GET}Connection: close-not, x-close\r\n\r\n{get}", &[200, 200], Open),
        ("{GET}Connection:\r\n\r\n{get}", &[200, 200], Open),
        ("{GET}Connection: CLOSE\r\n\r\n{get}", &[200], Closed),
        ("{GET}Connection: x,close\r\n\r\n{get}", &[200], Closed),
        ("{GET}Connection: keep-alive,\t close\r\n\r\n{get}", &[200], Closed),
        ("{GET}Connection: ,, close ,\r\n\r\n{get}", &[200], Closed),
        ("{GET}Connection: keep-alive\r\nConnection: close\r\n\r\n{get}", &[200], Closed),
    ])
}

/// Section 9.3: a connection of HTTP/1.0 is closed, unless the client asks to keep it.
#[test]
fn s9_3_http_1_0_closes() -> Result<()> {
    check(&[
        ("GET / HTTP/1.0\r\n\r\n{get}", &[200], Closed),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n{get}", &[200, 200], Open),
        (
            "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
            &[200, 200],
            Closed,
        ),
        ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n{get}", &[200], Closed),
        ("{get}GET / HTTP/1.0\r\n\r\n{get}", &[200, 200], Closed),
    ])
}

/// Section 9.3.2: a client can send requests without waiting. The responses come in the order of the requests.
#[test]
fn s9_3_2_pipelined_requests_are_answered_in_order() -> Result<()> {
    let server = STAGE.server()?;
    let mut bytes = String::new();
    let mut expected: Vec<(u16, String)> = Vec::new();
    for number in 0..100 {
        let length = format!("message {number}").len();
        bytes.push_str(&format!("{{POST}}Content-Length: {length}\r\n\r\nmessage {number}"));
        expected.push((201, format!("message {number}")));
        bytes.push_str(&format!(
            "PUT /{number} HTTP/1.1\r\nHost: x\r\n{{chunked}}1\r\n{}\r\n0\r\n\r\n",
            number % 10
        ));
        expected.push((200, (number % 10).to_string()));
        bytes.push_str(&format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n"));
        expected.push((200, (number % 10).to_string()));
    }
    let mut stream = connect(server.addr())?;
    stream.write_all(fill_in(&bytes, &server).as_bytes())?;
    let mut reader = BufReader::new(stream);
    for (number, expected) in expected.into_iter().enumerate() {
        let response = Response::read(&mut reader, false)?.context("no response")?;
        ensure!((response.status, response.body) == expected, "response {number}");
    }
    Ok(())
}

/// Section 9.3: TCP has no messages. A request can come in pieces, and the end of one with the start of the next.
#[test]
fn s9_3_segments_can_cut_anywhere() -> Result<()> {
    let server = STAGE.server()?;
    let text = "{POST}Content-Length: 6\r\n\r\n안녕{POST}{chunked}3;a\r\n안\r\n3\r\n녕\r\n0\r\nX: y\r\n\r\n{get}";
    let text = fill_in(text, &server);
    for size in [1, 2, 7, 50] {
        let mut stream = connect(server.addr())?;
        stream.set_nodelay(true)?;
        for piece in text.as_bytes().chunks(size) {
            stream.write_all(piece)?;
        }
        let mut reader = BufReader::new(stream);
        for status in [201, 201, 200] {
            let response = Response::read(&mut reader, false)?.context("no response")?;
            ensure!(response.status == status, "{size}: {}", response.status);
            ensure!(status == 200 || response.body == "안녕", "{size}: {}", response.body);
        }
    }
    Ok(())
}

/// Section 9.6: a refusal reaches a client that is still sending, because the server goes on reading for a while.
#[test]
fn s9_6_a_refusal_reaches_a_client_that_is_sending() -> Result<()> {
    let long = "x".repeat(5 << 20);
    let length = format!("{{POST}}Content-Length: {}\r\n\r\n{long}{{get}}", long.len());
    let chunk = format!("{{POST}}{{chunked}}500000\r\n{long}\r\n0\r\n\r\n{{get}}");
    let head = format!("{{GET}}X: {long}\r\n\r\n{{get}}");
    let line = format!("GET /{long} HTTP/1.1\r\n\r\n{{get}}");
    let doubt = format!("{{POST}}Content-Length: 5\r\n{{chunked}}{long}{{get}}");
    check(&[
        (&length, &[413], Closed),
        (&chunk, &[413], Closed),
        (&head, &[431], Closed),
        (&line, &[414], Closed),
        (&doubt, &[400], Closed),
    ])
}

/// Section 9.6: after a response with `close`, the server does nothing more on the connection.
#[test]
fn s9_6_nothing_is_done_after_close() -> Result<()> {
    let server = STAGE.server()?;
    let text = "{POST}Connection: close\r\n\r\n{POST}Content-Length: 6\r\n\r\nhidden";
    check_one(&server, fill_in(text, &server).as_bytes(), &[201], Closed)?;
    // In stage 15 hyper takes such a body, and closes after it.
    let taken = STAGE.number()? == 15;
    let text = "{POST}Content-Length: 9\r\n{chunked}0\r\n\r\n{POST}Content-Length: 6\r\n\r\nhidden";
    let status = if taken { 201 } else { 400 };
    check_one(&server, fill_in(text, &server).as_bytes(), &[status], Closed)?;
    let list = ask(&server, "{get}")?.body;
    ensure!(list == if taken { "[\"\",\"\"]" } else { "[\"\"]" }, "{list}");
    Ok(())
}

// RFC 9110: what the methods and the fields mean.

/// RFC 9110, section 6.6.1: each response has a Date. `Response::read` checks that of all responses here.
#[test]
fn r9110_6_6_1_each_response_has_a_date() -> Result<()> {
    let server = STAGE.server()?;
    for text in [
        "{get}",
        "{POST}\r\n",
        "GET /none HTTP/1.1\r\nHost: x\r\n\r\n",
        "garbage\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let response = ask(&server, text)?;
        let dates = response.fields.iter().filter(|field| field.0 == "Date").count();
        ensure!(dates == 1, "{dates} dates in the response to {text:?}");
    }
    for wrong in
        ["Tue, 1 Dec 2026 00:00:00 GMT", "2026-11-24T00:00:00Z", "Mon, 24 Nov 2026 00:00:00 GMT"]
    {
        ensure!(check_date(wrong).is_err(), "{wrong} passes");
    }
    Ok(())
}

/// RFC 9110, section 9.3.2: a response to HEAD has the fields of a GET, and no body.
#[test]
fn r9110_9_3_2_head_has_no_body() -> Result<()> {
    let server = STAGE.server()?;
    ask(&server, "{POST}Content-Length: 6\r\n\r\n안녕")?;
    for target in ["/", "/0", "/none"] {
        let text = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let get = ask(&server, &text)?;
        let head = ask(&server, &text.replace("GET", "HEAD"))?;
        ensure!(get.status == head.status && !get.body.is_empty(), "{target}");
        let fields = |response: Response| -> Vec<_> {
            response.fields.into_iter().filter(|field| field.0 != "Date").collect()
        };
        ensure!(fields(get) == fields(head), "{target}");
    }
    check(&[
        ("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[200, 200], Open),
        ("HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[404, 200], Open),
        ("HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", &[413], Closed),
    ])
}

/// RFC 9110, section 9.3.2: also where the request is refused because of its head.
#[test]
fn r9110_9_3_2_a_refused_head_has_no_body() -> Result<()> {
    check(&[
        ("HEAD / HTTP/1.1\r\n\r\n", &[400], Closed),
        ("HEAD / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", &[400], Closed),
        ("HEAD /#x HTTP/1.1\r\nHost: x\r\n\r\n", &[400], Closed),
    ])
}

/// RFC 9110, section 9.3.6: CONNECT asks for a proxy, which this server is not.
#[test]
fn r9110_9_3_6_connect_is_refused() -> Result<()> {
    check(&[
        ("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n{get}", &[501], Closed),
        ("CONNECT {addr} HTTP/1.1\r\nHost: {addr}\r\n\r\n{get}", &[501], Closed),
        ("CONNECT [::1]:80 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{get}", &[501], Closed),
    ])
}

/// RFC 9110, section 9.3.7: OPTIONS tells which methods a target, or the server, allows.
#[test]
fn r9110_9_3_7_options_tells_the_methods() -> Result<()> {
    let server = STAGE.server()?;
    ask(&server, "{POST}\r\n")?;
    for (target, allow) in
        [("*", "GET, HEAD, POST, PUT"), ("/", "GET, HEAD, POST"), ("/0", "GET, HEAD, PUT")]
    {
        let response = ask(&server, &format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\n\r\n"))?;
        ensure!(response.status == 204 && response.field("Allow") == Some(allow), "{target}");
        // RFC 9110, section 8.3: what has no body has no type.
        ensure!(response.field("Content-Type").is_none(), "{target}");
        if target != "*" {
            let refused = ask(&server, &format!("DELETE {target} HTTP/1.1\r\nHost: x\r\n\r\n"))?;
            ensure!(refused.status == 405 && refused.field("Allow") == Some(allow), "{target}");
        }
    }
    check(&[
        ("OPTIONS /none HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[404, 200], Open),
        ("OPTIONS /1 HTTP/1.1\r\nHost: x\r\n\r\n{get}", &[404, 200], Open),
        ("OPTIONS / HTTP/1.1\r\nHost: x\r\n{chunked}2\r\nhi\r\n0\r\n\r\n{get}", &[204, 200], Open),
    ])
}

/// RFC 9110, section 10.1.1: the client waits for 100 before it sends the body. So the 100 comes before the body.
#[test]
fn r9110_10_1_1_continue_comes_before_the_body() -> Result<()> {
    let server = STAGE.server()?;
    for (length, body) in
        [("Content-Length: 2\r\n\r\n", "hi"), ("{chunked}", "2\r\nhi\r\n0\r\n\r\n")]
    {
        for expect in ["Expect: 100-continue\r\n", "expect:100-Continue\r\n"] {
            let mut stream = connect(server.addr())?;
            let mut reader = BufReader::new(stream.try_clone()?);
            stream.write_all(fill_in(&format!("{{POST}}{expect}{length}"), &server).as_bytes())?;
            let interim = Response::read(&mut reader, false)?.context("no 100")?;
            ensure!(interim.status == 100 && interim.fields.is_empty(), "{}", interim.status);
            stream.write_all(body.as_bytes())?;
            let response = Response::read(&mut reader, false)?.context("no 201")?;
            ensure!(response.status == 201 && response.body == "hi", "{}", response.status);
        }
    }
    Ok(())
}

/// RFC 9110, section 10.1.1: no 100 comes where there is no body, in HTTP/1.0, and where the request is refused.
/// After a refusal, the server cannot know whether the body comes. It closes.
#[test]
fn r9110_10_1_1_no_body_no_continue() -> Result<()> {
    let expect = |text: &str| text.replace("{EXPECT}", "Host: x\r\nExpect: 100-continue\r\n");
    let cases: [Case; 11] = [
        ("POST / HTTP/1.1\r\n{EXPECT}Content-Length: 2\r\n\r\nhi{get}", &[100, 201, 200], Open),
        ("GET / HTTP/1.1\r\n{EXPECT}\r\n{get}", &[200, 200], Open),
        ("POST / HTTP/1.1\r\n{EXPECT}Content-Length: 0\r\n\r\n{get}", &[201, 200], Open),
        ("POST / HTTP/1.0\r\n{EXPECT}Content-Length: 2\r\n\r\nhi", &[201], Closed),
        ("POST /none HTTP/1.1\r\n{EXPECT}Content-Length: 27\r\n\r\n{get}", &[404], Closed),
        ("POST /0 HTTP/1.1\r\n{EXPECT}Content-Length: 27\r\n\r\n{get}", &[405], Closed),
        ("PUT /9 HTTP/1.1\r\n{EXPECT}Content-Length: 27\r\n\r\n{get}", &[404], Closed),
        ("POST / HTTP/1.1\r\n{EXPECT}Content-Length: 99999\r\n\r\n{get}", &[413], Closed),
        ("POST / HTTP/1.1\r\n{EXPECT}Content-Length: x\r\n\r\n{get}", &[400], Closed),
        ("POST / HTTP/1.1\r\n{EXPECT}Content-Length: 5\r\n{chunked}{get}", &[400], Closed),
        ("POST / HTTP/1.1\r\n{EXPECT}Transfer-Encoding: x, chunked\r\n\r\n{get}", &[501], Closed),
    ];
    let cases = cases.map(|(text, statuses, end)| (expect(text), statuses, end));
    let cases: Vec<Case> =
        cases.iter().map(|(text, statuses, end)| (text.as_str(), *statuses, *end)).collect();
    check(&cases)
}

/// RFC 9110, section 10.1.1: OPTIONS is a method like the others.
#[test]
fn r9110_10_1_1_options_can_expect_continue() -> Result<()> {
    let expect = "Host: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi{get}";
    let [all, list, none] =
        ["*", "/", "/none"].map(|target| format!("OPTIONS {target} HTTP/1.1\r\n{expect}"));
    check(&[
        (&all, &[100, 204, 200], Open),
        (&list, &[100, 204, 200], Open),
        (&none, &[404], Closed),
    ])
}

/// RFC 9110, section 10.1.1: an expectation that the server does not know can be answered 417.
#[test]
fn r9110_10_1_1_an_unknown_expectation_is_answered_417() -> Result<()> {
    check(&[
        ("{GET}Expect: tea\r\n\r\n{get}", &[417], Closed),
        ("{POST}Expect: 100-continue, tea\r\nContent-Length: 27\r\n\r\n{get}", &[417], Closed),
        ("{POST}Expect: 100-continue=1\r\nContent-Length: 27\r\n\r\n{get}", &[417], Closed),
        ("HEAD / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n{get}", &[417], Closed),
    ])
}

/// RFC 9110, sections 7.4 and 15.5.20: a request for another server is answered 421.
#[test]
fn r9110_15_5_20_a_request_for_another_server_is_answered_421() -> Result<()> {
    check(&[
        ("GET http://other/ HTTP/1.1\r\nHost: other\r\n\r\n{get}", &[421], Closed),
        ("GET http://other:{port}/ HTTP/1.1\r\nHost: {addr}\r\n\r\n{get}", &[421], Closed),
        ("GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n{get}", &[421], Closed),
        ("GET https://{addr}/ HTTP/1.1\r\nHost: {addr}\r\n\r\n{get}", &[421], Closed),
        ("OPTIONS http://other HTTP/1.1\r\nHost: other\r\n\r\n{get}", &[421], Closed),
        (
            "POST http://other/ HTTP/1.1\r\nHost: x\r\nContent-Length: 27\r\n\r\n{get}",
            &[421],
            Closed,
        ),
    ])
}
