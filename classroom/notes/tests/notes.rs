//! The notes and the README agree with the programs, in both languages, also when the ladder has one stage more.

use anyhow::{Context, Result, ensure};
use ladder::Ladder;
use ladder::answers::Answers;
use notes::{Edition, Findings, Item, Section, answers, check, teaching};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The blocks that no test runs, by the first line of each, and why.
const BY_HAND: &[&str] = &[
    // It changes a file of the user.
    "echo \"alias py=python3\" >> ~/.zshrc",
    // It opens a window.
    "cargo run -p s04_window -- server",
    // It is a part of a capture, as Wireshark numbers its bytes.
    "client → server   Seq 1   Ack 1    6 bytes \"first\\n\"",
    // Ctrl-C ends it, and only then it prints its table; the times in the table are those of one machine.
    "cargo build -p s08_sqlite",
    "% time     seconds  usecs/call     calls    errors syscall",
    // It installs a program, and goes on after a logout.
    "sudo apt install tmux",
    // It needs a second machine.
    "scp target/release/s09_vps steps/s09_vps/tmux.sh root@203.0.113.10:",
    // It needs a session of tmux, and tmux has one server for all tests of a user.
    "$ tmux kill -t NAME",
    // Whether the server ends is a matter of timing.
    "cargo run -p s09_vps -- attack rst-mid",
    // They draw bytes, or time.
    "4 CR LF                  the next chunk has 4 bytes",
    "the bytes                      the proxy: Content-Length     the server behind: chunks",
    "thread  stage 12                      stage 13",
    // It starts PostgreSQL and HAProxy, which tests/cluster.rs of the stage does.
    "$ cargo build -p s14_shared",
    "client ──► HAProxy ──┬──► server 1 ──┐",
    // What it measures is this minute of one machine.
    "cargo build --release -p s11_threads",
    "curl --data hello http://127.0.0.1:8080/",
    // A file of another program, for a machine with a name.
    "example.org",
];

