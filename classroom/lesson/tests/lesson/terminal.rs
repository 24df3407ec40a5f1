//! diff on a terminal, which `script` (of util-linux) makes.
use testing::needs;

use crate::{LIMIT, lesson, root, stdout};
use anyhow::Result;
use snapbox::cmd::Command;

/// What a terminal of 80 columns shows when `cargo lesson` runs with these arguments in it. `pager` is LESSON_PAGER.
fn shown(arguments: &str, pager: &str) -> Result<String> {
    let lesson = env!("CARGO_BIN_EXE_lesson");
    let output = Command::new("script")
        .args(["-qec", &format!("stty cols 80 rows 24; '{lesson}' {arguments}; echo status $?")])
        .arg("/dev/null")
        .current_dir(root())
        .env("LESSON_PAGER", pager)
        .env("TERM", "xterm")
        .env_remove("COLUMNS")
        .env_remove("NO_COLOR")
        .stdin("")
        .timeout(LIMIT)
        .assert();
    Ok(stdout(output.success())?.replace('\r', ""))
}

#[needs("script")]
#[test]
fn a_terminal_shows_the_programs() -> Result<()> {
    let said = shown("diff 6 7", "cat")?;
    assert!(said.contains("diff --git a/src/main.rs b/src/main.rs"), "{said}");
    assert!(said.contains("\x1b[32m+"), "colours");
    assert!(!said.contains("lesson.txt b/lesson.txt") && !said.contains("b/Cargo.toml"), "{said}");
    let all = shown("diff 6 7 --all", "cat")?;
    assert!(all.contains("b/lesson.txt") && all.contains("b/Cargo.toml"), "{all}");
    // A pipe gets all files.
    let patch = stdout(lesson(&["diff", "6", "7"]).success())?;
    assert!(patch.contains("b/lesson.txt") && !patch.contains('\x1b'), "{patch}");
    assert_eq!(anstream::adapter::strip_str(&all).to_string(), format!("{patch}status 0\n"));
    Ok(())
}

#[needs("script")]
#[test]
fn a_pager_shows_a_diff() -> Result<()> {
    // The pager gets the colours.
    let said = shown("diff 6 7", "sed 's/^/paged: /'")?;
    assert!(said.starts_with("paged: \x1b[1mdiff --git a/src/main.rs"), "{said}");
    let said = shown("diff 6 7 --no-pager", "sed 's/^/paged: /'")?;
    assert!(said.contains("diff --git a/src/main.rs") && !said.contains("paged"), "{said}");
    // A file that was asked for is shown also outside src.
    assert!(shown("diff 6 7 lesson.txt", "cat")?.contains("b/lesson.txt"));
    // A reader who quits early has seen enough, and a pager that is not there shows nothing.
    let said = shown("diff 1 9", "head -1")?;
    assert!(said.ends_with("b/src/main.rs\x1b[0m\nstatus 0\n"), "{said}");
    let said = shown("diff 6 7", "no-such-pager 2>/dev/null")?;
    assert!(said.contains("diff --git") && said.ends_with("status 0\n"), "{said}");
    Ok(())
}

#[needs("script")]
#[test]
fn a_terminal_is_80_columns_wide() -> Result<()> {
    let said = anstream::adapter::strip_str(&shown("list", "cat")?).to_string();
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.lines().any(|line| line.ends_with(" cargo run -p s08_sqlite")), "{said}");
    Ok(())
}
