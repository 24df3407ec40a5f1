//! Writes the calls that belong to a capture, from what strace has written. `classroom/captures.sh` uses it:
//!
//!     calls CAPTURE TIME FILE…
//!
//! Calls that begin after TIME are left out: the capture had ended. The name of a file is `client.THREAD` or
//! `server.THREAD`.

use anyhow::{Context, Result, bail};
use packets::calls::{from_strace, print};
use packets::capture::{Side, segments};
use std::path::PathBuf;
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
    let usage = "give a capture, the time of its end, and the files of strace";
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let capture = arguments.next().context(usage)?;
    let ended = arguments.next().context(usage)?;
    let ended: f64 = ended.to_string_lossy().parse().context(usage)?;
    let bytes = fs::read(&capture).with_context(|| format!("cannot read {}", capture.display()))?;
    let segments = segments(&bytes)?;
    let first = segments.first().context("the capture is empty")?.at;
    let (mut client, mut server) = (Vec::new(), Vec::new());
    for file in arguments {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.split('.').next() {
            Some("client") => client.push(text),
            Some("server") => server.push(text),
            _ => bail!("{name} is neither client.THREAD nor server.THREAD"),
        }
    }
    let mut calls = from_strace(&client, Side::Client, first)?;
    calls.extend(from_strace(&server, Side::Server, first)?);
    let length = ((ended - first.as_secs_f64()) * 1e6) as i64;
    calls.retain(|call| call.begins < length);
    calls.sort_by_key(|call| call.begins);
    print!("{}", print(&calls));
    Ok(())
}
