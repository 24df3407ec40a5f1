//! A stage's files without its window. A copy of a stage has none: the window takes minutes to compile, and what a
//! student changes is the server and the client at the prompt.
//!
//! In a program, what belongs to the window is marked: `#[cfg(feature = "window")]` stands above each item that needs
//! it, `#[cfg(not(feature = "window"))]` above what takes its place, and the command is called `Window`. As
//! rustfmt writes it, an item ends with the last line that is indented more than its first line, or with a closing
//! bracket that is indented as much.

use crate::Stage;
use toml_edit::{DocumentMut, Item};

const WITH: &str = "#[cfg(feature = \"window\")]";
const WITHOUT: &str = "#[cfg(not(feature = \"window\"))]";

/// What a manifest names only because of the window.
const CRATES: &[&str] = &["eframe", "egui_kittest", "egui_system_font_provider"];

impl Stage {
    /// The text of a stage's file as it is without the window; `None` for a file that only the window needs. A text
    /// without anything of the window comes back as it is.
    pub fn without_window(path: &str, text: &str) -> Option<String> {
        match path {
            "src/window.rs" | "tests/window.rs" => None,
            "Cargo.toml" => Some(manifest(text)),
            "lesson.txt" => Some(lesson(text)),
            _ if path.ends_with(".rs") => Some(program(text)),
            _ => Some(text.to_string()),
        }
    }
}

/// A program without the items of the window and without its command.
fn program(text: &str) -> String {
    if !text.contains(WITH) {
        return text.to_string();
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        // Where an item has gone, one empty line is left and not two.
        let ended = kept.last().is_none_or(|line: &&str| line.trim().is_empty());
        if ended && line.trim().is_empty() {
            at += 1;
            continue;
        }
        let item = lines.get(at + 1).map(|line| line.trim()).unwrap_or_default();
        match line.trim() {
            WITH => {
                drop_head(&mut kept);
                at = end_of_item(&lines, at + 1);
            }
            WITHOUT if item.contains("Command::Window") => {
                drop_head(&mut kept);
                at = end_of_item(&lines, at + 1);
            }
            WITHOUT => at += 1,
            "Window," | "Window {" | "Window(" => {
                drop_head(&mut kept);
                at = end_of_item(&lines, at);
            }
            // The entry about the window in the list of files at the top.
            tour if is_about_window(tour) => {
                at += 1;
                while lines.get(at).is_some_and(|line| line.starts_with("//!  ")) {
                    at += 1;
                }
            }
            _ => {
                kept.push(line);
                at += 1;
            }
        }
    }
    kept.concat()
}

/// Takes away the comments and attributes that stand directly above an item.
fn drop_head(kept: &mut Vec<&str>) {
    while kept.last().is_some_and(|line| {
        let line = line.trim();
        line.starts_with("///") || line.starts_with("#[")
    }) {
        kept.pop();
    }
}

/// The number of the line after the item that begins at line `start`, its further attributes included.
fn end_of_item(lines: &[&str], start: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut at = start;
    while lines.get(at).is_some_and(|line| line.trim().starts_with("#[")) {
        at += 1;
    }
    let first = lines.get(at).map(|line| indent(line)).unwrap_or_default();
    let mut end = at + 1;
    for (number, line) in lines.iter().enumerate().skip(end) {
        let text = line.trim();
        let goes_on = indent(line) > first
            || indent(line) == first && text.starts_with([')', ']', '}', '{'])
            || indent(line) == first && text == "where";
        if text.is_empty() {
            continue;
        } else if goes_on {
            end = number + 1;
        } else {
            break;
        }
    }
    end
}

/// Whether a line of the comment at the top of a file is an entry about window.rs.
fn is_about_window(line: &str) -> bool {
    let entry =
        line.strip_prefix("//!").map(|line| line.trim_start_matches([' ', '|', '-', '*', '`']));
    entry.is_some_and(|entry| entry.starts_with("window.rs"))
}

