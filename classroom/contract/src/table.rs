//! The wire contract: which requests there are, and what each stage answers.

use Answer::{Created, Echo, List, NotAllowed, NotFound, Text};

/// What a stage answers to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200 with the text of the request; a POST has added it from stage 5 on, a PUT has replaced one.
    Echo,
    /// 201 with the text of the request, which was added, and a Location that names its index.
    Created,
    /// Either of the two: what a stage answers to a POST whose bytes are the question.
    Accepted,
    /// 200 with all messages as a JSON array of strings.
    List,
    /// 200 with the message at the index.
    Text,
    /// 405, and an Allow field with these methods.
    NotAllowed(&'static str),
    /// 404.
    NotFound,
}

/// A request, and what it is answered in stages 3 and 4, in 5, in 6, and from 7 on.
pub struct Row {
    pub method: &'static str,
    /// `/i` stands for the index of a message that exists, `/n` for the first that does not.
    pub path: &'static str,
    pub answers: [Answer; 4],
}

impl Row {
    /// What `stage` answers.
    pub fn answer(&self, stage: u32) -> Answer {
        let column = match stage {
            ..5 => 0,
            5 => 1,
            6 => 2,
            7.. => 3,
        };
        self.answers[column]
    }

    /// The fields after Host and the text that go with it; nothing where the method needs none.
    pub fn content(&self) -> (&'static str, &'static str) {
        match self.method {
            "GET" | "HEAD" => ("", ""),
            _ => (LENGTH, "a message of the contract"),
        }
    }
}

const fn row(method: &'static str, path: &'static str, answers: [Answer; 4]) -> Row {
    Row { method, path, answers }
}

/// The table, a row a request.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    //                      s03, s04            s05                      s06                            s07 to s10
    row("POST",   "/",    [Echo,               Echo,                    Echo,                          Created]),
    row("GET",    "/",    [NotAllowed("POST"), List,                    List,                          List]),
    row("HEAD",   "/",    [NotAllowed("POST"), NotAllowed("GET, POST"), List,                          List]),
    row("PUT",    "/",    [NotAllowed("POST"), NotAllowed("GET, POST"), NotAllowed("GET, HEAD, POST"), NotAllowed("GET, HEAD, POST")]),
    row("DELETE", "/",    [NotAllowed("POST"), NotAllowed("GET, POST"), NotAllowed("GET, HEAD, POST"), NotAllowed("GET, HEAD, POST")]),
    row("PATCH",  "/",    [NotAllowed("POST"), NotAllowed("GET, POST"), NotAllowed("GET, HEAD, POST"), NotAllowed("GET, HEAD, POST")]),
    row("GET",    "/i",   [NotFound,           NotFound,                NotFound,                      Text]),
    row("HEAD",   "/i",   [NotFound,           NotFound,                NotFound,                      Text]),
    row("PUT",    "/i",   [NotFound,           NotFound,                NotFound,                      Echo]),
    row("POST",   "/i",   [NotFound,           NotFound,                NotFound,                      NotAllowed("GET, HEAD, PUT")]),
    row("DELETE", "/i",   [NotFound,           NotFound,                NotFound,                      NotAllowed("GET, HEAD, PUT")]),
    row("GET",    "/n",   [NotFound; 4]),
    row("HEAD",   "/n",   [NotFound; 4]),
    row("PUT",    "/n",   [NotFound; 4]),
    row("POST",   "/n",   [NotFound; 4]),
    row("DELETE", "/n",   [NotFound; 4]),
    row("GET",    "/abc", [NotFound; 4]),
    row("HEAD",   "/abc", [NotFound; 4]),
    row("PUT",    "/abc", [NotFound; 4]),
    row("POST",   "/abc", [NotFound; 4]),
    row("DELETE", "/abc", [NotFound; 4]),
    row("GET",    "/0/",  [NotFound; 4]),
    row("HEAD",   "/0/",  [NotFound; 4]),
    row("PUT",    "/0/",  [NotFound; 4]),
    row("POST",   "/0/",  [NotFound; 4]),
    row("DELETE", "/0/",  [NotFound; 4]),
    row("GET",    "/-1",  [NotFound; 4]),
    row("HEAD",   "/-1",  [NotFound; 4]),
    row("PUT",    "/-1",  [NotFound; 4]),
    row("POST",   "/-1",  [NotFound; 4]),
    row("DELETE", "/-1",  [NotFound; 4]),
    row("GET",    "/+0",  [NotFound; 4]),
    row("PUT",    "/+0",  [NotFound; 4]),
    row("GET",    "/99999999999999999999999", [NotFound; 4]),
];

