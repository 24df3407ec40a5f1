//! The messages that the server keeps: a list in memory, gone when the server ends.

use anyhow::Result;

/// Messages in the order in which they came. What is done with them can fail, so that a list on disk
/// can take this one's place.
pub struct Messages(Vec<String>);

impl Messages {
    /// An empty list.
    pub fn new() -> Messages {
        Messages(Vec::new())
    }

    /// All messages; the place of each is its index, counted from 0.
    pub fn list(&self) -> Result<Vec<String>> {
        Ok(self.0.clone())
    }

    /// The message at `index`, if there is one.
    pub fn get(&self, index: usize) -> Result<Option<String>> {
        Ok(self.0.get(index).cloned())
    }

    /// Adds `text` after the others and returns its index.
    pub fn add(&mut self, text: &str) -> Result<usize> {
        self.0.push(text.to_string());
        Ok(self.0.len() - 1)
    }

    /// Puts `text` in the place of the message at `index`, and nowhere if there is none.
    pub fn replace(&mut self, index: usize, text: &str) -> Result<()> {
        if let Some(message) = self.0.get_mut(index) {
            *message = text.to_string();
        }
        Ok(())
    }
}
