//! The window of this stage: its real widgets, under the fingers of a test, and its real server.
#![cfg(feature = "window")]
#![allow(dead_code)]

#[path = "../src/client.rs"]
mod client;
#[path = "../src/http.rs"]
mod http;
#[path = "../src/window.rs"]
mod window;

use anyhow::{Result, ensure};
use eframe::egui::Key;
use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, HarnessBuilder, Node};
use replay::Server;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use window::Window;

const STAGE: &str = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));

/// Longer than the window waits for a server.
const LIMIT: Duration = Duration::from_secs(15);

fn server() -> Result<Server> {
    Server::start(Path::new(STAGE), "127.0.0.1:0")
}

/// A window on the server at `addr`, and who sits before it.
struct Person {
    window: Harness<'static, Window>,
}

impl Person {
    /// A character that no font of the system has makes the test fail.
    fn at(addr: &str) -> Person {
        let fonts = Arc::new(egui_system_font_provider::SystemFontProvider::new());
        let window =
            Harness::builder().with_context_setup(|context| context.add_font_provider(fonts));
        Person::sits(window, addr)
    }

    fn sits(window: HarnessBuilder<Window>, addr: &str) -> Person {
        let mut window = window
            .with_size([560.0, 480.0])
            .build_ui_state(|ui, window: &mut Window| window.draw(ui), Window::new(addr));
        window.run();
        Person { window }
    }

    fn field<'a>(&'a self, name: &'a str) -> Option<Node<'a>> {
        self.window.query_by_role_and_label(Role::TextInput, name)
    }

    /// What stands in a field.
    fn value(&self, name: &str) -> Option<String> {
        self.field(name)?.value()
    }

    /// Clicks into a field and types.
    fn types(&mut self, name: &str, text: &str) {
        let field = self.window.get_by_role_and_label(Role::TextInput, name);
        field.focus();
        field.type_text(text);
        self.window.run();
    }

    fn chooses(&mut self, method: &str) {
        self.window.get_by_role_and_label(Role::RadioButton, method).click();
        self.window.run();
    }

    fn clicks(&mut self, button: &str) {
        self.window.get_by_role_and_label(Role::Button, button).click();
        self.window.step();
        self.window.step();
    }

    fn presses_enter(&mut self) {
        self.window.key_press(Key::Enter);
        self.window.step();
        self.window.step();
    }

    fn sees(&self, text: &str) -> bool {
        self.window.query_all_by_label_contains(text).next().is_some()
    }

    /// Whether the button can be clicked.
    fn can_click(&self, button: &str) -> bool {
        let button = self.window.query_by_role_and_label(Role::Button, button);
        button.is_some_and(|button| !button.accesskit_node().is_disabled())
    }

    /// Looks until `text` is there. A frame that takes long is a window that hangs.
    fn waits_for(&mut self, text: &str) -> Result<()> {
        let start = Instant::now();
        while !self.sees(text) {
            let frame = Instant::now();
            self.window.step();
            ensure!(frame.elapsed() < Duration::from_secs(2), "the window hangs");
            ensure!(start.elapsed() < LIMIT, "{text:?} never came");
            thread::yield_now();
        }
        self.window.run();
        Ok(())
    }
}

#[test]
fn enter_sends_and_empties_the_field() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    assert_eq!(person.value("Path").as_deref(), Some("/"));
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(!person.can_click("Send"), "there is nothing to send yet");
    person.types("Text", "안녕, 창");
    person.presses_enter();
    person.waits_for("0: 안녕, 창")?;
    assert!(person.sees("→ POST / HTTP/1.1"));
    assert!(person.sees("← HTTP/1.1 201 Created"));
    assert!(person.sees("← Location: /0"));
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(person.field("Text").is_some_and(|field| field.is_focused()));
    assert_eq!(client::fetch_list(server.addr(), LIMIT)?, ["안녕, 창"]);
    Ok(())
}

#[test]
fn put_has_an_index() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    person.types("Text", "first");
    person.clicks("Send");
    person.waits_for("0: first")?;
    assert!(person.field("Index").is_none());
    person.chooses("PUT");
    person.types("Index", "0");
    assert_eq!(person.value("Path").as_deref(), Some("/0"));
    person.types("Text", "고친 말");
    person.clicks("Send");
    person.waits_for("0: 고친 말")?;
    assert!(person.sees("→ PUT /0 HTTP/1.1"));
    person.chooses("POST");
    assert!(person.field("Index").is_none());
    assert_eq!(person.value("Path").as_deref(), Some("/"), "the index goes with its field");
    Ok(())
}

#[test]
fn get_and_head_need_no_text() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    person.types("Text", "first");
    person.clicks("Send");
    person.waits_for("0: first")?;
    person.types("Text", "not sent");
    person.chooses("GET");
    person.types("Path", "0");
    person.presses_enter();
    person.waits_for("→ GET /0 HTTP/1.1")?;
    assert!(person.sees("← first"));
    person.chooses("HEAD");
    person.clicks("Send");
    person.waits_for("→ HEAD /0 HTTP/1.1")?;
    assert!(person.sees("← Content-Length: 5") && !person.sees("← first"));
    assert_eq!(person.value("Text").as_deref(), Some("not sent"));
    Ok(())
}

