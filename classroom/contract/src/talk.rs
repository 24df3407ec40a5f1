//! Stages 1 and 2, which send back what they get: the turns of a conversation on one connection.

use crate::connection::{End, Exchange, Patience, connect};
use crate::fault::{Checked, Fault};
use crate::question::filled;
use crate::show::in_quotes;
use crate::table::{Cut, Talk};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long to wait before it is sure that nothing comes.
const QUIET: Duration = Duration::from_millis(60);

/// The pause between two segments.
const PAUSE: Duration = Duration::from_millis(1);

/// What was sent in all, and what came back.
pub struct Said {
    /// What was sent.
    pub sent: Vec<u8>,
    /// What came back.
    pub exchange: Exchange,
}

/// Has this conversation with the server at `addr` (HOST:PORT). The server of stage 1 closes after its reply; that of
/// stage 2 closes when the client has closed its side.
pub fn talk(addr: &str, talk: &Talk, stage: u32, patience: Patience) -> (Said, Checked<()>) {
    let start = Instant::now();
    let mut said = Said { sent: Vec::new(), exchange: Exchange::default() };
    let result = match connect(addr, patience.whole) {
        Ok(stream) => turns(stream, talk, stage, patience, start, &mut said),
        Err(error) => {
            said.exchange.end = End::Refused(error.to_string());
            Err(Fault::new("gone", format!("nothing listens any more ({error})")))
        }
    };
    said.exchange.took = start.elapsed();
    (said, result)
}

fn turns(
    mut stream: TcpStream,
    talk: &Talk,
    stage: u32,
    patience: Patience,
    start: Instant,
    said: &mut Said,
) -> Checked<()> {
    let _ = stream.set_write_timeout(Some(patience.whole));
    for turn in talk.turns {
        let (send, back) = (filled(turn.send), filled(turn.back));
        let length = if let Cut::Each(length) = talk.cut { length } else { send.len() };
        for (number, piece) in send.as_bytes().chunks(length).enumerate() {
            if number > 0 {
                thread::sleep(PAUSE);
            }
            if let Err(error) = stream.write_all(piece) {
                let sentence = format!("the server does not take what the client sends ({error})");
                return Err(Fault::new("cut-off", sentence)
                    .because("The server may have closed the connection after its first reply."));
            }
            said.sent.extend(piece);
        }
        let reply = read(&mut stream, back.len(), patience, start, said)
            .map_err(|fault| with_cause(fault, &send, stage))?;
        if let Err(fault) = check_reply(&send, &back, &reply, &said.exchange.end, stage) {
            read_what_is_there(&mut stream, said);
            return Err(fault);
        }
        let waits = send.len() > back.len();
        if waits {
            check_quiet(&mut stream, said)?;
        }
    }
    if stage > 1 {
        let _ = stream.shutdown(Shutdown::Write);
    }
    // One byte more than there should be shows whether there is one.
    let rest = read(
        &mut stream,
        1,
        Patience { whole: patience.whole + start.elapsed(), ..patience },
        start,
        said,
    );
    match rest {
        Ok(rest) if rest.is_empty() && said.exchange.end == End::Reset => {
            let sentence = "the connection ended with RST and not with FIN, after the reply";
            Err(Fault::new("reset", sentence).because("If a program closes a socket that has unread data, the kernel sends RST (abort) in place of FIN (normal close)."))
        }
        Ok(rest) if rest.is_empty() => Ok(()),
        Ok(_) => {
            read_what_is_there(&mut stream, said);
            let sentence =
                format!("more comes back than was sent: {}", in_quotes(&said.exchange.got, 60));
            Err(Fault::new("more", sentence))
        }
        Err(fault) if fault.kind == "timeout" => Err(not_closed(stage)),
        Err(fault) => Err(fault),
    }
}

fn not_closed(stage: u32) -> Fault {
    let (sentence, cause) = match stage {
        1 => (
            "the reply is right, but the server does not close the connection",
            "In stage 1 a connection carries one message: the server sends it back and closes.",
        ),
        _ => (
            "the client has closed its side, but the server does not close the connection",
            "When the client closes, `read` returns 0. The server's loop has to stop then, and the server closes its side.",
        ),
    };
    Fault::new("stays-open", sentence).because(cause).see("RFC 9293, section 3.6")
}

