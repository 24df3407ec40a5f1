//! The board as a page for the projector: an HTML file, and beside it a script with the data, which the page loads again
//! and again. So the page needs no server, and works from a file.
//!
//! What students wrote goes into the script as JSON, and from there into the page as text alone, never as HTML.

use super::board::{Board, Row};
use super::grid::{Grid, Pair};
use super::report::Mark;
use crate::check::BadArguments;
use anyhow::{Context, Error, Result, ensure};
use replay::Lang;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The names of the two files.
const PAGE: &str = "index.html";
const DATA: &str = "board-data.js";

/// A folder with the page of a board.
pub struct Page {
    folder: PathBuf,
    lang: Lang,
    /// What a student types to come on the board.
    join: String,
    hide_names: bool,
    away: Duration,
    /// How often the data was written: the page sees by it that the board runs.
    count: u64,
}

impl Page {
    /// Writes the page into `folder`, which is made if it is not there. `join` is the command that a student types. A row
    /// is pale if nothing has come for longer than `away`.
    ///
    /// # Errors
    /// The folder cannot be made, or the file cannot be written.
    pub fn new(
        folder: &Path,
        join: &str,
        hide_names: bool,
        away: Duration,
        lang: Lang,
    ) -> Result<Page> {
        let html = HTML.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", SCRIPT);
        fs::create_dir_all(folder)
            .map_err(Error::from)
            .and_then(|()| is_free(&folder.join(PAGE)))
            .and_then(|()| replace(&folder.join(PAGE), &html))
            .map_err(|error| not_written(folder, &error, lang))?;
        // Another board's count may be in the folder.
        let count = std::process::id().into();
        let (folder, join) = (folder.to_path_buf(), join.to_string());
        Ok(Page { folder, lang, join, hide_names, away, count })
    }

    /// The file that the teacher opens.
    pub fn path(&self) -> PathBuf {
        self.folder.join(PAGE)
    }

    /// Writes the data of the board as it is now, with a sentence about the server. A page that is open shows it half a second later. The page says that the
    /// board has ended if nothing is written for six seconds, so this is called at least every second.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, board: &Board, notice: &str, now: Instant) -> Result<()> {
        self.count += 1;
        let data = self.data(board, notice, now);
        replace(&self.folder.join(DATA), &format!("board({data});\n"))
    }

    /// What the script of the page reads.
    fn data(&self, board: &Board, notice: &str, now: Instant) -> Value {
        let mut groups: Vec<&'static str> = Vec::new();
        let mut stages: BTreeMap<u32, Value> = BTreeMap::new();
        // The order of the groups is that of the contract, whichever stage comes first on the board.
        for stage in 1..=contract::last_stage() {
            let topics = contract::topics(stage);
            for topic in &topics {
                if !groups.contains(topic) {
                    groups.push(topic);
                }
            }
        }
        for row in &board.rows {
            stages.entry(row.report.stage).or_insert_with(|| cases(row.report.stage, &groups));
        }
        let rows: Vec<Value> =
            board.rows.iter().enumerate().map(|(at, row)| self.row(board, at, row, now)).collect();
        let stuck = board.stuck();
        let stuck =
            stuck.map(|stuck| json!({"count": stuck.count, "of": stuck.of, "id": stuck.id}));
        let names: Vec<[String; 2]> = groups.iter().map(|group| names(group)).collect();
        json!({
            "count": self.count,
            "lang": self.lang.choose("en", Some("ko")),
            "join": self.join,
            "hide": self.hide_names,
            "stuck": stuck,
            "no_reports": board.no_reports,
            "left_out": board.left_out,
            "nearly_full": board.is_nearly_full,
            "notice": notice,
            "groups": names,
            "stages": stages,
            "rows": rows,
            "pairs": pairs(&Grid::of(board)),
        })
    }

    fn row(&self, board: &Board, at: usize, row: &Row, now: Instant) -> Value {
        let marks: String = row.report.cases.iter().map(|case| letter(case.1)).collect();
        let name = board.name(at, self.hide_names);
        json!({
            "place": row.place,
            "number": at + 1,
            "name": name,
            "stage": row.report.stage,
            "marks": marks,
            "away": row.is_away(now, self.away),
        })
    }
}

/// The cases of a stage: the id of each, and which of the groups it is in.
fn cases(stage: u32, groups: &[&str]) -> Value {
    let place = |topic: &str| groups.iter().position(|group| *group == topic).unwrap_or_default();
    let topics = contract::topics(stage);
    let ids = contract::ids(stage);
    ids.iter().zip(topics).map(|(id, topic)| json!([id, place(topic)])).collect()
}

/// The name of a group over its column, in English and in Korean.
fn names(group: &str) -> [String; 2] {
    // The longest name has to be shorter here.
    if group == "paths that name no message" {
        return ["other paths".to_string(), "그 밖의 경로".to_string()];
    }
    [group.to_string(), contract::korean(group)]
}

