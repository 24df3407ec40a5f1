//! The judge: compares a response with the expected one, and names the first difference and its likely cause.

use crate::connection::{End, Exchange};
use crate::fault::{Checked, Fault};
use crate::question::{Model, Question};
use crate::response::Response;
use crate::show::{in_quotes, visible};
use crate::table::{Answer, Cut};
use std::collections::BTreeSet;
use std::fmt;

/// The media type of a list and of everything else.
const LIST: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What a response has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    /// The status is one of these.
    pub status: Vec<u16>,
    /// Fields that it must have, each with its value.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: WantedBody,
}

/// What the body of a response has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum WantedBody {
    /// This text.
    Text(String),
    /// These messages, as a JSON array of strings.
    List(Vec<String>),
    /// Nothing, as after HEAD: the fields describe what a GET would bring. The length of that, in bytes, if known.
    Head(Option<usize>),
    /// A text that explains an error, or nothing.
    Error,
    /// Nothing, and no field that tells its length.
    None,
}

impl Want {
    /// The response that a question should get while the server holds these messages. `list_length` is the length of
    /// the list in bytes, as this server writes it, if known.
    pub fn new(question: &Question, model: &Model, list_length: Option<usize>) -> Want {
        let content = |media_type: &str| vec![("Content-Type", media_type.to_string())];
        let echo = WantedBody::Text(question.text.clone());
        let message =
            || question.index.and_then(|index| model.list.get(index).cloned()).unwrap_or_default();
        let (status, fields, body) = match question.answer {
            Answer::Echo | Answer::Stored => (vec![200], content(TEXT), echo),
            Answer::Created => {
                let mut fields = content(TEXT);
                fields.push(("Location", format!("/{}", model.list.len())));
                (vec![201], fields, echo)
            }
            Answer::List => (vec![200], content(LIST), WantedBody::List(model.list.clone())),
            Answer::Text => (vec![200], content(TEXT), WantedBody::Text(message())),
            Answer::NotAllowed(methods) => {
                (vec![405], vec![("Allow", methods.to_string())], WantedBody::Error)
            }
            Answer::NotFound => (vec![404], vec![], WantedBody::Error),
            Answer::Allowed(methods) => {
                (vec![204], vec![("Allow", methods.to_string())], WantedBody::None)
            }
            Answer::Refused(status) => (status.to_vec(), vec![], WantedBody::Error),
        };
        let body = match question.answer {
            _ if question.method != "HEAD" => body,
            Answer::List => WantedBody::Head(list_length),
            Answer::Text => WantedBody::Head(Some(message().len())),
            _ => WantedBody::Head(None),
        };
        Want { status, fields, body }
    }

    /// How many bytes the body has, where that is the same for every server.
    fn length(&self) -> Option<usize> {
        match &self.body {
            WantedBody::Text(text) => Some(text.len()),
            WantedBody::Head(length) => *length,
            WantedBody::List(_) | WantedBody::Error | WantedBody::None => None,
        }
    }
}

/// What is wanted, as lines of a response.
impl fmt::Display for Want {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let status: Vec<String> = self.status.iter().map(u16::to_string).collect();
        write!(out, "{}", status.join(" or "))?;
        for (name, value) in &self.fields {
            write!(out, "\n{name}: {value}")?;
        }
        match self.length() {
            Some(length) => write!(out, "\nContent-Length: {length}")?,
            None if self.body == WantedBody::None => {}
            None => write!(out, "\nContent-Length: as many bytes as the body has")?,
        }
        match &self.body {
            // In the form in which the report shows what came, so that a person can compare the two.
            WantedBody::Text(text) => {
                write!(out, "\n\n{}", visible(text.as_bytes(), text.len(), 400, 9).join("\n"))
            }
            WantedBody::List(list) => {
                let list = serde_json::to_string(list).map_err(|_| fmt::Error)?;
                write!(out, "\n\n{}", visible(list.as_bytes(), list.len(), 400, 9).join("\n"))
            }
            WantedBody::Head(_) => write!(out, "\n\n(no body)"),
            WantedBody::None => write!(out, "\n\n(no body, and no Content-Length)"),
            WantedBody::Error => Ok(()),
        }
    }
}

