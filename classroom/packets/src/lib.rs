//! Reads a capture of network traffic, and draws a diagram of it for the notes.

pub mod calls;
pub mod capture;
pub mod diagram;
pub mod notes;
pub mod svg;
