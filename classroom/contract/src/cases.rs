//! The cases of a stage, in the order in which they are asked: what each is, and what it is called.

use crate::question::Ending;
use crate::table::{
    EVER, FULL_BODY, LAST_POSTS, LIMITS, Limit, POST_SAME, POSTS, Row, TABLE, TALKS, Talk, Target,
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
    /// What was refused has changed nothing.
    Unchanged,
    RestartKeeps,
    RestartContinues,
    RestartReplaces,
    /// A connection that ends without a request, or before its response.
    Break(&'static str, &'static str, Ending, &'static str),
    Limit(&'static Limit),
    Together(together::Together),
    Slow,
    /// A signal ends the server, which first finishes what it has begun.
    OrderlyEnd,
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

/// All cases of a stage, in the order in which they are asked.
pub(crate) fn cases(stage: u32) -> Vec<Case> {
    all().into_iter().filter(|case| case.stages().contains(&stage)).collect()
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
    cases.push(Case::Row(&FULL_BODY));
    cases.extend(together::ALL.map(Case::Together));
    // The list may stay full after the last case.
    cases.extend([Case::Slow, Case::OrderlyEnd, Case::FullList]);
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
            Case::Together(together) => together.id(),
            Case::Slow => "slow-request",
            Case::OrderlyEnd => "orderly-end",
            Case::FullList => "full-list",
        }
    }

    /// The stages that are asked this.
    fn stages(&self) -> RangeInclusive<u32> {
        match self {
            Case::Talk(talk) => talk.stages.clone(),
            Case::Row(row) => row.stages.0..=row.stages.1,
            Case::More | Case::Unchanged => 5..=EVER,
            Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces => 8..=EVER,
            Case::Break(..) | Case::Limit(_) | Case::Slow | Case::FullList => 10..=EVER,
            Case::Together(_) | Case::OrderlyEnd => 11..=EVER,
        }
    }

    /// What the case is about, with others.
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
            Case::Break(..) | Case::Limit(_) | Case::FullList => "nonsense and limits",
            Case::OrderlyEnd => "a restart",
            Case::Together(_) | Case::Slow => "clients that wait",
        }
    }

    /// Whether the case is about a server that is started again.
    pub(crate) fn is_about_a_restart(&self) -> bool {
        matches!(self, Case::RestartKeeps | Case::RestartContinues | Case::RestartReplaces)
    }
}
