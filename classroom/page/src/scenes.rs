//! What happens in a lesson, from a real run: the lesson is played through relays, and what they noted becomes a scene:
//! for each line of the lesson the messages that went over the wire, and what the programs printed.

use crate::messages::{self, Message};
use crate::relay::{self, Note, Notes};
use anyhow::{Context, Result};
use ladder::Stage;
use replay::{Event, Lang, Lesson, Line, Participant};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::process::ExitStatus;

/// If a step has at least this many connections, only their number is shown.
const CROWD: usize = 13;

/// The attack that ends a server in which an error of one connection ends the program.
const RST: [&str; 2] = ["attack", "rst"];

/// How many characters of a text or a body are shown.
const MAX_SHOWN_CHARS: usize = 400;

/// The address of this machine, before a port, which differs from run to run.
const HOST: &str = "127.0.0.1:";

/// The fields of the messages of a scene, for the one after it: for each direction the names and the last values.
#[derive(Clone, Default)]
pub struct Fields([HashMap<String, String>; 2]);

/// What a stage's lesson shows.
pub struct Scene {
    /// The steps, as the page's script reads them.
    pub steps: Vec<Value>,
    /// The fields of its messages.
    pub fields: Fields,
}

/// Plays the lesson of a stage with its program. `before` is the stage before it with its program: where the attack
/// `rst` of this lesson ends the server of that stage, it is recorded as well.
///
/// # Errors
/// A server or a client that fails.
pub fn record(
    lesson: &Lesson,
    binary: &Path,
    before: Option<(&Stage, &Path)>,
) -> Result<Recordings> {
    let lesson_notes = Recording::of(lesson, binary)?;
    if let Some(error) = lesson_notes.error {
        return Err(error);
    }
    let mut ending = None;
    let is_rst = |line: &Line| matches!(line, Line::Run { words, .. } if *words == RST);
    if let Some((stage, binary)) = before
        && lesson.lines.iter().any(is_rst)
    {
        let same = Lesson::parse(&format!("# The same attack\n$ {}\n", RST.join(" ")))?;
        let recording = Recording::of(&same, binary)?;
        // A server that goes on after the attack has nothing to show here.
        if recording.error.is_some() {
            ending = Some((stage.name.clone(), same, recording.notes));
        }
    }
    Ok(Recordings { notes: lesson_notes.notes, ending })
}

/// Makes a scene of what was recorded. `fields` are those of the scene before it.
///
/// # Errors
/// Notes that do not fit together. A recording has none.
pub fn scene(lesson: &Lesson, recordings: Recordings, fields: &Fields) -> Result<Scene> {
    let mut maker = Maker::new(fields.clone());
    let mut steps = maker.steps(lesson, recordings.notes)?;
    let lifelines = maker.lifelines(lesson);
    let place = steps.iter().position(|step| step["text"]["en"] == RST.join(" "));
    if let (Some(place), Some((name, same, notes))) = (place, recordings.ending) {
        let mut ending = Maker::new(Fields::default()).steps(&same, notes)?;
        for step in &mut ending {
            step["say"] = json!({
                "en": format!("The same attack on the server of the stage before, {name}: the server ends."),
                "ko": format!("앞 단계인 {name}의 서버에 같은 공격을 하면 서버가 끝납니다."),
            });
            step["stage"] = json!(name);
            step["lifelines"] = json!(lifelines);
        }
        steps.splice(place..place, ending);
    }
    Ok(Scene { steps, fields: maker.seen })
}

/// What was recorded for a stage.
pub struct Recordings {
    notes: Vec<Note>,
    /// The name of the stage before, a lesson with one attack, and what that server did.
    ending: Option<(String, Lesson, Vec<Note>)>,
}

/// What was noted while a lesson was played.
struct Recording {
    notes: Vec<Note>,
    /// Why the lesson ended early.
    error: Option<anyhow::Error>,
}

impl Recording {
    /// Plays a lesson through relays.
    fn of(lesson: &Lesson, binary: &Path) -> Result<Recording> {
        let notes = Notes::default();
        let mut relays: BTreeMap<(Participant, usize, String), String> = BTreeMap::new();
        let mut tell = |event| {
            notes.add(Note::Replay(event));
            Ok(())
        };
        let mut door = |(who, server): (Participant, usize), addr: &str| {
            let key = (who, server, addr.to_string());
            if let Some(relay) = relays.get(&key) {
                return Ok(relay.clone());
            }
            let relay = relay::open(&notes, who, server, addr)?.to_string();
            relays.insert(key, relay.clone());
            Ok(relay)
        };
        let played = replay::play(binary, lesson, None, Lang::En, &mut tell, &mut door);
        Ok(Recording { notes: notes.take(), error: played.err() })
    }
}

