//! The dialogues of stage 12: many requests on one connection, bodies in chunks, `Expect: 100-continue`, and framing,
//! that is, where a body ends.

use crate::dialogue::Says::{Close, Either, KeepAlive, Open};
use crate::dialogue::Turn::{
    Continue, End, Fin, NoInterim, Quiet, Refuse, RefuseOr, RefuseOrClose, Replies, Reply, Send,
    SendIn, SendTimes,
};
use crate::dialogue::Wanted::{
    Allowed, Created, CreatedOr, HeadList, HeadNotFound, List, ListOr, Status, Stored,
};
use crate::dialogue::{Dialogue, Turn};

const fn dialogue(
    id: &'static str,
    what: &'static str,
    section: &'static str,
    cause: &'static str,
    turns: &'static [Turn],
) -> Dialogue {
    Dialogue { id, what, section, cause, turns }
}

/// A request that must be refused: what follows it on the connection is never answered.
macro_rules! refused {
    ($id:literal, $what:literal, $section:literal, $cause:expr, $turn:expr, $bytes:expr) => {
        dialogue($id, $what, $section, $cause, &[Send(concat!($bytes, "{hidden}{get}")), $turn])
    };
}

const STAYS: &str = "A connection of HTTP/1.1 stays open after a response: read the next request from it, unless the request or the response says close.";
const ORDER: &str = "A client may send several requests without waiting (pipelining). Keep the bytes that come after a request: they begin the next one. Answer in the order of the requests.";
const CLOSES: &str = "Connection is a list of options, in upper or lower case. If close is one of them, send Connection: close in the response, close after it, and answer nothing that follows.";
const OLD: &str = "A connection of HTTP/1.0 closes after the response, unless the request says keep-alive. Then the response says keep-alive too.";
const FRAMING: &str = "A body ends where Content-Length or its chunks say. Read exactly that many bytes, also if the response does not need them: the next request begins after them.";
const CHUNKED: &str = "In front of each chunk is its length in hexadecimal, and CR LF; after each chunk is CR LF. The chunk of length 0 is the last, and trailer fields and an empty line follow it.";
const BYTES: &str = "A chunk is a number of bytes, and can end in the middle of a character: put the bytes of all chunks together, and then decode.";
const HALF: &str = "A client that has closed its side has sent everything, and still reads. Do not carry out a request that is not whole.";

