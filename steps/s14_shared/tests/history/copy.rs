//! A copy of this stage without its idea: each try of a write gets an id of its own. So a write is
//! done again after its COMMIT was done and the answer was lost.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use testing::Stage;

/// The name of the copy's package.
const NAME: &str = "s14_without_ids";

/// What stands in `src/messages.rs`, and what the copy has in its place.
const CHANGE: (&str, &str) =
    ("done.push((write.id, position));", "done.push((Uuid::new_v4(), position));");

/// Builds the copy, and returns its binary. It has the same target folder as the tests, where the
/// crates that it needs are compiled already.
///
/// # Errors
/// A stage that no longer has the line that is changed, and a copy that does not compile.
pub fn without_write_ids(stage: &Stage) -> Result<PathBuf> {
    let root = Path::new(stage.folder).join("../..").canonicalize()?;
    let workspace = Path::new(stage.scratch).join(NAME);
    let _ = fs::remove_dir_all(&workspace);
    let copy = workspace.join("steps").join(NAME);
    fs::create_dir_all(copy.join("src"))?;
    for entry in fs::read_dir(root.join("steps").join(stage.name).join("src"))? {
        let entry = entry?;
        fs::copy(entry.path(), copy.join("src").join(entry.file_name()))?;
    }
    fs::copy(Path::new(stage.folder).join("lesson.txt"), copy.join("lesson.txt"))?;
    replace(&copy.join("src/messages.rs"), CHANGE.0, CHANGE.1)?;
    let manifest = fs::read_to_string(Path::new(stage.folder).join("Cargo.toml"))?;
    // Both names, of the package and of the binary. The copy has no tests.
    let manifest = manifest.replace(&format!("\"{}\"", stage.name), &format!("\"{NAME}\""));
    fs::write(copy.join("Cargo.toml"), without(&manifest, "[dev-dependencies]"))?;
    fs::copy(root.join("Cargo.toml"), workspace.join("Cargo.toml"))?;
    replace(
        &workspace.join("Cargo.toml"),
        "\"classroom/*\", \"mine/*\", \"steps/*\"",
        "\"steps/*\"",
    )?;
    replace(&workspace.join("Cargo.toml"), "\"classroom/*\", \"steps/*\"", "\"steps/*\"")?;
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock"))?;
    symlink(root.join("classroom"), workspace.join("classroom"))?;
    build(stage, &workspace)
}

/// Compiles the copy as the stage under test was compiled.
fn build(stage: &Stage, workspace: &Path) -> Result<PathBuf> {
    let profile = Path::new(stage.binary).parent().context("the binary has no folder")?;
    let target = profile.parent().context("there is no target folder")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--package", NAME]).current_dir(workspace);
    cargo.arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the copy does not compile: {said}");
    Ok(profile.join(NAME))
}

/// Puts `new` in the place of `old`, which the file has once.
fn replace(path: &Path, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let count = text.matches(old).count();
    ensure!(count == 1, "{} has {count} times {old:?}, and not once", path.display());
    Ok(fs::write(path, text.replace(old, new))?)
}

/// Returns a manifest without one of its sections.
fn without(manifest: &str, section: &str) -> String {
    let sections = manifest.split("\n\n").filter(|part| !part.starts_with(section));
    sections.collect::<Vec<_>>().join("\n\n")
}
