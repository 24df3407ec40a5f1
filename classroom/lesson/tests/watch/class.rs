//! class: a real board, real students whose `watch` reports to it, and strangers who write to its server.

use crate::{binary, lesson, root};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use testing::{needs, process, ureq};

/// How long a line may take to come, on a machine with much to do.
const LIMIT: Duration = Duration::from_secs(120);

/// How many students a class has.
const STUDENTS: usize = 30;

/// `cargo lesson` with these arguments, and the lines that it prints with the time at which each came.
pub struct Running {
    pub child: Child,
    lines: Receiver<(Instant, String)>,
    pub said: String,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lesson"));
        command.args(arguments).current_dir(root());
        Running::start_command(command)
    }

    /// The command is dropped here, and with it its end of the pipe.
    pub fn start_command(mut command: Command) -> Result<Running> {
        let (reader, writer) = std::io::pipe()?;
        let child = command
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stderr(writer.try_clone()?)
            .stdout(writer)
            .spawn()?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                // The test may be over.
                let _ = sender.send((Instant::now(), line));
            }
        });
        Ok(Running { child, lines, said: String::new() })
    }

    /// The next line, and when it came; `None` after the last one.
    pub fn line(&mut self) -> Result<Option<(Instant, String)>> {
        match self.lines.recv_timeout(LIMIT) {
            Ok((time, line)) => {
                self.said += &format!("{line}\n");
                Ok(Some((time, line)))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(anyhow::anyhow!("nothing more after {}", self.said))
            }
        }
    }

    /// Waits for a line with one of `texts` in it.
    pub fn until_one(&mut self, texts: &[&str]) -> Result<(Instant, String)> {
        loop {
            let line = self.line()?;
            let line = line.with_context(|| format!("{texts:?} never came: {}", self.said))?;
            if texts.iter().any(|text| line.1.contains(text)) {
                return Ok(line);
            }
        }
    }

    pub fn until(&mut self, text: &str) -> Result<String> {
        Ok(self.until_one(&[text])?.1)
    }

    /// Ends it as Ctrl-C does; returns all that it has printed.
    pub fn end(mut self) -> Result<String> {
        process::signal("-INT", self.child.id())?;
        while self.line()?.is_some() {}
        ensure!(self.child.wait()?.success(), "{}", self.said);
        Ok(std::mem::take(&mut self.said))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A board, and its address.
pub fn board(more: &[&str]) -> Result<(Running, String)> {
    board_at("127.0.0.1:0", more)
}

fn board_at(addr: &str, more: &[&str]) -> Result<(Running, String)> {
    // The board builds the server if that was not done before.
    binary("s13_crowd")?;
    let mut board = Running::start(&[&["class", "--addr", addr], more].concat())?;
    let line = board.until("--class ")?;
    let words = line.split_once("--class ").context("no address")?.1;
    let addr = words.split(' ').next().unwrap_or_default().to_string();
    Ok((board, addr))
}

/// A student with a server in a folder. The server is a stage's, started by a script that has the name of a source file,
/// because `watch` waits for the save of one.
pub struct Student {
    folder: TempDir,
    pub watch: Running,
}

impl Student {
    pub fn start(addr: &str, name: &str, stage: &str, more: &[&str]) -> Result<Student> {
        let folder = tempfile::tempdir()?;
        write_server(&folder, stage)?;
        let run = format!("sh '{}' {{addr}}", script(&folder).display());
        let arguments = ["watch", "7", "--run", &run, "--class", addr, "--name", name];
        let watch = Running::start(&[&arguments[..], more].concat())?;
        Ok(Student { folder, watch })
    }

    /// Waits until all cases hold and `watch` has ended. Returns when it said so.
    fn is_done(&mut self) -> Result<Instant> {
        let (time, _) = self.watch.until_one(&["stage 7 is done"])?;
        while self.watch.line()?.is_some() {}
        ensure!(self.watch.child.wait()?.success(), "{}", self.watch.said);
        Ok(time)
    }

    pub fn save(&self, stage: &str) -> Result<()> {
        write_server(&self.folder, stage)
    }
}

fn script(folder: &TempDir) -> PathBuf {
    folder.path().join("server.pl")
}

fn write_server(folder: &TempDir, stage: &str) -> Result<()> {
    let binary = binary(stage)?;
    let line = format!("exec '{}' server --addr $1\n", binary.display());
    Ok(fs::write(script(folder), line)?)
}

/// Adds a text to the list of the server.
pub fn post(addr: &str, text: &str) -> Result<()> {
    let status = ureq::post(format!("http://{addr}/")).send(text)?.status();
    ensure!(status == 201, "{status}");
    Ok(())
}

/// Thirty students at a time. Each has a server of stage 6, which lacks the cases of stage 7, and then one of stage 7.
#[test]
fn a_class_of_thirty() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let start = Instant::now();
    // When the student's own terminal showed the result.
    let mut shown = Vec::new();
    let watches: Vec<Result<Instant>> = thread::scope(|scope| {
        let watch = |number: usize| {
            let name = format!("student {number}");
            let mut student = Student::start(&addr, &name, "s06_form", &[])?;
            student.watch.until("save a file in ")?;
            student.save("s07_put")?;
            student.is_done()
        };
        let students: Vec<_> =
            (0..STUDENTS).map(|number| scope.spawn(move || watch(number))).collect();
        let mut ended = Vec::new();
        for student in students {
            ended.push(student.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread ended"))));
        }
        ended
    });
    for watch in watches {
        shown.push(watch?);
    }
    // What the board has said meanwhile waits in the channel.
    let mut seen = vec![None; STUDENTS];
    while seen.iter().any(Option::is_none) {
        let (time, line) = board.until_one(&["stage 7, 91 of 91 cases hold"])?;
        let number = line.strip_prefix("student ").and_then(|line| line.split(':').next());
        let number: usize = number.context("no name")?.parse()?;
        seen[number].get_or_insert(time);
    }
    // The board may show the last case before the student's terminal shows the summary.
    let delay = |(seen, shown): (Option<Instant>, &Instant)| {
        seen.map_or(Duration::MAX, |seen| seen.saturating_duration_since(*shown))
    };
    let delays: Vec<Duration> = seen.into_iter().zip(&shown).map(delay).collect();
    println!(
        "{STUDENTS} students in {:.1} s; from the student's terminal to the board {:?} to {:?}",
        start.elapsed().as_secs_f64(),
        delays.iter().min().context("no student")?,
        delays.iter().max().context("no student")?,
    );
    #[cfg(target_os = "linux")]
    println!("memory: board {}, server {}", memory(board.child.id())?, memory(server_of(&board)?)?);
    let said = board.end()?;
    let last = said.lines().rfind(|line| line.contains("done: ")).context("no student is done")?;
    assert!(last.contains(&format!("done: {STUDENTS}")), "{last}");
    Ok(())
}

/// How much memory a process has, as the system says it.
#[cfg(target_os = "linux")]
fn memory(process: u32) -> Result<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.context("no VmRSS")?.trim().to_string())
}

