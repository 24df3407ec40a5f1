//! The cases of a stage, in the order in which they are asked, with the id of each.

use crate::dialogue::Dialogue;
use crate::dialogues::{CHUNKS, DOUBTS, EXPECTS, KEPT};
use crate::question::Ending;
use crate::table::{
    Answer, EVER, FULL_BODY, LAST_POSTS, LIMITS, Limit, POST_SAME, POSTS, Row, TABLE, TALKS, Talk,
    Target,
};
use crate::together;
use std::ops::RangeInclusive;

/// A case of the contract.
pub(crate) enum Case {
    Talk(&'static Talk),
    /// A request. A list that it changes is looked at afterwards.
    Row(&'static Row),
    /// More messages, one after the other.
    More,
    /// Requests that were refused have changed nothing.
    Unchanged,
    RestartKeeps,
    RestartContinues,
    RestartReplaces,
    /// A connection that ends without a request, or before its response.
    Break(&'static str, &'static str, Ending, &'static str),
    Limit(&'static Limit),
    /// Several requests on one connection.
    Dialogue(&'static Dialogue),
    /// Each response has a Date.
    Date,
    Together(together::Together),
    Slow,
    /// A connection on which nothing comes is closed.
    Idle,
    /// The second request of a connection comes as slowly as the first of `Slow`.
    SlowSecond,
    /// A connection that is used again and again stays open.
    Busy,
    /// SIGTERM ends the server, which first finishes the requests that it has begun.
    OrderlyEnd,
    /// SIGTERM closes a connection that waits for a request.
    IdleEnd,
    /// Messages until the list is full.
    FullList,
}

/// The connections that end early.
const BREAKS: [Case; 3] = [
    Case::Break("survives-silence", "connects and closes", Ending::Close, ""),
    Case::Break("survives-reset", "connects and resets the connection", Ending::Reset, ""),
    Case::Break(
        "survives-reset-mid",
        "sends a request and resets the connection",
        Ending::Reset,
        "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n",
    ),
];

/// The cases that stage 15 is not asked, because they depend on hyper, which has no setting for them. hyper removes the
/// fragment of a target, looks at the size of a chunk only when its bytes come, and answers HTTP/1.0 with HTTP/1.0,
/// where the connection closes without `Connection: close`.
const DECIDED_BY_HYPER: [&str; 4] =
    ["fragment-in-list", "fragment-after-index", "chunk-announced", "old-version-both"];

/// All cases of a stage, in the order in which they are asked.
pub(crate) fn cases(stage: u32) -> Vec<Case> {
    let is_asked = |case: &Case| {
        case.stages().contains(&stage) && !(stage == 15 && DECIDED_BY_HYPER.contains(&case.id()))
    };
    all().into_iter().filter(is_asked).collect()
}

/// The cases of all stages.
fn all() -> Vec<Case> {
    let mut cases: Vec<Case> = TALKS.iter().map(Case::Talk).collect();
    cases.extend(POSTS.iter().map(Case::Row));
    cases.extend([Case::More, Case::Row(&POST_SAME)]);
    cases.extend(TABLE.iter().map(Case::Row));
    cases.push(Case::Unchanged);
    cases.extend(LAST_POSTS.iter().map(Case::Row));
    cases.extend([Case::RestartKeeps, Case::RestartContinues, Case::RestartReplaces]);
    cases.extend(BREAKS);
    cases.extend(LIMITS.iter().map(Case::Limit));
    cases.push(Case::Date);
    for dialogues in [KEPT, CHUNKS, EXPECTS, DOUBTS] {
        cases.extend(dialogues.iter().map(Case::Dialogue));
    }
    // The list is a long one from here on.
    cases.push(Case::Row(&FULL_BODY));
    cases.extend(together::ALL.map(Case::Together));
    // The list may stay full after the last case.
    cases.extend([Case::Slow, Case::SlowSecond, Case::Busy, Case::Idle]);
    cases.extend([Case::OrderlyEnd, Case::IdleEnd, Case::FullList]);
    cases
}

/// The last stage that has a case of its own.
pub(crate) fn last_stage() -> u32 {
    all().iter().map(|case| *case.stages().start()).max().unwrap_or(1)
}

impl Case {
    /// The id of the case.
    pub(crate) fn id(&self) -> &'static str {
        match self {
            Case::Talk(talk) => talk.id,
            Case::Row(row) => row.id,
            Case::More => "twelve-messages",
            Case::Unchanged => "refused-change-nothing",
            Case::RestartKeeps => "restart-keeps",
            Case::RestartContinues => "restart-continues",
            Case::RestartReplaces => "restart-replaces",
            Case::Break(id, ..) => id,
            Case::Limit(limit) => limit.id,
            Case::Dialogue(dialogue) => dialogue.id,
            Case::Date => "date",
            Case::Together(together) => together.id(),
            Case::Slow => "slow-request",
            Case::SlowSecond => "slow-second-request",
            Case::Busy => "busy-connection",
            Case::Idle => "idle-connection",
            Case::OrderlyEnd => "orderly-end",
            Case::IdleEnd => "orderly-end-idle",
            Case::FullList => "full-list",
        }
    }

    /// The stages that have this case.
    fn stages(&self) -> RangeInclusive<u32> {
        match self {
            Case::Talk(talk) => talk.stages.clone(),
            Case::Row(row) => row.stages.0..=row.stages.1,
            Case::More | Case::Unchanged => 5..=EVER,
            Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces => 8..=EVER,
            Case::Limit(limit) => limit.first..=EVER,
            Case::Break(..) | Case::Slow | Case::FullList => 10..=EVER,
            Case::Together(together::Together::WriteIsSeen) => 13..=EVER,
            Case::Together(_) | Case::OrderlyEnd => 11..=EVER,
            Case::Dialogue(_)
            | Case::Date
            | Case::SlowSecond
            | Case::Busy
            | Case::Idle
            | Case::IdleEnd => 12..=EVER,
        }
    }

    /// The group of cases to which it belongs.
    pub(crate) fn topic(&self) -> &'static str {
        match self {
            Case::Talk(_) => "lines",
            Case::More | Case::Unchanged => "the list",
            Case::Row(row)
                if POSTS
                    .iter()
                    .chain([&POST_SAME, &FULL_BODY])
                    .chain(LAST_POSTS)
                    .any(|post| post.id == row.id) =>
            {
                "POST /"
            }
            Case::Row(row) => match row.target {
                Target::Path("/") => "the list",
                Target::Middle | Target::TwoDigits | Target::ZeroBefore | Target::ManyZeros => {
                    "one message"
                }
                Target::Beyond | Target::Path(_) => "paths that name no message",
            },
            Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces => "a restart",
            Case::Limit(limit) if limit.first >= 12 => "target and Host",
            Case::Break(..) | Case::Limit(_) | Case::FullList => "nonsense and limits",
            Case::OrderlyEnd | Case::IdleEnd => "a restart",
            Case::Together(_) | Case::Slow | Case::SlowSecond => "clients that wait",
            Case::Date => "Date",
            Case::Idle | Case::Busy => "one connection",
            Case::Dialogue(dialogue) => {
                let is_in = |list: &[Dialogue]| list.iter().any(|other| other.id == dialogue.id);
                match () {
                    () if is_in(KEPT) => "one connection",
                    () if is_in(CHUNKS) => "chunks",
                    () if is_in(EXPECTS) => "Expect",
                    () => "framing in doubt",
                }
            }
        }
    }

    /// Where the RFC says what the case asks; empty where only the course's own table says it.
    pub(crate) fn section(&self) -> &'static str {
        match self {
            Case::Talk(_) => "RFC 9293, section 3.4",
            Case::Row(row) => section_of(row.answers[3], row.method),
            Case::Limit(limit) if limit.section.is_empty() => section_of(limit.answer, "GET"),
            Case::Limit(limit) => limit.section,
            Case::Dialogue(dialogue) => dialogue.section,
            Case::Date => "RFC 9110, section 6.6.1",
            Case::Together(together::Together::Crowd) => "RFC 9110, section 15.6.4",
            Case::Slow | Case::SlowSecond => "RFC 9110, section 15.5.9",
            Case::Idle | Case::Busy => "RFC 9112, section 9.5",
            Case::OrderlyEnd | Case::IdleEnd => "RFC 9112, section 9.6",
            Case::FullList => "RFC 4918, section 11.5",
            Case::More => "RFC 9110, section 9.3.3",
            Case::Unchanged => "RFC 9110, section 9.2.1",
            Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces => "",
            Case::Break(..) | Case::Together(_) => "",
        }
    }

    /// Whether the case is about a server that is started again.
    pub(crate) fn is_about_a_restart(&self) -> bool {
        matches!(self, Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces)
    }
}

/// Where the RFC says what a request is answered.
fn section_of(answer: Answer, method: &str) -> &'static str {
    match answer {
        Answer::Created => "RFC 9110, section 9.3.3",
        Answer::Stored if method == "PUT" => "RFC 9110, section 9.3.4",
        Answer::Echo | Answer::Stored => "RFC 9110, section 9.3.3",
        Answer::List | Answer::Text if method == "HEAD" => "RFC 9110, section 9.3.2",
        Answer::List | Answer::Text => "RFC 9110, section 9.3.1",
        Answer::NotAllowed(_) => "RFC 9110, section 15.5.6",
        Answer::NotFound => "RFC 9110, section 15.5.5",
        Answer::Allowed(_) => "RFC 9110, section 9.3.7",
        Answer::Refused(status) => match status.first() {
            Some(413) => "RFC 9110, section 15.5.14",
            Some(414) => "RFC 9110, section 15.5.15",
            Some(431) => "RFC 6585, section 5",
            Some(505) => "RFC 9110, section 15.6.6",
            _ => "RFC 9110, section 15.5.1",
        },
    }
}
