//! The check: sends the cases of a stage in order. After each one it notes what the server's list must contain.
//!
//! `contact.rs` connects to the server and starts it again, `list.rs` compares its list, `ask.rs` asks one question.
//! `kinds.rs` has the cases of more than one question; `full.rs` has one more, `end.rs` two, and `kept.rs` those of
//! stage 12.

mod ask;
mod contact;
mod end;
mod full;
mod kept;
mod kinds;
mod list;

use crate::cases::{Case, cases};
use crate::fault::Fault;
use crate::outcome::{Outcome, Verdict};
use crate::program::Program;
use crate::question::{Model, Question};
use crate::table::{POSTS, PUT_REPLACES};
use anyhow::Result;
use std::time::{Duration, Instant};

/// How long the whole check may take, up to stage 11 and from stage 12 on.
const WHOLE: Duration = Duration::from_millis(19_500);
const WHOLE_OF_12: Duration = Duration::from_millis(33_500);

/// How much of it `slow-request` needs: a server gives a request 10 s.
const SLOW: Duration = Duration::from_millis(11_500);

/// How long a program may take to listen.
const START: Duration = Duration::from_secs(10);

/// How long a response may take: at first, after one response that came too late, and after more of them.
const PATIENCE: [Duration; 3] =
    [Duration::from_secs(3), Duration::from_secs(1), Duration::from_millis(400)];

/// How long the server may take to close after a response: at first, and when it has once not closed.
const CLOSE: [Duration; 2] = [Duration::from_millis(1500), Duration::from_millis(20)];

/// How often a server may end, or be started anew because it does not answer.
const MOST_STARTS: u32 = 12;

/// After how many cases without any response the check gives up.
const HOPELESS: usize = 6;

/// The last cases, for which time is reserved.
const LAST: [&str; 7] = [
    "slow-request",
    "slow-second-request",
    "busy-connection",
    "idle-connection",
    "orderly-end",
    "orderly-end-idle",
    "full-list",
];

/// How many messages the later cases need.
const ENOUGH: usize = 12;

/// The server that is checked.
pub enum Server {
    /// One that runs already, at this address (HOST:PORT).
    Address(String),
    /// One that the check starts, and starts again.
    Program(Program),
}

/// How the server is started again during the check, for the stages whose messages survive that.
pub enum Restart<'a> {
    /// The check does it: it has started the server.
    Itself,
    /// A person does it. The function asks the person and returns when it is done, or `false` if it cannot be done.
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
    /// Called after each case with its outcome. If it returns `false`, the check stops.
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
    /// How many questions were asked.
    questions: u32,
    /// Whether the server could be started again when a case needed it.
    restarted: bool,
    /// How often the server was still running after a fault that looked like its end.
    alive_after_all: u32,
    /// What was found while the slow request was sent.
    found_beside: Option<kept::Beside>,
    /// Why nothing more can be asked.
    over: Option<String>,
    /// Whether `progress` has returned `false`.
    stopped: bool,
    outcomes: Vec<Outcome>,
}

/// Asks the server everything that the contract says of `stage`.
///
/// # Errors
/// Nothing listens at the address, the program does not listen within 10 s, or the list has more than 1 MiB.
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
        questions: 0,
        restarted: true,
        alive_after_all: 0,
        found_beside: None,
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
            // Only a program that the check has started gets a signal from it. Windows has none.
            let is_program = matches!(self.target, Server::Program(_));
            if matches!(case, Case::OrderlyEnd | Case::IdleEnd) && !(is_program && cfg!(unix)) {
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

    /// Asks one case and keeps its outcome.
    fn case(&mut self, case: &Case) -> Result<()> {
        let start = Instant::now();
        // The last cases have the time that was reserved.
        let is_last = LAST.contains(&case.id());
        if self.over.is_none() && self.left().is_zero() && !is_last {
            self.over = Some(self.time_is_over());
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
            Case::Dialogue(dialogue) => self.dialogue(dialogue)?,
            Case::Date => self.date()?,
            Case::SlowSecond => self.slow_second()?,
            Case::Busy => self.busy()?,
            Case::Idle => self.idle()?,
            Case::OrderlyEnd => self.orderly_end(false)?,
            Case::IdleEnd => self.orderly_end(true)?,
            Case::FullList => self.full_list()?,
        };
        self.keep(outcome, start);
        Ok(())
    }

    fn keep(&mut self, mut outcome: Outcome, start: Instant) {
        // A response that came too late because the time of the check was over is no failure.
        let too_late = outcome.fault().is_some_and(|fault| fault.kind == "timeout");
        let is_last = LAST.contains(&outcome.id);
        if too_late && self.left().is_zero() && !is_last {
            let reason = self.time_is_over();
            outcome.verdict = Verdict::NotAsked(reason.clone());
            self.over = Some(reason);
        }
        let mut cases = cases(self.stage).into_iter();
        let case = cases.find(|case| case.id() == outcome.id);
        (outcome.topic, outcome.section) =
            case.map_or(("", ""), |case| (case.topic(), case.section()));
        outcome.seconds = start.elapsed().as_secs_f64();
        self.stopped |= !(self.options.progress)(&outcome);
        self.outcomes.push(outcome);
        self.give_up();
    }
}
