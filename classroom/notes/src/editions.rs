//! Two editions say the same in two languages: they have the same outline.

use crate::edition::number;
use crate::{Edition, Findings, Item};

/// A part of an edition's outline: what is the same in every language.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// A heading: its level, and its number if it has one.
    Heading(usize, Option<u32>),
    /// A paragraph that begins with bold words.
    LeadIn,
    /// A block: the words behind its fence, and its text. Of a block `text`, and of one without a fence, the text is
    /// in a language and left empty here.
    Block(&'a str, &'a str),
    /// A picture: its file.
    Picture(&'a str),
}

/// Compares the outlines of two editions, up to the first place where they differ.
pub fn check(one: &Edition, other: &Edition) -> Findings {
    let wrong = difference(one, other).into_iter().collect();
    Findings { checked: outline(one).len(), wrong }
}

/// The first place where the outlines of two editions differ, in a sentence, if there is one.
pub fn difference(one: &Edition, other: &Edition) -> Option<String> {
    let (left, right) = (outline(one), outline(other));
    let same = left.iter().zip(&right).take_while(|(left, right)| left.1 == right.1).count();
    let describe = |edition: &Edition, outline: &[(usize, Part)]| match outline.get(same) {
        Some((line, part)) => format!("{}:{line} has {part:?}", edition.name),
        None => format!("{} ends", edition.name),
    };
    (same < left.len().max(right.len()))
        .then(|| format!("{} where {}", describe(one, &left), describe(other, &right)))
}

/// The outline of an edition, each part with its line.
fn outline(edition: &Edition) -> Vec<(usize, Part<'_>)> {
    let mut outline = Vec::new();
    for section in &edition.sections {
        outline.push((section.line, Part::Heading(section.level, section.number())));
        for (line, item) in &section.items {
            let part = match item {
                Item::Heading(level, title) => Part::Heading(*level, number(title)),
                Item::Paragraph { lead_in: Some(_), .. } => Part::LeadIn,
                Item::Block(block) if ["indented", "text"].contains(&block.info.as_str()) => {
                    Part::Block(&block.info, "")
                }
                Item::Block(block) => Part::Block(&block.info, &block.text),
                Item::Picture(path) => Part::Picture(path),
                _ => continue,
            };
            outline.push((*line, part));
        }
    }
    outline
}
