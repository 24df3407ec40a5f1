//! The limit of the whole list (507). Each server chooses its own limit, so the case posts until the list is full, and
//! then asks what holds for any limit.

use super::Check;
use crate::connection::{Exchange, exchange_up_to};
use crate::fault::Fault;
use crate::judge::{Want, judge, parse_list};
use crate::outcome::{Outcome, Verdict};
use crate::question::{Model, Question};
use crate::response::Response;
use crate::table::{Answer, PUT_REPLACES, Row, TABLE};
use anyhow::Result;

/// The longest list that is tried, and how much of it is read, in bytes of JSON.
const MOST: usize = 64 << 20;
const READ: usize = MOST + (4 << 20);

/// The longest body, in bytes. In JSON this control character has six bytes, `\u0001`.
const LONG: usize = 64 << 10;
const CONTROL: &str = "\u{1}";

/// Up to this length, in bytes, a text stays as it is after the case.
const SHORT: usize = 100;

/// How many empty texts are tried on a list that has no room for one letter more: far more than fit into it.
const EMPTIES: usize = 40;

const ID: &str = "full-list";

const COUNT: &str = "Count the list as it goes over the wire: a control character has six bytes in JSON, a quote has two, and each text has two quotes and a comma around it.";

/// Why the case ends early.
enum Stop {
    Fault(Fault),
    TimeIsOver,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

/// What the case has done so far.
#[derive(Default)]
struct Filled {
    model: Model,
    /// The indexes of the messages that it has added.
    added: Vec<usize>,
    /// The last question, and what came back.
    question: Option<Question>,
    exchange: Exchange,
}

impl Check<'_, '_> {
    /// Posts until the list is full.
    pub(super) fn full_list(&mut self) -> Result<Outcome> {
        let get = Question::get_list(self.stage, &self.addr());
        let what = "POST / until the list is full";
        // Several clients have changed the list at once, so the check reads it again.
        let _ = self.compare_list(&[])?;
        let mut filled =
            Filled { model: self.model.clone().unwrap_or_default(), ..Filled::default() };
        let result = self.fill_and_look(&mut filled);
        // The next check may find the same list, and needs room in it.
        let last = (filled.question.clone(), filled.exchange.clone());
        for index in filled.model.base..filled.model.list.len() {
            let is_long = filled.model.list[index].len() > SHORT;
            if is_long && self.replace(&mut filled, index, "").is_err() {
                break;
            }
        }
        (filled.question, filled.exchange) = last;
        let question = filled.question.clone().unwrap_or(get);
        let want = Want::new(&question, &filled.model, None);
        let verdict = match result {
            Ok(()) => Verdict::Passed,
            Err(Stop::Fault(fault)) => Verdict::Failed(fault),
            Err(Stop::TimeIsOver) => {
                let bytes: usize = filled.added.iter().map(|at| filled.model.list[*at].len()).sum();
                let seconds = self.whole().as_secs_f32().ceil();
                let reason = format!(
                    "a check has {seconds} s, and in this time the list did not become full: {} KiB of texts were accepted",
                    bytes >> 10
                );
                return Ok(Outcome::not_asked(self.stage, ID, what, &reason));
            }
        };
        let mut outcome = self.outcome(&question, &want, &filled.exchange, verdict);
        (outcome.id, outcome.what) = (ID, what.to_string());
        // A request has up to 64 KiB; the report shows its beginning.
        outcome.sent.truncate(200);
        outcome.wanted =
            "507 for a request that makes the list too long; other requests are answered as before"
                .to_string();
        outcome.hand = format!(
            "head -c {LONG} /dev/zero | tr '\\0' '\\1' > long; for i in $(seq 200); do curl -so /dev/null -w '%{{http_code}} ' --data-binary @long {}/; done",
            self.by_hand()
        );
        if let Verdict::Failed(fault) = &outcome.verdict {
            let (fault, words) = self.with_end(fault.clone(), true)?;
            (outcome.verdict, outcome.last_words) = (Verdict::Failed(fault), words);
        }
        Ok(outcome)
    }

