//! The server's list: what it should hold by now, and which request has changed it although it should not have.

use super::{Check, ENOUGH};
use crate::connection::{End, MAX_BYTES};
use crate::fault::{Checked, Fault};
use crate::judge::{Want, WantedBody, compare_lists, judge, parse_list};
use crate::outcome::{Outcome, Verdict};
use crate::question::{Model, Question};
use crate::response::end_of_head;
use anyhow::{Result, bail};
use std::time::Instant;

impl Check<'_, '_> {
    /// Reads the list before anything is added to it. If that fails, the case `get-list` fails.
    pub(super) fn begin_list(&mut self) -> Result<()> {
        let start = Instant::now();
        let addr = self.addr();
        let question = Question::get_list(self.stage, &addr);
        let exchange = self.exchange(&question)?;
        self.is_there(&exchange)?;
        if exchange.end == End::TooLong && announces_its_length(&exchange.got) {
            bail!(
                "the list of the server has more than {} bytes; start it with an empty store",
                MAX_BYTES
            );
        }
        let list = lenient_list(&exchange.got);
        let known = list.clone().unwrap_or_default();
        self.model = Some(Model { base: known.len(), list: known });
        let model = self.model.clone().unwrap_or_default();
        let mut want = Want::new(&question, &model, None);
        if list.is_none() {
            want.body = WantedBody::List(Vec::new());
        }
        self.list_fault = None;
        match judge(&question, &want, &exchange) {
            Ok(response) => self.list_length = Some(response.length),
            Err(fault) => {
                if list.is_none() {
                    self.list_fault = Some(fault.clone());
                }
                let known = self.outcomes.iter().any(|outcome| outcome.id == question.id);
                let wanted = self.options.only.as_deref().is_none_or(|id| id == question.id);
                if !known && wanted {
                    let (fault, words) = self.with_end(fault, true)?;
                    self.recover(&fault)?;
                    let outcome = self.outcome(&question, &want, &exchange, Verdict::Failed(fault));
                    self.keep(Outcome { last_words: words, ..outcome }, start);
                }
            }
        }
        Ok(())
    }

    /// Reads the list, and compares it with what it should hold. What it holds is what it should hold from now
    /// on, so that one fault is not found a second time.
    pub(super) fn compare_list(&mut self, wanted: &[String]) -> Result<Checked<()>> {
        let question = Question::get_list(self.stage, &self.addr());
        let exchange = self.exchange(&question)?;
        let Some(list) = lenient_list(&exchange.got) else {
            let model = Model { base: 0, list: wanted.to_vec() };
            let judged = judge(&question, &Want::new(&question, &model, None), &exchange);
            let mut fault =
                judged.err().unwrap_or_else(|| Fault::new("no-list", "the list cannot be read"));
            if self.list_fault.is_none() {
                fault.sentence = format!("afterwards, GET /: {}", fault.sentence);
            }
            return Ok(Err(fault));
        };
        let length = exchange.got.len() - end_of_head(&exchange.got).unwrap_or(0);
        self.list_length = Some(length);
        let compared = compare_lists(wanted, &list);
        if compared.is_ok() {
            self.suspects.clear();
        }
        if let Some(model) = &mut self.model {
            model.list = list;
        }
        Ok(compared
            .map_err(|fault| Fault { sentence: format!("afterwards {}", fault.sentence), ..fault }))
    }

    /// Posts until the check has added the twelve messages that some cases need.
    pub(super) fn fill(&mut self) -> Result<()> {
        while self.model.as_ref().is_some_and(|model| model.own() < ENOUGH) && self.over.is_none() {
            let model = self.model.clone().unwrap_or_default();
            let text = format!("message {} of the check", model.own() + 1);
            let addr = self.addr();
            let exchange = self.exchange(&Question::post("post", &text, self.stage, &addr))?;
            if exchange.got.is_empty() {
                return Ok(());
            }
            let mut wanted = model.list.clone();
            wanted.push(text);
            // What the list holds now is taken as right here; POST has its own cases.
            let _ = self.compare_list(&wanted)?;
            if self.model.as_ref().is_some_and(|now| now.list.len() <= model.list.len()) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks for the request that has changed the list although it should not have: asks each again, and reads
    /// the list after each. Returns whether there is one.
    pub(super) fn find_the_culprit(&mut self) -> Result<bool> {
        let suspects = std::mem::take(&mut self.suspects);
        for suspect in &suspects {
            let wanted = self.model.clone().unwrap_or_default().list;
            let question = self.anew(suspect);
            self.exchange(&question)?;
            let Err(fault) = self.compare_list(&wanted)? else { continue };
            let sentence = format!("it changes the list, and should not: {}", fault.sentence);
            let fault = Fault { sentence, kind: "changes-the-list".to_string(), ..fault };
            if let Some(outcome) = self.outcomes.iter_mut().find(|outcome| outcome.id == suspect.id)
                && outcome.passed()
            {
                outcome.verdict = Verdict::Failed(fault);
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Whether the head of a response tells how long its body is.
fn announces_its_length(got: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&got[..end_of_head(got).unwrap_or(0)]).to_ascii_lowercase();
    head.contains("\ncontent-length:")
}

/// The messages in a response to `GET /`, whatever else is wrong with it.
pub(super) fn lenient_list(got: &[u8]) -> Option<Vec<String>> {
    let at = end_of_head(got)?;
    let status =
        String::from_utf8_lossy(&got[..at]).split(' ').nth(1).map(|code| code.starts_with('2'));
    if status != Some(true) {
        return None;
    }
    parse_list(&got[at..]).ok()
}
