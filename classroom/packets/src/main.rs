//! Draws a capture, also one of your own: cargo run -p packets -- captures/s01_echo.pcap

use anyhow::{Context, Result};
use packets::{capture, diagram};
use std::io::{self, Write};
use std::path::Path;
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
    let name = env::args_os().nth(1).context("which capture? Give its file as an argument")?;
    let bytes =
        fs::read(&name).with_context(|| format!("cannot read {}", Path::new(&name).display()))?;
    let segments = capture::segments(&bytes)?;
    io::stdout().write_all(diagram::draw(&segments).as_bytes()).context("cannot print")
}
