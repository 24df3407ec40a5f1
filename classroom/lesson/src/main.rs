//! `cargo lesson`: compares the stages in code and on the wire, checks a server in any language, starts a
//! student's own copy, and carries a maintainer's fix up the ladder. Each command has a file; `table.rs` lays out
//! what some of them print.

mod carry;
mod check;
mod diff;
mod list;
mod page;
mod start;
mod table;
mod wire;

use anyhow::Result;
use clap::{Parser, Subcommand};
use ladder::Ladder;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    bin_name = "cargo lesson",
    about = "Compare, check and carry the stages of the ladder",
    after_help = "STAGE is the number, the name or the beginning of the name: 7, s07_put or s07. \
                  Without a command, lists the stages."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// List the stages, the one idea of each, and what it adds to the one before
    List,
    /// Show what changes in the code from one stage to another
    ///
    /// In a pipe it is a patch, which turns the first stage into the second:
    /// cargo lesson diff 6 7 src/ | patch -p1 -d steps/my_put
    Diff {
        /// The earlier stage; alone, it is compared with the one before it
        from: String,
        /// The later stage
        to: Option<String>,
        /// Only this file, such as server.rs, or this folder, such as src/
        file: Option<String>,
        /// Only how many lines each file gains and loses
        #[arg(long)]
        stat: bool,
    },
    /// Show what changes on the wire: ask the real servers, attack them, and compare
    Wire {
        /// The stages, one or more
        #[arg(required = true, value_name = "STAGE")]
        stages: Vec<String>,
        /// Only the rows in which the stages differ
        #[arg(long)]
        only_different: bool,
        /// The full text of each request and of each response
        #[arg(long)]
        verbose: bool,
    },
    /// Check whether a server, in any language, does what a stage does
    Check {
        /// The stage
        stage: String,
        /// Where the server listens
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
        addr: String,
    },
    /// Start a copy of a stage that is your own, to change as you like
    Start {
        /// The stage to begin with
        stage: String,
        /// The name of the copy
        name: String,
    },
    /// Carry the uncommitted changes of a stage into all later ones
    Carry {
        /// The stage that was fixed
        stage: String,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Write one HTML file in which any two stages stand side by side
    Page {
        /// The folder for it [default: target/page in the workspace]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(status) => status,
        // The reader has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let ladder = Ladder::find()?;
    match cli.command.unwrap_or(Command::List) {
        Command::List => list::run(&ladder)?,
        Command::Diff { from, to, file, stat } => {
            diff::run(&ladder, &from, to.as_deref(), file.as_deref(), stat)?;
        }
        Command::Wire { stages, only_different, verbose } => {
            wire::run(&ladder, &stages, only_different, verbose)?;
        }
        Command::Check { stage, addr } => return check::run(&ladder, &stage, &addr),
        Command::Start { stage, name } => start::run(&ladder, &stage, &name)?,
        Command::Carry { stage, dry_run } => return carry::run(&ladder, &stage, dry_run),
        Command::Page { out } => return page::run(&ladder, out.as_deref()),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    kind == Some(ErrorKind::BrokenPipe)
}
