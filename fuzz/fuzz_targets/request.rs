//! With any bytes as a request, stage 10 does not panic, accepts nothing beyond its limits, and reads no more
//! bytes than a request within the limits has. A request that it has read can be written and read again.
#![no_main]
#![allow(dead_code)]

#[path = "../../steps/s10_hardened/src/http.rs"]
mod http;

use http::Request;
use libfuzzer_sys::fuzz_target;

const MAX_START_LINE: usize = 8 << 10;
const MAX_HEAD: usize = 16 << 10;
const MAX_FIELDS: usize = 100;
const MAX_BODY: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let bytes = expand(input);
    let mut stream = bytes.as_slice();
    let request = read(&mut stream);
    // An empty line before the request is not counted. The last line of a head and the empty line after it may
    // go two bytes beyond its limit each.
    assert!(bytes.len() - stream.len() <= 2 + MAX_HEAD + 4 + MAX_BODY);
    if let Ok(request) = request {
        let text = request.to_string();
        let head = &text[..text.len() - request.body.len()];
        assert!(head.lines().next().unwrap_or_default().len() <= MAX_START_LINE);
        // After the start line and the fields comes an empty line.
        assert!(head.lines().count() - 2 <= MAX_FIELDS);
        // Writing adds a space after the colon, and CR where LF alone ended a line.
        assert!(head.len() <= MAX_HEAD + 4 + 2 * (MAX_FIELDS + 2));
        assert!(request.body.len() <= MAX_BODY);
        // The head may now exceed its limit; then it is refused, which is no fault.
        if let Ok(again) = read(&mut text.as_bytes()) {
            assert_eq!(again.to_string(), text);
        }
    }
});

/// Reads a whole request, head and body.
fn read(stream: &mut &[u8]) -> anyhow::Result<Request> {
    let mut request = Request::read_head(stream, &mut false)?;
    request.read_body(stream)?;
    Ok(request)
}

/// Makes a short input long enough to exceed the limits. The byte 0xff, which no UTF-8 text has, and two more bytes,
/// `k` and `n`, stand for `n` KiB of the last `k` bytes, repeated. If `k` is 0, 0xff stands for itself.
fn expand(input: &[u8]) -> Vec<u8> {
    const MOST: usize = 1 << 20;
    let mut bytes: Vec<u8> = Vec::new();
    let mut rest = input;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match *rest {
            [k, n, ..] if k > 0 && byte == 0xff && bytes.len() < MOST => {
                rest = &rest[2..];
                let unit = bytes[bytes.len().saturating_sub(k.into())..].to_vec();
                bytes.extend(unit.iter().cycle().take(usize::from(n) << 10));
            }
            _ => bytes.push(byte),
        }
    }
    bytes
}
