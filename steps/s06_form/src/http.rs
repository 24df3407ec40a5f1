//! HTTP/1.1 messages as bytes (RFC 9112): a start line, fields, an empty line, and perhaps a body.

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
    /// A request without a body, for `target` on the server at `host` (HOST:PORT).
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

    /// The same request with `text` as its body.
    pub fn with_text(mut self, text: &str) -> Request {
        self.fields.add_body("text/plain; charset=utf-8", text);
        self.body = text.to_string();
        self
    }

    /// Reads a whole request, however many segments bring it.
    pub fn read(stream: &mut impl BufRead) -> Result<Request> {
        let (start_line, fields) = read_head(stream)?;
        let words: Vec<&str> = start_line.split(' ').collect();
        let &[method, target, version] = words.as_slice() else {
            bail!("{start_line:?} is not a request line");
        };
        ensure!(version.starts_with("HTTP/"), "{version:?} is not a version of HTTP");
        // Without a Content-Length, a request has no body.
        let length = fields.content_length()?.unwrap_or(0);
        Ok(Request {
            method: method.to_string(),
            target: target.to_string(),
            version: version.to_string(),
            body: read_body(stream, Some(length))?,
            fields,
        })
    }
}

/// The request as it goes over the wire.
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
    /// A response with a body of the given media type.
    pub fn new(status: u16, media_type: &str, body: &str) -> Response {
        let mut fields = Fields::default();
        fields.add("Connection", "close");
        fields.add_body(media_type, body);
        Response {
            version: "HTTP/1.1".to_string(),
            status,
            reason: reason(status).to_string(),
            fields,
            body: body.to_string(),
        }
    }

    /// A response whose body is `text`.
    pub fn text(status: u16, text: &str) -> Response {
        Response::new(status, "text/plain; charset=utf-8", text)
    }

    /// A response that refuses; its body says so to those who see only that.
    pub fn error(status: u16) -> Response {
        Response::text(status, &format!("{status} {}\n", reason(status)))
    }

    /// The same response with one more field.
    pub fn with(mut self, name: &str, value: &str) -> Response {
        self.fields.add(name, value);
        self
    }

    /// Whether the server did what was asked of it: a status from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Reads the whole response to a request with `method`, however many segments bring it.
    pub fn read(stream: &mut impl BufRead, method: &str) -> Result<Response> {
        let (start_line, fields) = read_head(stream)?;
        let (version, rest) = start_line.split_once(' ').unwrap_or_default();
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let known = version.starts_with("HTTP/") && status.len() == 3;
        let Some(status) = number(status).filter(|_| known) else {
            bail!("{start_line:?} is not a status line of HTTP");
        };
        Ok(Response {
            version: version.to_string(),
            status: u16::try_from(status)?,
            reason: reason.to_string(),
            body: match method {
                // Its fields describe a body that does not come (RFC 9110, section 9.3.2).
                "HEAD" => String::new(),
                _ => read_body(stream, fields.content_length()?)?,
            },
            fields,
        })
    }
}

/// The response as it goes over the wire.
impl fmt::Display for Response {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{} {} {}\r\n", self.version, self.status, self.reason)?;
        write!(out, "{}\r\n{}", self.fields, self.body)
    }
}

/// What a status code is called (RFC 9110, section 15).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "",
    }
}

/// Names and values, in the order in which they are sent (RFC 9110, section 5).
#[derive(Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Adds a field after the others.
    fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_string(), value.to_string()));
    }

    /// Adds the fields that describe `body`. Its length counts bytes, not characters.
    fn add_body(&mut self, media_type: &str, body: &str) {
        self.add("Content-Type", media_type);
        self.add("Content-Length", &body.len().to_string());
    }

    /// The value of the field `name`, whether it was sent as `Host`, `host` or `HOST`.
    fn get(&self, name: &str) -> Option<&str> {
        let field = self.0.iter().find(|field| field.0.eq_ignore_ascii_case(name))?;
        Some(&field.1)
    }

    /// How many bytes the body has, where the fields say it (RFC 9112, section 6).
    fn content_length(&self) -> Result<Option<u64>> {
        if let Some(coding) = self.get("Transfer-Encoding") {
            bail!("a body in the transfer coding {coding:?} cannot be read here");
        }
        let Some(value) = self.get("Content-Length") else {
            return Ok(None);
        };
        let length = number(value).with_context(|| format!("{value:?} is not a length"))?;
        // Two lengths that differ are two messages: which one is meant cannot be told.
        let same = |field: &(String, String)| {
            !field.0.eq_ignore_ascii_case("Content-Length") || field.1 == value
        };
        ensure!(self.0.iter().all(same), "the Content-Length fields differ");
        Ok(Some(length))
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(out, "{name}: {value}\r\n"))
    }
}

/// Reads the start line and the fields, up to the empty line that ends them.
fn read_head(stream: &mut impl BufRead) -> Result<(String, Fields)> {
    let start_line = read_line(stream)?;
    let mut fields = Fields::default();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            return Ok((start_line, fields));
        }
        let (name, value) =
            line.split_once(':').with_context(|| format!("{line:?} is not a field"))?;
        // A space before the colon would make another name of it (RFC 9112, section 5.1).
        let strange = name.is_empty() || name.contains(char::is_whitespace);
        ensure!(!strange, "{line:?} is not a field");
        fields.add(name, value.trim());
    }
}

/// Reads a line and leaves out its ending, which is CR LF; LF alone will do (RFC 9112, section 2.2).
fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let line = line.strip_suffix('\n').ok_or_else(cut_short)?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(line.to_string())
}

/// Reads a body of `length` bytes, or without a length all that comes until the connection ends.
fn read_body(stream: &mut impl BufRead, length: Option<u64>) -> Result<String> {
    let mut body = String::new();
    stream.take(length.unwrap_or(u64::MAX)).read_to_string(&mut body)?;
    match length {
        Some(length) if body.len() as u64 != length => Err(cut_short().into()),
        _ => Ok(body),
    }
}

/// The error of a connection that ends too early.
fn cut_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the connection ended before the message did")
}

/// A number of one or more ASCII digits and nothing else: `parse` alone would let `+1` pass.
pub fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
