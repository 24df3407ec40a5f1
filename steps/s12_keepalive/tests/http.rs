//! Bytes and requests made at random: `http.rs` does not panic, accepts no request beyond a limit,
//! and reads no more bytes than a request within the limits has.
#![allow(dead_code)]

#[path = "../src/http.rs"]
mod http;

use http::{HttpError, Request, Response};
use proptest::collection::vec;
use proptest::prelude::*;

const MAX_START_LINE: usize = 8 << 10;
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 100;
const MAX_BODY: usize = 64 << 10;

/// The most that may be read without chunks: a head, the two bytes by which its last line and the empty line after it may
/// go beyond its limit, and a body.
const MAX_READ: usize = 2 + MAX_HEAD + 4 + MAX_BODY;

/// Reads a whole request, head and body.
fn read_request(stream: &mut &[u8]) -> anyhow::Result<Request> {
    let mut request = Request::read_head(stream, &mut false)?;
    request.read_body(stream)?;
    Ok(request)
}

/// How many bytes were read of `bytes`, and what was made of them.
fn read(bytes: &[u8]) -> (usize, anyhow::Result<Request>) {
    let mut stream = bytes;
    let request = read_request(&mut stream);
    (bytes.len() - stream.len(), request)
}

/// What was read keeps every limit, whether a request has come of it or not.
fn keeps_the_limits(read: usize, request: &anyhow::Result<Request>) -> Result<(), TestCaseError> {
    prop_assert!(read <= MAX_READ, "read {read} bytes");
    if let Ok(request) = request {
        let text = request.to_string();
        let head = &text[..text.len() - request.body.len()];
        // After the start line and the fields comes an empty line.
        let fields = head.lines().count() - 2;
        prop_assert!(fields <= MAX_FIELDS, "{fields} fields");
        // Writing adds a space after the colon, and CR where LF alone ended a line.
        let most = MAX_HEAD + 4 + 2 * (MAX_FIELDS + 2);
        prop_assert!(head.len() <= most, "a head of {} bytes", head.len());
        let start_line = head.lines().next().unwrap_or_default().len();
        prop_assert!(start_line <= MAX_START_LINE, "a start line of {start_line} bytes");
        prop_assert!(request.body.len() <= MAX_BODY, "a body of {} bytes", request.body.len());
    }
    Ok(())
}

/// A size far below `limit`, close to it on either side, or far above.
fn around(limit: usize) -> impl Strategy<Value = usize> {
    prop_oneof![0..limit / 4, limit - 3..limit + 4, limit + 1..limit * 3]
}

/// A well-formed request of these sizes, as far as they are possible together: bytes of the start
/// line, lengths of the values of fields, bytes of the head, bytes of the body.
fn request(start_line: usize, values: &[usize], head: usize, body: usize) -> String {
    let line = "PUT / HTTP/1.1";
    let more = start_line.saturating_sub(line.len());
    let mut text = line.replace("/ ", &format!("/{} ", "x".repeat(more)));
    text.push_str(&format!("\r\nHost: x\r\nContent-Length: {body}\r\n"));
    for length in values {
        text.push_str(&format!("X: {}\r\n", "y".repeat(*length)));
    }
    if let Some(length @ 5..) = head.checked_sub(text.len()) {
        text.push_str(&format!("P: {}\r\n", "z".repeat(length - 5)));
    }
    format!("{text}\r\n{}", "b".repeat(body))
}

/// The status that refuses a request; `None` if it is accepted.
fn refused_with(request: &anyhow::Result<Request>) -> Option<String> {
    let error: &HttpError = request.as_ref().err()?.downcast_ref()?;
    Some(error.0.to_string())
}

/// The status that refuses such a request, as RFC 9110 and our limits have it; `None` if there is none.
/// A head that is at most a line end longer than the limit may be accepted or refused.
fn expected(request: &str) -> Vec<Option<String>> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
    let start_line = head.lines().next().unwrap_or_default().len();
    let refused = |status: &str| Some(status.to_string());
    let fits = if body.len() > MAX_BODY { refused("413") } else { None };
    match head.len() + 2 {
        _ if start_line > MAX_START_LINE => vec![refused("414")],
        _ if head.lines().count() > MAX_FIELDS + 1 => vec![refused("431")],
        length if length > MAX_HEAD + 2 => vec![refused("431")],
        length if length > MAX_HEAD => vec![refused("431"), fits],
        _ => vec![fits],
    }
}

/// Pieces of which requests are made, and pieces of which they are not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /0 HTTP/1.0\n".to_vec()),
        Just(b"Content-Length: ".to_vec()),
        Just(b"content-length:5\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b":".to_vec()),
        Just("안녕".as_bytes().to_vec()),
        any::<u64>().prop_map(|number| number.to_string().into_bytes()),
        vec(any::<u8>(), 0..40),
        (any::<u8>(), around(MAX_HEAD)).prop_map(|(byte, length)| vec![byte; length]),
        (any::<u8>(), around(MAX_BODY)).prop_map(|(byte, length)| vec![byte; length]),
        around(MAX_FIELDS).prop_map(|times| b"X: y\r\n".repeat(times)),
    ]
}

