//! The promise of this stage, tested with a history: 16 clients write and read through the load
//! balancer. Meanwhile servers are killed and started again, the primary is killed, the standby is
//! promoted, and the killed database joins again, several times. Then a checker decides whether all
//! answers fit one list.
//!
//! Two copies of the cluster break the promise, and the same test must find it: in one the servers
//! store another id at each try, in the other one the standby is asynchronous.
//!
//! | file | what it has |
//! |---|---|
//! | `record.rs` | requests and answers |
//! | `check.rs` | the rules that a history keeps |
//! | `clients.rs` | clients over real sockets |
//! | `cluster.rs` | `cluster.sh`, and the databases in the moment before a kill |
//! | `copy.rs` | the servers without the ids |
//! | `draw.rs` | a history as a picture |
//!
//! Settings are environment variables:
//!
//! | variable | what it does |
//! |---|---|
//! | `HISTORY_SECONDS=12` | the good run takes 12 s and not 60 s |
//! | `HISTORY_PICTURE=overwrite` | the good run draws one failover as `pictures/history.svg` |
#![cfg(unix)]

mod check;
mod clients;
mod cluster;
mod copy;
mod draw;
mod record;

use anyhow::{Context, Result, bail, ensure};
use check::{Fault, check};
use clients::{Clients, Mix};
use cluster::{Cluster, Moment, Standby};
use draw::Event;
use record::{Answer, Ask, Request};
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use testing::process::until;
use testing::{Stage, needs};

const STAGE: Stage = testing::stage!();

/// How many seconds the good run takes if no variable says otherwise.
const SECONDS: u64 = 60;

/// How many runs a broken copy gets to show its fault.
const MOST_RUNS: usize = 10;

/// A history, and what was done to the cluster meanwhile.
struct Run {
    history: Vec<Request>,
    events: Vec<Event>,
    /// How many servers were killed.
    server_kills: usize,
    /// When each primary was killed, until it joined again as the standby.
    failovers: Vec<Range<Duration>>,
}

/// Lets clients ask while servers and primaries are killed, for this time at least. Primaries are
/// killed in each of `moments` in turn, and each one once at least.
fn run(cluster: &Cluster, mix: Mix, moments: &[Moment], least: Duration) -> Result<Run> {
    let clients = Clients::start(&cluster.addr, mix);
    let (mut events, mut server_kills, mut failovers) = (Vec::new(), 0, Vec::new());
    let mut note = |what: String| {
        let time = clients.elapsed();
        events.push(Event { time, what });
        time
    };
    writes_go_on(&clients, 100)?;
    while failovers.len() < moments.len() || clients.elapsed() < least {
        let round = failovers.len();
        let server = 1 + round % 3;
        note(format!("server {server} killed"));
        cluster.kill_server(server)?;
        server_kills += 1;
        // In each second round, the server stays away until the next primary is there.
        let is_away = round % 2 == 1;
        if !is_away {
            writes_go_on(&clients, 20)?;
            cluster.start_server(server)?;
            note(format!("server {server} started"));
        }
        writes_go_on(&clients, 50)?;
        let moment = moments[round % moments.len()];
        match moment {
            Moment::Any => {}
            Moment::Unsent => drop(note("standby gets nothing".to_string())),
            Moment::Unanswered => drop(note("standby applies nothing".to_string())),
        }
        cluster.prepare(moment)?;
        if moment != Moment::Any {
            let writes = clients.writes();
            until("a commit that waits, or that does not wait for the standby", || {
                let is_ready = cluster.a_commit_waits()? || clients.writes() > writes + 20;
                Ok(is_ready.then_some(()))
            })?;
        }
        let killed = note("primary killed".to_string());
        cluster.kill_primary()?;
        note("standby promoted".to_string());
        writes_go_on(&clients, 20)?;
        cluster.rejoin()?;
        failovers.push(killed..note("standby joined".to_string()));
        if is_away {
            cluster.start_server(server)?;
            note(format!("server {server} started"));
        }
        writes_go_on(&clients, 50)?;
    }
    let history = clients.stop()?;
    Ok(Run { history, events, server_kills, failovers })
}

/// Waits until so many more writes were answered.
fn writes_go_on(clients: &Clients, more: usize) -> Result<()> {
    let wanted = clients.writes() + more;
    until("answered writes", || Ok((clients.writes() >= wanted).then_some(())))
}

