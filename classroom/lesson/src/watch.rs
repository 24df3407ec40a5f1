//! `cargo lesson watch`: the check is made again after each save, until all cases hold.

use crate::check::{self, BadArguments};
use crate::class::pairs::{Own, Pairs, Settings};
use crate::class::report::{NAME_WIDTH, clean, is_address};
use crate::class::send::Reporter;
use crate::{report, words};
use anyhow::{Context, Result, anyhow};
use contract::{Options, Outcome, Restart, Server};
use ladder::Ladder;
use notify::{Event, EventKind, RecursiveMode, Watcher};
use replay::Lang;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// How long it has to be quiet after a save: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(50);

/// Files with these ends are a program's source. While the server runs, a change of another file does not count: the
/// server may have written it, such as its messages.
const SOURCES: &str =
    "rs py js mjs cjs ts go c h cc cpp hpp cs java kt rb php pl lua hs ml ex exs swift zig toml";

/// The stage whose cases are checked, and the server.
#[derive(clap::Args)]
pub struct Arguments {
    /// The stage
    pub stage: String,
    /// Your own stage in the folder mine: it is built, and its server is started
    #[arg(conflicts_with = "run")]
    pub name: Option<String>,
    /// The command that starts your server: {addr} in it stands for HOST:PORT, {host} and {port} for the parts, and
    /// {db} for the URL of an empty PostgreSQL where the stage needs one
    #[arg(long, value_name = "COMMAND")]
    pub run: Option<String>,
    /// The address that the board of the class shows: the results of the checks go there, and no source
    #[arg(long, value_name = "HOST:PORT", requires = "nickname")]
    pub class: Option<String>,
    /// The name that the board shows for you
    #[arg(id = "nickname", long = "name", value_name = "NAME", requires = "class")]
    pub nickname: Option<String>,
    /// Let others of the class talk to your server: after each check it runs at an address that they can reach
    #[arg(long, requires = "class")]
    pub serve: bool,
    /// Let your client talk to the servers of the others, and show on the board who understands whom
    #[arg(long, requires = "class")]
    pub interop: bool,
    /// The command that starts your client, with {addr} for HOST:PORT, if it is not that of your copy. It reads lines as
    /// the client of the stage does
    #[arg(long, value_name = "COMMAND", requires = "interop")]
    pub client: Option<String>,
}

/// Checks the student's server, waits for a save, and checks it again. Returns when all cases hold.
///
/// # Errors
/// Wrong arguments ([`BadArguments`]), or files that the system does not watch.
pub fn run(ladder: &Ladder, arguments: &Arguments, lang: Lang) -> Result<()> {
    let (number, _) = check::stage(ladder, &arguments.stage)?;
    if arguments.name.is_none() && arguments.run.is_none() {
        let sentence = "give the name of your copy, or the command that starts your server: --run 'COMMAND {addr}'";
        return Err(BadArguments(sentence.to_string()).into());
    }
    let folders = folders(ladder, arguments)?;
    check_pairs(arguments, lang)?;
    let reporter = reporter(ladder, arguments, number, lang)?;
    replay::end_with_signals()?;
    let (sender, saved) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // This fails only when the program ends and nothing receives any more.
        let _ = sender.send(event);
    })
    .context("the system does not watch files")?;
    for folder in &folders {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {}", folder.display()))?;
    }
    let all = contract::ids(number).len();
    let pairs = pairs(arguments, number, reporter.as_ref(), lang)?;
    loop {
        let mut changed = false;
        // The screen is cleared before the build, so that the errors of the build stay on it.
        clear()?;
        if let Some(reporter) = &reporter {
            reporter.begin();
        }
        if let Some(pairs) = &pairs {
            pairs.pause();
        }
        // The others get the programs that were checked, also if a file that does not build is saved meanwhile.
        let own = own(ladder, arguments);
        let checked = match &own {
            Ok((server, _)) => check(server, number, &saved, &mut changed, reporter.as_ref()),
            Err(error) => Err(anyhow!("{error:#}")),
        };
        if !changed {
            if let Some(reporter) = &reporter {
                reporter.end(checked.as_deref().unwrap_or_default());
            }
            match &checked {
                Ok(outcomes) => report::print_bar(outcomes, all, lang)?,
                Err(error) => {
                    let sentence = words::say(lang, &format!("{error:#}"));
                    writeln!(anstream::stdout(), "{sentence}")?;
                }
            }
            if let (Some(pairs), Ok((server, client)), true) = (&pairs, own, checked.is_ok()) {
                pairs.go_on(server, client);
            }
            if checked.is_ok_and(|outcomes| outcomes.iter().all(Outcome::passed)) {
                let next = check::what_next(arguments.name.as_deref(), lang);
                let sentence = match (lang, next) {
                    (Lang::En, None) => format!("stage {number} is done"),
                    (Lang::En, Some(next)) => format!("stage {number} is done; {next}"),
                    (Lang::Ko, None) => format!("{number}단계를 마쳤습니다"),
                    (Lang::Ko, Some(next)) => format!("{number}단계를 마쳤습니다. {next}"),
                };
                writeln!(anstream::stdout(), "{sentence}")?;
                // The others go on to talk to a server that is done.
                if pairs.is_none() {
                    if let Some(reporter) = reporter {
                        reporter.finish();
                    }
                    return Ok(());
                }
            }
            let names: Vec<String> =
                folders.iter().map(|folder| folder.display().to_string()).collect();
            let sentence = match lang {
                Lang::En => {
                    let names = names.join(" or ");
                    format!("save a file in {names} to check again; Ctrl-C ends")
                }
                Lang::Ko => {
                    let names = names.join(", ");
                    format!("다시 검사하려면 이 폴더의 파일을 저장하세요: {names} (끝내기: Ctrl-C)")
                }
            };
            writeln!(anstream::stdout(), "\n{sentence}")?;
            // A server that runs may write files.
            wait(&saved, if arguments.serve { is_source } else { |_| true })?;
        }
        settle(&saved);
    }
}

