//! A store that another process has locked: the test of stage 12, for the server of this stage.

#[path = "../../s12_keepalive/tests/locked.rs"]
mod locked;