/// Whether an exchange is what was wanted.
///
/// # Errors
/// The first fault, with its likely cause.
pub fn judge(question: &Question, want: &Want, exchange: &Exchange) -> Checked<Response> {
    let judged = look(question, want, exchange);
    judged.map_err(|fault| with_cause(question, exchange, fault))
}

fn look(question: &Question, want: &Want, exchange: &Exchange) -> Checked<Response> {
    check_end_of_silence(question, exchange)?;
    let response = Response::parse(&exchange.got)?;
    check_status(want, &response)?;
    check_length(question, want, &response)?;
    match &want.body {
        WantedBody::Text(text) => check_text(text, &response.body)?,
        WantedBody::List(list) => compare_lists(list, &parse_list(&response.body)?)?,
        WantedBody::Head(_) | WantedBody::None => {}
        WantedBody::Error if response.body.is_empty() => {}
        WantedBody::Error => check_field(&response, "Content-Type", TEXT)?,
    }
    for (name, value) in &want.fields {
        match *name {
            "Allow" if question.has_options => check_allow(&response, value)?,
            _ => check_field(&response, name, value)?,
        }
    }
    check_end(question, exchange)?;
    Ok(response)
}

/// Checks that the response is whole: that it did not end too early and did not go on without an end.
fn check_end_of_silence(question: &Question, exchange: &Exchange) -> Checked<()> {
    let seconds = seconds(exchange.took);
    let came = match exchange.got.len() {
        0 => "nothing came back".to_string(),
        bytes => format!("only {bytes} bytes came back, which are not a whole response"),
    };
    match &exchange.end {
        End::Refused(reason) => {
            let sentence = format!("nothing listens any more ({reason})");
            Err(Fault::new("gone", sentence))
        }
        End::Failed(reason) => {
            Err(Fault::new("failed", format!("the connection failed: {reason}")))
        }
        End::TimedOut if crate::connection::is_complete(&exchange.got, question.method) => {
            let sentence = format!("bytes go on coming after the response, for {seconds} s");
            Err(Fault::new("no-end", sentence).see("RFC 9112, section 6.3"))
        }
        End::TimedOut if !is_beginning(&exchange.got) => Response::parse(&exchange.got).map(|_| ()),
        End::TimedOut => Err(Fault::new("timeout", format!("{came} within {seconds} s"))),
        End::TooLong => {
            let sentence = format!("{} bytes came back, and no end", exchange.got.len());
            Err(Fault::new("no-end", sentence).see("RFC 9112, section 6.3"))
        }
        End::Reset if exchange.got.is_empty() => Err(reset("and no response came")),
        _ => Ok(()),
    }
}

/// A time in seconds, for a sentence: with tenths only below one second.
fn seconds(time: std::time::Duration) -> String {
    let seconds = time.as_secs_f32();
    if seconds < 1.0 { format!("{seconds:.1}") } else { format!("{seconds:.0}") }
}

/// Whether the bytes can be the beginning of a response.
fn is_beginning(got: &[u8]) -> bool {
    got.starts_with(&b"HTTP/"[..got.len().min(5)])
}

/// Checks how the connection ended after a response that is right.
fn check_end(question: &Question, exchange: &Exchange) -> Checked<()> {
    match exchange.end {
        End::Open => {
            let sentence = "the response is complete, but the connection stays open";
            Err(Fault::new("stays-open", sentence)
                .because("After a response to a request with \"Connection: close\", the server has to close the connection: the client reads until then.")
                .see("RFC 9112, section 9.6"))
        }
        End::Reset if question.sent.is_empty() => Ok(()),
        End::Reset => Err(reset("after the response")),
        _ => Ok(()),
    }
}

fn reset(when: &str) -> Fault {
    Fault::new("reset", format!("the connection ended with RST and not with FIN, {when}"))
        .because("If a program closes a socket that has unread data, the kernel sends RST (abort) in place of FIN (normal close). RST destroys what is still on its way, and the response can be lost. Read the whole request before you close.")
        .see("RFC 9112, section 9.6")
}

