//! Whole HTTP messages in the bytes of a connection. httparse reads the heads. The length of a body follows the rules
//! of RFC 9112, section 6.3.

/// The most fields that a head can have here.
const MAX_FIELDS: usize = 128;

/// A whole request or response.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The request line or the status line.
    pub start: String,
    /// Names and values in their order.
    pub fields: Vec<(String, String)>,
    pub body: String,
    /// How many bytes it has in all.
    pub length: usize,
}

impl Message {
    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// Takes the first message out of `bytes`: a response to a request with this method, or a request. `None` if the bytes
/// are no whole message.
pub fn parse(bytes: &[u8], is_response: bool, method: &str) -> Option<Message> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let (start, head, fields, may_have_body) = if is_response {
        let mut response = httparse::Response::new(&mut fields);
        let head = complete(response.parse(bytes))?;
        let code = response.code?;
        let start = format!("HTTP/1.{} {code} {}", response.version?, response.reason?);
        let may_have_body = code >= 200 && code != 204 && code != 304 && method != "HEAD";
        (start.trim_end().to_string(), head, response.headers, may_have_body)
    } else {
        let mut request = httparse::Request::new(&mut fields);
        let head = complete(request.parse(bytes))?;
        let start = format!("{} {} HTTP/1.{}", request.method?, request.path?, request.version?);
        (start, head, request.headers, true)
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields: Vec<(String, String)> =
        fields.iter().map(|field| (field.name.to_string(), text(field.value))).collect();
    let value = |name: &str| {
        let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let rest = &bytes[head..];
    let (body, length) = if !may_have_body {
        (Vec::new(), 0)
    } else if value("Transfer-Encoding").is_some() {
        chunked(rest)?
    } else {
        let length = value("Content-Length").map_or(Some(0), |value| value.parse().ok())?;
        (rest.get(..length)?.to_vec(), length)
    };
    Some(Message { start, fields, body: text(&body), length: head + length })
}

/// Whether bytes begin like a message, of which more can come.
pub fn looks_like_http(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).contains("HTTP/1.")
}

/// The length of a head, if it is there whole.
fn complete(parsed: httparse::Result<usize>) -> Option<usize> {
    match parsed {
        Ok(httparse::Status::Complete(length)) => Some(length),
        _ => None,
    }
}

/// The content of a chunked body, and how many bytes it takes.
fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let httparse::Status::Complete((line, size)) =
            httparse::parse_chunk_size(bytes.get(at..)?).ok()?
        else {
            return None;
        };
        let (start, size) = (at + line, usize::try_from(size).ok()?);
        let end = start.checked_add(size)?.checked_add(2)?;
        if size == 0 {
            // Trailer fields end with an empty line.
            let rest = bytes.get(start..)?;
            let trailers = rest.windows(4).position(|window| window == b"\r\n\r\n");
            let length = if rest.starts_with(b"\r\n") { 2 } else { trailers? + 4 };
            return Some((content, start + length));
        }
        content.extend_from_slice(bytes.get(start..end - 2)?);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_when_its_body_is() {
        let text = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirstGET";
        let message = parse(text, false, "").unwrap();
        assert_eq!(message.start, "POST / HTTP/1.1");
        assert_eq!((message.method(), message.target()), ("POST", "/"));
        assert_eq!(message.body, "first");
        assert_eq!(message.length, text.len() - 3);
        for length in 0..text.len() - 3 {
            assert_eq!(parse(&text[..length], false, ""), None, "{length} bytes");
        }
    }

    #[test]
    fn a_response_to_head_has_no_body() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
        assert_eq!(parse(text, true, "HEAD").unwrap().length, text.len());
        assert_eq!(parse(text, true, "GET"), None);
    }

    #[test]
    fn chunks_become_one_body() {
        let text = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfir\r\n2\r\nst\r\n0\r\n\r\n";
        let message = parse(text, false, "").unwrap();
        assert_eq!((message.body.as_str(), message.length), ("first", text.len()));
        for length in 0..text.len() {
            assert_eq!(parse(&text[..length], false, ""), None, "{length} bytes");
        }
    }

    #[test]
    fn garbage_is_no_message() {
        assert_eq!(parse(b"\x16\x03\x01\x02\r\n\r\n", false, ""), None);
        assert!(!looks_like_http(b"first\n"));
        assert!(looks_like_http(b"GET / HTTP/1.1\r\nHost"));
    }
}
