//! The window is a form: the method, the path, an index for PUT alone, and the text.

use anyhow::Result;
use testing::needs;

testing::window!();

testing::usual! {
    WINDOW: can_be_read_by_a_class, can_be_small_and_large, says_that_a_font_is_missing,
}

#[needs("a Korean font")]
#[test]
fn the_field_is_emptied_after_a_send() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    assert_eq!(person.value("Path").as_deref(), Some("/"));
    person.sends("첫째");
    person.waits_for("0: 첫째")?;
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(person.is_in("Text"));
    assert!(!person.can_click("Send"), "a second Enter would send an empty message");
    Ok(())
}

#[test]
fn put_has_an_index() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
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
    let mut person = WINDOW.open(server.addr());
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
    let mut person = WINDOW.open(server.addr());
    person.types("Text", "kept");
    person.types("Path", "a b");
    person.presses_enter();
    person.waits_for("\"/a b\" is not a path")?;
    assert_eq!(person.value("Text").as_deref(), Some("kept"));
    Ok(())
}
