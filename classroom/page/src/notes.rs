//! The sections of the notes in both languages, as HTML that needs no other file.

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use ladder::Stage;
use packets::notes::capture_named_by;
use packets::{calls, capture, svg};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The notes in English and in Korean. Section by section, both say the same.
pub struct Notes {
    root: PathBuf,
    english: Vec<Section>,
    korean: Vec<Section>,
}

/// A section of one edition.
struct Section {
    /// The text of its heading.
    title: String,
    /// Its Markdown, from the heading to the next one.
    text: String,
    /// The same as HTML.
    html: String,
}

impl Notes {
    /// Reads both editions in the workspace `root`.
    ///
    /// # Errors
    /// A file that cannot be read, a diagram that cannot be drawn, or editions with different numbers of sections.
    pub fn read(root: &Path) -> Result<Notes> {
        let english = sections(&crate::read(root, "NOTES.md")?).context("NOTES.md")?;
        let korean = sections(&crate::read(root, "NOTES.ko.md")?).context("NOTES.ko.md")?;
        ensure!(english.len() == korean.len(), "the two editions differ in their sections");
        Ok(Notes { root: root.to_path_buf(), english, korean })
    }

    /// The section with this English heading, as HTML in both languages.
    ///
    /// # Errors
    /// There is no such section.
    pub fn section(&self, title: &str) -> Result<Value> {
        let place = self.english.iter().position(|section| section.title == title);
        let place = place.with_context(|| format!("NOTES.md has no section {title:?}"))?;
        Ok(self.both(place))
    }

    /// The sections that have none of these English headings, each with an id, its titles and its HTML.
    pub fn others(&self, titles: &[&Value]) -> Vec<Value> {
        let mut others = Vec::new();
        for (place, section) in self.english.iter().enumerate() {
            if titles.iter().any(|title| **title == json!(section.title)) {
                continue;
            }
            let title = json!({ "en": section.title, "ko": self.korean[place].title });
            // For a section between two stages: how many stages come before it.
            let earlier = self.english[..place].iter();
            let after =
                earlier.filter(|one| titles.iter().any(|title| **title == json!(one.title)));
            others.push(json!({
                "id": id(&section.title),
                "title": title,
                "html": self.both(place),
                "after": after.count(),
            }));
        }
        others
    }

    /// The pictures that the notes show: for each its address in the notes, and one that holds it.
    ///
    /// # Errors
    /// A picture that cannot be read, or that is neither PNG nor SVG.
    pub fn pictures(&self) -> Result<Value> {
        let mut pictures = Map::new();
        for section in self.english.iter().chain(&self.korean) {
            for event in parser(&section.text) {
                if let Event::Start(Tag::Image { dest_url, .. }) = event {
                    let address = data_url(&self.root.join(&*dest_url))?;
                    pictures.insert(dest_url.to_string(), address.into());
                }
            }
        }
        Ok(pictures.into())
    }

    /// The captures that the notes show: for each the name of its stage, what the notes say of it, and its rows. The
    /// name of a capture begins with the number of its stage.
    ///
    /// # Errors
    /// A capture, or its calls, that cannot be read, or of which one edition says nothing.
    pub fn captures(&self, stages: &[&Stage]) -> Result<Map<String, Value>> {
        let korean = paragraphs(&self.korean);
        let mut captures = Map::new();
        for (path, text) in paragraphs(&self.english) {
            let read = || -> Result<(String, Value)> {
                let name =
                    path.strip_prefix("captures/").and_then(|name| name.strip_suffix(".pcap"));
                let name = name.context("it is no captures/NAME.pcap")?;
                let number = name.split('_').next();
                let stage = stages.iter().find(|stage| stage.name.split('_').next() == number);
                let file = self.root.join(&path);
                let segments = capture::segments(&fs::read(&file)?)?;
                let called = calls::parse(&fs::read_to_string(file.with_extension("calls"))?)?;
                let korean = korean.get(&path).context("NOTES.ko.md does not show it")?;
                let capture = json!({
                    "stage": stage.map(|stage| &stage.name),
                    "what": { "en": inline_html(&text), "ko": inline_html(korean) },
                    "rows": calls::rows(&segments, &called),
                });
                Ok((name.to_string(), capture))
            };
            let (name, capture) = read().with_context(|| path.clone())?;
            captures.insert(name, capture);
        }
        Ok(captures)
    }

