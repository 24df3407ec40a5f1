//! The end of a session of tmux: the test of stage 11, for the server of this stage.

#[path = "../../s11_threads/tests/tmux.rs"]
mod tmux;
