//! The window shows the list, fetched after each message and by the button Refresh.
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
fn the_list_is_drawn() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = open(server.addr());
    person.sends("첫째");
    person.waits_for("0: 첫째")?;
    person.types("Text", " 둘째");
    person.clicks("Send");
    person.waits_for("1: 첫째 둘째")?;
    assert!(person.sees("0: 첫째"));
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