/// The same in the answers.
const BY_HAND_IN_ANSWERS: &[&str] = &[
    // Two servers run at the same time.
    "cargo run -p s01_echo -- server --addr 127.0.0.1:8081",
    // Code of a student's copy, and what its server prints.
    "while stream.read_until(b' ', &mut line)? > 0 {",
    "received \"one\\ntwo\"",
    "if let Err(error) = serve(stream, peer, &mut messages) {",
    // Other programs hold connections open.
    "curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8080/                            # prints 503",
    // The cluster has other ports and another folder each time.
    "$ CLUSTER=ids SERVER=target/debug/my_ids steps/s14_shared/cluster.sh start",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All sentences about what is wrong. Each check must have had something to check.
fn wrong(results: Vec<(String, Findings)>) -> String {
    let mut wrong = Vec::new();
    for (what, findings) in results {
        assert!(findings.checked > 0, "{what}: there is nothing to check");
        println!("{what}: {}", findings.checked);
        wrong.extend(findings.wrong);
    }
    wrong.join("\n")
}

#[test]
fn the_notes_and_the_readme_agree_with_the_programs() -> Result<()> {
    assert_eq!(wrong(check(&root())?), "");
    Ok(())
}

#[test]
fn every_block_that_no_test_runs_is_known() -> Result<()> {
    assert_eq!(Edition::read(&root(), "NOTES.md")?.by_hand(), BY_HAND);
    assert_eq!(Edition::read(&root(), "ANSWERS.md")?.by_hand(), BY_HAND_IN_ANSWERS);
    Ok(())
}

/// Both languages check an exercise in the same way.
#[test]
fn how_the_exercises_are_checked() -> Result<()> {
    let english = answers::kinds(&Answers::read(&root(), "ANSWERS.md")?, &answers::ENGLISH);
    let korean = answers::kinds(&Answers::read(&root(), "ANSWERS.ko.md")?, &answers::KOREAN);
    assert_eq!(english, korean);
    for (kind, name) in answers::ENGLISH.kinds.iter().enumerate() {
        let count = english.iter().filter(|found| **found == Some(kind)).count();
        println!("{name}: {count} of {} exercises", english.len());
        assert!(count > 0, "{name}");
    }
    Ok(())
}

/// The two commands at the beginning are the same in both languages.
#[test]
fn the_readmes_begin_with_the_same_commands() -> Result<()> {
    let first = |name| -> Result<String> {
        let readme = Edition::read(&root(), name)?;
        let (_, _, block) =
            readme.blocks().next().with_context(|| format!("{name} has no block"))?;
        Ok(block.text.clone())
    };
    assert_eq!(first("README.md")?, first("README.ko.md")?);
    Ok(())
}

/// A copy of the last stage becomes the next one. The check reports it until it has a section in both languages.
#[test]
fn one_stage_more() -> Result<()> {
    let scratch = copy_of_workspace()?;
    let root = scratch.path();
    let ladder = Ladder::open(root)?;
    let last = ladder.last()?;
    let number = last.number.context("the last stage has no number")?;
    let name = format!("s{:02}_extra", number + 1);
    let folder = root.join("steps").join(&name);
    copy(&last.folder, &folder)?;
    replace(
        &folder.join("Cargo.toml"),
        &format!("name = \"{}\"", last.name),
        &format!("name = \"{name}\""),
    )?;
    replace(
        &folder.join("src/main.rs"),
        &format!("Stage {number}"),
        &format!("Stage {}", number + 1),
    )?;
    replace(&folder.join("lesson.txt"), &format!("# {number}. "), &format!("# {}. ", number + 1))?;

    let missing = wrong(check(root)?);
    assert!(missing.contains(&format!("NOTES.md: {name} has no section")), "{missing}");
    assert_eq!(missing.lines().count(), 1, "{missing}");

    for edition in ["NOTES.md", "NOTES.ko.md"] {
        add_section(root, edition, &last.name, number, &name)?;
    }
    // Now it has no answers and no lesson plan.
    let missing = wrong(check(root)?);
    assert!(
        missing.contains("ANSWERS.md: the exercises of a section have no answers"),
        "{missing}"
    );
    assert!(missing.contains("TEACHING.md: there is no plan"), "{missing}");
    assert_eq!(missing.lines().count(), 4, "{missing}");
    for edition in ["ANSWERS.md", "ANSWERS.ko.md"] {
        add_answers(root, edition, &last.name, number, &name)?;
    }
    for edition in ["TEACHING.md", "TEACHING.ko.md"] {
        add_plan(root, edition, &last.name, number, &name)?;
    }
    assert_eq!(wrong(check(root)?), "");

    // A line more in its code, and the numbers in both languages are wrong.
    let main = folder.join("src/main.rs");
    fs::write(&main, format!("{}\n", fs::read_to_string(&main)?))?;
    assert_eq!(wrong(check(root)?).lines().count(), 2);
    Ok(())
}

/// Copies the section of the last stage, number `number`, for the new stage `name` behind it.
fn add_section(root: &Path, edition: &str, last: &str, number: u32, name: &str) -> Result<()> {
    let text = fs::read_to_string(root.join(edition))?;
    let notes = Edition::parse(edition, &text)?;
    let (section, lines) = section_of(&notes, &text, number)?;

    // The new stage changes one line.
    let lead_in = section.lead_ins()[5];
    let paragraph = section.items.iter().find(|(_, item)| match item {
        Item::Paragraph { lead_in: Some(own), .. } => own == lead_in,
        _ => false,
    });
    let from = paragraph.context("no paragraph with the numbers")?.0 - section.line;
    let rest = lines[from..].iter().position(|line| line.is_empty()).context("no end")?;
    let numbers = format!("**{lead_in}.** 1, 1: `main.rs` +1 −1.");
    let own = [&lines[..from], &[numbers.as_str()], &lines[from + rest..]].concat();
    insert(root, edition, number, &own.join("\n").replace(last, name))
}

/// Copies the answers of the last stage, number `number`, for the new stage behind it.
fn add_answers(root: &Path, edition: &str, last: &str, number: u32, name: &str) -> Result<()> {
    let text = fs::read_to_string(root.join(edition))?;
    let answers = Edition::parse(edition, &text)?;
    let (_, lines) = section_of(&answers, &text, number)?;
    insert(root, edition, number, &lines.join("\n").replace(last, name))
}

/// The section with this number, and its lines.
fn section_of<'a>(
    edition: &'a Edition,
    text: &'a str,
    number: u32,
) -> Result<(&'a Section, Vec<&'a str>)> {
    let at = edition.sections.iter().position(|section| section.number() == Some(number));
    let at = at.with_context(|| format!("{} has no section {number}", edition.name))?;
    let section = &edition.sections[at];
    let lines = text.lines().skip(section.line - 1);
    let length = edition.sections.get(at + 1).map(|next| next.line - section.line);
    Ok((section, lines.take(length.unwrap_or(usize::MAX)).collect()))
}

