//! list, diff and wire.

use crate::{command, lesson, lesson_in, names, root, stdout};
use anyhow::{Context, Result};
use snapbox::{assert_data_eq, str};
use std::fs;

#[test]
fn lists_the_ladder() -> Result<()> {
    let said = stdout(lesson(&[]).success())?;
    assert_eq!(said, stdout(lesson(&["list"]).success())?);
    // A student's copies stand below the stages.
    let names = names()?;
    let lines: Vec<&str> = said.lines().take(names.len() + 1).collect();
    for (number, (line, stage)) in lines[1..].iter().zip(&names).enumerate() {
        assert!(line.starts_with(&format!(" {:<2}  {stage} ", number + 1)), "{line}");
        assert!(line.ends_with(&format!(" cargo run -p {stage}")), "{line}");
    }
    assert!(lines[7].contains("Change a message by its index"), "{}", lines[7]);
    let numbers = stdout(lesson(&["diff", "7", "src/", "--stat"]).success())?;
    let sum = numbers.lines().find(|line| line.contains("src in all")).context("no sum")?;
    for number in sum.split_whitespace().skip(3) {
        assert!(lines[7].contains(&format!(" {number} ")), "{number} in {}", lines[7]);
    }
    Ok(())
}

/// On a terminal of 80 columns each command stands on a line, and only the idea wraps.
#[test]
fn the_ladder_fits_a_terminal() -> Result<()> {
    let names = names()?;
    for columns in ["80", "60"] {
        let output = command(&root(), &["list"]).env("COLUMNS", columns).assert().success();
        let said = stdout(output)?;
        for line in said.lines() {
            assert!(line.chars().count() <= columns.parse()?, "{columns}: {line}");
        }
        for name in &names {
            let command = format!(" cargo run -p {name}");
            assert_eq!(said.lines().filter(|line| line.ends_with(&command)).count(), 1, "{said}");
        }
    }
    Ok(())
}

#[test]
fn an_unknown_command() -> Result<()> {
    let ended = lesson(&["chek", "7"]).code(2).stdout_eq("");
    let said = String::from_utf8(ended.get_output().stderr.clone())?;
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("cargo lesson has no command \"chek\"; did you mean check?"));
    assert_eq!(
        lines.next(),
        Some("These are its commands; cargo lesson help COMMAND says more of one:")
    );
    let commands: Vec<&str> =
        lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let wanted = [
        "list", "diff", "wire", "check", "watch", "class", "start", "hint", "carry", "page",
        "bench",
    ];
    assert_eq!(commands, wanted);
    let said = lesson(&["zzz"]).code(2);
    let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
    assert!(said.starts_with("cargo lesson has no command \"zzz\"\n"), "{said}");
    Ok(())
}

