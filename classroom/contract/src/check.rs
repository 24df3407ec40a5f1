//! The check: asks a server all cases of a stage, in order, and keeps in mind what its list should hold.

use crate::cases::{Case, cases};
use crate::connection::{End, Exchange, Patience, exchange};
use crate::fault::{Checked, Fault};
use crate::judge::{Want, compare_lists, judge, parse_list};
use crate::outcome::{Outcome, Verdict};
use crate::program::Program;
use crate::question::{Ending, Model, Question};
use crate::response::end_of_head;
use crate::table::{
    Answer, FULL_BODY, LIMITS, MORE, POST_SAME, POSTS, PUT_REPLACES, Row, TABLE, Talk, Target,
};
use crate::{hand, talk, together};
use anyhow::{Context, Result, bail};
use std::thread;
use std::time::{Duration, Instant};

/// How long the whole check may take.
const WHOLE: Duration = Duration::from_secs(20);

/// How much of it `slow-request` needs: a server gives a request 10 s.
const SLOW: Duration = Duration::from_millis(11_500);

/// How long a program may take to listen.
const START: Duration = Duration::from_secs(8);

/// How long a response may take; less when the server has kept the check waiting before.
const PATIENCE: [Duration; 3] =
    [Duration::from_secs(4), Duration::from_secs(1), Duration::from_millis(400)];

/// How long the server may take to close after a response; less when it has not closed before.
const CLOSE: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(20)];

/// How often a server may end, or be started anew because it does not answer.
const MOST_STARTS: u32 = 12;

/// After how many cases without any response the check gives up.
const HOPELESS: usize = 6;

/// How many messages the later cases need.
const ENOUGH: usize = 12;

/// The server that is asked.
pub enum Server {
    /// One that runs already, at this address (HOST:PORT).
    Address(String),
    /// One that the check starts, and starts again.
    Program(Program),
}

/// How a server comes to start again in the middle, for the stages whose messages survive that.
pub enum Restart<'a> {
    /// The check does it: it has started the server.
    Itself,
    /// A person does it. The function asks for it and returns when it is done; `false` means that it cannot be.
    Ask(&'a mut dyn FnMut() -> bool),
    /// It is left out.
    LeaveOut,
}

/// What to ask.
pub struct Options<'a> {
    pub restart: Restart<'a>,
    /// Only the case with this id.
    pub only: Option<String>,
    /// Stop at the first case that does not hold.
    pub fail_fast: bool,
    /// Called after each case with its outcome. Where it returns `false` the check stops.
    pub progress: &'a mut dyn FnMut(&Outcome) -> bool,
}

/// A check under way.
pub(crate) struct Check<'a, 'b> {
    stage: u32,
    target: &'a mut Server,
    options: Options<'b>,
    start: Instant,
    /// Whether the server has been reached since it was started.
    reached: bool,
    /// What the list should hold; `None` where it has to be read first.
    model: Option<Model>,
    /// How many bytes the list has as this server writes it.
    list_length: Option<usize>,
    /// Why the list cannot be read.
    list_fault: Option<Fault>,
    /// The questions that should have changed nothing since the list was last read.
    suspects: Vec<Question>,
    timeouts: usize,
    silent: usize,
    stays_open: bool,
    starts: u32,
    /// How often a server lived on after a fault that looked like its end.
    alive_after_all: u32,
    /// Why nothing more can be asked.
    over: Option<String>,
    /// Whether the check was told to stop.
    stopped: bool,
    outcomes: Vec<Outcome>,
}

/// Asks the server everything that the contract says of `stage`.
///
/// # Errors
/// Nothing listens at the address, or the program does not come to listen: the sentence says so.
pub fn check(stage: u32, target: &mut Server, options: Options) -> Result<Vec<Outcome>> {
    let mut check = Check {
        stage,
        target,
        options,
        start: Instant::now(),
        reached: false,
        model: None,
        list_length: None,
        list_fault: None,
        suspects: Vec::new(),
        timeouts: 0,
        silent: 0,
        stays_open: false,
        starts: 0,
        alive_after_all: 0,
        over: None,
        stopped: false,
        outcomes: Vec::new(),
    };
    check.run()?;
    Ok(check.outcomes)
}

impl Check<'_, '_> {
    fn run(&mut self) -> Result<()> {
        let only = self.options.only.clone();
        let chosen = |case: &Case| only.as_deref().is_none_or(|id| id == case.id());
        for case in cases(self.stage).into_iter().filter(chosen) {
            if case.is_about_a_restart() && matches!(self.options.restart, Restart::LeaveOut) {
                continue;
            }
            if self.outcomes.iter().any(|outcome| outcome.id == case.id()) {
                continue;
            }
            self.case(&case)?;
            let failed = self.outcomes.last().is_some_and(|last| !last.passed());
            if self.stopped || failed && self.options.fail_fast {
                return Ok(());
            }
        }
        if self.over.is_none() && only.is_none() {
            self.look_whether_it_lives()?;
        }
        Ok(())
    }

