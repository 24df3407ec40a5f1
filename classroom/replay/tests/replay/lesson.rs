//! A lesson with a line of each kind: what the replay shows, the same each time, in both languages.

use crate::small::{folders, output, place, stage};
use anyhow::Result;
use needs::needs;
use std::process::{Command, Stdio};

/// Replays `lesson`. The addresses of the server and of the clients are left out.
fn replay(lesson: &str, arguments: &[&str]) -> Result<String> {
    let place = place()?;
    let shown = output(stage(place.path(), lesson)?.args(arguments).stdin(Stdio::null()))?;
    assert_eq!(folders(place.path())?, 0);
    Ok(without_ports(&shown))
}

fn without_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut rest = parts.next().unwrap_or_default().to_string();
    for part in parts {
        rest.push_str("ADDR");
        rest.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit()));
    }
    rest
}

/// Only the rows of the server's side, without their spaces, or only those of the other side.
fn side(text: &str, server: bool) -> Vec<&str> {
    let rows = text.lines().filter(|row| row.starts_with("      ") == server);
    rows.map(str::trim).filter(|row| !row.is_empty()).collect()
}

const LESSON: &str = "# 1. Title\n#ko 1. 제목\n\
    # Words.\n#ko 말입니다.\n\
    > first\n\
    $ attack rst\n\
    $ attack slow &\n\
    > beside it\n\
    ! restart --timeout 2\n\
    > third\n\
    >\n\
    $ attack flood\n\
    ! stop\n\
    ! restart\n\
    > 넷째\n";

#[test]
fn a_late_log_and_a_command_in_the_background_have_their_places() -> Result<()> {
    let shown = replay(LESSON, &[])?;
    let lines = [
        "listening on ADDR",
        "now ADDR",
        "accepted a connection",
        "→ first",
        "← HTTP/1.1 200 OK",
        "closed",
        "now ADDR",
        "accepted a connection",
        "closed",
        // The slow client connects, another one is served, and the slow one closes.
        "now ADDR",
        "accepted a connection",
        "now ADDR",
        "accepted a connection",
        "→ beside it",
        "← HTTP/1.1 200 OK",
        "closed",
        "now ADDR",
        "closed",
        "! restart --timeout 2",
        "listening on ADDR",
        "more arguments: --timeout 2",
        "now ADDR",
        "accepted a connection",
        "→ third",
        "← HTTP/1.1 200 OK",
        "closed",
        // Seven clients with the same lines.
        "now ADDR",
        "accepted a connection",
        "closed",
        "(the same on 6 more connections)",
        "! stop (SIGTERM)",
        "the server was asked to end",
        "(the server ends: exit status: 0)",
        "! restart",
        "listening on ADDR",
        "now ADDR",
        "accepted a connection",
        "→ 넷째",
        "← HTTP/1.1 200 OK",
        "closed",
    ];
    let expected: Vec<&str> = lines.into_iter().collect();
    assert_eq!(side(&shown, true), expected, "{shown}");
    let expected = [
        "Lesson 1. Title",
        "client                                server",
        "# Words.",
        "> first",
        "→ first",
        "first",
        "$ attack rst",
        "closed at once",
        "$ attack slow &",
        "> beside it",
        "→ beside it",
        "beside it",
        "(the command ends: attack slow)",
        "said nothing for 1.5 s",
        "> third",
        "→ third",
        "third",
        ">",
        "(the client ends)",
        "$ attack flood",
        "connected 6 times more",
        "> 넷째",
        "→ 넷째",
        "넷째",
        "the server by hand:  cargo run -p stage -- server",
        "the client by hand:  cargo run -p stage -- client",
        "the explanation:     NOTES.md, section 1. Title",
    ];
    assert_eq!(side(&shown, false), expected, "{shown}");
    // Each line has its place, also on a busy machine.
    let others: Vec<_> = (0..4).map(|_| std::thread::spawn(|| replay(LESSON, &[]))).collect();
    for other in others {
        assert_eq!(other.join().expect("a replay")?, shown);
    }
    Ok(())
}

#[test]
fn the_words_of_the_replay_are_korean_in_a_korean_lesson() -> Result<()> {
    let shown = replay(LESSON, &["--lang", "ko"])?;
    for row in [
        "수업 1. 제목",
        "클라이언트                            서버",
        "# 말입니다.",
        "> first",
        "(명령이 끝났습니다: attack slow)",
        "(클라이언트가 끝났습니다)",
        "서버를 직접 실행:        cargo run -p stage -- server",
        "클라이언트를 직접 실행:  cargo run -p stage -- client",
        "설명:                    NOTES.ko.md, 1. 제목",
    ] {
        assert!(shown.lines().any(|line| line == row), "{row}\n{shown}");
    }
    for row in
        ["! 다시 시작 --timeout 2", "(다른 연결 6개도 위와 같습니다)", "! 종료 요청(SIGTERM)"]
    {
        assert!(side(&shown, true).contains(&row), "{row}\n{shown}");
    }
    // What the programs print is the same in both languages.
    let english = replay(LESSON, &[])?;
    let logged = |text: &str| -> Vec<String> {
        let is_logged = |row: &&str| !row.starts_with(['!', '(']);
        let rows = side(text, true).into_iter().filter(is_logged);
        rows.map(String::from).collect()
    };
    assert_eq!(logged(&shown), logged(&english));
    Ok(())
}

const SEVERAL: &str = "# 1. Title\n#ko 1. 제목\n\
    ! postgresql\n\
    > first\n\
    ! start 2\n\
    ! kill 1\n\
    ! use 2\n\
    > second\n\
    ! start 1\n\
    $ attack rst\n\
    ! restart --timeout 2\n";