/// How the bytes of a `POST /` can look and can be cut, which makes no difference to the answer.
pub struct Framing {
    pub name: &'static str,
    pub text: &'static str,
    /// The fields after Host; `{length}` stands for the number of bytes in the text.
    pub fields: &'static str,
    pub cut: Cut,
}

/// Where a request is cut into segments.
#[derive(Clone, Copy)]
pub enum Cut {
    Nowhere,
    BeforeBody,
    /// After each so many bytes.
    Each(usize),
}

const LENGTH: &str = "Content-Length: {length}\r\n";

#[rustfmt::skip]
pub const FRAMINGS: &[Framing] = &[
    Framing { name: "its body in a segment of its own", text: "late", fields: LENGTH, cut: Cut::BeforeBody },
    Framing { name: "a byte at a time", text: "drip", fields: LENGTH, cut: Cut::Each(1) },
    Framing { name: "in Korean, whose characters have three bytes", text: "안녕, 네트워크", fields: LENGTH, cut: Cut::Nowhere },
    Framing { name: "in Korean, a byte at a time", text: "반갑다", fields: LENGTH, cut: Cut::Each(1) },
    Framing { name: "field names in lower case", text: "lower", fields: "content-length: {length}\r\n", cut: Cut::Nowhere },
    Framing { name: "field names in upper case, spaces around the value", text: "upper", fields: "CONTENT-LENGTH:   {length}  \r\n", cut: Cut::Nowhere },
    Framing { name: "among fields that nobody asked for", text: "other", fields: "Accept: */*\r\nX-Nothing:\r\nContent-Length: {length}\r\nUser-Agent: a:b\r\n", cut: Cut::Nowhere },
    Framing { name: "quotes, a backslash and line ends in the text", text: "\"a\"\\b\r\n\r\nc\n", fields: LENGTH, cut: Cut::Nowhere },
    Framing { name: "an empty text", text: "", fields: LENGTH, cut: Cut::Nowhere },
    Framing { name: "no Content-Length, so no text", text: "", fields: "", cut: Cut::Nowhere },
    Framing { name: "9,000 bytes, in many segments", text: LONG, fields: LENGTH, cut: Cut::Each(1000) },
];

/// As much as stage 1 takes in one read.
const SHORT: &str = ascii(&line::<1024>());
/// More than one read of 1024 bytes, or one of 8 KiB, can bring.
const LONG: &str = ascii(&line::<9000>());

/// A line of `N` bytes, its end among them.
const fn line<const N: usize>() -> [u8; N] {
    let mut bytes = [b'x'; N];
    bytes[N - 1] = b'\n';
    bytes
}

const fn ascii(bytes: &[u8]) -> &str {
    match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// What goes to and fro on one connection of stages 1 and 2, which send back what they get.
pub struct Talk {
    pub name: &'static str,
    /// Each is sent and must come back before the next is sent.
    pub messages: &'static [&'static str],
    pub cut: Cut,
    /// From which stage on it holds, and up to which.
    pub stages: std::ops::RangeInclusive<u32>,
}

#[rustfmt::skip]
pub const TALKS: &[Talk] = &[
    Talk { name: "a line", messages: &["hello\n"], cut: Cut::Nowhere, stages: 1..=2 },
    Talk { name: "a line in Korean", messages: &["안녕, 네트워크\n"], cut: Cut::Nowhere, stages: 1..=2 },
    Talk { name: "an empty line", messages: &["\n"], cut: Cut::Nowhere, stages: 1..=2 },
    Talk { name: "1024 bytes", messages: &[SHORT], cut: Cut::Nowhere, stages: 1..=2 },
    Talk { name: "many messages, one after the other", messages: &["first\n", "second\n", "셋째\n"], cut: Cut::Nowhere, stages: 2..=2 },
    Talk { name: "a line, a byte at a time", messages: &["one byte\n", "after another\n"], cut: Cut::Each(1), stages: 2..=2 },
    Talk { name: "two lines in one segment", messages: &["first\nsecond\n"], cut: Cut::Nowhere, stages: 2..=2 },
    Talk { name: "a line of 9,000 bytes", messages: &[LONG], cut: Cut::Nowhere, stages: 2..=2 },
];
