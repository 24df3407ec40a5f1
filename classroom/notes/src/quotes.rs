//! A quoted piece of code stands in the file that the paragraph before it links to.

use crate::{Block, Edition, Findings, read};
use std::path::Path;

/// The languages that are quoted.
const LANGUAGES: [&str; 5] = ["ini", "python", "rust", "sh", "toml"];

/// Whether a block is a piece of a file.
pub fn is_quote(block: &Block) -> bool {
    LANGUAGES.contains(&block.info.as_str())
}

/// Looks for each quote in its file, line by line. The indentation that all lines of a quote share does not count.
pub fn check(edition: &Edition, root: &Path) -> Findings {
    let mut findings = Findings::default();
    for (_, line, block) in edition.blocks().filter(|(_, _, block)| is_quote(block)) {
        findings.checked += 1;
        let problem = match &block.file {
            None => "the paragraph before a quote must end with a link to its file".to_string(),
            Some(file) => match read(&root.join(file)) {
                Err(error) => format!("{error:#}"),
                Ok(text) if contains_lines(&text, &block.text) => continue,
                Ok(_) => format!("{file} has no such lines:\n{}", block.text.trim_end()),
            },
        };
        findings.wrong.push(format!("{}:{line}: {problem}", edition.name));
    }
    findings
}

/// Whether `quote` stands in `text`, as whole lines that follow each other.
fn contains_lines(text: &str, quote: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let quote: Vec<&str> = quote.lines().collect();
    !quote.is_empty() && lines.windows(quote.len()).any(|piece| outdent(piece) == outdent(&quote))
}

/// The lines without the indentation that they share.
fn outdent<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = filled.map(indent).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_may_be_less_indented_and_nothing_else() {
        let file = "fn a() {\n    if b {\n        c();\n    }\n}\n";
        assert!(contains_lines(file, "if b {\n    c();\n}\n"));
        assert!(contains_lines(file, "    c();\n"));
        assert!(!contains_lines(file, "if b {\n  c();\n}\n"));
        assert!(!contains_lines(file, "if b {\n}\n"));
        assert!(!contains_lines(file, "c()\n"));
        assert!(!contains_lines(file, ""));
    }
}
