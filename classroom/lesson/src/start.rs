//! `cargo lesson start`: a student's own copy of a stage.

use anyhow::{Context, Result, bail, ensure};
use ladder::{Ladder, Stage, number};
use std::fs;
use std::io::Write;
use std::path::Path;
use toml_edit::{DocumentMut, value};

/// Copies a stage into the folder `steps/NAME`, which git ignores, under the name `name`. The glob of the
/// workspace makes it a member.
///
/// # Errors
/// A name that cannot be the name of a package here, or that is taken; nothing is written then.
pub fn run(ladder: &Ladder, stage: &str, name: &str) -> Result<()> {
    let stage = ladder.stage(stage)?;
    check_name(ladder, name)?;
    let folder = ladder.root.join("steps").join(name);
    ensure!(!folder.exists(), "{} is there already; choose another name", folder.display());
    let copied = copy(stage, &folder, name);
    if let Err(error) = copied {
        // The folder was not there before: half a copy is of no use to anybody.
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    let mut output = anstream::stdout();
    writeln!(output, "steps/{name} is a copy of {} and yours; git ignores it", stage.name)?;
    writeln!(output, "  replay it        cargo run -p {name}")?;
    let next = ladder.stages().find(|other| other.number > stage.number);
    if let (Some(_), Some(next)) = (stage.number, next) {
        let number = next.number.unwrap_or_default();
        writeln!(output, "  what comes next  {}: {}", next.name, next.idea)?;
        writeln!(output, "  run its server   cargo run -p {name} -- server")?;
        writeln!(output, "  how far it is    cargo lesson check {number}")?;
        writeln!(output, "  what is missing  cargo lesson diff {name} {number}")?;
    }
    writeln!(output, "Cargo.lock will name it as well; before a git pull: git restore Cargo.lock")?;
    Ok(())
}

/// Refuses what cannot be the name of a copy.
fn check_name(ladder: &Ladder, name: &str) -> Result<()> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    ensure!(
        begins && goes_on && name.len() <= 64,
        "{name:?} is no name for a package: letters, digits, - and _, a letter first, at most 64"
    );
    if number(name).is_some() {
        bail!("{name} looks like a stage of the ladder; choose a name such as my_{}", &name[4..]);
    }
    if ladder.stages().any(|stage| stage.name.starts_with(name)) {
        bail!("{name} is short for a stage of the ladder; choose a name such as my_{name}");
    }
    let lock = fs::read_to_string(ladder.root.join("Cargo.lock"));
    let lock: DocumentMut = lock.context("cannot read Cargo.lock")?.parse()?;
    let packages = lock.get("package").and_then(|packages| packages.as_array_of_tables());
    // A crate of that name would be meant by `-p` as well; cargo refuses the words of the language.
    let taken = packages.into_iter().flatten().any(|package| {
        package.get("name").and_then(|other| other.as_str()).is_some_and(|other| {
            other.replace('-', "_").eq_ignore_ascii_case(&name.replace('-', "_"))
        })
    });
    ensure!(
        !taken && !is_reserved(name),
        "a package cannot be called {name} here, because something else is; choose another name"
    );
    Ok(())
}

/// The words that Rust keeps for itself, and the crates that come with it.
fn is_reserved(word: &str) -> bool {
    const WORDS: &str = "abstract as async await become box break const continue crate do dyn else enum \
        extern false final fn for gen if impl in let loop macro match mod move mut override priv pub ref \
        return self static struct super trait true try type typeof unsafe unsized use virtual where \
        while yield alloc core proc_macro std test";
    WORDS.split_whitespace().any(|other| other == word)
}

/// Copies the files, and puts the new name in place of the old one wherever it stands.
fn copy(stage: &Stage, folder: &Path, name: &str) -> Result<()> {
    for path in stage.files()? {
        let from = stage.folder.join(&path);
        let to = folder.join(path.replace(&stage.name, name));
        let text = fs::read_to_string(&from)?.replace(&stage.name, name);
        let text = if path == "Cargo.toml" { manifest(&text, name)? } else { text };
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        // Keeps what may be run by its name as such, then writes the text over it.
        fs::copy(&from, &to)
            .and_then(|_| fs::write(&to, text))
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

/// A manifest with another name.
fn manifest(text: &str, name: &str) -> Result<String> {
    let mut manifest: DocumentMut = text.parse()?;
    manifest["package"]["name"] = value(name);
    Ok(manifest.to_string())
}