fn check_status(want: &Want, response: &Response) -> Checked<()> {
    if want.status.contains(&response.status) {
        return Ok(());
    }
    let wanted: Vec<String> = want.status.iter().map(u16::to_string).collect();
    let sentence = format!("the status is {}, not {}", response.status, wanted.join(" or "));
    let section = match wanted.first().map(String::as_str) {
        Some("200") => "RFC 9110, section 15.3.1",
        Some("201") => "RFC 9110, section 15.3.2",
        Some("204") => "RFC 9110, section 9.3.7",
        Some("404") => "RFC 9110, section 15.5.5",
        Some("405") => "RFC 9110, section 15.5.6",
        Some("408") => "RFC 9110, section 15.5.9",
        Some("413") => "RFC 9110, section 15.5.14",
        Some("414") => "RFC 9110, section 15.5.15",
        Some("417") => "RFC 9110, section 15.5.18",
        Some("421") => "RFC 9110, section 15.5.20",
        Some("431") => "RFC 6585, section 5",
        Some("501") => "RFC 9110, section 15.6.2",
        Some("503") => "RFC 9110, section 15.6.4",
        Some("505") => "RFC 9110, section 15.6.6",
        Some("507") => "RFC 4918, section 11.5",
        _ => "RFC 9110, section 15.5.1",
    };
    Err(Fault::new(&sentence, sentence.clone()).see(section))
}

fn check_field(response: &Response, name: &'static str, value: &str) -> Checked<()> {
    let section = match name {
        "Allow" => "RFC 9110, section 10.2.1",
        "Location" => "RFC 9110, section 10.2.2",
        _ => "RFC 9110, section 8.3",
    };
    let Some(got) = response.field(name) else {
        return Err(
            Fault::new(&format!("no {name}"), format!("there is no {name} field")).see(section)
        );
    };
    if same_value(name, &got, value) {
        return Ok(());
    }
    let sentence = format!("{name} is {}, not {value}", in_quotes(&got, 60));
    Err(Fault::new(&format!("other {name}"), sentence).see(section))
}

/// Checks Allow from stage 12 on: every target also has OPTIONS, and the field may name it or not.
fn check_allow(response: &Response, methods: &str) -> Checked<()> {
    let plain = check_field(response, "Allow", methods);
    if plain.is_ok() || check_field(response, "Allow", &format!("{methods}, OPTIONS")).is_ok() {
        return Ok(());
    }
    plain
}

/// Whether two values of a field mean the same.
fn same_value(name: &str, one: &str, other: &str) -> bool {
    let words = |value: &str| -> BTreeSet<String> {
        // A parameter's value may stand in quotes.
        let words =
            value.split([',', ';']).map(|word| word.trim().replace('"', "").to_ascii_lowercase());
        words.filter(|word| !word.is_empty()).collect()
    };
    match name {
        // The order of methods or of parameters, and the spaces between them, mean nothing.
        // A charset has no effect on JSON (RFC 8259, section 11).
        "Content-Type" if other == LIST => {
            words(one) == words(other) || words(one) == words(&format!("{LIST}; charset=utf-8"))
        }
        "Content-Type" => words(one) == words(other),
        "Allow" => {
            let set = |value: &str| -> BTreeSet<String> {
                value
                    .split(',')
                    .map(|word| word.trim().to_string())
                    .filter(|word| !word.is_empty())
                    .collect()
            };
            set(one) == set(other)
        }
        _ => one == other,
    }
}

/// Checks that the body is as long as Content-Length says, and that a response to HEAD has none.
fn check_length(question: &Question, want: &Want, response: &Response) -> Checked<()> {
    let (told, came) = (response.length, response.body.len());
    if question.method == "HEAD" {
        if came > 0 {
            let sentence = format!("the response to HEAD has a body of {came} bytes");
            return Err(Fault::new("body-after-head", sentence).see("RFC 9110, section 9.3.2"));
        }
        return match want.body {
            WantedBody::Head(Some(length)) if told != length => {
                let sentence = format!("Content-Length is {told}, but a GET brings {length} bytes");
                Err(Fault::new("head-length", sentence).see("RFC 9110, section 9.3.2"))
            }
            _ => Ok(()),
        };
    }
    if response.status == 204 && came > 0 {
        let sentence = format!("the response 204 has a body of {came} bytes");
        return Err(Fault::new("body-after-204", sentence).see("RFC 9110, section 15.3.5"));
    }
    if told == came {
        return Ok(());
    }
    let chars = String::from_utf8_lossy(&response.body).chars().count();
    let sentence = format!("Content-Length is {told}, but {came} bytes came");
    let fault =
        Fault::new(if came > told { "more-than-length" } else { "less-than-length" }, sentence)
            .see("RFC 9112, section 6.2");
    Err(if came > told && chars == told {
        Fault { kind: "length-in-characters".to_string(), ..fault }.because(
            "The length counts characters. Content-Length counts bytes: a Korean character has three in UTF-8.",
        )
    } else {
        fault
    })
}

