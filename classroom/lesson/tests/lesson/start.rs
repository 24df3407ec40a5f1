//! start: a student's copies, in a clone of the workspace that a test may change.

use crate::scratch::Scratch;
use crate::servers::turn;
use crate::{binary, command, lesson_in, names, root, stdout, target};
use anyhow::{Context, Result, ensure};
use contract::Outcome;
use ladder::{Ladder, Stage};
use snapbox::str;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use testing::needs;

impl Scratch {
    /// Runs cargo here, with the target folder of the tests; returns whether it succeeded, and all that it printed.
    fn cargo(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let output = Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(self.folder())
            .env("CARGO_TARGET_DIR", target())
            .env("CARGO_TERM_COLOR", "never")
            .output()?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }
}

/// The name of the copy of a stage.
fn copy_of(stage: &str) -> String {
    format!("my_{stage}")
}

/// A copy of every stage.
fn start_all(scratch: &Scratch) -> Result<()> {
    for stage in names()? {
        lesson_in(scratch.folder(), &["start", &stage, &copy_of(&stage)]).success();
    }
    Ok(())
}

/// Which copies fail their test.
fn failing(scratch: &Scratch) -> Result<BTreeSet<String>> {
    let mut arguments = vec!["test".to_string(), "--no-fail-fast".into()];
    arguments.extend(["--test".into(), "next_stage".into()]);
    for stage in names()? {
        arguments.extend(["--package".into(), copy_of(&stage)]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_, said) = scratch.cargo(&arguments)?;
    let tests = said.lines().filter(|line| {
        line.starts_with("test the_server_answers_what_")
            && (line.ends_with(" ... ok") || line.ends_with(" ... FAILED"))
    });
    ensure!(tests.count() == names()?.len(), "not every test has run: {said}");
    let failed =
        |stage: &String| said.contains(&format!("`-p {} --test next_stage`", copy_of(stage)));
    Ok(names()?.into_iter().filter(failed).collect())
}

/// Whether the server of a stage keeps the contract of the next one already.
fn keeps_the_next_contract(stage: &Stage, next: &Stage) -> Result<bool> {
    let number = next.number.context("a copy")?;
    let outcomes = contract::check_binary_until_fault(number, &binary(&stage.name)?);
    // A server can refuse the arguments of the next stage, and then it keeps no contract.
    Ok(outcomes.is_ok_and(|outcomes| outcomes.iter().all(Outcome::passed)))
}

/// The test of a copy fails as long as the copy is what it was, and passes when the next stage's code is in its
/// place. Where the contracts of the two stages are the same, as those of 3 and 4 are, it passes at once: what is
/// new there cannot be seen on the wire.
#[needs("git", "postgres")]
#[test]
fn each_copy_becomes_the_next_stage() -> Result<()> {
    let _turn = turn();
    let scratch = Scratch::new()?;
    start_all(&scratch)?;
    let ladder = Ladder::open(&root())?;
    let mut differ = BTreeSet::new();
    for stage in ladder.stages() {
        let Some(next) = ladder.after(stage) else { continue };
        if !keeps_the_next_contract(stage, next)? {
            differ.insert(stage.name.clone());
        }
    }
    assert!(differ.contains("s06_form") && !differ.contains("s03_http"), "{differ:?}");
    assert_eq!(failing(&scratch)?, differ);
    for stage in ladder.stages() {
        let Some(next) = ladder.after(stage) else { continue };
        for path in next.files()?.iter().filter(|path| path.starts_with("src/")) {
            // Written, as by an editor: a copied file keeps its old time, and cargo would not compile it again.
            let place = scratch.path(&format!("mine/{}/{path}", copy_of(&stage.name)));
            fs::write(place, next.read(path)?.unwrap_or_default())?;
        }
    }
    assert_eq!(failing(&scratch)?, BTreeSet::new());
    Ok(())
}

/// The same by the patch that `diff` prints.
#[needs("git", "patch")]
#[test]
#[cfg(target_os = "linux")]
fn a_patch_makes_the_next_stage_of_a_copy() -> Result<()> {
    let scratch = Scratch::new()?;
    start_all(&scratch)?;
    let ladder = Ladder::open(&root())?;
    for stage in ladder.stages() {
        let Some(next) = ladder.after(stage) else { continue };
        let copy = copy_of(&stage.name);
        let folder = scratch.path(&format!("mine/{copy}"));
        let diff = ["diff", &copy, &next.name, "src/"];
        let patch = stdout(lesson_in(scratch.folder(), &diff).success().stderr_eq(""))?;
        let mut command = snapbox::cmd::Command::new("patch").args(["-p1", "--quiet"]);
        command = command.current_dir(&folder).stdin(patch);
        command.assert().success();
        let copies = Ladder::open(scratch.folder())?;
        let src = |stage: &Stage| -> Result<Vec<String>> {
            Ok(stage.files()?.into_iter().filter(|path| path.starts_with("src/")).collect())
        };
        let patched = copies.stage(&copy)?;
        for path in src(next)? {
            let text = next.read(&path)?.unwrap_or_default();
            let text = Stage::without_window(&path, &text);
            assert_eq!(patched.read(&path)?, text, "{copy}: {path}");
            let text = text.unwrap_or_default();
            assert!(
                !text.contains("feature = \"window\"") && !text.contains("Command::Window"),
                "{path}"
            );
        }
        assert!(src(patched)?.iter().all(|path| src(next).is_ok_and(|next| next.contains(path))));
        lesson_in(scratch.folder(), &diff)
            .success()
            .stdout_eq("")
            .stderr_eq(format!("in src/ nothing differs between {copy} and {}\n", next.name));
    }
    Ok(())
}

#[needs("git")]
#[test]
fn a_copy_of_six() -> Result<()> {
    let scratch = Scratch::new()?;
    let ended = lesson_in(scratch.folder(), &["start", "6", "my_put"]).success().stderr_eq("");
    ended.stdout_eq(str![[r#"
mine/my_put is a copy of s06_form and yours
  replay it        cargo run -p my_put
  what comes next  s07_put: Change a message by its index
  check it         cargo lesson check 7 my_put
  at each save     cargo lesson watch 7 my_put
  is it done?      cargo test -p my_put
  the first hint   cargo lesson hint 7 1

"#]]);
    // Git does not ignore it, and nothing else has changed.
    assert_eq!(scratch.changed()?, "?? mine/my_put/\n");
    for path in ["Cargo.toml", "lesson.txt", "src/main.rs", "tests/next_stage.rs"] {
        let text = scratch.read(&format!("mine/my_put/{path}"))?;
        assert!(!text.contains("s06_form") && !text.contains("eframe"), "{path}: {text}");
    }
    assert!(!scratch.path("mine/my_put/src/window.rs").exists());
    assert!(!scratch.path("mine/my_put/tests/stage.rs").exists());

    let (_, said) = scratch.cargo(&["run", "--quiet", "-p", "my_put"])?;
    assert!(said.contains("cargo run -p my_put -- server"), "{said}");
    assert!(!said.contains("warning"), "{said}");

    // It is no part of the ladder, nor of a test of the whole.
    let said = stdout(lesson_in(scratch.folder(), &["list"]).success())?;
    assert!(said.lines().last().is_some_and(|line| line.contains("my_put")), "{said}");
    let (_, said) =
        scratch.cargo(&["metadata", "--no-deps", "--quiet", "--format-version", "1"])?;
    let metadata: serde_json::Value = serde_json::from_str(&said)?;
    let members = |key: &str| metadata[key].to_string().matches("/mine/my_put").count();
    assert_eq!((members("workspace_members"), members("workspace_default_members")), (1, 0));
    lesson_in(scratch.folder(), &["diff", "my_put"]).code(1).stderr_eq(str![[r#"
my_put is your own; name the stage to compare it with

"#]]);
    lesson_in(scratch.folder(), &["check", "my_put"]).code(2).stdout_eq("");
    lesson_in(scratch.folder(), &["carry", "my_put"]).code(1).stdout_eq("");

    // The name of the first copy is an ordinary word: in a copy of it, only the name of the program changes.
    lesson_in(scratch.folder(), &["start", "my_put", "server"]).success();
    lesson_in(scratch.folder(), &["start", "server", "other"]).success();
    for path in ["src/main.rs", "src/server.rs", "src/client.rs"] {
        let copied = scratch.read(&format!("mine/other/{path}"))?;
        assert_eq!(copied, scratch.read(&format!("mine/my_put/{path}"))?, "{path}");
    }
    assert!(scratch.read("mine/other/Cargo.toml")?.contains("name = \"other\"\n"));
    let test = scratch.read("mine/other/tests/next_stage.rs")?;
    assert!(test.contains("CARGO_BIN_EXE_other") && test.contains("-p other`"), "{test}");
    Ok(())
}

#[needs("git")]
#[test]
fn a_name_that_cannot_be() -> Result<()> {
    let scratch = Scratch::new()?;
    let before = scratch.git(&["status", "--porcelain", "--ignored"])?;
    let names = [
        "",
        "7up",
        "a b",
        "../x",
        "naïve",
        "my.put",
        "-x", // no name for a package
        "fn",
        "test",
        "core", // words of Rust
        "build",
        "deps",
        "examples",
        "incremental", // folders in which cargo builds
        "con",
        "nul",
        "aux",
        "com1", // no name for a file on Windows
        "clap",
        "replay",
        "Serde-JSON",
        "serde-json",
        "README.md", // taken
    ];
    for name in names {
        let ended = lesson_in(scratch.folder(), &["start", "6", "--", name]).code(1).stdout_eq("");
        let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.ends_with("; choose another name\n"), "{name}: {said}");
    }
    lesson_in(scratch.folder(), &["start", "6", "s11_mine"]).code(1).stderr_eq(str![[r#"
s11_mine looks like a stage of the ladder; choose a name such as my_mine

"#]]);
    lesson_in(scratch.folder(), &["start", "6", "s07"]).code(1).stderr_eq(str![[r#"
s07 is short for a stage of the ladder; choose a name such as my_s07

"#]]);
    assert_eq!(scratch.git(&["status", "--porcelain", "--ignored"])?, before);

    // Cargo cannot read the workspace any more, so the copy is removed again.
    fs::create_dir(scratch.path("mine/broken"))?;
    let ended = lesson_in(scratch.folder(), &["start", "6", "my_put"]).code(1).stdout_eq("");
    let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(said.starts_with("the copy cannot be here: ") && said.contains("mine"), "{said}");
    assert!(!scratch.path("mine/my_put").exists());
    fs::remove_dir(scratch.path("mine/broken"))?;

    lesson_in(scratch.folder(), &["start", "s02", "my_loop"]).success();
    fs::write(scratch.path("mine/my_loop/src/main.rs"), "fn main() {}\n")?;
    lesson_in(scratch.folder(), &["start", "s02", "my_loop"]).code(1).stderr_eq(str![[r#"
mine/my_loop is there already; choose another name

"#]]);
    assert_eq!(scratch.read("mine/my_loop/src/main.rs")?, "fn main() {}\n");
    lesson_in(scratch.folder(), &["start", "s99", "other"]).code(1).stdout_eq("");
    assert!(!scratch.path("mine/other").exists());
    Ok(())
}

/// A copy ends at a request. It is started again, and the next request is answered as usual.
#[needs("git")]
#[test]
fn the_wire_of_a_copy_that_dies() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["start", "7", "my_put"]).success();
    let server = "mine/my_put/src/server.rs";
    let found = "    let Some(text) = messages.get(index)? else {";
    let dies =
        "    if request.method == \"HEAD\" {\n        panic!(\"no head for this\");\n    }\n";
    scratch.replace(server, found, &format!("{dies}{found}"))?;
    let output =
        command(scratch.folder(), &["wire", "7", "my_put"]).env("CARGO_TARGET_DIR", target());
    output.assert().success().stdout_eq(str![[r#"
             s07_put                   my_put
 ≠  HEAD /0  200, text/plain, no body  ended: no head for this
 ≠  HEAD /1  404                       ended: no head for this

"#]]);
    Ok(())
}

/// A stage that comes after the last one is known to every command as soon as its folder is there.
#[needs("git")]
#[test]
fn an_added_stage() -> Result<()> {
    let _turn = turn();
    let scratch = Scratch::new()?;
    let ladder = Ladder::open(scratch.folder())?;
    let last = ladder.last()?;
    let number = last.number.context("no number")? + 1;
    let name = format!("s{number:02}_extra");
    for path in last.files()? {
        let place = scratch.path(&format!("steps/{name}/{path}"));
        fs::create_dir_all(place.parent().context("no folder")?)?;
        fs::write(place, last.read(&path)?.unwrap_or_default().replace(&last.name, &name))?;
    }
    let said = stdout(lesson_in(scratch.folder(), &[]).success())?;
    let row = said.lines().last().unwrap_or_default();
    assert!(row.starts_with(&format!(" {number}  {name} ")), "{row}");
    assert!(row.contains("  +0 ") && row.ends_with(&format!("cargo run -p {name}")), "{row}");
    let both = [last.name.as_str(), name.as_str()];
    let said = stdout(lesson_in(scratch.folder(), &["diff", &number.to_string()]).success())?;
    assert!(said.contains(&format!("-name = \"{}\"\n+name = \"{name}\"\n", both[0])), "{said}");
    lesson_in(scratch.folder(), &["diff", both[0], both[1], "src/"])
        .success()
        .stdout_eq("")
        .stderr_eq(format!("in src/ nothing differs between {} and {name}\n", both[0]));
    let wire = command(scratch.folder(), &["wire", both[0], both[1]]);
    wire.env("CARGO_TARGET_DIR", target())
        .assert()
        .success()
        .stdout_eq(format!("on the wire nothing differs between {} and {name}\n", both[0]));
    let said = stdout(lesson_in(scratch.folder(), &["start", both[0], "my_last"]).success())?;
    assert!(
        said.contains(&format!("  the solution     cargo lesson diff my_last {name}\n")),
        "{said}"
    );
    Ok(())
}

/// How many stages there are is written nowhere here: no file of these crates names the last one.
#[test]
fn no_list_of_the_stages_is_kept() -> Result<()> {
    fn search(folder: &Path, name: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                search(&path, name)?;
            } else if let Ok(text) = fs::read_to_string(&path) {
                assert!(!text.contains(name), "{} names {name}", path.display());
            }
        }
        Ok(())
    }
    let name = Ladder::open(&root())?.last()?.name.clone();
    for folder in ["classroom/ladder", "classroom/lesson", "classroom/page", ".vscode"] {
        search(&root().join(folder), &name)?;
    }
    Ok(())
}

/// The functions that are the lesson of stage 7 are left out: the copy compiles, the check finds a fault, and with
/// these functions in place it finds none.
#[needs("git")]
#[test]
fn a_half_finished_copy() -> Result<()> {
    let _turn = turn();
    let scratch = Scratch::new()?;
    let start = ["start", "6", "my_put", "--half"];
    lesson_in(scratch.folder(), &start).success().stderr_eq("").stdout_eq(str![[r#"
mine/my_put is a half-finished copy of s07_put and yours
  write            respond_at in src/server.rs
  write            parse_index in src/server.rs
  replay it        cargo run -p my_put
  what is new      s07_put: Change a message by its index
  check it         cargo lesson check 7 my_put
  at each save     cargo lesson watch 7 my_put
  is it done?      cargo test -p my_put
  the first hint   cargo lesson hint 7 1

"#]]);
    let server = scratch.read("mine/my_put/src/server.rs")?;
    assert!(server.contains("Option<usize> {\n    // Return the index"), "{server}");

    let check = || {
        let check = ["check", "7", "my_put", "--brief"];
        command(scratch.folder(), &check).env("CARGO_TARGET_DIR", target()).assert()
    };
    let said = stdout(check().code(1))?;
    assert!(said.contains("put"), "{said}");
    let solution = scratch.read("steps/s07_put/src/server.rs")?;
    fs::write(scratch.path("mine/my_put/src/server.rs"), solution)?;
    check().success();
    Ok(())
}

/// Each half-finished copy differs from its stage, and has its functions and the one test. What has none says so.
#[needs("git")]
#[test]
fn half_finished_copies_of_all_stages() -> Result<()> {
    let scratch = Scratch::new()?;
    let ladder = Ladder::open(scratch.folder())?;
    let mut made = 0;
    for stage in ladder.stages() {
        let name = copy_of(&stage.name);
        let start = ["start", stage.name.as_str(), name.as_str(), "--half"];
        let Some(next) = ladder.after(stage) else {
            lesson_in(scratch.folder(), &start).code(1).stdout_eq("").stderr_eq(format!(
                "{} is the last stage; leave out --half, or begin with an earlier one\n",
                stage.name
            ));
            continue;
        };
        let table = scratch.path(&format!("classroom/lesson/half/{}.toml", next.name));
        if !table.exists() {
            let ended = lesson_in(scratch.folder(), &start).code(1).stdout_eq("");
            let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
            let begin = format!("{} has no half-finished copy; leave out --half, or", next.name);
            assert!(said.starts_with(&begin) && said.lines().count() == 1, "{said}");
            assert!(!scratch.path(&format!("mine/{name}")).exists());
            continue;
        }
        let said = stdout(lesson_in(scratch.folder(), &start).success().stderr_eq(""))?;
        for line in said.lines().filter_map(|line| line.strip_prefix("  write ")) {
            let (function, file) = line.trim().split_once(" in ").context("no file")?;
            let text = scratch.read(&format!("mine/{name}/{file}"))?;
            assert!(text.contains(&format!("fn {function}")), "{name}: {line}");
            assert_ne!(Some(text), next.read(file)?, "{name}: {line}");
        }
        let test = scratch.read(&format!("mine/{name}/tests/next_stage.rs"))?;
        assert!(test.contains(&next.name), "{test}");
        made += 1;
    }
    assert!(made > 5, "{made}");
    lesson_in(scratch.folder(), &["start", "my_s06_form", "other", "--half"])
        .code(1)
        .stdout_eq("")
        .stderr_eq("my_s06_form is your own; --half needs a stage of the ladder\n");
    Ok(())
}
