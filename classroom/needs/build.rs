//! Looks for the programs before the macro is compiled, because a macro cannot make Cargo compile again
//! when a program was installed or removed. Cargo runs this again when PATH changes, or something in its
//! folders, in `/usr/sbin` or among the fonts.

#[path = "src/installed.rs"]
mod installed;
#[allow(dead_code)]
#[path = "src/programs.rs"]
mod programs;

use programs::PROGRAMS;
use std::path::PathBuf;

fn main() {
    for file in ["build.rs", "src/installed.rs", "src/programs.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for variable in ["CI", "PATH", "PATHEXT"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let folders = installed::folders();
    // Debian has HAProxy in /usr/sbin, which is not in the PATH of an ordinary user.
    let others = ["/usr/share/fonts", "/usr/sbin"].map(PathBuf::from);
    for folder in folders.iter().chain(others.iter().filter(|folder| folder.is_dir())) {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|program| !installed::is_installed(program, &folders))
        .map(|program| program.name)
        .collect();
    println!("cargo::rustc-env=NEEDS_MISSING={}", missing.join(","));
    println!("cargo::rustc-env=NEEDS_CI={}", std::env::var("CI").unwrap_or_default());
}
