//! `cargo lesson carry`: what was fixed in one stage is fixed in every later stage that has the file.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, bail, ensure};
use ladder::{Ladder, Stage};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::{env, fs};

const CONFLICT: Style = AnsiColor::Red.on_default();

/// Carries the uncommitted changes of a stage up the ladder with `git merge-file`, a stage at a time: the change of
/// one stage is merged into the next. Where lines conflict, git's markers stay in the file, and the later stages
/// get the change from the last stage without a conflict. The exit status is 1 if there was a conflict.
///
/// # Errors
/// There is nothing to carry, or a later stage has uncommitted changes of its own. Nothing is written then.
pub fn run(ladder: &Ladder, stage: &str, dry_run: bool) -> Result<ExitCode> {
    let stage = ladder.stage(stage)?;
    ensure!(stage.number.is_some(), "{} is your own; name a stage of the ladder", stage.name);
    let later: Vec<&Stage> = ladder.stages().filter(|other| other.number > stage.number).collect();
    ensure!(!later.is_empty(), "{} is the last stage; there is none to carry to", stage.name);
    let fixed = changed(&ladder.root, stage)?;
    if fixed.is_empty() {
        bail!("there is nothing to carry: steps/{} has no uncommitted changes", stage.name);
    }
    for other in &later {
        if let Some(path) = changed(&ladder.root, other)?.first() {
            bail!(
                "steps/{}/{path} has uncommitted changes; commit them, or take them back with git, first",
                other.name
            );
        }
    }
    let mut steps = Vec::new();
    let mut left = Vec::new();
    for path in &fixed {
        let planned = plan(&ladder.root, stage, path, &later)?;
        if planned.is_empty() {
            left.push(path);
        }
        steps.extend(planned);
    }
    let goes = steps.iter().find(|step| matches!(step.outcome, Outcome::Delete | Outcome::Keep));
    if let (Some(gone), [came, ..]) = (goes, &left[..]) {
        bail!(
            "{} is gone and {came} came: a file that got another name has to be renamed by hand in every stage",
            gone.path
        );
    }
    // Every merge is done before the first file is written: an error leaves all stages as they were.
    if !dry_run {
        for step in &steps {
            step.write()?;
        }
    }
    report(stage, &steps, &left, dry_run)
}

/// What carrying does to a file of a later stage.
struct Step<'a> {
    stage: &'a Stage,
    path: &'a str,
    outcome: Outcome,
}

/// How a file takes the change.
enum Outcome {
    /// The change is in the file.
    Carry(String),
    /// The change and the file conflict; both are in the text, between markers.
    Conflict(String),
    /// The file is deleted, as in the stage.
    Delete,
    /// The file stays: it was deleted in the stage, but this stage has another text.
    Keep,
    /// Nothing changes: the file has the change already.
    Has,
}

/// Works out what the change of one file does in each later stage that has the file.
fn plan<'a>(
    root: &Path,
    stage: &'a Stage,
    path: &'a str,
    later: &[&'a Stage],
) -> Result<Vec<Step<'a>>> {
    let before = committed(root, stage, path)?;
    let now = stage.read(path).with_context(|| format!("carry {path} by hand"))?;
    if now.as_ref() == Some(&before) {
        // Only its mode has changed, not its text.
        return Ok(Vec::new());
    }
    let mut from = Version { name: &stage.name, before, now };
    let mut steps = Vec::new();
    for other in later {
        let Some(text) = other.read(path)? else { continue };
        let outcome = match &from.now {
            None if text == from.before => Outcome::Delete,
            None => Outcome::Keep,
            Some(now) => match merge(&other.name, &text, &from, now)? {
                (merged, _) if merged == text => Outcome::Has,
                (merged, true) => Outcome::Carry(merged),
                (merged, false) => Outcome::Conflict(merged),
            },
        };
        if let Outcome::Carry(merged) = &outcome {
            from = Version { name: &other.name, before: text, now: Some(merged.clone()) };
        }
        steps.push(Step { stage: other, path, outcome });
    }
    Ok(steps)
}

/// A file of the stage from which the next one gets the change.
struct Version<'a> {
    name: &'a str,
    before: String,
    /// `None` if the file was deleted.
    now: Option<String>,
}

