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
    let (stage_folder, root) = (Path::new(stage.folder), Path::new(stage.folder).join("../.."));
    let workspace = Path::new(stage.scratch).join(NAME);
    let copy = workspace.join("steps").join(NAME);
    fs::create_dir_all(copy.join("src"))?;
    for entry in fs::read_dir(stage_folder.join("src"))? {
        let name = entry?.file_name();
        let mut text = fs::read_to_string(stage_folder.join("src").join(&name))?;
        if name == "messages.rs" {
            text = replace(&text, CHANGE.0, CHANGE.1)?;
        }
        write(&copy.join("src").join(&name), &text)?;
    }
    write(&copy.join("lesson.txt"), &fs::read_to_string(stage_folder.join("lesson.txt"))?)?;
    let manifest = fs::read_to_string(stage_folder.join("Cargo.toml"))?;
    // Both names, of the package and of the binary. The copy has no tests.
    let manifest = manifest.replace(&format!("\"{}\"", stage.name), &format!("\"{NAME}\""));
    write(&copy.join("Cargo.toml"), &without(&manifest, "[dev-dependencies]"))?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let all = "members = [\"classroom/*\", \"mine/*\", \"steps/*\"]\n";
    let manifest = replace(&manifest, all, "members = [\"steps/*\"]\n")?;
    let default = "default-members = [\"classroom/*\", \"steps/*\"]\n";
    write(&workspace.join("Cargo.toml"), &replace(&manifest, default, "")?)?;
    write(&workspace.join("Cargo.lock"), &fs::read_to_string(root.join("Cargo.lock"))?)?;
    if !workspace.join("classroom").exists() {
        symlink(root.canonicalize()?.join("classroom"), workspace.join("classroom"))?;
    }
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

/// Puts `new` in the place of `old`, which the text has once.
fn replace(text: &str, old: &str, new: &str) -> Result<String> {
    let count = text.matches(old).count();
    ensure!(count == 1, "the stage or its workspace has {count} times {old:?}, and not once");
    Ok(text.replace(old, new))
}

/// Writes a file if it has another text, so that cargo compiles only what has changed.
fn write(path: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns a manifest without one of its sections.
fn without(manifest: &str, section: &str) -> String {
    let sections = manifest.split("\n\n").filter(|part| !part.starts_with(section));
    sections.collect::<Vec<_>>().join("\n\n")
}
