//! The wire contract as a table: which requests there are, and what each stage answers.

use Answer::{Allowed, Created, Echo, List, NotAllowed, NotFound, Refused, Stored, Text};
use std::ops::RangeInclusive;

/// What a stage answers to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 200 with the text of the request, which a stage without a list does not keep.
    Echo,
    /// 200 with the text of the request, which is added to the list or replaces a message in it.
    Stored,
    /// 201 with the text of the request, which is added to the list, and a Location that names its index.
    Created,
    /// 200 with all messages as a JSON array of strings.
    List,
    /// 200 with the message at the index.
    Text,
    /// 405, and an Allow field with these methods.
    NotAllowed(&'static str),
    /// 404.
    NotFound,
    /// 204 without a body, and an Allow field with these methods.
    Allowed(&'static str),
    /// One of these statuses: the bytes are no request, or exceed a limit.
    Refused(&'static [u16]),
}

impl Answer {
    /// Whether such a request changes the server's list.
    pub fn changes_the_list(self) -> bool {
        matches!(self, Stored | Created)
    }
}

/// Which resource a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// This path, exactly.
    Path(&'static str),
    /// A message in the middle of those that the check has added.
    Middle,
    /// A message that the check has added, whose index has more than one digit.
    TwoDigits,
    /// A message that exists, with a zero before its index.
    ZeroBefore,
    /// A message whose index has more than one digit, with twenty zeros before it.
    ManyZeros,
    /// The first index at which there is no message.
    Beyond,
}

/// What the body of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none, and no Content-Length.
    None,
    /// A text that no other case has: it contains the id of the case.
    Own,
    /// This text.
    Text(&'static str),
    /// This many letters x.
    Long(usize),
}

/// Where a request is cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is sent in one piece.
    Nowhere,
    /// The body is sent after a pause.
    BeforeBody,
    /// The bytes from this one on are sent after a pause.
    At(usize),
    /// Each piece has this many bytes.
    Each(usize),
}

/// A request, and what each stage answers.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// A short name that stays the same, such as `put-replaces`.
    pub id: &'static str,
    /// The method, such as `PUT`.
    pub method: &'static str,
    /// The resource.
    pub target: Target,
    /// The body.
    pub body: Body,
    /// The field lines after Host and Connection; `{length}` stands for the number of bytes in the body.
    pub fields: &'static str,
    /// How it is cut into segments.
    pub cut: Cut,
    /// What is answered in stages 3 and 4, in stage 5, in stage 6, and from stage 7 on.
    pub answers: [Answer; 4],
    /// The first and the last stage to which this request is sent.
    pub stages: (u32, u32),
}

/// The last stage of a case that all later ones have as well.
pub const EVER: u32 = u32::MAX;

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
}

/// The field line that tells how long the body is.
pub const LENGTH: &str = "Content-Length: {length}\r\n";

const fn row(id: &'static str, method: &'static str, target: Target, answers: [Answer; 4]) -> Row {
    let (body, fields) = match method.as_bytes() {
        b"GET" | b"HEAD" | b"OPTIONS" => (Body::None, ""),
        _ => (Body::Own, LENGTH),
    };
    Row { id, method, target, body, fields, cut: Cut::Nowhere, answers, stages: (3, EVER) }
}

/// A `POST /` that is written or sent in a special way. The answer is the same.
const fn post(id: &'static str, body: Body, fields: &'static str, cut: Cut) -> Row {
    let answers = POST;
    Row { id, method: "POST", target: ROOT, body, fields, cut, answers, stages: (3, EVER) }
}

const fn between(first: u32, last: u32, row: Row) -> Row {
    Row { stages: (first, last), ..row }
}

/// A PUT that replaces a message, from stage 7 on.
const fn put(id: &'static str, target: Target, body: Body) -> Row {
    let answers = [NotFound, NotFound, NotFound, Stored];
    Row {
        id,
        method: "PUT",
        target,
        body,
        fields: LENGTH,
        cut: Cut::Nowhere,
        answers,
        stages: (7, EVER),
    }
}

