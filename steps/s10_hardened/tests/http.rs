//! Whatever bytes come, `http.rs` neither panics nor reads more than its limits allow.
#![allow(dead_code)]

#[path = "../src/http.rs"]
mod http;

use http::{Request, Response};
use proptest::prelude::*;

/// The most that a request may have: its head, its body, and the first byte over a limit.
const MOST: usize = (16 << 10) + (8 << 10) + (64 << 10) + 2;

/// How many bytes were read of `bytes`, and what was made of them.
fn read(bytes: &[u8]) -> (usize, anyhow::Result<Request>) {
    let mut stream = bytes;
    let request = Request::read(&mut stream);
    (bytes.len() - stream.len(), request)
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
        proptest::collection::vec(any::<u8>(), 0..40),
        (any::<u8>(), 0..30_000usize).prop_map(|(byte, length)| vec![byte; length]),
        (0..200usize).prop_map(|times| b"X: y\r\n".repeat(times)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(read(&bytes).0 <= MOST);
        let _ = Response::read(&mut bytes.as_slice(), "GET");
    }

    #[test]
    fn bytes_that_look_like_requests(pieces in proptest::collection::vec(piece(), 0..12)) {
        let bytes = pieces.concat();
        let (length, request) = read(&bytes);
        prop_assert!(length <= MOST, "read {length} bytes");
        if let Ok(request) = request {
            prop_assert!(request.body.len() <= 64 << 10);
            prop_assert!(!request.method.is_empty() && !request.target.is_empty());
        }
        let _ = Response::read(&mut bytes.as_slice(), "HEAD");
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
