//! Stage 9: run for days.
//!
//! `server` and `client` are the two programs of the lesson; without an argument both of them replay it.

mod client;
mod http;
mod messages;
mod server;
#[cfg(feature = "window")]
mod window;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the server listens and the client connects, unless `--addr` says otherwise.
const ADDR: &str = "127.0.0.1:8080";

#[derive(Parser)]
#[command(
    about,
    after_help = "Without a command, replays the lesson with a server and a client of its own."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// Where to listen or to connect [default: 127.0.0.1:8080]; port 0 lets the system choose one
    #[arg(long, global = true, value_name = "HOST:PORT")]
    addr: Option<String>,

    /// The file in which the server keeps its messages; the replay has one of its own
    #[arg(long, global = true, value_name = "PATH", default_value = "messages.db")]
    db: PathBuf,

    /// Wait for Enter between the lines of the replay
    #[arg(long)]
    step: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Listen for connections and answer them
    Server,
    /// Talk to the server, a line at a time
    Client,
    /// The same client as a window
    Window,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let addr = cli.addr.as_deref().unwrap_or(ADDR);
    match cli.command {
        Some(Command::Server) => server::run(addr, &cli.db),
        Some(Command::Client) => client::run(addr),
        #[cfg(feature = "window")]
        Some(Command::Window) => window::run(addr),
        #[cfg(not(feature = "window"))]
        Some(Command::Window) => anyhow::bail!(
            "this build has no window; for one: cargo run -p {} --features window -- window",
            env!("CARGO_PKG_NAME")
        ),
        None => replay::run(
            env!("CARGO_PKG_NAME"),
            include_str!("../lesson.txt"),
            cli.addr.as_deref(),
            cli.step,
        ),
    }
}
