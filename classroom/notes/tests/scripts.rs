//! `classroom/mine.sh`, with a script `cargo` in the place of `cargo lesson check`.
#![cfg(unix)]

use anyhow::{Context, Result};
use needs::needs;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder with the script, and with a `cargo` that prints `mine/NAME/output`, and `mine/NAME/errors` on standard
/// error, and ends with the status in `mine/NAME/status`.
fn workspace() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("classroom"))?;
    fs::create_dir_all(path("bin"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mine.sh");
    fs::copy(script, path("classroom/mine.sh"))?;
    let cargo = "#!/bin/sh
[ \"$1 $2 $5\" = 'lesson check --json' ] || exit 99
[ \"$3\" = 7 ] || exit 98
cat mine/$4/output
cat mine/$4/errors >&2
exit $(cat mine/$4/status)
";
    fs::write(path("bin/cargo"), cargo)?;
    fs::set_permissions(path("bin/cargo"), Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Adds a copy whose check prints `output` and `errors`, and ends with `status`.
fn add(folder: &TempDir, name: &str, output: &str, errors: &str, status: u8) -> Result<()> {
    let copy = folder.path().join("mine").join(name);
    fs::create_dir_all(&copy)?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\n\n[package.metadata.lesson]\nnext = 7\n\n[dependencies]\n"
    );
    fs::write(copy.join("Cargo.toml"), manifest)?;
    fs::write(copy.join("output"), output)?;
    fs::write(copy.join("errors"), errors)?;
    fs::write(copy.join("status"), status.to_string())?;
    Ok(())
}

fn run(folder: &TempDir) -> Result<Output> {
    let path = format!("{}:{}", folder.path().join("bin").display(), env::var("PATH")?);
    let mut script = Command::new("sh");
    script.arg(folder.path().join("classroom/mine.sh")).env("PATH", path).output().context("no sh")
}

/// The rows of the table, without its two lines of heading, and the exit status.
fn rows(folder: &TempDir) -> Result<(Vec<String>, Option<i32>)> {
    let output = run(folder)?;
    assert_eq!(String::from_utf8(output.stderr)?, "");
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text.lines().map(str::to_string);
    assert_eq!(lines.next().as_deref(), Some("| copy | stage | cases held | first fault |"));
    assert_eq!(lines.next().as_deref(), Some("|---|---|---|---|"));
    Ok((lines.collect(), output.status.code()))
}

fn case(id: &str, passed: bool, reason: &str) -> String {
    format!(
        "{{\"stage\": \"s07_put\", \"id\": \"{id}\", \"passed\": {passed}, \"seconds\": 0.1, \"reason\": {reason}}}"
    )
}

#[needs("python3")]
#[test]
fn a_table_has_a_row_for_each_copy() -> Result<()> {
    let folder = workspace()?;
    let (good, bad) =
        (case("get", true, "null"), case("put", false, "\"the status is 404 | not\\n200\""));
    add(&folder, "an_array", &format!("[{good}, {good}]"), "", 0)?;
    assert_eq!(
        rows(&folder)?,
        (vec!["| an\\_array | s07\\_put | 2 / 2 |  |".to_string()], Some(0))
    );

    add(&folder, "lines", &format!("{good}\n{bad}\n{good}\n{bad}\n"), "warning\n", 1)?;
    let (table, status) = rows(&folder)?;
    assert_eq!(table[1], "| lines | s07\\_put | 2 / 4 | put: the status is 404 \\| not 200 |");
    assert_eq!((table.len(), status), (2, Some(1)));
    Ok(())
}

#[needs("python3")]
#[test]
fn a_copy_that_cannot_be_checked_has_a_row_too() -> Result<()> {
    let folder = workspace()?;
    add(&folder, "broken", "", "   Compiling broken\nerror: expected `;`\n --> src\n", 2)?;
    add(&folder, "silent", "", "", 0)?;
    add(&folder, "strange", "no JSON", "", 0)?;
    // The check itself fails although each case holds.
    add(&folder, "zombie", &case("get", true, "null"), "", 1)?;
    let (table, status) = rows(&folder)?;
    assert_eq!(
        table,
        [
            "| broken | 7 | – | it cannot be checked: error: expected \\`;\\` |",
            "| silent | 7 | – | it cannot be checked: the check printed nothing |",
            "| strange | 7 | – | it cannot be checked: the check printed nothing |",
            "| zombie | s07\\_put | 1 / 1 | the check ended with status 1 |",
        ]
    );
    assert_eq!(status, Some(1));
    Ok(())
}

/// The last stage has no next one, and so a copy of it has nothing to be checked against.
#[test]
fn a_copy_without_a_next_stage_is_no_fault() -> Result<()> {
    let folder = workspace()?;
    add(&folder, "last", "", "", 0)?;
    fs::write(
        folder.path().join("mine/last/Cargo.toml"),
        "[package]\nname = \"last\"\nnext = 7\n",
    )?;
    let (table, status) = rows(&folder)?;
    assert_eq!(table, ["| last | – | – | its Cargo.toml names no next stage |"]);
    assert_eq!(status, Some(0));
    Ok(())
}

#[test]
fn without_copies_there_is_no_table() -> Result<()> {
    let output = run(&workspace()?)?;
    assert_eq!(String::from_utf8(output.stdout)?, "There is no copy in the folder `mine`.\n");
    assert!(output.status.success());
    Ok(())
}
