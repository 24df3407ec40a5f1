//! `cargo lesson class`: the server of stage 13 on the network of the class, and a board of the students' results.
//!
//! The students run `cargo lesson watch 7 my_put --class HOST:PORT --name NAME`. The results of each check are a message
//! on the server, and the board reads the list of the messages again and again.
//!
//! - `report.rs` is one student's message.
//! - `send.rs` is the student's end, and `client.rs` the HTTP client of both ends.
//! - `board.rs` makes rows of the messages.
//! - `screen.rs` shows them in a terminal.
//! - `page.rs` shows them on a page for the projector, and `grid.rs` says whose client understands whose server.
//! - `pairs.rs` is the student's end of that: a server that is open to the class, and a client that talks to others'.
//! - `csv.rs` writes them into a file at the end.

pub mod board;
mod client;
mod csv;
mod grid;
mod page;
pub mod pairs;
pub mod report;
mod screen;
pub mod send;

use crate::check::BadArguments;
use anyhow::{Context, Error, Result, anyhow};
use board::Board;
use client::{Client, Trouble};
use ladder::Ladder;
use ladder::build::build;
use page::Page;
use replay::{Lang, Server};
use screen::Screen;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The stage whose server the class uses.
const STAGE: &str = "13";

/// Where it listens if no address is given. Port 8080 is left to the stages that are shown in the lesson.
const ADDR: &str = "0.0.0.0:8090";

/// How long the board waits before it reads the list again.
const POLL: Duration = Duration::from_millis(400);

/// How many times in a row the server may give no answer before it is started again.
const MOST_SILENT: u32 = 3;

/// The interfaces with these names are of no network outside the machine, and come last.
const VIRTUAL: [&str; 8] = ["br-", "docker", "tap", "tun", "utun", "vboxnet", "veth", "virbr"];

/// Where the server listens, and how the board is shown.
#[derive(clap::Args)]
#[command(
    after_help = "The board is shown until Ctrl-C. Anyone on the network can write to it: use it on a network that you \
                  trust as much as the class."
)]
pub struct Arguments {
    /// Where the server listens; 0.0.0.0 stands for each address of this machine, port 0 for a free port
    #[arg(long, value_name = "HOST:PORT", default_value = ADDR)]
    addr: String,
    /// Write the students' results into this file at the end, with their names
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The folder for the page that the projector shows [default: target/class in the workspace]
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// Show numbers in place of the names
    #[arg(long)]
    hide_names: bool,
    /// A student of whom nothing came for so long is shown as away
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    away: u64,
}

/// Starts the server and shows the board until a signal comes. Then it writes the CSV and ends the server.
///
/// # Errors
/// Wrong arguments ([`BadArguments`]), a server that does not start, or an output that is closed.
pub fn run(ladder: &Ladder, arguments: &Arguments, lang: Lang) -> Result<()> {
    let addr = &arguments.addr;
    let port = addr.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        let addr = contract::in_quotes(addr, 60);
        let sentence = match lang {
            Lang::En => format!("{addr} is no address; write HOST:PORT, such as {ADDR}"),
            Lang::Ko => format!("{addr}은(는) 주소가 아닙니다. {ADDR}처럼 HOST:PORT를 쓰세요"),
        };
        return Err(BadArguments(sentence).into());
    }
    let ends = replay::note_signals()?;
    // The file is made now, so that a fault of its path is found before the lesson and not after it.
    let csv = arguments.csv.as_deref().map(|path| csv::File::create(path, lang)).transpose()?;
    let folder = arguments.page.clone().unwrap_or_else(|| ladder.root.join("target/class"));
    let stage = ladder.stage(STAGE)?;
    let built = build(ladder, &[stage])?;
    let binary = built.get(&stage.name).context("cargo has built no program")?;
    let mut server =
        Server::start(binary, addr).map_err(|error| not_started(&error, addr, lang))?;
    let listens: SocketAddr = server.addr().parse().context("the server has no address")?;
    let away = Duration::from_secs(arguments.away);
    let addresses = addresses(listens);
    let page = Page::new(&folder, &screen::join(&addresses), arguments.hide_names, away, lang)?;
    let screen = Screen::new(&addresses, &page.path(), arguments.hide_names, away, lang);
    let mut class = Class {
        client: Client::new(&own(listens).to_string()),
        board: Board::default(),
        screen,
        page,
        silent: 0,
        lang,
    };
    let shown = class.show_until(&ends, &mut server);
    // A terminal that was closed loses no results.
    let written = csv.map(|csv| csv.write(&class.board, lang, &mut io::stdout())).transpose()?;
    shown?;
    if let Some(sentence) = written {
        writeln!(anstream::stdout(), "{sentence}")?;
    }
    Ok(())
}

