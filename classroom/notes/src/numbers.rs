//! The notes say how many lines each stage adds and removes, and the numbers are right.

use crate::{Edition, Findings, Item};
use anyhow::Result;
use ladder::Ladder;
use ladder::code::Changes;
use regex::Regex;
use std::collections::BTreeMap;

/// Which of a section's parts has the numbers, counted from 0.
const NUMBERS_PART: usize = 5;

/// Lines added and lines removed.
type Change = (usize, usize);

/// What each file in the `src` of a stage adds and removes, for each stage by its number.
type ChangesOfStages = BTreeMap<u32, BTreeMap<String, Change>>;

/// Compares the numbers of each section about a stage with those of the code.
///
/// # Errors
/// A stage that cannot be read.
pub fn check(edition: &Edition, ladder: &Ladder) -> Result<Findings> {
    compare(edition, &changes(ladder)?)
}

/// Compares the numbers of each section about a stage with `changes`.
///
/// The paragraph has the lines added and removed in all, as its first two numbers, and then each file that
/// changes as `` `http.rs` +12 −3 ``. There is no other number in it, and no file is left out.
///
/// # Errors
/// A number that is too large.
pub fn compare(edition: &Edition, changes: &ChangesOfStages) -> Result<Findings> {
    let mut findings = Findings::default();
    for section in &edition.sections {
        let Some(number) = section.number() else { continue };
        let Some(changes) = changes.get(&number) else { continue };
        let paragraphs = section.items.iter().filter_map(|(line, item)| match item {
            Item::Paragraph { lead_in: Some(lead_in), text } => {
                Some((line, text.strip_prefix(lead_in.as_str())?))
            }
            _ => None,
        });
        let Some((line, text)) = paragraphs.into_iter().nth(NUMBERS_PART) else { continue };
        let (total, files, count) = parse_numbers(text)?;
        findings.checked += count;
        let sum = changes.values().fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1));
        if total != Some(sum) || files != *changes {
            findings.wrong.push(format!(
                "{}:{line}: the numbers of stage {number} are {} added, {} removed: {}",
                edition.name,
                sum.0,
                sum.1,
                format_changes(changes)
            ));
        }
    }
    Ok(findings)
}

/// Reads a paragraph: the total, the change of each file, and how many numbers there are.
fn parse_numbers(text: &str) -> Result<(Option<Change>, BTreeMap<String, Change>, usize)> {
    let file = Regex::new(r"`(\w+\.\w+)` \+(\d+)(?: −(\d+))?")?;
    let number = Regex::new(r"\d+")?;
    let mut files = BTreeMap::new();
    let mut count = 0;
    for found in file.captures_iter(text) {
        let removed = found.get(3).map_or(Ok(0), |found| found.as_str().parse())?;
        count += if found.get(3).is_some() { 2 } else { 1 };
        files.insert(found[1].to_string(), (found[2].parse()?, removed));
    }
    let rest = file.replace_all(text, "");
    let mut numbers = Vec::new();
    for found in number.find_iter(&rest) {
        numbers.push(found.as_str().parse()?);
    }
    let total = match numbers[..] {
        [added] => Some((added, 0)),
        [added, removed] => Some((added, removed)),
        _ => None,
    };
    Ok((total, files, count + numbers.len()))
}

/// Compares each stage with the one before it. A file that stays as it is has no entry.
///
/// # Errors
/// A stage that cannot be read.
pub fn changes(ladder: &Ladder) -> Result<ChangesOfStages> {
    let name = |path: &str| path.trim_start_matches("src/").to_string();
    let mut all = ChangesOfStages::new();
    for stage in ladder.stages() {
        let changes = Changes::between(ladder.before(stage)?, stage, Some("src"))?;
        let files = changes.files.iter().map(|file| (name(&file.path), file.count()));
        all.extend(stage.number.map(|number| (number, files.collect())));
    }
    Ok(all)
}

/// The changes as the paragraph writes them.
fn format_changes(changes: &BTreeMap<String, Change>) -> String {
    let word = |(name, (added, removed)): (&String, &Change)| match removed {
        0 => format!("`{name}` +{added}"),
        _ => format!("`{name}` +{added} −{removed}"),
    };
    changes.iter().map(word).collect::<Vec<_>>().join(", ")
}
