//! `cargo lesson class`: the server of stage 13 on the network of the class, and a board of the students' results.

pub mod board;
pub mod report;
