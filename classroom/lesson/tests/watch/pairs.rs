//! pairs: students whose `watch` opens their servers to the class, and whose clients talk to the others'.

use crate::class::{Running, Student, board, post};
use crate::scratch::Scratch;
use crate::{binary, lesson_in, target};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use testing::{needs, process, ureq};

/// A student of stage 7 with the server of a stage and the client of stage 7.
fn student(addr: &str, name: &str, stage: &str) -> Result<Student> {
    let client = format!("'{}' client --addr {{addr}}", binary("s07_put")?.display());
    Student::start(addr, name, stage, &["--serve", "--interop", "--client", &client])
}

#[test]
fn the_grid_shows_who_understands_whom() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let mut mina = student(&addr, "mina", "s07_put")?;
    mina.watch.until("others of the class can talk to your server at 127.0.0.1:2")?;
    let mut jiu = student(&addr, "jiu", "s07_put")?;
    jiu.watch.until("others of the class can talk to your server at 127.0.0.1:2")?;
    wanted(&mut board, "mina: understands jiu")?;
    wanted(&mut board, "jiu: understands mina")?;
    // The server of stage 6 has no message of its own at an index.
    let mut wrong = student(&addr, "wrong", "s06_form")?;
    wrong.watch.until("others of the class can talk to your server at 127.0.0.1:2")?;
    wanted(&mut board, "mina: understands jiu; does not understand wrong")?;
    wanted(&mut board, "jiu: understands mina; does not understand wrong")?;
    wanted(&mut board, "wrong: understands mina, jiu")?;
    // The server is fixed, and the others find that out.
    wrong.save("s07_put")?;
    wanted(&mut board, "mina: understands jiu, wrong")?;
    wanted(&mut board, "jiu: understands mina, wrong")?;
    // A student who ends is no misunderstanding.
    process::signal("-INT", jiu.watch.child.id())?;
    while jiu.watch.line()?.is_some() {}
    wanted(&mut board, "mina: understands wrong")?;
    wanted(&mut board, "wrong: understands mina")?;
    for student in [&mina, &wrong] {
        ensure!(!student.watch.said.contains("ended while"), "{}", student.watch.said);
    }
    Ok(())
}

/// Waits until the board says exactly this, now or in one of its lines before.
fn wanted(board: &mut Running, line: &str) -> Result<()> {
    let has = |said: &str| said.lines().any(|said| said == line);
    while !has(&board.said) {
        board.line()?.with_context(|| format!("{line:?} never came: {}", board.said))?;
    }
    Ok(())
}

/// Each stage has a client of another form, and its server understands it.
#[test]
fn each_stage_understands_itself() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    for stage in ["s01_echo", "s02_loop", "s03_http", "s05_get", "s06_form", "s12_keepalive"] {
        let number = stage[1..3].trim_start_matches('0').to_string();
        let folder = tempfile::tempdir()?;
        let binary = binary(stage)?.display().to_string();
        let client = format!("'{binary}' client --addr {{addr}}");
        let names = ["a", "b"].map(|letter| format!("{letter} {number}"));
        let watch = |name: &String| {
            let db = folder.path().join(name).display().to_string();
            let db = if number == "12" { format!("--db '{db}'") } else { String::new() };
            let run = format!("'{binary}' server --addr {{addr}} {db}");
            let of_pairs = ["--serve", "--interop", "--client", &client];
            let of_class = ["--class", &addr, "--name", name];
            let arguments = [&["watch", &number, "--run", &run][..], &of_class, &of_pairs].concat();
            Running::start(&arguments)
        };
        let _running = [watch(&names[0])?, watch(&names[1])?];
        wanted(&mut board, &format!("{}: understands {}", names[0], names[1]))?;
        wanted(&mut board, &format!("{}: understands {}", names[1], names[0]))?;
    }
    Ok(())
}

/// What a stranger's server does with a connection.
#[derive(Clone, Copy)]
enum Stranger {
    SaysNothing,
    SendsEscapesWithoutEnd,
    Ends,
    AnswersOtherwise,
    /// Nothing listens there any more.
    Closed,
}

/// A stranger, who tells the class of a server, as a student's `watch` does.
struct Server {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start(
        class: &str,
        stage: u32,
        index: usize,
        name: &str,
        stranger: Stranger,
    ) -> Result<Server> {
        let bind = |port| TcpListener::bind(("127.0.0.1", port)).ok();
        let listener = match stranger {
            // The next stranger gets another port.
            Stranger::Closed => (25_000..30_000).find_map(bind),
            _ => (20_000..25_000).find_map(bind),
        };
        let listener = listener.context("no port is free")?;
        let serve = listener.local_addr()?.to_string();
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let report = move |beat: usize, name: &str| {
            json!({"class": 1, "key": "stranger", "name": name, "stage": stage, "beat": beat, "serve": serve,
                "passed": [], "failed": [], "waiting": []})
            .to_string()
        };
        post(class, &report(0, name))?;
        let (stops, class, name) = (stop.clone(), class.to_string(), name.to_string());
        thread::spawn(move || {
            // Signs of life.
            for beat in 1.. {
                if stops.load(Ordering::Relaxed) {
                    break;
                }
                let _ = ureq::put(format!("http://{class}/{index}")).send(report(beat, &name));
                thread::sleep(Duration::from_secs(1));
            }
        });
        let count = asked.clone();
        if let Stranger::Closed = stranger {
            return Ok(Server { stop, asked });
        }
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                match stranger {
                    Stranger::SaysNothing => kept.push(stream),
                    Stranger::Closed => {}
                    Stranger::Ends => drop(stream),
                    Stranger::AnswersOtherwise => answer_otherwise(stream),
                    Stranger::SendsEscapesWithoutEnd => {
                        thread::spawn(move || send_escapes(stream));
                    }
                }
            }
        });
        Ok(Server { stop, asked })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn answer_otherwise(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 1024]);
    let _ = stream.write_all("친구 안녕\n".as_bytes());
}