/// Merges the change from `from.before` to `now` into `text`. Returns the new text, and whether there was no conflict.
fn merge(name: &str, text: &str, from: &Version, now: &str) -> Result<(String, bool)> {
    let folder = env::temp_dir().join(format!("cargo-lesson-{}", std::process::id()));
    fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let output = merge_file(&folder, name, text, from, now);
    let _ = fs::remove_dir_all(&folder);
    let output = output?;
    // The exit status is the number of conflicts; above 127 something else went wrong.
    match output.status.code() {
        Some(conflicts @ 0..=127) => Ok((String::from_utf8(output.stdout)?, conflicts == 0)),
        _ => bail!("git merge-file: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

/// Runs `git merge-file`, which reads its three texts from files; they go into `folder`.
fn merge_file(folder: &Path, name: &str, text: &str, from: &Version, now: &str) -> Result<Output> {
    for (name, text) in [("text", text), ("before", &from.before), ("now", now)] {
        fs::write(folder.join(name), text).context("cannot write for the merge")?;
    }
    let labels = [name, &format!("{} before", from.name), &format!("{} now", from.name)];
    let mut command = Command::new("git");
    command.args(["merge-file", "--stdout"]).current_dir(folder);
    for label in labels {
        command.args(["-L", label]);
    }
    command.args(["text", "before", "now"]).output().context("cannot run git")
}

impl Step<'_> {
    fn write(&self) -> Result<()> {
        let place = self.stage.folder.join(self.path);
        match &self.outcome {
            Outcome::Carry(text) | Outcome::Conflict(text) => fs::write(&place, text),
            Outcome::Delete => fs::remove_file(&place),
            Outcome::Keep | Outcome::Has => Ok(()),
        }
        .with_context(|| format!("cannot write {}", place.display()))
    }
}

/// Prints a line for each file of each stage, and what the maintainer has to do next.
fn report(stage: &Stage, steps: &[Step], left: &[&String], dry_run: bool) -> Result<ExitCode> {
    let mut output = anstream::stdout();
    let mut conflicts = 0;
    let mut kept = 0;
    for Step { stage: other, path, outcome } in steps {
        let (words, style) = match outcome {
            Outcome::Carry(_) => ("carried".to_string(), Style::new()),
            Outcome::Delete => ("deleted".to_string(), Style::new()),
            Outcome::Has => ("has it already".to_string(), Style::new()),
            Outcome::Conflict(_) => ("CONFLICT".to_string(), CONFLICT),
            Outcome::Keep => {
                (format!("CONFLICT: deleted in {}, different here", stage.name), CONFLICT)
            }
        };
        writeln!(output, "steps/{}/{path}: {style}{words}{style:#}", other.name)?;
        conflicts += usize::from(matches!(outcome, Outcome::Conflict(_)));
        kept += usize::from(matches!(outcome, Outcome::Keep));
    }
    for path in left {
        writeln!(output, "steps/{}/{path}: nothing to merge in any later stage", stage.name)?;
    }
    if dry_run {
        writeln!(output, "nothing was written: this was a dry run")?;
    } else if conflicts > 0 {
        let files =
            if conflicts == 1 { "1 file".to_string() } else { format!("{conflicts} files") };
        writeln!(output, "fix what stands between <<<<<<< and >>>>>>> in {files}, then test")?;
    }
    if kept > 0 && !dry_run {
        writeln!(output, "delete by hand what has to go, then test")?;
    }
    Ok(if conflicts + kept > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The paths, in the stage's folder, of the files that are not as they were committed.
fn changed(root: &Path, stage: &Stage) -> Result<Vec<String>> {
    let folder = format!("steps/{}/", stage.name);
    let arguments =
        ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", &folder];
    let output = git(root, &arguments)?;
    ensure!(
        output.status.success(),
        "cannot read from git what has changed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout).context("a path is no UTF-8")?;
    // Each is two letters, a space and a path from the repository's top, which may be above the workspace.
    let path = |entry: &str| Some(entry.get(3..)?.split_once(&folder)?.1.to_string());
    Ok(text.split('\0').filter_map(path).collect())
}

/// The text of a stage's file as it was committed, empty if it was not.
fn committed(root: &Path, stage: &Stage, path: &str) -> Result<String> {
    let output = git(root, &["show", &format!("HEAD:./steps/{}/{path}", stage.name)])?;
    if !output.status.success() {
        return Ok(String::new());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{path} is no text"))
}

fn git(root: &Path, arguments: &[&str]) -> Result<Output> {
    Command::new("git").args(arguments).current_dir(root).output().context("cannot run git")
}
