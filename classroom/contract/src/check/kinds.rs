//! The cases of more than one question: conversations, many messages, a restart, a slow client, many clients.

use super::list::lenient_list;
use super::{CLOSE, Check, SLOW};
use crate::connection::{End, Exchange, Patience};
use crate::fault::{Checked, Fault};
use crate::hand;
use crate::judge::{Want, compare_lists, judge};
use crate::outcome::{Outcome, Verdict};
use crate::question::{Ending, Model, Question};
use crate::table::{Answer, MORE, Row, Talk, Target};
use crate::talk;
use crate::together;
use anyhow::{Context, Result};
use std::time::Duration;

impl Check<'_, '_> {
    /// A conversation of stages 1 and 2.
    pub(super) fn talk(&mut self, about: &Talk) -> Result<Outcome> {
        let (stage, patience) = (self.stage, self.patience());
        let ask = |addr: &str| talk::talk(addr, about, stage, patience);
        let is_refused =
            |(said, _): &(talk::Said, Checked<()>)| matches!(said.exchange.end, End::Refused(_));
        let (mut said, mut result) = self.first_connection(ask, is_refused)?;
        self.is_there(&said.exchange)?;
        if matches!(said.exchange.end, End::Refused(_)) {
            self.blame_the_case_before()?;
            if self.over.is_none() {
                (said, result) = self.first_connection(ask, is_refused)?;
            }
        }
        self.notice(&said.exchange);
        let turns: Vec<String> =
            about.turns.iter().map(|turn| crate::question::filled(turn.send)).collect();
        let wanted = match self.stage {
            1 => "the same bytes, and then the end of the connection",
            _ => {
                "the same bytes line by line, and the end of the connection when the client has closed its side"
            }
        };
        let mut outcome = Outcome {
            stage: self.stage,
            id: about.id,
            topic: "",
            section: "",
            what: about.what.to_string(),
            sent: turns.concat().into_bytes(),
            wanted: wanted.to_string(),
            got: Vec::new(),
            got_length: 0,
            hand: hand::talk(&turns, &self.by_hand()),
            seconds: 0.0,
            verdict: Verdict::Passed,
            last_words: Vec::new(),
        }
        .with(&said.exchange.got);
        if let Err(fault) = result {
            if fault.kind == "stays-open" {
                self.timeouts += 1;
            }
            let (fault, words) = self.with_end(fault, true)?;
            self.recover(&fault)?;
            outcome.last_words = words;
            outcome.verdict = Verdict::Failed(fault);
        }
        Ok(outcome)
    }

    /// A row of the table. A row that names a message needs messages first.
    pub(super) fn row(&mut self, row: &Row) -> Result<Outcome> {
        let names_a_message = !matches!(row.target, Target::Path(_) | Target::Beyond);
        if self.stage >= 5 && names_a_message {
            self.fill()?;
            let addr = self.addr();
            let model = self.model.clone().unwrap_or_default();
            let question = Question::new(row, self.stage, &addr, &model);
            if question.index.is_none() {
                let reason = "it needs twelve messages, and the list cannot be filled or read: see the cases get-list and post";
                return Ok(Outcome::not_asked(self.stage, row.id, &question.what, reason));
            }
        }
        let model = self.model.clone().unwrap_or_default();
        let question = Question::new(row, self.stage, &self.addr(), &model);
        self.question(&question)
    }

    /// Eleven more messages, and then the whole list.
    pub(super) fn more(&mut self) -> Result<Outcome> {
        let addr = self.addr();
        let mut wanted = self.model.clone().unwrap_or_default();
        let mut last = None;
        for number in 1..=MORE {
            let text = format!("message {number} of {MORE} more");
            let mut question = Question::post("twelve-messages", &text, self.stage, &addr);
            question.what = format!("{MORE} × POST /, and then GET /");
            let exchange = self.exchange(&question)?;
            let want = Want::new(&question, &wanted, None);
            let judged = judge(&question, &want, &exchange);
            wanted.list.push(text);
            let outcome = self.outcome(&question, &want, &exchange, Verdict::Passed);
            if let Err(fault) = judged {
                let _ = self.compare_list(&wanted.list)?;
                let (fault, words) = self.with_end(fault, exchange.got.is_empty())?;
                self.recover(&fault)?;
                return Ok(Outcome {
                    verdict: Verdict::Failed(fault),
                    last_words: words,
                    ..outcome
                });
            }
            last = Some(outcome);
        }
        let mut outcome = last.context("no message was sent")?;
        if let Err(fault) = self.compare_list(&wanted.list)? {
            let (fault, words) = self.with_end(fault, false)?;
            self.recover(&fault)?;
            outcome.verdict = Verdict::Failed(fault);
            outcome.last_words = words;
        }
        Ok(outcome)
    }