/// A lesson without the sentences that say how to open the window.
fn lesson(text: &str) -> String {
    let mut kept = Vec::new();
    let mut gone = false;
    for line in text.split_inclusive('\n') {
        // A sentence in Korean follows the one in English.
        gone =
            line.starts_with('#') && line.contains(" -- window") || gone && line.starts_with("#ko");
        if !gone {
            kept.push(line);
        }
    }
    kept.concat()
}

/// A manifest without the feature and the crates of the window. A text that is no manifest comes back as it is.
fn manifest(text: &str) -> String {
    let Ok(mut manifest) = text.parse::<DocumentMut>() else { return text.to_string() };
    for table in ["dependencies", "dev-dependencies"] {
        if let Some(table) = manifest.get_mut(table).and_then(Item::as_table_like_mut) {
            for name in CRATES {
                table.remove(name);
            }
        }
    }
    if let Some(features) = manifest.get_mut("features").and_then(Item::as_table_like_mut) {
        features.remove("window");
        if let Some(default) = features.get_mut("default").and_then(Item::as_array_mut) {
            default.retain(|feature| feature.as_str() != Some("window"));
            default.fmt();
            if default.is_empty() {
                features.remove("default");
            }
        }
        if features.is_empty() {
            manifest.remove("features");
        }
    }
    manifest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_loses_its_window() {
        let text = r#"//! The program.
//!
//! - `client.rs`: the prompt
//! - `window.rs`: the same
//!   as a window
//! - `http.rs`: bytes

mod client;
#[cfg(feature = "window")]
mod window;

enum Command {
    /// The prompt
    Client,
    /// The same
    /// as a window
    #[command(alias = "w")]
    Window,
    /// Strangers
    Attack { kind: Kind },
}

/// What only the window calls.
#[cfg(feature = "window")]
#[allow(unused)]
fn shown<T>(
    text: &T,
) -> String
where
    T: Display,
{
    text.to_string()
}

#[cfg(not(feature = "window"))]
fn plain() {}

fn run(command: Command) {
    match command {
        Command::Client => client::run(),
        #[cfg(feature = "window")]
        Command::Window => window::run(
            1,
        ),
        #[cfg(not(feature = "window"))]
        Command::Window => bail!(
            "no window",
        ),
        Command::Attack { kind } => attack(kind),
    }
}
"#;
        let wanted = r#"//! The program.
//!
//! - `client.rs`: the prompt
//! - `http.rs`: bytes

mod client;

enum Command {
    /// The prompt
    Client,
    /// Strangers
    Attack { kind: Kind },
}

fn plain() {}

fn run(command: Command) {
    match command {
        Command::Client => client::run(),
        Command::Attack { kind } => attack(kind),
    }
}
"#;
        let got = Stage::without_window("src/main.rs", text).unwrap();
        assert_eq!(got, wanted);
        assert_eq!(Stage::without_window("src/main.rs", wanted).as_deref(), Some(wanted));
        assert_eq!(Stage::without_window("src/window.rs", text), None);
    }

    #[test]
    fn a_manifest_loses_its_window() {
        let text = "[package]\nname = \"a\"\n\n[features]\ndefault = [\"window\"]\nwindow = [\"dep:eframe\"]\n\n\
            [dependencies]\n# Errors.\nanyhow.workspace = true\neframe = { workspace = true, optional = true }\n";
        let wanted =
            "[package]\nname = \"a\"\n\n[dependencies]\n# Errors.\nanyhow.workspace = true\n";
        assert_eq!(Stage::without_window("Cargo.toml", text).as_deref(), Some(wanted));
        let more = text
            .replace("[\"window\"]", "[\"window\", \"log\"]")
            .replace("\n\n[dep", "\nlog = []\n\n[dep");
        let got = Stage::without_window("Cargo.toml", &more).unwrap();
        assert!(got.contains("default = [\"log\"]\nlog = []\n"), "{got}");
    }

    #[test]
    fn a_lesson_does_not_open_a_window() {
        let text = "# 4. Window\n# Open it: cargo run -p x -- window\n#ko 창: cargo run -p x -- window\n> one\n#ko 하나\n";
        let got = Stage::without_window("lesson.txt", text);
        assert_eq!(got.as_deref(), Some("# 4. Window\n> one\n#ko 하나\n"));
    }
}