fn check_text(wanted: &str, body: &[u8]) -> Checked<()> {
    if body == wanted.as_bytes() {
        return Ok(());
    }
    let sentence = format!("the body is {}, not {}", in_quotes(body, 40), in_quotes(wanted, 40));
    Err(Fault::new("other-text", sentence))
}

/// The messages in a JSON array of strings.
///
/// # Errors
/// The body is something else.
pub fn parse_list(body: &[u8]) -> Checked<Vec<String>> {
    serde_json::from_slice(body).map_err(|error| {
        let sentence =
            format!("the body is not a JSON array of strings ({error}): {}", in_quotes(body, 40));
        Fault::new("no-list", sentence).see("RFC 8259, section 5")
    })
}

/// Whether a list is what it should be.
///
/// # Errors
/// The first message that differs.
pub fn compare_lists(wanted: &[String], got: &[String]) -> Checked<()> {
    let same = wanted.iter().zip(got).take_while(|(wanted, got)| wanted == got).count();
    if same == wanted.len() && same == got.len() {
        return Ok(());
    }
    let count = |list: &[String]| match list.len() {
        1 => "1 message".to_string(),
        other => format!("{other} messages"),
    };
    let sentence = match (wanted.get(same), got.get(same)) {
        (Some(wanted), Some(got)) => {
            format!(
                "message {same} of the list is {}, not {}",
                in_quotes(got, 40),
                in_quotes(wanted, 40)
            )
        }
        (Some(missing), None) => {
            format!(
                "the list has {} and not {}; message {same}, {}, is missing",
                count(got),
                wanted.len(),
                in_quotes(missing, 40)
            )
        }
        (None, Some(more)) => {
            format!(
                "the list has {} and not {}; message {same} is {}",
                count(got),
                wanted.len(),
                in_quotes(more, 40)
            )
        }
        (None, None) => return Ok(()),
    };
    Err(Fault::new("other-list", sentence))
}

/// Adds the likely cause to a fault that has none yet.
fn with_cause(question: &Question, exchange: &Exchange, fault: Fault) -> Fault {
    if !fault.cause.is_empty() {
        return fault;
    }
    let text = &question.text;
    let body = Response::parse(&exchange.got).map(|response| response.body).unwrap_or_default();
    let cut = question.cut != Cut::Nowhere;
    let part = text.len() > body.len() && text.as_bytes().starts_with(&body);
    let silent = ["timeout", "no-response", "gone"].contains(&fault.kind.as_str());
    let refused =
        fault.kind.starts_with("the status is 4") || fault.kind.starts_with("the status is 5");
    if cut && (silent || refused || fault.kind == "reset" || fault.kind == "other-text" && part) {
        return fault.because(
            "The request came in several segments. One `read` (or `recv`) returns what has arrived so far, and not the whole request: read on until the empty line, and then until the body is as long as Content-Length says.",
        );
    }
    if fault.kind == "timeout" && text.len() > text.chars().count() {
        return fault.because(
            "The server may expect more bytes than come, or fewer: Content-Length counts bytes, and not characters.",
        );
    }
    if fault.kind == "other-text" && part && text.len() > text.chars().count() {
        return fault.because("The server may count characters. Content-Length counts bytes.");
    }
    if fault.kind == "timeout" {
        return fault.because(
            "The server may wait for the end of the connection, or for bytes that do not come: a request ends where its Content-Length says, and without one at the empty line.",
        );
    }
    if fault.kind == "other-text" && !text.is_empty() && body.starts_with(b"\"") {
        return fault.because(
            "The text was written as JSON. Only the list is JSON; a single text is sent as it is.",
        );
    }
    fault
}
