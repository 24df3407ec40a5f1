//! Each capture contains what the notes say of it.

use anyhow::{Context, Result};
use packets::capture::{Segment, Side, segments};
use std::fs;
use std::path::Path;

use Side::{Client, Server};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures");

fn read(name: &str) -> Result<Vec<Segment>> {
    let path = Path::new(CAPTURES).join(name);
    segments(&fs::read(&path).with_context(|| path.display().to_string())?)
}

/// The segments of one connection.
fn stream(segments: &[Segment], number: usize) -> Vec<&Segment> {
    segments.iter().filter(|segment| segment.stream == number).collect()
}

/// How many connections there are.
fn streams(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| segment.stream + 1).max().unwrap_or(0)
}

/// The senders of the segments with this flag, in order.
fn senders(segments: &[&Segment], flag: impl Fn(&Segment) -> bool) -> Vec<Side> {
    segments.iter().filter(|segment| flag(segment)).map(|segment| segment.from).collect()
}

/// The payloads, each with its sender.
fn data(segments: &[&Segment]) -> Vec<(Side, String)> {
    let full = segments.iter().filter(|segment| !segment.payload.is_empty());
    full.map(|segment| (segment.from, String::from_utf8_lossy(&segment.payload).into_owned()))
        .collect()
}

/// The result of `data` for these texts.
fn payloads(texts: &[(Side, &str)]) -> Vec<(Side, String)> {
    texts.iter().map(|(side, text)| (*side, text.to_string())).collect()
}

/// SYN from the client, SYN and ACK from the server, ACK from the client, and no second SYN.
fn shakes_hands(segments: &[&Segment]) -> bool {
    let flags = |segment: &Segment| (segment.from, segment.syn, segment.ack);
    segments.len() > 3
        && flags(segments[0]) == (Client, true, false)
        && flags(segments[1]) == (Server, true, true)
        && flags(segments[2]) == (Client, false, true)
        && segments[2].is_pure_ack()
        && segments[3..].iter().all(|segment| !segment.syn && segment.ack)
}

/// A whole request with its response, on a connection that both sides end with FIN.
fn is_answered(segments: &[&Segment], request: &str, response: &str) -> bool {
    let sent = data(segments);
    shakes_hands(segments)
        && sent.len() == 2
        && sent[0].0 == Client
        && sent[0].1.starts_with(request)
        && sent[1].0 == Server
        && sent[1].1.starts_with(response)
        && senders(segments, |segment| segment.fin).len() == 2
        && senders(segments, |segment| segment.rst).is_empty()
}

