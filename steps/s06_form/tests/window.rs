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
fn the_field_is_emptied_after_a_send() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    assert_eq!(person.value("Path").as_deref(), Some("/"));
    person.types("Text", "첫째");
    person.presses_enter();
    person.waits_for("0: 첫째")?;
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(person.field("Text").is_some_and(|field| field.is_focused()));
    assert!(!person.can_click("Send"), "an empty message is no accident of the Enter key");
    Ok(())
}

#[test]
fn put_has_an_index() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    assert!(person.field("Index").is_none());
    person.chooses("PUT");
    person.types("Index", "0");
    assert_eq!(person.value("Path").as_deref(), Some("/0"));
    person.types("Text", "kept");
    person.clicks("Send");
    person.waits_for("404 Not Found")?;
    assert_eq!(person.value("Text").as_deref(), Some("kept"));
    person.chooses("POST");
    assert!(person.field("Index").is_none());
    assert_eq!(person.value("Path").as_deref(), Some("/"), "the index goes with its field");
    Ok(())
}

#[test]
fn head_brings_the_head() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    person.types("Text", "not sent");
    person.chooses("HEAD");
    person.clicks("Send");
    person.waits_for("Content-Type: application/json")?;
    assert!(person.sees("Content-Length: 2"));
    assert_eq!(person.value("Text").as_deref(), Some("not sent"));
    Ok(())
}

#[test]
fn a_path_that_is_none() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    person.types("Text", "kept");
    person.types("Path", "a b");
    person.presses_enter();
    person.waits_for("\"/a b\" is not a path")?;
    assert_eq!(person.value("Text").as_deref(), Some("kept"));
    Ok(())
}

#[test]
fn refresh_shows_what_others_wrote() -> Result<()> {
    let server = server()?;
    let mut person = Person::at(server.addr());
    let request = http::Request::new("POST", "/", server.addr()).with_text("from elsewhere");
    client::exchange(server.addr(), &request, LIMIT)?;
    assert!(!person.sees("from elsewhere"));
    person.clicks("Refresh");
    person.waits_for("0: from elsewhere")?;
    drop(server);
    person.clicks("Refresh");
    person.waits_for("nothing answers at 127.0.0.1")?;
    assert!(person.sees("0: from elsewhere"), "nothing is lost");
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
