//! The language of what `cargo lesson` prints. Most words stand where they are printed, in English and in Korean; what a
//! check finds is translated by `contract::korean`, and the ideas of the stages are in the tables of the two README.

use ladder::{Ladder, Stage};
use replay::Lang;
use std::fs;
use textwrap::core::display_width;

/// A text of the check in this language.
pub fn say(lang: Lang, text: &str) -> String {
    match lang {
        Lang::En => text.to_string(),
        Lang::Ko => contract::korean(text),
    }
}

/// The one idea of a stage in this language. A copy has the idea of the stage that it was made of.
pub fn idea(ladder: &Ladder, stage: &Stage, lang: Lang) -> String {
    let of_ladder = ladder.stages().find(|other| other.idea == stage.idea);
    let korean = match lang {
        Lang::En => None,
        Lang::Ko => of_ladder.and_then(|stage| korean_idea(ladder, stage)),
    };
    korean.unwrap_or_else(|| stage.idea.clone())
}

/// The idea in a row of the table: `| [s01_echo](steps/s01_echo) | the idea |`.
fn korean_idea(ladder: &Ladder, stage: &Stage) -> Option<String> {
    let readme = fs::read_to_string(ladder.root.join("README.ko.md")).ok()?;
    let start = format!("| [{0}](steps/{0}) | ", stage.name);
    let row = readme.lines().find_map(|line| line.strip_prefix(&start));
    row.and_then(|row| row.strip_suffix(" |")).map(String::from)
}

/// The text with spaces after it, so that it takes `width` columns of a terminal. A Korean letter takes two.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(display_width(text))))
}
