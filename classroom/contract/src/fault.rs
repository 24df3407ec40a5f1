//! What a server did wrong: a sentence, the likely cause, and the section of the RFC.

use std::fmt;

/// Why a case does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is wrong, in one sentence without its full stop.
    pub sentence: String,
    /// The kind of fault. Cases with the same kind fail for the same reason.
    pub kind: String,
    /// The likely cause, or what to do, in a few sentences; empty where `sentence` says enough.
    pub cause: String,
    /// Where the RFC says it, such as `RFC 9112, section 6.3`; empty where only the course's own table says it.
    pub section: &'static str,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: &str, sentence: impl Into<String>) -> Fault {
        let kind = kind.to_string();
        Fault { sentence: sentence.into(), kind, cause: String::new(), section: "" }
    }

    /// The same fault with its likely cause.
    pub fn because(mut self, cause: impl Into<String>) -> Fault {
        self.cause = cause.into();
        self
    }

    /// The same fault with the section of the RFC.
    pub fn see(mut self, section: &'static str) -> Fault {
        self.section = section;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(&self.sentence)
    }
}

/// A check that ends with the first fault that it finds.
pub type Checked<T> = Result<T, Fault>;