const ROOT: Target = Target::Path("/");
const POST: [Answer; 4] = [Echo, Stored, Stored, Created];
const TEXT: [Answer; 4] = [NotFound, NotFound, NotFound, Text];
const NO_ROOT: [Answer; 4] = [
    NotAllowed("POST"),
    NotAllowed("GET, POST"),
    NotAllowed("GET, HEAD, POST"),
    NotAllowed("GET, HEAD, POST"),
];
const NO_MESSAGE: [Answer; 4] = [NotFound, NotFound, NotFound, NotAllowed("GET, HEAD, PUT")];
const NONE: [Answer; 4] = [NotFound; 4];
/// Before stage 12 a server may lack the method (RFC 9110, section 15.6.2), or the target `*`.
const NO_OPTIONS: Answer = Refused(&[405, 404, 501, 400]);

/// A text that is posted twice. Later one of the two messages is replaced.
const SAME: Body = Body::Text("a text that stands in the list twice");

/// The cases of `POST /`, which come first. From stage 5 on a `GET /` follows each of them.
#[rustfmt::skip]
pub const POSTS: &[Row] = &[
    post("post",                   Body::Own,                                LENGTH, Cut::Nowhere),
    post("body-in-two-segments",   Body::Own,                                LENGTH, Cut::BeforeBody),
    post("head-in-two-segments",   Body::Own,                                LENGTH, Cut::At(20)),
    post("byte-by-byte",           Body::Own,                                LENGTH, Cut::Each(1)),
    post("korean",                 Body::Text("안녕, 네트워크"),             LENGTH, Cut::Nowhere),
    post("korean-byte-by-byte",    Body::Text("반갑다"),                     LENGTH, Cut::Each(1)),
    between(5, EVER, post("post-twice", SAME,                                LENGTH, Cut::Nowhere)),
    post("lower-case-names",       Body::Own,                                "content-length: {length}\r\n", Cut::Nowhere),
    post("upper-case-names",       Body::Own,                                "CONTENT-LENGTH: {length}\r\n", Cut::Nowhere),
    post("spaces-around-value",    Body::Own,                                "Content-Length:    {length}   \r\n", Cut::Nowhere),
    post("no-space-after-colon",   Body::Own,                                "Content-Length:{length}\r\n", Cut::Nowhere),
    post("other-fields",           Body::Own,                                "Accept: */*\r\nX-Nothing:\r\nX-Content-Length: 3\r\nContent-Length: {length}\r\nX_Y: 1\r\nReferer: http://a:80/b:c\r\n", Cut::Nowhere),
    post("many-other-fields",      Body::Own,                                MANY_FIELDS, Cut::Nowhere),
    post("quotes-and-line-ends",   Body::Text("\"a\" 'b' \\c\r\n\r\nd\n\te"), LENGTH, Cut::Nowhere),
    post("spaces-stay",            Body::Text("  spaces stay \n"),           LENGTH, Cut::Nowhere),
    post("signs-stay",             Body::Text("1+1=2 & 100%41 😀 <b>"),       LENGTH, Cut::Nowhere),
    post("digits-stay",            Body::Text("007"),                        LENGTH, Cut::Nowhere),
    post("control-characters",     Body::Text("a\0b\u{1}c\x7fd\x1be"),       LENGTH, Cut::Nowhere),
    post("empty-text",             Body::Text(""),                           LENGTH, Cut::Nowhere),
    post("no-length",              Body::None,                               "", Cut::Nowhere),
    post("long-text",              Body::Long(9_000),                        LENGTH, Cut::Each(1_000)),
];

/// Twenty-five fields, one of them long, before Content-Length.
const MANY_FIELDS: &str =
    concat!("X-Long: {x*1000}\r\n", "{fields*24}", "Content-Length: {length}\r\n");

/// The index of `post-twice` in [`POSTS`].
pub const TWICE: usize = 6;

/// How many messages are posted after these, so that two indexes have more than one digit.
pub const MORE: usize = 11;
/// What is posted then: a text that is in the list already.
pub const POST_SAME: Row = between(5, EVER, post("post-same-text", SAME, LENGTH, Cut::Nowhere));

/// A PUT that replaces a message, from stage 7 on.
pub const PUT_REPLACES: Row =
    row("put-replaces", "PUT", Target::Middle, [NotFound, NotFound, NotFound, Stored]);

