//! Measures on this machine what each stage costs and how fast it is, in one run. `cargo lesson bench` starts it.
//!
//! | file | what it holds |
//! |---|---|
//! | `main.rs` | the command line, and the order of the run |
//! | `cost.rs` | lines, crates, and the time of a cold build |
//! | `disk.rs` | how many syncs a second the disk can do |
//! | `server.rs` | a server as a process, also under strace, and its store |
//! | `clients.rs` | clients that send a request as soon as the one before is answered |
//! | `measure.rs` | the rows: requests, writes, writes for each sync, and a kill |
//! | `report.rs` | the tables, in English and in Korean, and the JSON |
//! | `plot.rs` | the curves of the writes, as SVG |
//! | `progress.rs` | what is measured now |
//! | `store.py` | the contract of stage 8 with Python's standard library, for comparison |

mod clients;
mod cost;
mod disk;
mod measure;
mod plot;
mod progress;
mod report;
mod server;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use ladder::build::{How, build_as};
use ladder::{Ladder, Stage};
use measure::{Times, Tools, subjects};
use progress::Progress;
use replay::Lang;
use report::Report;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Measure on this machine what each stage costs, and how fast it is")]
struct Cli {
    /// Measure for about one minute, without the cold build
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
    /// The language of the table, en or ko [default: that of the system]
    #[arg(long)]
    lang: Option<String>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let lang = match Lang::named(cli.lang.as_deref()) {
        Ok(lang) => lang,
        Err(error) => {
            eprintln!("{error:#}");
            return ExitCode::from(2);
        }
    };
    match run(&cli, lang) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Measures, and prints. The exit status is 1 if a write was lost.
fn run(cli: &Cli, lang: Lang) -> Result<ExitCode> {
    let ladder = Ladder::find()?;
    let stages = chosen(&ladder, &cli.only)?;
    if let Some(svg) = &cli.svg {
        // A path that cannot be written is found before the measurements.
        let file = fs::File::options().create(true).append(true).open(svg);
        file.with_context(|| format!("cannot write {}; choose another file", svg.display()))?;
    }
    replay::end_with_signals()?;
    let report = measure(cli, &ladder, &stages)?;
    if let Some(svg) = &cli.svg {
        let picture = plot::draw(&report)?;
        fs::write(svg, picture).with_context(|| format!("cannot write {}", svg.display()))?;
    }
    let mut output = anstream::stdout();
    if cli.json {
        writeln!(output, "{:#}", report.json())?;
    } else {
        write!(output, "{}", report.tables(lang))?;
    }
    Ok(if report.lost() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The stages with these names, in the order of the ladder; all of them if there are no names.
fn chosen<'a>(ladder: &'a Ladder, names: &[String]) -> Result<Vec<&'a Stage>> {
    let mut chosen: Vec<&Stage> = Vec::new();
    for name in names {
        let stage = ladder.stage(name)?;
        ensure!(!stage.is_copy(), "{} is your own; choose a stage of the ladder", stage.name);
        chosen.push(stage);
    }
    let all = names.is_empty();
    Ok(ladder.stages().filter(|stage| all || chosen.contains(stage)).collect())
}

/// Builds the stages, and measures them one after the other.
fn measure(cli: &Cli, ladder: &Ladder, stages: &[&Stage]) -> Result<Report> {
    let mut progress = Progress::new();
    let seconds = match cli.quick {
        true => BTreeMap::new(),
        false => cost::build_cold(ladder, stages, &mut count_crates(&mut progress, "cold build"))?,
    };
    let options: &[&str] = if cli.profile == "release" { &["--release"] } else { &[] };
    let mut built = count_crates(&mut progress, "build");
    let how = How { folder: "lesson", options, built: &mut built };
    let binaries = build_as(ladder, stages, how)?;
    drop(built);
    let (milliseconds, times) = if cli.quick {
        (300, Times { requests: 200, writes: 250, rounds: 1, syncs: 150, kill: 150 })
    } else {
        (2000, Times { requests: 1000, writes: 350, rounds: 3, syncs: 400, kill: 500 })
    };
    progress.say("disk", "syncs");
    let mut disk = disk::measure(Duration::from_millis(milliseconds))?;
    let subjects = subjects(ladder, stages, &binaries, &seconds)?;
    progress.say("PostgreSQL", "start");
    let tools = Tools::find(&subjects);
    let mut rows = Vec::new();
    for subject in subjects {
        let name = subject.name.clone();
        if subject.is_on_disk() {
            disk.keep_better(&disk::measure(Duration::from_millis(milliseconds / 10))?);
        }
        rows.push(subject.measure(&times, &tools, &mut progress).context(name)?);
    }
    let counts_syncs = tools.counts_syncs();
    drop(tools);
    let seconds = progress.end();
    let profile = cli.profile.clone();
    Ok(Report { profile, is_quick: cli.quick, seconds, disk, counts_syncs, rows })
}

/// Says how many crates are built so far, and the last of them.
fn count_crates(progress: &mut Progress, part: &str) -> impl FnMut(&str) {
    progress.say(part, "starts");
    let mut count = 0;
    move |name| {
        count += 1;
        progress.say(part, &format!("{count} crates, the last is {name}"));
    }
}
