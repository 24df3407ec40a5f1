//! Two editions say the same in two languages: their headings, commands, code and pictures are the same.

use crate::edition::number;
use crate::{Edition, Item};

/// What an edition has in common with all others. Only what no fence calls code, or calls text, is in a language.
#[derive(Debug, PartialEq)]
enum Bone<'a> {
    Heading(usize, Option<usize>),
    Part,
    Block(&'a str, &'a str),
    Picture(&'a str),
}

/// The first place where the bones of two editions differ, in a sentence, if there is one.
pub fn difference(one: &Edition, other: &Edition) -> Option<String> {
    let (left, right) = (bones(one), bones(other));
    let same = left.iter().zip(&right).take_while(|(left, right)| left.1 == right.1).count();
    let say = |edition: &Edition, bones: &[(usize, Bone)]| match bones.get(same) {
        Some((line, bone)) => format!("{}:{line} has {bone:?}", edition.name),
        None => format!("{} ends", edition.name),
    };
    (same < left.len().max(right.len()))
        .then(|| format!("{} where {}", say(one, &left), say(other, &right)))
}

fn bones(edition: &Edition) -> Vec<(usize, Bone<'_>)> {
    let mut bones = Vec::new();
    for section in &edition.sections {
        bones.push((section.line, Bone::Heading(section.level, section.number())));
        for (line, item) in &section.items {
            let bone = match item {
                Item::Heading(level, title) => Bone::Heading(*level, number(title)),
                Item::Paragraph { lead_in: Some(_), .. } => Bone::Part,
                Item::Block(block) if ["indented", "text"].contains(&block.info.as_str()) => {
                    Bone::Block(&block.info, "")
                }
                Item::Block(block) => Bone::Block(&block.info, &block.text),
                Item::Picture(path) => Bone::Picture(path),
                _ => continue,
            };
            bones.push((*line, bone));
        }
    }
    bones
}