    fn fill_and_look(&self, filled: &mut Filled) -> Result<(), Stop> {
        let long = CONTROL.repeat(LONG);
        while self.add(filled, &long)? == 201 {
            if filled.added.len() * 6 * LONG > MOST {
                let sentence = format!(
                    "{} MiB of messages were accepted, and none was answered 507",
                    MOST >> 20
                );
                return Err(Fault::new("no-limit", sentence)
                    .because("Clients can send messages until the disk or the memory is full: the whole list needs a limit.")
                    .see("RFC 4918, section 11.5")
                    .into());
            }
        }
        let controls = filled.added.clone();
        // Fills the rest, up to the last byte: the longest body several times, then half of it, a quarter and so on.
        for size in [LONG; 6].into_iter().chain((0..16).rev().map(|power| 1 << power)) {
            self.add(filled, &"x".repeat(size))?;
        }
        let mut empties = 0;
        while self.add(filled, "")? == 201 {
            empties += 1;
            if empties == EMPTIES {
                let sentence = format!(
                    "the list had no room for one letter, but {EMPTIES} empty texts were added"
                );
                return Err(Fault::new("empty-texts-count", sentence).because(COUNT).into());
            }
        }
        // The message that was added last is a short one.
        let short = filled.added.last().filter(|last| !controls.contains(last));
        if let Some(&index) = short {
            let status = self.replace(filled, index, &"x".repeat(LONG))?;
            if status != 507 {
                let sentence = format!(
                    "the list is full, and a PUT that makes it longer is answered {status}"
                );
                return Err(Fault::new("put-has-no-limit", sentence).into());
            }
        }
        self.look_at_full_list(filled)?;
        // Each new text has as many characters, and a sixth of the bytes.
        for &index in &controls {
            let status = self.replace(filled, index, &"x".repeat(LONG))?;
            if status != 200 {
                let sentence = format!(
                    "the list is full, and a PUT that makes it shorter is answered {status}"
                );
                return Err(Fault::new("put-that-shortens", sentence)
                    .because("A PUT replaces a message: the old text no longer counts.")
                    .into());
            }
        }
        if !controls.is_empty() && self.add(filled, &"x".repeat(LONG / 2))? != 201 {
            let sentence = format!(
                "PUT has made the list {} KiB shorter, and there is no room for {} KiB",
                (5 * LONG * controls.len()) >> 10,
                LONG >> 11
            );
            return Err(Fault::new("counts-characters", sentence).because(COUNT).into());
        }
        Ok(())
    }

    /// A full list can still be read.
    fn look_at_full_list(&self, filled: &mut Filled) -> Result<(), Stop> {
        let get = Question::get_list(self.stage, &self.addr());
        let response = self.send(filled, &get)?;
        judge(&get, &Want::new(&get, &filled.model, None), &filled.exchange)?;
        if parse_list(&response.body)? != filled.model.list {
            let sentence =
                "the list is full, and GET / has other messages than those that were answered 201";
            return Err(Fault::new("full-list-differs", sentence).into());
        }
        let row = Row { method: "HEAD", ..TABLE[0] };
        let head = Question::new(&row, self.stage, &self.addr(), &Model::default());
        self.send(filled, &head)?;
        judge(&head, &Want::new(&head, &filled.model, Some(response.length)), &filled.exchange)?;
        Ok(())
    }

    /// Adds a message. Returns the status, 201 or 507.
    fn add(&self, filled: &mut Filled, text: &str) -> Result<u16, Stop> {
        let question = Question::post(ID, text, self.stage, &self.addr());
        let status = self.change(filled, question)?;
        if status == 201 {
            filled.added.push(filled.model.list.len());
            filled.model.list.push(text.to_string());
        }
        Ok(status)
    }

    /// Replaces a message. Returns the status, 200 or 507.
    fn replace(&self, filled: &mut Filled, index: usize, text: &str) -> Result<u16, Stop> {
        let mut question = Question::post(ID, text, self.stage, &self.addr());
        let path = format!("/{index}");
        let rest = question.sent.split_off("POST /".len());
        question.sent = [format!("PUT {path}").as_bytes(), &rest].concat();
        question.answer = PUT_REPLACES.answer(self.stage);
        (question.method, question.index) = ("PUT", Some(index));
        (question.what, question.path) = (format!("PUT {path}"), path);
        let status = self.change(filled, question)?;
        if let Some(message) = filled.model.list.get_mut(index).filter(|_| status == 200) {
            *message = text.to_string();
        }
        Ok(status)
    }

    /// Sends a request that changes the list or is answered 507. Returns the status if the response is right.
    fn change(&self, filled: &mut Filled, question: Question) -> Result<u16, Stop> {
        let status = self.send(filled, &question)?.status;
        let mut asked = question;
        if status == 507 {
            asked.answer = Answer::Refused(&[507]);
        }
        let judged = judge(&asked, &Want::new(&asked, &filled.model, None), &filled.exchange);
        judged.map_err(|fault| match fault.kind.starts_with("the status is") {
            true => Fault { sentence: format!("{} or 507", fault.sentence), ..fault },
            false => fault,
        })?;
        Ok(status)
    }

    fn send(&self, filled: &mut Filled, question: &Question) -> Result<Response, Stop> {
        if self.start.elapsed() > self.whole() {
            return Err(Stop::TimeIsOver);
        }
        filled.exchange = exchange_up_to(&self.addr(), question, self.patience_at_the_end(), READ);
        filled.question = Some(question.clone());
        // Where no whole response came, the judge says why.
        Response::parse(&filled.exchange.got).map_err(|fault| {
            let want = Want::new(question, &filled.model, None);
            let judged = judge(question, &want, &filled.exchange);
            Stop::Fault(judged.err().unwrap_or(fault))
        })
    }
}
