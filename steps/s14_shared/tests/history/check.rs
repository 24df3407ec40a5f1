//! Checks a history against what the servers promise together: they behave like one list.
//!
//! The word for it is *linearizable*: each answered request takes effect at one moment between its
//! start and its end, and each request without an answer at one moment after its start, or never.
//! All texts differ, so a text that is read says which write it is from. Then a few plain rules
//! decide it, each a function below:
//!
//! | rule | what it finds |
//! |---|---|
//! | `answers` | an answer that no server may give |
//! | `places` | a text that is stored twice, or at another index than was asked or answered |
//! | `future` | a text that was read before it was sent |
//! | `locations` | two messages at one Location |
//! | `gaps` | an index without a message; a message that no POST explains; a lost message |
//! | `appends` | a message before one that was there already when it was sent |
//! | `registers` | an old text that is read after a newer one; an answered write that is lost |
//! | `snapshots` | a list that no moment had |
//!
//! `registers` is the rule of Gibbons and Korach (Testing Shared Memories, 1997) for a register
//! whose writes all differ. It is exact for each index. `snapshots` looks at each list and at each
//! two, so it can overlook a fault that only three lists together show. A test below compares all
//! rules with a search through all orders of small histories: they find the same histories faulty.

use crate::record::{Answer, Ask, Request, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// What a history shows that must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The rule that found it.
    pub rule: &'static str,
    /// One sentence.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.what)
    }
}

/// Returns the faults of a history. The last request is a `GET /` that began after the others were
/// answered or given up: the final list.
pub fn check(history: &[Request]) -> Vec<Fault> {
    let seen = Seen::new(history);
    let mut faults = answers(history);
    faults.extend(places(&seen));
    faults.extend(future(&seen));
    faults.extend(locations(history));
    faults.extend(gaps(&seen));
    faults.extend(appends(&seen));
    faults.extend(registers(&seen));
    faults.extend(snapshots(&seen));
    faults
}

/// What the history says of one text.
#[derive(Clone, Debug)]
struct Writing {
    ask: Ask,
    /// Whether the answer was 404.
    is_refused: bool,
    /// When its write was sent.
    start: Duration,
    /// When a client knew for the first time that the text is stored, because the write was
    /// answered or the text was read. `None` if no client ever knew.
    first_known: Option<Duration>,
    /// When the last request began that is of this text: its write, or a read that returned it.
    last_start: Duration,
    /// When the first read ended that returned the text.
    first_read: Option<Duration>,
    /// Where it was read, or stored according to the answer.
    indexes: BTreeSet<usize>,
}

/// The history, sorted by text and by index.
struct Seen<'a> {
    texts: BTreeMap<Text, Writing>,
    /// Texts that were read and never sent.
    strange: Vec<(Text, usize)>,
    /// All lists, with the final one last.
    lists: Vec<(&'a Request, &'a [Text])>,
    /// For each index, when the last request began that found no message there.
    last_missing: BTreeMap<usize, Duration>,
    /// Which texts each index has had, as far as it is known.
    indexes: BTreeMap<usize, Vec<Text>>,
    /// For each index, when a client knew for the first time of a message there or after it.
    known_from: BTreeMap<usize, Duration>,
    /// For each text that was replaced, when a client knew so for the first time.
    over: BTreeMap<Text, Duration>,
}

impl<'a> Seen<'a> {
    /// Sorts a history.
    fn new(history: &'a [Request]) -> Self {
        let mut seen = Seen {
            texts: BTreeMap::new(),
            strange: Vec::new(),
            lists: Vec::new(),
            last_missing: BTreeMap::new(),
            indexes: BTreeMap::new(),
            known_from: BTreeMap::new(),
            over: BTreeMap::new(),
        };
        for request in history {
            seen.add_write(request);
        }
        for request in history {
            match (request.ask, &request.answer) {
                (Ask::Get(index), Answer::Text(text)) => seen.add_read(request, index, *text),
                (Ask::Get(index) | Ask::Put(index, _), Answer::Missing) => {
                    let last = seen.last_missing.entry(index).or_default();
                    *last = request.start.max(*last);
                }
                (_, Answer::List(texts)) => {
                    for (index, text) in texts.iter().enumerate() {
                        seen.add_read(request, index, *text);
                    }
                    seen.lists.push((request, texts));
                }
                _ => {}
            }
        }
        for (text, writing) in &seen.texts {
            for index in &writing.indexes {
                seen.indexes.entry(*index).or_default().push(*text);
            }
        }
        seen.add_short_lists();
        seen.add_known();
        seen
    }

