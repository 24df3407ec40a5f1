//! Many clients that post at the same time, each as soon as it is answered. A message that was answered must be
//! in the list afterwards, also if the server was killed.

use anyhow::{Result, bail};
use contract::Answered;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

/// Running clients. Each stops when a request of its own fails.
pub struct Writers {
    answers: Receiver<Answered>,
    clients: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts `count` clients of the server at `addr`. All their texts begin with `label` and differ.
    pub fn start(addr: &str, count: usize, label: &str) -> Writers {
        let (sender, answers) = mpsc::channel();
        let client = |client| {
            let (sender, url, label) =
                (sender.clone(), format!("http://{addr}"), label.to_string());
            thread::spawn(move || {
                for number in 0.. {
                    let text = format!("{label}, client {client}, message {number}");
                    let Ok(response) = ureq::post(&url).send(&text) else { return };
                    let location = response.headers().get("location");
                    let index = location.and_then(|value| value.to_str().ok()?.get(1..));
                    // Without an index the test does not find the message, and fails.
                    let index = index.and_then(|index| index.parse().ok()).unwrap_or(usize::MAX);
                    if sender.send((index, text)).is_err() {
                        return;
                    }
                }
            })
        };
        let clients = (0..count).map(client).collect();
        Writers { answers, clients }
    }

    /// Waits for `count` answers; for fewer if all clients stop before.
    pub fn take(&self, count: usize) -> Vec<Answered> {
        self.answers.iter().take(count).collect()
    }

    /// Waits until all clients have stopped. Returns the answers not taken before.
    pub fn rest(self) -> Vec<Answered> {
        self.answers.iter().collect()
    }

    /// Stops the clients. Each of them gets the answer to the request that is under way, which is not returned. After
    /// that the list changes no more.
    pub fn stop(self) {
        drop(self.answers);
        for client in self.clients {
            // A client that has panicked has stopped, too.
            let _ = client.join();
        }
    }
}

/// The list of the server at `addr`.
pub fn list(addr: &str) -> Result<Vec<String>> {
    let text = ureq::get(format!("http://{addr}")).call()?.body_mut().read_to_string()?;
    Ok(serde_json::from_str(&text)?)
}

/// Checks that `list` has each message of `answered` at its index.
pub fn is_all_in(answered: &[Answered], list: &[String]) -> Result<()> {
    match contract::lost(answered, list).first() {
        None => Ok(()),
        Some((index, text)) => {
            bail!("{text:?} was answered with /{index}, where {:?} is", list.get(*index))
        }
    }
}
