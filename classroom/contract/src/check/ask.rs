//! One question: it is asked, judged, and followed by a look at the list where the list should be another one.

use super::Check;
use crate::connection::{End, Exchange};
use crate::fault::Fault;
use crate::hand;
use crate::judge::{Want, judge};
use crate::outcome::{Outcome, Verdict};
use crate::question::{Ending, Question};
use crate::table::{FULL_BODY, LAST_POSTS, LIMITS, POST_SAME, POSTS, TABLE};
use anyhow::Result;

impl Check<'_, '_> {
    /// Asks a question, and looks at the list afterwards where it should be another one, or where another client
    /// should still be served.
    pub(super) fn question(&mut self, question: &Question) -> Result<Outcome> {
        let mut question = question.clone();
        let mut exchange = self.exchange(&question)?;
        if self.stage < 5 {
            self.is_there(&exchange)?;
        }
        if let End::Refused(reason) = &exchange.end {
            let reason = reason.clone();
            self.blame_the_case_before()?;
            if self.over.is_some() {
                let reason = format!("nothing listens any more ({reason})");
                return Ok(Outcome::not_asked(self.stage, question.id, &question.what, &reason));
            }
            if self.stage >= 5 {
                self.begin_list()?;
                self.fill()?;
            }
            question = self.anew(&question);
            exchange = self.exchange(&question)?;
        }
        let (mut outcome, list_differs) = self.judged(&question, &exchange)?;
        if list_differs && self.find_the_culprit()? {
            // An earlier request had changed the list. This one is asked again.
            question = self.anew(&question);
            exchange = self.exchange(&question)?;
            outcome = self.judged(&question, &exchange)?.0;
        }
        let waits = question.ending == Ending::Wait;
        if self.stage >= 5
            && waits
            && !question.answer.changes_the_list()
            && !self.is_followed(&question)
        {
            self.suspects.push(question);
        }
        if let Verdict::Failed(fault) = &outcome.verdict {
            let fault = fault.clone();
            let (fault, words) = self.with_end(fault, exchange.got.is_empty())?;
            self.recover(&fault)?;
            outcome.verdict = Verdict::Failed(fault);
            outcome.last_words = words;
        }
        Ok(outcome)
    }

    /// The same question with the present indexes and address.
    pub(super) fn anew(&self, question: &Question) -> Question {
        let model = self.model.clone().unwrap_or_default();
        let mut rows = POSTS.iter().chain(TABLE).chain([&POST_SAME, &FULL_BODY]).chain(LAST_POSTS);
        match rows.find(|row| row.id == question.id) {
            Some(row) => Question::new(row, self.stage, &self.addr(), &model),
            None => match LIMITS.iter().find(|limit| limit.id == question.id) {
                Some(limit) => Question::limit(limit, &self.addr()),
                None => question.clone(),
            },
        }
    }

    /// Whether a `GET /` follows the question.
    pub(super) fn is_followed(&self, question: &Question) -> bool {
        self.stage >= 5 && (question.answer.changes_the_list() || self.is_attack(question))
    }

    pub(super) fn is_attack(&self, question: &Question) -> bool {
        question.ending != Ending::Wait || LIMITS.iter().any(|limit| limit.id == question.id)
    }

    /// The outcome of an exchange, and whether the list is not what it should be.
    pub(super) fn judged(
        &mut self,
        question: &Question,
        exchange: &Exchange,
    ) -> Result<(Outcome, bool)> {
        let model = self.model.clone().unwrap_or_default();
        let want = Want::new(question, &model, self.list_length);
        let judged = match question.ending {
            Ending::Wait => judge(question, &want, exchange).map(|_| ()),
            Ending::Close | Ending::Reset => Ok(()),
        };
        let mut verdict = judged.map_or_else(Verdict::Failed, |()| Verdict::Passed);
        let mut list_differs = false;
        let answered = !matches!(exchange.end, End::TimedOut) || !exchange.got.is_empty();
        if self.is_followed(question) && (answered || self.is_attack(question)) {
            let mut wanted = model.list.clone();
            match (question.answer.changes_the_list(), question.index) {
                (true, Some(index)) if index < wanted.len() => {
                    wanted[index] = question.text.clone()
                }
                (true, None) => wanted.push(question.text.clone()),
                _ => {}
            }
            let compared = self.compare_list(&wanted)?;
            if let Err(fault) = compared {
                // If the response was wrong already, that is the fault.
                if verdict.passed() {
                    list_differs = fault.kind == "other-list";
                    let fault = self.ordinary(question, fault);
                    verdict = Verdict::Failed(fault);
                }
            }
        }
        Ok((self.outcome(question, &want, exchange, verdict), list_differs))
    }

    /// The command line that sends the same, and shows the fault.
    fn hand(&self, question: &Question, verdict: &Verdict) -> String {
        let addr = self.by_hand();
        // What curl hides: line ends, bytes after the body, and how the connection ends.
        let hidden = ["line-end", "bare-cr", "more-than-length", "stays-open", "reset", "no-end"];
        let raw = match verdict {
            Verdict::Failed(fault) => hidden.contains(&fault.kind.as_str()),
            _ => false,
        };
        let command = hand::command(&question.to(&addr), &addr, raw);
        if self.stage >= 7 { hand::around(command, question, &addr) } else { command }
    }

    /// Adds the likely cause if the ordinary request after an attack is not answered.
    pub(super) fn ordinary(&self, question: &Question, fault: Fault) -> Fault {
        if !self.is_attack(question) || fault.kind == "other-list" {
            return fault;
        }
        let because = "One connection must not end the server or keep it busy: an error of a connection is logged, and the next one is served.";
        if fault.cause.is_empty() || fault.kind == "timeout" {
            fault.because(because)
        } else {
            fault
        }
    }

    pub(super) fn outcome(
        &self,
        question: &Question,
        want: &Want,
        exchange: &Exchange,
        verdict: Verdict,
    ) -> Outcome {
        let wanted = match question.ending {
            Ending::Wait => want.to_string(),
            _ => "the next client is served: GET / is answered".to_string(),
        };
        Outcome {
            stage: self.stage,
            id: question.id,
            topic: "",
            section: "",
            what: question.what.clone(),
            sent: question.sent.clone(),
            wanted,
            got: Vec::new(),
            got_length: 0,
            hand: self.hand(question, &verdict),
            seconds: 0.0,
            verdict,
            last_words: Vec::new(),
        }
        .with(&exchange.got)
    }
}