#[test]
fn a_stage_has_many_names() -> Result<()> {
    let said = |name| stdout(lesson(&["diff", name, "s07_put", "--stat"]).success());
    for name in ["s06", "s06_form", "06", "s06_f"] {
        assert_eq!(said(name)?, said("6")?, "{name}");
    }
    assert_eq!(stdout(lesson(&["diff", "7", "--stat"]).success())?, said("6")?);
    assert_eq!(stdout(lesson(&["diff", "steps/s07_put/", "--stat"]).success())?, said("6")?);
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() -> Result<()> {
    let list = names()?.join(", ");
    for name in ["99", "s98", "put", "", "S07"] {
        let ended = lesson(&["diff", name]).code(1).stdout_eq("");
        let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
        assert!(
            said.starts_with(&format!("there is no stage {name:?}; choose one of {list}")),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1);
    }
    lesson(&["diff", "s0"]).code(1).stderr_eq("\"s0\" can be s01_echo, [..]; say which\n");
    lesson(&["diff", "7", "srv.rs"]).code(1).stderr_eq(str![[r#"
there is no file "srv.rs" in s07_put; choose one of src/main.rs, src/server.rs, [..]

"#]]);
    lesson(&["wire"]).code(2);
    lesson_in(&std::env::temp_dir(), &[]).code(1).stderr_eq(str![[r#"
[..] is not in the workspace of the lessons; go there first

"#]]);
    Ok(())
}

#[test]
fn a_diff_is_read_from_the_top() -> Result<()> {
    let said = stdout(lesson(&["diff", "5", "7"]).success())?;
    let heads: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("+++ b/")).collect();
    let code = ["src/main.rs", "src/server.rs", "src/client.rs", "src/http.rs", "src/messages.rs"];
    assert_eq!(heads[..5], code);
    assert_eq!(heads[5..8], ["src/window.rs", "lesson.txt", "Cargo.toml"]);
    let one = stdout(lesson(&["diff", "5", "7", "server.rs"]).success())?;
    assert!(said.contains(&one));
    assert_eq!(stdout(lesson(&["diff", "5", "7", "src/server.rs"]).success())?, one);
    Ok(())
}

/// The sentence is no part of the patch.
#[test]
fn where_nothing_differs_a_sentence_says_so() -> Result<()> {
    let says = |arguments: &[&str], sentence: &str| {
        lesson(arguments).success().stdout_eq("").stderr_eq(format!("{sentence}\n"));
    };
    says(&["diff", "5", "5"], "nothing differs between s05_get and s05_get");
    says(&["diff", "5", "5", "--stat"], "nothing differs between s05_get and s05_get");
    says(
        &["diff", "8", "9", "http.rs"],
        "in http.rs nothing differs between s08_sqlite and s09_vps",
    );
    Ok(())
}

#[test]
fn the_changed_words_of_a_line_are_marked() -> Result<()> {
    let output = command(&root(), &["diff", "10", "11", "server.rs"]).env("CLICOLOR_FORCE", "1");
    let said = stdout(output.assert().success())?;
    let line = said.lines().find(|line| line.contains("-pub fn run(")).context("no line")?;
    assert!(line.starts_with("\x1b[31m-") && !line.contains("\x1b[7m"), "{line:?}");
    let line = said.lines().find(|line| line.contains("+pub fn run(")).context("no line")?;
    assert_data_eq!(
        line.replace('\x1b', "ESC"),
        "ESC[32m+pub fn run(addr: &str, db: &Path, timeout: DurationESC[0mESC[7mESC[32m, max_connections: usizeESC[0mESC[32m) -> Result<()> {ESC[0m"
    );
    let plain = command(&root(), &["diff", "10", "11", "server.rs"]).env("NO_COLOR", "1");
    assert!(!stdout(plain.assert().success())?.contains('\x1b'));
    Ok(())
}

/// On another system an attack may end the two servers with different messages.
#[test]
#[cfg(target_os = "linux")]
fn the_wire_between_six_and_seven() {
    lesson(&["wire", "6", "7"]).success().stdout_eq(str![[r#"
               s06_form         s07_put
 ≠  POST /     200, text/plain  201, text/plain, Location: /0
 ≠  PUT /0     404              200, text/plain
 ≠  GET /0     404              200, text/plain
 ≠  HEAD /0    404              200, text/plain, no body
 ≠  POST /0    404              405, Allow: GET, HEAD, PUT
 ≠  DELETE /0  404              405, Allow: GET, HEAD, PUT
 ≠  PATCH /0   404              405, Allow: GET, HEAD, PUT
 ≠  GET /00    404              200, text/plain

"#]]);
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_left_after_a_restart() -> Result<()> {
    let said = stdout(lesson(&["wire", "4", "7", "8", "--all"]).success())?;
    let row =
        said.lines().find(|line| line.contains("after a restart: GET /")).context("no row")?;
    let answers: Vec<&str> = row.split("  ").map(str::trim).filter(|s| !s.is_empty()).collect();
    let [mark, _, four, seven, eight] = answers[..] else { anyhow::bail!("{row}") };
    assert_eq!(
        (mark, four, seven),
        ("≠", "405, Allow: POST", "200, application/json, no messages")
    );
    let count = eight
        .strip_prefix("200, application/json, ")
        .and_then(|rest| rest.strip_suffix(" messages"));
    assert!(count.context(eight.to_string())?.parse::<usize>()? > 1, "{row}");
    Ok(())
}

/// One stage alone has all its rows; two that are the same have none.
#[test]
#[cfg(target_os = "linux")]
fn the_wire_of_one_stage() -> Result<()> {
    let one = stdout(lesson(&["wire", "3"]).success())?;
    assert!(one.contains(" POST / ") && one.contains(" attack rst-mid "), "{one}");
    assert!(!one.contains('≠'));
    lesson(&["wire", "1", "s01"])
        .success()
        .stdout_eq("on the wire nothing differs between s01_echo and s01_echo\n");
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn strangers_kill_nine_and_not_the_later_stages() -> Result<()> {
    let said = stdout(lesson(&["wire", "9", "10", "11", "--all"]).success())?;
    let row = |case: &str| -> Result<Vec<&str>> {
        let row =
            said.lines().find(|line| line.contains(case)).with_context(|| case.to_string())?;
        Ok(row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
    };
    let alive = "still serving";
    for (kind, nine) in [
        ("silent", "ended: the connection ended before the message did"),
        ("rst", "ended: Connection reset by peer"),
        ("rst-mid", "ended: Connection reset by peer"),
        (
            "garbage",
            "ended: \"\\u{16}\\u{3}\\u{1}\\u{2}\\0\\u{1}\\0\\u{1}\\u{3}\\u{3}\" has a control character",
        ),
        ("slow", "ended: the connection ended before the message did"),
        ("flood", "ended: the connection ended before the message did"),
    ] {
        let case = format!("attack {kind}");
        // Stage 10 serves one connection at a time: the others wait until its deadline.
        let ten = match kind {
            "slow" | "flood" => "another client waits over 5 s",
            _ => alive,
        };
        assert_eq!(row(&format!("{case} "))?, ["≠", &case, nine, ten, alive]);
    }
    for kind in ["big", "scanners"] {
        let case = format!("attack {kind}");
        assert_eq!(row(&case)?, [&case, alive, alive, alive]);
    }
    assert_eq!(
        row("PUT /0 ")?,
        ["PUT /0", "200, text/plain", "200, text/plain", "200, text/plain"]
    );
    Ok(())
}

#[test]
fn the_wire_in_full() -> Result<()> {
    let said = stdout(lesson(&["wire", "1", "3", "s03", "--verbose"]).success())?;
    let (_, rest) = said.split_once("≠ GET /\n").context("no GET /")?;
    let (row, _) = rest.split_once("\n\n").context("no end")?;
    // A stage may be asked twice, and says the same.
    let (row, again) = row.rsplit_once("\n  s03_http: ").context("one answer")?;
    assert!(row.ends_with(again), "{row}");
    assert_data_eq!(
        format!("{row}\n"),
        str![[r#"
  s01_echo: the same bytes
    → GET / HTTP/1.1
    → Host: 127.0.0.1:8080
    → Connection: close
    → 
    ← GET / HTTP/1.1
    ← Host: 127.0.0.1:8080
    ← Connection: close
    ← 
  s03_http: 405, Allow: POST
    → GET / HTTP/1.1
    → Host: 127.0.0.1:8080
    → Connection: close
    → 
    ← HTTP/1.1 405 Method Not Allowed
    ← Content-Type: text/plain; charset=utf-8
    ← Content-Length: 23
    ← Allow: POST
    ← Connection: close
    ← 
    ← 405 Method Not Allowed

"#]]
    );
    Ok(())
}

/// VS Code asks the student for the stage, so its tasks have no list of stages to keep up to date.
#[test]
fn the_tasks_of_vs_code_list_no_stages() -> Result<()> {
    let tasks = fs::read_to_string(root().join(".vscode/tasks.json"))?;
    let parsed: serde_json::Value = serde_json::from_str(&tasks)?;
    assert!(parsed["inputs"].as_array().is_some_and(|inputs| !inputs.is_empty()));
    let named: Vec<String> = names()?.into_iter().filter(|name| tasks.contains(name)).collect();
    assert!(named.len() <= 2, "only the defaults may be named: {named:?}");
    Ok(())
}
