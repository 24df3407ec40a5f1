//! check: what a student sees of it, against the stages' own servers and against wrong ones.

use crate::{binary, command, lesson, root, server, stdout};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use snapbox::str;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testing::needs;

/// A process that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command that starts a stage's server for `--run`.
fn run_of(stage: &str) -> Result<String> {
    Ok(format!("'{}' server --addr {{addr}}", binary(stage)?.display()))
}

/// A server that does the same with every connection; returns its address.
fn server_that(serve: fn(&mut TcpStream) -> std::io::Result<()>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&mut stream));
        }
    });
    Ok(addr)
}

/// The text without the numbers of its ports.
pub fn without_ports(text: &str) -> String {
    let mut pieces = text.split("127.0.0.1:");
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |text, piece| {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        let port = if piece.starts_with("8080") { "8080" } else { "[PORT]" };
        format!("{text}127.0.0.1:{port}{rest}")
    })
}

/// The report of one case, without the address.
fn only(stage: &str, id: &str, addr: &str) -> Result<String> {
    let ended = lesson(&["check", stage, "--addr", addr, "--only", id]).code(1).stderr_eq("");
    Ok(stdout(ended)?.replace(addr, "127.0.0.1:8080"))
}

#[test]
fn a_stage_that_runs_already() -> Result<()> {
    let server = server("s02_loop")?;
    lesson(&["check", "s02", "--addr", server.addr()]).success().stderr_eq("").stdout_eq(str![[
        r#"
asked 127.0.0.1:[..] what s02_loop answers: 12 cases
all 12 cases hold

"#
    ]]);
    Ok(())
}

