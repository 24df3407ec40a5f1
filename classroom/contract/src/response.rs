//! Reads a response strictly, as RFC 9112 says. A browser or curl accepts some faults; the check reports each one.

use crate::fault::{Checked, Fault};
use crate::show::in_quotes;

/// A response, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The field lines in their order, names as they came, values without the white space around them.
    pub fields: Vec<(String, String)>,
    /// What the Content-Length field says, in bytes.
    pub length: usize,
    /// What came after the head.
    pub body: Vec<u8>,
}

impl Response {
    /// Takes apart all the bytes that came on a connection in answer to one request.
    ///
    /// # Errors
    /// The first thing that RFC 9112 does not allow. Whether the body is as long as `length` says is not
    /// looked at here: it depends on the method of the request.
    pub fn parse(bytes: &[u8]) -> Checked<Response> {
        let bytes = without_interim(bytes);
        if bytes.is_empty() {
            return Err(Fault::new("no-response", "the connection ended without a response")
                .see("RFC 9112, section 4"));
        }
        if !bytes.starts_with(&b"HTTP/"[..bytes.len().min(5)]) {
            let beginning = in_quotes(bytes, 40);
            let sentence = format!("this is not an HTTP response; it begins with {beginning}");
            return Err(Fault::new("no-http", sentence).see("RFC 9112, section 4"));
        }
        let (head, body) = split(bytes)?;
        let mut lines = head.split("\r\n");
        let status = status(lines.next().unwrap_or_default())?;
        let fields = lines.map(field).collect::<Checked<Vec<_>>>()?;
        let length = if status == 204 { no_length(&fields)? } else { content_length(&fields)? };
        Ok(Response { status, fields, length, body: body.to_vec() })
    }

    /// The value of a field. Where the field came more than once, the values with commas between (RFC 9110,
    /// section 5.3).
    pub fn field(&self, name: &str) -> Option<String> {
        let values = values(&self.fields, name);
        if values.is_empty() { None } else { Some(values.join(", ")) }
    }
}

/// The values of the fields called `name`, in any case.
fn values<'a>(fields: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let named = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name));
    named.map(|field| field.1.as_str()).collect()
}

/// What comes after the interim responses (1xx), which a client has to accept (RFC 9110, section 15.2).
pub fn without_interim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while rest.starts_with(b"HTTP/1.1 1") && !rest.starts_with(b"HTTP/1.1 101") {
        let Some(end) = position(rest, b"\r\n\r\n") else { break };
        rest = &rest[end + 4..];
    }
    rest
}

/// The head, without the empty line that ends it, and what comes after it.
fn split(bytes: &[u8]) -> Checked<(&str, &[u8])> {
    let bare = "a line of the head ends with LF alone and not with CR LF";
    let bare = Fault::new("line-end", bare)
        .because("The server writes \"\\n\" where HTTP has \"\\r\\n\".")
        .see("RFC 9112, section 2.2");
    let Some(end) = position(bytes, b"\r\n\r\n") else {
        if position(bytes, b"\n\n").is_some() || position(bytes, b"\n\r\n").is_some() {
            return Err(bare);
        }
        let sentence = "the response ends before the empty line that ends its head";
        return Err(Fault::new("no-end-of-head", sentence).see("RFC 9112, section 2.1"));
    };
    // The first empty line ends the head, also if one of its line ends is LF alone.
    let before = &bytes[..end + 2];
    if position(before, b"\n\n").is_some()
        || position(before, b"\n\r\n").is_some_and(|at| at + 1 < end)
    {
        return Err(bare);
    }
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    for line in head.split("\r\n") {
        if line.contains('\n') {
            return Err(bare);
        }
        if line.contains('\r') {
            let sentence = format!("a line of the head has a CR inside: {}", in_quotes(line, 60));
            return Err(Fault::new("bare-cr", sentence).see("RFC 9112, section 2.2"));
        }
    }
    // A head in ASCII alone is also UTF-8.
    match std::str::from_utf8(&bytes[..end]) {
        Ok(head) => Ok((head, &bytes[end + 4..])),
        Err(_) => {
            let sentence = "the head is not UTF-8; other programs can read a field value that is not ASCII differently";
            Err(Fault::new("head-bytes", sentence).see("RFC 9110, section 5.5"))
        }
    }
}

