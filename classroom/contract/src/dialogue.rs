//! Several requests on one connection, from stage 12 on: what the client sends, and what has to come back, turn by
//! turn. The dialogues themselves are in `dialogues.rs`.

use crate::connection::{End, Exchange, Patience, connect};
use crate::fault::{Checked, Fault};
use crate::judge::{compare_lists, parse_list};
use crate::question::{Model, filled};
use crate::response::{Response, end_of_head, has_no_body};
use crate::show::in_quotes;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// What a client and a server send on one connection.
pub struct Dialogue {
    /// A short name that stays the same, such as `two-requests`.
    pub id: &'static str,
    /// What is sent, in a few words.
    pub what: &'static str,
    /// Where the RFC says it.
    pub section: &'static str,
    /// What the server should do: the report shows it with a fault.
    pub cause: &'static str,
    /// The parts of the dialogue, in their order.
    pub turns: &'static [Turn],
}

/// A part of a dialogue.
///
/// In what is sent, `{host}` stands for the address, `{1.1}` for the rest of a request line and the Host field,
/// `{get}` for a whole `GET /`, `{hidden}` for a whole `POST /`, `{new}` for the index of the first message that the
/// dialogue adds, `{x*N}` for N letters x. A character up to U+00FF is one byte, another one is UTF-8.
#[derive(Clone, Copy)]
pub enum Turn {
    /// The client sends this.
    Send(&'static str),
    /// The client sends this as many times as the number says, at once.
    SendTimes(usize, &'static str),
    /// The client sends this in pieces of as many bytes as the number says.
    SendIn(usize, &'static str),
    /// The client closes its side.
    Fin,
    /// 100 (Continue) comes.
    Continue,
    /// Nothing comes for a while: no 100 either.
    Quiet,
    /// From here on no 100 may come.
    NoInterim,
    /// A response comes.
    Reply(Wanted, Says),
    /// This number of responses comes.
    Replies(usize, Wanted),
    /// Nothing more comes, and the server closes.
    End,
    /// One of these statuses comes, and then the end.
    Refuse(&'static [u16]),
    /// The same as `Refuse`; the server may also close without a response.
    RefuseOrClose(&'static [u16]),
    /// One of these statuses comes, or the message with this text is added; and then the end in either case.
    RefuseOr(&'static [u16], &'static str),
}

/// What a response has to be.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// 200 and the whole list.
    List,
    /// 200 without a body, as for HEAD.
    HeadList,
    /// 404 without a body.
    HeadNotFound,
    /// 200 and the list, or one of these statuses and the end of the connection.
    ListOr(&'static [u16]),
    /// 201 and this text, which is added.
    Created(&'static str),
    /// The same, or one of these statuses and the end of the connection.
    CreatedOr(&'static [u16], &'static str),
    /// 200 and this text, in place of the message that was added last.
    Stored(&'static str),
    /// 204 and Allow.
    Allowed,
    /// One of these statuses.
    Status(&'static [u16]),
}

/// What a response says about its connection in the field Connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// The connection stays open.
    Open,
    /// The connection stays open, and `keep-alive` says so.
    KeepAlive,
    /// The response has `close`. That the server closes is a turn of its own.
    Close,
    /// Open or `close`: after `close` the dialogue is over.
    Either,
}

impl Turn {
    /// What the client sends.
    pub fn text(&self) -> Option<&'static str> {
        match self {
            Turn::Send(text) | Turn::SendTimes(_, text) | Turn::SendIn(_, text) => Some(text),
            _ => None,
        }
    }

    /// What has to come, in a few words.
    fn wanted(&self) -> Option<String> {
        let any = |status: &[u16]| {
            status.iter().map(u16::to_string).collect::<Vec<String>>().join(" or ")
        };
        let response = |wanted: &Wanted| match wanted {
            Wanted::List => "200 with the list".to_string(),
            Wanted::HeadList => "200 without a body".to_string(),
            Wanted::HeadNotFound => "404 without a body".to_string(),
            Wanted::ListOr(status) => {
                format!("200 with the list, or {} and the end of the connection", any(status))
            }
            Wanted::Created(text) => format!("201 with {}", in_quotes(text, 30)),
            Wanted::CreatedOr(status, text) => {
                format!(
                    "201 with {}, or {} and the end of the connection",
                    in_quotes(text, 30),
                    any(status)
                )
            }
            Wanted::Stored(text) => format!("200 with {}", in_quotes(text, 30)),
            Wanted::Allowed => "204 with Allow, without Content-Length".to_string(),
            Wanted::Status(status) => any(status),
        };
        Some(match self {
            Turn::Send(_) | Turn::SendTimes(..) | Turn::SendIn(..) | Turn::Fin => return None,
            Turn::Quiet => return None,
            Turn::NoInterim => "no 100".to_string(),
            Turn::Continue => "100".to_string(),
            Turn::Reply(wanted, says) => {
                let says = match says {
                    Says::Close => " and Connection: close",
                    Says::KeepAlive => " and Connection: keep-alive",
                    Says::Open | Says::Either => "",
                };
                format!("{}{says}", response(wanted))
            }
            Turn::Replies(times, wanted) => format!("{times} times {}", response(wanted)),
            Turn::End => "the end of the connection".to_string(),
            Turn::Refuse(status) => format!("{}, and the end of the connection", any(status)),
            Turn::RefuseOrClose(status) => {
                format!("{} or nothing, and the end of the connection", any(status))
            }
            Turn::RefuseOr(status, text) => format!(
                "{} or 201 with {}, and the end of the connection",
                any(status),
                in_quotes(text, 30)
            ),
        })
    }
}

impl Dialogue {
    /// Whether the list always comes last if the dialogue holds.
    pub fn ends_with_list(&self) -> bool {
        let may_end = |turn: &Turn| {
            matches!(turn, Turn::Reply(_, Says::Either) | Turn::Replies(..))
                || matches!(turn, Turn::Reply(Wanted::ListOr(_) | Wanted::CreatedOr(..), _))
        };
        matches!(self.turns, [before @ .., Turn::Reply(Wanted::List, Says::Open)]
            if !before.iter().any(may_end))
    }

    /// What has to come, a line each.
    pub fn wanted(&self) -> String {
        self.turns.iter().filter_map(Turn::wanted).collect::<Vec<String>>().join("\n")
    }
}

/// How long to wait before it is sure that nothing comes.
const QUIET: Duration = Duration::from_millis(100);

/// The pause between two pieces.
const PAUSE: Duration = Duration::from_millis(1);

/// What was sent and what came back in a dialogue.
pub struct Said {
    /// What was sent, turn by turn.
    pub sent: Vec<Vec<u8>>,
    /// What came back.
    pub exchange: Exchange,
    /// The texts that the server has added to its list, according to its responses.
    pub added: Vec<String>,
    /// Whether the dialogue holds.
    pub result: Checked<()>,
}

/// Has a dialogue with the server at `addr` (HOST:PORT), which has the messages of `model`.
pub fn hold(addr: &str, dialogue: &Dialogue, model: &Model, patience: Patience) -> Said {
    let start = Instant::now();
    let mut said =
        Said { sent: Vec::new(), exchange: Exchange::default(), added: Vec::new(), result: Ok(()) };
    match connect(addr, patience.whole) {
        Ok(stream) => {
            let _ = stream.set_write_timeout(Some(patience.whole));
            let mut client = Client::new(stream, patience);
            said.result = client
                .turns(dialogue, addr, model, &mut said.sent, &mut said.added)
                .map_err(|fault| explained(fault, dialogue));
            said.exchange.got = client.got;
            if said.result.is_err() {
                said.exchange.end = client.end.unwrap_or(End::Closed);
            }
        }
        Err(error) => {
            said.exchange.end = End::Refused(error.to_string());
            said.result = Err(Fault::new("gone", format!("nothing listens any more ({error})")));
        }
    }
    said.exchange.took = start.elapsed();
    said
}

/// Adds to the fault what the server should do, and where the RFC says it, if it has neither yet.
fn explained(fault: Fault, dialogue: &Dialogue) -> Fault {
    let fault = match fault.cause.is_empty() {
        true => fault.because(dialogue.cause),
        false => fault,
    };
    if fault.section.is_empty() { fault.see(dialogue.section) } else { fault }
}

/// The bytes that stand for a text of a dialogue, with the server's address and the index `new` filled in.
pub fn bytes(text: &str, addr: &str, new: usize) -> Vec<u8> {
    let text = text
        .replace("{get}", "GET /{1.1}\r\n")
        .replace("{hidden}", "POST /{1.1}Content-Length: 8\r\n\r\nsmuggled")
        .replace("{1.1}", " HTTP/1.1\r\nHost: {host}\r\n")
        .replace("{host}", addr)
        .replace("{new}", &new.to_string());
    let mut bytes = Vec::new();
    for c in filled(&text).chars() {
        match u8::try_from(c) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes
}

/// A client of one connection.
pub struct Client {
    stream: TcpStream,
    patience: Patience,
    /// All bytes that have come.
    pub got: Vec<u8>,
    /// How many of them belong to the responses so far.
    at: usize,
    /// How many responses have come.
    responses: usize,
    /// How the connection ended; `None` if it is open.
    pub end: Option<End>,
    no_interim: bool,
}

impl Client {
    /// Makes a client that uses this connection.
    pub fn new(stream: TcpStream, patience: Patience) -> Client {
        let got = Vec::new();
        Client { stream, patience, got, at: 0, responses: 0, end: None, no_interim: false }
    }

    /// The connection, for sending less than a whole request.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends bytes. Ignores an error, because the server may have closed: what the client reads shows why.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn turns(
        &mut self,
        dialogue: &Dialogue,
        addr: &str,
        model: &Model,
        sent: &mut Vec<Vec<u8>>,
        added: &mut Vec<String>,
    ) -> Checked<()> {
        let new = model.list.len();
        for turn in dialogue.turns {
            match *turn {
                Turn::Send(text) => {
                    sent.push(bytes(text, addr, new));
                    self.send(&bytes(text, addr, new));
                }
                Turn::SendTimes(times, text) => {
                    let all = bytes(text, addr, new).repeat(times);
                    self.send(&all);
                    sent.push(all);
                }
                Turn::SendIn(length, text) => {
                    let all = bytes(text, addr, new);
                    for piece in all.chunks(length) {
                        self.send(piece);
                        thread::sleep(PAUSE);
                    }
                    sent.push(all);
                }
                Turn::Fin => drop(self.stream.shutdown(Shutdown::Write)),
                Turn::Continue => self.continues()?,
                Turn::Quiet => self.quiet()?,
                Turn::NoInterim => self.no_interim = true,
                Turn::Reply(wanted, says) => {
                    if !self.reply(wanted, says, model, added)? {
                        return Ok(());
                    }
                }
                Turn::Replies(times, wanted) => {
                    for _ in 0..times {
                        if !self.reply(wanted, Says::Either, model, added)? {
                            return Ok(());
                        }
                    }
                }
                Turn::End => self.ends("the last response")?,
                Turn::Refuse(status) => self.refuse(status, false, None, model, added)?,
                Turn::RefuseOrClose(status) => self.refuse(status, true, None, model, added)?,
                Turn::RefuseOr(status, text) => {
                    self.refuse(status, false, Some(text), model, added)?;
                }
            }
        }
        Ok(())
    }

    /// Reads a response and compares it. Returns whether the dialogue goes on.
    fn reply(
        &mut self,
        wanted: Wanted,
        says: Says,
        model: &Model,
        added: &mut Vec<String>,
    ) -> Checked<bool> {
        let is_head = matches!(wanted, Wanted::HeadList | Wanted::HeadNotFound);
        let response = self.response(is_head)?;
        if response.field("Date").is_none() {
            let fault = Fault::new("no Date", "the response has no Date");
            return Err(self.numbered(
                fault
                    .see("RFC 9110, section 6.6.1")
                    .because("A server with a clock sends in each response the time at which the response was made."),
            ));
        }
        let refused = match wanted {
            Wanted::ListOr(status) | Wanted::CreatedOr(status, _) => {
                status.contains(&response.status)
            }
            _ => false,
        };
        if refused {
            self.ends("the response that refuses")?;
            return Ok(false);
        }
        let result = compare(&response, wanted, model, added);
        result.map_err(|fault| self.numbered(fault))?;
        let closes = has_option(&response, "close");
        match says {
            Says::Open | Says::KeepAlive if closes => {
                let sentence =
                    "the response says Connection: close, and the request does not ask for it";
                Err(self.numbered(Fault::new("says-close", sentence)))
            }
            Says::KeepAlive if !has_option(&response, "keep-alive") => {
                let sentence = "the response to HTTP/1.0 does not say Connection: keep-alive";
                Err(self.numbered(Fault::new("no-keep-alive", sentence)))
            }
            Says::Close if !closes => {
                let sentence = "the last response does not say Connection: close";
                Err(Fault::new("no-close", sentence).see("RFC 9112, section 9.6"))
            }
            Says::Either if closes => {
                self.ends("a response with Connection: close")?;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    /// A response that refuses, and the end of the connection.
    fn refuse(
        &mut self,
        status: &[u16],
        or_close: bool,
        or_text: Option<&'static str>,
        model: &Model,
        added: &mut Vec<String>,
    ) -> Checked<()> {
        let response = match self.response(false) {
            Ok(response) => response,
            Err(fault) if or_close && ["no-response", "not-kept"].contains(&&*fault.kind) => {
                return Ok(());
            }
            Err(fault) => return Err(fault),
        };
        if let Some(text) = or_text.filter(|_| response.status == 201) {
            compare(&response, Wanted::Created(text), model, added)?;
        } else if let Err(fault) = has_status(&response, status) {
            if response.status == 201 {
                added.push(String::from_utf8_lossy(&response.body).into_owned());
            }
            return Err(self.numbered(fault));
        }
        self.ends("the response that refuses")
    }

    /// Says which response it is, where there are several.
    fn numbered(&self, fault: Fault) -> Fault {
        if self.responses < 2 {
            return fault;
        }
        let sentence = format!("response {}: {}", self.responses, fault.sentence);
        Fault { sentence, ..fault }
    }

    /// The next response; `is_head` means that it answers HEAD. Interim responses (1xx) before it are skipped.
    ///
    /// # Errors
    /// No whole response comes in time, or the response is not HTTP, or a 100 comes where none should come.
    pub fn response(&mut self, is_head: bool) -> Checked<Response> {
        let limit = Instant::now() + self.patience.whole;
        let mut length = None;
        loop {
            let rest = &self.got[self.at..];
            if let Some(length) = length.filter(|length| rest.len() >= *length) {
                let response = Response::parse(&rest[..length])?;
                self.at += length;
                self.responses += 1;
                return Ok(response);
            }
            if length.is_none()
                && let Some(end) = end_of_head(rest)
            {
                if is_interim(rest) {
                    if self.no_interim {
                        let sentence = "100 (Continue) comes where none should come";
                        return Err(Fault::new("interim", sentence));
                    }
                    self.at += end;
                    continue;
                }
                let head = Response::parse(&rest[..end]).map_err(|fault| self.misplaced(fault))?;
                let body = if is_head || has_no_body(head.status) { 0 } else { head.length };
                length = Some(end + body);
                continue;
            }
            if !b"HTTP/".starts_with(&rest[..rest.len().min(5)]) {
                let fault = Response::parse(rest).err();
                let fault = fault.unwrap_or_else(|| Fault::new("no-http", "this is no response"));
                return Err(self.misplaced(fault));
            }
            if !self.more(limit) {
                return Err(self.cut_short());
            }
        }
    }

    /// The bytes where a response should begin are none: the response before has more bytes than it says.
    fn misplaced(&self, fault: Fault) -> Fault {
        if self.responses == 0 || fault.kind != "no-http" {
            return self.numbered(fault);
        }
        let beginning = in_quotes(&self.got[self.at..], 40);
        let sentence = format!(
            "after response {} no other response begins; what comes is {beginning}",
            self.responses
        );
        Fault::new("misplaced", sentence).because("On a connection that stays open the client finds the next response only where Content-Length says that this one ends. A response to HEAD and a 204 end with their heads.").see("RFC 9112, section 6.3")
    }

    /// Why the next response is not there.
    fn cut_short(&self) -> Fault {
        let came = self.got.len() - self.at;
        match (&self.end, came) {
            (Some(End::TimedOut), 0) => {
                let (seconds, number) = (self.patience.whole.as_secs_f32(), self.responses + 1);
                let sentence = format!("response {number} does not come within {seconds:.1} s");
                Fault::new("timeout", sentence)
            }
            (Some(End::TimedOut), _) => {
                let sentence = format!("only {came} bytes of response {} came", self.responses + 1);
                Fault::new("timeout", sentence)
            }
            (Some(End::Reset), _) if self.responses == 0 => {
                let sentence = "the connection was reset, and no response came";
                Fault::new("reset", sentence).see("RFC 9112, section 9.6")
            }
            (_, 0) if self.responses == 0 => {
                Fault::new("no-response", "the connection ended without a response")
            }
            (_, 0) => {
                let number = self.responses;
                let sentence = format!(
                    "the server closed the connection after response {number}; the next request got none"
                );
                Fault::new("not-kept", sentence)
            }
            _ => {
                let sentence = format!(
                    "the connection ended in the middle of response {}",
                    self.responses + 1
                );
                Fault::new("less-than-length", sentence)
            }
        }
    }

    /// 100 (Continue) comes, and nothing else.
    fn continues(&mut self) -> Checked<()> {
        let limit = Instant::now() + self.patience.whole;
        loop {
            let rest = &self.got[self.at..];
            if let Some(end) = end_of_head(rest) {
                if rest.starts_with(b"HTTP/1.1 100") {
                    self.at += end;
                    return Ok(());
                }
                let status =
                    String::from_utf8_lossy(rest).split(' ').nth(1).unwrap_or("").to_string();
                let sentence =
                    format!("the response is {}, not 100 (Continue)", in_quotes(status, 20));
                return Err(Fault::new("no-continue", sentence));
            }
            if !self.more(limit) {
                let fault = self.cut_short();
                let sentence = "100 (Continue) does not come before the body is sent".to_string();
                return Err(match fault.kind.as_str() {
                    "timeout" => Fault { sentence, kind: "no-continue".to_string(), ..fault },
                    _ => fault,
                });
            }
        }
    }

    fn quiet(&mut self) -> Checked<()> {
        if self.got.len() == self.at {
            self.more(Instant::now() + QUIET);
        }
        if self.end == Some(End::TimedOut) {
            self.end = None;
            return Ok(());
        }
        let came = in_quotes(&self.got[self.at..], 40);
        let sentence = match self.end {
            Some(_) => "the server closed before it had the whole request".to_string(),
            None => format!("before the whole request has come, the server sends {came}"),
        };
        Err(Fault::new("too-early", sentence))
    }

    /// Checks that nothing more comes, and that the server closes. `after` names what came last.
    ///
    /// # Errors
    /// More comes, the connection stays open, or it ends with RST.
    pub fn ends(&mut self, after: &str) -> Checked<()> {
        let limit = Instant::now() + self.patience.close;
        while self.got.len() == self.at && self.more(limit) {}
        if self.got.len() > self.at {
            // All of it, for the report.
            while self.got.len() < 4096 && self.more(Instant::now() + QUIET) {}
            let came = in_quotes(&self.got[self.at..], 40);
            let sentence = format!("after {after} more comes: {came}");
            return Err(Fault::new("goes-on", sentence));
        }
        match self.end {
            Some(End::TimedOut) => {
                let sentence = format!("the connection stays open after {after}");
                Err(Fault::new("stays-open", sentence))
            }
            Some(End::Reset) => {
                let sentence =
                    format!("the connection ended with RST and not with FIN, after {after}");
                Err(Fault::new("reset", sentence).because("If a program closes a socket that has unread data, the kernel sends RST (abort) in place of FIN (normal close), and RST can destroy the response. Send FIN first, and read until the client closes.").see("RFC 9112, section 9.6"))
            }
            _ => Ok(()),
        }
    }

    /// Reads once, at most until `limit`. Returns whether something came.
    fn more(&mut self, limit: Instant) -> bool {
        let mut buffer = [0; 1 << 14];
        loop {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.end = Some(End::TimedOut);
                return false;
            }
            let _ = self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            match self.stream.read(&mut buffer) {
                Ok(0) => self.end = Some(End::Closed),
                Ok(length) => {
                    self.got.extend(&buffer[..length]);
                    return true;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.end = Some(End::TimedOut),
                    _ => self.end = Some(End::Reset),
                },
            }
            return false;
        }
    }
}

/// Whether an interim response begins here.
fn is_interim(bytes: &[u8]) -> bool {
    (bytes.starts_with(b"HTTP/1.1 1") || bytes.starts_with(b"HTTP/1.0 1"))
        && !bytes.starts_with(b"HTTP/1.1 101")
}

/// Whether the Connection field has this option.
pub fn has_option(response: &Response, option: &str) -> bool {
    let connection = response.field("Connection").unwrap_or_default();
    connection.split(',').any(|other| other.trim().eq_ignore_ascii_case(option))
}

fn has_status(response: &Response, status: &[u16]) -> Checked<()> {
    if status.contains(&response.status) {
        return Ok(());
    }
    let wanted: Vec<String> = status.iter().map(u16::to_string).collect();
    let sentence = format!("the status is {}, not {}", response.status, wanted.join(" or "));
    Err(Fault::new(&sentence, sentence.clone()))
}

/// Whether a response is what it should be. A message that it says to have added is added to `added`.
fn compare(
    response: &Response,
    wanted: Wanted,
    model: &Model,
    added: &mut Vec<String>,
) -> Checked<()> {
    let text_is = |text: &str| match response.body == text.as_bytes() {
        true => Ok(()),
        false => {
            let (got, text) = (in_quotes(&response.body, 40), in_quotes(text, 40));
            Err(Fault::new("other-text", format!("the body is {got}, not {text}")))
        }
    };
    match wanted {
        Wanted::List | Wanted::ListOr(_) => {
            has_status(response, &[200])?;
            let list = [model.list.as_slice(), added].concat();
            compare_lists(&list, &parse_list(&response.body)?)
        }
        Wanted::HeadList => has_status(response, &[200]),
        Wanted::HeadNotFound => has_status(response, &[404]),
        Wanted::Created(text) | Wanted::CreatedOr(_, text) => {
            has_status(response, &[201])?;
            let location = format!("/{}", model.list.len() + added.len());
            added.push(String::from_utf8_lossy(&response.body).into_owned());
            text_is(text)?;
            let got = response.field("Location").unwrap_or_default();
            if got != location {
                let sentence = format!("Location is {}, not {location}", in_quotes(got, 40));
                return Err(Fault::new("other Location", sentence));
            }
            Ok(())
        }
        Wanted::Stored(text) => {
            has_status(response, &[200])?;
            added.pop();
            added.push(text.to_string());
            text_is(text)
        }
        Wanted::Allowed => {
            has_status(response, &[204])?;
            match response.field("Allow") {
                Some(_) => Ok(()),
                None => Err(Fault::new("no Allow", "there is no Allow field")),
            }
        }
        Wanted::Status(status) => has_status(response, status),
    }
}