/// A server that is started and started again by the check, and what it says where one thing is missing.
#[test]
fn six_is_not_yet_seven() -> Result<()> {
    let ended = lesson(&["check", "7", "--run", &run_of("s06_form")?]).code(1).stderr_eq("");
    let said = stdout(ended)?.replace(&run_of("s06_form")?, "COMMAND").replace('\\', "/");
    let said = without_ports(&said);
    snapbox::assert_data_eq!(
        said,
        str![[r#"
asked 127.0.0.1:[PORT] what s07_put answers: [..] cases
✗ post  POST /
  the status is 200, not 201
  sent      POST / HTTP/1.1/r/n
...
            the text of post
  wanted    201
            Content-Type: text/plain; charset=utf-8
            Location: /0
            Content-Length: 16

            the text of post
  received  HTTP/1.1 200 OK/r/n
...
  see       RFC 9110, section 15.3.2
  start it  [..]
  by hand   curl -i -X POST --data-binary 'the text of post' 127.0.0.1:8080/
  body-in-two-segments, head-in-two-segments and [..] more: the same
✗ get-before (and [..] more): the status is 404, not 200
✗ post-message (and [..] more): the status is 404, not 405
in full: cargo lesson check 7 --run 'COMMAND' --only get-before

[..] of [..] cases hold
  what holds      paths that name no message
  what does not   POST / (0 of [..] hold), the list ([..]
...
  look at first   post

"#]]
    );
    Ok(())
}

#[test]
fn it_need_not_be_empty() -> Result<()> {
    let server = server("s07_put")?;
    for number in 0..15 {
        let text = format!("an earlier message, {number}");
        testing::ureq::post(format!("http://{}", server.addr())).send(&text)?;
    }
    lesson(&["check", "7", "--addr", server.addr()]).success();
    // The messages of others are still what they were.
    let list = testing::ureq::get(format!("http://{}", server.addr())).call()?;
    let list: Vec<String> = serde_json::from_str(&list.into_body().read_to_string()?)?;
    for (number, text) in list.iter().take(15).enumerate() {
        assert_eq!(*text, format!("an earlier message, {number}"));
    }
    // And once more, with what the first check has left.
    lesson(&["check", "7", "--addr", server.addr()]).success();
    Ok(())
}

#[test]
fn where_nothing_listens_it_says_what_to_start() -> Result<()> {
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    for stage in ["2", "3", "7", "11"] {
        let ended = lesson(&["check", stage, "--addr", &addr]).code(1);
        let said = String::from_utf8(ended.get_output().stderr.clone())?;
        let sentence = format!("nothing listens at {addr} (");
        assert!(said.starts_with(&sentence) && said.lines().count() == 1, "{said}");
        assert!(said.contains("; start a server first, such as: cargo run -p s"), "{said}");
        assert!(said.contains(&format!(" -- server --addr {addr}; ")), "{said}");
        assert!(said.contains("--run 'COMMAND {addr}'"), "{said}");
    }
    Ok(())
}

#[test]
fn bad_arguments_have_a_status_of_their_own() -> Result<()> {
    let cases: [&[&str]; 9] = [
        &["check"],
        &["check", "99"],
        &["check", "nine"],
        &["check", "7", "--addr", "localhost"],
        &["check", "7", "--addr", "127.0.0.1:99999"],
        &["check", "7", "--only", "no-such-case"],
        &["check", "7", "--run", "x", "--addr", "127.0.0.1:1"],
        &["check", "7", "no_such_copy"],
        &["watch", "7"],
    ];
    for arguments in cases {
        let ended = lesson(arguments).code(2).stdout_eq("");
        let said = String::from_utf8(ended.get_output().stderr.clone())?;
        assert!(!said.trim().is_empty() && !said.contains("panicked"), "{arguments:?}: {said}");
    }
    let ended = lesson(&["check", "7", "--only", "no-such-case"]).code(2);
    let said = String::from_utf8(ended.get_output().stderr.clone())?;
    assert!(said.contains("put-replaces") && said.lines().count() == 1, "{said}");
    Ok(())
}

#[test]
fn a_line_a_case() -> Result<()> {
    let run = run_of("s08_sqlite")?;
    let said = stdout(lesson(&["check", "8", "--run", &run, "--brief"]).success())?;
    let cases: Vec<&str> =
        said.lines().filter_map(|line| line.strip_prefix("✓ ")?.split(' ').next()).collect();
    assert_eq!(cases, contract::ids(8));
    assert!(said.contains("✓ put-replaces  RFC 9110, section 9.3.4\n"), "{said}");
    let all = format!("all {} cases hold", cases.len());
    assert_eq!(said.lines().last(), Some(&*all));
    Ok(())
}

#[test]
fn json_is_for_grading() -> Result<()> {
    let run = run_of("s06_form")?;
    let said = stdout(lesson(&["check", "7", "--run", &run, "--json"]).code(1).stderr_eq(""))?;
    let cases: Vec<Value> = serde_json::from_str(&said)?;
    let ids: Vec<&str> = cases.iter().filter_map(|case| case["id"].as_str()).collect();
    assert_eq!(ids, contract::ids(7));
    for case in &cases {
        let keys: Vec<&String> = case.as_object().context("no object")?.keys().collect();
        assert_eq!(keys, ["id", "passed", "reason", "seconds", "section", "stage"]);
        assert_eq!(case["stage"], 7);
        assert_eq!(case["reason"].is_null(), case["passed"] == true);
        assert!(case["seconds"].as_f64().is_some_and(|seconds| seconds < 20.0));
    }
    let replaces = cases.iter().find(|case| case["id"] == "put-replaces").context("no case")?;
    assert_eq!(replaces["reason"], "the status is 404, not 200");
    Ok(())
}

#[test]
fn it_can_stop_at_the_first_fault() -> Result<()> {
    let run = run_of("s06_form")?;
    let arguments = ["check", "7", "--run", &run, "--brief", "--fail-fast"];
    lesson(&arguments).code(1).stdout_eq(str![[r#"
asked 127.0.0.1:[..] what s07_put answers: [..] cases
✗ post: the status is 200, not 201  RFC 9110, section 9.3.3
the case does not hold

"#]]);
    Ok(())
}

/// Each case can be asked alone: what it needs is made before it.
#[test]
fn each_case_can_be_asked_alone() -> Result<()> {
    let server = server("s09_vps")?;
    let mut asked = 0;
    for id in contract::ids(9).into_iter().filter(|id| !id.starts_with("restart-")) {
        let arguments = ["check", "9", "--addr", server.addr(), "--only", id];
        lesson(&arguments).success().stdout_eq(str![[r#"
asked 127.0.0.1:[..] what s09_vps answers: 1 case
the case holds

"#]]);
        asked += 1;
    }
    assert!(asked > 50);
    let run = run_of("s09_vps")?;
    for id in ["restart-keeps", "restart-continues"] {
        lesson(&["check", "9", "--run", &run, "--only", id]).success();
    }
    Ok(())
}

/// Without `--run` a person starts the server again, and presses Enter.
#[test]
fn a_restart_by_hand() -> Result<()> {
    let mut server = server("s08_sqlite")?;
    let mut check = Program(
        Command::new(env!("CARGO_BIN_EXE_lesson"))
            .args(["check", "8", "--addr", server.addr()])
            .current_dir(root())
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?,
    );
    let mut prompt = check.0.stderr.take().context("no errors")?;
    let mut keyboard = check.0.stdin.take().context("no keyboard")?;
    // Once after a POST, and once after a PUT.
    for _ in 0..2 {
        let mut said = String::new();
        while !said.ends_with("(--no-restart leaves this out): ") {
            let mut byte = [0];
            ensure!(prompt.read(&mut byte)? == 1, "no prompt: {said}");
            said.push(char::from(byte[0]));
        }
        server.restart()?;
        keyboard.write_all(b"\n")?;
    }
    let mut said = String::new();
    check.0.stdout.take().context("no output")?.read_to_string(&mut said)?;
    assert!(check.0.wait()?.success(), "{said}");

    // With --no-restart the report names the cases. Without a keyboard they are not checked.
    let arguments = ["check", "8", "--addr", server.addr(), "--no-restart"];
    let said = stdout(lesson(&arguments).success())?;
    assert!(said.contains("left out        restart-keeps, restart-continues"), "{said}");
    let ended = command(&root(), &["check", "8", "--addr", server.addr()]).stdin("").assert();
    let said = stdout(ended.code(1))?;
    assert!(said.contains("the server was not started again"), "{said}");
    Ok(())
}

#[test]
fn the_last_words_of_a_server_that_ends() -> Result<()> {
    let run = run_of("s09_vps")?;
    let ended = lesson(&["check", "10", "--run", &run, "--only", "garbage-tls"]).code(1);
    let said = stdout(ended)?;
    assert!(said.contains("the server ended during this case"), "{said}");
    assert!(said.contains("printed   \""), "{said}");
    // The report wraps what the server printed.
    let words: Vec<&str> = said.split_whitespace().collect();
    assert!(words.join(" ").contains("the head is not UTF-8"), "{said}");
    Ok(())
}

#[test]
fn a_server_that_does_not_start() -> Result<()> {
    let ended = lesson(&["check", "7", "--run", "echo no such module >&2; exit 3 # {addr}"]);
    let said = String::from_utf8(ended.code(1).get_output().stderr.clone())?;
    let sentence =
        "the server ended before it listened (exit status: 3); it printed: \"no such module\"\n";
    assert!(!cfg!(unix) || said == sentence, "{said}");
    Ok(())
}

#[test]
fn it_hangs() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let start = Instant::now();
    let said = stdout(lesson(&["check", "7", "--addr", &addr]).code(1))?;
    assert!(start.elapsed() < Duration::from_secs(25));
    assert!(said.contains("✗ get-list  GET /\n  nothing came back within "), "{said}");
    assert!(said.contains("the server does not answer any more"), "{said}");
    assert!(said.lines().count() <= 40, "{said}");
    Ok(())
}

/// The bytes of a server have no effect on the terminal, and the report has an end even if the response has none.
#[test]
fn a_hostile_server() -> Result<()> {
    let addr = server_that(|stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(
            "HTTP/1.1 200 \x1b[2J\u{202e}\u{9b}31m\r\nX: \u{2066}\r\n\r\n\x07".as_bytes(),
        )
    })?;
    for arguments in [&[][..], &["--brief"], &["--json"]] {
        let arguments = [&["check", "7", "--addr", &addr], arguments].concat();
        let said = stdout(lesson(&arguments).code(1))?;
        let wild = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{2069}').contains(&c);
        assert!(!said.contains(wild), "{said:?}");
    }
    Ok(())
}

#[test]
#[cfg(target_os = "linux")]
fn a_body_without_an_end() -> Result<()> {
    let addr = server_that(|stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 1 << 16])?;
        }
    })?;
    let mut check = Program(
        Command::new(env!("CARGO_BIN_EXE_lesson"))
            .args(["check", "7", "--addr", &addr])
            .current_dir(root())
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .spawn()?,
    );
    // The system reports the peak of its memory only while it runs.
    let mut lines = BufReader::new(check.0.stdout.take().context("no output")?).lines();
    let status = format!("/proc/{}/status", check.0.id());
    let mut most = 0;
    let start = Instant::now();
    while check.0.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.trim().parse().ok());
        most = most.max(kilobytes.unwrap_or(0));
        thread::yield_now();
    }
    assert!((1..64 << 10).contains(&most), "{most} kB");
    assert!(start.elapsed() < Duration::from_secs(25));
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("bytes came back, and no end"))));
    Ok(())
}

