//! Draws a capture, also one of your own: cargo run -p packets -- captures/s01_echo.pcap

use anyhow::{Context, Result};
use packets::{capture, diagram};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [file] = &arguments[..] else {
        eprintln!("give one capture: cargo run -p packets -- captures/s01_echo.pcap");
        return ExitCode::from(2);
    };
    match print_diagram(Path::new(file)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the diagram of the capture in `file`.
fn print_diagram(file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let segments = capture::segments(&bytes)?;
    io::stdout().write_all(diagram::draw(&segments).as_bytes()).context("cannot print")
}
