//! Whatever bytes come as a request, stage 10 neither panics nor reads beyond its limits; and what it
//! has read it can write and read again.
#![no_main]
#![allow(dead_code)]

#[path = "../../steps/s10_hardened/src/http.rs"]
mod http;

use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut stream = bytes;
    let request = Request::read(&mut stream);
    assert!(bytes.len() - stream.len() <= (16 << 10) + (8 << 10) + (64 << 10) + 2);
    if let Ok(request) = request {
        let text = request.to_string();
        // Names and spaces have been put in order, so that the head may have grown beyond its limit.
        if let Ok(again) = Request::read(&mut text.as_bytes()) {
            assert_eq!(again.to_string(), text);
        }
    }
});
