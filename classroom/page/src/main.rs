//! Writes one HTML file in which any two stages stand side by side, in code, on the wire, in their replays and in
//! the notes. All that it shows is in the file; the script in it only chooses.
//!
//! | file | what it holds |
//! |---|---|
//! | `main.rs` | the page, with the replays and the table of the wire |
//! | `highlight.rs` | code with colours |
//! | `changes.rs` | what changes between two stages |
//! | `notes.rs` | the notes of a stage |
//! | `page.html`, `style.css`, `script.js` | the page itself, before the data goes in |
//!
//! `cargo lesson page` starts it.

mod changes;
mod highlight;
mod notes;

use anyhow::{Context, Result, ensure};
use changes::changes_between;
use clap::Parser;
use highlight::Code;
use ladder::build::build;
use ladder::wire::Wire;
use ladder::{Ladder, Stage};
use notes::notes;
use replay::Lesson;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// How much of a request or a response the page shows, in characters.
const SHOWN: usize = 1000;

#[derive(Parser)]
#[command(about = "Write one HTML file in which any two stages stand side by side")]
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
    let binaries = build(ladder, stages)?;
    let mut code = Code::new()?;
    let mut described = Vec::new();
    for stage in stages {
        let lesson = Lesson::parse(&stage.read("lesson.txt")?.context("no lesson.txt")?)?;
        let binary = binaries.get(&stage.name).context("no program")?;
        described.push(json!({
            "name": stage.name,
            "title": lesson.title,
            "files": code.add_stage(stage)?,
            "replay": replay(binary)?,
            "notes": notes(&ladder.root, &lesson.title)?,
        }));
    }
    let mut changes = BTreeMap::new();
    for (from, one) in stages.iter().enumerate() {
        for (to, other) in stages.iter().enumerate().skip(from) {
            changes.insert(format!("{from} {to}"), changes_between(one, other)?);
        }
    }
    let data = json!({
        "stages": described,
        "lines": code.lines,
        "changes": changes,
        "wire": wire(&Wire::of(ladder, stages)?),
    });
    // No text of the data can be read as a tag.
    let data = data.to_string().replace('<', "\\u003c");
    Ok(include_str!("page.html")
        .replace("/* style */", include_str!("style.css"))
        .replace("/* script */", include_str!("script.js"))
        .replace("/* data */", &data))
}

/// Whether the page shows a file: a class does not compare tests.
fn is_shown(path: &str) -> bool {
    !path.starts_with("tests/")
}

/// What a stage's replay prints in English, with the colours that it has on a terminal.
fn replay(binary: &Path) -> Result<String> {
    let mut command = Command::new(binary);
    // The page is in English, in any locale.
    command.args(["--lang", "en"]);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").stdin(Stdio::null());
    let output = command.stderr(Stdio::inherit()).output().context("cannot run the replay")?;
    ensure!(output.status.success(), "the replay of {} failed", binary.display());
    let text = String::from_utf8(output.stdout)?;
    // The port is another one each time.
    let addr = text.split("listening on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let addr = addr.context("the replay has no address")?;
    let addr = addr.split('\x1b').next().unwrap_or_default();
    Ok(ansi_to_html::convert(&text.replace(addr, "127.0.0.1:8080"))?)
}

/// The table of all stages: what was sent in full, and for each stage the answer, short and in full.
fn wire(wire: &Wire) -> Value {
    let rows = wire.rows.iter().map(|row| {
        let answers = row.answers.iter().map(|answer| [answer.short.clone(), cut(&answer.got)]);
        json!({
            "case": row.case,
            "sent": row.answers.first().map(|answer| cut(&answer.sent)),
            "answers": answers.collect::<Vec<_>>(),
        })
    });
    rows.collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}… ({} bytes in all)", &text[..at], text.len()),
        None => text.to_string(),
    }
}
