//! A screen of its own (Xvfb) with a window manager (openbox), a keyboard and a mouse (xdotool): what a
//! user of the whole program has. A test that uses it needs all three programs.

use crate::process::{Program, until};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A running screen, which ends with the test.
pub struct Screen {
    // They end in this order: a window manager without its screen prints an error.
    _manager: Program,
    _xvfb: Program,
    display: String,
}

impl Screen {
    /// Starts a screen on a free display, and waits until its window manager is ready.
    pub fn start() -> Result<Screen> {
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"])
            // Without this it resets when its last client leaves, and ends the connection of one that comes then.
            .arg("-noreset")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Xvfb")?;
        let output = xvfb.stdout.take().context("Xvfb has no output")?;
        let xvfb = Program::from(xvfb);
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        let display = format!(":{}", number.trim());
        let manager = Program::start(&mut on_display("openbox", &display))?;
        let screen = Screen { _manager: manager, _xvfb: xvfb, display };
        // A window manager can miss a window that comes before it is ready.
        until("the window manager", || {
            Ok(screen.xdotool_succeeds(&["get_num_desktops"])?.then_some(()))
        })?;
        Ok(screen)
    }

    /// A program on this screen.
    pub fn command(&self, program: &str) -> Command {
        on_display(program, &self.display)
    }

    /// Moves the mouse or types: the arguments are those of xdotool.
    pub fn xdotool(&self, arguments: &[&str]) -> Result<()> {
        ensure!(self.xdotool_succeeds(arguments)?, "xdotool {} failed", arguments.join(" "));
        Ok(())
    }

    fn xdotool_succeeds(&self, arguments: &[&str]) -> Result<bool> {
        let mut command = self.command("timeout");
        command.args(["30", "xdotool"]).args(arguments);
        Program::start(&mut command)?.succeeds()
    }
}

/// A program on the X11 display with this name, such as `:1`, that draws without a graphics card.
pub fn on_display(program: &str, display: &str) -> Command {
    let mut command = Command::new(program);
    command.env("DISPLAY", display).env("LIBGL_ALWAYS_SOFTWARE", "1");
    command.env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    command
}