impl Run {
    /// Prints how many requests and kills there were, how long the clients waited, and the faults.
    fn report(&self, name: &str, faults: &[Fault]) {
        println!("\n{name}:");
        let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
        for request in &self.history {
            let answer = match &request.answer {
                Answer::None(why) => format!("no answer ({why})"),
                Answer::Wrong(_) => "wrong".to_string(),
                Answer::Missing => "404".to_string(),
                Answer::Stored(_) if matches!(request.ask, Ask::Post(_)) => "201".to_string(),
                _ => "200".to_string(),
            };
            *counts.entry((request.ask.name(), answer)).or_default() += 1;
        }
        for ((ask, answer), count) in counts {
            println!("{count:8}  {ask:6}  {answer}");
        }
        println!("{:8}  requests in all", self.history.len());
        println!("{:8}  servers killed", self.server_kills);
        println!("{:8}  primaries killed", self.failovers.len());
        let is_write = |request: &Request| matches!(request.ask, Ask::Post(_) | Ask::Put(..));
        for (what, mut waits) in
            [("write", self.waits(is_write)), ("request", self.waits(|_| true))]
        {
            waits.sort_unstable();
            let [median, longest] = [waits.len() / 2, waits.len() - 1].map(|place| waits[place]);
            println!(
                "after the kill of a primary, no {what} was answered for {:.2} s (median), \
                 {:.2} s (longest)",
                median.as_secs_f64(),
                longest.as_secs_f64()
            );
        }
        println!("faults found: {}", faults.len());
        let mut rules: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
        for fault in faults {
            rules.entry(fault.rule).or_default().push(fault);
        }
        for faults in rules.values() {
            println!("{:8}  {}", faults.len(), faults[0]);
        }
    }

    /// Returns the longest time without an answer in each failover, among requests of one kind.
    fn waits(&self, is_of_kind: impl Fn(&Request) -> bool) -> Vec<Duration> {
        let answered = |request: &&Request| request.is_answered() && is_of_kind(request);
        let mut ends: Vec<_> =
            self.history.iter().filter(answered).map(|request| request.end).collect();
        ends.sort_unstable();
        let wait = |failover: &Range<Duration>| {
            let mut last = failover.start;
            let mut longest = Duration::ZERO;
            for end in ends.iter().filter(|end| failover.contains(end)) {
                longest = longest.max(*end - last);
                last = *end;
            }
            longest
        };
        self.failovers.iter().map(wait).collect()
    }

    /// Draws the time around a failover, and writes the picture for the notes.
    fn draw(&self) -> Result<()> {
        let failover = self.failovers.get(1).or(self.failovers.first()).context("no failover")?;
        let second = Duration::from_secs(1);
        let shown = failover.start.saturating_sub(second)..failover.end + second;
        let svg = draw::draw(&self.history, &self.events, shown);
        let path = Path::new(STAGE.folder).join("../../pictures/history.svg");
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[needs("postgres", "haproxy")]
#[test]
fn nothing_that_was_answered_is_lost_or_doubled() -> Result<()> {
    let seconds = match env::var("HISTORY_SECONDS") {
        Ok(seconds) => seconds.parse().context("HISTORY_SECONDS is no number")?,
        Err(_) => SECONDS,
    };
    let cluster = Cluster::start(Path::new(STAGE.binary), Standby::Synchronous)?;
    let moments = [Moment::Unsent, Moment::Unanswered, Moment::Any];
    let run = run(&cluster, Mix::Usual, &moments, Duration::from_secs(seconds))?;
    let faults = check(&run.history);
    run.report("write ids, and a synchronous standby", &faults);
    if env::var("HISTORY_PICTURE").is_ok_and(|value| value == "overwrite") {
        run.draw()?;
    }
    assert_eq!(faults, []);
    Ok(())
}

#[needs("postgres", "haproxy")]
#[test]
fn servers_without_write_ids_store_a_message_twice() -> Result<()> {
    let binary = copy::without_write_ids(&STAGE)?;
    let start = || Cluster::start(&binary, Standby::Synchronous);
    let faults = find(start, Mix::Posts, Moment::Unanswered, "no write ids")?;
    ensure!(faults.iter().any(|fault| fault.rule == "places"), "no text is there twice");
    Ok(())
}

#[needs("postgres", "haproxy")]
#[test]
fn an_asynchronous_standby_loses_answered_writes() -> Result<()> {
    let start = || Cluster::start(Path::new(STAGE.binary), Standby::Asynchronous);
    let faults = find(start, Mix::Usual, Moment::Unsent, "an asynchronous standby")?;
    ensure!(
        faults.iter().any(|fault| ["registers", "locations", "gaps"].contains(&fault.rule)),
        "nothing is lost"
    );
    Ok(())
}

/// Runs new clusters, each with one failover, until the checker finds faults.
///
/// # Errors
/// No fault in [`MOST_RUNS`] runs.
fn find(
    start: impl Fn() -> Result<Cluster>,
    mix: Mix,
    moment: Moment,
    name: &str,
) -> Result<Vec<Fault>> {
    for number in 1..=MOST_RUNS {
        let run = run(&start()?, mix, &[moment], Duration::ZERO)?;
        let faults = check(&run.history);
        run.report(&format!("{name}, run {number}"), &faults);
        if !faults.is_empty() {
            return Ok(faults);
        }
    }
    bail!("{name}: no fault in {MOST_RUNS} runs")
}
