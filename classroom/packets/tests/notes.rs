//! The diagrams in the notes are those of the captures. SNAPSHOTS=overwrite draws them anew.

use anyhow::{Context, Result};
use packets::notes::{capture_named_by, redraw};
use snapbox::Data;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The notes in each language.
fn editions() -> Vec<PathBuf> {
    let names = ["NOTES.md", "NOTES.ko.md"];
    names.iter().map(|name| Path::new(ROOT).join(name)).filter(|path| path.exists()).collect()
}

#[test]
fn diagrams_are_those_of_the_captures() -> Result<()> {
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS");
    for path in editions() {
        let redrawn = redraw(&fs::read_to_string(&path)?, Path::new(ROOT))?;
        // Raw: `...` is no wildcard here.
        assert.eq(Data::text(redrawn).raw(), Data::read_from(&path, None).raw());
    }
    Ok(())
}

/// The captures that exist, as the notes name them.
fn captures() -> Result<BTreeSet<String>> {
    let mut captures = BTreeSet::new();
    for entry in fs::read_dir(Path::new(ROOT).join("captures"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // The calls are beside the captures.
        if !name.ends_with(".calls") {
            captures.insert(format!("captures/{name}"));
        }
    }
    Ok(captures)
}

#[test]
fn every_capture_has_its_diagram() -> Result<()> {
    let captures = captures()?;
    for path in editions() {
        let notes = fs::read_to_string(&path)?;
        let named: Vec<&str> = notes.lines().filter_map(capture_named_by).collect();
        assert_eq!(named.len(), captures.len(), "{}", path.display());
        let named: BTreeSet<String> = named.into_iter().map(str::to_string).collect();
        assert_eq!(named, captures, "{}", path.display());
    }
    Ok(())
}

/// Changes a word of each diagram in turn, and checks that the diagram is then drawn anew.
#[test]
fn a_changed_word_is_found() -> Result<()> {
    let notes = redraw(&fs::read_to_string(Path::new(ROOT).join("NOTES.md"))?, Path::new(ROOT))?;
    let mut changed = 0;
    for (at, _) in notes.match_indices("<!-- captures/") {
        let syn = at + notes[at..].find(": SYN").context("no SYN in a diagram")?;
        let wrong = format!("{}: FIN{}", &notes[..syn], &notes[syn + 5..]);
        assert_ne!(wrong, notes);
        assert_eq!(redraw(&wrong, Path::new(ROOT))?, notes);
        changed += 1;
    }
    assert_eq!(changed, captures()?.len());
    Ok(())
}

#[test]
fn a_comment_without_its_diagram_is_refused() {
    let error = |notes: &str| redraw(notes, Path::new(ROOT)).unwrap_err().to_string();
    let name = "<!-- captures/s01_echo.pcap -->\n";
    assert_eq!(error(name), "no diagram follows captures/s01_echo.pcap");
    assert_eq!(
        error(&format!("{name}\n```mermaid\n```\n")),
        "no diagram follows captures/s01_echo.pcap"
    );
    assert_eq!(
        error(&format!("{name}```mermaid\n")),
        "the diagram of captures/s01_echo.pcap does not end"
    );
    assert_eq!(
        error("<!-- captures/none.pcap -->\n```mermaid\n```\n"),
        "cannot read captures/none.pcap"
    );
    // Other comments and other diagrams stay as they are.
    let other = "<!-- a remark -->\n```mermaid\ngraph TD\n```\n";
    assert_eq!(redraw(other, Path::new(ROOT)).unwrap(), other);
}
