//! `attack` prints what happened, also if a flood ends the server. No server can forge its output.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use replay::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

/// The binary of stage 9, which serves one connection at a time and waits for it without a limit.
fn stage_9() -> Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "s09_vps"]);
    let built = PathBuf::from(STAGE.binary).with_file_name("s09_vps");
    if built.parent().is_some_and(|folder| folder.ends_with("release")) {
        cargo.arg("--release");
    }
    ensure!(cargo.current_dir(STAGE.folder).status()?.success(), "stage 9 cannot be built");
    Ok(built)
}

#[test]
fn a_flood_of_stage_9_ends_with_a_true_sentence() -> Result<()> {
    let server = Server::start(&stage_9()?, "127.0.0.1:0")?;
    let start = Instant::now();
    let mut flood = Command::new(STAGE.binary)
        .args(["attack", "flood", "--addr", server.addr()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut output = BufReader::new(flood.stdout.take().context("no output")?);
    let mut said = String::new();
    output.read_line(&mut said)?;
    // The first connection for which the server has no room is given up after three seconds.
    ensure!(start.elapsed() < Duration::from_secs(5), "silent for {:?}", start.elapsed());
    ensure!(said.ends_with(" connections are open and silent\n"), "{said:?}");
    output.read_to_string(&mut said)?;
    let ended = flood.wait_with_output()?;
    let error = String::from_utf8(ended.stderr)?;
    ensure!(ended.status.code() == Some(1) && error.lines().count() == 1, "{said}{error}");
    ensure!(error.starts_with("the server does not answer any more: "), "{error}");
    ensure!(server.status()?.code() == Some(1), "the server of stage 9 survives");
    ensure!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
    Ok(())
}

/// A server whose answers drive a terminal, and are longer than a line may be.
fn hostile_server() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || -> std::io::Result<()> {
                let _length = stream.read(&mut [0; 1024])?;
                stream.write_all("HTTP/1.1 200 \u{1b}]0;owned\u{7}\u{9b}2J".as_bytes())?;
                stream.write_all(&[b'x'; 200_000])?;
                stream.shutdown(Shutdown::Write)?;
                std::io::copy(&mut stream, &mut std::io::sink())?;
                Ok(())
            });
        }
    });
    Ok(addr)
}

#[test]
fn a_hostile_server_cannot_drive_the_terminal() -> Result<()> {
    let addr = hostile_server()?;
    for kind in ["garbage", "big", "scanners"] {
        let output = Command::new(STAGE.binary).args(["attack", kind, "--addr", &addr]).output()?;
        let said = String::from_utf8([output.stdout, output.stderr].concat())?;
        let is_raw = |letter: char| letter.is_control() && letter != '\n';
        ensure!(!said.contains(is_raw), "{kind}: {said:?}");
        ensure!(said.contains("\\u{1b}]0;owned\\u{7}\\u{9b}2J"), "{kind}: {said:?}");
        ensure!(said.lines().all(|line| line.len() < 2000), "{kind}: a line without an end");
    }
    Ok(())
}

/// A name that is looked up again can have another address, of a server of another person.
#[needs("strace")]
#[test]
fn a_name_is_looked_up_once() -> Result<()> {
    let server = STAGE.server()?;
    let addr = server.addr().replace("127.0.0.1", "localhost");
    let trace = STAGE.file("lookup")?;
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=open,openat", "-o"])
        .arg(&trace)
        .args([STAGE.binary, "attack", "scanners", "--addr", &addr])
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success());
    let lookups = std::fs::read_to_string(trace)?.matches("\"/etc/hosts\"").count();
    ensure!(lookups == 1, "{lookups} lookups");
    Ok(())
}
