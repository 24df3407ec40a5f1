//! start and carry, in a clone of the workspace that may be spoiled.

use crate::{command, lesson_in, root, stdout, target};
use anyhow::{Context, Result, ensure};
use replay::Server;
use snapbox::str;
use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A clone of the workspace as it is now, committed or not.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Result<Scratch> {
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

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }

    fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.path(path)).with_context(|| path.to_string())
    }

    /// Puts `new` in the place of `old`, which must be there.
    fn replace(&self, path: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(path)?;
        ensure!(text.contains(old), "{path} has no {old:?}");
        Ok(fs::write(self.path(path), text.replace(old, new))?)
    }

    fn git(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git").args(arguments).current_dir(self.folder()).output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    fn commit(&self) -> Result<()> {
        self.git(&["add", "--all"])?;
        let person = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
        self.git(&[&person[..], &["commit", "--quiet", "-m", "x"]].concat())?;
        Ok(())
    }

    /// Which files are not as they were committed.
    fn changed(&self) -> Result<String> {
        self.git(&["status", "--porcelain"])
    }

    fn cargo(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(self.folder())
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_TERM_QUIET", "true")
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[test]
fn a_copy_of_six_becomes_seven() -> Result<()> {
    let scratch = Scratch::new()?;
    let ended = lesson_in(scratch.folder(), &["start", "6", "my_put"]).success().stderr_eq("");
    ended.stdout_eq(str![[r#"
steps/my_put is a copy of s06_form and yours; git ignores it
  replay it        cargo run -p my_put
  what comes next  s07_put: Change a message by its index
  run its server   cargo run -p my_put -- server
  how far it is    cargo lesson check 7
  what is missing  cargo lesson diff my_put 7
Cargo.lock will name it as well; before a git pull: git restore Cargo.lock

"#]]);
    assert_eq!(scratch.changed()?, "");
    for path in ["Cargo.toml", "src/main.rs", "tests/stage.rs"] {
        assert!(!scratch.read(&format!("steps/my_put/{path}"))?.contains("s06_form"), "{path}");
    }

    // Without its window: building that takes minutes where it has not been built.
    let said = scratch.cargo(&["run", "-p", "my_put", "--no-default-features"])?;
    let wanted = fs::read_to_string(root().join("steps/s06_form/tests/replay.txt"))?;
    let (wanted, _) = wanted.split_once("By hand").unwrap_or((&wanted, ""));
    let line = wanted.lines().find(|line| line.starts_with("> HEAD")).context("no line")?;
    assert!(said.contains("Lesson 6. Form") && said.contains(line), "{said}");
    assert!(said.contains("cargo run -p my_put -- server"), "{said}");

    let check = |scratch: &Scratch| -> Result<String> {
        scratch.cargo(&["build", "-p", "my_put", "--no-default-features"])?;
        let binary = target().join("debug").join(format!("my_put{EXE_SUFFIX}"));
        let server = Server::start(&binary, "127.0.0.1:0")?;
        let ended = lesson_in(scratch.folder(), &["check", "7", "--addr", server.addr()]);
        Ok(stdout(ended)?.lines().last().unwrap_or_default().to_string())
    };
    assert_eq!(check(&scratch)?, "6 of 45 cases fall short of s07_put");
    for entry in fs::read_dir(scratch.path("steps/s07_put/src"))? {
        let entry = entry?;
        // As an editor would: a copy can keep the time of the file, and look older to cargo than what it built.
        let place = scratch.path("steps/my_put/src").join(entry.file_name());
        fs::write(place, fs::read(entry.path())?)?;
    }
    assert_eq!(check(&scratch)?, "all 45 cases are as in s07_put");

    // It stands beside the ladder, and can be compared.
    let said = stdout(lesson_in(scratch.folder(), &["list"]).success())?;
    assert!(said.lines().last().is_some_and(|line| line.contains("my_put")), "{said}");
    lesson_in(scratch.folder(), &["diff", "my_put", "7", "src/"]).success().stdout_eq("");
    lesson_in(scratch.folder(), &["diff", "my_put"]).code(1).stderr_eq(str![[r#"
my_put is your own; name the stage to compare it with

"#]]);
    lesson_in(scratch.folder(), &["check", "my_put"]).code(1).stdout_eq("");
    Ok(())
}

#[test]
fn a_name_that_cannot_be() -> Result<()> {
    let scratch = Scratch::new()?;
    let before = scratch.git(&["status", "--porcelain", "--ignored"])?;
    for name in [
        "",
        "7up",
        "a b",
        "../x",
        "naïve",
        "fn",
        "test",
        "clap",
        "replay",
        "my.put",
        "-x",
        "Serde-JSON",
    ] {
        let ended = lesson_in(scratch.folder(), &["start", "6", "--", name]).code(1).stdout_eq("");
        let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
    }
    lesson_in(scratch.folder(), &["start", "6", "s11_mine"]).code(1).stderr_eq(str![[r#"
s11_mine looks like a stage of the ladder; choose a name such as my_mine

"#]]);
    assert_eq!(scratch.git(&["status", "--porcelain", "--ignored"])?, before);

    lesson_in(scratch.folder(), &["start", "6", "s07"]).code(1).stderr_eq(str![[r#"
s07 is short for a stage of the ladder; choose a name such as my_s07

"#]]);

    lesson_in(scratch.folder(), &["start", "s02", "mine"]).success();
    fs::write(scratch.path("steps/mine/src/main.rs"), "fn main() {}\n")?;
    lesson_in(scratch.folder(), &["start", "s02", "mine"]).code(1).stderr_eq(str![[r#"
[..]mine is there already; choose another name

"#]]);
    assert_eq!(scratch.read("steps/mine/src/main.rs")?, "fn main() {}\n");
    lesson_in(scratch.folder(), &["start", "s99", "other"]).code(1).stdout_eq("");
    assert!(!scratch.path("steps/other").exists());
    Ok(())
}

const COMMENT: &str =
    "// The fields that a GET would bring, and nothing after them (RFC 9110, section 9.3.2).";

#[test]
fn a_mend_is_carried() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stdout_eq("").stderr_eq(str![[r#"
there is nothing to carry: steps/s06_form has no uncommitted changes

"#]]);

    scratch.replace("steps/s06_form/src/server.rs", COMMENT, "// No body.")?;
    let before = scratch.changed()?;
    lesson_in(scratch.folder(), &["carry", "6", "--dry-run"]).success().stdout_eq(str![[r#"
steps/s07_put/src/server.rs: carried
steps/s08_sqlite/src/server.rs: carried
steps/s09_vps/src/server.rs: carried
steps/s10_hardened/src/server.rs: carried
nothing was written: this was a dry run

"#]]);
    assert_eq!(scratch.changed()?, before);

    let committed =
        |stage: &str| scratch.git(&["show", &format!("HEAD:steps/{stage}/src/server.rs")]);
    lesson_in(scratch.folder(), &["carry", "6"]).success().stderr_eq("");
    for stage in ["s07_put", "s08_sqlite", "s09_vps", "s10_hardened"] {
        let text = scratch.read(&format!("steps/{stage}/src/server.rs"))?;
        assert_eq!(text, committed(stage)?.replace(COMMENT, "// No body."), "{stage}");
    }
    assert!(scratch.read("steps/s05_get/src/server.rs")? == committed("s05_get")?);

    // Carried is carried; the later stages now have changes, which somebody has to commit first.
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stdout_eq("").stderr_eq(str![[r#"
steps/s07_put/src/server.rs has uncommitted changes; commit them, or take them back with git, first

"#]]);
    scratch.commit()?;
    scratch.replace("steps/s09_vps/src/server.rs", "// No body.", COMMENT)?;
    scratch.commit()?;
    scratch.replace("steps/s08_sqlite/src/server.rs", "// No body.", COMMENT)?;
    lesson_in(scratch.folder(), &["carry", "8"]).success().stdout_eq(str![[r#"
steps/s09_vps/src/server.rs: has it already
steps/s10_hardened/src/server.rs: carried

"#]]);
    Ok(())
}

#[test]
fn a_mend_that_contradicts() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace(
        "steps/s08_sqlite/src/server.rs",
        COMMENT,
        "// Eight has a view of its own.",
    )?;
    scratch.commit()?;
    scratch.replace("steps/s06_form/src/server.rs", COMMENT, "// No body.")?;
    fs::write(scratch.path("steps/s06_form/src/new.rs"), "// Nobody has this yet.\n")?;
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stderr_eq("").stdout_eq(str![[r#"
steps/s07_put/src/server.rs: carried
steps/s08_sqlite/src/server.rs: CONFLICT
steps/s09_vps/src/server.rs: carried
steps/s10_hardened/src/server.rs: carried
steps/s06_form/src/new.rs: nothing to merge in any later stage
fix what stands between <<<<<<< and >>>>>>> in 1 file, then test

"#]]);
    let text = scratch.read("steps/s08_sqlite/src/server.rs")?;
    let (_, conflict) = text.split_once("<<<<<<< s08_sqlite\n").context("no marker")?;
    snapbox::assert_data_eq!(
        conflict.split_once("s07_put now\n").context("no end")?.0,
        str![[r#"
        // Eight has a view of its own.
=======
        // No body.
>>>>>>> 
"#]]
    );
    for stage in ["s09_vps", "s10_hardened"] {
        assert!(
            scratch.read(&format!("steps/{stage}/src/server.rs"))?.contains("// No body."),
            "{stage}"
        );
    }
    Ok(())
}

#[test]
fn a_later_stage_has_changes_of_its_own() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace("steps/s06_form/src/server.rs", COMMENT, "// No body.")?;
    scratch.replace("steps/s10_hardened/src/http.rs", "404 =>", "404  =>")?;
    let before = scratch.git(&["diff"])?;
    lesson_in(scratch.folder(), &["carry", "s06"]).code(1).stdout_eq("").stderr_eq(str![[r#"
steps/s10_hardened/src/http.rs has uncommitted changes; commit them, or take them back with git, first

"#]]);
    assert_eq!(scratch.git(&["diff"])?, before);
    Ok(())
}

#[test]
fn a_file_that_goes() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace("steps/s09_vps/src/messages.rs", "use ", "use  ")?;
    scratch.commit()?;
    fs::remove_file(scratch.path("steps/s08_sqlite/src/messages.rs"))?;
    lesson_in(scratch.folder(), &["carry", "8"]).code(1).stdout_eq(str![[r#"
steps/s09_vps/src/messages.rs: CONFLICT: deleted in s08_sqlite, different here
steps/s10_hardened/src/messages.rs: CONFLICT: deleted in s08_sqlite, different here
delete by hand what has to go, then test

"#]]);
    assert!(scratch.path("steps/s09_vps/src/messages.rs").exists());

    // A file that has another name now is nothing for a merge.
    fs::write(scratch.path("steps/s08_sqlite/src/store.rs"), "// What went elsewhere.\n")?;
    let before = scratch.changed()?;
    lesson_in(scratch.folder(), &["carry", "8"]).code(1).stdout_eq("").stderr_eq(str![[r#"
src/messages.rs is gone and src/store.rs came: [..] has to be renamed by hand in every stage

"#]]);
    assert_eq!(scratch.changed()?, before);
    lesson_in(scratch.folder(), &["carry", "10"]).code(1).stderr_eq(str![[r#"
s10_hardened is the last stage; there is none to carry to

"#]]);
    Ok(())
}

/// A copy that dies of a request, and goes on with the next one as if nothing had been.
#[test]
fn the_wire_of_a_copy_that_dies() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["start", "7", "my_put"]).success();
    let server = "steps/my_put/src/server.rs";
    let found = "    let Some(text) = messages.get(index)? else {";
    let dies =
        "    if request.method == \"HEAD\" {\n        panic!(\"no head for this\");\n    }\n";
    scratch.replace(server, found, &format!("{dies}{found}"))?;
    let arguments = ["wire", "7", "my_put", "--only-different"];
    let output = command(scratch.folder(), &arguments).env("CARGO_TARGET_DIR", target());
    output.assert().success().stdout_eq(str![[r#"
             s07_put                   my_put
 ≠  HEAD /0  200, text/plain, no body  died: no head for this
 ≠  HEAD /1  404                       died: no head for this

"#]]);
    Ok(())
}
