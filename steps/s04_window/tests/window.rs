//! The window sends a message and shows the reply; it says what failed, and waits without standing still.
#![allow(dead_code)]

#[path = "../src/client.rs"]
mod client;
#[path = "../src/http.rs"]
mod http;
#[path = "../src/window.rs"]
mod window;

use anyhow::Result;
use testing::window::{self as usual, Person};
use testing::{Stage, needs, servers};
use window::Window;

const STAGE: Stage = testing::stage!();

fn open(addr: &str) -> Person<Window> {
    Person::at(Window::new(addr), Window::draw)
}

#[needs("a Korean font")]
#[test]
fn enter_and_the_button_send() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = open(server.addr());
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(!person.can_click("Send"), "there is nothing to send yet");
    person.sends("안녕");
    person.waits_for("안녕")?;
    assert!(person.is_in("Text"));
    person.types("Text", ", 창");
    person.clicks("Send");
    person.waits_for("안녕, 창")?;
    assert_eq!(person.value("Text").as_deref(), Some("안녕, 창"));
    Ok(())
}

#[test]
fn no_server() -> Result<()> {
    let mut person = open(&servers::unused_address()?);
    person.sends("hello");
    person.waits_for("nothing answers at 127.0.0.1")?;
    assert!(person.sees("start a server with: cargo run -p s04_window -- server"));
    assert_eq!(person.value("Text").as_deref(), Some("hello"));
    Ok(())
}

#[test]
fn no_http() -> Result<()> {
    usual::keeps_the_text_without_http(open)
}

#[test]
fn a_server_that_never_answers() -> Result<()> {
    usual::can_be_used_while_it_waits(open)
}

#[test]
fn a_system_without_a_korean_font() {
    let window = Window::new("127.0.0.1:1");
    usual::says_that_a_font_is_missing(Person::without_fonts(window, Window::draw));
}
