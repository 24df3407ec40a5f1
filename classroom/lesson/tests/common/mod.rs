//! What the tests of `cargo lesson` share: the command, the stages of the workspace, and their binaries.

pub mod scratch;

use anyhow::{Context, Result, ensure};
use ladder::Ladder;
use snapbox::cmd::{Command, OutputAssert};
use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// More than any command takes, on a machine with much to do.
pub const LIMIT: Duration = Duration::from_secs(300);

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The stages of the workspace.
pub fn ladder() -> Result<Ladder> {
    Ladder::open(&root())
}

/// Their names, in order.
pub fn names() -> Result<Vec<String>> {
    Ok(ladder()?.stages().map(|stage| stage.name.clone()).collect())
}

/// Runs `cargo lesson` with these arguments in the folder `folder`.
pub fn lesson_in(folder: &Path, arguments: &[&str]) -> OutputAssert {
    command(folder, arguments).assert()
}

pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    Command::new(env!("CARGO_BIN_EXE_lesson"))
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env_remove("CLICOLOR_FORCE")
        .timeout(LIMIT)
        .with_assert(snapbox::Assert::new().action_env("SNAPSHOTS").normalize_paths(false))
}

/// The same in the workspace.
pub fn lesson(arguments: &[&str]) -> OutputAssert {
    lesson_in(&root(), arguments)
}

/// Where everything is built that is not built by `cargo test` itself.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("lesson")
}

/// The binary of a stage, without its window; all are built with the first.
pub fn binary(stage: &str) -> Result<PathBuf> {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--no-default-features", "--target-dir"]).arg(target());
        for stage in names().unwrap_or_default() {
            cargo.args(["--package", &stage]);
        }
        cargo.current_dir(root()).status().is_ok_and(|status| status.success())
    });
    ensure!(built, "the stages do not build");
    Ok(target().join("debug").join(format!("{stage}{EXE_SUFFIX}")))
}

/// The server of a stage.
pub fn server(stage: &str) -> Result<replay::Server> {
    replay::Server::start(&binary(stage)?, "127.0.0.1:0").with_context(|| stage.to_string())
}