/// The other requests. A `GET /` follows each one that changes the list.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    //  id              method    path                        s03, s04            s05       s06       s07 and later
    row("get-list",     "GET",    ROOT,                       [NotAllowed("POST"), List,     List,     List]),
    row("head-list",    "HEAD",   ROOT,                       [NotAllowed("POST"), NotAllowed("GET, POST"), List, List]),
    row("put-list",     "PUT",    ROOT,                       NO_ROOT),
    row("delete-list",  "DELETE", ROOT,                       NO_ROOT),
    row("patch-list",   "PATCH",  ROOT,                       NO_ROOT),
    between(3, 11, row("options-list", "OPTIONS", ROOT,       [NO_OPTIONS; 4])),
    row("get-before",   "GET",    Target::Middle,             TEXT),
    PUT_REPLACES,
    row("get-message",  "GET",    Target::Middle,             TEXT),
    row("head-message", "HEAD",   Target::Middle,             TEXT),
    put("put-korean",             Target::Middle,             Body::Text("고친 말입니다, 네트워크")),
    between(7, EVER, row("head-korean", "HEAD", Target::Middle, TEXT)),
    put("put-quotes",             Target::Middle,             Body::Text("\"q\" \\n '); DROP TABLE messages; --")),
    put("put-signs",              Target::Middle,             Body::Text("2+2=4 & 50%42 '' %% 🐧 </b>")),
    put("put-digits",             Target::Middle,             Body::Text("0012")),
    put("put-null",               Target::Middle,             Body::Text("null")),
    put("put-nul",                Target::Middle,             Body::Text("a\0b")),
    put("put-empty",              Target::Middle,             Body::Text("")),
    between(7, EVER, row("get-empty", "GET", Target::Middle,  TEXT)),
    between(7, EVER, row("head-list-again", "HEAD", ROOT,     [List; 4])),
    row("post-message", "POST",   Target::Middle,             NO_MESSAGE),
    row("delete-message", "DELETE", Target::Middle,           NO_MESSAGE),
    row("patch-message", "PATCH", Target::Middle,             NO_MESSAGE),
    between(7, 11, row("options-message", "OPTIONS", Target::Middle, [NO_OPTIONS; 4])),
    row("get-two-digits", "GET",  Target::TwoDigits,          TEXT),
    put("put-two-digits",         Target::TwoDigits,          Body::Own),
    row("get-double-zero", "GET", Target::ZeroBefore,         TEXT),
    between(7, EVER, row("get-many-zeros", "GET", Target::ManyZeros, TEXT)),
    put("put-double-zero",        Target::ZeroBefore,         Body::Own),
    row("get-beyond",   "GET",    Target::Beyond,             NONE),
    row("head-beyond",  "HEAD",   Target::Beyond,             NONE),
    row("put-beyond",   "PUT",    Target::Beyond,             NONE),
    row("post-beyond",  "POST",   Target::Beyond,             NONE),
    row("delete-beyond", "DELETE", Target::Beyond,            NONE),
    row("get-word",     "GET",    Target::Path("/abc"),       NONE),
    row("head-word",    "HEAD",   Target::Path("/abc"),       NONE),
    row("put-word",     "PUT",    Target::Path("/abc"),       NONE),
    row("post-word",    "POST",   Target::Path("/abc"),       NONE),
    row("delete-word",  "DELETE", Target::Path("/abc"),       NONE),
    row("get-slash",    "GET",    Target::Path("/0/"),        NONE),
    row("head-slash",   "HEAD",   Target::Path("/0/"),        NONE),
    row("put-slash",    "PUT",    Target::Path("/0/"),        NONE),
    row("post-slash",   "POST",   Target::Path("/0/"),        NONE),
    row("delete-slash", "DELETE", Target::Path("/0/"),        NONE),
    row("get-negative", "GET",    Target::Path("/-1"),        NONE),
    row("head-negative", "HEAD",  Target::Path("/-1"),        NONE),
    row("put-negative", "PUT",    Target::Path("/-1"),        NONE),
    row("post-negative", "POST",  Target::Path("/-1"),        NONE),
    row("delete-negative", "DELETE", Target::Path("/-1"),     NONE),
    row("get-plus",     "GET",    Target::Path("/+0"),        NONE),
    row("put-plus",     "PUT",    Target::Path("/+0"),        NONE),
    row("get-underscore", "GET",  Target::Path("/1_0"),       NONE),
    row("get-letters",  "GET",    Target::Path("/0x1"),       NONE),
    row("get-point",    "GET",    Target::Path("/1.0"),       NONE),
    row("get-exponent", "GET",    Target::Path("/1e0"),       NONE),
    row("get-minus-zero", "GET",  Target::Path("/-0"),        NONE),
    row("get-query",    "GET",    Target::Path("/?0"),        NONE),
    row("get-query-after-index", "GET", Target::Path("/1?x=y"), NONE),
    row("get-percent",  "GET",    Target::Path("/%30"),       NONE),
    row("get-deeper",   "GET",    Target::Path("/0/1"),       NONE),
    row("get-two-to-32", "GET",   Target::Path("/4294967297"), NONE),
    row("get-two-to-64", "GET",   Target::Path("/18446744073709551616"), NONE),
    row("put-two-to-64", "PUT",   Target::Path("/18446744073709551616"), NONE),
    row("get-huge",     "GET",    Target::Path("/99999999999999999999999"), NONE),
    between(3, 11, row("options-star", "OPTIONS", Target::Path("*"), [NO_OPTIONS; 4])),
    between(12, EVER, row("allow-list", "OPTIONS", ROOT,      [Allowed("GET, HEAD, POST"); 4])),
    between(12, EVER, row("allow-message", "OPTIONS", Target::Middle, [Allowed("GET, HEAD, PUT"); 4])),
    between(12, EVER, row("allow-double-zero", "OPTIONS", Target::ZeroBefore, [Allowed("GET, HEAD, PUT"); 4])),
    between(12, EVER, row("allow-star", "OPTIONS", Target::Path("*"), [Allowed("GET, HEAD, POST, PUT"); 4])),
    between(12, EVER, row("options-beyond", "OPTIONS", Target::Beyond, NONE)),
    between(12, EVER, row("options-word", "OPTIONS", Target::Path("/abc"), NONE)),
];

