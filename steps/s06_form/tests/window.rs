//! The window is a form: the method, the path, an index for PUT alone, and the text.
#![allow(dead_code)]

#[path = "../src/client.rs"]
mod client;
#[path = "../src/http.rs"]
mod http;
#[path = "../src/window.rs"]
mod window;

use anyhow::Result;
use testing::{Stage, needs};
use testing::window::{self as usual, Person};
use window::Window;

const STAGE: Stage = testing::stage!();

fn open(addr: &str) -> Person<Window> {
    Person::at(Window::new(addr), Window::draw)
}

#[needs("a Korean font")]
#[test]
fn the_field_is_emptied_after_a_send() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = open(server.addr());
    assert_eq!(person.value("Path").as_deref(), Some("/"));
    person.sends("첫째");
    person.waits_for("0: 첫째")?;
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(person.is_in("Text"));
    assert!(!person.can_click("Send"), "an empty message is no accident of the Enter key");
    Ok(())
}

#[test]
fn put_has_an_index() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = open(server.addr());
    assert_eq!(person.value("Index"), None);
    person.chooses("PUT");
    person.types("Index", "0");
    assert_eq!(person.value("Path").as_deref(), Some("/0"));
    person.types("Text", "kept");
    person.clicks("Send");
    person.waits_for("404 Not Found")?;
    assert_eq!(person.value("Text").as_deref(), Some("kept"));
    person.chooses("POST");
    assert_eq!(person.value("Index"), None);
    assert_eq!(person.value("Path").as_deref(), Some("/"), "the index goes with its field");
    Ok(())
}

#[test]
fn head_brings_the_head() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = open(server.addr());
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
    let server = STAGE.server()?;
    let mut person = open(server.addr());
    person.types("Text", "kept");
    person.types("Path", "a b");
    person.presses_enter();
    person.waits_for("\"/a b\" is not a path")?;
    assert_eq!(person.value("Text").as_deref(), Some("kept"));
    Ok(())
}

#[test]
fn refresh_shows_what_others_wrote() -> Result<()> {
    usual::refreshes(STAGE, open)
}

#[test]
fn a_system_without_a_korean_font() {
    let window = Window::new("127.0.0.1:1");
    usual::says_that_a_font_is_missing(Person::without_fonts(window, Window::draw));
}
