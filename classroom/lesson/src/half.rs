//! `cargo lesson start --half`: takes the bodies of the functions that are the lesson out of a copy.
//!
//! The folder `half` of this crate has a table for each stage that has a half-finished copy, as `half/STAGE.toml`:
//!
//! ```toml
//! [[function]]
//! file = "src/server.rs"
//! within = "impl Server"     # only if the file has several functions of this name
//! name = "parse_index"
//! task = "Say in a sentence what the function does."
//! value = "None"             # compiles in place of the body, and is wrong
//! ```

use anyhow::{Context, Result, bail, ensure};
use ladder::{Ladder, Stage};
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::{ArrayOfTables, DocumentMut, Table};

/// The longest line of a stage.
const LINE_WIDTH: usize = 100;

/// A function that a student writes.
#[derive(Debug)]
pub struct Function {
    /// The file, such as `src/server.rs`.
    pub file: String,
    /// How the line of its `impl` begins, if the function is in one.
    within: Option<String>,
    /// The name of the function.
    pub name: String,
    /// What the function does, for the comment in place of the body.
    task: String,
    /// Lines that compile in place of the body.
    value: String,
}

/// Reads the functions that are left out of a half-finished `stage`.
///
/// # Errors
/// A stage without a table; a table that lacks something.
pub fn functions(ladder: &Ladder, stage: &Stage) -> Result<Vec<Function>> {
    let path = table(ladder, stage);
    if !path.is_file() {
        let has_half =
            |stage: &&Stage| ladder.after(stage).is_some_and(|next| table(ladder, next).is_file());
        bail!(
            "{} has no half-finished copy; leave out --half, or begin with one of {}",
            stage.name,
            ladder::names(ladder.stages().filter(has_half))
        );
    }
    let text = fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is no table of functions", path.display()))
}

/// Where the table of a stage is, if it has one.
fn table(ladder: &Ladder, stage: &Stage) -> PathBuf {
    ladder.root.join("classroom/lesson/half").join(format!("{}.toml", stage.name))
}

fn parse(text: &str) -> Result<Vec<Function>> {
    let document: DocumentMut = text.parse()?;
    let tables = document.get("function").and_then(|item| item.as_array_of_tables());
    let functions = tables.into_iter().flat_map(ArrayOfTables::iter).map(function);
    let functions: Vec<Function> = functions.collect::<Result<_>>()?;
    ensure!(!functions.is_empty(), "it names no function");
    Ok(functions)
}

fn function(table: &Table) -> Result<Function> {
    let text = |key: &str| {
        let text = table.get(key).and_then(|item| item.as_str());
        text.map(String::from).with_context(|| format!("a function has no {key}"))
    };
    Ok(Function {
        file: text("file")?,
        within: text("within").ok(),
        name: text("name")?,
        task: text("task")?,
        value: text("value")?,
    })
}

