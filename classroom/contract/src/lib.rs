//! What each stage answers on the wire, and a runner that asks.
//!
//! The table is in `table.rs`. The runner speaks to any server at any address, in whatever language
//! somebody wrote it: it sends raw bytes, and reads the responses with a parser of its own.

mod table;
mod wire;

pub use table::{Answer, Row, TABLE};
pub use wire::Response;

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use table::{Cut, FRAMINGS, Framing, TALKS, Talk};
use wire::{Connection, Deadline};

/// The media type of a list and of everything else.
const LIST: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// What became of one case of the contract.
pub struct Outcome {
    /// What was asked, in a few words.
    pub case: String,
    /// The bytes that were sent.
    pub sent: Vec<u8>,
    /// What the contract wants, in words.
    pub wanted: String,
    /// The bytes that came back.
    pub got: Vec<u8>,
    /// Why that is not what was wanted; `None` if it is.
    pub fault: Option<String>,
}

impl Outcome {
    /// Whether the server did what the contract wants.
    pub fn passed(&self) -> bool {
        self.fault.is_none()
    }
}

/// A line with ✓ or ✗; after ✗ what was sent, wanted and got.
impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let Some(fault) = &self.fault else { return write!(out, "✓ {}", self.case) };
        write!(out, "✗ {}: {fault}", self.case)?;
        for (name, text) in
            [("sent", &shown(&self.sent)), ("wanted", &self.wanted), ("got", &shown(&self.got))]
        {
            for (number, line) in text.lines().enumerate() {
                let name = if number == 0 { name } else { "" };
                write!(out, "\n    {name:6}  {line}")?;
            }
        }
        Ok(())
    }
}

/// Bytes as somebody would like to see them: line by line, control characters as a dot, cut where it
/// gets long.
fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 300;
    if bytes.is_empty() {
        return "(nothing)".to_string();
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).replace("\r\n", "\n");
    let dotted = |c: char| if c.is_control() && c != '\n' { '·' } else { c };
    let mut text: String = text.trim_end().chars().map(dotted).collect();
    if bytes.len() > MOST {
        text.push_str(&format!("… ({} bytes in all)", bytes.len()));
    }
    text
}

/// Asks the server at `addr` (HOST:PORT) everything that the contract says of `stage` (1 to 10), each
/// case within `limit`, and returns a row for each case, also for those that nobody answered.
///
/// From stage 5 on it adds messages to those that the server has, and from stage 7 on it changes the
/// ones that it added.
///
/// # Errors
/// A stage that the contract knows nothing of.
pub fn check(stage: u32, addr: &str, limit: Duration) -> Result<Vec<Outcome>> {
    Ok(cases(stage)?.iter().map(|case| case.ask(addr, limit)).collect())
}

/// All cases of `stage`, for those who want to see each as soon as it has been asked.
///
/// # Errors
/// A stage that the contract knows nothing of.
pub fn cases(stage: u32) -> Result<Vec<Case>> {
    let asks: Vec<Ask> = match stage {
        1..=2 => TALKS.iter().filter(|talk| talk.stages.contains(&stage)).map(Ask::Talk).collect(),
        3..=10 => TABLE.iter().map(Ask::Row).chain(FRAMINGS.iter().map(Ask::Framing)).collect(),
        _ => bail!("the contract knows the stages 1 to 10, not {stage}"),
    };
    Ok(asks.into_iter().map(|ask| Case { stage, ask }).collect())
}

/// One thing that the contract says of a stage.
pub struct Case {
    stage: u32,
    ask: Ask,
}

