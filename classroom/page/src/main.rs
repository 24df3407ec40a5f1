//! Writes one HTML file that presents the stages to a class, and in which any two stages stand side by side. All that
//! it shows is in the file; the scripts in it only choose what is shown. They are concatenated and share one scope.
//!
//! | file | what it holds |
//! |---|---|
//! | `main.rs` | the page: its data, gathered and compressed |
//! | `stage.rs` | what the page shows of a stage: code, replay |
//! | `highlight.rs` | code with colours |
//! | `changes.rs` | what changes between two stages |
//! | `hunks.rs` | what changes in the code of a stage, a piece at a time, each with its sentence |
//! | `notes.rs` | the sections of the notes |
//! | `plans.rs` | the lesson plans |
//! | `scenes.rs` | what happens in a lesson, from a real run |
//! | `relay.rs`, `messages.rs` | what goes over the wire in it |
//! | `wire.rs` | what the servers answer |
//! | `page.html`, `style.css` | the page itself, before the data goes in |
//! | `script/` | one file a view: the ladder, the three acts, the quiz, the review, the teacher's window |
//!
//! `cargo lesson page` starts it.

mod changes;
mod highlight;
mod hunks;
mod messages;
mod notes;
mod plans;
mod relay;
mod scenes;
mod stage;
mod wire;

use crate::notes::Notes;
use anyhow::{Context, Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine};
use changes::changes_between;
use clap::Parser;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use highlight::Code;
use hunks::Hunks;
use ladder::build::build;
use ladder::wire::Wire;
use ladder::{Ladder, Stage};
use replay::Lesson;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

/// How many stages are played at a time. More of them would disturb each other's order of lines on a small machine.
const AT_A_TIME: usize = 4;

/// The scripts in the order in which they stand in the page.
const SCRIPTS: [&str; 11] = [
    include_str!("script/base.js"),
    include_str!("script/words.js"),
    include_str!("script/ladder.js"),
    include_str!("script/happens.js"),
    include_str!("script/code.js"),
    include_str!("script/wire.js"),
    include_str!("script/capture.js"),
    include_str!("script/review.js"),
    include_str!("script/teacher.js"),
    include_str!("script/search.js"),
    include_str!("script/page.js"),
];

