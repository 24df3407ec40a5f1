//! What the page shows of a stage apart from its notes: its code, how much it adds, and its replay in both languages.

use crate::highlight::Code;
use anyhow::{Context, Result, ensure};
use ladder::Stage;
use ladder::code::{Changes, FileChange, count};
use replay::{Lang, Lesson};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Describes a stage, which comes after the stage `before`. Its lines go into `code`.
///
/// # Errors
/// A file that cannot be read.
pub fn describe(
    stage: &Stage,
    before: Option<&Stage>,
    lesson: &Lesson,
    code: &mut Code,
) -> Result<Value> {
    let sources = Changes::between(before, stage, Some("src/"))?.files;
    let (added, removed) = count(&sources);
    let adds = sources.iter().map(|file: &FileChange| {
        let (added, removed) = file.count();
        json!([file.path, added, removed])
    });
    Ok(json!({
        "name": stage.name,
        "number": stage.number,
        "title": { "en": lesson.title_in(Lang::En), "ko": lesson.title_in(Lang::Ko) },
        "added": added,
        "removed": removed,
        "adds": adds.collect::<Vec<_>>(),
        "files": code.add_stage(stage)?,
    }))
}

/// What the replay prints in each language.
///
/// # Errors
/// A replay that fails.
pub fn replays(binary: &Path) -> Result<Value> {
    let (english, korean) = thread::scope(|scope| {
        let korean = scope.spawn(|| replay(binary, "ko"));
        (replay(binary, "en"), korean.join())
    });
    let korean = korean.unwrap_or_else(|_| anyhow::bail!("a thread panicked"))?;
    Ok(json!({ "en": english?, "ko": korean }))
}

/// What a stage's replay prints, as HTML with the colours that it has on a terminal.
fn replay(binary: &Path, lang: &str) -> Result<String> {
    let mut command = Command::new(binary);
    command.args(["--lang", lang]);
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
