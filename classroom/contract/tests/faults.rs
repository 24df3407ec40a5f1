//! What the runner says of servers that do not keep the contract.

use anyhow::Result;
use snapbox::{assert_data_eq, str};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(200);

/// A server that does the same with every connection; returns its address.
fn server(serve: fn(&mut TcpStream) -> std::io::Result<()>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&mut stream));
        }
    });
    Ok(addr)
}

/// Reads the head of a request, and what came with it.
fn read(stream: &mut TcpStream) -> std::io::Result<usize> {
    stream.read(&mut [0; 65536])
}

/// What is said of the first row for stage 7, which is `POST /`, at this address.
fn said(stage: u32, addr: &str) -> Result<String> {
    let outcomes = contract::check(stage, addr, LIMIT)?;
    assert!(outcomes.iter().all(|outcome| !outcome.passed()), "every case falls short");
    assert!(outcomes.len() > 3, "the other cases are asked all the same");
    Ok(outcomes[0].to_string().replace(addr, "ADDR"))
}

#[test]
fn nobody_listens() -> Result<()> {
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let said = said(3, &addr)?;
    assert!(said.starts_with("✗ POST /: nothing answers at ADDR ("), "{said}");
    Ok(())
}

#[test]
fn it_hangs() -> Result<()> {
    let said = said(
        2,
        &server(|stream| {
            while read(stream)? > 0 {}
            Ok(())
        })?,
    )?;
    assert_data_eq!(
        said,
        str![[r#"
✗ a line: no whole reply within 200ms
    sent    hello
    wanted  the same bytes, and then the end of the connection as soon as the client has ended its side
    got     (nothing)
"#]]
    );
    Ok(())
}

#[test]
fn it_speaks_no_http() -> Result<()> {
    let addr = server(|stream| {
        read(stream)?;
        stream.write_all(b"220 mail.example ESMTP\r\n")
    })?;
    assert_data_eq!(
        said(3, &addr)?,
        str![[r#"
✗ POST /: this is not a response of HTTP (invalid HTTP version)
    sent    POST / HTTP/1.1
            Host: ADDR
            Connection: close
            Content-Length: 25
            
            a message of the contract
    wanted  200
            Content-Type: text/plain; charset=utf-8
            
            a message of the contract
    got     220 mail.example ESMTP
"#]]
    );
    Ok(())
}

#[test]
fn its_length_is_wrong() -> Result<()> {
    let addr = server(|stream| {
        read(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain;charset=UTF-8\r\n")?;
        stream.write_all(b"Content-Length: 9\r\n\r\na message of the contract")
    })?;
    assert_data_eq!(
        said(3, &addr)?,
        str![[r#"
✗ POST /: Content-Length is 9, but 25 bytes came
    sent    POST / HTTP/1.1
            Host: ADDR
            Connection: close
            Content-Length: 25
            
            a message of the contract
    wanted  200
            Content-Type: text/plain; charset=utf-8
            
            a message of the contract
    got     HTTP/1.1 200 OK
            Content-Type: text/plain;charset=UTF-8
            Content-Length: 9
            
            a message of the contract
"#]]
    );
    Ok(())
}

#[test]
fn it_answers_everything_alike() -> Result<()> {
    let addr = server(|stream| {
        read(stream)?;
        stream.write_all(b"HTTP/1.1 201 Created\r\nLocation: /0\r\nContent-Length: 0\r\n\r\n")
    })?;
    assert_data_eq!(
        said(7, &addr)?,
        str![[r#"
✗ POST /: there is no Content-Type
    sent    POST / HTTP/1.1
            Host: ADDR
            Connection: close
            Content-Length: 25
            
            a message of the contract
    wanted  201
            Content-Type: text/plain; charset=utf-8
            Location: /0
            
            a message of the contract
    got     HTTP/1.1 201 Created
            Location: /0
            Content-Length: 0
"#]]
    );
    Ok(())
}

#[test]
fn no_such_stage() {
    let error = contract::check(11, "127.0.0.1:1", LIMIT).map(|_| ()).unwrap_err();
    assert_data_eq!(error.to_string(), str!["the contract knows the stages 1 to 10, not 11"]);
}

/// What a request of the contract brings in its first segment is what its name says.
#[test]
fn a_body_in_a_segment_of_its_own() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?.to_string();
    let first = thread::spawn(move || -> std::io::Result<Vec<u8>> {
        let (mut stream, _) = listener.accept()?;
        let mut segment = vec![0; 65536];
        let length = stream.read(&mut segment)?;
        segment.truncate(length);
        Ok(segment)
    });
    let probes = contract::probes(&addr);
    let probe = probes.iter().find(|probe| probe.case.contains("segment of its own"));
    let probe = probe.expect("the probe");
    let _ = probe.ask(&addr, LIMIT);
    let first = first.join().expect("the server")?;
    assert_eq!([&first[..], probe.text()].concat(), probe.sent);
    Ok(())
}
