//! The window sends a message, shows the reply, says what failed, and can be used while it waits.

use anyhow::{Context, Result};
use testing::{needs, servers};

testing::window!();

testing::usual! {
    WINDOW: can_be_read_by_a_class, can_be_small_and_large,
    keeps_the_text_without_http, can_be_used_while_it_waits, says_that_a_font_is_missing,
}

#[needs("a Korean font")]
#[test]
fn enter_and_the_button_send() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
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
fn the_reply_has_the_colour_of_the_server() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    person.sends("hello");
    person.waits_for("hello")?;
    let (typed, reply) = (person.text("hello")?, person.texts().pop().context("no text")?);
    assert!(typed.is_green() && reply.is_magenta() && reply.text == "hello", "{}", reply.text);
    Ok(())
}

#[needs("a Korean font")]
#[test]
fn a_long_reply() -> Result<()> {
    let body = "\u{1b}]0;title\u{7}".to_string() + &"한글".repeat(500_000);
    let person = WINDOW.shows_a_part_of(200, &body)?;
    assert!(person.sees("\\u{1b}]0;title\\u{7}한글"));
    assert!(person.sees("(the rest is not shown)"));
    Ok(())
}

#[test]
fn no_server() -> Result<()> {
    let mut person = WINDOW.open(&servers::unused_address()?);
    person.sends("hello");
    person.waits_for("nothing answers at 127.0.0.1")?;
    assert!(person.sees("start a server with: cargo run -p s04_window -- server"));
    assert_eq!(person.value("Text").as_deref(), Some("hello"));
    Ok(())
}