/// The process of the board's server.
#[cfg(target_os = "linux")]
fn server_of(board: &Running) -> Result<u32> {
    process::until("the server of the board", || {
        let is_server = |id: &u32| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("s13_crowd")
        };
        Ok(process::children(board.child.id())?.into_iter().find(is_server))
    })
}

/// Strangers write what they like. No escape sequence reaches the terminal, and the students keep their rows.
#[test]
fn nonsense_hides_no_student() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("class.csv");
    let (mut board, addr) = board(&["--csv", &csv.display().to_string()])?;
    let mut first = Student::start(&addr, "first", "s06_form", &[])?;
    first.watch.until("save a file in ")?;
    board.until("first: stage 7")?;
    let wild = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}x\u{301}";
    let name = wild.repeat(60_000 / serde_json::to_string(wild)?.len());
    let report = |name: &str, key: usize| {
        serde_json::json!({
            "class": 1, "key": format!("k{key}"), "name": name, "stage": 7, "passed": ["post", "no such case"],
            "failed": ["delete-list"], "serve": "\u{1b}[2J:80", "understands": [[1], "x", [0, true]],
        })
        .to_string()
    };
    let nonsense = [
        "hello",
        "",
        "[1, 2",
        "{\"class\":1}",
        "{\"class\":2,\"key\":\"k\",\"name\":\"x\",\"stage\":7}",
        "{\"class\":1,\"key\":\"k\",\"name\":\"x\",\"stage\":4000000000}",
        "{\"class\":1,\"key\":\"\\u001b\",\"name\":\"x\",\"stage\":7}",
        &"[".repeat(60_000),
    ];
    for text in nonsense {
        post(&addr, text)?;
    }
    post(&addr, &report(&name, 0))?;
    for number in 1..600 {
        post(&addr, &report(&format!("made up {number}"), number))?;
    }
    board.until("reports without a row: 481")?;
    let mut last = Student::start(&addr, "last", "s06_form", &[])?;
    last.watch.until("save a file in ")?;
    for (student, name) in [(&mut first, "first"), (&mut last, "last")] {
        student.save("s07_put")?;
        student.is_done()?;
        board.until(&format!("{name}: stage 7, 91 of 91 cases hold"))?;
    }
    let said = board.end()?;
    assert!(said.contains("8 messages are no reports"), "{said}");
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "an escape sequence");
    let longest = said.lines().map(|line| line.chars().count()).max();
    assert!(longest.is_some_and(|longest| longest < 160), "{longest:?}");
    let rows = fs::read_to_string(csv)?;
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with("\u{feff}name,stage,"), "{}", rows[0]);
    // The students come before what never changed.
    assert_eq!(rows[1], "\"first\",7,\"\",91,91,0,0,\"\"");
    assert_eq!(rows[2], "\"last\",7,\"\",91,91,0,0,\"\"");
    assert_eq!(rows.len(), 121);
    Ok(())
}