/// Many requests on one connection.
#[rustfmt::skip]
pub const KEPT: &[Dialogue] = &[
    dialogue("two-requests", "GET / twice on one connection", "RFC 9112, section 9.3", STAYS,
        &[Send("{get}"), Reply(List, Open), Send("{get}"), Reply(List, Open)]),
    dialogue("requests-of-all-kinds", "POST, GET, PUT and HEAD on one connection", "RFC 9112, section 9.3", STAYS,
        &[Send("POST /{1.1}Content-Length: 9\r\n\r\nkept open"), Reply(Created("kept open"), Open),
          Send("{get}"), Reply(List, Open),
          Send("PUT /{new}{1.1}Content-Length: 8\r\n\r\nreplaced"), Reply(Stored("replaced"), Open),
          Send("HEAD /{1.1}\r\n"), Reply(HeadList, Open), Send("{get}"), Reply(List, Open)]),
    dialogue("keep-alive-of-1.1", "HTTP/1.1 with Connection: keep-alive", "RFC 9112, section 9.3", STAYS,
        &[Send("GET /{1.1}Connection: keep-alive\r\n\r\n"), Reply(List, Open), Send("{get}"), Reply(List, Open)]),
    dialogue("other-options", "Connection options that are not close", "RFC 9110, section 7.6.1", "Only the option close ends the connection. A longer word that contains close does not, nor does an unknown option.",
        &[Send("GET /{1.1}Connection: x-close, closed\r\nX-Option: close\r\n\r\n"), Reply(List, Open), Send("{get}"), Reply(List, Open)]),
    dialogue("pipelined-reads", "GET /, GET /abc, HEAD / and GET / in one segment", "RFC 9112, section 9.3.2", ORDER,
        &[Send("{get}GET /abc{1.1}\r\nHEAD /{1.1}\r\n{get}"), Reply(List, Open), Reply(Status(&[404]), Either), Reply(HeadList, Open), Reply(List, Open)]),
    dialogue("pipelined-posts", "POST three times, and GET /, in one segment", "RFC 9112, section 9.3.2", ORDER,
        &[Send("POST /{1.1}Content-Length: 5\r\n\r\nfirstPOST /{1.1}Content-Length: 6\r\n\r\nsecondPOST /{1.1}Content-Length: 5\r\n\r\nthird{get}"),
          Reply(Created("first"), Open), Reply(Created("second"), Open), Reply(Created("third"), Open), Reply(List, Open)]),
    dialogue("pipelined-in-pieces", "POST, GET and POST in pieces of 7 bytes", "RFC 9112, section 9.3.2", ORDER,
        &[SendIn(7, "POST /{1.1}Content-Length: 9\r\n\r\nin pieces{get}POST /{1.1}Content-Length: 6\r\n\r\n조각{get}"),
          Reply(Created("in pieces"), Open), Reply(List, Open), Reply(Created("조각"), Open), Reply(List, Open)]),
    dialogue("request-and-a-half", "a request and a half in one segment, and then the rest", "RFC 9112, section 9.3.2", ORDER,
        &[Send("{get}POST /{1.1}Content-Le"), Reply(List, Open), Send("ngth: 4\r\n\r\nha"), Quiet, Send("lf{get}"), Reply(Created("half"), Open), Reply(List, Open)]),
    dialogue("three-hundred-requests", "GET /abc 300 times in one write", "RFC 9112, section 9.3.2", ORDER,
        &[SendTimes(300, "GET /abc{1.1}\r\n"), Replies(300, Status(&[404])), Send("{get}"), Reply(List, Either)]),
    dialogue("body-is-no-request", "a body that looks like a request, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("POST /{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(Created("GET /abc HTTP/1.1\r\nHost: x\r\n\r\n"), Open), Reply(List, Open)]),
    dialogue("request-is-no-body", "POST without a body, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("POST /{1.1}\r\n{get}"), Reply(Created(""), Open), Reply(List, Open),
          Send("POST /{1.1}Content-Length: 0\r\n\r\n{get}"), Reply(Created(""), Open), Reply(List, Open)]),
    dialogue("long-body-then-request", "a body of 60,000 bytes, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("PUT /abc{1.1}Content-Length: 60000\r\n\r\n{x*60000}{get}"), Reply(Status(&[404]), Either), Reply(List, Open)]),
    dialogue("body-of-get", "GET with a body, and then a request", "RFC 9110, section 9.3.1", FRAMING,
        &[Send("GET /{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(ListOr(&[400, 413]), Either), Reply(List, Open)]),
    dialogue("body-of-delete", "DELETE with a body, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("DELETE /{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(Status(&[405]), Either), Reply(List, Open)]),
    dialogue("body-of-head", "HEAD with a body, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("HEAD /{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(HeadList, Either), Reply(List, Open)]),
    dialogue("length-with-zeros", "Content-Length: 0010, and then a request", "RFC 9110, section 8.6", "A Content-Length is a decimal number, also if its first digit is 0.",
        &[Send("POST /{1.1}Content-Length: 0010\r\n\r\nten, not 8{get}"), Reply(Created("ten, not 8"), Open), Reply(List, Open)]),
    dialogue("body-of-404", "POST /abc with a body, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("POST /abc{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(Status(&[404]), Either), Reply(List, Open)]),
    dialogue("body-of-options", "OPTIONS with a body, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("OPTIONS /{1.1}Content-Length: 30\r\n\r\nGET /abc HTTP/1.1\r\nHost: x\r\n\r\n{get}"), Reply(Allowed, Either), Reply(List, Open)]),
    dialogue("head-then-get", "HEAD / and HEAD /abc, each followed by GET /", "RFC 9110, section 9.3.2", "A response to HEAD has no body, also if it has a Content-Length: on a connection that stays open the body would be taken for the next response.",
        &[Send("HEAD /{1.1}\r\n{get}"), Reply(HeadList, Open), Reply(List, Open), Send("HEAD /abc{1.1}\r\n{get}"), Reply(HeadNotFound, Either), Reply(List, Open)]),
    dialogue("options-then-get", "OPTIONS * and OPTIONS /, and then GET /", "RFC 9110, section 15.3.5", "A response 204 ends with its head: it has no body, and no Content-Length.",
        &[Send("OPTIONS *{1.1}\r\n{get}"), Reply(Allowed, Open), Reply(List, Open), Send("OPTIONS /{1.1}\r\n"), Reply(Allowed, Open), Send("{get}"), Reply(List, Open)]),
    dialogue("empty-line-between", "an empty line after a body, and then a request", "RFC 9112, section 2.2", "Some old clients send CR LF after a body, and do not count it in Content-Length. Ignore an empty line before a request line.",
        &[Send("POST /{1.1}Content-Length: 4\r\n\r\nline\r\n{get}"), Reply(Created("line"), Open), Reply(List, Open)]),
    dialogue("close-ends", "GET / with Connection: close, and then a request", "RFC 9112, section 9.6", CLOSES,
        &[Send("GET /{1.1}Connection: close\r\n\r\n{hidden}"), Reply(List, Close), End]),
    dialogue("close-in-a-list", "close between other options, in capitals", "RFC 9110, section 7.6.1", CLOSES,
        &[Send("GET /{1.1}Connection: x-option ,CLOSE,keep-alive\r\n\r\n{hidden}"), Reply(List, Close), End]),
    dialogue("close-in-second-field", "two Connection fields, of which the second says close", "RFC 9110, section 5.3", CLOSES,
        &[Send("GET /{1.1}Connection: keep-alive\r\nConnection: Close\r\n\r\n{hidden}"), Reply(List, Close), End]),
    dialogue("close-after-post", "POST with Connection: close after other requests", "RFC 9112, section 9.6", CLOSES,
        &[Send("{get}"), Reply(List, Open), Send("POST /{1.1}Connection: close\r\nContent-Length: 4\r\n\r\nlast{hidden}"), Reply(Created("last"), Close), End]),
    dialogue("close-of-404", "GET /abc with Connection: close, and then a request", "RFC 9112, section 9.6", CLOSES,
        &[Send("GET /abc{1.1}Connection: close\r\n\r\n{hidden}"), Reply(Status(&[404]), Close), End]),
    dialogue("old-version-closes", "GET / of HTTP/1.0, and then a request", "RFC 9112, section 9.3", OLD,
        &[Send("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n{hidden}"), Reply(Status(&[200]), Either), End]),
    dialogue("old-version-without-host", "GET / of HTTP/1.0 without Host", "RFC 9112, section 3.2", "Only a request of HTTP/1.1 needs a Host field.",
        &[Send("GET / HTTP/1.0\r\n\r\n"), Reply(List, Either), End]),
    dialogue("old-version-keep-alive", "HTTP/1.0 with Connection: Keep-Alive, twice, and then without", "RFC 9112, section 9.3", OLD,
        &[Send("GET / HTTP/1.0\r\nHost: {host}\r\nConnection: Keep-Alive\r\n\r\n"), Reply(List, KeepAlive),
          Send("POST / HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold"), Reply(Created("old"), KeepAlive),
          Send("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"), Reply(List, Either), End]),
    dialogue("old-version-both", "HTTP/1.0 with keep-alive and close", "RFC 9112, section 9.3", "If close is one of the options, the connection closes, also if another option is keep-alive.",
        &[Send("GET / HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive, close\r\n\r\n{hidden}"), Reply(List, Close), End]),
    dialogue("client-closes-its-side", "GET / twice, and then FIN", "RFC 9112, section 9.6", HALF,
        &[Send("{get}{get}"), Fin, Reply(List, Open), Reply(List, Either), End]),
    dialogue("half-a-request-and-fin", "GET /, and then half a request and FIN", "RFC 9112, section 8", HALF,
        &[Send("{get}"), Reply(List, Open), Send("POST / HT"), Fin, RefuseOrClose(&[400, 408])]),
    dialogue("half-a-body-and-fin", "half a body and FIN", "RFC 9112, section 8", HALF,
        &[Send("POST /{1.1}Content-Length: 20\r\n\r\nonly the half"), Fin, RefuseOrClose(&[400, 408])]),
    dialogue("bad-request-between", "GET /, a bad request and GET / in one segment", "RFC 9112, section 2.2", "After a request that cannot be read, the server cannot find the beginning of the next one: answer 400 and close.",
        &[Send("{get}GET /\r\nX: y\r\n\r\n{hidden}"), Reply(List, Open), Refuse(&[400])]),
];

/// Bodies in chunks.
#[rustfmt::skip]
pub const CHUNKS: &[Dialogue] = &[
    dialogue("chunked", "POST with a body in two chunks, and then GET /", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n4\r\nin c\r\n5\r\nhunks\r\n0\r\n\r\n"), Reply(Created("in chunks"), Open), Send("{get}"), Reply(List, Open)]),
    dialogue("chunked-then-request", "a body in chunks and a request in one segment", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n6\r\nchunks\r\n0\r\n\r\nPOST /{1.1}Content-Length: 4\r\n\r\nnext{get}"), Reply(Created("chunks"), Open), Reply(Created("next"), Open), Reply(List, Open)]),
    dialogue("chunked-in-pieces", "a body in chunks, a byte at a time, and then a request", "RFC 9112, section 7.1", CHUNKED,
        &[SendIn(1, "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n3\r\nby \r\n5\r\nbytes\r\n0\r\n\r\n{get}"), Reply(Created("by bytes"), Open), Reply(List, Open)]),
    dialogue("chunked-empty", "a body in chunks that is empty", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{get}"), Reply(Created(""), Open), Reply(List, Open)]),
    dialogue("chunked-capitals", "Transfer-Encoding: CHUNKED, and hexadecimal digits in upper and lower case", "RFC 9112, section 7", "Upper and lower case are the same in the name of a coding, and in a length, which is hexadecimal: 1A, 1a and 01a are 26.",
        &[Send("POST /{1.1}transfer-encoding:\tCHUNKED \r\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n00b\r\n and 다시\r\n000\r\n\r\n{get}"), Reply(Created("abcdefghijklmnopqrstuvwxyz and 다시"), Open), Reply(List, Open)]),
    dialogue("chunk-extensions", "chunks with extensions", "RFC 9112, section 7.1.1", "Extensions can follow the length of a chunk, each after a semicolon. Ignore extensions that you do not know.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n4;a=b\r\nwith\r\n4;c;d=\"e;f\"\r\n ext\r\n0;last\r\n\r\n{get}"), Reply(Created("with ext"), Open), Reply(List, Open)]),
    dialogue("chunk-trailers", "trailer fields after the last chunk", "RFC 9112, section 7.1.2", "Fields can follow the last chunk. Read them up to the empty line, and ignore those that you do not know.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n8\r\ntrailers\r\n0\r\nX-A: a\r\nX-B: b\r\n\r\n{get}"), Reply(Created("trailers"), Open), Reply(List, Open)]),
    dialogue("trailers-are-no-fields", "trailer fields that would change the framing", "RFC 9110, section 6.5.1", "A trailer field cannot set the length of a body, nor close the connection: ignore it, or answer 400.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\nContent-Length: 3\r\n\r\n{get}"), Reply(CreatedOr(&[400], "whole"), Either), Reply(List, Open)]),
    dialogue("chunk-cuts-korean", "a chunk that ends in the middle of a Korean character", "RFC 9112, section 7.1", BYTES,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n1\r\n\u{ec}\r\n2\r\n\u{95}\u{88}\r\n3\r\n녕\r\n0\r\n\r\n{get}"), Reply(Created("안녕"), Open), Reply(List, Open)]),
    dialogue("chunk-looks-like-end", "chunks that hold line ends and zeros", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\nA\r\n0\r\n\r\na\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n{get}"), Reply(Created("0\r\n\r\na\r\n\r\n\r\n"), Open), Reply(List, Open)]),
    dialogue("many-small-chunks", "700 chunks of one byte", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n"), SendTimes(700, "1\r\nx\r\n"), Send("0\r\n\r\n{get}"),
          Reply(Created("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"), Open), Reply(List, Open)]),
    dialogue("chunked-put", "PUT with a body in chunks", "RFC 9112, section 7.1", CHUNKED,
        &[Send("POST /{1.1}Content-Length: 3\r\n\r\nold"), Reply(Created("old"), Open), Send("PUT /{new}{1.1}Transfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n{get}"), Reply(Stored("new"), Open), Reply(List, Open)]),
    dialogue("chunked-404", "PUT /abc with a body in chunks, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("PUT /abc{1.1}Transfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n{get}"), Reply(Status(&[404]), Either), Reply(List, Open)]),
    dialogue("chunked-get", "GET with a body in chunks, and then a request", "RFC 9112, section 6.3", FRAMING,
        &[Send("GET /{1.1}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n{get}"), Reply(ListOr(&[400, 413]), Either), Reply(List, Open)]),
    dialogue("chunked-close", "a body in chunks with Connection: close", "RFC 9112, section 9.6", CLOSES,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nover\r\n0\r\n\r\n{hidden}"), Reply(Created("over"), Close), End]),
    dialogue("half-chunks-and-fin", "chunks without the last one, and FIN", "RFC 9112, section 8", HALF,
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), Fin, RefuseOrClose(&[400, 408])]),
    dialogue("chunks-too-long", "chunks of over 64 KiB in all", "RFC 9110, section 15.5.14", "The limit of a body holds for the sum of its chunks. Refuse as soon as the sum is too large, before the rest has come.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n8000\r\n{x*32768}\r\n8000\r\n{x*32768}\r\n8000\r\n{x*32768}\r\n0\r\n\r\n{hidden}"), Refuse(&[413])]),
    dialogue("chunk-announced", "a chunk of 2,000,000,000 bytes, of which none is sent", "RFC 9110, section 15.5.14", "The limit of a body holds for the sum of its chunks. Refuse a chunk that is too long before it comes.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n77359400\r\n"), Refuse(&[413])]),
    dialogue("chunk-of-65-bits", "a chunk of 2^64 + 5 bytes", "RFC 9112, section 7.1", "A length can be too large for a number of 64 bits: check for overflow, and refuse it.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n{hidden}"), Refuse(&[400, 413])]),
    dialogue("endless-extension", "a chunk extension of 40,000 bytes", "RFC 9112, section 7.1.1", "A server has to limit the extensions of a chunk, or a client can send them for ever.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5;{x*40000}\r\nhello\r\n0\r\n\r\n{hidden}"), Refuse(&[400, 413, 431])]),
    dialogue("endless-trailers", "trailer fields of 40,000 bytes", "RFC 9112, section 7.1.2", "Trailer fields need the same limits as the head.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: {x*7000}\r\nX-B: {x*7000}\r\nX-C: {x*7000}\r\nX-D: {x*7000}\r\nX-E: {x*7000}\r\nX-F: {x*5000}\r\n\r\n{hidden}"), Refuse(&[400, 413, 431])]),
];

