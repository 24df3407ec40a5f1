//! Stage 10: strangers knock.
//!
//! `server` and `client` are the two programs of the lesson; without an argument both of them replay it.

mod attack;
mod client;
mod guard;
mod http;
mod messages;
mod server;
#[cfg(feature = "window")]
mod window;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

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
    Server {
        /// How long a client may take for its request, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
        timeout: u64,

        /// How many connections are served at the same time
        #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=10000))]
        max_connections: u64,
    },
    /// Talk to the server, a line at a time
    Client,
    /// The same client as a window
    Window,
    /// Do to a server what strangers do
    Attack {
        /// What to do
        kind: attack::Kind,

        /// The server is my own, although it is not on this machine
        #[arg(long)]
        i_own_this_server: bool,
    },
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
        Some(Command::Server { timeout, max_connections }) => {
            server::run(addr, &cli.db, Duration::from_secs(timeout), max_connections as usize)
        }
        Some(Command::Client) => client::run(addr),
        #[cfg(feature = "window")]
        Some(Command::Window) => window::run(addr),
        #[cfg(not(feature = "window"))]
        Some(Command::Window) => anyhow::bail!(
            "this build has no window; for one: cargo run -p {} --features window -- window",
            env!("CARGO_PKG_NAME")
        ),
        Some(Command::Attack { kind, i_own_this_server }) => {
            attack::run(addr, kind, i_own_this_server)
        }
        None => replay::run(
            env!("CARGO_PKG_NAME"),
            include_str!("../lesson.txt"),
            cli.addr.as_deref(),
            cli.step,
        ),
    }
}
