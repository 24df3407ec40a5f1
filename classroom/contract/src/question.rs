//! A question is a row of the table for one server: the address and the indexes of this server are filled in.

use crate::table::{Answer, Body, Cut, LENGTH, Limit, POSTS, Row, TABLE, TWICE, Target};

/// One request, byte for byte, and how it is sent.
#[derive(Debug, Clone)]
pub struct Question {
    /// The id of its case, such as `put-replaces`.
    pub id: &'static str,
    /// What is asked, in a few words, such as `PUT /6`.
    pub what: String,
    /// The method, such as `PUT`.
    pub method: &'static str,
    /// The path; empty where the bytes are no request.
    pub path: String,
    /// The body.
    pub text: String,
    /// All bytes that are sent.
    pub sent: Vec<u8>,
    /// How they are cut into segments.
    pub cut: Cut,
    /// What the client does when it has sent them.
    pub ending: Ending,
    /// What the stage answers.
    pub answer: Answer,
    /// The index in the path, if the path names a message that exists.
    pub index: Option<usize>,
    /// Whether the stage has the method OPTIONS.
    pub has_options: bool,
}

/// What the client does when it has sent its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It waits for the response, and for the server to close.
    Wait,
    /// It closes its side (FIN).
    Close,
    /// It aborts the connection (RST).
    Reset,
}

/// What the list of a server should hold.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// How many messages there were before the first question.
    pub base: usize,
    /// All messages.
    pub list: Vec<String>,
}

impl Model {
    /// How many messages the check has added.
    pub fn own(&self) -> usize {
        self.list.len().saturating_sub(self.base)
    }

    /// The index of a message in the middle of those that the check has added.
    fn middle(&self) -> usize {
        self.base + TWICE.min(self.own() / 2)
    }

    /// The path of a target, and the index in it if that is the index of a message.
    fn path(&self, target: Target) -> (String, Option<usize>) {
        let index = match target {
            Target::Path(path) => return (path.to_string(), None),
            Target::Beyond => return (format!("/{}", self.list.len().max(1)), None),
            Target::Middle => self.middle(),
            Target::TwoDigits | Target::ManyZeros => self.base.max(10),
            Target::ZeroBefore if self.base == 0 => 0,
            Target::ZeroBefore => self.middle(),
        };
        let zeros = match target {
            Target::ZeroBefore => 1,
            Target::ManyZeros => 20,
            _ => 0,
        };
        (
            format!("/{}{index}", "0".repeat(zeros)),
            Some(index).filter(|index| *index < self.list.len()),
        )
    }
}

impl Question {
    /// Makes the question of a row for the server of `stage` at `host` (HOST:PORT), which holds these messages.
    pub fn new(row: &Row, stage: u32, host: &str, model: &Model) -> Question {
        let (path, index) = model.path(row.target);
        let text = match row.body {
            Body::None => String::new(),
            Body::Own => format!("the text of {}", row.id),
            Body::Text(text) => text.to_string(),
            Body::Long(length) => "x".repeat(length),
        };
        let fields = filled(&row.fields.replace("{length}", &text.len().to_string()));
        let head =
            format!("{} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", row.method);
        let how = match row.cut {
            Cut::Nowhere => "",
            Cut::BeforeBody => ", its body after a pause",
            Cut::At(_) => ", in two segments",
            Cut::Each(1) => ", a byte at a time",
            Cut::Each(_) => ", in many segments",
        };
        Question {
            id: row.id,
            what: format!("{} {path}{how}", row.method),
            method: row.method,
            path,
            sent: format!("{head}{fields}\r\n{text}").into_bytes(),
            text,
            cut: row.cut,
            ending: Ending::Wait,
            answer: row.answer(stage),
            index,
            has_options: stage >= 12,
        }
    }

