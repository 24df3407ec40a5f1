//! The lesson plans as the teacher's window shows them: the parts with their minutes, the question, the quiz.

use crate::notes::inline_html;
use anyhow::{Context, Result};
use notes::teaching::{self, Section};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The plans in both languages, by the English heading of their section.
///
/// # Errors
/// A file that cannot be read, or two editions that have not the same plans.
pub fn read(root: &Path) -> Result<BTreeMap<String, Value>> {
    let english = teaching::read(&crate::read(root, "TEACHING.md")?);
    let korean = teaching::read(&crate::read(root, "TEACHING.ko.md")?);
    let mut plans = BTreeMap::new();
    for (place, section) in english.iter().enumerate() {
        if section.quiz.is_empty() {
            continue;
        }
        let other = korean.get(place).with_context(|| format!("no Korean {:?}", section.title))?;
        let both = json!({ "en": plan(section)?, "ko": plan(other)? });
        plans.insert(section.title.clone(), both);
    }
    Ok(plans)
}

/// A plan: its paragraphs as HTML, each with its bold words, the parts, and the quiz.
fn plan(section: &Section) -> Result<Value> {
    let parts = section.parts()?;
    let parts = parts.iter().map(|part| {
        json!({
            "name": inline_html(part.name),
            "minutes": part.minutes,
            "project": inline_html(part.project),
            "command": part.command,
        })
    });
    let paragraphs = section
        .paragraphs
        .iter()
        .map(|paragraph| json!([paragraph.lead_in, inline_html(&paragraph.text)]));
    let quiz = section
        .quiz
        .iter()
        .map(|entry| json!([inline_html(&entry.question), inline_html(&entry.answer)]));
    Ok(json!({
        "minutes": section.minutes()?,
        "parts": parts.collect::<Vec<_>>(),
        "paragraphs": paragraphs.collect::<Vec<_>>(),
        "quiz": quiz.collect::<Vec<_>>(),
    }))
}
