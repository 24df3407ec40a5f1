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
//!
//! A body can also come in *chunks*, each with its length. If two programs find different ends of a
//! body, one of them reads its rest as a request (*request smuggling*). So framing is exact.

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, prelude::*};
use std::net::Ipv6Addr;

/// The limits of a message.
const MAX_START_LINE_BYTES: usize = 8 << 10;
const MAX_HEAD_BYTES: usize = 16 << 10;
const MAX_FIELDS: usize = 100;
const MAX_BODY_BYTES: u64 = 64 << 10;
const MAX_CHUNK_LINE_BYTES: u64 = 256;

/// What is wrong with a request: the status that answers it, and the reason in words.
#[derive(Debug)]
pub struct HttpError(pub u16, pub &'static str);

impl Error for HttpError {}

impl fmt::Display for HttpError {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}", self.1)
    }
}

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
    /// `read_body` reads the body. `is_head` becomes true if the method is HEAD, also on an error.
    pub fn read_head(stream: &mut impl BufRead, is_head: &mut bool) -> Result<Request> {
        let mut start_line = read_line(stream, MAX_START_LINE_BYTES, 414)?;
        // One empty line before the request is ignored (RFC 9112, section 2.2).
        if start_line.is_empty() {
            start_line = read_line(stream, MAX_START_LINE_BYTES, 414)?;
        }
        let words: Vec<&str> = start_line.split(' ').collect();
        let &[method, target, version] = words.as_slice() else {
            bail!("{start_line:?} is not a request line");
        };
        *is_head = method == "HEAD";
        let is_target = is_target(method, target);
        let is_valid = is_token(method) && is_target && is_version(version);
        ensure!(is_valid, "{start_line:?} is not a request line");
        ensure!(version.starts_with("HTTP/1."), HttpError(505, "the version is not HTTP/1"));
        let fields = read_fields(stream, MAX_HEAD_BYTES.saturating_sub(start_line.len() + 2))?;
        // A request of HTTP/1.0 can lack a Host field (RFC 9112, section 3.2).
        let hosts = fields.values("Host").len();
        let is_valid = hosts == 1 || hosts == 0 && version == "HTTP/1.0";
        ensure!(is_valid, HttpError(400, "the request needs one Host field"));
        let is_valid = fields.values("Host").iter().all(|host| is_authority(host));
        ensure!(is_valid, HttpError(400, "the Host field is not a host and a port"));
        Ok(Request {
            method: method.to_string(),
            target: target.to_string(),
            version: version.to_string(),
            fields,
            body: String::new(),
        })
    }

    /// Reads the body, if the request has one.
    pub fn read_body(&mut self, stream: &mut impl BufRead) -> Result<()> {
        if self.fields.is_chunked(&self.version)? {
            self.body = read_chunks(stream, MAX_BODY_BYTES)?;
            return Ok(());
        }
        let length = self.fields.content_length()?.unwrap_or(0);
        ensure!(length <= MAX_BODY_BYTES, HttpError(413, "the body is too long"));
        self.body = read_body(stream, Some(length))?;
        Ok(())
    }

    /// Returns whether the client waits for 100 (Continue) before it sends the body (RFC 9110,
    /// section 10.1.1). A body that would be refused is an error here already.
    pub fn expects_continue(&self) -> Result<bool> {
        let expectations = self.fields.elements("Expect");
        if self.version == "HTTP/1.0" || expectations.is_empty() {
            return Ok(false);
        }
        ensure!(expectations == ["100-continue"], HttpError(417, "the expectation is not known"));
        let length = self.fields.content_length()?.unwrap_or(0);
        ensure!(length <= MAX_BODY_BYTES, HttpError(413, "the body is too long"));
        Ok(self.fields.is_chunked(&self.version)? || length > 0)
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
        let imf_fixdate = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        fields.add("Date", &imf_fixdate.to_string());
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

    /// Makes the response to OPTIONS. It has no body. `allow` has the methods of the target.
    pub fn no_content(allow: &str) -> Response {
        let mut response = Response::text(204, "");
        response.fields.0.retain(|(name, _)| name == "Date");
        response.with("Allow", allow)
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
        let start_line = read_line(stream, MAX_START_LINE_BYTES, 414)?;
        let (version, rest) = start_line.split_once(' ').unwrap_or_default();
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_valid = is_version(version) && status.len() == 3;
        let Some(status) = parse_digits(status).filter(|_| is_valid) else {
            bail!("{start_line:?} is not a status line of HTTP");
        };
        let fields = read_fields(stream, MAX_HEAD_BYTES)?;
        // For HEAD, the fields describe a body that is not sent (RFC 9110, section 9.3.2).
        // A response with one of these statuses never has a body (RFC 9112, section 6.3).
        let body = match method == "HEAD" || matches!(status, 100..200 | 204 | 304) {
            true => String::new(),
            false if fields.is_chunked(version)? => read_chunks(stream, u64::MAX - 2)?,
            false => read_body(stream, fields.content_length()?)?,
        };
        Ok(Response {
            version: version.to_string(),
            status: u16::try_from(status)?,
            reason: reason.to_string(),
            fields,
            body,
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
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

/// Puts `prefix` and a space before each line of `text`, to show which way a message goes.
pub fn with_prefix(prefix: &str, text: &str) -> String {
    let mut lines: String = text.lines().map(|line| format!("{prefix} {line}\n")).collect();
    lines.pop();
    lines
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
    pub fn values(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
        named.map(|field| field.1.as_str()).collect()
    }

    /// Returns the elements of the list in the fields called `name` (RFC 9110, section 5.6.1), in
    /// lower case.
    pub fn elements(&self, name: &str) -> Vec<String> {
        let elements = self.values(name).join(",").to_ascii_lowercase();
        let elements = elements.split(',').map(|element| element.trim_matches([' ', '\t']));
        elements.filter(|element| !element.is_empty()).map(str::to_string).collect()
    }

    /// Returns whether the connection stays open after a message (RFC 9112, section 9.3).
    pub fn is_persistent(&self, version: &str) -> bool {
        let options = self.elements("Connection");
        let has = |name| options.iter().any(|option| option == name);
        !has("close") && (version != "HTTP/1.0" || has("keep-alive"))
    }

    /// Returns whether the body comes in chunks (RFC 9112, section 6.1). Anything else that
    /// Transfer-Encoding can say leaves in doubt where the body ends, and is an error.
    fn is_chunked(&self, version: &str) -> Result<bool> {
        if self.values("Transfer-Encoding").is_empty() {
            return Ok(false);
        }
        let codings = self.elements("Transfer-Encoding");
        let first = codings.iter().position(|coding| coding == "chunked");
        let is_clear = first.is_some_and(|first| first + 1 == codings.len())
            && self.values("Content-Length").is_empty()
            && version != "HTTP/1.0";
        ensure!(is_clear, HttpError(400, "it is in doubt where the body ends"));
        ensure!(codings.len() == 1, HttpError(501, "a transfer coding is not known here"));
        Ok(true)
    }

    /// Returns the length of the body in bytes, if a field says it (RFC 9112, section 6.3).
    fn content_length(&self) -> Result<Option<u64>> {
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
/// All these lines together have `limit` bytes at the most.
fn read_fields(stream: &mut impl BufRead, limit: usize) -> Result<Fields> {
    let mut remaining = limit;
    let mut fields = Fields::default();
    loop {
        let line = read_line(stream, remaining, 431)?;
        remaining = remaining.saturating_sub(line.len() + 2);
        if line.is_empty() {
            return Ok(fields);
        }
        ensure!(fields.0.len() < MAX_FIELDS, HttpError(431, "the head has too many fields"));
        let field = line.split_once(':').filter(|(name, _)| is_token(name));
        let (name, value) = field.with_context(|| format!("{line:?} is not a field"))?;
        fields.add(name, value.trim_matches([' ', '\t']));
    }
}

/// Reads a line and leaves out its ending: CR LF, or LF alone (RFC 9112, section 2.2).
/// A line of more than `limit` bytes is an error, which is answered with `status`.
fn read_line(stream: &mut impl BufRead, limit: usize, status: u16) -> Result<String> {
    let mut line = Vec::new();
    // Two bytes more are for CR LF.
    stream.take(limit as u64 + 2).read_until(b'\n', &mut line)?;
    let is_whole = line.pop_if(|byte| *byte == b'\n').is_some();
    line.pop_if(|byte| *byte == b'\r');
    ensure!(line.len() <= limit, HttpError(status, "the head, or a line of it, is too long"));
    ensure!(is_whole, cut_short());
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

/// Reads a body in chunks (RFC 9112, section 7.1). In front of each chunk is its length, in
/// hexadecimal. The last one has the length 0, and fields can follow it, which are ignored.
fn read_chunks(stream: &mut impl BufRead, limit: u64) -> Result<String> {
    let mut body = Vec::new();
    loop {
        let length = read_chunk_length(stream)?;
        if length == 0 {
            read_fields(stream, MAX_HEAD_BYTES)?;
            return String::from_utf8(body).context("the body is not UTF-8");
        }
        let end = length.saturating_add(body.len() as u64);
        ensure!(end <= limit, HttpError(413, "the body is too long"));
        stream.take(length.saturating_add(2)).read_to_end(&mut body)?;
        ensure!(body.len() as u64 == end + 2, cut_short());
        ensure!(body.ends_with(b"\r\n"), "a chunk does not end where its length says");
        body.truncate(end as usize);
    }
}

/// Reads the line before a chunk: its length, and after a semicolon extensions, which are ignored.
fn read_chunk_length(stream: &mut impl BufRead) -> Result<u64> {
    let mut line = Vec::new();
    stream.take(MAX_CHUNK_LINE_BYTES).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    // A line that is too long, or has no CR, does not end with CR LF. "?" is no length.
    let text = line.strip_suffix("\r\n").unwrap_or("?");
    let (length, extension) = match text.split_once(';') {
        Some((length, extension)) => (length.trim_end_matches([' ', '\t']), extension),
        None => (text, "x"),
    };
    let name = extension.trim_start_matches([' ', '\t']).split([';', '=', ' ', '\t']).next();
    // Outside of quotes, extensions are tokens, and these characters between them.
    let plain = extension.replace("\\\\", "").replace("\\\"", "");
    let tokens: String = plain.split('"').step_by(2).collect();
    let is_valid = length.bytes().all(|byte| byte.is_ascii_hexdigit())
        && name.is_some_and(is_token)
        && is_token(&tokens.replace([';', '=', ' ', '\t'], ""))
        && plain.matches('"').count() % 2 == 0
        && !plain.contains(|c: char| c.is_control() && c != '\t');
    let length = u64::from_str_radix(length, 16).ok().filter(|_| is_valid);
    length.with_context(|| format!("{line:?} is not the length of a chunk"))
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

/// Returns whether a request with `method` can have `target` (RFC 9112, section 3.2).
fn is_target(method: &str, target: &str) -> bool {
    let authority = target.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    let has_form = match method {
        "CONNECT" => is_authority(target),
        "OPTIONS" if target == "*" => true,
        _ => target.starts_with('/') || authority.is_some_and(is_authority),
    };
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    has_form && target.bytes().all(is_allowed)
}

/// Returns whether `text` is a host, and after a colon a port (RFC 3986, section 3.2.2).
fn is_authority(text: &str) -> bool {
    let port = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let host = port.strip_suffix(':').unwrap_or(text);
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&byte);
    match literal {
        Some(literal) => literal.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_name),
    }
}

/// Returns whether `text` is a version, such as `HTTP/1.1` (RFC 9112, section 2.3).
fn is_version(text: &str) -> bool {
    matches!(text.as_bytes(), [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// Parses one or more ASCII digits and nothing else. `parse` alone would accept `+1`.
pub fn parse_digits(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