#[needs("postgres")]
#[test]
fn several_servers_have_their_names() -> Result<()> {
    let shown = replay(SEVERAL, &[])?;
    // All servers have the same store.
    let store = ["more arguments: --db messages1"];
    let lines = [
        &["(server 1)", "listening on ADDR"][..],
        &store,
        &[
            "(server 1)",
            "now ADDR",
            "accepted a connection",
            "→ first",
            "← HTTP/1.1 200 OK",
            "closed",
        ],
        &["! start server 2", "(server 2)", "listening on ADDR"],
        &store,
        &["! kill server 1 (SIGKILL)"],
        &[
            "(server 2)",
            "now ADDR",
            "accepted a connection",
            "→ second",
            "← HTTP/1.1 200 OK",
            "closed",
        ],
        &["! start server 1", "(server 1)", "listening on ADDR"],
        &store,
        &["(server 2)", "now ADDR", "accepted a connection", "closed"],
        &["! restart --timeout 2", "(server 2)", "listening on ADDR"],
        &["more arguments: --db messages1 --timeout 2"],
    ];
    assert_eq!(side(&shown, true), lines.concat(), "{shown}");
    let client: Vec<&str> = side(&shown, false).into_iter().skip(2).take(8).collect();
    let (first, second) = (["> first", "→ first", "first"], ["> second", "→ second", "second"]);
    let expected = [&first[..], &["! client of server 2"], &second, &["$ attack rst"]].concat();
    assert_eq!(client, expected, "{shown}");
    let korean = replay(SEVERAL, &["--lang", "ko"])?;
    for row in ["(서버 1)", "! 서버 2 시작", "! 서버 1 강제 종료(SIGKILL)"] {
        assert!(side(&korean, true).contains(&row), "{row}\n{korean}");
    }
    assert!(side(&korean, false).contains(&"! 서버 2의 클라이언트"), "{korean}");
    Ok(())
}

#[needs("postgres")]
#[test]
fn a_server_that_ends_is_named_where_there_are_several() -> Result<()> {
    let place = place()?;
    let lesson = "# 1. Title\n! postgresql\n! start 2\n! restart --end\n# words\n";
    let output = stage(place.path(), lesson)?.output()?;
    let errors = String::from_utf8(output.stderr)?;
    let said = "server 1 ended with exit status: 0 in the middle of the lesson\n";
    assert_eq!(errors, said, "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(folders(place.path())?, 0);
    Ok(())
}

/// The variables that name a person's own PostgreSQL have no effect.
#[needs("postgres")]
#[test]
fn the_store_is_never_that_of_the_environment() -> Result<()> {
    let place = place()?;
    let mut stage = stage(place.path(), "# 1. Title\n! postgresql\n> first\n")?;
    let variables = [("PGHOST", "no.such.host.invalid"), ("PGPORT", "1"), ("PGUSER", "me")];
    let more = [("PGDATA", "/nowhere"), ("PGOPTIONS", "--nonsense"), ("PGSSLMODE", "require")];
    assert!(output(stage.envs(variables).envs(more))?.contains("first"));
    assert_eq!(folders(place.path())?, 0);
    Ok(())
}

#[test]
fn the_language_is_that_of_the_locale() -> Result<()> {
    let place = place()?;
    let title = |set: &[(&str, &str)], arguments: &[&str]| -> Result<String> {
        let mut command: Command = stage(place.path(), "# 1. Title\n#ko 1. 제목\n")?;
        command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env_remove("LANG");
        command.envs(set.iter().copied()).args(arguments);
        Ok(output(&mut command)?.lines().next().unwrap_or_default().to_string())
    };
    let (english, korean) = ("Lesson 1. Title", "수업 1. 제목");
    assert_eq!(title(&[], &[])?, english);
    assert_eq!(title(&[("LANG", "ko_KR.UTF-8")], &[])?, korean);
    assert_eq!(title(&[("LANG", "ko_KR.UTF-8"), ("LC_MESSAGES", "C")], &[])?, english);
    assert_eq!(title(&[("LANG", "C"), ("LC_ALL", "ko_KR.UTF-8")], &[])?, korean);
    assert_eq!(title(&[("LANG", "ko_KR.UTF-8")], &["--lang", "en"])?, english);
    assert_eq!(title(&[], &["--lang", "ko"])?, korean);
    Ok(())
}

#[test]
fn step_is_plain_text_without_a_terminal() -> Result<()> {
    let place = place()?;
    let lesson = "# 1. Title\n# one\n# two\n> three\n";
    let plain = output(stage(place.path(), lesson)?.stdin(Stdio::null()))?;
    let steps = output(stage(place.path(), lesson)?.arg("--step").stdin(Stdio::null()))?;
    assert!(!steps.contains('\x1b'), "{steps:?}");
    assert_eq!(steps.lines().filter(|row| *row == "Enter: go on").count(), 2, "{steps}");
    let without: Vec<&str> = steps.lines().filter(|row| *row != "Enter: go on").collect();
    assert_eq!(without_ports(&without.join("\n")), without_ports(plain.trim_end()));
    Ok(())
}

#[test]
fn an_error_is_one_plain_sentence() -> Result<()> {
    let place = place()?;
    for (lesson, said) in [
        (
            "# 1. Title\nno mark\n",
            "line 2 of the lesson: \"no mark\" does not begin with #, >, $ or !",
        ),
        ("# 1. Title\n$ attack none\n", "the command \"attack none\" ended with exit status: 1"),
    ] {
        let output = stage(place.path(), lesson)?.output()?;
        assert!(!output.status.success());
        let errors = String::from_utf8(output.stderr)?;
        assert_eq!(errors, format!("{said}\n"));
        assert_eq!(folders(place.path())?, 0);
    }
    Ok(())
}