    /// A `POST /` with this text.
    pub fn post(id: &'static str, text: &str, stage: u32, host: &str) -> Question {
        let row = Row { body: Body::None, fields: "", ..POSTS[0] };
        let mut question = Question::new(&row, stage, host, &Model::default());
        let head = String::from_utf8_lossy(&question.sent);
        let length = LENGTH.replace("{length}", &text.len().to_string());
        question.sent =
            format!("{}{length}\r\n{text}", head.trim_end_matches("\r\n").to_string() + "\r\n")
                .into();
        (question.id, question.text) = (id, text.to_string());
        question
    }

    /// A `GET /`, which every stage from 5 on answers with the list.
    pub fn get_list(stage: u32, host: &str) -> Question {
        Question::new(&TABLE[0], stage, host, &Model::default())
    }

    /// Makes the question of a limit for the server at `host` (HOST:PORT).
    pub fn limit(limit: &Limit, host: &str) -> Question {
        let method = match limit.bytes.split(' ').next() {
            Some("POST") => "POST",
            Some("HEAD") => "HEAD",
            _ => "GET",
        };
        Question {
            sent: latin_1(&filled(&limit.bytes.replace("{host}", host))),
            answer: limit.answer,
            ..Question::of_bytes(limit.id, limit.what, Ending::Wait, method)
        }
    }

    /// Makes a question without bytes. The caller fills in bytes that need not be a request.
    pub fn of_bytes(
        id: &'static str,
        what: &str,
        ending: Ending,
        method: &'static str,
    ) -> Question {
        Question {
            id,
            what: what.to_string(),
            method,
            path: String::new(),
            text: String::new(),
            sent: Vec::new(),
            cut: Cut::Nowhere,
            ending,
            answer: Answer::Refused(&[]),
            index: None,
            has_options: false,
        }
    }

    /// The same question for the server at `host`: a server that was started again has another address.
    pub fn to(&self, host: &str) -> Question {
        let mut question = self.clone();
        let (head, body) = self.sent.split_at(self.body_start());
        let head = String::from_utf8_lossy(head);
        let Some((before, after)) = head.split_once("\r\nHost: 127.0.0.1:") else {
            return question;
        };
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() > rest.len() && host.starts_with("127.0.0.1:") {
            question.sent = [format!("{before}\r\nHost: {host}{rest}").as_bytes(), body].concat();
        }
        question
    }

    /// Where in what is sent the body begins.
    pub fn body_start(&self) -> usize {
        self.sent.len() - self.text.len()
    }

    /// What is sent in pieces, with a pause between two of them.
    pub fn pieces(&self) -> Vec<&[u8]> {
        match self.cut {
            Cut::Nowhere => vec![&self.sent],
            Cut::BeforeBody => {
                let (head, body) = self.sent.split_at(self.body_start());
                vec![head, body]
            }
            Cut::At(byte) => {
                let (one, other) = self.sent.split_at(byte.min(self.sent.len()));
                vec![one, other]
            }
            Cut::Each(length) => self.sent.chunks(length).collect(),
        }
    }
}

/// A byte for each character.
fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

/// The text with `{x*N}` and `{fields*N}` filled in.
pub fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inside, end) = after.split_once('}').unwrap_or((after, ""));
        let (what, times) = inside.split_once('*').unwrap_or((inside, ""));
        let times = times.parse().unwrap_or(0);
        filled.push_str(before);
        filled.push_str(&if what == "x" { "x" } else { "X-Field: y\r\n" }.repeat(times));
        rest = end;
    }
    filled + rest
}

/// All requests of the table for a server at `host` (HOST:PORT) that has no message yet, to show how any server
/// answers them. The first is a POST, so that a server that keeps messages has `/0` and no `/1`.
pub fn requests(host: &str) -> Vec<Question> {
    let one = Model { base: 0, list: vec![String::new()] };
    let rows = POSTS[..1].iter().chain(TABLE).chain(&POSTS[1..]);
    // Requests that need more than one message are left out.
    let rows = rows.filter(|row| {
        row.stages.0 == 3 && row.target != Target::TwoDigits && row.id != "get-before"
    });
    rows.map(|row| Question::new(row, 7, host, &one)).collect()
}