    fn add_write(&mut self, request: &Request) {
        let (Ask::Post(text) | Ask::Put(_, text)) = request.ask else { return };
        let stored = match request.answer {
            Answer::Stored(index) => Some(index),
            _ => None,
        };
        let writing = Writing {
            ask: request.ask,
            is_refused: request.answer == Answer::Missing,
            start: request.start,
            first_known: stored.map(|_| request.end),
            last_start: request.start,
            first_read: None,
            indexes: stored.into_iter().collect(),
        };
        self.texts.insert(text, writing);
    }

    fn add_read(&mut self, request: &Request, index: usize, text: Text) {
        let Some(writing) = self.texts.get_mut(&text) else {
            self.strange.push((text, index));
            return;
        };
        let earlier = |time: Option<Duration>| Some(time.unwrap_or(request.end).min(request.end));
        writing.first_known = earlier(writing.first_known);
        writing.first_read = earlier(writing.first_read);
        writing.last_start = writing.last_start.max(request.start);
        writing.indexes.insert(index);
    }

    /// Notes for each index when the last list began that was too short to have it.
    fn add_short_lists(&mut self) {
        let mut lists: Vec<_> =
            self.lists.iter().map(|(request, texts)| (texts.len(), request.start)).collect();
        lists.sort_unstable();
        let (mut next, mut last_start) = (0, None);
        for index in self.indexes.keys() {
            while let Some((_, start)) = lists.get(next).filter(|(length, _)| length <= index) {
                last_start = last_start.max(Some(*start));
                next += 1;
            }
            if let Some(start) = last_start {
                let last = self.last_missing.entry(*index).or_default();
                *last = start.max(*last);
            }
        }
    }

    /// Notes when a client knew of a message at each index, and that a text was replaced.
    fn add_known(&mut self) {
        let mut first = None;
        for (index, texts) in self.indexes.iter().rev() {
            let known = texts.iter().filter_map(|text| self.texts[text].first_known);
            first = known.chain(first).min();
            self.known_from.extend(first.map(|first| (*index, first)));
        }
        let mut over = BTreeMap::new();
        for texts in self.indexes.values() {
            for text in texts {
                let later = texts.iter().filter(|b| {
                    *b != text && self.is_before(*text, **b) && !self.is_before(**b, *text)
                });
                let known = later.filter_map(|text| self.texts[text].first_known).min();
                over.extend(known.map(|known| (*text, known)));
            }
        }
        self.over = over;
    }

    /// Returns whether `a` was at its index before `b` was, as far as the history says: `b` was
    /// still to come, or still there, after a client knew of `a`. A POST makes the index, so its
    /// text is before all others there.
    fn is_before(&self, a: Text, b: Text) -> bool {
        let (a, b) = (&self.texts[&a], &self.texts[&b]);
        matches!(a.ask, Ask::Post(_)) || a.first_known.is_some_and(|known| known < b.last_start)
    }
}

/// Each answer is one that the contract has.
fn answers(history: &[Request]) -> Vec<Fault> {
    let wrong = history.iter().filter_map(|request| match &request.answer {
        Answer::Wrong(what) => Some(fault("answers", format!("{} {what}", describe(request)))),
        _ => None,
    });
    wrong.collect()
}

/// A text is at one index alone: a POST stores it once, where its Location says, and a PUT where
/// the client asked, or nowhere if the answer was 404. This finds a write that was tried again
/// although it was done.
fn places(seen: &Seen) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (text, index) in &seen.strange {
        faults.push(fault("places", format!("/{index} had text {text}, which no client sent")));
    }
    for (text, writing) in &seen.texts {
        let places: Vec<String> = writing.indexes.iter().map(|index| format!("/{index}")).collect();
        let places = places.join(", ");
        let name = writing.ask.name();
        match writing.ask {
            Ask::Put(index, _) if writing.indexes.iter().any(|other| *other != index) => {
                faults.push(fault("places", format!("PUT /{index} of text {text} is at {places}")));
            }
            Ask::Put(index, _) if writing.is_refused && !writing.indexes.is_empty() => {
                let what = format!("PUT /{index} of text {text} was answered 404 and is there");
                faults.push(fault("places", what));
            }
            Ask::Post(_) if writing.indexes.len() > 1 => {
                faults.push(fault("places", format!("one {name} of text {text} is at {places}")));
            }
            _ => {}
        }
    }
    faults
}