/// The student's end of a board, if the results go to one.
///
/// # Errors
/// An address without a port, or a name that the board would not show as it is ([`BadArguments`]).
fn reporter(
    ladder: &Ladder,
    arguments: &Arguments,
    number: u32,
    lang: Lang,
) -> Result<Option<Reporter>> {
    let (Some(addr), Some(name)) = (&arguments.class, &arguments.nickname) else {
        return Ok(None);
    };
    if !is_address(addr) {
        let addr = contract::in_quotes(addr, 60);
        let sentence = match lang {
            Lang::En => {
                format!("{addr} is no address of a board; write HOST:PORT as the board shows it")
            }
            Lang::Ko => format!(
                "{addr}은(는) 보드의 주소가 아닙니다. 보드에 표시된 대로 HOST:PORT를 쓰세요"
            ),
        };
        return Err(BadArguments(sentence).into());
    }
    let name = name.trim();
    if name.is_empty() || clean(name) != name {
        let name = contract::in_quotes(name, 60);
        let korean = NAME_WIDTH / 2;
        let sentence = match lang {
            Lang::En => format!(
                "the board cannot show the name {name}; choose one of at most {NAME_WIDTH} letters and digits, or \
                 {korean} Korean letters"
            ),
            Lang::Ko => format!(
                "보드에 {name}(이)라는 이름을 표시할 수 없습니다. 한글 {korean}자, 영문자와 숫자 {NAME_WIDTH}자까지 쓸 수 있습니다"
            ),
        };
        return Err(BadArguments(sentence).into());
    }
    let copy = arguments.name.as_deref();
    Reporter::start(&ladder.root, addr, name, number, copy, lang).map(Some)
}

/// Whether the class can talk to the student's server, and the student's client to the others.
///
/// # Errors
/// A command that is missing or has no place for an address ([`BadArguments`]).
fn check_pairs(arguments: &Arguments, lang: Lang) -> Result<()> {
    let has_place = |line: &String| line.contains("{addr}");
    let server = arguments.run.as_ref().filter(|_| arguments.serve);
    let sentence = if server.is_some_and(|line| !has_place(line) && !line.contains("{port}")) {
        lang.choose(
            "--serve chooses the address of your server: write {addr} in the command of --run",
            Some("서버의 주소는 --serve가 고릅니다. --run의 명령에 {addr}를 쓰세요"),
        )
    } else if arguments.interop && arguments.run.is_some() && arguments.client.is_none() {
        lang.choose(
            "--interop needs your client: give its command, such as --client 'python3 client.py {addr}'",
            Some("--interop에는 클라이언트가 필요합니다. 명령을 쓰세요. 예: --client 'python3 client.py {addr}'"),
        )
    } else if arguments.client.as_ref().is_some_and(|line| !has_place(line)) {
        lang.choose(
            "your client has to know the server: write {addr} in the command of --client",
            Some("클라이언트가 서버의 주소를 알아야 합니다. --client의 명령에 {addr}를 쓰세요"),
        )
    } else {
        return Ok(());
    };
    Err(BadArguments(sentence.to_string()).into())
}

/// The student's end of the pairs, if the student takes part.
fn pairs(
    arguments: &Arguments,
    stage: u32,
    reporter: Option<&Reporter>,
    lang: Lang,
) -> Result<Option<Pairs>> {
    let (serve, interop) = (arguments.serve, arguments.interop);
    let (Some(class), Some(reporter)) = (&arguments.class, reporter.filter(|_| serve || interop))
    else {
        return Ok(None);
    };
    let settings = Settings { stage, class: class.clone(), serve, interop, lang };
    Pairs::start(settings, reporter.clone()).map(Some)
}

