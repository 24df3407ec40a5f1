//! Code as lines with colours: a grammar takes each line apart, and each piece gets a class of the page's style.

use crate::is_shown;
use anyhow::{Result, anyhow};
use ladder::Stage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

/// All lines of code, each once, with their colours.
pub struct Code {
    grammars: SyntaxSet,
    classes: Vec<(Scope, &'static str)>,
    /// A line is a list of classes and texts, by turns.
    pub lines: Vec<Vec<String>>,
    known: BTreeMap<Vec<String>, usize>,
}

impl Code {
    /// No lines yet.
    pub fn new() -> Result<Code> {
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

    /// The files of a stage, each as the numbers of its lines.
    pub fn add_stage(&mut self, stage: &Stage) -> Result<Value> {
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
