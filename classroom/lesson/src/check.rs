//! `cargo lesson check`: whether a server, in whatever language it is written, does what a stage does.

use crate::report;
use anyhow::{Context, Result};
use contract::{Options, Outcome, Program, Restart, Server};
use ladder::build::build;
use ladder::{Ladder, Stage};
use replay::Lang;
use std::io::{self, IsTerminal, Write};
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where a student's server listens if no address is given.
pub const ADDR: &str = "127.0.0.1:8080";

/// Where a student's server keeps its messages if the stage needs PostgreSQL: the words in capitals are to be replaced.
const DB: &str = "postgresql://USER@HOST:PORT/NAME";

/// Which cases are checked, on which server, and how the outcome is shown.
#[derive(clap::Args)]
#[command(
    after_help = "The exit status is 0 where all cases hold, 1 where one does not, and 2 for bad arguments."
)]
pub struct Arguments {
    /// The stage
    pub stage: String,
    /// Your own stage in the folder mine: it is built, and its server is started
    #[arg(conflicts_with_all = ["addr", "run"])]
    pub name: Option<String>,
    /// The address of a server that is already running [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "run")]
    pub addr: Option<String>,
    /// The command that starts your server: {addr} in it stands for HOST:PORT, {host} and {port} for the parts, and
    /// {db} for the URL of an empty PostgreSQL where the stage needs one
    #[arg(long, value_name = "COMMAND")]
    pub run: Option<String>,
    /// Only the case with this id
    #[arg(long, value_name = "ID")]
    pub only: Option<String>,
    /// One line for each case
    #[arg(long, conflicts_with = "json")]
    pub brief: bool,
    /// JSON: an array of objects with stage, id, passed, section, seconds and reason
    #[arg(long)]
    pub json: bool,
    /// Stop at the first case that does not hold
    #[arg(long)]
    pub fail_fast: bool,
    /// Leave out the cases that restart the server
    #[arg(long)]
    pub no_restart: bool,
}

/// What is wrong with the arguments, in a sentence. The exit status is then 2.
#[derive(Debug)]
pub struct BadArguments(pub String);

