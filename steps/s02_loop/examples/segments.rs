//! One message, sent a byte at a time: how many segments make a line?
//!
//!     cargo run -p s02_loop -- server
//!     cargo run -p s02_loop --example segments -- 127.0.0.1:8080     (in another terminal)

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;
use std::{env, thread};

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
    let start = "start a server first, with: cargo run -p s02_loop -- server";
    let mut stream =
        TcpStream::connect(&addr).with_context(|| format!("nothing answers at {addr}; {start}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Without this the kernel would gather small writes into one segment (Nagle's algorithm).
    stream.set_nodelay(true)?;
    for byte in b"hello\n" {
        stream.write_all(&[*byte])?;
        println!("sent {:?}", *byte as char);
        thread::sleep(Duration::from_millis(20));
    }
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply)?;
    println!("got {reply:?}");
    Ok(())
}