/// A body in chunks, up to the line of the last one. The sizes are used in turn.
fn chunks(body: &[u8], sizes: &[usize], extension: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = body;
    for size in sizes.iter().cycle() {
        let (chunk, after) = rest.split_at((*size).min(rest.len()));
        bytes.extend(format!("{:X}{extension}\r\n", chunk.len()).bytes());
        if chunk.is_empty() {
            break;
        }
        bytes.extend_from_slice(chunk);
        bytes.extend(b"\r\n");
        rest = after;
    }
    bytes
}

/// Pieces of which bodies in chunks are made, and pieces of which they are not.
fn chunk_piece() -> impl Strategy<Value = Vec<u8>> {
    let long = around(MAX_BODY).prop_map(|size| format!("{size:x}\r\n{}\r\n", "x".repeat(size)));
    prop_oneof![
        9 => Just(b"5\r\nhello\r\n".to_vec()),
        3 => Just(b"5;a=\"b\"\r\n".to_vec()),
        3 => Just(b"0\r\n".to_vec()),
        3 => Just(b"\r\n".to_vec()),
        3 => Just(b"X: y\r\n".to_vec()),
        1 => any::<u64>().prop_map(|size| format!("{size:x}\r\n").into_bytes()),
        1 => long.prop_map(String::into_bytes),
        3 => vec(any::<u8>(), 0..10),
        3 => around(256).prop_map(|length| vec![b'a'; length]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..2000)) {
        let _ = read_request(&mut bytes.as_slice());
        let _ = Response::read(&mut bytes.as_slice(), "GET");
    }

    /// Also when what looks like a request never ends.
    #[test]
    fn pieces_of_requests_keep_the_limits(pieces in vec(piece(), 0..12), endless in any::<u8>()) {
        let mut bytes = pieces.concat();
        bytes.extend([endless].repeat(2 * MAX_READ));
        let (length, request) = read(&bytes);
        keeps_the_limits(length, &request)?;
        let _ = Response::read(&mut bytes.as_slice(), "HEAD");
    }

    #[test]
    fn each_limit_has_its_status(
        start_line in prop_oneof![3 => 0..100usize, 1 => around(MAX_START_LINE)],
        values in prop_oneof![vec(0..10usize, 0..200), vec(0..500usize, 0..60)],
        head in prop_oneof![Just(0), around(MAX_HEAD)],
        body in prop_oneof![0..100usize, around(MAX_BODY)],
    ) {
        let text = request(start_line, &values, head, body);
        let (length, request) = read(text.as_bytes());
        keeps_the_limits(length, &request)?;
        let (status, expected) = (refused_with(&request), expected(&text));
        prop_assert!(expected.contains(&status), "{status:?} instead of {expected:?}");
    }

    /// What is written can be read, whatever the text.
    #[test]
    fn a_request_comes_back(text in "\\PC{0,200}", index in any::<u64>()) {
        let request = Request::new("PUT", &format!("/{index}"), "host:80").with_text(&text);
        let (length, back) = read(request.to_string().as_bytes());
        let back = back.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(length, request.to_string().len());
        prop_assert_eq!(back.to_string(), request.to_string());
        prop_assert_eq!(back.body, text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Chunks give the same body, wherever they cut the text, with extensions and trailers, and nothing behind them is
    /// read.
    #[test]
    fn chunks_give_the_body(
        text in "\\PC{0,200}",
        sizes in vec(1..20usize, 1..10),
        extension in "(;[a-z]{1,5}(=([a-z0-9]{1,5}|\"[^\\p{C}\"\\\\]{0,10}\"))?){0,3}",
        trailers in vec("[A-Z][a-z]{0,9}: [a-z ]{0,20}\r\n", 0..5),
        rest in vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = b"PUT /0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        bytes.extend(chunks(text.as_bytes(), &sizes, &extension));
        bytes.extend(trailers.concat().bytes());
        bytes.extend(b"\r\n");
        let length = bytes.len();
        bytes.extend(rest);
        let (read, request) = read(&bytes);
        let request = request.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!((request.body, read), (text, length));
    }

    /// A body of chunks has the same limit as any other.
    #[test]
    fn chunks_keep_the_limit(body in around(MAX_BODY), sizes in vec(100..9000usize, 1..10)) {
        let mut bytes = b"PUT /0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        bytes.extend(chunks(&vec![b'x'; body], &sizes, ""));
        bytes.extend(b"\r\n");
        let expected = if body > MAX_BODY { Some("413".to_string()) } else { None };
        prop_assert_eq!(refused_with(&read(&bytes).1), expected);
    }

    /// Any bytes in place of chunks: nothing beyond the limit is accepted.
    #[test]
    fn what_is_accepted_as_chunks_keeps_the_limit(pieces in vec(chunk_piece(), 0..20)) {
        let mut bytes = b"PUT /0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        bytes.extend(pieces.concat());
        if let Ok(request) = read(&bytes).1 {
            prop_assert!(request.body.len() <= MAX_BODY, "a body of {} bytes", request.body.len());
        }
        let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        response.extend(pieces.concat());
        let _ = Response::read(&mut response.as_slice(), "GET");
    }
}