    fn both(&self, place: usize) -> Value {
        json!({ "en": self.english[place].html, "ko": self.korean[place].html })
    }
}

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// The paragraph before the diagram of each capture, by the path of the capture.
fn paragraphs(sections: &[Section]) -> BTreeMap<String, String> {
    let mut paragraphs = BTreeMap::new();
    for section in sections {
        let mut before = "";
        for paragraph in section.text.split("\n\n") {
            if let Some(path) = paragraph.lines().next().and_then(capture_named_by) {
                paragraphs.insert(path.to_string(), before.to_string());
            }
            before = paragraph;
        }
    }
    paragraphs
}

/// Makes HTML of Markdown in which each diagram is a picture.
///
/// # Errors
/// A diagram that cannot be drawn.
fn html_with_pictures(text: &str) -> Result<String> {
    let mut diagram = None;
    let mut events = Vec::new();
    for event in parser(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(ref language)))
                if &**language == "mermaid" =>
            {
                diagram = Some(String::new());
            }
            Event::Text(ref text) if diagram.is_some() => {
                if let Some(diagram) = &mut diagram {
                    diagram.push_str(text);
                }
            }
            Event::End(TagEnd::CodeBlock) if diagram.is_some() => {
                let svg = svg::draw(&diagram.take().unwrap_or_default())?;
                events.push(Drawn::Picture(format!("<div class=\"diagram\">{svg}</div>\n")));
            }
            event => events.push(Drawn::Event(event)),
        }
    }
    Ok(html_of(events.into_iter()))
}

/// A part of Markdown, or a diagram as SVG.
enum Drawn<'a> {
    Event(Event<'a>),
    Picture(String),
}

/// Makes HTML of Markdown. A diagram stays as it is written.
fn html(text: &str) -> String {
    html_of(parser(text).map(Drawn::Event))
}

/// Makes HTML. The page is used without the repository, so a link into the repository is dropped; only links to other
/// sites are kept. A picture is named and not loaded: the script puts it in, once for both languages.
fn html_of<'a>(parts: impl Iterator<Item = Drawn<'a>>) -> String {
    let mut events = Vec::new();
    let mut kept = Vec::new();
    let mut alt = None;
    for part in parts {
        let event = match part {
            Drawn::Event(event) => event,
            Drawn::Picture(svg) => {
                events.push(Event::Html(svg.into()));
                continue;
            }
        };
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => alt = Some((dest_url, String::new())),
            Event::End(TagEnd::Image) => {
                let Some((name, text)) = alt.take() else { continue };
                let mut tag = String::from("<img data-picture=\"");
                tag += &escape(&name);
                tag += "\" alt=\"";
                tag += &escape(&text);
                tag += "\">";
                events.push(Event::InlineHtml(tag.into()));
            }
            Event::Text(ref text) if alt.is_some() => {
                if let Some((_, alt)) = &mut alt {
                    alt.push_str(text);
                }
            }
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
    let mut html = String::new();
    html::push_html(&mut html, events.into_iter());
    html
}

/// Makes HTML of one paragraph of Markdown, without the paragraph's own tags where there is only one.
pub fn inline_html(text: &str) -> String {
    let html = html(text);
    let inner = html.trim().strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>"));
    match inner {
        Some(inner) if !inner.contains("<p>") => inner.to_string(),
        _ => html,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A short name for a section in addresses: its first word of four letters or more, in lower case.
fn id(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_alphanumeric());
    let mut words = words.filter(|word| word.len() > 3 && word.chars().all(char::is_alphabetic));
    words.next().unwrap_or("section").to_lowercase()
}

/// The sections of a Markdown text: each from a heading of level 2 to the next one.
///
/// # Errors
/// A diagram that cannot be drawn.
fn sections(text: &str) -> Result<Vec<Section>> {
    let section = |text: &str| -> Result<Section> {
        let heading = text.lines().next().unwrap_or_default();
        let title = heading.trim_start_matches("## ").trim().to_string();
        let html = html_with_pictures(text).with_context(|| title.clone())?;
        Ok(Section { title, text: text.to_string(), html })
    };
    split_sections(text).into_iter().map(section).collect()
}

/// Splits a Markdown text into its sections, each from a heading of level 2 to the next one.
pub fn split_sections(text: &str) -> Vec<&str> {
    // A parser tells a heading from a line of code that looks like one.
    let starts: Vec<usize> = Parser::new(text)
        .into_offset_iter()
        .filter(|(event, _)| {
            matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }))
        })
        .map(|(_, range)| range.start)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