/// What is posted at the end: Location still has the right index, and a text may be long.
pub const LAST_POSTS: &[Row] = &[
    between(7, EVER, post("post-location", Body::Own, LENGTH, Cut::Nowhere)),
    // From stage 10 on `full-body` asks the same.
    between(3, 9, post("very-long-text", Body::Long(60_000), LENGTH, Cut::Each(8_000))),
];

/// The longest body that is accepted from stage 10 on.
pub const FULL_BODY: Row =
    between(10, EVER, post("full-body", Body::Long(65_536), LENGTH, Cut::Nowhere));

/// Bytes that a stage refuses from stage 10 on, or that come close to a limit. An ordinary `GET /` follows each of
/// them.
pub struct Limit {
    /// A short name that stays the same, such as `long-head`.
    pub id: &'static str,
    /// What is sent, in a few words.
    pub what: &'static str,
    /// The bytes, one for each character (so `\u{fc}` is not UTF-8). `{host}` stands for the server's address, `{x*N}`
    /// for N letters x, and `{fields*N}` for N field lines.
    pub bytes: &'static str,
    /// What the stage answers.
    pub answer: Answer,
    /// The first stage to which these bytes are sent.
    pub first: u32,
    /// Where the RFC says it; empty where the status alone says it.
    pub section: &'static str,
}

const fn limit(id: &'static str, what: &'static str, bytes: &'static str, answer: Answer) -> Limit {
    Limit { id, what, bytes, answer, first: 10, section: "" }
}

/// A limit from stage 12 on, where the server reads a head exactly as the RFCs say.
const fn letter(
    id: &'static str,
    what: &'static str,
    section: &'static str,
    bytes: &'static str,
    answer: Answer,
) -> Limit {
    Limit { id, what, bytes, answer, first: 12, section }
}

const BAD: Answer = Refused(&[400]);
/// What a server may answer to a request that is meant for a proxy.
const NO_SUCCESS: Answer = Refused(&[400, 403, 404, 405, 421, 501]);

const TARGET: &str = "RFC 9112, section 3.2";
const ABSOLUTE: &str = "RFC 9112, section 3.2.2";
const MISDIRECTED: &str = "RFC 9110, section 15.5.20";
const HOST: &str = "RFC 9112, section 3.2";

