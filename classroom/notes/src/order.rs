//! Every section about a stage has the same parts in the same order, and every block is of a known kind.

use crate::{Edition, Findings};

/// The parts of a section about a stage, in the English edition.
pub const PARTS: [&str; 7] = [
    "What is new",
    "Run it",
    "What you see",
    "How it works",
    "What was learned",
    "The difference in numbers",
    "Exercises",
];

/// The blocks that are not compared here: a reader looks at the first two, and a test of `packets` draws the third.
const NOT_COMPARED: [&str; 3] = ["text", "sh by hand", "mermaid"];

/// Compares the parts of each section about a stage with `parts`.
pub fn parts(edition: &Edition, parts: &[&str]) -> Findings {
    let mut findings = Findings::default();
    for section in edition.sections.iter().filter(|section| section.number().is_some()) {
        findings.checked += 1;
        let found = section.lead_ins();
        if found != parts {
            findings.wrong.push(format!(
                "{}:{}: the parts of \"{}\" are {found:?} and not {parts:?}",
                edition.name, section.line, section.title
            ));
        }
    }
    findings
}

/// Checks that each block is of a known kind: no check looks at another one.
pub fn kinds(edition: &Edition) -> Findings {
    let mut findings = Findings::default();
    for (_, line, block) in edition.blocks() {
        findings.checked += 1;
        let info = block.info.as_str();
        let known = info == "console" || info == "console server" || NOT_COMPARED.contains(&info);
        if !known && !crate::quotes::is_quote(block) {
            findings.wrong.push(format!("{}:{line}: {info:?} is no kind of block", edition.name));
        }
    }
    findings
}
