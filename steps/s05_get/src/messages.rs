//! The messages that the server keeps: a list in memory, which is gone when the server ends.

use anyhow::Result;

/// Messages in the order in which they came. Its functions return a `Result`, because in a later
/// stage the list is on a disk, and a disk can fail.
pub struct Messages(Vec<String>);

impl Messages {
    /// Makes an empty list.
    pub fn new() -> Messages {
        Messages(Vec::new())
    }

    /// Returns all messages as they go over the wire: a JSON array, in which the position of each
    /// message is its index, counted from 0.
    pub fn list(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.0)?)
    }

    /// Adds `text` after the others and returns its index.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        self.0.push(text.to_string());
        Ok(self.0.len() - 1)
    }
}
