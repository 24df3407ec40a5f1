//! The result of a case: passed, failed or not asked, with the bytes that were sent and that came.

use crate::fault::Fault;

/// How much of what came back is kept, in bytes.
const KEPT: usize = 4 << 10;

/// The result of one case of the contract.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The stage whose contract was asked.
    pub stage: u32,
    /// The case, such as `put-replaces`.
    pub id: &'static str,
    /// The group of cases to which it belongs: `the list`, `one message` and so on.
    pub topic: &'static str,
    /// Where the RFC says what is asked, such as `RFC 9112, section 9.3`; empty where only the course says it.
    pub section: &'static str,
    /// What was asked, in a few words.
    pub what: String,
    /// The bytes that were sent.
    pub sent: Vec<u8>,
    /// What the contract demands, as lines of a response or in words.
    pub wanted: String,
    /// The first bytes that came back.
    pub got: Vec<u8>,
    /// How many bytes came back in all.
    pub got_length: usize,
    pub verdict: Verdict,
    /// A command line that sends the same; empty if there is none.
    pub hand: String,
    /// The last lines that the server printed, if it may have ended during the case.
    pub last_words: Vec<String>,
    /// How long the case took.
    pub seconds: f64,
}

/// Whether a case holds.
#[derive(Debug, Clone)]
pub enum Verdict {
    Passed,
    Failed(Fault),
    /// It could not be asked: the reason.
    NotAsked(String),
}

impl Verdict {
    /// Whether the case holds.
    pub fn passed(&self) -> bool {
        matches!(self, Verdict::Passed)
    }
}

impl Outcome {
    /// A case that could not be asked.
    pub(crate) fn not_asked(stage: u32, id: &'static str, what: &str, reason: &str) -> Outcome {
        Outcome {
            stage,
            id,
            topic: "",
            section: "",
            what: what.to_string(),
            sent: Vec::new(),
            wanted: String::new(),
            got: Vec::new(),
            got_length: 0,
            verdict: Verdict::NotAsked(reason.to_string()),
            hand: String::new(),
            last_words: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The same outcome with what came back.
    pub(crate) fn with(self, got: &[u8]) -> Outcome {
        Outcome { got: got[..got.len().min(KEPT)].to_vec(), got_length: got.len(), ..self }
    }

    /// Whether the server did what the contract demands.
    pub fn passed(&self) -> bool {
        self.verdict.passed()
    }

    /// The fault, if there is one.
    pub fn fault(&self) -> Option<&Fault> {
        match &self.verdict {
            Verdict::Failed(fault) => Some(fault),
            _ => None,
        }
    }

    /// Why the case does not hold, in one sentence; `None` if it does.
    pub fn reason(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Passed => None,
            Verdict::Failed(fault) => Some(fault.sentence.clone()),
            Verdict::NotAsked(reason) => Some(format!("not asked: {reason}")),
        }
    }
}
