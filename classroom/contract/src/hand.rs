//! The command line that sends the same as a question: `curl` if it sends exactly these bytes, and else `printf` into
//! `nc`.

use crate::question::{Ending, Question};
use crate::show::in_quotes;
use crate::table::Cut;
use std::fmt::Write as _;

/// One line for a shell, which asks the server at `addr` (HOST:PORT) this question. With `raw` it shows each byte
/// of the response, also those that curl would hide.
pub fn command(question: &Question, addr: &str, raw: bool) -> String {
    let (host, port) = addr.rsplit_once(':').unwrap_or((addr, ""));
    let nc = format!("nc {host} {port}");
    match question.ending {
        Ending::Close if question.sent.is_empty() => return format!("{nc} < /dev/null"),
        Ending::Reset => {
            let bytes = in_quotes(&question.sent, 200).replace('\'', "\\x27");
            return format!(
                "python3 -c 'import socket, struct; s = socket.create_connection((\"{host}\", {port})); s.sendall(b{bytes}); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(\"ii\", 1, 0)); s.close()'"
            );
        }
        _ => {}
    }
    // curl writes Content-Length in its own way, shows no body after HEAD, and takes no NUL.
    let plain = question.cut == Cut::Nowhere
        && question.text.len() < 200
        && !question.text.contains(char::is_control)
        && question.path.starts_with('/')
        && question.method != "HEAD";
    let usual = question.text.is_empty() || has_usual_length(question);
    if plain && usual && !raw {
        return curl(question, addr);
    }
    let pieces = question.pieces();
    let parts: Vec<&[u8]> = match question.cut {
        // Three pieces show the same, in a shorter command: a line end and a text are cut in two.
        Cut::Each(_) => {
            let line_end = question.body_start() - 3;
            let middle = question.body_start() + question.text.len() / 2;
            let sent = &question.sent;
            vec![&sent[..line_end], &sent[line_end..middle], &sent[middle..]]
        }
        _ => pieces,
    };
    let printed: Vec<String> = parts.iter().map(|part| print(part)).collect();
    let show = if raw { " | cat -vet" } else { "" };
    match &printed[..] {
        [one] if !one.contains(';') => format!("{one} | {nc}{show}"),
        _ => format!("({}) | {nc}{show}", printed.join("; sleep 1; ")),
    }
}

/// The command with what it needs: before it, messages that it can name; after it, a look at the list.
pub fn around(command: String, question: &Question, addr: &str) -> String {
    let before = question.index.map(|index| {
        format!(
            "for i in $(seq 0 {index}); do curl -so /dev/null -d \"message $i\" {addr}/; done; "
        )
    });
    let list = question.answer.changes_the_list() && question.index.is_some();
    let after = if list { format!("; curl -i {addr}/") } else { String::new() };
    format!("{}{command}{after}", before.unwrap_or_default())
}

/// The turns of a conversation: a pause after each.
pub fn talk(turns: &[String], addr: &str) -> String {
    let turns: Vec<Vec<u8>> = turns.iter().map(|turn| turn.as_bytes().to_vec()).collect();
    self::turns(&turns, addr)
}

/// The same for bytes that are perhaps no text.
pub fn turns(turns: &[Vec<u8>], addr: &str) -> String {
    let (host, port) = addr.rsplit_once(':').unwrap_or((addr, ""));
    let printed: Vec<String> = turns.iter().map(|turn| print(turn)).collect();
    format!("({}; sleep 1) | nc {host} {port}", printed.join("; sleep 1; "))
}

fn has_usual_length(question: &Question) -> bool {
    let head = String::from_utf8_lossy(&question.sent[..question.body_start()]).into_owned();
    let fields = head.split("Connection: close\r\n").nth(1).unwrap_or_default();
    fields == format!("Content-Length: {}\r\n\r\n", question.text.len())
}

fn curl(question: &Question, addr: &str) -> String {
    let url = format!("{addr}{}", question.path);
    // A question mark would be a pattern for the shell.
    let url = if url.contains('?') { format!("'{url}'") } else { url };
    let mut command = "curl -i".to_string();
    match question.method {
        "GET" => {}
        method => {
            let _ = write!(command, " -X {method}");
        }
    }
    if question.sent.ends_with(b"Content-Length: 0\r\n\r\n") {
        command.push_str(" --data-binary ''");
    } else if !question.text.is_empty() {
        let _ = write!(command, " --data-binary {}", quoted(&question.text));
    }
    format!("{command} {url}")
}

/// A text in single quotes, in which the shell replaces nothing.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A command that prints these bytes. A long run of one letter is not written out.
fn print(bytes: &[u8]) -> String {
    let mut commands = Vec::new();
    let mut format = String::new();
    let mut rest = bytes;
    while let Some(&first) = rest.first() {
        // The run is counted once, and then skipped: to count it at each of its bytes would take its length squared.
        let run = match first.is_ascii_alphanumeric() {
            true => rest.iter().take_while(|byte| **byte == first).count(),
            false => 0,
        };
        if run > 50 {
            if !format.is_empty() {
                commands.push(format!("printf '{format}'"));
                format.clear();
            }
            commands.push(format!("head -c {run} /dev/zero | tr '\\0' {}", first as char));
            rest = &rest[run..];
            continue;
        }
        match first {
            b'\r' => format.push_str("\\r"),
            b'\n' => format.push_str("\\n"),
            b'\\' => format.push_str("\\\\"),
            b'%' => format.push_str("%%"),
            b'\'' => format.push_str("'\\''"),
            0x20..=0x7e => format.push(first as char),
            0x80.. => {
                // A whole character of UTF-8, where it is one that can be seen.
                let valid = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                match valid.chars().next().filter(|c| c.is_alphanumeric()) {
                    Some(c) => {
                        format.push(c);
                        rest = &rest[c.len_utf8()..];
                        continue;
                    }
                    None => {
                        let _ = write!(format, "\\{first:03o}");
                    }
                }
            }
            _ => {
                let _ = write!(format, "\\{first:03o}");
            }
        }
        rest = &rest[1..];
    }
    if !format.is_empty() || commands.is_empty() {
        commands.push(format!("printf '{format}'"));
    }
    commands.join("; ")
}
