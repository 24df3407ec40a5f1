//! What the RFCs demand: the tests of stage 12, for the server of this stage.

testing::module! {
    "postgres",
    #[path = "../../s12_keepalive/tests/rfc.rs"]
    mod rfc;
}