#[test]
fn what_failed_keeps_its_text() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    person.chooses("PUT");
    person.types("Index", "7");
    person.types("Text", "nowhere");
    person.clicks("Send");
    person.waits_for("← HTTP/1.1 404 Not Found")?;
    assert_eq!(person.value("Text").as_deref(), Some("nowhere"));
    person.types("Path", " x");
    person.clicks("Send");
    person.waits_for("\"/7 x\" is not a path")?;
    drop(server);
    person.types("Index", "1");
    person.presses_enter();
    person.waits_for("nothing answers at 127.0.0.1")?;
    assert_eq!(person.value("Text").as_deref(), Some("nowhere"));
    Ok(())
}

#[test]
fn no_http() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let _length = stream.read(&mut [0; 1024])?;
        Ok(stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")?)
    });
    let mut person = Person::at(&addr);
    person.types("Text", "hello");
    person.presses_enter();
    person.waits_for("\"SSH-2.0-OpenSSH_9.9\" is not a status line of HTTP")?;
    assert_eq!(person.value("Text").as_deref(), Some("hello"));
    Ok(())
}

/// What was stored must not be sent twice, only because the list could not be fetched after it.
#[test]
fn a_list_that_fails_is_no_failed_send() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        let _length = stream.read(&mut [0; 1024])?;
        drop(listener);
        Ok(stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")?)
    });
    let mut person = Person::at(&addr);
    person.types("Text", "stored");
    person.presses_enter();
    person.waits_for("no whole reply to \"GET /\"")?;
    assert_eq!(person.value("Text").as_deref(), Some(""));
    Ok(())
}

#[test]
fn a_server_that_never_answers() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut person = Person::at(&listener.local_addr()?.to_string());
    person.types("Text", "hello");
    let start = Instant::now();
    person.clicks("Send");
    assert!(person.sees("Sending…") && !person.can_click("Sending…"));
    // One can go on typing.
    person.types("Text", ", again");
    person.waits_for("the server did not answer in time")?;
    assert!((4..8).contains(&start.elapsed().as_secs()));
    assert_eq!(person.value("Text").as_deref(), Some("hello, again"));
    assert!(person.can_click("Send"));
    Ok(())
}

#[test]
fn a_system_without_a_korean_font() {
    let window = Harness::builder().allow_missing_glyphs();
    let mut person = Person::sits(window, "127.0.0.1:1");
    person.types("Text", "hello");
    assert!(!person.sees("fonts-nanum"));
    person.types("Text", ", 안녕");
    assert!(person.sees("sudo apt install fonts-nanum"));
}

/// A person who has nothing but a screen, a keyboard and a mouse.
#[cfg(target_os = "linux")]
mod a_person {
    use super::*;
    use anyhow::Context;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    /// A program that is ended with the test.
    struct Program(Child);

    impl Drop for Program {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// A screen on which there is nothing but a window manager.
    fn screen() -> Result<(Program, String)> {
        let mut xvfb = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp"])
            // Else it starts anew whenever its last client leaves it, and drops who is just coming.
            .arg("-noreset")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb does not run: sudo apt install xvfb")?;
        let output = xvfb.stdout.take().context("no output")?;
        let screen = Program(xvfb);
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        Ok((screen, format!(":{}", number.trim())))
    }

    fn program(name: &str, display: &str) -> Command {
        let mut command = Command::new(name);
        command.env("DISPLAY", display).env("LIBGL_ALWAYS_SOFTWARE", "1");
        command.env_remove("WAYLAND_DISPLAY").stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    #[test]
    fn types_presses_enter_and_closes_the_window() -> Result<()> {
        let server = server()?;
        let (_screen, display) = screen()?;
        let _manager = Program(program("openbox", &display).spawn().context("openbox")?);
        let xdotool = |arguments: &[&str]| -> Result<bool> {
            let timed =
                program("timeout", &display).args(["20", "xdotool"]).args(arguments).status();
            Ok(timed.context("xdotool")?.success())
        };
        // A window that comes before its manager is ready can be overlooked by it.
        let start = Instant::now();
        while !xdotool(&["get_num_desktops"])? {
            ensure!(start.elapsed() < LIMIT, "openbox does not start");
        }
        let mut stage = program(STAGE, &display);
        let mut window = Program(stage.args(["window", "--addr", server.addr()]).spawn()?);
        // Waits for the window to be there and to listen to the keyboard.
        let find = ["search", "--sync", "--onlyvisible", "--name", "s07_put"];
        ensure!(xdotool(&[&find[..], &["windowactivate", "--sync"]].concat())?);
        ensure!(xdotool(&["type", "--delay", "30", "typed by a person"])?);
        ensure!(xdotool(&["key", "Return"])?);
        let start = Instant::now();
        while client::fetch_list(server.addr(), LIMIT)? != ["typed by a person"] {
            ensure!(start.elapsed() < LIMIT, "the message never came");
        }
        ensure!(xdotool(&["key", "alt+F4"])?);
        let start = Instant::now();
        while window.0.try_wait()?.is_none() {
            ensure!(start.elapsed() < LIMIT, "the window does not close");
            thread::yield_now();
        }
        assert!(window.0.wait()?.success());
        Ok(())
    }

    #[test]
    fn has_no_screen() -> Result<()> {
        for display in ["", ":4711"] {
            let mut stage = program(STAGE, display);
            stage.env_remove("WAYLAND_SOCKET").stderr(Stdio::piped());
            if display.is_empty() {
                stage.env_remove("DISPLAY");
            }
            let output = stage.args(["window"]).output()?;
            let sentence = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{sentence}");
            assert!(sentence.starts_with("cannot open a window: "), "{sentence}");
            assert!(sentence.ends_with("cargo run -p s07_put -- client\n"), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
        Ok(())
    }
}
