//! The lessons of all stages of the ladder.

use anyhow::{Context, Result, ensure};
use ladder::Ladder;
use ladder::build::build;
use replay::{Lesson, Line};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use textwrap::core::display_width;

fn ladder() -> Result<Ladder> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no workspace")?;
    Ladder::open(root)
}

/// What is wrong with a stage's replay in this language, a line each.
fn too_wide(binary: &Path, lang: &str) -> Result<String> {
    let output = Command::new(binary).args(["--lang", lang]).stdin(Stdio::null()).output()?;
    let (name, errors) = (binary.display(), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{name}: {errors}");
    let text = String::from_utf8(output.stdout)?;
    ensure!(text.contains("NOTES"), "{name} shows no end: {text}");
    let rows = text.lines().filter(|row| display_width(row) > 80 || row.ends_with(' '));
    Ok(rows.map(|row| format!("{name} {lang}: {row:?}\n")).collect())
}

#[test]
fn each_replay_fits_into_80_columns_in_both_languages() -> Result<()> {
    let ladder = ladder()?;
    let mut stages: Vec<_> = ladder.stages().collect();
    // A stage whose lesson cannot run here is left out; an automatic run has all programs.
    stages.retain(|stage| replay::has_postgresql() || !stage.needs_postgresql().unwrap_or(false));
    ensure!(!stages.is_empty(), "there are no stages");
    let binaries = build(&ladder, &stages)?;
    let replays: Vec<_> = binaries
        .into_values()
        .flat_map(|binary| ["en", "ko"].map(|lang| (binary.clone(), lang)))
        .map(|(binary, lang)| thread::spawn(move || too_wide(&binary, lang)))
        .collect();
    let mut wide = String::new();
    for replay in replays {
        wide.push_str(&replay.join().expect("a replay")?);
    }
    assert_eq!(wide, "");
    Ok(())
}

/// The lesson of a stage and the contract agree on whether its servers need PostgreSQL.
#[test]
fn lessons_with_postgresql() -> Result<()> {
    for stage in ladder()?.stages() {
        let number = stage.number.context("no number")?;
        assert_eq!(stage.needs_postgresql()?, contract::needs_postgresql(number), "{}", stage.name);
    }
    Ok(())
}

#[test]
fn each_line_of_words_has_its_korean_line() -> Result<()> {
    let mut without = Vec::new();
    for stage in ladder()?.stages() {
        let text = stage.read("lesson.txt")?.context("no lesson.txt")?;
        let lesson = Lesson::parse(&text).with_context(|| stage.name.clone())?;
        if lesson.title_ko.is_none() {
            without.push(format!("{}: {}", stage.name, lesson.title));
        }
        for line in &lesson.lines {
            if let Line::Say { en, ko: None } = line {
                without.push(format!("{}: {en}", stage.name));
            }
        }
    }
    assert_eq!(without, Vec::<String>::new());
    Ok(())
}
