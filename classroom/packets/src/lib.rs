//! What went over the wire, out of a capture, and a diagram of it for the notes.

pub mod capture;
pub mod diagram;
pub mod notes;