/// Puts `own` behind the section `number`, as the section with the next number.
fn insert(root: &Path, edition: &str, number: u32, own: &str) -> Result<()> {
    let path = root.join(edition);
    let text = fs::read_to_string(&path)?;
    let parsed = Edition::parse(edition, &text)?;
    let (section, lines) = section_of(&parsed, &text, number)?;
    let end = section.line - 1 + lines.len();
    let own = own.replacen(&format!("## {number}."), &format!("## {}.", number + 1), 1);
    let lines: Vec<&str> = text.lines().collect();
    let all = [&lines[..end], &["", own.as_str(), ""], &lines[end..]].concat();
    Ok(fs::write(&path, all.join("\n") + "\n")?)
}

/// Copies the plan of the last stage, number `number`, for the new stage `name` behind it. It gets the last row of the
/// fifteen weeks that has no plan, or is added to the last row.
fn add_plan(root: &Path, edition: &str, last: &str, number: u32, name: &str) -> Result<()> {
    let path = root.join(edition);
    let text = fs::read_to_string(&path)?;
    let sections = teaching::read(&text);
    let at = sections.iter().position(|section| section.number() == Some(number));
    let at = at.with_context(|| format!("{edition} has no plan {number}"))?;
    let minutes = sections[at].minutes()?;
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let end = sections.get(at + 1).map_or(lines.len(), |next| next.line - 1);
    let own = lines[sections[at].line - 1..end].join("\n").replace(last, name);
    let own = own.replacen(&format!("## {number}."), &format!("## {}.", number + 1), 1);

    let weeks = sections.iter().find(|section| section.rows.len() == 15).context("no weeks")?;
    let row = weeks.rows.last().context("no last week")?;
    let (plans, sum) = match row.cells[2].parse()? {
        0 => (format!("{}", number + 1), minutes),
        sum => (format!("{}, {}", row.cells[1], number + 1), minutes + sum),
    };
    lines[row.line - 1] = format!("| {} | {plans} | {sum} | – |", row.cells[0]);

    lines.insert(end, format!("\n{own}"));
    Ok(fs::write(&path, lines.join("\n") + "\n")?)
}

/// Puts `new` in the place of `old`, which must be there.
fn replace(path: &Path, old: &str, new: &str) -> Result<()> {
    let text = fs::read_to_string(path)?;
    ensure!(text.contains(old), "{} has no {old:?}", path.display());
    Ok(fs::write(path, text.replacen(old, new, 1))?)
}

/// A copy of the workspace without what git or cargo have made.
fn copy_of_workspace() -> Result<TempDir> {
    let scratch = tempfile::tempdir()?;
    for entry in fs::read_dir(root())? {
        let name = entry?.file_name();
        if name != ".git" && name != "target" {
            copy(&root().join(&name), &scratch.path().join(&name))?;
        }
    }
    Ok(scratch)
}

/// Copies a file, or a folder with all that is in it. A link is left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
    } else if kind.is_file() {
        fs::copy(from, to)?;
    }
    Ok(())
}