enum Ask {
    Talk(&'static Talk),
    Row(&'static Row),
    Framing(&'static Framing),
}

impl Case {
    /// Asks the server at `addr` (HOST:PORT). All that it takes has to be over after `limit`.
    pub fn ask(&self, addr: &str, limit: Duration) -> Outcome {
        let server = Asked { stage: self.stage, addr, deadline: Deadline::after(limit) };
        match self.ask {
            Ask::Talk(talk) => server.talk(talk),
            Ask::Row(row) => server.row(row),
            Ask::Framing(framing) => server.framing(framing),
        }
    }
}

/// A request of the contract, for any server, whatever it makes of it.
pub struct Probe {
    /// What is asked, in a few words.
    pub case: String,
    /// What is sent.
    pub sent: Vec<u8>,
    /// How many bytes of it are the body.
    body: usize,
    cut: Cut,
}

/// The requests of the contract as they go to a server at `addr` (HOST:PORT) that has no message yet: the
/// first of them is a POST, so `/0` exists and `/1` does not where messages are kept.
pub fn probes(addr: &str) -> Vec<Probe> {
    let rows = TABLE.iter().map(|row| {
        let path = row.path.replace("/i", "/0").replace("/n", "/1");
        let (fields, text) = row.content();
        Probe {
            case: format!("{} {path}", row.method),
            sent: request(addr, row.method, &path, fields, text),
            body: text.len(),
            cut: Cut::Nowhere,
        }
    });
    let framings = FRAMINGS.iter().map(|framing| Probe {
        case: format!("POST / {}", framing.name),
        sent: request(addr, "POST", "/", framing.fields, framing.text),
        body: framing.text.len(),
        cut: framing.cut,
    });
    rows.chain(framings).collect()
}

impl Probe {
    /// The body of what is sent.
    pub fn text(&self) -> &[u8] {
        &self.sent[self.sent.len() - self.body..]
    }

    /// Sends it to the server at `addr` (HOST:PORT), ends this side of the connection, and returns all that
    /// comes back; and an error if that is not over after `limit`, or does not end as it should.
    pub fn ask(&self, addr: &str, limit: Duration) -> (Vec<u8>, Result<()>) {
        let mut connection = match Connection::open(addr, Deadline::after(limit)) {
            Ok(connection) => connection,
            Err(error) => return (Vec::new(), Err(error)),
        };
        let sent = connection.send(&self.sent, self.sent.len() - self.body, self.cut);
        // Who has heard enough may have answered before it closed.
        let sent = sent.and_then(|()| connection.finish());
        let (got, end) = connection.read_to_end();
        (got, sent.and(end))
    }
}

/// The bytes of a request; `{length}` in `fields` stands for the number of bytes in `text`.
fn request(host: &str, method: &str, path: &str, fields: &str, text: &str) -> Vec<u8> {
    let fields = fields.replace("{length}", &text.len().to_string());
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n{text}")
        .into_bytes()
}

/// The server that is asked.
struct Asked<'a> {
    stage: u32,
    addr: &'a str,
    deadline: Deadline,
}

/// A request, and what it is to be answered.
struct Question<'a> {
    case: String,
    method: &'a str,
    path: String,
    /// The fields after Host; `{length}` stands for the number of bytes in `text`.
    fields: &'a str,
    text: &'a str,
    cut: Cut,
    answer: Answer,
    /// The messages that the server holds beforehand, and the one that the path names.
    list: Vec<String>,
    index: usize,
}

/// What a response has to be.
struct Want {
    /// Any of these.
    status: &'static [u16],
    /// Fields, each with its value.
    fields: Vec<(&'static str, String)>,
    body: Body,
    /// The messages that the server holds afterwards.
    list: Vec<String>,
}

/// What the body of a response has to be.
enum Body {
    /// This text.
    Text(String),
    /// These messages, as a JSON array.
    List(Vec<String>),
    /// Nothing, after fields that describe what a GET would bring.
    Head,
    /// Whatever explains a refusal.
    Refusal,
}

impl Asked<'_> {
    /// A row of the table.
    fn row(&self, row: &Row) -> Outcome {
        // A server without a list has its own rows to fail.
        let list = self.list().unwrap_or_default();
        let index = if self.stage < 7 { 0 } else { list.len().saturating_sub(1) };
        let path = match row.path {
            "/i" => format!("/{index}"),
            "/n" => format!("/{}", list.len().max(1)),
            path => path.to_string(),
        };
        let (fields, text) = row.content();
        self.ask(&Question {
            case: format!("{} {path}", row.method),
            method: row.method,
            fields,
            text,
            cut: Cut::Nowhere,
            answer: row.answer(self.stage),
            path,
            list,
            index,
        })
    }

