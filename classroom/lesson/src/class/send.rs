//! The student's end: sends the outcomes of a check to the server of the class as they come.
//!
//! A student has one message on the server. The first time it is a POST, and from then on a PUT to the index that the POST
//! has returned. A thread sends, so that the check never waits for the network. The message goes out again from time to
//! time although no case has changed: then the board knows that the student's `watch` runs.
//!
//! The server can be started anew with an empty list, and then the index belongs to another student or to none. So each
//! PUT comes after a GET that shows whose message it is.

use super::client::{Client, Trouble};
use super::report::{Mark, Report};
use anyhow::{Context, Result};
use contract::{Outcome, Verdict};
use replay::Lang;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the thread collects outcomes before it sends them.
const BATCH: Duration = Duration::from_millis(300);

/// After how long a report without a change is sent again.
const BEAT: Duration = Duration::from_secs(10);

/// How long the thread waits after an error: at first, and from the second error in a row on.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// How long the last report may take.
const LAST: Duration = Duration::from_secs(3);

/// Where the key of this checkout is kept.
const KEY: &str = "mine/.class";

/// The student's end. The thread ends with the program. A clone is the same end.
#[derive(Clone)]
pub struct Reporter(Arc<Shared>);

/// What the check and the thread share.
struct Shared {
    latest: Mutex<Latest>,
    changed: Condvar,
}

/// What is to be sent.
struct Latest {
    report: Report,
    /// Whether it differs from what the server has.
    is_new: bool,
    /// Whether the thread is sending a report just now.
    is_sending: bool,
    /// Whether the thread sends at once, because the check is over.
    hurries: bool,
    /// The sentence that was shown last, so that it is not repeated.
    said: String,
}

impl Reporter {
    /// Starts to send the results of the student `name` to the server at `addr` (HOST:PORT). `root` is the folder of the
    /// workspace.
    ///
    /// # Errors
    /// The system has no room for a thread.
    pub fn start(
        root: &Path,
        addr: &str,
        name: &str,
        stage: u32,
        copy: Option<&str>,
        lang: Lang,
    ) -> Result<Reporter> {
        let report = Report::new(&key(&root.join(KEY)), name, stage, copy);
        let latest =
            Latest { report, is_new: true, is_sending: false, hurries: false, said: String::new() };
        let shared = Arc::new(Shared { latest: Mutex::new(latest), changed: Condvar::new() });
        let mut place = Place { client: Client::new(addr), index: None };
        let (thread_shared, addr) = (shared.clone(), addr.to_string());
        let work = move || send_all(&thread_shared, &mut place, &addr, lang);
        thread::Builder::new().spawn(work).context("cannot start a thread")?;
        Ok(Reporter(shared))
    }

    /// A check begins, and a terminal was cleared: what the thread says of the board is shown once more.
    pub fn begin(&self) {
        if io::stdout().is_terminal() {
            self.0.lock().said.clear();
        }
    }

    /// One outcome of a check that goes on.
    pub fn outcome(&self, outcome: &Outcome) {
        let mark = mark(outcome);
        self.change(|report| {
            for case in report.cases.iter_mut().filter(|case| case.0 == outcome.id) {
                case.1 = mark;
            }
        });
    }

    /// The check is over. Cases that were not asked wait; all do if there was no check.
    pub fn end(&self, outcomes: &[Outcome]) {
        self.0.lock().hurries = true;
        self.change(|report| {
            for (id, known) in &mut report.cases {
                let outcome = outcomes.iter().find(|outcome| outcome.id == *id);
                *known = outcome.map_or(Mark::Waiting, mark);
            }
        });
    }

    /// Changes the report, and sends it if it is another one then.
    pub fn change(&self, change: impl FnOnce(&mut Report)) {
        let mut latest = self.0.lock();
        let old = latest.report.clone();
        change(&mut latest.report);
        latest.is_new |= latest.report != old;
        self.0.changed.notify_all();
    }

    /// The report as it is now.
    pub fn report(&self) -> Report {
        self.0.lock().report.clone()
    }