/// Why the server does not start. Its own sentence has advice for a server that no class uses.
fn not_started(error: &Error, addr: &str, lang: Lang) -> Error {
    let error = format!("{error:#}");
    let after = error.split_once(&format!("cannot listen on {addr}: "));
    let reason = after.and_then(|(_, reason)| reason.split(';').next()).unwrap_or(&error);
    match lang {
        Lang::En => anyhow!(
            "the server of the class cannot listen on {addr}: {reason}; choose another port, such as --addr 0.0.0.0:8091"
        ),
        Lang::Ko => anyhow!(
            "수업 서버가 {addr}에서 연결을 기다릴 수 없습니다: {reason}. --addr 0.0.0.0:8091처럼 다른 포트를 고르세요"
        ),
    }
}

/// The board while it is shown.
struct Class {
    client: Client,
    board: Board,
    screen: Screen,
    page: Page,
    /// How many times in a row the server gave no answer.
    silent: u32,
    lang: Lang,
}

impl Class {
    /// Reads the server's list, and starts the server again if it has ended or gives no answer.
    fn read(&mut self, server: &mut Server) {
        // The log is not shown. It is taken away, so that it takes no memory.
        let _ = server.said();
        let trouble = match self.client.list() {
            Ok(list) => {
                self.silent = 0;
                self.board.read(list, Instant::now());
                return;
            }
            Err(trouble) => trouble,
        };
        self.silent += 1;
        let has_ended = server.ended().unwrap_or(true);
        if !has_ended && self.silent < MOST_SILENT {
            return;
        }
        // The messages are in the server's file.
        let sentence = match (server.restart(), self.lang) {
            (Ok(()), Lang::En) => {
                "the server ended and was started again; the results are still there".to_string()
            }
            (Ok(()), Lang::Ko) => {
                "서버가 종료되어 다시 시작했습니다. 결과는 그대로 남아 있습니다".to_string()
            }
            (Err(error), lang) => {
                let reason = match trouble {
                    Trouble::Silent(reason) | Trouble::Other(reason) => reason,
                    Trouble::Full => String::new(),
                };
                let error = contract::in_quotes(format!("{error:#}"), 200);
                match lang {
                    Lang::En => format!(
                        "the server gives no answer ({reason}) and does not start again: {error}"
                    ),
                    Lang::Ko => {
                        format!("서버가 응답하지 않고({reason}) 다시 시작되지도 않습니다: {error}")
                    }
                }
            }
        };
        self.silent = 0;
        self.screen.note(&sentence);
    }
}

impl Class {
    /// Shows the board until `ends` is set.
    ///
    /// # Errors
    /// The terminal is closed.
    fn show_until(&mut self, ends: &AtomicBool, server: &mut Server) -> Result<()> {
        self.screen.begin()?;
        while !ends.load(Ordering::Relaxed) {
            self.read(server);
            self.show()?;
            thread::sleep(POLL);
        }
        // What came last is in the CSV, too.
        self.read(server);
        self.show()?;
        self.screen.end(&self.board, Instant::now())
    }

    /// Shows the board in the terminal and on the page.
    ///
    /// # Errors
    /// The terminal is closed.
    fn show(&mut self) -> Result<()> {
        let now = Instant::now();
        // The terminal goes on without the page.
        if let Err(error) = self.page.write(&self.board, self.screen.noted(), now) {
            self.screen.note(&format!("{error:#}"));
        }
        self.screen.show(&self.board, now)
    }
}

/// The address at which this machine itself reaches the server.
fn own(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

/// The addresses that students can type (HOST:PORT), each with the name of its interface; that of this machine itself if
/// there is no network.
fn addresses(listens: SocketAddr) -> Vec<(String, String)> {
    if !listens.ip().is_unspecified() {
        return vec![(listens.to_string(), String::new())];
    }
    let mut found: Vec<if_addrs::Interface> = if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|one| !one.is_loopback() && !one.is_link_local())
        .filter(|one| one.ip().is_ipv4() || listens.is_ipv6())
        .collect();
    let is_virtual = |name: &str| VIRTUAL.iter().any(|start| name.starts_with(start));
    found.sort_by_key(|one| (is_virtual(&one.name), one.ip().is_ipv6()));
    if found.is_empty() {
        return vec![(own(listens).to_string(), String::new())];
    }
    let addr = |one: if_addrs::Interface| {
        (SocketAddr::new(one.ip(), listens.port()).to_string(), one.name)
    };
    found.into_iter().map(addr).collect()
}
