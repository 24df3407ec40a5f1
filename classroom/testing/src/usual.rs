//! The tests that many stages have, one method each. A stage's own tests name the ones that it has:
//!
//!     testing::usual!(STAGE: keeps_its_contract, replays_its_lesson);

use crate::{Stage, bad_clients, servers};
use anyhow::{Result, ensure};
use contract::Outcome;
use snapbox::str;
use std::net::TcpStream;
use std::time::Duration;

/// A test for each method of the stage that is named, called as the method is. An attribute may stand
/// before the name, such as `#[needs("curl")]`.
#[macro_export]
macro_rules! usual {
    ($stage:ident: $($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        $(
            $(#[$attribute])*
            #[test]
            fn $name() -> ::anyhow::Result<()> {
                $stage.$name()
            }
        )*
    };
}

impl Stage {
    /// The server answers all that the contract asks as this stage has to.
    pub fn keeps_its_contract(&self) -> Result<()> {
        let faults = self.faults(self.number()?)?;
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    }

    /// What keeps the server from passing for stage `number`, a line each.
    pub fn lacks_of(&self, number: u32) -> Result<String> {
        let lines = self.faults(number)?.into_iter().map(|outcome| {
            let fault = outcome.fault.unwrap_or_default();
            format!("{}: {fault}\n", outcome.case)
        });
        Ok(lines.collect())
    }

    /// Where the server fails in what the contract wants of stage `number`. The only place that asks the
    /// contract.
    fn faults(&self, number: u32) -> Result<Vec<Outcome>> {
        let server = self.server()?;
        let outcomes = contract::check(number, server.addr(), Duration::from_secs(10))?;
        ensure!(!outcomes.is_empty(), "the contract asks nothing of stage {number}");
        Ok(outcomes.into_iter().filter(|outcome| !outcome.passed()).collect())
    }

    /// The replay prints what `replay.txt` has.
    pub fn replays_its_lesson(&self) -> Result<()> {
        let replay = self.run(&[])?.assert().success().stderr_eq("");
        replay.stdout_eq(self.snapshot("replay.txt"));
        Ok(())
    }

    /// The client prints what `client.txt` has, if `lines` are typed at its prompt.
    pub fn takes_lines_at_the_prompt(&self, lines: &str) -> Result<()> {
        let server = self.server()?;
        let client = self.client(server.addr(), lines)?.assert().success().stderr_eq("");
        client.stdout_eq(self.snapshot("client.txt"));
        Ok(())
    }

    /// The client says in one sentence, as in `errors.txt`, what is wrong with each of these addresses when
    /// `lines` are typed. An address comes with its name in that file.
    pub fn says_what_is_wrong(&self, lines: &str, addrs: &[(&str, String)]) -> Result<()> {
        let mut said = String::new();
        for (name, addr) in addrs {
            let ended = self.client(addr, lines)?.assert().code(1);
            let sentence = String::from_utf8_lossy(&ended.get_output().stderr);
            said.push_str(&format!("{name}:\n  {sentence}"));
        }
        self.compare()?.eq(said, self.snapshot("errors.txt"));
        Ok(())
    }

    /// The same for all that can be wrong with an HTTP server.
    pub fn says_what_is_wrong_with_http(&self) -> Result<()> {
        let addrs = [servers::unreachable()?, servers::no_http()?].concat();
        self.says_what_is_wrong("POST / hello\nnever sent\n", &addrs)
    }

    /// The server and the replay say in a sentence that another server has their port.
    pub fn says_that_the_port_is_in_use(&self) -> Result<()> {
        let server = self.server()?;
        let second = self.run(&["server", "--addr", server.addr()])?.assert().code(1);
        second.stdout_eq("").stderr_eq(str![[r#"
cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
        self.run(&["--addr", server.addr()])?.assert().code(1).stderr_eq(str![[r#"
the server did not start: cannot listen on 127.0.0.1:[PORT]: [REASON]; choose another address, such as --addr 127.0.0.1:0 for a free port

"#]]);
        Ok(())
    }

    /// A build without the feature `window` says how to build with it.
    pub fn says_that_it_has_no_window(&self) -> Result<()> {
        self.run(&["window"])?.assert().code(1).stderr_eq(str![[r#"
this build has no window; for one: cargo run -p [STAGE] --features window -- window

"#]]);
        Ok(())
    }

    /// Up to stage 9 an error on a connection ends the server, with a message and exit status 1.
    pub fn ends_with_a_connection(&self) -> Result<()> {
        let deeds = [bad_clients::silence, bad_clients::garbage, bad_clients::half_a_request];
        let mut said = String::new();
        for deed in deeds {
            let (words, status) = self.last_words(deed)?;
            ensure!(status == Some(1), "exit status {status:?} after {words:?}");
            said.push_str(&format!("{words}\n"));
        }
        let line = self.connection_failed()?;
        let expected = format!(
            "{line}the connection ended before the message did\n\
             {line}\"garbage\" is not a request line\n\
             {line}the connection ended before the message did\n"
        );
        self.compare()?.eq(said, expected);
        self.ends_with(bad_clients::reset)
    }

    /// The same for a client that ends its connection with RST in `deed`.
    pub fn ends_with(&self, deed: impl FnOnce(TcpStream) -> Result<()>) -> Result<()> {
        let (words, status) = self.last_words(deed)?;
        ensure!(status == Some(1), "exit status {status:?} after {words:?}");
        if cfg!(target_os = "linux") {
            let reason = ": Connection reset by peer (os error 104)";
            ensure!(words.ends_with(reason), "{words:?}");
        }
        self.compare()?.eq(words, format!("{}[REASON]", self.connection_failed()?));
        Ok(())
    }

    /// How the last line of such a server begins. From stage 9 on a line of the log has the time and the peer.
    fn connection_failed(&self) -> Result<String> {
        let before = if self.number()? < 9 { "" } else { "[TIME] 127.0.0.1:[PORT] " };
        Ok(format!("{before}a connection failed, and the server with it: "))
    }
}
