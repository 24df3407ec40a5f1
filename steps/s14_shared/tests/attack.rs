//! `attack` prints what happened: the tests of stage 11, for the program of this stage.

testing::module! {
    "postgres",
    #[path = "../../s11_threads/tests/attack.rs"]
    mod attack;
}
