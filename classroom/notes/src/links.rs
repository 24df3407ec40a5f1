//! Each file that a text links to, shows as a picture or names as a path exists.

use crate::{Edition, Findings, Item, Section, read};
use anyhow::Result;
use ladder::{Ladder, Stage};
use std::path::Path;

/// The folders at the root that a path in the notes begins with.
const FOLDERS: [&str; 4] = ["captures/", "classroom/", "pictures/", "steps/"];

/// The folders in a stage that a path in the notes begins with.
const IN_STAGE: [&str; 3] = ["examples/", "src/", "tests/"];

/// Looks for each link, picture and path in the workspace of the ladder. A link to another machine is only checked for `https`.
///
/// # Errors
/// A ladder without stages.
pub fn check(edition: &Edition, ladder: &Ladder) -> Result<Findings> {
    let root = ladder.root.as_path();
    let mut findings = Findings::default();
    for (section, line, item) in edition.items() {
        let problem = match item {
            Item::Link(to) | Item::Picture(to) => target(edition, root, to),
            Item::Code(code) => match path(code) {
                None => continue,
                Some(path) if IN_STAGE.iter().any(|folder| path.starts_with(folder)) => {
                    let stage = stage_of(section, ladder)?;
                    (!stage.folder.join(path).exists())
                        .then(|| format!("{} has no {path}", stage.name))
                }
                Some(path) => (!root.join(path).exists()).then(|| format!("there is no {path}")),
            },
            _ => continue,
        };
        findings.checked += 1;
        if let Some(problem) = problem {
            findings.wrong.push(format!("{}:{line}: {problem}", edition.name));
        }
    }
    Ok(findings)
}

/// The stage whose file a path such as `src/http.rs` is: that of the section, or the last one.
fn stage_of<'a>(section: &Section, ladder: &'a Ladder) -> Result<&'a Stage> {
    let own = ladder.stages().find(|stage| stage.number == section.number());
    own.map_or_else(|| ladder.last(), Ok)
}

/// The path that a piece of code within a line is, if it is one.
fn path(code: &str) -> Option<&str> {
    let known = FOLDERS.iter().chain(&IN_STAGE).any(|folder| code.starts_with(folder));
    (known && !code.contains(' ')).then_some(code)
}

/// What is wrong with the target of a link, if anything.
fn target(edition: &Edition, root: &Path, to: &str) -> Option<String> {
    if to.starts_with("https://") {
        return None;
    }
    if to.contains(':') {
        return Some(format!("{to} is neither a file nor https"));
    }
    let (file, anchor) = to.split_once('#').unwrap_or((to, ""));
    if !file.is_empty() && !root.join(file).exists() {
        return Some(format!("there is no {file}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let known = if file.is_empty() {
        anchors(edition)
    } else {
        let other = read(&root.join(file)).and_then(|text| Edition::parse(file, &text));
        other.map(|other| anchors(&other)).unwrap_or_default()
    };
    (!known.iter().any(|known| known == anchor)).then(|| format!("{to} leads to no heading"))
}

/// The anchors that GitHub gives the headings of a text.
fn anchors(edition: &Edition) -> Vec<String> {
    let inner = edition.items().filter_map(|(_, _, item)| match item {
        Item::Heading(_, title) => Some(title.as_str()),
        _ => None,
    });
    let outer = edition.sections.iter().map(|section| section.title.as_str());
    outer.chain(inner).map(slug).collect()
}

/// A heading in small letters, without punctuation, its spaces as hyphens.
fn slug(title: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    title.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}
