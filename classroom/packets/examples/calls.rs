//! Writes the calls that belong to a capture, from what strace has written: see `classroom/captures.sh`.
//!
//!     cargo run -p packets --example calls -- captures/s01_echo.pcap client.123 server.124 … > captures/s01_echo.calls

use anyhow::{Context, Result, bail};
use packets::calls::{from_strace, print};
use packets::capture::{Side, segments};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

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
    let mut files = env::args_os().skip(1).map(PathBuf::from);
    let capture = files.next().context("give a capture and the files of strace")?;
    let bytes = fs::read(&capture).with_context(|| format!("cannot read {}", capture.display()))?;
    let segments = segments(&bytes)?;
    let first = segments.first().context("the capture is empty")?.at;
    let mut calls = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let who = match name.split('.').next() {
            Some("client") => Side::Client,
            Some("server") => Side::Server,
            _ => bail!("{} is neither client.… nor server.…", Path::new(name).display()),
        };
        calls.extend(from_strace(&text, who, first)?);
    }
    calls.sort_by_key(|call| call.begins);
    print!("{}", print(&calls));
    Ok(())
}