/// Reads what has come after the reply, so that the report shows it.
fn read_what_is_there(stream: &mut TcpStream, said: &mut Said) {
    let _ = stream.set_read_timeout(Some(QUIET));
    let mut buffer = [0; 4096];
    if let Ok(length) = stream.read(&mut buffer) {
        said.exchange.got.extend(&buffer[..length]);
    }
}

/// The likely cause of a reply that does not come.
fn with_cause(fault: Fault, send: &str, stage: u32) -> Fault {
    if fault.kind != "timeout" {
        return fault;
    }
    fault.because(match (stage, send.ends_with('\n')) {
        (1, false) => "The server may wait for a line end. In stage 1 a message is what one `read` returns.",
        (1, true) => "The server may read on until the client closes. In stage 1 it reads once, and replies.",
        _ => "The server may read on until the client closes. A line ends a message: reply as soon as its \"\\n\" has come.",
    })
}

/// Whether the reply is what should come back for what was sent.
fn check_reply(send: &str, back: &str, reply: &[u8], end: &End, stage: u32) -> Checked<()> {
    if reply == back.as_bytes() {
        return Ok(());
    }
    let came = in_quotes(reply, 60);
    let fault = match end {
        _ if reply.is_empty() => {
            Fault::new("no-response", "the connection ended and nothing came back")
        }
        End::Reset => Fault::new("reset", format!("the connection was reset; {came} came back")),
        _ if back.as_bytes().starts_with(reply) => Fault::new(
            "less",
            format!("only {} of {} bytes came back: {came}", reply.len(), back.len()),
        ),
        _ => Fault::new("other", format!("{came} came back, not {}", in_quotes(back, 60))),
    };
    Err(if stage > 1 && back.len() < send.len() || back.matches('\n').count() > 1 {
        fault.because("A line ends a message: answer each line that is complete, and keep the rest until its end comes. One `read` may bring half a line or two lines.")
    } else if stage > 1 && reply.is_empty() {
        fault.because(
            "Stage 2 keeps the connection: after its reply the server reads the next line.",
        )
    } else if send.len() > send.chars().count() {
        fault.because("A character may have several bytes, and they may come in two segments. Send the bytes back as they came, or decode a whole line.")
    } else {
        fault
    })
}

/// Checks that nothing comes before the end of the line is sent.
fn check_quiet(stream: &mut TcpStream, said: &mut Said) -> Checked<()> {
    let _ = stream.set_read_timeout(Some(QUIET));
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => Err(Fault::new("closed-early", "the server closed before the end of the line came")
            .because("The server may take what one `read` returns for a whole message. A line ends a message.")),
        Ok(length) => {
            said.exchange.got.extend(&buffer[..length]);
            let sentence = format!("half a line was answered: {}", in_quotes(&buffer[..length], 60));
            Err(Fault::new("half-line", sentence).because(
                "The server sends back what one `read` returns. A line ends a message: keep what has come until its \"\\n\" comes.",
            ))
        }
        // Nothing came. If the connection failed, the next turn reports it.
        Err(_) => Ok(()),
    }
}

/// Reads until there are `length` bytes; fewer only if the connection ends before.
fn read(
    stream: &mut TcpStream,
    length: usize,
    patience: Patience,
    start: Instant,
    said: &mut Said,
) -> Checked<Vec<u8>> {
    let mut reply = Vec::new();
    let mut buffer = [0; 1 << 14];
    while reply.len() < length {
        let left = patience.whole.saturating_sub(start.elapsed());
        // A timeout of zero is an error.
        let _ = stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        let wanted = (length - reply.len()).min(buffer.len());
        match stream.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(came) => {
                reply.extend(&buffer[..came]);
                said.exchange.got.extend(&buffer[..came]);
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    said.exchange.end = End::TimedOut;
                    let sentence = format!(
                        "{} of {length} bytes came back within {:.0} s",
                        reply.len(),
                        start.elapsed().as_secs_f32()
                    );
                    return Err(Fault::new("timeout", sentence));
                }
                _ => {
                    said.exchange.end = End::Reset;
                    break;
                }
            },
        }
    }
    Ok(reply)
}
