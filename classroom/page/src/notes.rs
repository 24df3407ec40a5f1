//! A stage's section of the notes, as HTML that needs no other file.

use anyhow::{Context, Result, bail};
use base64::prelude::{BASE64_STANDARD, Engine};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// The section of NOTES.md with this title, with its pictures in it.
pub fn notes(root: &Path, title: &str) -> Result<String> {
    let notes = fs::read_to_string(root.join("NOTES.md")).context("cannot read NOTES.md")?;
    let section = section(&notes, title);
    let section = section.with_context(|| format!("NOTES.md has no section {title:?}"))?;
    let mut html = String::new();
    let mut events = Vec::new();
    let mut kept = Vec::new();
    for event in Parser::new_ext(section, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = data_url(&root.join(&*dest_url))?;
                events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            // The page goes where the repository does not: of links, only those to the world are kept.
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                kept.push(dest_url.starts_with("https://"));
                if kept.last() == Some(&true) {
                    events.push(event);
                }
            }
            Event::End(TagEnd::Link) => {
                if kept.pop() == Some(true) {
                    events.push(event);
                }
            }
            Event::Html(_) | Event::InlineHtml(_) => {}
            event => events.push(event),
        }
    }
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    Ok(html)
}

/// The section of a Markdown text whose heading of level 2 is `title`: from the heading to the next one.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    // A parser tells a heading from a line of code that looks like one.
    let headings: Vec<Range<usize>> = Parser::new(text)
        .into_offset_iter()
        .filter(|(event, _)| {
            matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }))
        })
        .map(|(_, range)| range)
        .collect();
    let wanted = |heading: &Range<usize>| text[heading.clone()].trim() == format!("## {title}");
    let found = headings.iter().position(wanted)?;
    let end = headings.get(found + 1).map_or(text.len(), |next| next.start);
    Some(&text[headings[found].start..end])
}

/// A picture as an address that holds it.
fn data_url(path: &Path) -> Result<CowStr<'static>> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let media_type = match extension {
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        _ => bail!("{} is neither PNG nor SVG; the page holds no others", path.display()),
    };
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Notes\n\nRead ## 2. Two\n\n## 1. One\n\nBefore:\n\n### 2. Two\n\n\
        ```sh\n## 2. Two\necho\n```\n\n## 2. Two\n\nThe *section*.\n\n### 1. One\n\n```\n## 3. Three\n```\n\n\
        ## 3. Three\n\nThe end.\n";

    #[test]
    fn a_section_begins_with_a_heading_of_level_2() {
        let two = section(TEXT, "2. Two").unwrap();
        assert!(two.starts_with("## 2. Two\n\nThe *section*."), "{two}");
        assert!(two.ends_with("### 1. One\n\n```\n## 3. Three\n```\n\n"), "{two}");
        assert_eq!(section(TEXT, "3. Three"), Some("## 3. Three\n\nThe end.\n"));
        assert_eq!(section(TEXT, "4. Four"), None);
        assert_eq!(section(TEXT, "Two"), None);
    }
}