    fn addr(&self) -> String {
        match &self.target {
            Server::Address(addr) => addr.clone(),
            Server::Program(program) => program.addr().to_string(),
        }
    }

    /// Where a person asks by hand: a program that the check has started ends with it.
    fn by_hand(&self) -> String {
        match &self.target {
            Server::Address(addr) => addr.clone(),
            Server::Program(_) => "127.0.0.1:8080".to_string(),
        }
    }

    /// How much time is left.
    fn left(&self) -> Duration {
        let reserve = if self.stage >= 10 { SLOW } else { Duration::ZERO };
        (WHOLE - reserve).saturating_sub(self.start.elapsed())
    }

    fn patience(&self) -> Patience {
        let whole = PATIENCE[self.timeouts.min(PATIENCE.len() - 1)];
        Patience {
            whole: whole.min(self.left()).max(Duration::from_millis(50)),
            close: CLOSE[usize::from(self.stays_open)],
        }
    }

    /// Asks one case and keeps its outcome.
    fn case(&mut self, case: &Case) -> Result<()> {
        let start = Instant::now();
        if self.over.is_none() && self.left().is_zero() && !matches!(case, Case::Slow) {
            self.over = Some(format!("the {} s of a check were over", WHOLE.as_secs()));
        }
        if let Some(reason) = self.over.clone() {
            let what = case.id().to_string();
            self.keep(Outcome::not_asked(self.stage, case.id(), &what, &reason), start);
            return Ok(());
        }
        if self.stage >= 5 && self.model.is_none() {
            self.begin_list()?;
            if self.outcomes.last().is_some_and(|last| last.id == case.id()) {
                return Ok(());
            }
        }
        let outcome = match case {
            Case::Talk(talk) => self.talk(talk)?,
            Case::Row(row) => self.row(row)?,
            Case::More => self.more()?,
            Case::Unchanged => self.unchanged()?,
            Case::RestartKeeps => self.restart_keeps()?,
            Case::RestartContinues => self.after_a_restart(&POSTS[0], case.id())?,
            Case::RestartReplaces => self.after_a_restart(&PUT_REPLACES, case.id())?,
            Case::Break(id, what, ending, bytes) => {
                let mut question = Question::of_bytes(id, what, *ending, "GET");
                question.sent = bytes.replace("{host}", &self.addr()).into_bytes();
                self.question(&question)?
            }
            Case::Limit(limit) => self.question(&Question::limit(limit, &self.addr()))?,
            Case::Together(together) => self.together(*together)?,
            Case::Slow => self.slow()?,
        };
        self.keep(outcome, start);
        Ok(())
    }

    fn keep(&mut self, mut outcome: Outcome, start: Instant) {
        let mut cases = cases(self.stage).into_iter();
        outcome.topic = cases.find(|case| case.id() == outcome.id).map_or("", |case| case.topic());
        outcome.seconds = start.elapsed().as_secs_f64();
        self.stopped |= !(self.options.progress)(&outcome);
        self.outcomes.push(outcome);
        self.give_up();
    }

    // ---- one exchange

    /// Sends a question. The first one after a start waits until the server listens: it is the first connection,
    /// because one that says nothing would end a fragile server.
    ///
    /// # Errors
    /// The program does not come to listen.
    fn exchange(&mut self, question: &Question) -> Result<Exchange> {
        let patience = self.patience();
        let exchange = self.first_connection(
            |addr| exchange(addr, &question.to(addr), patience),
            |exchange| matches!(exchange.end, End::Refused(_)),
        )?;
        self.notice(&exchange);
        Ok(exchange)
    }

    /// Learns from an exchange how long to wait for the next one.
    fn notice(&mut self, exchange: &Exchange) {
        let silent = exchange.end == End::TimedOut && exchange.got.is_empty();
        self.silent = if silent { self.silent + 1 } else { 0 };
        self.timeouts += usize::from(exchange.end == End::TimedOut);
        self.stays_open |= exchange.end == End::Open;
    }

