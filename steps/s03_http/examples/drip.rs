//! One request, sent a byte at a time: what does Wireshark make of its segments?
//!
//!     cargo run -p s03_http -- server
//!     cargo run -p s03_http --example drip -- 127.0.0.1:8080     (in another terminal)

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

const REQUEST: &str = "POST / HTTP/1.1\r\nHost: me\r\nContent-Length: 2\r\n\r\nhi";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let addr = env::args().nth(1).unwrap_or("127.0.0.1:8080".to_string());
    let start = "start a server first, with: cargo run -p s03_http -- server";
    let mut stream =
        TcpStream::connect(&addr).with_context(|| format!("nothing answers at {addr}; {start}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Without this the kernel would gather small writes into one segment (Nagle's algorithm).
    stream.set_nodelay(true)?;
    for byte in REQUEST.as_bytes() {
        stream.write_all(&[*byte])?;
        thread::sleep(Duration::from_millis(20));
    }
    println!("sent {} segments", REQUEST.len());
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    println!("got {:?}", response.lines().next().unwrap_or_default());
    Ok(())
}
