//! The window shows the list, fetched after each message and by the button Refresh.

use anyhow::Result;
use testing::needs;

testing::window!();

testing::usual! {
    WINDOW: refreshes, says_that_a_font_is_missing,
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