/// A text is read after its write began.
fn future(seen: &Seen) -> Vec<Fault> {
    let early = seen.texts.iter().filter(|(_, writing)| {
        writing.first_read.is_some_and(|first_read| first_read < writing.start)
    });
    early
        .map(|(text, _)| fault("future", format!("text {text} was read before it was sent")))
        .collect()
}

/// Each 201 has a Location of its own.
fn locations(history: &[Request]) -> Vec<Fault> {
    let mut first: BTreeMap<usize, Text> = BTreeMap::new();
    let mut faults = Vec::new();
    for request in history {
        let (Ask::Post(text), Answer::Stored(index)) = (request.ask, &request.answer) else {
            continue;
        };
        if let Some(other) = first.insert(*index, text) {
            let what = format!("texts {other} and {text} were both answered with /{index}");
            faults.push(fault("locations", what));
        }
    }
    faults
}

/// The final list has no gap and nothing too much: it has the index of each answered POST, and each
/// of its other messages is from a POST without an answer, which stores one message at most, and
/// which began before a client knew of the message.
fn gaps(seen: &Seen) -> Vec<Fault> {
    let Some((_, texts)) = seen.lists.last() else {
        return vec![fault("gaps", "there is no final list".to_string())];
    };
    let mut faults = Vec::new();
    let mut is_explained = vec![false; texts.len()];
    let mut unseen = Vec::new();
    for (text, writing) in &seen.texts {
        let Ask::Post(_) = writing.ask else { continue };
        if writing.indexes.is_empty() {
            unseen.push(writing.start);
        }
        for index in &writing.indexes {
            match is_explained.get_mut(*index) {
                Some(is_explained) => *is_explained = true,
                None => {
                    let length = texts.len();
                    let what = format!("text {text} was at /{index}, the final list has {length}");
                    faults.push(fault("gaps", what));
                }
            }
        }
    }
    unseen.sort_unstable();
    let rest = (0..texts.len()).filter(|index| !is_explained[*index]);
    for (number, index) in rest.enumerate() {
        let start = unseen.get(number);
        if start.is_none_or(|start| seen.known(index).is_some_and(|known| known < *start)) {
            faults.push(fault("gaps", format!("the message at /{index} is from no POST")));
        }
    }
    faults
}

/// The list grows at its end: a POST that began after a client knew of a message has a larger index
/// than this message.
fn appends(seen: &Seen) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (text, writing) in &seen.texts {
        let (Ask::Post(_), Some(index)) = (writing.ask, writing.indexes.first()) else { continue };
        if seen.known(*index).is_some_and(|known| known < writing.start) {
            let what = format!("text {text} is at /{index}, which was there before it was sent");
            faults.push(fault("appends", what));
        }
    }
    faults
}

/// At each index one text follows another. Two texts are a fault if each must be before the other.
///
/// A text must be before another one if a client knew of the first (its write was answered, or it
/// was read) before the last request of the second began. This finds a read that goes back to an
/// older text, and an answered write that is missing in the final list. No message at all counts as
/// the first text; a message at a larger index says that there is one here, too.
fn registers(seen: &Seen) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, texts) in &seen.indexes {
        if let Some(last_missing) = seen.last_missing.get(index)
            && let Some(known) = seen.known(*index).filter(|known| known < last_missing)
        {
            let what = format!(
                "/{index} was known at {known:.3?} and missing for a request of {last_missing:.3?}"
            );
            faults.push(fault("registers", what));
        }
        for (number, a) in texts.iter().enumerate() {
            for b in &texts[number + 1..] {
                if seen.is_before(*a, *b) && seen.is_before(*b, *a) {
                    let what =
                        format!("/{index}: text {a} was there before text {b}, and {b} before {a}");
                    faults.push(fault("registers", what));
                }
            }
        }
    }
    faults
}

