//! Signals, waiting, and programs that end with the test.

use crate::LIMIT;
use anyhow::{Result, ensure};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Looks again and again until `look` finds something, which is returned.
///
/// # Errors
/// `look` found nothing within [`LIMIT`], or it failed. `what` names it in the message.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        ensure!(start.elapsed() < LIMIT, "{what}: not within {} s", LIMIT.as_secs());
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal, such as `-TERM`, to the process with this id. Returns whether there is such a process. `-0` sends no
/// signal and only returns that.
#[cfg(unix)]
pub fn signal(name: &str, process: u32) -> Result<bool> {
    // The shell has `kill` built in; not every system has it as a program.
    let mut kill = Command::new("sh");
    kill.args(["-c", &format!("kill {name} {process}")]).stderr(Stdio::null());
    Ok(kill.status()?.success())
}

/// The ids of the processes that the process with this id has started.
#[cfg(unix)]
pub fn children(process: u32) -> Result<Vec<u32>> {
    let output = Command::new("pgrep").args(["-P", &process.to_string()]).output()?;
    let numbers = String::from_utf8(output.stdout)?;
    Ok(numbers.lines().map(str::parse).collect::<Result<_, _>>()?)
}

/// How many threads and file descriptors the process with this id has.
#[cfg(target_os = "linux")]
pub fn threads_and_descriptors(process: u32) -> Result<(usize, usize)> {
    let count = |what: &str| -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{process}/{what}"))?.count())
    };
    Ok((count("task")?, count("fd")?))
}

/// A program that ends with the test.
pub struct Program(Child);

impl Program {
    /// Starts it. What it prints is not shown.
    pub fn start(command: &mut Command) -> Result<Program> {
        Ok(Program(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Waits for the program to end by itself; returns whether it succeeded.
    pub fn succeeds(&mut self) -> Result<bool> {
        let status = until("the end of a program", || Ok(self.0.try_wait()?))?;
        Ok(status.success())
    }
}

impl From<Child> for Program {
    fn from(child: Child) -> Program {
        Program(child)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