/// The command in a report shows the same fault by hand.
#[needs("curl", "nc")]
#[test]
#[cfg(unix)]
fn the_same_by_hand() -> Result<()> {
    let server = server("s07_put")?;
    for text in ["one", "two"] {
        testing::ureq::post(format!("http://{}", server.addr())).send(text)?;
    }
    let mut asked = 0;
    for question in contract::requests(server.addr()) {
        let command = contract::by_hand(&question, server.addr(), false);
        // The `sleep` lets a person follow. Here the request only has to come in two pieces.
        let command = command
            .replace("sleep 1", "sleep 0.05")
            .replace("curl -i", "curl -si")
            .replace("curl -I", "curl -sI");
        let output = Command::new("bash").args(["-c", &command]).output()?;
        let patience =
            contract::Patience { whole: Duration::from_secs(10), close: Duration::from_secs(10) };
        let exchange = contract::exchange(server.addr(), &question, patience);
        let status = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_string()
        };
        assert_eq!(status(&output.stdout), status(&exchange.got), "{}: {command}", question.id);
        asked += 1;
    }
    assert!(asked > 40);
    Ok(())
}

/// A connection without a request would end a server of an early stage, so the check opens none.
#[test]
fn each_connection_has_a_message() -> Result<()> {
    let mut server = server("s05_get")?;
    lesson(&["check", "5", "--addr", server.addr()]).success();
    let log = server.said()?;
    assert!(!log.contains("a connection failed"), "{log}");
    Ok(())
}