/// On a terminal the board is drawn in place, and the terminal is as before at the end.
#[cfg(target_os = "linux")]
#[needs("script")]
#[test]
fn on_a_terminal() -> Result<()> {
    binary("s13_crowd")?;
    let lesson = env!("CARGO_BIN_EXE_lesson");
    let line = format!("stty cols 80 rows 24; exec '{lesson}' class --addr 127.0.0.1:0");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR");
    script.current_dir(root());
    let mut board = Running::start_command(script)?;
    let (_, line) = board.until_one(&["--class "])?;
    let addr = line.split_once("--class ").context("no address")?.1;
    let addr = addr.split(' ').next().unwrap_or_default().to_string();
    let report = |name: &str, passed: &[&str]| {
        let report =
            serde_json::json!({"class": 1, "key": "k", "name": name, "stage": 7, "passed": passed});
        report.to_string()
    };
    post(&addr, &report("\u{1b}]0;owned\u{7}min\u{202e}a", &["post"]))?;
    post(&addr, &report("민아", &["post", "post-twice"]))?;
    // The last row of a frame has no line end.
    board.until("]0;owned")?;
    let found = process::children(board.child.id())?;
    process::signal("-INT", *found.first().context("no board")?)?;
    while board.line()?.is_some() {}
    let said = &board.said;
    assert!(said.contains("\u{1b}[?7l\u{1b}[2J\u{1b}[?25l\u{1b}[H"), "{said:?}");
    assert!(said.trim_end().ends_with("\u{1b}[?7h\u{1b}[?25h"), "{said:?}");
    // The name is there, without what would set the title of the terminal.
    assert!(said.contains("]0;ownedmina ") && !said.contains(['\u{7}', '\u{202e}']), "{said:?}");
    assert!(!said.contains("\u{1b}]"), "{said:?}");
    // A frame is written over the one before.
    assert_eq!(said.matches("\u{1b}[2J").count(), 1);
    Ok(())
}

/// The results are in the CSV although the output of the board is closed, as that of a terminal that was closed is.
#[test]
fn an_output_that_is_closed_loses_no_results() -> Result<()> {
    binary("s13_crowd")?;
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("class.csv");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lesson"));
    command.args(["class", "--addr", "127.0.0.1:0", "--csv"]).arg(&csv);
    let child = command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (_, lines) = mpsc::channel();
    let mut board = Running { child, lines, said: String::new() };
    let mut reader = BufReader::new(board.child.stdout.take().context("no output")?);
    let mut head = String::new();
    while !head.contains("Ctrl-C") {
        ensure!(reader.read_line(&mut head)? > 0, "{head}");
    }
    drop(reader);
    let addr = head.split_once("--class ").context("no address")?.1;
    let addr = addr.split(' ').next().unwrap_or_default().to_string();
    let report = serde_json::json!({"class": 1, "key": "k", "name": "mina", "stage": 7});
    post(&addr, &report.to_string())?;
    process::until("the end of the board", || Ok(board.child.try_wait()?))?;
    let rows = fs::read_to_string(csv)?;
    assert!(rows.contains("\r\n\"mina\",7,"), "{rows}");
    Ok(())
}

