//! With any bytes as a body in chunks, stage 12 does not panic and accepts nothing beyond its limit. If it accepts a
//! body, another reader of chunks finds the same body, with the same end. Else a client could hide a request behind
//! the body.
#![no_main]
#![allow(dead_code)]

#[path = "../../steps/s12_keepalive/src/http.rs"]
mod http;

use http::{Request, Response};
use libfuzzer_sys::fuzz_target;

const MAX_BODY: usize = 64 << 10;

fuzz_target!(|bytes: &[u8]| {
    let mut stream = bytes;
    if let Some(body) = read(&mut stream) {
        assert!(body.len() <= MAX_BODY);
        let (other, end) = parse(bytes).expect("another reader refuses it");
        assert_eq!(body.as_bytes(), other);
        assert_eq!(bytes.len() - stream.len(), end);
    }
    let response = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", bytes].concat();
    let _ = Response::read(&mut response.as_slice(), "GET");
});

/// Reads the body behind a head that says that it comes in chunks.
fn read(stream: &mut &[u8]) -> Option<String> {
    let head = b"PUT /0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut request = Request::read_head(&mut head.as_slice(), &mut false).expect("a head");
    request.read_body(stream).ok()?;
    Some(request.body)
}

/// Another reader: each line before a chunk ends with the first CR LF, and its digits are the size. Returns the body,
/// and where what comes after it begins.
fn parse(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let end = at + bytes[at..].windows(2).position(|pair| pair == b"\r\n")?;
        let line = &bytes[at..end];
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = usize::from_str_radix(str::from_utf8(&line[..digits]).ok()?, 16).ok()?;
        at = end + 2;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        if bytes.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    // The trailers, whose lines LF alone can end, and an empty line.
    loop {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n')?;
        let is_empty = matches!(&bytes[at..end], b"" | b"\r");
        at = end + 1;
        if is_empty {
            return Some((body, at));
        }
    }
}
