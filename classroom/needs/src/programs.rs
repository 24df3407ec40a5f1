//! The programs that tests may need, and how to install each. A font counts as a program here.
//!
//! The build script of this crate includes this file as well.

/// A program that a test can need.
pub struct Program {
    /// What a test calls it, which is also the name of its file.
    pub name: &'static str,
    /// The Debian package that has it.
    debian: &'static str,
    /// The Homebrew package that has it; `None` if macOS cannot have it.
    brew: Option<&'static str>,
}

const fn program(name: &'static str, debian: &'static str, brew: Option<&'static str>) -> Program {
    Program { name, debian, brew }
}

/// A font that has Korean.
pub const KOREAN_FONT: &str = "a Korean font";

/// All of them. Before a test can need another program, that program has to be added here.
pub const PROGRAMS: &[Program] = &[
    program(KOREAN_FONT, "fonts-nanum", None),
    program("Xvfb", "xvfb", None),
    program("chromedriver", "chromium-driver", Some("chromedriver")),
    program("chromium", "chromium", Some("chromium")),
    program("curl", "curl", Some("curl")),
    program("git", "git", Some("git")),
    program("haproxy", "haproxy", Some("haproxy")),
    program("nc", "netcat-openbsd", Some("netcat")),
    program("node", "nodejs", Some("node")),
    program("openbox", "openbox", None),
    program("patch", "patch", Some("gpatch")),
    program("pgrep", "procps", Some("proctools")),
    program("postgres", "postgresql", Some("postgresql@18")),
    program("python3", "python3", Some("python3")),
    program("script", "bsdutils", None),
    program("setpriv", "util-linux", None),
    program("sqlite3", "sqlite3", Some("sqlite")),
    program("strace", "strace", None),
    program("systemd-analyze", "systemd", None),
    program("tmux", "tmux", Some("tmux")),
    program("xdotool", "xdotool", None),
];

impl Program {
    /// The program of that name, if the table has it.
    pub fn named(name: &str) -> Option<&'static Program> {
        PROGRAMS.iter().find(|program| program.name == name)
    }

    /// The sentence for a user of `system` (as in `std::env::consts::OS`) who does not have the program.
    pub fn is_missing(&self, system: &str) -> String {
        let name = self.name;
        match (system, self.brew) {
            ("macos", Some(brew)) => format!("{name} is not installed: brew install {brew}"),
            ("linux", _) => format!("{name} is not installed: sudo apt install {}", self.debian),
            _ => format!("{name} is not installed (on Debian: sudo apt install {})", self.debian),
        }
    }
}
