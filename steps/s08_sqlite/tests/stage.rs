//! Messages survive a restart, also a kill in the middle of a write, and no file of another program is harmed.

use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use testing::writers::{self, Writers};
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    says_what_is_wrong_with_http, ends_with_a_connection, #[needs("curl")] curl_changes_a_message,
    ends_with_no_request, ignores_an_empty_line_before_a_request, goes_on_after_a_line_that_fails,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end, ureq_changes_a_message,
    #[cfg(not(feature = "window"))] says_that_it_has_no_window,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    STAGE.takes_lines_at_the_prompt(
        "첫째\nPOST second\nPUT /0 고친 말\nHEAD /0\nGET /1\n\nPUT  /9\nGET\n",
    )
}

/// Clients write as fast as they can; then the server is killed, started again, and asked for all that
/// it had answered. This is repeated with one file.
#[test]
fn killed_at_any_moment_it_has_what_it_answered_for() -> Result<()> {
    const ROUNDS: usize = 10;
    const CLIENTS: usize = 4;
    let mut server = STAGE.server()?;
    let mut answered = Vec::new();
    for round in 0..ROUNDS {
        let writers = Writers::start(server.addr(), CLIENTS, &format!("round {round}"));
        // Later in each round, and at no particular point of a request.
        answered.extend(writers.take(20 + 13 * round));
        server.kill();
        answered.extend(writers.rest());
        server.restart()?;
        let list = writers::list(server.addr())?;
        writers::is_all_in(&answered, &list).with_context(|| format!("round {round}"))?;
        // At most one more for each client: its answer was on the way.
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
    const TABLE: &str =
        "CREATE TABLE messages (position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT";
    let paths = [
        text,
        database("newer", &format!("PRAGMA journal_mode = WAL; PRAGMA user_version = 2; {TABLE}"))?,
        database("foreign", "CREATE TABLE recipes (name)")?,
        database("same", "CREATE TABLE messages (place INTEGER PRIMARY KEY, text)")?,
        database("index", &format!("{TABLE}; CREATE INDEX texts ON messages (text)"))?,
        database("locked", TABLE)?,
    ];
    let mut said = String::new();
    for path in paths {
        let before = fs::read(&path)?;
        // Opened after the file was read, because closing a file ends the locks of this process.
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
    Ok(())
}

/// A file that cannot be written is refused at the start, and not at the first message.
#[cfg(target_os = "linux")]
#[needs("setpriv")]
#[test]
fn a_file_that_cannot_be_written_is_refused() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let file = STAGE.file("read-only")?;
    rusqlite::Connection::open(&file)?.execute_batch("VACUUM")?;
    let folder = STAGE.file("sealed")?.with_file_name("folder");
    fs::create_dir(&folder)?;
    for (path, mode) in [(&file, 0o444), (&folder, 0o555)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    for (path, reason) in [
        (file, "it cannot be written"),
        (folder.join("messages.db"), "unable to open database file"),
    ] {
        let name = path.to_str().context("no name")?;
        // The permissions of a file apply to root only without its capabilities.
        let line = "[ $(id -u) = 0 ] && set -- setpriv --bounding-set=-all --inh-caps=-all \"$@\"
                    exec \"$@\"";
        let output = std::process::Command::new("timeout")
            .args(["10", "sh", "-c", line, "sh"])
            .args([STAGE.binary, "server", "--addr", "127.0.0.1:0", "--db", name])
            .output()?;
        let words = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.starts_with(&format!("cannot keep messages in {name}: {reason}")), "{words}");
        assert_eq!(words.lines().count(), 1, "{words}");
        assert!(output.stdout.is_empty(), "it listens");
    }
    Ok(())
}

/// What is answered is on the disk, not only in the memory of the system: each POST makes SQLite sync its log.
#[cfg(target_os = "linux")]
#[needs("pgrep", "strace")]
#[test]
fn each_message_is_synced() -> Result<()> {
    let trace = STAGE.file("trace")?;
    let db = STAGE.file("synced.db")?;
    let mut server = std::process::Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&trace)
        .args([STAGE.binary, "server", "--addr", "127.0.0.1:0", "--db"])
        .arg(db)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut output = std::io::BufReader::new(server.stdout.take().context("no output")?);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line)?;
    let addr = line.trim().trim_start_matches("listening on ").to_string();
    // The server's log is read by another thread, so that the pipe does not fill.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let syncs = || -> Result<usize> { Ok(fs::read_to_string(&trace)?.matches("sync(").count()) };
    let before = syncs()?;
    for number in 0..20 {
        testing::ureq::post(format!("http://{addr}/")).send(format!("message {number}"))?;
    }
    let after = syncs()?;
    for child in testing::process::children(server.id())? {
        testing::process::signal("-KILL", child)?;
    }
    server.wait()?;
    assert!(after - before >= 20, "{} syncs for 20 messages", after - before);
    Ok(())
}
