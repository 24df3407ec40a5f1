//! The tests that many stages have, one method each. A stage's own tests name the ones that it has:
//!
//!     testing::usual!(STAGE: keeps_its_contract, replays_its_lesson);

use crate::{Stage, bad_clients, raw, servers};
use anyhow::{Result, ensure};
use replay::Server;
use snapbox::str;
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

/// A test for each method of the stage that is named, called as the method is. An attribute may stand
/// before the name, such as `#[needs("curl")]`.
#[macro_export]
macro_rules! usual {
    ($stage:ident: $($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() -> ::anyhow::Result<()> {
                $stage.$name()
            }
        )*
    };
}

/// The beginning of a server's last line when a connection ends it.
const CONNECTION_FAILED: &str = "a connection failed, and this ends the server: ";

impl Stage {
    /// The error for a database that cannot be used has no password in it, wherever the URL has one.
    pub fn shows_no_password(&self) -> Result<()> {
        for db in [
            "postgresql://me:secret@127.0.0.1:1/name",
            "postgresql://127.0.0.1:1/name?user=me&password=secret",
            "postgresql://me:secret@127.0.0.1:port/name",
        ] {
            let run = self.run(&["server", "--addr", "127.0.0.1:0", "--db", db])?;
            let ended = run.assert().code(1);
            let said = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
            ensure!(said.contains("--db") && !said.contains("secret"), "{said}");
        }
        Ok(())
    }

    /// The server answers all that the contract asks as this stage has to.
    pub fn keeps_its_contract(&self) -> Result<()> {
        let faults = self.lacks_of(self.number()?)?;
        ensure!(faults.is_empty(), "{faults}");
        Ok(())
    }

    /// Why the server does not keep the contract of stage `number`: a line for each reason, with the first case
    /// that fails for it.
    pub fn lacks_of(&self, number: u32) -> Result<String> {
        let outcomes = contract::check_binary(number, Path::new(self.binary))?;
        ensure!(!outcomes.is_empty(), "the contract asks nothing of stage {number}");
        let mut kinds = BTreeSet::new();
        let mut lines = String::new();
        for outcome in &outcomes {
            let Some(reason) = outcome.reason() else { continue };
            let kind = outcome.fault().map_or(reason.clone(), |fault| fault.kind.clone());
            if kinds.insert(kind) {
                lines.push_str(&format!("{}: {reason}\n", outcome.id));
            }
        }
        Ok(lines)
    }

    /// The replay prints what `replay.txt` has.
    pub fn replays_its_lesson(&self) -> Result<()> {
        let replay = self.run(&[])?.assert().success().stderr_eq("");
        replay.stdout_eq(self.snapshot("replay.txt"));
        Ok(())
    }

    /// The client prints what `client.txt` has, if `lines` are typed at its prompt.
    pub fn takes_lines_at_the_prompt(&self, lines: &str) -> Result<()> {
        let server = self.server()?;
        let client = self.client(server.addr(), lines)?.assert().success().stderr_eq("");
        client.stdout_eq(self.snapshot("client.txt"));
        Ok(())
    }

    /// The client says in one sentence, as in `errors.txt`, what is wrong with each of these addresses. `lines`
    /// are typed, and the first one fails. Each address has its name in that file.
    pub fn says_what_is_wrong(&self, lines: &str, addrs: &[(&str, String)]) -> Result<()> {
        let mut said = String::new();
        for (name, addr) in addrs {
            let ended = self.client(addr, lines)?.assert().code(1);
            let errors = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
            let sentence = errors.lines().next().unwrap_or_default();
            said.push_str(&format!("{name}:\n  {sentence}\n"));
        }
        self.compare()?.eq(said, self.snapshot("errors.txt"));
        Ok(())
    }

    /// The same for all that can be wrong with an HTTP server.
    pub fn says_what_is_wrong_with_http(&self) -> Result<()> {
        let addrs = [servers::unreachable()?, servers::no_http()?].concat();
        self.says_what_is_wrong("POST / hello\n", &addrs)
    }

