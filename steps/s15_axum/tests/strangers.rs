//! What strangers send: the tests of stage 12, for the server of this stage.

#[path = "../../s12_keepalive/tests/strangers.rs"]
mod strangers;
