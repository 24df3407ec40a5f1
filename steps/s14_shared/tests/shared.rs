//! Several servers share one store.

use anyhow::{Context, Result, bail, ensure};
use replay::Server;
use std::collections::BTreeSet;
use std::thread;
use testing::writers::{self, Writers};
use testing::{Stage, needs, raw};

const STAGE: Stage = testing::stage!();

/// Servers that share one new store. They start at the same time.
fn servers(count: usize) -> Result<Vec<Server>> {
    let database = STAGE.database()?;
    let start = || STAGE.server_over(database.as_ref());
    thread::scope(|scope| {
        let starting: Vec<_> = (0..count).map(|_| scope.spawn(start)).collect();
        let started = starting.into_iter().map(|server| match server.join() {
            Ok(server) => server,
            Err(_) => bail!("a thread panicked"),
        });
        started.collect()
    })
}

fn request(method: &str, path: &str, text: &str) -> String {
    let length = text.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
    )
}

/// What one server stores, each other one shows at once: a message, its change, and the list.
#[needs("postgres")]
#[test]
fn what_one_server_stores_the_others_show_at_once() -> Result<()> {
    let servers = servers(3)?;
    for round in 0..30 {
        let (one, other) = (&servers[round % 3], &servers[(round + 1) % 3]);
        let made = raw::ask(one.addr(), request("POST", "/", &format!("text {round}")))?;
        ensure!(made.contains(&format!("\r\nLocation: /{round}\r\n")), "{made}");
        let path = format!("/{round}");
        let found = raw::ask(other.addr(), request("GET", &path, ""))?;
        ensure!(found.ends_with(&format!("\r\n\r\ntext {round}")), "{found}");
        let changed = raw::ask(other.addr(), request("PUT", &path, &format!("new text {round}")))?;
        ensure!(raw::status_of(&changed) == "200", "{changed}");
        for server in &servers {
            let list = writers::list(server.addr())?;
            ensure!(list.len() == round + 1, "{list:?}");
            ensure!(list[round] == format!("new text {round}"), "{list:?}");
        }
    }
    Ok(())
}

/// Servers that start at the same time make the tables once, and none of them fails.
#[needs("postgres")]
#[test]
fn eight_servers_make_the_tables_together() -> Result<()> {
    for _ in 0..3 {
        let servers = servers(8)?;
        for (number, server) in servers.iter().enumerate() {
            let made = raw::ask(server.addr(), request("POST", "/", "text"))?;
            ensure!(made.contains(&format!("\r\nLocation: /{number}\r\n")), "{made}");
        }
        for server in &servers {
            ensure!(writers::list(server.addr())?.len() == 8, "a server has another list");
        }
    }
    Ok(())
}

/// A crowd writes through three servers, and one of them is killed. The others go on, each message that was answered
/// is at its index, and none is there twice. The killed one starts again and has the same list.
#[needs("postgres")]
#[test]
fn a_killed_server_takes_nothing_along() -> Result<()> {
    let mut servers = servers(3)?;
    let mut answered = Vec::new();
    for round in 0..5 {
        let start = |(number, server): (usize, &Server)| {
            Writers::start(server.addr(), 8, &format!("round {round}, server {number}"))
        };
        let crowds: Vec<Writers> = servers.iter().enumerate().map(start).collect();
        for crowd in &crowds {
            answered.extend(crowd.take(40));
        }
        let killed = round % 3;
        servers[killed].kill();
        for (number, crowd) in crowds.into_iter().enumerate() {
            if number == killed {
                answered.extend(crowd.rest());
            } else {
                let more = crowd.take(20);
                ensure!(more.len() == 20, "server {number} does not go on");
                answered.extend(more);
            }
        }
        servers[killed].restart()?;
        let lists: Result<Vec<_>> =
            servers.iter().map(|server| writers::list(server.addr())).collect();
        let lists = lists?;
        for list in &lists {
            writers::is_all_in(&answered, list).with_context(|| format!("round {round}"))?;
            let distinct: BTreeSet<&String> = list.iter().collect();
            ensure!(distinct.len() == list.len(), "round {round}: a text is there twice");
        }
    }
    Ok(())
}
