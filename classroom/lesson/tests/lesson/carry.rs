//! carry, and what changes the ladder, in a clone of the workspace.

use crate::lesson_in;
use crate::scratch::Scratch;
use anyhow::{Context, Result};
use ladder::Ladder;
use snapbox::str;
use std::fs;
use testing::needs;

impl Scratch {
    /// Which files are not as they were committed.
    pub fn changed(&self) -> Result<String> {
        self.git(&["status", "--porcelain"])
    }

    /// The stages after one, in order.
    fn later(&self, number: u32) -> Result<Vec<String>> {
        let ladder = Ladder::open(self.folder())?;
        let later = ladder.stages().filter(|stage| stage.number > Some(number));
        Ok(later.map(|stage| stage.name.clone()).collect())
    }
}

/// A line that all stages from the first to the last have.
const COMMENT: &str = "//! `connect` asks the system for a TCP connection to the server. The system chooses a free port for";

#[needs("git")]
#[test]
fn a_fix_is_carried() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stdout_eq("").stderr_eq(str![[r#"
there is nothing to carry: steps/s06_form has no uncommitted changes

"#]]);

    scratch.replace("steps/s06_form/src/client.rs", COMMENT, "//! Another line.")?;
    let before = scratch.changed()?;
    let carried = |number| -> Result<String> {
        let line = |stage| format!("steps/{stage}/src/client.rs: carried\n");
        Ok(scratch.later(number)?.iter().map(line).collect())
    };
    let wanted = format!("{}nothing was written: this was a dry run\n", carried(6)?);
    lesson_in(scratch.folder(), &["carry", "6", "--dry-run"]).success().stdout_eq(wanted);
    assert_eq!(scratch.changed()?, before);

    let committed =
        |stage: &str| scratch.git(&["show", &format!("HEAD:steps/{stage}/src/client.rs")]);
    lesson_in(scratch.folder(), &["carry", "6"]).success().stderr_eq("");
    for stage in scratch.later(6)? {
        let text = scratch.read(&format!("steps/{stage}/src/client.rs"))?;
        assert_eq!(text, committed(&stage)?.replace(COMMENT, "//! Another line."), "{stage}");
    }
    assert!(scratch.read("steps/s05_get/src/client.rs")? == committed("s05_get")?);

    // Carried is carried; the later stages now have changes, which have to be committed first.
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stdout_eq("").stderr_eq(str![[r#"
steps/s07_put/src/client.rs has uncommitted changes; commit them, or take them back with git, first

"#]]);
    scratch.commit()?;
    scratch.replace("steps/s09_vps/src/client.rs", "//! Another line.", COMMENT)?;
    scratch.commit()?;
    scratch.replace("steps/s08_sqlite/src/client.rs", "//! Another line.", COMMENT)?;
    let wanted = format!("steps/s09_vps/src/client.rs: has it already\n{}", carried(9)?);
    lesson_in(scratch.folder(), &["carry", "8"]).success().stdout_eq(wanted);
    Ok(())
}

#[needs("git")]
#[test]
fn a_fix_that_conflicts() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace(
        "steps/s08_sqlite/src/client.rs",
        COMMENT,
        "// Stage 8 has other words here.",
    )?;
    scratch.commit()?;
    scratch.replace("steps/s06_form/src/client.rs", COMMENT, "//! Another line.")?;
    fs::write(scratch.path("steps/s06_form/src/new.rs"), "// No later stage has this.\n")?;
    let mut wanted = String::new();
    for stage in scratch.later(6)? {
        let outcome = if stage == "s08_sqlite" { "CONFLICT" } else { "carried" };
        wanted.push_str(&format!("steps/{stage}/src/client.rs: {outcome}\n"));
    }
    wanted.push_str("steps/s06_form/src/new.rs: nothing to merge in any later stage\n");
    wanted.push_str("fix what stands between <<<<<<< and >>>>>>> in 1 file, then test\n");
    lesson_in(scratch.folder(), &["carry", "6"]).code(1).stderr_eq("").stdout_eq(wanted);
    let text = scratch.read("steps/s08_sqlite/src/client.rs")?;
    let (_, conflict) = text.split_once("<<<<<<< s08_sqlite\n").context("no marker")?;
    snapbox::assert_data_eq!(
        conflict.split_once("s07_put now\n").context("no end")?.0,
        str![[r#"
// Stage 8 has other words here.
=======
//! Another line.
>>>>>>> 
"#]]
    );
    for stage in scratch.later(8)? {
        assert!(
            scratch.read(&format!("steps/{stage}/src/client.rs"))?.contains("//! Another line."),
            "{stage}"
        );
    }
    Ok(())
}

#[needs("git")]
#[test]
fn a_later_stage_has_changes_of_its_own() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace("steps/s06_form/src/client.rs", COMMENT, "//! Another line.")?;
    scratch.replace("steps/s09_vps/src/http.rs", "404 =>", "404  =>")?;
    let before = scratch.git(&["diff"])?;
    lesson_in(scratch.folder(), &["carry", "s06"]).code(1).stdout_eq("").stderr_eq(str![[r#"
steps/s09_vps/src/http.rs has uncommitted changes; commit them, or take them back with git, first

"#]]);
    assert_eq!(scratch.git(&["diff"])?, before);
    Ok(())
}

#[needs("git")]
#[test]
fn a_file_that_goes() -> Result<()> {
    let scratch = Scratch::new()?;
    scratch.replace("steps/s09_vps/src/messages.rs", "use ", "use  ")?;
    scratch.commit()?;
    fs::remove_file(scratch.path("steps/s08_sqlite/src/messages.rs"))?;
    let line = |stage| {
        format!("steps/{stage}/src/messages.rs: CONFLICT: deleted in s08_sqlite, different here\n")
    };
    let mut wanted: String = scratch.later(8)?.iter().map(line).collect();
    wanted.push_str("delete by hand what has to go, then test\n");
    lesson_in(scratch.folder(), &["carry", "8"]).code(1).stdout_eq(wanted);
    assert!(scratch.path("steps/s09_vps/src/messages.rs").exists());

    // A file that has another name now cannot be merged.
    fs::write(scratch.path("steps/s08_sqlite/src/store.rs"), "// What went elsewhere.\n")?;
    let before = scratch.changed()?;
    lesson_in(scratch.folder(), &["carry", "8"]).code(1).stdout_eq("").stderr_eq(str![[r#"
src/messages.rs is gone and src/store.rs came: [..] has to be renamed by hand in every stage

"#]]);
    assert_eq!(scratch.changed()?, before);
    let last = Ladder::open(scratch.folder())?.last()?.name.clone();
    lesson_in(scratch.folder(), &["carry", &last])
        .code(1)
        .stderr_eq(format!("{last} is the last stage; there is none to carry to\n"));
    Ok(())
}