/// The student's server and client. A copy is built anew.
///
/// # Errors
/// There is no such copy, or it does not build.
fn own(ladder: &Ladder, arguments: &Arguments) -> Result<(Own, Own)> {
    let server = match (&arguments.name, &arguments.run) {
        (Some(name), _) => Own::Binary(check::binary(ladder, name)?),
        (None, line) => Own::Shell(line.clone().unwrap_or_default()),
    };
    let client = arguments.client.clone().map_or_else(|| server.clone(), Own::Shell);
    Ok((server, client))
}

/// One check. It stops early where a source file is saved meanwhile, and says so in `changed`.
fn check(
    server: &Own,
    number: u32,
    saved: &Receiver<notify::Result<Event>>,
    changed: &mut bool,
    reporter: Option<&Reporter>,
) -> Result<Vec<Outcome>> {
    let mut server = Server::Program(server.start(Ipv4Addr::LOCALHOST.into(), number)?);
    let mut progress = |outcome: &Outcome| {
        if let Some(reporter) = reporter {
            reporter.outcome(outcome);
        }
        *changed |= saved.try_iter().any(|event| is_save(&event, is_source));
        !*changed
    };
    let options =
        Options { restart: Restart::Itself, only: None, fail_fast: false, progress: &mut progress };
    let outcomes = contract::check(number, &mut server, options);
    drop(server);
    // What the server writes when it ends does not count as a save.
    while let Ok(event) = saved.recv_timeout(QUIET) {
        *changed |= is_save(&event, is_source);
    }
    outcomes
}

/// The folders in which the student's files are: that of the copy, or those of the files that the command names.
fn folders(ladder: &Ladder, arguments: &Arguments) -> Result<Vec<PathBuf>> {
    if let Some(name) = &arguments.name {
        let own = ladder.stage(name).map_err(|error| BadArguments(format!("{error:#}")))?;
        return Ok(vec![own.folder.join("src")]);
    }
    let line = arguments.run.as_deref().unwrap_or_default();
    let words = line.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
    let files = words.map(Path::new).filter(|path| path.is_file() && is_source(path));
    let folders: BTreeSet<PathBuf> = files
        .filter_map(Path::parent)
        .map(
            |folder| {
                if folder.as_os_str().is_empty() { "." } else { folder.to_str().unwrap_or(".") }
            },
        )
        .map(PathBuf::from)
        .collect();
    Ok(if folders.is_empty() { vec![PathBuf::from(".")] } else { folders.into_iter().collect() })
}

/// Waits until a file for which `counts` is true is saved.
fn wait(saved: &Receiver<notify::Result<Event>>, counts: fn(&Path) -> bool) -> Result<()> {
    loop {
        let event = saved.recv().context("the system does not watch files any more")?;
        if is_save(&event, counts) {
            return Ok(());
        }
    }
}

/// Waits until nothing more is written.
fn settle(saved: &Receiver<notify::Result<Event>>) {
    while saved.recv_timeout(QUIET).is_ok() {}
}

/// Whether an event is a save of a student's file for which `counts` is true.
fn is_save(event: &notify::Result<Event>, counts: fn(&Path) -> bool) -> bool {
    let Ok(event) = event else { return false };
    let writes =
        matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_));
    writes && event.paths.iter().any(|path| !is_by_the_way(path) && counts(path))
}

/// Whether a file is one that a program writes, and not a person: hidden, built, a database or a log.
fn is_by_the_way(path: &Path) -> bool {
    // Only below the folder that is watched does a hidden folder matter.
    let here = std::env::current_dir().unwrap_or_default();
    let below = path.strip_prefix(&here).unwrap_or(path);
    let below =
        if below.is_absolute() { Path::new(path.file_name().unwrap_or_default()) } else { below };
    let parts = below.components().map(|part| part.as_os_str().to_string_lossy());
    let built = |part: &str| ["target", "node_modules", "__pycache__"].contains(&part);
    let hidden = |part: &str| part.starts_with('.') && part.len() > 2;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let written = [".db", ".sqlite", ".log", "~", ".swp", ".tmp", ".pyc"];
    parts.into_iter().any(|part| built(&part) || hidden(&part))
        || written.iter().any(|end| name.contains(end))
}

fn is_source(path: &Path) -> bool {
    let end = path.extension().unwrap_or_default().to_string_lossy();
    SOURCES.split(' ').any(|source| source == end)
}

/// Clears the screen, where there is one.
fn clear() -> Result<()> {
    if io::stdout().is_terminal() {
        write!(io::stdout(), "\x1b[2J\x1b[H")?;
        // Standard output waits for the end of a line, and cargo and the thread that reports do not.
        io::stdout().flush()?;
    }
    Ok(())
}