fn letter(mark: Mark) -> char {
    match mark {
        Mark::Passed => 'p',
        Mark::Failed => 'f',
        Mark::Waiting => 'w',
    }
}

/// The grid: rows of the board by their position, and a line of marks a client.
fn pairs(grid: &Grid) -> Value {
    let mark = |pair: &Pair| match pair {
        Pair::Understood => '+',
        Pair::Misunderstood => '-',
        Pair::Untried => '.',
        Pair::None => ' ',
    };
    let cells: Vec<String> =
        grid.cells.iter().map(|line| line.iter().map(mark).collect()).collect();
    json!({"clients": grid.clients, "servers": grid.servers, "cells": cells})
}

/// Writes a file so that a reader finds the old or the new one, and never a part of one.
fn replace(path: &Path, text: &str) -> Result<()> {
    // Another board may write to the same folder.
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{number}.new", std::process::id()));
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Fails if `path` is a file of another program, which would be lost.
fn is_free(path: &Path) -> Result<()> {
    let is_ours = fs::read(path)
        .map_or(true, |bytes| bytes.windows(DATA.len()).any(|window| window == DATA.as_bytes()));
    ensure!(is_ours, "{} is of another program", path.display());
    Ok(())
}

/// Why the page is not in `folder`, and what to do.
fn not_written(folder: &Path, error: &Error, lang: Lang) -> BadArguments {
    let folder = folder.display();
    BadArguments(match lang {
        Lang::En => {
            format!(
                "cannot write the page into {folder}: {error:#}; choose another folder with --page"
            )
        }
        Lang::Ko => format!(
            "{folder} 폴더에 페이지를 쓸 수 없습니다: {error:#}. --page로 다른 폴더를 고르세요"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::report::Report;

    const AWAY: Duration = Duration::from_secs(45);

    /// A board of students with these names. The further down, the fewer cases hold.
    fn board(names: &[&str], stage: u32) -> Board {
        let mut texts = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let mut report = Report::new(&format!("key{at}"), name, stage, None);
            let asked = report.cases.len() * (names.len() - at) / names.len();
            for (place, case) in report.cases.iter_mut().take(asked).enumerate() {
                let fails = at % 3 == 1 && place % 17 == 9;
                case.1 = if fails { Mark::Failed } else { Mark::Passed };
            }
            report.serve = Some(format!("10.0.0.{at}:20000"));
            report.understands = (0..at.min(7)).map(|peer| (peer, peer % 3 > 0)).collect();
            texts.push(report.to_text());
        }
        let mut board = Board::default();
        board.read(texts, Instant::now());
        board
    }

    /// The data of a page of this board, as JavaScript and as JSON.
    fn data(board: &Board, hide: bool) -> Result<(String, Value)> {
        let folder = tempfile::tempdir()?;
        let mut page = Page::new(folder.path(), "cargo lesson watch", hide, AWAY, Lang::En)?;
        page.write(board, "", Instant::now())?;
        let text = fs::read_to_string(folder.path().join(DATA))?;
        let json = text.strip_prefix("board(").and_then(|text| text.strip_suffix(");\n"));
        let json = serde_json::from_str(json.context("no call")?)?;
        Ok((text, json))
    }

    #[test]
    fn the_page_gets_what_the_board_has() -> Result<()> {
        let board = board(&["mina", "준호", "a"], 7);
        let (_, data) = data(&board, false)?;
        assert_eq!(data["rows"][1]["name"], "준호");
        let marks = data["rows"][0]["marks"].as_str().context("no marks")?;
        assert_eq!(marks, "p".repeat(contract::ids(7).len()));
        let first = &data["stages"]["7"][0];
        assert_eq!(first[0], contract::ids(7)[0]);
        let group = first[1].as_u64().context("no group")? as usize;
        assert_eq!(data["groups"][group][0], contract::topics(7)[0]);
        assert_eq!(data["stuck"]["count"], 1);
        assert_eq!(data["pairs"]["cells"], json!([" ..", "- .", "-+ "]));
        Ok(())
    }

    #[test]
    fn hidden_names_are_not_in_the_data() -> Result<()> {
        let (text, data) = data(&board(&["mina", "준호"], 7), true)?;
        assert!(!text.contains("mina") && !text.contains("준호"), "{text}");
        assert_eq!(data["rows"][1]["name"], "2");
        Ok(())
    }

    /// Two boards may write to one folder, and neither takes away the other's file.
    #[test]
    fn two_boards_in_one_folder() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join(PAGE);
        let write = || (0..500).try_for_each(|_| replace(&path, "a page"));
        std::thread::scope(|scope| {
            let threads = [scope.spawn(write), scope.spawn(write)];
            threads.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| panic!("ended")))
        })
    }
}