/// Where the first empty line of a message ends, also if its line ends are LF alone.
pub fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let right = position(bytes, b"\r\n\r\n").map(|at| at + 4);
    let before = &bytes[..right.unwrap_or(bytes.len())];
    position(before, b"\n\n").map(|at| at + 2).or(right)
}

/// Where `pattern` begins in `bytes`.
pub fn position(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    // Most bytes are not the first one of a pattern.
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == pattern[0]) {
        if bytes[from + at..].starts_with(pattern) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// The code in a status line: `HTTP/1.1 200 OK`. A space follows the code also if the reason phrase (`OK`) is
/// empty.
fn status(line: &str) -> Checked<u16> {
    let wrong = |kind: &str, why: &str| {
        let sentence = format!("the status line is {}; {why}", in_quotes(line, 60));
        Fault::new(kind, sentence).see("RFC 9112, section 4")
    };
    let (version, rest) =
        line.split_once(' ').ok_or_else(|| wrong("status-line", "it has no status code"))?;
    if version != "HTTP/1.1" && version != "HTTP/1.0" {
        return Err(wrong("version", "its version is not HTTP/1.1"));
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits != 3 || rest.starts_with('0') {
        return Err(wrong("status-code", "its status code does not have three digits"));
    }
    let reason = &rest[3..];
    if !reason.starts_with(' ') {
        return Err(wrong("space-after-code", "a space has to follow the status code"));
    }
    if reason.chars().any(|c| c.is_control() && c != '\t') {
        return Err(wrong(
            "reason",
            "the reason phrase, which follows its status code, has a control character",
        ));
    }
    rest[..3].parse().map_err(|_| wrong("status-code", "its status code is not a number"))
}

/// The name and the value in a field line: `Name: value`.
fn field(line: &str) -> Checked<(String, String)> {
    let wrong = |kind: &str, why: &str, section| {
        Fault::new(kind, format!("the field line {} {why}", in_quotes(line, 60))).see(section)
    };
    if line.starts_with([' ', '\t']) {
        let why = "begins with white space: a field must stand on one line";
        return Err(wrong("obs-fold", why, "RFC 9112, section 5.2"));
    }
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| wrong("field-line", "has no colon", "RFC 9112, section 5"))?;
    if name.ends_with([' ', '\t']) {
        let why = "has white space before its colon";
        return Err(wrong("space-before-colon", why, "RFC 9112, section 5.1"));
    }
    if !is_token(name) {
        return Err(wrong(
            "field-name",
            "has a name that is not a token (letters, digits and marks such as -)",
            "RFC 9110, section 5.1",
        ));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        let why = "has a control character in its value";
        return Err(wrong("field-value", why, "RFC 9110, section 5.5"));
    }
    Ok((name.to_string(), value.trim_matches([' ', '\t']).to_string()))
}

/// Whether `text` can be a field's name (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether a response with this status ends with its head (RFC 9112, section 6.3).
pub fn has_no_body(status: u16) -> bool {
    matches!(status, 204 | 304)
}

/// The length of the body of a 204, which is 0. A 204 has no field for the length either.
fn no_length(fields: &[(String, String)]) -> Checked<usize> {
    for (name, section) in [
        ("Content-Length", "RFC 9110, section 8.6"),
        ("Transfer-Encoding", "RFC 9112, section 6.1"),
    ] {
        if let Some(value) = values(fields, name).first() {
            let sentence =
                format!("the response 204 has {name}: {value}, and no body can follow it");
            return Err(Fault::new("length-in-204", sentence).see(section));
        }
    }
    Ok(0)
}

/// The length of the body in bytes, which exactly one Content-Length field must say.
fn content_length(fields: &[(String, String)]) -> Checked<usize> {
    let lengths = values(fields, "Content-Length");
    if let Some(coding) = values(fields, "Transfer-Encoding").first() {
        let sentence = match lengths.is_empty() {
            true => format!("there is Transfer-Encoding: {coding} in place of a Content-Length"),
            false => format!("there is Transfer-Encoding: {coding} beside Content-Length"),
        };
        return Err(Fault::new("transfer-encoding", sentence).see("RFC 9112, section 6.2"));
    }
    let length = match lengths[..] {
        [] => {
            let fault = Fault::new("no-content-length", "there is no Content-Length");
            return Err(fault.see("RFC 9112, section 6.2"));
        }
        [length] => length,
        _ => {
            let sentence = format!("Content-Length came more than once: {}", lengths.join(", "));
            return Err(Fault::new("two-content-lengths", sentence).see("RFC 9110, section 8.6"));
        }
    };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    length.parse().ok().filter(|_| digits).ok_or_else(|| {
        let sentence =
            format!("Content-Length is {}, which is not a length", in_quotes(length, 40));
        Fault::new("content-length", sentence).see("RFC 9110, section 8.6")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of fault that a response has, or its status.
    fn said(response: &str) -> String {
        match Response::parse(response.as_bytes()) {
            Ok(response) => format!("{} {:?}", response.status, response.body.len()),
            Err(fault) => fault.kind,
        }
    }

    #[test]
    fn what_the_standard_allows() {
        let fine = "Content-Length: 2\r\n\r\nok";
        assert_eq!(said(&format!("HTTP/1.1 200 OK\r\n{fine}")), "200 2");
        assert_eq!(said(&format!("HTTP/1.1 200 \r\n{fine}")), "200 2");
        assert_eq!(said(&format!("HTTP/1.0 404 Not Found\r\nX:\r\n{fine}")), "404 2");
        assert_eq!(said(&format!("HTTP/1.1 200 OK\r\nX-Y: \t a b \t\r\n{fine}")), "200 2");
        assert_eq!(said("HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n"), "200 0");
        assert_eq!(said("HTTP/1.1 204 No Content\r\nAllow: GET\r\n\r\n"), "204 0");
        // A body may look like anything.
        assert_eq!(said("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\n\nb"), "200 4");
    }

    #[test]
    fn what_the_standard_forbids() {
        assert_eq!(
            said(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            ),
            "200 0"
        );
        let cases = [
            ("no-response", ""),
            ("no-http", "220 mail.example ESMTP\r\n"),
            ("no-end-of-head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"),
            ("no-end-of-head", "HT"),
            ("line-end", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
            ("line-end", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
            ("line-end", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok"),
            ("line-end", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\nok\r\n\r\n"),
            ("bare-cr", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok"),
            ("space-after-code", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
            ("space-after-code", "HTTP/1.1 200OK\r\nContent-Length: 2\r\n\r\nok"),
            ("status-code", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("status-code", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("status-code", "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("status-line", "HTTP/1.1\r\nContent-Length: 2\r\n\r\nok"),
            ("version", "HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("version", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            ("space-before-colon", "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"),
            ("obs-fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
            ("field-line", "HTTP/1.1 200 OK\r\nContent-Length 2\r\n\r\nok"),
            ("field-name", "HTTP/1.1 200 OK\r\nContent Length: 2\r\n\r\nok"),
            ("field-name", "HTTP/1.1 200 OK\r\n: 2\r\n\r\nok"),
            ("field-value", "HTTP/1.1 200 OK\r\nX: \x1b[2J\r\nContent-Length: 2\r\n\r\nok"),
            ("no-content-length", "HTTP/1.1 200 OK\r\n\r\nok"),
            ("length-in-204", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
            ("content-length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"),
            ("content-length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok"),
            ("content-length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            (
                "two-content-lengths",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok",
            ),
            (
                "transfer-encoding",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
            ),
        ];
        for (kind, response) in cases {
            assert_eq!(said(response), kind, "{response:?}");
        }
    }
}