/// A connection, as far as it was noted.
struct Connection {
    from: String,
    to: String,
    /// The bytes of each direction of which no message has been made yet; the second is that of the server.
    open: [Vec<u8>; 2],
    /// The requests that have no response yet.
    requests: VecDeque<Message>,
    /// Where the event of an unfinished message stands, for each direction: its step and its place there.
    places: [Option<(usize, usize)>; 2],
}

/// Makes steps of notes.
struct Maker {
    /// Whether the server has shown a list.
    keeps_list: bool,
    connections: BTreeMap<usize, Connection>,
    seen: Fields,
    before: Fields,
    /// The list of the server, if it is known.
    list: Option<Vec<String>>,
}

impl Maker {
    fn new(before: Fields) -> Maker {
        Maker {
            keeps_list: false,
            connections: BTreeMap::new(),
            seen: Fields::default(),
            before,
            list: Some(Vec::new()),
        }
    }

    fn steps(&mut self, lesson: &Lesson, notes: Vec<Note>) -> Result<Vec<Value>> {
        let mut steps: Vec<Value> = Vec::new();
        let mut events: Vec<Vec<Value>> = Vec::new();
        let mut say = Value::Null;
        let mut used = 1;
        for note in notes {
            match note {
                Note::Replay(Event::Line(number)) => {
                    let line = lesson.lines.get(number).context("no such line")?;
                    if let Line::Say { en, ko } = line {
                        say = add_sentence(&say, en, ko.as_deref().unwrap_or(en));
                        continue;
                    }
                    if let Line::Use(server) = line {
                        used = *server;
                    }
                    steps.push(step(line, used, std::mem::take(&mut say)));
                    events.push(Vec::new());
                    if let (Line::Restart(_) | Line::Start(_), false) = (line, lesson.postgresql) {
                        self.list = None;
                        let step = events.len() - 1;
                        events[step].push(json!({ "t": "list", "items": null }));
                    }
                    if let Line::Kill(server) = line {
                        let step = events.len() - 1;
                        events[step].push(json!({
                            "t": "ends", "who": format!("server {server}"), "text": "", "status": null,
                            "signal": "SIGKILL",
                        }));
                    }
                }
                // What the server prints before the first line is where it listens.
                _ if events.is_empty() => {}
                note => {
                    let step = events.len() - 1;
                    self.note(note, step, &mut events)?;
                }
            }
        }
        let lifelines = self.lifelines(lesson);
        for (step, mut events) in steps.iter_mut().zip(events) {
            summarise_crowd(&mut events);
            step["lifelines"] = json!(lifelines);
            step["events"] = json!(events);
        }
        // A stage that never shows its list has none.
        if !self.keeps_list {
            for step in &mut steps {
                if let Some(events) = step["events"].as_array_mut() {
                    events.retain(|event| event["t"] != "list");
                }
            }
        }
        Ok(steps)
    }

    /// The programs of a scene, from left to right.
    fn lifelines(&self, lesson: &Lesson) -> Vec<String> {
        let mut lifelines = Vec::new();
        if lesson.lines.iter().any(|line| matches!(line, Line::Type(_))) {
            lifelines.push("client".to_string());
        }
        if lesson.lines.iter().any(|line| matches!(line, Line::Run { .. })) {
            lifelines.push("attacker".to_string());
        }
        let servers = lesson.lines.iter().filter_map(|line| match line {
            Line::Start(number) => Some(*number),
            _ => None,
        });
        let last = servers.max().unwrap_or(1);
        lifelines.extend((1..=last).map(|number| format!("server {number}")));
        lifelines
    }

