//! A *history*: what the clients asked, when, and what they were answered.

use std::time::Duration;

/// A text that a client has written. Each write has another one, so that a text that is read says
/// which write it is from.
pub type Text = u32;

/// Returns the text as it goes over the wire.
pub fn on_the_wire(text: Text) -> String {
    format!("write {text}")
}

/// Returns the text that came over the wire, or `None` if no client writes such a text.
pub fn from_the_wire(body: &str) -> Option<Text> {
    let text = body.strip_prefix("write ")?.parse().ok()?;
    (on_the_wire(text) == body).then_some(text)
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ask {
    /// `POST /` with this text.
    Post(Text),
    /// `PUT /i` with this text.
    Put(usize, Text),
    /// `GET /i`.
    Get(usize),
    /// `GET /`.
    List,
}

impl Ask {
    /// Returns what the table of counts and the legend of the picture call it.
    pub fn name(self) -> &'static str {
        match self {
            Ask::Post(_) => "POST /",
            Ask::Put(..) => "PUT /i",
            Ask::Get(_) => "GET /i",
            Ask::List => "GET /",
        }
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The text is stored at this index: 201 with its Location, or 200 for a PUT.
    Stored(usize),
    /// 200 with the text at the index that was asked for.
    Text(Text),
    /// 404: there is no message at this index.
    Missing,
    /// 200 with the whole list.
    List(Vec<Text>),
    /// No answer, and why: the connection ended, time was up, or a server or the proxy answered
    /// 5xx. A write may have been done, or may be done later, or never.
    None(String),
    /// An answer that no server may give.
    Wrong(String),
}

/// One request. Times are counted from the start of the history.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the client.
    pub client: usize,
    pub ask: Ask,
    /// Before the first byte was sent.
    pub start: Duration,
    /// After the last byte of the answer was received, or after it was clear that none comes.
    pub end: Duration,
    pub answer: Answer,
}

impl Request {
    /// Returns whether there was an answer.
    pub fn is_answered(&self) -> bool {
        !matches!(self.answer, Answer::None(_))
    }
}
