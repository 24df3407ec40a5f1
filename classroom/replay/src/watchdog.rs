//! A program that is killed with SIGKILL cannot clean up. Another process does it then: the watchdog, a shell that
//! reads from a pipe. Only this program holds the other end of the pipe, so the shell reads the end of its input as
//! soon as this program has ended, in whatever way. Then it ends PostgreSQL, removes the folders, and kills its process
//! group, which is that of the server, the client and the commands.
//!
//! No other process keeps the pipe open: the standard library opens every descriptor with close-on-exec.

use anyhow::{Context, Result};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What the shell does. A line with `=` begins a new list, a line with a number is a process group, one with `quit` and
/// a number is a PostgreSQL, and each other line is a folder. PostgreSQL gets up to 6 s to end its other processes. A
/// server can add a file to a folder while `rm` removes it, so that `rm` may fail at first.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
while IFS= read -r line; do
    case $line in
        =) set -- ;;
        *) set -- "$@" "$line" ;;
    esac
done
quit() {
    kill -QUIT "$1" || return
    tries=0
    while kill -0 "$1" && [ $tries -lt 120 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -KILL "$1"
}
for item; do
    case $item in
        quit*) quit "${item#quit }" ;;
        /*) rm -rf "$item" || rm -rf "$item" || rm -rf "$item" ;;
        *) kill -KILL "-$item" ;;
    esac
done
kill -KILL 0
"#;

/// A running watchdog. It ends without doing anything when this is dropped.
pub struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts the shell, as the leader of a new process group.
    ///
    /// # Errors
    /// The system has no shell, or no room for a process.
    pub fn start() -> Result<Watchdog> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "replay-watchdog"])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start sh, which removes the files of a server that is left")?;
        let pipe = shell.stdin.take();
        Ok(Watchdog { shell, pipe })
    }

    /// Whether the shell has ended, so that a new one is needed.
    pub fn ended(&mut self) -> bool {
        !matches!(self.shell.try_wait(), Ok(None))
    }

    /// The process group that ends with this program. It is there as long as the shell is.
    pub fn group(&self) -> i32 {
        self.shell.id().cast_signed()
    }

    /// Sends the shell the whole list of what it has to kill and to remove. It replaces the list sent before.
    pub fn watch(&mut self, quits: &[u32], groups: &[u32], folders: &[PathBuf]) {
        let mut list = b"=\n".to_vec();
        for process in quits {
            list.extend_from_slice(format!("quit {process}\n").as_bytes());
        }
        for group in groups {
            list.extend_from_slice(format!("{group}\n").as_bytes());
        }
        for folder in folders {
            list.extend_from_slice(folder.as_os_str().as_bytes());
            list.push(b'\n');
        }
        if let Some(pipe) = &mut self.pipe {
            // Without its shell, this program still cleans up in all other cases.
            let _ = pipe.write_all(&list);
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // The shell is killed before the pipe closes: at the end of its input it would clean up.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
