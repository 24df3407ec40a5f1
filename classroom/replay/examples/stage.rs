//! A small stage for the tests of the replay. Its server writes its log in a thread of its own, and late: each line
//! comes 30 ms after the response. It ends with status 0 at SIGTERM, and at once with the argument `--end`.
//!
//! Without arguments it replays the lesson in the file that LESSON names; `--step` and `--lang` are as in a stage.

use anyhow::{Context, Result, bail};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use std::{env, fs, thread};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["server", "--addr", addr, more @ ..] => server(addr, more),
        ["client", "--addr", addr] => client(addr),
        ["attack", kind, "--addr", addr] => attack(kind, addr),
        _ => {
            let lesson = fs::read_to_string(env::var("LESSON")?)?;
            let lang = words.iter().position(|word| *word == "--lang");
            let lang = lang.and_then(|at| words.get(at + 1)).copied();
            replay::run("stage", &lesson, None, words.contains(&"--step"), lang)
        }
    }
}

fn server(addr: &str, more: &[&str]) -> Result<()> {
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    if !more.is_empty() {
        // Of an address only what comes last.
        let more: Vec<&str> = more.iter().filter_map(|word| word.rsplit('/').next()).collect();
        println!("more arguments: {}", more.join(" "));
    }
    if more.contains(&"--end") {
        return Ok(());
    }
    fs::write("file", "of the server")?;
    let (log, lines) = mpsc::channel::<String>();
    thread::spawn(move || {
        for line in lines {
            thread::sleep(Duration::from_millis(30));
            println!("{line}");
        }
    });
    #[cfg(unix)]
    {
        let log = log.clone();
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
        thread::spawn(move || {
            signals.forever().next();
            let _ = log.send("the server was asked to end".to_string());
            thread::sleep(Duration::from_millis(100));
            std::process::exit(0);
        });
    }
    for stream in listener.incoming() {
        let (stream, log) = (stream?, log.clone());
        thread::spawn(move || serve(stream, &log));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, log: &Sender<String>) -> Result<()> {
    let peer = stream.peer_addr()?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    log.send(format!("now {peer} accepted a connection"))?;
    while reader.read_line(&mut line)? > 0 {
        stream.write_all(line.as_bytes())?;
        log.send(format!("now {peer} → {}", line.trim_end()))?;
        log.send(format!("now {peer} ← HTTP/1.1 200 OK"))?;
        line.clear();
    }
    log.send(format!("now {peer} closed"))?;
    Ok(())
}

fn client(addr: &str) -> Result<()> {
    loop {
        print!("> ");
        io::stdout().flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? <= 1 {
            return Ok(());
        }
        print!("→ {line}");
        let mut stream = TcpStream::connect(addr).context("no server")?;
        stream.write_all(line.as_bytes())?;
        stream.shutdown(std::net::Shutdown::Write)?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        print!("{}", reply.replace("\\n", "\n"));
    }
}

fn attack(kind: &str, addr: &str) -> Result<()> {
    let stream = TcpStream::connect(addr)?;
    match kind {
        "slow" => {
            thread::sleep(Duration::from_millis(1500));
            println!("said nothing for 1.5 s");
        }
        "endless" => thread::sleep(Duration::from_secs(600)),
        "rst" => println!("closed at once"),
        "flood" => {
            let others: Vec<_> = (0..6).map_while(|_| TcpStream::connect(addr).ok()).collect();
            println!("connected {} times more", others.len());
        }
        _ => bail!("no such attack"),
    }
    drop(stream);
    Ok(())
}
