//! Tests of the checks: each test changes one thing in the notes, in memory, and the check must find it.

use anyhow::Result;
use ladder::Ladder;
use ladder::answers::Answers;
use notes::{Edition, Item, answers, editions, links, numbers, order, quotes};
use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn ladder() -> Result<Ladder> {
    Ladder::open(&root())
}

fn text() -> Result<String> {
    Ok(fs::read_to_string(root().join("NOTES.md"))?.replace("\r\n", "\n"))
}

fn notes(text: &str) -> Result<Edition> {
    Edition::parse("NOTES.md", text)
}

/// The text with `change` made to one of its lines, which are counted from 1.
fn with_line(text: &str, line: usize, change: impl Fn(&str) -> String) -> String {
    let lines = (1..).zip(text.lines());
    lines
        .map(|(number, old)| if number == line { change(old) } else { old.to_string() } + "\n")
        .collect()
}

#[test]
fn a_word_of_any_quoted_line() -> Result<()> {
    let text = text()?;
    let word = Regex::new(r"\w+")?;
    let mut changed = 0;
    for (_, line, block) in notes(&text)?.blocks().filter(|(_, _, block)| quotes::is_quote(block)) {
        for line in line + 1..=line + block.text.lines().count() {
            let wrong = with_line(&text, line, |old| word.replace(old, "otherwise").into_owned());
            if wrong == text {
                continue;
            }
            let found = quotes::check(&notes(&wrong)?, &root()).wrong;
            assert_eq!(found.len(), 1, "line {line}");
            changed += 1;
        }
    }
    println!("quoted lines changed: {changed}");
    assert!(changed > 20);
    Ok(())
}

#[test]
fn the_file_of_a_quote() -> Result<()> {
    let text = text()?;
    let wrong = text.replace("(steps/s02_loop/src/server.rs)", "(steps/s02_loop/src/client.rs)");
    assert_eq!(quotes::check(&notes(&wrong)?, &root()).wrong.len(), 1);
    let wrong = text.replace("[src/server.rs](steps/s02_loop/src/server.rs)", "`src/server.rs`");
    assert_eq!(quotes::check(&notes(&wrong)?, &root()).wrong.len(), 1);
    Ok(())
}

#[test]
fn any_number_of_a_difference() -> Result<()> {
    let text = text()?;
    let digits = Regex::new(r"\d+")?;
    let changes = numbers::changes(&ladder()?)?;
    // Each round changes the nth number of every section. The check must find each section.
    let mut changed = 0;
    for nth in 0.. {
        let mut wrong = String::new();
        let mut sections = 0;
        for (number, piece) in text.split("**The difference in numbers.**").enumerate() {
            let (paragraph, rest) = piece.split_at(piece.find("\n\n").unwrap_or(0));
            let place = digits.find_iter(paragraph).nth(nth).filter(|_| number > 0);
            if number > 0 {
                wrong.push_str("**The difference in numbers.**");
            }
            if let Some(place) = place {
                let value: usize = place.as_str().parse()?;
                wrong.push_str(&paragraph[..place.start()]);
                wrong.push_str(&(value + 1).to_string());
                wrong.push_str(&paragraph[place.end()..]);
                sections += 1;
            } else {
                wrong.push_str(paragraph);
            }
            wrong.push_str(rest);
        }
        let found = numbers::compare(&notes(&wrong)?, &changes)?.wrong;
        assert_eq!(found.len(), sections, "{}", found.join("\n"));
        if sections == 0 {
            break;
        }
        changed += sections;
    }
    println!("numbers changed: {changed}");
    assert_eq!(changed, numbers::check(&notes(&text)?, &ladder()?)?.checked);
    Ok(())
}

#[test]
fn a_number_too_many_and_a_file_that_is_left_out() -> Result<()> {
    let text = text()?;
    let last_file = Regex::new(r"(, `\w+\.rs` \+\d+)\.")?;
    let wrong = last_file.replace(&text, "$1 in 3 files.");
    assert_eq!(numbers::check(&notes(&wrong)?, &ladder()?)?.wrong.len(), 1);
    let wrong = last_file.replace(&text, ".");
    assert_eq!(numbers::check(&notes(&wrong)?, &ladder()?)?.wrong.len(), 1);
    Ok(())
}

#[test]
fn any_link_or_picture() -> Result<()> {
    let text = text()?;
    let target = Regex::new(r"\]\(([^)]+)\)")?;
    let mut changed = 0;
    for found in target.captures_iter(&text) {
        let Some(place) = found.get(1) else { continue };
        let wrong = match place.as_str().strip_prefix("https://") {
            Some(rest) => format!("http://{rest}"),
            None => format!("{}x", place.as_str()),
        };
        let mut text = text.clone();
        text.replace_range(place.range(), &wrong);
        assert_eq!(links::check(&notes(&text)?, &ladder()?)?.wrong.len(), 1, "{wrong}");
        changed += 1;
    }
    println!("links changed: {changed}");
    assert!(changed > 20);
    Ok(())
}

