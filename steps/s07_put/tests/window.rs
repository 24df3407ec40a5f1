//! The window shows the whole request and the whole response, and PUT changes a message. Then the same
//! window on a real screen, from the keyboard.

use anyhow::Result;
use testing::{needs, servers};

testing::window!();

testing::usual! {
    WINDOW: can_be_read_by_a_class, can_be_small_and_large,
    keeps_the_text_without_http, can_be_used_while_it_waits, says_that_a_font_is_missing,
}

#[needs("a Korean font")]
#[test]
fn enter_sends_and_empties_the_field() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    assert_eq!(person.value("Path").as_deref(), Some("/"));
    person.sends("안녕, 창");
    person.waits_for("0: 안녕, 창")?;
    assert!(person.sees("→ POST / HTTP/1.1"));
    assert!(person.sees("← HTTP/1.1 201 Created"));
    assert!(person.sees("← Location: /0"));
    assert!(person.text("→ POST")?.is_green() && person.text("← HTTP/1.1 201")?.is_magenta());
    assert_eq!(person.value("Text").as_deref(), Some(""));
    assert!(person.is_in("Text"));
    assert_eq!(client::fetch_list(server.addr())?, ["안녕, 창"]);
    Ok(())
}

#[needs("a Korean font")]
#[test]
fn put_changes_a_message() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    person.types("Text", "first");
    person.clicks("Send");
    person.waits_for("0: first")?;
    assert_eq!(person.value("Index"), None);
    person.chooses("PUT");
    person.types("Index", "0");
    assert_eq!(person.value("Path").as_deref(), Some("/0"));
    person.types("Text", "고친 말");
    person.clicks("Send");
    person.waits_for("0: 고친 말")?;
    assert!(person.sees("→ PUT /0 HTTP/1.1"));
    person.chooses("POST");
    assert_eq!(person.value("Index"), None);
    assert_eq!(person.value("Path").as_deref(), Some("/"), "the index goes with its field");
    Ok(())
}

#[test]
fn get_and_head_need_no_text() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
    person.sends("first");
    person.waits_for("0: first")?;
    person.types("Text", "not sent");
    person.chooses("GET");
    person.types("Path", "0");
    person.presses_enter();
    person.waits_for("← first")?;
    assert!(person.sees("→ GET /0 HTTP/1.1"));
    person.chooses("HEAD");
    person.clicks("Send");
    person.waits_for("← Content-Length: 5")?;
    assert!(person.sees("→ HEAD /0 HTTP/1.1") && !person.sees("← first"));
    assert_eq!(person.value("Text").as_deref(), Some("not sent"));
    Ok(())
}

#[test]
fn what_failed_keeps_its_text() -> Result<()> {
    let server = STAGE.server()?;
    let mut person = WINDOW.open(server.addr());
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

/// If the list cannot be fetched after a POST, the field is empty all the same: the text is stored.
#[test]
fn a_list_that_fails_is_no_failed_send() -> Result<()> {
    let reply = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    let mut person = WINDOW.open(&servers::server_that_replies(reply)?);
    person.sends("stored");
    person.waits_for("no whole reply to \"GET /\"")?;
    assert_eq!(person.value("Text").as_deref(), Some(""));
    Ok(())
}

/// The whole program, with nothing but a screen and a keyboard.
#[cfg(target_os = "linux")]
mod on_a_screen {
    use super::*;
    use std::process::Stdio;
    use testing::process::{Program, until};
    use testing::screen::{Screen, on_display};

    #[needs("Xvfb", "openbox", "xdotool")]
    #[test]
    fn types_presses_enter_and_closes_the_window() -> Result<()> {
        let server = STAGE.server()?;
        let screen = Screen::start()?;
        let mut command = screen.command(STAGE.binary);
        let mut window = Program::start(command.args(["window", "--addr", server.addr()]))?;
        // Waits for the window to be there and to listen to the keyboard.
        let find = ["search", "--sync", "--onlyvisible", "--name", STAGE.name];
        screen.xdotool(&[&find[..], &["windowactivate", "--sync"]].concat())?;
        screen.xdotool(&["type", "--delay", "30", "typed by a person"])?;
        screen.xdotool(&["key", "Return"])?;
        until("the message", || {
            let list = client::fetch_list(server.addr())?;
            Ok((list == ["typed by a person"]).then_some(()))
        })?;
        screen.xdotool(&["key", "alt+F4"])?;
        assert!(window.succeeds()?);
        Ok(())
    }

    #[test]
    fn has_no_screen() -> Result<()> {
        for display in ["", ":4711"] {
            let mut command = on_display(STAGE.binary, display);
            command.stdout(Stdio::null());
            if display.is_empty() {
                command.env_remove("DISPLAY");
            }
            let output = command.args(["window"]).output()?;
            let sentence = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{sentence}");
            assert!(sentence.starts_with("cannot open a window: "), "{sentence}");
            assert!(sentence.ends_with("cargo run -p s07_put -- client\n"), "{sentence}");
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
        Ok(())
    }
}