    /// Adds a note to the events of a step.
    fn note(&mut self, note: Note, step: usize, events: &mut [Vec<Value>]) -> Result<()> {
        match note {
            Note::Replay(event) => events[step].extend(self.printed(event)),
            Note::Connect { connection, who, server } => {
                let from = match who {
                    Participant::Client => "client",
                    Participant::Command => "attacker",
                };
                let to = format!("server {server}");
                events[step]
                    .push(json!({ "t": "connect", "conn": connection, "from": from, "to": to }));
                self.connections.insert(
                    connection,
                    Connection {
                        from: from.to_string(),
                        to,
                        open: [Vec::new(), Vec::new()],
                        requests: VecDeque::new(),
                        places: [None, None],
                    },
                );
            }
            Note::Data { connection, from_server, bytes } => {
                self.data(connection, from_server, &bytes, step, events)?;
            }
            Note::Fin { connection, from_server } => {
                events[step].push(self.end("fin", connection, from_server)?);
            }
            Note::Rst { connection, from_server } => {
                events[step].push(self.end("rst", connection, from_server)?);
            }
        }
        Ok(())
    }

    fn end(&self, what: &str, number: usize, from_server: bool) -> Result<Value> {
        let connection = self.connections.get(&number).context("no such connection")?;
        let (from, to) = connection.ends(from_server);
        Ok(json!({ "t": what, "conn": number, "from": from, "to": to }))
    }

    /// Adds bytes to a connection, and makes messages of them as far as they are whole.
    fn data(
        &mut self,
        number: usize,
        from_server: bool,
        bytes: &[u8],
        step: usize,
        events: &mut [Vec<Value>],
    ) -> Result<()> {
        let connection = self.connections.get_mut(&number).context("no such connection")?;
        let side = usize::from(from_server);
        connection.open[side].extend_from_slice(bytes);
        let mut new = Vec::new();
        loop {
            let request = connection.requests.front();
            let method = request.map(|request| request.method().to_string()).unwrap_or_default();
            let parsed = messages::parse(&connection.open[side], from_server, &method);
            let Some(message) = parsed else { break };
            connection.open[side].drain(..message.length);
            let is_final = from_server && !message.start.starts_with("HTTP/1.1 1");
            let request = if is_final { connection.requests.pop_front() } else { None };
            if !from_server {
                connection.requests.push_back(message.clone());
            }
            new.push((message, request));
        }
        let (from, to) = connection.ends(from_server);
        // What has become whole takes the place at which its first byte came.
        let mut place = connection.places[side].take();
        for (message, request) in new {
            let mut event = json!({
                "t": "data", "conn": number, "from": from, "to": to, "bytes": message.length,
                "start": normal(&message.start), "body": cut(&message.body),
            });
            event["fields"] = self.fields(&message, from_server);
            match place.take() {
                Some((step, at)) => events[step][at] = event,
                None => events[step].push(event),
            }
            if request.is_some_and(|request| self.changes_list(&request, &message)) {
                events[step].push(json!({ "t": "list", "items": self.list }));
            }
        }
        let connection = self.connections.get_mut(&number).context("no such connection")?;
        let open = &connection.open[side];
        if !open.is_empty() {
            let event = json!({
                "t": "data", "conn": number, "from": from, "to": to, "bytes": open.len(),
                "text": cut(&normal(&String::from_utf8_lossy(open))),
            });
            // Lines of stage 2 are messages of their own: what ends with a line end is complete.
            let complete = open.ends_with(b"\n") && !messages::looks_like_http(open);
            let at = match place {
                Some((step, at)) => {
                    events[step][at] = event;
                    (step, at)
                }
                None => {
                    events[step].push(event);
                    (step, events[step].len() - 1)
                }
            };
            connection.places[side] = Some(at);
            if complete {
                connection.open[side].clear();
                connection.places[side] = None;
            }
        }
        Ok(())
    }

    /// The fields of a message, each with whether it is new: the scene before had no such name, or the message before
    /// it had another value.
    fn fields(&mut self, message: &Message, from_server: bool) -> Value {
        let side = usize::from(from_server);
        let mut fields = Vec::new();
        for (name, value) in &message.fields {
            let key = name.to_ascii_lowercase();
            let value = if key == "date" { "…".to_string() } else { normal(value) };
            let last = self.seen.0[side].insert(key.clone(), value.clone());
            let is_new = match last {
                Some(last) => last != value,
                None => self.before.0[side].get(&key) != Some(&value),
            };
            fields.push(json!([name, value, is_new]));
        }
        json!(fields)
    }

    /// Whether what is known of the list changes with this response.
    fn changes_list(&mut self, request: &Message, response: &Message) -> bool {
        if !response.start.starts_with("HTTP/1.1 20") {
            return false;
        }
        let target = request.target();
        match (request.method(), target, &mut self.list) {
            ("GET", "/", list) => {
                let Ok(items) = serde_json::from_str(&response.body) else { return false };
                self.keeps_list = true;
                *list = Some(items);
            }
            ("POST", "/", Some(list)) => list.push(request.body.clone()),
            ("PUT", _, Some(list)) => {
                let index = target.strip_prefix('/').and_then(|index| index.parse::<usize>().ok());
                let Some(text) = index.and_then(|index| list.get_mut(index)) else { return false };
                *text = request.body.clone();
            }
            _ => return false,
        }
        true
    }