    /// Asks again and again until the connection is not refused, if the program has not been reached since it
    /// was started.
    fn first_connection<T>(
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
                format!(
                    "nothing listens at {} after {} s; {{addr}} in the command is the place for the address{}",
                    program.addr(),
                    START.as_secs(),
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

    /// What became of the server after a fault: whether it has ended. Its last words come with the fault.
    fn with_end(&mut self, fault: Fault, during: bool) -> Result<(Fault, Vec<String>)> {
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
        // A server that was not found dead before need not be waited for as long again.
        let wait = match fault.kind.as_str() {
            "timeout" => Duration::ZERO,
            _ if self.alive_after_all > 2 => Duration::from_millis(20),
            _ => Duration::from_millis(300),
        };
        let Some(status) = program.ended(wait)? else {
            self.alive_after_all += 1;
            return Ok((fault, Vec::new()));
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
        ended.cause = if words.is_empty() { fault.cause } else { String::new() };
        Ok((ended, words))
    }

    /// Starts a program again that has ended or does not answer any more.
    fn revive(&mut self) -> Result<()> {
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

    /// After a case: a server that has ended, or is stuck, is started again; where that cannot be, the check is
    /// over.
    fn recover(&mut self, fault: &Fault) -> Result<()> {
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

    /// The first connection of all: where nothing listens, there is nothing to check.
    fn is_there(&self, exchange: &Exchange) -> Result<()> {
        match (&exchange.end, &self.target) {
            (End::Refused(reason), Server::Address(addr)) if self.outcomes.is_empty() => {
                bail!("nothing listens at {addr} ({reason})")
            }
            _ => Ok(()),
        }
    }

    /// Where nothing that came in the first cases was a response, nothing better will come.
    fn give_up(&mut self) {
        let hopeless = ["timeout", "no-http", "no-response"];
        let is_hopeless = |outcome: &Outcome| {
            outcome.fault().is_some_and(|fault| hopeless.contains(&fault.kind.as_str()))
        };
        if self.outcomes.len() == HOPELESS && self.outcomes.iter().all(is_hopeless) {
            self.over = Some(format!("none of the first {HOPELESS} cases brought a response"));
        }
    }

    // ---- the list

    /// Reads the list before anything is added to it. A server that cannot send it has failed `get-list`.
    fn begin_list(&mut self) -> Result<()> {
        let start = Instant::now();
        let addr = self.addr();
        let question = Question::get_list(self.stage, &addr);
        let exchange = self.exchange(&question)?;
        self.is_there(&exchange)?;
        let list = lenient_list(&exchange.got);
        let known = list.clone().unwrap_or_default();
        self.model = Some(Model { base: known.len(), list: known });
        let model = self.model.clone().unwrap_or_default();
        let mut want = Want::new(&question, &model, None);
        if list.is_none() {
            want.body = crate::judge::WantedBody::List(Vec::new());
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
    fn compare_list(&mut self, wanted: &[String]) -> Result<Checked<()>> {
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

    /// The messages that the case needs: those that the check has added, at least twelve.
    fn fill(&mut self) -> Result<()> {
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
            // Whatever it holds now is what it should hold; POST has its own cases.
            let _ = self.compare_list(&wanted)?;
            if self.model.as_ref().is_some_and(|now| now.list.len() <= model.list.len()) {
                return Ok(());
            }
        }
        Ok(())
    }

    // ---- the kinds of cases

    fn talk(&mut self, about: &Talk) -> Result<Outcome> {
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

    fn row(&mut self, row: &Row) -> Result<Outcome> {
        let names_a_message =
            matches!(row.target, Target::Middle | Target::TwoDigits | Target::ZeroBefore);
        if self.stage >= 5 && names_a_message {
            self.fill()?;
            let addr = self.addr();
            let model = self.model.clone().unwrap_or_default();
            let question = Question::new(row, self.stage, &addr, &model);
            if question.index.is_none() {
                let reason =
                    "it needs twelve messages in the list, and POST / does not bring them there";
                return Ok(Outcome::not_asked(self.stage, row.id, &question.what, reason));
            }
        }
        let model = self.model.clone().unwrap_or_default();
        let question = Question::new(row, self.stage, &self.addr(), &model);
        self.question(&question)
    }

    /// Asks a question, and looks at the list afterwards where it should be another one, or where another client
    /// should still be served.
    fn question(&mut self, question: &Question) -> Result<Outcome> {
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

    /// The same question with the indexes and the address of today.
    fn anew(&self, question: &Question) -> Question {
        let model = self.model.clone().unwrap_or_default();
        let mut rows = POSTS.iter().chain(TABLE).chain([&POST_SAME, &FULL_BODY]);
        match rows.find(|row| row.id == question.id) {
            Some(row) => Question::new(row, self.stage, &self.addr(), &model),
            None => match LIMITS.iter().find(|limit| limit.id == question.id) {
                Some(limit) => Question::limit(limit, &self.addr()),
                None => question.clone(),
            },
        }
    }

    /// Whether a `GET /` follows the question.
    fn is_followed(&self, question: &Question) -> bool {
        self.stage >= 5 && (question.answer.changes_the_list() || self.is_attack(question))
    }

    fn is_attack(&self, question: &Question) -> bool {
        question.ending != Ending::Wait || LIMITS.iter().any(|limit| limit.id == question.id)
    }

    /// The outcome of an exchange, and whether the list is not what it should be.
    fn judged(&mut self, question: &Question, exchange: &Exchange) -> Result<(Outcome, bool)> {
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
                // Where the response was wrong already, that is the fault.
                if verdict.passed() {
                    list_differs = fault.kind == "other-list";
                    let fault = self.ordinary(question, fault);
                    verdict = Verdict::Failed(fault);
                }
            }
        }
        Ok((self.outcome(question, &want, exchange, verdict), list_differs))
    }

    /// What it means that the ordinary request after an attack is not answered.
    fn ordinary(&self, question: &Question, fault: Fault) -> Fault {
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

    fn outcome(
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
            what: question.what.clone(),
            sent: question.sent.clone(),
            wanted,
            got: Vec::new(),
            got_length: 0,
            hand: hand::command(&question.to(&self.by_hand()), &self.by_hand()),
            seconds: 0.0,
            verdict,
            last_words: Vec::new(),
        }
        .with(&exchange.got)
    }

    /// The case before has ended the server: nothing listens any more. A program is started again.
    fn blame_the_case_before(&mut self) -> Result<()> {
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

    /// Looks for the request that has changed the list although it should not have: asks each again, and reads
    /// the list after each. Returns whether there is one.
    fn find_the_culprit(&mut self) -> Result<bool> {
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

    /// Eleven more messages, and then the whole list.
    fn more(&mut self) -> Result<Outcome> {
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

    /// What was refused, and what only reads, has changed nothing.
    fn unchanged(&mut self) -> Result<Outcome> {
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
    fn restart_keeps(&mut self) -> Result<Outcome> {
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
        // The messages before the check are not its own, whatever is left of the others.
        self.model = Some(Model { base: model.base.min(list.len()), list });
        Ok(outcome)
    }

    /// A request to a server that has been started again.
    fn after_a_restart(&mut self, row: &Row, id: &'static str) -> Result<Outcome> {
        self.fill()?;
        let row = Row { id, ..*row };
        let model = self.model.clone().unwrap_or_default();
        self.question(&Question::new(&row, self.stage, &self.addr(), &model))
    }

    fn restart(&mut self) -> Result<bool> {
        match (&mut self.options.restart, &mut self.target) {
            (Restart::LeaveOut, _) => return Ok(false),
            (_, Server::Program(program)) => program.restart()?,
            (Restart::Itself, _) => return Ok(false),
            (Restart::Ask(ask), Server::Address(_)) => {
                // What a person takes is not the server's time.
                let asked = Instant::now();
                let done = ask();
                self.start += asked.elapsed();
                return Ok(done);
            }
        }
        self.reached = false;
        Ok(true)
    }

    /// A request that comes a byte a second.
    fn slow(&mut self) -> Result<Outcome> {
        let mut question =
            Question::of_bytes("slow-request", "a request, a byte a second", Ending::Wait, "GET");
        question.answer = Answer::Refused(&[408]);
        question.sent = format!("GET / HTTP/1.1\r\nHost: {}\r\nX-Slow: ", self.addr()).into_bytes();
        let spent = self.start.elapsed();
        if spent + SLOW > WHOLE + Duration::from_millis(500) {
            let reason = format!("it takes 10 s, and {} s of a check were over", spent.as_secs());
            return Ok(Outcome::not_asked(self.stage, question.id, &question.what, &reason));
        }
        let exchange = together::slow(&self.addr(), &question.sent, SLOW.min(WHOLE - spent));
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
    fn together(&mut self, together: together::Together) -> Result<Outcome> {
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

    /// After the last case, too, the server listens.
    fn look_whether_it_lives(&mut self) -> Result<()> {
        let dead = match &self.target {
            Server::Program(program) => program.ended(Duration::from_millis(20))?.is_some(),
            // A connection that says nothing would end a fragile server; a message of the stage does not.
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

/// The last words of a program that did not come to listen.
fn said(program: &Program) -> String {
    let words = program.last_words(4);
    if words.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = words.iter().map(|line| crate::show::in_quotes(line, 200)).collect();
    format!("; its last words: {}", shown.join(" "))
}

/// The messages in a response to `GET /`, whatever else is wrong with it.
fn lenient_list(got: &[u8]) -> Option<Vec<String>> {
    let at = end_of_head(got)?;
    let status =
        String::from_utf8_lossy(&got[..at]).split(' ').nth(1).map(|code| code.starts_with('2'));
    if status != Some(true) {
        return None;
    }
    parse_list(&got[at..]).ok()
}
