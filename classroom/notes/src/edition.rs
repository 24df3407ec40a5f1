//! The notes as a list of sections, and each section as a list of items, each with its line.

use crate::read;
use anyhow::{Context, Result};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::path::Path;

/// The notes in one language.
#[derive(Debug)]
pub struct Edition {
    /// The file's name, for messages.
    pub name: String,
    /// What stands before the first `##`, under the title, and then a section for each `##`.
    pub sections: Vec<Section>,
}

/// A heading of the first or second level, and all up to the next one.
#[derive(Debug)]
pub struct Section {
    /// 1 for the title, 2 for a section.
    pub level: usize,
    /// The heading's text.
    pub title: String,
    /// The line of the heading.
    pub line: usize,
    /// What stands in it, each with its line.
    pub items: Vec<(usize, Item)>,
}

/// A part of a section.
#[derive(Debug)]
pub enum Item {
    /// A heading below the second level.
    Heading(usize, String),
    /// A paragraph, its code between backticks, and the bold words at its very beginning.
    Paragraph {
        /// The bold words, without the full stop.
        lead_in: Option<String>,
        /// All of it.
        text: String,
    },
    /// A block of code or commands.
    Block(Block),
    /// Where a link leads.
    Link(String),
    /// Where a picture is.
    Picture(String),
    /// Code within a line.
    Code(String),
}

/// A block of code or commands.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the fence, `indented` where there is none.
    pub info: String,
    /// The lines between the fences.
    pub text: String,
    /// Where the last link of the paragraph before it leads: the file that is quoted.
    pub file: Option<String>,
}

impl Section {
    /// The number that the heading begins with, which is that of a stage.
    pub fn number(&self) -> Option<u32> {
        number(&self.title)
    }

    /// All its blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.items.iter().filter_map(|(_, item)| match item {
            Item::Block(block) => Some(block),
            _ => None,
        })
    }

    /// The bold words with which paragraphs begin, in order.
    pub fn lead_ins(&self) -> Vec<&str> {
        let mut found = Vec::new();
        for (_, item) in &self.items {
            if let Item::Paragraph { lead_in: Some(lead_in), .. } = item {
                found.push(lead_in.as_str());
            }
        }
        found
    }
}

/// The number before the first full stop of a heading.
pub(crate) fn number(title: &str) -> Option<u32> {
    title.split_once(". ")?.0.parse().ok()
}

impl Edition {
    /// Reads the file `name` in the folder `root`.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(root: &Path, name: &str) -> Result<Edition> {
        Edition::parse(name, &read(&root.join(name))?)
    }

    /// Takes `text` for the text of the file `name`.
    ///
    /// # Errors
    /// A text that does not begin with a heading.
    pub fn parse(name: &str, text: &str) -> Result<Edition> {
        let mut reader = Reader::default();
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = ends.partition_point(|end| *end < range.start) + 1;
            reader.event(event, line).with_context(|| format!("{name}:{line}"))?;
        }
        Ok(Edition { name: name.to_string(), sections: reader.sections })
    }

    /// All blocks, each with its section and line.
    pub fn blocks(&self) -> impl Iterator<Item = (&Section, usize, &Block)> {
        self.items().filter_map(|(section, line, item)| match item {
            Item::Block(block) => Some((section, line, block)),
            _ => None,
        })
    }

    /// The first line of each block that no test runs or compares.
    pub fn by_hand(&self) -> Vec<&str> {
        let by_hand = |block: &&Block| block.info == "text" || block.info.ends_with(" by hand");
        let blocks = self.blocks().map(|(_, _, block)| block).filter(by_hand);
        blocks.filter_map(|block| block.text.lines().next()).collect()
    }

    /// All items, each with its section and line.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&Section, usize, &Item)> {
        self.sections.iter().flat_map(|section| {
            section.items.iter().map(move |(line, item)| (section, *line, item))
        })
    }
}

/// The sections that have been read, and the state of the parser.
#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    /// The text of the heading, paragraph or block that is being read.
    text: String,
    /// The line in which it began.
    line: usize,
    /// The bold words at the beginning of the paragraph, also while they are being read.
    lead_in: Option<String>,
    in_lead_in: bool,
    /// The last link of the last paragraph.
    file: Option<String>,
    info: String,
}

impl Reader {
    fn event(&mut self, event: Event, line: usize) -> Result<()> {
        match event {
            Event::Start(Tag::Heading { .. } | Tag::Paragraph) => {
                self.start(line);
                self.file = None;
                self.lead_in = None;
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                self.start(line);
                self.info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => "indented".to_string(),
                };
            }
            Event::Start(Tag::Strong) => {
                self.in_lead_in = self.text.is_empty();
            }
            Event::End(TagEnd::Strong) if self.in_lead_in => {
                self.in_lead_in = false;
                self.lead_in = Some(self.text.trim_end_matches('.').to_string());
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                self.file = Some(dest_url.to_string());
                self.add(line, Item::Link(dest_url.to_string()))?;
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.add(line, Item::Picture(dest_url.to_string()))?;
            }
            Event::Text(text) => self.text.push_str(&text),
            Event::Code(code) => {
                self.text.push_str(&format!("`{code}`"));
                self.add(line, Item::Code(code.to_string()))?;
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::End(TagEnd::Heading(level)) => self.heading(level)?,
            Event::End(TagEnd::Paragraph) => {
                let (lead_in, text) = (self.lead_in.take(), std::mem::take(&mut self.text));
                self.add(self.line, Item::Paragraph { lead_in, text })?;
            }
            Event::End(TagEnd::CodeBlock) => {
                let (info, text) = (std::mem::take(&mut self.info), std::mem::take(&mut self.text));
                let file = self.file.take();
                self.add(self.line, Item::Block(Block { info, text, file }))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, line: usize) {
        self.text.clear();
        self.line = line;
        self.in_lead_in = false;
    }

    fn heading(&mut self, level: HeadingLevel) -> Result<()> {
        let title = std::mem::take(&mut self.text);
        let level = level as usize;
        if level > 2 {
            return self.add(self.line, Item::Heading(level, title));
        }
        self.sections.push(Section { level, title, line: self.line, items: Vec::new() });
        Ok(())
    }

    fn add(&mut self, line: usize, item: Item) -> Result<()> {
        let section = self.sections.last_mut().context("this stands before the first heading")?;
        section.items.push((line, item));
        Ok(())
    }
}