    /// Requests that were refused, or that only read, have changed nothing.
    pub(super) fn unchanged(&mut self) -> Result<Outcome> {
        let question = Question::get_list(self.stage, &self.addr());
        let model = self.model.clone().unwrap_or_default();
        let want = Want::new(&question, &model, self.list_length);
        let compared = self.compare_list(&model.list)?;
        let outcome = Outcome {
            id: "refused-change-nothing",
            ..self.outcome(&question, &want, &Exchange::default(), Verdict::Passed)
        };
        let Err(fault) = compared else { return Ok(outcome) };
        if fault.kind == "other-list" && self.find_the_culprit()? {
            return Ok(outcome);
        }
        let (fault, words) = self.with_end(fault, true)?;
        self.recover(&fault)?;
        Ok(Outcome { verdict: Verdict::Failed(fault), last_words: words, ..outcome })
    }

    /// The server is killed and started again, and has the same list.
    pub(super) fn restart_keeps(&mut self) -> Result<Outcome> {
        self.fill()?;
        let model = self.model.clone().unwrap_or_default();
        let what = "the server is killed and started again, and then GET /";
        if !self.restart()? {
            let reason = "the server was not started again";
            return Ok(Outcome::not_asked(self.stage, "restart-keeps", what, reason));
        }
        let question = Question::get_list(self.stage, &self.addr());
        let want = Want::new(&question, &model, None);
        let exchange = self.exchange(&question)?;
        let mut outcome = Outcome {
            id: "restart-keeps",
            what: what.to_string(),
            ..self.outcome(&question, &want, &exchange, Verdict::Passed)
        };
        let (addr, ask) = (self.by_hand(), "kill -9 the server, start it again, press Enter ");
        outcome.hand = format!("curl -d hello {addr}/; read -p '{ask}'; curl -i {addr}/");
        if matches!(exchange.end, End::Refused(_)) {
            let reason = self.over.clone().unwrap_or_else(|| "nothing listens".to_string());
            self.over = Some("the server did not start again".to_string());
            outcome.verdict =
                Verdict::Failed(Fault::new("no-restart", format!("after a restart {reason}")));
            return Ok(outcome);
        }
        let Some(list) = lenient_list(&exchange.got) else {
            let fault = judge(&question, &want, &exchange).err();
            let fault = fault.unwrap_or_else(|| Fault::new("no-list", "the list cannot be read"));
            let (fault, words) = self.with_end(fault, true)?;
            self.recover(&fault)?;
            return Ok(Outcome { verdict: Verdict::Failed(fault), last_words: words, ..outcome });
        };
        if let Err(fault) = compare_lists(&model.list, &list) {
            let sentence = format!("after kill -9 and a new start {}", fault.sentence);
            outcome.verdict = Verdict::Failed(Fault { sentence, kind: "lost".to_string(), ..fault }.because(
                "A server that is killed has no time to save anything: each message has to be in the file before the response is sent.",
            ));
        }
        // The messages before the check are not its own, even if some of its own are lost.
        self.model = Some(Model { base: model.base.min(list.len()), list });
        Ok(outcome)
    }

    /// A request to a server that has been started again. What it has changed is still there after the next start.
    pub(super) fn after_a_restart(&mut self, row: &Row, id: &'static str) -> Result<Outcome> {
        self.fill()?;
        // If only this case is asked, no other one has started the server again.
        let alone = self.options.only.is_some();
        if alone && self.restarted {
            self.restarted = self.restart()?;
        }
        if !self.restarted {
            let reason = "the server was not started again";
            return Ok(Outcome::not_asked(self.stage, id, row.method, reason));
        }
        let row = Row { id, ..*row };
        let model = self.model.clone().unwrap_or_default();
        let outcome = self.question(&Question::new(&row, self.stage, &self.addr(), &model))?;
        if !outcome.passed() || id != "restart-replaces" {
            return Ok(outcome);
        }
        let kept = self.restart_keeps()?;
        Ok(Outcome { id, what: format!("{}, a restart, and then GET /", outcome.what), ..kept })
    }

