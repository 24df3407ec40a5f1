//! What a user sees of `#[needs]`: a small package, tested by Cargo with a PATH that has no curl.
#![cfg(unix)]

use std::fs;
use std::io::{Error, Result};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const MANIFEST: &str = r#"
[package]
name = "small"
edition = "2024"

[dev-dependencies]
needs.path = "NEEDS"

[workspace]
"#;

/// A package whose tests are `tests`, and a folder with all programs but curl.
struct Package {
    folder: PathBuf,
    path: PathBuf,
}

impl Package {
    fn new(name: &str, tests: &str) -> Result<Package> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let path = folder.join("path");
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(folder.join("src"))?;
        fs::create_dir_all(&path)?;
        fs::write(folder.join("src/lib.rs"), tests)?;
        let manifest = MANIFEST.replace("NEEDS", env!("CARGO_MANIFEST_DIR"));
        fs::write(folder.join("Cargo.toml"), manifest)?;
        let all = std::env::var_os("PATH").unwrap_or_default();
        for folder in std::env::split_paths(&all).filter(|folder| folder.is_dir()) {
            for program in fs::read_dir(folder)?.flatten() {
                if program.file_name() != "curl" {
                    // Of two programs with one name, that of the earlier folder stays, as in PATH.
                    let _ = symlink(program.path(), path.join(program.file_name()));
                }
            }
        }
        // The machine itself may have no git; any program of that name will do.
        let _ = symlink("/bin/sh", path.join("git"));
        Ok(Package { folder, path })
    }

    /// Tests the package; returns whether that succeeded, and what was printed.
    fn test(&self, ci: bool) -> Result<(bool, String)> {
        let mut command = Command::new(env!("CARGO"));
        command.args(["test", "--lib", "--offline", "--color", "never"]);
        command.current_dir(&self.folder).env("PATH", &self.path).env_remove("CI");
        command.env("CARGO_TARGET_DIR", self.folder.join("target"));
        if ci {
            command.env("CI", "true");
        }
        let output = command.output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(text).map_err(Error::other)?))
    }

    fn install_curl(&self) -> Result<()> {
        symlink("/bin/sh", self.path.join("curl"))
    }
}

#[test]
fn a_missing_program_is_ignored_and_fails_in_ci() -> Result<()> {
    let package = Package::new(
        "missing",
        "#[cfg(test)] use needs::needs;\n\
         #[needs(\"curl\")] #[test] fn curl_posts() {}\n\
         #[needs(\"git\", \"curl\")] #[test] fn both() -> std::fmt::Result { Ok(()) }\n\
         #[needs(\"git\")] #[test] fn git_is_there() {}\n",
    )?;
    let sentence = if cfg!(target_os = "macos") {
        "curl is not installed: brew install curl"
    } else {
        "curl is not installed: sudo apt install curl"
    };

    let (passed, text) = package.test(false)?;
    assert!(passed, "{text}");
    assert!(text.contains(&format!("test curl_posts ... ignored, {sentence}\n")), "{text}");
    assert!(text.contains("1 passed; 0 failed; 2 ignored"), "{text}");
    assert!(!text.contains("warning"), "{text}");

    let (passed, text) = package.test(true)?;
    assert!(!passed, "{text}");
    assert!(text.contains(&format!("\n{sentence}\n")), "{text}");
    assert!(text.contains("1 passed; 2 failed; 0 ignored"), "{text}");

    package.install_curl()?;
    let (passed, text) = package.test(false)?;
    assert!(passed && text.contains("3 passed; 0 failed; 0 ignored"), "{text}");
    Ok(())
}

#[test]
fn a_file_of_tests_is_ignored_as_one() -> Result<()> {
    let text = "#[cfg(test)] needs::module! { \"curl\", #[path = \"../clients.rs\"] mod clients; }\n\
         #[cfg(test)] needs::module! { \"git\", #[path = \"../gits.rs\"] mod gits; }\n";
    let package = Package::new("module", text)?;
    fs::write(package.folder.join("clients.rs"), "#[test] fn one() {}\n#[test] fn two() {}\n")?;
    fs::write(package.folder.join("gits.rs"), "#[test] fn git_is_there() {}\n")?;
    let (passed, text) = package.test(false)?;
    assert!(passed && text.contains("test clients ... ignored, curl is not installed"), "{text}");
    assert!(text.contains("test gits::git_is_there ... ok"), "{text}");
    assert!(text.contains("1 passed; 0 failed; 1 ignored"), "{text}");
    let (passed, text) = package.test(true)?;
    assert!(!passed && text.contains("1 passed; 1 failed; 0 ignored"), "{text}");
    package.install_curl()?;
    let (passed, text) = package.test(false)?;
    assert!(passed && text.contains("3 passed; 0 failed; 0 ignored"), "{text}");
    Ok(())
}

#[test]
fn a_wrong_use_does_not_compile() -> Result<()> {
    let package = Package::new(
        "wrong",
        "#[cfg(test)] use needs::needs;\n\
         #[cfg(test)] #[needs(\"curly\")] #[test] fn unknown() {}\n\
         #[test] #[needs(\"curl\")] fn below() {}\n",
    )?;
    let (passed, text) = package.test(false)?;
    assert!(!passed, "{text}");
    assert!(text.contains("\"curly\" is none of the programs in classroom/needs/src/programs.rs"));
    assert!(text.contains(" --> src/lib.rs:2:22"), "{text}");
    assert!(text.contains("#[needs] stands above #[test]"), "{text}");
    Ok(())
}
