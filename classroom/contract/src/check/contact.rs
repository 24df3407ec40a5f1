//! The server of a check: how long to wait for it, whether it has ended, and how it is started again.

use super::{
    CLOSE, Check, HOPELESS, LAST, MOST_STARTS, PATIENCE, Restart, SLOW, START, Server, WHOLE,
    WHOLE_OF_12,
};
use crate::connection::exchange;
use crate::connection::{End, Exchange, Patience};
use crate::fault::Fault;
use crate::outcome::{Outcome, Verdict};
use crate::program::Program;
use crate::question::Question;
use anyhow::{Result, bail};
use std::thread;
use std::time::{Duration, Instant};

impl Check<'_, '_> {
    pub(super) fn addr(&self) -> String {
        match &self.target {
            Server::Address(addr) => addr.clone(),
            Server::Program(program) => program.addr().to_string(),
        }
    }

    /// The address for commands by hand: the program that the check has started has ended by then.
    pub(super) fn by_hand(&self) -> String {
        match &self.target {
            Server::Address(addr) => addr.clone(),
            Server::Program(_) => "127.0.0.1:8080".to_string(),
        }
    }

    /// How much time is left.
    pub(super) fn left(&self) -> Duration {
        // The last cases use what was reserved for them.
        let is_reserved =
            self.stage >= 10 && !self.outcomes.iter().any(|outcome| LAST.contains(&outcome.id));
        let reserve = if is_reserved { SLOW } else { Duration::ZERO };
        (self.whole() - reserve).saturating_sub(self.start.elapsed())
    }

    /// How long the whole check may take.
    pub(super) fn whole(&self) -> Duration {
        if self.stage >= 12 { WHOLE_OF_12 } else { WHOLE }
    }

    pub(super) fn patience(&self) -> Patience {
        let whole = PATIENCE[self.timeouts.min(PATIENCE.len() - 1)];
        Patience {
            whole: whole.min(self.left()).max(Duration::from_millis(50)),
            close: CLOSE[usize::from(self.stays_open)],
        }
    }

    /// Sends a question. The first one after a start waits until the server listens: it is the first connection,
    /// because up to stage 9 a connection without a request ends the server.
    ///
    /// # Errors
    /// The program does not listen within 10 s.
    pub(super) fn exchange(&mut self, question: &Question) -> Result<Exchange> {
        let patience = self.patience();
        let exchange = self.first_connection(
            |addr| exchange(addr, &question.to(addr), patience),
            |exchange| matches!(exchange.end, End::Refused(_)),
        )?;
        self.notice(&exchange);
        Ok(exchange)
    }

    /// Why the rest is not asked when the time of a check is over.
    pub(super) fn time_is_over(&self) -> String {
        let each = self.start.elapsed().as_secs_f32() / self.questions.max(1) as f32;
        let slow = match self.stage {
            10.. => format!(", and slow-request needs {:.0} s of it", SLOW.as_secs_f32()),
            _ => String::new(),
        };
        format!(
            "a check has {:.0} s{slow}; a response took {each:.2} s",
            self.whole().as_secs_f32()
        )
    }

    /// Counts what is slow in an exchange: the next one gets less time.
    pub(super) fn notice(&mut self, exchange: &Exchange) {
        self.questions += 1;
        let silent = exchange.end == End::TimedOut && exchange.got.is_empty();
        self.silent = if silent { self.silent + 1 } else { 0 };
        self.timeouts += usize::from(exchange.end == End::TimedOut);
        self.stays_open |= exchange.end == End::Open;
    }