/// A picture as an address that holds it.
fn data_url(path: &Path) -> Result<String> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let media_type = match extension {
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        _ => bail!("{} is neither PNG nor SVG; the page holds no others", path.display()),
    };
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Notes\n\nRead ## 2. Two\n\n## 1. One\n\nBefore:\n\n### 2. Two\n\n\
        ```sh\n## 2. Two\necho\n```\n\n## 2. Two\n\nThe *section*.\n\n### 1. One\n\n```\n## 3. Three\n```\n\n\
        ## 3. Three\n\nThe end.\n";

    #[test]
    fn a_section_begins_with_a_heading_of_level_2() {
        let sections = sections(TEXT).unwrap();
        let titles: Vec<&str> = sections.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["1. One", "2. Two", "3. Three"]);
        let two = &sections[1].text;
        assert!(two.starts_with("## 2. Two\n\nThe *section*."), "{two}");
        assert!(two.ends_with("### 1. One\n\n```\n## 3. Three\n```\n\n"), "{two}");
        assert_eq!(sections[2].text, "## 3. Three\n\nThe end.\n");
    }

    #[test]
    fn a_picture_is_named_and_a_link_into_the_repository_is_dropped() {
        let html = html("![A \"view\"](pictures/a.png) [here](src/a.rs) [RFC](https://x.org/)");
        let expected = "<p><img data-picture=\"pictures/a.png\" alt=\"A &quot;view&quot;\"> here \
                        <a href=\"https://x.org/\">RFC</a></p>\n";
        assert_eq!(html, expected);
    }

    #[test]
    fn a_diagram_is_a_picture_or_an_error() {
        let text =
            "```mermaid\nsequenceDiagram\nparticipant a\nparticipant b\na-xb: RST\n```\n\nAfter.\n";
        let html = html_with_pictures(text).unwrap();
        assert!(html.starts_with("<div class=\"diagram\"><svg "), "{html}");
        assert!(html.ends_with("</svg></div>\n<p>After.</p>\n"), "{html}");
        assert!(!html.contains("sequenceDiagram"), "{html}");
        let error = sections(&format!("## One\n\n{}", text.replace("-x", "~"))).err().unwrap();
        assert_eq!(format!("{error:#}"), "One: this line of a diagram cannot be drawn: a~b: RST");
    }

    #[test]
    fn the_notes_speak_of_each_capture() {
        let ladder = ladder::Ladder::find().unwrap();
        let stages: Vec<&Stage> = ladder.stages().collect();
        let captures = Notes::read(&ladder.root).unwrap().captures(&stages).unwrap();
        assert_eq!(captures.len(), 10);
        assert_eq!(captures["s10_rst_mid"]["stage"], "s10_hardened");
        let http = &captures["s03_http"];
        let starts = |language: &str| {
            let what = http["what"][language].as_str().unwrap();
            assert!(what.starts_with("<code>s03_http.pcap</code>"), "{what}");
        };
        starts("en");
        starts("ko");
        assert!(http["rows"].as_array().unwrap().len() > 20, "{http}");
    }

    #[test]
    fn one_paragraph_has_no_tags_of_its_own() {
        assert_eq!(inline_html("the `code`"), "the <code>code</code>");
        assert!(inline_html("one\n\ntwo").starts_with("<p>one</p>"));
        assert!(inline_html("- one\n- two").starts_with("<ul>"));
    }
}
