//! The small stage of `examples/stage.rs` as a program that replays a lesson, and the processes of the system.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a test waits for something that has to come.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A folder in which one replay, and nothing else, makes its folders. As root, PostgreSQL runs as another user, who
/// has to come to its folder.
pub fn place() -> Result<TempDir> {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir()?;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
    Ok(place)
}

/// The small stage, which replays `lesson` and makes its folders in `place`.
pub fn stage(place: &Path, lesson: &str) -> Result<Command> {
    let file = place.join("lesson.txt");
    fs::write(&file, lesson)?;
    let folder = place.join("tmp");
    fs::create_dir_all(&folder)?;
    let mut command = Command::new(binary()?);
    command.env("LESSON", file).env("TMPDIR", folder).env("LC_ALL", "C");
    command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
    Ok(command)
}

/// Where cargo has built the small stage.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("no folder of the build")?;
    Ok(folder.join("examples").join(format!("stage{}", std::env::consts::EXE_SUFFIX)))
}

/// What is in the folder for the folders of the replay.
pub fn folders(place: &Path) -> Result<usize> {
    Ok(fs::read_dir(place.join("tmp"))?.count())
}

/// What a replay that succeeds prints.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && errors.is_empty(), "{}: {errors}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Looks again and again until `look` is true.
pub fn until(what: &str, mut look: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !look()? {
        ensure!(start.elapsed() < LIMIT, "{what}: not within {} s", LIMIT.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The processes that `process` has started and that have not ended.
pub fn children(process: u32) -> Result<Vec<u32>> {
    let all = processes()?;
    Ok(all.into_iter().filter(|(_, parent)| *parent == process).map(|(id, _)| id).collect())
}

/// Whether one of these processes has not ended.
pub fn any_lives(processes: &[u32]) -> Result<bool> {
    Ok(self::processes()?.iter().any(|(id, _)| processes.contains(id)))
}

/// All processes that have not ended, each with its parent. One that has ended may still be listed by the system,
/// until its parent asks for its status.
fn processes() -> Result<Vec<(u32, u32)>> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat="]).output()?;
    let mut found = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [id, parent, state] = words.as_slice()
            && !state.starts_with('Z')
        {
            found.push((id.parse()?, parent.parse()?));
        }
    }
    ensure!(!found.is_empty(), "ps lists no process");
    Ok(found)
}