    /// From stage 3 on, the prompt goes on after a line that fails. The exit status is 1 at the end.
    pub fn goes_on_after_a_line_that_fails(&self) -> Result<()> {
        let kept: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n[\"kept\"]";
        // The second line is sent, and the list is fetched where the client shows one.
        let addr = servers::server_with_replies(&[b"", kept, kept])?;
        // From stage 12 on, the client says what that means for a POST.
        let reason = match self.number()? {
            ..12 => "before the message did",
            _ => "without a response; the list shows if the message was added",
        };
        let errors = format!(
            "no whole reply to \"first\": the connection ended {reason}\n\
             the client ends with an error status; lines that failed: 1\n"
        );
        let ended = self.client(&addr, "first\nsecond\n")?.assert().code(1).stderr_eq(errors);
        let shown = String::from_utf8_lossy(&ended.get_output().stdout).to_string();
        ensure!(shown.contains("kept") && shown.matches("> ").count() == 3, "{shown:?}");
        Ok(())
    }

    /// A server cannot drive the terminal of the client. Its control characters are shown as escapes: in a
    /// reply, in a reason, in a body, in a list.
    pub fn shows_control_characters(&self) -> Result<()> {
        // A new title, an empty screen (also by the single character CSI), and the start of the row.
        const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\r";
        const LIST: &str = r#"["\u001b]0;owned\u0007\u001b[2J\u009b2J\r"]"#;
        let response = |status: &str, body: &str| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let number = self.number()?;
        let replies = if number < 3 {
            vec![("reply", format!("{HOSTILE}\n"), true)]
        } else {
            // The clients of stages 5 and 6 show no body of a POST, and those before them no list.
            vec![
                ("reason", response(&format!("404 {HOSTILE}"), ""), true),
                ("body", response("404 Not Found", HOSTILE), !(5..7).contains(&number)),
                ("list", response("200 OK", LIST), number >= 5),
            ]
        };
        for (name, reply, is_shown) in replies {
            let addr = servers::server_with_replies(&[reply.as_bytes(); 3])?;
            let output = self.client(&addr, "POST / hello\n\n")?.output()?;
            let shown = [output.stdout, output.stderr].concat();
            let shown = String::from_utf8_lossy(&shown);
            let is_raw = |letter: char| letter.is_control() && letter != '\n';
            ensure!(!shown.contains(is_raw), "{name}: {shown:?}");
            ensure!(shown.contains("\\u{1b}") == is_shown, "{name}: {shown:?}");
        }
        Ok(())
    }

    /// The client refuses a reply without an end in a sentence, and with little memory.
    #[cfg(unix)]
    pub fn refuses_a_reply_without_an_end(&self) -> Result<()> {
        let replies: &[(&str, &str)] = match self.number()? {
            1 | 2 => &[("", "x")],
            _ => &[
                ("HTTP/1.1 200 ", "x"),
                // Short fields take the most memory: each is two strings in a list.
                ("HTTP/1.1 200 OK\r\n", "a:\n"),
                ("HTTP/1.1 200 OK\r\n\r\n", "x"),
                ("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "x"),
            ],
        };
        // Only on Linux this limits the memory of a program.
        let bound = if cfg!(target_os = "linux") { "ulimit -v 300000" } else { "true" };
        for (start, part) in replies {
            let addr = servers::endless_server(start.as_bytes(), part.as_bytes())?;
            let line = format!("{bound}; exec '{}' client --addr {addr}", self.binary);
            let shell = self.command(Path::new("sh"))?.args(["-c", &line]).stdin("hello\n");
            let ended = shell.assert().code(1);
            let errors = String::from_utf8_lossy(&ended.get_output().stderr).to_string();
            let sentence = errors.lines().next().unwrap_or_default();
            // From stage 10 on, a line or a head has a limit. The client must not show its error as a status.
            let reasons = ["is too long", "too many fields"];
            let is_told = reasons.iter().any(|reason| sentence.contains(reason));
            ensure!(is_told && !sentence.contains("431"), "{start:?}: {errors:?}");
        }
        Ok(())
    }

    /// The server and the replay say in a sentence that another server has their port.
    pub fn says_that_the_port_is_in_use(&self) -> Result<()> {
        let database = self.database()?;
        let server = self.server_over(database.as_ref())?;
        let mut arguments = vec!["server".to_string(), "--addr".into(), server.addr().into()];
        if let Some(database) = &database {
            arguments.extend(["--db".to_string(), database.url()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let second = self.run(&arguments)?.assert().code(1);
        second.stdout_eq("").stderr_eq(str![[r#"
cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
        self.run(&["--addr", server.addr()])?.assert().code(1).stderr_eq(str![[r#"
the server did not start: cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
        Ok(())
    }

    /// A build without the feature `window` says how to build one with it.
    pub fn says_that_it_has_no_window(&self) -> Result<()> {
        self.run(&["window"])?.assert().code(1).stderr_eq(str![[r#"
this build has no window; for one: cargo run -p [STAGE] --features window -- window

"#]]);
        Ok(())
    }

    /// Up to stage 9 an error on a connection ends the server, with a message and exit status 1.
    pub fn ends_with_a_connection(&self) -> Result<()> {
        let deeds = [bad_clients::silence, bad_clients::garbage, bad_clients::half_a_request];
        let mut said = String::new();
        for deed in deeds {
            let (words, status) = self.last_words(deed)?;
            ensure!(status == Some(1), "exit status {status:?} after {words:?}");
            said.push_str(&format!("{words}\n"));
        }
        let line = CONNECTION_FAILED;
        let expected = format!(
            "{line}the connection ended before the message did\n\
             {line}\"garbage\" is not a request line\n\
             {line}the connection ended before the message did\n"
        );
        self.compare()?.eq(said, expected);
        self.ends_with(bad_clients::reset)
    }

    /// Up to stage 9 bytes that are no request end the server, too. No reading of RFC 9112 accepts these.
    pub fn ends_with_no_request(&self) -> Result<()> {
        let line = CONNECTION_FAILED;
        let cases = [
            ("GET /a\tb HTTP/1.1\r\n", r#""GET /a\tb HTTP/1.1" is not a request line"#),
            ("GET / HTTP/1.1.1\r\n", r#""GET / HTTP/1.1.1" is not a request line"#),
            ("GET  / HTTP/1.1\r\n", r#""GET  / HTTP/1.1" is not a request line"#),
            ("G(T / HTTP/1.1\r\n", r#""G(T / HTTP/1.1" is not a request line"#),
            ("GET / HTTP/1.1\r\nHost : x\r\n", r#""Host : x" is not a field"#),
            ("GET / HTTP/1.1\r\nA: \0\r\n", r#""A: \0" has a control character"#),
            (
                "POST / HTTP/1.1\r\nContent-Length:\u{3000}2\r\n\r\nhi",
                r#""\u{3000}2" is not a length"#,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\nhi", r#""+2" is not a length"#),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
                "the Content-Length fields differ",
            ),
        ];
        for (request, reason) in cases {
            let deed = |mut stream: TcpStream| -> Result<()> {
                stream.write_all(request.as_bytes())?;
                Ok(stream.write_all(b"\r\n")?)
            };
            let (words, status) = self.last_words(deed)?;
            ensure!(status == Some(1), "exit status {status:?} after {request:?}: {words:?}");
            self.compare()?.eq(words, format!("{line}{reason}"));
        }
        Ok(())
    }

    /// A server whose log has whole requests and responses. From stage 13 on, it needs an option for that.
    fn server_with_a_whole_log(&self) -> Result<Server> {
        let help = self.run(&["server", "--help"])?.assert().success();
        let has_option = String::from_utf8_lossy(&help.get_output().stdout).contains("--verbose");
        if has_option { self.server_with("", "--verbose") } else { self.server() }
    }

    /// From stage 9 on, no client can forge a line of the log or drive the terminal: of all characters, the log
    /// has those of Unicode's categories Cc, Cf, Zl and Zp as escapes, and the others as they are.
    pub fn escapes_in_its_log_what_drives_a_terminal(&self) -> Result<()> {
        const CHARS_A_REQUEST: usize = 900;
        let drives = regex::Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]")?;
        let mut server = self.server_with_a_whole_log()?;
        let all: Vec<char> = ('\0'..=char::MAX).collect();
        for chars in all.chunks(CHARS_A_REQUEST) {
            let text: String = chars.iter().collect();
            let length = text.len();
            let head = format!("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: {length}");
            raw::ask(server.addr(), format!("{head}\r\n\r\n{text}"))?;
            let log = server.said_with("← 404 Not Found\n")?;
            let is_raw = |letter: char| drives.is_match(letter.encode_utf8(&mut [0; 4]));
            ensure!(!log.replace('\n', "").contains(is_raw), "{log:?}");
            // The log shows a line end as a new line.
            for letter in chars.iter().filter(|letter| !"\r\n".contains(**letter)) {
                let shown = if is_raw(*letter) {
                    letter.escape_unicode().to_string()
                } else {
                    letter.to_string()
                };
                ensure!(log.contains(&shown), "{shown} is not in {log:?}");
            }
        }
        Ok(())
    }

    /// From stage 9 on, the log has at most 40 lines and 4 KiB of a message, and a line that says so.
    pub fn shortens_its_log(&self) -> Result<()> {
        let mut server = self.server_with_a_whole_log()?;
        for text in ["x".repeat(60_000), "\n".repeat(60_000), "가".repeat(20_000)] {
            let length = text.len();
            let head = format!("POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: {length}");
            raw::ask(server.addr(), format!("{head}\r\n\r\n{text}"))?;
            let log = server.said_with("← 404 Not Found\n")?;
            let request: Vec<&str> =
                log.lines().filter(|line| line.contains(" → ") && !line.ends_with(" µs")).collect();
            ensure!(request.len() <= 41, "{} lines", request.len());
            ensure!(request.last().is_some_and(|line| line.ends_with(" → …")), "{request:?}");
            ensure!(log.len() < 10_000, "{} bytes", log.len());
        }
        Ok(())
    }

    /// An empty line before the request line is ignored (RFC 9112, section 2.2).
    pub fn ignores_an_empty_line_before_a_request(&self) -> Result<()> {
        let server = self.server()?;
        let status = raw::status(server.addr(), raw::GET)?;
        for line in ["\r\n", "\n"] {
            let request = [line.as_bytes(), raw::GET].concat();
            let found = raw::status(server.addr(), request)?;
            ensure!(found == status, "{line:?}: {found}, not {status}");
        }
        Ok(())
    }

    /// Up to stage 9, `deed` ends the server with a connection that ends with RST.
    pub fn ends_with(&self, deed: impl FnOnce(TcpStream) -> Result<()>) -> Result<()> {
        let (words, status) = self.last_words(deed)?;
        ensure!(status == Some(1), "exit status {status:?} after {words:?}");
        if cfg!(target_os = "linux") {
            let reason = ": Connection reset by peer (os error 104)";
            ensure!(words.ends_with(reason), "{words:?}");
        }
        self.compare()?.eq(words, format!("{CONNECTION_FAILED}[REASON]"));
        Ok(())
    }
}
