//! An orderly end (graceful shutdown): the server gets SIGTERM when it has half of a request. It finishes this
//! request, accepts no other, and ends with status 0.

use super::kept::kept;
use super::{CLOSE, Check, Server};
use crate::connection::{Exchange, MAX_BYTES, Patience, connect, exchange, read};
use crate::fault::{Checked, Fault};
use crate::judge::{Want, judge};
use crate::outcome::{Outcome, Verdict};
use crate::question::{Model, Question};
use anyhow::Result;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

/// How long the server may go on accepting connections after the signal.
const STOP: Duration = Duration::from_secs(2);

/// How long it may take to end after its last response: it may wait 5 s for a client that does not close.
const EXIT: Duration = Duration::from_secs(6);

/// How long a connection waits that should get no answer.
const QUIET: Duration = Duration::from_millis(300);

const ID: &str = "orderly-end";
const ID_IDLE: &str = "orderly-end-idle";

/// How long a connection that waits for a request may stay open after the signal.
const IDLE_END: Duration = Duration::from_millis(2500);

const BECAUSE: &str = "Without a handler SIGTERM ends a program at once, also in the middle of a response. With a handler, the program stops accepting, finishes the requests that it has begun, and then ends.";

const IDLE_BECAUSE: &str = "A connection that waits for a request has nothing to finish: close it at the signal. On a connection with a request, send the response, and close it then.";

impl Check<'_, '_> {
    /// Sends half of a body, then SIGTERM, then the rest. Afterwards the server is started again. With `idle` another
    /// connection waits for a request meanwhile, and the first one does not send `Connection: close`.
    pub(super) fn orderly_end(&mut self, idle: bool) -> Result<Outcome> {
        let id = if idle { ID_IDLE } else { ID };
        // Several clients have changed the list at once, so the check reads it again.
        let _ = self.compare_list(&[])?;
        let text = format!("the text of {id}");
        let mut question = Question::post(id, &text, self.stage, &self.addr());
        question.what = "POST /, and SIGTERM when half of its body has come".to_string();
        if idle {
            question.what.push_str("; another connection waits");
            let sent = String::from_utf8_lossy(&question.sent).replace("Connection: close\r\n", "");
            question.sent = sent.into_bytes();
        }
        let model = self.model.clone().unwrap_or_default();
        let want = Want::new(&question, &model, None);
        let mut got = Exchange::default();
        let mut result = self.end_in_order(&question, &want, &mut got, idle)?;
        let words = match (&result, &self.target) {
            (Err(_), Server::Program(program)) => program.last_words(3),
            _ => Vec::new(),
        };
        let kept = self.is_kept(&question, &model)?;
        result = result.and(kept);
        let verdict = result.map_or_else(Verdict::Failed, |()| Verdict::Passed);
        let mut outcome = self.outcome(&question, &want, &got, verdict);
        let length = question.text.len();
        let first = "the text of ";
        outcome.hand = format!(
            "(printf 'POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {length}\\r\\n\\r\\n{first}'; sleep 1; kill $SERVER; sleep 1; printf {id}) | nc 127.0.0.1 8080"
        );
        outcome.wanted.push_str("\n\nand then the end of the server, with status 0");
        outcome.last_words = words;
        Ok(outcome)
    }

    fn end_in_order(
        &self,
        question: &Question,
        want: &Want,
        got: &mut Exchange,
        idle: bool,
    ) -> Result<Checked<()>> {
        let (addr, patience) = (self.addr(), self.patience_at_the_end());
        let get = Question::get_list(self.stage, &addr);
        let mut waiting = None;
        if idle {
            match kept(&addr, IDLE_END) {
                Ok(client) => waiting = Some(client),
                Err(fault) => return Ok(Err(fault)),
            }
        }
        let start = Instant::now();
        let Ok(mut stream) = connect(&addr, patience.whole) else {
            return Ok(Err(Fault::new("gone", "nothing listens any more")));
        };
        let half = question.sent.len() - question.text.len() / 2;
        let _ = stream.write_all(&question.sent[..half]);
        // The kernel queues connections in their order: when a later client has its response, the server has accepted
        // this one.
        exchange(&addr, &get, patience);
        let Server::Program(program) = &self.target else { return Ok(Ok(())) };
        program.terminate()?;
        let signal = Instant::now();
        let quiet = Patience { whole: QUIET, close: QUIET };
        let mut is_open = true;
        while is_open && signal.elapsed() < STOP {
            is_open = !exchange(&addr, &get, quiet).got.is_empty();
            if is_open {
                thread::sleep(Duration::from_millis(10));
            }
        }
        let waited = waiting.map_or(Ok(()), |mut client| client.ends("SIGTERM"));
        let _ = stream.write_all(&question.sent[half..]);
        let rest = Patience { whole: patience.whole + start.elapsed(), ..patience };
        got.end = read(&mut stream, question.method, rest, MAX_BYTES, start, &mut got.got);
        got.took = start.elapsed();
        drop(stream);
        if got.got.is_empty() {
            let sentence =
                "SIGTERM came when half of a request had come, and this request got no response";
            return Ok(Err(Fault::new("cut-off-at-end", sentence).because(BECAUSE)));
        }
        if let Err(fault) = judge(question, want, got) {
            return Ok(Err(match fault.kind.as_str() {
                "stays-open" if idle => {
                    let sentence =
                        "after SIGTERM the connection stays open when its request is answered";
                    Fault::new("open-at-end", sentence)
                        .because(IDLE_BECAUSE)
                        .see("RFC 9112, section 9.6")
                }
                _ => fault,
            }));
        }
        if let Err(fault) = waited {
            let fault = Fault { kind: "idle-at-end".to_string(), ..fault };
            return Ok(Err(fault.because(IDLE_BECAUSE).see("RFC 9112, section 9.6")));
        }
        if is_open {
            let seconds = STOP.as_secs();
            let sentence = format!("{seconds} s after SIGTERM the server still serves new clients");
            return Ok(Err(Fault::new("still-serving", sentence).because(BECAUSE)));
        }
        Ok(match program.ended(EXIT)? {
            None => {
                let seconds = EXIT.as_secs();
                let sentence = format!("{seconds} s after its last response the server still runs");
                Err(Fault::new("still-running", sentence).because(BECAUSE))
            }
            Some(status) if !status.success() => {
                let sentence = format!("the server ended with {status}, not with status 0");
                let because = "An end after SIGTERM is no error: exit with status 0. (If a shell started the server, the signal ends the shell as well: begin the command with exec.)";
                Err(Fault::new("end-status", sentence).because(because))
            }
            Some(_) => Ok(()),
        })
    }

    /// Starts the server again. The message that was answered 201 is there.
    fn is_kept(&mut self, question: &Question, model: &Model) -> Result<Checked<()>> {
        let Server::Program(program) = &mut self.target else { return Ok(Ok(())) };
        program.restart()?;
        self.reached = false;
        let mut wanted = model.list.clone();
        wanted.push(question.text.clone());
        Ok(self.compare_list(&wanted)?.map_err(|fault| {
            let sentence = format!("after SIGTERM and a new start: {}", fault.sentence);
            Fault { sentence, ..fault }
        }))
    }

    /// How long a response may take in the last cases, for which time was reserved.
    pub(super) fn patience_at_the_end(&self) -> Patience {
        let left = self.whole().saturating_sub(self.start.elapsed());
        Patience { whole: Duration::from_secs(3).min(left).max(QUIET), close: CLOSE[0] }
    }
}