/// Requests and other bytes that are sent from stage 10 or 12 on.
#[rustfmt::skip]
pub const LIMITS: &[Limit] = &[
    limit("garbage-tls",        "the first bytes of TLS",                  "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03\r\n\r\n", BAD),
    limit("garbage-escape",     "an escape sequence",                      "\x1b]0;owned\x07\x1b[2J / HTTP/1.1\r\n\r\n", BAD),
    limit("garbage-no-version", "a request line without a version",        "GET /\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    limit("http-0-9",           "a request of HTTP/0.9",                   "GET /\r\n\r\n", BAD),
    limit("bad-length",         "a Content-Length that is no number",      "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: two\r\n\r\n", BAD),
    limit("negative-length",    "a negative Content-Length",               "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: -2\r\n\r\n", BAD),
    limit("plus-length",        "a Content-Length with a sign",            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: +2\r\n\r\nhi", BAD),
    limit("hex-length",         "a hexadecimal Content-Length",            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0x2\r\n\r\nhi", BAD),
    limit("letters-in-length",  "a Content-Length that goes on with letters", "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2abc\r\n\r\nhi", BAD),
    limit("empty-length",       "an empty Content-Length",                 "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length:\r\n\r\n", BAD),
    limit("length-of-33-bits",  "a Content-Length of 2^32 + 2",            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 4294967298\r\n\r\nhi", Refused(&[413, 400])),
    limit("length-of-65-bits",  "a Content-Length of 2^64 + 2",            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 18446744073709551618\r\n\r\nhi", Refused(&[400, 413])),
    limit("wide-space-in-length", "a Content-Length after a wide space (U+3000)", "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length:\u{e3}\u{80}\u{80}2\r\n\r\nhi", BAD),
    limit("two-lengths",        "two Content-Length fields that differ",   "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", BAD),
    limit("space-before-colon", "white space before a field's colon",      "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name : x\r\n\r\n", BAD),
    limit("tab-before-colon",   "a tab before a field's colon",            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name\t: x\r\n\r\n", BAD),
    limit("empty-name",         "a field without a name",                  "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n: x\r\n\r\n", BAD),
    limit("no-colon",           "a field line without a colon",            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name\r\n\r\n", BAD),
    limit("nul-character",      "a NUL in a field",                        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name: a\0b\r\n\r\n", BAD),
    limit("escape-character",   "an escape character in a field",          "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name: a\x1bb\r\n\r\n", BAD),
    limit("delete-character",   "a DEL in a field",                        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name: a\x7fb\r\n\r\n", BAD),
    limit("bare-cr",            "a CR without its LF in a field",          "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name: a\rb\r\n\r\n", BAD),
    limit("unknown-version",    "a version that is not one of HTTP",       "GET / FOO/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    limit("version-of-three",   "a version of three numbers",              "GET / HTTP/1.1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    limit("tab-in-target",      "a tab inside the target",                 "GET /a\tb HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    limit("empty-line-before",  "an empty line before the request line",   "\r\nGET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", List),
    limit("http-2",             "a request line of HTTP/2.0",              "GET / HTTP/2.0\r\nHost: {host}\r\nConnection: close\r\n\r\n", Refused(&[505, 400])),
    limit("control-character",  "a control character in a field",          "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Name: \x07\r\n\r\n", BAD),
    limit("no-host",            "no Host field",                           "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", BAD),
    limit("two-hosts",          "two Host fields",                         "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nHost: {host}\r\n\r\n", BAD),
    limit("long-line-refused",  "a request line of over 9,000 bytes",      "GET /{x*9000} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", Refused(&[414])),
    limit("long-line-accepted", "a request line of 8,000 bytes",           "GET /{x*7986} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", NotFound),
    limit("long-head",          "a head of over 20,000 bytes",             "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-A: {x*7000}\r\nX-B: {x*7000}\r\nX-C: {x*7000}\r\n\r\n", Refused(&[431])),
    limit("many-fields",        "a head of 110 fields",                    "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields*109}\r\n", Refused(&[431])),
    limit("ninety-fields",      "a head of 90 fields",                     "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields*88}\r\n", List),
    limit("long-head-accepted", "a head of over 14,000 bytes",             "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-A: {x*7000}\r\nX-B: {x*7000}\r\n\r\n", List),
    limit("long-body",          "a body of 70,000 bytes",                  "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n{x*70000}", Refused(&[413])),
    limit("long-body-of-head",  "HEAD with a body of 70,000 bytes",         "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 70000\r\n\r\n{x*70000}", Refused(&[413])),
    limit("announced-body",     "a body of 1,000,000,000 bytes, of which none is sent", "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 1000000000\r\n\r\n", Refused(&[413])),
    limit("proxy-request",      "a request for another server",            "GET http://www.example.org/ HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n", NO_SUCCESS),
    limit("connect-request",    "a request for a tunnel",                  "CONNECT www.example.org:443 HTTP/1.1\r\nHost: www.example.org:443\r\n\r\n", NO_SUCCESS),
    limit("scanner-request",    "a request for a program with a known security hole", "GET /geoserver/web/ HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n", NotFound),
    letter("fragment-in-list",  "a target with a fragment",                TARGET, "GET /#x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("fragment-after-index", "an index with a fragment",             TARGET, "GET /0#x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("target-not-ascii",  "a target in UTF-8 that is not ASCII",     TARGET, "GET /\u{ec}\u{95}\u{88} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("target-not-utf-8",  "a target that is no UTF-8",               TARGET, "GET /\u{fc} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("target-without-slash", "a target that begins with a letter",   TARGET, "GET abc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("version-in-small-letters", "a version in lower case",       "RFC 9112, section 2.3", "GET / http/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", BAD),
    letter("star-of-get",       "GET with the target *",          "RFC 9112, section 3.2.4", "GET * HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", Refused(&[400, 404, 405])),
    letter("absolute-list",     "the whole address of the list",           ABSOLUTE, "GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", List),
    letter("absolute-without-path", "the whole address without a path",    ABSOLUTE, "GET http://{host} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", List),
    letter("absolute-word",     "the whole address of /abc",            ABSOLUTE, "GET http://{host}/abc HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", NotFound),
    letter("absolute-beats-host", "the whole address beside another Host", ABSOLUTE, "GET http://{host}/ HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n", List),
    letter("absolute-other",    "the address of another server",           MISDIRECTED, "GET http://www.example.org/ HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n", Refused(&[421])),
    letter("absolute-other-own-host", "the address of another server beside the Host of this server", MISDIRECTED, "GET http://www.example.org/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", Refused(&[421])),
    letter("absolute-other-post", "POST for another server",               MISDIRECTED, "POST http://www.example.org/ HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", Refused(&[421])),
    letter("absolute-longer-name", "a longer address that begins with that of this server", MISDIRECTED, "GET http://{host}.example.org/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", Refused(&[400, 421])),
    letter("absolute-no-host",  "the whole address without a Host field",  HOST, "GET http://{host}/ HTTP/1.1\r\nConnection: close\r\n\r\n", BAD),
    letter("empty-host",        "an empty Host",                           HOST, "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-user",    "a Host with user information",            HOST, "GET / HTTP/1.1\r\nHost: user@{host}\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-path",    "a Host with a path",                      HOST, "GET / HTTP/1.1\r\nHost: {host}/\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-scheme",  "a Host with a scheme",                    HOST, "GET / HTTP/1.1\r\nHost: http://{host}\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-comma",   "two hosts in one field",                  HOST, "GET / HTTP/1.1\r\nHost: {host}, www.example.org\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-space",   "two words in Host",                       HOST, "GET / HTTP/1.1\r\nHost: {host} x\r\nConnection: close\r\n\r\n", BAD),
    letter("host-with-word-as-port", "a Host with a port that is no number", HOST, "GET / HTTP/1.1\r\nHost: localhost:http\r\nConnection: close\r\n\r\n", BAD),
    letter("second-host-differs", "two Host fields that differ",           HOST, "GET / HTTP/1.1\r\nHost: {host}\r\nHost: www.example.org\r\nConnection: close\r\n\r\n", BAD),
    letter("connect-of-own",    "a tunnel to this server itself",          "RFC 9110, section 9.3.6", "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n", Refused(&[400, 405, 501])),
];

/// What a client sends on one connection of stages 1 and 2, which send back what they get.
pub struct Talk {
    /// A short name that stays the same, such as `empty-line`.
    pub id: &'static str,
    /// What is sent, in a few words.
    pub what: &'static str,
    /// What is sent, and what comes back, in their order.
    pub turns: &'static [Turn],
    /// How each turn is cut into segments.
    pub cut: Cut,
    /// The stages that have this case.
    pub stages: RangeInclusive<u32>,
}

/// What a client sends, and how much of what it has sent comes back before it sends more.
#[derive(Clone, Copy)]
pub struct Turn {
    /// The bytes; `{x*N}` stands for N letters x.
    pub send: &'static str,
    /// What comes back; the rest of what was sent does not come yet.
    pub back: &'static str,
}

const fn echo(text: &'static str) -> Turn {
    Turn { send: text, back: text }
}

/// The cases of stages 1 and 2.
#[rustfmt::skip]
pub const TALKS: &[Talk] = &[
    Talk { id: "line-comes-back",   what: "a line",                            turns: &[echo("hello\n")],             cut: Cut::Nowhere, stages: 1..=2 },
    Talk { id: "no-line-end",       what: "a message without a line end",      turns: &[echo("hello without an end")], cut: Cut::Nowhere, stages: 1..=1 },
    Talk { id: "many-lines",        what: "25 lines, one after the other",     turns: &[echo("one line of many\n"); 25], cut: Cut::Nowhere, stages: 2..=2 },
    Talk { id: "half-line-waits",   what: "half a line, and then its end",     turns: &[Turn { send: "hel", back: "" }, Turn { send: "lo again\n", back: "hello again\n" }], cut: Cut::Nowhere, stages: 2..=2 },
    Talk { id: "line-and-a-half",   what: "a line and a half in one segment",  turns: &[Turn { send: "one\ntw", back: "one\n" }, Turn { send: "o\n", back: "two\n" }], cut: Cut::Nowhere, stages: 2..=2 },
    Talk { id: "korean-comes-back", what: "a line in Korean",                  turns: &[echo("안녕, 네트워크\n")],    cut: Cut::Nowhere, stages: 1..=2 },
    Talk { id: "empty-line",        what: "an empty line",                     turns: &[echo("\n")],                  cut: Cut::Nowhere, stages: 1..=2 },
    Talk { id: "spaces-stay",       what: "a line with white space around it", turns: &[echo("  spaces stay \t\n")],  cut: Cut::Nowhere, stages: 1..=2 },
    Talk { id: "full-read",         what: "1024 bytes",                        turns: &[echo("{x*1023}\n")],          cut: Cut::Nowhere, stages: 1..=2 },
    Talk { id: "two-lines-one-segment", what: "two lines in one segment",      turns: &[echo("fourth\nfifth\n")],     cut: Cut::Nowhere, stages: 2..=2 },
    Talk { id: "line-byte-by-byte", what: "a line, a byte at a time",          turns: &[echo("one byte after 또 하나\n")], cut: Cut::Each(1), stages: 2..=2 },
    Talk { id: "long-line",         what: "a line of 100,000 bytes",           turns: &[echo("{x*99999}\n")],         cut: Cut::Nowhere, stages: 2..=2 },
    Talk { id: "next-client",       what: "the next client",                   turns: &[echo("goodbye\n")],           cut: Cut::Nowhere, stages: 1..=2 },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_id_names_one_case_of_a_stage() {
        // A stage after the last one that adds cases has the same ones.
        for stage in 1..=20 {
            let ids = crate::ids(stage);
            let different: BTreeSet<_> = ids.iter().collect();
            assert_eq!(different.len(), ids.len(), "stage {stage}");
        }
    }

    /// If a server answers with the text of another request, the check finds it only if the two texts differ.
    #[test]
    fn each_request_has_a_text_of_its_own() {
        let mut texts = BTreeSet::new();
        for row in POSTS.iter().chain(TABLE).chain(LAST_POSTS) {
            let text = match row.body {
                Body::None => continue,
                Body::Own => row.id.to_string(),
                Body::Text(text) => text.to_string(),
                Body::Long(length) => length.to_string(),
            };
            assert!(text.is_empty() || texts.insert(text), "{}", row.id);
        }
        assert_eq!(POSTS[TWICE].id, "post-twice");
    }
}
