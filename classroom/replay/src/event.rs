//! What happens in a replay. The screen shows the events; a recorder can keep them.

use anyhow::Result;
use std::process::ExitStatus;

/// Something that happened. The texts of the replay itself are in its language, and what programs print is in English.
#[derive(Clone, Debug)]
pub enum Event {
    /// The first server listens; this is the title of the lesson.
    Title(String),
    /// The line of the lesson with this number, counted from 0, is played now.
    Line(usize),
    /// A sentence of the lesson.
    Said(String),
    /// A line was typed into the client.
    Typed(String),
    /// A command was started beside the client.
    Ran(String),
    /// Something was done to a server.
    Acted(String),
    /// Something was done to the client.
    ActedOnClient(String),
    /// The client printed this text.
    ClientPrinted(String),
    /// A command printed this text.
    CommandPrinted(String),
    /// A server printed lines about one connection, or a line about none.
    ServerPrinted {
        /// Its number, counted from 1.
        server: usize,
        /// The lines with their stamps.
        lines: Vec<String>,
    },
    /// A server ended by itself, or because it was asked to.
    Ended {
        /// Its number, counted from 1.
        server: usize,
        /// How it ended.
        status: ExitStatus,
    },
    /// A remark on the client or on a command.
    Note(String),
    /// A remark on a server.
    ServerNote(String),
}

/// A program that connects to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Participant {
    /// The client into which lines are typed.
    Client,
    /// A command of the stage, such as `attack`.
    Command,
}

/// Gets the events in the order in which they happen.
pub type Tell<'a> = &'a mut dyn FnMut(Event) -> Result<()>;

/// Gives the address at which a participant reaches a server, from the number of the server and its own address.
pub type Door<'a> = &'a mut dyn FnMut((Participant, usize), &str) -> Result<String>;
