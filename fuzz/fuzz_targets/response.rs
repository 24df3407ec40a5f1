//! With any bytes as a response to GET or to HEAD, the client of stage 10 does not panic.
#![no_main]
#![allow(dead_code)]

#[path = "../../steps/s10_hardened/src/http.rs"]
mod http;

use http::Response;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for method in ["GET", "HEAD"] {
        if let Ok(response) = Response::read(&mut { bytes }, method) {
            assert!(response.status < 1000);
        }
    }
});