    /// What a program printed, and how it ended.
    fn printed(&mut self, event: Event) -> Vec<Value> {
        let lines = |who: &str, text: &str| -> Vec<Value> {
            text.lines()
                .map(without_time)
                // A message that a program prints is shown as an arrow already.
                .filter(|line| !line.is_empty() && !line.starts_with(['→', '←']))
                .map(|line| json!({ "t": "prints", "who": who, "text": normal(line) }))
                .collect()
        };
        match event {
            Event::ClientPrinted(text) => lines("client", &text),
            Event::CommandPrinted(text) => lines("attacker", &text),
            Event::ServerPrinted { server, lines: printed } => printed
                .iter()
                .flat_map(|line| lines(&format!("server {server}"), replay::split_stamp(line).2))
                .collect(),
            Event::Ended { server, status } => vec![ended(server, status)],
            _ => Vec::new(),
        }
    }
}

impl Connection {
    /// Who sends and who receives in a direction.
    fn ends(&self, from_server: bool) -> (String, String) {
        let ends = (self.from.clone(), self.to.clone());
        if from_server { (ends.1, ends.0) } else { ends }
    }
}

/// A step without its events.
fn step(line: &Line, used: usize, say: Value) -> Value {
    let server = format!("server {used}");
    let both = |act: fn(Lang, usize) -> String, number: usize| json!({ "en": act(Lang::En, number), "ko": act(Lang::Ko, number) });
    let same = |text: &str| json!({ "en": text, "ko": text });
    let (kind, who, text) = match line {
        Line::Say { en, .. } => ("say", server, same(en)),
        Line::Type(text) => ("type", "client".to_string(), same(text)),
        Line::Run { words, .. } => ("run", "attacker".to_string(), same(&words.join(" "))),
        Line::Restart(more) => {
            let text = |lang: Lang| [lang.restart(), &more.join(" ")].join(" ").trim().to_string();
            ("act", server, json!({ "en": text(Lang::En), "ko": text(Lang::Ko) }))
        }
        Line::Stop => ("act", server, json!({ "en": Lang::En.stop(), "ko": Lang::Ko.stop() })),
        Line::Start(number) => ("act", format!("server {number}"), both(Lang::start, *number)),
        Line::Kill(number) => ("act", format!("server {number}"), both(Lang::kill, *number)),
        Line::Use(number) => ("act", "client".to_string(), both(Lang::client_of, *number)),
    };
    let background = matches!(line, Line::Run { background: true, .. });
    json!({ "say": say, "kind": kind, "who": who, "background": background, "text": text })
}

/// The sentences before a step, one after the other.
fn add_sentence(say: &Value, en: &str, ko: &str) -> Value {
    let join = |lang: &str, text: &str| match say[lang].as_str() {
        Some(before) => format!("{before} {text}"),
        None => text.to_string(),
    };
    json!({ "en": join("en", en), "ko": join("ko", ko) })
}

/// How a server ended.
fn ended(server: usize, status: ExitStatus) -> Value {
    let signal = status.code().is_none().then(|| status.to_string());
    json!({ "t": "ends", "who": format!("server {server}"), "text": "", "status": status.code(), "signal": signal })
}

/// Puts a number in the place of a crowd of connections and of all that went over them.
fn summarise_crowd(events: &mut Vec<Value>) {
    let count = events.iter().filter(|event| event["t"] == "connect").count();
    if count < CROWD {
        return;
    }
    let Some(first) = events.iter().position(|event| event["t"] == "connect") else { return };
    let (from, to) = (events[first]["from"].clone(), events[first]["to"].clone());
    events[first] =
        json!({ "t": "many", "from": from, "to": to, "count": count, "what": "connect" });
    events.retain(|event| !["connect", "data", "fin", "rst"].iter().any(|t| event["t"] == *t));
    // Of the lists in between only the last is left.
    let last = events.iter().rposition(|event| event["t"] == "list");
    let mut place = 0;
    events.retain(|event| {
        place += 1;
        event["t"] != "list" || Some(place - 1) == last
    });
}