/// Each list is the list of one moment. The moment is after the writes of the texts that it has
/// began. It is before a client knew that one of these texts is not there any more, or that there
/// are more messages.
///
/// Two lists that were read at the same time are the list at two moments: one of them is not older
/// at one index and newer at another.
fn snapshots(seen: &Seen) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (list, texts) in &seen.lists {
        let known = texts.iter().filter_map(|text| Some((text, seen.texts.get(text)?)));
        let latest = known.max_by_key(|(_, writing)| writing.start);
        let over = texts.iter().filter_map(|text| Some((*seen.over.get(text)?, text))).min();
        let longer = seen.known(texts.len());
        let Some((new, writing)) = latest else { continue };
        if let Some((_, old)) = over.filter(|(over, _)| *over < writing.start) {
            let what = format!(
                "the list of {:.3?} has text {old}, which was replaced before text {new} was sent",
                list.start
            );
            faults.push(fault("snapshots", what));
        }
        if longer.is_some_and(|longer| longer < writing.start) {
            let (start, length) = (list.start, texts.len());
            let what = format!(
                "the list of {start:.3?} has text {new}, and not /{length}, which was known before"
            );
            faults.push(fault("snapshots", what));
        }
    }
    let mut lists = seen.lists.clone();
    lists.sort_by_key(|(request, _)| request.start);
    for (number, (a, a_texts)) in lists.iter().enumerate() {
        // Lists that were read one after the other are compared by `registers`.
        let same_time = lists[number + 1..].iter().take_while(|(b, _)| b.start <= a.end);
        for (b, b_texts) in same_time {
            let older = (seen.older(a_texts, b_texts), seen.older(b_texts, a_texts));
            if let (Some(i), Some(j)) = older {
                let what = format!(
                    "lists of {:.3?} and {:.3?}: the first is older at /{i}, the second at /{j}",
                    a.start, b.start
                );
                faults.push(fault("snapshots", what));
            }
        }
    }
    faults
}

impl Seen<'_> {
    /// Returns an index at which the list `a` is older than the list `b`, if there is one.
    fn older(&self, a: &[Text], b: &[Text]) -> Option<usize> {
        let mut pairs = a.iter().zip(b);
        let changed = pairs.position(|(a, b)| a != b && self.knows_order(*a, *b));
        changed.or((a.len() < b.len()).then_some(a.len()))
    }

    /// Returns when a client knew for the first time that there is a message at `index`.
    fn known(&self, index: usize) -> Option<Duration> {
        self.known_from.range(index..).next().map(|(_, known)| *known)
    }

    /// Returns whether two texts that were read at one index are known in this order.
    fn knows_order(&self, a: Text, b: Text) -> bool {
        let is_known = |text| self.texts.contains_key(text);
        [a, b].iter().all(is_known) && self.is_before(a, b)
    }
}

fn fault(rule: &'static str, what: String) -> Fault {
    Fault { rule, what }
}

/// Returns what was asked, and when.
fn describe(request: &Request) -> String {
    let Request { client, ask, start, .. } = request;
    format!("client {client}, {}, at {start:.3?}:", ask.name())
}

/// Small histories, one for each way to break a rule, and what is no fault.
#[cfg(test)]
mod tests {
    use super::*;

    /// A request from second `start` to second `end`.
    fn request(ask: Ask, start: u64, end: u64, answer: Answer) -> Request {
        let (start, end) = (Duration::from_secs(start), Duration::from_secs(end));
        Request { client: 0, ask, start, end, answer }
    }

    fn post(text: Text, start: u64, end: u64, index: usize) -> Request {
        request(Ask::Post(text), start, end, Answer::Stored(index))
    }

    fn put(index: usize, text: Text, start: u64, end: u64) -> Request {
        request(Ask::Put(index, text), start, end, Answer::Stored(index))
    }

    fn get(index: usize, start: u64, end: u64, text: Text) -> Request {
        request(Ask::Get(index), start, end, Answer::Text(text))
    }

    fn missing(index: usize, start: u64, end: u64) -> Request {
        request(Ask::Get(index), start, end, Answer::Missing)
    }

    fn list(start: u64, end: u64, texts: &[Text]) -> Request {
        request(Ask::List, start, end, Answer::List(texts.to_vec()))
    }

