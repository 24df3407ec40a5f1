//! Which programs this machine has. Only the build script and the tests look for them.

use crate::programs::{KOREAN_FONT, Program};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that can take the place of another: name, and what else its file can be called.
const OTHER_NAMES: &[(&str, &str)] =
    &[("chromium", "chromium-browser"), ("chromium", "google-chrome"), ("chromium", "chrome")];

/// Where Debian and Homebrew keep programs that they do not put into the PATH of an ordinary user. The `*` stands
/// for one folder.
const ELSEWHERE: &[(&str, &str)] = &[
    ("haproxy", "/usr/sbin"),
    ("postgres", "/usr/lib/postgresql/*/bin"),
    ("postgres", "/opt/homebrew/opt/*/bin"),
];

/// Whether one of `folders`, or the folder where Debian or Homebrew keeps it, has `program`.
pub fn is_installed(program: &Program, folders: &[PathBuf]) -> bool {
    if program.name == KOREAN_FONT {
        return has_korean_font();
    }
    let mut folders = folders.to_vec();
    for (name, pattern) in ELSEWHERE {
        if *name == program.name {
            folders.extend(matching(pattern));
        }
    }
    let others = OTHER_NAMES.iter().filter(|(name, _)| *name == program.name);
    let mut names = others.map(|(_, other)| *other).chain([program.name]);
    names.any(|name| folders.iter().any(|folder| has(folder, name)))
}

/// Whether the system can draw Korean. macOS and Windows always can; elsewhere `fc-list` shows it.
fn has_korean_font() -> bool {
    let fonts = || Command::new("fc-list").arg(":lang=ko").output();
    cfg!(any(target_os = "macos", windows)) || fonts().is_ok_and(|fonts| !fonts.stdout.is_empty())
}

/// The folders of PATH that exist, in their order.
pub fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).filter(|folder| folder.is_absolute() && folder.is_dir()).collect()
}

/// The folders that `pattern` stands for.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once("/*/") else {
        return vec![PathBuf::from(pattern)];
    };
    let Ok(entries) = fs::read_dir(before) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path().join(after)).collect()
}

/// Whether `folder` has a program called `name`.
fn has(folder: &Path, name: &str) -> bool {
    if cfg!(windows) {
        let endings = env::var("PATHEXT").unwrap_or_else(|_| ".EXE;.CMD;.BAT".to_string());
        return endings.split(';').any(|ending| folder.join(format!("{name}{ending}")).is_file());
    }
    is_executable(&folder.join(name))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}
