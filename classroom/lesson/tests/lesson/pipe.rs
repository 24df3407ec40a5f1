//! diff in a pipe, to programs that are on every Linux.

use crate::{LIMIT, lesson, names, root, stdout};
use anyhow::{Context, Result};
use snapbox::cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use testing::needs;

/// The files of a folder, and what is in them.
fn files(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files(&entry.path(), &format!("{name}/"), found)?;
        } else {
            found.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The same files of a stage in a folder of their own.
fn copy(stage: &str, folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    files(&root().join("steps").join(stage), "", &mut found)?;
    found.retain(|path, _| !path.contains(".db"));
    for (path, bytes) in &found {
        let place = folder.join(path);
        fs::create_dir_all(place.parent().context("no folder")?)?;
        fs::write(place, bytes)?;
    }
    Ok(found)
}

#[needs("patch")]
#[test]
fn a_patch_makes_one_stage_of_another() -> Result<()> {
    let names = names()?;
    let neighbours = names.windows(2).map(|pair| (&*pair[0], &*pair[1]));
    for (from, to) in neighbours.chain([("s07_put", "s05_get"), ("s02_loop", "s09_vps")]) {
        let folder = tempfile::tempdir()?;
        copy(from, folder.path())?;
        let patch = stdout(lesson(&["diff", from, to]).success())?;
        assert!(!patch.contains('\x1b'), "colours in a pipe");
        Command::new("patch")
            .args(["-p1", "--quiet"])
            .current_dir(folder.path())
            .stdin(patch)
            .assert()
            .success();
        let mut patched = BTreeMap::new();
        files(folder.path(), "", &mut patched)?;
        let wanted = copy(to, tempfile::tempdir()?.path())?;
        assert!(patched.keys().eq(wanted.keys()), "{from} {to}: {:?}", patched.keys());
        for (path, bytes) in wanted {
            assert!(patched[&path] == bytes, "{from} {to}: {path}");
        }
    }
    Ok(())
}

#[test]
fn a_reader_that_closes_the_pipe() {
    let lesson = env!("CARGO_BIN_EXE_lesson");
    Command::new("sh")
        .args(["-c", &format!("'{lesson}' diff 1 10 | head -1")])
        .current_dir(root())
        .timeout(LIMIT)
        .assert()
        .success()
        .stderr_eq("")
        .stdout_eq("diff --git a/src/main.rs b/src/main.rs\n");
}
