//! Shows a long text on a terminal through a pager, as git does.

use anyhow::{Context, Result};
use std::env;
use std::io::{ErrorKind, Write};
use std::process::{Child, Command, Stdio};

/// Shows `text`, colours included, through the program that LESSON_PAGER or PAGER names, or else through `less`.
/// Returns whether it was shown: `false` where there is no such program, or where
/// the variable is empty or `cat`.
///
/// # Errors
/// A pager that cannot be written to. Quitting it early is no error.
pub fn show(text: &str) -> Result<bool> {
    let named = env::var("LESSON_PAGER").or_else(|_| env::var("PAGER")).ok();
    let mut command = match named.as_deref().map(str::trim) {
        Some("" | "cat") => return Ok(false),
        Some(words) => in_shell(words),
        None => {
            let mut less = Command::new("less");
            less.arg("-FRX");
            less
        }
    };
    if env::var_os("LESS").is_none() {
        // For a PAGER that is `less`: it quits if all fits on the screen, and keeps the colours and the screen.
        command.env("LESS", "FRX");
    }
    #[cfg(unix)]
    keep_running_at_ctrl_c()?;
    let Ok(mut pager) = command.stdin(Stdio::piped()).spawn() else { return Ok(false) };
    write(&mut pager, text)?;
    let status = pager.wait().context("the pager does not end")?;
    // A shell ends with this status if there is no such program.
    Ok(status.code() != Some(127))
}

/// Writes the text until its end or until the pager closes its input, and ends the input.
fn write(pager: &mut Child, text: &str) -> Result<()> {
    let Some(mut input) = pager.stdin.take() else { return Ok(()) };
    match input.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to the pager")
        }
        _ => Ok(()),
    }
}

/// A command line as a shell reads it, with arguments and quotes.
fn in_shell(words: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.args([flag, words]);
    command
}

/// Keeps this program running at Ctrl-C, which also reaches the pager on the same terminal. This program ends when the
/// pager ends.
#[cfg(unix)]
fn keep_running_at_ctrl_c() -> Result<()> {
    let pressed = std::sync::Arc::default();
    let register = signal_hook::flag::register(signal_hook::consts::SIGINT, pressed);
    register.context("cannot listen for signals").map(drop)
}