    /// A request that comes a byte a second.
    pub(super) fn slow(&mut self) -> Result<Outcome> {
        let mut question =
            Question::of_bytes("slow-request", "a request, a byte a second", Ending::Wait, "GET");
        question.answer = Answer::Refused(&[408]);
        question.sent = format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Slow: ", self.addr()).into_bytes();
        let spent = self.start.elapsed();
        let whole = self.whole();
        if spent + SLOW > whole + Duration::from_millis(500) {
            let reason =
                format!("it takes 10 s, and {} s of the check had passed", spent.as_secs());
            return Ok(Outcome::not_asked(self.stage, question.id, &question.what, &reason));
        }
        let addr = self.addr();
        let exchange =
            self.beside(|| together::slow(&addr, &question.sent, SLOW.min(whole - spent)));
        let model = self.model.clone().unwrap_or_default();
        let want = Want::new(&question, &model, None);
        let mut verdict = match judge(&question, &want, &exchange) {
            Ok(_) if exchange.took < Duration::from_secs(5) => {
                let sentence = format!("408 came after {:.1} s; a request has 10 s", exchange.took.as_secs_f32());
                Verdict::Failed(Fault::new("too-early", sentence))
            }
            Ok(_) => Verdict::Passed,
            Err(fault) => Verdict::Failed(match exchange.end {
                End::TimedOut => fault.because("A whole request has 10 s, however slowly its bytes come (slowloris). A time limit for each `read` alone begins anew with every byte."),
                _ => fault,
            }),
        };
        // The time of this case is not that of the last question.
        let asked = Question::get_list(self.stage, &self.addr());
        let patience = Patience { whole: Duration::from_secs(2), close: CLOSE[0] };
        let after = crate::connection::exchange(&self.addr(), &asked, patience);
        if verdict.passed() && lenient_list(&after.got).is_none() {
            let fault = judge(&asked, &Want::new(&asked, &model, None), &after).err();
            verdict =
                fault.map_or(verdict, |fault| Verdict::Failed(self.ordinary(&question, fault)));
        }
        let outcome = self.outcome(&question, &want, &exchange, verdict);
        let (host, port) = self
            .by_hand()
            .rsplit_once(':')
            .map(|(host, port)| (host.to_string(), port.to_string()))
            .unwrap_or_default();
        let hand = format!(
            "(printf 'GET / HTTP/1.1\\r\\nX-Slow: '; for i in $(seq 20); do printf x; sleep 1; done) | nc {host} {port}"
        );
        let mut outcome = Outcome { hand, ..outcome };
        if let Verdict::Failed(fault) = &outcome.verdict {
            let (fault, words) = self.with_end(fault.clone(), true)?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }

    /// Several connections at the same time.
    pub(super) fn together(&mut self, together: together::Together) -> Result<Outcome> {
        let addr = self.addr();
        let question = Question::get_list(self.stage, &addr);
        let model = self.model.clone().unwrap_or_default();
        let found = together.ask(&addr, &self.by_hand(), &question, &model, self.patience().whole);
        let want = Want::new(&question, &model, None);
        let verdict = match found.result {
            Ok(()) => Verdict::Passed,
            Err(together::Failed::Fault(fault)) => Verdict::Failed(fault),
            Err(together::Failed::NotHere(reason)) => Verdict::NotAsked(reason),
        };
        let mut outcome = Outcome {
            id: together.id(),
            what: together.what().to_string(),
            wanted: found.wanted,
            hand: found.hand,
            ..self.outcome(&question, &want, &Exchange::default(), verdict)
        }
        .with(&found.got);
        if let Verdict::Failed(fault) = &outcome.verdict {
            self.timeouts += usize::from(fault.kind == "timeout");
            let (fault, words) = self.with_end(fault.clone(), true)?;
            self.recover(&fault)?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }
}
