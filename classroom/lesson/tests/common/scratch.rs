//! A clone of the workspace that a test may change.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A clone of the workspace as it is now, committed or not.
pub struct Scratch(TempDir);

impl Scratch {
    pub fn new() -> Result<Scratch> {
        let scratch = Scratch(tempfile::tempdir()?);
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root())
            .output()?;
        ensure!(listed.status.success(), "git: {}", String::from_utf8_lossy(&listed.stderr));
        for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
            let place = scratch.path(path);
            fs::create_dir_all(place.parent().context("no folder")?)?;
            // What was deleted and not yet committed is listed as well.
            if root().join(path).is_file() {
                fs::copy(root().join(path), place)?;
            }
        }
        scratch.git(&["init", "--quiet"])?;
        scratch.commit()?;
        Ok(scratch)
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.path(path)).with_context(|| path.to_string())
    }

    /// Puts `new` in the place of `old`, which must be there.
    pub fn replace(&self, path: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(path)?;
        ensure!(text.contains(old), "{path} has no {old:?}");
        Ok(fs::write(self.path(path), text.replace(old, new))?)
    }

    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git").args(arguments).current_dir(self.folder()).output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    pub fn commit(&self) -> Result<()> {
        self.git(&["add", "--all"])?;
        let person = ["-c", "user.name=Student", "-c", "user.email=student@example.org"];
        self.git(&[&person[..], &["commit", "--quiet", "-m", "x"]].concat())?;
        Ok(())
    }
}