    /// Waits until the last report is sent, but not for long.
    pub fn finish(self) {
        let latest = self.0.lock();
        let waits = |latest: &mut Latest| latest.is_new || latest.is_sending;
        drop(self.0.changed.wait_timeout_while(latest, LAST, waits));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `limit`, or until `enough`.
    fn wait(&self, limit: Duration, enough: impl Fn(&Latest) -> bool) -> MutexGuard<'_, Latest> {
        let waits = |latest: &mut Latest| !enough(latest);
        let waited = self.changed.wait_timeout_while(self.lock(), limit, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What the thread does: it waits for a change, collects more of them, and sends the report.
fn send_all(shared: &Shared, place: &mut Place, addr: &str, lang: Lang) {
    let mut errors = 0;
    loop {
        drop(shared.wait(BEAT, |latest| latest.is_new));
        let mut latest = shared.wait(BATCH, |latest| latest.hurries);
        latest.report.beat += 1;
        latest.hurries = false;
        (latest.is_new, latest.is_sending) = (false, true);
        let report = latest.report.clone();
        // The check goes on while this thread waits for the server, so the lock is not held.
        drop(latest);
        let sent = place.send(&report);
        let mut latest = shared.lock();
        latest.is_new |= sent.is_err();
        latest.is_sending = false;
        errors = if sent.is_err() { errors + 1 } else { 0 };
        let sentence = match &sent {
            Ok(()) => shown_as(addr, &report.name, lang),
            Err(trouble) => trouble.sentence(addr, lang),
        };
        // One error alone can be a connection that the server has just closed.
        if errors != 1 && latest.said != sentence {
            // Nothing else can be done if standard error is closed.
            let _ = writeln!(anstream::stderr(), "{sentence}");
            latest.said = sentence;
        }
        drop(latest);
        shared.changed.notify_all();
        if errors > 0 {
            drop(shared.wait(RETRY[(errors - 1).min(1)], |_| false));
        }
    }
}

/// Says to the student that the board has the results.
fn shown_as(addr: &str, name: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("the class's board at {addr} shows your results as {name}"),
        Lang::Ko => {
            format!("{addr}에 있는 수업 보드에 내 결과가 {name}(이)라는 이름으로 표시됩니다")
        }
    }
}

/// The student's message on the server.
struct Place {
    client: Client,
    /// Its index, as far as it is known.
    index: Option<usize>,
}

impl Place {
    /// Puts the report in place of the student's message, or adds it if there is none yet.
    fn send(&mut self, report: &Report) -> Result<(), Trouble> {
        let text = report.to_text();
        let is_mine =
            |text: &str| Report::parse(text).is_some_and(|other| other.is_of_the_same(report));
        if let Some(index) = self.index {
            let found = self.client.get(index)?;
            if found.is_some_and(|found| is_mine(&found)) && self.client.put(index, &text)? {
                return Ok(());
            }
            self.index = None;
        }
        // A POST without an answer may have arrived, and an earlier `watch` may have left a message.
        let list = self.client.list()?;
        match list.iter().position(|found| is_mine(found)) {
            Some(index) if self.client.put(index, &text)? => self.index = Some(index),
            _ => self.index = Some(self.client.post(&text)?),
        }
        Ok(())
    }
}

/// The key of this checkout: a random word, which is made once and kept in the file at `path`. Without it each start of
/// `watch` would get a row of its own.
fn key(path: &Path) -> String {
    let is_key = |key: &String| key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let read = || fs::read_to_string(path).map(|text| text.trim().to_string()).ok().filter(is_key);
    if let Some(key) = read() {
        return key;
    }
    // Each `RandomState` has other keys.
    let key = format!("{:016x}", RandomState::new().hash_one(0));
    // If the file cannot be written, the key lasts as long as this program.
    let _ = fs::write(path, format!("{key}\n"));
    read().unwrap_or(key)
}

/// What the board says of an outcome.
fn mark(outcome: &Outcome) -> Mark {
    match outcome.verdict {
        Verdict::Passed => Mark::Passed,
        Verdict::Failed(_) => Mark::Failed,
        Verdict::NotAsked(_) => Mark::Waiting,
    }
}
