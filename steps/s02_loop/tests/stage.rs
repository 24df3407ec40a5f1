//! Many messages on one connection: TCP is a stream of bytes, so a message ends with a line end.

use anyhow::Result;
use std::io::{Read, Write};
use testing::{Stage, bad_clients, servers, str};

const STAGE: Stage = testing::stage!();

testing::usual! {
    STAGE: keeps_its_contract, replays_its_lesson, says_that_the_port_is_in_use,
    shows_control_characters, #[cfg(unix)] refuses_a_reply_without_an_end,
}

#[test]
fn a_person_at_the_prompt() -> Result<()> {
    let server = STAGE.server()?;
    let lines = "first\n둘째\n  spaces stay  \n\nnot sent\n";
    STAGE.client(server.addr(), lines)?.assert().success().stdout_eq(str![[r#"
> first
> 둘째
>   spaces stay  
> 
"#]]);
    // The next client, which ends with its input.
    STAGE.client(server.addr(), "third")?.assert().success().stdout_eq(str![[r#"
> third
> 

"#]]);
    STAGE.client(server.addr(), &"x".repeat(100_000))?.assert().success();
    Ok(())
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() -> Result<()> {
    let mut addrs = servers::unreachable()?;
    let replies: [(&str, &[u8]); 3] =
        [("closes at once", b""), ("half a line", b"hel"), ("no UTF-8", b"\xff\n")];
    for (name, reply) in replies {
        addrs.push((name, servers::server_that_replies(reply)?));
    }
    STAGE.says_what_is_wrong("hello\nnever sent\n", &addrs)
}

#[test]
fn a_reset_ends_the_server() -> Result<()> {
    STAGE.ends_with(|mut stream| {
        stream.write_all(b"hello\n")?;
        stream.read_exact(&mut [0; 6])?;
        bad_clients::reset(stream)
    })
}

#[test]
fn the_segments_experiment() -> Result<()> {
    let server = STAGE.server()?;
    let experiment = STAGE.experiment("segments")?.arg(server.addr());
    experiment.assert().success().stdout_eq(str![[r#"
sent 'h'
sent 'e'
sent 'l'
sent 'l'
sent 'o'
sent '\n'
got "hello\n"

"#]]);
    Ok(())
}