const BEFORE: &str = "A client that sends Expect: 100-continue waits for 100 before it sends the body. Look at the head, send HTTP/1.1 100 Continue and an empty line, and then read the body.";
const NONE: &str = "Where the head is enough to refuse the request, send the refusal at once and no 100: the client then need not send the body.";

/// Requests with `Expect: 100-continue`, and without.
#[rustfmt::skip]
pub const EXPECTS: &[Dialogue] = &[
    dialogue("expect-continue", "Expect: 100-continue, and the body after 100", "RFC 9110, section 10.1.1", BEFORE,
        &[Send("POST /{1.1}Expect: 100-continue\r\nContent-Length: 8\r\n\r\n"), Continue, Send("expected"), Reply(Created("expected"), Open), Send("{get}"), Reply(List, Open)]),
    dialogue("expect-capitals", "Expect: 100-Continue", "RFC 9110, section 10.1.1", "Upper and lower case are the same in the value of Expect.",
        &[Send("POST /{1.1}EXPECT: 100-Continue\r\nContent-Length: 8\r\n\r\n"), Continue, Send("capitals"), Reply(Created("capitals"), Open), Send("{get}"), Reply(List, Open)]),
    dialogue("expect-chunked", "Expect: 100-continue, and a body in chunks after 100", "RFC 9110, section 10.1.1", BEFORE,
        &[Send("POST /{1.1}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), Continue, Send("6\r\nchunks\r\n0\r\n\r\n"), Reply(Created("chunks"), Open), Send("{get}"), Reply(List, Open)]),
    dialogue("expect-put", "PUT with Expect: 100-continue", "RFC 9110, section 10.1.1", BEFORE,
        &[Send("POST /{1.1}Content-Length: 3\r\n\r\nold"), Reply(Created("old"), Open), Send("PUT /{new}{1.1}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"), Continue, Send("new"), Reply(Stored("new"), Open), Send("{get}"), Reply(List, Open)]),
    dialogue("expect-body-at-once", "Expect: 100-continue, and the body at once", "RFC 9110, section 10.1.1", "The client may send the body without waiting. Then the server may leave out 100, but it always sends the final response.",
        &[Send("POST /{1.1}Expect: 100-continue\r\nContent-Length: 7\r\n\r\nat once{get}"), Reply(Created("at once"), Open), Reply(List, Open)]),
    dialogue("expect-404", "POST /abc with Expect: 100-continue", "RFC 9110, section 10.1.1", NONE,
        &[NoInterim, Send("POST /abc{1.1}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"), Reply(Status(&[404]), Either)]),
    dialogue("expect-405", "PUT / with Expect: 100-continue", "RFC 9110, section 10.1.1", NONE,
        &[NoInterim, Send("PUT /{1.1}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"), Reply(Status(&[405]), Either)]),
    dialogue("expect-413", "POST of 1,000,000 bytes with Expect: 100-continue", "RFC 9110, section 10.1.1", NONE,
        &[NoInterim, Send("POST /{1.1}Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"), Reply(Status(&[413]), Either)]),
    dialogue("expect-bad-length", "two lengths and Expect: 100-continue", "RFC 9110, section 10.1.1", NONE,
        &[NoInterim, Send("POST /{1.1}Expect: 100-continue\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), Refuse(&[400])]),
    dialogue("expect-other", "an expectation that is not known", "RFC 9110, section 15.5.18", "HTTP defines only the expectation 100-continue. Answer 417 to another one.",
        &[NoInterim, Send("POST /{1.1}Expect: coffee\r\nContent-Length: 0\r\n\r\n"), Reply(Status(&[417]), Either)]),
    dialogue("expect-of-1.0", "HTTP/1.0 with Expect: 100-continue", "RFC 9110, section 10.1.1", "HTTP/1.0 has no 100: ignore the Expect of such a client, and wait for the body.",
        &[NoInterim, Send("POST / HTTP/1.0\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"), Quiet, Send("old"), Reply(Created("old"), Either), End]),
    dialogue("no-expect", "a body that comes late, without Expect", "RFC 9110, section 15.2.1", "Send 100 only to a client that sends Expect: 100-continue.",
        &[NoInterim, Send("POST /{1.1}Content-Length: 4\r\n\r\n"), Quiet, Send("late"), Reply(Created("late"), Open), Send("{get}"), Reply(List, Open)]),
];

const BOTH: &str = "With both fields, two programs can find different ends of the body, and one of them reads the rest of it as a request (request smuggling). Answer 400, or read the chunks alone; close in either case.";
const CODING: &str = "If a transfer coding is unknown, or chunked is not the last one, the end of the body cannot be found: answer 501 or 400, and close.";
const SIZE: &str = "The length of a chunk is hexadecimal digits and nothing else. Many functions that parse numbers accept more. If the length is wrong, the next request cannot be found: answer 400 and close.";
const CHUNK_END: &str = "After the bytes of a chunk comes CR LF. If something else stands there, the length was wrong: answer 400 and close.";
const CRLF: &str =
    "The lines of chunks end with CR LF. Only the lines of a head may end with LF alone.";
const FOLD: &str = "A line that begins with white space continues the field before it (obs-fold). Answer 400, or put a space in its place; never drop it.";
const LINE: &str =
    "A field that could be read in two ways can hide the framing of a body. Answer 400 and close.";

/// Requests whose end is in doubt: nothing that follows one on the connection is answered.
#[rustfmt::skip]
pub const DOUBTS: &[Dialogue] = &[
    refused!("chunked-and-length", "Transfer-Encoding and Content-Length", "RFC 9112, section 6.1", BOTH, RefuseOr(&[400, 501], "hello"),
        "POST /{1.1}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("length-and-chunked", "Content-Length that reaches into the next request, and chunks", "RFC 9112, section 6.1", BOTH, RefuseOr(&[400, 501], ""),
        "POST /{1.1}Transfer-Encoding: chunked\r\nContent-Length: 30\r\n\r\n0\r\n\r\n"),
    refused!("chunked-of-1.0", "Transfer-Encoding in HTTP/1.0", "RFC 9112, section 6.1", "HTTP/1.0 has no Transfer-Encoding: a proxy before the server may have ignored it. Answer 400, or at least close after the response.", RefuseOr(&[400, 501], "hello"),
        "POST / HTTP/1.0\r\nHost: {host}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("coding-gzip", "Transfer-Encoding: gzip", "RFC 9112, section 6.3", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("coding-identity", "Transfer-Encoding: identity", "RFC 9112, section 6.3", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"),
    refused!("coding-like-chunked", "Transfer-Encoding: xchunked", "RFC 9112, section 6.3", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("gzip-then-chunked", "Transfer-Encoding: gzip, chunked", "RFC 9112, section 6.1", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunked-not-last", "Transfer-Encoding: chunked, gzip", "RFC 9112, section 6.3", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunked-twice", "Transfer-Encoding: chunked, chunked", "RFC 9112, section 7.1", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunked-in-two-fields", "Transfer-Encoding: chunked in two fields", "RFC 9112, section 7.1", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("other-coding-in-second-field", "chunked, and another coding in a second field", "RFC 9110, section 5.3", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("coding-with-parameter", "Transfer-Encoding: chunked;q=1", "RFC 9112, section 7.1", CODING, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked;q=1\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("coding-empty", "an empty Transfer-Encoding beside Content-Length", "RFC 9112, section 6.1", BOTH, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"),
    refused!("coding-of-get", "GET with Transfer-Encoding: gzip", "RFC 9112, section 6.3", CODING, Refuse(&[400, 501]),
        "GET /{1.1}Transfer-Encoding: gzip\r\n\r\n"),
    refused!("space-before-colon-of-coding", "white space between Transfer-Encoding and its colon", "RFC 9112, section 5.1", LINE, Refuse(&[400]),
        "POST /{1.1}Transfer-Encoding : chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("bare-cr-in-coding", "a CR without its LF in Transfer-Encoding", "RFC 9112, section 2.2", LINE, Refuse(&[400, 501]),
        "POST /{1.1}Transfer-Encoding: chunked\rX: y\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("folded-length", "Content-Length that goes on in the next line", "RFC 9112, section 5.2", FOLD, Refuse(&[400]),
        "POST /{1.1}Content-Length: 5\r\n 0\r\n\r\nhello"),
    refused!("folded-coding", "Transfer-Encoding whose value is in the next line", "RFC 9112, section 5.2", FOLD, RefuseOr(&[400, 501], "hello"),
        "POST /{1.1}Connection: close\r\nTransfer-Encoding:\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused!("folded-first-line", "white space before the first field", "RFC 9112, section 2.2", LINE, Refuse(&[400]),
        "GET / HTTP/1.1\r\n Host: {host}\r\nHost: {host}\r\n\r\n"),
    dialogue("folded-field", "a field that goes on in the next line", "RFC 9112, section 5.2", FOLD,
        &[Send("GET /{1.1}X-A: b\r\n c\r\nConnection: close\r\n\r\n{hidden}"), Reply(ListOr(&[400]), Close), End]),
    dialogue("equal-lengths", "two Content-Length fields with the same value", "RFC 9112, section 6.3", FRAMING,
        &[Send("POST /{1.1}Content-Length: 4\r\nContent-Length: 4\r\n\r\nsame{get}"), Reply(CreatedOr(&[400], "same"), Either), Reply(List, Open)]),
    refused!("different-lengths", "two Content-Length fields that differ", "RFC 9112, section 6.3", FRAMING, Refuse(&[400]),
        "POST /{1.1}Content-Length: 5\r\nContent-Length: 4\r\n\r\nhello"),
    refused!("lengths-in-a-list", "Content-Length: 5, 4", "RFC 9112, section 6.3", FRAMING, Refuse(&[400]),
        "POST /{1.1}Content-Length: 5, 4\r\n\r\nhello"),
    refused!("length-with-plus", "Content-Length: +5 before a request", "RFC 9112, section 6.3", FRAMING, Refuse(&[400]),
        "POST /{1.1}Content-Length: +5\r\n\r\nhello"),
    refused!("too-long-then-request", "a body of 70,000 bytes, and then a request", "RFC 9110, section 15.5.14", "A body that was refused may still come, and must not be read as the next request: close after 413, or read all of the body first.", Refuse(&[413]),
        "POST /{1.1}Content-Length: 70000\r\n\r\n{x*70000}"),
    refused!("chunk-size-0x", "a chunk of length 0x5", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-plus", "a chunk of length +5", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-minus", "a chunk of length -5", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-space", "white space before the length of a chunk", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-underscore", "a chunk of length 0_5", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-empty", "a chunk without a length", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-only-extension", "a chunk with an extension and without a length", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n;a=b\r\n\r\n"),
    refused!("chunk-size-word", "a chunk of length 5g", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5g\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-size-wide-digit", "a chunk of length \u{ff15} (U+FF15)", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n\u{ff15}\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-line-lf", "a chunk line that ends with LF alone", "RFC 9112, section 7.1", CRLF, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"),
    refused!("chunk-end-lf", "a chunk that ends with LF alone", "RFC 9112, section 7.1", CRLF, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"),
    refused!("chunk-line-bare-cr", "a chunk line with a CR inside", "RFC 9112, section 7.1", SIZE, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\rX\r\nhello\r\n0\r\n\r\n"),
    refused!("extension-with-lf", "an extension with an LF inside", "RFC 9112, section 7.1.1", CRLF, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n"),
    refused!("chunk-longer", "a chunk that is longer than its length", "RFC 9112, section 7.1", CHUNK_END, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-shorter", "a chunk that is shorter than its length", "RFC 9112, section 7.1", CHUNK_END, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n7\r\nhello\r\n0\r\n\r\n"),
    refused!("chunk-other-end", "a chunk with two other bytes after it", "RFC 9112, section 7.1", CHUNK_END, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n\n0\r\n\r\n"),
    refused!("chunk-without-end", "a chunk without CR LF after it", "RFC 9112, section 7.1", CHUNK_END, RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n"),
    refused!("garbage-after-last-chunk", "a line after the last chunk that is no field", "RFC 9112, section 7.1.2", "After the last chunk come fields or the empty line. A line without a colon is neither: answer 400 and close.", RefuseOrClose(&[400]),
        "POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\ngarbage\r\n\r\n"),
    dialogue("garbage-after-chunks", "a body in chunks, and then bytes that are no request", "RFC 9112, section 2.2", "The next request begins after the empty line of the last chunk. If what comes there is no request, answer 400 and close.",
        &[Send("POST /{1.1}Transfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\ngarbage\r\n\r\n{hidden}"), Reply(Created("whole"), Open), Refuse(&[400])]),
];