/// The server is killed. The board starts it again, and the messages are still there.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_is_killed_comes_back() -> Result<()> {
    let (mut board, addr) = board(&[])?;
    let mut student = Student::start(&addr, "mina", "s06_form", &[])?;
    board.until("mina: stage 7")?;
    student.watch.until("save a file in ")?;
    let old = server_of(&board)?;
    process::signal("-KILL", old)?;
    board.until("the server ended and was started again; the results are still there")?;
    student.save("s07_put")?;
    student.is_done()?;
    board.until("mina: stage 7, 91 of 91 cases hold")?;
    let list = ureq::get(format!("http://{addr}/")).call()?.body_mut().read_to_string()?;
    let list: Vec<String> = serde_json::from_str(&list)?;
    assert_eq!(list.len(), 1, "a student has one message");
    let new = server_of(&board)?;
    assert_ne!(old, new);
    board.end()?;
    assert!(!process::signal("-0", new)?, "the server is left");
    Ok(())
}

/// The board starts anew, and its list is empty. The students come back, and none takes the message of another.
#[test]
fn a_board_that_starts_anew() -> Result<()> {
    let (board, addr) = board(&[])?;
    let mut students = Vec::new();
    for name in ["ada", "ben"] {
        let mut student = Student::start(&addr, name, "s06_form", &[])?;
        student.watch.until("save a file in ")?;
        students.push((student, name));
    }
    let said = board.end()?;
    assert!(said.contains("ada: ") && said.contains("ben: "), "{said}");
    let (mut board, same) = board_at(&addr, &[])?;
    assert_eq!(addr, same);
    // Ben is the first now, where Ada was.
    for (student, name) in students.iter_mut().rev() {
        student.save("s07_put")?;
        student.is_done()?;
        board.until(&format!("{name}: stage 7, 91 of 91 cases hold"))?;
    }
    let list = ureq::get(format!("http://{addr}/")).call()?.body_mut().read_to_string()?;
    let list: Vec<String> = serde_json::from_str(&list)?;
    assert_eq!(list.len(), 2, "{list:?}");
    board.end()?;
    Ok(())
}

/// A student who starts `watch` again gets the same row.
#[test]
fn a_student_keeps_the_row() -> Result<()> {
    let (mut board, addr) = board(&["--hide-names"])?;
    let mut student = Student::start(&addr, "민아", "s06_form", &[])?;
    board.until("1: stage 7, 45 of 91 cases hold")?;
    student.watch.until("save a file in ")?;
    drop(student);
    Student::start(&addr, "민아", "s07_put", &[])?.is_done()?;
    board.until("1: stage 7, 91 of 91 cases hold")?;
    let list = ureq::get(format!("http://{addr}/")).call()?.body_mut().read_to_string()?;
    let list: Vec<String> = serde_json::from_str(&list)?;
    assert_eq!(list.len(), 1, "{list:?}");
    // No source and no path goes out, and no reason.
    let words = ["server.pl", "tmp", "Location", "expected", "127.0.0.1"];
    assert!(words.iter().all(|word| !list[0].contains(word)), "{}", list[0]);
    let said = board.end()?;
    assert!(!said.contains("민아"), "{said}");
    Ok(())
}

/// Without a board the check goes on, and says once what is wrong.
#[test]
fn without_a_board_the_check_goes_on() -> Result<()> {
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let mut student = Student::start(&addr, "mina", "s06_form", &[])?;
    student.watch.until("save a file in ")?;
    student.save("s07_put")?;
    student.is_done()?;
    let said = &student.watch.said;
    let lines = said.lines().filter(|line| line.contains("the class's board"));
    let lines: Vec<&str> = lines.collect();
    assert!(matches!(lines[..], [line] if line.contains(" does not answer: ")), "{said}");
    // Another server than that of a board.
    let other = crate::server("s03_http")?;
    let mut student = Student::start(other.addr(), "mina", "s06_form", &[])?;
    student.watch.until("is not the board of a class (GET / → 405)")?;
    Ok(())
}