fn send_escapes(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 1024]);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n");
    while stream.write_all("\x1b[2Jowned 안녕\n".as_bytes()).is_ok() {}
}

/// A hostile server costs the student some seconds, and nothing that it sends is shown.
#[test]
fn strangers_do_not_understand() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let strangers = [
        ("silent", Stranger::SaysNothing),
        ("endless", Stranger::SendsEscapesWithoutEnd),
        ("gone", Stranger::Ends),
    ];
    let mut servers = Vec::new();
    for (index, (name, stranger)) in strangers.into_iter().enumerate() {
        servers.push(Server::start(&addr, 7, index, name, stranger)?);
    }
    let mut mina = student(&addr, "mina", "s07_put")?;
    wanted(&mut board, "mina: does not understand silent, endless, gone")?;
    ensure!(servers.iter().all(|server| server.asked.load(Ordering::Relaxed) > 0));
    // The check goes on as without them.
    mina.save("s07_put")?;
    mina.watch.until("is done")?;
    ensure!(
        !mina.watch.said.contains("owned") && !mina.watch.said.contains('\x1b'),
        "{}",
        mina.watch.said
    );
    ensure!(!board.said.contains("owned"), "{}", board.said);
    Ok(())
}

/// A client's error may say what the client could not send, and that is no reply.
#[test]
fn an_error_is_no_reply() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    for (index, stage) in ["s01_echo", "s02_loop", "s03_http"].into_iter().enumerate() {
        let number: u32 = stage[1..3].parse()?;
        let gone = format!("gone {number}");
        let _server = Server::start(&addr, number, 2 * index, &gone, Stranger::Ends)?;
        let client = format!("'{}' client --addr {{addr}}", binary(stage)?.display());
        let _mina = of_stage(&addr, &format!("mina {number}"), stage, &client)?;
        wanted(&mut board, &format!("mina {number}: does not understand {gone}"))?;
    }
    Ok(())
}

/// A client may print what it sends. That is no reply either.
#[test]
fn what_a_client_sends_is_no_reply() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let _server = Server::start(&addr, 1, 0, "other", Stranger::AnswersOtherwise)?;
    let client = format!("'{}' client --addr {{addr}}", binary("s01_echo")?.display());
    let _jiu = of_stage(&addr, "jiu", "s01_echo", &client)?;
    let prints = format!("read -r line; echo \"sent: $line\"; echo \"$line\" | {client}");
    let _mina = of_stage(&addr, "mina", "s01_echo", &prints)?;
    wanted(&mut board, "mina: understands jiu; does not understand other")?;
    Ok(())
}

/// If nothing listens any more, there was no misunderstanding: the server's `watch` has not noticed that yet.
#[test]
fn who_cannot_be_reached_is_not_misunderstood() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let closed = Server::start(&addr, 1, 0, "closed", Stranger::Closed)?;
    let _gone = Server::start(&addr, 1, 1, "gone", Stranger::Ends)?;
    let client = format!("'{}' client --addr {{addr}}", binary("s01_echo")?.display());
    let _mina = of_stage(&addr, "mina", "s01_echo", &client)?;
    wanted(&mut board, "mina: does not understand gone")?;
    drop(closed);
    ensure!(!board.said.contains("understand closed"), "{}", board.said);
    Ok(())
}

/// The others get the program that was checked, also if a file that does not build is saved during the check.
#[needs("git")]
#[test]
fn a_copy_that_does_not_build_after_its_check() -> Result<()> {
    let scratch = Scratch::new()?;
    lesson_in(scratch.folder(), &["start", "1", "my_echo"]).success();
    // The server itself saves the file, so it is saved after the build and before the end of the check.
    let saves =
        r#"{ let _ = std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "x");"#;
    let main = "mine/my_echo/src/main.rs";
    let head = "fn main() -> ExitCode {";
    scratch.replace(main, head, &head.replace('{', saves))?;
    let (_board, addr) = board(&[])?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_lesson"));
    command.args(["watch", "1", "my_echo", "--class", &addr, "--name", "mina", "--serve"]);
    command.current_dir(scratch.folder()).env("CARGO_TARGET_DIR", target());
    let mut watch = Running::start_command(command)?;
    watch.until("stage 1 is done")?;
    watch.until("others of the class can talk to your server at")?;
    Ok(())
}

/// A student whose server is a stage's.
fn of_stage(class: &str, name: &str, stage: &str, client: &str) -> Result<Running> {
    let run = format!("'{}' server --addr {{addr}}", binary(stage)?.display());
    let number = stage[1..3].trim_start_matches('0');
    let of_class = ["--class", class, "--name", name];
    let of_pairs = ["--serve", "--interop", "--client", client];
    Running::start(&[&["watch", number, "--run", &run][..], &of_class, &of_pairs].concat())
}

/// What is missing for a pair is said at the start.
#[test]
fn what_a_pair_needs() {
    let class = ["--class", "127.0.0.1:9", "--name", "a"];
    for (more, sentence) in [
        (&["--run", "x", "--serve"][..], "write {addr} in the command of --run"),
        (&["--run", "x {addr}", "--interop"], "--interop needs your client"),
        (&["--run", "x {addr}", "--interop", "--client", "y"], "{addr} in the command of --client"),
    ] {
        let output = crate::lesson(&[&["watch", "7"], more, &class].concat()).code(2);
        let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
        assert!(said.contains(sentence), "{said}");
    }
    crate::lesson(&["watch", "7", "--run", "x {addr}", "--serve"]).code(2);
}
