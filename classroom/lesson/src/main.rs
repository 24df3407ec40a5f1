//! `cargo lesson`: compares the stages in code and on the wire, checks a server in any language, starts a
//! student's own copy, and carries a maintainer's fix up the ladder. Each command has a file.

mod bench;
mod carry;
mod check;
mod class;
mod diff;
mod half;
mod hint;
mod list;
mod package;
mod page;
mod pager;
mod report;
mod start;
mod watch;
mod wire;
mod words;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use ladder::Ladder;
use replay::Lang;
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
    /// The language of list, check, watch, class, start, hint and bench, en or ko [default: that of the system]
    #[arg(long, global = true)]
    lang: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// List the stages, the one idea of each, and what it adds to the one before
    List,
    /// Show what changes in the code from one stage to another
    ///
    /// On a terminal it shows the programs, which are in src, and goes through the pager that LESSON_PAGER or PAGER
    /// names, or else through less. In a pipe it is a patch of all files, which turns the first stage into the
    /// second: cargo lesson diff my_put 7 src/ | patch -p1 -d mine/my_put
    Diff {
        /// The earlier stage; alone, it is compared with the one before it
        from: String,
        /// The later stage
        to: Option<String>,
        /// Only this file, such as server.rs, or this folder, such as src/
        file: Option<String>,
        /// On a terminal too, all files: also the lesson, the manifest and the tests
        #[arg(long)]
        all: bool,
        /// Only how many lines each file gains and loses
        #[arg(long)]
        stat: bool,
        /// Without a pager
        #[arg(long)]
        no_pager: bool,
    },
    /// Show what changes on the wire: ask the real servers, attack them, and compare
    ///
    /// Several stages are shown by the rows in which they differ, one stage alone by all its rows.
    Wire {
        /// The stages, one or more
        #[arg(required = true, value_name = "STAGE")]
        stages: Vec<String>,
        /// The rows in which the stages agree as well
        #[arg(long)]
        all: bool,
        /// The full text of each request and of each response
        #[arg(long)]
        verbose: bool,
    },
    /// Check whether a server, in any language, does what a stage does
    Check(check::Arguments),
    /// Check your own server again after each save, until all cases hold
    Watch(watch::Arguments),
    /// Show a board of the class: what each student's watch --class reports, as it comes
    ///
    /// The real server of stage 13 listens on the network of the class, and the students' results are its messages.
    Class(class::Arguments),
    /// Start a copy of a stage that is your own, to change as you like
    ///
    /// It goes into the folder mine, without the window. Its one test runs the contract of the next stage:
    /// cargo test -p NAME
    Start {
        /// The stage to begin with
        stage: String,
        /// The name of the copy
        name: String,
        /// A copy of the next stage, in which you write only the functions that are new
        ///
        /// In place of each body is a comment that says what the function does, and a value that compiles.
        #[arg(long)]
        half: bool,
    },
    /// Show the next hint for an exercise of the notes, or its answer
    ///
    /// The hints that were shown are counted in mine/.hints, so that the next call shows the next hint.
    Hint(hint::Arguments),
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
    /// Measure on this machine what each stage costs, and how fast it is
    ///
    /// It measures lines, crates, a cold build and memory, then requests and writes a second, writes per sync, and what
    /// is left after kill -9. A server in Python stands beside the stages. This takes up to five minutes. The first
    /// run compiles the programs before, which takes longer.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == clap::error::ErrorKind::InvalidSubcommand => {
            return unknown_command(&error);
        }
        Err(error) => error.exit(),
    };
    let lang = match Lang::named(cli.lang.as_deref()) {
        Ok(lang) => lang,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    match run(cli, lang) {
        Ok(status) => status,
        // The reader has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", words::say(lang, &format!("{error:#}")));
            if error.is::<check::BadArguments>() {
                return ExitCode::from(2);
            }
            ExitCode::FAILURE
        }
    }
}

/// Says which commands there are. The exit status is 2, as for all bad arguments.
fn unknown_command(error: &clap::Error) -> ExitCode {
    let word = |kind| error.get(kind).map(ContextValue::to_string).unwrap_or_default();
    let (command, similar) =
        (word(ContextKind::InvalidSubcommand), word(ContextKind::SuggestedSubcommand));
    let question = match similar.as_str() {
        "" => String::new(),
        similar => format!("; did you mean {similar}?"),
    };
    eprintln!("cargo lesson has no command {command:?}{question}");
    eprintln!("These are its commands; cargo lesson help COMMAND says more of one:");
    for command in Cli::command().get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        eprintln!("  {:6} {about}", command.get_name());
    }
    ExitCode::from(2)
}

fn run(cli: Cli, lang: Lang) -> Result<ExitCode> {
    let ladder = Ladder::find()?;
    match cli.command.unwrap_or(Command::List) {
        Command::List => list::run(&ladder, lang)?,
        Command::Diff { from, to, file, all, stat, no_pager } => {
            diff::run(&ladder, diff::Options { from, to, file, all, stat, no_pager })?;
        }
        Command::Wire { stages, all, verbose } => wire::run(&ladder, &stages, all, verbose)?,
        Command::Check(arguments) => return check::run(&ladder, &arguments, lang),
        Command::Watch(arguments) => watch::run(&ladder, &arguments, lang)?,
        Command::Class(arguments) => class::run(&ladder, &arguments, lang)?,
        Command::Start { stage, name, half } => start::run(&ladder, &stage, &name, half, lang)?,
        Command::Hint(arguments) => hint::run(&ladder, &arguments, lang)?,
        Command::Carry { stage, dry_run } => return carry::run(&ladder, &stage, dry_run),
        Command::Page { out } => return page::run(&ladder, out.as_deref()),
        Command::Bench(arguments) => return bench::run(&ladder, &arguments, lang),
    }
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    kind == Some(ErrorKind::BrokenPipe)
}