#[test]
fn any_path_within_a_line() -> Result<()> {
    let text = text()?;
    let mut changed = 0;
    for section in &notes(&text)?.sections {
        for (line, item) in &section.items {
            let Item::Code(code) = item else { continue };
            if !code.starts_with("src/") && !code.starts_with("tests/") {
                continue;
            }
            let wrong = with_line(&text, *line, |old| old.replace(code, &format!("{code}x")));
            assert!(!links::check(&notes(&wrong)?, &ladder()?)?.wrong.is_empty(), "{code}");
            changed += 1;
        }
    }
    assert!(changed > 5);
    Ok(())
}

#[test]
fn the_order_of_the_parts() -> Result<()> {
    let text = text()?;
    for part in order::PARTS {
        for wrong in ["Something else", order::PARTS[0], order::PARTS[6]] {
            let wrong = text.replacen(&format!("**{part}.**"), &format!("**{wrong}.**"), 1);
            let expected = usize::from(wrong != text);
            assert_eq!(order::parts(&notes(&wrong)?, &order::PARTS).wrong.len(), expected);
        }
        let wrong = text.replacen(&format!("**{part}.**"), part, 1);
        assert_eq!(order::parts(&notes(&wrong)?, &order::PARTS).wrong.len(), 1, "{part}");
    }
    Ok(())
}

/// Each bold word of the answers, and each number and task of an exercise.
#[test]
fn any_part_of_an_exercise() -> Result<()> {
    let notes = text()?;
    let text = fs::read_to_string(root().join("ANSWERS.md"))?.replace("\r\n", "\n");
    let wrong = |text: &str| {
        let parsed = Answers::parse(text);
        answers::compare(&notes, &parsed, "ANSWERS.md", &answers::ENGLISH).wrong
    };
    let before = wrong(&text).len();
    let mut changed = 0;
    for section in Answers::parse(&text).sections {
        for exercise in section.exercises {
            let parts = exercise.parts.iter().map(|part| part.line);
            for line in parts.chain([exercise.line, exercise.line + 2]) {
                let other = with_line(&text, line, |old| format!("So {}", old.replace("**", "")));
                assert!(wrong(&other).len() > before, "line {line}");
                changed += 1;
            }
        }
    }
    println!("parts changed: {changed}");
    assert!(changed > 200);
    Ok(())
}

#[test]
fn a_block_of_no_kind() -> Result<()> {
    for fence in ["```", "```rs", "```console hidden"] {
        let wrong = text()?.replacen("```rust", fence, 1);
        assert_eq!(order::kinds(&notes(&wrong)?).wrong.len(), 1, "{fence}");
    }
    let wrong = text()?.replacen(
        "```console\n$ cargo run -p s01_echo\n```",
        "    cargo run -p s01_echo",
        1,
    );
    assert_eq!(order::kinds(&notes(&wrong)?).wrong.len(), 1);
    Ok(())
}

const ENGLISH: &str = "# Notes

## 1. Echo: there and back

**Run it.** Like this:

```console
$ echo hello
hello
```

![A window](pictures/s04_window.png)

```text
a drawing
```

## After that
";

#[test]
fn an_edition_in_another_language_has_the_same_outline() -> Result<()> {
    let korean = "# 노트

## 1. 에코: 갔다가 돌아오기

**실행하기.** 이렇게 한다.

```console
$ echo hello
hello
```

![창](pictures/s04_window.png)

```text
그림
```

## 그 다음
";
    let difference = |korean: &str| {
        let korean = Edition::parse("NOTES.ko.md", korean)?;
        anyhow::Ok(editions::difference(&notes(ENGLISH)?, &korean))
    };
    assert_eq!(difference(korean)?, None);
    for (right, wrong, place) in [
        ("## 1.", "## 2.", "NOTES.ko.md:3 "),
        ("## 1.", "### 1.", "NOTES.ko.md:3 "),
        ("**실행하기.**", "실행하기.", "NOTES.ko.md:7 "),
        ("$ echo hello", "$ echo 안녕", "NOTES.ko.md:7 "),
        ("```console", "```sh by hand", "NOTES.ko.md:7 "),
        ("s04_window.png", "s06_form.png", "NOTES.ko.md:12 "),
        ("![창](pictures/s04_window.png)\n", "", "NOTES.ko.md:13 "),
        ("\n## 그 다음\n", "", "NOTES.ko.md ends"),
    ] {
        let found = difference(&korean.replacen(right, wrong, 1))?.unwrap_or_default();
        assert!(found.contains(place), "{wrong:?}: {found}");
    }
    Ok(())
}