    /// A `POST /` whose bytes look or come in a certain way.
    fn framing(&self, framing: &Framing) -> Outcome {
        self.ask(&Question {
            case: format!("POST / {}", framing.name),
            method: "POST",
            path: "/".to_string(),
            fields: framing.fields,
            text: framing.text,
            cut: framing.cut,
            answer: Answer::Accepted,
            list: self.list().unwrap_or_default(),
            index: 0,
        })
    }

    /// Sends the request, and looks at what comes back and what became of the list.
    fn ask(&self, question: &Question) -> Outcome {
        let Question { method, path, fields, text, .. } = question;
        let sent = request(self.addr, method, path, fields, text);
        let want = self.want(question);
        let (got, end) = self.exchange(&sent, question.text.len(), question.cut);
        let fault = end
            .and_then(|()| self.compare(question, &want, &got))
            .err()
            .map(|error| format!("{error:#}"));
        Outcome { case: question.case.clone(), sent, wanted: want.to_string(), got, fault }
    }

    /// What the answer means, word for word.
    fn want(&self, question: &Question) -> Want {
        let text = question.text.to_string();
        let mut list = question.list.clone();
        let content = |media_type: &str| vec![("Content-Type", media_type.to_string())];
        let (status, fields, body): (&[u16], _, _) = match question.answer {
            Answer::Echo => (&[200], content(TEXT), Body::Text(text.clone())),
            Answer::Accepted => (&[200, 201], content(TEXT), Body::Text(text.clone())),
            Answer::Created => {
                let mut fields = content(TEXT);
                fields.push(("Location", format!("/{}", list.len())));
                (&[201], fields, Body::Text(text.clone()))
            }
            Answer::List => (&[200], content(LIST), Body::List(list.clone())),
            Answer::Text => {
                let text = list.get(question.index).cloned().unwrap_or_default();
                (&[200], content(TEXT), Body::Text(text))
            }
            Answer::NotAllowed(methods) => {
                (&[405], vec![("Allow", methods.to_string())], Body::Refusal)
            }
            Answer::NotFound => (&[404], vec![], Body::Refusal),
        };
        match (question.answer, question.method) {
            (Answer::Echo | Answer::Created | Answer::Accepted, "POST") => list.push(text),
            (Answer::Echo, "PUT") => {
                if let Some(message) = list.get_mut(question.index) {
                    *message = text;
                }
            }
            _ => {}
        }
        let body = if question.method == "HEAD" { Body::Head } else { body };
        Want { status, fields, body, list }
    }

    /// Whether `got` is what was wanted; the error says why not.
    fn compare(&self, question: &Question, want: &Want, got: &[u8]) -> Result<()> {
        let response = Response::parse(got)?;
        ensure!(want.status.contains(&response.status), "the status is {}", response.status);
        let length = response.field("Content-Length").context("there is no Content-Length")?;
        let length: usize = length.parse().with_context(|| format!("Content-Length: {length}"))?;
        for (name, value) in &want.fields {
            let got = response.field(name).with_context(|| format!("there is no {name}"))?;
            ensure!(same_value(name, got, value), "{name} is {got:?}");
        }
        if let Body::Head = want.body {
            ensure!(response.body.is_empty(), "the response to HEAD has a body");
            self.compare_with_get(question, length)?;
        } else {
            let real = response.body.len();
            ensure!(real == length, "Content-Length is {length}, but {real} bytes came");
        }
        match &want.body {
            Body::Text(text) => ensure!(response.body == text.as_bytes(), "the body is another"),
            Body::List(list) => {
                ensure!(parse_list(&response.body)? == *list, "the list is another")
            }
            Body::Head => {}
            Body::Refusal if response.body.is_empty() => {}
            Body::Refusal => {
                let got = response.field("Content-Type").unwrap_or_default();
                ensure!(same_value("Content-Type", got, TEXT), "Content-Type is {got:?}");
            }
        }
        if self.stage >= 5 {
            ensure!(self.list()? == want.list, "afterwards the list holds other messages");
        }
        Ok(())
    }

