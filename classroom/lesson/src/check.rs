//! `cargo lesson check`: whether a server, in whatever language it is written, does what a stage does.

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, ensure};
use ladder::Ladder;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// How long each case may take.
const LIMIT: Duration = Duration::from_secs(5);

const PASSED: Style = AnsiColor::Green.on_default();
const FELL_SHORT: Style = AnsiColor::Red.on_default();

/// Asks the server at `addr` (HOST:PORT) all that the contract says of the stage, and prints a line a case,
/// each as soon as it has been asked. The exit status is 1 where a case fell short.
pub fn run(ladder: &Ladder, stage: &str, addr: &str) -> Result<ExitCode> {
    let stage = ladder.stage(stage)?;
    let number = stage.number.with_context(|| {
        format!("{} is your own; say which stage its server shall be like", stage.name)
    })?;
    let cases = contract::cases(number)?;
    let port = addr.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    ensure!(port.is_some(), "{addr:?} is no address; write HOST:PORT, such as 127.0.0.1:8080");
    let mut output = anstream::stdout();
    let writes = match number {
        ..5 => "",
        5..7 => "; this adds messages to those that it has",
        7.. => "; this adds messages to those that it has, and changes what it added",
    };
    writeln!(output, "asking {addr} what {} answers{writes}", stage.name)?;
    let mut short = 0;
    for case in &cases {
        let outcome = case.ask(addr, LIMIT);
        short += usize::from(!outcome.passed());
        let text = outcome.to_string();
        let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
        let style = if outcome.passed() { PASSED } else { FELL_SHORT };
        writeln!(output, "{style}{line}{style:#}")?;
        if !rest.is_empty() {
            writeln!(output, "{rest}")?;
        }
    }
    let all = cases.len();
    Ok(if short == 0 {
        writeln!(output, "all {all} cases are as in {}", stage.name)?;
        ExitCode::SUCCESS
    } else {
        writeln!(output, "{short} of {all} cases fall short of {}", stage.name)?;
        ExitCode::FAILURE
    })
}
