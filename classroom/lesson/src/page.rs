//! `cargo lesson page`: one HTML file in which any two stages stand side by side, in code, on the wire, in
//! their replays and in the notes. All that it shows is in the file; the script in it only chooses.

use crate::diff::{FileChange, inline};
use crate::ladder::{Ladder, Stage, files_of_both};
use crate::wire::{Wire, build};
use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::prelude::{BASE64_STANDARD, Engine};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};
use replay::Lesson;
use serde_json::{Value, json};
use similar::{ChangeTag, DiffOp};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use syntect::easy::ScopeRegionIterator;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

/// A scope of the grammar, and the class that the page has for it; the first that fits counts.
const CLASSES: [(&str, &str); 14] = [
    ("comment", "comment"),
    ("constant.character.escape", "number"),
    ("constant.other.placeholder", "number"),
    ("string", "string"),
    ("constant", "number"),
    ("entity.name.function", "name"),
    ("entity.name", "type"),
    ("support.function", "name"),
    ("support.macro", "name"),
    ("support.type", "type"),
    ("keyword.operator", ""),
    ("keyword", "keyword"),
    ("storage", "keyword"),
    ("variable.language", "keyword"),
];

/// How much of a request or a response the page shows, in characters.
const SHOWN: usize = 1000;

/// Writes the page into the folder `out`.
pub fn run(ladder: &Ladder, out: &Path) -> Result<()> {
    let stages: Vec<&Stage> = ladder.stages().collect();
    let html = page(ladder, &stages)?;
    fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let path = out.join("index.html");
    fs::write(&path, &html).with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(anstream::stdout(), "{} ({} KB)", path.display(), html.len() / 1024)?;
    Ok(())
}

fn page(ladder: &Ladder, stages: &[&Stage]) -> Result<String> {
    let binaries = build(ladder, stages)?;
    let mut code = Code::new()?;
    let mut described = Vec::new();
    for stage in stages {
        let lesson = Lesson::parse(&stage.read("lesson.txt")?.context("no lesson.txt")?)?;
        let binary = binaries.get(&stage.name).context("no program")?;
        described.push(json!({
            "name": stage.name,
            "title": lesson.title,
            "files": code.add_stage(stage)?,
            "replay": replay(binary)?,
            "notes": notes(&ladder.root, &lesson.title)?,
        }));
    }
    let mut changes = BTreeMap::new();
    for (from, one) in stages.iter().enumerate() {
        for (to, other) in stages.iter().enumerate().skip(from) {
            changes.insert(format!("{from} {to}"), changes_between(one, other)?);
        }
    }
    let data = json!({
        "stages": described,
        "lines": code.lines,
        "changes": changes,
        "wire": wire(&Wire::of(ladder, stages)?),
    });
    // Nothing in the data can be taken for a tag.
    let data = data.to_string().replace('<', "\\u003c");
    Ok(include_str!("page/page.html")
        .replace("/* style */", include_str!("page/style.css"))
        .replace("/* script */", include_str!("page/script.js"))
        .replace("/* data */", &data))
}

/// All lines of code, each once, with their colours.
struct Code {
    grammars: SyntaxSet,
    classes: Vec<(Scope, &'static str)>,
    /// A line is a list of classes and texts, by turns.
    lines: Vec<Vec<String>>,
    known: BTreeMap<Vec<String>, usize>,
}

impl Code {
    fn new() -> Result<Code> {
        let classes = CLASSES.iter().map(|(scope, class)| {
            let scope = Scope::new(scope).map_err(|error| anyhow!("{scope}: {error:?}"))?;
            Ok((scope, *class))
        });
        Ok(Code {
            grammars: SyntaxSet::load_defaults_newlines(),
            classes: classes.collect::<Result<_>>()?,
            lines: Vec::new(),
            known: BTreeMap::new(),
        })
    }

    /// The files of a stage, each as the numbers of its lines. Tests are not what a class compares.
    fn add_stage(&mut self, stage: &Stage) -> Result<Value> {
        let mut files = serde_json::Map::new();
        for path in stage.files()?.iter().filter(|path| is_shown(path)) {
            let text = stage.read(path)?.unwrap_or_default();
            files.insert(path.clone(), json!(self.add_file(path, &text)?));
        }
        Ok(Value::Object(files))
    }

    fn add_file(&mut self, path: &str, text: &str) -> Result<Vec<usize>> {
        let extension = path.rsplit('.').next().unwrap_or_default();
        let grammar = self.grammars.find_syntax_by_extension(extension);
        let plain = self.grammars.find_syntax_plain_text();
        let lines = self.colour(grammar.unwrap_or(plain), text)?;
        Ok(lines.into_iter().map(|line| self.number(line)).collect())
    }

    fn colour(&self, grammar: &SyntaxReference, text: &str) -> Result<Vec<Vec<String>>> {
        let mut state = ParseState::new(grammar);
        let mut stack = ScopeStack::new();
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            let changes = state.parse_line(line, &self.grammars)?;
            let mut pieces: Vec<(&str, String)> = Vec::new();
            for (piece, change) in ScopeRegionIterator::new(&changes, line) {
                stack.apply(change)?;
                let piece = piece.trim_end_matches('\n');
                let class = self.class(&stack);
                match pieces.last_mut() {
                    _ if piece.is_empty() => {}
                    // Spaces have no colour.
                    Some(last) if last.0 == class || piece.trim().is_empty() => {
                        last.1.push_str(piece)
                    }
                    _ => pieces.push((class, piece.to_string())),
                }
            }
            lines.push(
                pieces.into_iter().flat_map(|(class, piece)| [class.to_string(), piece]).collect(),
            );
        }
        Ok(lines)
    }

