//! The window shows the list, which is fetched after each message.

use anyhow::Result;
use testing::needs;

testing::window!();

testing::usual! {
    WINDOW: can_be_read_by_a_class, can_be_small_and_large, says_that_a_font_is_missing,
}

#[needs("a Korean font")]
#[test]
fn the_list_is_drawn() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    person.sends("첫째");
    person.waits_for("0: 첫째")?;
    person.types("Text", " 둘째");
    person.clicks("Send");
    person.waits_for("1: 첫째 둘째")?;
    assert!(person.sees("0: 첫째"));
    Ok(())
}

/// Of a long list the newest messages are drawn, and the start of each.
#[test]
fn a_long_list() -> Result<()> {
    let messages: Vec<String> = (0..2000).map(|n| format!("message {n}\u{7}").repeat(80)).collect();
    let list = serde_json::to_string(&messages)?;
    let person = WINDOW.shows_a_part_of(200, &list)?;
    assert!(person.sees("1999: message 1999\\u{7}message"));
    assert!(person.sees("(older messages are not shown)") && !person.sees("1990: message"));
    Ok(())
}