/// Takes the bodies of `functions` out of the files in `folder`.
///
/// # Errors
/// A file that cannot be read or written, or that does not have a function.
pub fn take_out(functions: &[Function], folder: &Path) -> Result<()> {
    for function in functions {
        let path = folder.join(&function.file);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let text = without_body(&text, function)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Returns `text` with the task and the value of `function` in place of its body. The text has the form that rustfmt
/// makes: the line that ends the function begins with as many spaces as the line that begins it.
fn without_body(text: &str, function: &Function) -> Result<String> {
    let missing = || format!("{} has no function {}", function.file, function.name);
    let lines: Vec<&str> = text.lines().collect();
    let first = match &function.within {
        None => 0,
        Some(within) => {
            let found = lines.iter().position(|line| {
                line.strip_prefix(within.as_str()).is_some_and(|rest| rest == " {")
            });
            found.with_context(missing)?
        }
    };
    let begins = |line: &&str| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("fn ");
        let rest = line.and_then(|line| line.strip_prefix(function.name.as_str()));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let begin = first + lines[first..].iter().position(begins).with_context(missing)?;
    let line = lines[begin];
    let indent = &line[..line.len() - line.trim_start().len()];
    let head = lines[begin..].iter().position(|line| line.ends_with('{')).with_context(missing)?;
    let last = format!("{indent}}}");
    let length = lines[begin..].iter().position(|line| *line == last).with_context(missing)?;
    ensure!(head < length, missing());

    let inside = format!("{indent}    ");
    let comment = textwrap::wrap(&function.task, LINE_WIDTH - inside.len() - "// ".len());
    let mut new: Vec<String> = lines[..=begin + head].iter().map(ToString::to_string).collect();
    new.extend(comment.iter().map(|line| format!("{inside}// {line}")));
    new.extend(function.value.trim().lines().map(|line| format!("{inside}{line}")));
    new.extend(lines[begin + length..].iter().map(ToString::to_string));
    Ok(new.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PROGRAM: &str = "\
impl One {
    fn get(&self) -> u32 {
        if self.is_empty() {
            return 0;
        }
        1
    }
}

impl Two {
    pub fn get(
        &self,
        name: &str,
    ) -> u32 {
        name.len()
    }
}
";

    fn ladder() -> Result<Ladder> {
        Ladder::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    fn get(within: Option<&str>) -> Function {
        Function {
            file: "src/x.rs".into(),
            within: within.map(String::from),
            name: "get".into(),
            task: "Return the length.".into(),
            value: "7".into(),
        }
    }

    #[test]
    fn the_body_of_the_function_that_is_meant() -> Result<()> {
        let body = "        if self.is_empty() {\n            return 0;\n        }\n        1\n";
        let new = "        // Return the length.\n        7\n";
        assert_eq!(without_body(PROGRAM, &get(None))?, PROGRAM.replace(body, new));
        let two = without_body(PROGRAM, &get(Some("impl Two")))?;
        assert_eq!(two, PROGRAM.replace("        name.len()\n", new));
        Ok(())
    }

    #[test]
    fn a_function_that_is_not_there() {
        for wrong in [get(Some("impl Three")), Function { name: "ge".into(), ..get(None) }] {
            let said = without_body(PROGRAM, &wrong).map_err(|error| error.to_string());
            assert_eq!(said, Err(format!("src/x.rs has no function {}", wrong.name)));
        }
    }

    #[test]
    fn a_table_that_lacks_something() {
        let whole = "[[function]]\nfile = 'a'\nname = 'b'\ntask = 'c'\nvalue = 'd'\n";
        assert!(parse(whole).is_ok());
        assert!(parse("").is_err());
        for key in ["file", "name", "task", "value"] {
            let error = parse(&whole.replace(key, "other")).map(drop).map_err(|e| e.to_string());
            assert_eq!(error, Err(format!("a function has no {key}")));
        }
    }

    /// Each table belongs to a stage that comes after another one, each of its functions is there, and another body
    /// takes its place.
    #[test]
    fn every_table_fits_its_stage() -> Result<()> {
        let ladder = ladder()?;
        let mut tables = BTreeSet::new();
        for entry in fs::read_dir(ladder.root.join("classroom/lesson/half"))? {
            tables.insert(entry?.file_name().to_string_lossy().into_owned());
        }
        assert!(tables.contains("s07_put.toml"), "{tables:?}");
        for stage in ladder.stages().skip(1) {
            if !tables.remove(&format!("{}.toml", stage.name)) {
                continue;
            }
            for function in functions(&ladder, stage)? {
                let text = stage.read(&function.file)?.unwrap_or_default();
                let text = Stage::without_window(&function.file, &text).unwrap_or_default();
                let new = without_body(&text, &function)
                    .with_context(|| format!("{}.toml", stage.name))?;
                syn::parse_file(&new).with_context(|| format!("{}.toml", stage.name))?;
                assert!(function.task.ends_with('.'), "{}: {}", stage.name, function.task);
                assert!(new.lines().all(|line| line.chars().count() <= LINE_WIDTH), "{new}");
                let without = |text: &str| text.replace(char::is_whitespace, "");
                assert!(!without(&text).contains(&without(&format!("{{{}}}", function.value))));
            }
        }
        assert_eq!(tables, BTreeSet::new(), "these tables belong to no stage");
        Ok(())
    }
}
