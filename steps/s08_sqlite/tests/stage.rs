//! Messages survive a restart, also a kill in the middle of a write, and no file of another program is harmed.

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use testing::writers::{self, Writers};
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, ends_with_no_request,
    ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
    #[needs("curl")] curl_changes_a_message,
    ureq_changes_a_message, #[cfg(not(feature = "window"))] says_that_it_has_no_window,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE.takes_lines_at_the_prompt(
        "첫째\nPOST second\nPUT /0 고친 말\nHEAD /0\nGET /1\n\nPUT  /9\nGET\n",
    )
}

/// Clients write as fast as they can; then the server is killed, started again, and asked for all that
/// it had answered for. Over and over, with one file.
#[test]
fn killed_at_any_moment_it_has_what_it_answered_for() -> Result<()> {
    const ROUNDS: usize = 10;
    const CLIENTS: usize = 4;
    let mut server = STAGE.server()?;
    let mut answered = Vec::new();
    for round in 0..ROUNDS {
        let writers = Writers::start(server.addr(), CLIENTS, &format!("round {round}"));
        // The more rounds, the later; and at no particular point of a request.
        answered.extend(writers.take(20 + 13 * round));
        server.kill();
        answered.extend(writers.rest());
        server.restart()?;
        let list = writers::list(server.addr())?;
        writers::is_all_in(&answered, &list).with_context(|| format!("round {round}"))?;
        // At most one more for each client, whose answer was on its way.
        assert!(list.len() <= answered.len() + CLIENTS * (round + 1));
    }
    println!("{} messages in {ROUNDS} rounds", answered.len());
    assert!(answered.len() >= 20 * ROUNDS);
    Ok(())
}

#[test]
fn a_file_that_is_not_ours_is_left_alone() -> Result<()> {
    let database = |name: &str, statements: &str| -> Result<PathBuf> {
        let path = STAGE.file(name)?;
        rusqlite::Connection::open(&path)?.execute_batch(statements)?;
        Ok(path)
    };
    let text = STAGE.file("text")?;
    fs::write(&text, "Dear diary, this is no database.\n".repeat(10))?;
    let newer = database(
        "newer",
        "PRAGMA journal_mode = WAL; PRAGMA user_version = 2; CREATE TABLE new (x)",
    )?;
    let foreign = database("foreign", "CREATE TABLE recipes (name)")?;
    let same = database("same", "PRAGMA user_version = 1; CREATE TABLE recipes (name)")?;
    let locked =
        database("locked", "PRAGMA user_version = 1; CREATE TABLE messages (place, text)")?;
    let mut said = String::new();
    for path in [text, newer, foreign, same, locked] {
        let before = fs::read(&path)?;
        // Not before the file was read here: to close it would end the lock of this process.
        let other =
            path.to_string_lossy().contains("locked").then(|| rusqlite::Connection::open(&path));
        let other = other.transpose()?;
        if let Some(other) = &other {
            other.execute_batch("BEGIN EXCLUSIVE")?;
        }
        let arguments =
            ["server", "--addr", "127.0.0.1:0", "--db", path.to_str().context("no name")?];
        let ended = STAGE.run(&arguments)?.assert().code(1).stdout_eq("");
        said.push_str(&String::from_utf8_lossy(&ended.get_output().stderr));
        drop(other);
        assert_eq!(fs::read(&path)?, before, "{}", path.display());
    }
    let nowhere = STAGE.file("nowhere")?.with_file_name("folder").join("messages.db");
    let arguments =
        ["server", "--addr", "127.0.0.1:0", "--db", nowhere.to_str().context("no name")?];
    let ended = STAGE.run(&arguments)?.assert().code(1);
    said.push_str(&String::from_utf8_lossy(&ended.get_output().stderr));
    assert!(!nowhere.exists());
    let said = said.replace(STAGE.own_folder().to_str().context("no name")?, "TMP");
    STAGE.compare()?.normalize_paths(true).eq(said, STAGE.snapshot("files.txt"));
    fs::remove_dir_all(STAGE.own_folder())?;
    Ok(())
}