#[test]
fn in_korean() -> Result<()> {
    let (mut board, addr) = board(&["--lang", "ko"])?;
    assert!(board.said.contains("학생 명령:"), "{}", board.said);
    let mut student = Student::start(&addr, "민아", "s06_form", &["--lang", "ko"])?;
    student.watch.until("수업 보드에 내 결과가 민아(이)라는 이름으로 표시됩니다")?;
    board.until("민아: 7단계, 케이스 91개 가운데 ")?;
    student.watch.until("다시 검사하려면")?;
    student.save("s07_put")?;
    board.until("민아: 7단계, 케이스 91개 가운데 91개 통과")?;
    board.until("마침: 1명")?;
    board.end()?;
    Ok(())
}

#[test]
fn wrong_arguments() -> Result<()> {
    let watch = ["watch", "7", "--run", "x {addr}"];
    let with = |more: &[&'static str]| lesson(&[&watch[..], more].concat()).code(2);
    let said = |output: snapbox::cmd::OutputAssert| -> Result<String> {
        Ok(String::from_utf8(output.get_output().stderr.clone())?)
    };
    assert!(said(with(&["--class", "127.0.0.1:80"]))?.contains("--name <NAME>"));
    assert!(said(with(&["--name", "mina"]))?.contains("--class <HOST:PORT>"));
    for addr in ["127.0.0.1", "127.0.0.1:", ":80", "http://127.0.0.1:80", "127.0.0.1:0"] {
        let sentence =
            format!("{addr:?} is no address of a board; write HOST:PORT as the board shows it\n");
        assert_eq!(said(with(&["--class", addr, "--name", "mina"]))?, sentence);
    }
    for name in ["", " ", "\u{1b}[2J", "a name that is too long for it", "a\u{202e}b"] {
        let said = said(with(&["--class", "127.0.0.1:80", "--name", name]))?;
        assert!(said.starts_with("the board cannot show the name \""), "{said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']));
    }
    let addr = said(lesson(&["class", "--addr", "nowhere"]).code(2))?;
    assert_eq!(addr, "\"nowhere\" is no address; write HOST:PORT, such as 0.0.0.0:8090\n");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("class.csv");
    fs::write(&file, "last week")?;
    let path = file.display().to_string();
    let there = said(lesson(&["class", "--csv", &path]).code(2))?;
    assert_eq!(there, format!("{path} is there already; choose another name for --csv\n"));
    assert_eq!(fs::read_to_string(&file)?, "last week");
    let nowhere = folder.path().join("no/class.csv").display().to_string();
    let nowhere = said(lesson(&["class", "--csv", &nowhere]).code(2))?;
    assert!(nowhere.contains("choose another name for --csv"), "{nowhere}");
    // The page does not take the place of a file of another program.
    let page = folder.path().join("index.html");
    fs::write(&page, "<p>my own</p>")?;
    let path = folder.path().display().to_string();
    let there = said(lesson(&["class", "--addr", "127.0.0.1:0", "--page", &path]).code(2))?;
    assert!(there.contains("choose another folder with --page"), "{there}");
    assert_eq!(fs::read_to_string(&page)?, "<p>my own</p>");
    Ok(())
}

#[test]
fn an_address_that_is_taken() -> Result<()> {
    binary("s13_crowd")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let addr = taken.local_addr()?.to_string();
    let folder = tempfile::tempdir()?;
    let csv = folder.path().join("class.csv");
    let arguments = ["class", "--addr", &addr, "--csv", &csv.display().to_string()];
    let output = lesson(&arguments).code(1).stdout_eq("");
    let said = String::from_utf8(output.get_output().stderr.clone())?;
    let start = format!("the server of the class cannot listen on {addr}: ");
    assert!(said.starts_with(&start) && said.contains("; choose another port"), "{said}");
    assert!(!csv.exists(), "an empty file is left");
    Ok(())
}