    /// The class of what has these scopes: that of the innermost scope which has one.
    fn class(&self, stack: &ScopeStack) -> &'static str {
        let class = |scope: &Scope| {
            let found = self.classes.iter().find(|(known, _)| known.is_prefix_of(*scope));
            found.map(|(_, class)| *class)
        };
        stack.scopes.iter().rev().find_map(class).unwrap_or_default()
    }

    /// The number of a line, which is a new one only if there is no such line yet.
    fn number(&mut self, line: Vec<String>) -> usize {
        if let Some(number) = self.known.get(&line) {
            return *number;
        }
        let number = self.lines.len();
        self.known.insert(line.clone(), number);
        self.lines.push(line);
        number
    }
}

fn is_shown(path: &str) -> bool {
    !path.starts_with("tests/")
}

/// What changes between two stages: for each file of either, in the order of reading, its operations (whether
/// lines stay the same, and how many there are in the old and in the new text), and what is marked in a line
/// (from, to).
fn changes_between(one: &Stage, other: &Stage) -> Result<Value> {
    let mut files = Vec::new();
    for path in files_of_both(Some(one), other)?.into_iter().filter(|path| is_shown(path)) {
        let change = FileChange::new(other, &path, one.read(&path)?, other.read(&path)?);
        let diff = change.lines();
        let mut old_marks = BTreeMap::new();
        let mut new_marks = BTreeMap::new();
        for line in diff.ops().iter().flat_map(|op| inline(&diff, op)) {
            let marks = marks(&line.pieces);
            match (line.tag, line.old, line.new) {
                _ if marks.is_empty() => {}
                (ChangeTag::Delete, Some(number), _) => drop(old_marks.insert(number, marks)),
                (ChangeTag::Insert, _, Some(number)) => drop(new_marks.insert(number, marks)),
                _ => {}
            }
        }
        let ops = diff.ops().iter().map(|op| {
            let same = matches!(op, DiffOp::Equal { .. });
            json!([same, op.old_range().len(), op.new_range().len()])
        });
        let (added, removed) = change.count();
        files.push(json!({
            "path": path,
            "ops": ops.collect::<Vec<_>>(),
            "added": added,
            "removed": removed,
            "old": old_marks,
            "new": new_marks,
        }));
    }
    Ok(files.into())
}

/// From where to where a line is marked, in the units in which a script counts, which are those of UTF-16.
/// A line that is marked from end to end is not marked at all: its colour says enough.
fn marks(pieces: &[(bool, String)]) -> Vec<(usize, usize)> {
    let mut marks = Vec::new();
    let mut at = 0;
    for (marked, text) in pieces {
        let length = text.trim_end_matches('\n').encode_utf16().count();
        if *marked && length > 0 {
            marks.push((at, at + length));
        }
        at += length;
    }
    let indent = pieces.first().filter(|piece| !piece.0 && piece.1.trim().is_empty());
    let indent = indent.map_or(0, |piece| piece.1.len());
    if marks == [(indent, at)] { Vec::new() } else { marks }
}

/// What a stage's replay prints, with the colours that it has on a terminal.
fn replay(binary: &Path) -> Result<String> {
    let mut command = Command::new(binary);
    command.env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").stdin(Stdio::null());
    let output = command.stderr(Stdio::inherit()).output().context("cannot run the replay")?;
    ensure!(output.status.success(), "the replay of {} failed", binary.display());
    let text = String::from_utf8(output.stdout)?;
    // The port is another one each time.
    let addr = text.split("listening on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let addr = addr.context("the replay has no address")?;
    let addr = addr.split('\x1b').next().unwrap_or_default();
    Ok(ansi_to_html::convert(&text.replace(addr, "127.0.0.1:8080"))?)
}

/// The section of NOTES.md with this title, with its pictures in it.
fn notes(root: &Path, title: &str) -> Result<String> {
    let notes = fs::read_to_string(root.join("NOTES.md")).context("cannot read NOTES.md")?;
    let start = notes.find(&format!("## {title}\n"));
    let section = &notes[start.with_context(|| format!("NOTES.md has no section {title:?}"))?..];
    let section = section.split("\n## ").next().unwrap_or_default();
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

/// A picture as an address that holds it.
fn data_url(path: &Path) -> Result<CowStr<'static>> {
    if path.extension().is_none_or(|extension| extension != "png") {
        bail!("{} is no PNG, and the page can hold nothing else", path.display());
    }
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes)).into())
}

/// The table of all stages: what was sent in full, and for each stage the answer, short and in full.
fn wire(wire: &Wire) -> Value {
    let rows = wire.rows.iter().map(|row| {
        let answers = row.answers.iter().map(|answer| [answer.short.clone(), cut(&answer.got)]);
        json!({
            "case": row.case,
            "sent": row.answers.first().map(|answer| cut(&answer.sent)),
            "answers": answers.collect::<Vec<_>>(),
        })
    });
    rows.collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}… ({} bytes in all)", &text[..at], text.len()),
        None => text.to_string(),
    }
}
