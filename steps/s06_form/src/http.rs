//! HTTP/1.1 messages as bytes (RFC 9112). A request and the response to it:
//!
//! ```text
//! start line    POST / HTTP/1.1           HTTP/1.1 200 OK
//! fields        Host: 127.0.0.1:8080      Content-Type: text/plain; charset=utf-8
//!               Content-Length: 2         Content-Length: 2
//! empty line
//! body          hi                        hi
//! ```
//!
//! CR LF ends each line of the *head*, and the empty line ends the head. Content-Length is framing:
//! it says where the body ends. `to_string`, which `Display` gives, makes the bytes of a message.

use anyhow::{Context, Result, bail, ensure};
use std::fmt;
use std::io::{self, ErrorKind, prelude::*};

/// What a client asks for (RFC 9112, section 3).
pub struct Request {
    pub method: String,
    pub target: String,
    pub version: String,
    pub fields: Fields,
    pub body: String,
}

impl Request {
    /// Makes a request without a body, for `target` on the server at `host` (HOST:PORT).
    pub fn new(method: &str, target: &str, host: &str) -> Request {
        let mut fields = Fields::default();
        fields.add("Host", host);
        fields.add("Connection", "close");
        Request {
            method: method.to_string(),
            target: target.to_string(),
            version: "HTTP/1.1".to_string(),
            fields,
            body: String::new(),
        }
    }

    /// Makes `text` the body, and adds the fields that describe it.
    pub fn with_text(mut self, text: &str) -> Request {
        self.fields.add_body("text/plain; charset=utf-8", text);
        self.body = text.to_string();
        self
    }

    /// Reads a request, which can come in any number of segments.
    pub fn read(stream: &mut impl BufRead) -> Result<Request> {
        let mut start_line = read_line(stream)?;
        // One empty line before the request is ignored (RFC 9112, section 2.2).
        if start_line.is_empty() {
            start_line = read_line(stream)?;
        }
        let words: Vec<&str> = start_line.split(' ').collect();
        let &[method, target, version] = words.as_slice() else {
            bail!("{start_line:?} is not a request line");
        };
        let is_target = !target.is_empty() && !target.contains('\t');
        let is_valid = is_token(method) && is_target && is_version(version);
        ensure!(is_valid, "{start_line:?} is not a request line");
        let fields = read_fields(stream)?;
        // A request without Content-Length has no body.
        let length = fields.content_length()?.unwrap_or(0);
        Ok(Request {
            method: method.to_string(),
            target: target.to_string(),
            version: version.to_string(),
            fields,
            body: read_body(stream, Some(length))?,
        })
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} {} {}\r\n", self.method, self.target, self.version)?;
        write!(out, "{}\r\n{}", self.fields, self.body)
    }
}

/// What a server answers (RFC 9112, section 4).
pub struct Response {
    pub version: String,
    pub status: u16,
    pub reason: String,
    pub fields: Fields,
    pub body: String,
}

impl Response {
    /// Makes a response with a body of the given media type.
    pub fn new(status: u16, media_type: &str, body: String) -> Response {
        let mut fields = Fields::default();
        fields.add_body(media_type, &body);
        Response {
            version: "HTTP/1.1".to_string(),
            status,
            reason: reason(status).to_string(),
            fields,
            body,
        }
    }

    /// Makes a response whose body is `text`.
    pub fn text(status: u16, text: &str) -> Response {
        Response::new(status, "text/plain; charset=utf-8", text.to_string())
    }

    /// Makes a response that refuses a request. Its body repeats the status, for a person to read.
    pub fn error(status: u16) -> Response {
        Response::text(status, &format!("{status} {}\n", reason(status)))
    }

    /// Adds a field.
    pub fn with(mut self, name: &str, value: &str) -> Response {
        self.fields.add(name, value);
        self
    }