/// A text without what differs from run to run: ports, and times.
fn normal(text: &str) -> String {
    let mut parts = text.split(HOST);
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        text += &format!(
            "{HOST}8080{}",
            part.trim_start_matches(|letter: char| letter.is_ascii_digit())
        );
    }
    match text.rsplit_once(", ") {
        Some((facts, time)) if time.ends_with(" µs") => format!("{facts}, … µs"),
        _ => text,
    }
}

/// A line of a log without the time that it begins with.
fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if time.ends_with('Z') && time.contains('T') => rest,
        _ => line,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scene of a lesson in which these notes were taken.
    fn scene_of(lesson: &str, notes: Vec<Note>) -> Vec<Value> {
        let lesson = Lesson::parse(&format!("# 1. Title\n{lesson}")).unwrap();
        scene(&lesson, Recordings { notes, ending: None }, &Fields::default()).unwrap().steps
    }

    fn connect(connection: usize) -> Note {
        Note::Connect { connection, who: Participant::Client, server: 1 }
    }

    fn data(from_server: bool, text: &str) -> Note {
        Note::Data { connection: 1, from_server, bytes: text.as_bytes().to_vec() }
    }

    fn line(number: usize) -> Note {
        Note::Replay(Event::Line(number))
    }

    /// The kinds of a step's events in order.
    fn kinds(step: &Value) -> Vec<&str> {
        let events = step["events"].as_array().unwrap();
        events.iter().map(|event| event["t"].as_str().unwrap()).collect()
    }

    #[test]
    fn segments_become_messages_and_the_list_follows_the_responses() {
        let steps = scene_of(
            "# words\n> POST / first\n> PUT /0 second\n>\n! restart\n",
            vec![
                line(0),
                line(1),
                connect(1),
                data(false, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nfi"),
                data(false, "rst"),
                data(true, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\nLocation: /0\r\n\r\n"),
                line(2),
                // A request that fails changes nothing.
                data(false, "PUT /7 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"),
                data(true, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                data(false, "PUT /0 HTTP/1.1\r\nContent-Length: 6\r\n\r\nsecond"),
                data(true, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                line(3),
                data(false, "GET / HTTP/1.1\r\n\r\n"),
                data(true, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[\"second\"]"),
                line(4),
            ],
        );
        assert_eq!(steps[0]["say"]["en"], "words");
        assert_eq!(kinds(&steps[0]), ["connect", "data", "data", "list"]);
        assert_eq!(steps[0]["events"][1]["body"], "first");
        assert_eq!(steps[0]["events"][2]["fields"][1], json!(["Location", "/0", true]));
        assert_eq!(steps[0]["events"][3]["items"], json!(["first"]));
        assert_eq!(kinds(&steps[1]), ["data", "data", "data", "data", "list"]);
        assert_eq!(steps[1]["events"][4]["items"], json!(["second"]));
        assert_eq!(steps[2]["events"][2]["items"], json!(["second"]));
        // After a restart the list is not known.
        assert_eq!(steps[3]["events"][0]["items"], Value::Null);
    }

    #[test]
    fn bytes_that_are_no_message_are_text_and_a_stage_without_a_list_shows_none() {
        let steps = scene_of(
            "> hello\n",
            vec![
                line(0),
                connect(1),
                data(false, "hello\n"),
                data(true, "hel"),
                data(true, "lo\n"),
                Note::Rst { connection: 1, from_server: true },
            ],
        );
        assert_eq!(kinds(&steps[0]), ["connect", "data", "data", "rst"]);
        assert_eq!(steps[0]["events"][2]["text"], "hello\n");
        assert_eq!(steps[0]["events"][3]["from"], "server 1");
    }

    #[test]
    fn a_crowd_is_a_number() {
        let mut notes = vec![line(0)];
        notes.extend((1..=300).map(connect));
        let steps = scene_of("$ attack flood\n", notes);
        assert_eq!(kinds(&steps[0]), ["many"]);
        assert_eq!(steps[0]["events"][0]["count"], 300);
    }

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        assert_eq!(normal("listening on 127.0.0.1:49152"), "listening on 127.0.0.1:8080");
        assert_eq!(normal("GET / → 200, 9 bytes, 81 µs"), "GET / → 200, 9 bytes, … µs");
        assert_eq!(without_time("2026-11-30T05:48:32Z stopping"), "stopping");
        assert_eq!(without_time("a TZ line"), "a TZ line");
    }
}
