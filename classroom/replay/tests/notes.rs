//! A replay ends by naming a section of NOTES.md: it must be there, and say the commands.

use anyhow::{Context, Result};
use replay::Lesson;
use std::fs;
use std::path::Path;

#[test]
fn each_lesson_has_its_section() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let notes = fs::read_to_string(root.join("NOTES.md"))?;
    let mut lessons = 0;
    for stage in fs::read_dir(root.join("steps"))? {
        let stage = stage?;
        let name = stage.file_name().into_string().ok().context("a strange name")?;
        // What a student has copied and renamed has no section.
        if !name.starts_with('s') || !name[1..].starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let lesson = Lesson::parse(&fs::read_to_string(stage.path().join("lesson.txt"))?)?;
        let heading = format!("\n## {}\n", lesson.title);
        let (_, section) = notes.split_once(&heading).with_context(|| format!("no {heading:?}"))?;
        let section = section.split("\n## ").next().unwrap_or_default();
        assert!(section.contains(&format!("\n    cargo run -p {name}\n")), "{name}");
        lessons += 1;
    }
    assert!(lessons >= 6);
    Ok(())
}
