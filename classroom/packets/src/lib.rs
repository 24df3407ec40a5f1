//! Reads a capture of network traffic, and draws a diagram of it for the notes.

pub mod capture;
pub mod diagram;
pub mod notes;
