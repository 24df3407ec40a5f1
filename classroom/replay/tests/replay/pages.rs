//! `--step` on a terminal: each line of the lesson has a page, with that line at its top.

use crate::small::{binary, place, until};
use anyhow::{Result, ensure};
use needs::needs;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// A terminal of 80 columns with its own tmux, in which the small stage replays a lesson.
struct Terminal(TempDir);

impl Terminal {
    fn start(lesson: &str, rows: u32, before: &str) -> Result<Terminal> {
        let terminal = Terminal(place()?);
        let path = terminal.0.path();
        fs::write(path.join("lesson.txt"), lesson)?;
        let line = format!(
            "cd '{}'; LESSON=lesson.txt TMPDIR=. LC_ALL=C.UTF-8 {before} '{}' --step; sleep 600",
            path.display(),
            binary()?.display()
        );
        let rows = rows.to_string();
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", &rows, &line])?;
        Ok(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut tmux = Command::new("tmux");
        tmux.arg("-u").arg("-S").arg(self.0.path().join("socket")).args(arguments);
        let output = tmux.env_remove("TMUX").output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "tmux {arguments:?}: {errors}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The rows of the screen, without the empty ones at its end.
    fn rows(&self) -> Result<Vec<String>> {
        let screen = self.tmux(&["capture-pane", "-p"])?;
        Ok(screen.trim_end().lines().map(String::from).collect())
    }

    /// The rows of the screen, when one of them begins with `text`.
    fn when(&self, text: &str) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        let seen = until(text, || {
            rows = self.rows()?;
            Ok(rows.iter().any(|row: &String| row.starts_with(text)))
        });
        ensure!(seen.is_ok(), "{text:?} never came: {rows:?}");
        Ok(rows)
    }

    /// Presses a key; then the rows, when `first` stands at the top and the replay waits.
    fn press(&self, key: &str, first: &str) -> Result<Vec<String>> {
        self.tmux(&["send-keys", key])?;
        let mut rows = Vec::new();
        let seen = until(first, || {
            rows = self.rows()?;
            Ok(rows.first().is_some_and(|row| row == first) && waits(&rows))
        });
        ensure!(seen.is_ok(), "{first:?} never stood at the top: {rows:?}");
        Ok(rows)
    }
}

fn waits(rows: &[String]) -> bool {
    rows.iter().any(|row| row == "Enter: go on")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

#[needs("tmux")]
#[test]
fn the_line_stands_at_the_top_and_enter_leaves_no_row() -> Result<()> {
    for before in ["", "NO_COLOR=1"] {
        let terminal = Terminal::start("# 1. Title\n# words\n> first\n# more\n", 24, before)?;
        let rows = terminal.when("Enter: go on")?;
        assert_eq!(rows[0], "Lesson 1. Title");
        assert_eq!(rows[5..], ["# words", "Enter: go on"]);
        let rows = terminal.press("Enter", "> first")?;
        assert_eq!(rows[1], "→ first");
        assert!(rows[3].ends_with(" accepted a connection"), "{rows:?}");
        assert_eq!(rows[7..], ["first", "Enter: go on"]);
        // Ctrl-D goes on as well.
        terminal.tmux(&["send-keys", "C-d"])?;
        let rows = terminal.when("the explanation:")?;
        assert_eq!(rows[..2], ["# more", ""]);
        assert!(rows[2].starts_with("the server by hand:"), "{rows:?}");
        assert_eq!(rows.len(), 5, "{rows:?}");
        // What has been scrolled away has no trace of Enter either.
        let all = terminal.tmux(&["capture-pane", "-p", "-S", "-"])?;
        assert!(!all.contains("Enter: go on"), "{all}");
    }
    Ok(())
}

#[needs("tmux")]
#[test]
fn a_long_answer_is_shown_in_pages() -> Result<()> {
    // The small stage's client prints a row for each \n.
    let body: Vec<String> = (1..=20).map(|number| format!("row {number}")).collect();
    let typed = format!("> {}", body.join("\\n"));
    let terminal = Terminal::start(&format!("# 1. Title\n{typed}\n# end\n"), 24, "")?;
    let mut rows = terminal.when("Enter: go on")?;
    let mut seen = rows.clone();
    for _ in 0..5 {
        assert!(rows.len() <= 24, "{rows:?}");
        let first =
            if seen.iter().any(|row| row == "row 20") { "# end" } else { &rows_head(&typed) };
        if first == "# end" {
            break;
        }
        rows = terminal.press("Enter", first)?;
        seen.extend(rows.clone());
    }
    for number in 1..=20 {
        let row = format!("row {number}");
        assert_eq!(seen.iter().filter(|seen| **seen == row).count(), 1, "{row}: {seen:?}");
    }
    Ok(())
}

/// The first row of a line that is typed and too long for one row of its side.
fn rows_head(typed: &str) -> String {
    let mut head = String::new();
    for word in typed.split_inclusive(' ') {
        if head.len() + word.trim_end().len() > 42 {
            break;
        }
        head.push_str(word);
    }
    head.trim_end().to_string()
}
