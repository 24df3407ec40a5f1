//! Many clients at the same time: the tests of stage 13, for the server of this stage.

#[path = "../../s13_crowd/tests/crowd.rs"]
mod crowd;