#[derive(Parser)]
#[command(about = "Write one HTML file that presents the stages, and compares any two of them")]
struct Cli {
    /// The folder for it [default: target/page in the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the page, and prints where it is.
fn run(cli: Cli) -> Result<()> {
    let ladder = Ladder::find()?;
    let out = cli.out.unwrap_or_else(|| ladder.root.join("target/page"));
    let mut stages: Vec<&Stage> = ladder.stages().collect();
    if !replay::has_postgresql() {
        let mut kept = Vec::new();
        for stage in stages {
            if stage.needs_postgresql()? {
                eprintln!("{} is left out: PostgreSQL is not installed", stage.name);
            } else {
                kept.push(stage);
            }
        }
        stages = kept;
    }
    let html = page(&ladder, &stages)?;
    fs::create_dir_all(&out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let path = out.join("index.html");
    fs::write(&path, &html).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} ({} KB)", path.display(), html.len() / 1024);
    Ok(())
}

fn page(ladder: &Ladder, stages: &[&Stage]) -> Result<String> {
    let data = data(ladder, stages)?;
    Ok(include_str!("page.html")
        .replace("/* style */", include_str!("style.css"))
        .replace("/* script */", &SCRIPTS.concat())
        .replace("/* data */", &packed(&data)?))
}

/// All that the page shows, as one value.
fn data(ladder: &Ladder, stages: &[&Stage]) -> Result<Value> {
    let binaries = build(ladder, stages)?;
    let notes = Notes::read(&ladder.root)?;
    let plans = plans::read(&ladder.root)?;
    let hunks = Hunks::read(&ladder.root)?;
    let lessons = stages
        .iter()
        .map(|stage| Lesson::parse(&stage.read("lesson.txt")?.context("no lesson.txt")?));
    let lessons = lessons.collect::<Result<Vec<Lesson>>>()?;
    let mut played = play_all(stages, &lessons, &binaries)?.into_iter();
    let mut code = Code::new()?;
    let mut described = Vec::new();
    let mut fields = scenes::Fields::default();
    for (number, stage) in stages.iter().enumerate() {
        let lesson = &lessons[number];
        let before = number.checked_sub(1).map(|number| stages[number]);
        let mut one = stage::describe(stage, before, lesson, &mut code)?;
        let played = played.next().context("no replay")?;
        one["replay"] = played.replay;
        let scene = scenes::scene(lesson, played.recordings, &fields)?;
        fields = scene.fields;
        one["scene"] = scene.steps.into();
        let earlier = before.zip(described.last().map(|stage: &Value| &stage["files"]));
        one["hunks"] = hunks.between(earlier, stage, &one["files"])?;
        one["notes"] = notes.section(&lesson.title)?;
        one["plan"] = plans.get(&lesson.title).cloned().unwrap_or_default();
        described.push(one);
    }
    let captures = notes.captures(stages)?;
    for stage in &mut described {
        let own = captures.iter().filter(|(_, capture)| capture["stage"] == stage["name"]);
        let mut names: Vec<String> = own.map(|(name, _)| name.clone()).collect();
        // The one with the name of the stage is that of its lesson.
        names.sort_by_key(|name| stage["name"] != *name);
        stage["captures"] = names.into();
    }
    let mut changes = BTreeMap::new();
    for (from, one) in stages.iter().enumerate() {
        for (to, other) in stages.iter().enumerate().skip(from) {
            changes.insert(format!("{from} {to}"), changes_between(one, other)?);
        }
    }
    let titles: Vec<&Value> = described.iter().map(|stage| &stage["title"]["en"]).collect();
    let mut sections = notes.others(&titles);
    for section in &mut sections {
        let title = section["title"]["en"].as_str().unwrap_or_default();
        section["plan"] = plans.get(title).cloned().unwrap_or_default();
    }
    Ok(json!({
        "stages": described,
        "sections": sections,
        "lines": code.lines,
        "changes": changes,
        "wire": wire::rows(&Wire::of(ladder, stages)?),
        "captures": captures,
        "pictures": notes.pictures()?,
    }))
}

/// What was played of a stage.
struct Played {
    replay: Value,
    recordings: scenes::Recordings,
}

/// Plays all stages, several at a time: a replay mostly waits.
fn play_all(
    stages: &[&Stage],
    lessons: &[Lesson],
    binaries: &BTreeMap<String, PathBuf>,
) -> Result<Vec<Played>> {
    let binary = |stage: &Stage| binaries.get(&stage.name).context("cargo built nothing");
    let play = |number: usize| -> Result<Played> {
        let own = binary(stages[number])?;
        let before = match number.checked_sub(1) {
            Some(before) => Some((stages[before], binary(stages[before])?.as_path())),
            None => None,
        };
        let played = || -> Result<Played> {
            let recordings = scenes::record(&lessons[number], own, before)?;
            Ok(Played { replay: stage::replays(own)?, recordings })
        };
        played().with_context(|| stages[number].name.clone())
    };
    let numbers: Vec<usize> = (0..stages.len()).collect();
    let mut played = Vec::new();
    for numbers in numbers.chunks(AT_A_TIME) {
        let some = thread::scope(|scope| -> Vec<Result<Played>> {
            let plays: Vec<_> =
                numbers.iter().map(|number| scope.spawn(move || play(*number))).collect();
            plays
                .into_iter()
                .map(|play| play.join().unwrap_or_else(|_| bail!("a thread panicked")))
                .collect()
        });
        for one in some {
            played.push(one?);
        }
    }
    Ok(played)
}

/// The data as text that a script unpacks: most of it is the same words again and again.
fn packed(data: &Value) -> Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data.to_string().as_bytes())?;
    Ok(BASE64_STANDARD.encode(encoder.finish()?))
}

/// Whether the page shows a file: a class does not compare tests.
fn is_shown(path: &str) -> bool {
    !path.starts_with("tests/")
}

/// A file of the workspace as text.
fn read(root: &Path, name: &str) -> Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"))
}