    /// Asks again and again until the connection is not refused, if the program has not been reached since it
    /// was started.
    pub(super) fn first_connection<T>(
        &mut self,
        ask: impl Fn(&str) -> T,
        is_refused: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let start = Instant::now();
        loop {
            let asked = ask(&self.addr());
            let Server::Program(program) = &self.target else { return Ok(asked) };
            if self.reached || !is_refused(&asked) {
                self.reached = true;
                return Ok(asked);
            }
            let reason = if let Some(status) = program.ended(Duration::ZERO)? {
                format!("the server ended before it listened ({status}){}", said(program))
            } else if start.elapsed() > START {
                let why = match program.has_place_for_addr() {
                    true => "the program must listen at the address that the command gives it",
                    false => "the command needs {addr} where the address belongs",
                };
                let (addr, seconds) = (program.addr(), START.as_secs());
                format!(
                    "the server runs, but does not listen at {addr} within {seconds} s; {why}{}",
                    said(program)
                )
            } else {
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            if self.outcomes.is_empty() {
                bail!("{reason}");
            }
            self.over = Some(reason);
            return Ok(asked);
        }
    }

    /// Fails if nothing listens at the first connection of the check.
    pub(super) fn is_there(&self, exchange: &Exchange) -> Result<()> {
        match (&exchange.end, &self.target) {
            (End::Refused(reason), Server::Address(addr)) if self.outcomes.is_empty() => {
                bail!("nothing listens at {addr} ({reason})")
            }
            _ => Ok(()),
        }
    }

    /// Looks whether the server has ended. If it has, that is the fault. The last lines that it printed come with it.
    pub(super) fn with_end(&mut self, fault: Fault, during: bool) -> Result<(Fault, Vec<String>)> {
        let suspicious = [
            "gone",
            "no-response",
            "reset",
            "timeout",
            "no-end-of-head",
            "less-than-length",
            "cut-off",
            "less",
        ];
        if !suspicious.contains(&fault.kind.as_str()) {
            return Ok((fault, Vec::new()));
        }
        let Server::Program(program) = &self.target else {
            return Ok((fault, Vec::new()));
        };
        // If the server was still running after earlier faults, the wait is shorter.
        let wait = match fault.kind.as_str() {
            "timeout" => Duration::ZERO,
            _ if self.alive_after_all > 2 => Duration::from_millis(20),
            _ => Duration::from_millis(300),
        };
        let Some(status) = program.ended(wait)? else {
            self.alive_after_all += 1;
            // What it printed may still say why: an error that one thread or one connection has met.
            return Ok((fault, program.last_words(3)));
        };
        let words = program.last_words(6);
        let when = match during {
            true => "the server ended during this case, and no whole response came",
            false => "the server ended after its response",
        };
        let last: String = words
            .last()
            .map(String::as_str)
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .collect();
        let mut ended = Fault::new(&format!("ended {last}"), format!("{when} ({status})"));
        ended.cause = match (during, status.success()) {
            (false, true) => {
                "A server accepts one connection after the other, in a loop that does not end."
                    .to_string()
            }
            _ => fault.cause,
        };
        Ok((ended, words))
    }

    /// After a case: a server that has ended, or does not answer, is started again. If the check has not started
    /// it, the check is over.
    pub(super) fn recover(&mut self, fault: &Fault) -> Result<()> {
        let ended = fault.kind.starts_with("ended") || fault.kind == "gone";
        if ended || self.silent >= 2 {
            let program = matches!(self.target, Server::Program(_));
            if program {
                self.revive()?;
            } else if ended {
                self.over = Some("nothing listens any more".to_string());
            } else if self.silent >= 4 {
                self.over = Some("the server does not answer any more".to_string());
            }
        }
        Ok(())
    }

    /// Starts a program again that has ended or does not answer any more.
    pub(super) fn revive(&mut self) -> Result<()> {
        let Server::Program(program) = &mut self.target else { return Ok(()) };
        self.starts += 1;
        if self.starts > MOST_STARTS {
            self.over = Some(format!("the server has ended {MOST_STARTS} times"));
            return Ok(());
        }
        program.restart()?;
        self.reached = false;
        self.silent = 0;
        self.model = None;
        self.suspects.clear();
        Ok(())
    }

    /// Ends the check if none of the first cases brought a response.
    pub(super) fn give_up(&mut self) {
        let hopeless = ["timeout", "no-http", "no-response"];
        let is_hopeless = |outcome: &Outcome| {
            outcome.fault().is_some_and(|fault| hopeless.contains(&fault.kind.as_str()))
        };
        if self.outcomes.len() == HOPELESS && self.outcomes.iter().all(is_hopeless) {
            self.over = Some(format!("none of the first {HOPELESS} cases brought a response"));
        }
    }

    /// Nothing listens any more: the case before has ended the server. A program is started again.
    pub(super) fn blame_the_case_before(&mut self) -> Result<()> {
        let gone = Fault::new("gone", "the server ended after its response to this case");
        let (mut fault, words) = self.with_end(Fault::new("no-response", ""), false)?;
        if fault.kind == "no-response" {
            fault = gone;
        }
        match self.outcomes.last_mut() {
            Some(last) if last.passed() => {
                last.verdict = Verdict::Failed(fault.clone());
                last.last_words = words;
            }
            _ => {}
        }
        self.recover(&Fault::new("gone", ""))
    }

    pub(super) fn restart(&mut self) -> Result<bool> {
        match (&mut self.options.restart, &mut self.target) {
            (Restart::LeaveOut, _) => return Ok(false),
            (_, Server::Program(program)) => program.restart()?,
            (Restart::Itself, _) => return Ok(false),
            (Restart::Ask(ask), Server::Address(_)) => {
                // What a person takes is not the server's time.
                let asked = Instant::now();
                let done = ask();
                self.start += asked.elapsed();
                self.restarted = done;
                return Ok(done);
            }
        }
        self.reached = false;
        Ok(true)
    }

    /// Checks that the server still listens after the last case.
    pub(super) fn look_whether_it_lives(&mut self) -> Result<()> {
        let dead = match &self.target {
            Server::Program(program) => program.ended(Duration::from_millis(20))?.is_some(),
            // Up to stage 9 a connection without a request ends the server, so this one sends a request.
            Server::Address(addr) => {
                let question = Question::post("post", "", self.stage, addr);
                self.stage >= 3
                    && self.stage < 5
                    && matches!(exchange(addr, &question, self.patience()).end, End::Refused(_))
            }
        };
        if dead {
            self.starts = MOST_STARTS;
            self.blame_the_case_before()?;
        }
        Ok(())
    }
}

/// What a program printed that does not listen.
fn said(program: &Program) -> String {
    let words = program.last_words(4);
    if words.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = words.iter().map(|line| crate::show::in_quotes(line, 200)).collect();
    format!("; it printed: {}", shown.join(" "))
}