impl std::fmt::Display for BadArguments {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for BadArguments {}

/// Sends a server all requests of the stage's contract, and prints which cases hold. The exit status is 1 where a
/// case does not hold.
///
/// # Errors
/// Wrong arguments ([`BadArguments`]), no server at the address, or a copy that does not build.
pub fn run(ladder: &Ladder, arguments: &Arguments, lang: Lang) -> Result<ExitCode> {
    let (number, stage) = stage(ladder, &arguments.stage)?;
    let ids = contract::ids(number);
    if let Some(only) = arguments.only.as_deref().filter(|only| !ids.contains(only)) {
        let sentence = format!("stage {number} has no case {only:?}; it has {}", ids.join(", "));
        return Err(BadArguments(sentence).into());
    }
    if arguments.name.is_some() || arguments.run.is_some() {
        replay::end_with_signals()?;
    }
    let mut server = server(ladder, number, arguments)?;
    let restart_ids: Vec<&str> =
        ids.iter().copied().filter(|id| id.starts_with("restart-")).collect();
    let only = arguments.only.as_deref().unwrap_or_default();
    if arguments.no_restart && restart_ids.contains(&only) {
        let sentence =
            format!("{only} needs a restart, and --no-restart leaves it out; choose one");
        return Err(BadArguments(sentence).into());
    }
    // A signal goes only to a program that the check has started, and Windows has no signals.
    let is_program = matches!(server, Server::Program(_));
    let has_signal = cfg!(unix) && is_program;
    let end_ids: Vec<&str> =
        ids.iter().copied().filter(|id| id.starts_with("orderly-end") && !has_signal).collect();
    if end_ids.contains(&only) {
        let sentence =
            format!("{only} sends a signal to the server: start it with --run, on a Unix");
        return Err(BadArguments(sentence).into());
    }
    let mut left_out = Vec::new();
    if arguments.no_restart {
        left_out.push((restart_ids, "--no-restart"));
    }
    left_out.push((end_ids, "needs --run, on a Unix"));
    left_out.retain(|(ids, _)| !ids.is_empty() && only.is_empty());
    let without: usize = left_out.iter().map(|(ids, _)| ids.len()).sum();
    let asks = arguments.only.as_ref().map_or(ids.len() - without, |_| 1);
    let outcomes = ask(&mut server, number, arguments, asks, lang)
        .map_err(|error| with_command(error, ladder, stage, arguments))?;
    if !arguments.json {
        let sentence = what_was_asked(number, stage, &address(&server), asks, lang);
        writeln!(anstream::stdout(), "{sentence}")?;
    }
    if arguments.json {
        print_json(&outcomes)?;
    } else if arguments.brief {
        report::print_brief(&outcomes, lang)?;
    } else {
        let start = start_of(number, arguments);
        let again = again(arguments);
        report::print(&outcomes, &again, start.as_deref(), &left_out, lang)?;
    }
    let passed = outcomes.iter().all(Outcome::passed);
    if passed
        && !arguments.json
        && arguments.only.is_none()
        && let Some(next) = what_next(arguments.name.as_deref(), lang)
    {
        writeln!(anstream::stdout(), "{next}")?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The number of the stage whose contract is asked, and the stage if it is one of the ladder. The contract may
/// have a stage before the ladder has it.
///
/// # Errors
/// A name that is no stage, or that of a copy ([`BadArguments`]).
pub fn stage<'a>(ladder: &'a Ladder, name: &str) -> Result<(u32, Option<&'a Stage>)> {
    match ladder.stage(name) {
        Ok(stage) => match stage.number {
            Some(number) => Ok((number, Some(stage))),
            None => {
                let sentence = format!(
                    "{} is your own; the stage whose answers it should have comes first: cargo lesson check 7 {}",
                    stage.name, stage.name
                );
                Err(BadArguments(sentence).into())
            }
        },
        Err(error) => match name.parse() {
            Ok(number) if (1..=contract::last_stage()).contains(&number) => Ok((number, None)),
            _ => Err(BadArguments(format!("{error:#}")).into()),
        },
    }
}

/// The server that is asked: one that runs already, or one that is started now.
fn server(ladder: &Ladder, number: u32, arguments: &Arguments) -> Result<Server> {
    let (name, line) = (arguments.name.as_deref(), arguments.run.as_deref());
    if let Some(program) = program(ladder, number, name, line)? {
        return Ok(Server::Program(program));
    }
    let addr = arguments.addr.as_deref().unwrap_or(ADDR);
    let port = addr.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        let sentence = format!("{addr:?} is no address; write HOST:PORT, such as {ADDR}");
        return Err(BadArguments(sentence).into());
    }
    // Looked up once: a slow name server must not slow down each case.
    let mut found = addr
        .to_socket_addrs()
        .with_context(|| format!("cannot find the host in {addr}"))?
        .collect::<Vec<_>>();
    found.sort_by_key(|candidate| !candidate.is_ipv4());
    let first = found.first().with_context(|| format!("{addr} has no address"))?;
    Ok(Server::Address(first.to_string()))
}

/// Starts the student's server for stage `number`: the copy `name`, built anew, or the command `line`. `None` where
/// there is neither.
///
/// # Errors
/// There is no such copy, it does not build, or PostgreSQL is not installed and the stage needs it.
fn program(
    ladder: &Ladder,
    number: u32,
    name: Option<&str>,
    line: Option<&str>,
) -> Result<Option<Program>> {
    if let Some(name) = name {
        let binary = binary(ladder, name)?;
        return Ok(Some(Program::binary(&binary, contract::database(number)?)?));
    }
    let Some(line) = line else { return Ok(None) };
    // A command without {db} starts a server that has its database already.
    let database = if line.contains("{db}") { contract::database(number)? } else { None };
    Ok(Some(Program::shell(line, database)?))
}

/// Builds the copy `name`, and returns where its program is.
///
/// # Errors
/// There is no such copy, or it does not build.
pub fn binary(ladder: &Ladder, name: &str) -> Result<PathBuf> {
    let own = ladder.stage(name).map_err(|error| BadArguments(format!("{error:#}")))?;
    let mut built = build(ladder, &[own])?;
    built.remove(&own.name).context("cargo has built no program")
}

fn address(server: &Server) -> String {
    match server {
        Server::Address(addr) => addr.clone(),
        Server::Program(program) => program.addr().to_string(),
    }
}

/// Checks all cases, and shows on a terminal how many are done.
fn ask(
    server: &mut Server,
    number: u32,
    arguments: &Arguments,
    asks: usize,
    lang: Lang,
) -> Result<Vec<Outcome>> {
    let shows = io::stderr().is_terminal() && !arguments.json;
    let mut asked = 0;
    let mut progress = |_: &Outcome| {
        asked += 1;
        if shows {
            match lang {
                Lang::En => eprint!("\r{asked} of {asks} \r"),
                Lang::Ko => eprint!("\r{asked}/{asks} \r"),
            }
        }
        true
    };
    let mut enter = || ask_for_enter(lang);
    let restart = match server {
        _ if arguments.no_restart => Restart::LeaveOut,
        Server::Program(_) => Restart::Itself,
        Server::Address(_) => Restart::Ask(&mut enter),
    };
    let options = Options {
        restart,
        only: arguments.only.clone(),
        fail_fast: arguments.fail_fast,
        progress: &mut progress,
    };
    contract::check(number, server, options)
}

/// Asks the person to start the server again. Returns whether Enter was pressed.
fn ask_for_enter(lang: Lang) -> bool {
    let sentence = lang.choose(
        "Stop the server with Ctrl-C, start it again at the same address, and press Enter here \
         (--no-restart leaves this out): ",
        Some(
            "서버를 Ctrl-C로 끝내고 같은 주소에서 다시 시작한 다음, 여기서 Enter를 누르세요 \
             (--no-restart를 붙이면 이 검사를 건너뜁니다): ",
        ),
    );
    eprint!("{sentence}");
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok_and(|length| length > 0)
}

/// Adds to the error the command that starts a server, unless the check has started one.
fn with_command(
    error: anyhow::Error,
    ladder: &Ladder,
    stage: Option<&Stage>,
    arguments: &Arguments,
) -> anyhow::Error {
    let started = arguments.run.is_some() || arguments.name.is_some();
    match stage.or_else(|| ladder.stages().next_back()) {
        Some(stage) if !started => {
            let addr = arguments.addr.as_ref().map(|addr| format!(" --addr {addr}"));
            let addr = addr.unwrap_or_default();
            let db = db_argument(stage.number.unwrap_or_default());
            anyhow::anyhow!(
                "{error:#}; start a server first, such as: cargo run -p {} -- server{addr}{db}; \
                 or let the check start it: --run 'COMMAND {{addr}}'",
                stage.name
            )
        }
        _ => error,
    }
}

/// What was asked, of which server, and how many cases there are.
fn what_was_asked(
    number: u32,
    stage: Option<&Stage>,
    addr: &str,
    asks: usize,
    lang: Lang,
) -> String {
    match lang {
        Lang::En => {
            let what = stage.map_or_else(|| format!("stage {number}"), |stage| stage.name.clone());
            let cases = if asks == 1 { "1 case".to_string() } else { format!("{asks} cases") };
            format!("asked {addr} what {what} answers: {cases}")
        }
        Lang::Ko => {
            let what = stage.map_or_else(|| format!("{number}단계"), |stage| stage.name.clone());
            format!("{addr} 서버가 {what} 서버와 똑같이 응답하는지 검사했습니다. 케이스 {asks}개")
        }
    }
}

/// What to do with a copy that is done.
pub fn what_next(name: Option<&str>, lang: Lang) -> Option<String> {
    name.map(|name| match lang {
        Lang::En => format!("commit mine/{name} and Cargo.lock"),
        Lang::Ko => format!("이제 커밋하세요: mine/{name}, Cargo.lock"),
    })
}

/// The command that starts the server, for a student who types a command of the report; `None` if it runs already.
fn start_of(number: u32, arguments: &Arguments) -> Option<String> {
    let by_name = |name: &String| format!("cargo run -p {name} -- server{}", db_argument(number));
    let (host, port) = ADDR.split_once(':').unwrap_or((ADDR, ""));
    let by_line = |line: &String| {
        let line = line.replace("{addr}", ADDR).replace("{host}", host).replace("{port}", port);
        line.replace("{db}", DB)
    };
    arguments.name.as_ref().map(by_name).or_else(|| arguments.run.as_ref().map(by_line))
}

/// The argument for the store, for a server of stage `number` that a person starts.
fn db_argument(number: u32) -> String {
    if contract::needs_postgresql(number) { format!(" --db {DB}") } else { String::new() }
}

/// The command that makes the same check once more.
fn again(arguments: &Arguments) -> String {
    let mut command = format!("cargo lesson check {}", arguments.stage);
    if let Some(name) = &arguments.name {
        command.push_str(&format!(" {name}"));
    }
    if let Some(addr) = &arguments.addr {
        command.push_str(&format!(" --addr {addr}"));
    }
    if let Some(line) = &arguments.run {
        command.push_str(&format!(" --run '{line}'"));
    }
    command
}

fn print_json(outcomes: &[Outcome]) -> Result<()> {
    let objects: Vec<serde_json::Value> = outcomes
        .iter()
        .map(|outcome| {
            serde_json::json!({
                "stage": outcome.stage,
                "id": outcome.id,
                "passed": outcome.passed(),
                "section": outcome.section,
                "seconds": (outcome.seconds * 1000.0).round() / 1000.0,
                "reason": outcome.reason(),
            })
        })
        .collect();
    writeln!(anstream::stdout(), "{}", serde_json::to_string_pretty(&objects)?)?;
    Ok(())
}