    /// The same request without an answer.
    fn unanswered(mut request: Request) -> Request {
        request.answer = Answer::None("the connection ended".to_string());
        request
    }

    /// Which rules a history breaks.
    fn broken(history: &[Request]) -> Vec<&'static str> {
        let rules: BTreeSet<_> = check(history).iter().map(|fault| fault.rule).collect();
        rules.into_iter().collect()
    }

    #[test]
    fn a_history_without_a_fault_has_none() {
        let history = [
            post(1, 0, 2, 0),
            // At the same time as the POST, both answers are right.
            missing(0, 1, 3),
            get(0, 1, 3, 1),
            post(2, 3, 6, 2),
            post(3, 3, 6, 1),
            put(0, 4, 7, 9),
            // At the same time as the PUT, both texts are right. The second read ended later, but
            // it began before the first one had ended.
            get(0, 7, 8, 4),
            get(0, 7, 9, 1),
            list(10, 11, &[4, 3, 2]),
        ];
        assert_eq!(check(&history), []);
        assert_eq!(check(&[list(0, 1, &[])]), []);
    }

    #[test]
    fn a_write_without_an_answer_is_there_once_or_not_at_all() {
        let lost = unanswered(post(1, 0, 1, 0));
        assert_eq!(broken(&[lost.clone(), list(9, 10, &[])]), [""; 0]);
        assert_eq!(broken(&[lost.clone(), list(9, 10, &[1])]), [""; 0]);
        assert_eq!(broken(&[lost.clone(), list(9, 10, &[1, 1])]), ["places"]);
        // It may be done long after the client has given up.
        let late = [lost.clone(), list(5, 6, &[]), list(9, 10, &[1])];
        assert_eq!(broken(&late), [""; 0]);
        let back = [lost, list(2, 3, &[1]), list(5, 6, &[]), list(9, 10, &[1])];
        assert_eq!(broken(&back), ["registers"]);
        let put_late =
            [post(1, 0, 1, 0), unanswered(put(0, 2, 2, 3)), get(0, 4, 5, 1), list(9, 10, &[2])];
        assert_eq!(broken(&put_late), [""; 0]);
    }

    #[test]
    fn an_answer_that_no_server_may_give_is_found() {
        let wrong = Answer::Wrong("is answered 200 without a length".to_string());
        let history = [request(Ask::Get(0), 0, 1, wrong), list(2, 3, &[])];
        assert_eq!(broken(&history), ["answers"]);
    }

    #[test]
    fn a_text_that_is_stored_twice_is_found() {
        assert_eq!(broken(&[post(1, 0, 1, 1), list(2, 3, &[1, 1])]), ["places"]);
        // The first of the two was changed before a client read it.
        let changed = [post(1, 0, 1, 1), put(0, 2, 2, 3), list(4, 5, &[2, 1])];
        assert_eq!(broken(&changed), ["gaps"]);
        // Both were changed: the number of messages is too large.
        let both = [post(1, 0, 1, 1), put(0, 2, 2, 3), put(1, 3, 2, 3), list(4, 5, &[2, 3])];
        assert_eq!(broken(&both), ["gaps"]);
    }

    #[test]
    fn a_text_at_another_index_is_found() {
        let put = [post(1, 0, 1, 0), post(2, 2, 3, 1), put(0, 3, 4, 5), list(6, 7, &[1, 3])];
        assert!(broken(&put).contains(&"places"));
        assert_eq!(broken(&[post(1, 0, 1, 0), list(2, 3, &[7])]), ["places"]);
    }

    #[test]
    fn a_text_that_is_read_before_it_is_sent_is_found() {
        let post = [get(0, 0, 1, 1), post(1, 2, 3, 0), list(4, 5, &[1])];
        assert_eq!(broken(&post), ["appends", "future"]);
        let put =
            [super::tests::post(1, 0, 1, 0), get(0, 2, 3, 2), put(0, 2, 4, 5), list(6, 7, &[2])];
        assert_eq!(broken(&put), ["future"]);
    }

    #[test]
    fn two_messages_with_one_location_are_found() {
        let history = [post(1, 0, 1, 0), post(2, 2, 3, 0), list(4, 5, &[2])];
        assert!(broken(&history).contains(&"locations"));
    }

    #[test]
    fn a_lost_message_is_found() {
        let last = [post(1, 0, 1, 0), post(2, 0, 1, 1), list(4, 5, &[1])];
        assert_eq!(broken(&last), ["gaps", "registers"]);
        // A message that a client read, although its POST had no answer.
        let read = [unanswered(post(1, 0, 1, 0)), get(0, 1, 2, 1), list(4, 5, &[])];
        assert_eq!(broken(&read), ["gaps", "registers"]);
        assert_eq!(broken(&[post(1, 0, 1, 0)]), ["gaps"]);
    }

    #[test]
    fn an_index_that_was_left_out_is_found() {
        let history = [post(1, 0, 1, 0), post(2, 2, 3, 2), list(4, 5, &[1, 9, 2])];
        assert!(broken(&history).contains(&"gaps"));
    }

    #[test]
    fn a_message_before_an_older_one_is_found() {
        let history = [post(1, 0, 1, 1), post(2, 2, 3, 0), list(4, 5, &[2, 1])];
        assert_eq!(broken(&history), ["appends"]);
    }

    #[test]
    fn an_answered_put_that_is_lost_is_found() {
        let history = [post(1, 0, 1, 0), put(0, 2, 2, 3), list(4, 5, &[1])];
        assert_eq!(broken(&history), ["registers"]);
        // Of two at the same time each may be the last, but not one that was answered before.
        let both = |last| [post(1, 0, 1, 0), put(0, 2, 2, 5), put(0, 3, 3, 6), list(7, 8, &[last])];
        assert_eq!(broken(&both(2)), [""; 0]);
        assert_eq!(broken(&both(3)), [""; 0]);
        assert_eq!(broken(&both(1)), ["registers"]);
    }

    #[test]
    fn a_read_that_misses_an_answered_write_is_found() {
        let put = [post(1, 0, 1, 0), put(0, 2, 2, 3), get(0, 4, 5, 1), list(8, 9, &[2])];
        assert_eq!(broken(&put), ["registers"]);
        let post_and_get = [post(1, 0, 1, 0), missing(0, 2, 3), list(8, 9, &[1])];
        assert_eq!(broken(&post_and_get), ["registers"]);
        let post_and_list = [post(1, 0, 1, 0), list(2, 3, &[]), list(8, 9, &[1])];
        assert_eq!(broken(&post_and_list), ["registers"]);
    }

    #[test]
    fn two_reads_that_go_back_are_found() {
        // Both reads are at the same time as the PUT, but the second is after the first.
        let history = [
            post(1, 0, 1, 0),
            put(0, 2, 2, 9),
            get(0, 3, 4, 2),
            get(0, 5, 6, 1),
            list(10, 11, &[2]),
        ];
        assert_eq!(broken(&history), ["registers"]);
        // A PUT without an answer that is done twice.
        let again = [
            post(1, 0, 1, 0),
            unanswered(put(0, 2, 2, 3)),
            get(0, 4, 5, 2),
            put(0, 3, 6, 7),
            list(10, 11, &[2]),
        ];
        assert_eq!(broken(&again), ["registers"]);
    }

    #[test]
    fn lists_that_no_moment_had_are_found() {
        let writes = [post(1, 0, 1, 0), post(2, 2, 3, 1), put(0, 3, 4, 9), put(1, 4, 4, 9)];
        let with = |a: &[Text], b: &[Text]| {
            let lists = [list(5, 8, a), list(5, 8, b), list(10, 11, &[3, 4])];
            broken(&[&writes[..], &lists].concat())
        };
        assert_eq!(with(&[1, 4], &[3, 2]), ["snapshots"]);
        assert_eq!(with(&[1, 4], &[1, 2]), [""; 0]);
        assert_eq!(with(&[3, 4], &[1, 2]), [""; 0]);
    }

    #[test]
    fn a_list_with_a_new_text_and_without_an_older_one_is_found() {
        let after_put = [
            post(1, 0, 1, 0),
            post(2, 2, 3, 1),
            list(4, 20, &[1, 4]),
            put(0, 3, 5, 6),
            put(1, 4, 7, 8),
            list(21, 22, &[3, 4]),
        ];
        assert_eq!(broken(&after_put), ["snapshots"]);
        let after_post = [
            post(1, 0, 1, 0),
            list(4, 20, &[3]),
            post(2, 5, 6, 1),
            put(0, 3, 7, 8),
            list(21, 22, &[3, 2]),
        ];
        assert_eq!(broken(&after_post), ["snapshots"]);
    }

    #[test]
    fn a_list_that_is_longer_and_older_is_found() {
        let history = [
            post(1, 0, 1, 0),
            put(0, 2, 2, 9),
            post(3, 2, 9, 1),
            list(4, 8, &[1, 3]),
            list(4, 8, &[2]),
            list(10, 11, &[2, 3]),
        ];
        assert_eq!(broken(&history), ["snapshots"]);
    }

    /// What a list answers, which does what is asked.
    fn answer(list: &mut Vec<Text>, ask: Ask) -> Answer {
        match ask {
            Ask::Post(text) => {
                list.push(text);
                Answer::Stored(list.len() - 1)
            }
            Ask::Put(index, text) if index < list.len() => {
                list[index] = text;
                Answer::Stored(index)
            }
            Ask::Get(index) if index < list.len() => Answer::Text(list[index]),
            Ask::Put(..) | Ask::Get(_) => Answer::Missing,
            Ask::List => Answer::List(list.clone()),
        }
    }

    /// Whether the requests can have taken effect one after the other, from this list on. Tries all
    /// orders: each request that is next if no other one had ended before it began.
    fn has_order(list: &[Text], rest: &[&Request]) -> bool {
        if rest.iter().all(|request| !request.is_answered()) {
            return true;
        }
        let is_next = |request: &Request| {
            rest.iter().all(|other| !other.is_answered() || other.end >= request.start)
        };
        (0..rest.len()).filter(|number| is_next(rest[*number])).any(|number| {
            let request = rest[number];
            let mut list = list.to_vec();
            let answer = answer(&mut list, request.ask);
            let mut others = rest.to_vec();
            others.remove(number);
            (!request.is_answered() || request.answer == answer) && has_order(&list, &others)
        })
    }

    /// A small history of a list, in which now and then a request takes effect before it is sent,
    /// after it is answered, twice, or not at all.
    fn history(random: &mut fastrand::Rng) -> Vec<Request> {
        // When a request takes effect, which may be outside of its time, and which one it is.
        let mut effects = Vec::new();
        let mut requests = Vec::new();
        for number in 0..random.u32(1..7) {
            let index = random.usize(0..2);
            let ask = match random.u32(0..8) {
                0..3 => Ask::Post(number),
                3..5 => Ask::Put(index, number),
                5 => Ask::Get(index),
                _ => Ask::List,
            };
            let start = random.u64(0..30);
            let end = start + random.u64(1..20);
            let (early, late) = if random.u32(0..6) == 0 { (8, 8) } else { (0, 0) };
            for _ in 0..if random.u32(0..20) == 0 { 2 } else { 1 } {
                let effect = random.u64(start.saturating_sub(early)..=end + late);
                effects.push((effect, requests.len()));
            }
            requests.push(request(ask, start, end, Answer::None("lost".to_string())));
        }
        effects.sort_unstable();
        let mut list = Vec::new();
        for (_, number) in effects {
            let request = &mut requests[number];
            if random.u32(0..20) == 0 {
                continue;
            }
            let answer = answer(&mut list, request.ask);
            if random.u32(0..8) > 0 {
                request.answer = answer;
            }
        }
        requests.push(request(Ask::List, 100, 101, Answer::List(list)));
        requests
    }

    /// The rules find a fault where no order of the requests explains the answers, and only there.
    #[test]
    fn the_rules_are_exact_for_small_histories() {
        let mut random = fastrand::Rng::with_seed(14);
        let (mut good, mut bad) = (0, 0);
        for _ in 0..50_000 {
            let history = history(&mut random);
            let has_order = has_order(&[], &history.iter().collect::<Vec<_>>());
            let faults = check(&history);
            assert_eq!(has_order, faults.is_empty(), "{history:#?} {faults:#?}");
            *(if has_order { &mut good } else { &mut bad }) += 1;
        }
        assert!(good > 1_000 && bad > 1_000, "{good} good, {bad} bad");
    }
}
