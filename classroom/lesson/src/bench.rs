//! `cargo lesson bench`: what each stage costs and how fast it is, measured on this machine. The program that measures
//! is a package of its own, because no other command needs a crate that draws curves.

use crate::package;
use anyhow::Result;
use clap::Args;
use ladder::Ladder;
use replay::Lang;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The arguments of `cargo lesson bench`.
#[derive(Args)]
pub struct Arguments {
    /// Measure for about one minute, without the cold build
    ///
    /// The programs are compiled first where they have to be.
    #[arg(long)]
    quick: bool,
    /// Print the figures as JSON, in place of the table
    #[arg(long)]
    json: bool,
    /// Draw the writes a second as curves into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure this stage alone; may be given several times
    #[arg(long, value_name = "STAGE")]
    only: Vec<String>,
    /// How the servers are compiled that answer requests; the cold build is always that of cargo build
    #[arg(long, value_parser = ["dev", "release"], default_value = "release")]
    profile: String,
}

/// Starts the package `bench`. Its exit status is returned.
///
/// # Errors
/// There is no such stage, or cargo does not run.
pub fn run(ladder: &Ladder, arguments: &Arguments, lang: Lang) -> Result<ExitCode> {
    let mut words: Vec<OsString> = vec!["--lang".into(), lang.choose("en", Some("ko")).into()];
    for (option, is_set) in [("--quick", arguments.quick), ("--json", arguments.json)] {
        words.extend(is_set.then(|| option.into()));
    }
    if let Some(svg) = &arguments.svg {
        words.extend(["--svg".into(), svg.into()]);
    }
    for name in &arguments.only {
        words.extend(["--only".into(), ladder.stage(name)?.name.as_str().into()]);
    }
    words.extend(["--profile".into(), arguments.profile.as_str().into()]);
    package::start(ladder, "bench", "measures the stages", &words)
}
