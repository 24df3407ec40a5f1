//! check, against the stages' own servers and against others.

use crate::{lesson, names, root, server, stdout};
use anyhow::{Context, Result};
use snapbox::str;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// A process that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_stage_is_as_the_contract_has_it() -> Result<()> {
    for (number, stage) in (1..).zip(names()?) {
        let server = server(&stage)?;
        let ended = lesson(&["check", &number.to_string(), "--addr", server.addr()]).success();
        let said = stdout(ended)?;
        let last = said.lines().last().unwrap_or_default();
        assert!(
            last.starts_with("all ") && last.ends_with(&format!(" cases are as in {stage}")),
            "{said}"
        );
        assert_eq!(
            said.lines().filter(|line| line.starts_with('✓')).count() + 2,
            said.lines().count()
        );
    }
    Ok(())
}

#[test]
fn the_echo_is_checked_raw() -> Result<()> {
    let server = server("s02_loop")?;
    let said = stdout(lesson(&["check", "2", "--addr", server.addr()]).success())?;
    assert_eq!(
        said.lines().next(),
        Some(&*format!("asking {} what s02_loop answers", server.addr()))
    );
    assert!(said.contains("✓ a line in Korean\n✓ an empty line\n"), "{said}");
    Ok(())
}

#[test]
fn six_is_not_yet_seven() -> Result<()> {
    let server = server("s06_form")?;
    // It need not be empty.
    let mut stream = TcpStream::connect(server.addr())?;
    stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nfirst")?;
    stream.read_to_end(&mut Vec::new())?;
    let ended = lesson(&["check", "7", "--addr", server.addr()]).code(1).stderr_eq("");
    let said = stdout(ended)?.replace(server.addr(), "ADDR");
    let first = "asking ADDR what s07_put answers; \
                 this adds messages to those that it has, and changes what it added";
    assert_eq!(said.lines().next(), Some(first));
    let faults: Vec<&str> = said.lines().filter(|line| line.starts_with('✗')).collect();
    assert_eq!(
        faults,
        [
            "✗ POST /: the status is 200",
            "✗ GET /1: the status is 404",
            "✗ HEAD /1: the status is 404",
            "✗ PUT /1: the status is 404",
            "✗ POST /1: the status is 404",
            "✗ DELETE /1: the status is 404",
        ]
    );
    let (_, rest) = said.split_once("✗ GET /1").context("no GET /1")?;
    let (case, _) = rest.split_once("\n✗").context("no end")?;
    snapbox::assert_data_eq!(
        case,
        str![[r#"
: the status is 404
    sent    GET /1 HTTP/1.1
            Host: ADDR
            Connection: close
    wanted  200
            Content-Type: text/plain; charset=utf-8
            
            a message of the contract
    got     HTTP/1.1 404 Not Found
            Connection: close
            Content-Type: text/plain; charset=utf-8
            Content-Length: 14
            
            404 Not Found
"#]]
    );
    assert_eq!(said.lines().last(), Some("6 of 45 cases fall short of s07_put"));
    Ok(())
}

#[test]
fn a_server_in_another_language() -> Result<()> {
    let mut server = Program(
        Command::new(if cfg!(windows) { "python" } else { "python3" })
            .arg(root().join("classroom/lesson/tests/lesson/put.py"))
            .stdout(Stdio::piped())
            .spawn()
            .context("python3 is not installed")?,
    );
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().context("no output")?).read_line(&mut line)?;
    let addr = line.trim().strip_prefix("listening on ").context(line.clone())?;
    lesson(&["check", "7", "--addr", addr]).success();
    lesson(&["check", "s07", "--addr", addr]).success();
    lesson(&["check", "5", "--addr", addr]).code(1);
    Ok(())
}

#[test]
fn nobody_is_there() -> Result<()> {
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let said = stdout(lesson(&["check", "3", "--addr", &addr]).code(1).stderr_eq(""))?;
    assert_eq!(said.lines().last(), Some("45 of 45 cases fall short of s03_http"));
    assert!(said.contains(&format!("✗ POST /: nothing answers at {addr} (")), "{said}");
    let said = stdout(lesson(&["check", "1", "--addr", "no.such.host.invalid:80"]).code(1))?;
    assert!(said.contains("✗ a line: cannot use no.such.host.invalid:80"), "{said}");
    lesson(&["check", "12", "--addr", &addr]).code(1).stdout_eq("");
    Ok(())
}

#[test]
fn it_hangs() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let mut check = Program(
        Command::new(env!("CARGO_BIN_EXE_lesson"))
            .args(["check", "7", "--addr", &addr])
            .current_dir(root())
            .stdout(Stdio::piped())
            .spawn()?,
    );
    let first = listener.accept()?;
    // The case is shown when its time is over, and the next one is asked.
    let mut lines = BufReader::new(check.0.stdout.take().context("no output")?).lines();
    let fault = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with('✗')));
    assert_eq!(fault.context("nothing")??, "✗ POST /: no whole reply within 5s");
    let next = listener.accept()?;
    drop((check, first, next));
    Ok(())
}