    /// Returns whether the status says that the request was done.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the response to a request with `method`.
    pub fn read(stream: &mut impl BufRead, method: &str) -> Result<Response> {
        let start_line = read_line(stream)?;
        let (version, rest) = start_line.split_once(' ').unwrap_or_default();
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_valid = is_version(version) && status.len() == 3;
        let Some(status) = parse_digits(status).filter(|_| is_valid) else {
            bail!("{start_line:?} is not a status line of HTTP");
        };
        let fields = read_fields(stream)?;
        // For HEAD, the fields describe a body that is not sent (RFC 9110, section 9.3.2).
        let length = if method == "HEAD" { Some(0) } else { fields.content_length()? };
        Ok(Response {
            version: version.to_string(),
            status: u16::try_from(status)?,
            reason: reason.to_string(),
            fields,
            body: read_body(stream, length)?,
        })
    }
}

impl fmt::Display for Response {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} {} {}\r\n", self.version, self.status, self.reason)?;
        write!(out, "{}\r\n{}", self.fields, self.body)
    }
}

/// Returns the name of a status code (RFC 9110, section 15).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "",
    }
}

/// Header fields: names and values, in the order in which they are sent (RFC 9110, section 5).
#[derive(Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Adds a field after the others.
    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_string(), value.to_string()));
    }

    /// Adds the fields that describe `body`. Content-Length counts bytes, not characters.
    fn add_body(&mut self, media_type: &str, body: &str) {
        self.add("Content-Type", media_type);
        self.add("Content-Length", &body.len().to_string());
    }

    /// Returns the values of the fields called `name`. Upper and lower case are the same in a name.
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|field| field.1.as_str()).collect()
    }

    /// Returns the length of the body in bytes, if a field says it (RFC 9112, section 6.3).
    fn content_length(&self) -> Result<Option<u64>> {
        ensure!(self.values("Transfer-Encoding").is_empty(), "Transfer-Encoding is not known here");
        let values = self.values("Content-Length");
        let Some(value) = values.first() else { return Ok(None) };
        // Two lengths that differ would make two different messages of the same bytes.
        ensure!(values.iter().all(|other| other == value), "the Content-Length fields differ");
        parse_digits(value).map(Some).with_context(|| format!("{value:?} is not a length"))
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(out, "{name}: {value}\r\n"))
    }
}

/// Reads the fields, and the empty line after them.
fn read_fields(stream: &mut impl BufRead) -> Result<Fields> {
    let mut fields = Fields::default();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok(fields);
        }
        let field = line.split_once(':').filter(|(name, _)| is_token(name));
        let (name, value) = field.with_context(|| format!("{line:?} is not a field"))?;
        fields.add(name, value.trim_matches([' ', '\t']));
    }
}

/// Reads a line and leaves out its ending: CR LF, or LF alone (RFC 9112, section 2.2).
fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    ensure!(line.pop_if(|byte| *byte == b'\n').is_some(), cut_short());
    line.pop_if(|byte| *byte == b'\r');
    let line = String::from_utf8(line).context("the head is not UTF-8")?;
    let is_control = |c: char| c.is_control() && c != '\t';
    ensure!(!line.contains(is_control), "{line:?} has a control character");
    Ok(line)
}

/// Reads a body of `length` bytes, or without a length all bytes until the connection ends.
fn read_body(stream: &mut impl BufRead, length: Option<u64>) -> Result<String> {
    let mut body = Vec::new();
    stream.take(length.unwrap_or(u64::MAX)).read_to_end(&mut body)?;
    ensure!(length.is_none_or(|length| body.len() as u64 == length), cut_short());
    String::from_utf8(body).context("the body is not UTF-8")
}

/// Returns the error for a connection that ends too early.
fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the connection ended before the message did")
}

/// Returns whether `text` can be a method or the name of a field (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Returns whether `text` is a version, such as `HTTP/1.1` (RFC 9112, section 2.3).
fn is_version(text: &str) -> bool {
    matches!(text.as_bytes(), [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// Parses one or more ASCII digits and nothing else. `parse` alone would accept `+1`.
pub fn parse_digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
