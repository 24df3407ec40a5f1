//! Stage 15, the same with a framework. New: axum, hyper and Tokio, in `server.rs`.
//!
//! - `server.rs` accepts connections and answers on them.
//! - `client.rs` connects, sends what a person types, and prints what comes back.
//! - `http.rs` turns requests and responses into bytes, and bytes into them, for the client.
//! - `window.rs` is the client as a window.
//! - `messages.rs` holds the list of messages that the server keeps, in one of two
//!   stores: `sqlite.rs` or `postgres.rs`.
//! - `log.rs` writes the log: what happens on each connection, with the time and the peer.
//! - `attack.rs` does to a server what strangers do to an open port.
//! - `connection.rs` gives a connection a deadline, for the client.
//! - `main.rs` reads the command line. Without a command it replays the lesson, `lesson.txt`.

mod attack;
mod client;
mod connection;
mod http;
mod log;
mod messages;
mod postgres;
mod server;
mod sqlite;
#[cfg(feature = "window")]
mod window;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// The address at which the server listens and to which the client connects, without `--addr`.
const ADDR: &str = "127.0.0.1:8080";

#[derive(Parser)]
#[command(
    about,
    after_help = "Without a command, replays the lesson: starts server and client, and shows both."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// The server's address [default: 127.0.0.1:8080]; a server with port 0 gets a free port
    #[arg(long, global = true, value_name = "HOST:PORT")]
    addr: Option<String>,

    /// Wait for Enter between the lines of the replay
    #[arg(long)]
    step: bool,

    /// The language in which the replay tells the lesson [default: that of the system]
    #[arg(long, value_name = "LANG", value_parser = ["en", "ko"])]
    lang: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Listen for connections and answer them
    Server {
        /// The file in which the server keeps its messages, or postgresql://USER@HOST:PORT/NAME
        #[arg(long, value_name = "PATH", default_value = "messages.db")]
        db: String,

        /// How long a client may take for a head, a body, and each part of a response, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
        timeout: u64,

        /// How many connections are served at the same time; one address gets seven eighths
        #[arg(long, value_name = "N", default_value_t = 256)]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=10000))]
        max_connections: u64,

        /// Log the header fields of requests and responses, and not only a line for each
        #[arg(long)]
        verbose: bool,
    },
    /// Talk to the server, a line at a time
    Client,
    /// The same client as a window
    Window,
    /// Attack a running server as strangers do
    Attack {
        /// What to do
        kind: attack::Kind,

        /// For a server that is not on this machine: say that it is your own
        #[arg(long)]
        i_own_this_server: bool,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let addr = cli.addr.as_deref().unwrap_or(ADDR);
    match &cli.command {
        Some(Command::Server { db, timeout, max_connections, verbose }) => {
            let (log, guard) = log::start(*verbose);
            let timeout = Duration::from_secs(*timeout);
            let result = server::run(addr, db, timeout, *max_connections as usize, log.clone());
            log::finish(&log, guard);
            result
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
            attack::run(addr, *kind, *i_own_this_server)
        }
        None => replay::run(
            env!("CARGO_PKG_NAME"),
            include_str!("../lesson.txt"),
            cli.addr.as_deref(),
            cli.step,
            cli.lang.as_deref(),
        ),
    }
}