/// A case that changes nothing is one connection; one that changes the list is followed by one `GET /`.
#[test]
fn the_log_of_the_server_stays_readable() -> Result<()> {
    let mut server = server("s07_put")?;
    let before = contract::ids(7).len();
    lesson(&["check", "7", "--addr", server.addr()]).success();
    let log = server.said()?;
    let connections = log.matches("accepted a connection").count();
    let changes = log.matches("← HTTP/1.1 201").count() + log.matches("→ PUT /").count();
    assert!(connections <= before + changes + 12, "{connections} connections for {before} cases");
    Ok(())
}

#[test]
fn one_question_of_stage_three_that_no_server_of_http_answers() -> Result<()> {
    let addr = server_that(|stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(b"220 mail.example ESMTP\r\n")
    })?;
    snapbox::assert_data_eq!(
        only("3", "korean", &addr)?.replace('\\', "/"),
        str![[r#"
asked 127.0.0.1:8080 what s03_http answers: 1 case
✗ korean  POST /
  this is not an HTTP response; it begins with "220 mail.example ESMTP/r/n"
  sent      POST / HTTP/1.1/r/n
            Host: 127.0.0.1:8080/r/n
            Connection: close/r/n
            Content-Length: 20/r/n
            /r/n
            안녕, 네트워크
  wanted    200
            Content-Type: text/plain; charset=utf-8
            Content-Length: 20

            안녕, 네트워크
  received  220 mail.example ESMTP/r/n
  see       RFC 9112, section 4
  by hand   curl -i -X POST --data-binary '안녕, 네트워크' 127.0.0.1:8080/

the case does not hold

"#]]
    );
    Ok(())
}
