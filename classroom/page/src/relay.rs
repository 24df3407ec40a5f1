//! A relay between a client and a server, which notes what goes over the wire: connections, bytes, FIN and RST. Each
//! participant gets a relay of its own, so that the owner of each connection is known.

use anyhow::{Context, Result};
use replay::{Event, Participant};
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the threads of other connections have to note what they have read.
const SETTLE_TIME: Duration = Duration::from_millis(5);

/// What was noted, in the order in which it happened.
#[derive(Debug)]
pub enum Note {
    /// Something of the replay.
    Replay(Event),
    /// A participant has opened a connection to the server with this number.
    Connect { connection: usize, who: Participant, server: usize },
    /// Bytes went over a connection.
    Data { connection: usize, from_server: bool, bytes: Vec<u8> },
    /// A side has ended its direction of a connection.
    Fin { connection: usize, from_server: bool },
    /// A side has aborted a connection.
    Rst { connection: usize, from_server: bool },
}

/// All notes of a recording. A clone has the same notes.
#[derive(Clone, Default)]
pub struct Notes {
    notes: Arc<Mutex<Vec<Note>>>,
    connections: Arc<AtomicUsize>,
}

impl Notes {
    /// Adds a note.
    pub fn add(&self, note: Note) {
        self.lock().push(note);
    }

    /// Takes all notes.
    pub fn take(&self) -> Vec<Note> {
        std::mem::take(&mut *self.lock())
    }

    /// A list is whole also after a thread has panicked.
    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a relay to `target` (HOST:PORT), which is the server with the number `server`. Returns the address of the
/// relay. Its threads end with this program, and those of a connection with the connection.
///
/// # Errors
/// There is no free port.
pub fn open(notes: &Notes, who: Participant, server: usize, target: &str) -> Result<SocketAddr> {
    let target: SocketAddr = target.parse().with_context(|| format!("{target} is no address"))?;
    let listener = TcpListener::bind("127.0.0.1:0").context("there is no free port")?;
    let addr = listener.local_addr()?;
    let notes = notes.clone();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A server that has ended refuses: the client sees a connection that ends at once.
            let Ok(server_side) = TcpStream::connect(target) else { continue };
            // What the participant did before on another connection is noted first.
            thread::sleep(SETTLE_TIME);
            let connection = notes.connections.fetch_add(1, Ordering::SeqCst) + 1;
            notes.add(Note::Connect { connection, who, server });
            let pair =
                Arc::new(Pair { client, server: server_side, aborted: AtomicBool::new(false) });
            for from_server in [false, true] {
                let (notes, pair) = (notes.clone(), pair.clone());
                thread::spawn(move || pair.forward(&notes, connection, from_server));
            }
        }
    });
    Ok(addr)
}

/// Both sides of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// Whether a side has sent RST.
    aborted: AtomicBool,
}

impl Pair {
    /// Passes on what one side sends, until that side ends its direction or aborts the connection.
    fn forward(&self, notes: &Notes, connection: usize, from_server: bool) {
        let (mut from, mut to) =
            if from_server { (&self.server, &self.client) } else { (&self.client, &self.server) };
        let mut buffer = vec![0; 1 << 16];
        loop {
            match from.read(&mut buffer) {
                // A side that was aborted has been shut down by `abort`.
                Ok(0) if self.aborted.load(Ordering::SeqCst) => return,
                Ok(0) => {
                    notes.add(Note::Fin { connection, from_server });
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(length) => {
                    let bytes = buffer[..length].to_vec();
                    notes.add(Note::Data { connection, from_server, bytes });
                    if to.write_all(&buffer[..length]).is_err() {
                        // The other side has aborted the connection before it read all.
                        return self.abort(notes, connection, !from_server);
                    }
                }
                Err(_) => return self.abort(notes, connection, from_server),
            }
        }
    }

    /// Notes an RST, and passes it on: a socket that is closed with a linger time of zero sends RST.
    fn abort(&self, notes: &Notes, connection: usize, from_server: bool) {
        if self.aborted.swap(true, Ordering::SeqCst) {
            return;
        }
        notes.add(Note::Rst { connection, from_server });
        for stream in [&self.client, &self.server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            // Wakes the other thread up, and sends nothing.
            let _ = stream.shutdown(Shutdown::Read);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// A relay to a server that is a thread of the test, and the connection of a client.
    fn relay(server: impl FnOnce(TcpStream) + Send + 'static) -> (Notes, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().to_string();
        thread::spawn(move || server(listener.accept().unwrap().0));
        let notes = Notes::default();
        let addr = open(&notes, Participant::Client, 1, &target).unwrap();
        (notes, TcpStream::connect(addr).unwrap())
    }

    /// What was noted, a letter each: connect, data, FIN and RST of the client, and in capitals those of the server.
    fn letters(notes: &Notes) -> String {
        let letter = |note: Note| match note {
            Note::Replay(_) => '?',
            Note::Connect { .. } => 'c',
            Note::Data { from_server, .. } => {
                if from_server {
                    'D'
                } else {
                    'd'
                }
            }
            Note::Fin { from_server, .. } => {
                if from_server {
                    'F'
                } else {
                    'f'
                }
            }
            Note::Rst { from_server, .. } => {
                if from_server {
                    'R'
                } else {
                    'r'
                }
            }
        };
        let mut letters: Vec<char> = notes.take().into_iter().map(letter).collect();
        letters.dedup();
        letters.into_iter().collect()
    }

    #[test]
    fn bytes_and_fin_are_passed_on() {
        let (notes, mut client) = relay(|mut stream| {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).unwrap();
            stream.write_all(&text).unwrap();
        });
        let sent = vec![7; 3_000_000];
        client.write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        assert!(got == sent);
        assert_eq!(letters(&notes), "cdfDF");
    }

    #[test]
    fn a_reset_of_the_server_reaches_the_client() {
        let (notes, mut client) = relay(|mut stream| {
            // A socket that is closed with unread data sends RST.
            let _ = stream.read(&mut [0]);
        });
        client.write_all(&[1; 100]).unwrap();
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(letters(&notes), "cdR");
    }

    #[test]
    fn a_reset_of_the_client_reaches_the_server() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (notes, client) = relay(move |mut stream| {
            sender.send(stream.read(&mut [0]).unwrap_err().kind()).unwrap();
        });
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(receiver.recv().unwrap(), ErrorKind::ConnectionReset);
        assert_eq!(letters(&notes), "cr");
    }
}