#[test]
fn every_server_listens_on_8080() -> Result<()> {
    let mut count = 0;
    for entry in fs::read_dir(CAPTURES)? {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        assert!(bytes.len() < 10_000, "{} has {} bytes", path.display(), bytes.len());
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let segments = segments(&bytes)?;
        assert!(segments.len() >= 2, "{}", path.display());
        let server = "127.0.0.1:8080".parse()?;
        assert!(segments.iter().all(|segment| segment.server == server), "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
    Ok(())
}

#[test]
fn a_single_exchange_ends_with_the_server() -> Result<()> {
    let segments = read("s01_echo.pcap")?;
    let all = stream(&segments, 0);
    assert_eq!(all.len(), segments.len());
    assert!(shakes_hands(&all));
    assert_eq!(data(&all), payloads(&[(Client, "hello\n"), (Server, "hello\n")]));
    assert_eq!(senders(&all, |segment| segment.fin), [Server, Client]);
    assert_eq!(senders(&all, |segment| segment.rst), []);
    // A segment with data has PSH, and no other one has it.
    assert!(all.iter().all(|segment| segment.psh != segment.payload.is_empty()));
    Ok(())
}

#[test]
fn a_client_alone_is_refused() -> Result<()> {
    let segments = read("s01_refused.pcap")?;
    let [syn, rst] = segments.as_slice() else { panic!("{} segments", segments.len()) };
    assert_eq!((syn.from, syn.syn, syn.ack, syn.rst), (Client, true, false, false));
    assert_eq!((rst.from, rst.syn, rst.ack, rst.rst), (Server, false, true, true));
    assert!(syn.payload.is_empty() && rst.payload.is_empty());
    Ok(())
}

#[test]
fn a_second_server_takes_the_port_of_a_connection_in_time_wait() -> Result<()> {
    let segments = read("s01_time_wait.pcap")?;
    assert_eq!(streams(&segments), 2);
    let (first, second) = (stream(&segments, 0), stream(&segments, 1));
    // The server closes first, and so the server's port stays in TIME_WAIT.
    assert_eq!(senders(&first, |segment| segment.fin), [Server, Client]);
    assert!(shakes_hands(&first) && shakes_hands(&second));
    assert_eq!(data(&first), payloads(&[(Client, "first\n"), (Server, "first\n")]));
    assert_eq!(data(&second), payloads(&[(Client, "second\n"), (Server, "second\n")]));
    assert_eq!(first[0].server, second[0].server);
    assert_ne!(first[0].client, second[0].client);
    // The first connection ends before the second begins.
    assert!(segments.is_sorted_by_key(|segment| segment.stream));
    Ok(())
}

#[test]
fn several_messages_share_a_connection_that_the_client_ends() -> Result<()> {
    let segments = read("s02_loop.pcap")?;
    assert_eq!(streams(&segments), 1);
    let all = stream(&segments, 0);
    assert!(shakes_hands(&all));
    let lines = ["first\n", "second\n", "안녕\n"];
    assert_eq!(data(&all), payloads(&lines.map(|line| [(Client, line), (Server, line)]).concat()));
    assert_eq!(senders(&all, |segment| segment.fin), [Client, Server]);
    Ok(())
}

#[test]
fn a_request_and_its_response() -> Result<()> {
    let segments = read("s03_http.pcap")?;
    assert_eq!(streams(&segments), 1);
    let all = stream(&segments, 0);
    assert!(is_answered(&all, "POST / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"));
    assert!(data(&all).iter().all(|(_, text)| text.ends_with("\r\n\r\nhello")));
    Ok(())
}

#[test]
fn a_request_in_fifty_segments_has_one_response() -> Result<()> {
    let segments = read("s03_drip.pcap")?;
    assert_eq!(streams(&segments), 1);
    let all = stream(&segments, 0);
    assert!(shakes_hands(&all));
    let sent = data(&all);
    let (request, response) = sent.split_at(50);
    assert!(request.iter().all(|(from, byte)| *from == Client && byte.len() == 1));
    let request: String = request.iter().map(|(_, byte)| byte.as_str()).collect();
    assert!(request.starts_with("POST / HTTP/1.1\r\n") && request.ends_with("\r\n\r\nhi"));
    let [(Server, response)] = response else { panic!("{response:?}") };
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\nhi"));
    Ok(())
}

#[test]
fn three_ways_to_close_and_a_valid_request_after_each() -> Result<()> {
    let closing = |name| -> Result<_> {
        let segments = read(name)?;
        assert_eq!(streams(&segments), 2, "{name}");
        let next = stream(&segments, 1);
        assert!(is_answered(&next, "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"), "{name}");
        let first = stream(&segments, 0);
        assert!(shakes_hands(&first), "{name}");
        // No segment comes after a RST.
        let rst = first.iter().position(|segment| segment.rst);
        assert!(rst.is_none_or(|at| at + 1 == first.len()), "{name}");
        let fins = senders(&first, |segment| segment.fin);
        let rsts = senders(&first, |segment| segment.rst);
        Ok((data(&first), fins, rsts))
    };
    assert_eq!(closing("s10_silent.pcap")?, (vec![], vec![Client, Server], vec![]));
    assert_eq!(closing("s10_rst.pcap")?, (vec![], vec![], vec![Client]));
    let request = payloads(&[(Client, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n")]);
    assert_eq!(closing("s10_rst_mid.pcap")?, (request, vec![], vec![Client]));
    Ok(())
}

#[test]
fn two_requests_on_a_connection_that_the_server_closes_when_it_is_idle() -> Result<()> {
    let segments = read("s12_keepalive.pcap")?;
    assert_eq!(streams(&segments), 2);
    let (first, second) = (stream(&segments, 0), stream(&segments, 1));
    assert!(shakes_hands(&first));
    let sent = data(&first);
    let starts = [
        (Client, "POST / HTTP/1.1\r\n"),
        (Server, "HTTP/1.1 201 Created\r\n"),
        (Client, "PUT /0 HTTP/1.1\r\n"),
        (Server, "HTTP/1.1 200 OK\r\n"),
    ];
    assert_eq!(sent.len(), starts.len());
    for ((from, text), (side, start)) in sent.iter().zip(starts) {
        assert!(*from == side && text.starts_with(start), "{text}");
    }
    assert_eq!(senders(&first, |segment| segment.fin), [Server, Client]);
    assert_eq!(senders(&first, |segment| segment.rst), []);
    assert!(is_answered(&second, "GET /0 HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"));
    assert!(segments.is_sorted_by_key(|segment| segment.stream));
    Ok(())
}

/// The same packets as Wireshark saves them on macOS: in a pcapng file, each behind the header that a loopback has
/// there (BSD's "null").
fn as_saved_on_macos(pcap: &[u8]) -> Vec<u8> {
    let block = |kind: u32, parts: &[&[u8]]| {
        let mut body = parts.concat();
        body.resize(body.len().next_multiple_of(4), 0);
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, &body, &length].concat()
    };
    let mut bytes = block(0x0a0d_0d0a, &[&0x1a2b_3c4d_u32.to_le_bytes(), &[1, 0, 0, 0], &[255; 8]]);
    bytes.extend(block(1, &[&[0; 8]]));
    let mut rest = &pcap[24..];
    while let [time @ .., low, high, 0, 0, _, _, _, _] = &rest[..rest.len().min(16)]
        && let data = &rest[16..]
    {
        let part =
            |at: usize| u32::from_le_bytes([time[at], time[at + 1], time[at + 2], time[at + 3]]);
        let time = u64::from(part(0)) * 1_000_000 + u64::from(part(4));
        let time = [((time >> 32) as u32).to_le_bytes(), (time as u32).to_le_bytes()].concat();
        let (frame, others) = data.split_at(u16::from_le_bytes([*low, *high]).into());
        // Family 2 is IPv4, and takes the place of 14 bytes of Ethernet.
        let packet = [&[2, 0, 0, 0], &frame[14..]].concat();
        let length = (packet.len() as u32).to_le_bytes();
        bytes.extend(block(6, &[&[0; 4], &time, &length, &length, &packet]));
        rest = others;
    }
    bytes
}

#[test]
fn other_captures_are_read_as_well_or_refused() -> Result<()> {
    let pcap = fs::read(Path::new(CAPTURES).join("s10_rst_mid.pcap"))?;
    assert_eq!(segments(&as_saved_on_macos(&pcap))?, segments(&pcap)?);
    let error = |bytes: &[u8]| segments(bytes).unwrap_err().to_string();
    assert!(error(b"").starts_with("this is no capture"));
    assert!(error(b"[package]\nname = \"packets\"\n").starts_with("this is no capture"));
    let pcap = fs::read(Path::new(CAPTURES).join("s01_refused.pcap"))?;
    let all = segments(&pcap)?;
    for length in 24..pcap.len() {
        match segments(&pcap[..length]) {
            // Cut between two packets.
            Ok(some) => assert!(all.starts_with(&some)),
            Err(error) => assert!(error.to_string().starts_with("the capture"), "{error}"),
        }
    }
    Ok(())
}