    /// A HEAD is answered with the fields of a GET.
    fn compare_with_get(&self, question: &Question, length: usize) -> Result<()> {
        if matches!(question.answer, Answer::List | Answer::Text) {
            let body = self.get(&question.path)?.body.len();
            ensure!(length == body, "Content-Length is {length}, but GET brings {body} bytes");
        }
        Ok(())
    }

    /// The messages that the server holds; none before stage 5.
    fn list(&self) -> Result<Vec<String>> {
        match self.stage {
            ..5 => Ok(Vec::new()),
            _ => parse_list(&self.get("/").context("GET / for the list")?.body),
        }
    }

    /// The response to a GET.
    fn get(&self, path: &str) -> Result<Response> {
        let request = request(self.addr, "GET", path, "", "");
        let (bytes, end) = self.exchange(&request, 0, Cut::Nowhere);
        end?;
        Response::parse(&bytes)
    }

    /// Sends a request whose last `body` bytes are its body; returns all that comes back, and whether
    /// the connection then ended as it should.
    fn exchange(&self, request: &[u8], body: usize, cut: Cut) -> (Vec<u8>, Result<()>) {
        let sent = Connection::open(self.addr, self.deadline).and_then(|mut connection| {
            connection.send(request, request.len() - body, cut)?;
            Ok(connection)
        });
        match sent {
            Ok(mut connection) => connection.read_to_end(),
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// A talk of stage 1 or 2.
    fn talk(&self, talk: &Talk) -> Outcome {
        let mut got = Vec::new();
        let end = self.say(talk, &mut got);
        Outcome {
            case: talk.name.to_string(),
            sent: talk.messages.concat().into_bytes(),
            wanted: format!(
                "the same bytes, and then the end of the connection{}",
                match self.stage {
                    1 => "",
                    _ => " as soon as the client has ended its side",
                }
            ),
            got,
            fault: end.err().map(|error| format!("{error:#}")),
        }
    }

    /// Says one message after another, each when the one before has come back.
    fn say(&self, talk: &Talk, got: &mut Vec<u8>) -> Result<()> {
        let mut connection = Connection::open(self.addr, self.deadline)?;
        for message in talk.messages {
            connection.send(message.as_bytes(), 0, talk.cut)?;
            let reply = connection.read(message.len())?;
            got.extend(&reply);
            ensure!(reply == message.as_bytes(), "what comes back is not what was sent");
        }
        if self.stage > 1 {
            connection.finish()?;
        }
        let (rest, end) = connection.read_to_end();
        got.extend(&rest);
        ensure!(rest.is_empty(), "more comes back than was sent");
        end
    }
}

/// The messages in a JSON array of strings.
fn parse_list(body: &[u8]) -> Result<Vec<String>> {
    serde_json::from_slice(body).context("the body is not a JSON array of strings")
}

/// Whether two values of a field mean the same.
fn same_value(name: &str, one: &str, other: &str) -> bool {
    let words = |value: &str| -> BTreeSet<String> {
        value.split([',', ';']).map(|word| word.trim().to_ascii_lowercase()).collect()
    };
    match name {
        // The order of methods or parameters, and spaces between them, mean nothing.
        "Allow" | "Content-Type" => words(one) == words(other),
        _ => one == other,
    }
}

impl fmt::Display for Want {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let status: Vec<String> = self.status.iter().map(u16::to_string).collect();
        write!(out, "{}", status.join(" or "))?;
        for (name, value) in &self.fields {
            write!(out, "\n{name}: {value}")?;
        }
        match &self.body {
            Body::Text(text) => write!(out, "\n\n{}", shown(text.as_bytes())),
            Body::List(list) => {
                let list = serde_json::to_string(list).map_err(|_| fmt::Error)?;
                write!(out, "\n\n{}", shown(list.as_bytes()))
            }
            Body::Head => write!(out, "\n\n(no body)"),
            Body::Refusal => Ok(()),
        }
    }
}
